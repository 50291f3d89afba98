//! Requests, answers and events in the words of a history's lines.

use menagerie::tree::{
    Ace, Answer, CreateMode, Data, Failure, Identity, Part, Read, Request, Response, Stat,
    WatchRequest, WatchTables, Write,
};
use serde_json::{Map, Value, json};

use crate::trace::body::typed;

/// The function, the node it is about and the arguments of a request.
pub(super) fn encode_request(request: &Request) -> (&'static str, Option<String>, Value) {
    match request {
        Request::Write(write) => encode_write(write),
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
                        let (f, key, value) = encode_request(&Request::Read(read.clone()));
                        json!({"f": f, "key": key, "value": value})
                    })
                    .collect(),
                Read::GetData { watch: true, .. }
                | Read::Exists { watch: true, .. }
                | Read::GetChildren { watch: true, .. } => json!({"watch": true}),
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
            WatchRequest::Remove { path, of } => {
                ("remove_watch", Some(path.to_string()), encode_tables(*of))
            }
            WatchRequest::Check { path, of } => {
                ("check_watch", Some(path.to_string()), encode_tables(*of))
            }
        },
        Request::Auth { scheme, credential } => {
            let value = json!({"scheme": scheme, "data": encode_data(credential)});
            ("auth", None, value)
        }
        Request::Sync => ("sync", None, Value::Null),
    }
}

fn encode_write(write: &Write) -> (&'static str, Option<String>, Value) {
    let key = |path: &menagerie::tree::Path| Some(path.to_string());
    match write {
        Write::Create { path, data, mode } => ("create", key(path), created(data, *mode, None)),
        Write::CreateWith {
            path,
            data,
            mode,
            acl,
        } => ("create", key(path), created(data, *mode, Some(acl))),
        Write::Delete { path, version } => ("delete", key(path), json!({"version": version})),
        Write::SetData {
            path,
            data,
            version,
        } => (
            "set",
            key(path),
            json!({"data": encode_data(data), "version": version}),
        ),
        Write::SetAcl { path, acl, version } => {
            let value = json!({"acl": encode_acl(acl), "version": version});
            ("set_acl", key(path), value)
        }
        Write::Check { path, version } => ("check", key(path), json!({"version": version})),
        Write::Multi(parts) => ("multi", None, parts.iter().map(encode_part).collect()),
        Write::DeleteContainer { path } => ("delete_container", key(path), Value::Null),
        Write::Refused(code) => ("refused", None, json!(format!("{code:?}"))),
        Write::As { write, .. } => encode_write(write),
        Write::CreateSession { timeout } => ("open", None, json!({"timeout": timeout.0})),
        Write::CloseSession => ("close", None, Value::Null),
        Write::ExpireSession => ("expire", None, Value::Null),
    }
}

fn encode_part(part: &Part) -> Value {
    let (f, key, value) = match part {
        Part::Create { path, data, mode } => ("create", Some(path), created(data, *mode, None)),
        Part::CreateWith {
            path,
            data,
            mode,
            acl,
        } => ("create", Some(path), created(data, *mode, Some(acl))),
        Part::Delete { path, version } => ("delete", Some(path), json!({"version": version})),
        Part::SetData {
            path,
            data,
            version,
        } => {
            let value = json!({"data": encode_data(data), "version": version});
            ("set", Some(path), value)
        }
        Part::Check { path, version } => ("check", Some(path), json!({"version": version})),
        Part::Refused(code) => ("refused", None, json!(format!("{code:?}"))),
    };
    json!({"f": f, "key": key, "value": value})
}

fn created(data: &Data, mode: CreateMode, acl: Option<&[Ace]>) -> Value {
    let (mode, ttl) = match mode {
        CreateMode::Persistent => ("persistent", None),
        CreateMode::Ephemeral => ("ephemeral", None),
        CreateMode::PersistentSequential => ("persistent_sequential", None),
        CreateMode::EphemeralSequential => ("ephemeral_sequential", None),
        CreateMode::Container => ("container", None),
        CreateMode::ContainerSequential => ("container_sequential", None),
        CreateMode::Ttl { ms } => ("ttl", Some(ms)),
        CreateMode::TtlSequential { ms } => ("ttl_sequential", Some(ms)),
    };
    let mut value = json!({"data": encode_data(data), "mode": mode});
    if let Some(ms) = ttl {
        value["ttl"] = ms.into();
    }
    if let Some(acl) = acl {
        value["acl"] = encode_acl(acl);
    }
    value
}

/// Entries as triples: permissions, scheme and whom.
fn encode_acl(entries: &[Ace]) -> Value {
    let entry = |entry: &Ace| json!([entry.perms, entry.scheme, entry.id]);
    entries.iter().map(entry).collect()
}

/// Identities as pairs: scheme and whom.
pub(super) fn encode_ids(ids: &[Identity]) -> Value {
    ids.iter().map(|one| json!([one.scheme, one.id])).collect()
}

fn encode_tables(tables: WatchTables) -> Value {
    let of = match tables {
        WatchTables::Children => "children",
        WatchTables::Data => "data",
        WatchTables::Any => "any",
    };
    json!({"of": of})
}

/// Content as text, or as hexadecimal digits where it is none.
fn encode_data(data: &Data) -> Value {
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

fn encode_stat(stat: &Stat) -> Value {
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

pub(super) fn encode_response(response: &Response) -> Value {
    match response {
        Response::Created { path, stat } => json!({"path": path, "stat": encode_stat(stat)}),
        Response::Set(stat) | Response::Exists(stat) | Response::AclSet(stat) => {
            json!({"stat": encode_stat(stat)})
        }
        Response::Data { data, stat } => {
            json!({"data": encode_data(data), "stat": encode_stat(stat)})
        }
        Response::Children { names, stat } => json!({"children": names, "stat": encode_stat(stat)}),
        Response::Multi(parts) => parts.iter().map(encode_response).collect(),
        Response::Acl { acl, stat } => {
            json!({"acl": encode_acl(&acl.entries()), "stat": encode_stat(stat)})
        }
        Response::Count(count) => json!({"count": count}),
        Response::Paths(paths) => json!({"paths": paths}),
        Response::Reads(answers) => answers.iter().map(encode_answer).collect(),
        Response::Identities(ids) => json!({"ids": encode_ids(ids)}),
        Response::Deleted
        | Response::Checked
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::WatchesDone
        | Response::Authenticated => Value::Object(Map::new()),
    }
}

/// One of several reads: its result, or its error by name.
fn encode_answer(answer: &Answer) -> Value {
    match answer {
        Ok(response) => encode_response(response),
        Err(failure) => json!({"error": typed(&failure.code)}),
    }
}

/// An error by its name; of a multi, with the part at fault.
pub(super) fn encode_failure(failure: &Failure) -> Value {
    let at_fault = failure
        .parts
        .iter()
        .position(|part| *part == Some(failure.code));
    let name = typed(&failure.code);
    match at_fault {
        Some(index) => json!({"index": index, "error": name}),
        None => name,
    }
}
