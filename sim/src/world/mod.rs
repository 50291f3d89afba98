//! The world: servers and clients on a virtual network, with virtual disks and clocks.
//!
//! Everything that happens is an event in one queue ordered by (virtual time, order of insertion):
//! message arrivals, timers, ends of disk batches, micro-steps, client steps and the driver's
//! wake-ups. [`World::step`] performs exactly one. Faults are [`Action`]s that the driver performs
//! between two events. Nothing else moves, so a run is a function of its [`WorldSpec`] and of what
//! the driver does.
//!
//! # The rules of the network
//! - A message to oneself arrives by an event of its own, without delay, and is never lost; it dies
//!   with its process.
//! - *Streams* are FIFO. A dial takes one round trip; it is refused if the process there is down,
//!   and times out if the pair is cut in either direction when the dial arrives. While a direction
//!   is cut its messages are held, and they go on when it is mended. A stream breaks when a process
//!   dies, an end hangs up, [`Action::Break`] says so, or a cut outlasts the patience. Breaking
//!   loses a drawn suffix of what is in flight; each end that is left hears `Down` behind what is
//!   left. A dialler that was not yet told `Up` hears `Refused` in place of `Down`.
//! - *Latest-wins* channels have at most one message in flight and one waiting, which the next one
//!   replaces. A cut, and the death of the receiver, lose the one in flight, and so does its being
//!   late for longer than the patience; the death of the sender loses the waiting one.
//! - *Datagrams* are lost, duplicated and overtake each other, and are lost if the pair is cut when
//!   they leave or arrive.
//! - Client connections behave like streams; only [`Action::CutClient`] cuts them. Hanging up a
//!   client connection loses nothing sent before; the death of the server's process loses a suffix.
//!
//! # Pauses
//! A paused process takes no events: they wait and are handled in their order when it is resumed.
//! This holds for the ends of disk batches too, so its disk stands still after the current batch.
//!
//! # madsim
//! A world made inside [`in_runtime`] moves the clock of the madsim runtime with its own at every
//! change of time (a few tens of nanoseconds), so that a stray clock read sees virtual time. The
//! world's own time is authoritative.

pub(crate) mod action;
pub mod channels;
mod clients;
pub mod clock;
mod conns;
pub mod disk;
mod event;
mod faults;
pub mod knobs;
mod network;
mod node;
mod queries;
mod queue;
mod raw;
pub mod reach;
mod recording;
pub mod recovery;
mod sessions;
mod spec;
mod streams;
#[cfg(test)]
mod tests;
mod timers;
mod witness;

pub use action::{Action, Amount, CrashKind};
pub use spec::{Close, Stats, WorldEvent, WorldSpec};

use core::time::Duration;
use menagerie::canonical::{Canonical, RunHash};
use menagerie::check::{Ending, Excused, Final, Observation, Panel, Setup, Timing, Verdict};
use menagerie::client::{ClientEffect, ClientInput};
use menagerie::history::History;
use menagerie::ids::{ClientId, ConnId, NodeId, Span, VirtualTime};
use menagerie::protocol::{Protocol, Role};
use menagerie::server::{Server, ServerEffect};
use std::collections::VecDeque;

use crate::chance::decision::{Decider, Table};
use crate::chance::dice::Dice;
use crate::trace::{self, Recorder};
use crate::world::channels::{Conn, Pair};
use clients::ClientSlot;
use event::{Event, Kind};
use node::{Gated, Node};
use queue::{Key, Queue};
use streams::LinkSlot;
use witness::Witness;

/// See the module's text.
pub struct World<P: Protocol> {
    spec: WorldSpec,
    dice: Dice,
    decider: Decider,
    now: VirtualTime,
    /// How many events were taken from the queue; wake-ups are the driver's and do not count.
    steps: u64,
    queue: Queue<Event<P>>,
    nodes: Vec<Node<P>>,
    clients: Vec<ClientSlot>,
    /// By `from * nodes + to`.
    pairs: Vec<Pair<P>>,
    links: Vec<LinkSlot<P>>,
    free_links: Vec<u32>,
    /// The places of a pair's links, by `smaller * nodes + greater`.
    pair_links: Vec<Vec<u32>>,
    /// By the connection's number.
    conns: Vec<Conn>,
    extra_loss_ppm: u32,
    extra_duplicate_ppm: u32,
    history: History,
    happenings: VecDeque<WorldEvent>,
    /// What came on the connections that the driver holds.
    heard: VecDeque<(ConnId, ClientInput)>,
    driver_dials: u32,
    stats: Stats,
    reach: reach::Watch,
    witness: Witness,
    excused: Excused,
    hash: RunHash,
    panel: Option<Panel>,
    recorder: Option<Recorder>,
    /// The number of the next message or frame.
    next_parcel: u64,
    madsim: Option<madsim::time::TimeHandle>,
    /// Empty between two steps; kept for their memory.
    effects: Vec<ServerEffect<P>>,
    client_effects: Vec<ClientEffect>,
    outcomes: Vec<crate::world::disk::Outcome<P::Record, Gated<P>>>,
}

impl<P: Protocol> World<P> {
    /// A world in which nothing runs yet.
    pub fn new(spec: WorldSpec) -> World<P> {
        assert!(spec.voters > 0, "an ensemble has a voter");
        let count = usize::from(spec.voters) + usize::from(spec.observers);
        assert!(count < 64, "{count} servers are more than 63");
        let dice = Dice::new(spec.seed);
        let mut decider = Decider::new(&spec.decisions, spec.record);
        let ids: Vec<NodeId> = (1..=count as u8).map(NodeId).collect();
        let pairs = (0..count * count)
            .map(|place| {
                let (from, to) = (place / count, place % count);
                Pair::new(from as u8, to as u8, &spec.network, &dice)
            })
            .collect();
        let panel = spec
            .checks
            .then(|| Panel::new(&panel_setup::<P>(&spec, &ids)));
        let nodes = ids
            .iter()
            .map(|id| Node::new(*id, &spec, &dice, &mut decider))
            .collect();
        let clients = (1..=spec.clients)
            .map(|number| ClientSlot::new::<P>(ClientId(number), &ids, &spec, &dice, &mut decider))
            .collect();
        World {
            dice,
            decider,
            now: VirtualTime(0),
            steps: 0,
            queue: Queue::new(),
            nodes,
            clients,
            pairs,
            links: Vec::new(),
            free_links: Vec::new(),
            pair_links: (0..count * count).map(|_| Vec::new()).collect(),
            conns: Vec::new(),
            extra_loss_ppm: 0,
            extra_duplicate_ppm: 0,
            history: History::default(),
            happenings: VecDeque::new(),
            heard: VecDeque::new(),
            driver_dials: 0,
            stats: Stats::default(),
            reach: reach::Watch::new(
                P::RARE_PATHS,
                P::timing(&spec.knobs.shared, &spec.knobs.own(P::NAME)),
            ),
            witness: Witness::default(),
            excused: Excused::default(),
            hash: RunHash::new(),
            panel,
            recorder: Recorder::wanted(spec.trace, count),
            next_parcel: 0,
            madsim: madsim::time::TimeHandle::try_current(),
            effects: Vec::new(),
            client_effects: Vec::new(),
            outcomes: Vec::new(),
            spec,
        }
    }

    /// Boots every server, in order, and starts every client. Called once, first.
    pub fn boot_all(&mut self) {
        for place in 0..self.nodes.len() {
            self.boot(place);
        }
        for number in 1..=self.spec.clients {
            let client = ClientId(number);
            self.queue.push(self.now, Event::ClientStart { client });
        }
    }

    /// The present moment.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// How many events were taken from the queue so far, the driver's wake-ups left out. Together
    /// with the moment it says exactly between which events something happened.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// When the next call of [`World::step`] will take place; `None` if nothing is left to happen.
    pub fn next_at(&self) -> Option<VirtualTime> {
        if !self.happenings.is_empty() {
            return Some(self.now);
        }
        self.queue.next_at().map(|at| at.max(self.now))
    }

    /// Performs one event; `None` if there is none. If an earlier event (or the driver's own call)
    /// completed operations that were not reported yet, reports the next one instead.
    pub fn step(&mut self) -> Option<WorldEvent> {
        if let Some(happening) = self.happenings.pop_front() {
            return Some(happening);
        }
        let key = self.queue.pop()?;
        self.advance_to(key.at);
        if !matches!(self.queue.body(key), Event::Wakeup(_)) {
            self.steps += 1;
        }
        if let Some(place) = self.queue.body(key).process()
            && self.nodes[usize::from(place)].paused
        {
            self.nodes[usize::from(place)].parked.push(key);
            return Some(WorldEvent::Event);
        }
        self.follow(None);
        let event = self.queue.take(key);
        if let Event::Wakeup(token) = event {
            // The driver's own affair: what it does about it goes into the hash.
            return Some(WorldEvent::Wakeup(token));
        }
        if self.perform_event(event) {
            self.stats.events += 1;
        }
        Some(self.happenings.pop_front().unwrap_or(WorldEvent::Event))
    }

    /// Lets time pass without an event, at most until the next one.
    pub fn pass_until(&mut self, at: VirtualTime) {
        let next = self.next_at().unwrap_or(at);
        self.advance_to(at.min(next));
    }

    /// Whether the checker of that name has found a violation so far.
    pub fn is_violated(&self, checker: &str) -> bool {
        self.panel
            .as_ref()
            .is_some_and(|panel| panel.violation_of(checker).is_some())
    }

    /// The irregular decisions, if they were written down.
    pub fn take_decisions(&mut self) -> Table {
        self.decider.take_record()
    }

    /// How many decisions of the table were never asked for.
    pub fn ignored_decisions(&self) -> usize {
        self.decider.ignored()
    }

    /// Asks for a [`WorldEvent::Wakeup`].
    pub fn wake_at(&mut self, at: VirtualTime, token: u64) {
        self.queue.push(at.max(self.now), Event::Wakeup(token));
    }

    /// Ends the run: the last look at the disks, and the verdicts (none without checks).
    pub fn finish(&mut self, close: Close) -> Vec<(&'static str, Verdict)> {
        self.observe_durable();
        self.witness.circumstances.settles_in = recovery::settles_in(&self.spec);
        let nodes: Vec<Final> = self
            .nodes
            .iter()
            .map(|node| Final {
                node: node.id,
                core: close.core.contains(&node.id),
                applied: node.server.as_ref().map(Server::applied),
                digest: node.server.as_ref().map(Server::digest),
                role: match &node.server {
                    Some(server) => server.standing().role,
                    None => Role::Looking,
                },
            })
            .collect();
        let ending = Ending {
            at: self.now,
            nodes: &nodes,
            history: &self.history,
            healed: close.healed,
            converged: close.converged,
            obstacle: close.obstacle,
            circumstances: &self.witness.circumstances,
        };
        let Some(mut panel) = self.panel.take() else {
            return Vec::new();
        };
        let verdicts = panel.finish(&ending);
        self.excused = panel.excused();
        verdicts
    }

    /// Ends the recording: the events so far and how many more there were; none without a trace.
    pub fn take_trace(&mut self) -> (Vec<trace::Event>, u64) {
        self.recorder
            .take()
            .map(Recorder::finish)
            .unwrap_or_default()
    }

    /// Performs an event; says whether it came to anything.
    fn perform_event(&mut self, event: Event<P>) -> bool {
        match event {
            Event::Loopback {
                node,
                incarnation,
                via,
                packet,
            } => self.arrive_loopback(node, incarnation, via, packet),
            Event::Datagram { from, to, packet } => self.arrive_datagram(from, to, packet),
            Event::LatestWins {
                from,
                to,
                generation,
            } => self.arrive_latest(from, to, generation),
            Event::Stream {
                slot,
                generation,
                toward,
                ..
            } => self.arrive_stream(slot, generation, toward),
            Event::Dialled { slot, generation } => self.arrive_dial(slot, generation),
            Event::DialFailed {
                slot, generation, ..
            } => self.fail_dial(slot, generation),
            Event::Patience {
                from,
                to,
                generation,
            } => self.lose_patience(from, to, generation),
            Event::ClientPatience { node, generation } => {
                self.lose_client_patience(node, generation)
            }
            Event::Timer {
                node,
                slot,
                ordinal,
            } => self.fire_timer(node, slot, ordinal),
            Event::Disk { node, generation } => self.finish_disk(node, generation),
            Event::Work { node, incarnation } => self.work(node, incarnation),
            Event::ClientStart { client } => self.start_client(client),
            Event::ClientTimer {
                client,
                slot,
                ordinal,
            } => self.fire_client_timer(client, slot, ordinal),
            Event::ConnDialled { conn } => self.arrive_conn_dial(conn),
            Event::ConnFailed { conn } => self.fail_conn_dial(conn),
            Event::ConnDown { conn } => self.arrive_at_client(conn),
            Event::ConnUp { conn, .. } => self.arrive_from_client(conn),
            Event::Wakeup(_) => false,
        }
    }

    fn advance_to(&mut self, at: VirtualTime) {
        if at <= self.now {
            return;
        }
        if let Some(clock) = &self.madsim {
            clock.advance(Duration::from_nanos(at.0 - self.now.0));
        }
        self.now = at;
        self.decider.now = at;
    }

    fn node(&self, id: NodeId) -> &Node<P> {
        assert!(id.0 > 0, "servers are numbered from 1");
        &self.nodes[usize::from(id.0) - 1]
    }

    /// By how much the slowest link or disk is slower than it was drawn.
    pub fn slowness(&self) -> Span {
        let links = self.pairs.iter().map(|pair| pair.extra);
        let disks = self.nodes.iter().map(|node| node.disk.slowness());
        links.chain(disks).max().unwrap_or_default()
    }

    /// The place of a server.
    fn place(&self, id: NodeId) -> u8 {
        assert!(
            id.0 > 0 && usize::from(id.0) <= self.nodes.len(),
            "{id} is not a server of this ensemble"
        );
        id.0 - 1
    }

    fn pair(&mut self, from: u8, to: u8) -> &mut Pair<P> {
        let count = self.nodes.len();
        &mut self.pairs[usize::from(from) * count + usize::from(to)]
    }

    /// Feeds the head of an event into the hash.
    fn mark(&mut self, kind: Kind, place: u8, word: u64) {
        self.now.feed(&mut self.hash);
        self.hash.word((kind as u64) << 8 | u64::from(place));
        self.hash.word(word);
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        if let Some(panel) = &mut self.panel {
            self.stats.observations += 1;
            panel.observe(self.now, observation);
        }
    }

    /// Tells the checkers what the voters' disks prove to hold.
    fn observe_durable(&mut self) {
        if self.panel.is_none() {
            return;
        }
        let voters = self.nodes[..usize::from(self.spec.voters)].iter();
        let mut held = Vec::new();
        let mut pledged = Vec::new();
        for node in voters {
            let image = match node.server {
                Some(_) => node.disk.durable_image(),
                None => node.disk.image(),
            };
            held.push((node.id, P::persisted(&image)));
            pledged.extend(P::pledged(&image).map(|pledged| (node.id, pledged)));
        }
        self.observe(&Observation::Durable {
            nodes: &held,
            pledged: &pledged,
        });
    }
}

/// What the checkers have to know of the ensemble.
fn panel_setup<P: Protocol>(spec: &WorldSpec, ids: &[NodeId]) -> Setup {
    let (voters, observers) = ids.split_at(usize::from(spec.voters));
    let phases = spec.phases::<P>();
    Setup {
        protocol: P::NAME.to_string(),
        voters: voters.to_vec(),
        observers: observers.to_vec(),
        elect: phases.elect.rule(),
        commit: phases.commit.rule(),
        promises: P::PROMISES,
        epochs: P::EPOCHS,
        slots: P::SLOTS,
        timing: Timing {
            drift_ppm_max: spec.clock.drift_ppm_max,
            tick: spec.knobs.shared.tick,
            removal_interval: spec.settings.removal_interval,
        },
    }
}

impl<P: Protocol> core::fmt::Debug for World<P> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_struct("World")
            .field("seed", &self.spec.seed)
            .field("now", &self.now)
            .field("pending", &self.queue.len())
            .finish_non_exhaustive()
    }
}

/// Runs `body` on this thread inside a fresh madsim runtime, which turns stray reads of clocks and
/// entropy into simulated ones. The thread should be fresh too: madsim seeds some things once a
/// thread. `body` must not start threads, and must not measure time.
pub fn in_runtime<T>(seed: u64, body: impl FnOnce() -> T) -> T {
    let config = madsim::Config::default();
    let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, config);
    runtime.block_on(async { body() })
}
