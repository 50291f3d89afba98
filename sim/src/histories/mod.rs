//! Reading histories: lines of JSON or Jepsen's EDN, plain or compressed by xz.

mod edn;
mod gather;
mod jsonl;
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

/// The first bytes of an xz file.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// The content of a file, unpacked if it is compressed.
///
/// # Errors
/// Says why it cannot be read.
pub fn content(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::read(path).map_err(|why| why.to_string())?;
    if !bytes.starts_with(XZ_MAGIC) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    XzReader::new(bytes.as_slice(), true)
        .read_to_end(&mut unpacked)
        .map_err(|why| format!("it is no whole xz file: {why}"))?;
    Ok(unpacked)
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
    let name = path.to_string_lossy();
    if name.trim_end_matches(".xz").ends_with(".edn") {
        edn::parse(text, family, failed_swap)
    } else {
        jsonl::parse(text, family, failed_swap)
    }
}
