//! What is healed when the safety phase ends.
//!
//! A *core* of servers is healed: the actions that undo the faults in force are performed as far as
//! they concern core members only, and everything else stays as it is for good. Cuts, slow-downs
//! and client cuts are counted by the world for each pair or server, so undoing some of them is
//! exact: a pair of which one end lies outside keeps every cut it has.
//!
//! A server outside may be up, have the longer history, and lead: whoever reaches it both ways
//! follows it rightly. No protocol here passes history on through a third server, so a core member
//! that is cut off from such a leader cannot catch up, while the leader's quorum serves every
//! client. [`within_reach`] excuses that member, and only it: the clients must be answered all the
//! same.

use menagerie::ids::{NodeId, Zxid};
use menagerie::protocol::Protocol;
use menagerie::quorum::NodeSet;

use crate::chance::dice::{Concern, Dice};
use crate::scenario::adversity::Core;
use crate::scenario::fault::Scene;
use crate::world::{Action, World};

/// The stream of the draws that choose the core.
const CORE: u64 = 0x434f_5245;

/// Chooses the core, ascending. `applied` returns how far a server is; `None` if it is down.
pub(super) fn choose(
    core: Core,
    scene: &Scene,
    applied: impl Fn(NodeId) -> Option<Zxid>,
    dice: &Dice,
) -> Vec<NodeId> {
    let mut voters = scene.voters.clone();
    dice.stream(Concern::Driver, CORE).shuffle(&mut voters);
    // Who can elect can commit, too. One server alone, if it is a quorum, has nobody to agree with.
    let smallest = |voters: &[NodeId]| {
        let quorum = scene.quorums.elect.smallest(voters);
        let mut quorum = quorum.expect("all voters are a quorum");
        if quorum.len() == 1 {
            let other = voters.iter().find(|voter| !quorum.contains(*voter));
            quorum.extend(other.copied());
        }
        quorum
    };
    match core {
        Core::All => {
            voters.extend(&scene.observers);
        }
        Core::Quorum => voters = smallest(&voters),
        Core::Worst => {
            // The sort is stable: between servers that are as far as each other the dice decide.
            voters.sort_by_key(|voter| (scene.leader == Some(*voter), applied(*voter)));
            voters = smallest(&voters);
        }
    }
    voters.sort_unstable();
    voters
}

/// Whether an action of an undo record concerns nobody outside the core.
pub(super) fn concerns_only(core: NodeSet, action: &Action) -> bool {
    assert!(action.is_undo(), "{action:?} undoes nothing");
    // What names no server holds everywhere, the core included.
    action.nodes().iter().all(|node| core.contains(*node))
}

/// Who must end in one state: the core; or, while a leader outside of it reaches a quorum both
/// ways, that leader and the members that it reaches.
pub(super) fn within_reach(
    core: &[NodeId],
    scene: &Scene,
    is_cut: impl Fn(NodeId, NodeId) -> bool,
) -> Vec<NodeId> {
    let Some(leader) = scene.leader.filter(|leader| !core.contains(leader)) else {
        return core.to_vec();
    };
    let reaches = |node: &NodeId| !is_cut(leader, *node) && !is_cut(*node, leader);
    let followers: NodeSet = scene
        .voters
        .iter()
        .copied()
        .filter(|voter| *voter == leader || (scene.up.contains(*voter) && reaches(voter)))
        .collect();
    if scene.quorums.commit.contain(followers) {
        let mut settled: Vec<NodeId> = core.iter().copied().filter(reaches).collect();
        settled.push(leader);
        settled.sort_unstable();
        settled
    } else {
        core.to_vec()
    }
}

/// What stands between servers and one common state: what each of them lacks.
pub(super) fn lacking<P: Protocol>(world: &World<P>, servers: &[NodeId]) -> Vec<String> {
    let mut lacks = Vec::new();
    let furthest = servers.iter().map(|node| world.applied(*node)).max();
    let furthest = furthest.flatten();
    let place = |zxid: Option<Zxid>| zxid.map_or_else(|| "nowhere".to_owned(), |z| z.to_string());
    let mut digest = None;
    for node in servers.iter().copied() {
        let applied = world.applied(node);
        if !world.is_up(node) {
            lacks.push(match world.refusal(node) {
                Some(refusal) => format!("{node} refuses to boot: {}", refusal.0),
                None => format!("{node} is down"),
            });
        } else if applied != furthest {
            lacks.push(format!(
                "{node} stands at {} and lacks the rest through {}",
                place(applied),
                place(furthest)
            ));
        } else if *digest.get_or_insert(world.digest(node)) != world.digest(node) {
            lacks.push(format!(
                "{node} holds another state than the others at that zxid"
            ));
        }
    }
    lacks
}

/// Servers in words.
pub fn named(servers: &[NodeId]) -> String {
    let names: Vec<String> = servers.iter().map(NodeId::to_string).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests;
