//! The name of the running program, for lines to paste: a protocol of one's own is run by a binary
//! of another name than `menagerie`.

use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// The name of this project's own program, and of any in which nobody called [`crate::main`].
const OWN: &str = "menagerie";

/// Notes the name from the path by which the program was started. The first call counts.
pub(crate) fn started_as(path: &str) {
    let name = std::path::Path::new(path).file_stem();
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        NAME.get_or_init(|| name.to_string_lossy().into_owned());
    }
}

/// The name that a shell is to be given.
pub(crate) fn program() -> &'static str {
    NAME.get().map_or(OWN, String::as_str)
}
