//! From a request to a transaction: validation against the speculative state.
//!
//! The speculative state is the applied one under an overlay of what prepared and not yet applied
//! transactions will change (ZooKeeper's `outstandingChanges`). Here is the overlay; the rules are
//! in `draft`.

use std::collections::{BTreeMap, VecDeque};

use super::acl::Acl;
use super::draft::Draft;
use super::payload::{Txn, TxnRecord};
use super::read::Asker;
use super::request::{Path, Write};
use super::state::State;
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
        let nobody = Asker { session, ids: &[] };
        self.prepare_as(state, nobody, seq, time_ms, write)
    }

    /// As [`Outstanding::prepare`], asked by somebody of whom something is known.
    pub fn prepare_as(
        &mut self,
        state: &State,
        asker: Asker<'_>,
        seq: u32,
        time_ms: u64,
        write: &Write,
    ) -> TxnRecord {
        let session = asker.session;
        self.last += 1;
        let mut draft = Draft::new(self, state, asker, self.last);
        let txn = draft.write(write);
        let nodes = draft.touched();
        let session_touched = match txn {
            Txn::CreateSession { .. } | Txn::CloseSession { .. } => Some(session),
            Txn::Create { .. }
            | Txn::CreateWith { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
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
