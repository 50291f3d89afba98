//! Answers to clients.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::acl::{Acl, Identity};
use super::data::Data;
use super::error::Failure;
use super::paths::Path;
use crate::ids::{SessionId, Zxid};

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
    /// To an exists: the Stat. (No such node is [`crate::tree::ErrorCode::NoNode`].)
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
