//! Writing: whole texts through a locked writer, colours stripped where they are not wanted.

use std::io::{self, ErrorKind, Write};

/// The output cannot take more.
#[derive(Debug)]
pub(super) enum Closed {
    /// Whoever read it is gone, as behind `| head`.
    ByReader,
    /// Something else went wrong.
    By(io::Error),
}

/// Writes a text to stdout and flushes it.
pub(super) fn print(text: &str) -> Result<(), Closed> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| {
            if error.kind() == ErrorKind::BrokenPipe {
                Closed::ByReader
            } else {
                Closed::By(error)
            }
        })
}

/// Writes a line to stderr. Nobody can be told if that fails.
pub(super) fn complain(line: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{line}");
}
