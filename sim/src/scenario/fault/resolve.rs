//! Whom a fault hits: from targets and shapes to the world's actions.

use menagerie::ids::{NodeId, Span};
use menagerie::quorum::{NodeSet, majority};
use serde::{Deserialize, Serialize};

use super::scene::{Scene, picked};
use crate::chance::dice::Stream;
use crate::scenario::quantity::Target;
use crate::world::action::{Action, CrashKind};

/// The shapes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A minority of the voters (with `node` among them, if given) against the rest.
    Split,
    /// The leader against all others.
    IsolateLeader,
    /// A follower against all others.
    IsolateFollower,
    /// `node` (the leader, if absent) hears the others, but they do not hear it.
    OneWay,
    /// `node` (the leader, if absent) is heard by the others, but does not hear them.
    OneWayIn,
    /// Two halves that see each other only through `node` (a drawn voter, if absent).
    Bridge,
}

impl Shape {
    /// How it is written.
    pub fn text(self) -> &'static str {
        match self {
            Shape::Split => "split",
            Shape::IsolateLeader => "isolate-leader",
            Shape::IsolateFollower => "isolate-follower",
            Shape::OneWay => "one-way",
            Shape::OneWayIn => "one-way-in",
            Shape::Bridge => "bridge",
        }
    }
}

/// The targets whose process runs: the others cannot be hit again.
pub(super) fn running(scene: &Scene, target: Target, draws: &mut Stream) -> Vec<NodeId> {
    let mut nodes = scene.several(target, draws);
    nodes.retain(|node| scene.up.contains(*node));
    nodes
}

/// Those who run die at the same instant.
pub(super) fn crash(
    scene: &Scene,
    target: Target,
    kind: CrashKind,
    draws: &mut Stream,
) -> Vec<Action> {
    let nodes = running(scene, target, draws);
    match nodes.as_slice() {
        [] => Vec::new(),
        [node] => vec![Action::Crash { node: *node, kind }],
        [_, _, ..] => vec![Action::CrashMany { nodes, kind }],
    }
}

pub(super) fn slow_links(
    scene: &Scene,
    target: Target,
    by: Span,
    draws: &mut Stream,
) -> Vec<Action> {
    let slow = scene.several(target, draws);
    let mut actions = Vec::new();
    for (from, to) in pairs(&scene.everybody()) {
        if slow.contains(&from) || slow.contains(&to) {
            let extra = by;
            actions.push(Action::Slow { from, to, extra });
        }
    }
    actions
}

pub(super) fn resets(scene: &Scene, target: Target, draws: &mut Stream) -> Vec<Action> {
    let broken = scene.several(target, draws);
    let mut actions = Vec::new();
    for (a, b) in pairs(&scene.everybody()) {
        if a < b && (broken.contains(&a) || broken.contains(&b)) {
            actions.push(Action::Break { a, b });
        }
    }
    actions
}

/// Every ordered pair of two different servers.
fn pairs(nodes: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let mut pairs = Vec::new();
    for from in nodes {
        for to in nodes {
            if from != to {
                pairs.push((*from, *to));
            }
        }
    }
    pairs
}

pub(super) fn cuts(
    scene: &Scene,
    shape: Shape,
    node: Option<Target>,
    draws: &mut Stream,
) -> Vec<Action> {
    let alone = |node: NodeId| -> NodeSet { [node].into_iter().collect() };
    let everybody: NodeSet = scene.everybody().into_iter().collect();
    let without = |set: NodeSet| -> NodeSet {
        everybody
            .iter()
            .filter(|node| !set.contains(*node))
            .collect()
    };
    match shape {
        Shape::Split => {
            let minority = minority_side(scene, node, draws);
            both_ways(minority, without(minority))
        }
        Shape::IsolateLeader => {
            let leader = alone(scene.leader_or_drawn(draws));
            both_ways(leader, without(leader))
        }
        Shape::IsolateFollower => {
            let follower = alone(match node {
                Some(target) => scene.one(target, draws),
                None => scene.follower(draws),
            });
            both_ways(follower, without(follower))
        }
        Shape::OneWay => {
            let mute = alone(scene.one(node.unwrap_or(Target::Leader), draws));
            one_way(mute, without(mute))
        }
        Shape::OneWayIn => {
            let deaf = alone(scene.one(node.unwrap_or(Target::Leader), draws));
            one_way(without(deaf), deaf)
        }
        Shape::Bridge => {
            let bridge = match node {
                Some(target) => scene.one(target, draws),
                None => picked(&scene.voters, draws),
            };
            let mut others: Vec<NodeId> = without(alone(bridge)).iter().collect();
            draws.shuffle(&mut others);
            let right = others.split_off(others.len() / 2);
            both_ways(others.into_iter().collect(), right.into_iter().collect())
        }
    }
}

/// A side that holds no majority of the voters: the one asked for and drawn others, observers
/// falling to either side.
fn minority_side(scene: &Scene, node: Option<Target>, draws: &mut Stream) -> NodeSet {
    let size = (scene.voters.len() - majority(scene.voters.len())).max(1);
    let mut voters = scene.voters.clone();
    draws.shuffle(&mut voters);
    let mut side = NodeSet::EMPTY;
    if let Some(target) = node {
        side.insert(scene.one(target, draws));
    }
    for voter in voters {
        if side.len() < size {
            side.insert(voter);
        }
    }
    for observer in &scene.observers {
        if draws.chance_ppm(500_000) {
            side.insert(*observer);
        }
    }
    side
}

fn both_ways(left: NodeSet, right: NodeSet) -> Vec<Action> {
    let mut actions = one_way(left, right);
    actions.extend(one_way(right, left));
    actions
}

fn one_way(from: NodeSet, to: NodeSet) -> Vec<Action> {
    let mut actions = Vec::new();
    for from in from.iter() {
        for to in to.iter() {
            actions.push(Action::Cut { from, to });
        }
    }
    actions
}
