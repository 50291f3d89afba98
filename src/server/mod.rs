//! One ZooKeeper-like server: a protocol, the tree it replicates, sessions, watches and reads.
//!
//! [`Server`] stands between the driver and the [`Protocol`]: what the protocol hands to the state
//! machine (apply, commit, capture, restore) is dealt with here, everything else goes on to the
//! driver. It advances one *micro-step* per [`ServerInput::Work`]: prepare one request, apply one
//! transaction, answer one read, or capture one chunk of a snapshot. While a capture is under way
//! an apply is itself cut into its sub-operations, because a capture may run in between (that is
//! what makes snapshots fuzzy); otherwise nothing could observe the difference and an apply is one
//! step.

//!
//! - `clients`: connections and sessions; `queue`: forwarding, and the order of answers; `resend`;
//! - `request`: writes on their way to the order;
//! - `lead`: what only a leader does: preparing requests, owners and expiry of sessions; `leading`:
//!   what it holds for that;
//! - `apply`: applies, deliveries, captures and restores.

mod apply;
mod clients;
mod interface;
mod lead;
mod leading;
mod queue;
mod request;
mod resend;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::{ConnId, LocalTime, NodeId, SessionId, Span, Zxid};
use crate::mutation::Mutations;
use crate::protocol::{
    BarrierToken, CaptureKind, Effect, Ensemble, Holding, Image, Input, Knobs, Protocol, Refusal,
    Role, Standing, Ticket, TimerRange, Via,
};
use crate::tree::{Apply, Capture, Payload, State, Watches, acl};
use crate::wire::{Packet, PeerMsg};
use clients::Connection;
pub use interface::{Note, ServerEffect, ServerInput, ServerOutbox, ServerSettings, ServerTimer};
use lead::Question;
use leading::Leading;
use request::{Asking, Waiting};

/// How many kinds of things a server reports that it holds, see [`Server::holdings`].
pub const HOLDINGS: usize = 5;

/// One server of the ensemble.
#[derive(Clone, Debug)]
pub struct Server<P: Protocol> {
    me: NodeId,
    settings: ServerSettings,
    knobs: Knobs,
    mutations: Mutations,
    protocol: P,
    /// What the protocol said after its last step.
    standing: Standing,
    state: State,
    watches: Watches,
    /// Handed over by the protocol, not yet applied.
    applies: VecDeque<(Zxid, Payload)>,
    /// The apply under way, and its payload: only while it is cut by a capture.
    applying: Option<(Apply, Payload)>,
    /// What was applied last was decided together with what comes next.
    in_batch: bool,
    /// Everything through here is committed.
    committed: Zxid,
    /// Applied but not known to be committed: `(zxid, digest)`.
    undelivered: VecDeque<(Zxid, u64)>,
    /// The greatest zxid handed over so far: what a barrier has to wait for.
    handed: Zxid,
    /// Until here digests cannot be compared: the state came from a fuzzy snapshot.
    fuzzy_until: Zxid,
    /// Captures asked for; the first may be under way.
    captures: VecDeque<(Ticket, CaptureKind)>,
    /// The fuzzy capture under way.
    capture: Option<Capture>,
    /// Whose turn it is while a capture and applies share the server.
    capture_turn: bool,
    connections: BTreeMap<ConnId, Connection>,
    /// Which connection a session is attached to here.
    attached: BTreeMap<SessionId, ConnId>,
    /// Connections whose first request is a read that can be answered now.
    ready: VecDeque<ConnId>,
    /// Barriers under way.
    barriers: BTreeMap<BarrierToken, ConnId>,
    /// Connections whose barrier is reached once everything through a zxid is applied.
    reached: Vec<(Zxid, ConnId)>,
    next_barrier: u64,
    next_session: u16,
    /// Sessions heard of since the last touch.
    touched: BTreeSet<SessionId>,
    /// What it holds as the leader.
    leading: Leading,
    /// How many writes of clients were sent on and have no answer yet. At most
    /// [`Knobs::outstanding_max`].
    in_flight: usize,
    /// Connections with writes that are not sent on, because too many are on their way.
    throttled: BTreeSet<ConnId>,
    /// Whether a micro-step was asked for and has not come yet.
    work_asked: bool,
    /// Whether the timer for sending again is set.
    resend_set: bool,
}

impl<P: Protocol> Server<P> {
    /// Starts a server from what its disk holds.
    ///
    /// # Errors
    /// The protocol's [`Refusal`] if it cannot boot from this image.
    pub fn boot(
        ensemble: &Ensemble<P::Knobs>,
        settings: ServerSettings,
        now: LocalTime,
        image: &Image<P::Record>,
        out: &mut ServerOutbox<P>,
    ) -> Result<Server<P>, Refusal> {
        let config = P::configure(ensemble);
        let protocol = P::recover(&config, now, image, &mut out.protocol)?;
        let mut server = Server {
            me: ensemble.me,
            settings,
            knobs: ensemble.knobs.clone(),
            mutations: ensemble.mutations,
            standing: protocol.standing(),
            protocol,
            state: State::new(ensemble.mutations),
            watches: Watches::default(),
            applies: VecDeque::new(),
            applying: None,
            in_batch: false,
            committed: Zxid::ZERO,
            undelivered: VecDeque::new(),
            handed: Zxid::ZERO,
            fuzzy_until: Zxid::ZERO,
            captures: VecDeque::new(),
            capture: None,
            capture_turn: false,
            connections: BTreeMap::new(),
            attached: BTreeMap::new(),
            ready: VecDeque::new(),
            barriers: BTreeMap::new(),
            reached: Vec::new(),
            next_barrier: 1,
            next_session: 0,
            touched: BTreeSet::new(),
            leading: Leading::new(ensemble.mutations),
            in_flight: 0,
            throttled: BTreeSet::new(),
            work_asked: false,
            resend_set: false,
        };
        server.take_effects(now, out);
        let half_tick = TimerRange::exactly(Span(server.knobs.tick.0 / 2));
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Touch,
            range: half_tick,
        });
        server.ask_for_work(out);
        Ok(server)
    }

    /// Takes one input.
    pub fn step(&mut self, now: LocalTime, input: ServerInput<P>, out: &mut ServerOutbox<P>) {
        match input {
            ServerInput::Peer {
                from,
                via,
                packet: Packet::Protocol(msg),
            } => {
                self.feed(now, Input::Message { from, via, msg }, out);
            }
            ServerInput::Peer {
                from,
                via,
                packet: Packet::Peer(msg),
            } => {
                self.on_peer(now, from, via, msg, out);
            }
            ServerInput::Link { peer, link, event } => {
                self.feed(now, Input::Link { peer, link, event }, out);
            }
            ServerInput::Timer(ServerTimer::Protocol(timer)) => {
                self.feed(now, Input::Timer(timer), out);
            }
            ServerInput::Timer(ServerTimer::Touch) => self.on_touch_timer(now, out),
            ServerInput::Timer(ServerTimer::Expiry) => self.on_expiry_timer(now, out),
            ServerInput::Timer(ServerTimer::Resend) => self.on_resend_timer(now, out),
            ServerInput::Timer(ServerTimer::Removal) => self.on_removal_timer(now, out),
            ServerInput::Disk { ticket, result } => {
                self.feed(now, Input::Disk { ticket, result }, out);
            }
            ServerInput::Reloaded(image) => self.feed(now, Input::Reloaded(image), out),
            ServerInput::Work => {
                self.work_asked = false;
                self.work(now, out);
            }
            ServerInput::ClientUp { conn, address } => self.on_client_up(conn, &address),
            ServerInput::ClientFrame { conn, frame } => self.on_client_frame(now, conn, frame, out),
            ServerInput::ClientDown(conn) => self.forget_connection(conn),
        }
        self.ask_for_work(out);
    }

    /// Where the protocol stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What it holds in memory and must not hold more and more of: its own, then the protocol's.
    pub fn holdings(&self) -> [Holding; HOLDINGS] {
        let [first, second] = self.protocol.holdings();
        let attached = Holding {
            what: "sessions attached to connections",
            count: self.attached.len(),
            limit: self.connections.len(),
        };
        let waiting = Holding {
            what: "requests that wait at the leader or are under way",
            count: self.leading.waiting.len().max(self.leading.under_way.len()),
            limit: self.waiting_max() + self.state.session_count() + self.state.node_count(),
        };
        let in_flight = Holding {
            what: "writes sent to the leader without an answer",
            count: self.in_flight,
            limit: self.in_flight_max(),
        };
        [attached, waiting, in_flight, first, second]
    }

    /// The last applied zxid.
    pub fn applied(&self) -> Zxid {
        self.state.applied()
    }

    /// The digest of the applied state.
    pub fn digest(&self) -> u64 {
        self.state.digest()
    }

    /// The applied state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The protocol.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Whether clients may be served: the protocol says so and the state is new enough.
    fn serves(&self) -> bool {
        self.standing
            .serve_from
            .is_some_and(|from| self.reached() >= from)
    }

    /// Through where there is nothing left to apply. Positions without a payload are reached when
    /// everything before them is applied.
    fn reached(&self) -> Zxid {
        let applied = self.state.applied();
        if applied >= self.handed {
            applied.max(self.committed)
        } else {
            applied
        }
    }

    /// Whether this server is an established leader whose state holds its whole initial history.
    fn leads(&self) -> bool {
        self.standing.role == Role::Leading && self.serves()
    }

    /// Gives the protocol an input and deals with what comes out.
    fn feed(&mut self, now: LocalTime, input: Input<P>, out: &mut ServerOutbox<P>) {
        self.protocol.step(now, input, &mut out.protocol);
        self.take_effects(now, out);
    }

    fn take_effects(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let mut effects = core::mem::take(&mut out.scratch);
        out.protocol.drain_into(&mut effects);
        for effect in effects.drain(..) {
            self.take_effect(now, effect, out);
        }
        out.scratch = effects;
        let standing = self.protocol.standing();
        if standing != self.standing {
            let before = core::mem::replace(&mut self.standing, standing);
            self.on_standing_changed(now, before, out);
        }
    }

    fn take_effect(&mut self, now: LocalTime, effect: Effect<P>, out: &mut ServerOutbox<P>) {
        match effect {
            Effect::Send { to, via, msg, gate } => {
                out.push(ServerEffect::Send {
                    to,
                    via,
                    packet: Packet::Protocol(msg),
                    gate,
                });
            }
            Effect::Dial { peer, link } => out.push(ServerEffect::Dial { peer, link }),
            Effect::HangUp { peer, link } => out.push(ServerEffect::HangUp { peer, link }),
            Effect::Disk { ticket, op } => out.push(ServerEffect::Disk { ticket, op }),
            Effect::Reload => out.push(ServerEffect::Reload),
            Effect::Capture { ticket, kind } => self.captures.push_back((ticket, kind)),
            Effect::Restore(snapshot) => self.restore(snapshot.as_ref(), out),
            Effect::Apply { zxid, payload } => self.hand_over(zxid, payload),
            Effect::Committed(zxid) => self.on_committed(zxid, out),
            Effect::BarrierDone { token, outcome } => self.on_barrier(now, token, outcome, out),
            Effect::SetTimer { timer, range } => {
                out.push(ServerEffect::SetTimer {
                    timer: ServerTimer::Protocol(timer),
                    range,
                });
            }
            Effect::CancelTimer(timer) => {
                out.push(ServerEffect::CancelTimer(ServerTimer::Protocol(timer)));
            }
            Effect::Fact { gate, fact } => {
                out.push(ServerEffect::Note(Note::Fact { gate, fact }));
            }
        }
    }

    /// A role changed hands: what belonged to the old one must not leak into the new one.
    fn on_standing_changed(&mut self, now: LocalTime, before: Standing, out: &mut ServerOutbox<P>) {
        let same_leadership =
            before.role == self.standing.role && before.epoch == self.standing.epoch;
        if before.role == Role::Leading && !same_leadership {
            self.resign(out);
        }
        if self.standing.role == Role::Leading && !same_leadership {
            self.take_office(now, out);
        }
        if before.leader != self.standing.leader {
            self.hurry_resends(out);
        }
        if before.serve_from.is_some() && self.standing.serve_from.is_none() {
            self.drop_every_client(out);
        }
    }

    /// One micro-step. Reads come first: a read behind an applied write must not see later ones.
    /// But they never run inside an apply.
    fn work(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        if self.applying.is_none()
            && let Some(conn) = self.ready.pop_front()
        {
            self.answer_read(now, conn, out);
        } else if self.capture_is_next() {
            self.capture_turn = false;
            self.advance_capture(now, out);
        } else if self.applying.is_some() || !self.applies.is_empty() {
            self.capture_turn = true;
            self.advance_apply(now, out);
        } else if self.may_prepare() {
            self.prepare_next(now, out);
        } else if self.may_send_on()
            && let Some(conn) = self.throttled.pop_first()
        {
            self.advance_connection(now, conn, out);
        }
    }

    fn has_work(&self) -> bool {
        !self.ready.is_empty()
            || self.applying.is_some()
            || !self.applies.is_empty()
            || !self.captures.is_empty()
            || self.may_prepare()
            || self.may_send_on()
    }

    /// More writes than this are not sent on without an answer (as ZooKeeper's
    /// globalOutstandingLimit): what comes on top waits in the queue of its connection.
    fn in_flight_max(&self) -> usize {
        self.knobs.outstanding_max as usize
    }

    /// More requests than this do not wait at a leader: what comes on top is shed. Several servers
    /// send on as many as they may, and some of their clients are gone by the time.
    fn waiting_max(&self) -> usize {
        4 * self.in_flight_max()
    }

    /// Whether a write that was held back can be sent on now.
    fn may_send_on(&self) -> bool {
        !self.throttled.is_empty() && self.in_flight < self.in_flight_max()
    }

    fn ask_for_work(&mut self, out: &mut ServerOutbox<P>) {
        if !self.work_asked && self.has_work() {
            self.work_asked = true;
            out.push(ServerEffect::Work);
        }
    }

    /// A message from another server's state machine.
    fn on_peer(
        &mut self,
        now: LocalTime,
        from: NodeId,
        via: Via,
        msg: PeerMsg,
        out: &mut ServerOutbox<P>,
    ) {
        match msg {
            PeerMsg::Request {
                session,
                seq,
                acked,
                ids,
                write,
            } => {
                let asking = Asking {
                    session,
                    seq,
                    acked,
                    ids,
                    write,
                };
                self.on_forwarded(now, Waiting::of(from, asking), out);
            }
            PeerMsg::Revalidate { session, conn } => {
                let via = Some(via);
                self.on_revalidate(now, from, session, Question { conn, via }, out);
            }
            PeerMsg::Revalidated {
                session,
                conn,
                timeout,
            } => self.on_word(now, session, conn, timeout.is_some(), out),
            PeerMsg::Touch { sessions } => self.on_touches(now, &sessions),
        }
    }
}
