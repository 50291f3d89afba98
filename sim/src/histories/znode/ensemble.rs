//! The log of a real ensemble: what every client asked and was answered, with the time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use menagerie::history::{Outcome, Refused, Seen};
use menagerie::ids::{ClientId, NodeId, SessionId, VirtualTime, Zxid};
use menagerie::tree::{
    ANY_VERSION, Answer, CreateMode, Data, ErrorCode, Failure, Part, Read, Request, Response, Stat,
    Write,
};
use menagerie::znode::UNTOLD_LENGTH;
use serde::Deserialize;

use super::json::{OneOrMany, Scalar, StatShape};
use super::{Form, Gathering, Names, answer, error_of};

#[derive(Debug, Deserialize)]
struct Line<'a> {
    t: u64,
    #[serde(borrow)]
    p: Scalar<'a>,
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(borrow)]
    f: &'a str,
    #[serde(borrow)]
    args: Option<Arguments<'a>>,
    #[serde(borrow)]
    res: Option<Reply<'a>>,
    #[serde(default)]
    zxid: u64,
    #[serde(borrow)]
    session: Option<&'a str>,
    #[serde(default, borrow)]
    server: Scalar<'a>,
}

/// The arguments; what is left out has ZooKeeper's defaults. Those of the nemesis and of the run
/// are no business of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments<'a> {
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: OneOrMany<Bytes<'a>>,
    version: Option<i32>,
    flags: Option<i64>,
    watch: bool,
    #[serde(borrow)]
    ops: Vec<Arguments<'a>>,
}

/// Content that is no printable text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Bytes<'a> {
    #[serde(borrow)]
    b64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rep: Option<Cow<'a, str>>,
    n: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply<'a> {
    err: Option<i64>,
    #[serde(borrow)]
    conn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stat: Option<StatShape<'a>>,
    #[serde(borrow)]
    data: OneOrMany<Bytes<'a>>,
    #[serde(borrow)]
    children: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    results: Option<Vec<Reply<'a>>>,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    gathering: Gathering,
    names: Names,
    /// Under which session a client is, and at which server.
    seats: BTreeMap<ClientId, (SessionId, Option<NodeId>)>,
    /// The clients whose last operation was a sync that was answered.
    synced: BTreeMap<ClientId, bool>,
}

impl Form for Reader {
    fn take(&mut self, _: usize, line: &[u8]) -> Result<(), String> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|why| why.to_string())?;
        let name = match &line.p {
            Scalar::Number(number) => Cow::Owned(number.to_string()),
            Scalar::Text(text) => text.clone(),
            Scalar::Null => return Err("\"p\" is null".to_owned()),
        };
        if name == "nemesis" || line.f == "config" {
            return Ok(());
        }
        let client = self.gathering.client(&name)?;
        match (line.kind, line.f) {
            ("info", "session" | "reconnect") => self.sit_down(client, &line),
            ("info", "sessionExpired") => self.stand_up(client, &line),
            ("invoke", _) => self.invoke(client, &line),
            ("ok" | "fail", _) => {
                if line.args.is_some() {
                    // The setup has arguments and answer in one line.
                    self.invoke(client, &line)?;
                }
                self.end(client, &line)
            }
            ("info", _) => {
                self.synced.insert(client, false);
                self.gathering.close(client)?.outcome = Some(Outcome::Unknown);
                Ok(())
            }
            (other, _) => Err(format!("\"type\" is {other:?}")),
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
    fn sit_down(&mut self, client: ClientId, line: &Line<'_>) -> Result<(), String> {
        let session = line.session.ok_or("it has no \"session\"")?;
        let session = u64::from_str_radix(session, 16)
            .map(SessionId)
            .map_err(|_| format!("\"session\" is {session:?}"))?;
        let known = self.seats.insert(client, (session, node_of(&line.server)));
        if known.is_none_or(|(before, _)| before != session) {
            let seen = Seen::SessionOpened(session);
            let seen = (VirtualTime(line.t), client, seen);
            self.gathering.history.seen.push(seen);
        }
        Ok(())
    }

    fn stand_up(&mut self, client: ClientId, line: &Line<'_>) -> Result<(), String> {
        if let Some((session, _)) = self.seats.remove(&client) {
            let seen = (VirtualTime(line.t), client, Seen::SessionEnded(session));
            self.gathering.history.seen.push(seen);
        }
        Ok(())
    }

    fn invoke(&mut self, client: ClientId, line: &Line<'_>) -> Result<(), String> {
        let nothing = Arguments::default();
        let arguments = line.args.as_ref().unwrap_or(&nothing);
        let request = self.request(line.f, arguments)?;
        let (session, server) = self
            .seats
            .get(&client)
            .copied()
            .unwrap_or((SessionId::NONE, None));
        let is_synced = self.synced.remove(&client) == Some(true);
        let operation = self.gathering.invoke(client, session, request, line.t)?;
        operation.server = node_of(&line.server).or(server);
        operation.synced = is_synced && matches!(operation.request, Request::Read(_));
        Ok(())
    }

    fn end(&mut self, client: ClientId, line: &Line<'_>) -> Result<(), String> {
        let open = self.gathering.close(client)?;
        let result = line.res.as_ref().ok_or("it has no \"res\"")?;
        if result.conn.is_some() {
            // A read or a sync: nobody answered, and it has no effect.
            open.completed = Some(VirtualTime(line.t));
            open.outcome = Some(Outcome::Refused(Refused::NoEffect));
            return Ok(());
        }
        let code = result.err.unwrap_or(0);
        let told: Answer = if code == 0 {
            response(&mut self.names, &open.request, result)?
        } else {
            Err(Failure::of(error_of(code)?))
        };
        if told.is_ok() && open.request == Request::Sync {
            self.synced.insert(client, true);
        }
        answer(open, line.t, line.zxid, told);
        Ok(())
    }

    fn request(&mut self, f: &str, arguments: &Arguments<'_>) -> Result<Request, String> {
        let watch = arguments.watch;
        let path = || arguments.path.as_deref().ok_or("it has no \"path\"");
        Ok(match f {
            "sync" => Request::Sync,
            "getData" => Request::Read(Read::GetData {
                path: self.names.get(path()?),
                watch,
            }),
            "exists" => Request::Read(Read::Exists {
                path: self.names.get(path()?),
                watch,
            }),
            "getChildren" | "getChildren2" => Request::Read(Read::GetChildren {
                path: self.names.get(path()?),
                watch,
            }),
            "closeSession" => Request::Write(Write::CloseSession),
            "multi" => {
                let parts = arguments.ops.iter().map(|part| {
                    let op = part.op.as_deref().ok_or("a part has no \"op\"")?;
                    self.part(op, part)
                });
                Request::Write(Write::Multi(parts.collect::<Result<_, String>>()?))
            }
            write => match self.part(write, arguments)? {
                Part::Create { path, data, mode } => {
                    Request::Write(Write::Create { path, data, mode })
                }
                Part::Delete { path, version } => Request::Write(Write::Delete { path, version }),
                Part::SetData {
                    path,
                    data,
                    version,
                } => Request::Write(Write::SetData {
                    path,
                    data,
                    version,
                }),
                Part::Check { path, version } => Request::Write(Write::Check { path, version }),
                Part::CreateWith { .. } | Part::Refused(_) => {
                    return Err(format!("\"f\" is {write:?}"));
                }
            },
        })
    }

    fn part(&mut self, f: &str, arguments: &Arguments<'_>) -> Result<Part, String> {
        let path = arguments.path.as_deref().ok_or("it has no \"path\"")?;
        let path = self.names.get(path);
        let version = arguments.version.unwrap_or(ANY_VERSION);
        Ok(match f {
            "create" | "create2" => Part::Create {
                path,
                data: data_of(&arguments.data)?.unwrap_or_default(),
                mode: mode_of(arguments.flags.unwrap_or(0))?,
            },
            "delete" => Part::Delete { path, version },
            "setData" => Part::SetData {
                path,
                data: data_of(&arguments.data)?.unwrap_or_default(),
                version,
            },
            "check" => Part::Check { path, version },
            other => return Err(format!("\"f\" is {other:?}")),
        })
    }
}

fn node_of(server: &Scalar<'_>) -> Option<NodeId> {
    match server {
        Scalar::Number(number) => u8::try_from(*number).ok().map(NodeId),
        Scalar::Null | Scalar::Text(_) => None,
    }
}

fn mode_of(flags: i64) -> Result<CreateMode, String> {
    match flags {
        0 => Ok(CreateMode::Persistent),
        1 => Ok(CreateMode::Ephemeral),
        2 => Ok(CreateMode::PersistentSequential),
        3 => Ok(CreateMode::EphemeralSequential),
        4 => Ok(CreateMode::Container),
        other => Err(format!("\"flags\" is {other}")),
    }
}

/// Content; `None` where there is none.
fn data_of(shape: &OneOrMany<Bytes<'_>>) -> Result<Option<Data>, String> {
    match shape {
        OneOrMany::Nothing => Ok(None),
        OneOrMany::Bare(text) => Ok(Some(Data::from(text.as_bytes()))),
        OneOrMany::One(Bytes {
            rep: Some(unit), n, ..
        }) => Ok(Some(Data::from(unit.repeat(*n).into_bytes()))),
        OneOrMany::One(Bytes { b64: Some(_), .. }) => {
            Err("content in base 64 is not read".to_owned())
        }
        OneOrMany::One(_) | OneOrMany::Many(_) => Err("\"data\" is no content".to_owned()),
    }
}

/// A Stat; the length of the content is known only where the content itself is.
fn stat_of(shape: Option<&StatShape<'_>>, length: Option<usize>) -> Result<Stat, String> {
    let shape = shape.ok_or("the answer has no \"stat\"")?;
    let owner = match &shape.owner {
        Scalar::Text(text) => u64::from_str_radix(text, 16)
            .map(SessionId)
            .map_err(|_| format!("\"owner\" is {text:?}"))?,
        Scalar::Number(0) | Scalar::Null => SessionId::NONE,
        Scalar::Number(number) => return Err(format!("\"owner\" is {number}")),
    };
    let length = length.map(|length| u32::try_from(length).unwrap_or(UNTOLD_LENGTH));
    Ok(Stat {
        czxid: Zxid(shape.czxid),
        mzxid: Zxid(shape.mzxid),
        pzxid: Zxid(shape.pzxid),
        ctime: 0,
        mtime: 0,
        version: shape.version,
        cversion: shape.cversion,
        aversion: shape.aversion.unwrap_or(0),
        ephemeral_owner: owner,
        data_length: shape.data_length.or(length).unwrap_or(UNTOLD_LENGTH),
        num_children: shape.num_children,
    })
}

fn response(names: &mut Names, request: &Request, result: &Reply<'_>) -> Result<Answer, String> {
    let stat = |length| stat_of(result.stat.as_ref(), length);
    Ok(Ok(match request {
        Request::Sync => Response::Synced,
        Request::Read(Read::GetData { .. }) => {
            let data = data_of(&result.data)?.unwrap_or_default();
            let stat = stat(Some(data.len()))?;
            Response::Data { data, stat }
        }
        Request::Read(Read::Exists { .. }) => Response::Exists(stat(None)?),
        Request::Read(Read::GetChildren { .. }) => Response::Children {
            names: result
                .children
                .iter()
                .flatten()
                .map(|name| names.get(name))
                .collect(),
            stat: stat(None)?,
        },
        Request::Write(Write::Create { .. }) => created(names, result)?,
        Request::Write(Write::Delete { .. }) => Response::Deleted,
        Request::Write(Write::SetData { .. }) => Response::Set(stat(None)?),
        Request::Write(Write::Check { .. }) => Response::Checked,
        Request::Write(Write::CloseSession) => Response::SessionClosed,
        Request::Write(Write::Multi(parts)) => return multi(names, parts, result),
        _never_asked => return Err("this operation cannot be answered so".to_owned()),
    }))
}

fn created(names: &mut Names, result: &Reply<'_>) -> Result<Response, String> {
    let path = result.path.as_deref().ok_or("the answer has no \"path\"")?;
    let stat = match &result.stat {
        Some(shape) => stat_of(Some(shape), None)?,
        None => Stat {
            data_length: UNTOLD_LENGTH,
            ..Stat::default()
        },
    };
    Ok(Response::Created {
        path: names.get(path),
        stat,
    })
}

/// A multi is answered with success even if it failed; then its parts say so.
fn multi(names: &mut Names, parts: &[Part], result: &Reply<'_>) -> Result<Answer, String> {
    let results = result.results.as_deref().ok_or("it has no \"results\"")?;
    if results.len() != parts.len() {
        return Err("the multi has another number of answers than of parts".to_owned());
    }
    let codes = results.iter().map(|result| result.err.unwrap_or(0));
    let fault = codes.clone().position(|code| code != 0);
    let Some(fault) = fault else {
        let told = parts.iter().zip(results);
        let responses = told.map(|(part, result)| {
            Ok(match part {
                Part::Create { .. } | Part::CreateWith { .. } => created(names, result)?,
                Part::Delete { .. } => Response::Deleted,
                Part::SetData { .. } => Response::Set(stat_of(result.stat.as_ref(), None)?),
                Part::Check { .. } | Part::Refused(_) => Response::Checked,
            })
        });
        return Ok(Ok(Response::Multi(
            responses.collect::<Result<_, String>>()?,
        )));
    };
    let told = codes.zip(0..).map(|(code, place)| {
        if place < fault {
            Ok(None)
        } else {
            error_of(code).map(Some)
        }
    });
    let parts = told.collect::<Result<Vec<Option<ErrorCode>>, String>>()?;
    let code = parts[fault].ok_or("the part at fault has no error")?;
    Ok(Err(Failure { code, parts }))
}
