//! The trace of a run as text: one line an event.

use menagerie::ids::VirtualTime;

/// The longest body of a line; what is longer is cut off and marked.
const BODY_MAX: usize = 160;
/// The most lines a record holds; what comes later is only counted.
const LINES_MAX: usize = 2_000_000;

/// The lines of a trace, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    lines: Vec<String>,
    left_off: u64,
}

impl Record {
    /// Adds a line.
    pub fn line(&mut self, at: VirtualTime, text: &str) {
        if self.lines.len() == LINES_MAX {
            self.left_off += 1;
            return;
        }
        self.lines.push(format!("{:>14} {text}", at.to_string()));
    }

    /// The lines, the last of which says how many were left off, if any were.
    pub fn into_lines(mut self) -> Vec<String> {
        if self.left_off > 0 {
            self.lines
                .push(format!("... and {} more lines", self.left_off));
        }
        self.lines
    }
}

/// A body cut to a sensible length, at a character boundary.
pub fn abridged(mut body: String) -> String {
    if body.len() > BODY_MAX {
        let mut end = BODY_MAX;
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        body.truncate(end);
        body.push('…');
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_the_virtual_time() {
        let mut record = Record::default();
        record.line(VirtualTime(12_345_678), "n1 → n2 PROPOSAL");
        assert_eq!(
            record.into_lines(),
            vec!["      12.345ms n1 → n2 PROPOSAL".to_string()]
        );
    }

    #[test]
    fn a_long_body_is_cut_at_a_character() {
        let cut = abridged("é".repeat(200));
        assert_eq!(cut.chars().count(), 81);
        assert!(cut.ends_with('…'));
        assert_eq!(abridged("short".into()), "short");
    }
}
