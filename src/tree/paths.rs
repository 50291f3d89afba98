//! What a path may look like: ZooKeeper's rules.

use std::sync::Arc;

/// An absolute path: "/" or "/a/b".
pub type Path = Arc<str>;

/// The path of the root.
pub const ROOT: &str = "/";
/// The node that holds what the server keeps for itself.
pub const ZOOKEEPER: &str = "/zookeeper";
/// The ensemble's configuration.
pub const CONFIG: &str = "/zookeeper/config";
/// The quotas.
pub const QUOTA: &str = "/zookeeper/quota";

/// Whether a path names a node that is always there.
pub fn is_built_in(path: &str) -> bool {
    [ROOT, ZOOKEEPER, CONFIG, QUOTA].contains(&path)
}

/// Whether `path` may name a node: absolute, without a trailing slash, without empty, `.` or `..`
/// components, and made of permitted characters only.
pub fn is_valid(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    rest.is_empty() || rest.split('/').all(is_component)
}

/// The path of the parent; the root is its own parent. `None` if there is no slash at all, so that
/// not even a parent can be named.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 => Some(ROOT),
        slash => Some(&path[..slash]),
    }
}

/// The last component of a valid path.
pub fn name(path: &str) -> &str {
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}

fn is_component(component: &str) -> bool {
    // The common characters first: a path is checked with every write.
    !component.is_empty()
        && component != "."
        && component != ".."
        && (component.bytes().all(|byte| (0x20..0x7f).contains(&byte))
            || component.chars().all(is_permitted))
}

/// ZooKeeper judges UTF-16 units and forbids the surrogates, hence everything beyond the basic
/// plane, together with the control characters, the private use area and the specials.
fn is_permitted(character: char) -> bool {
    !matches!(u32::from(character),
        0x00..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff | 0x1_0000..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_and_has_no_empty_or_relative_component() {
        for good in [
            "/",
            "/a",
            "/a/b",
            "/a.b",
            "/...",
            "/a/.b",
            "/a b",
            "/ü",
            "/\u{d7ff}",
        ] {
            assert!(is_valid(good), "{good:?}");
        }
        for bad in [
            "", "a", "a/b", "//", "/a/", "/a//b", "/.", "/..", "/a/./b", "/a/../b", "/a/..",
        ] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }

    #[test]
    fn control_private_and_supplementary_characters_are_forbidden() {
        for bad in [
            '\0',
            '\u{1f}',
            '\u{7f}',
            '\u{9f}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fff0}',
            '\u{ffff}',
            '\u{1f600}',
        ] {
            assert!(!is_valid(&format!("/a{bad}")), "{bad:?}");
        }
        for good in ['\u{20}', '\u{7e}', '\u{a0}', '\u{f900}', '\u{ffef}'] {
            assert!(is_valid(&format!("/a{good}")), "{good:?}");
        }
    }

    #[test]
    fn the_parent_of_a_top_level_node_is_the_root() {
        assert_eq!(parent("/a"), Some("/"));
        assert_eq!(parent("/"), Some("/"));
        assert_eq!(parent("/a/b"), Some("/a"));
        assert_eq!(parent("a"), None);
        assert_eq!(name("/a/b"), "b");
    }
}
