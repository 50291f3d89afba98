//! The two phases of a run.
//!
//! *Safety*: the clients do what the workload says and the planned faults fire. *Liveness*: the
//! undo records of the faults heal a core; the workload stops, every client must get a write and a
//! synced read answered, and the core must stand at one zxid with one digest, within the bound. If
//! it does not, the obstacle says which server or client lacks what. See `healing`.

mod liveness;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie::check::Verdict;
use menagerie::history::Outcome;
use menagerie::ids::{ClientId, NodeId, OpId, Span, VirtualTime};
use menagerie::protocol::Protocol;
use menagerie::tree::Request;

use super::RunReport;
use super::probe::{Next, Probe};
use crate::chance::decision::Source;
use crate::chance::dice::Dice;
use crate::run::resolve::Resolved;
use crate::scenario::fault::{Family, Fault, Planned, Scene};
use crate::scenario::plan::Plan;
use crate::scenario::script::{Act, Move, Player, Script, ScriptedOp};
use crate::scenario::workload::{Asked, Client, NextStep};
use crate::trace::{self, EventKind};
use crate::world::reach::Noticed;
use crate::world::{Action, Close, World, WorldEvent};
use token::Token;

/// A run that takes more events than this is given up as undecided.
const STEPS_MAX: u64 = 50_000_000;
/// A run that stops at the first violation looks for one after so many events.
const LOOKS: u64 = 64;
/// How long a client waits before it asks again in the liveness phase.
const ASK_AGAIN: Span = Span::millis(20);

/// A run under way.
pub(super) struct Drive<P: Protocol> {
    world: World<P>,
    resolved: Resolved,
    dice: Dice,
    voters: Vec<NodeId>,
    observers: Vec<NodeId>,
    clients: Vec<Client>,
    /// Which slot an open operation belongs to.
    open: BTreeMap<OpId, (ClientId, u8)>,
    /// How many operations a slot waits for.
    waiting: BTreeMap<(ClientId, u8), u8>,
    fired: BTreeMap<Family, u64>,
    /// What undoes the faults that are in force.
    undo: BTreeMap<usize, Vec<Action>>,
    /// Empty until the liveness phase.
    probes: Vec<Probe>,
    /// The servers that are healed; empty until the liveness phase.
    core: Vec<NodeId>,
    healed: Option<VirtualTime>,
    /// What had happened by then.
    noticed: Option<Noticed>,
    /// How long recovery may take; known once the core is healed.
    allowed: Span,
    converged: Option<VirtualTime>,
    obstacle: Option<String>,
    /// Whether the run is over before its time, because nobody asks for more.
    over: bool,
    steps: u64,
    player: Player,
    /// The operations so far, if the run is written down.
    written: Vec<ScriptedOp>,
    /// What each fault of the plan turned out to do, if the run is written down.
    actions: BTreeMap<usize, Vec<Action>>,
}

impl<P: Protocol> Drive<P> {
    pub(super) fn new(resolved: Resolved) -> Drive<P> {
        let dice = Dice::new(resolved.world.seed);
        let voters = resolved.world.voters;
        let everybody = voters + resolved.world.observers;
        Drive {
            world: World::new(resolved.world.clone()),
            dice,
            voters: (1..=voters).map(NodeId).collect(),
            observers: (voters + 1..=everybody).map(NodeId).collect(),
            clients: (1..=resolved.workload.clients)
                .map(|number| Client::new(ClientId(number), dice))
                .collect(),
            open: BTreeMap::new(),
            waiting: BTreeMap::new(),
            fired: BTreeMap::new(),
            undo: BTreeMap::new(),
            probes: Vec::new(),
            core: Vec::new(),
            healed: None,
            noticed: None,
            allowed: Span::ZERO,
            converged: None,
            obstacle: None,
            over: false,
            steps: 0,
            player: Player::new(),
            written: Vec::new(),
            actions: BTreeMap::new(),
            resolved,
        }
    }

    pub(super) fn now(&self) -> VirtualTime {
        self.world.now()
    }

    /// Both phases. Answers with the number of events.
    ///
    /// # Errors
    /// Why the run cannot be judged as a whole.
    pub(super) fn run(&mut self) -> Result<u64, String> {
        self.world.boot_all();
        self.schedule();
        while self.converged.is_none() && self.obstacle.is_none() && !self.over {
            if self.play() {
                continue;
            }
            let Some(happening) = self.world.step() else {
                return Err("the world came to a standstill: nothing was left to happen".to_owned());
            };
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(format!("the run was given up after {STEPS_MAX} events"));
            }
            if let Some(checker) = &self.resolved.stop_early
                && self.steps.is_multiple_of(LOOKS)
            {
                self.over = self.world.is_violated(checker);
            }
            match happening {
                WorldEvent::Event => {}
                WorldEvent::Wakeup(word) => self.wake(Token::of(word)),
                WorldEvent::Completed { client, op } => self.completed(client, op),
            }
        }
        Ok(self.world.steps())
    }

    /// Invokes the script's next operation if it is due before the next event; says whether it was.
    fn play(&mut self) -> bool {
        let Some(script) = &self.resolved.script else {
            return false;
        };
        if self.healed.is_some() {
            return false;
        }
        let next_at = self.world.next_at().map(|at| at.0);
        let Some(op) = self.player.due(script, next_at, self.world.steps()) else {
            return false;
        };
        let mut op = op.clone();
        op.after = self.world.steps();
        self.world.pass_until(VirtualTime(op.at.0));
        if usize::from(op.client.0) <= self.clients.len() {
            if self.resolved.world.record {
                self.written.push(op.clone());
            }
            match op.request {
                Some(request) => {
                    if op.synced {
                        self.world.invoke(op.client, Request::Sync, false);
                    }
                    self.world.invoke(op.client, request, op.synced);
                }
                None => self.world.move_client(op.client, op.moves),
            }
        }
        true
    }

    /// Invokes an operation of the workload, and writes it down if the run is. A sync in front of a
    /// synced read belongs to the read.
    fn invoke(&mut self, client: ClientId, asked: Asked, belongs_to_next: bool) -> OpId {
        let Asked { request, synced } = asked;
        if self.resolved.world.record && !belongs_to_next {
            self.write_down(client, Act::Ask(request.clone()), synced);
        }
        self.world.invoke(client, request, synced)
    }

    /// Has a client do something with its session.
    fn move_client(&mut self, client: ClientId, moves: Move) {
        if self.resolved.world.record {
            self.write_down(client, Act::Move(moves), false);
        }
        self.world.move_client(client, moves);
    }

    fn write_down(&mut self, client: ClientId, act: Act, synced: bool) {
        let (request, moves) = match act {
            Act::Ask(request) => (Some(request), Move::Hop),
            Act::Move(moves) => (None, moves),
        };
        self.written.push(ScriptedOp {
            at: Span(self.world.now().0),
            after: self.world.steps(),
            client,
            request,
            moves,
            synced,
        });
    }

    /// After a panic nothing is asked of liveness any more.
    pub(super) fn abandon(&mut self) {
        self.healed = None;
        self.converged = None;
        self.obstacle = None;
    }

    fn wake_at(&mut self, at: VirtualTime, token: Token) {
        self.world.wake_at(at, token.word());
    }

    fn schedule(&mut self) {
        let start = self.world.now();
        for index in 0..self.resolved.plan.faults.len() {
            let at = start.after(self.resolved.plan.faults[index].at);
            self.wake_at(at, Token::Fire(index));
        }
        self.wake_at(start.after(self.resolved.duration), Token::Heal);
        if self.resolved.script.is_some() {
            return;
        }
        for number in 1..=self.resolved.workload.clients {
            for slot in 0..self.resolved.workload.pipeline {
                self.think(ClientId(number), slot);
            }
        }
    }

    fn client(&mut self, client: ClientId) -> &mut Client {
        &mut self.clients[usize::from(client.0) - 1]
    }

    fn wake(&mut self, token: Token) {
        match token {
            Token::Think { client, slot } => self.ask(client, slot),
            Token::Fire(index) => self.fire(index),
            Token::Undo(index) => self.undo(index),
            Token::Heal => self.heal(),
            Token::Poll => self.poll(),
            Token::Probe(client) => self.probe(client),
        }
    }

    /// A slot waits until it asks for the next operation. The time belongs to the ordinal that is
    /// next when it begins to wait.
    fn think(&mut self, client: ClientId, slot: u8) {
        let ordinal = self.client(client).next_ordinal();
        let entropy = ordinal << 8 | u64::from(slot);
        let delay = self.resolved.workload.think(&self.dice, client, entropy);
        let at = self.world.now().after(delay);
        self.wake_at(at, Token::Think { client, slot });
    }

    fn ask(&mut self, client: ClientId, slot: u8) {
        if self.healed.is_some() {
            // The liveness phase asks only its probes.
            return;
        }
        let place = usize::from(client.0) - 1;
        let asked = match self.clients[place].act(&self.resolved.workload) {
            NextStep::Ask(asked) => asked,
            NextStep::Move(moves) => {
                self.move_client(client, moves);
                self.think(client, slot);
                return;
            }
        };
        let count = u8::try_from(asked.len()).expect("a client asks one or two things at once");
        self.waiting.insert((client, slot), count);
        let synced = asked.iter().any(|one| one.synced);
        for one in asked {
            let belongs_to_next = synced && !one.synced;
            let op = self.invoke(client, one, belongs_to_next);
            self.open.insert(op, (client, slot));
        }
    }

    fn completed(&mut self, client: ClientId, op: OpId) {
        let operation = self.world.history().operations[op.0 as usize].clone();
        self.client(client).learn(&operation);
        if let Some(probe) = self.probes.get_mut(usize::from(client.0) - 1) {
            match probe.ended(&operation) {
                Next::Ask => self.probe(client),
                Next::Wait => {
                    let at = self.world.now().after(ASK_AGAIN);
                    self.wake_at(at, Token::Probe(client));
                }
                Next::Nothing => {}
            }
        }
        let Some((client, slot)) = self.open.remove(&op) else {
            // A probe's operation belongs to no slot.
            return;
        };
        let left = self
            .waiting
            .get_mut(&(client, slot))
            .expect("a slot with an open operation counts it");
        *left -= 1;
        if *left == 0 && self.healed.is_none() {
            self.think(client, slot);
        }
    }

    fn fire(&mut self, index: usize) {
        if self.healed.is_some() {
            return;
        }
        let scene = Scene::of(&self.world, &self.voters, &self.observers);
        let planned = self.resolved.plan.faults[index].clone();
        let mut draws = Plan::draws(&self.dice, index);
        self.world.note(|| EventKind::Fault {
            index,
            family: planned.family,
            fault: planned.fault.clone(),
        });
        let fired = planned.fault.fire(&mut self.world, &scene, &mut draws);
        if self.resolved.world.record {
            self.actions.insert(index, fired.actions);
        }
        let Some(undo) = fired.undo else {
            // Whom it would have hit is down already.
            return;
        };
        *self.fired.entry(planned.family).or_default() += 1;
        self.undo.insert(index, undo);
        if let Some(hold) = planned.hold {
            let at = self.world.now().after(hold);
            self.wake_at(at, Token::Undo(index));
        }
    }

    fn undo(&mut self, index: usize) {
        let Some(actions) = self.undo.remove(&index) else {
            return;
        };
        self.world.note(|| EventKind::Undo { index });
        for action in actions {
            self.world.perform(action);
        }
    }

    /// Ends the run: the verdicts of the world's checkers.
    pub(super) fn finish(&mut self) -> Vec<(&'static str, Verdict)> {
        let core = self.settled();
        self.world.finish(Close {
            core,
            healed: self.healed,
            converged: self.converged,
            obstacle: self.obstacle.clone(),
        })
    }

    /// Whether the run showed anything: a write, a read, and a fault if faults were planned. Where
    /// the operations are spelled out, one of them is enough: what else to ask is their author's
    /// choice. The probes do not count, nor do operations that were never answered.
    pub(super) fn coverage(&self) -> Verdict {
        let (mut writes, mut reads) = (0u64, 0u64);
        let end = self.healed.unwrap_or(self.world.now());
        for operation in &self.world.history().operations {
            let answered = matches!(operation.outcome, Some(Outcome::Answered { .. }));
            if !answered || operation.invoked >= end {
                continue;
            }
            match operation.request {
                Request::Write(_) => writes += 1,
                Request::Read(_) => reads += 1,
                Request::Watch(_) | Request::Auth { .. } | Request::Sync => {}
            }
        }
        let faults: u64 = self.fired.values().sum();
        let planned = self.resolved.plan.faults.len();
        let spelled = self.resolved.script.is_some();
        let missing = match (writes, reads) {
            (0, 0) if spelled => Some("operation"),
            (0, _) if !spelled => Some("write"),
            (_, 0) if !spelled => Some("read"),
            (_, _) => None,
        };
        if let Some(missing) = missing {
            return Verdict::Vacuous(format!(
                "no {missing} was answered before the faults were healed"
            ));
        }
        if planned > 0 && faults == 0 {
            return Verdict::Vacuous(format!("none of {planned} planned faults took effect"));
        }
        Verdict::Pass {
            checked: writes + reads + faults,
        }
    }

    /// Fills in what the run showed.
    pub(super) fn fill(&mut self, report: &mut RunReport) {
        report.hash = self.world.hash();
        report.stats = self.world.stats().clone();
        report.reached = self.world.reached();
        // Without a healing, all of the run is its safety phase.
        report.noticed = self.noticed.unwrap_or_else(|| self.world.noticed());
        report.excused = self.world.excused();
        report.virtual_time = self.world.now();
        report.faults = self
            .fired
            .iter()
            .map(|(family, count)| (family.name(), *count))
            .collect();
        report.core.clone_from(&self.core);
        if self.healed.is_some() {
            report.bound = self.allowed;
        }
        report.healed = self.healed;
        report.converged = self.converged;
        report.history = self.world.history().clone();
        report.ignored = self.world.ignored_decisions();
        if self.resolved.world.record {
            report.recording = Some(Box::new(self.recording()));
        }
    }

    /// The run spelled out: nothing in it is drawn any more.
    fn recording(&mut self) -> Resolved {
        let mut spelled = self.resolved.clone();
        let actions = core::mem::take(&mut self.actions);
        let fired = actions.into_iter().filter(|(_, done)| !done.is_empty());
        spelled.plan.faults = fired
            .map(|(index, done)| Planned {
                fault: Fault::Actions(done),
                ..self.resolved.plan.faults[index].clone()
            })
            .collect();
        spelled.script = Some(Script {
            operations: core::mem::take(&mut self.written),
            core: self.healed.map(|_| self.core.clone()),
        });
        let table = self.world.take_decisions();
        spelled.world.decisions = Source::Table(Arc::new(table));
        spelled.world.record = false;
        spelled
    }

    /// The recorded events, and how many more there were.
    pub(super) fn take_trace(&mut self) -> (Vec<trace::Event>, u64) {
        self.world.take_trace()
    }
}
