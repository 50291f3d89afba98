//! Clients, their connections, and the history they leave.

use std::sync::Arc;

use menagerie::canonical::Canonical;
use menagerie::client::{Client, ClientEffect, ClientInput, ClientSettings, ClientTimer};
use menagerie::history::{Operation, Outcome, Seen};
use menagerie::ids::{ClientId, ConnId, NodeId, OpId, SessionId, Span, VirtualTime};
use menagerie::protocol::Protocol;
use menagerie::server::ServerInput;
use menagerie::tree::Request;
use menagerie::wire::{ClientFrame, ServerFrame};

use super::event::{feed_answer, feed_client_frame, feed_request, feed_server_frame};
use super::node::Timers;
use super::raw::{DRIVER, address_of};
use super::recording::{client_frame_kind, server_frame_kind, typed};
use super::streams::End;
use super::{Event, Happening, Kind, World, WorldSpec};
use crate::decision::{Decider, Name};
use crate::dice::{Concern, Dice};
use crate::trace::{self, Direction, LinkNews, What, Why};
use crate::wire::{Conn, Frame, Parcel, Side};

/// A client's seat in the world. Its clock shows virtual time.
#[derive(Debug)]
pub(super) struct ClientSeat {
    client: Client,
    timers: Timers<ClientTimer>,
    /// How often it dialled.
    dials: u32,
}

impl ClientSeat {
    pub(super) fn new<P: Protocol>(
        id: ClientId,
        servers: &[NodeId],
        spec: &WorldSpec,
        dice: &Dice,
        decider: &mut Decider,
    ) -> ClientSeat {
        let entity = u64::from(id.0);
        let servers = match spec.homes.get(usize::from(id.0) - 1) {
            Some(home) => vec![*home],
            None => order(id, servers, dice, decider),
        };
        ClientSeat {
            client: Client::new(ClientSettings {
                id,
                servers,
                session_timeout: spec.session_timeout,
                retry_writes: P::PROMISES.at_most_once,
                superuser: spec.settings.superuser.clone(),
            }),
            timers: Timers::new(dice.deck(Concern::ClientTimer, entity)),
            dials: 0,
        }
    }
}

/// The most servers of which an order is a decision: four bits each.
const ORDER_MAX: usize = 16;

/// The order in which a client tries the servers; plainly, each client begins at another one.
fn order(id: ClientId, servers: &[NodeId], dice: &Dice, decider: &mut Decider) -> Vec<NodeId> {
    let mut plain = servers.to_vec();
    plain.rotate_left((usize::from(id.0) - 1) % servers.len());
    let mut drawn = servers.to_vec();
    dice.stream(Concern::ClientOrder, u64::from(id.0))
        .shuffle(&mut drawn);
    if servers.len() > ORDER_MAX {
        return drawn;
    }
    let pack = |order: &[NodeId]| {
        let digits = order.iter().rev();
        digits.fold(0, |packed, node| packed << 4 | u64::from(node.0 - 1))
    };
    let name = || Name::Order { client: id.0 };
    let settled = decider.settle(name, || pack(&drawn), || pack(&plain));
    let digit = |place: usize| NodeId((settled >> (4 * place) & 0xf) as u8 + 1);
    let order: Vec<NodeId> = (0..servers.len()).map(digit).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    // A table that was edited may name servers that are not there.
    if sorted == servers { order } else { plain }
}

impl<P: Protocol> World<P> {
    /// Has a client invoke an operation, now: records it and steps the client.
    pub fn invoke(&mut self, client: ClientId, request: Request, synced: bool) -> OpId {
        let op = u32::try_from(self.history.operations.len());
        let op = OpId(op.expect("a run has fewer than 2^32 operations"));
        self.mark(Kind::Invoked, 0, u64::from(client.0));
        feed_request(&request, &mut self.hash);
        let cause = self.cause();
        self.trigger(cause, || What::Invoke {
            client,
            op,
            request: typed(&request),
            text: request.to_string(),
            synced,
        });
        self.history.operations.push(Operation {
            id: op,
            client,
            session: SessionId::NONE,
            xid: 0,
            seq: 0,
            conn: None,
            server: None,
            attempts: 0,
            request: request.clone(),
            ids: Arc::default(),
            synced,
            invoked: self.now,
            completed: None,
            outcome: None,
        });
        self.step_client(client, ClientInput::Invoke { op, request });
        // What the driver does next does not follow from this.
        self.follow(cause);
        op
    }

    /// Has a client leave its server for another one, with its session.
    pub fn hop(&mut self, client: ClientId) {
        self.mark(Kind::Hop, 0, u64::from(client.0));
        self.step_client(client, ClientInput::Hop);
    }

    pub(super) fn start_client(&mut self, client: ClientId) -> bool {
        self.mark(Kind::ClientStart, 0, u64::from(client.0));
        self.step_client(client, ClientInput::Start);
        true
    }

    pub(super) fn fire_client_timer(&mut self, client: ClientId, slot: u16, ordinal: u64) -> bool {
        let Some((timer, set_by)) = self.seat(client).timers.fire(slot, ordinal) else {
            return false;
        };
        self.mark(Kind::ClientTimer, 0, u64::from(client.0));
        self.hash.word(timer as u64);
        self.trigger(set_by, || What::ClientTimer {
            client,
            timer: format!("{timer:?}"),
        });
        self.step_client(client, ClientInput::Timer(timer));
        true
    }

    /// A client's dial reaches the server's machine.
    pub(super) fn arrive_conn_dial(&mut self, id: ConnId) -> bool {
        let conn = self.conn(id);
        let place = conn.server;
        if !conn.alive[Side::Dialler.index()] {
            // The client gave up.
            return false;
        }
        let node = &self.nodes[usize::from(place)];
        if node.client_cuts > 0 {
            let at = self.now.after(self.spec.network.dial_timeout);
            self.queue.push(at, Event::ConnFailed { conn: id });
        } else if node.server.is_none() {
            let at = self.client_arrival(id, Side::Dialler);
            self.queue.push(at, Event::ConnFailed { conn: id });
        } else {
            self.nodes[usize::from(place)].conns.push(id);
            let conn = self.conn(id);
            conn.open = true;
            conn.alive[Side::Acceptor.index()] = true;
            let now = self.now;
            self.push_up(id, Frame::Up, now);
            let at = self.client_arrival(id, Side::Dialler);
            self.push_down(id, Frame::Up, at);
        }
        true
    }

    pub(super) fn fail_conn_dial(&mut self, id: ConnId) -> bool {
        let conn = self.conn(id);
        let client = conn.client;
        if !core::mem::replace(&mut conn.alive[Side::Dialler.index()], false) {
            return false;
        }
        self.mark(Kind::ConnRefused, 0, u64::from(client.0));
        self.client_link(id, trace::End::Client, LinkNews::Refused);
        self.tell_client(id, ClientInput::Refused);
        true
    }

    /// A token of a connection towards its client.
    pub(super) fn arrive_at_client(&mut self, id: ConnId) -> bool {
        let conn = self.conn(id);
        let (client, place) = (conn.client, conn.server);
        if !conn.alive[Side::Dialler.index()] {
            return false;
        }
        let local = conn.down.local;
        if !local && self.nodes[usize::from(place)].client_cuts > 0 {
            self.conn(id).down.stall();
            return false;
        }
        let server = self.nodes[usize::from(place)].id;
        let conn = self.conn(id);
        match conn.down.pop() {
            // Its frame went with this end, or was lost.
            None | Some(Frame::Lost) => return false,
            Some(Frame::Up) => {
                conn.told[Side::Dialler.index()] = true;
                self.mark(Kind::Connected, place, u64::from(client.0));
                self.client_link(id, trace::End::Client, LinkNews::Up);
                self.tell_client(id, ClientInput::Connected { conn: id, server });
            }
            Some(Frame::Body(Parcel {
                id: number,
                content: frame,
            })) => {
                self.mark(Kind::ServerFrame, place, u64::from(client.0));
                feed_server_frame(&frame, &mut self.hash);
                self.stats.frames_delivered += 1;
                self.frame_arrives(id, Direction::Down, number, server_frame_kind(&frame));
                self.tell_client(id, ClientInput::Frame { conn: id, frame });
            }
            Some(Frame::Down) => {
                let told = conn.told[Side::Dialler.index()];
                conn.alive[Side::Dialler.index()] = false;
                conn.broken = true;
                self.clear_down(id, Why::Broken);
                self.mark(Kind::ConnLost, place, u64::from(client.0));
                let event = if told {
                    LinkNews::Down
                } else {
                    LinkNews::Refused
                };
                self.client_link(id, trace::End::Client, event);
                let input = if told {
                    ClientInput::Down(id)
                } else {
                    ClientInput::Refused
                };
                self.tell_client(id, input);
            }
        }
        true
    }

    /// A token of a connection towards its server.
    pub(super) fn arrive_from_client(&mut self, id: ConnId) -> bool {
        let conn = self.conn(id);
        let (client, place) = (conn.client, conn.server);
        if !conn.alive[Side::Acceptor.index()] {
            return false;
        }
        let local = conn.up.local;
        if !local && self.nodes[usize::from(place)].client_cuts > 0 {
            self.conn(id).up.stall();
            return false;
        }
        let conn = self.conn(id);
        match conn.up.pop() {
            None | Some(Frame::Lost) => return false,
            Some(Frame::Up) => {
                conn.told[Side::Acceptor.index()] = true;
                self.mark(Kind::ClientUp, place, u64::from(id.0));
                self.client_link(id, trace::End::Server, LinkNews::Up);
                let address = address_of(client);
                self.step_server(place, ServerInput::ClientUp { conn: id, address });
            }
            Some(Frame::Body(Parcel {
                id: number,
                content: frame,
            })) => {
                self.mark(Kind::ClientFrame, place, u64::from(id.0));
                feed_client_frame(&frame, &mut self.hash);
                self.stats.frames_delivered += 1;
                self.frame_arrives(id, Direction::Up, number, client_frame_kind(&frame));
                self.step_server(place, ServerInput::ClientFrame { conn: id, frame });
            }
            Some(Frame::Down) => {
                let told = conn.told[Side::Acceptor.index()];
                self.forget_server_end(id, Why::Broken);
                if told {
                    self.mark(Kind::ClientDown, place, u64::from(id.0));
                    self.client_link(id, trace::End::Server, LinkNews::Down);
                    self.step_server(place, ServerInput::ClientDown(id));
                }
            }
        }
        true
    }

    /// A server answers. An answer to a connection that is gone is lost.
    pub(super) fn reply(&mut self, id: ConnId, frame: ServerFrame) {
        let conn = self.conn(id);
        if conn.broken || !conn.alive[Side::Acceptor.index()] {
            return;
        }
        let frame = self.parcel_down(id, frame);
        let at = self.client_arrival(id, Side::Dialler);
        self.push_down(id, Frame::Body(frame), at);
    }

    /// A server closes a connection.
    pub(super) fn disconnect(&mut self, id: ConnId) {
        self.end_conn(id, End::HungUp(Side::Acceptor));
    }

    /// The connections of a server that is cut off from its clients break, unless it was mended.
    pub(super) fn lose_client_patience(&mut self, place: u8, generation: u32) -> bool {
        let node = &self.nodes[usize::from(place)];
        if node.client_cut_generation != generation || node.client_cuts == 0 {
            return false;
        }
        for number in 0..self.conns.len() {
            if self.conns[number].server == place && self.conns[number].open {
                self.end_conn(ConnId(number as u32), End::OutOfPatience);
            }
        }
        true
    }

    /// Sends the tokens off again that were stalled while a server was cut off from its clients.
    pub(super) fn resume_conns(&mut self, place: u8) {
        for number in 0..self.conns.len() {
            if self.conns[number].server != place {
                continue;
            }
            let id = ConnId(number as u32);
            for _ in 0..self.conn(id).down.unstall() {
                let at = self.client_arrival(id, Side::Dialler);
                self.queue.push(at, Event::ConnDown { conn: id });
            }
            for _ in 0..self.conn(id).up.unstall() {
                let at = self.client_arrival(id, Side::Acceptor);
                let server = place;
                self.queue.push(at, Event::ConnUp { conn: id, server });
            }
        }
    }

    /// Ends a connection: see the rules in the world's text.
    pub(super) fn end_conn(&mut self, id: ConnId, end: End) {
        let broken = core::mem::replace(&mut self.conn(id).broken, true);
        self.conn(id).cause = self.cause().or(self.conn(id).cause);
        match end.cause() {
            Some(Side::Dialler) => {
                self.conn(id).alive[Side::Dialler.index()] = false;
                self.clear_down(id, end.why());
            }
            Some(Side::Acceptor) => self.forget_server_end(id, end.why()),
            None => {}
        }
        for side in Side::BOTH {
            if self.conn(id).alive[side.index()] && self.conn(id).open {
                self.end_conn_side(id, side, end, broken);
            }
        }
    }

    fn end_conn_side(&mut self, id: ConnId, side: Side, end: End, broken: bool) {
        let mut at = self.client_arrival(id, side);
        let before = self.ids_in_conn(id, side);
        let conn = &mut self.conns[id.0 as usize];
        match end {
            End::OutOfPatience => {
                match side {
                    Side::Dialler => {
                        conn.down.lose_all();
                        conn.down.local = true;
                    }
                    Side::Acceptor => {
                        conn.up.lose_all();
                        conn.up.local = true;
                    }
                }
                at = self.now;
            }
            End::HungUp(_) if !broken => {}
            End::Died(_) | End::Broken if !broken => {
                let in_flight = match side {
                    Side::Dialler => conn.down.len(),
                    Side::Acceptor => conn.up.len(),
                };
                let entity = 1 << 63 | u64::from(conn.client.0) << 32 | u64::from(conn.nth);
                let dice = &self.dice;
                let drawn = || {
                    dice.draw(Concern::Breaking, entity, side.index() as u64)
                        .below(in_flight + 1)
                };
                let name = Name::ConnBreak {
                    client: conn.client.0,
                    conn: conn.nth,
                    toward: side,
                };
                let kept = self.decider.settle(|| name, drawn, || in_flight);
                match side {
                    Side::Dialler => conn.down.lose_behind(kept),
                    Side::Acceptor => conn.up.lose_behind(kept),
                }
            }
            // It is told already, by a frame that is on its way.
            End::HungUp(_) | End::Died(_) | End::Broken => return,
        }
        let kept = self.ids_in_conn(id, side).len();
        self.record_losses(before.get(kept..).unwrap_or_default(), end.why());
        match side {
            Side::Dialler => self.push_down(id, Frame::Down, at),
            Side::Acceptor => self.push_up(id, Frame::Down, at),
        }
    }

    /// The server's end hears no more of a connection.
    fn forget_server_end(&mut self, id: ConnId, why: Why) {
        let lost = self.ids_in_conn(id, Side::Acceptor);
        let conn = self.conn(id);
        conn.alive[Side::Acceptor.index()] = false;
        conn.broken = true;
        conn.up.clear();
        self.record_losses(&lost, why);
        let conn = self.conn(id);
        let place = usize::from(conn.server);
        self.nodes[place].conns.retain(|held| *held != id);
    }

    /// Something came on a connection: for its client, or for the driver if it holds this end.
    fn tell_client(&mut self, id: ConnId, input: ClientInput) {
        let client = self.conn(id).client;
        if client == DRIVER {
            self.heard.push_back((id, input));
        } else {
            self.step_client(client, input);
        }
    }

    /// What is on its way to a client that no longer listens is lost.
    fn clear_down(&mut self, id: ConnId, why: Why) {
        let lost = self.ids_in_conn(id, Side::Dialler);
        self.conn(id).down.clear();
        self.record_losses(&lost, why);
    }

    fn step_client(&mut self, client: ClientId, input: ClientInput) {
        let mut effects = core::mem::take(&mut self.client_effects);
        self.seat(client).client.step(input, &mut effects);
        for effect in effects.drain(..) {
            self.perform_client_effect(client, effect);
        }
        self.client_effects = effects;
    }

    fn perform_client_effect(&mut self, client: ClientId, effect: ClientEffect) {
        match effect {
            ClientEffect::Dial(server) => self.dial_server(client, server),
            ClientEffect::Send { conn, frame } => self.send_to_server(conn, frame),
            ClientEffect::HangUp(conn) => self.end_conn(conn, End::HungUp(Side::Dialler)),
            ClientEffect::SetTimer { timer, range } => {
                let cause = self.cause();
                let setting = self.seat(client).timers.set(timer, cause);
                let name = || Name::ClientTimer {
                    client: client.0,
                    timer: setting.slot,
                    number: setting.number,
                };
                let places = (u64::from(client.0), self.clients.len() as u64);
                let delay = setting.delay(range, places, &mut self.decider, name);
                let event = Event::ClientTimer {
                    client,
                    slot: setting.slot,
                    ordinal: setting.ordinal,
                };
                self.queue.push(self.now.after(delay), event);
            }
            ClientEffect::CancelTimer(timer) => self.seat(client).timers.cancel(timer),
            ClientEffect::Sent {
                op,
                session,
                xid,
                seq,
                conn,
                server,
                ids,
            } => {
                let operation = self.operation(op);
                operation.session = session;
                operation.xid = xid;
                operation.seq = seq;
                operation.conn = Some(conn);
                operation.server = Some(server);
                operation.ids = ids;
                operation.attempts += 1;
                self.record(|| What::Sent {
                    client,
                    op,
                    session: session.to_string(),
                    xid,
                    server,
                    conn,
                });
            }
            ClientEffect::Completed { op, outcome } => self.complete(client, op, outcome),
            ClientEffect::Saw(seen) => {
                self.record_seen(client, &seen);
                self.history.seen.push((self.now, client, seen));
            }
        }
    }

    fn dial_server(&mut self, client: ClientId, server: NodeId) {
        let seat = self.seat(client);
        seat.dials += 1;
        let nth = seat.dials;
        self.dial_as(client, nth, server);
    }

    /// The dial number `nth` of whoever holds the client's end.
    pub(super) fn dial_as(&mut self, client: ClientId, nth: u32, server: NodeId) -> ConnId {
        let place = self.place(server);
        let number = u32::try_from(self.conns.len()).expect("a run has fewer than 2^32 dials");
        self.conns.push(Conn::new(client, nth, place, &self.dice));
        let id = ConnId(number);
        self.client_link(id, trace::End::Client, LinkNews::Dial);
        self.conn(id).cause = self.cause();
        let at = self.client_arrival(id, Side::Acceptor);
        self.queue.push(at, Event::ConnDialled { conn: id });
        id
    }

    pub(super) fn send_to_server(&mut self, id: ConnId, frame: ClientFrame) {
        let conn = self.conn(id);
        if conn.broken || !conn.alive[Side::Dialler.index()] {
            // The client has not heard yet that the connection is gone.
            return;
        }
        let frame = self.parcel_up(id, frame);
        let at = self.client_arrival(id, Side::Acceptor);
        self.push_up(id, Frame::Body(frame), at);
    }

    /// An operation ended. An unknown one keeps its interval open.
    fn complete(&mut self, client: ClientId, op: OpId, outcome: Outcome) {
        let now = self.now;
        self.mark(Kind::Completed, 0, u64::from(op.0));
        match &outcome {
            Outcome::Answered { zxid, answer } => {
                zxid.feed(&mut self.hash);
                feed_answer(answer, &mut self.hash);
            }
            Outcome::Refused(why) => self.hash.word(*why as u64),
            Outcome::Unknown => self.hash.word(u64::MAX),
        }
        self.record_completion(client, op, &outcome);
        let operation = self.operation(op);
        assert!(operation.outcome.is_none(), "{op} ends twice");
        operation.completed = match outcome {
            Outcome::Answered { .. } | Outcome::Refused(_) => Some(now),
            Outcome::Unknown => None,
        };
        operation.outcome = Some(outcome);
        self.history.seen.push((now, client, Seen::Completed(op)));
        self.happenings
            .push_back(Happening::Completed { client, op });
    }

    fn push_down(&mut self, id: ConnId, frame: Frame<Parcel<ServerFrame>>, at: VirtualTime) {
        let at = self.conn(id).down.push(frame, at);
        self.queue.push(at, Event::ConnDown { conn: id });
    }

    fn push_up(&mut self, id: ConnId, frame: Frame<Parcel<ClientFrame>>, at: VirtualTime) {
        let conn = self.conn(id);
        let server = conn.server;
        let at = conn.up.push(frame, at);
        self.queue.push(at, Event::ConnUp { conn: id, server });
    }

    fn client_arrival(&mut self, id: ConnId, toward: Side) -> VirtualTime {
        let latency = self.spec.network.client;
        let conn = self.conn(id);
        let (number, draw) = conn.draw(toward);
        let name = Name::Frame {
            client: conn.client.0,
            conn: conn.nth,
            toward,
            number,
        };
        let drawn = || latency.sample(draw).0;
        let travel = self.decider.settle(|| name, drawn, || latency.median().0);
        self.now.after(Span(travel))
    }

    fn conn(&mut self, id: ConnId) -> &mut Conn {
        &mut self.conns[id.0 as usize]
    }

    fn operation(&mut self, op: OpId) -> &mut Operation {
        &mut self.history.operations[op.0 as usize]
    }

    fn seat(&mut self, client: ClientId) -> &mut ClientSeat {
        assert!(client.0 > 0, "clients are numbered from 1");
        &mut self.clients[usize::from(client.0) - 1]
    }
}
