//! The ensemble as a fault finds it, and the servers that a target stands for then.

use menagerie::ids::NodeId;
use menagerie::quorum::{NodeSet, PhaseQuorums, majority};

use crate::chance::dice::Stream;
use crate::scenario::quantity::Target;

/// The ensemble as a fault sees it when it fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The voters, ascending.
    pub voters: Vec<NodeId>,
    /// The observers, ascending.
    pub observers: Vec<NodeId>,
    /// The servers whose process runs.
    pub up: NodeSet,
    /// Who leads: of several that believe so, the one with the greatest epoch.
    pub leader: Option<NodeId>,
    /// Which sets of voters decide.
    pub quorums: PhaseQuorums,
}

impl Scene {
    pub(super) fn everybody(&self) -> Vec<NodeId> {
        self.voters.iter().chain(&self.observers).copied().collect()
    }

    /// The leader; while there is none, a drawn voter, so that a fault never comes to nothing
    /// merely because an election is under way.
    pub(super) fn leader_or_drawn(&self, draws: &mut Stream) -> NodeId {
        self.leader.unwrap_or_else(|| picked(&self.voters, draws))
    }

    /// A drawn voter that does not lead; the only voter if there is but one.
    pub(super) fn follower(&self, draws: &mut Stream) -> NodeId {
        let followers: Vec<NodeId> = self
            .voters
            .iter()
            .copied()
            .filter(|voter| Some(*voter) != self.leader)
            .collect();
        if followers.is_empty() {
            self.voters[0]
        } else {
            picked(&followers, draws)
        }
    }

    pub(super) fn one(&self, target: Target, draws: &mut Stream) -> NodeId {
        match target {
            Target::Node(number) => NodeId(number),
            Target::Leader => self.leader_or_drawn(draws),
            Target::Follower => self.follower(draws),
            Target::Random | Target::All | Target::Majority | Target::Minority => {
                picked(&self.everybody(), draws)
            }
        }
    }

    /// The servers a target stands for, ascending.
    pub fn several(&self, target: Target, draws: &mut Stream) -> Vec<NodeId> {
        let quorum = majority(self.voters.len());
        let mut nodes = match target {
            Target::All => self.everybody(),
            Target::Majority => self.drawn_voters(quorum, draws),
            Target::Minority => self.drawn_voters(self.voters.len() - quorum, draws),
            Target::Node(_) | Target::Leader | Target::Follower | Target::Random => {
                vec![self.one(target, draws)]
            }
        };
        nodes.sort_unstable();
        nodes
    }

    fn drawn_voters(&self, count: usize, draws: &mut Stream) -> Vec<NodeId> {
        let mut voters = self.voters.clone();
        draws.shuffle(&mut voters);
        voters.truncate(count);
        voters
    }
}

pub(super) fn picked(nodes: &[NodeId], draws: &mut Stream) -> NodeId {
    *draws
        .pick(nodes)
        .expect("an ensemble has a voter, as the scenario's checks made sure")
}
