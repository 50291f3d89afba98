//! Faults: what can go wrong, whom it hits at the moment it fires, and how it is undone.
//!
//! A [`Fault`] speaks of roles ("the leader"); [`Fault::resolve`] turns it into the world's
//! actions, each with its inverse. Firing keeps the inverses of those actions that took effect as
//! the undo record, so that healing never restarts a server that somebody else stopped, and never
//! mends a cut that is still held by another fault (cuts are counted).

use menagerie::ids::{NodeId, Span};
use menagerie::protocol::{Protocol, Role};
use menagerie::quorum::{NodeSet, majority};

use crate::chance::dice::Stream;
use crate::scenario::adversity::Shape;
use crate::scenario::quantity::Target;
use crate::scenario::script;
use crate::world::{Action, CrashKind, World};

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Servers die together.
    Crash {
        /// Which.
        target: Target,
        /// How.
        kind: CrashKind,
    },
    /// The network between servers is cut.
    Partition {
        /// How.
        shape: Shape,
        /// Whom the shape is about.
        node: Option<Target>,
    },
    /// Servers stand still.
    Pause {
        /// Which.
        target: Target,
    },
    /// Links of these servers are slower.
    SlowLink {
        /// Whose.
        target: Target,
        /// By how much.
        by: Span,
    },
    /// Disks of these servers are slower.
    SlowDisk {
        /// Whose.
        target: Target,
        /// By how much.
        by: Span,
    },
    /// Syncs of these servers fail; in the end a server that saw one fail is started again.
    FailSync {
        /// Whose.
        target: Target,
        /// How many.
        count: u32,
    },
    /// These servers and their clients do not hear each other.
    ClientCut {
        /// Which.
        target: Target,
    },
    /// More datagrams are lost.
    Loss {
        /// Parts per million.
        ppm: u32,
    },
    /// More datagrams arrive twice.
    Duplicate {
        /// Parts per million.
        ppm: u32,
    },
    /// Exactly these actions, whoever leads.
    Actions(Vec<Action>),
    /// The streams of these servers break.
    Reset {
        /// Whose.
        target: Target,
    },
}

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
}

/// One action of a fault and what undoes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The action.
    pub action: Action,
    /// Its inverse, in order; empty where nothing is to be undone.
    pub undo: Vec<Action>,
}

/// What a fault did when it fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Its actions, whether they had an effect or not.
    pub actions: Vec<Action>,
    /// What undoes them, in the order in which it is to be performed; `None` if nothing took
    /// effect.
    pub undo: Option<Vec<Action>>,
}

impl Step {
    /// An action with the inverse that it names itself.
    fn of(action: Action) -> Step {
        Step {
            undo: action.inverse().into_iter().collect(),
            action,
        }
    }

    /// An action that was spelled out: whoever it takes down is started again.
    fn spelled_out(action: Action) -> Step {
        match &action {
            Action::CrashMany { nodes, .. } => Step {
                undo: nodes.iter().copied().map(Action::Restart).collect(),
                action,
            },
            Action::Crash { .. }
            | Action::Restart(_)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Cut { .. }
            | Action::Mend { .. }
            | Action::CutClient(_)
            | Action::MendClient(_)
            | Action::Slow { .. }
            | Action::Unslow { .. }
            | Action::SlowDisk { .. }
            | Action::UnslowDisk { .. }
            | Action::Loss { .. }
            | Action::Unloss { .. }
            | Action::Duplicate { .. }
            | Action::Unduplicate { .. }
            | Action::Break { .. }
            | Action::FailSyncs { .. }
            | Action::MendSyncs(_) => Step::of(action),
        }
    }
}

impl Scene {
    /// Looks at the world.
    pub fn of<P: Protocol>(world: &World<P>, voters: &[NodeId], observers: &[NodeId]) -> Scene {
        let mut up = NodeSet::EMPTY;
        let mut best: Option<(u64, NodeId)> = None;
        for node in voters.iter().chain(observers).copied() {
            if !world.is_up(node) {
                continue;
            }
            up.insert(node);
            let leads = world
                .standing(node)
                .filter(|standing| standing.role == Role::Leading);
            if let Some(standing) = leads
                && best.is_none_or(|(epoch, _)| standing.epoch > epoch)
            {
                best = Some((standing.epoch, node));
            }
        }
        Scene {
            voters: voters.to_vec(),
            observers: observers.to_vec(),
            up,
            leader: best.map(|(_, node)| node),
        }
    }

    fn everybody(&self) -> Vec<NodeId> {
        self.voters.iter().chain(&self.observers).copied().collect()
    }

    /// The leader; while there is none, a drawn voter, so that a fault never comes to nothing
    /// merely because an election is under way.
    fn leader_or_drawn(&self, draws: &mut Stream) -> NodeId {
        self.leader.unwrap_or_else(|| picked(&self.voters, draws))
    }

    /// A drawn voter that does not lead; the only voter if there is but one.
    fn follower(&self, draws: &mut Stream) -> NodeId {
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

    fn one(&self, target: Target, draws: &mut Stream) -> NodeId {
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

impl Fault {
    /// The world's actions for this fault, now. The draws are the fault's own.
    pub fn resolve(&self, scene: &Scene, draws: &mut Stream) -> Vec<Step> {
        match self {
            Fault::Crash { target, kind } => crash(scene, *target, *kind, draws),
            Fault::Partition { shape, node } => cuts(scene, *shape, *node, draws),
            Fault::Pause { target } => running(scene, *target, draws)
                .into_iter()
                .map(|node| Step::of(Action::Pause(node)))
                .collect(),
            Fault::SlowLink { target, by } => slow_links(scene, *target, *by, draws),
            Fault::SlowDisk { target, by } => scene
                .several(*target, draws)
                .into_iter()
                .map(|node| {
                    let extra = *by;
                    Step::of(Action::SlowDisk { node, extra })
                })
                .collect(),
            Fault::FailSync { target, count } => running(scene, *target, draws)
                .into_iter()
                .map(|node| {
                    let count = *count;
                    Step::of(Action::FailSyncs { node, count })
                })
                .collect(),
            Fault::ClientCut { target } => scene
                .several(*target, draws)
                .into_iter()
                .map(|node| Step::of(Action::CutClient(node)))
                .collect(),
            Fault::Loss { ppm } => vec![Step::of(Action::Loss { ppm: *ppm })],
            Fault::Duplicate { ppm } => vec![Step::of(Action::Duplicate { ppm: *ppm })],
            Fault::Actions(actions) => actions.iter().cloned().map(Step::spelled_out).collect(),
            Fault::Reset { target } => resets(scene, *target, draws),
        }
    }

    /// Fires: performs the actions, and answers with what it did.
    pub fn fire<P: Protocol>(
        &self,
        world: &mut World<P>,
        scene: &Scene,
        draws: &mut Stream,
    ) -> Fired {
        let mut effective = false;
        let mut undo = Vec::new();
        let mut actions = Vec::new();
        for step in self.resolve(scene, draws) {
            actions.push(step.action.clone());
            if world.perform(step.action) {
                effective = true;
                undo.extend(step.undo);
            }
        }
        undo.reverse();
        Fired {
            actions,
            undo: effective.then_some(undo),
        }
    }

    /// The fault in words, for the resolved plan.
    pub fn text(&self) -> String {
        match self {
            Fault::Crash { target, kind } => match kind {
                CrashKind::Process => format!("process death of {}", target.text()),
                CrashKind::Power => format!("power loss of {}", target.text()),
            },
            Fault::Partition { shape, node } => {
                let about = node.map_or_else(String::new, |node| format!(" ({})", node.text()));
                format!("partition {shape:?}{about}")
            }
            Fault::Pause { target } => format!("pause of {}", target.text()),
            Fault::SlowLink { target, by } => format!("links of {} slower by {by}", target.text()),
            Fault::SlowDisk { target, by } => format!("disk of {} slower by {by}", target.text()),
            Fault::FailSync { target, count } => {
                format!("{count} failing syncs of {}", target.text())
            }
            Fault::ClientCut { target } => format!("{} cut off from clients", target.text()),
            Fault::Loss { ppm } => format!("loss of {ppm} ppm"),
            Fault::Duplicate { ppm } => format!("duplication of {ppm} ppm"),
            Fault::Actions(actions) => script::words(actions),
            Fault::Reset { target } => format!("reset of the streams of {}", target.text()),
        }
    }
}

fn picked(nodes: &[NodeId], draws: &mut Stream) -> NodeId {
    *draws
        .pick(nodes)
        .expect("an ensemble has a voter, as the scenario's checks made sure")
}

/// The targets whose process runs: the others cannot be hit again.
fn running(scene: &Scene, target: Target, draws: &mut Stream) -> Vec<NodeId> {
    let mut nodes = scene.several(target, draws);
    nodes.retain(|node| scene.up.contains(*node));
    nodes
}

fn crash(scene: &Scene, target: Target, kind: CrashKind, draws: &mut Stream) -> Vec<Step> {
    let nodes = running(scene, target, draws);
    let undo: Vec<Action> = nodes.iter().copied().map(Action::Restart).collect();
    match nodes.as_slice() {
        [] => Vec::new(),
        [node] => vec![Step {
            action: Action::Crash { node: *node, kind },
            undo,
        }],
        [_, _, ..] => vec![Step {
            action: Action::CrashMany { nodes, kind },
            undo,
        }],
    }
}

fn slow_links(scene: &Scene, target: Target, by: Span, draws: &mut Stream) -> Vec<Step> {
    let slow = scene.several(target, draws);
    let mut steps = Vec::new();
    for (from, to) in pairs(&scene.everybody()) {
        if slow.contains(&from) || slow.contains(&to) {
            steps.push(Step::of(Action::Slow {
                from,
                to,
                extra: by,
            }));
        }
    }
    steps
}

fn resets(scene: &Scene, target: Target, draws: &mut Stream) -> Vec<Step> {
    let broken = scene.several(target, draws);
    let mut steps = Vec::new();
    for (a, b) in pairs(&scene.everybody()) {
        if a < b && (broken.contains(&a) || broken.contains(&b)) {
            steps.push(Step::of(Action::Break { a, b }));
        }
    }
    steps
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

fn cuts(scene: &Scene, shape: Shape, node: Option<Target>, draws: &mut Stream) -> Vec<Step> {
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

fn both_ways(left: NodeSet, right: NodeSet) -> Vec<Step> {
    let mut steps = one_way(left, right);
    steps.extend(one_way(right, left));
    steps
}

fn one_way(from: NodeSet, to: NodeSet) -> Vec<Step> {
    let mut steps = Vec::new();
    for from in from.iter() {
        for to in to.iter() {
            steps.push(Step::of(Action::Cut { from, to }));
        }
    }
    steps
}

#[cfg(test)]
mod tests;
