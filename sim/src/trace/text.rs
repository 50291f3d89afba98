//! A trace for people: one line an event, without those that only make sense to programs.
//!
//! A message is told when it arrives or is lost, with what it says; an operation of a disk when its
//! sync ends. The file form has the rest.

use std::collections::BTreeMap;

use menagerie::ids::{ClientId, NodeId, SessionId, VirtualTime};
use menagerie::tree::{Content, Path, Txn, Write};
use serde_json::Value;

use super::body::{self, Carried};
use super::{Ended, Event, EventKind, Host, LinkNews, Op, Passing, Phase, SessionNews, Why};

/// The longest body of a line; what is longer is cut off and marked.
const BODY_MAX: usize = 160;

/// The lines of a trace.
pub fn lines(events: &[Event]) -> Vec<String> {
    let mut writer = TextWriter::default();
    let mut lines = Vec::new();
    for event in events {
        if let Some(text) = writer.tell(&event.what) {
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
struct TextWriter {
    /// What is under way: between whom, and what it says.
    under_way: BTreeMap<u64, (Host, Host, String)>,
}

impl TextWriter {
    fn tell(&mut self, what: &EventKind) -> Option<String> {
        let Some(passing) = what.passing() else {
            return plain(what);
        };
        match passing {
            Passing::Leaves {
                id,
                from,
                to,
                kind,
                body,
            } => {
                let said = words(body);
                let content = match said.is_empty() {
                    true => kind.to_owned(),
                    false => format!("{kind} {}", abridged(said)),
                };
                self.under_way.insert(id, (from, to, content));
                None
            }
            Passing::Doubles { id, of } => {
                if let Some(content) = self.under_way.get(&of).cloned() {
                    self.under_way.insert(id, content);
                }
                None
            }
            Passing::Arrives { id, .. } => {
                let (from, to, content) = self.under_way.remove(&id)?;
                Some(format!("{from} → {to} {content}"))
            }
            Passing::Vanishes { id, why } => {
                let (from, to, content) = self.under_way.remove(&id)?;
                // What a later message replaces is business as usual.
                (why != Why::Replaced).then(|| format!("{from} ⇢ {to} lost: {content}"))
            }
        }
    }
}

/// The events that need no memory.
fn plain(what: &EventKind) -> Option<String> {
    match what.host() {
        Some(Host::Server(node)) => of_server(node, what),
        Some(Host::Client(client)) => of_client(client, what),
        None => of_run(what),
    }
}

fn of_server(node: NodeId, what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::Link {
            peer, link, event, ..
        } => format!("{node} link {link} to {peer} {event:?}"),
        EventKind::Timer { timer, .. } => format!("{node} timer {timer}"),
        EventKind::Disk {
            ticket,
            op,
            phase,
            body,
            ..
        } => return disk(*phase, *op, &format!("{node} "), *ticket, body),
        EventKind::Boot { .. } => format!("{node} boots"),
        EventKind::Refused { why, .. } => format!("{node} refuses to boot: {why}"),
        EventKind::Crash { kind, .. } => format!("!! {node} crashes: {kind:?}"),
        EventKind::Pause { .. } => format!("!! {node} pauses"),
        EventKind::Resume { .. } => format!("!! {node} resumes"),
        EventKind::Standing { role, epoch, .. } => format!("{node} is {role:?} in epoch {epoch}"),
        EventKind::Apply { zxid, body, .. } => {
            format!("{node} applies {zxid} {}", abridged(words(body)))
        }
        EventKind::Commit { zxid, .. } => format!("{node} commits {zxid}"),
        EventKind::Restore { zxid, .. } => format!("{node} restored to {zxid}"),
        EventKind::Fact { body, .. } => format!("{node} fact {body:?}"),
        // A server's end of a connection says what the client's says.
        _told_by_the_client => return None,
    })
}

fn of_client(client: ClientId, what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::ClientLink {
            server,
            conn,
            event,
            ..
        } => {
            let how = match event {
                LinkNews::Dial => return None,
                LinkNews::Up => "open",
                LinkNews::Refused => "refused",
                LinkNews::Down => "down",
            };
            format!("{client} ↔ {server} {conn:?} {how}")
        }
        EventKind::Session { session, event, .. } => match event {
            SessionNews::Opened => format!("{client} saw SessionOpened({session})"),
            SessionNews::Ended => format!("{client} saw SessionEnded({session})"),
            SessionNews::Rejected => {
                format!("{client} was rejected from {session} by its password")
            }
            SessionNews::Admitted => format!("{client} came into {session} with a wrong password"),
        },
        EventKind::Invoke { op, text, .. } => format!("{client} invokes {op} {text}"),
        EventKind::Complete {
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
        EventKind::WatchEvent { kind, path, .. } => format!("{client} saw {kind:?} {path}"),
        _only_for_programs => return None,
    })
}

/// What happens to nobody in particular.
fn of_run(what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::Fault { fault, .. } => format!("fault: {}", fault.text()),
        EventKind::Undo { index } => format!("fault {index} ends"),
        EventKind::Heal { core } => {
            let names: Vec<String> = core.iter().map(ToString::to_string).collect();
            format!("{} are healed; liveness begins", names.join(" "))
        }
        EventKind::Action { action } => {
            let nodes = action.nodes().into_iter().map(|node| node.to_string());
            let amount = action.amount().map(|amount| amount.number().to_string());
            let words = [format!("!! {}", action.name())].into_iter();
            words
                .chain(nodes)
                .chain(amount)
                .collect::<Vec<String>>()
                .join(" ")
        }
        EventKind::Violation { checker, reason } => format!("VIOLATION {checker}: {reason}"),
        _of_a_host_or_a_message => return None,
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
