//! What a violation is about, in the words of its file.

use menagerie::history::{Operation, Outcome};
use menagerie::ids::OpId;
use menagerie::linear::{self, Budget, Family, KeyedHistory, Told, told};
use menagerie::znode as tree;
use serde::Serialize;

use crate::histories::znode::TreeHistory;

/// A sub-history that is longer than this explains nothing and is left out.
const MINIMAL_MAX: usize = 1_000;

/// What a violation is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The operation that has no place.
    pub operation: Step,
    /// How many operations the longest legal prefix that was found has; 0 if there was no time to
    /// find one.
    pub legal_prefix: usize,
    /// Operations that break the promise by themselves, in the order of their invocations; empty
    /// if there was no time to find a few.
    pub minimal: Vec<Step>,
}

/// An operation of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The lines of its invocation and of its return, if it has one. (Of EDN: events.)
    pub lines: Vec<u64>,
    /// Its client.
    pub client: String,
    /// Its key, if the history has several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What it asked and was answered.
    pub what: String,
}

impl Step {
    /// In a line.
    pub fn line(&self) -> String {
        let place = match self.lines.as_slice() {
            [begin, end] => format!("lines {begin} and {end}"),
            lines => format!("line {}", lines.first().copied().unwrap_or(0)),
        };
        let key = match self.key.as_str() {
            "" => String::new(),
            key => format!("key {key}: "),
        };
        let unknown = if self.lines.len() == 2 {
            ""
        } else {
            ", outcome unknown"
        };
        format!(
            "{place}, client {}: {key}{}{unknown}",
            self.client, self.what
        )
    }
}

/// Explains a violation of keys.
pub(super) fn of_keys(
    history: &KeyedHistory,
    family: Family,
    found: &linear::Explanation,
) -> Explanation {
    let step = |index: usize| {
        let Told {
            key,
            what,
            client,
            begin,
            end,
        } = told(family, history, index);
        Step {
            lines: [Some(begin), end].into_iter().flatten().collect(),
            client,
            key,
            what,
        }
    };
    let is_short = found.minimal.len() <= MINIMAL_MAX;
    let minimal = found.minimal.iter().filter(|_| is_short);
    Explanation {
        operation: step(found.stuck),
        legal_prefix: found.legal_prefix.len(),
        minimal: minimal.map(|index| step(*index)).collect(),
    }
}

/// Explains a violation of a tree: its sentence, and what it is about.
pub(super) fn of_tree(
    parsed: &TreeHistory,
    violation: &tree::Violation,
    options: &tree::Options,
    budget: &mut dyn Budget,
) -> (String, Explanation) {
    let operations = &parsed.history.operations;
    let index_of = |id: OpId| operations.binary_search_by_key(&id, |op| op.id).ok();
    let find = |id: OpId| index_of(id).map(|index| &operations[index]);
    let place = |op: &Operation| match index_of(op.id).map(|index| step(parsed, index)) {
        None => format!("{} of {}", op.id, op.client),
        Some(Step { lines, client, .. }) => match lines.as_slice() {
            [begin, end] => format!("client {client}, lines {begin} and {end}"),
            lines => {
                let begin = lines.first().copied().unwrap_or(0);
                format!("client {client}, line {begin}, outcome unknown")
            }
        },
    };
    let sentence = violation.tell(&find, tree::Naming::Places(&place));
    let minimal = tree::minimal(&parsed.history, violation, options, budget);
    let is_short = minimal.len() <= MINIMAL_MAX;
    let minimal = minimal.into_iter().filter(|_| is_short);
    let culprit = index_of(violation.operation).map(|index| step(parsed, index));
    let explanation = Explanation {
        operation: culprit.unwrap_or_else(|| Step {
            lines: Vec::new(),
            client: String::new(),
            key: String::new(),
            what: "the end of a session that nobody asked for".to_owned(),
        }),
        legal_prefix: violation.prefix.len(),
        minimal: minimal
            .filter_map(|id| Some(step(parsed, index_of(id)?)))
            .collect(),
    };
    (sentence, explanation)
}

fn step(parsed: &TreeHistory, index: usize) -> Step {
    let op = &parsed.history.operations[index];
    let [begin, end] = parsed.lines[index];
    let asked = tree::asked(&op.request);
    let (what, has_ended) = match &op.outcome {
        Some(Outcome::Answered { zxid, answer }) => {
            let answered = tree::answered(answer);
            (format!("{asked}: {answered}, at {zxid}"), true)
        }
        Some(Outcome::Refused(_)) => (format!("{asked}: refused"), true),
        Some(Outcome::Unknown) | None => (asked, false),
    };
    let end = (has_ended && end > 0).then_some(end);
    Step {
        lines: [Some(begin), end]
            .into_iter()
            .flatten()
            .map(u64::from)
            .collect(),
        client: parsed.clients[usize::from(op.client.0) - 1].clone(),
        key: String::new(),
        what,
    }
}
