//! Bodies of events, read back: the text of a Rust debug form, or JSON, as a tree.

use std::collections::BTreeSet;

use menagerie::ids::{NodeId, Zxid};
use menagerie::protocol::epoch_of_ballot;
use serde_json::Value;

/// A body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A number, a name or a text.
    Word(String),
    /// Several in order.
    List(Vec<Form>),
    /// Something with parts; those without a name of their own have an empty one.
    Made {
        name: String,
        parts: Vec<(String, Form)>,
    },
}

/// What a body is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Positions in the total order.
    pub zxids: BTreeSet<Zxid>,
    /// Epochs, ballots as they compare.
    pub epochs: BTreeSet<u64>,
}

impl Form {
    /// Reads a body. What is not understood becomes a word.
    pub fn of(body: &Value) -> Form {
        match body {
            Value::String(text) => Form::parse(text),
            Value::Null => Form::Word(String::new()),
            Value::Bool(_) | Value::Number(_) => Form::Word(body.to_string()),
            Value::Array(items) => Form::List(items.iter().map(Form::of).collect()),
            Value::Object(fields) => Form::Made {
                name: String::new(),
                parts: fields
                    .iter()
                    .map(|(name, value)| (name.clone(), Form::of(value)))
                    .collect(),
            },
        }
    }

    /// Reads the text of a debug form.
    pub fn parse(text: &str) -> Form {
        Reader { rest: text }.form()
    }

    /// The part of that name, wherever it is inside; the outermost first.
    pub fn part(&self, wanted: &str) -> Option<&Form> {
        let inside: Vec<(&str, &Form)> = self.inside();
        let own = inside.iter().find(|(name, _)| *name == wanted);
        own.map(|(_, form)| *form)
            .or_else(|| inside.iter().find_map(|(_, form)| form.part(wanted)))
    }

    /// The word that a part is.
    pub fn word(&self, wanted: &str) -> Option<&str> {
        match self.part(wanted)? {
            Form::Word(word) => Some(word),
            Form::List(_) | Form::Made { .. } => None,
        }
    }

    /// Its parts.
    pub fn inside(&self) -> Vec<(&str, &Form)> {
        match self {
            Form::Word(_) => Vec::new(),
            Form::List(items) => items.iter().map(|item| ("", item)).collect(),
            Form::Made { parts, .. } => parts
                .iter()
                .map(|(name, part)| (name.as_str(), part))
                .collect(),
        }
    }

    /// The ballot that it is.
    pub fn ballot(&self) -> Option<u64> {
        let Form::Made { parts, .. } = self else {
            return None;
        };
        let [(round, Form::Word(number)), (owner, Form::Word(node))] = parts.as_slice() else {
            return None;
        };
        if (round.as_str(), owner.as_str()) != ("round", "owner") {
            return None;
        }
        let node = node.trim_start_matches('n').parse().ok()?;
        Some(epoch_of_ballot(number.parse().ok()?, NodeId(node)))
    }

    /// What it is about.
    pub fn mentions(&self) -> Mentions {
        let mut mentions = Mentions::default();
        self.gather(&mut mentions);
        mentions
    }

    /// The digests of the payloads inside; 0 is a no-op.
    pub fn values(&self) -> Vec<u64> {
        let mut values = Vec::new();
        self.gather_values(&mut values);
        values
    }

    fn gather_values(&self, values: &mut Vec<u64>) {
        if let Form::Word(word) = self {
            values.extend((word == "Noop").then_some(0));
        }
        for (name, part) in self.inside() {
            match (name, part) {
                ("digest", Form::Word(word)) => values.extend(word.parse::<u64>().ok()),
                (_, part) => part.gather_values(values),
            }
        }
    }

    fn gather(&self, mentions: &mut Mentions) {
        mentions.epochs.extend(self.ballot());
        self.gather_run(mentions);
        for (name, part) in self.inside() {
            match (name, part) {
                ("zxid" | "slot", Form::Word(word)) => mentions.zxids.extend(zxid(word)),
                ("epoch", Form::Word(word)) => {
                    mentions.epochs.extend(word.parse::<u64>().ok());
                }
                (_, part) => part.gather(mentions),
            }
        }
    }

    /// Values that are sent from a first position on.
    fn gather_run(&self, mentions: &mut Mentions) {
        let Form::Made { parts, .. } = self else {
            return;
        };
        let of = |wanted: &str| parts.iter().find(|(name, _)| name == wanted);
        if let (Some((_, Form::Word(first))), Some((_, Form::List(values)))) =
            (of("first"), of("values"))
            && let Some(first) = zxid(first)
        {
            let run = 0..values.len() as u64;
            mentions
                .zxids
                .extend(run.map(|step| Zxid(first.0.saturating_add(step))));
        }
    }
}

/// A position as it is written: `3`, or `2:17`.
pub(super) fn zxid(word: &str) -> Option<Zxid> {
    match word.split_once(':') {
        Some((epoch, counter)) => Some(Zxid::new(epoch.parse().ok()?, counter.parse().ok()?)),
        None => word.parse().ok().map(Zxid),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn form(&mut self) -> Form {
        self.space();
        if self.rest.starts_with('"') {
            return Form::Word(self.quoted());
        }
        let name = self.name();
        match self.rest.chars().next() {
            Some('{') => self.parts(name, '}'),
            Some('(') => self.parts(name, ')'),
            Some('[') => match self.parts(String::new(), ']') {
                Form::Made { parts, .. } => {
                    Form::List(parts.into_iter().map(|(_, part)| part).collect())
                }
                other @ (Form::Word(_) | Form::List(_)) => other,
            },
            Some(_) | None => Form::Word(name),
        }
    }

    /// Everything up to a bracket, a comma or the end.
    fn name(&mut self) -> String {
        let end = self
            .rest
            .find(['{', '(', '[', '}', ')', ']', ','])
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.trim().to_owned()
    }

    fn quoted(&mut self) -> String {
        let mut end = self.rest.len();
        let mut escaped = false;
        for (place, character) in self.rest.char_indices().skip(1) {
            match character {
                '"' if !escaped => {
                    end = place + 1;
                    break;
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.to_owned()
    }

    fn parts(&mut self, name: String, close: char) -> Form {
        self.rest = &self.rest[1..];
        let mut parts = Vec::new();
        loop {
            self.space();
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                break;
            }
            let before = self.rest.len();
            let field = self.field();
            let form = self.form();
            parts.push((field, form));
            self.space();
            self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
            // A text that is no debug form must not hold the reader up.
            if self.rest.is_empty() || self.rest.len() == before {
                break;
            }
        }
        Form::Made { name, parts }
    }

    /// The name of a field, if one stands here.
    fn field(&mut self) -> String {
        let end = self
            .rest
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let name = end.map(|end| self.rest.split_at(end));
        match name.and_then(|(name, rest)| Some((name, rest.strip_prefix(": ")?))) {
            Some((name, rest)) if !name.is_empty() => {
                let name = name.to_owned();
                self.rest = rest;
                name
            }
            Some(_) | None => String::new(),
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_form_is_read_back() {
        let text = "Promise(Report { ballot: Ballot { round: 2, owner: n2 }, chosen: 0, votes: \
                    [SlotVote { slot: 3, ballot: Ballot { round: 1, owner: n1 }, value: Noop }] })";
        let form = Form::parse(text);
        assert_eq!(form.word("chosen"), Some("0"));
        let mentions = form.mentions();
        assert_eq!(mentions.zxids, BTreeSet::from([Zxid(3)]));
        assert_eq!(mentions.epochs, BTreeSet::from([257, 514]));
        assert_eq!(form.values(), [0]);
    }

    #[test]
    fn positions_are_read_in_both_spellings_and_in_runs() {
        let form = Form::parse("Proposal { zxid: 1:3, payload: Payload(Body { digest: 77 }) }");
        assert_eq!(form.mentions().zxids, BTreeSet::from([Zxid::new(1, 3)]));
        let run = Form::parse("Learn { first: 4, values: [Noop, Noop] }");
        assert_eq!(run.mentions().zxids, BTreeSet::from([Zxid(4), Zxid(5)]));
    }

    #[test]
    fn what_is_no_debug_form_ends_as_a_word() {
        assert_eq!(Form::parse("half (open"), {
            let open = ("".to_owned(), Form::Word("open".to_owned()));
            Form::Made {
                name: "half".to_owned(),
                parts: vec![open],
            }
        });
        assert_eq!(Form::parse("]"), Form::Word(String::new()));
        assert_eq!(Form::parse("\"a, b\""), Form::Word("\"a, b\"".to_owned()));
    }
}
