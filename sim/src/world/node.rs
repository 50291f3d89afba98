//! A server's seat in the world: its process, disk, clock and timers, and what its effects do.

use menagerie::canonical::Canonical;
use menagerie::check::Observation;
use menagerie::ids::{ConnId, NodeId};
use menagerie::protocol::{DiskResult, Ensemble, Fact, Gate, Protocol, Refusal, Standing, Via};
use menagerie::server::{
    HOLDINGS, Note, Server, ServerEffect, ServerInput, ServerOutbox, ServerTimer,
};
use menagerie::wire::Packet;

use super::{Event, Key, Kind, World, WorldSpec};
use crate::chance::decision::{Decider, Name};
use crate::chance::dice::{Concern, Dice};
use crate::trace::body::typed;
use crate::trace::{EventKind, Op, Phase};
use crate::world::clock::Clock;
use crate::world::disk::{Disk, Entry, Outcome};
use crate::world::timers::Timers;

/// An effect that waits in the disk queue.
#[derive(Clone, Debug)]
pub(super) enum Gated<P: Protocol> {
    Send {
        to: NodeId,
        via: Via,
        packet: Packet<P>,
    },
    Fact(Fact),
}

pub(super) struct Node<P: Protocol> {
    pub(super) id: NodeId,
    pub(super) server: Option<Server<P>>,
    pub(super) refusal: Option<Refusal>,
    pub(super) paused: bool,
    /// Raised by each death.
    pub(super) incarnation: u32,
    /// Events that came while the process was paused.
    pub(super) parked: Vec<Key>,
    pub(super) disk: Disk<P::Record, Gated<P>>,
    pub(super) power_losses: u64,
    pub(super) timers: Timers<ServerTimer<P::Timer>>,
    /// Connections whose server end is alive.
    pub(super) conns: Vec<ConnId>,
    /// How many faults cut it off from its clients.
    pub(super) client_cuts: u32,
    pub(super) client_cut_generation: u32,
    ensemble: Ensemble<P::Knobs>,
    clock: Clock,
    outbox: ServerOutbox<P>,
    pub(super) standing: Option<Standing>,
    /// The leader that it can send to, as the checkers were last told.
    pub(super) uplink: Option<NodeId>,
    /// The most that the process has held of each.
    peaks: [usize; HOLDINGS],
}

impl<P: Protocol> Node<P> {
    pub(super) fn new(id: NodeId, spec: &WorldSpec, dice: &Dice, decider: &mut Decider) -> Node<P> {
        let entity = u64::from(id.0);
        Node {
            id,
            server: None,
            refusal: None,
            paused: false,
            incarnation: 0,
            parked: Vec::new(),
            disk: Disk::new(id.0, dice.deck(Concern::Disk, entity)),
            power_losses: 0,
            timers: Timers::new(dice.deck(Concern::Timer, entity)),
            conns: Vec::new(),
            client_cuts: 0,
            client_cut_generation: 0,
            ensemble: spec.ensemble(id, P::NAME),
            clock: Clock::drawn(spec.clock, dice, id.0, decider),
            outbox: ServerOutbox::new(id),
            standing: None,
            uplink: None,
            peaks: [0; HOLDINGS],
        }
    }
}

impl<P: Protocol> World<P> {
    /// Starts a server's process, which must be down.
    pub(super) fn boot(&mut self, place: usize) {
        let settings = self.spec.settings.clone();
        let now = self.now;
        let node = &mut self.nodes[place];
        assert!(node.server.is_none(), "{} is up already", node.id);
        let image = node.disk.image();
        let local = node.clock.read(now);
        let booted = Server::boot(&node.ensemble, settings, local, &image, &mut node.outbox);
        let id = node.id;
        node.refusal = None;
        self.mark(Kind::Boot, place as u8, u64::from(booted.is_ok()));
        match booted {
            Ok(server) => {
                let cause = self.cause();
                self.trigger_input(place as u8, cause, || EventKind::Boot { node: id });
                self.nodes[place].server = Some(server);
                self.observe(&Observation::Booted { node: id });
                self.perform_effects(place);
                self.compare_standing(place);
            }
            Err(refusal) => {
                self.record(|| EventKind::Refused {
                    node: id,
                    why: refusal.0.clone(),
                });
                self.nodes[place].refusal = Some(refusal);
                // It emitted effects before it gave up; they never take place.
                self.nodes[place].outbox.drain_into(&mut self.effects);
                self.effects.clear();
            }
        }
    }

    /// Gives a server an input and performs its effects. A server that is down takes nothing.
    pub(super) fn step_server(&mut self, place: u8, input: ServerInput<P>) {
        let place = usize::from(place);
        if self.nodes[place].server.is_some() {
            self.observe_input(place, &input);
        }
        let node = &mut self.nodes[place];
        let Some(server) = &mut node.server else {
            return;
        };
        let local = node.clock.read(self.now);
        server.step(local, input, &mut node.outbox);
        self.perform_effects(place);
        self.compare_standing(place);
        self.compare_holdings(place);
    }

    pub(super) fn fire_timer(&mut self, place: u8, slot: u16, ordinal: u64) -> bool {
        let node = &mut self.nodes[usize::from(place)];
        let Some((timer, set_by)) = node.timers.fire(slot, ordinal) else {
            return false;
        };
        let id = node.id;
        self.mark(Kind::Timer, place, u64::from(slot));
        self.trigger_input(place, set_by, || EventKind::Timer {
            node: id,
            timer: format!("{timer:?}"),
        });
        self.step_server(place, ServerInput::Timer(timer));
        true
    }

    pub(super) fn work(&mut self, place: u8, incarnation: u32) -> bool {
        if self.nodes[usize::from(place)].incarnation != incarnation {
            return false;
        }
        self.mark(Kind::Work, place, 0);
        if let Some(recorder) = &mut self.recorder {
            recorder.follow_work(place);
        }
        self.step_server(place, ServerInput::Work);
        true
    }

    pub(super) fn finish_disk(&mut self, place: u8, generation: u32) -> bool {
        let mut outcomes = core::mem::take(&mut self.outcomes);
        let batch = self.batch_under_way(place, generation);
        let node = &mut self.nodes[usize::from(place)];
        let pending = match self.recorder {
            Some(_) => node.disk.pending(),
            None => Vec::new(),
        };
        let live = node.disk.finish(generation, &mut outcomes);
        if live {
            if let Some(batch) = batch {
                self.record_disk_batch(usize::from(place), &batch);
                self.record_disk_cancelled(usize::from(place), &pending, &batch);
            }
            self.stats.disk_batches += 1;
            // What was queued meanwhile goes on at once; what the outcomes lead to comes after it.
            self.begin_disk(usize::from(place));
        }
        for outcome in outcomes.drain(..) {
            self.surface(place, outcome);
        }
        self.outcomes = outcomes;
        live
    }

    /// The operations of the batch that ends now, for the trace.
    fn batch_under_way(&self, place: u8, generation: u32) -> Option<(Vec<u64>, bool)> {
        if !self.is_recording() {
            return None;
        }
        let disk = &self.nodes[usize::from(place)].disk;
        let (operations, success) = disk.under_way(generation)?;
        let tickets = operations.into_iter().map(|ticket| ticket.0);
        Some((tickets.collect(), success))
    }

    fn surface(&mut self, place: u8, outcome: Outcome<P::Record, Gated<P>>) {
        let id = self.nodes[usize::from(place)].id;
        match outcome {
            Outcome::Completed { ticket, result } => {
                self.mark(Kind::DiskDone, place, ticket.0);
                self.hash.word(result as u64);
                if result == DiskResult::Failed {
                    self.reach.failed_sync();
                }
                if let Some(recorder) = &mut self.recorder {
                    recorder.follow_sync(id, ticket);
                }
                self.step_server(place, ServerInput::Disk { ticket, result });
            }
            Outcome::Released(gated) => self.release(usize::from(place), gated),
            Outcome::Reloaded(image) => {
                self.mark(Kind::Reloaded, place, image.log_last());
                let cause = self.cause();
                self.trigger_input(place, cause, || EventKind::Disk {
                    node: id,
                    ticket: 0,
                    op: Op::Reload,
                    phase: Phase::Read,
                    body: image.log_last().into(),
                });
                self.step_server(place, ServerInput::Reloaded(Box::new(image)));
            }
        }
    }

    fn perform_effects(&mut self, place: usize) {
        let mut effects = core::mem::take(&mut self.effects);
        self.nodes[place].outbox.drain_into(&mut effects);
        for effect in effects.drain(..) {
            self.perform_effect(place, effect);
        }
        self.effects = effects;
        self.begin_disk(place);
    }

    fn perform_effect(&mut self, place: usize, effect: ServerEffect<P>) {
        match effect {
            ServerEffect::Send {
                to,
                via,
                packet,
                gate,
            } => match gate {
                Gate::Now => {
                    if let Packet::Peer(msg) = &packet {
                        self.observe_sending(place, msg);
                    }
                    self.send(place as u8, to, via, packet);
                }
                Gate::AfterDisk => self.hold(place, Gated::Send { to, via, packet }),
            },
            ServerEffect::Dial { peer, link } => self.dial(place as u8, peer, link),
            ServerEffect::HangUp { peer, link } => self.hang_up(place as u8, peer, link),
            ServerEffect::Disk { ticket, op } => {
                self.record_disk_op(place, ticket, &op);
                self.nodes[place].disk.push(Entry::Op { ticket, op });
            }
            ServerEffect::Reload => self.nodes[place].disk.push(Entry::Reload),
            ServerEffect::SetTimer { timer, range } => {
                let cause = self.cause();
                let places = (place as u64 + 1, self.nodes.len() as u64);
                let node = &mut self.nodes[place];
                let setting = node.timers.set(timer, cause);
                let name = || Name::Timer {
                    node: place as u8 + 1,
                    timer: setting.slot,
                    number: setting.number,
                };
                let delay = setting.delay(range, places, &mut self.decider, name);
                let at = node.clock.after(self.now, delay);
                let event = Event::Timer {
                    node: place as u8,
                    slot: setting.slot,
                    ordinal: setting.ordinal,
                };
                self.queue.push(at, event);
            }
            ServerEffect::CancelTimer(timer) => self.nodes[place].timers.cancel(timer),
            ServerEffect::Work => {
                let event = Event::Work {
                    node: place as u8,
                    incarnation: self.nodes[place].incarnation,
                };
                self.queue.push(self.now.after(self.spec.micro_step), event);
            }
            ServerEffect::Reply { conn, frame } => {
                self.observe_reply(place, conn, &frame);
                self.reply(conn, frame);
            }
            ServerEffect::Disconnect(conn) => self.disconnect(conn),
            ServerEffect::Note(note) => self.take_note(place, note),
        }
    }

    /// Holds an effect back behind the disk queue; if that is empty, there is nothing to wait for.
    /// Behind a failed sync it never leaves.
    fn hold(&mut self, place: usize, gated: Gated<P>) {
        if self.nodes[place].disk.is_idle() && !self.nodes[place].disk.is_broken() {
            self.release(place, gated);
        } else {
            self.nodes[place].disk.push(Entry::Gate(gated));
        }
    }

    fn release(&mut self, place: usize, gated: Gated<P>) {
        match gated {
            Gated::Send { to, via, packet } => self.send(place as u8, to, via, packet),
            Gated::Fact(fact) => self.state_fact(place, &fact),
        }
    }

    fn begin_disk(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let begun = node
            .disk
            .begin(self.now, &self.spec.disk, &mut self.decider);
        if let Some((at, generation)) = begun {
            let node = place as u8;
            self.queue.push(at, Event::Disk { node, generation });
        }
    }

    fn take_note(&mut self, place: usize, note: Note) {
        let node = self.nodes[place].id;
        match note {
            Note::Fact { gate, fact } => match gate {
                Gate::Now => self.state_fact(place, &fact),
                Gate::AfterDisk => self.hold(place, Gated::Fact(fact)),
            },
            Note::Restored(zxid) => {
                self.mark(Kind::Restored, place as u8, zxid.0);
                self.record(|| EventKind::Restore { node, zxid });
                self.observe(&Observation::Restored { node, zxid });
            }
            Note::Applied {
                zxid,
                payload,
                digest,
                executed,
            } => {
                self.mark(Kind::Applied, place as u8, zxid.0);
                payload.feed(&mut self.hash);
                digest.feed(&mut self.hash);
                self.reach.applied(zxid, &payload);
                self.record(|| EventKind::Apply {
                    node,
                    zxid,
                    body: typed(&payload),
                });
                self.observe(&Observation::Applied {
                    node,
                    zxid,
                    payload: &payload,
                    digest,
                    executed,
                });
                self.observe_end(place, zxid, &payload);
            }
            Note::Delivered { zxid, value } => {
                self.mark(Kind::Delivered, place as u8, zxid.0);
                self.record(|| EventKind::Commit { node, zxid });
                self.observe(&Observation::Delivered { node, zxid, value });
            }
        }
    }

    fn state_fact(&mut self, place: usize, fact: &Fact) {
        let node = self.nodes[place].id;
        if !fact.is_in_its_message() {
            let body = *fact;
            self.record(|| EventKind::Fact { node, body });
            self.mark(Kind::Fact, place as u8, 0);
        }
        self.reach.fact(node, fact);
        self.observe(&Observation::Fact { node, fact });
    }

    /// Reports a change of role or epoch, derived by comparing.
    fn compare_standing(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let Some(server) = &node.server else {
            return;
        };
        let standing = server.standing();
        let before = node.standing.replace(standing);
        let id = node.id;
        self.compare_uplink(place, standing);
        if before != Some(standing) {
            let others = self.nodes.iter().filter(|other| other.id != id);
            let others = others.filter_map(|other| other.server.as_ref().and(other.standing));
            self.reach.standing(before.as_ref(), &standing, others);
        }
        let known = before
            .is_some_and(|before| before.role == standing.role && before.epoch == standing.epoch);
        let Standing {
            role,
            epoch,
            leader,
            ..
        } = standing;
        if !known || before.is_some_and(|before| before.leader != leader) {
            self.record(|| EventKind::Standing {
                node: id,
                role: role.into(),
                epoch,
                leader,
            });
        }
        if known {
            return;
        }
        self.observe(&Observation::Standing {
            node: id,
            role,
            epoch,
        });
    }

    /// Reports whatever a server holds more of than before.
    fn compare_holdings(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let (true, Some(server)) = (self.panel.is_some(), &node.server) else {
            return;
        };
        let (id, holdings) = (node.id, server.holdings());
        for (which, holding) in holdings.into_iter().enumerate() {
            let peak = &mut self.nodes[place].peaks[which];
            if holding.count > *peak {
                *peak = holding.count;
                self.observe(&Observation::Held { node: id, holding });
            }
        }
    }

    /// Forgets what only a process knows.
    pub(super) fn forget_process(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        node.server = None;
        node.standing = None;
        node.uplink = None;
        node.peaks = [0; HOLDINGS];
        node.paused = false;
        node.incarnation += 1;
        node.timers.clear();
        for key in core::mem::take(&mut node.parked) {
            let event = self.queue.take(key);
            self.record_parked(&event);
        }
        let disk = &mut self.nodes[place].disk;
        let pending = match self.recorder {
            Some(_) => disk.pending(),
            None => Vec::new(),
        };
        let written = disk.process_death(self.now);
        self.record_disk_death(place, &pending, &written);
    }
}
