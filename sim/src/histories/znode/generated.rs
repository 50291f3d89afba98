//! The generated form: an operation's place in real time is its line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use menagerie::history::Outcome;
use menagerie::ids::{ClientId, SessionId, Zxid};
use menagerie::tree::{
    Answer, CreateMode, Data, ErrorCode, Failure, Part, Path, Read, Request, Response, Stat, Write,
};
use serde::Deserialize;

use super::json::{OneOrMany, Scalar, StatShape};
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
}

/// What stands in `value`, asked or answered, and what a multi's parts look like.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    version: Option<i32>,
    #[serde(borrow)]
    mode: Option<Cow<'a, str>>,
    session: Option<u64>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stat: Option<StatShape<'a>>,
    #[serde(borrow)]
    children: Option<Vec<Cow<'a, str>>>,
    /// Of a part: its operation, key and argument.
    #[serde(borrow)]
    f: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<Box<Body<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Fault<'a> {
    index: usize,
    #[serde(borrow)]
    error: Cow<'a, str>,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    gathering: Gathering,
    processes: BTreeMap<u64, ClientId>,
    names: Names,
}

/// The session of a process, unless an operation names another.
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
                answer(open, at, line.zxid, told);
                Ok(())
            }
            "info" => {
                self.gathering.close(client)?.outcome = Some(Outcome::Unknown);
                Ok(())
            }
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
    fn invoke(&mut self, client: ClientId, at: u64, line: &Line<'_>) -> Result<(), String> {
        let mut session = SessionId(FIRST_SESSION + line.process);
        let nothing = Body::default();
        let argument = match &line.value {
            OneOrMany::One(body) => body,
            OneOrMany::Nothing => &nothing,
            OneOrMany::Many(_) if line.f == "multi" => &nothing,
            OneOrMany::Many(_) | OneOrMany::Bare(_) => {
                return Err(format!("\"value\" is no argument of {}", line.f));
            }
        };
        let request = match (line.f, &line.key) {
            ("close", Scalar::Number(key)) => {
                session = SessionId(key.unsigned_abs());
                Request::Write(Write::CloseSession)
            }
            ("multi", _) => {
                let OneOrMany::Many(parts) = &line.value else {
                    return Err("the \"value\" of a multi is no array".to_owned());
                };
                let parts = parts.iter().map(|part| self.part(part, &mut session));
                Request::Write(Write::Multi(parts.collect::<Result<_, _>>()?))
            }
            (f, Scalar::Text(key)) => self.request(f, key, argument, &mut session)?,
            (f, Scalar::Number(_) | Scalar::Null) => {
                return Err(format!("{f} has no \"key\" that is a path"));
            }
        };
        let operation = self.gathering.invoke(client, session, request, at)?;
        // Whoever ends a session comes behind everything that it asked.
        if let Request::Write(Write::CloseSession) = operation.request {
            operation.xid = u32::MAX;
        }
        Ok(())
    }

    fn request(
        &mut self,
        f: &str,
        key: &str,
        argument: &Body<'_>,
        session: &mut SessionId,
    ) -> Result<Request, String> {
        let path = self.names.get(key);
        let read = match f {
            "get" => Read::GetData { path, watch: false },
            "exists" => Read::Exists { path, watch: false },
            "children" => Read::GetChildren { path, watch: false },
            _write => {
                let write = match part_of(f, path, argument, session)? {
                    Part::Create { path, data, mode } => Write::Create { path, data, mode },
                    Part::Delete { path, version } => Write::Delete { path, version },
                    Part::SetData {
                        path,
                        data,
                        version,
                    } => Write::SetData {
                        path,
                        data,
                        version,
                    },
                    Part::Check { path, version } => Write::Check { path, version },
                    Part::CreateWith { .. } | Part::Refused(_) => {
                        return Err(format!("\"f\" is {f:?}"));
                    }
                };
                return Ok(Request::Write(write));
            }
        };
        Ok(Request::Read(read))
    }

    fn part(&mut self, part: &Body<'_>, session: &mut SessionId) -> Result<Part, String> {
        let (Some(f), Some(key)) = (&part.f, &part.key) else {
            return Err("a part of a multi lacks \"f\" or \"key\"".to_owned());
        };
        let nothing = Body::default();
        let argument = part.value.as_deref().unwrap_or(&nothing);
        part_of(f, self.names.get(key), argument, session)
    }
}

fn part_of(
    f: &str,
    path: Path,
    argument: &Body<'_>,
    session: &mut SessionId,
) -> Result<Part, String> {
    let data = || Data::from(argument.data.as_deref().unwrap_or_default().as_bytes());
    let version = argument.version.unwrap_or(-1);
    Ok(match f {
        "create" => {
            if let Some(owner) = argument.session {
                *session = SessionId(owner);
            }
            Part::Create {
                path,
                data: data(),
                mode: mode_of(argument.mode.as_deref())?,
            }
        }
        "delete" => Part::Delete { path, version },
        "set" => Part::SetData {
            path,
            data: data(),
            version,
        },
        "check" => Part::Check { path, version },
        other => return Err(format!("\"f\" is {other:?}")),
    })
}

fn mode_of(name: Option<&str>) -> Result<CreateMode, String> {
    match name {
        None | Some("persistent") => Ok(CreateMode::Persistent),
        Some("ephemeral") => Ok(CreateMode::Ephemeral),
        Some("persistent_sequential") => Ok(CreateMode::PersistentSequential),
        Some("ephemeral_sequential") => Ok(CreateMode::EphemeralSequential),
        Some(other) => Err(format!("\"mode\" is {other:?}")),
    }
}

fn stat_of(shape: Option<&StatShape<'_>>) -> Result<Stat, String> {
    let shape = shape.ok_or("the answer has no \"stat\"")?;
    let owner = match &shape.ephemeral_owner {
        Scalar::Number(owner) => SessionId(owner.unsigned_abs()),
        Scalar::Null => SessionId::NONE,
        Scalar::Text(text) => return Err(format!("\"ephemeralOwner\" is {text:?}")),
    };
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
        data_length: shape
            .data_length
            .unwrap_or(menagerie::check::znode::UNTOLD_LENGTH),
        num_children: shape.num_children,
    })
}

/// Whether an exists is answered without a Stat: there is no such node.
fn finds_nothing(request: &Request, value: &OneOrMany<Body<'_>>) -> bool {
    let has_stat = match value {
        OneOrMany::One(body) => body.stat.is_some(),
        OneOrMany::Nothing | OneOrMany::Many(_) | OneOrMany::Bare(_) => false,
    };
    matches!(request, Request::Read(Read::Exists { .. })) && !has_stat
}

/// What was answered.
fn response(
    names: &mut Names,
    request: &Request,
    value: &OneOrMany<Body<'_>>,
) -> Result<Response, String> {
    let nothing = Body::default();
    let body = match value {
        OneOrMany::One(body) => body,
        OneOrMany::Nothing => &nothing,
        OneOrMany::Many(bodies) => {
            let Request::Write(Write::Multi(parts)) = request else {
                return Err("\"value\" is an array".to_owned());
            };
            if parts.len() != bodies.len() {
                return Err("the multi has another number of answers than of parts".to_owned());
            }
            let told = parts.iter().zip(bodies);
            let responses = told.map(|(part, body)| part_response(names, part, body));
            return Ok(Response::Multi(responses.collect::<Result<_, _>>()?));
        }
        OneOrMany::Bare(text) => return Err(format!("\"value\" is {text:?}")),
    };
    let stat = || stat_of(body.stat.as_ref());
    Ok(match request {
        Request::Read(Read::GetData { .. }) => Response::Data {
            data: Data::from(body.data.as_deref().unwrap_or_default().as_bytes()),
            stat: stat()?,
        },
        Request::Read(Read::Exists { .. }) => Response::Exists(stat()?),
        Request::Read(Read::GetChildren { .. }) => Response::Children {
            names: body
                .children
                .iter()
                .flatten()
                .map(|name| names.get(name))
                .collect(),
            stat: stat()?,
        },
        Request::Write(Write::Create { .. }) => created(names, body)?,
        Request::Write(Write::Delete { .. }) => Response::Deleted,
        Request::Write(Write::SetData { .. }) => Response::Set(stat()?),
        Request::Write(Write::Check { .. }) => Response::Checked,
        Request::Write(Write::CloseSession) => Response::SessionClosed,
        _never_asked => return Err("this operation cannot be answered so".to_owned()),
    })
}

fn part_response(names: &mut Names, part: &Part, body: &Body<'_>) -> Result<Response, String> {
    Ok(match part {
        Part::Create { .. } | Part::CreateWith { .. } => created(names, body)?,
        Part::Delete { .. } => Response::Deleted,
        Part::SetData { .. } => Response::Set(stat_of(body.stat.as_ref())?),
        Part::Check { .. } | Part::Refused(_) => Response::Checked,
    })
}

fn created(names: &mut Names, body: &Body<'_>) -> Result<Response, String> {
    let path = body.path.as_deref().ok_or("the answer has no \"path\"")?;
    Ok(Response::Created {
        path: names.get(path),
        stat: stat_of(body.stat.as_ref())?,
    })
}

fn failure(request: &Request, error: &OneOrMany<Fault<'_>>) -> Result<Failure, String> {
    match (request, error) {
        (Request::Write(Write::Multi(parts)), OneOrMany::One(fault)) => {
            if fault.index >= parts.len() {
                return Err(format!("the multi has no part {}", fault.index));
            }
            let code = code_of(&fault.error)?;
            let mut told = vec![None; fault.index];
            told.push(Some(code));
            told.resize(parts.len(), Some(ErrorCode::RuntimeInconsistency));
            Ok(Failure { code, parts: told })
        }
        (_, OneOrMany::Bare(name)) => Ok(Failure::of(code_of(name)?)),
        (_, OneOrMany::Nothing | OneOrMany::One(_) | OneOrMany::Many(_)) => {
            Err("\"error\" does not say what failed".to_owned())
        }
    }
}

fn code_of(name: &str) -> Result<ErrorCode, String> {
    match name {
        "NoNode" => Ok(ErrorCode::NoNode),
        "NodeExists" => Ok(ErrorCode::NodeExists),
        "BadVersion" => Ok(ErrorCode::BadVersion),
        "NotEmpty" => Ok(ErrorCode::NotEmpty),
        "NoChildrenForEphemerals" => Ok(ErrorCode::NoChildrenForEphemerals),
        "SessionExpired" => Ok(ErrorCode::SessionExpired),
        other => Err(format!("\"error\" is {other:?}")),
    }
}
