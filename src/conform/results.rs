//! From the record of an answer to the words of a transcript.

use super::value::Value;
use crate::ids::SessionId;
use crate::jute::{Body, PartBody};
use crate::tree::{Ace, Data, Path, Stat};

/// Gives a session its name in the transcript.
pub type Names<'a> = &'a dyn Fn(SessionId) -> String;

/// Adds the fields of a record to a result.
pub fn add_body(result: &mut Value, body: &Body, names: Names<'_>) {
    let mut add = |key: &str, value: Value| result.insert(key, value);
    match body {
        Body::Empty | Body::Token(_) => {}
        Body::Created(path) => add("path", Value::from(&**path)),
        Body::Created2(path, stat) => {
            add("path", Value::from(&**path));
            add("stat", stat_value(stat, names));
        }
        Body::Stat(stat) => add("stat", stat_value(stat, names)),
        Body::Data(data, stat) => {
            add("data", data_value(data));
            add("stat", stat_value(stat, names));
        }
        Body::Acl(acl, stat) => {
            add("acl", Value::List(acl.iter().map(ace_value).collect()));
            add("stat", stat_value(stat, names));
        }
        Body::Names(children) => add("children", paths_value(children)),
        Body::Names2(children, stat) => {
            add("children", paths_value(children));
            add("stat", stat_value(stat, names));
        }
        Body::Path(path) => add("path", path.as_deref().map_or(Value::Null, Value::from)),
        Body::Number(number) => add("n", Value::from(*number)),
        Body::Identities(ids) => {
            let pair = |id: &crate::tree::Identity| {
                Value::List(vec![Value::from(&*id.scheme), Value::from(&*id.id)])
            };
            let mut pairs: Vec<Value> = ids.iter().map(pair).collect();
            pairs.sort();
            add("ids", Value::List(pairs));
        }
        Body::Parts(parts) => {
            let parts = parts.iter().map(|part| part_value(part, names));
            add("results", Value::List(parts.collect()));
        }
    }
}

fn part_value(part: &PartBody, names: Names<'_>) -> Value {
    let mut value = Value::map([
        ("type", Value::from(part.opcode())),
        ("hdrErr", Value::from(part.error())),
    ]);
    match part {
        PartBody::Error(error) => value.insert("err", Value::from(*error)),
        PartBody::Created(path) => value.insert("path", Value::from(&**path)),
        PartBody::Created2(path, stat) => {
            value.insert("path", Value::from(&**path));
            value.insert("stat", stat_value(stat, names));
        }
        PartBody::Deleted | PartBody::Checked => {}
        PartBody::Set(stat) => value.insert("stat", stat_value(stat, names)),
        PartBody::Data(data, stat) => {
            value.insert("data", data_value(data));
            value.insert("stat", stat_value(stat, names));
        }
        PartBody::Names(children) => value.insert("children", paths_value(children)),
    }
    value
}

fn stat_value(stat: &Stat, names: Names<'_>) -> Value {
    let wide = |number: u64| Value::Number(i64::try_from(number).unwrap_or(i64::MAX));
    Value::map([
        ("czxid", wide(stat.czxid.0)),
        ("mzxid", wide(stat.mzxid.0)),
        ("pzxid", wide(stat.pzxid.0)),
        ("version", Value::from(stat.version)),
        ("cversion", Value::from(stat.cversion)),
        ("aversion", Value::from(stat.aversion)),
        (
            "owner",
            match stat.ephemeral_owner {
                SessionId::NONE => Value::from(0),
                session => Value::from(names(session).as_str()),
            },
        ),
        ("dataLength", wide(u64::from(stat.data_length))),
        ("numChildren", wide(u64::from(stat.num_children))),
        ("ctEqMt", Value::Bool(stat.ctime == stat.mtime)),
    ])
}

/// Content in the form that both sides are brought into: null, or its bytes in hexadecimal. No
/// transcript writes content like this.
pub(super) fn data_value(data: &Data) -> Value {
    if data.is_null() {
        return Value::Null;
    }
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let digits = data
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    Value::map([("hex", Value::Text(digits.collect()))])
}

fn ace_value(entry: &Ace) -> Value {
    let id = entry.id.as_deref().map_or(Value::Null, Value::from);
    Value::List(vec![
        Value::from(entry.perms),
        Value::from(&*entry.scheme),
        id,
    ])
}

fn paths_value(paths: &[Path]) -> Value {
    let mut sorted: Vec<&Path> = paths.iter().collect();
    sorted.sort();
    Value::List(
        sorted
            .into_iter()
            .map(|path| Value::from(&**path))
            .collect(),
    )
}
