//! The constraint that each operation puts on the order, in the form in which the sweep uses it.
//!
//! A write whose place is known is an *effect*, at its zxid, even if it failed there. A write
//! without a known place is *unplaced*: one that may never have happened, or one that surely did,
//! somewhere. Everything else is an *observation*: a read, or a write that failed or checked only,
//! at an unknown place; it leaves the tree as it was and needs a state that it fits.

use crate::history::Operation;

/// No zxid at all: an operation that has no place yet, or a place without an upper bound.
pub(super) const NOWHERE: u64 = u64::MAX;
/// No constraint.
pub(super) const NONE: u32 = u32::MAX;

/// How a constraint meets the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Is executed at this zxid.
    Effect(u64),
    /// Surely changed the tree, but nobody says where.
    Somewhere,
    /// May have changed the tree, or may do so later, or never.
    Perhaps,
    /// Looks at the tree.
    Observation,
}

/// One operation, boiled down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint<'a> {
    pub op: &'a Operation,
    pub kind: Kind,
    /// The state it belongs to is at least this.
    pub lo: u64,
    /// And at most this.
    pub hi: u64,
    /// What the answer itself names: no older state can have given it.
    pub since: u64,
    /// When it was invoked.
    pub invoked: u64,
    /// When it ended; [`NOWHERE`] if it did not. These two are asked for all the time, and the
    /// operation is far away.
    pub completed: u64,
    /// The constraint of the same session that must come first.
    pub before: u32,
    /// The constraint that waits for this one.
    pub after: u32,
    /// Whether it must come after everything that had completed when it was invoked.
    pub by_clock: bool,
}

impl Constraint<'_> {
    /// Whether it ended, and so must have a place before anything that was invoked later.
    pub fn is_due(&self) -> bool {
        match self.kind {
            Kind::Effect(_) | Kind::Somewhere | Kind::Observation => self.completed != NOWHERE,
            Kind::Perhaps => false,
        }
    }

    /// Whether it may take place at `zxid`.
    pub fn is_unplaced(&self) -> bool {
        match self.kind {
            Kind::Somewhere | Kind::Perhaps => true,
            Kind::Effect(_) | Kind::Observation => false,
        }
    }
}
