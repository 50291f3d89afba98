//! Bodies of events: what a message, a record or a transaction says, as JSON.
//!
//! A body is what serde makes of the protocol's own type, without the variant's name where that
//! stands beside it as `kind`. A field of these names means the same wherever it stands, which is
//! all that readers know of a protocol's types:
//!
//! | field | meaning |
//! |---|---|
//! | `zxid` | a position in the order |
//! | `slot` | a slot; its first position, and with `value` one for each of its commands |
//! | `first` with `values` | slots from the first on, one for each value |
//! | `epoch`; an object of `round` and `owner` | an epoch; a ballot |
//! | `digest` with `content` | a payload ([`menagerie::tree::Content`]) and what stands for it |
//! | `session`, `leader`, `timeout`, `asked` | a session, a server, a span, a clock's reading |

use std::collections::BTreeSet;

use menagerie::ids::{NodeId, SessionId, Span, Zxid};
use menagerie::protocol::{Slots, epoch_of_ballot};
use menagerie::tree::Content;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a body is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Positions in the total order.
    pub zxids: BTreeSet<Zxid>,
    /// Epochs; ballots as they compare.
    pub epochs: BTreeSet<u64>,
}

/// A payload inside a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What stands for it in facts.
    pub digest: u64,
    /// What it holds.
    pub content: Content,
}

/// A value as JSON.
pub(crate) fn typed(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("what travels is made of numbers, words and lists")
}

/// The content of an enum's variant, whose name stands beside it.
pub(crate) fn inside(value: Value) -> Value {
    match value {
        Value::Object(map) if map.len() == 1 => map
            .into_iter()
            .next()
            .map_or(Value::Null, |(_, inner)| inner),
        // A variant without content is its name.
        Value::String(_) => Value::Null,
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_)) => other,
    }
}

/// What a body is about, where positions are counted in this way.
pub fn mentions(body: &Value, slots: Slots) -> Mentions {
    let mut mentions = Mentions::default();
    gather(body, slots, &mut mentions);
    mentions
}

/// The digests of the values inside; 0 is a no-op.
pub fn digests(body: &Value) -> Vec<u64> {
    let mut digests = Vec::new();
    visit(body, &mut |part| match part {
        Value::String(word) if word == NOOP => digests.push(0),
        part => digests.extend(digest_of(part)),
    });
    digests
}

/// The payloads inside.
pub fn payloads(body: &Value) -> Vec<Carried> {
    let mut payloads = Vec::new();
    visit(body, &mut |part| payloads.extend(payload_of(part)));
    payloads
}

/// How a no-op is written.
const NOOP: &str = "Noop";

/// A part of a body in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Words, never none.
    Text(String),
    /// A payload, which has other names in other places.
    Payload(Carried),
}

/// A body in words; `payload` has words for a payload.
pub fn words(body: &Value, payload: impl Fn(&Carried) -> String) -> String {
    let parts = parts(body).into_iter().map(|part| match part {
        Part::Text(text) => text,
        Part::Payload(carried) => payload(&carried),
    });
    parts.collect()
}

/// A body in words, without words for its payloads.
pub fn parts(body: &Value) -> Vec<Part> {
    match body {
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) => text(body.to_string()),
        Value::String(word) if word == NOOP => text("a no-op"),
        Value::String(word) => text(word.as_str()),
        Value::Array(items) if items.is_empty() => text("none"),
        // A single command of a slot needs no brackets.
        Value::Array(items) if items.len() == 1 && payload_of(&items[0]).is_some() => {
            parts(&items[0])
        }
        Value::Array(items) => {
            let items = joined(items.iter().map(parts), "; ");
            [text("["), items, text("]")].concat()
        }
        Value::Object(fields) => {
            if let Some(carried) = payload_of(body) {
                return vec![Part::Payload(carried)];
            }
            if let Some((round, owner)) = ballot_parts(body) {
                return text(format!("{round}.{owner}"));
            }
            object_parts(fields)
        }
    }
}

fn text(words: impl Into<String>) -> Vec<Part> {
    let words = words.into();
    match words.is_empty() {
        true => Vec::new(),
        false => vec![Part::Text(words)],
    }
}

fn joined(lists: impl Iterator<Item = Vec<Part>>, separator: &str) -> Vec<Part> {
    let lists: Vec<Vec<Part>> = lists.collect();
    lists.join(&Part::Text(separator.to_owned()))
}

/// What is told of an object before the rest: where and when it belongs.
const FIRST: [&str; 6] = ["zxid", "slot", "first", "ballot", "epoch", "session"];

/// The parts with their names. Of flags only those that are set say something, and of a variant
/// its content.
fn object_parts(fields: &Map<String, Value>) -> Vec<Part> {
    let field = |(name, value): (&String, &Value)| {
        let shown = match value {
            Value::Bool(false) => return None,
            Value::Bool(true) => Vec::new(),
            Value::Number(number) => text(match number.as_u64() {
                Some(number) => numbered(name, number),
                None => number.to_string(),
            }),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => parts(value),
        };
        // serde writes a variant's name as it stands in the code, and a field's in lower case.
        let is_variant = name.starts_with(|first: char| first.is_ascii_uppercase());
        let name = name.replace('_', " ");
        Some(match (shown.is_empty(), is_variant && fields.len() == 1) {
            (true, _) => text(name),
            (false, true) => shown,
            (false, false) => [text(format!("{name} ")), shown].concat(),
        })
    };
    let mut in_order: Vec<(&String, &Value)> = fields.iter().collect();
    in_order.sort_by_key(|(name, _)| {
        let place = FIRST.iter().position(|first| first == name);
        place.unwrap_or(FIRST.len())
    });
    joined(in_order.into_iter().filter_map(field), ", ")
}

/// A number by the name of its field.
fn numbered(name: &str, number: u64) -> String {
    match name {
        "session" => SessionId(number).to_string(),
        "leader" | "node" => {
            u8::try_from(number).map_or(number.to_string(), |n| NodeId(n).to_string())
        }
        "timeout" | "asked" => Span(number).to_string(),
        "digest" => format!("{number:016x}"),
        "zxid" | "czxid" | "mzxid" | "pzxid" | "snapshot" => Zxid(number).to_string(),
        _plain => number.to_string(),
    }
}

fn visit(body: &Value, take: &mut dyn FnMut(&Value)) {
    take(body);
    match body {
        Value::Object(parts) => parts.values().for_each(|part| visit(part, take)),
        Value::Array(items) => items.iter().for_each(|item| visit(item, take)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn digest_of(body: &Value) -> Option<u64> {
    body.get("content")?;
    body.get("digest")?.as_u64()
}

fn payload_of(body: &Value) -> Option<Carried> {
    let digest = digest_of(body)?;
    let content = serde_json::from_value(body["content"].clone()).ok()?;
    Some(Carried { digest, content })
}

fn ballot_parts(body: &Value) -> Option<(u64, NodeId)> {
    let parts = body.as_object().filter(|parts| parts.len() == 2)?;
    let round = parts.get("round")?.as_u64()?;
    let owner = u8::try_from(parts.get("owner")?.as_u64()?).ok()?;
    Some((round, NodeId(owner)))
}

fn gather(body: &Value, slots: Slots, mentions: &mut Mentions) {
    visit(body, &mut |part| {
        if let Some((round, owner)) = ballot_parts(part) {
            mentions.epochs.insert(epoch_of_ballot(round, owner));
        }
        let number = |name: &str| part.get(name).and_then(Value::as_u64);
        mentions.zxids.extend(number("zxid").map(Zxid));
        mentions.epochs.extend(number("epoch"));
        if let Some(slot) = number("slot") {
            mentions
                .zxids
                .extend(positions(slots, slot, part.get("value")));
        }
        if let (Some(first), Some(Value::Array(values))) = (number("first"), part.get("values")) {
            for (step, value) in values.iter().enumerate() {
                let slot = first.saturating_add(step as u64);
                mentions.zxids.extend(positions(slots, slot, Some(value)));
            }
        }
    });
}

/// The positions that a value takes in a slot.
fn positions(slots: Slots, slot: u64, value: Option<&Value>) -> impl Iterator<Item = Zxid> {
    let commands = value.map_or(0, |value| payloads(value).len() as u64);
    let places = 0..commands.clamp(1, slots.places());
    places.map(move |place| slots.position(slot, place))
}

#[cfg(test)]
mod tests {
    use menagerie::tree::{Payload, Txn, TxnRecord};
    use serde_json::json;

    use super::*;

    fn payload() -> Payload {
        Payload::txn(TxnRecord {
            session: SessionId(7),
            seq: 1,
            time_ms: 5,
            txn: Txn::Multi(Vec::new()),
        })
    }

    #[test]
    fn positions_and_ballots_are_found_wherever_they_stand() {
        let body = json!({"ballot": {"round": 2, "owner": 2}, "chosen": 0, "votes": [
            {"slot": 3, "ballot": {"round": 1, "owner": 1}, "value": "Noop"}]});
        let found = mentions(&body, Slots::SINGLE);
        assert_eq!(found.zxids, BTreeSet::from([Zxid(3)]));
        assert_eq!(found.epochs, BTreeSet::from([257, 514]));
        assert_eq!(digests(&body), [0]);
        let run = json!({"first": 4, "values": ["Noop", "Noop"]});
        let slots = Slots::of(100);
        let two = BTreeSet::from([Zxid(400), Zxid(500)]);
        assert_eq!(mentions(&run, slots).zxids, two);
        let batch =
            json!({"slot": 6, "value": {"Commands": [typed(&payload()), typed(&payload())]}});
        let both = BTreeSet::from([Zxid(600), Zxid(601)]);
        assert_eq!(mentions(&batch, slots).zxids, both);
    }

    #[test]
    fn a_payload_comes_out_as_it_went_in() {
        let zxid = Zxid::new(1, 3);
        let body = json!({"zxid": zxid, "payload": typed(&payload())});
        let found = mentions(&body, Slots::SINGLE);
        assert_eq!(found.zxids, BTreeSet::from([zxid]));
        let carried = Carried {
            digest: payload().digest(),
            content: payload().content().clone(),
        };
        assert_eq!(digests(&body), [carried.digest]);
        assert_eq!(payloads(&body), [carried]);
    }

    #[test]
    fn a_body_is_told_by_its_parts() {
        let body = json!({"ballot": {"round": 2, "owner": 2}, "chosen": 0, "votes": [],
            "again": true, "late": false, "value": {"Commands": [typed(&payload())]}});
        let told = words(&body, |_| "a payload".to_owned());
        assert_eq!(
            told,
            "ballot 2.n2, again, chosen 0, value a payload, votes none"
        );
        let zab = json!({"zxid": Zxid::new(1, 3), "session": 16, "leader": 2});
        assert_eq!(
            words(&zab, |_| String::new()),
            "zxid 1:3, session s10, leader n2"
        );
    }
}
