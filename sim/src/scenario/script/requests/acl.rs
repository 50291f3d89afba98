//! ACLs as text, each entry as zkCli writes it: `world:anyone:r,digest:u1:HASH=:cdrwa`.

use menagerie::tree::{Ace, acl};

/// An ACL without entries.
const NONE: &str = "none";

const LETTERS: [(i32, char); 5] = [
    (acl::CREATE, 'c'),
    (acl::DELETE, 'd'),
    (acl::READ, 'r'),
    (acl::WRITE, 'w'),
    (acl::ADMIN, 'a'),
];

/// The text; `None` if there is none that says it all.
pub(super) fn text(entries: &[Ace]) -> Option<String> {
    if entries.is_empty() {
        return Some(NONE.to_owned());
    }
    let told: Option<Vec<String>> = entries.iter().map(entry_text).collect();
    told.map(|told| told.join(","))
}

fn entry_text(entry: &Ace) -> Option<String> {
    let id = entry.id.as_deref()?;
    let plain = |text: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\",;".contains(c);
        !text.contains(odd)
    };
    let sound = plain(&entry.scheme) && plain(id) && !entry.scheme.contains(':');
    if !sound || entry.perms & !acl::ALL != 0 {
        return None;
    }
    let granted = LETTERS.iter().filter(|(bit, _)| entry.perms & bit != 0);
    let letters: String = granted.map(|(_, letter)| letter).collect();
    Some(format!("{}:{id}:{letters}", entry.scheme))
}

/// Reads what [`text`] writes.
pub(super) fn parse(text: &str) -> Result<Vec<Ace>, String> {
    if text == NONE {
        return Ok(Vec::new());
    }
    text.split(',').map(entry).collect()
}

fn entry(text: &str) -> Result<Ace, String> {
    let parts = text.split_once(':').and_then(|(scheme, rest)| {
        let (id, letters) = rest.rsplit_once(':')?;
        Some((scheme, id, letters))
    });
    let (scheme, id, letters) =
        parts.ok_or_else(|| format!("{text:?} is no SCHEME:ID:PERMISSIONS"))?;
    let mut perms = 0;
    for letter in letters.chars() {
        let known = LETTERS.iter().find(|(_, known)| *known == letter);
        let (bit, _) = known.ok_or_else(|| {
            format!("{letter:?} is no permission: c(reate), d(elete), r(ead), w(rite), a(dmin)")
        })?;
        if perms & bit != 0 {
            return Err(format!("the permission {letter:?} is given twice"));
        }
        perms |= bit;
    }
    Ok(Ace::new(perms, scheme, id))
}
