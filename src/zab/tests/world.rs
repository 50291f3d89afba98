//! The smallest world that a Zab server can live in: FIFO streams that break, a latest-wins
//! channel, a disk that syncs on command, and a state machine that is a list. Events are taken
//! in order, or in an order drawn from a seed.

mod events;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::disk::{Disk, Loss, Queued};
use super::{payload, snapshot};
use crate::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use crate::mutation::Mutations;
use crate::protocol::{
    BarrierOutcome, BarrierToken, Effect, Ensemble, Fact, Gate, Input, Knobs, LinkEvent, Outbox,
    Protocol, Role, Via,
};
use crate::quorum::Quorums;
use crate::zab::roles::State;
use crate::zab::{Msg, Timer, Zab, ZabKnobs};

/// A sequence of transactions: position and payload digest.
pub type History = Vec<(Zxid, u64)>;

pub struct Node {
    config: <Zab as Protocol>::Config,
    pub zab: Option<Zab>,
    out: Outbox<Zab>,
    timers: BTreeMap<Timer, u64>,
    pub disk: Disk,
    pub state: History,
    pub committed: Zxid,
    pub barriers: Vec<(BarrierToken, BarrierOutcome)>,
}

struct Event {
    to: NodeId,
    channel: (NodeId, Option<LinkId>),
    input: Input<Zab>,
}

pub struct World {
    pub nodes: BTreeMap<NodeId, Node>,
    queue: VecDeque<Event>,
    links: BTreeMap<LinkId, (NodeId, NodeId)>,
    cut: BTreeSet<(NodeId, NodeId)>,
    now: u64,
    /// The history that each snapshot zxid stands for.
    library: BTreeMap<Zxid, History>,
    /// The committed sequence as the furthest server knows it.
    pub chosen: History,
    pub facts: Vec<(NodeId, Fact)>,
    /// Every message that was delivered, by its kind.
    pub delivered: Vec<(NodeId, NodeId, &'static str)>,
    dice: u64,
    proposals: u64,
}

pub fn node(number: u8) -> NodeId {
    NodeId(number)
}

impl World {
    pub fn new(
        voters: u8,
        observers: u8,
        (knobs, own): (Knobs, ZabKnobs),
        mutations: Mutations,
    ) -> World {
        let mut world = World {
            nodes: BTreeMap::new(),
            queue: VecDeque::new(),
            links: BTreeMap::new(),
            cut: BTreeSet::new(),
            now: 0,
            library: BTreeMap::new(),
            chosen: Vec::new(),
            facts: Vec::new(),
            delivered: Vec::new(),
            dice: 1,
            proposals: 0,
        };
        for number in 1..=voters + observers {
            let config = Zab::configure(&Ensemble {
                me: node(number),
                voters: (1..=voters).map(node).collect(),
                observers: (voters + 1..=voters + observers).map(node).collect(),
                quorums: Quorums::majorities(&(1..=voters).map(node).collect::<Vec<_>>()),
                knobs: knobs.clone(),
                own: own.clone(),
                mutations,
            });
            let disk = Disk::empty();
            world.nodes.insert(
                node(number),
                Node {
                    config,
                    zab: None,
                    out: Outbox::new(node(number)),
                    timers: BTreeMap::new(),
                    disk,
                    state: Vec::new(),
                    committed: Zxid::ZERO,
                    barriers: Vec::new(),
                },
            );
        }
        world
    }

    /// Three voters with default knobs, all booted.
    pub fn three() -> World {
        let mut world = World::new(3, 0, Default::default(), Mutations::NONE);
        world.boot_all();
        world
    }

    /// The next sync of a server fails.
    pub fn fail_sync(&mut self, id: NodeId) {
        self.node_mut(id).disk.failing = true;
    }

    /// Whether a failed disk operation stopped a server.
    pub fn is_halted(&self, id: NodeId) -> bool {
        let zab = self.node(id).zab.as_ref();
        zab.is_some_and(|zab| zab.state == State::Halted)
    }

    pub fn boot_all(&mut self) {
        let all: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in all {
            if self.node(id).zab.is_none() {
                self.boot(id);
            }
        }
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[&id]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("the test names its servers")
    }

    pub fn boot(&mut self, id: NodeId) {
        let now = LocalTime(self.now);
        let server = self.node_mut(id);
        assert!(server.zab.is_none(), "{id} runs");
        server.state.clear();
        server.committed = Zxid::ZERO;
        let image = server.disk.written.clone();
        match Zab::recover(&server.config, now, &image, &mut server.out) {
            Ok(zab) => server.zab = Some(zab),
            Err(refusal) => panic!("{id} refuses to boot: {}", refusal.0),
        }
        self.perform(id);
    }

    pub fn crash(&mut self, id: NodeId, loss: Loss) {
        let server = self.node_mut(id);
        server.zab = None;
        server.timers.clear();
        server.disk.lose(loss);
        self.queue.retain(|event| event.to != id);
        self.break_links(|a, b| a == id || b == id);
    }

    /// Cuts a server off from all others.
    pub fn isolate(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(|n| *n != id).collect();
        for other in others {
            self.cut.insert((id, other));
            self.cut.insert((other, id));
        }
        self.break_links(|a, b| a == id || b == id);
        self.queue.retain(|event| {
            let from = event.channel.0;
            event.to == from || (event.to != id && from != id) || is_link_news(&event.input)
        });
    }

    /// Lets a server hear nothing of the others, which go on to hear its notifications.
    pub fn deafen(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(|n| *n != id).collect();
        for other in others {
            self.cut.insert((other, id));
            self.interrupt(other, id);
        }
    }

    /// Cuts two servers off from each other.
    pub fn part(&mut self, one: NodeId, other: NodeId) {
        self.cut.insert((one, other));
        self.cut.insert((other, one));
        self.interrupt(one, other);
    }

    /// Breaks the stream between two servers, which may dial again at once.
    pub fn interrupt(&mut self, one: NodeId, other: NodeId) {
        self.break_links(|a, b| (a, b) == (one, other) || (b, a) == (one, other));
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    fn break_links(&mut self, hit: impl Fn(NodeId, NodeId) -> bool) {
        let broken: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(_, (a, b))| hit(*a, *b))
            .map(|(link, _)| *link)
            .collect();
        for link in broken {
            let (a, b) = self.links[&link];
            self.close(link, a, b);
            self.close_end(link, b, a);
        }
    }

    /// Closes a link as `by` does: `other` hears of it.
    fn close(&mut self, link: LinkId, by: NodeId, other: NodeId) {
        self.links.remove(&link);
        self.queue
            .retain(|event| event.channel.1 != Some(link) || is_link_news(&event.input));
        self.close_end(link, by, other);
    }

    fn close_end(&mut self, link: LinkId, peer: NodeId, to: NodeId) {
        if self.node(to).zab.is_some() {
            let event = LinkEvent::Down;
            self.link_news(to, peer, link, event);
        }
    }

    fn link_news(&mut self, to: NodeId, peer: NodeId, link: LinkId, event: LinkEvent) {
        self.queue.push_back(Event {
            to,
            channel: (peer, Some(link)),
            input: Input::Link { peer, link, event },
        });
    }

    pub fn step(&mut self, id: NodeId, input: Input<Zab>) {
        let now = LocalTime(self.now);
        let server = self.node_mut(id);
        if let Some(zab) = &mut server.zab {
            zab.step(now, input, &mut server.out);
            self.perform(id);
        }
    }

    fn local(&mut self, id: NodeId, input: Input<Zab>) {
        self.queue.push_back(Event {
            to: id,
            channel: (id, None),
            input,
        });
    }

    fn perform(&mut self, id: NodeId) {
        let mut effects = Vec::new();
        self.node_mut(id).out.drain_into(&mut effects);
        for effect in effects {
            self.perform_one(id, effect);
        }
        self.check(id);
    }

    fn perform_one(&mut self, id: NodeId, effect: Effect<Zab>) {
        let now = self.now;
        match effect {
            Effect::Send { to, via, msg, gate } => match gate {
                Gate::Now => self.send(id, to, via, msg),
                Gate::AfterDisk => self.queue_disk(id, Queued::Send(to, via, msg)),
            },
            Effect::Dial { peer, link } => {
                if self.node(peer).zab.is_some() && !self.cut.contains(&(id, peer)) {
                    self.links.insert(link, (id, peer));
                    self.link_news(id, peer, link, LinkEvent::Up);
                    self.link_news(peer, id, link, LinkEvent::Up);
                } else {
                    self.link_news(id, peer, link, LinkEvent::Refused);
                }
            }
            Effect::HangUp { peer, link } => {
                if self.links.contains_key(&link) {
                    self.close(link, id, peer);
                }
            }
            Effect::Disk { ticket, op } => self.queue_disk(id, Queued::Op(ticket, op)),
            Effect::Reload => self.queue_disk(id, Queued::Reload),
            Effect::Capture { ticket, kind: _ } => {
                let state = self.node(id).state.clone();
                let zxid = state.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid);
                let known = self.library.entry(zxid).or_insert_with(|| state.clone());
                assert_eq!(known, &state, "two histories end at {zxid}");
                let snapshot = snapshot(zxid);
                self.local(id, Input::Captured { ticket, snapshot });
            }
            Effect::Restore(snapshot) => {
                let state = snapshot.map_or(Vec::new(), |s| self.library[&s.zxid].clone());
                self.node_mut(id).state = state;
                self.queue
                    .retain(|event| event.to != id || !matches!(event.input, Input::Applied(_)));
            }
            Effect::Apply { zxid, payload } => {
                let server = self.node_mut(id);
                let last = server.state.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid);
                assert!(zxid > last, "{id} applies {zxid} behind {last}");
                server.state.push((zxid, payload.digest()));
                self.local(id, Input::Applied(zxid));
            }
            Effect::Committed(zxid) => {
                let server = self.node_mut(id);
                server.committed = server.committed.max(zxid);
            }
            Effect::BarrierDone { token, outcome } => {
                self.node_mut(id).barriers.push((token, outcome));
            }
            Effect::SetTimer { timer, range } => {
                self.node_mut(id).timers.insert(timer, now + range.min.0);
            }
            Effect::CancelTimer(timer) => {
                self.node_mut(id).timers.remove(&timer);
            }
            Effect::Fact { gate, fact } => match gate {
                Gate::Now => self.facts.push((id, fact)),
                Gate::AfterDisk => self.queue_disk(id, Queued::Fact(fact)),
            },
        }
    }

    fn queue_disk(&mut self, id: NodeId, queued: Queued) {
        self.node_mut(id).disk.queue.push_back(queued);
    }

    fn send(&mut self, from: NodeId, to: NodeId, via: Via, msg: Msg) {
        let link = match via {
            Via::Datagram => None,
            Via::LatestWins => {
                if self.cut.contains(&(from, to)) || self.node(to).zab.is_none() {
                    return;
                }
                None
            }
            Via::Stream(link) => {
                if !self.links.contains_key(&link) {
                    return;
                }
                Some(link)
            }
        };
        let latest = |event: &Event| {
            event.to == to && event.channel == (from, None) && is_latest_wins(&event.input)
        };
        if via == Via::LatestWins {
            self.queue.retain(|event| !latest(event));
        }
        self.queue.push_back(Event {
            to,
            channel: (from, link),
            input: Input::Message { from, via, msg },
        });
    }

    /// Runs until `done`, within a bound.
    pub fn run_until(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        for _ in 0..40_000 {
            if done(self) {
                return;
            }
            self.advance();
        }
        let standings: Vec<_> = self
            .nodes
            .iter()
            .map(|(id, server)| (*id, server.zab.as_ref().map(Protocol::standing)))
            .collect();
        panic!("never came about: {what}; {standings:?}");
    }

    /// Runs for some time.
    pub fn run_for(&mut self, span: Span) {
        let end = self.now + span.0;
        while self.now < end {
            self.advance();
        }
    }

    pub fn leader(&self) -> Option<NodeId> {
        self.nodes
            .iter()
            .filter(|(_, server)| {
                server
                    .zab
                    .as_ref()
                    .is_some_and(|zab| zab.standing().can_propose)
            })
            .map(|(id, server)| (server.zab.as_ref().map(|z| z.standing().epoch), *id))
            .max()
            .map(|(_, id)| id)
    }

    pub fn role(&self, id: NodeId) -> Option<Role> {
        let zab = self.node(id).zab.as_ref();
        zab.map(|zab| zab.standing().role)
    }

    pub fn epoch(&self, id: NodeId) -> u64 {
        let zab = self.node(id).zab.as_ref();
        zab.map_or(0, |zab| zab.standing().epoch)
    }

    pub fn serves(&self, id: NodeId) -> bool {
        let zab = self.node(id).zab.as_ref();
        zab.is_some_and(|zab| zab.standing().serve_from.is_some())
    }

    /// Runs until there is a leader and every running server serves.
    pub fn run_until_all_serve(&mut self) -> NodeId {
        self.run_until("every running server serves", |world| {
            let running = world.nodes.iter().filter(|(_, n)| n.zab.is_some());
            world.leader().is_some() && running.into_iter().all(|(id, _)| world.serves(*id))
        });
        self.leader().expect("just seen")
    }

    /// Proposes at a server that may; says at which zxid.
    pub fn propose(&mut self, id: NodeId) -> Zxid {
        self.proposals += 1;
        let before = self.facts.len();
        self.step(id, Input::Propose(payload(self.proposals)));
        let proposed = self.facts[before..]
            .iter()
            .find_map(|(_, fact)| match fact {
                Fact::Proposed { zxid, .. } => Some(*zxid),
                Fact::Established { .. }
                | Fact::Promised { .. }
                | Fact::Reporting { .. }
                | Fact::Reported { .. }
                | Fact::Voted { .. }
                | Fact::Chosen { .. } => None,
            });
        proposed.expect("the test proposes where it is welcome")
    }

    /// Proposes and runs until every running server has it committed.
    pub fn commit(&mut self, leader: NodeId) -> Zxid {
        let zxid = self.propose(leader);
        self.run_until("it is committed everywhere", |world| {
            let mut running = world.nodes.values().filter(|n| n.zab.is_some());
            running.all(|n| n.committed >= zxid)
        });
        zxid
    }

    pub fn saw(&self, to: NodeId, kind: &str) -> bool {
        self.delivered
            .iter()
            .any(|(_, receiver, seen)| *receiver == to && *seen == kind)
    }

    pub fn stored(&self, id: NodeId) -> Vec<Zxid> {
        let stored = Zab::persisted(&self.node(id).disk.durable);
        stored.entries.iter().map(|(zxid, _)| *zxid).collect()
    }
}

fn is_link_news(input: &Input<Zab>) -> bool {
    matches!(input, Input::Link { .. })
}

fn is_latest_wins(input: &Input<Zab>) -> bool {
    matches!(
        input,
        Input::Message {
            via: Via::LatestWins,
            ..
        }
    )
}
