//! Sentences of checkers at the length in which people read them.

/// A list of more items than this is cut.
const ITEMS_MAX: usize = 6;
/// So many items of such a list are kept.
const KEPT: usize = 4;

/// A sentence whose lists in brackets are cut to their first few items.
pub(crate) fn abridged(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some(items) = items_of(after) else {
            break;
        };
        short.push_str(before);
        short.push('[');
        let kept = if items.len() > ITEMS_MAX {
            KEPT
        } else {
            items.len()
        };
        let length: usize = items.iter().map(|item| item.len()).sum();
        for item in &items[..kept] {
            short.push_str(&abridged(item));
        }
        if kept < items.len() {
            short.push_str(&format!(" and {} more", items.len() - kept));
        }
        rest = &after[length..];
    }
    short.push_str(rest);
    short
}

/// The items of a list, with what separates each from the next, from behind its opening bracket to
/// its closing one; `None` if it has no end.
fn items_of(text: &str) -> Option<Vec<&str>> {
    let mut items = Vec::new();
    let (mut depth, mut begin) = (0u32, 0);
    for (place, character) in text.char_indices() {
        match character {
            '[' | '{' | '(' => depth += 1,
            ']' if depth == 0 => {
                items.push(&text[begin..place]);
                return Some(items);
            }
            ']' | '}' | ')' => depth = depth.checked_sub(1)?,
            ',' | ';' if depth == 0 => {
                items.push(&text[begin..=place]);
                begin = place + 1;
            }
            _other => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_short_ones_stay() {
        assert_eq!(
            abridged("children [a, b, c, d, e, f, g] (pzxid 2:1), not [a, b]"),
            "children [a, b, c, d, and 3 more] (pzxid 2:1), not [a, b]"
        );
    }

    #[test]
    fn lists_in_lists_are_cut_each() {
        let inner = "[1; 2; 3; 4; 5; 6; 7]";
        assert_eq!(
            abridged(&format!("Multi([{inner}, Set {{ of: [x, y] }}])")),
            "Multi([[1; 2; 3; 4; and 3 more], Set { of: [x, y] }])"
        );
    }

    #[test]
    fn a_bracket_without_an_end_is_no_list() {
        assert_eq!(abridged("from [a, b) on [x, y"), "from [a, b) on [x, y");
    }
}
