//! What the world writes into its trace. Every function here does nothing where there is none.

use menagerie::history::{Outcome, Seen};
use menagerie::ids::{ClientId, ConnId, NodeId, OpId};
use menagerie::protocol::{DiskOp, Protocol, Ticket, Via};
use menagerie::wire::{ClientFrame, Packet, PeerMsg, ServerFrame};
use serde::Serialize;
use serde_json::Value;

use super::{Action, CrashKind, Event, World};
use crate::trace::body::{inside, typed};
use crate::trace::{Direction, End, Ended, EventKind, LinkNews, Passage, SessionNews, Way, Why};
use crate::world::channels::{Envelope, Flow, Side};

impl<P: Protocol> World<P> {
    /// Writes down what the driver does or knows; what it does next follows from that.
    pub fn note(&mut self, what: impl FnOnce() -> EventKind) {
        self.trigger(None, what);
    }

    /// Whether there is a trace.
    pub(super) fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }

    /// The event that makes things happen now.
    pub(super) fn cause(&self) -> Option<u64> {
        self.recorder.as_ref().and_then(|recorder| recorder.cause())
    }

    /// From now on this event makes things happen.
    pub(super) fn follow(&mut self, cause: Option<u64>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.follow(cause);
        }
    }

    /// Writes an event down that follows from the present one; gives its number.
    pub(super) fn record(&mut self, what: impl FnOnce() -> EventKind) -> Option<u64> {
        let recorder = self.recorder.as_mut()?;
        Some(recorder.record(self.now, recorder.cause(), what()))
    }

    /// Writes an event down that others follow from.
    pub(super) fn trigger(&mut self, cause: Option<u64>, what: impl FnOnce() -> EventKind) {
        if let Some(recorder) = &mut self.recorder {
            let seq = recorder.record(self.now, cause, what());
            recorder.follow(Some(seq));
        }
    }

    /// Writes an event down that gives a server an input.
    pub(super) fn trigger_input(
        &mut self,
        place: u8,
        cause: Option<u64>,
        what: impl FnOnce() -> EventKind,
    ) {
        if let Some(recorder) = &mut self.recorder {
            let seq = recorder.record(self.now, cause, what());
            recorder.follow_input(place, Some(seq));
        }
    }

    /// Gives a message its number, and writes down that it leaves.
    pub(super) fn parcel(
        &mut self,
        from: u8,
        to: u8,
        via: Via,
        packet: Packet<P>,
    ) -> Envelope<Packet<P>> {
        let id = self.next_parcel();
        let (sender, receiver) = (NodeId(from + 1), NodeId(to + 1));
        let seq = self.record(|| {
            let (way, link) = match via {
                _ if from == to => (Way::Own, None),
                Via::Datagram => (Way::Datagram, None),
                Via::LatestWins => (Way::Latest, None),
                Via::Stream(link) => (Way::Stream, Some(format!("{link:?}"))),
            };
            EventKind::Send {
                id,
                from: sender,
                to: receiver,
                via: way,
                link,
                kind: kind(&packet),
                body: body(&packet),
            }
        });
        self.depart(id, seq);
        let content = packet;
        Envelope { id, content }
    }

    /// Gives a frame to a server its number, and writes down that it leaves.
    pub(super) fn parcel_up(&mut self, conn: ConnId, frame: ClientFrame) -> Envelope<ClientFrame> {
        self.parcel_frame(conn, Direction::Up, client_frame_kind(&frame), frame)
    }

    /// Gives a frame to a client its number, and writes down that it leaves.
    pub(super) fn parcel_down(
        &mut self,
        conn: ConnId,
        frame: ServerFrame,
    ) -> Envelope<ServerFrame> {
        self.parcel_frame(conn, Direction::Down, server_frame_kind(&frame), frame)
    }

    fn parcel_frame<T: Serialize>(
        &mut self,
        conn: ConnId,
        direction: Direction,
        kind: &str,
        content: T,
    ) -> Envelope<T> {
        let id = self.next_parcel();
        let (client, server) = self.ends_of(conn);
        let seq = self.record(|| EventKind::Frame {
            id,
            conn,
            client,
            server,
            direction,
            phase: Passage::Sent,
            kind: kind.to_owned(),
            body: inside(typed(&content)),
        });
        self.depart(id, seq);
        Envelope { id, content }
    }

    /// A frame arrives at an end of its connection.
    pub(super) fn frame_arrives(
        &mut self,
        conn: ConnId,
        direction: Direction,
        id: u64,
        kind: &str,
    ) {
        let (client, server) = self.ends_of(conn);
        let cause = self.arrived(id);
        let what = || EventKind::Frame {
            id,
            conn,
            client,
            server,
            direction,
            phase: Passage::Delivered,
            kind: kind.to_owned(),
            body: Value::Null,
        };
        match direction {
            Direction::Up => self.trigger_input(server.0 - 1, cause, what),
            Direction::Down => self.trigger(cause, what),
        }
    }

    /// A client saw something beside the end of an operation.
    pub(super) fn record_seen(&mut self, client: ClientId, seen: &Seen) {
        self.record(|| match seen {
            Seen::Completed(op) => panic!("the end of {op} is recorded with its outcome"),
            Seen::Event { session, event } => EventKind::WatchEvent {
                client,
                session: *session,
                kind: event.kind,
                path: event.path.to_string(),
                zxid: event.zxid,
            },
            Seen::SessionOpened(session) => EventKind::Session {
                client,
                session: *session,
                event: SessionNews::Opened,
            },
            Seen::SessionEnded(session) => EventKind::Session {
                client,
                session: *session,
                event: SessionNews::Ended,
            },
            Seen::PasswordTried { session, admitted } => EventKind::Session {
                client,
                session: *session,
                event: if *admitted {
                    SessionNews::Admitted
                } else {
                    SessionNews::Rejected
                },
            },
        });
    }

    /// An operation ends.
    pub(super) fn record_completion(&mut self, client: ClientId, op: OpId, outcome: &Outcome) {
        let invoked = self.history.operations[op.0 as usize].invoked;
        self.record(|| {
            let (ended, zxid, answer) = match outcome {
                Outcome::Answered { zxid, answer } => {
                    let ended = if answer.is_ok() {
                        Ended::Ok
                    } else {
                        Ended::Error
                    };
                    (ended, Some(*zxid), inside(typed(answer)))
                }
                Outcome::Refused(why) => (Ended::Refused, None, typed(why)),
                Outcome::Unknown => (Ended::Unknown, None, Value::Null),
            };
            EventKind::Complete {
                client,
                op,
                outcome: ended,
                zxid,
                answer,
                invoked,
            }
        });
    }

    /// An end of a connection hears of it.
    pub(super) fn client_link(&mut self, conn: ConnId, end: End, event: LinkNews) {
        let (client, server) = self.ends_of(conn);
        let cause = match event {
            LinkNews::Dial => self.cause(),
            LinkNews::Up | LinkNews::Refused | LinkNews::Down => self.conns[conn.0 as usize].cause,
        };
        let what = || EventKind::ClientLink {
            client,
            server,
            conn,
            end,
            event,
        };
        match end {
            End::Server => self.trigger_input(server.0 - 1, cause, what),
            End::Client => self.trigger(cause, what),
        }
    }

    /// A message arrives; gives the event in which it left.
    pub(super) fn arrived(&mut self, id: u64) -> Option<u64> {
        self.recorder
            .as_mut()
            .and_then(|recorder| recorder.arrive(id))
    }

    /// A message will never arrive.
    pub(super) fn record_loss(&mut self, id: u64, why: Why) {
        let departed = self.arrived(id);
        if let Some(recorder) = &mut self.recorder {
            let cause = match why {
                Why::Loss | Why::Cut => departed,
                Why::Down | Why::Broken | Why::Closed | Why::Replaced => {
                    recorder.cause().or(departed)
                }
            };
            recorder.record(self.now, cause, EventKind::Lose { id, why });
        }
    }

    /// These messages will never arrive.
    pub(super) fn record_losses(&mut self, ids: &[u64], why: Why) {
        for id in ids {
            self.record_loss(*id, why);
        }
    }

    /// The network makes a second message of one.
    pub(super) fn duplicate<T>(&mut self, of: u64, content: T) -> Envelope<T> {
        let id = self.next_parcel();
        if let Some(recorder) = &mut self.recorder {
            recorder.duplicate(self.now, id, of);
        }
        Envelope { id, content }
    }

    /// A disk operation enters the queue.
    pub(super) fn record_disk_op(&mut self, place: usize, ticket: Ticket, op: &DiskOp<P::Record>) {
        let node = self.nodes[place].id;
        if let Some(recorder) = &mut self.recorder {
            recorder.disk_queued(self.now, node, ticket, op);
        }
    }

    /// The batch that [`super::node::Node::disk`] was about to end has ended.
    pub(super) fn record_disk_batch(&mut self, place: usize, batch: &(Vec<u64>, bool)) {
        let node = &self.nodes[place];
        let (tickets, success) = batch;
        if let Some(recorder) = &mut self.recorder {
            recorder.disk_written(self.now, node.id, tickets, node.disk.log_last());
            recorder.disk_synced(self.now, node.id, tickets, *success);
        }
    }

    /// The syncs of a batch failed, and what was pending behind it was cancelled.
    pub(super) fn record_disk_cancelled(
        &mut self,
        place: usize,
        pending: &[Ticket],
        batch: &(Vec<u64>, bool),
    ) {
        let (tickets, success) = batch;
        if *success {
            return;
        }
        let id = self.nodes[place].id;
        let behind = pending.iter().map(|ticket| ticket.0);
        let lost: Vec<u64> = behind.filter(|ticket| !tickets.contains(ticket)).collect();
        if let Some(recorder) = &mut self.recorder {
            recorder.disk_died(self.now, id, &lost);
        }
    }

    /// The process of a disk died: of what was pending, this was still written.
    pub(super) fn record_disk_death(
        &mut self,
        place: usize,
        pending: &[Ticket],
        written: &[Ticket],
    ) {
        let node = &self.nodes[place];
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        let number = |ticket: &Ticket| ticket.0;
        let written: Vec<u64> = written.iter().map(number).collect();
        recorder.disk_written(self.now, node.id, &written, node.disk.log_last());
        let lost: Vec<u64> = pending
            .iter()
            .map(number)
            .filter(|ticket| !written.contains(ticket))
            .collect();
        recorder.disk_died(self.now, node.id, &lost);
    }

    /// The machine of a disk lost its power.
    pub(super) fn record_power_loss(&mut self, place: usize) {
        let node = &self.nodes[place];
        if let Some(recorder) = &mut self.recorder {
            recorder.disk_without_power(self.now, node.id, &node.disk.image());
        }
    }

    /// A server dies.
    pub(super) fn record_crash(&mut self, node: NodeId, kind: CrashKind, cause: Option<u64>) {
        self.trigger(cause, || EventKind::Crash { node, kind });
    }

    /// Messages that were waiting for a paused process which is dead now.
    pub(super) fn record_parked(&mut self, event: &Event<P>) {
        match event {
            Event::Loopback { packet, .. } | Event::Datagram { packet, .. } => {
                self.record_loss(packet.id, Why::Down);
            }
            Event::LatestWins { .. }
            | Event::Stream { .. }
            | Event::Dialled { .. }
            | Event::DialFailed { .. }
            | Event::Patience { .. }
            | Event::ClientPatience { .. }
            | Event::Timer { .. }
            | Event::Disk { .. }
            | Event::Work { .. }
            | Event::ClientStart { .. }
            | Event::ClientTimer { .. }
            | Event::ConnDialled { .. }
            | Event::ConnFailed { .. }
            | Event::ConnDown { .. }
            | Event::ConnUp { .. }
            | Event::Wakeup(_) => {}
        }
    }

    /// Writes an action down that has no event of its own.
    pub(super) fn record_action(&mut self, action: &Action) {
        if !action.is_about_processes() {
            let action = action.clone();
            self.trigger(self.cause(), || EventKind::Action { action });
        }
    }

    fn next_parcel(&mut self) -> u64 {
        let id = self.next_parcel;
        self.next_parcel += 1;
        id
    }

    fn depart(&mut self, id: u64, seq: Option<u64>) {
        if let (Some(recorder), Some(seq)) = (&mut self.recorder, seq) {
            recorder.depart(id, seq);
        }
    }

    fn ends_of(&self, conn: ConnId) -> (ClientId, NodeId) {
        let conn = &self.conns[conn.0 as usize];
        (conn.client, NodeId(conn.server + 1))
    }

    /// The numbers of what is on its way in a stream towards one side; empty without a trace.
    pub(super) fn ids_in_link(&self, slot: u32, toward: Side) -> Vec<u64> {
        let flow = |link: &crate::world::channels::Link<P>| ids(&link.toward[toward.index()]);
        match self.links[slot as usize].link() {
            Some(link) if self.is_recording() => flow(link),
            Some(_) | None => Vec::new(),
        }
    }

    /// The numbers of what is on its way in a connection towards one side; empty without a trace.
    pub(super) fn ids_in_conn(&self, conn: ConnId, toward: Side) -> Vec<u64> {
        let conn = &self.conns[conn.0 as usize];
        match toward {
            Side::Dialler if self.is_recording() => ids(&conn.down),
            Side::Acceptor if self.is_recording() => ids(&conn.up),
            Side::Dialler | Side::Acceptor => Vec::new(),
        }
    }
}

fn ids<T>(flow: &Flow<Envelope<T>>) -> Vec<u64> {
    flow.bodies().map(|parcel| parcel.id).collect()
}

/// The kind of a frame to a server.
pub(super) fn client_frame_kind(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Connect { .. } => "connect",
        ClientFrame::Request { .. } => "request",
        ClientFrame::Ping => "ping",
        ClientFrame::SetWatches { .. } => "set_watches",
    }
}

/// The kind of a frame to a client.
pub(super) fn server_frame_kind(frame: &ServerFrame) -> &'static str {
    match frame {
        ServerFrame::Connected { .. } => "connected",
        ServerFrame::Reply { .. } => "reply",
        ServerFrame::WatchesSet { .. } => "watches_set",
        ServerFrame::Event(_) => "event",
        ServerFrame::Pong { .. } => "pong",
    }
}

/// The kind of a packet.
pub(super) fn kind<P: Protocol>(packet: &Packet<P>) -> String {
    let kind = match packet {
        Packet::Protocol(msg) => P::kind(msg),
        Packet::Peer(PeerMsg::Request { .. }) => "request",
        Packet::Peer(PeerMsg::Revalidate { .. }) => "revalidate",
        Packet::Peer(PeerMsg::Revalidated { .. }) => "revalidated",
        Packet::Peer(PeerMsg::Touch { .. }) => "touch",
    };
    kind.to_owned()
}

/// What a packet says.
fn body<P: Protocol>(packet: &Packet<P>) -> Value {
    inside(match packet {
        Packet::Protocol(msg) => typed(msg),
        Packet::Peer(msg) => typed(msg),
    })
}
