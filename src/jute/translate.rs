//! From calls to the tree's requests, and from its answers to records.
//!
//! Everything that is peculiar to the wire stays here: which nulls are errors and which are not,
//! which combinations of operation and flags mean what, and which answers an operation has. The
//! rules are those of 3.8.0 with one exception: createTTL with flags that name no TTL node and a
//! negative time to live passes the real server's checks and kills it; here it is a bad argument.

use super::call::{Call, CreateKind, WatchLists};
use super::opcode;
use super::reply::{Body, PartBody};
use crate::ids::Zxid;
use crate::tree::{
    Ace, Answer, CreateMode, Data, ErrorCode, Failure, MAX_TTL_MS, Part, Path, Read, Response,
    WatchRequest, WatchTables, Write,
};

/// What a call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A write: it takes a zxid, whether it succeeds or not.
    Write(Write),
    /// The real server trips over this one after it has taken a zxid and before it knows what for:
    /// the zxid is lost, and the answer is `MarshallingError` with the zxid before.
    WastedZxid,
    /// A read.
    Read(Read),
    /// A request about watches.
    Watch(WatchRequest),
    /// setWatches.
    SetWatches(WatchLists),
    /// sync.
    Sync,
    /// ping.
    Ping,
    /// Refused without a zxid.
    Refused(ErrorCode),
}

/// What a record that cannot be read comes to, by the number of its operation: writes take their
/// zxid before they are read.
pub fn asked_unreadable(code: i32) -> Asked {
    match code {
        opcode::DELETE_CONTAINER => Asked::Write(Write::Refused(ErrorCode::BadArguments)),
        opcode::CREATE
        | opcode::CREATE2
        | opcode::CREATE_CONTAINER
        | opcode::CREATE_TTL
        | opcode::DELETE
        | opcode::SET_DATA
        | opcode::SET_ACL
        | opcode::CHECK
        | opcode::MULTI
        | opcode::CREATE_SESSION => Asked::Write(Write::Refused(ErrorCode::MarshallingError)),
        _read_before_its_zxid => Asked::Refused(ErrorCode::MarshallingError),
    }
}

/// Translates a call. Auth and sasl belong to the connection and are refused here.
pub fn asked(call: &Call, extended_types: bool) -> Asked {
    match call {
        Call::Create {
            kind,
            path,
            data,
            acl,
            flags,
        } => {
            let mode = mode_of(*kind, *flags, extended_types);
            Asked::Write(create(mode, path.clone(), data, acl))
        }
        Call::Delete { path, version } => Asked::Write(match path.clone() {
            None => Write::Refused(ErrorCode::MarshallingError),
            Some(path) => Write::Delete {
                path,
                version: *version,
            },
        }),
        Call::SetData {
            path,
            data,
            version,
        } => Asked::Write(or_bad_arguments(path, |path| Write::SetData {
            path,
            data: data.clone(),
            version: *version,
        })),
        Call::SetAcl { path, acl, version } => {
            Asked::Write(or_bad_arguments(path, |path| Write::SetAcl {
                path,
                acl: acl.clone(),
                version: *version,
            }))
        }
        Call::Check { path, version } => {
            Asked::Write(or_bad_arguments(path, |path| Write::Check {
                path,
                version: *version,
            }))
        }
        Call::Multi(calls) => multi(calls, extended_types),
        // The real server takes the frame itself for the path, and a frame has NULs.
        Call::DeleteContainer { .. } => Asked::Write(Write::Refused(ErrorCode::BadArguments)),
        Call::Reconfig { .. } => Asked::Write(Write::Refused(ErrorCode::ReconfigDisabled)),
        Call::CloseSession => Asked::Write(Write::CloseSession),
        Call::Sync { .. } => Asked::Sync,
        Call::Ping => Asked::Ping,
        Call::SetWatches(lists) => Asked::SetWatches(lists.clone()),
        Call::CheckWatches { .. } | Call::RemoveWatches { .. } | Call::AddWatch { .. } => {
            of_watches(call)
        }
        Call::Exists { .. }
        | Call::GetData { .. }
        | Call::GetAcl { .. }
        | Call::GetChildren { .. }
        | Call::GetChildren2 { .. }
        | Call::GetEphemerals { .. }
        | Call::GetAllChildrenNumber { .. }
        | Call::MultiRead(_)
        | Call::WhoAmI
        | Call::Auth { .. }
        | Call::Sasl { .. } => match read_of(call) {
            Some(read) => Asked::Read(read),
            None => Asked::Refused(ErrorCode::MarshallingError),
        },
    }
}

fn create(
    mode: Result<CreateMode, ErrorCode>,
    path: Option<Path>,
    data: &Data,
    acl: &[Ace],
) -> Write {
    match (mode, path) {
        (Err(code), _) => Write::Refused(code),
        (Ok(_), None) => Write::Refused(ErrorCode::MarshallingError),
        (Ok(mode), Some(path)) => Write::CreateWith {
            path,
            data: data.clone(),
            mode,
            acl: acl.to_vec(),
        },
    }
}

fn or_bad_arguments(path: &Option<Path>, write: impl FnOnce(Path) -> Write) -> Write {
    match path.clone() {
        None => Write::Refused(ErrorCode::BadArguments),
        Some(path) => write(path),
    }
}

/// The read that a call asks for; `None` if a path is null or it is no read.
fn read_of(call: &Call) -> Option<Read> {
    Some(match call.clone() {
        Call::Exists { path, watch } => Read::Exists { path: path?, watch },
        Call::GetData { path, watch } => Read::GetData { path: path?, watch },
        Call::GetChildren { path, watch } | Call::GetChildren2 { path, watch } => {
            Read::GetChildren { path: path?, watch }
        }
        Call::GetAcl { path } => Read::GetAcl { path: path? },
        Call::GetAllChildrenNumber { path } => Read::CountDescendants { path: path? },
        Call::GetEphemerals { prefix } => Read::GetEphemerals {
            prefix: prefix.unwrap_or_default(),
        },
        Call::MultiRead(calls) => {
            let reads: Option<Vec<Read>> = calls.iter().map(read_inside).collect();
            Read::Multi(reads?)
        }
        Call::WhoAmI => Read::WhoAmI,
        Call::Create { .. }
        | Call::Delete { .. }
        | Call::SetData { .. }
        | Call::SetAcl { .. }
        | Call::Check { .. }
        | Call::Multi(_)
        | Call::DeleteContainer { .. }
        | Call::Reconfig { .. }
        | Call::CloseSession
        | Call::Sync { .. }
        | Call::Ping
        | Call::SetWatches(_)
        | Call::CheckWatches { .. }
        | Call::RemoveWatches { .. }
        | Call::AddWatch { .. }
        | Call::Auth { .. }
        | Call::Sasl { .. } => return None,
    })
}

/// A multiRead leaves no watches, whatever its parts ask for.
fn read_inside(call: &Call) -> Option<Read> {
    match read_of(call)? {
        Read::GetData { path, .. } => Some(Read::GetData { path, watch: false }),
        Read::GetChildren { path, .. } => Some(Read::GetChildren { path, watch: false }),
        Read::Exists { .. }
        | Read::GetAcl { .. }
        | Read::CountDescendants { .. }
        | Read::GetEphemerals { .. }
        | Read::Multi(_)
        | Read::WhoAmI => None,
    }
}

fn of_watches(call: &Call) -> Asked {
    let tables = |kind| match kind {
        1 => Some(WatchTables::Children),
        2 => Some(WatchTables::Data),
        3 => Some(WatchTables::Any),
        _unknown => None,
    };
    let request = match call {
        Call::AddWatch { path, mode: 0 | 1 } => Some(WatchRequest::Add {
            // A null can be watched like the empty path: nothing ever happens there.
            path: path.clone().unwrap_or_default(),
            recursive: matches!(call, Call::AddWatch { mode: 1, .. }),
        }),
        Call::RemoveWatches { path, kind } => tables(*kind).map(|of| WatchRequest::Remove {
            path: path.clone().unwrap_or_default(),
            of,
        }),
        // The real server climbs to the root by the slashes of the path, and needs one.
        Call::CheckWatches {
            path: Some(path),
            kind,
        } if path.is_empty() || path.contains('/') => tables(*kind).map(|of| WatchRequest::Check {
            path: path.clone(),
            of,
        }),
        _refused => None,
    };
    request.map_or(Asked::Refused(ErrorCode::MarshallingError), Asked::Watch)
}

fn mode_of(kind: CreateKind, flags: i32, extended_types: bool) -> Result<CreateMode, ErrorCode> {
    let plain = plain_mode(flags)?;
    let is_ttl = matches!(flags, 5 | 6);
    if is_ttl && !extended_types {
        return Err(ErrorCode::Unimplemented);
    }
    match kind {
        CreateKind::Ttl { ms } if is_ttl => ttl_mode(flags, ms),
        CreateKind::Ttl { .. } => Err(ErrorCode::BadArguments),
        CreateKind::Create | CreateKind::Create2 | CreateKind::Container if is_ttl => {
            Err(ErrorCode::BadArguments)
        }
        CreateKind::Create | CreateKind::Create2 => Ok(match plain {
            // Only createContainer makes containers.
            CreateMode::Container => CreateMode::Persistent,
            other => other,
        }),
        CreateKind::Container if plain.is_sequential() => Ok(CreateMode::ContainerSequential),
        CreateKind::Container => Ok(CreateMode::Container),
    }
}

/// The mode that flags name, where those of TTL nodes stand for persistent ones.
fn plain_mode(flags: i32) -> Result<CreateMode, ErrorCode> {
    Ok(match flags {
        0 | 5 => CreateMode::Persistent,
        1 => CreateMode::Ephemeral,
        2 | 6 => CreateMode::PersistentSequential,
        3 => CreateMode::EphemeralSequential,
        4 => CreateMode::Container,
        _unknown => return Err(ErrorCode::BadArguments),
    })
}

fn ttl_mode(flags: i32, ms: i64) -> Result<CreateMode, ErrorCode> {
    let ms = u64::try_from(ms)
        .ok()
        .filter(|ms| (1..=MAX_TTL_MS).contains(ms))
        .ok_or(ErrorCode::BadArguments)?;
    Ok(if flags == 6 {
        CreateMode::TtlSequential { ms }
    } else {
        CreateMode::Ttl { ms }
    })
}

fn multi(calls: &[Call], extended_types: bool) -> Asked {
    if calls.iter().any(has_null_path) {
        return Asked::WastedZxid;
    }
    let parts: Option<Vec<Part>> = calls
        .iter()
        .map(|call| part(call, extended_types))
        .collect();
    Asked::Write(match parts {
        Some(parts) => Write::Multi(parts),
        None => Write::Refused(ErrorCode::MarshallingError),
    })
}

fn has_null_path(call: &Call) -> bool {
    match call {
        Call::Create { path, .. }
        | Call::Delete { path, .. }
        | Call::SetData { path, .. }
        | Call::Check { path, .. }
        | Call::GetData { path, .. }
        | Call::GetChildren { path, .. } => path.is_none(),
        _not_inside_a_multi => false,
    }
}

/// One part of a multi; `None` for a read. Inside a multi it is the flags, not the operation, that
/// say what a create makes.
fn part(call: &Call, extended_types: bool) -> Option<Part> {
    Some(match call.clone() {
        Call::Create {
            kind,
            path: Some(path),
            data,
            acl,
            flags,
        } => match part_mode(kind, flags, extended_types) {
            Err(code) => Part::Refused(code),
            Ok(mode) => Part::CreateWith {
                path,
                data,
                mode,
                acl,
            },
        },
        Call::Delete {
            path: Some(path),
            version,
        } => Part::Delete { path, version },
        Call::SetData {
            path: Some(path),
            data,
            version,
        } => Part::SetData {
            path,
            data,
            version,
        },
        Call::Check {
            path: Some(path),
            version,
        } => Part::Check { path, version },
        _read => return None,
    })
}

fn part_mode(kind: CreateKind, flags: i32, extended_types: bool) -> Result<CreateMode, ErrorCode> {
    match (kind, flags) {
        (CreateKind::Ttl { .. }, 5 | 6) if !extended_types => Err(ErrorCode::Unimplemented),
        (CreateKind::Ttl { ms }, 5 | 6) => ttl_mode(flags, ms),
        // The real server takes it for a createTTL and does not find the time to live.
        (CreateKind::Create | CreateKind::Create2 | CreateKind::Container, 5 | 6) => {
            Err(ErrorCode::MarshallingError)
        }
        (_, flags) => plain_mode(flags),
    }
}

/// The error and the record that answer a call; `None` if nothing does: a check that holds is never
/// answered (ZK-2623).
pub fn answered(call: &Call, answer: Answer) -> Option<(i32, Body)> {
    let response = match answer {
        Ok(response) => response,
        Err(Failure { code, parts }) if parts.is_empty() => {
            return Some((code.number(), Body::Empty));
        }
        Err(Failure { parts, .. }) => {
            let parts = parts.into_iter();
            let errors = parts.map(|code| PartBody::Error(code.map_or(0, ErrorCode::number)));
            return Some((0, Body::Parts(errors.collect())));
        }
    };
    let body = match response {
        Response::Created { path, stat } => match call {
            Call::Create {
                kind: CreateKind::Create,
                ..
            } => Body::Created(path),
            _with_stat => Body::Created2(path, stat),
        },
        Response::Set(stat) | Response::AclSet(stat) | Response::Exists(stat) => Body::Stat(stat),
        Response::Checked => return None,
        Response::Multi(responses) => {
            let Call::Multi(calls) = call else {
                unreachable!("only a multi is answered by responses")
            };
            let parts = calls.iter().zip(responses);
            Body::Parts(
                parts
                    .map(|(call, response)| part_body(call, response))
                    .collect(),
            )
        }
        Response::Reads(answers) => Body::Parts(answers.into_iter().map(read_body).collect()),
        Response::Data { data, stat } => Body::Data(data, stat),
        Response::Children { names, stat } => match call {
            Call::GetChildren2 { .. } => Body::Names2(names, stat),
            _without_stat => Body::Names(names),
        },
        Response::Acl { acl, stat } => Body::Acl(acl.entries(), stat),
        Response::Count(count) => {
            Body::Number(i32::try_from(count).expect("a tree in memory has few nodes"))
        }
        Response::Paths(paths) => Body::Names(paths),
        Response::Identities(ids) => Body::Identities(ids),
        Response::WatchesDone => match call {
            Call::AddWatch { .. } => Body::Number(0),
            _without_a_record => Body::Empty,
        },
        Response::Synced => match call {
            Call::Sync { path } => Body::Path(path.clone()),
            _without_a_record => Body::Empty,
        },
        Response::Deleted
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::Authenticated => Body::Empty,
    };
    Some((0, body))
}

fn part_body(call: &Call, response: Response) -> PartBody {
    let has_stat = match call {
        Call::Create { kind, flags, .. } => {
            *flags == 4 || (matches!(kind, CreateKind::Ttl { .. }) && matches!(flags, 5 | 6))
        }
        _no_create => false,
    };
    match response {
        Response::Created { path, stat } if has_stat => PartBody::Created2(path, stat),
        Response::Created { path, .. } => PartBody::Created(path),
        Response::Deleted => PartBody::Deleted,
        Response::Set(stat) => PartBody::Set(stat),
        Response::Checked => PartBody::Checked,
        other => unreachable!("{other:?} answers no part of a multi"),
    }
}

fn read_body(answer: Answer) -> PartBody {
    match answer {
        Err(failure) => PartBody::Error(failure.code.number()),
        Ok(Response::Data { data, stat }) => PartBody::Data(data, stat),
        Ok(Response::Children { names, .. }) => PartBody::Names(names),
        Ok(other) => unreachable!("{other:?} answers no part of a multiRead"),
    }
}

/// A zxid as it is on the wire.
pub fn wire_zxid(zxid: Zxid) -> i64 {
    i64::try_from(zxid.0).expect("epochs stay far below 2^31")
}
