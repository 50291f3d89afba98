//! Plays the steps of a transcript as its clients did: one at a time, each to its end.

use std::collections::BTreeMap;

use super::calls;
use super::limits::{self, Slept};
use super::results::{self, add_body};
use super::value::Value;
use crate::ids::{ConnId, SessionId};
use crate::jute::{
    Body, Call, ConnectRequest, ConnectResponse, EVENT_XID, Event, Reply, Writer, opcode,
};
use crate::solo::{Output, Settings, Solo};
use crate::tree::{Counter, Data, Path};

/// One step as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The session's name, or "$" for the administrator.
    pub session: String,
    /// What is done.
    pub op: String,
    /// With which arguments.
    pub args: Value,
}

impl Step {
    /// Reads a step.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn parse(line: &Value) -> Result<Step, String> {
        Ok(Step {
            session: line
                .text("s")
                .ok_or("a step without a session")?
                .to_string(),
            op: line.text("op").ok_or("a step without an op")?.to_string(),
            args: line.get("args").cloned().unwrap_or(Value::map([])),
        })
    }
}

/// How much time a step takes: writes were recorded at least 2 ms apart.
const STEP_MS: u64 = 5;
/// How often clients ping while a transcript sleeps.
const PING_MS: u64 = 50;

/// The clients of a transcript, and the server.
pub(super) struct Player {
    solo: Solo,
    clients: BTreeMap<String, Client>,
    /// Whose each connection is, closed ones included.
    owners: BTreeMap<ConnId, String>,
    /// The zxid of the last step that had one.
    zxid: i64,
    slept: Slept,
}

struct Client {
    conn: ConnId,
    session: SessionId,
    password: Data,
    /// The number of the next request.
    xid: i32,
}

/// What one connection was sent.
enum Heard {
    Reply(Reply),
    Connected(ConnectResponse),
    Event(Event),
    Closed,
}

impl Player {
    pub(super) fn new(settings: Settings) -> Player {
        Player {
            solo: Solo::new(settings),
            clients: BTreeMap::new(),
            owners: BTreeMap::new(),
            zxid: 0,
            slept: Slept::default(),
        }
    }

    /// Plays a step: gives its result, zxid and events.
    pub(super) fn play(&mut self, step: &Step) -> Result<Value, String> {
        self.solo.advance(STEP_MS);
        let (res, zxid, ev) = match step.op.as_str() {
            "connect" | "reconnect" => self.connect(step)?,
            "disconnect" => {
                let conn = self.client(&step.session)?.conn;
                self.solo.hang_up(conn);
                self.solo.advance(4 * STEP_MS);
                (Value::map([]), None, self.events(None).1)
            }
            _of_the_administrator if step.session == "$" => {
                self.administrate(step)?;
                let zxid = Some(self.solo.zxid());
                (Value::map([]), zxid, self.events(None).1)
            }
            _call => self.call(step)?,
        };
        let mut got = Value::map([("res", res), ("ev", Value::List(ev))]);
        if let Some(zxid) = zxid {
            got.insert("zxid", Value::Number(zxid));
            if zxid > 0 {
                got.insert("zxidDelta", Value::Number(zxid - self.zxid));
                self.zxid = zxid;
            }
        }
        Ok(got)
    }

    fn client(&self, name: &str) -> Result<&Client, String> {
        let client = self.clients.get(name);
        client.ok_or_else(|| format!("session {name} was never connected"))
    }

    fn connect(&mut self, step: &Step) -> Result<(Value, Option<i64>, Vec<Value>), String> {
        let name = &step.session;
        let args = &step.args;
        let (session, password) = if step.op == "connect" {
            (SessionId::NONE, Data::from([0; 16]))
        } else {
            let client = self.client(name)?;
            let password = match args.text("passwd") {
                Some("wrong") => Data::from([7; 16]),
                _right => client.password.clone(),
            };
            (client.session, password)
        };
        let request = ConnectRequest {
            last_zxid: limits::zxid(args, "lastZxid")?.unwrap_or(0),
            timeout: limits::timeout_ms(args)?,
            session: session.0 as i64,
            password,
            read_only: args.flag("readOnly"),
        };
        let conn = self.solo.dial();
        self.owners.insert(conn, name.clone());
        self.solo.receive(conn, &request.encode());
        let (heard, ev) = self.events(Some(conn));
        let mut res = Value::map([]);
        let Some(Heard::Connected(response)) = heard.first() else {
            res.insert("err", Value::Null);
            res.insert("closed", Value::Bool(true));
            return Ok((res, None, ev));
        };
        res.insert("err", Value::from(0));
        res.insert("timeout", Value::from(response.timeout));
        if response.session == 0 {
            res.insert("session", Value::Null);
            let is_zero = response.password.iter().all(|byte| *byte == 0);
            res.insert("pwZero", Value::Bool(is_zero));
            res.insert("closed", Value::Bool(true));
            return Ok((res, None, ev));
        }
        if step.op == "connect" {
            res.insert("ro", Value::Bool(response.read_only));
            res.insert("pwLen", Value::Number(response.password.len() as i64));
        }
        let client = Client {
            conn,
            session: SessionId(response.session as u64),
            password: response.password.clone(),
            xid: 1,
        };
        res.insert(
            "session",
            Value::from(self.name_of(client.session, name).as_str()),
        );
        self.clients.insert(name.clone(), client);
        Ok((res, Some(self.solo.zxid()), ev))
    }

    /// The transcript's name of a session; `newcomer` is not yet among the clients.
    fn name_of(&self, session: SessionId, newcomer: &str) -> String {
        let known = self
            .clients
            .iter()
            .find(|(_, client)| client.session == session);
        known.map_or_else(|| newcomer.to_string(), |(name, _)| name.clone())
    }

    fn call(&mut self, step: &Step) -> Result<(Value, Option<i64>, Vec<Value>), String> {
        let (code, record) = match step.op.as_str() {
            "raw" => {
                let code = step
                    .args
                    .number("type")
                    .and_then(|code| i32::try_from(code).ok());
                let record = calls::hex(step.args.text("hex").unwrap_or_default())?;
                (code.ok_or("raw without a type")?, record)
            }
            op => {
                let call = calls::call_of(op, &step.args)?;
                let mut writer = Writer::new();
                call.encode(&mut writer);
                (call.opcode(), writer.into_bytes())
            }
        };
        let client = self
            .clients
            .get_mut(&step.session)
            .ok_or_else(|| format!("session {} was never connected", step.session))?;
        let conn = client.conn;
        let xid = match code {
            opcode::AUTH => -4,
            opcode::SET_WATCHES | opcode::SET_WATCHES2 => -8,
            _numbered => {
                client.xid += 1;
                client.xid
            }
        };
        let mut writer = Writer::new();
        writer.int(xid);
        writer.int(code);
        writer.raw(&record);
        self.solo.receive(conn, &writer.into_bytes());
        let (heard, ev) = self.events(Some(conn));
        let is_raw = step.op == "raw";
        let (res, zxid) = self.result(code, is_raw, &heard);
        if res.get("noReply").is_some() {
            // The client waited for the answer that never came.
            self.solo.advance(120 * STEP_MS);
        }
        Ok((res, zxid, ev))
    }

    /// Puts what came on the asking connection into words.
    fn result(&self, code: i32, is_raw: bool, heard: &[Heard]) -> (Value, Option<i64>) {
        let is_closed = heard.iter().any(|heard| matches!(heard, Heard::Closed));
        let mut res = Value::map([]);
        if is_closed {
            res.insert("closed", Value::Bool(true));
        }
        let reply = heard.iter().find_map(|heard| match heard {
            Heard::Reply(reply) => Some(reply),
            Heard::Connected(_) | Heard::Event(_) | Heard::Closed => None,
        });
        let Some(reply) = reply else {
            res.insert("err", Value::Null);
            if !is_closed {
                res.insert("noReply", Value::Bool(true));
            }
            return (res, None);
        };
        res.insert("err", Value::from(reply.error));
        if is_raw {
            res.insert("bodyLen", Value::Number(reply.body.len() as i64));
        } else if reply.error == 0 {
            match Body::decode(code, &reply.body) {
                Ok(Body::Number(number)) if code == opcode::ADD_WATCH => {
                    res.insert("bodyErr", Value::from(number));
                }
                Ok(body) => {
                    let names = |session| self.name_of(session, "unknown");
                    add_body(&mut res, &body, &names);
                }
                Err(_malformed) => res.insert("malformed", Value::Bool(true)),
            }
        }
        (res, Some(reply.zxid))
    }

    fn administrate(&mut self, step: &Step) -> Result<(), String> {
        let args = &step.args;
        match step.op.as_str() {
            "expireSession" => {
                let name = args.text("session").ok_or("no session to expire")?;
                let session = self.client(name)?.session;
                self.solo.expire(session);
            }
            "checkContainers" => self.solo.remove_containers(),
            "poke" => {
                let counter = match args.text("field") {
                    Some("version") => Counter::Version,
                    Some("cversion") => Counter::Creates,
                    Some("aversion") => Counter::Aversion,
                    other => return Err(format!("there is no field {other:?} to poke")),
                };
                let path = Path::from(args.text("path").ok_or("no path to poke")?);
                let value = args
                    .number("value")
                    .and_then(|value| i32::try_from(value).ok());
                self.solo
                    .poke(&path, counter, value.ok_or("no value to poke")?);
            }
            "restart" => self.solo.restart(),
            "sleep" => {
                let ms = limits::sleep_ms(args)?;
                self.slept.add(ms)?;
                let silent = args.get("noPing").map_or(&[][..], Value::elements);
                self.sleep(ms, silent);
            }
            _unknown => return Err(format!("unknown step {:?}", step.op)),
        }
        Ok(())
    }

    /// Time passes; everybody pings but those in the list.
    fn sleep(&mut self, ms: u64, silent: &[Value]) {
        let mut left = ms;
        while left > 0 {
            let part = left.min(PING_MS);
            left -= part;
            self.solo.advance(part);
            for (name, client) in &self.clients {
                if !silent.contains(&Value::from(name.as_str())) {
                    self.solo.receive(client.conn, &Call::Ping.frame(-2));
                }
            }
        }
    }

    /// Sorts what was sent: what came on the asking connection, and the events everywhere in the
    /// transcript's words.
    fn events(&mut self, asking: Option<ConnId>) -> (Vec<Heard>, Vec<Value>) {
        let mut heard = Vec::new();
        let mut events = Vec::new();
        let mut is_answered = false;
        for (conn, output) in self.solo.drain() {
            let what = understand(output, asking == Some(conn) && self.is_new(conn));
            let name = self.owners.get(&conn).map_or("unknown", String::as_str);
            let is_own = asking == Some(conn);
            let of_asker =
                asking.and_then(|asking| self.owners.get(&asking)) == self.owners.get(&conn);
            let position = if of_asker && asking.is_some() && !is_answered {
                "before"
            } else {
                "after"
            };
            let mut event = Value::map([("s", Value::from(name)), ("pos", Value::from(position))]);
            match &what {
                Heard::Event(told) => {
                    event.insert("type", Value::from(told.kind));
                    event.insert("state", Value::from(told.state));
                    event.insert("path", Value::from(&*told.path));
                    events.push(event);
                }
                Heard::Closed if !is_own => {
                    event.insert("closed", Value::Bool(true));
                    if of_asker {
                        event.insert("conn", Value::from("old"));
                    }
                    events.push(event);
                }
                Heard::Closed => {}
                // Answers to pings are not recorded.
                Heard::Reply(_) | Heard::Connected(_) => is_answered |= is_own,
            }
            if is_own {
                heard.push(what);
            }
        }
        (heard, events)
    }

    /// Whether nobody speaks on a connection yet, so that its first frame answers a connect.
    fn is_new(&self, conn: ConnId) -> bool {
        self.clients.values().all(|client| client.conn != conn)
    }
}

fn understand(output: Output, is_connect: bool) -> Heard {
    let frame = match output {
        Output::Closed => return Heard::Closed,
        Output::Frame(frame) => frame,
    };
    if is_connect {
        let response = ConnectResponse::decode(&frame);
        return Heard::Connected(response.expect("the first answer is one to a connect"));
    }
    let reply = Reply::decode(&frame).expect("every answer has a header");
    if reply.xid == EVENT_XID {
        let event = Event::decode(&reply.body).expect("an event has a kind and a path");
        return Heard::Event(event);
    }
    Heard::Reply(reply)
}

/// Content of a recorded result in the form of [`results::data_value`].
pub(super) fn normal_data(value: &Value) -> Result<Value, String> {
    calls::data(Some(value)).map(|data| results::data_value(&data))
}
