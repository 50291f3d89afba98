//! What the lines of generated and exported histories answer.

use menagerie::ids::{SessionId, Zxid};
use menagerie::tree::{
    Acl, ErrorCode, Failure, Identity, Part, Read, Request, Response, Stat, Write,
};

use super::Names;
use super::json::{OneOrMany, Scalar, StatShape};
use super::shapes::{Body, Fault, acl_of, code_of};

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
        data_length: shape.data_length.unwrap_or(menagerie::znode::UNTOLD_LENGTH),
        num_children: shape.num_children,
    })
}

/// Whether an exists is answered without a Stat: there is no such node.
pub(super) fn finds_nothing(request: &Request, value: &OneOrMany<Body<'_>>) -> bool {
    let has_stat = match value {
        OneOrMany::One(body) => body.stat.is_some(),
        OneOrMany::Nothing | OneOrMany::Many(_) | OneOrMany::Bare(_) => false,
    };
    matches!(request, Request::Read(Read::Exists { .. })) && !has_stat
}

/// What was answered.
pub(super) fn response(
    names: &mut Names,
    request: &Request,
    value: &OneOrMany<Body<'_>>,
) -> Result<Response, String> {
    let nothing = Body::default();
    let body = match value {
        OneOrMany::One(body) => body,
        OneOrMany::Nothing => &nothing,
        OneOrMany::Many(bodies) => {
            return several(names, request, bodies);
        }
        OneOrMany::Bare(text) => return Err(format!("\"value\" is {text:?}")),
    };
    Ok(match request {
        Request::Read(read) => read_response(names, read, body)?,
        Request::Write(write) => write_response(names, write, body)?,
        Request::Watch(_) => Response::WatchesDone,
        Request::Auth { .. } => Response::Authenticated,
        Request::Sync => Response::Synced,
    })
}

/// The answers to the parts of a multi, or to several reads.
fn several(names: &mut Names, request: &Request, bodies: &[Body<'_>]) -> Result<Response, String> {
    let another = || "the multi has another number of answers than of parts".to_owned();
    match request {
        Request::Write(Write::Multi(parts)) if parts.len() == bodies.len() => {
            let told = parts.iter().zip(bodies);
            let responses = told.map(|(part, body)| part_response(names, part, body));
            Ok(Response::Multi(responses.collect::<Result<_, _>>()?))
        }
        Request::Read(Read::Multi(reads)) if reads.len() == bodies.len() => {
            let told = reads.iter().zip(bodies);
            let answers = told.map(|(read, body)| match body.error.as_deref() {
                Some(error) => code_of(error).map(|code| Err(Failure::of(code))),
                None => read_response(names, read, body).map(Ok),
            });
            Ok(Response::Reads(answers.collect::<Result<_, _>>()?))
        }
        Request::Write(Write::Multi(_)) | Request::Read(Read::Multi(_)) => Err(another()),
        Request::Write(_)
        | Request::Read(_)
        | Request::Watch(_)
        | Request::Auth { .. }
        | Request::Sync => Err("\"value\" is an array".to_owned()),
    }
}

fn read_response(names: &mut Names, read: &Read, body: &Body<'_>) -> Result<Response, String> {
    let stat = || stat_of(body.stat.as_ref());
    Ok(match read {
        Read::GetData { .. } => Response::Data {
            data: body.data.data(),
            stat: stat()?,
        },
        Read::Exists { .. } => Response::Exists(stat()?),
        Read::GetChildren { .. } => Response::Children {
            names: body
                .children
                .iter()
                .flatten()
                .map(|name| names.get(name))
                .collect(),
            stat: stat()?,
        },
        Read::GetAcl { .. } => Response::Acl {
            acl: Acl::of(acl_of(body).ok_or("the answer has no \"acl\"")?),
            stat: stat()?,
        },
        Read::CountDescendants { .. } => {
            Response::Count(body.count.ok_or("the answer has no \"count\"")?)
        }
        Read::GetEphemerals { .. } => {
            let paths = body.paths.as_deref().ok_or("the answer has no \"paths\"")?;
            Response::Paths(paths.iter().map(|path| names.get(path)).collect())
        }
        Read::WhoAmI => {
            let ids = body.ids.as_deref().ok_or("the answer has no \"ids\"")?;
            let ids = ids.iter().map(|(scheme, id)| Identity::new(scheme, id));
            Response::Identities(ids.collect())
        }
        Read::Multi(_) => return Err("several reads have one answer".to_owned()),
    })
}

fn write_response(names: &mut Names, write: &Write, body: &Body<'_>) -> Result<Response, String> {
    let stat = || stat_of(body.stat.as_ref());
    Ok(match write {
        Write::Create { .. } | Write::CreateWith { .. } => created(names, body)?,
        Write::Delete { .. } | Write::DeleteContainer { .. } => Response::Deleted,
        Write::SetData { .. } => Response::Set(stat()?),
        Write::SetAcl { .. } => Response::AclSet(stat()?),
        Write::Check { .. } => Response::Checked,
        Write::CloseSession | Write::ExpireSession => Response::SessionClosed,
        Write::Multi(_) | Write::Refused(_) | Write::As { .. } | Write::CreateSession { .. } => {
            return Err("this operation cannot be answered so".to_owned());
        }
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

pub(super) fn failure(request: &Request, error: &OneOrMany<Fault<'_>>) -> Result<Failure, String> {
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
