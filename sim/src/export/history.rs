//! The history of a run as its clients saw it: an invocation or a completion a line.
//!
//! A process of these formats has at most one operation open. A client of ours may have several, so
//! each takes the first free of its client's processes; a process whose operation has an unknown
//! outcome is never used again. Operations that surely never reached a server are left out.

use std::collections::BTreeMap;

use menagerie::ids::{ClientId, OpId, VirtualTime};
use menagerie::tree::{
    Answer, CreateMode, Data, Failure, Part, Read, Request, Response, Stat, WatchRequest, Write,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::trace::{Ended, Trace, TraceError, What};

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
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
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
    /// The zxid of the answer's header.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zxid: Option<u64>,
    /// Of an invocation: a read right behind its own sync.
    #[serde(skip_serializing_if = "core::ops::Not::not", default)]
    pub synced: bool,
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
    let mut teller = Teller {
        clients: u64::from(trace.header.clients),
        never_executed: never_executed(trace),
        ..Teller::default()
    };
    for event in &trace.events {
        teller.take(event.at, &event.what);
    }
    teller.lines
}

/// The operations that surely never reached a server.
fn never_executed(trace: &Trace) -> Vec<OpId> {
    let refused = |what: &What| match what {
        What::Complete {
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
}

#[derive(Debug, Default)]
struct Teller {
    clients: u64,
    never_executed: Vec<OpId>,
    /// Of each client, which of its processes are free, and how many it has.
    free: BTreeMap<ClientId, (Vec<u64>, u64)>,
    open: BTreeMap<OpId, Open>,
    lines: Vec<Line>,
}

impl Teller {
    fn take(&mut self, at: VirtualTime, what: &What) {
        match what {
            What::Invoke {
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
            What::Sent { op, session, .. } => self.sent(*op, session),
            What::Complete {
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
        let (f, key, value) = told_request(&request);
        let line = self.lines.len();
        self.lines.push(Line {
            index: line as u64,
            time: at.0,
            process,
            kind: Kind::Invoke,
            f: f.to_owned(),
            key: key.clone(),
            value,
            error: Value::Null,
            zxid: None,
            synced,
        });
        let open = Open {
            process,
            f,
            key,
            request,
            line,
        };
        self.open.insert(op, open);
    }

    /// The session is known once the operation leaves: a create names it.
    fn sent(&mut self, op: OpId, session: &str) {
        let Some(open) = self.open.get(&op) else {
            return;
        };
        let number = u64::from_str_radix(session.trim_start_matches('s'), 16);
        let Ok(session) = number else {
            return;
        };
        let value = &mut self.lines[open.line].value;
        match &open.request {
            Request::Write(Write::Create { .. } | Write::CreateWith { .. }) => {
                value["session"] = session.into();
            }
            Request::Write(Write::Multi(_)) => {
                for part in value.as_array_mut().into_iter().flatten() {
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
            Some(Ok(response)) => (told_response(&response), Value::Null),
            Some(Err(failure)) => (Value::Null, told_failure(&failure)),
            // What was asked for stands for what is not known.
            None => (self.lines[open.line].value.clone(), Value::Null),
        };
        self.lines.push(Line {
            index: self.lines.len() as u64,
            time: at.0,
            process: open.process,
            kind,
            f: open.f.to_owned(),
            key: open.key,
            value,
            error,
            zxid,
            synced: false,
        });
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(answer: &Value) -> Option<T> {
    let parsed = serde_json::from_value(answer.clone());
    Some(parsed.expect("a trace holds answers as they were recorded"))
}

/// The function, the node it is about and the arguments of a request.
fn told_request(request: &Request) -> (&'static str, Option<String>, Value) {
    match request {
        Request::Write(write) => told_write(write),
        Request::Read(read) => {
            let (f, path) = match read {
                Read::GetData { path, .. } => ("get", Some(path)),
                Read::Exists { path, .. } => ("exists", Some(path)),
                Read::GetChildren { path, .. } => ("children", Some(path)),
                Read::GetAcl { path } => ("get_acl", Some(path)),
                Read::CountDescendants { path } => ("count", Some(path)),
                Read::GetEphemerals { prefix } => ("ephemerals", Some(prefix)),
                Read::Multi(_) => ("multi_read", None),
                Read::WhoAmI => ("who_am_i", None),
            };
            let value = match read {
                Read::Multi(reads) => reads
                    .iter()
                    .map(|read| {
                        let (f, key, value) = told_request(&Request::Read(read.clone()));
                        json!({"f": f, "key": key, "value": value})
                    })
                    .collect(),
                Read::GetData { .. }
                | Read::Exists { .. }
                | Read::GetChildren { .. }
                | Read::GetAcl { .. }
                | Read::CountDescendants { .. }
                | Read::GetEphemerals { .. }
                | Read::WhoAmI => Value::Null,
            };
            (f, path.map(ToString::to_string), value)
        }
        Request::Watch(watch) => match watch {
            WatchRequest::Add { path, recursive } => (
                "add_watch",
                Some(path.to_string()),
                json!({"recursive": recursive}),
            ),
            WatchRequest::Remove { path, .. } => {
                ("remove_watch", Some(path.to_string()), Value::Null)
            }
            WatchRequest::Check { path, .. } => {
                ("check_watch", Some(path.to_string()), Value::Null)
            }
        },
        Request::Auth { scheme, .. } => ("auth", None, json!({"scheme": scheme})),
        Request::Sync => ("sync", None, Value::Null),
    }
}

fn told_write(write: &Write) -> (&'static str, Option<String>, Value) {
    let key = |path: &menagerie::tree::Path| Some(path.to_string());
    match write {
        Write::Create { path, data, mode }
        | Write::CreateWith {
            path, data, mode, ..
        } => ("create", key(path), created(data, *mode)),
        Write::Delete { path, version } => ("delete", key(path), json!({"version": version})),
        Write::SetData {
            path,
            data,
            version,
        } => (
            "set",
            key(path),
            json!({"data": told_data(data), "version": version}),
        ),
        Write::SetAcl { path, version, .. } => ("set_acl", key(path), json!({"version": version})),
        Write::Check { path, version } => ("check", key(path), json!({"version": version})),
        Write::Multi(parts) => ("multi", None, parts.iter().map(told_part).collect()),
        Write::DeleteContainer { path } => ("delete_container", key(path), Value::Null),
        Write::Refused(code) => ("refused", None, json!(format!("{code:?}"))),
        Write::As { write, .. } => told_write(write),
        Write::CreateSession { timeout } => ("open", None, json!({"timeout": timeout.0})),
        Write::CloseSession => ("close", None, Value::Null),
        Write::ExpireSession => ("expire", None, Value::Null),
    }
}

fn told_part(part: &Part) -> Value {
    let (f, key, value) = match part {
        Part::Create { path, data, mode }
        | Part::CreateWith {
            path, data, mode, ..
        } => ("create", Some(path), created(data, *mode)),
        Part::Delete { path, version } => ("delete", Some(path), json!({"version": version})),
        Part::SetData {
            path,
            data,
            version,
        } => {
            let value = json!({"data": told_data(data), "version": version});
            ("set", Some(path), value)
        }
        Part::Check { path, version } => ("check", Some(path), json!({"version": version})),
        Part::Refused(code) => ("refused", None, json!(format!("{code:?}"))),
    };
    json!({"f": f, "key": key, "value": value})
}

fn created(data: &Data, mode: CreateMode) -> Value {
    let mode = match mode {
        CreateMode::Persistent => "persistent",
        CreateMode::Ephemeral => "ephemeral",
        CreateMode::PersistentSequential => "persistent_sequential",
        CreateMode::EphemeralSequential => "ephemeral_sequential",
        CreateMode::Container => "container",
        CreateMode::ContainerSequential => "container_sequential",
        CreateMode::Ttl { .. } => "ttl",
        CreateMode::TtlSequential { .. } => "ttl_sequential",
    };
    json!({"data": told_data(data), "mode": mode})
}

/// Content as text, or as hexadecimal digits where it is none.
fn told_data(data: &Data) -> Value {
    if data.is_null() {
        return Value::Null;
    }
    match core::str::from_utf8(data) {
        Ok(text) => text.into(),
        Err(_) => {
            let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"hex": digits})
        }
    }
}

fn told_stat(stat: &Stat) -> Value {
    json!({
        "czxid": stat.czxid,
        "mzxid": stat.mzxid,
        "pzxid": stat.pzxid,
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "ephemeralOwner": stat.ephemeral_owner,
        "dataLength": stat.data_length,
        "numChildren": stat.num_children,
    })
}

fn told_response(response: &Response) -> Value {
    match response {
        Response::Created { path, stat } => json!({"path": path, "stat": told_stat(stat)}),
        Response::Set(stat) | Response::Exists(stat) | Response::AclSet(stat) => {
            json!({"stat": told_stat(stat)})
        }
        Response::Data { data, stat } => json!({"data": told_data(data), "stat": told_stat(stat)}),
        Response::Children { names, stat } => json!({"children": names, "stat": told_stat(stat)}),
        Response::Multi(parts) => parts.iter().map(told_response).collect(),
        Response::Deleted | Response::Checked | Response::Synced => Value::Object(Map::new()),
        other => serde_json::to_value(other).expect("an answer is made of words and numbers"),
    }
}

/// An error by its name; of a multi, with the part at fault.
fn told_failure(failure: &Failure) -> Value {
    let at_fault = failure
        .parts
        .iter()
        .position(|part| *part == Some(failure.code));
    let name = format!("{:?}", failure.code);
    match at_fault {
        Some(index) => json!({"index": index, "error": name}),
        None => name.into(),
    }
}
