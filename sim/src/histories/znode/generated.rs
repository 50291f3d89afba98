//! Lines with an operation's place in real time as their number: generated histories, and those
//! that runs of the simulator export.
//!
//! An exported line has an `index`. It has the session, the session's number and the identities
//! of each operation, and between operations the events that clients saw: watches that fired,
//! sessions that began or ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use menagerie::history::{Outcome, Seen};
use menagerie::ids::{ClientId, ConnId, NodeId, SessionId, VirtualTime, Zxid};
use menagerie::tree::{
    Answer, ErrorCode, EventKind, Failure, Identity, Request, WatchEvent, Write,
};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as Unnamed, StrDeserializer};

use super::answers::{failure, finds_nothing, response};
use super::json::{OneOrMany, Scalar};
use super::requests::request;
use super::shapes::{Body, Fault};
use super::{Form, Gathering, Names, answer};

#[derive(Debug, Deserialize)]
struct Line<'a> {
    process: u64,
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(borrow)]
    f: &'a str,
    #[serde(default, borrow)]
    key: Scalar<'a>,
    #[serde(default, borrow)]
    value: OneOrMany<Body<'a>>,
    #[serde(default, borrow)]
    error: OneOrMany<Fault<'a>>,
    #[serde(default)]
    zxid: u64,
    session: Option<u64>,
    xid: Option<u32>,
    ids: Option<Vec<(String, String)>>,
    conn: Option<u32>,
    server: Option<u8>,
    attempts: Option<u32>,
    #[serde(default)]
    synced: bool,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    gathering: Gathering,
    processes: BTreeMap<u64, ClientId>,
    names: Names,
    identities: BTreeSet<Arc<[Identity]>>,
    /// Whether the lines are those of a run.
    is_of_a_run: bool,
}

/// The session of a process of a generated history, unless an operation names another.
const FIRST_SESSION: u64 = 0x100_0000;

impl Form for Reader {
    fn take(&mut self, number: usize, line: &[u8]) -> Result<(), String> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|why| why.to_string())?;
        let client = match self.processes.get(&line.process) {
            Some(client) => *client,
            None => {
                let client = self.gathering.client(&line.process.to_string())?;
                self.processes.insert(line.process, client);
                client
            }
        };
        let at = number as u64;
        match line.kind {
            "invoke" => self.invoke(client, at, &line),
            "ok" | "fail" => {
                let open = self.gathering.close(client)?;
                let told: Answer = match line.kind {
                    "ok" if finds_nothing(&open.request, &line.value) => {
                        Err(Failure::of(ErrorCode::NoNode))
                    }
                    "ok" => Ok(response(&mut self.names, &open.request, &line.value)?),
                    _fail => Err(failure(&open.request, &line.error)?),
                };
                if self.is_of_a_run {
                    open.conn = line.conn.map(ConnId);
                    open.server = line.server.map(NodeId);
                    open.attempts = line.attempts.unwrap_or(1);
                }
                answer(open, at, line.zxid, told);
                let ended = Seen::Completed(open.id);
                if self.is_of_a_run {
                    self.saw(client, at, ended);
                }
                Ok(())
            }
            "info" => {
                self.gathering.close(client)?.outcome = Some(Outcome::Unknown);
                Ok(())
            }
            "event" => self.event(client, at, &line),
            other => Err(format!("\"type\" is {other:?}")),
        }
    }

    fn gathering(&mut self) -> &mut Gathering {
        &mut self.gathering
    }

    fn names(&self) -> &Names {
        &self.names
    }
}

impl Reader {
    /// Reads what a run of the simulator has exported.
    pub fn of_a_run() -> Reader {
        Reader {
            is_of_a_run: true,
            ..Reader::default()
        }
    }

    fn invoke(&mut self, client: ClientId, at: u64, line: &Line<'_>) -> Result<(), String> {
        let mut session = match line.session {
            Some(session) => SessionId(session),
            // It never left.
            None if self.is_of_a_run => SessionId::NONE,
            None => SessionId(FIRST_SESSION + line.process),
        };
        let named = match (line.f, &line.key) {
            // A generated history has somebody else ask for the end of a session.
            ("close", Scalar::Number(key)) => {
                session = SessionId(key.unsigned_abs());
                Some(Request::Write(Write::CloseSession))
            }
            _usual => None,
        };
        let is_of_another = named.is_some();
        let request = match named {
            Some(named) => named,
            None => {
                let key = match &line.key {
                    Scalar::Text(key) => Some(&**key),
                    Scalar::Null => None,
                    Scalar::Number(_) => {
                        return Err(format!("{} has no \"key\" that is a path", line.f));
                    }
                };
                request(&mut self.names, line.f, key, &line.value, &mut session)?
            }
        };
        let ids = line.ids.as_deref().map(|ids| self.identities(ids));
        let operation = self.gathering.invoke(client, session, request, at)?;
        operation.synced = line.synced;
        if let Some(xid) = line.xid {
            operation.xid = xid;
        }
        if let Some(ids) = ids {
            operation.ids = ids;
        }
        // The end of a session comes after everything that it asked.
        if is_of_another {
            operation.xid = u32::MAX;
        }
        Ok(())
    }

    /// Equal identities, held once.
    fn identities(&mut self, ids: &[(String, String)]) -> Arc<[Identity]> {
        let ids = ids.iter().map(|(scheme, id)| Identity::new(scheme, id));
        let ids: Arc<[Identity]> = ids.collect();
        if let Some(known) = self.identities.get(&ids) {
            return known.clone();
        }
        self.identities.insert(ids.clone());
        ids
    }

    fn event(&mut self, client: ClientId, at: u64, line: &Line<'_>) -> Result<(), String> {
        let session = || {
            let session = line.session.map(SessionId);
            session.ok_or_else(|| format!("the event {:?} has no \"session\"", line.f))
        };
        let seen = match line.f {
            "opened" => Seen::SessionOpened(session()?),
            "ended" => Seen::SessionEnded(session()?),
            // Each completion names the connection that it came on.
            "connected" | "disconnected" => return Ok(()),
            // A try with a wrong password: whoever made it speaks for nobody.
            "rejected" | "admitted" => return Ok(()),
            "watch" => {
                let (Scalar::Text(path), OneOrMany::One(body)) = (&line.key, &line.value) else {
                    return Err("the event of a watch has no \"key\" or \"value\"".to_owned());
                };
                let event = WatchEvent {
                    kind: kind_of(body.event.as_deref())?,
                    path: self.names.get(path),
                    zxid: Zxid(line.zxid),
                };
                let session = session()?;
                Seen::Event { session, event }
            }
            other => return Err(format!("there is no event {other:?}")),
        };
        self.saw(client, at, seen);
        Ok(())
    }

    fn saw(&mut self, client: ClientId, at: u64, seen: Seen) {
        let seen = (VirtualTime(at), client, seen);
        self.gathering.history.seen.push(seen);
    }
}

fn kind_of(name: Option<&str>) -> Result<EventKind, String> {
    let name: StrDeserializer<'_, Unnamed> = name.unwrap_or_default().into_deserializer();
    EventKind::deserialize(name).map_err(|why| format!("\"event\": {why}"))
}
