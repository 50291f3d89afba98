//! Zab's own timeouts and sizes.

use crate::ids::Span;
use crate::protocol::knobs::{Knob, KnobSet, Knobs, Pick, Timing};

/// Zab's own timeouts and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZabKnobs {
    /// Ticks a learner may take to connect and to take over the leader's history.
    pub init_limit: u32,
    /// Ticks a learner or leader may be silent.
    pub sync_limit: u32,
    /// How long an election waits for a better vote once it has a quorum (`finalizeWait`).
    pub finalize_wait: Span,
    /// First and shortest wait for notifications; doubles up to `notification_max`.
    pub notification_min: Span,
    /// Longest wait for notifications.
    pub notification_max: Span,
    /// Committed transactions kept in memory for DIFF (ZooKeeper: 500).
    pub committed_log_window: u32,
    /// Width of the zxid's counter in bits; a full counter forces a new epoch (ZooKeeper: 32).
    pub zxid_counter_bits: u32,
}

impl Default for ZabKnobs {
    fn default() -> Self {
        ZabKnobs {
            init_limit: 10,
            sync_limit: 4,
            finalize_wait: Span::millis(20),
            notification_min: Span::millis(20),
            notification_max: Span::millis(640),
            committed_log_window: 20,
            zxid_counter_bits: 32,
        }
    }
}

impl KnobSet for ZabKnobs {
    const TABLE: &'static [Knob<ZabKnobs>] = &[
        Knob::interval("finalize_wait", 1, |knobs| &mut knobs.finalize_wait),
        Knob::interval("notification_min", 1, |knobs| &mut knobs.notification_min),
        Knob::interval("notification_max", 8, |knobs| &mut knobs.notification_max),
        Knob::<Self>::count("init_limit", 1, 1_000, |knobs| &mut knobs.init_limit),
        Knob::<Self>::count("sync_limit", 1, 1_000, |knobs| &mut knobs.sync_limit),
        Knob::<Self>::count("committed_log_window", 1, 1_000_000, |knobs| {
            &mut knobs.committed_log_window
        })
        .drawn(3, Pick::Between)
        .halved(1_000_000),
        Knob::<Self>::count("zxid_counter_bits", 3, 32, |knobs| {
            &mut knobs.zxid_counter_bits
        })
        .drawn(8, Pick::OneOf)
        .strained(16)
        .halved(8),
    ];
    const ORDERED: &'static [(&'static str, &'static str)] =
        &[("notification_min", "notification_max")];
}

impl ZabKnobs {
    /// The greatest counter of a zxid.
    pub(super) fn counter_max(&self) -> u32 {
        let bits = self.zxid_counter_bits;
        assert!((1..=32).contains(&bits), "a counter of {bits} bits");
        ((1u64 << bits) - 1) as u32
    }

    /// What the knobs say of a recovery. A leader is heard of twice a tick.
    pub(super) fn timing(&self, shared: &Knobs) -> Timing {
        let ticks = |count: u32| shared.tick.times(u64::from(count));
        Timing {
            silence: ticks(self.sync_limit),
            election: self.notification_max.max(ticks(self.init_limit)),
            decision: self.finalize_wait,
            patience: ticks(self.sync_limit.saturating_sub(2)),
            epoch_length: self.counter_max(),
            ..Timing::NONE
        }
    }
}
