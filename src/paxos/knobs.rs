//! Multi-Paxos's own timeouts and sizes.

use super::slot::POSITIONS;
use crate::ids::Span;
use crate::protocol::knobs::{Knob, KnobSet, Pick, Timing};
use crate::quorum::{PhaseQuorums, Quorums, majority};

/// Multi-Paxos's own timeouts and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaxosKnobs {
    /// Interval of a leader's heartbeats.
    pub heartbeat: Span,
    /// Shortest election timeout; a follower draws from `election_timeout..=2 * it`.
    pub election_timeout: Span,
    /// How far beyond the chosen prefix a leader may propose (the pipelining window).
    pub window: u32,
    /// How many commands share a slot at most: those that wait while the window is full.
    pub batch_max: u32,
    /// Slots kept below the snapshot for catch-up without a snapshot.
    pub log_tail: u32,
    /// By how many votes phase 2 needs less than a majority, at most. Phase 1 needs as many more,
    /// so that the two always share a voter (flexible quorums: Howard, Malkhi and Spiegelman,
    /// OPODIS 2016). Without effect on weights and groups.
    pub phase2_less: u32,
}

impl Default for PaxosKnobs {
    fn default() -> Self {
        PaxosKnobs {
            heartbeat: Span::millis(20),
            election_timeout: Span::millis(100),
            window: 16,
            batch_max: 16,
            log_tail: 10,
            phase2_less: 0,
        }
    }
}

impl KnobSet for PaxosKnobs {
    const TABLE: &'static [Knob<PaxosKnobs>] = &[
        Knob::interval("heartbeat", 1, |knobs| &mut knobs.heartbeat),
        Knob::interval("election_timeout", 4, |knobs| &mut knobs.election_timeout),
        Knob::<Self>::count("window", 1, 100_000, |knobs| &mut knobs.window)
            .drawn(5, Pick::Between)
            .strained(8),
        Knob::<Self>::count("batch_max", 1, POSITIONS.places() as u32, |knobs| {
            &mut knobs.batch_max
        })
        .drawn(31, Pick::OneOf),
        Knob::<Self>::count("log_tail", 0, 1_000_000, |knobs| &mut knobs.log_tail)
            .drawn(6, Pick::Between),
        Knob::<Self>::count("phase2_less", 0, 3, |knobs| &mut knobs.phase2_less)
            .drawn(30, Pick::OneOf),
    ];
}

impl PaxosKnobs {
    /// The quorums of both phases.
    pub(super) fn phases(&self, quorums: &Quorums) -> PhaseQuorums {
        let Some(voters) = quorums.counted() else {
            return PhaseQuorums::same(quorums.clone());
        };
        let majority = majority(voters.len());
        let less = (self.phase2_less as usize).min(majority - 1);
        let commit = majority - less;
        // Of an even number of voters half would be enough to elect; who elects should commit, too.
        let elect = majority.max(voters.len() + 1 - commit);
        PhaseQuorums {
            elect: Quorums::of_size(&voters, elect),
            commit: Quorums::of_size(&voters, commit),
        }
    }

    /// What the knobs say of a recovery.
    pub(super) fn timing(&self) -> Timing {
        let longest = self.election_timeout.times(2);
        Timing {
            silence: longest,
            election: longest,
            window: self.window.saturating_mul(self.batch_max),
            heartbeat: self.heartbeat,
            patience: self.election_timeout,
            ..Timing::NONE
        }
    }
}
