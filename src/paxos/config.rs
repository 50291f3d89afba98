//! The settings of one server, and the spans that follow from them.

use super::PaxosKnobs;
use crate::ids::{NodeId, Span};
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{Ensemble, TimerRange};
use crate::quorum::Quorums;

/// The settings of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The servers that vote.
    pub voters: Vec<NodeId>,
    /// Who has to promise a ballot before its owner proposes.
    pub phase1: Quorums,
    /// Who has to vote for a value before it is chosen, and to acknowledge a round of heartbeats
    /// before reads are answered: any that meets every quorum of phase 1 will do.
    pub phase2: Quorums,
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
    /// How many commands share a slot at most.
    pub batch_max: usize,
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
    /// The settings of a server of an ensemble.
    pub(super) fn of(ensemble: &Ensemble<PaxosKnobs>) -> Config {
        let others = |nodes: &[NodeId]| {
            let others = nodes.iter().copied().filter(|node| *node != ensemble.me);
            others.collect::<Vec<_>>()
        };
        let (knobs, own) = (&ensemble.knobs, &ensemble.own);
        let slower = if ensemble.mutations.has(Mutation::N50) {
            10
        } else {
            1
        };
        assert!(own.window > 0, "a window of 0 slots proposes nothing");
        let mut phases = own.phases(&ensemble.quorums);
        if ensemble.mutations.has(Mutation::N54) {
            phases.elect = phases.commit.clone();
        }
        Config {
            me: ensemble.me,
            voters: ensemble.voters.clone(),
            phase1: phases.elect,
            phase2: phases.commit,
            peers: others(&ensemble.voters),
            observers: others(&ensemble.observers),
            heartbeat: own.heartbeat,
            election_timeout: own.election_timeout.times(slower),
            retransmit: knobs.retransmit,
            window: u64::from(own.window),
            batch_max: match ensemble.mutations.has(Mutation::N55) {
                true => 1,
                false => own.batch_max as usize,
            },
            log_tail: u64::from(own.log_tail),
            snapshot_every: u64::from(knobs.snapshot_every),
            outstanding_max: knobs.outstanding_max as usize,
            mutations: ensemble.mutations,
        }
    }

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
