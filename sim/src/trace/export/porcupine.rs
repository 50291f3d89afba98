//! The part of a history that a map of strings explains, as Porcupine's key-value log.
//!
//! Porcupine's model knows get and put. A node is a key; creating it and setting it is a put of its
//! content, deleting it a put of "", and "" is what reads find where there is no node. Only reads
//! right behind a sync are linearizable at all, so only they are kept. Left out are: nodes that
//! come and go by themselves or name themselves (ephemeral, sequential, container, TTL), operations
//! that failed and so changed nothing, and every other function. The parts of a multi are puts of
//! their own, each on a process of its own. What is left is linearizable if the history is; a
//! violation that needs versions or the atomicity of a multi is not to be seen in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::history::{Kind, Line};

/// The stand-in for a content that is empty, which "" is not: that is no node.
const EMPTY: &str = "(empty)";

/// What hexadecimal digits of a content begin with that would need escapes.
const HEX: &str = "hex:";

/// A get or put of the log.
#[derive(Clone, Debug)]
enum Access {
    Get,
    Put(String),
}

/// The log.
pub fn log(lines: &[Line]) -> String {
    let unsteady = unsteady(lines);
    let stride = lines.iter().map(|line| line.process).max().unwrap_or(0) + 1;
    let outcomes = outcomes(lines);
    let mut text = String::new();
    let mut open: BTreeMap<u64, Vec<(String, Access)>> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        match line.kind {
            Kind::Invoke => {
                let outcome = outcomes.get(&place).map(|end| &lines[*end]);
                let mut accesses = accesses(line, outcome);
                accesses.retain(|(key, _)| !unsteady.contains(key));
                for (part, (key, access)) in (0..).zip(&accesses) {
                    let process = line.process + part * stride;
                    tell(&mut text, process, Kind::Invoke, key, access, None);
                }
                open.insert(line.process, accesses);
            }
            Kind::Ok | Kind::Fail => {
                let accesses = open.remove(&line.process).unwrap_or_default();
                for (part, (key, access)) in (0..).zip(&accesses) {
                    let process = line.process + part * stride;
                    let seen = match line.kind {
                        Kind::Ok => content(&line.value["data"]),
                        // A read that found no node.
                        Kind::Fail | Kind::Invoke | Kind::Info | Kind::Event => String::new(),
                    };
                    tell(&mut text, process, Kind::Ok, key, access, Some(&seen));
                }
            }
            // It stays open; or it is no operation.
            Kind::Info | Kind::Event => {}
        }
    }
    text
}

/// For each invocation, by its place, the place of its completion.
fn outcomes(lines: &[Line]) -> BTreeMap<usize, usize> {
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        match line.kind {
            Kind::Invoke => {
                open.insert(line.process, place);
            }
            Kind::Ok | Kind::Fail | Kind::Info => {
                if let Some(invoked) = open.remove(&line.process) {
                    outcomes.insert(invoked, place);
                }
            }
            Kind::Event => {}
        }
    }
    outcomes
}

/// The nodes that come and go by themselves or name themselves.
fn unsteady(lines: &[Line]) -> BTreeSet<String> {
    let mut unsteady = BTreeSet::new();
    let mut note = |f: &Value, key: &Value, value: &Value| {
        if f == "create" && value["mode"] != "persistent" {
            unsteady.extend(key.as_str().map(str::to_owned));
        }
    };
    for line in lines {
        let key = line.key.clone().map_or(Value::Null, Value::String);
        match (line.kind, line.f.as_str()) {
            (Kind::Invoke, "multi") => {
                for part in line.value.as_array().into_iter().flatten() {
                    note(&part["f"], &part["key"], &part["value"]);
                }
            }
            (Kind::Invoke, f) => note(&f.into(), &key, &line.value),
            (Kind::Ok | Kind::Fail | Kind::Info | Kind::Event, _) => {}
        }
    }
    unsteady
}

/// What an operation does to which keys, in view of how it ended.
fn accesses(line: &Line, outcome: Option<&Line>) -> Vec<(String, Access)> {
    let kind = outcome.map_or(Kind::Info, |outcome| outcome.kind);
    let missing = outcome.is_some_and(|outcome| outcome.error == "NoNode");
    match (line.f.as_str(), kind, &line.key) {
        ("get", Kind::Ok, Some(key)) if line.synced => vec![(key.clone(), Access::Get)],
        ("get", Kind::Fail, Some(key)) if line.synced && missing => {
            vec![(key.clone(), Access::Get)]
        }
        ("multi", Kind::Ok | Kind::Info, None) => {
            // Of several changes of one node only the last is ever seen.
            let mut last = BTreeMap::new();
            for part in line.value.as_array().into_iter().flatten() {
                let (f, key) = (part["f"].as_str(), part["key"].as_str());
                if let (Some(f), Some(key)) = (f, key)
                    && let Some(put) = put(f, &part["value"])
                {
                    last.insert(key.to_owned(), put);
                }
            }
            last.into_iter().collect()
        }
        (f, Kind::Ok | Kind::Info, Some(key)) => put(f, &line.value)
            .map(|put| (key.clone(), put))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn put(f: &str, value: &Value) -> Option<Access> {
    match f {
        "create" | "set" => Some(Access::Put(content(&value["data"]))),
        "delete" => Some(Access::Put(String::new())),
        _ => None,
    }
}

/// A content as a word that needs no escapes.
fn content(data: &Value) -> String {
    match data {
        Value::Null => EMPTY.to_owned(),
        Value::String(text) if text.is_empty() => EMPTY.to_owned(),
        Value::String(text) if text.chars().all(is_plain) && !text.starts_with(HEX) => text.clone(),
        other => {
            let text = other.to_string();
            let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("{HEX}{digits}")
        }
    }
}

fn is_plain(letter: char) -> bool {
    (letter.is_ascii_graphic() || letter == ' ') && letter != '"' && letter != '\\'
}

fn tell(
    text: &mut String,
    process: u64,
    kind: Kind,
    key: &str,
    access: &Access,
    seen: Option<&str>,
) {
    let (f, value) = match (access, seen) {
        (Access::Get, None) => ("get", "nil".to_owned()),
        (Access::Get, Some(seen)) => ("get", format!("\"{seen}\"")),
        (Access::Put(value), _) => ("put", format!("\"{value}\"")),
    };
    let key = content(&key.into());
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "{{:process {process}, :type :{}, :f :{f}, :key \"{key}\", :value {value}}}",
        kind.name()
    );
}
