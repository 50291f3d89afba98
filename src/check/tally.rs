//! Who voted for what, from the voters' own words: a ledger of votes.
//!
//! What is chosen is computed from it, and not from what anybody takes to be chosen: a server that
//! learns from a minority, or that mixes votes of different epochs, is found out.

use std::collections::BTreeMap;

use super::quorums::Members;
use crate::ids::{NodeId, Zxid};

/// The votes in one epoch at one zxid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub epoch: u64,
    /// What the first of them is for. That an epoch has one value is for the agreement checker.
    pub value: u64,
    pub voters: Members,
}

/// All votes of a run. Nothing is taken out: a vote counts for its epoch however late.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<Zxid, Vec<Count>>,
}

impl Tally {
    /// Takes a vote: all votes in that epoch at that zxid. `None` if this one was known.
    pub fn vote(&mut self, node: NodeId, epoch: u64, zxid: Zxid, value: u64) -> Option<Count> {
        let counts = self.counts.entry(zxid).or_default();
        let place = counts.iter().position(|count| count.epoch == epoch);
        let place = place.unwrap_or_else(|| {
            counts.push(Count {
                epoch,
                value,
                voters: Members::default(),
            });
            counts.len() - 1
        });
        let count = &mut counts[place];
        count.voters.insert(node).then_some(*count)
    }

    /// Whether nobody voted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The votes at a zxid, epoch by epoch in the order of their first vote.
    pub fn at(&self, zxid: Zxid) -> &[Count] {
        self.counts.get(&zxid).map_or(&[], Vec::as_slice)
    }

    /// The greatest epoch below `epoch` in which a server voted at a zxid; 0 if there is none.
    pub fn last_below(&self, node: NodeId, epoch: u64, zxid: Zxid) -> u64 {
        let counts = self.at(zxid).iter();
        let earlier = counts.filter(|count| count.epoch < epoch && count.voters.contains(node));
        earlier.map(|count| count.epoch).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_counted_once_and_by_epoch() {
        let mut tally = Tally::default();
        assert!(tally.vote(NodeId(1), 5, Zxid(1), 7).is_some());
        assert!(tally.vote(NodeId(1), 5, Zxid(1), 7).is_none());
        let both = tally.vote(NodeId(2), 5, Zxid(1), 7);
        assert_eq!(both.map(|count| count.voters.count()), Some(2));
        let other = tally.vote(NodeId(2), 9, Zxid(1), 8);
        assert_eq!(other.map(|count| count.voters.count()), Some(1));
        assert_eq!(tally.last_below(NodeId(2), 9, Zxid(1)), 5);
        assert_eq!(tally.last_below(NodeId(2), 10, Zxid(1)), 9);
        assert_eq!(tally.last_below(NodeId(3), 10, Zxid(1)), 0);
        assert_eq!(tally.last_below(NodeId(1), 10, Zxid(2)), 0);
    }
}
