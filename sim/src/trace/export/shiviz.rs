//! Traces with vector clocks, as ShiViz reads them.
//!
//! The first line is the regular expression that takes a line apart, the second one (which would
//! separate several executions) is empty. Hosts are the servers and the clients; what belongs to
//! neither (faults, losses, verdicts) is left out. A clock counts a host's own lines and takes over
//! what it heard of the others' from the messages and frames that arrive.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use menagerie::ids::{ClientId, NodeId, VirtualTime};

use crate::trace::{Direction, End, Passage, Trace, What, words};

/// The first line.
pub const EXPRESSION: &str = r"(?<host>\S+) (?<clock>\{.*?\}) (?<at>\S+) (?<event>.*)";

/// The longest text of an event.
const TEXT_MAX: usize = 200;

/// A host's knowledge: how many lines of each host it has heard of.
type Clock = BTreeMap<String, u64>;

/// The log.
pub fn log(trace: &Trace) -> String {
    let mut writer = Writer {
        text: format!("{EXPRESSION}\n\n"),
        ..Writer::default()
    };
    for event in &trace.events {
        writer.take(event.at, &event.what);
    }
    writer.text
}

#[derive(Debug, Default)]
struct Writer {
    text: String,
    clocks: BTreeMap<String, Clock>,
    /// What is under way: the clock with which it left, and what it is called.
    under_way: BTreeMap<u64, (Clock, String)>,
}

impl Writer {
    fn take(&mut self, at: VirtualTime, what: &What) {
        match what {
            What::Send {
                id,
                from,
                to,
                kind,
                body,
                ..
            } => {
                let text = format!("{kind} {}", words(body)).trim_end().to_owned();
                let clock = self.tell(at, &from.to_string(), &format!("sends to {to} {text}"));
                self.under_way.insert(*id, (clock, text));
            }
            What::Duplicate { id, of } => {
                if let Some(twin) = self.under_way.get(of).cloned() {
                    self.under_way.insert(*id, twin);
                }
            }
            What::Deliver { id, node, from, .. } => {
                self.arrive(at, *id, &node.to_string(), &from.to_string())
            }
            What::Lose { id, .. } => {
                self.under_way.remove(id);
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
            } => {
                let (client, server) = (client.to_string(), server.to_string());
                let (from, to) = match direction {
                    Direction::Up => (client, server),
                    Direction::Down => (server, client),
                };
                match phase {
                    Passage::Sent => {
                        let text = format!("{kind} {}", words(body)).trim_end().to_owned();
                        let clock = self.tell(at, &from, &format!("sends to {to} {text}"));
                        self.under_way.insert(*id, (clock, text));
                    }
                    Passage::Delivered => self.arrive(at, *id, &to, &from),
                }
            }
            other => {
                if let Some((host, text)) = local(other) {
                    self.tell(at, &host, &text);
                }
            }
        }
    }

    fn arrive(&mut self, at: VirtualTime, id: u64, to: &str, from: &str) {
        let Some((heard, text)) = self.under_way.remove(&id) else {
            return;
        };
        let clock = self.clocks.entry(to.to_owned()).or_default();
        for (host, count) in heard {
            let known = clock.entry(host).or_default();
            *known = count.max(*known);
        }
        self.tell(at, to, &format!("receives from {from} {text}"));
    }

    /// Writes a line of a host; gives its clock.
    fn tell(&mut self, at: VirtualTime, host: &str, text: &str) -> Clock {
        let clock = self.clocks.entry(host.to_owned()).or_default();
        *clock.entry(host.to_owned()).or_default() += 1;
        let told = serde_json::to_string(clock).expect("a clock is made of words and numbers");
        let short: String = text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(TEXT_MAX)
            .collect();
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{host} {told} {at} {}", short.trim_end());
        clock.clone()
    }
}

/// What happens at one host alone: the host and a text.
fn local(what: &What) -> Option<(String, String)> {
    let server = |node: &NodeId, text: String| Some((node.to_string(), text));
    let client = |client: &ClientId, text: String| Some((client.to_string(), text));
    match what {
        What::Boot { node } => server(node, "boots".to_owned()),
        What::Refused { node, why } => server(node, format!("refuses to boot: {why}")),
        What::Crash { node, kind } => server(node, format!("crashes: {kind:?}")),
        What::Pause { node } => server(node, "pauses".to_owned()),
        What::Resume { node } => server(node, "resumes".to_owned()),
        What::Link {
            node,
            peer,
            link,
            event,
        } => server(node, format!("link {link} to {peer} {event:?}")),
        What::Timer { node, timer } => server(node, format!("timer {timer}")),
        What::Disk {
            node,
            ticket,
            op,
            phase,
            ..
        } => server(node, format!("disk {} {ticket} {phase:?}", op.name())),
        What::Standing {
            node, role, epoch, ..
        } => server(node, format!("{role:?} in epoch {epoch}")),
        What::Apply { node, zxid, body } => server(node, format!("applies {zxid} {}", words(body))),
        What::Commit { node, zxid } => server(node, format!("commits {zxid}")),
        What::Restore { node, zxid } => server(node, format!("restored to {zxid}")),
        What::Fact { node, body } => server(node, format!("fact {body:?}")),
        What::ClientLink {
            client: one,
            server: other,
            end,
            event,
            ..
        } => match end {
            End::Client => client(one, format!("connection to {other} {event:?}")),
            End::Server => server(other, format!("connection of {one} {event:?}")),
        },
        What::ClientTimer { client: one, timer } => client(one, format!("timer {timer}")),
        What::Session {
            client: one,
            session,
            event,
        } => client(one, format!("session {session} {event:?}")),
        What::Invoke {
            client: one,
            op,
            text,
            ..
        } => client(one, format!("invokes {op} {text}")),
        What::Sent {
            client: one,
            op,
            server,
            ..
        } => client(one, format!("{op} leaves for {server}")),
        What::Complete {
            client: one,
            op,
            outcome,
            ..
        } => client(one, format!("{op} ends: {outcome:?}")),
        What::WatchEvent {
            client: one,
            kind,
            path,
            ..
        } => client(one, format!("watch {kind:?} {path}")),
        What::Send { .. }
        | What::Duplicate { .. }
        | What::Deliver { .. }
        | What::Lose { .. }
        | What::Frame { .. }
        | What::Fault { .. }
        | What::Undo { .. }
        | What::Heal { .. }
        | What::Action { .. }
        | What::Violation { .. } => None,
    }
}
