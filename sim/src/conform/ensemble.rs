//! Replays a transcript of an ensemble: three voters and an observer in a world without faults.
//!
//! The steps are played strictly one at a time, as they were recorded: after each one every open
//! connection is pinged, which drains it. Zxids are relative to the last one before the
//! transcript. A session that reconnects leaves its earlier connection open; it goes on under the
//! session's name followed by "old".

use std::collections::BTreeMap;

use menagerie::client::ClientInput;
use menagerie::conform::limits::{self, Slept};
use menagerie::conform::{Outcome, Step, Value, difference};
use menagerie::ids::{ConnId, NodeId, SessionId, Span, Zxid};
use menagerie::protocol::Standing;
use menagerie::tree::{Request, Write};
use menagerie::wire::{ClientFrame, ServerFrame};
use menagerie::zab::Zab;

use super::asking::{Ask, ask, result};
use super::setting::{connect_frame, request_frame, spec_of};
use crate::world::{World, WorldEvent};

/// Everything that a step causes has happened after this.
const SETTLED: Span = Span::millis(50);
/// The recorder waited no longer for an answer.
const NO_REPLY: Span = Span::millis(600);
/// The ensemble has a leader, and everybody follows it, long before this many rests.
const ELECTION_RESTS: u32 = 1_000;

/// Every session that is not heard of has expired after this many rests: 50 seconds.
const EXPIRY_RESTS: u32 = 1_000;

/// Replays a transcript whose header says that it comes from an ensemble.
pub(super) fn replay(lines: &[Value]) -> Outcome {
    let Some((header, steps)) = lines.split_first() else {
        let why = "it is empty: expected a header, then steps".to_string();
        return Outcome::Unreadable { value: 0, why };
    };
    let mut player = match Player::new(header) {
        Ok(player) => player,
        Err(why) => return Outcome::Unreadable { value: 0, why },
    };
    for (place, recorded) in steps.iter().enumerate() {
        let played = Step::parse(recorded).and_then(|step| player.play(&step, recorded));
        let got = match played {
            Ok(got) => got,
            Err(why) => {
                let value = place + 1;
                return Outcome::Unreadable { value, why };
            }
        };
        if let Some((expected, got)) = difference(recorded, &got) {
            let step = recorded.number("i").and_then(|i| u64::try_from(i).ok());
            return Outcome::Failed {
                step: step.unwrap_or(0),
                expected,
                got,
            };
        }
    }
    Outcome::Passed { steps: steps.len() }
}

pub(super) struct Player {
    world: World<Zab>,
    leader: NodeId,
    extended_types: bool,
    clients: BTreeMap<String, Client>,
    /// Whose each connection is, closed ones included.
    pub(super) owners: BTreeMap<ConnId, String>,
    /// Each session's number of its last write.
    writes: BTreeMap<SessionId, u32>,
    /// The last zxid before the transcript.
    pub(super) base: Zxid,
    /// The zxid of the last step that had one.
    zxid: i64,
    slept: Slept,
}

struct Client {
    conn: ConnId,
    server: NodeId,
    session: SessionId,
    password: u64,
    /// The number of the last request.
    xid: u32,
    is_open: bool,
}

/// What came of a step: the result, the zxid and the connection that was asked on.
type Played = (Value, Option<i64>, Option<ConnId>);
/// What came on the connections, in order.
pub(super) type Heard = Vec<(ConnId, ClientInput)>;

impl Player {
    fn new(header: &Value) -> Result<Player, String> {
        let config = header.get("config").cloned().unwrap_or(Value::Null);
        let mut world = World::new(spec_of(&config)?);
        world.boot_all();
        let mut player = Player {
            world,
            leader: NodeId(1),
            extended_types: config.flag("extendedTypesEnabled"),
            clients: BTreeMap::new(),
            owners: BTreeMap::new(),
            writes: BTreeMap::new(),
            base: Zxid::ZERO,
            zxid: 0,
            slept: Slept::default(),
        };
        player.leader = player.elect()?;
        player.open_history()?;
        Ok(player)
    }

    /// Waits until everybody follows one leader and serves clients.
    fn elect(&mut self) -> Result<NodeId, String> {
        for _ in 0..ELECTION_RESTS {
            self.rest(SETTLED);
            let standings: Vec<_> = SERVERS.iter().map(|id| self.world.standing(*id)).collect();
            let led_by = |leader: NodeId| {
                let follows = |standing: &Option<_>| {
                    standing.is_some_and(|standing: Standing| {
                        standing.leader == Some(leader) && standing.serve_from.is_some()
                    })
                };
                standings.iter().all(follows)
            };
            if let Some(leader) = SERVERS.into_iter().find(|id| led_by(*id)) {
                return Ok(leader);
            }
        }
        Err("the ensemble finds no leader".to_string())
    }

    /// The ensemble had transactions before the transcript: those of one session.
    fn open_history(&mut self) -> Result<(), String> {
        let conn = self.world.dial_raw(self.leader);
        let mut heard = self.rest(SETTLED);
        let connect = connect_frame(SessionId::NONE, 0, Span::secs(10), Zxid::ZERO);
        self.world.send_raw(conn, connect);
        heard.extend(self.rest(SETTLED));
        let close = Request::Write(Write::CloseSession);
        self.world.send_raw(conn, request_frame(1, 1, close));
        heard.extend(self.rest(SETTLED));
        if !is_closed(conn, &heard) {
            return Err("the ensemble does not serve clients".to_string());
        }
        self.base = self.applied();
        Ok(())
    }

    fn applied(&self) -> Zxid {
        self.world.applied(self.leader).unwrap_or(Zxid::ZERO)
    }

    /// Lets time pass: what came meanwhile.
    fn rest(&mut self, span: Span) -> Heard {
        self.world.wake_at(self.world.now().after(span), 0);
        // Bounded by the wake-up.
        while let Some(happening) = self.world.step() {
            if happening == WorldEvent::Wakeup(0) {
                break;
            }
        }
        let heard = self.world.take_raw();
        for (conn, what) in &heard {
            let client = self
                .clients
                .values_mut()
                .find(|client| client.conn == *conn);
            if let (Some(client), ClientInput::Down(_)) = (client, what) {
                client.is_open = false;
            }
        }
        heard
    }

    /// Pings on every open connection but those of some sessions.
    fn ping(&mut self, but: &[Value]) {
        for (name, client) in &self.clients {
            if client.is_open && !but.contains(&Value::from(name.as_str())) {
                self.world.send_raw(client.conn, ClientFrame::Ping);
            }
        }
    }

    fn play(&mut self, step: &Step, recorded: &Value) -> Result<Value, String> {
        let mut heard = Vec::new();
        let (mut res, zxid, asking) = match step.op.as_str() {
            "connect" | "reconnect" => self.connect(step, &mut heard)?,
            "disconnect" => {
                let client = self.client(&step.session)?;
                client.is_open = false;
                let conn = client.conn;
                self.world.hang_up_raw(conn);
                (Value::map([]), None, None)
            }
            _of_the_administrator if step.session == "$" => {
                self.administrate(step, &mut heard)?;
                // Only the recorder knows whether it looked.
                let zxid = recorded.get("zxid").map(|_| self.relative(self.applied()));
                (Value::map([]), zxid, None)
            }
            _call => self.call(step, &mut heard)?,
        };
        self.ping(&[]);
        heard.extend(self.rest(SETTLED));
        self.make_relative(&mut res);
        let ev = self.events(asking, &heard);
        self.rename_old(&step.session);
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

    fn client(&mut self, name: &str) -> Result<&mut Client, String> {
        let client = self.clients.get_mut(name);
        client.ok_or_else(|| format!("session {name} was never connected"))
    }

    /// The server that a step names, or else the one that the session used before.
    fn server(&self, step: &Step) -> Result<NodeId, String> {
        let mut followers = VOTERS.into_iter().filter(|id| *id != self.leader);
        let found = match step.args.text("via") {
            None => {
                let before = self.clients.get(&step.session);
                Some(before.map_or(self.leader, |client| client.server))
            }
            Some("leader") => Some(self.leader),
            Some("f1") => followers.next(),
            Some("f2") => followers.nth(1),
            Some("observer") => Some(OBSERVER),
            Some(_unknown) => None,
        };
        found.ok_or_else(|| format!("there is no server {:?}", step.args.text("via")))
    }

    fn connect(&mut self, step: &Step, heard: &mut Heard) -> Result<Played, String> {
        let (name, args) = (&step.session, &step.args);
        let server = self.server(step)?;
        let (session, password) = match (step.op.as_str(), args.text("passwd")) {
            ("connect", _) => (SessionId::NONE, 0),
            (_, Some("wrong")) => {
                let client = self.client(name)?;
                (client.session, !client.password)
            }
            (_, _right) => {
                let client = self.client(name)?;
                (client.session, client.password)
            }
        };
        let timeout = Span::millis(u64::try_from(limits::timeout_ms(args)?).unwrap_or(0));
        let last_zxid = self.absolute(args, "lastZxid")?.unwrap_or(Zxid::ZERO);
        let conn = self.world.dial_raw(server);
        self.owners.insert(conn, name.clone());
        heard.extend(self.rest(SETTLED));
        let frame = connect_frame(session, password, timeout, last_zxid);
        self.world.send_raw(conn, frame);
        heard.extend(self.rest(SETTLED));
        let welcome = heard.iter().find_map(|(from, what)| match what {
            ClientInput::Frame { frame, .. } if *from == conn => Some(frame.clone()),
            _event_elsewhere => None,
        });
        let mut res = Value::map([]);
        let Some(ServerFrame::Connected {
            session,
            password,
            timeout,
        }) = welcome
        else {
            res.insert("err", Value::Null);
            res.insert("closed", Value::Bool(true));
            return Ok((res, None, Some(conn)));
        };
        res.insert("err", Value::from(0));
        let ms = i32::try_from(timeout.0 / 1_000_000).map_err(|why| why.to_string())?;
        res.insert("timeout", Value::from(ms));
        if session == SessionId::NONE {
            res.insert("session", Value::Null);
            res.insert("pwZero", Value::Bool(password == 0));
            res.insert("closed", Value::Bool(true));
            return Ok((res, None, Some(conn)));
        }
        if step.op == "connect" {
            // No server here is read-only, and on the wire every password has 16 bytes.
            res.insert("ro", Value::Bool(false));
            res.insert("pwLen", Value::from(16));
        }
        res.insert("session", Value::from(self.name_of(session, name).as_str()));
        let newcomer = Client {
            conn,
            server,
            session,
            password,
            xid: 0,
            is_open: true,
        };
        if let Some(older) = self.clients.insert(name.clone(), newcomer) {
            self.clients.insert(format!("{name}old"), older);
        }
        let zxid = self.ask_zxid(conn, heard);
        Ok((res, zxid, Some(conn)))
    }

    /// Whatever is not a session's present connection goes by the name of an old one.
    fn rename_old(&mut self, name: &str) {
        let present = self.clients.get(name).map(|client| client.conn);
        for (conn, owner) in &mut self.owners {
            if owner == name && Some(*conn) != present {
                owner.push_str("old");
            }
        }
    }

    /// What a ping on a connection says about its server.
    fn ask_zxid(&mut self, conn: ConnId, heard: &mut Heard) -> Option<i64> {
        self.world.send_raw(conn, ClientFrame::Ping);
        let more = self.rest(SETTLED);
        let zxid = more.iter().find_map(|(from, what)| match what {
            ClientInput::Frame {
                frame: ServerFrame::Pong { zxid },
                ..
            } if *from == conn => Some(*zxid),
            _something_else => None,
        });
        heard.extend(more);
        zxid.map(|zxid| self.relative(zxid))
    }

    /// The transcript's name of a session; `newcomer` is not yet among the clients.
    fn name_of(&self, session: SessionId, newcomer: &str) -> String {
        let mut clients = self.clients.iter();
        let known = clients.find(|(_, client)| client.session == session);
        known.map_or_else(|| newcomer.to_string(), |(name, _)| name.clone())
    }

    fn call(&mut self, step: &Step, heard: &mut Heard) -> Result<Played, String> {
        let asked = ask(&step.op, &step.args, self.extended_types)?;
        let relative = self.absolute(&step.args, "relativeZxid")?;
        let client = self.client(&step.session)?;
        let (conn, session) = (client.conn, client.session);
        client.xid += 1;
        let xid = client.xid;
        let frame = match &asked.how {
            Ask::Request(request) => {
                let seq = match request {
                    Request::Write(_) => {
                        let last = self.writes.entry(session).or_insert(0);
                        *last += 1;
                        *last
                    }
                    _read => 0,
                };
                Some(request_frame(xid, seq, request.clone()))
            }
            Ask::SetWatches(frame) => Some(frame(relative.unwrap_or(Zxid::ZERO))),
            Ask::Ping => Some(ClientFrame::Ping),
            Ask::Refused(_) | Ask::Unknown => None,
        };
        match (&asked.how, frame) {
            (_, Some(frame)) => {
                self.world.send_raw(conn, frame);
                heard.extend(self.rest(SETTLED));
            }
            (Ask::Unknown, None) => {
                self.client(&step.session)?.is_open = false;
                self.world.hang_up_raw(conn);
            }
            (_, None) => {}
        }
        let answer = heard.iter().find_map(|(from, what)| match what {
            ClientInput::Frame { frame, .. } if *from == conn && !is_event(frame) => {
                Some(frame.clone())
            }
            _something_else => None,
        });
        if answer.is_none() && !is_closed(conn, heard) {
            heard.extend(self.rest(NO_REPLY));
        }
        let names = |session| self.name_of(session, "unknown");
        let (mut res, header) = result(&asked, answer, &names);
        if is_closed(conn, heard) {
            res.insert("closed", Value::Bool(true));
        } else if header.is_none() && res.get("err") == Some(&Value::Null) {
            res.insert("noReply", Value::Bool(true));
        }
        let zxid = match (&asked.how, header) {
            (Ask::Refused(_), _) => self.ask_zxid(conn, heard),
            (_, Some(header)) if header < 1 => Some(header),
            (_, Some(header)) => Some(self.relative(Zxid(header as u64))),
            (_, None) => None,
        };
        Ok((res, zxid, Some(conn)))
    }

    fn administrate(&mut self, step: &Step, heard: &mut Heard) -> Result<(), String> {
        let args = &step.args;
        match step.op.as_str() {
            "expireSession" => {
                let name = args.text("session").ok_or("no session to expire")?;
                let session = self.client(name)?.session;
                let silent = [
                    Value::from(name),
                    Value::from(format!("{name}old").as_str()),
                ];
                // Its time runs out while everybody else is heard of.
                for _ in 0..EXPIRY_RESTS {
                    if self.lives(session) {
                        self.ping(&silent);
                        heard.extend(self.rest(SETTLED));
                    }
                }
                if self.lives(session) {
                    return Err(format!("session {name} does not expire"));
                }
            }
            "checkContainers" => {
                self.world.remove_containers(self.leader);
                heard.extend(self.rest(SETTLED));
            }
            "sleep" => {
                let ms = limits::sleep_ms(args)?;
                self.slept.add(ms)?;
                let mut left = Span::millis(ms);
                let silent = args.get("noPing").map_or(&[][..], Value::elements);
                while left > Span::ZERO {
                    let part = left.min(SETTLED);
                    left = Span(left.0 - part.0);
                    self.ping(silent);
                    heard.extend(self.rest(part));
                }
            }
            _unknown => return Err(format!("an ensemble knows no step {:?}", step.op)),
        }
        Ok(())
    }

    fn lives(&self, session: SessionId) -> bool {
        let leader = self.world.server(self.leader);
        leader.is_some_and(|leader| leader.state().session(session).is_some())
    }
}

const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const OBSERVER: NodeId = NodeId(4);
const SERVERS: [NodeId; 4] = [NodeId(1), NodeId(2), NodeId(3), OBSERVER];

fn is_event(frame: &ServerFrame) -> bool {
    matches!(frame, ServerFrame::Event(_))
}

fn is_closed(conn: ConnId, heard: &Heard) -> bool {
    heard
        .iter()
        .any(|(from, what)| *from == conn && matches!(what, ClientInput::Down(_)))
}
