//! The history of a run as its clients saw it: an invocation, a completion or an event a line.
//!
//! A process of these formats has at most one operation open. A client of ours may have several, so
//! each takes the first free of its client's processes; a process whose operation has an unknown
//! outcome is never used again. Operations that surely never reached a server are left out.

use std::collections::BTreeMap;

use menagerie::ids::{ClientId, ConnId, NodeId, OpId, VirtualTime};
use menagerie::tree::{Answer, Identity, Request, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::encode::{encode_failure, encode_ids, encode_request, encode_response};
use crate::trace::{self, Ended, EventKind, LinkNews, SessionNews, Trace, TraceError};

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The operation begins.
    Invoke,
    /// It succeeded.
    Ok,
    /// It failed, definitely, which tells something about the state.
    Fail,
    /// Its outcome is unknown.
    Info,
    /// No operation: something that its client saw.
    Event,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
            Kind::Event => "event",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its place, from 0.
    pub index: u64,
    /// When, in nanoseconds.
    pub time: u64,
    /// The process.
    pub process: u64,
    /// What it says.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The function.
    pub f: String,
    /// The node it is about.
    pub key: Option<String>,
    /// The arguments, or the result.
    pub value: Value,
    /// Why it failed.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub error: Value,
    /// The session that an operation is sent under, or that an event belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<u64>,
    /// Of an invocation: its number in the session, in the order of sending.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub xid: Option<u32>,
    /// Of an invocation: whom its client has proved to be, as pairs of scheme and whom.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub ids: Value,
    /// The connection that a completion or an event came on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conn: Option<u32>,
    /// The server at the other end of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<u8>,
    /// Of a completion: how often the operation was sent, if more than once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempts: Option<u32>,
    /// The zxid of the answer's header, or of the change that a watch tells of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zxid: Option<u64>,
    /// Of an invocation: a read right behind its own sync.
    #[serde(skip_serializing_if = "core::ops::Not::not", default)]
    pub synced: bool,
}

impl Line {
    fn new(at: VirtualTime, process: u64, kind: Kind, f: &str) -> Line {
        Line {
            index: 0,
            time: at.0,
            process,
            kind,
            f: f.to_owned(),
            key: None,
            value: Value::Null,
            error: Value::Null,
            session: None,
            xid: None,
            ids: Value::Null,
            conn: None,
            server: None,
            attempts: None,
            zxid: None,
            synced: false,
        }
    }
}

/// The history as JSON lines.
pub fn jsonl(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let line = serde_json::to_string(line).expect("a line is made of words and numbers");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Reads a history that [`jsonl`] wrote.
///
/// # Errors
/// Names the file and the line that cannot be read.
pub fn parse(file: &str, text: &str) -> Result<Vec<Line>, TraceError> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        lines.push(serde_json::from_str(line).map_err(|error| TraceError {
            file: file.to_owned(),
            line: number,
            message: format!("is neither a line of a history nor the header of a trace: {error}"),
        })?);
    }
    Ok(lines)
}

/// The history of a trace.
pub fn lines(trace: &Trace) -> Vec<Line> {
    let mut writer = HistoryWriter {
        clients: u64::from(trace.header.clients),
        never_executed: never_executed(trace),
        ..HistoryWriter::default()
    };
    for event in &trace.events {
        writer.take(event.at, &event.what);
    }
    for (index, line) in (0..).zip(&mut writer.lines) {
        line.index = index;
    }
    writer.lines
}

/// The operations that surely never reached a server.
fn never_executed(trace: &Trace) -> Vec<OpId> {
    let refused = |what: &EventKind| match what {
        EventKind::Complete {
            op,
            outcome: Ended::Refused,
            ..
        } => Some(*op),
        _ => None,
    };
    let mut refused: Vec<OpId> = trace
        .events
        .iter()
        .filter_map(|one| refused(&one.what))
        .collect();
    refused.sort_unstable();
    refused
}

/// An operation that is open.
#[derive(Clone, Debug)]
struct Open {
    process: u64,
    f: &'static str,
    key: Option<String>,
    request: Request,
    /// Where its invocation stands.
    line: usize,
    /// The connection that it was last sent on, and the server at its end.
    way: Option<(ConnId, NodeId)>,
    attempts: u32,
}

#[derive(Debug, Default)]
struct HistoryWriter {
    clients: u64,
    never_executed: Vec<OpId>,
    /// Of each client, which of its processes are free, and how many it has.
    free: BTreeMap<ClientId, (Vec<u64>, u64)>,
    open: BTreeMap<OpId, Open>,
    lines: Vec<Line>,
}

impl HistoryWriter {
    fn take(&mut self, at: VirtualTime, what: &EventKind) {
        match what {
            EventKind::Invoke {
                client,
                op,
                request,
                synced,
                ..
            } if self.never_executed.binary_search(op).is_err() => {
                let request: Request = serde_json::from_value(request.clone())
                    .expect("a trace holds requests as they were recorded");
                self.invoke(at, *client, *op, request, *synced);
            }
            EventKind::Sent {
                op,
                session,
                xid,
                server,
                conn,
                ids,
                ..
            } => self.sent(*op, session.0, *xid, ids, (*conn, *server)),
            EventKind::Session { .. }
            | EventKind::WatchEvent { .. }
            | EventKind::ClientLink { .. } => {
                self.lines.extend(saw(at, what));
            }
            EventKind::Complete {
                client,
                op,
                outcome,
                zxid,
                answer,
                ..
            } => {
                let Some(open) = self.open.remove(op) else {
                    return;
                };
                let (kind, told) = match outcome {
                    Ended::Ok => (Kind::Ok, parsed(answer).map(Ok)),
                    Ended::Error => (Kind::Fail, parsed(answer).map(Err)),
                    Ended::Refused | Ended::Unknown => (Kind::Info, None),
                };
                if kind != Kind::Info {
                    let lanes = self.free.entry(*client).or_default();
                    lanes.0.push(open.process);
                    // The lowest first, so that there are as few as possible.
                    lanes.0.sort_unstable_by(|a, b| b.cmp(a));
                }
                self.complete(at, open, kind, told, zxid.map(|zxid| zxid.0));
            }
            _ => {}
        }
    }

    fn invoke(
        &mut self,
        at: VirtualTime,
        client: ClientId,
        op: OpId,
        request: Request,
        synced: bool,
    ) {
        let clients = self.clients;
        let (free, used) = self.free.entry(client).or_default();
        let process = free.pop().unwrap_or_else(|| {
            *used += 1;
            u64::from(client.0) - 1 + clients * (*used - 1)
        });
        let (f, key, value) = encode_request(&request);
        let line = self.lines.len();
        self.lines.push(Line {
            key: key.clone(),
            value,
            synced,
            ..Line::new(at, process, Kind::Invoke, f)
        });
        let open = Open {
            process,
            f,
            key,
            request,
            line,
            way: None,
            attempts: 0,
        };
        self.open.insert(op, open);
    }

    /// The session is known once the operation leaves: a create names it, too.
    fn sent(&mut self, op: OpId, session: u64, xid: u32, ids: &[Identity], way: (ConnId, NodeId)) {
        let Some(open) = self.open.get_mut(&op) else {
            return;
        };
        open.way = Some(way);
        open.attempts += 1;
        let line = &mut self.lines[open.line];
        line.session = Some(session);
        line.xid = Some(xid);
        line.ids = if ids.is_empty() {
            Value::Null
        } else {
            encode_ids(ids)
        };
        match &open.request {
            Request::Write(Write::Create { .. } | Write::CreateWith { .. }) => {
                line.value["session"] = session.into();
            }
            Request::Write(Write::Multi(_)) => {
                for part in line.value.as_array_mut().into_iter().flatten() {
                    if part["f"] == "create" {
                        part["value"]["session"] = session.into();
                    }
                }
            }
            Request::Write(_)
            | Request::Read(_)
            | Request::Watch(_)
            | Request::Auth { .. }
            | Request::Sync => {}
        }
    }

    fn complete(
        &mut self,
        at: VirtualTime,
        open: Open,
        kind: Kind,
        answer: Option<Answer>,
        zxid: Option<u64>,
    ) {
        let (value, error) = match answer {
            Some(Ok(response)) => (encode_response(&response), Value::Null),
            Some(Err(failure)) => (Value::Null, encode_failure(&failure)),
            // What was asked for stands for what is not known.
            None => (self.lines[open.line].value.clone(), Value::Null),
        };
        self.lines.push(Line {
            key: open.key,
            value,
            error,
            conn: open.way.map(|(conn, _)| conn.0),
            server: open.way.map(|(_, server)| server.0),
            attempts: (open.attempts > 1).then_some(open.attempts),
            zxid,
            ..Line::new(at, open.process, kind, open.f)
        });
    }
}

/// What a client saw that ends no operation, on the first of its processes.
fn saw(at: VirtualTime, what: &EventKind) -> Option<Line> {
    let line =
        |client: &ClientId, f| Line::new(at, u64::from(client.0).saturating_sub(1), Kind::Event, f);
    match what {
        EventKind::Session {
            client,
            session,
            event,
        } => {
            let f = match event {
                SessionNews::Opened => "opened",
                SessionNews::Ended => "ended",
                SessionNews::Rejected => "rejected",
                SessionNews::Admitted => "admitted",
            };
            Some(Line {
                session: Some(session.0),
                ..line(client, f)
            })
        }
        EventKind::WatchEvent {
            client,
            session,
            kind,
            path,
            zxid,
        } => Some(Line {
            key: Some(path.clone()),
            value: json!({"event": kind}),
            session: Some(session.0),
            zxid: Some(zxid.0),
            ..line(client, "watch")
        }),
        EventKind::ClientLink {
            client,
            server,
            conn,
            end: trace::End::Client,
            event,
        } => {
            let f = match event {
                LinkNews::Up => "connected",
                LinkNews::Down => "disconnected",
                // Nobody has seen a server yet.
                LinkNews::Dial | LinkNews::Refused => return None,
            };
            Some(Line {
                conn: Some(conn.0),
                server: Some(server.0),
                ..line(client, f)
            })
        }
        _nothing_that_a_client_sees => None,
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(answer: &Value) -> Option<T> {
    let parsed = serde_json::from_value(answer.clone());
    Some(parsed.expect("a trace holds answers as they were recorded"))
}
