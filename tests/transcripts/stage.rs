//! The smallest world that both protocols can live in: messages that the script delivers, streams
//! that break with their links, disks that finish at once unless they are held, timers that go off
//! after their shortest delay, and a state machine that is a list of positions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use menagerie::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use menagerie::mutation::Mutations;
use menagerie::protocol::{
    BarrierOutcome, BarrierToken, DiskOp, DiskResult, Effect, Ensemble, Fact, Gate, Image, Input,
    Knobs, LinkEvent, Outbox, Protocol, Role, Standing, Via,
};
use menagerie::tree::{Content, Payload, Snapshot, State};

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

struct Machine<P: Protocol> {
    ensemble: Ensemble<P::Knobs>,
    server: Option<P>,
    out: Outbox<P>,
    written: Image<P::Record>,
    synced: Image<P::Record>,
    is_held: bool,
    /// What waits for the disk while it is held.
    held: VecDeque<Effect<P>>,
    timers: BTreeMap<P::Timer, LocalTime>,
    /// What the server caused for itself.
    inbox: VecDeque<Input<P>>,
    applied: Zxid,
    standing: Option<Standing>,
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

    fn step(&mut self, node: NodeId, input: Input<P>) {
        let now = self.now;
        let machine = self.machine(node);
        if let Some(server) = &mut machine.server {
            server.step(now, input, &mut machine.out);
            self.perform(node);
            self.work_off(node);
        }
    }

    fn work_off(&mut self, node: NodeId) {
        let now = self.now;
        while let Some(input) = self.machine(node).inbox.pop_front() {
            if let Some(line) = own::<P>(node, &input) {
                self.say(&line);
            }
            let machine = self.machine(node);
            let Some(server) = &mut machine.server else {
                return;
            };
            server.step(now, input, &mut machine.out);
            self.perform(node);
        }
    }

    fn perform(&mut self, node: NodeId) {
        let mut effects = Vec::new();
        self.machine(node).out.drain_into(&mut effects);
        for effect in effects {
            let waits = match &effect {
                Effect::Send { gate, .. } | Effect::Fact { gate, .. } => *gate == Gate::AfterDisk,
                Effect::Disk { .. } | Effect::Reload => true,
                Effect::Dial { .. }
                | Effect::HangUp { .. }
                | Effect::Capture { .. }
                | Effect::Restore(_)
                | Effect::Apply { .. }
                | Effect::Committed(_)
                | Effect::BarrierDone { .. }
                | Effect::SetTimer { .. }
                | Effect::CancelTimer(_) => false,
            };
            if waits && self.machine(node).is_held {
                if let Effect::Send { to, msg, .. } = &effect {
                    let line = format!("  after the disk: -> {to} {}", P::message(msg));
                    self.say(&line);
                }
                self.machine(node).held.push_back(effect);
            } else {
                self.perform_one(node, effect);
            }
        }
        self.compare_standing(node);
    }

    /// Role changes are derived from the standing before and after.
    fn compare_standing(&mut self, node: NodeId) {
        let machine = self.machine(node);
        let Some(server) = &machine.server else {
            return;
        };
        let new = server.standing();
        let shown = |of: &Standing| standing::<P>(of);
        if machine.standing.as_ref().map(shown) != Some(shown(&new)) {
            let line = format!("  = {}", shown(&new));
            machine.standing = Some(new);
            self.say(&line);
        }
    }

    fn perform_one(&mut self, node: NodeId, effect: Effect<P>) {
        match effect {
            Effect::Send { to, via, msg, .. } => self.send(node, to, via, msg),
            Effect::Dial { peer, link } => self.dial(node, peer, link),
            Effect::HangUp { peer, link } => {
                if self.links.contains_key(&link) {
                    self.say(&format!("  hangs up on {peer}"));
                    self.close(link, node, peer);
                }
            }
            Effect::Disk { ticket, op } => {
                if let Some(line) = operation::<P>(&op) {
                    self.say(&format!("  disk: {line}"));
                }
                let machine = self.machine(node);
                if machine.write(op) {
                    let result = DiskResult::Done;
                    machine.inbox.push_back(Input::Disk { ticket, result });
                }
            }
            Effect::Reload => {
                let machine = self.machine(node);
                let image = Box::new(machine.written.clone());
                machine.inbox.push_back(Input::Reloaded(image));
                self.say("  reads its disk back");
            }
            Effect::Capture { ticket, .. } => {
                let machine = self.machine(node);
                let snapshot = snapshot(machine.applied);
                let input = Input::Captured { ticket, snapshot };
                machine.inbox.push_back(input);
            }
            Effect::Restore(snapshot) => {
                let zxid = snapshot.map_or(Zxid::ZERO, |snapshot| snapshot.zxid);
                let machine = self.machine(node);
                machine.applied = zxid;
                let is_news = |input: &Input<P>| matches!(input, Input::Applied(_));
                machine.inbox.retain(|input| !is_news(input));
                self.say(&format!("  restores the state at {zxid}"));
            }
            Effect::Apply { zxid, payload } => {
                let machine = self.machine(node);
                machine.applied = zxid;
                machine.inbox.push_back(Input::Applied(zxid));
                self.say(&format!("  applies {zxid} {}", letter(&payload)));
            }
            Effect::Committed(zxid) => self.say(&format!("  knows {zxid} to be committed")),
            Effect::BarrierDone { token, outcome } => {
                let how = match outcome {
                    BarrierOutcome::Reached => "is reached",
                    BarrierOutcome::Failed => "has failed",
                };
                self.say(&format!("  barrier {} {how}", token.0));
            }
            Effect::SetTimer { timer, range } => {
                let at = self.now.after(range.min);
                self.machine(node).timers.insert(timer, at);
            }
            Effect::CancelTimer(timer) => {
                self.machine(node).timers.remove(&timer);
            }
            Effect::Fact { fact, .. } => self.note(&fact),
        }
    }

    /// Of the facts, those that no message and no other effect shows.
    fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::Established { epoch, through } => {
                let epoch = P::epoch(*epoch);
                self.say(&format!("  is established in {epoch}, after {through}"));
            }
            Fact::Chosen { zxid, value: 0 } => {
                self.say(&format!("  takes the no-op in {zxid} for chosen"));
            }
            Fact::Proposed { .. }
            | Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => {}
        }
    }

    fn dial(&mut self, node: NodeId, peer: NodeId, link: LinkId) {
        self.say(&format!("  dials {peer}"));
        if self.machine(peer).server.is_some() && !self.cut.contains(&(node, peer)) {
            self.links.insert(link, (node, peer));
            self.tell_end(node, peer, link, LinkEvent::Up);
            self.tell_end(peer, node, link, LinkEvent::Up);
        } else {
            self.tell_end(node, peer, link, LinkEvent::Refused);
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, via: Via, msg: P::Msg) {
        if from == to {
            let input = Input::Message { from, via, msg };
            self.machine(from).inbox.push_back(input);
            return;
        }
        self.say(&format!("  -> {to} {}", P::message(&msg)));
        let is_lost = match via {
            Via::Datagram => self.cut.contains(&(from, to)),
            Via::LatestWins => {
                self.wire.retain(|packet| {
                    (packet.from, packet.to) != (from, to) || !is_latest_wins(&packet.input)
                });
                self.cut.contains(&(from, to)) || self.machine(to).server.is_none()
            }
            Via::Stream(link) => !self.links.contains_key(&link),
        };
        if !is_lost {
            let input = Input::Message { from, via, msg };
            self.wire.push_back(Packet { from, to, input });
        }
    }
}

impl<P: Protocol> Machine<P> {
    fn new(ensemble: Ensemble<P::Knobs>) -> Machine<P> {
        Machine {
            out: Outbox::new(ensemble.me),
            ensemble,
            server: None,
            written: Image::empty(),
            synced: Image::empty(),
            is_held: false,
            held: VecDeque::new(),
            timers: BTreeMap::new(),
            inbox: VecDeque::new(),
            applied: Zxid::ZERO,
            standing: None,
        }
    }

    /// Carries out a disk operation; returns whether it completes with an input.
    fn write(&mut self, op: DiskOp<P::Record>) -> bool {
        let image = &mut self.written;
        match op {
            DiskOp::Append(record) => image.log.push(record),
            DiskOp::CutAfter(index) => {
                let kept = (index + 1).saturating_sub(image.log_first) as usize;
                image.log.truncate(kept);
            }
            DiskOp::DropThrough(index) => {
                let dropped = (index + 1).saturating_sub(image.log_first);
                let dropped = dropped.min(image.log.len() as u64);
                image.log.drain(..dropped as usize);
                image.log_first += dropped;
            }
            DiskOp::Write(name, record) => {
                image.files.insert(name, Some(record));
            }
            DiskOp::Rename { from, to } => {
                let content = image.files.remove(&from).expect("it was written before");
                image.files.insert(to, content);
            }
            DiskOp::Save(snapshot) => {
                image.snapshots.retain(|old| old.zxid != snapshot.zxid);
                image.snapshots.push(snapshot);
                image.snapshots.sort_by_key(|snapshot| snapshot.zxid);
            }
            DiskOp::DropSnapshotsBefore(zxid) => image.snapshots.retain(|old| old.zxid >= zxid),
            DiskOp::Sync(_) | DiskOp::SyncAll => {
                self.synced = self.written.clone();
                return true;
            }
        }
        false
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

fn arrival<P: Shown>(packet: &Packet<P>) -> String {
    let (from, to) = (packet.from, packet.to);
    match &packet.input {
        Input::Message { msg, .. } => format!("{to} <- {from} {}", P::message(msg)),
        Input::Link { event, .. } => {
            let news = match event {
                LinkEvent::Up => "is up",
                LinkEvent::Refused => "is refused",
                LinkEvent::Down => "is down",
            };
            format!("{to} <- {from} the stream {news}")
        }
        Input::Timer(_)
        | Input::Propose(_)
        | Input::Barrier(_)
        | Input::Disk { .. }
        | Input::Reloaded(_)
        | Input::Applied(_)
        | Input::Captured { .. } => unreachable!("nothing else travels"),
    }
}

/// What a server hears from itself, where that is worth a line.
fn own<P: Shown>(node: NodeId, input: &Input<P>) -> Option<String> {
    match input {
        Input::Message { msg, .. } => Some(format!("{node} <- itself {}", P::message(msg))),
        Input::Reloaded(_) => Some(format!("{node} has read its disk back")),
        Input::Captured { snapshot, .. } => Some(format!("{node} captured {}", snapshot.zxid)),
        Input::Link { .. }
        | Input::Timer(_)
        | Input::Propose(_)
        | Input::Barrier(_)
        | Input::Disk { .. }
        | Input::Applied(_) => None,
    }
}

/// What a disk operation does; syncs of single objects are left out.
fn operation<P: Shown>(op: &DiskOp<P::Record>) -> Option<String> {
    match op {
        DiskOp::Append(record) => Some(format!("append {}", P::record(record))),
        DiskOp::CutAfter(index) => Some(format!("cut the log after record {index}")),
        DiskOp::DropThrough(index) => Some(format!("drop the log through record {index}")),
        DiskOp::Write(name, record) => Some(format!("write {}: {}", name.0, P::record(record))),
        DiskOp::Rename { from: _, to } => Some(format!("rename to {}", to.0)),
        DiskOp::Save(snapshot) => Some(format!("save snapshot {}", snapshot.zxid)),
        DiskOp::DropSnapshotsBefore(zxid) => Some(format!("drop snapshots before {zxid}")),
        DiskOp::SyncAll => Some("sync".to_string()),
        DiskOp::Sync(_) => None,
    }
}

fn standing<P: Shown>(standing: &Standing) -> String {
    let role = match standing.role {
        Role::Looking => "looking",
        Role::Following => "following",
        Role::Leading => "leading",
        Role::Observing => "observing",
    };
    let mut text = format!("{role}, epoch {}", P::epoch(standing.epoch));
    if let Some(leader) = standing.leader {
        text.push_str(&format!(", leader {leader}"));
    }
    if let Some(zxid) = standing.serve_from {
        text.push_str(&format!(", serves from {zxid}"));
    }
    text
}
