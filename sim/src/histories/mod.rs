//! Reading histories: lines of JSON or Jepsen's EDN, plain or compressed by xz.

mod edn;
mod gather;
mod jsonl;
pub mod judge;
#[cfg(test)]
mod tests;
pub mod znode;

use std::path::Path;

use menagerie::linear::{Family, KeyedHistory};

pub use crate::files::{content, content_within};

/// What a failed compare-and-set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedSwap {
    /// The value was seen to differ from the expected one: an observation that is checked.
    ObservedMismatch,
    /// It did not happen, and nothing else is known.
    Dropped,
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Why a history was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A line cannot be understood.
    Malformed(Malformed),
    /// It does not fit into the memory that it may take.
    Full {
        /// Lines that were read, or events where those are counted.
        lines: usize,
        /// Operations that were read.
        operations: usize,
    },
}

impl From<Malformed> for Unread {
    fn from(malformed: Malformed) -> Unread {
        Unread::Malformed(malformed)
    }
}

/// What is read without a limit of memory is read, or malformed.
fn unlimited<T>(read: Result<T, Unread>) -> Result<T, Malformed> {
    read.map_err(|unread| match unread {
        Unread::Malformed(malformed) => malformed,
        Unread::Full { .. } => unreachable!("everything fits where there is no limit"),
    })
}

/// Lines between two looks at the memory.
const LINES_A_LOOK: usize = 1024;

/// Reads a history of registers or of strings. A path that ends in `.edn` (or `.edn.xz`) is in
/// Jepsen's form, any other one has a JSON object in each line.
///
/// # Errors
/// The first line that cannot be understood.
pub fn keyed(
    path: &Path,
    text: &[u8],
    family: Family,
    failed_swap: FailedSwap,
) -> Result<KeyedHistory, Malformed> {
    unlimited(keyed_within(path, text, family, failed_swap, usize::MAX))
}

/// As [`keyed`], with a limit of the memory that the text and the history take together.
///
/// # Errors
/// The first line that cannot be understood, or that does not fit.
pub fn keyed_within(
    path: &Path,
    text: &[u8],
    family: Family,
    failed_swap: FailedSwap,
    bytes_max: usize,
) -> Result<KeyedHistory, Unread> {
    let name = path.to_string_lossy();
    if name.trim_end_matches(".xz").ends_with(".edn") {
        edn::parse(text, family, failed_swap, bytes_max)
    } else {
        jsonl::parse(text, family, failed_swap, bytes_max)
    }
}
