//! What is missing before a conflict: changes of which at least one must come earlier.
//!
//! The recorded and the computed answer are compared in the order in which a server judges a
//! request. Each difference that is found names a node and the ways to change what differs, and
//! nothing else makes the difference go away. Where that cannot be said so exactly, the answer is
//! [`Missing::Anything`].

use super::footprints::Touch;
use crate::tree::{
    Answer, CreateMode, ErrorCode, Part, Path, Read, Request, Response, Stat, Write,
};
use crate::znode::model::{UNTOLD_LENGTH, agrees, parent_of};

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Of each of these at least one change.
    Changes(Vec<Change>),
    /// The session must still be open.
    Session,
    /// Something about what the request looks at.
    Anything,
}

/// A node and the ways to change what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub path: Path,
    /// What would help if it came before.
    pub ways: &'static [Touch],
    /// What can have made it what it is.
    pub causes: &'static [Touch],
    /// Whether it is about any node below.
    pub is_below: bool,
}

const EXISTENCE: &[Touch] = &[Touch::Create, Touch::Delete];
const CONTENT: &[Touch] = &[Touch::Set, Touch::Create, Touch::Delete];
const RIGHTS: &[Touch] = &[Touch::Acl, Touch::Create, Touch::Delete];
const VERSIONS: &[Touch] = &[Touch::Set, Touch::Acl, Touch::Create, Touch::Delete];
const CHILDREN: &[Touch] = &[Touch::Children, Touch::Create, Touch::Delete];

/// What was answered to one operation or one part of a multi; `None` is a success of which nothing
/// else is known.
type Said<'a> = Result<Option<&'a Response>, ErrorCode>;

/// What is missing where the model answers `found` and the client was answered `told`. Without a
/// recorded answer, a success is wanted.
pub(super) fn missing(request: &Request, told: Option<&Answer>, found: &Answer) -> Missing {
    if found.as_ref().err().map(|failure| failure.code) == Some(ErrorCode::SessionExpired) {
        return Missing::Session;
    }
    let changes = match request {
        Request::Read(read) => of_read(read, told, found),
        Request::Write(write) => of_write(write.bare(), told, found),
        Request::Watch(_) | Request::Sync | Request::Auth { .. } => Vec::new(),
    };
    if changes.is_empty() {
        Missing::Anything
    } else {
        Missing::Changes(changes)
    }
}

fn said(answer: &Answer) -> Said<'_> {
    match answer {
        Ok(response) => Ok(Some(response)),
        Err(failure) => Err(failure.code),
    }
}

fn of_read(read: &Read, told: Option<&Answer>, found: &Answer) -> Vec<Change> {
    let Some(told) = told else {
        return Vec::new();
    };
    let path = match read {
        Read::GetData { path, .. }
        | Read::Exists { path, .. }
        | Read::GetChildren { path, .. }
        | Read::GetAcl { path }
        | Read::CountDescendants { path } => path,
        Read::GetEphemerals { .. } => return of_ephemerals(told, found),
        Read::Multi(reads) => return of_reads(reads, told, found),
        Read::WhoAmI => return Vec::new(),
    };
    match (said(told), said(found)) {
        (Err(ErrorCode::NoAuth), _) | (_, Err(ErrorCode::NoAuth)) => {
            vec![changed(path, RIGHTS, RIGHTS)]
        }
        (Err(ErrorCode::NoNode), Ok(_)) => vec![changed(path, &[Touch::Delete], EXISTENCE)],
        (Ok(_), Err(ErrorCode::NoNode)) => vec![changed(path, &[Touch::Create], EXISTENCE)],
        (Ok(Some(Response::Count(told))), Ok(Some(Response::Count(found)))) => {
            let ways: &[Touch] = if told > found {
                &[Touch::Create]
            } else {
                &[Touch::Delete]
            };
            vec![Change {
                is_below: true,
                ..changed(path, ways, EXISTENCE)
            }]
        }
        (Ok(Some(told)), Ok(Some(found))) => of_node(path, told, found),
        (Ok(_) | Err(_), _) => Vec::new(),
    }
}

/// The nodes that are in one list and not in the other.
fn of_ephemerals(told: &Answer, found: &Answer) -> Vec<Change> {
    let (Ok(Response::Paths(told)), Ok(Response::Paths(found))) = (told, found) else {
        return Vec::new();
    };
    let missing = told.iter().filter(|path| !found.contains(path));
    let extra = found.iter().filter(|path| !told.contains(path));
    let missing = missing.map(|path| changed(path, &[Touch::Create], EXISTENCE));
    let extra = extra.map(|path| changed(path, &[Touch::Delete], EXISTENCE));
    missing.chain(extra).collect()
}

/// Compares the first of several reads that is answered otherwise.
fn of_reads(reads: &[Read], told: &Answer, found: &Answer) -> Vec<Change> {
    let (Ok(Response::Reads(told)), Ok(Response::Reads(found))) = (told, found) else {
        return Vec::new();
    };
    let parts = reads.iter().zip(told.iter().zip(found));
    let mut differing = parts.filter(|(_, (told, found))| !agrees(told, found));
    let changes = differing.next();
    changes.map_or(Vec::new(), |(read, (told, found))| {
        of_read(read, Some(told), found)
    })
}

/// Compares two successful answers about one node.
fn of_node(path: &Path, told: &Response, found: &Response) -> Vec<Change> {
    let (stats, rest) = match (told, found) {
        (Response::Exists(told), Response::Exists(found))
        | (Response::Set(told), Response::Set(found))
        | (Response::AclSet(told), Response::AclSet(found)) => ((told, found), None),
        (
            Response::Acl { acl, stat },
            Response::Acl {
                acl: rights,
                stat: other,
            },
        ) => ((stat, other), (acl != rights).then_some(RIGHTS)),
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
    let mut changes = of_stats(path, stats.0, stats.1);
    if changes.is_empty() {
        changes.extend(rest.map(|causes| changed(path, causes, causes)));
    }
    if let (Response::Children { names: told, .. }, Response::Children { names: found, .. }) =
        (told, found)
    {
        changes.extend(of_children(path, told, found));
    }
    changes
}

/// The children that are in one list and not in the other.
fn of_children(path: &Path, told: &[Path], found: &[Path]) -> impl Iterator<Item = Change> {
    let parent = if &**path == "/" { "" } else { path };
    let of =
        move |name: &Path, ways| changed(&Path::from(format!("{parent}/{name}")), ways, EXISTENCE);
    let missing = told.iter().filter(|name| !found.contains(name));
    let extra = found.iter().filter(|name| !told.contains(name));
    let missing = missing.map(move |name| of(name, &[Touch::Create]));
    missing.chain(extra.map(move |name| of(name, &[Touch::Delete])))
}

fn of_stats(path: &Path, told: &Stat, found: &Stat) -> Vec<Change> {
    if told.czxid != found.czxid || told.ephemeral_owner != found.ephemeral_owner {
        return vec![changed(path, EXISTENCE, EXISTENCE)];
    }
    let is_length_told = told.data_length != UNTOLD_LENGTH;
    let is_set = told.version != found.version
        || told.mzxid != found.mzxid
        || (is_length_told && told.data_length != found.data_length);
    let is_parent = told.cversion != found.cversion
        || told.pzxid != found.pzxid
        || told.num_children != found.num_children;
    // It is the same node both times, so nobody has deleted it in between; and its counters only
    // move up, so that another change does not bring them down.
    let is_ahead = |told: i32, found: i32| found.wrapping_sub(told) > 0;
    let mut changes = Vec::new();
    if is_set {
        let is_late = told.mzxid < found.mzxid || is_ahead(told.version, found.version);
        let ways: &[Touch] = if is_late { &[] } else { &[Touch::Set] };
        changes.push(changed(path, ways, CONTENT));
    }
    if told.aversion != found.aversion {
        let is_late = is_ahead(told.aversion, found.aversion);
        let ways: &[Touch] = if is_late { &[] } else { &[Touch::Acl] };
        changes.push(changed(path, ways, RIGHTS));
    }
    if is_parent {
        let is_late = told.pzxid < found.pzxid || is_ahead(told.cversion, found.cversion);
        let ways: &[Touch] = if is_late { &[] } else { &[Touch::Children] };
        changes.push(changed(path, ways, CHILDREN));
    }
    changes
}

fn of_write(write: &Write, told: Option<&Answer>, found: &Answer) -> Vec<Change> {
    let told_said = told.map_or(Ok(None), said);
    match write {
        Write::Create { path, mode, .. } | Write::CreateWith { path, mode, .. } => {
            of_create(path, *mode, told_said, said(found))
        }
        Write::Delete { path, .. } => of_delete(path, told_said, said(found)),
        Write::SetData { path, .. } | Write::SetAcl { path, .. } | Write::Check { path, .. } => {
            of_change(path, path, told_said, said(found))
        }
        Write::DeleteContainer { path } => of_change(path, path, told_said, said(found)),
        Write::Multi(parts) => of_multi(parts, told, found),
        Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => Vec::new(),
    }
}

/// Compares the first part that is answered otherwise.
fn of_multi(parts: &[Part], told: Option<&Answer>, found: &Answer) -> Vec<Change> {
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
            Part::Delete { path, .. } => of_delete(path, told, found),
            Part::SetData { path, .. } | Part::Check { path, .. } => {
                of_change(path, path, told, found)
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

fn of_create(path: &Path, mode: CreateMode, told: Said<'_>, found: Said<'_>) -> Vec<Change> {
    let Some(parent) = parent_of(path).map(Path::from) else {
        return Vec::new();
    };
    let is_numbered = mode.is_sequential();
    match (told, found) {
        (Err(ErrorCode::NoAuth), _) | (_, Err(ErrorCode::NoAuth)) => {
            vec![changed(&parent, RIGHTS, RIGHTS)]
        }
        (Err(ErrorCode::NoNode), Ok(_) | Err(_)) => {
            vec![changed(&parent, &[Touch::Delete], EXISTENCE)]
        }
        (Ok(_) | Err(_), Err(ErrorCode::NoNode)) => {
            vec![changed(&parent, &[Touch::Create], EXISTENCE)]
        }
        (Err(ErrorCode::NoChildrenForEphemerals), _)
        | (_, Err(ErrorCode::NoChildrenForEphemerals)) => {
            vec![changed(&parent, EXISTENCE, EXISTENCE)]
        }
        (Err(ErrorCode::NodeExists), Ok(_)) if !is_numbered => {
            vec![changed(path, &[Touch::Create], EXISTENCE)]
        }
        (Ok(_), Err(ErrorCode::NodeExists)) if !is_numbered => {
            vec![changed(path, &[Touch::Delete], EXISTENCE)]
        }
        (
            Ok(Some(Response::Created { path: told, .. })),
            Ok(Some(Response::Created { path: found, .. })),
        ) if told != found => vec![changed(&parent, CHILDREN, CHILDREN)],
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Vec::new(),
    }
}

/// Of a delete: who may write the parent may do it.
fn of_delete(path: &Path, told: Said<'_>, found: Said<'_>) -> Vec<Change> {
    let guard = parent_of(path).map_or_else(|| path.clone(), Path::from);
    of_change(path, &guard, told, found)
}

/// Of a delete, a set and a check. The ACL of `guard` says who may do it.
fn of_change(path: &Path, guard: &Path, told: Said<'_>, found: Said<'_>) -> Vec<Change> {
    match (told, found) {
        (Err(ErrorCode::NoAuth), _) | (_, Err(ErrorCode::NoAuth)) => {
            vec![changed(guard, RIGHTS, RIGHTS)]
        }
        (Err(ErrorCode::NoNode), Ok(_) | Err(_)) => {
            vec![changed(path, &[Touch::Delete], EXISTENCE)]
        }
        (Ok(_) | Err(_), Err(ErrorCode::NoNode)) => {
            vec![changed(path, &[Touch::Create], EXISTENCE)]
        }
        (Err(ErrorCode::BadVersion), _) | (_, Err(ErrorCode::BadVersion)) => {
            vec![changed(path, VERSIONS, VERSIONS)]
        }
        (Err(ErrorCode::NotEmpty), _) | (_, Err(ErrorCode::NotEmpty)) => {
            vec![changed(path, CHILDREN, CHILDREN)]
        }
        (Ok(Some(told)), Ok(Some(found))) => of_node(path, told, found),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Vec::new(),
    }
}

fn changed(path: &Path, ways: &'static [Touch], causes: &'static [Touch]) -> Change {
    Change {
        path: path.clone(),
        ways,
        causes,
        is_below: false,
    }
}
