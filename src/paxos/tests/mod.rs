//! Scripted tests of Multi-Paxos, and the small world they run in: a datagram network whose packets
//! the test delivers, drops or repeats by hand, a disk that finishes at once unless it is held, and
//! timers that go off when the test says so.

mod catch_up;
mod delays;
mod ghosts;
mod leadership;
mod random;
mod safety;
mod superseded;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::slot::{position, slot_of};
use super::{Ballot, Msg, Paxos, PaxosKnobs, Record, Timer};
use crate::ids::{LocalTime, NodeId, SessionId, Span, Zxid};
use crate::mutation::Mutations;
use crate::protocol::{
    BarrierOutcome, BarrierToken, DiskOp, DiskResult, Effect, Ensemble, Fact, Gate, Image, Input,
    Knobs, Outbox, Protocol, Role, TimerRange,
};
use crate::quorum::{NodeSet, Quorums};
use crate::tree::{Command, Payload, Snapshot, State, StateImage, Write};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A state to put into snapshots; the protocol does not look at it.
fn image() -> Arc<StateImage> {
    Snapshot::atomic(&State::new(Mutations::NONE)).image
}

fn command(number: u64) -> Payload {
    Payload::command(Command {
        session: SessionId(number),
        seq: 1,
        acked: 0,
        time_ms: 0,
        write: Write::CloseSession,
    })
}

/// What survives a crash.
#[derive(Clone, Copy)]
enum Keep {
    /// The process died: what was written.
    Written,
    /// The power failed: what was synced.
    Synced,
}

struct Packet {
    from: NodeId,
    to: NodeId,
    msg: Msg,
}

/// One server with its disk, its timers and what it did.
struct Machine {
    ensemble: Ensemble<PaxosKnobs>,
    server: Option<Paxos>,
    out: Outbox<Paxos>,
    written: Image<Record>,
    synced: Image<Record>,
    /// Effects that wait for the disk while it is held.
    held: VecDeque<Effect<Paxos>>,
    disk_held: bool,
    timers: BTreeMap<Timer, LocalTime>,
    inbox: VecDeque<Input<Paxos>>,
    /// The last slot handed over for application since boot or restore.
    applied: Zxid,
    facts: Vec<Fact>,
    barriers: Vec<(BarrierToken, BarrierOutcome)>,
}

/// The servers, the wire between them, and what must be true of all of them together.
struct World {
    now: LocalTime,
    machines: BTreeMap<NodeId, Machine>,
    wire: VecDeque<Packet>,
    /// Directed links that lose everything.
    cut: BTreeSet<(NodeId, NodeId)>,
    /// The values that servers took for chosen, by position.
    chosen: BTreeMap<Zxid, u64>,
    /// What was proposed and who voted for it, by position and ballot.
    proposed: BTreeMap<(Zxid, u64), (u64, NodeSet)>,
    /// The highest promise that left each server, over all its incarnations.
    promises: BTreeMap<NodeId, u64>,
    /// The last position that any server had applied when a barrier was asked for.
    frontiers: BTreeMap<(NodeId, BarrierToken), Zxid>,
    /// The last position that any server has applied.
    frontier: Zxid,
    /// The first thing that went wrong.
    violation: Option<String>,
    dice: u64,
}

impl World {
    fn new(voters: u8) -> World {
        World::with(voters, 0, Default::default(), Mutations::NONE)
    }

    fn with(
        voters: u8,
        observers: u8,
        (knobs, own): (Knobs, PaxosKnobs),
        mutations: Mutations,
    ) -> World {
        let mut world = World {
            now: LocalTime(1),
            machines: BTreeMap::new(),
            wire: VecDeque::new(),
            cut: BTreeSet::new(),
            chosen: BTreeMap::new(),
            proposed: BTreeMap::new(),
            promises: BTreeMap::new(),
            frontiers: BTreeMap::new(),
            frontier: Zxid::ZERO,
            violation: None,
            dice: 0x9e37_79b9_7f4a_7c15,
        };
        for me in (1..=voters + observers).map(NodeId) {
            let ensemble = Ensemble {
                me,
                voters: (1..=voters).map(NodeId).collect(),
                observers: (voters + 1..=voters + observers).map(NodeId).collect(),
                quorums: Quorums::majorities(&(1..=voters).map(NodeId).collect::<Vec<_>>()),
                knobs: knobs.clone(),
                own: own.clone(),
                mutations,
            };
            world.machines.insert(
                me,
                Machine {
                    ensemble,
                    server: None,
                    out: Outbox::new(me),
                    written: Image::empty(),
                    synced: Image::empty(),
                    held: VecDeque::new(),
                    disk_held: false,
                    timers: BTreeMap::new(),
                    inbox: VecDeque::new(),
                    applied: Zxid::ZERO,
                    facts: Vec::new(),
                    barriers: Vec::new(),
                },
            );
            world.boot(me);
        }
        world
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % below
    }

    fn machine(&mut self, node: NodeId) -> &mut Machine {
        self.machines.get_mut(&node).expect("the world has it")
    }

    fn server(&self, node: NodeId) -> &Paxos {
        let machine = self.machines.get(&node).expect("the world has it");
        machine.server.as_ref().expect("it is up")
    }

    fn facts(&self, node: NodeId) -> &[Fact] {
        &self.machines[&node].facts
    }

    fn barriers(&self, node: NodeId) -> &[(BarrierToken, BarrierOutcome)] {
        &self.machines.get(&node).expect("the world has it").barriers
    }

    /// The slot of the last command that a server applied.
    fn applied(&self, node: NodeId) -> u64 {
        slot_of(self.machines[&node].applied)
    }

    fn is_up(&self, node: NodeId) -> bool {
        self.machines[&node].server.is_some()
    }

    fn leads(&self, node: NodeId) -> bool {
        self.is_up(node) && self.server(node).standing().role == Role::Leading
    }

    fn prefix(&self, node: NodeId) -> u64 {
        self.server(node).learner.prefix()
    }

    fn promised(&self, node: NodeId) -> Ballot {
        self.server(node).acceptor.promised()
    }

    /// The digest a server takes to be chosen in a slot; 0 for a no-op.
    fn chosen_at(&self, node: NodeId, slot: u64) -> Option<u64> {
        self.facts(node).iter().rev().find_map(|fact| {
            let Fact::Chosen { zxid, value } = fact else {
                return None;
            };
            (*zxid == position(slot, 0)).then_some(*value)
        })
    }

    fn crash(&mut self, node: NodeId, keep: Keep) {
        let machine = self.machine(node);
        machine.server = None;
        machine.held.clear();
        machine.disk_held = false;
        machine.inbox.clear();
        machine.timers.clear();
        match keep {
            Keep::Written => {}
            Keep::Synced => machine.written = machine.synced.clone(),
        }
    }

    fn boot(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        let config = Paxos::configure(&machine.ensemble);
        machine.applied = Zxid::ZERO;
        let server = Paxos::recover(&config, now, &machine.written, &mut machine.out);
        machine.server = Some(server.expect("a crash leaves a disk that boots"));
        self.perform(node);
        self.work_off(node);
    }

    fn step(&mut self, node: NodeId, input: Input<Paxos>) {
        let now = self.now;
        let machine = self.machine(node);
        if let Some(server) = &mut machine.server {
            server.step(now, input, &mut machine.out);
            self.perform(node);
            self.work_off(node);
        }
    }

    /// Feeds what a server caused for itself.
    fn work_off(&mut self, node: NodeId) {
        let now = self.now;
        while let Some(input) = self.machine(node).inbox.pop_front() {
            let machine = self.machine(node);
            let server = machine.server.as_mut().expect("a dead inbox is empty");
            server.step(now, input, &mut machine.out);
            self.perform(node);
        }
    }

    fn perform(&mut self, node: NodeId) {
        let mut effects = Vec::new();
        self.machine(node).out.drain_into(&mut effects);
        for effect in effects {
            let waits = if let Effect::Send { gate, .. } | Effect::Fact { gate, .. } = &effect {
                *gate == Gate::AfterDisk
            } else {
                matches!(effect, Effect::Disk { .. })
            };
            if waits && self.machine(node).disk_held {
                self.machine(node).held.push_back(effect);
            } else {
                self.perform_one(node, effect);
            }
        }
    }

    /// Lets the disk do one thing of what it holds.
    fn release_one(&mut self, node: NodeId) {
        let effect = self.machine(node).held.pop_front();
        self.perform_one(node, effect.expect("the disk has something to do"));
        self.work_off(node);
    }

    fn release_disk(&mut self, node: NodeId) {
        self.machine(node).disk_held = false;
        while let Some(effect) = self.machine(node).held.pop_front() {
            self.perform_one(node, effect);
        }
        self.work_off(node);
    }

    fn perform_one(&mut self, node: NodeId, effect: Effect<Paxos>) {
        let now = self.now;
        match effect {
            Effect::Send { to, msg, .. } if to == node => {
                let via = crate::protocol::Via::Datagram;
                let from = node;
                self.machine(node)
                    .inbox
                    .push_back(Input::Message { from, via, msg });
            }
            Effect::Send { to, msg, .. } => {
                let from = node;
                if !self.cut.contains(&(from, to)) {
                    self.wire.push_back(Packet { from, to, msg });
                }
            }
            Effect::Disk { ticket, op } => {
                let machine = self.machine(node);
                if disk(&mut machine.written, op) {
                    machine.synced = machine.written.clone();
                    let result = DiskResult::Done;
                    machine.inbox.push_back(Input::Disk { ticket, result });
                }
            }
            Effect::Capture { ticket, .. } => {
                let machine = self.machine(node);
                let zxid = machine.applied;
                let image = image();
                let snapshot = Snapshot { zxid, image };
                machine
                    .inbox
                    .push_back(Input::Captured { ticket, snapshot });
            }
            Effect::Restore(snapshot) => {
                self.machine(node).applied = snapshot.map_or(Zxid::ZERO, |s| s.zxid);
            }
            Effect::Apply { zxid, payload } => self.apply(node, zxid, payload.digest()),
            Effect::BarrierDone { token, outcome } => self.end_barrier(node, token, outcome),
            Effect::SetTimer { timer, range } => {
                let TimerRange { min, max } = range;
                let delay = min.0 + self.draw(max.0 - min.0 + 1);
                let deadline = now.after(Span(delay));
                self.machine(node).timers.insert(timer, deadline);
            }
            Effect::CancelTimer(timer) => {
                self.machine(node).timers.remove(&timer);
            }
            Effect::Fact { fact, .. } => self.note(node, fact),
            Effect::Committed(_) => {}
            Effect::Dial { .. } | Effect::HangUp { .. } | Effect::Reload => {
                unreachable!("Paxos has no streams and never reloads")
            }
        }
    }

    fn deliver_first(&mut self) {
        if let Some(packet) = self.wire.pop_front() {
            let via = crate::protocol::Via::Datagram;
            let Packet { from, to, msg } = packet;
            self.step(to, Input::Message { from, via, msg });
        }
    }

    /// Delivers everything, and everything that follows from it.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            if self.wire.is_empty() {
                return;
            }
            self.deliver_first();
        }
        panic!("the servers never stop talking");
    }

    /// Delivers those packets that are under way now and fulfil a condition.
    fn deliver(&mut self, wanted: impl Fn(&Packet) -> bool) -> usize {
        let all: VecDeque<Packet> = core::mem::take(&mut self.wire);
        let (now, later): (VecDeque<Packet>, VecDeque<Packet>) = all.into_iter().partition(wanted);
        self.wire = later;
        let count = now.len();
        for packet in now {
            self.inject(packet.from, packet.to, packet.msg);
        }
        count
    }

    fn inject(&mut self, from: NodeId, to: NodeId, msg: Msg) {
        let via = crate::protocol::Via::Datagram;
        self.step(to, Input::Message { from, via, msg });
    }

    fn lose(&mut self, unwanted: impl Fn(&Packet) -> bool) {
        self.wire.retain(|packet| !unwanted(packet));
    }

    fn isolate(&mut self, node: NodeId) {
        for other in self.machines.keys().copied().filter(|other| *other != node) {
            self.cut.insert((node, other));
            self.cut.insert((other, node));
        }
        self.lose(|packet| packet.from == node || packet.to == node);
    }

    fn heal(&mut self) {
        self.cut.clear();
    }

    fn fire(&mut self, node: NodeId, timer: Timer) {
        let set = self.machine(node).timers.remove(&timer);
        assert!(set.is_some(), "{timer:?} of {node} is not set");
        self.step(node, Input::Timer(timer));
    }

    /// Lets time pass without any timer going off: every leader contact becomes stale.
    fn wait_silently(&mut self) {
        self.now = self
            .now
            .after(PaxosKnobs::default().election_timeout.times(2));
    }

    /// Has a server elected whose election timer went off.
    fn elect(&mut self, node: NodeId) {
        self.wait_silently();
        self.fire(node, Timer::Election);
        self.settle();
        assert!(self.leads(node), "{node} was not elected");
    }

    /// Has a server elected, but delivers nothing of what it then proposes.
    fn elect_quietly(&mut self, node: NodeId) {
        self.wait_silently();
        self.fire(node, Timer::Election);
        self.deliver(|p| matches!(p.msg, Msg::PreVote { .. }));
        self.deliver(|p| matches!(p.msg, Msg::PreVoteReply { .. }));
        self.deliver(|p| matches!(p.msg, Msg::Prepare { .. }));
        self.deliver(|p| matches!(p.msg, Msg::Promise(_)));
        assert!(self.leads(node), "{node} was not elected");
    }

    fn propose(&mut self, node: NodeId, number: u64) {
        self.step(node, Input::Propose(command(number)));
    }

    fn barrier(&mut self, node: NodeId, token: u64) {
        let token = BarrierToken(token);
        self.frontiers.insert((node, token), self.frontier);
        self.step(node, Input::Barrier(token));
    }

    /// Lets timers go off in their order, delivering everything in between.
    fn run_for(&mut self, span: Span) {
        let end = self.now.after(span);
        loop {
            self.settle();
            let next = self.next_timer().filter(|(deadline, ..)| *deadline <= end);
            let Some((deadline, node, timer)) = next else {
                break;
            };
            self.now = self.now.max(deadline);
            self.fire(node, timer);
        }
        self.now = end;
    }

    fn next_timer(&self) -> Option<(LocalTime, NodeId, Timer)> {
        let timers = self.machines.iter().flat_map(|(node, machine)| {
            let timers = machine.timers.iter();
            timers.map(|(timer, deadline)| (*deadline, *node, *timer))
        });
        timers.min()
    }

    fn assert_safe(&self) {
        assert_eq!(self.violation, None);
    }
}

/// Performs a disk operation; says whether it completes with an input.
fn disk(image: &mut Image<Record>, op: DiskOp<Record>) -> bool {
    match op {
        DiskOp::Append(record) => image.log.push(record),
        DiskOp::DropThrough(index) => {
            while image.log_first <= index && !image.log.is_empty() {
                image.log.remove(0);
                image.log_first += 1;
            }
        }
        DiskOp::Save(snapshot) => {
            image.snapshots.retain(|s| s.zxid != snapshot.zxid);
            image.snapshots.push(snapshot);
            image.snapshots.sort_by_key(|s| s.zxid);
        }
        DiskOp::DropSnapshotsBefore(zxid) => image.snapshots.retain(|s| s.zxid >= zxid),
        DiskOp::Sync(_) | DiskOp::SyncAll => return true,
        DiskOp::CutAfter(_) | DiskOp::Write(..) | DiskOp::Rename { .. } => {
            unreachable!("Paxos neither cuts its log nor writes files")
        }
    }
    false
}
