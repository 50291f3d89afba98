//! An event as a row: which of its fields goes into which column.

use menagerie::ids::{ClientId, NodeId, Zxid};
use menagerie::protocol::Fact;
use serde::Serialize;
use serde_json::Value;

use crate::trace::body::typed;
use crate::trace::{EventKind, Header, Host, Passing, words};
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
pub(super) fn name(what: &EventKind) -> &'static str {
    TYPES[code(what)]
}

fn code(what: &EventKind) -> usize {
    match what {
        EventKind::Send { .. } => 0,
        EventKind::Duplicate { .. } => 1,
        EventKind::Deliver { .. } => 2,
        EventKind::Lose { .. } => 3,
        EventKind::Link { .. } => 4,
        EventKind::Timer { .. } => 5,
        EventKind::Disk { .. } => 6,
        EventKind::Boot { .. } => 7,
        EventKind::Refused { .. } => 8,
        EventKind::Crash { .. } => 9,
        EventKind::Pause { .. } => 10,
        EventKind::Resume { .. } => 11,
        EventKind::Standing { .. } => 12,
        EventKind::Apply { .. } => 13,
        EventKind::Commit { .. } => 14,
        EventKind::Restore { .. } => 15,
        EventKind::Fact { .. } => 16,
        EventKind::ClientLink { .. } => 17,
        EventKind::ClientTimer { .. } => 18,
        EventKind::Session { .. } => 19,
        EventKind::Invoke { .. } => 20,
        EventKind::Sent { .. } => 21,
        EventKind::Complete { .. } => 22,
        EventKind::WatchEvent { .. } => 23,
        EventKind::Frame { .. } => 24,
        EventKind::Fault { .. } => 25,
        EventKind::Undo { .. } => 26,
        EventKind::Heal { .. } => 27,
        EventKind::Action { .. } => 28,
        EventKind::Violation { .. } => 29,
    }
}

/// The row of an event.
pub(super) fn row(header: &Header, what: &EventKind) -> Row {
    if let Some(passing) = what.passing() {
        return of_message(header, what, passing);
    }
    match what.host() {
        Some(Host::Server(node)) => of_server(header, node, what),
        Some(Host::Client(client)) => of_client(header, client, what),
        None => of_run(what),
    }
}

fn of_message(header: &Header, what: &EventKind, passing: Passing<'_>) -> Row {
    let lane = |host: Host| match host {
        Host::Server(node) => node_lane(header, node),
        Host::Client(client) => client_lane(header, client),
    };
    let row = Row::blank(code(what));
    let row = match passing {
        Passing::Leaves { id, from, to, .. } => row
            .between(lane(from), lane(to))
            .origin(Origin::Departs(id)),
        Passing::Doubles { id, of } => row.origin(Origin::Copies { id, of }),
        Passing::Arrives { id, from, to, .. } => {
            row.between(lane(to), lane(from)).origin(Origin::Ends(id))
        }
        Passing::Vanishes { id, .. } => row.origin(Origin::Ends(id)),
    };
    match what {
        EventKind::Send {
            via, kind, body, ..
        } => row.words(kind, &word(via)).told(body),
        EventKind::Deliver { kind, .. } => row.words(kind, ""),
        EventKind::Lose { why, .. } => row.words(&word(why), ""),
        EventKind::Frame {
            conn,
            phase,
            kind,
            body,
            ..
        } => row
            .words(kind, &word(phase))
            .body(body)
            .number(u64::from(conn.0)),
        _without_words => row,
    }
}

fn of_server(header: &Header, at: NodeId, what: &EventKind) -> Row {
    let row = Row::blank(code(what)).on(node_lane(header, at));
    match what {
        EventKind::Link {
            peer, link, event, ..
        } => row.with(node_lane(header, *peer)).words(&word(event), link),
        EventKind::Timer { timer, .. } => row.words(timer, ""),
        EventKind::Disk {
            ticket,
            op,
            phase,
            body,
            ..
        } => row
            .words(op.name(), &word(phase))
            .told(body)
            .number(*ticket),
        EventKind::Boot { .. } | EventKind::Pause { .. } | EventKind::Resume { .. } => row,
        EventKind::Refused { why, .. } => row.words(why, ""),
        EventKind::Crash { kind, .. } => row.words(&word(kind), ""),
        EventKind::Standing {
            role,
            epoch,
            leader,
            ..
        } => row
            .with(leader.and_then(|leader| node_lane(header, leader)))
            .words(&word(role), &epoch_text(header, *epoch)),
        EventKind::Apply { zxid, body, .. } => row.zxid(*zxid).told(body),
        EventKind::Commit { zxid, .. } | EventKind::Restore { zxid, .. } => row.zxid(*zxid),
        EventKind::Fact { body, .. } => row.words(fact_word(body), "").body(&typed(body)),
        EventKind::ClientLink {
            client,
            conn,
            event,
            ..
        } => row
            .with(client_lane(header, *client))
            .words(&word(event), "")
            .number(u64::from(conn.0)),
        other => unreachable!("{other:?} is no step of {at}"),
    }
}

fn of_client(header: &Header, at: ClientId, what: &EventKind) -> Row {
    let row = Row::blank(code(what)).on(client_lane(header, at));
    match what {
        EventKind::ClientLink {
            server,
            conn,
            event,
            ..
        } => row
            .with(node_lane(header, *server))
            .words(&word(event), "")
            .number(u64::from(conn.0)),
        EventKind::ClientTimer { timer, .. } => row.words(timer, ""),
        EventKind::Session { session, event, .. } => row.words(&word(event), &session.to_string()),
        EventKind::Invoke {
            op,
            request,
            text,
            synced,
            ..
        } => row
            .words(text, if *synced { "synced" } else { "" })
            .body(request)
            .number(u64::from(op.0)),
        EventKind::Sent {
            op,
            session,
            xid,
            server,
            ..
        } => row
            .with(node_lane(header, *server))
            .words("", &format!("{session}, xid {xid}"))
            .number(u64::from(op.0)),
        EventKind::Complete {
            op,
            outcome,
            zxid,
            answer,
            ..
        } => Row {
            zxid: *zxid,
            ..row
                .words(&word(outcome), "")
                .body(answer)
                .number(u64::from(op.0))
        },
        EventKind::WatchEvent {
            kind, path, zxid, ..
        } => row.words(&word(kind), path).zxid(*zxid),
        other => unreachable!("{other:?} is no step of {at}"),
    }
}

fn of_run(what: &EventKind) -> Row {
    let row = Row::blank(code(what));
    match what {
        EventKind::Fault {
            index,
            family,
            fault,
        } => row
            .words(family.name(), &fault.text())
            .number(*index as u64),
        EventKind::Undo { index } => row.number(*index as u64),
        EventKind::Heal { core } => row.words("", &names(core)),
        EventKind::Action { action } => {
            let amount = action.amount().map_or(0, Amount::number);
            row.words(
                action.name(),
                &format!("{} {amount}", names(&action.nodes())),
            )
        }
        EventKind::Violation { checker, reason } => row.words(checker, reason),
        other => unreachable!("{other:?} is the step of somebody"),
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

    fn with(self, peer: Option<i32>) -> Row {
        Row { peer, ..self }
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
