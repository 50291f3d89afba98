//! Firing: what a fault sees of a world, and what it does to it.

use menagerie::ids::NodeId;
use menagerie::protocol::{Protocol, Role};
use menagerie::quorum::NodeSet;

use super::{Fault, Scene};
use crate::chance::dice::Stream;
use crate::world::{Action, World};

/// What a fault did when it fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Its actions, whether they had an effect or not.
    pub actions: Vec<Action>,
    /// What undoes them, in the order in which it is to be performed; `None` if nothing took
    /// effect.
    pub undo: Option<Vec<Action>>,
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
            quorums: world.phases(),
        }
    }
}

impl Fault {
    /// Performs the actions, and answers with what it did.
    pub fn fire<P: Protocol>(
        &self,
        world: &mut World<P>,
        scene: &Scene,
        draws: &mut Stream,
    ) -> Fired {
        let actions = self.resolve(scene, draws);
        let mut effective = false;
        let mut undo = Vec::new();
        for action in &actions {
            if world.perform(action.clone()) {
                effective = true;
                undo.extend(action.undo());
            }
        }
        undo.reverse();
        Fired {
            actions,
            undo: effective.then_some(undo),
        }
    }
}
