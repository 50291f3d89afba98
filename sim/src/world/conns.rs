//! Connections between clients and servers: dials, frames on the way, and how they end.

use menagerie::client::ClientInput;
use menagerie::ids::{ConnId, Span, VirtualTime};
use menagerie::protocol::Protocol;
use menagerie::server::ServerInput;
use menagerie::wire::{ClientFrame, ServerFrame};

use super::event::{feed_client_frame, feed_server_frame};
use super::raw::address_of;
use super::recording::{client_frame_kind, server_frame_kind};
use super::streams::End;
use super::{Event, Kind, World};
use crate::chance::decision::Name;
use crate::chance::dice::Concern;
use crate::trace::{self, Direction, LinkNews, Why};
use crate::world::channels::{Conn, Envelope, Frame, Side};

impl<P: Protocol> World<P> {
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
            Some(Frame::Body(Envelope {
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
            Some(Frame::Body(Envelope {
                id: number,
                content: frame,
            })) => {
                self.mark(Kind::ClientFrame, place, u64::from(id.0));
                feed_client_frame(&frame, &mut self.hash);
                self.stats.frames_delivered += 1;
                self.reach.asked(&frame);
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
        let place = self.conn(id).server;
        self.witness_reply(place, id, &frame);
        self.reach.replied(&frame);
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

    pub(super) fn end_conn_side(&mut self, id: ConnId, side: Side, end: End, broken: bool) {
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
    pub(super) fn forget_server_end(&mut self, id: ConnId, why: Why) {
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

    /// What is on its way to a client that no longer listens is lost.
    pub(super) fn clear_down(&mut self, id: ConnId, why: Why) {
        let lost = self.ids_in_conn(id, Side::Dialler);
        self.conn(id).down.clear();
        self.record_losses(&lost, why);
    }

    pub(super) fn push_down(
        &mut self,
        id: ConnId,
        frame: Frame<Envelope<ServerFrame>>,
        at: VirtualTime,
    ) {
        let at = self.conn(id).down.push(frame, at);
        self.queue.push(at, Event::ConnDown { conn: id });
    }

    pub(super) fn push_up(
        &mut self,
        id: ConnId,
        frame: Frame<Envelope<ClientFrame>>,
        at: VirtualTime,
    ) {
        let conn = self.conn(id);
        let server = conn.server;
        let at = conn.up.push(frame, at);
        self.queue.push(at, Event::ConnUp { conn: id, server });
    }

    pub(super) fn client_arrival(&mut self, id: ConnId, toward: Side) -> VirtualTime {
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

    pub(super) fn conn(&mut self, id: ConnId) -> &mut Conn {
        &mut self.conns[id.0 as usize]
    }
}
