//! What was prepared and is not yet applied (ZooKeeper's `outstandingChanges`).

use std::collections::{BTreeMap, VecDeque};

use super::acl::Acl;
use super::paths::Path;
use crate::ids::{SessionId, Span};
use crate::mutation::Mutations;

/// What was prepared and is not yet applied, as an overlay over the applied state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding {
    pub(super) mutations: Mutations,
    /// The ordinal of the last transaction prepared.
    last: u64,
    /// What each prepared transaction touched, the oldest first: the front has ordinal
    /// `last - prepared.len() + 1`.
    prepared: VecDeque<Touched>,
    pub(super) nodes: BTreeMap<Path, Change<Option<Record>>>,
    pub(super) sessions: BTreeMap<SessionId, Change<Life>>,
}

/// An entry of the overlay: the latest change, and which transaction made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Change<T> {
    pub(super) ordinal: u64,
    pub(super) now: T,
}

/// What validation needs to know about a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) version: i32,
    pub(super) aversion: i32,
    pub(super) creates: i32,
    pub(super) children: usize,
    pub(super) owner: SessionId,
    pub(super) acl: Acl,
}

/// What a prepared transaction makes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// It opens.
    Open {
        /// With this timeout.
        timeout: Span,
    },
    /// It ends.
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

    /// The ordinal of the transaction that is prepared next.
    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Notes what that transaction touched.
    pub(super) fn note(&mut self, nodes: Vec<Path>, session: Option<SessionId>) {
        self.prepared.push_back(Touched { nodes, session });
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

    /// What becomes of a session once everything prepared is applied; `None` if nothing prepared
    /// opens or ends it.
    pub fn life(&self, session: SessionId) -> Option<Life> {
        self.sessions.get(&session).map(|entry| entry.now)
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
