//! Timeouts and sizes: those that every protocol has, and how a protocol declares its own.
//!
//! Whoever reads or writes settings (scenario files, bundles, shrinking) knows a protocol only by
//! its table of knobs, so a new knob is a field and a line of that table.

use core::fmt::Debug;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Span;

/// The knobs that every protocol and the server around it have, small by default so that every
/// branch is reached in a short run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Knobs {
    /// ZooKeeper's `tickTime`: the unit of the limits counted in ticks and of session expiry.
    pub tick: Span,
    /// Transactions or slots between two snapshots (ZooKeeper's `snapCount`).
    pub snapshot_every: u32,
    /// Interval after which unanswered messages are sent again.
    pub retransmit: Span,
    /// Requests a leader prepares or proposes ahead of the applied state
    /// (`globalOutstandingLimit`).
    pub outstanding_max: u32,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            tick: Span::millis(50),
            snapshot_every: 50,
            retransmit: Span::millis(40),
            outstanding_max: 1_000,
        }
    }
}

impl KnobSet for Knobs {
    const TABLE: &'static [Knob<Knobs>] = &[
        Knob::interval("tick", 1, |knobs| &mut knobs.tick),
        Knob::interval("retransmit", 2, |knobs| &mut knobs.retransmit),
        Knob::<Self>::count("snapshot_every", 1, 1_000_000, |knobs| {
            &mut knobs.snapshot_every
        })
        .drawn(4, Pick::Between)
        .halved(1_000_000),
        Knob::<Self>::count("outstanding_max", 1, 1_000_000, |knobs| {
            &mut knobs.outstanding_max
        })
        .drawn(24, Pick::OneOf),
    ];
}

/// A struct of knobs; its `Default` are the usual values.
pub trait KnobSet: Clone + Debug + Default + PartialEq + 'static {
    /// Every knob of it, in the order in which they are written.
    const TABLE: &'static [Knob<Self>];
    /// Pairs of knobs of which the first may not be above the second.
    const ORDERED: &'static [(&'static str, &'static str)] = &[];
}

/// A protocol without knobs of its own.
impl KnobSet for () {
    const TABLE: &'static [Knob<()>] = &[];
}

/// One knob of a set.
#[derive(Clone, Copy, Debug)]
pub struct Knob<K: 'static> {
    field: Field<K>,
    about: About,
}

/// Where a knob is kept.
#[derive(Clone, Copy, Debug)]
enum Field<K: 'static> {
    Interval(fn(&mut K) -> &mut Span),
    Count(fn(&mut K) -> &mut u32),
}

/// What is known of a knob without its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The name of its field, and its key in files.
    pub name: &'static str,
    /// What its value counts.
    pub unit: Unit,
    /// How a swarm draws it, if it does.
    pub swarm: Option<Swarm>,
    /// The least value of a run that is under strain: many clients or a short queue.
    pub strained_min: u32,
    /// Shrinking halves it, from this value at most: what it bounds then comes sooner.
    pub halved_from: Option<u32>,
}

/// What a knob's value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds between two events of a kind.
    Interval {
        /// The interval in units of a round trip where nobody may be hurried.
        unhurried: u64,
    },
    /// Things, or ticks, from `min` to `max`.
    Count {
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
}

/// How a swarm draws a knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// The number of the draw: no two options of a swarm share one.
    pub option: u64,
    /// What a scenario file gives to draw from.
    pub pick: Pick,
}

/// What is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Both ends of a range.
    Between,
    /// A list of values.
    OneOf,
}

impl<K: KnobSet> Knob<K> {
    /// A knob that is an interval.
    pub const fn interval(
        name: &'static str,
        unhurried: u64,
        field: fn(&mut K) -> &mut Span,
    ) -> Knob<K> {
        Knob::new(name, Unit::Interval { unhurried }, Field::Interval(field))
    }

    /// A knob that is a number from `min` to `max`.
    pub const fn count(
        name: &'static str,
        min: u32,
        max: u32,
        field: fn(&mut K) -> &mut u32,
    ) -> Knob<K> {
        Knob::new(name, Unit::Count { min, max }, Field::Count(field))
    }

    const fn new(name: &'static str, unit: Unit, field: Field<K>) -> Knob<K> {
        Knob {
            field,
            about: About {
                name,
                unit,
                swarm: None,
                strained_min: 0,
                halved_from: None,
            },
        }
    }

    /// The knob as a swarm draws it, with the number of its draw.
    #[must_use]
    pub const fn drawn(mut self, option: u64, pick: Pick) -> Knob<K> {
        self.about.swarm = Some(Swarm { option, pick });
        self
    }

    /// The knob with its least value of a run that is under strain.
    #[must_use]
    pub const fn strained(mut self, min: u32) -> Knob<K> {
        self.about.strained_min = min;
        self
    }

    /// The knob as one whose smaller values shrinking tries.
    #[must_use]
    pub const fn halved(mut self, from: u32) -> Knob<K> {
        self.about.halved_from = Some(from);
        self
    }

    fn value(&self, knobs: &mut K) -> u64 {
        match self.field {
            Field::Interval(at) => at(knobs).0,
            Field::Count(at) => u64::from(*at(knobs)),
        }
    }

    fn set(&self, knobs: &mut K, value: u64) {
        match self.field {
            Field::Interval(at) => *at(knobs) = Span(value),
            Field::Count(at) => {
                *at(knobs) = u32::try_from(value).expect("whoever reads settings checks ranges");
            }
        }
    }
}

/// The values of a set by the names of its knobs.
pub type Values = BTreeMap<String, u64>;

/// The knobs of a set.
pub fn table<K: KnobSet>() -> Vec<About> {
    K::TABLE.iter().map(|knob| knob.about).collect()
}

/// Every value of a set.
pub fn values<K: KnobSet>(knobs: &K) -> Values {
    let mut knobs = knobs.clone();
    let value = |knob: &Knob<K>| (knob.about.name.to_owned(), knob.value(&mut knobs));
    K::TABLE.iter().map(value).collect()
}

/// The set with these values, and the usual ones where a name is missing.
///
/// # Panics
/// If a count is not one of 32 bits.
pub fn from_values<K: KnobSet>(values: &Values) -> K {
    let mut knobs = K::default();
    for knob in K::TABLE {
        if let Some(value) = values.get(knob.about.name) {
            knob.set(&mut knobs, *value);
        }
    }
    knobs
}

/// How a protocol's timeouts bear on a recovery, for the bound on how long one may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The longest silence of a leader that is gone until it is missed.
    pub silence: Span,
    /// The longest wait in an election that comes to nothing.
    pub election: Span,
    /// How long a decided election waits for a better candidate.
    pub decision: Span,
    /// How many proposals may be under way at a time.
    pub window: u32,
    /// The interval of heartbeats that comes on top of the way of a message.
    pub heartbeat: Span,
    /// The shortest silence after which a leader may lose its office.
    pub patience: Span,
    /// After so many transactions of an epoch a leader makes way for a new one.
    pub epoch_length: u32,
}

impl Timing {
    /// No timeouts.
    pub const NONE: Timing = Timing {
        silence: Span::ZERO,
        election: Span::ZERO,
        decision: Span::ZERO,
        window: u32::MAX,
        heartbeat: Span::ZERO,
        patience: Span(u64::MAX),
        epoch_length: u32::MAX,
    };

    /// What holds for both of two protocols.
    #[must_use]
    pub fn and(self, other: Timing) -> Timing {
        Timing {
            silence: self.silence.max(other.silence),
            election: self.election.max(other.election),
            decision: self.decision.max(other.decision),
            window: self.window.min(other.window),
            heartbeat: self.heartbeat.max(other.heartbeat),
            patience: self.patience.min(other.patience),
            epoch_length: self.epoch_length.min(other.epoch_length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_back_from_its_values() {
        let knobs = Knobs {
            snapshot_every: 7,
            tick: Span::millis(3),
            ..Knobs::default()
        };
        assert_eq!(from_values::<Knobs>(&values(&knobs)), knobs);
        let missing = Values::from([("tick".to_owned(), 3_000_000)]);
        let usual = Knobs::default().snapshot_every;
        assert_eq!(from_values::<Knobs>(&missing).snapshot_every, usual);
    }
}
