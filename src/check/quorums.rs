//! The quorums of the checkers, written from the definition.
//!
//! The protocols have arithmetic of their own (`crate::quorum`). A checker that used it would be
//! wrong wherever they are, so nothing in this folder does; a test of `tests/purity.rs` looks.
//!
//! Definition: a set of servers is a quorum if more of the voters are in it than are not. Every two
//! quorums then share a voter, which is all that Paxos and Zab ask of them. Where voters have
//! weights or are in groups, weight and groups are counted in the same way; where a size is
//! configured, each quorum that makes a leader shares a voter with each that commits.

use super::Setup;
use crate::ids::NodeId;
use crate::protocol::QuorumRule;

/// A set of servers, one bit a server.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Members(u64);

impl Members {
    /// Adds a server. Says whether it is new.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let before = self.0;
        self.0 |= Members::bit(node);
        self.0 != before
    }

    /// Whether a server is in the set.
    pub fn contains(self, node: NodeId) -> bool {
        self.0 & Members::bit(node) != 0
    }

    /// Its servers, ascending.
    pub fn nodes(self) -> impl Iterator<Item = NodeId> {
        (0..64).map(NodeId).filter(move |node| self.contains(*node))
    }

    /// How many servers are in the set.
    #[cfg(test)]
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    fn bit(node: NodeId) -> u64 {
        assert!(node.0 < 64, "{node} has no bit in a set of 64");
        1 << node.0
    }
}

impl FromIterator<NodeId> for Members {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Members {
        let mut members = Members::default();
        for node in nodes {
            members.insert(node);
        }
        members
    }
}

impl core::fmt::Debug for Members {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_list().entries(self.nodes()).finish()
    }
}

/// Which sets of servers are quorums.
#[derive(Debug)]
pub(super) struct Quorums {
    voters: Vec<NodeId>,
    rule: QuorumRule,
}

impl Quorums {
    /// Those that make a leader.
    pub fn elect(setup: &Setup) -> Quorums {
        Quorums {
            voters: setup.voters.clone(),
            rule: setup.elect.clone(),
        }
    }

    /// Those that make a transaction committed.
    pub fn commit(setup: &Setup) -> Quorums {
        Quorums {
            voters: setup.voters.clone(),
            rule: setup.commit.clone(),
        }
    }

    /// The voters.
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// Whether a set is a quorum. Who has no vote does not count.
    pub fn contain(&self, set: Members) -> bool {
        match &self.rule {
            QuorumRule::Majority => outweighs(self.voters.iter().map(|voter| (*voter, 1)), set),
            QuorumRule::AtLeast(size) => {
                let inside = self.voters.iter().filter(|voter| set.contains(**voter));
                inside.count() >= *size
            }
            QuorumRule::Groups(groups) => {
                let mut agree = 0;
                let mut differ = 0;
                for group in groups {
                    if group.iter().all(|(_, weight)| *weight == 0) {
                        continue;
                    }
                    if outweighs(group.iter().copied(), set) {
                        agree += 1;
                    } else {
                        differ += 1;
                    }
                }
                agree > differ
            }
        }
    }

    /// A quorum that has no member in common with a set, if there is one: of all of them, the one
    /// that leaves out nobody else.
    pub fn one_without(&self, set: Members) -> Option<Members> {
        let voters = self.voters.iter().copied();
        let rest: Members = voters.filter(|voter| !set.contains(*voter)).collect();
        self.contain(rest).then_some(rest)
    }
}

/// Whether the members of a set weigh more than the others.
fn outweighs(weights: impl Iterator<Item = (NodeId, u32)>, set: Members) -> bool {
    let mut inside = 0;
    let mut outside = 0;
    for (node, weight) in weights {
        if set.contains(node) {
            inside += weight;
        } else {
            outside += weight;
        }
    }
    inside > outside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quorums(voters: u8) -> Quorums {
        Quorums {
            voters: (1..=voters).map(NodeId).collect(),
            rule: QuorumRule::Majority,
        }
    }

    /// Every set of the servers 1 to `size`.
    fn sets(size: u8) -> Vec<Members> {
        let member = |mask: u32, node: &NodeId| mask >> (node.0 - 1) & 1 == 1;
        let masks = 0..1u32 << size;
        masks
            .map(|mask| (1..=size).map(NodeId).filter(|n| member(mask, n)).collect())
            .collect()
    }

    fn meet(left: Members, right: Members, size: u8) -> bool {
        let mut nodes = (1..=size).map(NodeId);
        nodes.any(|node| left.contains(node) && right.contains(node))
    }

    #[test]
    fn any_two_quorums_share_a_voter_and_no_set_could_be_added() {
        for size in 1..=7 {
            let quorums = quorums(size);
            let all = sets(size);
            let mut found = 0;
            for left in &all {
                let others = all.iter().filter(|set| quorums.contain(**set));
                let meets_all = others.clone().all(|right| meet(*left, *right, size));
                if quorums.contain(*left) {
                    found += 1;
                    assert!(meets_all, "{left:?} of {size}");
                } else {
                    // Its complement is as large or larger: with an even number of voters two
                    // halves meet all quorums, but not each other.
                    let rest = quorums.one_without(*left).is_some();
                    assert_eq!(meets_all, !rest, "{left:?} of {size}");
                }
            }
            assert!(found > 0);
        }
    }

    #[test]
    fn a_half_is_no_quorum_and_observers_do_not_count() {
        let set = |nodes: &[u8]| nodes.iter().copied().map(NodeId).collect::<Members>();
        assert!(!quorums(4).contain(set(&[1, 2])));
        assert!(quorums(4).contain(set(&[1, 2, 4])));
        assert!(!quorums(3).contain(set(&[1, 4, 5])));
        assert!(!quorums(5).contain(set(&[])));
    }

    #[test]
    fn a_quorum_without_any_of_a_set_is_named() {
        let set = |nodes: &[u8]| nodes.iter().copied().map(NodeId).collect::<Members>();
        assert_eq!(quorums(5).one_without(set(&[1, 2])), Some(set(&[3, 4, 5])));
        assert_eq!(quorums(5).one_without(set(&[1, 2, 3])), None);
        assert_eq!(quorums(4).one_without(set(&[3, 4])), None);
        assert_eq!(format!("{:?}", set(&[2, 1])), "[n1, n2]");
    }
}
