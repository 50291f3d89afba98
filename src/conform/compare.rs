//! Compares what was recorded with what was done here.
//!
//! Where the real server's order is that of a hash set, both sides are sorted first: children, the
//! identities of whoAmI, neighbouring entries of an ACL that come from the scheme `auth`, and the
//! events of a step that deletes several nodes at once.

use std::collections::BTreeMap;

use super::player::normal_data;
use super::value::Value;

/// The first difference between a recorded step and what was done here, in words.
pub fn difference(step: &Value, got: &Value) -> Option<(String, String)> {
    let op = step.text("op").unwrap_or_default();
    let expected_res = result_of(step, step);
    let got_res = result_of(step, got);
    if expected_res != got_res {
        return Some((expected_res.to_string(), got_res.to_string()));
    }
    for key in ["zxid", "zxidDelta"] {
        let (expected, got) = (step.get(key), got.get(key));
        // A step of the administrator has no answer to take a zxid from.
        let is_open = expected.is_none() && step.text("s") == Some("$");
        if expected != got && !is_open {
            let told = |value: Option<&Value>| format!("{key} {}", value.unwrap_or(&Value::Null));
            return Some((told(expected), told(got)));
        }
    }
    let expected_events = events_by_session(step, op, step.get("ev"));
    let got_events = events_by_session(step, op, got.get("ev"));
    for session in expected_events.keys().chain(got_events.keys()) {
        let (expected, got) = (expected_events.get(session), got_events.get(session));
        if expected != got {
            let told = |events: Option<&Vec<Value>>| {
                let events = events.cloned().unwrap_or_default();
                format!("events of {session}: {}", Value::List(events))
            };
            return Some((told(expected), told(got)));
        }
    }
    None
}

/// The result of one side. That the server closed the asking connection is part of it, whether it
/// was written there or among the events.
fn result_of(step: &Value, side: &Value) -> Value {
    let mut result = normal_result(side.get("res").unwrap_or(&Value::map([])));
    let events = side.get("ev").map_or(&[][..], Value::elements);
    if events.iter().any(|event| closes_asker(step, event)) {
        result.insert("closed", Value::Bool(true));
    }
    result
}

fn closes_asker(step: &Value, event: &Value) -> bool {
    event.flag("closed") && event.get("conn").is_none() && event.get("s") == step.get("s")
}

/// A result with content and orders in their normal form.
fn normal_result(res: &Value) -> Value {
    let Value::Map(entries) = res else {
        return res.clone();
    };
    let mut normal = BTreeMap::new();
    for (key, value) in entries {
        let value = match (key.as_str(), value) {
            // Said only if it is so.
            ("closed", Value::Bool(false)) => continue,
            ("zxidHdr", _) => continue,
            // What is in its normal form already stays as it is.
            ("data", value) => normal_data(value).unwrap_or_else(|_| value.clone()),
            ("children" | "ids", value) => sorted(value),
            ("acl", value) => normal_acl(value),
            ("results", Value::List(parts)) => {
                Value::List(parts.iter().map(normal_result).collect())
            }
            (_, value) => value.clone(),
        };
        normal.insert(key.clone(), value);
    }
    Value::Map(normal)
}

fn sorted(value: &Value) -> Value {
    let mut elements = value.elements().to_vec();
    elements.sort();
    Value::List(elements)
}

/// Sorts each run of digest entries with the same permissions.
fn normal_acl(acl: &Value) -> Value {
    let kind = |entry: &Value| match entry.elements() {
        [perms, Value::Text(scheme), _] if scheme == "digest" => Some(perms.clone()),
        _other => None,
    };
    let mut normal = Vec::new();
    for run in acl
        .elements()
        .chunk_by(|left, right| kind(left).is_some() && kind(left) == kind(right))
    {
        let mut run = run.to_vec();
        run.sort();
        normal.extend(run);
    }
    Value::List(normal)
}

/// The events of each session in their order, or sorted where the order is that of a hash set.
fn events_by_session(
    step: &Value,
    op: &str,
    events: Option<&Value>,
) -> BTreeMap<String, Vec<Value>> {
    let mut by_session: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events.map_or(&[][..], Value::elements) {
        // A restart breaks every connection; the transcripts do not say so of each.
        let is_of_restart = op == "restart" && event.flag("closed");
        if is_of_restart || closes_asker(step, event) {
            continue;
        }
        let session = event.text("s").unwrap_or_default().to_string();
        by_session.entry(session).or_default().push(event.clone());
    }
    if matches!(
        op,
        "closeSession" | "expireSession" | "checkContainers" | "sleep"
    ) {
        by_session.values_mut().for_each(|events| events.sort());
    }
    by_session
}
