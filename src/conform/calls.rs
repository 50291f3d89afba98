//! From the arguments of a step to the call that a client sends.

use super::limits::{self, CONTENT_BYTES_MAX};
use super::value::Value;
use crate::jute::{Call, CreateKind, WatchLists};
use crate::tree::{Ace, Data, Path};

/// The call of a step.
///
/// # Errors
/// Says what is wrong with the arguments.
pub fn call_of(op: &str, args: &Value) -> Result<Call, String> {
    let path = || text_or_null(args, "path");
    let version = || int(args, "version", -1);
    let watch = args.flag("watch");
    Ok(match op {
        "create" | "create2" | "createContainer" | "createTTL" => create(op, args)?,
        "delete" => Call::Delete {
            path: path()?,
            version: version()?,
        },
        "exists" => Call::Exists {
            path: path()?,
            watch,
        },
        "getData" => Call::GetData {
            path: path()?,
            watch,
        },
        "setData" => Call::SetData {
            path: path()?,
            data: data(args.get("data"))?,
            version: version()?,
        },
        "getACL" => Call::GetAcl { path: path()? },
        "setACL" => Call::SetAcl {
            path: path()?,
            acl: acl(args)?,
            version: version()?,
        },
        "getChildren" => Call::GetChildren {
            path: path()?,
            watch,
        },
        "getChildren2" => Call::GetChildren2 {
            path: path()?,
            watch,
        },
        "sync" => Call::Sync { path: path()? },
        "check" => Call::Check {
            path: path()?,
            version: version()?,
        },
        "multi" => Call::Multi(parts(args)?),
        "multiRead" => Call::MultiRead(parts(args)?),
        "reconfig" => Call::Reconfig {
            joining: text_or_null(args, "joining")?,
            leaving: text_or_null(args, "leaving")?,
            members: text_or_null(args, "members")?,
            config: args.number("config").unwrap_or(-1),
        },
        "setWatches" | "setWatches2" => Call::SetWatches(lists(op, args)?),
        "deleteContainer" => Call::DeleteContainer { path: path()? },
        "auth" => Call::Auth {
            scheme: text_or_null(args, "scheme")?,
            auth: data(args.get("auth"))?,
        },
        "getEphemerals" => Call::GetEphemerals { prefix: path()? },
        "getAllChildrenNumber" => Call::GetAllChildrenNumber { path: path()? },
        "whoAmI" => Call::WhoAmI,
        "ping" => Call::Ping,
        "closeSession" => Call::CloseSession,
        _other => return one_watch(op, args),
    })
}

/// A call that is about one watch.
fn one_watch(op: &str, args: &Value) -> Result<Call, String> {
    let path = || text_or_null(args, "path");
    Ok(match op {
        "checkWatches" => Call::CheckWatches {
            path: path()?,
            kind: int(args, "type", 3)?,
        },
        "removeWatches" => Call::RemoveWatches {
            path: path()?,
            kind: int(args, "type", 3)?,
        },
        "addWatch" => Call::AddWatch {
            path: path()?,
            mode: int(args, "mode", 0)?,
        },
        _unknown => return Err(format!("unknown operation {op:?}")),
    })
}

fn create(op: &str, args: &Value) -> Result<Call, String> {
    let (kind, usual_flags) = match op {
        "create2" => (CreateKind::Create2, 0),
        "createContainer" => (CreateKind::Container, 4),
        "createTTL" => {
            let ms = args.number("ttl").ok_or("createTTL without a ttl")?;
            (CreateKind::Ttl { ms }, 5)
        }
        _create => (CreateKind::Create, 0),
    };
    Ok(Call::Create {
        kind,
        path: text_or_null(args, "path")?,
        data: data(args.get("data"))?,
        acl: acl(args)?,
        flags: int(args, "flags", usual_flags)?,
    })
}

fn parts(args: &Value) -> Result<Vec<Call>, String> {
    let ops = args.get("ops").map_or(&[][..], Value::elements);
    let part = |part: &Value| call_of(part.text("op").ok_or("a part without an op")?, part);
    ops.iter().map(part).collect()
}

fn lists(op: &str, args: &Value) -> Result<WatchLists, String> {
    let list = |key: &str| -> Result<Vec<Path>, String> {
        let paths = args.get(key).map_or(&[][..], Value::elements);
        let path = |path: &Value| match path {
            Value::Text(text) => Ok(Path::from(text.as_str())),
            other => Err(format!("{other} is no path")),
        };
        paths.iter().map(path).collect()
    };
    Ok(WatchLists {
        relative: limits::zxid(args, "relativeZxid")?.unwrap_or(0),
        data: list("data")?,
        exist: list("exist")?,
        child: list("child")?,
        lasting: match op {
            "setWatches2" => Some((list("persistent")?, list("recursive")?)),
            _setwatches => None,
        },
    })
}

/// A string that must be there, but may be null.
fn text_or_null(args: &Value, key: &str) -> Result<Option<Path>, String> {
    match args.get(key) {
        Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(Path::from(text.as_str()))),
        other => Err(format!("{key} is {other:?}")),
    }
}

fn int(args: &Value, key: &str, usual: i32) -> Result<i32, String> {
    match args.number(key) {
        None => Ok(usual),
        Some(number) => i32::try_from(number).map_err(|_| format!("{key} is {number}")),
    }
}

fn acl(args: &Value) -> Result<Vec<Ace>, String> {
    let entries = match args.get("acl") {
        None => return Ok(vec![Ace::new(31, "world", "anyone")]),
        Some(Value::Null) => return Ok(Vec::new()),
        Some(entries) => entries.elements(),
    };
    entries.iter().map(ace).collect()
}

fn ace(entry: &Value) -> Result<Ace, String> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(Path::from(text.as_str())),
        _null => None,
    };
    match entry.elements() {
        [Value::Number(perms), scheme, id] => Ok(Ace {
            perms: i32::try_from(*perms).map_err(|_| format!("permissions {perms}"))?,
            scheme: text(scheme).unwrap_or_default(),
            id: text(id),
        }),
        _other => Err(format!("{entry} is no entry of an ACL")),
    }
}

/// Content: null, a string of ASCII, base64, or a character many times over.
pub(super) fn data(value: Option<&Value>) -> Result<Data, String> {
    match value {
        None => Ok(Data::from([])),
        Some(Value::Null) => Ok(Data::NULL),
        Some(Value::Text(text)) => Ok(Data::from(text.as_bytes())),
        Some(value) => {
            if let Some(text) = value.text("b64") {
                return base64(text).map(Data::from);
            }
            match (value.text("rep"), value.number("n").map(usize::try_from)) {
                (Some(text), Some(Ok(count))) => {
                    let bytes = text.len().checked_mul(count);
                    if bytes.is_none_or(|bytes| bytes > CONTENT_BYTES_MAX) {
                        return Err(format!(
                            "content of {count} times {text:?}: expected at most \
                             {CONTENT_BYTES_MAX} bytes"
                        ));
                    }
                    Ok(Data::from(text.repeat(count).into_bytes()))
                }
                _neither => Err(format!("{value} is no content")),
            }
        }
    }
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for sign in text.bytes().filter(|sign| *sign != b'=') {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _other => return Err(format!("{text:?} is no base64")),
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Ok(bytes)
}

/// The bytes of a string of hexadecimal digits.
///
/// # Errors
/// If it is none.
pub fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |sign: u8| (sign as char).to_digit(16).map(|digit| digit as u8);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _odd => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| format!("{text:?} is no hexadecimal string"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_read_in_all_its_forms() {
        let read = |value: Value| data(Some(&value)).expect("content");
        assert_eq!(read(Value::Null), Data::NULL);
        assert_eq!(read(Value::from("ab")), Data::from(b"ab"));
        let coded = Value::map([("b64", Value::from("AP+A"))]);
        assert_eq!(read(coded), Data::from([0, 255, 128]));
        let repeated = Value::map([("rep", Value::from("z")), ("n", Value::from(3))]);
        assert_eq!(read(repeated), Data::from(b"zzz"));
        assert_eq!(hex("00ff1A"), Ok(vec![0, 255, 26]));
        assert!(hex("0").is_err());
    }
}
