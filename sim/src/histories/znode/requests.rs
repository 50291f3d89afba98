//! What the lines of generated and exported histories ask.

use menagerie::ids::SessionId;
use menagerie::tree::{CreateMode, Part, Path, Read, Request, WatchRequest, WatchTables, Write};

use super::Names;
use super::json::OneOrMany;
use super::shapes::{Body, acl_of, code_of};

/// The request of a line. A create says whose it is.
pub(super) fn request(
    names: &mut Names,
    f: &str,
    key: Option<&str>,
    value: &OneOrMany<Body<'_>>,
    session: &mut SessionId,
) -> Result<Request, String> {
    let nothing = Body::default();
    let argument = match (value, f) {
        (OneOrMany::One(body), _) => body,
        (OneOrMany::Nothing, _)
        | (OneOrMany::Many(_), "multi" | "multi_read")
        | (OneOrMany::Bare(_), "refused") => &nothing,
        (OneOrMany::Many(_) | OneOrMany::Bare(_), _) => {
            return Err(format!("\"value\" is no argument of {f}"));
        }
    };
    let several = || match value {
        OneOrMany::Many(parts) => Ok(parts.as_slice()),
        OneOrMany::Nothing | OneOrMany::One(_) | OneOrMany::Bare(_) => {
            Err(format!("the \"value\" of a {f} is no array"))
        }
    };
    Ok(match f {
        "sync" => Request::Sync,
        "close" => Request::Write(Write::CloseSession),
        "refused" => Request::Write(Write::Refused(refused(value)?)),
        "auth" => Request::Auth {
            scheme: Path::from(argument.scheme.as_deref().ok_or("it has no \"scheme\"")?),
            credential: argument.data.data(),
        },
        "multi" => {
            let parts = several()?.iter().map(|body| part(names, body, session));
            Request::Write(Write::Multi(parts.collect::<Result<_, _>>()?))
        }
        "multi_read" => {
            let reads = several()?.iter().map(|body| one_read(names, body));
            Request::Read(Read::Multi(reads.collect::<Result<_, _>>()?))
        }
        "who_am_i" => Request::Read(Read::WhoAmI),
        _of_a_node => {
            let key = key.ok_or_else(|| format!("{f} has no \"key\" that is a path"))?;
            of_node(f, names.get(key), argument, session)?
        }
    })
}

/// A request about one node.
fn of_node(
    f: &str,
    path: Path,
    argument: &Body<'_>,
    session: &mut SessionId,
) -> Result<Request, String> {
    if let Some(read) = read_of(f, &path, argument) {
        return Ok(Request::Read(read));
    }
    Ok(match f {
        "add_watch" => Request::Watch(WatchRequest::Add {
            path,
            recursive: argument.recursive,
        }),
        "remove_watch" => Request::Watch(WatchRequest::Remove {
            path,
            of: tables_of(argument)?,
        }),
        "check_watch" => Request::Watch(WatchRequest::Check {
            path,
            of: tables_of(argument)?,
        }),
        "set_acl" => Request::Write(Write::SetAcl {
            path,
            acl: acl_of(argument).ok_or("it has no \"acl\"")?,
            version: argument.version.unwrap_or(-1),
        }),
        "delete_container" => Request::Write(Write::DeleteContainer { path }),
        write => Request::Write(part_of(write, path, argument, session)?.into()),
    })
}

fn read_of(f: &str, path: &Path, argument: &Body<'_>) -> Option<Read> {
    let (path, watch) = (path.clone(), argument.watch);
    Some(match f {
        "get" => Read::GetData { path, watch },
        "exists" => Read::Exists { path, watch },
        "children" => Read::GetChildren { path, watch },
        "get_acl" => Read::GetAcl { path },
        "count" => Read::CountDescendants { path },
        "ephemerals" => Read::GetEphemerals { prefix: path },
        _no_read => return None,
    })
}

/// One of several reads.
fn one_read(names: &mut Names, read: &Body<'_>) -> Result<Read, String> {
    let f = read
        .f
        .as_deref()
        .ok_or("one of several reads has no \"f\"")?;
    if f == "who_am_i" {
        return Ok(Read::WhoAmI);
    }
    let key = read.key.as_deref();
    let path = names.get(key.ok_or("one of several reads has no \"key\"")?);
    let nothing = Body::default();
    let argument = match read.value.as_deref() {
        Some(OneOrMany::One(body)) => body,
        Some(OneOrMany::Nothing | OneOrMany::Many(_) | OneOrMany::Bare(_)) | None => &nothing,
    };
    read_of(f, &path, argument).ok_or_else(|| format!("\"f\" of one of several reads is {f:?}"))
}

fn part(names: &mut Names, part: &Body<'_>, session: &mut SessionId) -> Result<Part, String> {
    let nothing = Body::default();
    let (argument, told) = match part.value.as_deref() {
        Some(OneOrMany::One(body)) => (body, None),
        told => (&nothing, told),
    };
    let (Some(f), key) = (part.f.as_deref(), part.key.as_deref()) else {
        return Err("a part of a multi has no \"f\"".to_owned());
    };
    if f == "refused" {
        return refused(told.unwrap_or(&OneOrMany::Nothing)).map(Part::Refused);
    }
    let key = key.ok_or("a part of a multi lacks \"f\" or \"key\"")?;
    part_of(f, names.get(key), argument, session)
}

fn refused(value: &OneOrMany<Body<'_>>) -> Result<menagerie::tree::ErrorCode, String> {
    match value {
        OneOrMany::Bare(name) => code_of(name),
        OneOrMany::Nothing | OneOrMany::One(_) | OneOrMany::Many(_) => {
            Err("what is refused has no error as its \"value\"".to_owned())
        }
    }
}

fn part_of(
    f: &str,
    path: Path,
    argument: &Body<'_>,
    session: &mut SessionId,
) -> Result<Part, String> {
    let version = argument.version.unwrap_or(-1);
    let data = || argument.data.data();
    Ok(match f {
        "create" => {
            if let Some(owner) = argument.session {
                *session = SessionId(owner);
            }
            let (data, mode) = (data(), mode_of(argument)?);
            Part::creation(path, data, mode, acl_of(argument))
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

fn mode_of(argument: &Body<'_>) -> Result<CreateMode, String> {
    let ms = || {
        argument
            .ttl
            .ok_or("a node with a time to live has no \"ttl\"")
    };
    Ok(match argument.mode.as_deref() {
        None | Some("persistent") => CreateMode::Persistent,
        Some("ephemeral") => CreateMode::Ephemeral,
        Some("persistent_sequential") => CreateMode::PersistentSequential,
        Some("ephemeral_sequential") => CreateMode::EphemeralSequential,
        Some("container") => CreateMode::Container,
        Some("container_sequential") => CreateMode::ContainerSequential,
        Some("ttl") => CreateMode::Ttl { ms: ms()? },
        Some("ttl_sequential") => CreateMode::TtlSequential { ms: ms()? },
        Some(other) => return Err(format!("\"mode\" is {other:?}")),
    })
}

fn tables_of(argument: &Body<'_>) -> Result<WatchTables, String> {
    match argument.of.as_deref() {
        Some("children") => Ok(WatchTables::Children),
        Some("data") => Ok(WatchTables::Data),
        Some("any") => Ok(WatchTables::Any),
        other => Err(format!("\"of\" is {other:?}")),
    }
}
