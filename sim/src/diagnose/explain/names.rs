//! What things are called: epochs or ballots, positions or slots, values by the operation that they
//! stand for.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::check::Subjects;
use menagerie::ids::{ClientId, ConnId, NodeId, OpId, SessionId, Zxid};
use menagerie::protocol::Slots;
use menagerie::tree::{Content, Request, Write};
use serde_json::Value;

use super::phrase::Phrase;
pub(super) use crate::scenario::script::listed;
use crate::scenario::script::short_text;
use crate::trace::body::{Mentions, Part, mentions, parts, payloads};
use crate::trace::change;
use crate::trace::{Direction, Event, EventKind, Passage, Trace};

/// The longest content of a message in a sentence.
const GIST_MAX: usize = 180;
/// The longest multi that is told with its parts.
const MULTI_MAX: usize = 90;

/// An operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Op {
    /// Who asked.
    pub client: ClientId,
    /// For what, in words.
    pub text: String,
    /// Whether it changes the tree.
    pub writes: bool,
    /// Whether it is a read right behind its own sync.
    pub synced: bool,
    /// The paths that it names.
    pub paths: BTreeSet<String>,
}

/// The names of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Whether positions carry their epoch, as zxids do; slots do not, and epochs are ballots.
    epochs_in_positions: bool,
    /// How positions are counted.
    slots: Slots,
    /// The operations.
    pub ops: BTreeMap<OpId, Op>,
    /// Which operation a session's write of this number is.
    writes: BTreeMap<(SessionId, u64), OpId>,
    /// What a payload is, by its digest.
    values: BTreeMap<u64, Phrase>,
}

impl Names {
    /// Learns the names of a run.
    pub fn of(trace: &Trace) -> Names {
        let mut names = Names {
            epochs_in_positions: !trace.header.ballots,
            slots: trace.header.slots,
            ..Names::default()
        };
        names.learn_operations(&trace.events);
        for event in &trace.events {
            if let EventKind::Send { body, .. } | EventKind::Disk { body, .. } = &event.what {
                for carried in payloads(body) {
                    if !names.values.contains_key(&carried.digest) {
                        let name = names.content(&carried.content);
                        names.values.insert(carried.digest, name);
                    }
                }
            }
        }
        names
    }

    fn learn_operations(&mut self, events: &[Event]) {
        let mut sent: BTreeMap<(ConnId, u64), (OpId, SessionId)> = BTreeMap::new();
        for event in events {
            if let EventKind::Invoke {
                client,
                op,
                request,
                text,
                synced,
            } = &event.what
            {
                let mut paths = BTreeSet::new();
                gather_paths(request, &mut paths);
                let asked = Op {
                    client: *client,
                    text: asked_text(request, text),
                    writes: request.get("Write").is_some(),
                    synced: *synced,
                    paths,
                };
                self.ops.insert(*op, asked);
            }
            if let EventKind::Sent {
                op,
                session,
                xid,
                conn,
                ..
            } = &event.what
            {
                sent.insert((*conn, u64::from(*xid)), (*op, *session));
            }
        }
        for event in events {
            if let EventKind::Frame {
                conn,
                direction: Direction::Up,
                phase: Passage::Sent,
                body,
                ..
            } = &event.what
                && let (Some(xid), Some(seq)) = (number(body, "xid"), number(body, "seq"))
                && let Some((op, session)) = sent.get(&(*conn, xid))
            {
                self.writes.insert((*session, seq), *op);
            }
        }
    }

    /// What a transaction or command is, by the operation it stands for, or else by what it does.
    pub fn content(&self, content: &Content) -> Phrase {
        let (session, seq) = match content {
            Content::Txn(record) => (record.session, record.seq),
            Content::Command(command) => (command.session, command.seq),
        };
        let op = self.writes.get(&(session, u64::from(seq)));
        if let Some(op) = op.filter(|_| seq > 0) {
            return Phrase::op(*op);
        }
        change(content).into()
    }

    /// An operation by its number and what it asks for.
    pub fn op(&self, op: OpId) -> String {
        match self.ops.get(&op) {
            Some(known) => format!("{op} ({})", known.text),
            None => op.to_string(),
        }
    }

    /// A value.
    pub fn value(&self, digest: u64) -> Phrase {
        match (digest, self.values.get(&digest)) {
            (0, _) => "a no-op".into(),
            (_, Some(name)) => name.clone(),
            (_, None) => format!("value {digest:016x}").into(),
        }
    }

    /// An epoch, or the ballot that it stands for.
    pub fn epoch(&self, epoch: u64) -> String {
        if self.is_ballot(epoch) {
            format!("ballot {}", ballot(epoch))
        } else {
            format!("epoch {epoch}")
        }
    }

    fn is_ballot(&self, epoch: u64) -> bool {
        !self.epochs_in_positions && epoch >= 256
    }

    /// What the digests of a checker's sentence stand for.
    pub fn glossary(&self, subjects: &Subjects) -> String {
        let values = subjects.values.iter();
        let named = values.filter(|value| **value == 0 || self.values.contains_key(value));
        let entries: Vec<String> = named
            .map(|value| {
                let name = self.value(*value).text(|op| self.op(op));
                format!("value {value:016x} is {name}")
            })
            .collect();
        match entries.is_empty() {
            true => String::new(),
            false => format!("Here {}.", listed(&entries)),
        }
    }

    /// What a body is about.
    pub fn mentions(&self, body: &Value) -> Mentions {
        mentions(body, self.slots)
    }

    /// Positions: one, a few, or a run of them.
    pub fn places(&self, zxids: &[Zxid]) -> String {
        let word = match (self.epochs_in_positions, zxids.len()) {
            (true, 1) => "zxid",
            (true, _) => "zxids",
            (false, 1) => "slot",
            (false, _) => "slots",
        };
        let slot = |zxid| self.slots.slot_of(zxid);
        let follows = |pair: &[Zxid]| slot(pair[1]) == (slot(pair[0]).0 + 1, 0);
        let consecutive = zxids.windows(2).all(follows);
        let names: Vec<String> = zxids.iter().map(|zxid| self.place(*zxid)).collect();
        let numbers = match &names[..] {
            [first, .., last] if consecutive && names.len() > 2 => format!("{first} to {last}"),
            names => listed(names),
        };
        format!("{word} {numbers}")
    }

    /// A position: a zxid; or a slot, with the number of the command if it is not the first one.
    fn place(&self, zxid: Zxid) -> String {
        match (self.epochs_in_positions, self.slots.slot_of(zxid)) {
            (true, _) => zxid.to_string(),
            (false, (slot, 0)) => slot.to_string(),
            (false, (slot, place)) => format!("{slot} (command {})", place + 1),
        }
    }

    /// What a message says.
    pub fn gist(&self, body: &Value) -> Phrase {
        let mut gist = Phrase::default();
        for part in parts(body) {
            gist = match part {
                Part::Text(text) => gist.and(text),
                Part::Payload(carried) => gist.and(self.content(&carried.content)),
            };
        }
        gist.within(GIST_MAX, |op| self.op(op))
    }
}

/// A ballot: its round and its owner.
fn ballot(epoch: u64) -> String {
    let owner = u8::try_from(epoch & 0xff).map(NodeId);
    let owner = owner.expect("eight bits fit");
    format!("{}.{owner}", epoch >> 8)
}

fn number(body: &Value, field: &str) -> Option<u64> {
    body.get(field)?.as_u64()
}

fn gather_paths(request: &Value, paths: &mut BTreeSet<String>) {
    match request {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("path", Value::String(path)) => {
                        paths.insert(path.clone());
                    }
                    (_, value) => gather_paths(value, paths),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather_paths(item, paths)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is asked for in words; a short multi with its parts.
fn asked_text(request: &Value, text: &str) -> String {
    if let Ok(Some(request)) = serde_json::from_value::<Option<Request>>(request.clone())
        && let Request::Write(Write::Multi(_)) = &request
        && let Some(spelled) = short_text(&request)
        && spelled.chars().count() <= MULTI_MAX
    {
        return spelled;
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_in_a_sentence() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn positions_and_epochs_have_the_words_of_their_protocol() {
        let mut names = Names::default();
        assert_eq!(names.epoch(514), "ballot 2.n2");
        assert_eq!(names.places(&[Zxid(3)]), "slot 3");
        assert_eq!(names.places(&[Zxid(3), Zxid(4), Zxid(5)]), "slots 3 to 5");
        names.slots = Slots::of(100);
        assert_eq!(names.places(&[300, 400, 500].map(Zxid)), "slots 3 to 5");
        assert_eq!(names.places(&[Zxid(301)]), "slot 3 (command 2)");
        names.slots = Slots::SINGLE;
        names.epochs_in_positions = true;
        assert_eq!(names.epoch(514), "epoch 514");
        assert_eq!(names.places(&[Zxid::new(2, 1)]), "zxid 2:1");
    }

    #[test]
    fn a_short_multi_is_told_with_its_parts() {
        let check = serde_json::json!({"Check": {"path": "/p1", "version": 0}});
        let multi = serde_json::json!({"Write": {"Multi": [check]}});
        assert_eq!(
            asked_text(&multi, "multi of 1"),
            "multi check /p1 version=0"
        );
    }
}
