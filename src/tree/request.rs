//! What clients ask.

use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::acl::{Ace, Identity};
pub use super::data::Data;
pub use super::error::{ErrorCode, Failure};
pub use super::paths::Path;
pub use super::response::*;
use crate::ids::Span;

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
    /// Goes away some time after its last child.
    Container,
    /// A container, its name completed by the parent's counter.
    ContainerSequential,
    /// Goes away if it has no children and was not set for longer than this.
    Ttl {
        /// Milliseconds: positive, and at most [`MAX_TTL_MS`].
        ms: u64,
    },
    /// As `Ttl`, its name completed by the parent's counter.
    TtlSequential {
        /// Milliseconds: positive, and at most [`MAX_TTL_MS`].
        ms: u64,
    },
}

/// The longest time to live of a node: 40 bits of milliseconds.
pub const MAX_TTL_MS: u64 = 0xff_ffff_ffff;

impl CreateMode {
    /// Whether the parent's counter completes the name.
    pub fn is_sequential(self) -> bool {
        match self {
            CreateMode::PersistentSequential
            | CreateMode::EphemeralSequential
            | CreateMode::ContainerSequential
            | CreateMode::TtlSequential { .. } => true,
            CreateMode::Persistent
            | CreateMode::Ephemeral
            | CreateMode::Container
            | CreateMode::Ttl { .. } => false,
        }
    }

    /// Whether the node dies with its session.
    pub fn is_ephemeral(self) -> bool {
        match self {
            CreateMode::Ephemeral | CreateMode::EphemeralSequential => true,
            CreateMode::Persistent
            | CreateMode::PersistentSequential
            | CreateMode::Container
            | CreateMode::ContainerSequential
            | CreateMode::Ttl { .. }
            | CreateMode::TtlSequential { .. } => false,
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
    /// Changes or asks for the watches of the connection.
    Watch(WatchRequest),
    /// Proves an identity of the connection (addauth). If the proof fails, the server closes the
    /// connection after its answer.
    Auth {
        /// The scheme: `digest` or `ip`.
        scheme: Path,
        /// The proof; of `digest`, `user:password`.
        credential: Data,
    },
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
    /// Create a node with an ACL other than [`super::Acl::OPEN`].
    CreateWith {
        /// Its path; of a sequential node, the prefix.
        path: Path,
        /// Its content.
        data: Data,
        /// Its kind.
        mode: CreateMode,
        /// Its ACL as the client wrote it.
        acl: Vec<Ace>,
    },
    /// Replace a node's ACL.
    SetAcl {
        /// Its path.
        path: Path,
        /// The new ACL as the client wrote it.
        acl: Vec<Ace>,
        /// The version the ACL must have, or [`ANY_VERSION`].
        version: i32,
    },
    /// Fail unless the node exists with this version.
    Check {
        /// Its path.
        path: Path,
        /// The version it must have, or [`ANY_VERSION`].
        version: i32,
    },
    /// All of these or none of them.
    Multi(Vec<Part>),
    /// The leader's own: remove a container that lost its last child, or a node that outlived its
    /// time. It belongs to no session.
    DeleteContainer {
        /// The node.
        path: Path,
    },
    /// A request that makes no sense: it takes a zxid, as every failed write does.
    Refused(ErrorCode),
    /// Another request, asked by somebody who has proved to be these. A request on its own is asked
    /// by somebody of whom nothing is known.
    As {
        /// The identities.
        ids: Arc<[Identity]>,
        /// The request.
        write: Box<Write>,
    },
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
    /// As [`Write::CreateWith`].
    CreateWith {
        /// Its path; of a sequential node, the prefix.
        path: Path,
        /// Its content.
        data: Data,
        /// Its kind.
        mode: CreateMode,
        /// Its ACL as the client wrote it.
        acl: Vec<Ace>,
    },
    /// As [`Write::Refused`]. With [`ErrorCode::MarshallingError`] the multi fails as a whole.
    Refused(ErrorCode),
}

impl Part {
    /// The creation of a node, with an ACL of its own or with the open one.
    pub fn creation(path: Path, data: Data, mode: CreateMode, acl: Option<Vec<Ace>>) -> Part {
        match acl {
            None => Part::Create { path, data, mode },
            Some(acl) => Part::CreateWith {
                path,
                data,
                mode,
                acl,
            },
        }
    }
}

/// A part as a request of its own.
impl From<Part> for Write {
    fn from(part: Part) -> Write {
        match part {
            Part::Create { path, data, mode } => Write::Create { path, data, mode },
            Part::CreateWith {
                path,
                data,
                mode,
                acl,
            } => Write::CreateWith {
                path,
                data,
                mode,
                acl,
            },
            Part::Delete { path, version } => Write::Delete { path, version },
            Part::SetData {
                path,
                data,
                version,
            } => Write::SetData {
                path,
                data,
                version,
            },
            Part::Check { path, version } => Write::Check { path, version },
            Part::Refused(code) => Write::Refused(code),
        }
    }
}

impl Write {
    /// The request without the identities of who asks.
    pub fn bare(&self) -> &Write {
        match self {
            Write::As { write, .. } => write.bare(),
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::CreateSession { .. }
            | Write::CloseSession
            | Write::ExpireSession
            | Write::DeleteContainer { .. }
            | Write::Refused(_) => self,
        }
    }
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
    /// The ACL and the Stat.
    GetAcl {
        /// The node.
        path: Path,
    },
    /// How many nodes lie below.
    CountDescendants {
        /// The node.
        path: Path,
    },
    /// The session's own ephemeral nodes.
    GetEphemerals {
        /// What their paths begin with; blank or "/" for all.
        prefix: Path,
    },
    /// Several reads, each with an answer of its own. They leave no watches.
    Multi(Vec<Read>),
    /// Who the connection has proved to be.
    WhoAmI,
}

impl Read {
    /// The one-shot watch that an answered read leaves.
    pub fn watch_left(&self, answer: &Answer) -> Option<(WatchKind, &Path)> {
        match (self, answer) {
            (Read::GetData { path, watch: true } | Read::Exists { path, watch: true }, Ok(_)) => {
                Some((WatchKind::Data, path))
            }
            (Read::GetChildren { path, watch: true }, Ok(_)) => Some((WatchKind::Child, path)),
            (Read::Exists { path, watch: true }, Err(failure))
                if failure.code == ErrorCode::NoNode =>
            {
                Some((WatchKind::Exist, path))
            }
            (
                Read::GetData { .. }
                | Read::GetChildren { .. }
                | Read::Exists { .. }
                | Read::GetAcl { .. }
                | Read::CountDescendants { .. }
                | Read::GetEphemerals { .. }
                | Read::Multi(_)
                | Read::WhoAmI,
                Ok(_) | Err(_),
            ) => None,
        }
    }
}

/// A request about the watches of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WatchRequest {
    /// Leave a watch that stays when it fires, on a node that need not exist.
    Add {
        /// The node.
        path: Path,
        /// Whether to hear of the whole subtree (but not of changes of children).
        recursive: bool,
    },
    /// Take watches away.
    Remove {
        /// The node.
        path: Path,
        /// Which of them.
        of: WatchTables,
    },
    /// Fail unless there is a watch: as in ZooKeeper, anybody's.
    Check {
        /// The node.
        path: Path,
        /// Which of them.
        of: WatchTables,
    },
}

/// Which watches a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WatchTables {
    /// Those on children.
    Children,
    /// Those on the node, existing or not.
    Data,
    /// All.
    Any,
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Write(write) => fmt::Display::fmt(write, out),
            Request::Read(read) => fmt::Display::fmt(read, out),
            Request::Watch(watch) => write!(out, "{watch:?}"),
            Request::Auth { scheme, .. } => write!(out, "addauth {scheme}"),
            Request::Sync => write!(out, "sync"),
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Read::GetData { path, .. } => write!(out, "getData {path}"),
            Read::Exists { path, .. } => write!(out, "exists {path}"),
            Read::GetChildren { path, .. } => write!(out, "getChildren {path}"),
            Read::GetAcl { path } => write!(out, "getACL {path}"),
            Read::CountDescendants { path } => write!(out, "getAllChildrenNumber {path}"),
            Read::GetEphemerals { prefix } => write!(out, "getEphemerals {prefix}"),
            Read::Multi(reads) => write!(out, "multiRead of {}", reads.len()),
            Read::WhoAmI => write!(out, "whoAmI"),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Write::Create { path, mode, .. } | Write::CreateWith { path, mode, .. } => {
                write!(out, "create {path}")?;
                // A plain node goes without saying.
                if *mode == CreateMode::Persistent {
                    return Ok(());
                }
                write!(out, " ({mode:?})")
            }
            Write::Delete { path, version } => {
                write!(out, "delete {path}{}", IfVersion(*version))
            }
            Write::SetData { path, version, .. } => {
                write!(out, "setData {path}{}", IfVersion(*version))
            }
            Write::Multi(parts) => write!(out, "multi of {}", parts.len()),
            Write::CreateSession { .. } => write!(out, "createSession"),
            Write::CloseSession => write!(out, "closeSession"),
            Write::ExpireSession => write!(out, "expireSession"),
            Write::SetAcl { path, version, .. } => {
                write!(out, "setACL {path}{}", IfVersion(*version))
            }
            Write::Check { path, version } => write!(out, "check {path} for version {version}"),
            Write::DeleteContainer { path } => write!(out, "deleteContainer {path}"),
            Write::Refused(code) => write!(out, "refused with {code:?}"),
            Write::As { write, .. } => fmt::Display::fmt(write, out),
        }
    }
}

/// The condition of a write, which is not told where any version does.
struct IfVersion(i32);

impl fmt::Display for IfVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ANY_VERSION => Ok(()),
            version => write!(out, " if version {version}"),
        }
    }
}
