//! The smallest world that both protocols can live in: messages that the script delivers, streams
//! that break with their links, disks that finish at once unless they are held, timers that go off
//! after their shortest delay, and a state machine that is a list of positions.

mod effects;
mod machine;
mod texts;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use menagerie::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use menagerie::mutation::Mutations;
use menagerie::protocol::{BarrierToken, Ensemble, Input, Knobs, LinkEvent, Protocol, Via};
use menagerie::quorum::Quorums;
use menagerie::tree::{Content, Payload, Snapshot, State};

use machine::Machine;
use texts::{arrival, standing};

/// Events after which a predicate will never hold.
const PATIENCE: usize = 20_000;

/// A protocol whose messages and records have a text for transcripts.
pub trait Shown: Protocol {
    /// What a message says.
    fn message(msg: &Self::Msg) -> String;
    /// What a record says.
    fn record(record: &Self::Record) -> String;
    /// The epoch as the paper writes it.
    fn epoch(epoch: u64) -> String;
    /// A payload that carries so much.
    fn payload(number: u64) -> Payload;
}

/// The letter that a transcript calls a payload by.
pub fn letter(payload: &Payload) -> char {
    let session = match payload.content() {
        Content::Txn(record) => record.session,
        Content::Command(command) => command.session,
    };
    u8::try_from(session.0).map_or('?', char::from)
}

/// Something on its way between two servers.
#[derive(Clone)]
pub struct Packet<P: Protocol> {
    from: NodeId,
    to: NodeId,
    input: Input<P>,
}

/// Which messages a command means; what is left out is any.
#[derive(Default)]
pub struct Selected {
    pub from: Option<NodeId>,
    pub to: Option<NodeId>,
    pub kind: Option<String>,
}

impl Selected {
    fn has<P: Protocol>(&self, packet: &Packet<P>) -> bool {
        let kind = match &packet.input {
            Input::Message { msg, .. } => Some(P::kind(msg)),
            Input::Link { .. } => Some("LINK"),
            Input::Timer(_)
            | Input::Propose(_)
            | Input::Barrier(_)
            | Input::Disk { .. }
            | Input::Reloaded(_)
            | Input::Applied(_)
            | Input::Captured { .. } => None,
        };
        self.from.is_none_or(|from| from == packet.from)
            && self.to.is_none_or(|to| to == packet.to)
            && self
                .kind
                .as_deref()
                .is_none_or(|wanted| kind.is_some_and(|kind| kind.eq_ignore_ascii_case(wanted)))
    }
}

/// The servers and what is between them.
pub struct Stage<P: Shown> {
    now: LocalTime,
    machines: BTreeMap<NodeId, Machine<P>>,
    wire: VecDeque<Packet<P>>,
    links: BTreeMap<LinkId, (NodeId, NodeId)>,
    cut: BTreeSet<(NodeId, NodeId)>,
    log: String,
}

impl<P: Shown> Stage<P> {
    pub fn new(voters: u8, observers: u8, (knobs, own): (Knobs, P::Knobs)) -> Stage<P> {
        let all = (1..=voters + observers).map(NodeId);
        let machines = all.map(|me| {
            let ensemble = Ensemble {
                me,
                voters: (1..=voters).map(NodeId).collect(),
                observers: (voters + 1..=voters + observers).map(NodeId).collect(),
                quorums: Quorums::majorities(&(1..=voters).map(NodeId).collect::<Vec<_>>()),
                knobs: knobs.clone(),
                own: own.clone(),
                mutations: Mutations::NONE,
            };
            (me, Machine::new(ensemble))
        });
        Stage {
            now: LocalTime(1),
            machines: machines.collect(),
            wire: VecDeque::new(),
            links: BTreeMap::new(),
            cut: BTreeSet::new(),
            log: String::new(),
        }
    }

    /// What was done since this was last asked for.
    pub fn take_log(&mut self) -> String {
        core::mem::take(&mut self.log)
    }

    fn say(&mut self, line: &str) {
        writeln!(self.log, "{line}").expect("a string takes everything");
    }

    fn machine(&mut self, node: NodeId) -> &mut Machine<P> {
        match self.machines.get_mut(&node) {
            Some(machine) => machine,
            None => panic!("{node} is not in this ensemble"),
        }
    }

    pub fn boot_all(&mut self) {
        let all: Vec<NodeId> = self.machines.keys().copied().collect();
        for node in all {
            if self.machine(node).server.is_none() {
                self.boot(node);
            }
        }
    }

    pub fn boot(&mut self, node: NodeId) {
        let now = self.now;
        self.say(&format!("{node} boots"));
        let machine = self.machine(node);
        assert!(machine.server.is_none(), "{node} runs");
        machine.applied = Zxid::ZERO;
        let config = P::configure(&machine.ensemble);
        match P::recover(&config, now, &machine.written, &mut machine.out) {
            Ok(server) => machine.server = Some(server),
            Err(refusal) => panic!("{node} refuses to boot: {}", refusal.0),
        }
        self.perform(node);
        self.work_off(node);
    }

    pub fn crash(&mut self, node: NodeId) {
        self.say(&format!("{node} crashes"));
        let machine = self.machine(node);
        machine.server = None;
        machine.standing = None;
        machine.is_held = false;
        machine.held.clear();
        machine.inbox.clear();
        machine.timers.clear();
        self.wire.retain(|packet| packet.to != node);
        self.break_links(|one, other| one == node || other == node);
    }

    /// What was not synced is gone as well.
    pub fn lose_power(&mut self, node: NodeId) {
        self.crash(node);
        let machine = self.machine(node);
        machine.written = machine.synced.clone();
    }

    pub fn hold(&mut self, node: NodeId) {
        self.machine(node).is_held = true;
    }

    pub fn release(&mut self, node: NodeId) {
        self.machine(node).is_held = false;
        while !self.machine(node).is_held
            && let Some(effect) = self.machine(node).held.pop_front()
        {
            self.perform_one(node, effect);
        }
        self.work_off(node);
    }

    pub fn cut(&mut self, one: NodeId, other: NodeId) {
        self.cut.extend([(one, other), (other, one)]);
        let is_between = |from, to| (from, to) == (one, other) || (from, to) == (other, one);
        self.wire
            .retain(|packet| !is_between(packet.from, packet.to));
        self.break_links(is_between);
    }

    pub fn isolate(&mut self, node: NodeId) {
        let all: Vec<NodeId> = self.machines.keys().copied().collect();
        for other in all.into_iter().filter(|other| *other != node) {
            self.cut(node, other);
        }
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    fn break_links(&mut self, hit: impl Fn(NodeId, NodeId) -> bool) {
        let links = self.links.iter();
        let broken: Vec<_> = links
            .filter(|(_, (one, other))| hit(*one, *other))
            .map(|(link, ends)| (*link, *ends))
            .collect();
        for (link, (one, other)) in broken {
            self.close(link, one, other);
            self.tell_end(one, other, link, LinkEvent::Down);
        }
    }

    /// Closes a stream as `by` does: the other end hears of it, and what is under way is lost.
    fn close(&mut self, link: LinkId, by: NodeId, other: NodeId) {
        self.links.remove(&link);
        self.wire.retain(|packet| match &packet.input {
            Input::Message { via, .. } => *via != Via::Stream(link),
            Input::Link { .. }
            | Input::Timer(_)
            | Input::Propose(_)
            | Input::Barrier(_)
            | Input::Disk { .. }
            | Input::Reloaded(_)
            | Input::Applied(_)
            | Input::Captured { .. } => true,
        });
        self.tell_end(other, by, link, LinkEvent::Down);
    }

    fn tell_end(&mut self, to: NodeId, peer: NodeId, link: LinkId, event: LinkEvent) {
        if self.machine(to).server.is_some() {
            self.wire.push_back(Packet {
                from: peer,
                to,
                input: Input::Link { peer, link, event },
            });
        }
    }

    /// How many messages under way a command means.
    pub fn count(&self, which: &Selected) -> usize {
        self.wire.iter().filter(|packet| which.has(packet)).count()
    }

    pub fn deliver(&mut self, which: &Selected) {
        let all = core::mem::take(&mut self.wire);
        let (now, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| which.has(p));
        self.wire = later.into();
        for packet in now {
            self.arrive(packet);
        }
    }

    pub fn lose(&mut self, which: &Selected) {
        let all = core::mem::take(&mut self.wire);
        let (lost, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| which.has(p));
        self.wire = kept.into();
        for packet in lost {
            let line = format!("lost: {}", arrival(&packet));
            self.say(&line);
        }
    }

    pub fn repeat(&mut self, which: &Selected) {
        let copies: Vec<Packet<P>> = self.wire.iter().filter(|p| which.has(p)).cloned().collect();
        for packet in copies {
            self.arrive(packet);
        }
    }

    fn arrive(&mut self, packet: Packet<P>) {
        if self.machine(packet.to).server.is_some() {
            let line = arrival(&packet);
            self.say(&line);
            self.step(packet.to, packet.input);
        }
    }

    pub fn settle(&mut self) {
        for _ in 0..PATIENCE {
            let Some(packet) = self.wire.pop_front() else {
                return;
            };
            self.arrive(packet);
        }
        panic!("the servers never stop talking");
    }

    pub fn fire(&mut self, node: NodeId, name: &str) -> Result<(), String> {
        let timers = &mut self.machine(node).timers;
        let timer = timers
            .keys()
            .find(|timer| format!("{timer:?}").eq_ignore_ascii_case(name))
            .copied();
        let timer = timer.ok_or_else(|| format!("{name} of {node} is not set"))?;
        self.go_off(node, timer);
        Ok(())
    }

    fn go_off(&mut self, node: NodeId, timer: P::Timer) {
        self.machine(node).timers.remove(&timer);
        self.say(&format!("{node} timer {timer:?}"));
        self.step(node, Input::Timer(timer));
    }

    /// Lets time pass without a timer going off.
    pub fn pass(&mut self, span: Span) {
        self.now = self.now.after(span);
    }

    fn next_timer(&self) -> Option<(LocalTime, NodeId, P::Timer)> {
        let timers = self.machines.iter().flat_map(|(node, machine)| {
            let timers = machine.timers.iter();
            timers.map(|(timer, at)| (*at, *node, *timer))
        });
        timers.min()
    }

    pub fn run_until(&mut self, done: impl Fn(&Stage<P>) -> bool) -> Result<(), String> {
        for _ in 0..PATIENCE {
            if done(self) {
                return Ok(());
            }
            if let Some(packet) = self.wire.pop_front() {
                self.arrive(packet);
            } else if let Some((at, node, timer)) = self.next_timer() {
                self.now = self.now.max(at);
                self.go_off(node, timer);
            }
        }
        Err("it never comes about".to_string())
    }

    pub fn run_for(&mut self, span: Span) {
        let end = self.now.after(span);
        loop {
            self.settle();
            let next = self.next_timer().filter(|(at, ..)| *at <= end);
            let Some((at, node, timer)) = next else {
                break;
            };
            self.now = self.now.max(at);
            self.go_off(node, timer);
        }
        self.now = end;
    }

    pub fn leads(&self, node: NodeId) -> bool {
        let server = self.machines[&node].server.as_ref();
        server.is_some_and(|server| server.standing().can_propose)
    }

    pub fn follows(&self, node: NodeId) -> bool {
        let server = self.machines[&node].server.as_ref();
        server.is_some_and(|server| {
            let standing = server.standing();
            standing.leader.is_some_and(|leader| leader != node) && standing.serve_from.is_some()
        })
    }

    pub fn all_serve(&self) -> bool {
        let mut running = self.machines.values().filter_map(|m| m.server.as_ref());
        running.all(|server| server.standing().serve_from.is_some())
    }

    pub fn propose(&mut self, node: NodeId, name: &str) -> Result<(), String> {
        let [letter] = name.as_bytes() else {
            return Err(format!("{name} is no letter"));
        };
        self.say(&format!("{node} is asked to replicate {name}"));
        self.step(node, Input::Propose(P::payload(u64::from(*letter))));
        Ok(())
    }

    pub fn barrier(&mut self, node: NodeId, token: u64) {
        self.say(&format!("{node} is asked for barrier {token}"));
        self.step(node, Input::Barrier(BarrierToken(token)));
    }

    pub fn show_standings(&mut self) {
        let lines: Vec<String> = self
            .machines
            .iter()
            .map(|(node, machine)| match &machine.server {
                Some(server) => {
                    let applied = machine.applied;
                    format!(
                        "{node} {}, applied {applied}",
                        standing::<P>(&server.standing())
                    )
                }
                None => format!("{node} down"),
            })
            .collect();
        for line in lines {
            self.say(&line);
        }
    }
}

/// A snapshot; what it holds is of no concern to a protocol.
fn snapshot(zxid: Zxid) -> Snapshot {
    let image = Snapshot::atomic(&State::new(Mutations::NONE)).image;
    Snapshot { zxid, image }
}

fn is_latest_wins<P: Protocol>(input: &Input<P>) -> bool {
    match input {
        Input::Message { via, .. } => *via == Via::LatestWins,
        Input::Link { .. }
        | Input::Timer(_)
        | Input::Propose(_)
        | Input::Barrier(_)
        | Input::Disk { .. }
        | Input::Reloaded(_)
        | Input::Applied(_)
        | Input::Captured { .. } => false,
    }
}
