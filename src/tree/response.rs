//! Answers to clients, and their errors.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::acl::{Acl, Identity};
use super::data::Data;
use super::request::Path;
use crate::ids::{SessionId, Zxid};

/// A definite failure, with ZooKeeper's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorCode {
    /// -2: a part of a failed multi that was not itself at fault and follows the fault.
    RuntimeInconsistency,
    /// -5: the request could not be read, or held a null where none may be.
    MarshallingError,
    /// -6: not supported, or not switched on.
    Unimplemented,
    /// -8: the arguments are malformed (a path, usually).
    BadArguments,
    /// -101: no such node.
    NoNode,
    /// -102: the ACL does not permit it.
    NoAuth,
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
    /// -114: the ACL of the request is not one.
    InvalidAcl,
    /// -115: the proof of an identity failed.
    AuthFailed,
    /// -118: the session is attached to another server now.
    SessionMoved,
    /// -121: there is no such watch.
    NoWatcher,
    /// -123: reconfiguration is switched off.
    ReconfigDisabled,
}

impl ErrorCode {
    /// Whether it says that a session is gone or has moved, and nothing about the tree.
    pub fn is_about_the_session(self) -> bool {
        match self {
            ErrorCode::SessionExpired | ErrorCode::SessionMoved => true,
            ErrorCode::RuntimeInconsistency
            | ErrorCode::MarshallingError
            | ErrorCode::Unimplemented
            | ErrorCode::BadArguments
            | ErrorCode::NoNode
            | ErrorCode::NoAuth
            | ErrorCode::InvalidAcl
            | ErrorCode::AuthFailed
            | ErrorCode::NoWatcher
            | ErrorCode::ReconfigDisabled
            | ErrorCode::BadVersion
            | ErrorCode::NoChildrenForEphemerals
            | ErrorCode::NodeExists
            | ErrorCode::NotEmpty => false,
        }
    }

    /// All of them.
    pub const ALL: [ErrorCode; 16] = [
        ErrorCode::RuntimeInconsistency,
        ErrorCode::MarshallingError,
        ErrorCode::Unimplemented,
        ErrorCode::BadArguments,
        ErrorCode::NoNode,
        ErrorCode::NoAuth,
        ErrorCode::BadVersion,
        ErrorCode::NoChildrenForEphemerals,
        ErrorCode::NodeExists,
        ErrorCode::NotEmpty,
        ErrorCode::SessionExpired,
        ErrorCode::InvalidAcl,
        ErrorCode::AuthFailed,
        ErrorCode::SessionMoved,
        ErrorCode::NoWatcher,
        ErrorCode::ReconfigDisabled,
    ];

    /// ZooKeeper's number of this error.
    pub fn number(self) -> i32 {
        match self {
            ErrorCode::RuntimeInconsistency => -2,
            ErrorCode::MarshallingError => -5,
            ErrorCode::Unimplemented => -6,
            ErrorCode::BadArguments => -8,
            ErrorCode::NoNode => -101,
            ErrorCode::NoAuth => -102,
            ErrorCode::BadVersion => -103,
            ErrorCode::NoChildrenForEphemerals => -108,
            ErrorCode::NodeExists => -110,
            ErrorCode::NotEmpty => -111,
            ErrorCode::SessionExpired => -112,
            ErrorCode::InvalidAcl => -114,
            ErrorCode::AuthFailed => -115,
            ErrorCode::SessionMoved => -118,
            ErrorCode::NoWatcher => -121,
            ErrorCode::ReconfigDisabled => -123,
        }
    }
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Why. Of a multi: the code of the part at fault.
    pub code: ErrorCode,
    /// Of a multi, one entry for each part: `None` before the fault ("rolled back"), the code at
    /// it, [`ErrorCode::RuntimeInconsistency`] after it. Otherwise empty, as of a multi that
    /// failed as a whole.
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
    /// To a setACL: the new Stat.
    AclSet(Stat),
    /// To a getACL.
    Acl {
        /// The ACL, without hashes of passwords for those who may not administer.
        acl: Acl,
        /// The Stat.
        stat: Stat,
    },
    /// To a count of descendants.
    Count(u32),
    /// To a getEphemerals: the paths, ascending.
    Paths(Vec<Path>),
    /// To several reads: an answer each.
    Reads(Vec<Answer>),
    /// To a whoAmI.
    Identities(Vec<Identity>),
    /// To a request about watches.
    WatchesDone,
    /// To an addauth.
    Authenticated,
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
