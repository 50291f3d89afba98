//! Requests and answers as text.

use std::sync::Arc;

use super::answers::stat_of;
use crate::tree::{Ace, Answer, ErrorCode, Failure, Part, Request, Response, Stat, Write};
use crate::znode::model::UNTOLD_LENGTH;

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

/// What was answered and what should have been, by what distinguishes them.
pub(crate) fn contrast(told: &Answer, expected: &Answer) -> (String, String) {
    let (left, right) = contrast_of_words(told, expected);
    if left != right || told == expected {
        return (left, right);
    }
    // What differs is not among what is shown.
    match (told, expected) {
        (Ok(told), Ok(expected)) => closer(told, expected),
        (Err(told), Err(expected)) => {
            let code = |code: &Option<ErrorCode>| match code {
                Some(code) => format!("{code:?}"),
                None => "no error".to_owned(),
            };
            let [left, right] = items_that_differ(&told.parts, &expected.parts, "part", code);
            (left, right)
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => unreachable!("an error and a success read alike"),
    }
}

/// Two responses that read alike, by the first of their items that differs.
fn closer(told: &Response, expected: &Response) -> (String, String) {
    let text = |name: &Arc<str>| name.to_string();
    let [left, right] = match (told, expected) {
        (Response::Data { data: one, .. }, Response::Data { data: other, .. }) if one != other => {
            items_that_differ(one, other, "byte", |byte| format!("{byte:02x}"))
        }
        (Response::Children { names: one, .. }, Response::Children { names: other, .. })
            if one != other =>
        {
            items_that_differ(one, other, "child", text)
        }
        (Response::Acl { acl: one, .. }, Response::Acl { acl: other, .. }) if one != other => {
            items_that_differ(&one.entries(), &other.entries(), "entry", entry)
        }
        (Response::Paths(one), Response::Paths(other)) => {
            items_that_differ(one, other, "path", ToString::to_string)
        }
        (Response::Multi(one), Response::Multi(other)) => {
            let whole = |part: &Response| Ok::<Response, Failure>(part.clone());
            let [one, other] =
                [one, other].map(|parts| parts.iter().map(whole).collect::<Vec<_>>());
            return closer_part(&one, &other);
        }
        (Response::Reads(one), Response::Reads(other)) => return closer_part(one, other),
        (told, expected) => [told, expected].map(|response| {
            let times = stat_of(response).map_or((0, 0), |stat| (stat.ctime, stat.mtime));
            let words = responded(response, shown);
            format!("{words} of the times {} and {}", times.0, times.1)
        }),
    };
    (left, right)
}

/// The first of the parts that differ, although all read alike.
fn closer_part(told: &[Answer], expected: &[Answer]) -> (String, String) {
    let mut pairs = told.iter().zip(expected).zip(1..);
    match pairs.find(|((left, right), _)| left != right) {
        Some(((left, right), place)) => {
            let (left, right) = contrast(left, right);
            (
                format!("{left} to part {place}"),
                format!("{right} to part {place}"),
            )
        }
        None => (
            format!("answers to {} parts", told.len()),
            format!("answers to {} parts", expected.len()),
        ),
    }
}

/// Two lists by the first item that differs, counted from 1.
fn items_that_differ<T: PartialEq>(
    one: &[T],
    other: &[T],
    item: &str,
    words: impl Fn(&T) -> String,
) -> [String; 2] {
    let alike = one
        .iter()
        .zip(other)
        .take_while(|(left, right)| left == right);
    let place = alike.count();
    [one, other].map(|list| match list.get(place) {
        Some(found) => format!("{} as {item} {}", words(found), place + 1),
        None => format!("nothing after {item} {place}"),
    })
}

fn entry(entry: &Ace) -> String {
    let id = entry.id.as_deref().unwrap_or_default();
    format!("{}:{}:{id}", entry.perms, entry.scheme)
}

fn contrast_of_words(told: &Answer, expected: &Answer) -> (String, String) {
    let (Ok(left), Ok(right)) = (told, expected) else {
        return (answered(told), answered(expected));
    };
    if let (Response::Multi(lefts), Response::Multi(rights)) = (left, right) {
        let whole = |parts: &[Response]| parts.iter().cloned().map(Ok).collect::<Vec<Answer>>();
        return contrast_of_parts(&whole(lefts), &whole(rights));
    }
    if let (Response::Reads(lefts), Response::Reads(rights)) = (left, right) {
        return contrast_of_parts(lefts, rights);
    }
    match (stat_of(left), stat_of(right)) {
        (Some(one), Some(other)) => {
            let differ = differing(one, other);
            let words = |response| responded(response, |stat, _| shown(stat, &differ));
            (words(left), words(right))
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => (answered(told), answered(expected)),
    }
}

/// The first part that differs.
fn contrast_of_parts(told: &[Answer], expected: &[Answer]) -> (String, String) {
    let pairs = told.iter().zip(expected).zip(1..);
    let mut contrasts = pairs.map(|((left, right), place)| {
        let (left, right) = contrast_of_words(left, right);
        (left, right, place)
    });
    match contrasts.find(|(left, right, _)| left != right) {
        Some((left, right, place)) => {
            let of = |words: String| format!("{words} to part {place}");
            (of(left), of(right))
        }
        None => (
            format!("answers to {} parts", told.len()),
            format!("answers to {} parts", expected.len()),
        ),
    }
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
fn responded(response: &Response, shown: impl Fn(&Stat, &[&str]) -> String) -> String {
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
fn fields(stat: &Stat) -> [(&'static str, String); 9] {
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

/// The names of the fields in which two Stats differ. A length that is not known differs from none.
fn differing(one: &Stat, other: &Stat) -> Vec<&'static str> {
    let untold = [one, other]
        .iter()
        .any(|stat| stat.data_length == UNTOLD_LENGTH);
    let pairs = fields(one).into_iter().zip(fields(other));
    pairs
        .filter(|(left, right)| left != right && !(untold && left.0 == "dataLength"))
        .map(|(left, _)| left.0)
        .collect()
}

/// These fields in parentheses; nothing if there are none.
fn shown(stat: &Stat, names: &[&str]) -> String {
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
    use crate::ids::Zxid;
    use crate::tree::{Data, Path};

    fn data(text: &[u8], version: i32) -> Answer {
        Ok(Response::Data {
            data: Data::from(text),
            stat: Stat {
                version,
                mzxid: Zxid(7),
                data_length: UNTOLD_LENGTH,
                ..Stat::default()
            },
        })
    }

    #[test]
    fn answers_are_contrasted_by_what_differs() {
        let (told, expected) = contrast(&data(b"old", 1), &data(b"new", 2));
        assert_eq!(told, "\"old\" (version 1)");
        assert_eq!(expected, "\"new\" (version 2)");
        let (told, expected) = contrast(&data(b"old", 1), &data(b"new", 1));
        assert_eq!((told.as_str(), expected.as_str()), ("\"old\"", "\"new\""));
        let none = Err(Failure::of(ErrorCode::NoNode));
        let (told, expected) = contrast(&data(b"old", 1), &none);
        assert_eq!(told, "\"old\" (mzxid 7, version 1)");
        assert_eq!(expected, "NoNode");
    }

    #[test]
    fn a_length_that_is_not_told_is_no_difference() {
        let Ok(Response::Data { data: bytes, stat }) = data(b"old", 1) else {
            panic!("it is data");
        };
        let known = Ok(Response::Data {
            data: bytes,
            stat: Stat {
                data_length: 3,
                num_children: 2,
                ..stat
            },
        });
        let (told, expected) = contrast(&data(b"old", 1), &known);
        assert_eq!(told, "\"old\" (numChildren 0)");
        assert_eq!(expected, "\"old\" (numChildren 2)");
    }

    #[test]
    fn of_a_multi_the_first_part_that_differs_is_told() {
        let multi = |version| {
            let stat = Stat {
                version,
                ..Stat::default()
            };
            Ok(Response::Multi(vec![
                Response::Deleted,
                Response::Set(stat),
            ]))
        };
        let (told, expected) = contrast(&multi(1), &multi(2));
        assert_eq!(told, "done (version 1) to part 2");
        assert_eq!(expected, "done (version 2) to part 2");
        let failure = Failure {
            code: ErrorCode::BadVersion,
            parts: vec![None, Some(ErrorCode::BadVersion)],
        };
        assert_eq!(answered(&Err(failure)), "BadVersion at part 2");
    }

    #[test]
    fn of_several_reads_the_first_that_differs_is_told() {
        let reads = |second: Answer| Ok(Response::Reads(vec![data(b"same", 1), second]));
        let none = Err(Failure::of(ErrorCode::NoNode));
        let (told, expected) = contrast(&reads(data(b"old", 1)), &reads(none));
        assert!(told.starts_with("\"old\""), "{told}");
        assert!(told.ends_with(" to part 2"), "{told}");
        assert_eq!(expected, "NoNode to part 2");
    }

    #[test]
    fn answers_that_read_alike_are_contrasted_by_the_first_item_that_differs() {
        let children = |last: &str| {
            let first = ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter();
            Ok(Response::Children {
                names: first.chain([last]).map(Arc::from).collect(),
                stat: Stat::default(),
            })
        };
        let (told, expected) = contrast(&children("i"), &children("j"));
        assert_eq!([told, expected], ["i as child 9", "j as child 9"]);
        let long = |last: u8| data(&[&[b'x'; 50][..], &[last]].concat(), 1);
        let (told, expected) = contrast(&long(b'y'), &long(b'z'));
        assert_eq!([told, expected], ["79 as byte 51", "7a as byte 51"]);
        let reads = |last| Ok(Response::Reads(vec![data(b"same", 1), children(last)]));
        let (told, expected) = contrast(&reads("i"), &reads("j"));
        assert_eq!(told, "i as child 9 to part 2");
        assert_eq!(expected, "j as child 9 to part 2");
    }

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
