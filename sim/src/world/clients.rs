//! Clients, and the history they leave.

use std::sync::Arc;

use menagerie::canonical::Canonical;
use menagerie::client::{Client, ClientEffect, ClientInput, ClientSettings, ClientTimer};
use menagerie::history::{Operation, Outcome, Seen};
use menagerie::ids::{ClientId, ConnId, NodeId, OpId, SessionId};
use menagerie::protocol::Protocol;
use menagerie::tree::Request;
use menagerie::wire::ClientFrame;

use super::event::{feed_answer, feed_request};
use super::raw::DRIVER;
use super::streams::End;
use super::timers::Timers;
use super::{Event, Kind, World, WorldEvent, WorldSpec};
use crate::chance::decision::{Decider, Name};
use crate::chance::dice::{Concern, Dice};
use crate::scenario::script::Move;
use crate::trace::body::typed;
use crate::trace::{self, EventKind, LinkNews};
use crate::world::channels::{Conn, Frame, Side};

/// A client's seat in the world. Its clock shows virtual time.
#[derive(Debug)]
pub(super) struct ClientSlot {
    client: Client,
    timers: Timers<ClientTimer>,
    /// How often it dialled.
    dials: u32,
}

impl ClientSlot {
    pub(super) fn new<P: Protocol>(
        id: ClientId,
        servers: &[NodeId],
        spec: &WorldSpec,
        dice: &Dice,
        decider: &mut Decider,
    ) -> ClientSlot {
        let entity = u64::from(id.0);
        let servers = match spec.homes.get(usize::from(id.0) - 1) {
            Some(home) => vec![*home],
            None => order(id, servers, dice, decider),
        };
        ClientSlot {
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
        self.trigger(cause, || EventKind::Invoke {
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

    /// Has a client do something with its session.
    pub fn move_client(&mut self, client: ClientId, moves: Move) {
        let (kind, input) = match moves {
            Move::Hop => (Kind::Hop, ClientInput::Hop),
            Move::WrongPassword => (Kind::Forged, ClientInput::Forge),
            Move::Die => (Kind::Died, ClientInput::Die),
        };
        self.mark(kind, 0, u64::from(client.0));
        self.step_client(client, input);
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
        self.trigger(set_by, || EventKind::ClientTimer {
            client,
            timer: format!("{timer:?}"),
        });
        self.step_client(client, ClientInput::Timer(timer));
        true
    }

    /// Something came on a connection: for its client, or for the driver if it holds this end.
    pub(super) fn tell_client(&mut self, id: ConnId, input: ClientInput) {
        let client = self.conn(id).client;
        if client == DRIVER {
            self.heard.push_back((id, input));
        } else {
            self.step_client(client, input);
        }
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
                operation.attempts += 1;
                operation.ids = ids.clone();
                self.record(|| EventKind::Sent {
                    client,
                    op,
                    session,
                    xid,
                    server,
                    conn,
                    ids: ids.to_vec(),
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
    pub(super) fn complete(&mut self, client: ClientId, op: OpId, outcome: Outcome) {
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
            .push_back(WorldEvent::Completed { client, op });
    }

    fn operation(&mut self, op: OpId) -> &mut Operation {
        &mut self.history.operations[op.0 as usize]
    }

    pub(super) fn seat(&mut self, client: ClientId) -> &mut ClientSlot {
        assert!(client.0 > 0, "clients are numbered from 1");
        &mut self.clients[usize::from(client.0) - 1]
    }
}
