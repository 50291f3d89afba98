//! Writing: whole texts through a locked writer, colours stripped where they are not wanted; and
//! the lines that several commands print.

use std::io::{self, ErrorKind, Write};
use std::thread;

use anstyle::Style;

use crate::run::OpCounts;

/// Writes a text to stdout and flushes it. A reader that has gone, as after `| head`, has seen
/// what it wanted: that is no error, and the exit code still reports the result.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a line to stderr. A failure to do so cannot be reported.
pub(super) fn complain(line: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{line}");
}

/// The operations on one line.
pub(super) fn ops_line(ops: &OpCounts) -> String {
    format!(
        "operations: {} ok, {} error, {} refused, {} unknown",
        ops.ok, ops.error, ops.refused, ops.unknown
    )
}

/// The faults on one line.
pub(super) fn faults_line<'a>(faults: impl Iterator<Item = (&'a &'static str, &'a u64)>) -> String {
    let fired: Vec<String> = faults
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if fired.is_empty() {
        "faults: none".to_owned()
    } else {
        format!("faults: {}", fired.join(", "))
    }
}

/// A word in a style; the writer strips it where colours are not wanted.
pub(super) fn styled(style: Style, word: &str) -> String {
    format!("{style}{word}{style:#}")
}

/// How many runs are performed at the same time by default.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
