//! The applied state of one server: nodes, sessions, time, and a digest of all of it.

use core::hash::{Hash, Hasher};
use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::acl::Acl;
use super::node::{Lifetime, Node};
use super::nodes::Nodes;
use super::paths;
use super::request::{Answer, Data, ErrorCode, EventKind, Path, Stat, WatchEvent};
use super::session::{Done, Session, Turn};
use crate::canonical::RunHash;
use crate::ids::{SessionId, Span, Zxid};
use crate::mutation::{Mutation, Mutations};

/// The applied state of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(super) mutations: Mutations,
    /// Everything through here is in the state. It moves at the last micro-step of an apply, so a
    /// capture that runs beside an apply never claims more than it holds.
    pub(super) applied: Zxid,
    /// The greatest time stamped on an executed command.
    pub(super) time_ms: u64,
    pub(super) nodes: Nodes,
    pub(super) sessions: BTreeMap<SessionId, Arc<Session>>,
    /// Invariant: the paths of the nodes that are not endless, by owner (see [`Lifetime::owner`]);
    /// no empty sets.
    ephemerals: BTreeMap<SessionId, BTreeSet<Path>>,
    /// Invariant: the wrapping sum of the shares of all nodes and sessions.
    shares: u64,
}

impl State {
    /// The state before the first transaction: the built-in nodes, and nothing else.
    pub fn new(mutations: Mutations) -> State {
        let mut state = State::without_nodes(mutations);
        for node in Node::built_in() {
            state.put_node(Arc::new(node));
        }
        state
    }

    /// A state that lacks even the root, to be filled from a snapshot.
    pub(super) fn without_nodes(mutations: Mutations) -> State {
        State {
            mutations,
            applied: Zxid::ZERO,
            time_ms: 0,
            nodes: Nodes::default(),
            sessions: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            shares: 0,
        }
    }

    /// The last transaction that is wholly applied.
    pub fn applied(&self) -> Zxid {
        self.applied
    }

    /// The digest of nodes, sessions, at-most-once tables and time; not of [`State::applied`].
    pub fn digest(&self) -> u64 {
        combine(self.shares, self.time_ms)
    }

    /// A session, if it lives.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(Arc::as_ref)
    }

    /// The live sessions, ascending.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions
            .iter()
            .map(|(id, session)| (*id, session.as_ref()))
    }

    /// How many sessions are alive.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The ephemeral nodes of a session, ascending.
    pub fn ephemerals(&self, owner: SessionId) -> impl Iterator<Item = &Path> {
        self.ephemerals.get(&owner).into_iter().flatten()
    }

    /// The containers that have lost their last child and the nodes that have outlived their time
    /// at `now_ms`, ascending: what a removal pass asks to delete.
    pub fn removable(&self, now_ms: u64) -> Vec<Path> {
        if self.mutations.has(Mutation::N14) {
            return Vec::new();
        }
        let at_once = self.mutations.has(Mutation::N15);
        let bounded = Lifetime::Container.owner()..;
        let mut paths: Vec<Path> = self
            .ephemerals
            .range(bounded)
            .flat_map(|(_, paths)| paths)
            .filter(|path| {
                let node = self.nodes.get(path).expect("both indices hold the same");
                let is_due = match node.lifetime() {
                    // One that never had a child is kept for the one to come.
                    Lifetime::Container => node.creates > 0,
                    Lifetime::Ttl { ms } => at_once || now_ms.saturating_sub(node.mtime) > ms,
                    Lifetime::Endless | Lifetime::Session(_) => false,
                };
                is_due && node.children.is_empty()
            })
            .cloned()
            .collect();
        paths.sort();
        paths
    }

    /// How many nodes there are, the root included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes in the order of their paths.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(Arc::as_ref)
    }

    /// The Stat of a node, if there is one.
    pub fn stat(&self, path: &str) -> Option<Stat> {
        self.node(path).map(Node::stat)
    }

    /// A node, if there is one; the empty path is the root.
    pub fn node(&self, path: &str) -> Option<&Node> {
        let path = if path.is_empty() { paths::ROOT } else { path };
        self.nodes.get(path).map(Arc::as_ref)
    }

    /// Opens a session. One that is open (a replay over a fuzzy snapshot) stays as it is.
    pub(super) fn open_session(&mut self, id: SessionId, timeout: Span) {
        if !self.sessions.contains_key(&id) {
            self.put_session(id, Arc::new(Session::new(timeout)));
        }
    }

    /// A session's client came back. A command that stands where the session is gone has no effect.
    pub(super) fn attach_session(&mut self, id: SessionId, timeout: Span) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        self.shares = self.shares.wrapping_sub(session.share(id));
        Arc::make_mut(session).attach(timeout);
        self.shares = self.shares.wrapping_add(session.share(id));
    }

    /// Ends a session, with its at-most-once table, unless a fuzzy snapshot lacks it already.
    pub(super) fn close_session(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.remove(&id) {
            self.shares = self.shares.wrapping_sub(session.share(id));
        }
    }

    /// Where and how a command was decided, if its answer is still stored.
    pub fn decided(&self, session: SessionId, seq: u32) -> Option<(Zxid, &Answer)> {
        match self.session(session)?.turn(seq) {
            Turn::Past(done) => done.map(|done| (done.zxid, &done.answer)),
            Turn::Next | Turn::Early => None,
        }
    }

    /// Whether a session's command was decided, however long ago.
    pub fn is_decided(&self, session: SessionId, seq: u32) -> bool {
        self.session(session)
            .is_some_and(|session| seq <= session.last())
    }

    /// Stores the answer of a session's command. Nothing happens if the command ended the session.
    pub(super) fn store_answer(&mut self, id: SessionId, seq: u32, acked: u32, done: Done) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        self.shares = self.shares.wrapping_sub(session.share(id));
        Arc::make_mut(session).store(id, seq, acked, done);
        self.shares = self.shares.wrapping_add(session.share(id));
    }

    /// Creates a node. If it is there already (a replay over a fuzzy snapshot), only the parent's
    /// counters are repaired; if the parent is not, a later delete of it follows in the log.
    pub(super) fn create(
        &mut self,
        birth: NewNode<'_>,
        stamp: Stamp,
        events: &mut Events,
    ) -> Result<Stat, ErrorCode> {
        let path = birth.path;
        let parent = paths::parent(path).expect("prepare named the parent of every path");
        let is_new = !self.nodes.contains(path);
        let (parent, parent_acl) = self
            .change(parent, |parent| {
                parent.child_came(birth.parent_cversion, stamp.zxid);
                parent.children.insert(paths::name(path));
                (parent.path.clone(), parent.acl.clone())
            })
            .ok_or(ErrorCode::NoNode)?;
        if !is_new {
            return Err(ErrorCode::NodeExists);
        }
        let mut node = Node::new(
            path.clone(),
            birth.data.clone(),
            birth.owner,
            stamp.zxid,
            stamp.time_ms,
        );
        node.acl = birth.acl.clone();
        let stat = node.stat();
        self.put_node(Arc::new(node));
        events.push(stamp.event(EventKind::NodeCreated, path.clone()), birth.acl);
        events.push(
            stamp.event(EventKind::NodeChildrenChanged, parent),
            &parent_acl,
        );
        Ok(stat)
    }

    /// Deletes a node. The parent learns of it even if the node is gone already: what a fuzzy
    /// snapshot lacks is exactly that (ZK-3249).
    pub(super) fn delete(
        &mut self,
        path: &Path,
        stamp: Stamp,
        events: &mut Events,
    ) -> Result<(), ErrorCode> {
        let parent = paths::parent(path).expect("prepare named the parent of every path");
        let parent = self.change(parent, |parent| {
            parent.child_went(stamp.zxid);
            parent.children.remove(paths::name(path));
            (parent.path.clone(), parent.acl.clone())
        });
        let node = self.take_node(path).ok_or(ErrorCode::NoNode)?;
        if !node.children.is_empty() {
            self.take_descendants(path);
        }
        let deleted = stamp.event(EventKind::NodeDeleted, node.path.clone());
        events.push(deleted, &node.acl);
        if let Some((parent, acl)) = parent {
            events.push(stamp.event(EventKind::NodeChildrenChanged, parent), &acl);
        }
        Ok(())
    }

    /// Replaces a node's content.
    pub(super) fn set_data(
        &mut self,
        path: &Path,
        data: &Data,
        version: i32,
        stamp: Stamp,
        events: &mut Events,
    ) -> Result<Stat, ErrorCode> {
        let leaves_mtime = self.mutations.has(Mutation::N16);
        let (path, acl, stat) = self
            .change(path, |node| {
                let mtime = if leaves_mtime {
                    node.mtime
                } else {
                    stamp.time_ms
                };
                node.set(data, version, stamp.zxid, mtime);
                (node.path.clone(), node.acl.clone(), node.stat())
            })
            .ok_or(ErrorCode::NoNode)?;
        events.push(stamp.event(EventKind::NodeDataChanged, path), &acl);
        Ok(stat)
    }

    /// Replaces a node's ACL.
    pub(super) fn set_acl(
        &mut self,
        path: &str,
        acl: &Acl,
        version: i32,
    ) -> Result<Stat, ErrorCode> {
        self.change(path, |node| {
            node.acl = acl.clone();
            node.aversion = version;
            node.stat()
        })
        .ok_or(ErrorCode::NoNode)
    }

    /// Overwrites a counter of a node, as only a test of wrap-around does: says whether there is
    /// such a node. The counter `Creates` is what ZooKeeper stores as the cversion.
    pub fn poke(&mut self, path: &str, counter: Counter, value: i32) -> bool {
        self.change(path, |node| match counter {
            Counter::Version => node.version = value,
            Counter::Creates => node.creates = value,
            Counter::Aversion => node.aversion = value,
        })
        .is_some()
    }

    /// Adds a node whose parent knows of it.
    pub(super) fn put_node(&mut self, node: Arc<Node>) {
        self.index(&node);
        self.nodes.insert(node);
    }

    /// Takes the nodes of a snapshot, which it shares from now on.
    pub(super) fn put_nodes(&mut self, nodes: Nodes) {
        for node in nodes.values() {
            self.index(node);
        }
        self.nodes = nodes;
    }

    fn index(&mut self, node: &Node) {
        if node.lifetime() != Lifetime::Endless {
            let own = self.ephemerals.entry(node.owner).or_default();
            own.insert(node.path.clone());
        }
        self.shares = self.shares.wrapping_add(node.share());
    }

    /// Adds a session.
    pub(super) fn put_session(&mut self, id: SessionId, session: Arc<Session>) {
        self.shares = self.shares.wrapping_add(session.share(id));
        self.sessions.insert(id, session);
    }

    fn take_node(&mut self, path: &str) -> Option<Arc<Node>> {
        let node = self.nodes.remove(path)?;
        self.shares = self.shares.wrapping_sub(node.share());
        if let Some(own) = self.ephemerals.get_mut(&node.owner) {
            own.remove(path);
            if own.is_empty() {
                self.ephemerals.remove(&node.owner);
            }
        }
        Some(node)
    }

    /// Removes what lies below a deleted node. Only a replay over a fuzzy snapshot gets here: the
    /// image then holds children of a later incarnation of the node, and the log, which goes on to
    /// create that incarnation, creates them again.
    fn take_descendants(&mut self, path: &str) {
        let prefix = format!("{path}/");
        let below: Vec<Path> = self
            .nodes
            .range(Bound::Included(prefix.as_str()))
            .map(|node| node.path.clone())
            .take_while(|path| path.starts_with(&prefix))
            .collect();
        for path in below {
            self.take_node(&path);
        }
    }

    /// Changes a node and its share of the digest.
    fn change<T>(&mut self, path: &str, change: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let node = self.nodes.get_mut(path)?;
        let before = node.share();
        let result = change(Arc::make_mut(node));
        self.shares = self.shares.wrapping_sub(before).wrapping_add(node.share());
        Some(result)
    }
}

/// Two states with equal digests and positions are taken for equal wherever hashes are stored.
impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.applied.0);
        hasher.write_u64(self.digest());
    }
}

/// The events of an apply, and the ACL of each one's node: only who may read it hears of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) told: Vec<WatchEvent>,
    /// One for each event; none at all as long as all of them are open.
    pub(super) acls: Vec<Acl>,
}

impl Events {
    fn push(&mut self, event: WatchEvent, acl: &Acl) {
        if *acl != Acl::OPEN {
            self.acls.resize(self.told.len(), Acl::OPEN);
        }
        if *acl != Acl::OPEN || !self.acls.is_empty() {
            self.acls.push(acl.clone());
        }
        self.told.push(event);
    }
}

/// The node that a create makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewNode<'a> {
    pub(super) path: &'a Path,
    pub(super) data: &'a Data,
    pub(super) owner: SessionId,
    pub(super) parent_cversion: i32,
    pub(super) acl: &'a Acl,
}

/// A counter of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// The version of the content.
    Version,
    /// How many children were ever created.
    Creates,
    /// The version of the ACL.
    Aversion,
}

/// What a transaction stamps on whatever it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub(super) zxid: Zxid,
    pub(super) time_ms: u64,
}

impl Stamp {
    fn event(self, kind: EventKind, path: Path) -> WatchEvent {
        WatchEvent {
            kind,
            path,
            zxid: self.zxid,
        }
    }
}

/// The digest of a state, from the sum of its shares and its time.
pub(super) fn combine(shares: u64, time_ms: u64) -> u64 {
    let mut hash = RunHash::new();
    hash.word(shares);
    hash.word(time_ms);
    hash.value()
}
