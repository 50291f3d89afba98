//! What ZooKeeper says about paths.

/// The parent that a request names, before anybody has judged its path. The root is its own.
pub(super) fn named_parent(path: &str) -> Option<&str> {
    if path.as_bytes().contains(&0) {
        return None;
    }
    path.rfind('/').map(|slash| match slash {
        0 => "/",
        slash => &path[..slash],
    })
}

/// The path of a valid path's parent; `None` of the root.
pub(crate) fn parent_of(path: &str) -> Option<&str> {
    let slash = path.rfind('/')?;
    match (slash, path.len()) {
        (_, 1) => None,
        (0, _) => Some("/"),
        (slash, _) => Some(&path[..slash]),
    }
}

/// The last name of a path.
pub(super) fn name_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(slash) => &path[slash + 1..],
        None => path,
    }
}

/// Whether a node may have this path.
pub(super) fn is_path(path: &str) -> bool {
    path == "/"
        || path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/')
                .all(|name| !matches!(name, "" | "." | "..") && is_printable(name))
        })
}

/// Common characters are classified without a look at every range.
fn is_printable(name: &str) -> bool {
    name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !name.contains(is_forbidden)
}

/// Control characters (also those above ASCII), what Java takes for a surrogate or for private,
/// and the specials at the end of the first plane.
fn is_forbidden(character: char) -> bool {
    let forbidden_ranges = [
        '\u{0}'..='\u{1f}',
        '\u{7f}'..='\u{9f}',
        '\u{e000}'..='\u{f8ff}',
        '\u{fff0}'..=char::MAX,
    ];
    forbidden_ranges
        .iter()
        .any(|range| range.contains(&character))
}
