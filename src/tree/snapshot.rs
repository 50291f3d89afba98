//! Capturing the state and restoring it.
//!
//! A capture runs chunk by chunk beside applies, so what it holds may be newer than its zxid, and
//! newer in its later parts than in its earlier ones. That is repaired by replaying the
//! transactions above its zxid, all of which are absolute. Commands are not: they are executed by
//! what the state says, so under commands only [`Snapshot::atomic`] is of use.

use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::node::Node;
use super::nodes::Nodes;
use super::paths;
use super::request::Path;
use super::session::Session;
use super::shared::Names;
use super::state::{State, combine};
use crate::canonical::{Canonical, RunHash};
use crate::ids::{SessionId, Zxid};
use crate::mutation::Mutations;

/// A captured state: cheap to clone, opaque to the protocols.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Everything through this zxid is in it; a fuzzy one may hold more.
    pub zxid: Zxid,
    /// What was captured.
    pub image: Arc<StateImage>,
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Snapshot) -> bool {
        self.zxid == other.zxid
            && (Arc::ptr_eq(&self.image, &other.image) || self.image == other.image)
    }
}

impl Eq for Snapshot {}

impl core::hash::Hash for Snapshot {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.zxid.0);
        state.write_u64(self.image.digest());
    }
}

/// In a trace a snapshot is named, not spelled out.
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_struct("Snapshot", 2)?;
        parts.serialize_field("zxid", &self.zxid)?;
        parts.serialize_field("digest", &self.image.digest())?;
        parts.end()
    }
}

impl Canonical for Snapshot {
    fn feed(&self, hash: &mut RunHash) {
        self.zxid.feed(hash);
        hash.word(self.image.digest());
    }
}

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateImage {
    kind: Kind,
    time_ms: u64,
    sessions: BTreeMap<SessionId, Arc<Session>>,
    /// Of an atomic one, shared with the state it was taken of as far as that has not changed
    /// since. Invariant: the parent of each is there as well.
    nodes: Nodes,
    digest: u64,
    /// See [`StateImage::settled`].
    settled: Zxid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing was applied in between: the nodes know their children rightly.
    Atomic,
    /// The children of a node are those that were captured, whatever the node itself says.
    Fuzzy,
}

impl StateImage {
    /// The digest of the image; of an atomic one, the state's.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many nodes it holds.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// It holds effects up to here, some of them above the snapshot's zxid if it is fuzzy: a state
    /// restored from it is the true one again once the log is replayed through this zxid.
    pub fn settled(&self) -> Zxid {
        self.settled
    }
}

impl Snapshot {
    /// Captures the state between two applies.
    pub fn atomic(state: &State) -> Snapshot {
        Snapshot {
            zxid: state.applied,
            image: Arc::new(StateImage {
                kind: Kind::Atomic,
                time_ms: state.time_ms,
                sessions: state.sessions.clone(),
                nodes: state.nodes.clone(),
                digest: state.digest(),
                settled: state.applied,
            }),
        }
    }
}

/// A fuzzy capture in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    zxid: Zxid,
    chunk: usize,
    stage: Stage,
    time_ms: u64,
    sessions: BTreeMap<SessionId, Arc<Session>>,
    nodes: Nodes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Sessions,
    /// Nodes after this path are still to come; `None` before the first.
    Nodes(Option<Path>),
}

impl Capture {
    /// Starts a capture of `chunk` nodes a step. Its zxid is the state's of this moment.
    pub fn start(state: &State, chunk: usize) -> Capture {
        assert!(chunk > 0, "a capture takes at least one node a step");
        Capture {
            zxid: state.applied,
            chunk,
            stage: Stage::Sessions,
            time_ms: 0,
            sessions: BTreeMap::new(),
            nodes: Nodes::default(),
        }
    }

    /// Captures the next chunk: first the sessions, then the nodes in the order of their paths.
    /// The last one hands out the snapshot; the capture is then used up. `under_way` is the zxid of
    /// an apply that is half done at this moment.
    pub fn advance(&mut self, state: &State, under_way: Option<Zxid>) -> Option<Snapshot> {
        let after = match &self.stage {
            Stage::Sessions => {
                self.time_ms = state.time_ms;
                self.sessions = state.sessions.clone();
                self.stage = Stage::Nodes(None);
                return None;
            }
            Stage::Nodes(after) => after.clone(),
        };
        let mut rest = state.nodes.range(match &after {
            None => Bound::Unbounded,
            Some(path) => Bound::Excluded(path),
        });
        for node in rest.by_ref().take(self.chunk) {
            self.stage = Stage::Nodes(Some(node.path.clone()));
            self.take(node);
        }
        if rest.next().is_some() {
            return None;
        }
        Some(self.finish(state.applied.max(under_way.unwrap_or(Zxid::ZERO))))
    }

    /// Keeps a node if its parent was kept. Otherwise both were created after the capture had
    /// passed the parent's place, and the replay creates both.
    fn take(&mut self, node: &Arc<Node>) {
        let parent = paths::parent(&node.path).expect("every node has a path with a slash");
        let is_root = &*node.path == paths::ROOT;
        if is_root || self.nodes.contains(parent) {
            self.nodes.insert(node.clone());
        }
    }

    fn finish(&mut self, settled: Zxid) -> Snapshot {
        let nodes = core::mem::take(&mut self.nodes);
        let sessions = core::mem::take(&mut self.sessions);
        let shares = nodes.values().map(|node| node.share());
        let shares = sessions
            .iter()
            .map(|(id, session)| session.share(*id))
            .chain(shares)
            .fold(0, u64::wrapping_add);
        Snapshot {
            zxid: self.zxid,
            image: Arc::new(StateImage {
                kind: Kind::Fuzzy,
                time_ms: self.time_ms,
                sessions,
                nodes,
                digest: combine(shares, self.time_ms),
                settled,
            }),
        }
    }
}

impl State {
    /// The state that a snapshot holds, or the empty one. The digest is computed afresh.
    pub fn restore(snapshot: Option<&Snapshot>, mutations: Mutations) -> State {
        let Some(snapshot) = snapshot else {
            return State::new(mutations);
        };
        let image = &snapshot.image;
        let mut state = State::without_nodes(mutations);
        state.applied = snapshot.zxid;
        state.time_ms = image.time_ms;
        for (id, session) in &image.sessions {
            state.put_session(*id, session.clone());
        }
        state.put_nodes(match image.kind {
            Kind::Atomic => image.nodes.clone(),
            Kind::Fuzzy => relink(&image.nodes),
        });
        state
    }
}

/// Gives each node the children that are there.
fn relink(nodes: &Nodes) -> Nodes {
    let mut relinked: Nodes = Nodes::default();
    for node in nodes.values() {
        let mut node = node.as_ref().clone();
        node.children = Names::new();
        if &*node.path != paths::ROOT {
            let parent = paths::parent(&node.path).expect("every node has a path with a slash");
            let parent = relinked
                .get_mut(parent)
                .expect("a capture keeps no node without its parent");
            let name = paths::name(&node.path);
            Arc::make_mut(parent).children.insert(name);
        }
        relinked.insert(Arc::new(node));
    }
    relinked
}
