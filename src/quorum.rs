//! Quorum arithmetic: pure, small, and tested against a naive count.

use crate::ids::NodeId;

/// A set of servers, as a bit mask: numbers up to 63.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeSet(u64);

impl NodeSet {
    /// The set without members.
    pub const EMPTY: NodeSet = NodeSet(0);

    /// Adds a member; says whether it is new.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let bit = NodeSet::bit(node);
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// Removes a member; says whether it was there.
    pub fn remove(&mut self, node: NodeId) -> bool {
        let bit = NodeSet::bit(node);
        let there = self.0 & bit != 0;
        self.0 &= !bit;
        there
    }

    /// Whether `node` is a member.
    pub fn contains(self, node: NodeId) -> bool {
        self.0 & NodeSet::bit(node) != 0
    }

    /// How many members there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, ascending.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        (0..64u8)
            .filter(move |number| self.0 & (1 << number) != 0)
            .map(NodeId)
    }

    /// The members of both.
    #[must_use]
    pub fn intersection(self, other: NodeSet) -> NodeSet {
        NodeSet(self.0 & other.0)
    }

    /// The bits, bit n standing for server n.
    pub fn bits(self) -> u64 {
        self.0
    }

    fn bit(node: NodeId) -> u64 {
        assert!(
            node.0 < 64,
            "{node} is beyond the 63 servers a set can hold"
        );
        1 << node.0
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> NodeSet {
        let mut set = NodeSet::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl core::fmt::Debug for NodeSet {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

/// The smallest number of `voters` that is a majority.
pub const fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// Whether the members of `acks` that are voters form a majority of `voters`.
pub fn is_quorum(acks: NodeSet, voters: &[NodeId]) -> bool {
    voters.iter().filter(|voter| acks.contains(**voter)).count() >= majority(voters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_quorums_of_up_to_seven_voters_share_a_member() {
        for size in 1..=7u8 {
            let voters: Vec<NodeId> = (1..=size).map(NodeId).collect();
            let sets: Vec<NodeSet> = (0..1u64 << size)
                .map(|mask| {
                    voters
                        .iter()
                        .copied()
                        .filter(|v| mask >> (v.0 - 1) & 1 == 1)
                        .collect()
                })
                .filter(|set| is_quorum(*set, &voters))
                .collect();
            assert!(!sets.is_empty());
            for left in &sets {
                for right in &sets {
                    assert!(
                        !left.intersection(*right).is_empty(),
                        "{left:?} and {right:?} of {size}"
                    );
                }
            }
        }
    }

    #[test]
    fn observers_do_not_count() {
        let voters = [NodeId(1), NodeId(2), NodeId(3)];
        let acks: NodeSet = [NodeId(1), NodeId(4), NodeId(5)].into_iter().collect();
        assert!(!is_quorum(acks, &voters));
    }
}
