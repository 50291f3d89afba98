//! What a conflict asks for: the changes of which at least one is missing before it.
//!
//! Told and found answers are compared in the order in which a server judges a request. Each
//! difference that is found names a node and the ways to change what differs, and nothing else
//! makes the difference go away. What cannot be told so exactly is [`Lack::Anything`].

use super::touches::Touch;
use crate::check::model::{UNTOLD_LENGTH, agrees, parent_of};
use crate::tree::{
    Answer, CreateMode, ErrorCode, Part, Path, Read, Request, Response, Stat, Write,
};

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Of each of these at least one change.
    Changes(Vec<Need>),
    /// The session must still be open.
    Session,
    /// Something about what the request looks at.
    Anything,
}

/// A node and the ways to change what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub path: Path,
    /// What would help if it came before.
    pub ways: &'static [Touch],
    /// What can have made it what it is.
    pub causes: &'static [Touch],
}

const EXISTENCE: &[Touch] = &[Touch::Create, Touch::Delete];
const CONTENT: &[Touch] = &[Touch::Set, Touch::Create, Touch::Delete];
const CHILDREN: &[Touch] = &[Touch::Children, Touch::Create, Touch::Delete];

/// What was answered to one operation or one part of a multi; `None` is a success of which nothing
/// else is known.
type Said<'a> = Result<Option<&'a Response>, ErrorCode>;

/// What is missing where a request is answered as `found` instead of as `told`. Where nothing was
/// told, a success is wanted.
pub(super) fn lack(request: &Request, told: Option<&Answer>, found: &Answer) -> Lack {
    if found.as_ref().err().map(|failure| failure.code) == Some(ErrorCode::SessionExpired) {
        return Lack::Session;
    }
    let needs = match request {
        Request::Read(read) => of_read(read, told, found),
        Request::Write(write) => of_write(write.bare(), told, found),
        Request::Watch(_) | Request::Sync | Request::Auth { .. } => Vec::new(),
    };
    if needs.is_empty() {
        Lack::Anything
    } else {
        Lack::Changes(needs)
    }
}

fn said(answer: &Answer) -> Said<'_> {
    match answer {
        Ok(response) => Ok(Some(response)),
        Err(failure) => Err(failure.code),
    }
}

fn of_read(read: &Read, told: Option<&Answer>, found: &Answer) -> Vec<Need> {
    let (Read::GetData { path, .. } | Read::Exists { path, .. } | Read::GetChildren { path, .. }) =
        read
    else {
        return Vec::new();
    };
    let Some(told) = told else {
        return Vec::new();
    };
    match (said(told), said(found)) {
        (Err(ErrorCode::NoNode), Ok(_)) => vec![need(path, &[Touch::Delete], EXISTENCE)],
        (Ok(_), Err(ErrorCode::NoNode)) => vec![need(path, &[Touch::Create], EXISTENCE)],
        (Ok(Some(told)), Ok(Some(found))) => of_node(path, told, found),
        (Ok(_) | Err(_), _) => Vec::new(),
    }
}

/// What is told of a node both times.
fn of_node(path: &Path, told: &Response, found: &Response) -> Vec<Need> {
    let (stats, rest) = match (told, found) {
        (Response::Exists(told), Response::Exists(found))
        | (Response::Set(told), Response::Set(found)) => ((told, found), None),
        (
            Response::Data { data, stat },
            Response::Data {
                data: content,
                stat: other,
            },
        ) => ((stat, other), (data != content).then_some(CONTENT)),
        (
            Response::Children { names, stat },
            Response::Children {
                names: children,
                stat: other,
            },
        ) => ((stat, other), (names != children).then_some(CHILDREN)),
        _of_other_kinds => return Vec::new(),
    };
    let mut needs = of_stats(path, stats.0, stats.1);
    if needs.is_empty() {
        needs.extend(rest.map(|causes| need(path, causes, causes)));
    }
    needs
}

fn of_stats(path: &Path, told: &Stat, found: &Stat) -> Vec<Need> {
    if told.czxid != found.czxid || told.ephemeral_owner != found.ephemeral_owner {
        return vec![need(path, EXISTENCE, EXISTENCE)];
    }
    let is_length_told = told.data_length != UNTOLD_LENGTH;
    let is_set = told.version != found.version
        || told.mzxid != found.mzxid
        || told.aversion != found.aversion
        || (is_length_told && told.data_length != found.data_length);
    let is_parent = told.cversion != found.cversion
        || told.pzxid != found.pzxid
        || told.num_children != found.num_children;
    // It is the same node both times, so nobody has deleted it in between; and its counters only
    // move up, so that another change does not bring them down.
    let is_ahead = |told: i32, found: i32| found.wrapping_sub(told) > 0;
    let mut needs = Vec::new();
    if is_set {
        let is_late = told.mzxid < found.mzxid
            || is_ahead(told.version, found.version)
            || is_ahead(told.aversion, found.aversion);
        let ways: &[Touch] = if is_late { &[] } else { &[Touch::Set] };
        needs.push(need(path, ways, CONTENT));
    }
    if is_parent {
        let is_late = told.pzxid < found.pzxid || is_ahead(told.cversion, found.cversion);
        let ways: &[Touch] = if is_late { &[] } else { &[Touch::Children] };
        needs.push(need(path, ways, CHILDREN));
    }
    needs
}

fn of_write(write: &Write, told: Option<&Answer>, found: &Answer) -> Vec<Need> {
    let told_said = told.map_or(Ok(None), said);
    match write {
        Write::Create { path, mode, .. } | Write::CreateWith { path, mode, .. } => {
            of_create(path, *mode, told_said, said(found))
        }
        Write::Delete { path, .. }
        | Write::SetData { path, .. }
        | Write::SetAcl { path, .. }
        | Write::Check { path, .. } => of_change(path, told_said, said(found)),
        Write::Multi(parts) => of_multi(parts, told, found),
        Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession
        | Write::DeleteContainer { .. } => Vec::new(),
    }
}

/// Compares the first part that is answered otherwise.
fn of_multi(parts: &[Part], told: Option<&Answer>, found: &Answer) -> Vec<Need> {
    for (place, part) in parts.iter().enumerate() {
        let (Some(told), Some(found)) = (
            told.map_or(Some(Ok(None)), |told| said_of_part(told, place)),
            said_of_part(found, place),
        ) else {
            return Vec::new();
        };
        if is_same(told, found) {
            continue;
        }
        return match part {
            Part::Create { path, mode, .. } | Part::CreateWith { path, mode, .. } => {
                of_create(path, *mode, told, found)
            }
            Part::Delete { path, .. } | Part::SetData { path, .. } | Part::Check { path, .. } => {
                of_change(path, told, found)
            }
            Part::Refused(_) => Vec::new(),
        };
    }
    Vec::new()
}

/// What is known of the part at this place; `None` if nothing is.
fn said_of_part(answer: &Answer, place: usize) -> Option<Said<'_>> {
    match answer {
        Ok(Response::Multi(responses)) => responses.get(place).map(|response| Ok(Some(response))),
        Ok(_) => None,
        Err(failure) => match failure.parts.get(place)? {
            None => Some(Ok(None)),
            Some(code) => Some(Err(*code)),
        },
    }
}

fn is_same(told: Said<'_>, found: Said<'_>) -> bool {
    match (told, found) {
        (Ok(Some(told)), Ok(Some(found))) => agrees(&Ok(told.clone()), &Ok(found.clone())),
        (Ok(_), Ok(_)) => true,
        (Err(told), Err(found)) => told == found,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

fn of_create(path: &Path, mode: CreateMode, told: Said<'_>, found: Said<'_>) -> Vec<Need> {
    let Some(parent) = parent_of(path).map(Path::from) else {
        return Vec::new();
    };
    let is_numbered = mode.is_sequential();
    match (told, found) {
        (Err(ErrorCode::NoNode), Ok(_) | Err(_)) => {
            vec![need(&parent, &[Touch::Delete], EXISTENCE)]
        }
        (Ok(_) | Err(_), Err(ErrorCode::NoNode)) => {
            vec![need(&parent, &[Touch::Create], EXISTENCE)]
        }
        (Err(ErrorCode::NoChildrenForEphemerals), _)
        | (_, Err(ErrorCode::NoChildrenForEphemerals)) => vec![need(&parent, EXISTENCE, EXISTENCE)],
        (Err(ErrorCode::NodeExists), Ok(_)) if !is_numbered => {
            vec![need(path, &[Touch::Create], EXISTENCE)]
        }
        (Ok(_), Err(ErrorCode::NodeExists)) if !is_numbered => {
            vec![need(path, &[Touch::Delete], EXISTENCE)]
        }
        (
            Ok(Some(Response::Created { path: told, .. })),
            Ok(Some(Response::Created { path: found, .. })),
        ) if told != found => vec![need(&parent, CHILDREN, CHILDREN)],
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Vec::new(),
    }
}

/// Of a delete, a set and a check.
fn of_change(path: &Path, told: Said<'_>, found: Said<'_>) -> Vec<Need> {
    match (told, found) {
        (Err(ErrorCode::NoNode), Ok(_) | Err(_)) => vec![need(path, &[Touch::Delete], EXISTENCE)],
        (Ok(_) | Err(_), Err(ErrorCode::NoNode)) => vec![need(path, &[Touch::Create], EXISTENCE)],
        (Err(ErrorCode::BadVersion), _) | (_, Err(ErrorCode::BadVersion)) => {
            vec![need(path, CONTENT, CONTENT)]
        }
        (Err(ErrorCode::NotEmpty), _) | (_, Err(ErrorCode::NotEmpty)) => {
            vec![need(path, CHILDREN, CHILDREN)]
        }
        (Ok(Some(told)), Ok(Some(found))) => of_node(path, told, found),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Vec::new(),
    }
}

fn need(path: &Path, ways: &'static [Touch], causes: &'static [Touch]) -> Need {
    Need {
        path: path.clone(),
        ways,
        causes,
    }
}
