//! What things are called: epochs or ballots, positions or slots, values by the operation that they
//! stand for.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::ids::{ClientId, ConnId, NodeId, OpId, Zxid};
use menagerie::tree::{Request, Write};
use serde_json::Value;

use super::form::Form;
use crate::scenario::script::act_text;
use crate::trace::{Direction, Event, Passage, Trace, What};

/// The longest content of a message in a sentence.
const GIST_MAX: usize = 180;
/// The longest multi that is told with its parts.
const MULTI_MAX: usize = 90;
/// So many parts of an answer are told.
const PARTS_MAX: usize = 4;

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
    /// The operations.
    pub ops: BTreeMap<OpId, Op>,
    /// Which operation a session's write of this number is.
    writes: BTreeMap<(String, u64), OpId>,
    /// What a payload is, by its digest.
    values: BTreeMap<u64, String>,
}

impl Names {
    /// Learns the names of a run.
    pub fn of(trace: &Trace) -> Names {
        let mut names = Names::default();
        names.learn_operations(&trace.events);
        for event in &trace.events {
            if let What::Send { body, .. } | What::Disk { body, .. } = &event.what {
                names.learn_values(&Form::of(body));
            }
            if let What::Apply { zxid, .. } = &event.what {
                names.epochs_in_positions |= zxid.epoch() > 0;
            }
        }
        names
    }

    fn learn_operations(&mut self, events: &[Event]) {
        let mut sent: BTreeMap<(ConnId, u64), (OpId, &str)> = BTreeMap::new();
        for event in events {
            if let What::Invoke {
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
            if let What::Sent {
                op,
                session,
                xid,
                conn,
                ..
            } = &event.what
            {
                sent.insert((*conn, u64::from(*xid)), (*op, session));
            }
        }
        for event in events {
            if let What::Frame {
                conn,
                direction: Direction::Up,
                phase: Passage::Sent,
                body,
                ..
            } = &event.what
                && let (Some(xid), Some(seq)) = (number(body, "xid"), number(body, "seq"))
                && let Some((op, session)) = sent.get(&(*conn, xid))
            {
                self.writes.insert(((*session).to_owned(), seq), *op);
            }
        }
    }

    fn learn_values(&mut self, form: &Form) {
        let inside = form.inside();
        let digest = inside.iter().find(|(name, _)| *name == "digest");
        if let Some((_, Form::Word(digest))) = digest
            && let Ok(digest) = digest.parse::<u64>()
        {
            if !self.values.contains_key(&digest) {
                let name = self.content(form);
                self.values.insert(digest, name);
            }
            return;
        }
        for (_, part) in inside {
            self.learn_values(part);
        }
    }

    /// What a transaction or command is, by the operation it stands for, or else by what it does.
    pub fn content(&self, form: &Form) -> String {
        let session = form.word("session").unwrap_or_default();
        let seq = form.word("seq").and_then(|seq| seq.parse::<u64>().ok());
        let op = seq
            .filter(|seq| *seq > 0)
            .and_then(|seq| self.writes.get(&(session.to_owned(), seq)));
        if let Some(op) = op {
            return self.op(*op);
        }
        let mut change = form.part("txn").or_else(|| form.part("write"));
        while let Some(inner) = change.and_then(|change| change.part("write")) {
            change = Some(inner);
        }
        match change {
            Some(Form::Made { name, .. }) if name == "CreateSession" => {
                // A command opens a session under a token, or attaches to one again.
                match form.word("acked") {
                    Some("0") => format!("the opening of a session (token {session})"),
                    Some(_) => format!("the return of session {session}"),
                    None => format!("the opening of session {session}"),
                }
            }
            Some(Form::Made { name, .. })
                if session == "s0" && matches!(name.as_str(), "Delete" | "DeleteContainer") =>
            {
                let path = form.word("path").unwrap_or_default();
                format!("the leader's own removal of {}", path.trim_matches('"'))
            }
            Some(Form::Made { name, .. }) => {
                let path = form.word("path").unwrap_or_default();
                format!("{name} {}", path.trim_matches('"'))
                    .trim()
                    .to_owned()
            }
            Some(Form::Word(name)) => format!("{name} of {session}"),
            Some(Form::List(_)) | None => "a value".to_owned(),
        }
    }

    /// An operation by its number and what it asks for.
    pub fn op(&self, op: OpId) -> String {
        match self.ops.get(&op) {
            Some(known) => format!("{op} ({})", known.text),
            None => op.to_string(),
        }
    }

    /// A value.
    pub fn value(&self, digest: u64) -> String {
        match (digest, self.values.get(&digest)) {
            (0, _) => "a no-op".to_owned(),
            (_, Some(name)) => name.clone(),
            (_, None) => format!("value {digest:016x}"),
        }
    }

    /// An epoch, or the ballot that it stands for.
    pub fn epoch(&self, epoch: u64) -> String {
        if self.epochs_in_positions || epoch < 256 {
            format!("epoch {epoch}")
        } else {
            format!("ballot {}", ballot(epoch))
        }
    }

    /// What the epochs and digests of a checker's sentence stand for.
    pub fn glossary(&self, reason: &str, epochs: &BTreeSet<u64>) -> String {
        let mut entries: Vec<String> = epochs
            .iter()
            .filter(|epoch| !self.epoch(**epoch).starts_with("epoch"))
            .map(|epoch| format!("epoch {epoch} is {}", self.epoch(*epoch)))
            .collect();
        let words = reason.split(|character: char| !character.is_ascii_hexdigit());
        let digests: BTreeSet<&str> = words.filter(|word| word.len() == 16).collect();
        for word in digests {
            if let Ok(digest) = u64::from_str_radix(word, 16)
                && (digest == 0 || self.values.contains_key(&digest))
            {
                entries.push(format!("value {word} is {}", self.value(digest)));
            }
        }
        match entries.is_empty() {
            true => String::new(),
            false => format!("Here {}.", listed(&entries)),
        }
    }

    /// Positions: one, a few, or a run of them.
    pub fn places(&self, zxids: &[Zxid]) -> String {
        let word = match (self.epochs_in_positions, zxids.len()) {
            (true, 1) => "zxid",
            (true, _) => "zxids",
            (false, 1) => "slot",
            (false, _) => "slots",
        };
        let consecutive = zxids.windows(2).all(|pair| pair[1] == pair[0].next());
        let numbers = match zxids {
            [first, .., last] if consecutive && zxids.len() > 2 => format!("{first} to {last}"),
            zxids => listed(zxids),
        };
        format!("{word} {numbers}")
    }

    /// What a message says.
    pub fn gist(&self, form: &Form) -> String {
        let mut gist = self.gist_of(form);
        if gist.chars().count() > GIST_MAX {
            gist = gist.chars().take(GIST_MAX).chain("…".chars()).collect();
        }
        gist
    }

    fn gist_of(&self, form: &Form) -> String {
        if let Some(epoch) = form.ballot() {
            return ballot(epoch);
        }
        let inside = form.inside();
        match form {
            Form::Word(word) if word == "Noop" => "a no-op".to_owned(),
            Form::Word(word) => word.trim_matches('"').to_owned(),
            Form::List(items) if items.is_empty() => "none".to_owned(),
            Form::List(items) => {
                let told: Vec<String> = items.iter().map(|item| self.gist_of(item)).collect();
                format!("[{}]", told.join("; "))
            }
            Form::Made { .. } => {
                if inside.iter().any(|(name, _)| *name == "digest") {
                    return self.content(form);
                }
                // Of flags only those that are set say something.
                let unset = |part: &Form| matches!(part, Form::Word(word) if word == "false");
                let said = inside.iter().filter(|(_, part)| !unset(part));
                let told = said.map(|(name, part)| {
                    let part = match part {
                        Form::Word(word) if word == "true" => String::new(),
                        part => self.gist_of(part),
                    };
                    format!("{} {part}", name.replace('_', " "))
                        .trim()
                        .to_owned()
                });
                told.collect::<Vec<String>>().join(", ")
            }
        }
    }
}

/// A ballot: its round and its owner.
fn ballot(epoch: u64) -> String {
    let owner = u8::try_from(epoch & 0xff).map(NodeId);
    let owner = owner.expect("eight bits fit");
    format!("{}.{owner}", epoch >> 8)
}

/// Several things in a sentence.
pub(super) fn listed<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
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

/// What is asked for in words, without what goes without saying; a short multi with its parts.
fn asked_text(request: &Value, text: &str) -> String {
    if let Ok(Some(request)) = serde_json::from_value::<Option<Request>>(request.clone())
        && let Request::Write(Write::Multi(_)) = &request
    {
        let spelled = act_text(&request);
        if spelled.chars().count() <= MULTI_MAX && !spelled.starts_with("json ") {
            return spelled;
        }
    }
    plain(text)
}

/// A text without what goes without saying: any version does, and nodes are persistent.
pub(super) fn plain(text: &str) -> String {
    const ANY: &str = " if version -1";
    let mut told = String::new();
    for (place, piece) in text.split(ANY).enumerate() {
        // -12 is another version.
        if place > 0 && piece.starts_with(|next: char| next.is_ascii_digit()) {
            told.push_str(ANY);
        }
        told.push_str(piece);
    }
    told.replace(" (Persistent)", "")
}

/// What a client was answered, in words.
pub(super) fn answer(answer: &Value) -> String {
    if let Some(code) = answer.get("code").and_then(Value::as_str) {
        return code.to_owned();
    }
    let parts = answer.get("Multi").or_else(|| answer.get("Reads"));
    if let Some(parts) = parts.and_then(Value::as_array) {
        return parts_of(parts);
    }
    if let Some(path) = answer.pointer("/Created/path").and_then(Value::as_str) {
        return format!("created {path}");
    }
    let inside = answer.as_object().and_then(|fields| fields.values().next());
    let stat = inside.map(|inside| inside.get("stat").unwrap_or(inside));
    let stat = stat.filter(|stat| stat.get("pzxid").is_some());
    if let Some(stat) = stat {
        let of = |field: &str| number(stat, field).unwrap_or_default();
        return format!(
            "version {}, {} children, last child change at {}",
            of("version"),
            of("num_children"),
            Zxid(of("pzxid"))
        );
    }
    let text = match answer {
        Value::String(text) => text.to_lowercase(),
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            answer.to_string()
        }
    };
    text.chars().take(100).collect()
}

/// What the parts of a multi were answered, the first few of them.
fn parts_of(parts: &[Value]) -> String {
    // Of several reads each may have failed for itself.
    let inside = |part: &Value| match part.get("Ok").or_else(|| part.get("Err")) {
        Some(inside) => answer(inside),
        None => answer(part),
    };
    let mut told: Vec<String> = parts.iter().take(PARTS_MAX).map(inside).collect();
    if parts.len() > PARTS_MAX {
        told.push(format!("and {} more", parts.len() - PARTS_MAX));
    }
    format!("[{}]", told.join("; "))
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
        names.epochs_in_positions = true;
        assert_eq!(names.epoch(514), "epoch 514");
        assert_eq!(names.places(&[Zxid::new(2, 1)]), "zxid 2:1");
    }

    #[test]
    fn answers_with_a_stat_are_told_by_what_changes() {
        let stat = serde_json::json!({"version": 2, "num_children": 1, "pzxid": 7});
        let told = "version 2, 1 children, last child change at 7";
        for kind in ["Set", "Exists"] {
            assert_eq!(answer(&serde_json::json!({ kind: stat })), told);
        }
        assert_eq!(answer(&serde_json::json!({"Data": {"stat": stat}})), told);
        assert_eq!(answer(&serde_json::json!({"code": "NoNode"})), "NoNode");
        assert_eq!(answer(&serde_json::json!("Synced")), "synced");
    }

    #[test]
    fn the_answer_of_a_multi_is_told_part_by_part() {
        let stat = serde_json::json!({"version": 2, "num_children": 1, "pzxid": 7});
        let multi = serde_json::json!({"Multi": [
            "Checked", {"Set": stat}, {"Created": {"path": "/a", "stat": stat}}, "Deleted", "Checked"
        ]});
        assert_eq!(
            answer(&multi),
            "[checked; version 2, 1 children, last child change at 7; created /a; deleted; and 1 \
             more]"
        );
        let reads = serde_json::json!({"Reads": [{"Err": {"code": "NoNode"}}]});
        assert_eq!(answer(&reads), "[NoNode]");
    }

    #[test]
    fn an_operation_is_told_without_what_goes_without_saying() {
        assert_eq!(plain("setData /a if version -1"), "setData /a");
        for other in ["setData /a if version 1", "setData /a if version -12"] {
            assert_eq!(plain(other), other);
        }
        assert_eq!(plain("create /a (Persistent)"), "create /a");
        let sequential = "create /a- (PersistentSequential)";
        assert_eq!(plain(sequential), sequential);
        let check = serde_json::json!({"Check": {"path": "/p1", "version": 0}});
        let multi = serde_json::json!({"Write": {"Multi": [check]}});
        assert_eq!(
            asked_text(&multi, "multi of 1"),
            "multi check /p1 version=0"
        );
    }

    #[test]
    fn a_message_is_told_by_its_parts() {
        let text = "Promise(Report { ballot: Ballot { round: 2, owner: n2 }, chosen: 0, votes: [], \
                    again: true, late: false })";
        let gist = Names::default().gist(&Form::parse(text));
        assert_eq!(gist, "ballot 2.n2, chosen 0, votes none, again");
    }
}
