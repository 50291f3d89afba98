//! Traces as Chrome's trace events in JSON, which Perfetto's page opens.
//!
//! A server is a process with the threads `role`, `disk` and `messages`; all clients are one
//! process with a thread each, on which their operations are asynchronous slices; the run is a
//! process for faults and violations. A message is a flow arrow between two short slices. Times are
//! microseconds with a fraction.

use std::collections::BTreeMap;

use menagerie::ids::{ClientId, NodeId, OpId, Span, VirtualTime};
use serde_json::{Value, json};

use crate::trace::{Event, EventKind, Host, Op, Passing, Phase, Trace};

/// The process of the run as a whole.
const RUN: u64 = 0;
/// The process of the clients, above every server's.
const CLIENTS: u64 = 1_000;
/// The threads of a server.
const ROLE: u64 = 1;
const DISK: u64 = 2;
const MESSAGES: u64 = 3;
/// How long the slice is to which an arrow is bound, if nothing else comes sooner.
const MOMENT: Span = Span(1_000);

/// The document.
pub fn document(trace: &Trace) -> String {
    let mut writer = Writer::default();
    writer.name_all(trace);
    for event in &trace.events {
        writer.take(event);
    }
    writer.close(trace.header.end);
    let document = json!({
        "displayTimeUnit": "ns",
        "otherData": {
            "scenario": trace.header.scenario,
            "protocol": trace.header.protocol,
            "seed": trace.header.seed.to_string(),
            "hash": trace.header.hash,
            "reproduce": trace.header.reproduce,
        },
        "traceEvents": writer.events,
    });
    let mut text = document.to_string();
    text.push('\n');
    text
}

#[derive(Debug, Default)]
struct Writer {
    events: Vec<Value>,
    /// The short slices: where each stands, on which thread, and when it begins.
    moments: Vec<(usize, (u64, u64), VirtualTime)>,
    /// Where each message between servers left.
    sent: BTreeMap<u64, (u64, u64)>,
    /// The role in which each server is, and since when.
    roles: BTreeMap<NodeId, (VirtualTime, String)>,
    /// The syncs in the disks' queues.
    queued: BTreeMap<(NodeId, u64), Op>,
    /// The operations that are open, by whom.
    open: BTreeMap<OpId, (ClientId, String)>,
}

fn micros(at: VirtualTime) -> f64 {
    at.0 as f64 / 1e3
}

fn micros_of(span: Span) -> f64 {
    span.0 as f64 / 1e3
}

/// The process and the thread of a host; a client has one thread for everything.
fn place(host: Host, thread: u64) -> (u64, u64) {
    match host {
        Host::Server(node) => (u64::from(node.0), thread),
        Host::Client(client) => (CLIENTS, u64::from(client.0)),
    }
}

/// The event as a mark at one moment: on which thread, its name, and how far the mark reaches.
fn mark(what: &EventKind) -> Option<((u64, u64), String, &'static str)> {
    let at = |node: &NodeId, name: &str, reach| {
        Some((place(Host::Server(*node), ROLE), name.to_owned(), reach))
    };
    match what {
        EventKind::Crash { node, kind } => at(node, &format!("crash: {kind:?}"), "p"),
        EventKind::Boot { node } => at(node, "boot", "p"),
        EventKind::Pause { node } => at(node, "pause", "p"),
        EventKind::Resume { node } => at(node, "resume", "p"),
        EventKind::Apply { node, zxid, .. } => at(node, &format!("apply {zxid}"), "t"),
        EventKind::Commit { node, zxid } => at(node, &format!("commit {zxid}"), "t"),
        EventKind::Fault { fault, .. } => Some(((RUN, 1), fault.text(), "g")),
        EventKind::Undo { index } => Some(((RUN, 1), format!("fault {index} ends"), "g")),
        EventKind::Heal { .. } => Some(((RUN, 1), "healed".to_owned(), "g")),
        EventKind::Violation { checker, reason } => {
            Some(((RUN, 2), format!("{checker}: {reason}"), "g"))
        }
        _of_some_duration => None,
    }
}

impl Writer {
    fn name_all(&mut self, trace: &Trace) {
        self.name(RUN, None, "run");
        self.name(RUN, Some(1), "faults");
        self.name(RUN, Some(2), "violations");
        for server in &trace.header.nodes {
            let process = u64::from(server.id.0);
            let name = match server.observer {
                true => format!("{} (observer)", server.id),
                false => server.id.to_string(),
            };
            self.name(process, None, &name);
            for (thread, name) in [(ROLE, "role"), (DISK, "disk"), (MESSAGES, "messages")] {
                self.name(process, Some(thread), name);
            }
        }
        self.name(CLIENTS, None, "clients");
        for client in 1..=trace.header.clients {
            self.name(
                CLIENTS,
                Some(u64::from(client)),
                &ClientId(client).to_string(),
            );
        }
    }

    /// Names a process or one of its threads.
    fn name(&mut self, process: u64, thread: Option<u64>, name: &str) {
        let kind = match thread {
            Some(_) => "thread_name",
            None => "process_name",
        };
        self.events.push(json!({
            "ph": "M", "name": kind, "pid": process, "tid": thread.unwrap_or(0),
            "args": {"name": name},
        }));
    }

    fn take(&mut self, event: &Event) {
        let (at, what) = (event.at, &event.what);
        if let Some(passing) = what.passing() {
            self.pass(at, passing);
        }
        if let EventKind::Standing { node, .. } | EventKind::Crash { node, .. } = what {
            self.end_role(*node, at);
        }
        if let EventKind::Standing {
            node, role, epoch, ..
        } = what
        {
            self.roles.insert(*node, (at, format!("{role:?} {epoch}")));
        }
        if let Some((place, name, scope)) = mark(what) {
            self.instant(at, place, &name, scope);
        }
        if let EventKind::Disk {
            node,
            ticket,
            op,
            phase,
            ..
        } = what
        {
            self.disk(at, (*node, *ticket), *op, *phase);
        }
        if let EventKind::Invoke {
            client, op, text, ..
        } = what
        {
            self.open.insert(*op, (*client, text.clone()));
            self.span(
                at,
                place(Host::Client(*client), 0),
                text,
                "b",
                *op,
                &json!({}),
            );
        }
        if let EventKind::Complete {
            op,
            outcome,
            answer,
            ..
        } = what
            && let Some((client, text)) = self.open.remove(op)
        {
            let args = json!({"outcome": outcome, "answer": answer});
            self.span(at, place(Host::Client(client), 0), &text, "e", *op, &args);
        }
    }

    /// A message or frame.
    fn pass(&mut self, at: VirtualTime, passing: Passing<'_>) {
        match passing {
            Passing::Leaves {
                id,
                from,
                kind,
                body,
                ..
            } => {
                let place = place(from, MESSAGES);
                self.moment(at, place, &format!("send {kind}"), body);
                self.flow(at, place, "s", id);
                self.sent.insert(id, place);
            }
            Passing::Doubles { id, of } => {
                // It leaves in the same moment as the message that it doubles.
                if let Some(place) = self.sent.get(&of).copied() {
                    self.flow(at, place, "s", id);
                }
            }
            Passing::Arrives { id, to, kind, .. } => {
                let place = place(to, MESSAGES);
                self.moment(at, place, kind, &Value::Null);
                self.flow(at, place, "f", id);
            }
            Passing::Vanishes { .. } => {}
        }
    }

    /// A short slice; its length is settled at the end.
    fn moment(&mut self, at: VirtualTime, place: (u64, u64), name: &str, body: &Value) {
        let (process, thread) = place;
        self.moments.push((self.events.len(), place, at));
        self.events.push(json!({
            "ph": "X", "name": name, "cat": "message", "pid": process, "tid": thread,
            "ts": micros(at), "dur": 0.0, "args": {"body": body},
        }));
    }

    /// One end of an arrow.
    fn flow(&mut self, at: VirtualTime, (process, thread): (u64, u64), ph: &str, id: u64) {
        let mut event = json!({
            "ph": ph, "name": "message", "cat": "message", "pid": process, "tid": thread,
            "ts": micros(at), "id": id,
        });
        if ph == "f" {
            // It ends in the slice that begins here.
            event["bp"] = "e".into();
        }
        self.events.push(event);
    }

    fn instant(&mut self, at: VirtualTime, (process, thread): (u64, u64), name: &str, scope: &str) {
        self.events.push(json!({
            "ph": "i", "name": name, "cat": "event", "pid": process, "tid": thread,
            "ts": micros(at), "s": scope,
        }));
    }

    /// One end of an operation.
    fn span(
        &mut self,
        at: VirtualTime,
        (process, thread): (u64, u64),
        name: &str,
        ph: &str,
        op: OpId,
        args: &Value,
    ) {
        self.events.push(json!({
            "ph": ph, "name": name, "cat": "operation", "pid": process, "tid": thread,
            "ts": micros(at), "id": op.0, "args": args,
        }));
    }

    fn slice(&mut self, from: VirtualTime, to: VirtualTime, place: (u64, u64), name: &str) {
        let (process, thread) = place;
        self.events.push(json!({
            "ph": "X", "name": name, "cat": "state", "pid": process, "tid": thread,
            "ts": micros(from), "dur": micros_of(to.since(from)),
        }));
    }

    fn end_role(&mut self, node: NodeId, at: VirtualTime) {
        if let Some((since, role)) = self.roles.remove(&node) {
            self.slice(since, at, (u64::from(node.0), ROLE), &role);
        }
    }

    /// A sync is a span from the queue to its end: several may wait at once.
    fn disk(&mut self, at: VirtualTime, (node, ticket): (NodeId, u64), op: Op, phase: Phase) {
        let begins = match phase {
            Phase::Queued if op.is_sync() => true,
            Phase::Durable | Phase::Failed | Phase::Lost => false,
            Phase::Queued | Phase::Written | Phase::Read => return,
        };
        let ph = if begins {
            self.queued.insert((node, ticket), op);
            "b"
        } else if self.queued.remove(&(node, ticket)).is_some() {
            "e"
        } else {
            return;
        };
        let id = format!("{node}-{ticket}");
        self.events.push(json!({
            "ph": ph, "name": op, "cat": "disk", "pid": u64::from(node.0), "tid": DISK,
            "ts": micros(at), "id": id, "args": {"phase": phase},
        }));
    }

    /// Short slices of one thread may not overlap, or they would not nest: each ends where a later
    /// one begins. Those of one moment lie within each other.
    fn shorten_moments(&mut self) {
        let mut later: BTreeMap<(u64, u64), (VirtualTime, Span)> = BTreeMap::new();
        for (place, thread, at) in self.moments.iter().rev() {
            let length = match later.get(thread) {
                Some((begins, length)) if begins == at => *length,
                Some((begins, _)) => MOMENT.min(begins.since(*at)),
                None => MOMENT,
            };
            later.insert(*thread, (*at, length));
            self.events[*place]["dur"] = micros_of(length).into();
        }
    }

    /// Ends what lasts to the end of the run.
    fn close(&mut self, end: VirtualTime) {
        self.shorten_moments();
        for node in self.roles.keys().copied().collect::<Vec<_>>() {
            self.end_role(node, end);
        }
        for ((node, ticket), op) in core::mem::take(&mut self.queued) {
            self.events.push(json!({
                "ph": "e", "name": op, "cat": "disk", "pid": u64::from(node.0), "tid": DISK,
                "ts": micros(end), "id": format!("{node}-{ticket}"), "args": {},
            }));
        }
        for (op, (client, text)) in core::mem::take(&mut self.open) {
            let args = json!({"outcome": "open"});
            self.span(end, (CLIENTS, u64::from(client.0)), &text, "e", op, &args);
        }
    }
}
