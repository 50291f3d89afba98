//! Where an event happens, and what a message or frame does in it.

use core::fmt;

use menagerie::ids::{ClientId, NodeId};
use serde_json::Value;

use super::{Direction, End, EventKind, Passage, Why};

/// A server or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A server.
    Server(NodeId),
    /// A client.
    Client(ClientId),
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Server(node) => node.fmt(out),
            Host::Client(client) => client.fmt(out),
        }
    }
}

/// What a message between servers, or a frame between a client and a server, does.
#[derive(Clone, Copy, Debug)]
pub enum Passing<'a> {
    /// It leaves.
    Leaves {
        /// Its number.
        id: u64,
        /// Its sender.
        from: Host,
        /// Its receiver.
        to: Host,
        /// Which message it is.
        kind: &'a str,
        /// What it says.
        body: &'a Value,
    },
    /// The network makes a second one of it.
    Doubles {
        /// The number of the second one.
        id: u64,
        /// The number of the first.
        of: u64,
    },
    /// It arrives.
    Arrives {
        /// Its number.
        id: u64,
        /// Its sender.
        from: Host,
        /// Its receiver.
        to: Host,
        /// Which message it is.
        kind: &'a str,
    },
    /// It will never arrive.
    Vanishes {
        /// Its number.
        id: u64,
        /// Why.
        why: Why,
    },
}

impl EventKind {
    /// Whose step it is; `None` for what the network and the faults do.
    pub fn host(&self) -> Option<Host> {
        match self {
            EventKind::Send { from: node, .. }
            | EventKind::Deliver { node, .. }
            | EventKind::Link { node, .. }
            | EventKind::Timer { node, .. }
            | EventKind::Disk { node, .. }
            | EventKind::Boot { node }
            | EventKind::Refused { node, .. }
            | EventKind::Crash { node, .. }
            | EventKind::Pause { node }
            | EventKind::Resume { node }
            | EventKind::Standing { node, .. }
            | EventKind::Apply { node, .. }
            | EventKind::Commit { node, .. }
            | EventKind::Restore { node, .. }
            | EventKind::Fact { node, .. }
            | EventKind::ClientLink {
                server: node,
                end: End::Server,
                ..
            }
            | EventKind::Frame {
                server: node,
                direction: Direction::Up,
                phase: Passage::Delivered,
                ..
            }
            | EventKind::Frame {
                server: node,
                direction: Direction::Down,
                phase: Passage::Sent,
                ..
            } => Some(Host::Server(*node)),
            EventKind::ClientLink { client, .. }
            | EventKind::ClientTimer { client, .. }
            | EventKind::Session { client, .. }
            | EventKind::Invoke { client, .. }
            | EventKind::Sent { client, .. }
            | EventKind::Complete { client, .. }
            | EventKind::WatchEvent { client, .. }
            | EventKind::Frame { client, .. } => Some(Host::Client(*client)),
            EventKind::Duplicate { .. }
            | EventKind::Lose { .. }
            | EventKind::Fault { .. }
            | EventKind::Undo { .. }
            | EventKind::Heal { .. }
            | EventKind::Action { .. }
            | EventKind::Violation { .. } => None,
        }
    }

    /// What a message or frame does in it.
    pub fn passing(&self) -> Option<Passing<'_>> {
        Some(match self {
            EventKind::Send {
                id,
                from,
                to,
                kind,
                body,
                ..
            } => Passing::Leaves {
                id: *id,
                from: Host::Server(*from),
                to: Host::Server(*to),
                kind,
                body,
            },
            EventKind::Duplicate { id, of } => Passing::Doubles { id: *id, of: *of },
            EventKind::Deliver {
                id,
                node,
                from,
                kind,
            } => Passing::Arrives {
                id: *id,
                from: Host::Server(*from),
                to: Host::Server(*node),
                kind,
            },
            EventKind::Lose { id, why } => Passing::Vanishes { id: *id, why: *why },
            EventKind::Frame {
                id,
                client,
                server,
                direction,
                phase,
                kind,
                body,
                ..
            } => {
                let (id, client, server) = (*id, Host::Client(*client), Host::Server(*server));
                let (from, to) = match direction {
                    Direction::Up => (client, server),
                    Direction::Down => (server, client),
                };
                match phase {
                    Passage::Sent => Passing::Leaves {
                        id,
                        from,
                        to,
                        kind,
                        body,
                    },
                    Passage::Delivered => Passing::Arrives { id, from, to, kind },
                }
            }
            _of_no_message => return None,
        })
    }
}
