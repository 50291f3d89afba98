//! One ZooKeeper server on its own: the tree, sessions and watches, spoken to in the wire encoding.
//!
//! A pure state machine: connections are dialled, send frames and hang up, time is told by
//! [`Solo::advance`], and what the server sends is fetched with [`Solo::drain`]. Each request is
//! carried out at once, so there is never anything outstanding. It is what a standalone ZooKeeper
//! is to its clients, and the judge of the tree against transcripts of a real one
//! (`crate::conform`).
//!
//! # Order
//! What goes to one connection has one order: the events that a request causes come before its own
//! answer.
//!
//! # Sessions
//! A session outlives its connection. Its id is a counter, its password a hash of the id. It
//! expires when nothing was heard of it for its timeout, rounded up to the next tick.
//!
//! # The log
//! Every transaction is kept, so that a restart is a replay.

mod connection;
mod sessions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::ids::{ConnId, SessionId, Zxid};
use crate::jute::{self, Event, Reply};
use crate::mutation::Mutations;
use crate::tree::{
    Applied, Counter, Identity, Outstanding, Path, Payload, State, WatchEvent, Watches, Write, acl,
};
use connection::Connection;
use sessions::Sessions;

/// The settings of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The length of a tick in milliseconds: timeouts are 2 to 20 ticks.
    pub tick_ms: u64,
    /// Whether TTL nodes may be created.
    pub extended_types: bool,
    /// `user:password` of the user who may do everything.
    pub superuser: Option<String>,
    /// The address that every client comes from.
    pub client_address: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tick_ms: 2_000,
            extended_types: false,
            superuser: None,
            client_address: "127.0.0.1".to_string(),
        }
    }
}

/// What the server does to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// It sends a frame.
    Frame(Vec<u8>),
    /// It closes the connection.
    Closed,
}

/// A server.
#[derive(Clone, Debug)]
pub struct Solo {
    settings: Settings,
    /// The digest of the user who may do everything.
    superuser: Option<String>,
    state: State,
    watches: Watches,
    sessions: Sessions,
    connections: BTreeMap<ConnId, Connection>,
    next_conn: u32,
    /// The last zxid given out; above the applied one if one was wasted.
    last_zxid: Zxid,
    now_ms: u64,
    log: Vec<(Zxid, Payload)>,
    out: Vec<(ConnId, Output)>,
}

impl Solo {
    /// A server that has never run.
    pub fn new(settings: Settings) -> Solo {
        Solo {
            superuser: settings.superuser.as_deref().map(acl::digest_of),
            sessions: Sessions::new(settings.tick_ms),
            settings,
            state: State::new(Mutations::NONE),
            watches: Watches::new(),
            connections: BTreeMap::new(),
            next_conn: 1,
            last_zxid: Zxid::ZERO,
            now_ms: 1,
            log: Vec::new(),
            out: Vec::new(),
        }
    }

    /// The state of the tree.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The last applied zxid as clients see it.
    pub fn zxid(&self) -> i64 {
        jute::wire_zxid(self.state.applied())
    }

    /// What was sent since the last call, in order.
    pub fn drain(&mut self) -> Vec<(ConnId, Output)> {
        core::mem::take(&mut self.out)
    }

    /// A client opens a connection.
    pub fn dial(&mut self) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let address = Identity::new("ip", &self.settings.client_address);
        self.connections.insert(conn, Connection::new(address));
        conn
    }

    /// A client closes its connection. Its session stays.
    pub fn hang_up(&mut self, conn: ConnId) {
        self.forget(conn);
    }

    /// Time passes: sessions that were not heard of expire.
    pub fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        for session in self.sessions.overdue(self.now_ms) {
            self.expire(session);
        }
    }

    /// Ends a session as if its time were over. Its connection is closed without an event: in a
    /// real server the two race.
    pub fn expire(&mut self, session: SessionId) {
        if let Some(conn) = self.sessions.connection(session) {
            self.close(conn);
        }
        self.execute(session, &Write::ExpireSession);
    }

    /// One pass over the containers and TTL nodes.
    pub fn remove_containers(&mut self) {
        for path in self.state.removable(self.now_ms) {
            self.execute(SessionId::NONE, &Write::DeleteContainer { path });
        }
    }

    /// Overwrites a counter of a node without a transaction; returns whether there is such a node.
    pub fn poke(&mut self, path: &Path, counter: Counter, value: i32) -> bool {
        self.state.poke(path, counter, value)
    }

    /// Stops, and starts again from the log. All connections break.
    pub fn restart(&mut self) {
        let connections: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in connections {
            self.close(conn);
        }
        self.state = State::new(Mutations::NONE);
        for (zxid, payload) in &self.log {
            self.state.apply(*zxid, payload);
        }
        self.last_zxid = self.state.applied();
        self.sessions = Sessions::new(self.settings.tick_ms);
        for (session, kept) in self.state.sessions() {
            self.sessions.track(session, kept.timeout, self.now_ms);
        }
    }

    /// Carries a write out, and fires the watches.
    fn execute(&mut self, session: SessionId, write: &Write) -> Applied {
        self.last_zxid = self.last_zxid.next();
        let record =
            Outstanding::new(Mutations::NONE).prepare(&self.state, session, 0, self.now_ms, write);
        let payload = Payload::txn(record);
        self.log.push((self.last_zxid, payload.clone()));
        let applied = self.state.apply(self.last_zxid, &payload);
        if let Some(closed) = applied.closed {
            self.sessions.forget(closed);
        }
        self.tell(&applied);
        applied
    }

    /// Sends the events to those watchers that may read the node.
    fn tell(&mut self, applied: &Applied) {
        for (place, event) in applied.events.iter().enumerate() {
            let mut fired = Vec::new();
            self.watches.fire(event, &mut fired);
            for (conn, event) in fired {
                let connection = self.connections.get(&conn);
                let ids = connection.map_or(&[][..], Connection::ids);
                if applied.may_hear(place, ids) {
                    self.send_event(conn, event);
                }
            }
        }
    }

    fn send_event(&mut self, conn: ConnId, event: WatchEvent) {
        let frame = Event::of(event.kind, event.path).encode();
        self.out.push((conn, Output::Frame(frame)));
    }

    fn send(&mut self, conn: ConnId, reply: &Reply) {
        self.out.push((conn, Output::Frame(reply.encode())));
    }

    /// Closes a connection from this side.
    fn close(&mut self, conn: ConnId) {
        if self.forget(conn) {
            self.out.push((conn, Output::Closed));
        }
    }

    fn forget(&mut self, conn: ConnId) -> bool {
        self.watches.drop_conn(conn);
        self.sessions.detach(conn);
        self.connections.remove(&conn).is_some()
    }
}
