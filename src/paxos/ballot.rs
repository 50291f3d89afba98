//! Ballots: who may propose, in which round.

use serde::Serialize;

use crate::canonical::{Canonical, RunHash};
use crate::ids::NodeId;
use crate::protocol::epoch_of_ballot;

/// A ballot number, compared by round and then by owner. Only its owner ever proposes at it, and
/// at most once in its life: see `Paxos::prepare_own_ballot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Ballot {
    /// The round, from 1.
    pub round: u64,
    /// The server that leads it.
    pub owner: NodeId,
}

impl Ballot {
    /// Below every ballot.
    pub const NONE: Ballot = Ballot {
        round: 0,
        owner: NodeId(0),
    };

    /// The ballot as an epoch that compares in the same way.
    pub fn epoch(self) -> u64 {
        epoch_of_ballot(self.round, self.owner)
    }
}

impl Canonical for Ballot {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.epoch());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballots_and_their_epochs_compare_by_round_and_then_by_owner() {
        let ballot = |round, owner| Ballot {
            round,
            owner: NodeId(owner),
        };
        let ascending = [Ballot::NONE, ballot(1, 1), ballot(1, 5), ballot(2, 1)];
        for pair in ascending.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].epoch() < pair[1].epoch());
        }
    }
}
