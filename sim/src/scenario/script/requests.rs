//! Requests as text: `create /a "x" ephemeral`, `set /a "y" version=3`, `get /a`, `sync`.
//!
//! `writing` makes the text, `reading` takes it apart, `acl` has the entries of an ACL as zkCli
//! writes them. What no workload asks for and no text stands for (a request under the identities of
//! somebody else, an ACL that cannot be spelled) is written as JSON behind the word `json`.

mod acl;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

use menagerie::tree::Request;

use super::{Act, Move};
use reading::request;
use writing::short;

/// Content that is jute's null.
const NULL: &str = "null";
/// In front of content that is no text.
const HEX: &str = "hex:";

const FORMS: &str = "create PATH [\"DATA\"] [ephemeral | sequential | ephemeral-sequential | \
                     container | container-sequential | ttl=MS | ttl-sequential=MS] [acl=ACL], \
                     set PATH \"DATA\" [version=N], delete PATH [version=N], check PATH version=N, \
                     set-acl PATH ACL [version=N], multi PART ; PART, refused CODE, \
                     get|exists|children PATH [watch], get-acl PATH, descendants PATH, \
                     ephemerals PREFIX, multi-read READ ; READ, who-am-i, \
                     add-watch PATH persistent|recursive, \
                     remove-watches|check-watches PATH children|data|any, \
                     addauth SCHEME \"CREDENTIAL\", sync, close, hop, wrong-password, die, \
                     json {...}; \
                     DATA may also be null or hex:6162, \
                     an ACL is none or SCHEME:ID:PERMISSIONS,... as in world:anyone:cdrwa";

/// A request as text that [`parse_act`] reads back.
pub fn act_text(request: &Request) -> String {
    short_text(request).unwrap_or_else(|| {
        let json = serde_json::to_string(request).expect("a request has no map with odd keys");
        format!("json {json}")
    })
}

/// A request in its short form, as in `set /a "x"`, if it has one.
pub fn short_text(request: &Request) -> Option<String> {
    short(request)
}

/// Reads what [`act_text`] writes.
///
/// # Errors
/// Says what is wrong and which forms there are.
pub fn parse_act(text: &str) -> Result<Act, String> {
    let mut moves = Move::ALL.into_iter();
    if let Some(found) = moves.find(|one| one.word() == text.trim()) {
        return Ok(Act::Move(found));
    }
    parse_request(text).map(Act::Ask)
}

fn parse_request(text: &str) -> Result<Request, String> {
    let refuse = |why: &str| format!("{why} in \"{text}\": expected {FORMS}");
    if let Some(json) = text.trim_start().strip_prefix("json ") {
        return serde_json::from_str(json).map_err(|why| refuse(&why.to_string()));
    }
    let words = split(text).map_err(|why| refuse(&why))?;
    request(&words).map_err(|why| refuse(&why))
}

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    /// Whether it stood in quotes: then it means nothing but itself.
    quoted: bool,
}

fn split(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let text = strings
                .next()
                .ok_or("a quote without an end")?
                .map_err(|why| why.to_string())?;
            rest = &rest[strings.byte_offset()..];
            words.push(Word { text, quoted: true });
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let text = rest[..end].to_owned();
            words.push(Word {
                text,
                quoted: false,
            });
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(words)
}
