//! A node of the model.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::acl::Rights;
use crate::ids::{SessionId, Zxid};
use crate::tree::{CreateMode, Data, Stat};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub data: Data,
    pub created: Zxid,
    pub modified: Zxid,
    pub children_changed: Zxid,
    pub version: i32,
    pub acl_version: i32,
    /// How many children were ever created; those that the tree was born with do not count.
    pub creates: i32,
    pub kind: Kind,
    pub rights: Rights,
    pub children: BTreeSet<Arc<str>>,
}

/// What becomes of a node by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Plain,
    Ephemeral(SessionId),
    /// Removed after it has lost its last child.
    Container,
    /// Removed when it is empty and was not set for so long.
    Ttl {
        /// Milliseconds.
        ms: u64,
    },
}

impl Kind {
    pub fn of_mode(mode: CreateMode, session: SessionId) -> Kind {
        match mode {
            CreateMode::Persistent | CreateMode::PersistentSequential => Kind::Plain,
            CreateMode::Ephemeral | CreateMode::EphemeralSequential => Kind::Ephemeral(session),
            CreateMode::Container | CreateMode::ContainerSequential => Kind::Container,
            CreateMode::Ttl { ms } | CreateMode::TtlSequential { ms } => Kind::Ttl { ms },
        }
    }

    /// ZooKeeper's encodings of `ephemeralOwner`: the sign bit alone is a container, and a top byte
    /// of ones says that a time to live follows.
    pub fn of_owner(owner: SessionId) -> Kind {
        match owner.0 {
            0 => Kind::Plain,
            0x8000_0000_0000_0000 => Kind::Container,
            ttl if ttl >> 56 == 0xff => Kind::Ttl {
                ms: ttl & 0xff_ffff_ffff_ffff,
            },
            _session => Kind::Ephemeral(owner),
        }
    }
}

impl Node {
    pub fn new(data: Data, kind: Kind, rights: Rights, zxid: Zxid) -> Node {
        Node {
            data,
            created: zxid,
            modified: zxid,
            children_changed: zxid,
            version: 0,
            acl_version: 0,
            creates: 0,
            kind,
            rights,
            children: BTreeSet::new(),
        }
    }

    /// Its Stat as clients see it, without times.
    pub fn stat(&self) -> Stat {
        let children = self.children.len();
        Stat {
            czxid: self.created,
            mzxid: self.modified,
            pzxid: self.children_changed,
            ctime: 0,
            mtime: 0,
            version: self.version,
            cversion: self
                .creates
                .wrapping_mul(2)
                .wrapping_sub(i32::try_from(children).unwrap_or(i32::MAX)),
            aversion: self.acl_version,
            ephemeral_owner: match self.kind {
                Kind::Ephemeral(session) => session,
                Kind::Plain | Kind::Container | Kind::Ttl { .. } => SessionId::NONE,
            },
            data_length: u32::try_from(self.data.len()).unwrap_or(u32::MAX),
            num_children: u32::try_from(children).unwrap_or(u32::MAX),
        }
    }
}
