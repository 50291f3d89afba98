//! From a request to a transaction: validation against the speculative state.
//!
//! The speculative state is the applied one under an overlay of what prepared and not yet applied
//! transactions will change (ZooKeeper's `outstandingChanges`). The rules and their order are
//! ZooKeeper's `PrepRequestProcessor`; of several faults in one request the same one is reported.

use std::collections::{BTreeMap, VecDeque};

use super::paths;
use super::payload::{Txn, TxnRecord};
use super::request::{ANY_VERSION, CreateMode, Data, ErrorCode, Failure, Part, Path, Write};
use super::state::State;
use crate::ids::SessionId;
use crate::mutation::{Mutation, Mutations};

/// What was prepared and is not yet applied, as an overlay over the applied state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding {
    mutations: Mutations,
    /// The ordinal of the last transaction prepared.
    last: u64,
    /// What each prepared transaction touched, the oldest first: the front has ordinal
    /// `last - prepared.len() + 1`.
    prepared: VecDeque<Touched>,
    nodes: BTreeMap<Path, Change<Option<Record>>>,
    sessions: BTreeMap<SessionId, Change<Life>>,
}

/// An entry of the overlay: the latest change, and which transaction made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Change<T> {
    ordinal: u64,
    now: T,
}

/// What validation needs to know about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Record {
    version: i32,
    creates: i32,
    children: usize,
    owner: SessionId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Open,
    Closed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Touched {
    nodes: Vec<Path>,
    session: Option<SessionId>,
}

impl Outstanding {
    /// Nothing outstanding.
    pub fn new(mutations: Mutations) -> Outstanding {
        Outstanding {
            mutations,
            last: 0,
            prepared: VecDeque::new(),
            nodes: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// Turns a request into a transaction, and takes note of what that will change. A request that
    /// fails becomes [`Txn::Error`]: it takes a zxid as well.
    pub fn prepare(
        &mut self,
        state: &State,
        session: SessionId,
        seq: u32,
        time_ms: u64,
        write: &Write,
    ) -> TxnRecord {
        self.last += 1;
        let mut draft = Draft {
            state,
            session,
            ordinal: self.last,
            outstanding: self,
            journal: Vec::new(),
        };
        let txn = draft.write(write);
        let nodes = draft.journal.into_iter().map(|(path, _)| path).collect();
        let session_touched = match txn {
            Txn::CreateSession { .. } | Txn::CloseSession { .. } => Some(session),
            Txn::Create { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::Check { .. }
            | Txn::Multi(_)
            | Txn::Error(_) => None,
        };
        self.prepared.push_back(Touched {
            nodes,
            session: session_touched,
        });
        TxnRecord {
            session,
            seq,
            time_ms,
            txn,
        }
    }

    /// The oldest prepared transaction is applied: what it changed is in the state now. Entries
    /// that a later one changed again stay.
    pub fn settle(&mut self) {
        let ordinal = self.last + 1 - self.prepared.len() as u64;
        let touched = self
            .prepared
            .pop_front()
            .expect("whoever settles has prepared");
        for path in touched.nodes {
            if self
                .nodes
                .get(&path)
                .is_some_and(|entry| entry.ordinal == ordinal)
            {
                self.nodes.remove(&path);
            }
        }
        if let Some(id) = touched.session
            && self
                .sessions
                .get(&id)
                .is_some_and(|entry| entry.ordinal == ordinal)
        {
            self.sessions.remove(&id);
        }
    }

    /// How many transactions are prepared and not settled.
    pub fn len(&self) -> usize {
        self.prepared.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.prepared.is_empty()
    }

    /// The overlay in words, to be compared.
    #[cfg(test)]
    pub(super) fn overlay(&self) -> String {
        format!("{:?} {:?}", self.nodes, self.sessions)
    }

    /// Forgets everything: leadership is lost.
    pub fn clear(&mut self) {
        self.prepared.clear();
        self.nodes.clear();
        self.sessions.clear();
    }
}

/// One request on its way to a transaction.
struct Draft<'a> {
    outstanding: &'a mut Outstanding,
    state: &'a State,
    session: SessionId,
    ordinal: u64,
    /// The entries this request replaced, in order: rolling back puts them back in reverse, the
    /// parents' counters included (ZK-1624).
    journal: Vec<(Path, Option<Change<Option<Record>>>)>,
}

impl Draft<'_> {
    fn write(&mut self, write: &Write) -> Txn {
        // A closing session counts as gone: nothing of it may slip in between the transaction
        // that lists its nodes and the end of the session (ZK-1208, ZK-1496).
        if !matches!(write, Write::CreateSession { .. }) && !self.is_session_open() {
            return Txn::Error(Failure::of(ErrorCode::SessionExpired));
        }
        let result = match write {
            Write::CreateSession { timeout } => {
                self.set_life(Life::Open);
                Ok(Txn::CreateSession { timeout: *timeout })
            }
            Write::Create { path, data, mode } => self.create(path, data, *mode),
            Write::Delete { path, version } => self.delete(path, *version),
            Write::SetData {
                path,
                data,
                version,
            } => self.set_data(path, data, *version),
            Write::Multi(parts) => Ok(self.multi(parts)),
            Write::CloseSession | Write::ExpireSession => Ok(self.close_session()),
        };
        result.unwrap_or_else(|code| Txn::Error(Failure::of(code)))
    }

    fn create(&mut self, path: &Path, data: &Data, mode: CreateMode) -> Result<Txn, ErrorCode> {
        let (parent_path, mut parent) = self.parent(path)?;
        let path = if mode.is_sequential() {
            let number = if self.outstanding.mutations.has(Mutation::T03) {
                i32::try_from(parent.children).expect("a tree in memory has few nodes")
            } else {
                parent.creates
            };
            Path::from(format!("{path}{number:010}"))
        } else {
            path.clone()
        };
        if !paths::is_valid(&path) {
            return Err(ErrorCode::BadArguments);
        }
        if self.node(&path).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if parent.owner != SessionId::NONE {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let owner = if mode.is_ephemeral() {
            self.session
        } else {
            SessionId::NONE
        };
        // A signed 32-bit counter that wraps, as ZooKeeper's.
        parent.creates = parent.creates.wrapping_add(1);
        parent.children += 1;
        self.put(parent_path, Some(parent));
        let newborn = Record {
            version: 0,
            creates: 0,
            children: 0,
            owner,
        };
        self.put(path.clone(), Some(newborn));
        Ok(Txn::Create {
            path,
            data: data.clone(),
            owner,
            parent_cversion: parent.creates,
        })
    }

    fn delete(&mut self, path: &Path, version: i32) -> Result<Txn, ErrorCode> {
        if &**path == paths::ROOT {
            return Err(ErrorCode::BadArguments);
        }
        let (parent_path, mut parent) = self.parent(path)?;
        let (path, node) = self.node(path).ok_or(ErrorCode::NoNode)?;
        check_version(node, version)?;
        if node.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        parent.children -= 1;
        self.put(parent_path, Some(parent));
        self.put(path.clone(), None);
        Ok(Txn::Delete { path })
    }

    fn set_data(&mut self, path: &Path, data: &Data, version: i32) -> Result<Txn, ErrorCode> {
        let (path, mut node) = self.existing(path)?;
        check_version(node, version)?;
        node.version = node.version.wrapping_add(1);
        self.put(path.clone(), Some(node));
        Ok(Txn::SetData {
            path,
            data: data.clone(),
            version: node.version,
        })
    }

    fn check(&mut self, path: &Path, version: i32) -> Result<Txn, ErrorCode> {
        let (path, node) = self.existing(path)?;
        check_version(node, version)?;
        Ok(Txn::Check { path })
    }

    /// All parts or none. Each part sees what those before it did.
    fn multi(&mut self, parts: &[Part]) -> Txn {
        let mut txns = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            let result = match part {
                Part::Create { path, data, mode } => self.create(path, data, *mode),
                Part::Delete { path, version } => self.delete(path, *version),
                Part::SetData {
                    path,
                    data,
                    version,
                } => self.set_data(path, data, *version),
                Part::Check { path, version } => self.check(path, *version),
            };
            match result {
                Ok(txn) => txns.push(txn),
                Err(code) => {
                    self.roll_back();
                    return Txn::Error(failed_multi(code, place, parts.len()));
                }
            }
        }
        Txn::Multi(txns)
    }

    fn close_session(&mut self) -> Txn {
        let mut ephemerals: Vec<Path> = self
            .state
            .ephemerals(self.session)
            .filter(|path| !self.outstanding.nodes.contains_key(*path))
            .cloned()
            .collect();
        let speculative = self
            .outstanding
            .nodes
            .iter()
            .filter(|(_, entry)| entry.now.is_some_and(|node| node.owner == self.session));
        ephemerals.extend(speculative.map(|(path, _)| path.clone()));
        ephemerals.sort();
        for path in &ephemerals {
            let (parent_path, mut parent) = self
                .parent(path)
                .expect("a node that exists has a parent that exists");
            parent.children -= 1;
            self.put(parent_path, Some(parent));
            self.put(path.clone(), None);
        }
        self.set_life(Life::Closed);
        Txn::CloseSession { ephemerals }
    }

    /// The parent named by `path`, which need not be valid yet.
    fn parent(&self, path: &str) -> Result<(Path, Record), ErrorCode> {
        let parent = paths::parent(path)
            .filter(|_| !path.contains('\0'))
            .ok_or(ErrorCode::BadArguments)?;
        self.node(parent).ok_or(ErrorCode::NoNode)
    }

    /// The node named by `path`, which need not be valid yet.
    fn existing(&self, path: &str) -> Result<(Path, Record), ErrorCode> {
        if !paths::is_valid(path) {
            return Err(ErrorCode::BadArguments);
        }
        self.node(path).ok_or(ErrorCode::NoNode)
    }

    /// A node of the speculative state, with its path as it is stored.
    fn node(&self, path: &str) -> Option<(Path, Record)> {
        if let Some((path, entry)) = self.outstanding.nodes.get_key_value(path) {
            return entry.now.map(|node| (path.clone(), node));
        }
        self.state.nodes.get(path).map(|node| {
            let record = Record {
                version: node.version,
                creates: node.creates,
                children: node.children.len(),
                owner: node.owner,
            };
            (node.path.clone(), record)
        })
    }

    fn put(&mut self, path: Path, now: Option<Record>) {
        let entry = Change {
            ordinal: self.ordinal,
            now,
        };
        let before = self.outstanding.nodes.insert(path.clone(), entry);
        self.journal.push((path, before));
    }

    fn roll_back(&mut self) {
        while let Some((path, before)) = self.journal.pop() {
            match before {
                Some(entry) => self.outstanding.nodes.insert(path, entry),
                None => self.outstanding.nodes.remove(&path),
            };
        }
    }

    fn is_session_open(&self) -> bool {
        match self.outstanding.sessions.get(&self.session) {
            Some(entry) => entry.now == Life::Open,
            None => self.state.sessions.contains_key(&self.session),
        }
    }

    fn set_life(&mut self, now: Life) {
        let entry = Change {
            ordinal: self.ordinal,
            now,
        };
        self.outstanding.sessions.insert(self.session, entry);
    }
}

fn check_version(node: Record, expected: i32) -> Result<(), ErrorCode> {
    if expected == ANY_VERSION || expected == node.version {
        Ok(())
    } else {
        Err(ErrorCode::BadVersion)
    }
}

/// The failure of a multi of `count` parts whose part at `place` is at fault.
pub(super) fn failed_multi(code: ErrorCode, place: usize, count: usize) -> Failure {
    let parts = (0..count)
        .map(|part| match part.cmp(&place) {
            core::cmp::Ordering::Less => None,
            core::cmp::Ordering::Equal => Some(code),
            core::cmp::Ordering::Greater => Some(ErrorCode::RuntimeInconsistency),
        })
        .collect();
    Failure { code, parts }
}
