//! The settings of one server, and the spans that follow from them.

use crate::ids::{NodeId, Span};
use crate::mutation::Mutations;
use crate::protocol::TimerRange;

/// The settings of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The servers that vote.
    pub voters: Vec<NodeId>,
    /// The voters but this server.
    pub peers: Vec<NodeId>,
    /// The observers but this server.
    pub observers: Vec<NodeId>,
    /// Interval of a leader's heartbeats.
    pub heartbeat: Span,
    /// Shortest election timeout T; timeouts are drawn from T to 2T.
    pub election_timeout: Span,
    /// Interval after which unanswered messages are sent again.
    pub retransmit: Span,
    /// How far beyond its chosen prefix a leader proposes new commands.
    pub window: u64,
    /// Slots kept below the snapshot for those that lag a little.
    pub log_tail: u64,
    /// Slots between two snapshots.
    pub snapshot_every: u64,
    /// How many proposals, barriers and reads are held at a time, of each.
    pub outstanding_max: usize,
    /// The bugs switched on.
    pub mutations: Mutations,
}

impl Config {
    /// Whether this server has a vote.
    pub(super) fn is_voter(&self) -> bool {
        self.voters.contains(&self.me)
    }

    /// From where an election timeout is drawn.
    pub(super) fn election_range(&self) -> TimerRange {
        TimerRange {
            min: self.election_timeout,
            max: self.election_timeout.times(2),
        }
    }

    /// How long a leader goes without a quorum, and a barrier without an answer.
    pub(super) fn patience(&self) -> Span {
        self.election_timeout.times(2)
    }
}
