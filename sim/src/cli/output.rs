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

/// How wide text is: as the terminal, up to a width that reads well; elsewhere it is not wrapped.
pub(super) fn width() -> usize {
    const READABLE: usize = 110;
    let terminal = terminal_size::terminal_size_of(io::stdout());
    terminal.map_or(usize::MAX, |(width, _)| usize::from(width.0).min(READABLE))
}

/// Names, and beside each a text that is wrapped at the width of the terminal, never in a word.
pub(super) fn columns(lines: &[(String, String)]) -> String {
    columns_within(lines, width())
}

fn columns_within(lines: &[(String, String)], width: usize) -> String {
    let names = lines.iter().map(|(name, _)| name.chars().count());
    let left = names.max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (name, told) in lines {
        let mut head = format!("{name:<left$}");
        for line in wrapped(told, width.saturating_sub(left)) {
            text.push_str(format!("{head}{line}").trim_end());
            text.push('\n');
            head = " ".repeat(left);
        }
    }
    text
}

/// A text that begins in a column of a line, wrapped at the width of the terminal below itself.
pub(super) fn hanging(column: usize, text: &str) -> String {
    let below = format!("\n{}", " ".repeat(column));
    wrapped(text, width().saturating_sub(column)).join(&below)
}

/// A text in lines of a width, broken between words; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    const NARROWEST: usize = 20;
    let width = width.max(NARROWEST);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_between_words_and_beside_its_name() {
        let line = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let lines = [
            line("one", "a leader loses power in traffic"),
            line("three", "antidisestablishmentarianism happens"),
        ];
        assert_eq!(
            columns_within(&lines, 28),
            "one    a leader loses power\n       in traffic\n\
             three  antidisestablishmentarianism\n       happens\n"
        );
        assert_eq!(columns_within(&lines, usize::MAX).lines().count(), 2);
    }
}
