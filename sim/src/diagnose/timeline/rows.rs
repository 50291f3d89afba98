//! An event as a row: which of its fields goes into which column.

use menagerie::ids::{ClientId, NodeId, Zxid};
use menagerie::protocol::Fact;
use serde::Serialize;
use serde_json::Value;

use crate::trace::body::typed;
use crate::trace::{Direction, End, Header, Passage, What, words};
use crate::world::Amount;

/// The lane of an event that happens to no server and no client.
pub(super) const NO_LANE: i32 = -1;
/// The number of an event without one.
pub(super) const NO_NUMBER: i64 = -1;

/// The types of events, in the order of their codes.
pub(super) const TYPES: [&str; 30] = [
    "send",
    "duplicate",
    "deliver",
    "lose",
    "link",
    "timer",
    "disk",
    "boot",
    "refused",
    "crash",
    "pause",
    "resume",
    "standing",
    "apply",
    "commit",
    "restore",
    "fact",
    "client_link",
    "client_timer",
    "session",
    "invoke",
    "sent",
    "complete",
    "watch_event",
    "frame",
    "fault",
    "undo",
    "heal",
    "action",
    "violation",
];

/// What a row has to do with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Nothing,
    /// A message leaves.
    Departs(u64),
    /// A second message of one.
    Copies {
        id: u64,
        of: u64,
    },
    /// A message arrives or is lost.
    Ends(u64),
}

/// An event, cut to the shape that all of them share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its type's place in [`TYPES`].
    pub(super) r#type: usize,
    pub(super) lane: Option<i32>,
    pub(super) peer: Option<i32>,
    /// Its kind, in a word.
    pub(super) label: String,
    /// A second word.
    pub(super) detail: String,
    /// Its body in full.
    pub(super) body: String,
    pub(super) zxid: Option<Zxid>,
    pub(super) number: Option<i64>,
    pub(super) origin: Origin,
}

/// The type of an event, as the file format names it.
pub(super) fn name(what: &What) -> &'static str {
    TYPES[code(what)]
}

fn code(what: &What) -> usize {
    match what {
        What::Send { .. } => 0,
        What::Duplicate { .. } => 1,
        What::Deliver { .. } => 2,
        What::Lose { .. } => 3,
        What::Link { .. } => 4,
        What::Timer { .. } => 5,
        What::Disk { .. } => 6,
        What::Boot { .. } => 7,
        What::Refused { .. } => 8,
        What::Crash { .. } => 9,
        What::Pause { .. } => 10,
        What::Resume { .. } => 11,
        What::Standing { .. } => 12,
        What::Apply { .. } => 13,
        What::Commit { .. } => 14,
        What::Restore { .. } => 15,
        What::Fact { .. } => 16,
        What::ClientLink { .. } => 17,
        What::ClientTimer { .. } => 18,
        What::Session { .. } => 19,
        What::Invoke { .. } => 20,
        What::Sent { .. } => 21,
        What::Complete { .. } => 22,
        What::WatchEvent { .. } => 23,
        What::Frame { .. } => 24,
        What::Fault { .. } => 25,
        What::Undo { .. } => 26,
        What::Heal { .. } => 27,
        What::Action { .. } => 28,
        What::Violation { .. } => 29,
    }
}

/// The row of an event: a table of one line for each type.
pub(super) fn row(header: &Header, what: &What) -> Row {
    let row = Row::blank(code(what));
    let node = |node: &NodeId| node_lane(header, *node);
    let client = |client: &ClientId| client_lane(header, *client);
    match what {
        What::Send {
            id,
            from,
            to,
            via,
            link: _,
            kind,
            body,
        } => row
            .between(node(from), node(to))
            .words(kind, &word(via))
            .told(body)
            .origin(Origin::Departs(*id)),
        What::Duplicate { id, of } => row.origin(Origin::Copies { id: *id, of: *of }),
        What::Deliver {
            id,
            node: to,
            from,
            kind,
        } => row
            .between(node(to), node(from))
            .words(kind, "")
            .origin(Origin::Ends(*id)),
        What::Lose { id, why } => row.words(&word(why), "").origin(Origin::Ends(*id)),
        What::Link {
            node: at,
            peer,
            link,
            event,
        } => row.between(node(at), node(peer)).words(&word(event), link),
        What::Timer { node: at, timer } => row.on(node(at)).words(timer, ""),
        What::Disk {
            node: at,
            ticket,
            op,
            phase,
            body,
        } => row
            .on(node(at))
            .words(op.name(), &word(phase))
            .told(body)
            .number(*ticket),
        What::Boot { node: at } | What::Pause { node: at } | What::Resume { node: at } => {
            row.on(node(at))
        }
        What::Refused { node: at, why } => row.on(node(at)).words(why, ""),
        What::Crash { node: at, kind } => row.on(node(at)).words(&word(kind), ""),
        What::Standing {
            node: at,
            role,
            epoch,
            leader,
        } => Row {
            peer: leader.as_ref().and_then(node),
            ..row
                .on(node(at))
                .words(&word(role), &epoch_text(header, *epoch))
        },
        What::Apply {
            node: at,
            zxid,
            body,
        } => row.on(node(at)).zxid(*zxid).told(body),
        What::Commit { node: at, zxid } | What::Restore { node: at, zxid } => {
            row.on(node(at)).zxid(*zxid)
        }
        What::Fact { node: at, body } => row
            .on(node(at))
            .words(fact_word(body), "")
            .body(&typed(body)),
        What::ClientLink {
            client: from,
            server,
            conn,
            end,
            event,
        } => {
            let (lane, peer) = match end {
                End::Client => (client(from), node(server)),
                End::Server => (node(server), client(from)),
            };
            row.between(lane, peer)
                .words(&word(event), "")
                .number(u64::from(conn.0))
        }
        What::ClientTimer { client: at, timer } => row.on(client(at)).words(timer, ""),
        What::Session {
            client: at,
            session,
            event,
        } => row.on(client(at)).words(&word(event), &session.to_string()),
        What::Invoke {
            client: at,
            op,
            request,
            text,
            synced,
        } => row
            .on(client(at))
            .words(text, if *synced { "synced" } else { "" })
            .body(request)
            .number(u64::from(op.0)),
        What::Sent {
            client: at,
            op,
            session,
            xid,
            server,
            conn: _,
            ids: _,
        } => row
            .between(client(at), node(server))
            .words("", &format!("{session}, xid {xid}"))
            .number(u64::from(op.0)),
        What::Complete {
            client: at,
            op,
            outcome,
            zxid,
            answer,
            invoked: _,
        } => Row {
            zxid: *zxid,
            ..row
                .on(client(at))
                .words(&word(outcome), "")
                .body(answer)
                .number(u64::from(op.0))
        },
        What::WatchEvent {
            client: at,
            session: _,
            kind,
            path,
            zxid,
        } => row.on(client(at)).words(&word(kind), path).zxid(*zxid),
        What::Frame {
            id,
            conn,
            client: one,
            server,
            direction,
            phase,
            kind,
            body,
        } => {
            let (from, to) = match direction {
                Direction::Up => (client(one), node(server)),
                Direction::Down => (node(server), client(one)),
            };
            let (lane, peer, origin) = match phase {
                Passage::Sent => (from, to, Origin::Departs(*id)),
                Passage::Delivered => (to, from, Origin::Ends(*id)),
            };
            row.between(lane, peer)
                .words(kind, &word(phase))
                .body(body)
                .number(u64::from(conn.0))
                .origin(origin)
        }
        What::Fault {
            index,
            family,
            fault,
        } => row
            .words(family.name(), &fault.text())
            .number(*index as u64),
        What::Undo { index } => row.number(*index as u64),
        What::Heal { core } => row.words("", &names(core)),
        What::Action { action } => {
            let amount = action.amount().map_or(0, Amount::number);
            row.words(
                action.name(),
                &format!("{} {amount}", names(&action.nodes())),
            )
        }
        What::Violation { checker, reason } => row.words(checker, reason),
    }
}

impl Row {
    fn blank(r#type: usize) -> Row {
        Row {
            r#type,
            lane: None,
            peer: None,
            label: String::new(),
            detail: String::new(),
            body: String::new(),
            zxid: None,
            number: None,
            origin: Origin::Nothing,
        }
    }

    fn on(self, lane: Option<i32>) -> Row {
        Row { lane, ..self }
    }

    fn between(self, lane: Option<i32>, peer: Option<i32>) -> Row {
        Row { lane, peer, ..self }
    }

    fn words(self, label: &str, detail: &str) -> Row {
        Row {
            label: label.to_owned(),
            detail: detail.to_owned(),
            ..self
        }
    }

    fn body(self, body: &Value) -> Row {
        let body = match body {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                body.to_string()
            }
        };
        Row { body, ..self }
    }

    /// The body in words: of what servers say and write, the types are the protocol's own.
    fn told(self, body: &Value) -> Row {
        Row {
            body: words(body),
            ..self
        }
    }

    fn zxid(self, zxid: Zxid) -> Row {
        Row {
            zxid: Some(zxid),
            ..self
        }
    }

    fn number(self, number: u64) -> Row {
        Row {
            number: i64::try_from(number).ok(),
            ..self
        }
    }

    fn origin(self, origin: Origin) -> Row {
        Row { origin, ..self }
    }
}

/// A server's lane: its place in the header.
fn node_lane(header: &Header, node: NodeId) -> Option<i32> {
    let place = header.nodes.iter().position(|line| line.id == node)?;
    i32::try_from(place).ok()
}

/// A client's lane: clients count from 1 and lie below the servers.
fn client_lane(header: &Header, client: ClientId) -> Option<i32> {
    let known = (1..=header.clients).contains(&client.0);
    let place = header.nodes.len() + usize::from(client.0) - usize::from(known);
    i32::try_from(place).ok().filter(|_| known)
}

/// An epoch in the protocol's own terms: a ballot is a round and the server that owns it, see
/// [`menagerie::protocol::epoch_of_ballot`].
fn epoch_text(header: &Header, epoch: u64) -> String {
    if header.ballots {
        format!("ballot {}.n{}", epoch >> 8, epoch & 0xff)
    } else {
        format!("epoch {epoch}")
    }
}

fn names(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    names.join(", ")
}

/// Which fact it is.
fn fact_word(fact: &Fact) -> &'static str {
    match fact {
        Fact::Proposed { .. } => "proposed",
        Fact::Established { .. } => "established",
        Fact::Promised { .. } => "promised",
        Fact::Reporting { .. } => "reporting",
        Fact::Reported { .. } => "reported",
        Fact::Voted { .. } => "voted",
        Fact::Chosen { .. } => "chosen",
    }
}

/// A unit variant of the format, as the format writes it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
