//! One node of the tree: what is stored, and its Stat.

use super::acl::{self, Ace, Acl};
use super::paths;
use super::request::{CreateMode, Data, Path, Stat};
use super::shared::Names;
use crate::canonical::{Canonical, RunHash};
use crate::ids::{SessionId, Zxid};

/// What is stored of a node. Only the state machine changes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub(super) path: Path,
    pub(super) data: Data,
    /// Invariant: the digest of `data`, so that a change of a counter does not hash the content.
    pub(super) data_digest: u64,
    pub(super) czxid: Zxid,
    pub(super) mzxid: Zxid,
    /// Never lowered, so that a replayed older change does not hide a newer one.
    pub(super) pzxid: Zxid,
    pub(super) ctime: u64,
    pub(super) mtime: u64,
    pub(super) version: i32,
    /// How many children were ever created; never lowered. ZooKeeper stores this as the cversion,
    /// and gives clients `2 x creates - children`.
    pub(super) creates: i32,
    /// The session of an ephemeral node, or what [`Lifetime::owner`] says.
    pub(super) owner: SessionId,
    pub(super) aversion: i32,
    pub(super) acl: Acl,
    /// The names of the children.
    pub(super) children: Names,
}

impl Node {
    /// A node as it is when `zxid` creates it, with the open ACL.
    pub(super) fn new(path: Path, data: Data, owner: SessionId, zxid: Zxid, time_ms: u64) -> Node {
        Node {
            path,
            data_digest: digest_of_data(&data),
            data,
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time_ms,
            mtime: time_ms,
            version: 0,
            creates: 0,
            owner,
            aversion: 0,
            acl: Acl::OPEN,
            children: Names::new(),
        }
    }

    /// The nodes that every tree has from the start. The creates of the built-in children were
    /// never counted, so "/" has the cversion -1; and the ACL of the configuration was set to
    /// version -1.
    pub(super) fn built_in() -> [Node; 4] {
        let bare = |path: &str, children: &[&str]| Node {
            children: children.iter().copied().collect(),
            ..Node::new(
                Path::from(path),
                Data::from([]),
                SessionId::NONE,
                Zxid::ZERO,
                0,
            )
        };
        let config = Node {
            aversion: -1,
            acl: Acl::of(vec![Ace::new(acl::READ, "world", "anyone")]),
            ..bare(paths::CONFIG, &[])
        };
        [
            bare(paths::ROOT, &["zookeeper"]),
            bare(paths::ZOOKEEPER, &["config", "quota"]),
            config,
            bare(paths::QUOTA, &[]),
        ]
    }

    /// How long it lives.
    pub fn lifetime(&self) -> Lifetime {
        Lifetime::of(self.owner)
    }

    /// Who may do what to it.
    pub fn acl(&self) -> &Acl {
        &self.acl
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its content.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Its Stat as clients see it.
    pub fn stat(&self) -> Stat {
        let children = self.children.len();
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            pzxid: self.pzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            cversion: self
                .creates
                .wrapping_mul(2)
                .wrapping_sub(i32::try_from(children).expect("a tree in memory has few nodes")),
            aversion: self.aversion,
            ephemeral_owner: match self.lifetime() {
                Lifetime::Session(session) => session,
                // Clients are not told.
                Lifetime::Endless | Lifetime::Container | Lifetime::Ttl { .. } => SessionId::NONE,
            },
            data_length: u32::try_from(self.data.len()).expect("content is far below 4 GiB"),
            num_children: u32::try_from(children).expect("a tree in memory has few nodes"),
        }
    }

    /// Replaces the content, as the transaction says.
    pub(super) fn set(&mut self, data: &Data, version: i32, zxid: Zxid, time_ms: u64) {
        self.data = data.clone();
        self.data_digest = digest_of_data(data);
        self.version = version;
        self.mzxid = zxid;
        self.mtime = time_ms;
    }

    /// Takes note of a child's coming. The counters only move up: see the module essay. A counter
    /// that has wrapped around does not move up, and so, as in ZooKeeper, pzxid stays as well.
    pub(super) fn child_came(&mut self, creates: i32, zxid: Zxid) {
        if creates > self.creates {
            self.creates = creates;
            self.pzxid = self.pzxid.max(zxid);
        }
    }

    /// Takes note of a child's going.
    pub(super) fn child_went(&mut self, zxid: Zxid) {
        self.pzxid = self.pzxid.max(zxid);
    }

    /// This node's share of the state's digest. The names of the children are in their own shares;
    /// their number is here because the Stat has it.
    pub(super) fn share(&self) -> u64 {
        let mut hash = RunHash::new();
        hash.word(SHARE_OF_A_NODE);
        hash.bytes(self.path.as_bytes());
        hash.word(self.data_digest);
        hash.word(self.data.len() as u64);
        self.czxid.feed(&mut hash);
        self.mzxid.feed(&mut hash);
        self.pzxid.feed(&mut hash);
        hash.word(self.ctime);
        hash.word(self.mtime);
        hash.word((u64::from(self.version as u32) << 32) | u64::from(self.creates as u32));
        self.owner.feed(&mut hash);
        hash.word(u64::from(self.aversion as u32) << 1 | u64::from(self.data.is_null()));
        self.acl.feed(&mut hash);
        hash.word(self.children.len() as u64);
        hash.value()
    }
}

/// How long a node lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifetime {
    /// Until it is deleted.
    Endless,
    /// As long as a session: an ephemeral node.
    Session(SessionId),
    /// Until it has lost its last child.
    Container,
    /// Until it has no children and was not set for so long.
    Ttl {
        /// Milliseconds.
        ms: u64,
    },
}

impl Lifetime {
    const CONTAINER: u64 = 0x8000_0000_0000_0000;
    const TTL: u64 = 0xff00_0000_0000_0000;

    /// The lifetime that an owner stands for.
    pub fn of(owner: SessionId) -> Lifetime {
        match owner.0 {
            0 => Lifetime::Endless,
            Lifetime::CONTAINER => Lifetime::Container,
            Lifetime::TTL.. => Lifetime::Ttl {
                ms: owner.0 - Lifetime::TTL,
            },
            _session => Lifetime::Session(owner),
        }
    }

    /// The owner it is stored as: ZooKeeper's `ephemeralOwner`.
    pub fn owner(self) -> SessionId {
        match self {
            Lifetime::Endless => SessionId::NONE,
            Lifetime::Session(session) => session,
            Lifetime::Container => SessionId(Lifetime::CONTAINER),
            Lifetime::Ttl { ms } => SessionId(Lifetime::TTL | ms),
        }
    }

    /// The lifetime of a node that `session` creates with this mode.
    pub fn created(mode: CreateMode, session: SessionId) -> Lifetime {
        match mode {
            CreateMode::Persistent | CreateMode::PersistentSequential => Lifetime::Endless,
            CreateMode::Ephemeral | CreateMode::EphemeralSequential => Lifetime::Session(session),
            CreateMode::Container | CreateMode::ContainerSequential => Lifetime::Container,
            CreateMode::Ttl { ms } | CreateMode::TtlSequential { ms } => Lifetime::Ttl { ms },
        }
    }
}

/// Keeps the shares of nodes apart from those of sessions and answers.
const SHARE_OF_A_NODE: u64 = 1;

fn digest_of_data(data: &Data) -> u64 {
    let mut hash = RunHash::new();
    hash.bytes(data);
    hash.value()
}
