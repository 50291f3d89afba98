//! Conflicts: where and why a sweep stopped.

use crate::linear::Limit;
use crate::tree::Answer;

/// Why a sweep cannot go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Why {
    /// No state that it may belong to fits this observation.
    NoState,
    /// An effect is not answered so at its place.
    Answer(Answer),
    /// It completed before the other was invoked, but is placed after the other.
    RealTime {
        /// The effect that was about to be applied.
        other: u32,
    },
    /// It precedes the other in their session, but is placed after the other.
    Session {
        /// The effect that was about to be applied.
        other: u32,
    },
    /// It took effect out of its session's turn: before an answered write that precedes it, or
    /// after one that it precedes.
    Turn,
    /// Its session had heard of a later transaction before it asked.
    Heard,
}

/// Where and why a sweep stopped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conflict {
    /// The constraint that has no place.
    pub constraint: u32,
    /// The last effect that was applied.
    pub now: u64,
    /// The effect that was about to be applied; [`NOWHERE`] at the end.
    pub next: u64,
    pub why: Why,
}

/// Why a sweep stopped before the end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    Conflict(Conflict),
    /// It took more than it may.
    Limit(Limit),
}
