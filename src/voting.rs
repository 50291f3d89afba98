//! Whose votes decide, as data: the protocols and the checkers each evaluate it in their own way.

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;

/// What makes a set of voters a quorum, as data: what a scenario says, and what the checkers judge
/// by with arithmetic of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuorumRule {
    /// More voters than are left out.
    #[default]
    Majority,
    /// So many of the voters.
    AtLeast(usize),
    /// More than half of the weight of more than half of the groups that have any. Each voter is in
    /// one group, with its weight.
    Groups(Vec<Vec<(NodeId, u32)>>),
}

impl QuorumRule {
    /// Whether an ensemble with the voters 1 to `voters` can have this rule.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn fits(&self, voters: u8) -> Result<(), String> {
        match self {
            QuorumRule::Majority => Ok(()),
            QuorumRule::AtLeast(size) if (1..=usize::from(voters)).contains(size) => Ok(()),
            QuorumRule::AtLeast(size) => Err(format!("{size} of {voters} voters are no quorum")),
            QuorumRule::Groups(groups) => {
                let mut members: Vec<u8> = groups.iter().flatten().map(|(n, _)| n.0).collect();
                members.sort_unstable();
                let weights = groups
                    .iter()
                    .flatten()
                    .map(|(_, weight)| u64::from(*weight));
                if members != (1..=voters).collect::<Vec<u8>>() {
                    Err(format!("not each of {voters} voters is in one group"))
                } else if (1..=u64::from(u32::MAX / 2)).contains(&weights.sum()) {
                    Ok(())
                } else {
                    Err("the weights are all 0, or too large".to_owned())
                }
            }
        }
    }
}
