//! Watches report each change once, and before any answer shows it.
//!
//! The committed changes come from the timeline; what a session watches, from the answers it saw.
//! A connection delivers answers and events in one order, and the first thing on a new connection
//! arms the watches again, before any request is answered. From that follows:
//!
//! - **Nothing is lost, and nothing comes late.** A one-shot watch that a read at zxid *a* left
//!   fires at the first change above *a* that concerns it. Whatever answer then shows that change
//!   or a later state (its zxid says so), the event comes before, over any number of reconnects.
//! - **Persistent and recursive watches** report each change; what they miss between two
//!   connections stays missing. So this is claimed of changes between two answers on one
//!   connection. Recursive ones do not report NodeChildrenChanged.
//! - **No event comes without a watch**: each event uses up a one-shot watch that concerns
//!   it and was left before the change, or is the exact change that a persistent or recursive
//!   watch reports, once.
//! - **No client gets an event of a node that it may not read** under any identity that it ever
//!   proved. What a SetWatches finds at a reconnect goes to every client, as in ZooKeeper; it comes
//!   before the first answer on its connection, so this is claimed of events between two answers on
//!   one connection.
//!
//! # What is not claimed
//! - A watcher that may not read the node gets no event, though its watch is used up. A client does
//!   not learn that, and arms the watch again at its next server: then no event is *due*, but one
//!   is legal.
//! - An exist watch whose node comes and goes between two connections finds it as it was.
//! - As in ZooKeeper 3.8.0 a later watch of a connection replaces an earlier one on the same path,
//!   whatever the modes (ZK-4466): a one-shot watch left where a persistent one is ends what is
//!   claimed of the persistent one until it is added again, and a recursive one added over a
//!   one-shot child watch swallows its event until the client reconnects; and at a reconnect
//!   persistent ones are armed late and recursive ones after them, whatever their order was.
//! - NodeDeleted is one event for all watches on the node, but two where a reconnect arms a data
//!   and a child watch on a node that is gone.

mod alone;
mod changes;
mod leaks;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::findings::Findings;
use super::session_order::operation_of;
use super::subjects::Wrong;
use super::timeline::Recorder;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::history::{History, Operation, Seen};
use crate::ids::{SessionId, VirtualTime};
use crate::tree::{EventKind, WatchEvent};
pub use alone::judge;
use changes::Changes;
use leaks::Leaks;
use session::Watching;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "watches",
    asserts: "Each watch tells of the change it waits for once, before any answer shows it and \
              over reconnects, and of nothing else.",
    harms: Harms::Client,
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(Watches::default()),
};

/// The two tables of watches: those on a node, existing or not, and those on its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Node,
    Children,
}

impl Table {
    /// Whether an event of this kind fires one-shot watches of the table.
    fn fires(self, kind: EventKind) -> bool {
        match kind {
            EventKind::NodeCreated | EventKind::NodeDataChanged => self == Table::Node,
            EventKind::NodeDeleted => true,
            EventKind::NodeChildrenChanged => self == Table::Children,
        }
    }
}

#[derive(Debug, Default)]
struct Watches {
    recorder: Recorder,
    findings: Findings,
}

impl Checker for Watches {
    fn observe(&mut self, _: VirtualTime, observation: &Observation<'_>) {
        self.recorder.observe(observation);
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        match self.recorder.timeline(ending.history) {
            Ok(timeline) => {
                let changes = Changes::of(&timeline);
                let leaks = Some(Leaks::of(ending.history));
                walk(&mut self.findings, &changes, ending.history, leaks);
            }
            Err(reason) => return Verdict::Unknown(reason),
        }
        self.findings.verdict("answered operation")
    }
}

/// What a violation by an event is about.
fn about(session: SessionId, event: &WatchEvent) -> Subjects {
    Subjects::none()
        .path(&event.path)
        .zxid(event.zxid)
        .session(session)
}

/// Goes through what the clients saw, in their order.
fn walk(findings: &mut Findings, changes: &Changes, history: &History, mut leaks: Option<Leaks>) {
    let mut sessions: BTreeMap<SessionId, Watching> = BTreeMap::new();
    for (at, client, seen) in &history.seen {
        let wrong = match seen {
            Seen::Completed(id) => {
                let operation = operation_of(history, id.0);
                operation.and_then(|operation| {
                    findings.count();
                    let leak = leaks.as_mut().and_then(|leaks| leaks.answered(operation));
                    if let Some((at, wrong)) = leak {
                        findings.fail_with(at, wrong);
                    }
                    completed(&mut sessions, changes, operation)
                })
            }
            Seen::Event { session, event } => {
                findings.count();
                if let Some(leaks) = &mut leaks {
                    leaks.hear(changes, (*at, *client, *session), event);
                }
                let watching = sessions.entry(*session).or_default();
                let wrong = watching.hear(changes, event);
                wrong.map(|why| Wrong {
                    reason: format!(
                        "{client} was told of {:?} of {} (at {}) in {session}, {why}",
                        event.kind, event.path, event.zxid
                    ),
                    subjects: about(*session, event),
                })
            }
            Seen::SessionOpened(_) | Seen::PasswordTried { .. } => None,
            // Its watches end with it.
            Seen::SessionEnded(session) => {
                sessions.remove(session);
                None
            }
        };
        if let Some(wrong) = wrong {
            findings.fail_with(*at, wrong);
            return;
        }
    }
}

fn completed(
    sessions: &mut BTreeMap<SessionId, Watching>,
    changes: &Changes,
    operation: &Operation,
) -> Option<Wrong> {
    let (zxid, answer) = operation.answered()?;
    if operation.session == SessionId::NONE {
        return None;
    }
    let watching = sessions.entry(operation.session).or_default();
    let missed = if zxid <= changes.known_through {
        watching.missed(changes, operation, zxid)
    } else {
        None
    };
    watching.learn(changes, operation, zxid, answer);
    missed.map(|missed| Wrong {
        reason: format!(
            "{} was answered at {zxid} before its session was told of {}",
            operation.described(),
            missed.reason
        ),
        subjects: missed.subjects.operation(operation).bound(zxid),
    })
}
