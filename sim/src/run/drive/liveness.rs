//! The liveness phase: the core is healed, every client is asked, and the core must converge.

use menagerie::ids::{ClientId, NodeId, Span};
use menagerie::protocol::Protocol;
use menagerie::quorum::NodeSet;

use super::{Drive, Token};
use crate::run::healing::{self, named};
use crate::run::probe::Probe;
use crate::scenario::fault::Scene;
use crate::trace::EventKind;
use crate::world::{Action, recovery};

/// Of what stands in the way of convergence so much is named.
const LACKS_NAMED_MAX: usize = 12;
/// How often convergence is looked for.
const POLL: Span = Span::millis(10);

impl<P: Protocol> Drive<P> {
    /// Ends the safety phase: undoes what is still in force and concerns the core only, the
    /// youngest first, and starts those of its members that are down for another reason (a server
    /// that refused to boot gets another chance). What concerns others is never undone any more.
    pub(super) fn heal(&mut self) {
        if self.resolved.skip_liveness {
            self.over = true;
            return;
        }
        let script = self.resolved.script.as_ref();
        let laid_down = script.and_then(|script| script.core.clone());
        let scene = Scene::of(&self.world, &self.voters, &self.observers);
        let applied = |node| self.world.applied(node);
        self.core = match laid_down {
            Some(core) => core,
            None => healing::choose(self.resolved.core, &scene, applied, &self.dice),
        };
        let members: NodeSet = self.core.iter().copied().collect();
        let core = self.core.clone();
        self.world.note(|| EventKind::Heal { core });
        for (_, actions) in core::mem::take(&mut self.undo).into_iter().rev() {
            for action in actions {
                if healing::concerns_only(members, &action) {
                    self.world.perform(action);
                }
            }
        }
        for node in members.iter() {
            if self.world.is_paused(node) {
                self.world.perform(Action::Resume(node));
            }
            if !self.world.is_up(node) {
                self.world.perform(Action::Restart(node));
            }
        }
        self.healed = Some(self.world.now());
        self.noticed = Some(self.world.noticed());
        let pipeline = self.resolved.workload.pipeline;
        let extra = self.world.slowness();
        let slowed = recovery::slowed(&self.resolved.world, pipeline, extra);
        self.allowed = Span(self.resolved.bound.0 + slowed.0);
        self.probes = (1..=self.resolved.workload.clients)
            .map(|number| Probe::new(ClientId(number)))
            .collect();
        for number in 1..=self.resolved.workload.clients {
            self.probe(ClientId(number));
        }
        self.wake_at(self.world.now().after(POLL), Token::Poll);
    }

    pub(super) fn probe(&mut self, client: ClientId) {
        let place = usize::from(client.0) - 1;
        let mut ops = Vec::new();
        for (request, synced) in self.probes[place].requests() {
            ops.push(self.world.invoke(client, request, synced));
        }
        if !ops.is_empty() {
            self.probes[place].asked(&ops);
        }
    }

    pub(super) fn poll(&mut self) {
        let Some(healed) = self.healed else {
            return;
        };
        let now = self.world.now();
        match self.lacking() {
            None => self.converged = Some(now),
            Some(lack) if now.since(healed) >= self.allowed => {
                self.obstacle = Some(format!(
                    "{} after healing {}: {lack}",
                    now.since(healed),
                    named(&self.core)
                ));
            }
            Some(_) => self.wake_at(now.after(POLL), Token::Poll),
        }
    }

    /// What stands between the core and convergence: every server and client that lacks something.
    fn lacking(&self) -> Option<String> {
        let mut lacks = healing::lacking(&self.world, &self.settled());
        lacks.extend(self.probes.iter().filter_map(Probe::obstacle));
        let more = lacks.len().saturating_sub(LACKS_NAMED_MAX);
        if more > 0 {
            lacks.truncate(LACKS_NAMED_MAX);
            lacks.push(format!("and {more} more"));
        }
        (!lacks.is_empty()).then(|| lacks.join("; "))
    }

    /// The members of the core that must end in one state.
    pub(super) fn settled(&self) -> Vec<NodeId> {
        let scene = Scene::of(&self.world, &self.voters, &self.observers);
        healing::within_reach(&self.core, &scene, |from, to| self.world.is_cut(from, to))
    }
}
