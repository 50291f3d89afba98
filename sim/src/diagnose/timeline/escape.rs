//! Data as the page may contain it.

/// JSON that cannot end or change the element around it. These characters occur in JSON only inside
/// strings, where an escape means the same.
pub(super) fn inert(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => safe.push(other),
        }
    }
    safe
}
