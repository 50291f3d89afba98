//! What the answers show of nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{History, Operation};
use crate::ids::{VirtualTime, Zxid};
use crate::tree::{CreateMode, Part, Path, Read, Request, Response, Stat, Write};
use crate::znode::model::parent_of;

/// A sequential node that came into being.
#[derive(Clone, Debug)]
pub(super) struct SequentialCreate<'a> {
    pub(super) zxid: Zxid,
    /// Its place in a multi.
    pub(super) place: usize,
    pub(super) number: u64,
    pub(super) path: Path,
    pub(super) operation: &'a Operation,
}

pub(super) fn moment(operation: &Operation) -> VirtualTime {
    operation.completed.unwrap_or(operation.invoked)
}

/// The Stat that an answer tells, and of which node.
pub(super) fn stat_of<'a>(
    operation: &'a Operation,
    response: &'a Response,
) -> Option<(&'a Path, &'a Stat)> {
    match (&operation.request, response) {
        (Request::Write(_), Response::Created { path, stat }) => Some((path, stat)),
        (Request::Write(Write::SetData { path, .. }), Response::Set(stat))
        | (Request::Write(Write::SetAcl { path, .. }), Response::AclSet(stat)) => {
            Some((path, stat))
        }
        (
            Request::Read(
                Read::GetData { path, .. }
                | Read::Exists { path, .. }
                | Read::GetChildren { path, .. }
                | Read::GetAcl { path },
            ),
            Response::Data { stat, .. }
            | Response::Exists(stat)
            | Response::Children { stat, .. }
            | Response::Acl { stat, .. },
        ) => Some((path, stat)),
        (
            Request::Write(_)
            | Request::Read(_)
            | Request::Watch(_)
            | Request::Auth { .. }
            | Request::Sync,
            _,
        ) => None,
    }
}

pub(super) fn collect_births<'a>(
    operation: &'a Operation,
    response: &Response,
    births: &mut BTreeMap<Path, Vec<SequentialCreate<'a>>>,
) {
    let mut collect = |place: usize, mode: CreateMode, response: &Response| {
        let Response::Created { path, stat } = response else {
            return;
        };
        let digits = path.len().checked_sub(10).and_then(|at| path.get(at..));
        let number = digits.and_then(|digits| digits.parse().ok());
        if let (true, Some(number), Some(parent)) = (mode.is_sequential(), number, parent_of(path))
        {
            births
                .entry(Path::from(parent))
                .or_default()
                .push(SequentialCreate {
                    zxid: stat.czxid,
                    place,
                    number,
                    path: path.clone(),
                    operation,
                });
        }
    };
    match (&operation.request, response) {
        (Request::Write(Write::Create { mode, .. } | Write::CreateWith { mode, .. }), created) => {
            collect(0, *mode, created);
        }
        (Request::Write(Write::Multi(parts)), Response::Multi(responses)) => {
            for (place, (part, response)) in parts.iter().zip(responses).enumerate() {
                if let Part::Create { mode, .. } | Part::CreateWith { mode, .. } = part {
                    collect(place, *mode, response);
                }
            }
        }
        (
            Request::Write(_)
            | Request::Read(_)
            | Request::Watch(_)
            | Request::Auth { .. }
            | Request::Sync,
            _,
        ) => {}
    }
}

/// Nodes that one multi both created and set: they have a version above 0 from the start.
pub(super) fn touched_twice(history: &History) -> BTreeSet<Path> {
    let mut twice = BTreeSet::new();
    for operation in &history.operations {
        let Request::Write(Write::Multi(parts)) = &operation.request else {
            continue;
        };
        for part in parts {
            if let Part::SetData { path, .. } = part {
                twice.insert(path.clone());
            }
        }
    }
    twice
}
