//! What a server holds as the leader. Empty at any other server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::lead::Question;
use super::request::{RequestName, Waiting};
use crate::ids::{LocalTime, NodeId, SessionId};
use crate::mutation::Mutations;
use crate::tree::Outstanding;

/// A leader's requests and sessions.
#[derive(Clone, Debug)]
pub(super) struct Leading {
    /// Requests that wait to be prepared.
    pub waiting: VecDeque<Waiting>,
    /// With deltas: what is prepared and not yet applied.
    pub outstanding: Outstanding,
    /// Through which server each session speaks.
    pub owners: BTreeMap<SessionId, NodeId>,
    /// When each session was last heard of.
    pub heard: BTreeMap<SessionId, LocalTime>,
    /// Where retries are recognised: the requests that wait or are proposed and not
    /// yet applied. At most `Server::waiting_max`.
    pub under_way: BTreeSet<RequestName>,
    /// The latest question of each server about a session whose end is on its way, or that this
    /// leader does not know.
    pub undecided: BTreeMap<(SessionId, NodeId), Question>,
}

impl Leading {
    pub fn new(mutations: Mutations) -> Leading {
        Leading {
            waiting: VecDeque::new(),
            outstanding: Outstanding::new(mutations),
            owners: BTreeMap::new(),
            heard: BTreeMap::new(),
            under_way: BTreeSet::new(),
            undecided: BTreeMap::new(),
        }
    }

    /// Forgets everything: leadership begins or ends.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.outstanding.clear();
        self.owners.clear();
        self.heard.clear();
        self.under_way.clear();
        self.undecided.clear();
    }
}
