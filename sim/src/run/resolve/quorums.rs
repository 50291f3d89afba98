//! Weights and groups of voters, drawn for one run.

use menagerie::ids::NodeId;
use menagerie::protocol::QuorumRule;

use crate::chance::dice::Stream;

/// The greatest weight that is drawn.
const WEIGHT_MAX: u64 = 3;
/// The most groups.
const GROUPS_MAX: u64 = 3;

/// One group, each voter with a drawn weight; those without follow and are never needed.
pub(super) fn weighted(voters: u8, draws: &mut Stream) -> QuorumRule {
    QuorumRule::Groups(vec![group((1..=voters).map(NodeId), draws)])
}

/// Several groups of about the same size, with drawn weights.
pub(super) fn grouped(voters: u8, draws: &mut Stream) -> QuorumRule {
    let mut nodes: Vec<NodeId> = (1..=voters).map(NodeId).collect();
    draws.shuffle(&mut nodes);
    let most = u64::from(voters / 2).clamp(1, GROUPS_MAX);
    let count = 1 + draws.below(most) as usize;
    let members = |first: usize| nodes.iter().copied().skip(first).step_by(count);
    QuorumRule::Groups(
        (0..count)
            .map(|first| group(members(first), draws))
            .collect(),
    )
}

/// Weights from 0 on; a group in which nobody has one gets 1 for each.
fn group(nodes: impl Iterator<Item = NodeId>, draws: &mut Stream) -> Vec<(NodeId, u32)> {
    let mut weights: Vec<(NodeId, u32)> = nodes
        .map(|node| (node, draws.below(WEIGHT_MAX + 1) as u32))
        .collect();
    weights.sort_unstable_by_key(|(node, _)| *node);
    if weights.iter().all(|(_, weight)| *weight == 0) {
        for (_, weight) in &mut weights {
            *weight = 1;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::dice::{Concern, Dice};
    use menagerie::quorum::Quorums;

    #[test]
    fn each_voter_is_in_one_group_and_all_together_are_a_quorum() {
        for seed in 0..200 {
            let mut draws = Dice::new(seed).stream(Concern::Driver, 1);
            for voters in 1..=9u8 {
                for rule in [weighted(voters, &mut draws), grouped(voters, &mut draws)] {
                    let QuorumRule::Groups(groups) = &rule else {
                        panic!("{rule:?} has no groups");
                    };
                    let mut members: Vec<NodeId> =
                        groups.iter().flatten().map(|(node, _)| *node).collect();
                    members.sort_unstable();
                    let all: Vec<NodeId> = (1..=voters).map(NodeId).collect();
                    assert_eq!(members, all, "seed {seed}");
                    let quorums = Quorums::of(&all, &rule);
                    assert!(quorums.contain(all.iter().copied().collect()), "{rule:?}");
                }
            }
        }
    }
}
