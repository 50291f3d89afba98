//! The rare paths of Multi-Paxos that campaigns count.

use crate::protocol::{RarePath, Seen};

/// Elections in each other's way, what they find, and servers that lag.
pub(super) const RARE_PATHS: &[RarePath] = &[
    path("ballot established", Seen::Established),
    path("ballot duel", Seen::Duel),
    path("Nack", Seen::Message("Nack")),
    path("two ballots reported", Seen::TwoEpochs),
    path("two values reported", Seen::TwoValues),
    path("gap filled", Seen::Gap),
    path("Learn", Seen::Message("Learn")),
    path("Snap", Seen::Message("Snap")),
    path("late datagram", Seen::LateDatagram),
    path("late duplicate", Seen::LateTwin),
];

const fn path(name: &'static str, seen: Seen) -> RarePath {
    RarePath { name, seen }
}
