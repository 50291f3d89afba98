//! What a violation is about, as data: the sentence of a checker is for people only.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::history::Operation;
use crate::ids::{NodeId, OpId, SessionId, Zxid};
use crate::tree::{Part, Path, Read, Request, WatchRequest, Write};

/// What a violation is about. Each checker names its own; the story of a run is told from them
/// alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subjects {
    /// Servers.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub nodes: BTreeSet<NodeId>,
    /// Positions that are in dispute.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub zxids: BTreeSet<Zxid>,
    /// Positions that are only compared with.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub bounds: BTreeSet<Zxid>,
    /// Epochs; ballots as they compare.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub epochs: BTreeSet<u64>,
    /// Values by their digests; 0 is a no-op.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub values: BTreeSet<u64>,
    /// Operations.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ops: BTreeSet<OpId>,
    /// Sessions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sessions: BTreeSet<SessionId>,
    /// Paths of nodes of the tree.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub paths: BTreeSet<String>,
}

impl Subjects {
    /// Nothing that could be named.
    pub fn none() -> Subjects {
        Subjects::default()
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        *self == Subjects::none()
    }

    /// About a server too.
    #[must_use]
    pub fn node(mut self, node: NodeId) -> Subjects {
        self.nodes.insert(node);
        self
    }

    /// About servers too.
    #[must_use]
    pub fn nodes(mut self, nodes: impl IntoIterator<Item = NodeId>) -> Subjects {
        self.nodes.extend(nodes);
        self
    }

    /// About a position that is in dispute.
    #[must_use]
    pub fn zxid(mut self, zxid: Zxid) -> Subjects {
        self.zxids.insert(zxid);
        self
    }

    /// Compared with a position that is not in dispute itself.
    #[must_use]
    pub fn bound(mut self, zxid: Zxid) -> Subjects {
        self.bounds.insert(zxid);
        self
    }

    /// About an epoch too.
    #[must_use]
    pub fn epoch(mut self, epoch: u64) -> Subjects {
        self.epochs.insert(epoch);
        self
    }

    /// About a value too.
    #[must_use]
    pub fn value(mut self, digest: u64) -> Subjects {
        self.values.insert(digest);
        self
    }

    /// About an operation, its session and its paths.
    #[must_use]
    pub fn operation(mut self, operation: &Operation) -> Subjects {
        self.ops.insert(operation.id);
        self.sessions.insert(operation.session);
        let paths = paths_of(&operation.request).into_iter();
        self.paths.extend(paths.map(|path| path.to_string()));
        self
    }

    /// About a session too.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Subjects {
        self.sessions.insert(session);
        self
    }

    /// About a node of the tree too.
    #[must_use]
    pub fn path(mut self, path: &Path) -> Subjects {
        self.paths.insert(path.to_string());
        self
    }

    /// About an operation that is known by its number.
    #[must_use]
    pub fn op(mut self, op: OpId) -> Subjects {
        self.ops.insert(op);
        self
    }

    /// About all that another one is about.
    #[must_use]
    pub fn and(mut self, other: Subjects) -> Subjects {
        self.nodes.extend(other.nodes);
        self.zxids.extend(other.zxids);
        self.bounds.extend(other.bounds);
        self.epochs.extend(other.epochs);
        self.values.extend(other.values);
        self.ops.extend(other.ops);
        self.sessions.extend(other.sessions);
        self.paths.extend(other.paths);
        self
    }
}

/// What is wrong, and what that is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// In words, for people.
    pub reason: String,
    /// What it is about.
    pub subjects: Subjects,
}

/// The paths that a request names.
fn paths_of(request: &Request) -> Vec<&Path> {
    match request {
        Request::Write(write) => written(write),
        Request::Read(read) => read_from(read),
        Request::Watch(
            WatchRequest::Add { path, .. }
            | WatchRequest::Remove { path, .. }
            | WatchRequest::Check { path, .. },
        ) => vec![path],
        Request::Auth { .. } | Request::Sync => Vec::new(),
    }
}

fn written(write: &Write) -> Vec<&Path> {
    match write.bare() {
        Write::Create { path, .. }
        | Write::CreateWith { path, .. }
        | Write::Delete { path, .. }
        | Write::SetData { path, .. }
        | Write::SetAcl { path, .. }
        | Write::Check { path, .. }
        | Write::DeleteContainer { path } => vec![path],
        Write::Multi(parts) => parts.iter().filter_map(part_of).collect(),
        Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => Vec::new(),
    }
}

fn part_of(part: &Part) -> Option<&Path> {
    match part {
        Part::Create { path, .. }
        | Part::CreateWith { path, .. }
        | Part::Delete { path, .. }
        | Part::SetData { path, .. }
        | Part::Check { path, .. } => Some(path),
        Part::Refused(_) => None,
    }
}

fn read_from(read: &Read) -> Vec<&Path> {
    match read {
        Read::GetData { path, .. }
        | Read::Exists { path, .. }
        | Read::GetChildren { path, .. }
        | Read::GetAcl { path }
        | Read::CountDescendants { path } => vec![path],
        Read::GetEphemerals { prefix } => vec![prefix],
        Read::Multi(reads) => reads.iter().flat_map(read_from).collect(),
        Read::WhoAmI => Vec::new(),
    }
}
