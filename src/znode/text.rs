//! Requests and answers as text.

use crate::tree::{Ace, Answer, Failure, Part, Request, Response, Stat, Write};

/// Characters of a content before it is cut.
const CONTENT_MAX: usize = 40;
/// Bytes of an unprintable content before it is cut.
const BYTES_MAX: usize = 12;
/// Names of children before the rest is only counted.
const NAMES_MAX: usize = 8;
/// Parts of a multi before the rest is only counted.
const PARTS_MAX: usize = 4;

/// What was asked, with the content that is written.
pub fn asked(request: &Request) -> String {
    match request {
        Request::Write(write) => written(write),
        Request::Read(_) | Request::Watch(_) | Request::Auth { .. } | Request::Sync => {
            request.to_string()
        }
    }
}

fn written(write: &Write) -> String {
    match write.bare() {
        Write::Create { data, .. } | Write::CreateWith { data, .. } => {
            format!("{} with {}", write.bare(), content(data))
        }
        Write::SetData {
            path,
            data,
            version,
        } => format!(
            "setData {path} to {}{}",
            content(data),
            if_version(*version)
        ),
        Write::Delete { path, version } => format!("delete {path}{}", if_version(*version)),
        Write::Multi(parts) => {
            let told: Vec<String> = parts.iter().take(PARTS_MAX).map(part).collect();
            format!(
                "multi [{}{}]",
                told.join("; "),
                and_more(parts.len(), PARTS_MAX)
            )
        }
        other @ (Write::Check { .. }
        | Write::SetAcl { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession
        | Write::DeleteContainer { .. }
        | Write::Refused(_)
        | Write::As { .. }) => other.to_string(),
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Create { path, data, .. } | Part::CreateWith { path, data, .. } => {
            format!("create {path} with {}", content(data))
        }
        Part::SetData {
            path,
            data,
            version,
        } => format!(
            "setData {path} to {}{}",
            content(data),
            if_version(*version)
        ),
        Part::Delete { path, version } => format!("delete {path}{}", if_version(*version)),
        Part::Check { path, version } => format!("check {path} for version {version}"),
        Part::Refused(code) => format!("refused with {code:?}"),
    }
}

fn if_version(version: i32) -> String {
    match version {
        crate::tree::ANY_VERSION => String::new(),
        version => format!(" if version {version}"),
    }
}

fn and_more(count: usize, named_max: usize) -> String {
    match count.checked_sub(named_max) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    }
}

/// Content as text if it can be printed.
fn content(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => {
            let cut: String = text.chars().take(CONTENT_MAX).collect();
            let more = if cut.len() < text.len() {
                format!(" … ({} bytes)", bytes.len())
            } else {
                String::new()
            };
            format!("{cut:?}{more}")
        }
        Ok(_) | Err(_) => {
            let cut = bytes.iter().take(BYTES_MAX);
            let hex: Vec<String> = cut.map(|byte| format!("{byte:02x}")).collect();
            format!("{} bytes ({}…)", bytes.len(), hex.join(" "))
        }
    }
}

/// What was answered.
pub fn answered(answer: &Answer) -> String {
    match answer {
        Ok(response) => responded(response, shown),
        Err(failure) => failed(failure),
    }
}

pub(super) fn entry(entry: &Ace) -> String {
    let id = entry.id.as_deref().unwrap_or_default();
    format!("{}:{}:{id}", entry.perms, entry.scheme)
}

fn failed(failure: &Failure) -> String {
    let at = failure
        .parts
        .iter()
        .position(|part| *part == Some(failure.code));
    match at {
        Some(place) => format!("{:?} at part {}", failure.code, place + 1),
        None => format!("{:?}", failure.code),
    }
}

/// A response; `shown` formats its Stat, given the names that matter most of this kind.
pub(super) fn responded(response: &Response, shown: impl Fn(&Stat, &[&str]) -> String) -> String {
    match response {
        Response::Data { data, stat } => {
            format!("{}{}", content(data), shown(stat, &["version", "mzxid"]))
        }
        Response::Exists(stat) => format!("a node{}", shown(stat, &["version", "mzxid"])),
        Response::Set(stat) => format!("done{}", shown(stat, &["version", "mzxid"])),
        Response::AclSet(stat) => format!("done{}", shown(stat, &["aversion"])),
        Response::Created { path, stat } => format!("{path}{}", shown(stat, &["czxid"])),
        Response::Children { names, stat } => {
            let told: Vec<&str> = names.iter().take(NAMES_MAX).map(AsRef::as_ref).collect();
            let more = and_more(names.len(), NAMES_MAX);
            let stat = shown(stat, &["cversion", "pzxid"]);
            format!("children [{}{more}]{stat}", told.join(", "))
        }
        Response::Acl { acl, stat } => {
            let entries = acl.entries();
            let told: Vec<String> = entries.iter().take(NAMES_MAX).map(entry).collect();
            let more = and_more(entries.len(), NAMES_MAX);
            format!("[{}{more}]{}", told.join(", "), shown(stat, &["aversion"]))
        }
        Response::Multi(responses) => {
            let told = responses.iter().take(PARTS_MAX);
            let told: Vec<String> = told.map(|part| answered(&Ok(part.clone()))).collect();
            format!(
                "[{}{}]",
                told.join("; "),
                and_more(responses.len(), PARTS_MAX)
            )
        }
        Response::Reads(answers) => {
            let told: Vec<String> = answers.iter().take(PARTS_MAX).map(answered).collect();
            format!(
                "[{}{}]",
                told.join("; "),
                and_more(answers.len(), PARTS_MAX)
            )
        }
        Response::Count(count) => format!("{count} descendants"),
        Response::Paths(paths) => {
            let told: Vec<&str> = paths.iter().take(NAMES_MAX).map(AsRef::as_ref).collect();
            format!("[{}{}]", told.join(", "), and_more(paths.len(), NAMES_MAX))
        }
        Response::Identities(ids) => format!("{} identities", ids.len()),
        Response::Deleted
        | Response::Checked
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::WatchesDone
        | Response::Authenticated => "done".to_owned(),
    }
}

/// The fields of a Stat, without times, which the model does not know.
pub(super) fn fields(stat: &Stat) -> [(&'static str, String); 9] {
    [
        ("czxid", stat.czxid.to_string()),
        ("mzxid", stat.mzxid.to_string()),
        ("pzxid", stat.pzxid.to_string()),
        ("version", stat.version.to_string()),
        ("cversion", stat.cversion.to_string()),
        ("aversion", stat.aversion.to_string()),
        ("ephemeralOwner", stat.ephemeral_owner.to_string()),
        ("dataLength", stat.data_length.to_string()),
        ("numChildren", stat.num_children.to_string()),
    ]
}

/// These fields in parentheses; nothing if there are none.
pub(super) fn shown(stat: &Stat, names: &[&str]) -> String {
    let told: Vec<String> = fields(stat)
        .iter()
        .filter(|(name, _)| names.contains(name))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    if told.is_empty() {
        String::new()
    } else {
        format!(" ({})", told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Data, Path};

    #[test]
    fn content_is_text_where_it_can_be_printed() {
        assert_eq!(content(b"v4"), "\"v4\"");
        assert_eq!(content(b""), "\"\"");
        assert_eq!(content(&[0, 255, 16]), "3 bytes (00 ff 10…)");
        let long = "x".repeat(50);
        let cut = format!("\"{}\" … (50 bytes)", "x".repeat(40));
        assert_eq!(content(long.as_bytes()), cut);
    }

    #[test]
    fn requests_tell_what_they_write() {
        let (path, version) = (Path::from("/a"), 3);
        let data = Data::from(*b"v4");
        let set = Write::SetData {
            path: path.clone(),
            data,
            version,
        };
        let told = asked(&Request::Write(set));
        assert_eq!(told, "setData /a to \"v4\" if version 3");
        let delete = Part::Delete { path, version: -1 };
        let multi = Write::Multi(vec![delete; 6]);
        let told = asked(&Request::Write(multi));
        let four = ["delete /a"; 4].join("; ");
        assert_eq!(told, format!("multi [{four} and 2 more]"));
    }
}
