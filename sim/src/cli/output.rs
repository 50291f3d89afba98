//! Writing: whole texts through a locked writer, colours stripped where they are not wanted.

use std::io::{self, ErrorKind, Write};

/// Writes a text to stdout and flushes it. A reader that is gone, as behind `| head`, has seen what
/// it wanted: that is no error, and the exit code still tells of the result.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a line to stderr. Nobody can be told if that fails.
pub(super) fn complain(line: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{line}");
}
