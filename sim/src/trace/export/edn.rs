//! Histories as Jepsen writes them: one map of EDN a line.
//!
//! An operation on a node has `[key value]` as its value, as those of `jepsen.independent` have.

use std::fmt::Write as _;

use serde_json::Value;

use super::history::{Kind, Line};

/// The history as EDN.
pub fn history(lines: &[Line]) -> String {
    let mut text = String::new();
    // What is no operation has no place in a history of Jepsen's.
    let operations = lines.iter().filter(|line| line.kind != Kind::Event);
    for (index, line) in operations.enumerate() {
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "{{:index {}, :time {}, :process {}, :type :{}, :f :{}, :value ",
            index,
            line.time,
            line.process,
            line.kind.name(),
            keyword(&line.f)
        );
        match &line.key {
            Some(key) => {
                text.push('[');
                string(key, &mut text);
                text.push(' ');
                form(&line.value, &mut text);
                text.push(']');
            }
            None => form(&line.value, &mut text),
        }
        if !line.error.is_null() {
            text.push_str(", :error ");
            form(&line.error, &mut text);
        }
        if let Some(zxid) = line.zxid {
            let _ = write!(text, ", :zxid {zxid}");
        }
        if line.synced {
            text.push_str(", :synced true");
        }
        text.push_str("}\n");
    }
    text
}

/// Clojure's words have dashes.
fn keyword(name: &str) -> String {
    name.replace('_', "-")
}

/// A JSON value as EDN.
fn form(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("nil"),
        Value::Bool(is) => text.push_str(if *is { "true" } else { "false" }),
        Value::Number(number) => {
            let _ = write!(text, "{number}");
            if number
                .as_u64()
                .is_some_and(|number| number > i64::MAX as u64)
            {
                // Greater than Clojure's long.
                text.push('N');
            }
        }
        Value::String(words) => string(words, text),
        Value::Array(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    text.push(' ');
                }
                form(value, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    text.push_str(", ");
                }
                text.push(':');
                text.push_str(&keyword(name));
                text.push(' ');
                form(value, text);
            }
            text.push('}');
        }
    }
}

fn string(words: &str, text: &mut String) {
    text.push('"');
    for letter in words.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            plain => text.push(plain),
        }
    }
    text.push('"');
}
