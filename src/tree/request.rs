//! What clients ask and what they are answered.

use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::ids::{SessionId, Span, Zxid};

/// An absolute path: "/" or "/a/b".
pub type Path = Arc<str>;

/// A node's content.
pub type Data = Arc<[u8]>;

/// Any version: the version argument that always matches.
pub const ANY_VERSION: i32 = -1;

/// What kind of node a create makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CreateMode {
    /// Lives until it is deleted.
    Persistent,
    /// Lives as long as its session.
    Ephemeral,
    /// Persistent, its name completed by the parent's counter.
    PersistentSequential,
    /// Ephemeral, its name completed by the parent's counter.
    EphemeralSequential,
}

impl CreateMode {
    /// Whether the parent's counter completes the name.
    pub fn is_sequential(self) -> bool {
        match self {
            CreateMode::PersistentSequential | CreateMode::EphemeralSequential => true,
            CreateMode::Persistent | CreateMode::Ephemeral => false,
        }
    }

    /// Whether the node dies with its session.
    pub fn is_ephemeral(self) -> bool {
        match self {
            CreateMode::Ephemeral | CreateMode::EphemeralSequential => true,
            CreateMode::Persistent | CreateMode::PersistentSequential => false,
        }
    }
}

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Request {
    /// Changes the tree or the sessions: goes through the protocol.
    Write(Write),
    /// Answered by the contacted server from its applied state.
    Read(Read),
    /// A barrier: reads after it, in the same session, are at least as new as the protocol
    /// promises for a barrier.
    Sync,
}

/// A request that goes through the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Write {
    /// Create a node.
    Create {
        /// Its path; of a sequential node, the prefix.
        path: Path,
        /// Its content.
        data: Data,
        /// Its kind.
        mode: CreateMode,
    },
    /// Delete a node without children.
    Delete {
        /// Its path.
        path: Path,
        /// The version it must have, or [`ANY_VERSION`].
        version: i32,
    },
    /// Replace a node's content.
    SetData {
        /// Its path.
        path: Path,
        /// The new content.
        data: Data,
        /// The version it must have, or [`ANY_VERSION`].
        version: i32,
    },
    /// All of these or none of them.
    Multi(Vec<Part>),
    /// Open the session that the request carries.
    CreateSession {
        /// The negotiated timeout.
        timeout: Span,
    },
    /// Close the session that the request carries, with its ephemeral nodes.
    CloseSession,
    /// The leader's own: the session that the request carries was silent for too long.
    ExpireSession,
}

/// One operation inside a multi.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// As [`Write::Create`].
    Create {
        /// Its path; of a sequential node, the prefix.
        path: Path,
        /// Its content.
        data: Data,
        /// Its kind.
        mode: CreateMode,
    },
    /// As [`Write::Delete`].
    Delete {
        /// Its path.
        path: Path,
        /// The version it must have, or [`ANY_VERSION`].
        version: i32,
    },
    /// As [`Write::SetData`].
    SetData {
        /// Its path.
        path: Path,
        /// The new content.
        data: Data,
        /// The version it must have, or [`ANY_VERSION`].
        version: i32,
    },
    /// Fail unless the node exists with this version.
    Check {
        /// Its path.
        path: Path,
        /// The version it must have, or [`ANY_VERSION`].
        version: i32,
    },
}

/// A request that the contacted server answers from its applied state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Read {
    /// Content and Stat.
    GetData {
        /// The node.
        path: Path,
        /// Whether to leave a one-shot data watch.
        watch: bool,
    },
    /// The Stat, or that there is no such node.
    Exists {
        /// The node.
        path: Path,
        /// Whether to leave a one-shot watch: a data watch if it exists, else an exist watch.
        watch: bool,
    },
    /// The names of the children, ascending, and the node's Stat.
    GetChildren {
        /// The node.
        path: Path,
        /// Whether to leave a one-shot child watch.
        watch: bool,
    },
}

/// A definite failure, with ZooKeeper's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorCode {
    /// -2: a part of a failed multi that was not itself at fault and stands behind the fault.
    RuntimeInconsistency,
    /// -8: the arguments are malformed (a path, usually).
    BadArguments,
    /// -101: no such node.
    NoNode,
    /// -103: the version does not match.
    BadVersion,
    /// -108: an ephemeral node cannot have children.
    NoChildrenForEphemerals,
    /// -110: the node exists.
    NodeExists,
    /// -111: the node has children.
    NotEmpty,
    /// -112: the session is gone.
    SessionExpired,
    /// -118: the session is attached to another server now.
    SessionMoved,
}

impl ErrorCode {
    /// ZooKeeper's number of this error.
    pub fn number(self) -> i32 {
        match self {
            ErrorCode::RuntimeInconsistency => -2,
            ErrorCode::BadArguments => -8,
            ErrorCode::NoNode => -101,
            ErrorCode::BadVersion => -103,
            ErrorCode::NoChildrenForEphemerals => -108,
            ErrorCode::NodeExists => -110,
            ErrorCode::NotEmpty => -111,
            ErrorCode::SessionExpired => -112,
            ErrorCode::SessionMoved => -118,
        }
    }
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Why. Of a multi: the code of the part at fault.
    pub code: ErrorCode,
    /// Of a multi, one entry for each part: `None` before the fault ("rolled back"), the code at
    /// it, [`ErrorCode::RuntimeInconsistency`] behind it. Otherwise empty.
    pub parts: Vec<Option<ErrorCode>>,
}

impl Failure {
    /// The failure of a request that is not a multi.
    pub fn of(code: ErrorCode) -> Failure {
        Failure {
            code,
            parts: Vec::new(),
        }
    }
}

/// What ZooKeeper's Stat says about a node; times in milliseconds of the leader's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Stat {
    /// The transaction that created it.
    pub czxid: Zxid,
    /// The transaction that last set its content.
    pub mzxid: Zxid,
    /// The transaction that last created or deleted a child.
    pub pzxid: Zxid,
    /// When it was created.
    pub ctime: u64,
    /// When its content was last set.
    pub mtime: u64,
    /// How often its content was set.
    pub version: i32,
    /// How often a child was created or deleted: 2 x creates - children.
    pub cversion: i32,
    /// How often its ACL was set.
    pub aversion: i32,
    /// The session an ephemeral node belongs to; [`SessionId::NONE`] otherwise.
    pub ephemeral_owner: SessionId,
    /// The length of its content.
    pub data_length: u32,
    /// How many children it has.
    pub num_children: u32,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Response {
    /// To a create: the path in full, and the new node's Stat.
    Created {
        /// The path, completed by the counter if sequential.
        path: Path,
        /// Its Stat.
        stat: Stat,
    },
    /// To a delete.
    Deleted,
    /// To a setData: the new Stat.
    Set(Stat),
    /// To a check inside a multi.
    Checked,
    /// To a multi: one answer for each part.
    Multi(Vec<Response>),
    /// To a getData.
    Data {
        /// The content.
        data: Data,
        /// The Stat.
        stat: Stat,
    },
    /// To an exists: the Stat. (No such node is [`ErrorCode::NoNode`].)
    Exists(Stat),
    /// To a getChildren.
    Children {
        /// The names, ascending.
        names: Vec<Arc<str>>,
        /// The parent's Stat.
        stat: Stat,
    },
    /// To a sync.
    Synced,
    /// To the opening of a session.
    SessionOpened,
    /// To the closing or expiry of a session.
    SessionClosed,
}

/// A definite answer: a response, or a failure that is itself an observation of the tree.
pub type Answer = Result<Response, Failure>;

/// What a watch reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// The node was created (exist watches).
    NodeCreated,
    /// The node was deleted (every kind of watch on it).
    NodeDeleted,
    /// The node's content was set (data and exist watches).
    NodeDataChanged,
    /// A child was created or deleted (child watches).
    NodeChildrenChanged,
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WatchEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which node.
    pub path: Path,
    /// The transaction that did it; of an event made up at a reconnect, the server's last zxid.
    pub zxid: Zxid,
}

/// The kinds of one-shot watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WatchKind {
    /// On a node that exists: fires when it is set or deleted.
    Data,
    /// On a node that does not exist: fires when it is created (or set, or deleted).
    Exist,
    /// On a node's children: fires when one comes or goes, or the node is deleted.
    Child,
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Write(write) => fmt::Display::fmt(write, out),
            Request::Read(Read::GetData { path, .. }) => write!(out, "getData {path}"),
            Request::Read(Read::Exists { path, .. }) => write!(out, "exists {path}"),
            Request::Read(Read::GetChildren { path, .. }) => write!(out, "getChildren {path}"),
            Request::Sync => write!(out, "sync"),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Write::Create { path, mode, .. } => write!(out, "create {path} ({mode:?})"),
            Write::Delete { path, version } => write!(out, "delete {path} if version {version}"),
            Write::SetData { path, version, .. } => {
                write!(out, "setData {path} if version {version}")
            }
            Write::Multi(parts) => write!(out, "multi of {}", parts.len()),
            Write::CreateSession { .. } => write!(out, "createSession"),
            Write::CloseSession => write!(out, "closeSession"),
            Write::ExpireSession => write!(out, "expireSession"),
        }
    }
}
