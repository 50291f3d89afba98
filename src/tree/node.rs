//! One node of the tree: what is stored, and the Stat that is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::request::{Data, Path, Stat};
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
    /// and tells clients `2 x creates - children`.
    pub(super) creates: i32,
    pub(super) owner: SessionId,
    /// The names of the children.
    pub(super) children: BTreeSet<Arc<str>>,
}

impl Node {
    /// A node as it is when `zxid` creates it.
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
            children: BTreeSet::new(),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its content.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// What clients are told about it.
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
            // There are no ACLs here, so nothing ever sets one.
            aversion: 0,
            ephemeral_owner: self.owner,
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

    /// Takes note of a child's coming or going. The counters only move up: see the module essay.
    pub(super) fn child_changed(&mut self, creates: i32, zxid: Zxid) {
        self.creates = self.creates.max(creates);
        self.pzxid = self.pzxid.max(zxid);
    }

    /// This node's share of the state's digest. The names of the children are in their own shares;
    /// their number is here because the Stat tells it.
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
        hash.word(self.children.len() as u64);
        hash.value()
    }
}

/// Keeps the shares of nodes apart from those of sessions and answers.
const SHARE_OF_A_NODE: u64 = 1;

fn digest_of_data(data: &Data) -> u64 {
    let mut hash = RunHash::new();
    hash.bytes(data);
    hash.value()
}
