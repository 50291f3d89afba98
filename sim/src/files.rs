//! Files, plain or compressed by xz.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use lzma_rust2::{XzOptions, XzReader, XzWriter};

/// The first bytes of an xz file.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";
/// How hard a text is compressed, from 0 to 9: a trace shrinks to less than a tenth in little time.
const XZ_LEVEL: u32 = 1;

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

/// Whether a path is one of recorded lines, plain or compressed.
pub(crate) fn is_lines(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".jsonl") || name.ends_with(".jsonl.xz")
}

/// A text, compressed by xz.
pub(crate) fn compressed(text: &str) -> Vec<u8> {
    let options = XzOptions::with_preset(XZ_LEVEL);
    let pack = || {
        let mut writer = XzWriter::new(Vec::new(), options)?;
        writer.write_all(text.as_bytes())?;
        writer.finish()
    };
    let packed: std::io::Result<Vec<u8>> = pack();
    packed.expect("writing into memory cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_reads_as_it_was() {
        let text = "{\"seq\":1}\n".repeat(10_000);
        let packed = compressed(&text);
        assert!(packed.len() < text.len() / 20);
        let file = std::env::temp_dir().join(format!("menagerie-{}.xz", std::process::id()));
        fs::write(&file, packed).expect("the folder for temporary files can be written");
        assert_eq!(content(&file), Ok(text.into_bytes()));
        fs::remove_file(&file).expect("it was written");
    }

    #[test]
    fn a_cut_xz_file_is_refused() {
        let path = std::env::temp_dir().join(format!("menagerie-cut-{}.xz", std::process::id()));
        fs::write(&path, [XZ_MAGIC, &[0, 4]].concat()).expect("the folder for such files");
        let why = content(&path).expect_err("it was accepted");
        fs::remove_file(&path).expect("it was written");
        assert!(why.contains("xz"), "{why}");
    }
}
