//! Multi-Paxos's own timeouts and sizes.

use crate::ids::Span;
use crate::protocol::knobs::{Knob, KnobSet, Pick, Timing};

/// Multi-Paxos's own timeouts and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaxosKnobs {
    /// Interval of a leader's heartbeats.
    pub heartbeat: Span,
    /// Shortest election timeout; a follower draws from `election_timeout..=2 * it`.
    pub election_timeout: Span,
    /// How far beyond the chosen prefix a leader may propose (the pipelining window).
    pub window: u32,
    /// Slots kept below the snapshot for catch-up without a snapshot.
    pub log_tail: u32,
}

impl Default for PaxosKnobs {
    fn default() -> Self {
        PaxosKnobs {
            heartbeat: Span::millis(20),
            election_timeout: Span::millis(100),
            window: 16,
            log_tail: 10,
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
        Knob::<Self>::count("log_tail", 0, 1_000_000, |knobs| &mut knobs.log_tail)
            .drawn(6, Pick::Between),
    ];
}

impl PaxosKnobs {
    /// What the knobs say of a recovery.
    pub(super) fn timing(&self) -> Timing {
        let longest = self.election_timeout.times(2);
        Timing {
            silence: longest,
            election: longest,
            window: self.window,
            heartbeat: self.heartbeat,
            patience: self.election_timeout,
            ..Timing::NONE
        }
    }
}
