//! A trace for people: one line an event, without those that only make sense to programs.
//!
//! A message is told when it arrives or is lost, with what it says; an operation of a disk when its
//! sync ends. The file form has the rest.

use std::collections::BTreeMap;

use menagerie::ids::{SessionId, VirtualTime};
use menagerie::tree::{Content, Path, Txn, Write};
use serde_json::Value;

use super::body::{self, Carried};
use super::{Direction, End, SessionNews, Why};
use super::{Ended, Event, LinkNews, Op, Passage, Phase, What};

/// The longest body of a line; what is longer is cut off and marked.
const BODY_MAX: usize = 160;

/// The lines of a trace.
pub fn lines(events: &[Event]) -> Vec<String> {
    let mut teller = Teller::default();
    let mut lines = Vec::new();
    for event in events {
        if let Some(text) = teller.tell(&event.what) {
            lines.push(line(event.at, &text));
        }
    }
    lines
}

/// One line: the moment and a text.
fn line(at: VirtualTime, text: &str) -> String {
    format!("{:>14} {text}", at.to_string())
}

/// Remembers what is under way, to say what it is when it arrives.
#[derive(Debug, Default)]
struct Teller {
    /// What is under way: between whom, and what it says.
    under_way: BTreeMap<u64, (String, String, String)>,
}

impl Teller {
    fn tell(&mut self, what: &What) -> Option<String> {
        match what {
            What::Send {
                id,
                from,
                to,
                kind,
                body,
                ..
            } => {
                let content = format!("{kind} {}", abridged(words(body)));
                let content = content.trim_end().to_owned();
                self.under_way
                    .insert(*id, (from.to_string(), to.to_string(), content));
                None
            }
            What::Duplicate { id, of } => {
                if let Some(content) = self.under_way.get(of).cloned() {
                    self.under_way.insert(*id, content);
                }
                None
            }
            What::Deliver { id, .. } => {
                let (from, to, content) = self.under_way.remove(id)?;
                Some(format!("{from} → {to} {content}"))
            }
            What::Lose { id, why } => {
                let (from, to, content) = self.under_way.remove(id)?;
                // What a later message replaces is business as usual.
                (*why != Why::Replaced).then(|| format!("{from} ⇢ {to} lost: {content}"))
            }
            What::Frame {
                id,
                client,
                server,
                direction,
                phase,
                kind,
                body,
                ..
            } => match phase {
                Passage::Sent => {
                    let content = match body {
                        Value::Null => kind.clone(),
                        Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_)
                        | Value::Array(_)
                        | Value::Object(_) => format!("{kind} {}", abridged(words(body))),
                    };
                    let (client, server) = (client.to_string(), server.to_string());
                    let (from, to) = match direction {
                        Direction::Up => (client, server),
                        Direction::Down => (server, client),
                    };
                    self.under_way.insert(*id, (from, to, content));
                    None
                }
                Passage::Delivered => {
                    let (from, to, content) = self.under_way.remove(id)?;
                    Some(format!("{from} → {to} {content}"))
                }
            },
            other => plain(other),
        }
    }
}

/// The events that need no memory.
fn plain(what: &What) -> Option<String> {
    Some(match what {
        What::Link {
            node,
            peer,
            link,
            event,
        } => format!("{node} link {link} to {peer} {event:?}"),
        What::Timer { node, timer } => format!("{node} timer {timer}"),
        What::Disk {
            node,
            ticket,
            op,
            phase,
            body,
        } => return disk(*phase, *op, &format!("{node} "), *ticket, body),
        What::Boot { node } => format!("{node} boots"),
        What::Refused { node, why } => format!("{node} refuses to boot: {why}"),
        What::Crash { node, kind } => format!("!! {node} crashes: {kind:?}"),
        What::Pause { node } => format!("!! {node} pauses"),
        What::Resume { node } => format!("!! {node} resumes"),
        What::Standing {
            node, role, epoch, ..
        } => format!("{node} is {role:?} in epoch {epoch}"),
        What::Apply { node, zxid, body } => {
            format!("{node} applies {zxid} {}", abridged(words(body)))
        }
        What::Commit { node, zxid } => format!("{node} commits {zxid}"),
        What::Restore { node, zxid } => format!("{node} restored to {zxid}"),
        What::Fact { node, body } => format!("{node} fact {body:?}"),
        What::ClientLink {
            client,
            server,
            conn,
            end: End::Client,
            event,
        } => match event {
            LinkNews::Dial => return None,
            LinkNews::Up => format!("{client} ↔ {server} {conn:?} open"),
            LinkNews::Refused => format!("{client} ↔ {server} {conn:?} refused"),
            LinkNews::Down => format!("{client} ↔ {server} {conn:?} down"),
        },
        What::ClientLink {
            end: End::Server, ..
        }
        | What::ClientTimer { .. }
        | What::Sent { .. } => return None,
        What::Session {
            client,
            session,
            event,
        } => match event {
            SessionNews::Opened => format!("{client} saw SessionOpened({session})"),
            SessionNews::Ended => format!("{client} saw SessionEnded({session})"),
            SessionNews::Rejected => {
                format!("{client} was rejected from {session} by its password")
            }
            SessionNews::Admitted => format!("{client} came into {session} with a wrong password"),
        },
        What::Invoke {
            client, op, text, ..
        } => format!("{client} invokes {op} {text}"),
        What::Complete {
            client,
            op,
            outcome,
            zxid,
            answer,
            ..
        } => {
            let answer = abridged(words(answer));
            match (outcome, zxid) {
                (Ended::Ok | Ended::Error, Some(zxid)) => {
                    format!("{client} {op} at {zxid}: {answer}")
                }
                (Ended::Ok | Ended::Error | Ended::Refused | Ended::Unknown, _) => {
                    format!("{client} {op} {outcome:?} {answer}")
                        .trim_end()
                        .to_owned()
                }
            }
        }
        What::WatchEvent {
            client, kind, path, ..
        } => format!("{client} saw {kind:?} {path}"),
        What::Fault { fault, .. } => format!("fault: {}", fault.text()),
        What::Undo { index } => format!("fault {index} ends"),
        What::Heal { core } => {
            let names: Vec<String> = core.iter().map(ToString::to_string).collect();
            format!("{} are healed; liveness begins", names.join(" "))
        }
        What::Action { action } => {
            let nodes = action.nodes().into_iter().map(|node| node.to_string());
            let amount = action.amount().map(|amount| amount.number().to_string());
            let words = [format!("!! {}", action.name())].into_iter();
            words
                .chain(nodes)
                .chain(amount)
                .collect::<Vec<String>>()
                .join(" ")
        }
        What::Violation { checker, reason } => format!("VIOLATION {checker}: {reason}"),
        What::Send { .. }
        | What::Duplicate { .. }
        | What::Deliver { .. }
        | What::Lose { .. }
        | What::Frame { .. } => return None,
    })
}

/// Only the ends of syncs are told, and what is read back.
fn disk(phase: Phase, op: Op, node: &str, ticket: u64, body: &Value) -> Option<String> {
    match phase {
        Phase::Durable if op.is_sync() => Some(format!("{node}disk Ticket({ticket}) Done")),
        Phase::Failed => Some(format!("{node}disk Ticket({ticket}) Failed")),
        Phase::Read => Some(format!("{node}reloaded, log to {}", words(body))),
        Phase::Queued | Phase::Written | Phase::Durable | Phase::Lost => None,
    }
}

/// What a payload does, by itself.
pub(crate) fn change(content: &Content) -> String {
    let session = match content {
        Content::Txn(record) => record.session,
        Content::Command(command) => command.session,
    };
    match content {
        Content::Txn(record) => transaction(session, &record.txn),
        // A command opens a session under a token, or attaches to one again.
        Content::Command(command) => match command.write.bare() {
            Write::CreateSession { .. } if command.is_attach() => {
                format!("the return of session {session}")
            }
            Write::CreateSession { .. } => {
                format!("the opening of a session (token {session})")
            }
            Write::DeleteContainer { path } => removal(path),
            write @ (Write::CloseSession | Write::ExpireSession) => {
                format!("{write} of {session}")
            }
            write @ (Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::Refused(_)
            | Write::As { .. }) => write.to_string(),
        },
    }
}

/// A transaction that stands for no operation of a client.
fn transaction(session: SessionId, txn: &Txn) -> String {
    match txn {
        Txn::CreateSession { .. } => format!("the opening of session {session}"),
        Txn::CloseSession { .. } => format!("the end of session {session}"),
        Txn::Delete { path } if session == SessionId::NONE => removal(path),
        Txn::Delete { path } => format!("delete {path}"),
        Txn::Create { path, .. } | Txn::CreateWith { path, .. } => format!("create {path}"),
        Txn::SetData { path, .. } => format!("setData {path}"),
        Txn::SetAcl { path, .. } => format!("setACL {path}"),
        Txn::Check { path } => format!("check {path}"),
        Txn::Multi(parts) => format!("multi of {}", parts.len()),
        Txn::Error(failure) => format!("a write of {session} that failed ({:?})", failure.code),
    }
}

fn removal(path: &Path) -> String {
    format!("the leader's own removal of {path}")
}

/// A payload with whose write it is.
fn payload(carried: &Carried) -> String {
    let (session, seq) = match &carried.content {
        Content::Txn(record) => (record.session, record.seq),
        Content::Command(command) => (command.session, command.seq),
    };
    let change = change(&carried.content);
    match seq {
        0 => change,
        seq => format!("{change} (write {seq} of {session})"),
    }
}

/// A body as text.
pub(crate) fn words(body: &Value) -> String {
    body::words(body, payload)
}

/// A body cut to a sensible length, at a character boundary.
fn abridged(mut body: String) -> String {
    if body.len() > BODY_MAX {
        let mut end = BODY_MAX;
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        body.truncate(end);
        body.push('…');
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_the_virtual_time() {
        let line = line(VirtualTime(12_345_678), "n1 → n2 PROPOSAL");
        assert_eq!(line, "      12.345ms n1 → n2 PROPOSAL");
    }

    #[test]
    fn a_long_body_is_cut_at_a_character() {
        let cut = abridged("é".repeat(200));
        assert_eq!(cut.chars().count(), 81);
        assert!(cut.ends_with('…'));
        assert_eq!(abridged("short".into()), "short");
    }
}
