//! Quorum arithmetic: pure, small, and tested against a naive count.

use std::collections::BTreeMap;

use crate::ids::NodeId;
use crate::voting::QuorumRule;

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

/// Which sets of servers are quorums.
///
/// Every two quorums must share a voter. With quorums of a given size only those of the other phase
/// must be met (flexible quorums: Howard, Malkhi and Spiegelman, OPODIS 2016).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quorums(Rule);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Rule {
    /// So many of these voters.
    AtLeast { voters: NodeSet, size: usize },
    /// More than half of the weight in more than half of the groups that have any weight
    /// (ZooKeeper's `QuorumHierarchical`).
    Hierarchical(Vec<Group>),
}

/// Voters with their weights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    weights: Vec<(NodeId, u32)>,
    total: u32,
}

impl Group {
    fn agrees(&self, set: NodeSet) -> bool {
        let weights = self.weights.iter();
        let inside: u32 = weights
            .filter(|(node, _)| set.contains(*node))
            .map(|(_, weight)| weight)
            .sum();
        2 * inside > self.total
    }
}

impl Quorums {
    /// The majorities of some voters.
    pub fn majorities(voters: &[NodeId]) -> Quorums {
        Quorums::of_size(voters, majority(voters.len()))
    }

    /// The sets with at least `size` of some voters.
    pub fn of_size(voters: &[NodeId], size: usize) -> Quorums {
        assert!(
            (1..=voters.len()).contains(&size),
            "{size} of {} voters",
            voters.len()
        );
        Quorums(Rule::AtLeast {
            voters: voters.iter().copied().collect(),
            size,
        })
    }

    /// The sets that hold more than half of the weight of more than half of the groups. A group
    /// without weight does not count, nor does a voter without.
    ///
    /// # Panics
    /// If nobody has a weight.
    pub fn hierarchical(groups: &[Vec<(NodeId, u32)>]) -> Quorums {
        let groups = groups.iter().map(|weights| Group {
            weights: weights.clone(),
            total: weights.iter().map(|(_, weight)| weight).sum(),
        });
        let groups: Vec<Group> = groups.filter(|group| group.total > 0).collect();
        assert!(!groups.is_empty(), "nobody has a weight");
        Quorums(Rule::Hierarchical(groups))
    }

    /// The quorums of an ensemble that is configured by a rule.
    pub fn of(voters: &[NodeId], rule: &QuorumRule) -> Quorums {
        match rule {
            QuorumRule::Majority => Quorums::majorities(voters),
            QuorumRule::AtLeast(size) => Quorums::of_size(voters, *size),
            QuorumRule::Groups(groups) => Quorums::hierarchical(groups),
        }
    }

    /// What makes a set one of them.
    pub fn rule(&self) -> QuorumRule {
        match &self.0 {
            Rule::AtLeast { voters, size } if *size == majority(voters.len()) => {
                QuorumRule::Majority
            }
            Rule::AtLeast { size, .. } => QuorumRule::AtLeast(*size),
            Rule::Hierarchical(groups) => {
                let groups = groups.iter().map(|group| group.weights.clone());
                QuorumRule::Groups(groups.collect())
            }
        }
    }

    /// The voters, if each of them counts as much as any other.
    pub fn counted(&self) -> Option<Vec<NodeId>> {
        match &self.0 {
            Rule::AtLeast { voters, .. } => Some(voters.iter().collect()),
            Rule::Hierarchical(_) => None,
        }
    }

    /// Whether a set is a quorum. Members without a vote do not count.
    #[inline]
    pub fn contain(&self, set: NodeSet) -> bool {
        match &self.0 {
            Rule::AtLeast { voters, size } => set.intersection(*voters).len() >= *size,
            Rule::Hierarchical(groups) => {
                let agreeing = groups.iter().filter(|group| group.agrees(set)).count();
                2 * agreeing > groups.len()
            }
        }
    }

    /// How far a quorum is, each of whose members has reached at least that; `None` if too few
    /// have reached anything.
    pub fn reached<T: Ord + Copy>(&self, marks: &BTreeMap<NodeId, T>) -> Option<T> {
        let is_reached = |mark: &T| {
            let there = marks.iter().filter(|(_, other)| *other >= mark);
            self.contain(there.map(|(node, _)| *node).collect())
        };
        marks.values().copied().filter(is_reached).max()
    }

    /// Whether a server's vote counts for anything. One of weight 0 follows, and is not elected.
    pub fn has_weight(&self, node: NodeId) -> bool {
        match &self.0 {
            Rule::AtLeast { voters, .. } => voters.contains(node),
            Rule::Hierarchical(groups) => {
                let weights = groups.iter().flat_map(|group| &group.weights);
                weights
                    .copied()
                    .any(|(other, weight)| other == node && weight > 0)
            }
        }
    }

    /// A smallest quorum among some servers: those in front of the list as far as they are needed.
    /// `None` if all of them are none.
    pub fn smallest(&self, nodes: &[NodeId]) -> Option<Vec<NodeId>> {
        let mut taken = nodes.to_vec();
        let is_quorum = |nodes: &[NodeId]| self.contain(nodes.iter().copied().collect());
        if !is_quorum(&taken) {
            return None;
        }
        for node in nodes.iter().rev() {
            let without: Vec<NodeId> = taken.iter().copied().filter(|kept| kept != node).collect();
            if is_quorum(&without) {
                taken = without;
            }
        }
        Some(taken)
    }
}

/// The quorums of the two phases. Each quorum of one shares a voter with each of the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PhaseQuorums {
    /// Who makes a leader: promises of an epoch or ballot.
    pub elect: Quorums,
    /// Who makes a transaction committed: votes for it.
    pub commit: Quorums,
}

impl PhaseQuorums {
    /// The same quorums in both phases.
    pub fn same(quorums: Quorums) -> PhaseQuorums {
        PhaseQuorums {
            elect: quorums.clone(),
            commit: quorums,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(numbers: impl IntoIterator<Item = u8>) -> Vec<NodeId> {
        numbers.into_iter().map(NodeId).collect()
    }

    fn set(numbers: impl IntoIterator<Item = u8>) -> NodeSet {
        numbers.into_iter().map(NodeId).collect()
    }

    /// Every set of some voters that is a quorum.
    fn all(quorums: &Quorums, size: u8) -> Vec<NodeSet> {
        let sets = 0..1u64 << size;
        let members = |mask: u64| set((1..=size).filter(|number| mask >> (number - 1) & 1 == 1));
        sets.map(members)
            .filter(|set| quorums.contain(*set))
            .collect()
    }

    #[track_caller]
    fn assert_meet(left: &[NodeSet], right: &[NodeSet]) {
        assert!(!left.is_empty() && !right.is_empty());
        for one in left {
            for other in right {
                let shared = one.intersection(*other);
                assert!(!shared.is_empty(), "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn any_two_majorities_of_up_to_seven_voters_share_a_member() {
        for size in 1..=7u8 {
            let sets = all(&Quorums::majorities(&nodes(1..=size)), size);
            assert_meet(&sets, &sets);
        }
    }

    #[test]
    fn a_mark_is_reached_once_a_quorum_has_it() {
        let marks = |all: &[(u8, u64)]| {
            let all = all.iter().map(|(node, mark)| (NodeId(*node), *mark));
            all.collect::<BTreeMap<NodeId, u64>>()
        };
        let majorities = Quorums::majorities(&nodes(1..=3));
        assert_eq!(majorities.reached(&marks(&[(1, 7)])), None);
        assert_eq!(majorities.reached(&marks(&[(1, 7), (2, 4)])), Some(4));
        let all = [(1, 7), (2, 4), (3, 5), (4, 9)];
        assert_eq!(majorities.reached(&marks(&all)), Some(5), "n4 has no vote");
        let weighted = Quorums::hierarchical(&[vec![(NodeId(1), 3), (NodeId(2), 1)]]);
        assert_eq!(weighted.reached(&marks(&[(1, 7), (2, 4)])), Some(7));
    }

    #[test]
    fn sizes_that_sum_to_more_than_the_voters_meet() {
        for size in 1..=7u8 {
            let voters = nodes(1..=size);
            for second in 1..=usize::from(size) {
                let first = usize::from(size) + 1 - second;
                let first = all(&Quorums::of_size(&voters, first), size);
                assert_meet(&first, &all(&Quorums::of_size(&voters, second), size));
            }
        }
    }

    /// Groups of up to three with weights of 0 to 3, drawn by counting.
    #[test]
    fn any_two_hierarchical_quorums_share_a_member() {
        for mask in 0..4u32.pow(7) {
            let weight = |number: u8| mask / 4u32.pow(u32::from(number) - 1) % 4;
            let group = |numbers: core::ops::RangeInclusive<u8>| {
                numbers.map(|n| (NodeId(n), weight(n))).collect::<Vec<_>>()
            };
            if mask == 0 || mask % 97 != 1 {
                continue;
            }
            let quorums = Quorums::hierarchical(&[group(1..=3), group(4..=5), group(6..=7)]);
            let sets = all(&quorums, 7);
            assert_meet(&sets, &sets);
        }
    }

    #[test]
    fn groups_of_zookeepers_guide_need_two_groups_with_two_members_each() {
        // zookeeperHierarchicalQuorums: nine servers of weight 1 in three groups.
        let group = |first: u8| {
            (first..first + 3)
                .map(|n| (NodeId(n), 1))
                .collect::<Vec<_>>()
        };
        let quorums = Quorums::hierarchical(&[group(1), group(4), group(7)]);
        assert!(quorums.contain(set([1, 2, 4, 5])));
        assert!(
            !quorums.contain(set([1, 2, 3, 4, 7])),
            "a majority of the servers"
        );
        assert_eq!(quorums.smallest(&nodes(1..=9)), Some(nodes([1, 2, 4, 5])));
    }

    #[test]
    fn who_has_no_weight_counts_for_nothing() {
        let quorums = Quorums::hierarchical(&[vec![(NodeId(1), 2), (NodeId(2), 0)], vec![]]);
        assert!(quorums.contain(set([1])));
        assert!(!quorums.contain(set([2])));
        assert!(quorums.has_weight(NodeId(1)));
        assert!(!quorums.has_weight(NodeId(2)));
    }

    #[test]
    fn observers_do_not_count() {
        let quorums = Quorums::majorities(&nodes(1..=3));
        assert!(!quorums.contain(set([1, 4, 5])));
        assert!(!quorums.has_weight(NodeId(4)));
        assert_eq!(quorums.smallest(&nodes([4, 3])), None);
    }
}
