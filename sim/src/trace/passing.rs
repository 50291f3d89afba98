//! Where an event happens, and what a message or frame does in it.

use core::fmt;

use menagerie::ids::{ClientId, NodeId};
use serde_json::Value;

use super::{Direction, End, Passage, What, Why};

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

impl What {
    /// Whose step it is; `None` for what the network and the faults do.
    pub fn host(&self) -> Option<Host> {
        match self {
            What::Send { from: node, .. }
            | What::Deliver { node, .. }
            | What::Link { node, .. }
            | What::Timer { node, .. }
            | What::Disk { node, .. }
            | What::Boot { node }
            | What::Refused { node, .. }
            | What::Crash { node, .. }
            | What::Pause { node }
            | What::Resume { node }
            | What::Standing { node, .. }
            | What::Apply { node, .. }
            | What::Commit { node, .. }
            | What::Restore { node, .. }
            | What::Fact { node, .. }
            | What::ClientLink {
                server: node,
                end: End::Server,
                ..
            }
            | What::Frame {
                server: node,
                direction: Direction::Up,
                phase: Passage::Delivered,
                ..
            }
            | What::Frame {
                server: node,
                direction: Direction::Down,
                phase: Passage::Sent,
                ..
            } => Some(Host::Server(*node)),
            What::ClientLink { client, .. }
            | What::ClientTimer { client, .. }
            | What::Session { client, .. }
            | What::Invoke { client, .. }
            | What::Sent { client, .. }
            | What::Complete { client, .. }
            | What::WatchEvent { client, .. }
            | What::Frame { client, .. } => Some(Host::Client(*client)),
            What::Duplicate { .. }
            | What::Lose { .. }
            | What::Fault { .. }
            | What::Undo { .. }
            | What::Heal { .. }
            | What::Action { .. }
            | What::Violation { .. } => None,
        }
    }

    /// What a message or frame does in it.
    pub fn passing(&self) -> Option<Passing<'_>> {
        Some(match self {
            What::Send {
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
            What::Duplicate { id, of } => Passing::Doubles { id: *id, of: *of },
            What::Deliver {
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
            What::Lose { id, why } => Passing::Vanishes { id: *id, why: *why },
            What::Frame {
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
