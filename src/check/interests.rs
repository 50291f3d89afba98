//! Which kinds of observations a checker wants.

use super::Observation;

/// How many kinds of observations there are.
pub(super) const KINDS: usize = 10;

/// The kinds in words, by their numbers.
const NAMES: [&str; KINDS] = [
    "boots",
    "crashes",
    "restored snapshots",
    "applied transactions",
    "delivered transactions",
    "facts that the protocol states",
    "standings",
    "durable images",
    "what servers hold in memory",
    "what servers know of sessions",
];

/// A set of kinds of observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interests(u16);

impl Interests {
    /// Only the ending.
    pub const NONE: Interests = Interests(0);
    /// [`Observation::Booted`].
    pub const BOOTED: Interests = Interests(1);
    /// [`Observation::Crashed`].
    pub const CRASHED: Interests = Interests(1 << 1);
    /// [`Observation::Restored`].
    pub const RESTORED: Interests = Interests(1 << 2);
    /// [`Observation::Applied`].
    pub const APPLIED: Interests = Interests(1 << 3);
    /// [`Observation::Delivered`].
    pub const DELIVERED: Interests = Interests(1 << 4);
    /// [`Observation::Fact`].
    pub const FACT: Interests = Interests(1 << 5);
    /// [`Observation::Standing`].
    pub const STANDING: Interests = Interests(1 << 6);
    /// [`Observation::Durable`].
    pub const DURABLE: Interests = Interests(1 << 7);
    /// [`Observation::Held`].
    pub const HELD: Interests = Interests(1 << 8);
    /// [`Observation::Session`].
    pub const SESSION: Interests = Interests(1 << 9);
    /// What it takes to follow the committed sequence.
    pub const COMMITS: Interests = Interests::BOOTED
        .and(Interests::RESTORED)
        .and(Interests::DELIVERED);

    /// What the kinds are, in words.
    pub fn names(self) -> Vec<&'static str> {
        NAMES
            .into_iter()
            .enumerate()
            .filter_map(|(kind, name)| self.has_kind(kind).then_some(name))
            .collect()
    }

    /// The kinds of either.
    #[must_use]
    pub const fn and(self, other: Interests) -> Interests {
        Interests(self.0 | other.0)
    }

    /// Whether an observation is of one of these kinds.
    #[inline]
    pub fn includes(self, observation: &Observation<'_>) -> bool {
        self.0 & (1 << Interests::kind(observation)) != 0
    }

    /// The number of an observation's kind: the bit that stands for it.
    #[inline]
    pub(super) fn kind(observation: &Observation<'_>) -> usize {
        match observation {
            Observation::Booted { .. } => 0,
            Observation::Crashed { .. } => 1,
            Observation::Restored { .. } => 2,
            Observation::Applied { .. } => 3,
            Observation::Delivered { .. } => 4,
            Observation::Fact { .. } => 5,
            Observation::Standing { .. } => 6,
            Observation::Durable { .. } => 7,
            Observation::Held { .. } => 8,
            Observation::Session { .. } => 9,
        }
    }

    /// Whether kind number `kind` is in the set.
    pub(super) fn has_kind(self, kind: usize) -> bool {
        self.0 >> kind & 1 == 1
    }
}
