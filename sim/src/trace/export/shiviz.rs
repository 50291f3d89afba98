//! Traces with vector clocks, as ShiViz reads them.
//!
//! The first line is the regular expression that takes a line apart, the second one (which would
//! separate several executions) is empty. Hosts are the servers and the clients; what belongs to
//! neither (faults, losses, verdicts) is left out. A clock counts a host's own lines and takes over
//! what it heard of the others' from the messages and frames that arrive.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use menagerie::ids::VirtualTime;

use crate::trace::{End, EventKind, Passing, Trace, words};

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
    fn take(&mut self, at: VirtualTime, what: &EventKind) {
        let Some(passing) = what.passing() else {
            if let (Some(host), Some(text)) = (what.host(), local(what)) {
                self.tell(at, &host.to_string(), &text);
            }
            return;
        };
        match passing {
            Passing::Leaves {
                id,
                from,
                to,
                kind,
                body,
            } => {
                let text = format!("{kind} {}", words(body)).trim_end().to_owned();
                let clock = self.tell(at, &from.to_string(), &format!("sends to {to} {text}"));
                self.under_way.insert(id, (clock, text));
            }
            Passing::Doubles { id, of } => {
                if let Some(twin) = self.under_way.get(&of).cloned() {
                    self.under_way.insert(id, twin);
                }
            }
            Passing::Arrives { id, from, to, .. } => {
                self.arrive(at, id, &to.to_string(), &from.to_string());
            }
            Passing::Vanishes { id, .. } => {
                self.under_way.remove(&id);
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

/// What happens at one host alone.
fn local(what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::Boot { .. } => "boots".to_owned(),
        EventKind::Refused { why, .. } => format!("refuses to boot: {why}"),
        EventKind::Crash { kind, .. } => format!("crashes: {kind:?}"),
        EventKind::Pause { .. } => "pauses".to_owned(),
        EventKind::Resume { .. } => "resumes".to_owned(),
        EventKind::Link {
            peer, link, event, ..
        } => format!("link {link} to {peer} {event:?}"),
        EventKind::Timer { timer, .. } | EventKind::ClientTimer { timer, .. } => {
            format!("timer {timer}")
        }
        EventKind::Disk {
            ticket, op, phase, ..
        } => format!("disk {} {ticket} {phase:?}", op.name()),
        EventKind::Standing { role, epoch, .. } => format!("{role:?} in epoch {epoch}"),
        EventKind::Apply { zxid, body, .. } => format!("applies {zxid} {}", words(body)),
        EventKind::Commit { zxid, .. } => format!("commits {zxid}"),
        EventKind::Restore { zxid, .. } => format!("restored to {zxid}"),
        EventKind::Fact { body, .. } => format!("fact {body:?}"),
        EventKind::ClientLink {
            client,
            server,
            end,
            event,
            ..
        } => match end {
            End::Client => format!("connection to {server} {event:?}"),
            End::Server => format!("connection of {client} {event:?}"),
        },
        EventKind::Session { session, event, .. } => format!("session {session} {event:?}"),
        EventKind::Invoke { op, text, .. } => format!("invokes {op} {text}"),
        EventKind::Sent { op, server, .. } => format!("{op} leaves for {server}"),
        EventKind::Complete { op, outcome, .. } => format!("{op} ends: {outcome:?}"),
        EventKind::WatchEvent { kind, path, .. } => format!("watch {kind:?} {path}"),
        EventKind::Send { .. }
        | EventKind::Duplicate { .. }
        | EventKind::Deliver { .. }
        | EventKind::Lose { .. }
        | EventKind::Frame { .. }
        | EventKind::Fault { .. }
        | EventKind::Undo { .. }
        | EventKind::Heal { .. }
        | EventKind::Action { .. }
        | EventKind::Violation { .. } => return None,
    })
}
