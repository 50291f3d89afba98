//! Footprints: the paths that a request reads and those that a write touches.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::stat_of;
use crate::history::Operation;
use crate::ids::VirtualTime;
use crate::tree::{Answer, CreateMode, Part, Path, Read, Request, Response, Stat, Write};
use crate::znode::model::parent_of;

/// How a write may touch a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    Create,
    Delete,
    Set,
    /// The ACL; no zxid in a Stat dates it.
    Acl,
    Children,
}

/// What a request looks at.
pub(super) fn paths_read_by(request: &Request) -> Vec<Path> {
    match request {
        Request::Read(read) => read_paths(read),
        Request::Write(write) => {
            let (touches, prefixes) = footprint_of(write, None);
            let mut looks: Vec<Path> = touches.into_iter().map(|(path, _)| path).collect();
            looks.extend(prefixes);
            looks.extend(checks_of(write));
            looks
        }
        Request::Watch(_) | Request::Sync | Request::Auth { .. } => Vec::new(),
    }
}

fn read_paths(read: &Read) -> Vec<Path> {
    match read {
        Read::GetData { path, .. }
        | Read::Exists { path, .. }
        | Read::GetChildren { path, .. }
        | Read::GetAcl { path }
        | Read::CountDescendants { path }
        | Read::GetEphemerals { prefix: path } => vec![path.clone()],
        Read::Multi(reads) => reads.iter().flat_map(read_paths).collect(),
        Read::WhoAmI => Vec::new(),
    }
}

fn checks_of(write: &Write) -> Vec<Path> {
    match write.bare() {
        Write::Check { path, .. } => vec![path.clone()],
        Write::Multi(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Check { path, .. } => Some(path.clone()),
                Part::Create { .. }
                | Part::CreateWith { .. }
                | Part::Delete { .. }
                | Part::SetData { .. }
                | Part::Refused(_) => None,
            })
            .collect(),
        Write::Create { .. }
        | Write::CreateWith { .. }
        | Write::Delete { .. }
        | Write::SetData { .. }
        | Write::SetAcl { .. }
        | Write::DeleteContainer { .. }
        | Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => Vec::new(),
    }
}

/// The Stats in an answer, with their paths.
pub(super) fn stats_told(request: &Request, told: Option<&Answer>) -> Vec<(Path, Stat)> {
    let Some(Ok(response)) = told else {
        return Vec::new();
    };
    match (request, response) {
        (_, Response::Created { path, stat }) => vec![(path.clone(), *stat)],
        (Request::Write(write), Response::Multi(responses)) => {
            let Write::Multi(parts) = write.bare() else {
                return Vec::new();
            };
            let told = parts.iter().zip(responses);
            told.filter_map(|(part, response)| match (part, response) {
                (_, Response::Created { path, stat }) => Some((path.clone(), *stat)),
                (Part::SetData { path, .. }, Response::Set(stat)) => Some((path.clone(), *stat)),
                _without_a_stat => None,
            })
            .collect()
        }
        (Request::Read(Read::Multi(reads)), Response::Reads(answers)) => {
            let told = reads.iter().zip(answers);
            told.flat_map(|(read, answer)| stats_told(&Request::Read(read.clone()), Some(answer)))
                .collect()
        }
        (request, response) => match (paths_read_by(request).first(), stat_of(response)) {
            (Some(path), Some(stat)) => vec![(path.clone(), *stat)],
            (Some(_) | None, _) => Vec::new(),
        },
    }
}

/// One write inside a request.
#[derive(Clone, Copy)]
enum Action<'w> {
    Create(&'w Path, CreateMode),
    Delete(&'w Path),
    Set(&'w Path),
    Acl(&'w Path),
}

fn deeds_of(write: &Write) -> Vec<Action<'_>> {
    match write.bare() {
        Write::Create { path, mode, .. } | Write::CreateWith { path, mode, .. } => {
            vec![Action::Create(path, *mode)]
        }
        Write::Delete { path, .. } | Write::DeleteContainer { path } => vec![Action::Delete(path)],
        Write::SetData { path, .. } => vec![Action::Set(path)],
        Write::SetAcl { path, .. } => vec![Action::Acl(path)],
        Write::Multi(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Create { path, mode, .. } | Part::CreateWith { path, mode, .. } => {
                    Some(Action::Create(path, *mode))
                }
                Part::Delete { path, .. } => Some(Action::Delete(path)),
                Part::SetData { path, .. } => Some(Action::Set(path)),
                Part::Check { .. } | Part::Refused(_) => None,
            })
            .collect(),
        Write::Check { .. }
        | Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => Vec::new(),
    }
}

/// The paths of the nodes that a successful write created, in its order.
fn created_by(told: Option<&Answer>) -> Vec<Path> {
    match told {
        Some(Ok(Response::Created { path, .. })) => vec![path.clone()],
        Some(Ok(Response::Multi(responses))) => responses
            .iter()
            .filter_map(|response| match response {
                Response::Created { path, .. } => Some(path.clone()),
                _another => None,
            })
            .collect(),
        Some(Ok(_) | Err(_)) | None => Vec::new(),
    }
}

/// What a write may touch, and the prefixes of the sequential nodes that it may create.
pub(super) fn footprint_of(
    write: &Write,
    told: Option<&Answer>,
) -> (BTreeSet<(Path, Touch)>, Vec<Path>) {
    let mut created = created_by(told).into_iter();
    let mut touches = BTreeSet::new();
    let mut prefixes = Vec::new();
    for action in deeds_of(write) {
        let path = match action {
            Action::Create(path, mode) => {
                let known = created.next();
                if known.is_none() && mode.is_sequential() {
                    prefixes.push(path.clone());
                }
                let path = known.unwrap_or_else(|| path.clone());
                touches.insert((path.clone(), Touch::Create));
                path
            }
            Action::Delete(path) => {
                touches.insert((path.clone(), Touch::Delete));
                path.clone()
            }
            Action::Set(path) => {
                touches.insert((path.clone(), Touch::Set));
                continue;
            }
            Action::Acl(path) => {
                touches.insert((path.clone(), Touch::Acl));
                continue;
            }
        };
        if let Some(parent) = parent_of(&path) {
            touches.insert((Path::from(parent), Touch::Children));
        }
    }
    (touches, prefixes)
}

/// Whether a node may go away by itself.
fn goes_away(mode: CreateMode) -> bool {
    match mode {
        CreateMode::Container
        | CreateMode::ContainerSequential
        | CreateMode::Ttl { .. }
        | CreateMode::TtlSequential { .. } => true,
        CreateMode::Persistent
        | CreateMode::Ephemeral
        | CreateMode::PersistentSequential
        | CreateMode::EphemeralSequential => false,
    }
}

/// The kinds of nodes that a write wants to create.
fn modes_of(write: &Write) -> impl Iterator<Item = CreateMode> {
    let (own, parts) = match write.bare() {
        Write::Create { mode, .. } | Write::CreateWith { mode, .. } => (Some(*mode), &[][..]),
        Write::Multi(parts) => (None, parts.as_slice()),
        Write::Delete { .. }
        | Write::SetData { .. }
        | Write::SetAcl { .. }
        | Write::Check { .. }
        | Write::DeleteContainer { .. }
        | Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => (None, &[][..]),
    };
    let of_parts = parts.iter().filter_map(|part| match part {
        Part::Create { mode, .. } | Part::CreateWith { mode, .. } => Some(*mode),
        Part::Delete { .. } | Part::SetData { .. } | Part::Check { .. } | Part::Refused(_) => None,
    });
    own.into_iter().chain(of_parts)
}

/// Whether a write has an ephemeral node among what it wants to create.
pub(super) fn asks_for_an_ephemeral(write: &Write) -> bool {
    modes_of(write).any(CreateMode::is_ephemeral)
}

/// Whether it has one that may go away by itself.
pub(super) fn asks_for_a_mortal(write: &Write) -> bool {
    modes_of(write).any(goes_away)
}

/// The ephemeral nodes that a write may have created: their paths, or the prefixes of them.
pub(super) fn ephemerals_of(write: &Write, told: Option<&Answer>) -> (Vec<Path>, Vec<Path>) {
    births_of(write, told, CreateMode::is_ephemeral)
}

/// As [`ephemerals_of`], of the nodes that may go away by themselves.
pub(super) fn mortals_of(write: &Write, told: Option<&Answer>) -> (Vec<Path>, Vec<Path>) {
    births_of(write, told, goes_away)
}

fn births_of(
    write: &Write,
    told: Option<&Answer>,
    is_meant: impl Fn(CreateMode) -> bool,
) -> (Vec<Path>, Vec<Path>) {
    let mut created = created_by(told).into_iter();
    let (mut paths, mut prefixes) = (Vec::new(), Vec::new());
    if matches!(told, Some(Err(_))) {
        return (paths, prefixes);
    }
    for action in deeds_of(write) {
        let Action::Create(path, mode) = action else {
            continue;
        };
        match created.next() {
            Some(path) if is_meant(mode) => paths.push(path),
            None if is_meant(mode) && mode.is_sequential() => prefixes.push(path.clone()),
            None if is_meant(mode) => paths.push(path.clone()),
            Some(_) | None => {}
        }
    }
    (paths, prefixes)
}

/// Whether `path` is `prefix` and a number of ten places.
pub(super) fn is_numbered(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|number| {
        number.len() >= 10 && number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    })
}

/// The paths that begin so, that lists of children name and that no answer reports as created,
/// each with the first moment that goes with its beginning.
pub(super) fn names_of(
    operations: &[Operation],
    prefixes: &[(Path, VirtualTime)],
) -> BTreeMap<Path, VirtualTime> {
    let mut found = BTreeMap::new();
    if prefixes.is_empty() {
        return found;
    }
    let known = operations.iter().flat_map(|op| created_by(op.answer()));
    let known: BTreeSet<Path> = known.collect();
    for op in operations {
        let (
            Request::Read(Read::GetChildren { path, .. }),
            Some(Ok(Response::Children { names, .. })),
        ) = (&op.request, op.answer())
        else {
            continue;
        };
        let parent = if &**path == "/" { "" } else { path };
        for name in names {
            let path = Path::from(format!("{parent}/{name}"));
            if known.contains(&path) {
                continue;
            }
            let begun = prefixes
                .iter()
                .filter(|(prefix, _)| is_numbered(&path, prefix));
            if let Some(since) = begun.map(|(_, since)| *since).min() {
                found.insert(path, since);
            }
        }
    }
    found
}

/// Whether a write may leave a node that not everybody may read.
pub(super) fn sets_rights(write: &Write) -> bool {
    match write.bare() {
        Write::CreateWith { .. } | Write::SetAcl { .. } => true,
        Write::Multi(parts) => parts.iter().any(|part| match part {
            Part::CreateWith { .. } => true,
            Part::Create { .. }
            | Part::Delete { .. }
            | Part::SetData { .. }
            | Part::Check { .. }
            | Part::Refused(_) => false,
        }),
        Write::Create { .. }
        | Write::Delete { .. }
        | Write::SetData { .. }
        | Write::Check { .. }
        | Write::DeleteContainer { .. }
        | Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => false,
    }
}
