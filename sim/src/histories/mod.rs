//! Reading histories: lines of JSON or Jepsen's EDN, plain or compressed by xz.

mod edn;
mod gather;
mod jsonl;
pub mod judge;
#[cfg(test)]
mod tests;
pub mod znode;

use std::fs;
use std::io::Read;
use std::path::Path;

use lzma_rust2::XzReader;
use menagerie::linear::{Family, KeyedHistory};

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

/// The first bytes of an xz file.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// The content of a file, unpacked if it is compressed.
///
/// # Errors
/// Says why it cannot be read.
pub fn content(path: &Path) -> Result<Vec<u8>, String> {
    let content = content_within(path, usize::MAX)?;
    content.map_err(|size| format!("its {size} bytes do not fit into memory"))
}

/// The content of a file, unpacked if it is compressed; the size that it has at least, if that is
/// more than it may have.
///
/// # Errors
/// Says why it cannot be read.
pub fn content_within(path: &Path, bytes_max: usize) -> Result<Result<Vec<u8>, u64>, String> {
    let size = fs::metadata(path).map_err(|why| why.to_string())?.len();
    if size > bytes_max as u64 {
        return Ok(Err(size));
    }
    let bytes = fs::read(path).map_err(|why| why.to_string())?;
    if !bytes.starts_with(XZ_MAGIC) {
        return Ok(Ok(bytes));
    }
    let room = bytes_max - bytes.len().min(bytes_max);
    let mut unpacked = Vec::new();
    XzReader::new(bytes.as_slice(), true)
        .take((room as u64).saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|why| format!("it is no whole xz file: {why}"))?;
    if unpacked.len() > room {
        return Ok(Err(unpacked.len() as u64 + bytes.len() as u64));
    }
    unpacked.shrink_to_fit();
    Ok(Ok(unpacked))
}

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
