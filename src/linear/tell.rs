//! What is wrong with a key, as text.

use std::fmt::{self, Display, Formatter};

use super::frontier::Stuck;
use super::keyed::{Action, Family, KeyedHistory, NEVER};
use super::lanes::LaneFound;
use super::split::Lane;
use super::zones::{Block, Broken, Mark, NONE};

/// Values that are named before the rest is only counted.
const NAMED_MAX: usize = 6;
/// The usual length of a sentence, in bytes.
const SENTENCE: usize = 256;

/// An operation of a history as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its key; empty if the history has only one.
    pub key: String,
    /// What it did and saw.
    pub what: String,
    /// Its client.
    pub client: String,
    /// The line of its invocation.
    pub begin: u64,
    /// The line of its return; `None` if its outcome is unknown.
    pub end: Option<u64>,
}

/// Describes one operation, by its index in the history.
pub fn told(family: Family, history: &KeyedHistory, index: usize) -> Told {
    let operation = &history.operations[index];
    let origin = &history.origins[index];
    let action = operation.action;
    Told {
        key: history.keys.told(origin.key).into_owned(),
        what: RequestText {
            family,
            history,
            action,
        }
        .to_string(),
        client: history.clients.told(origin.client).into_owned(),
        begin: line(operation.invoked),
        end: (operation.returned != NEVER).then(|| line(operation.returned)),
    }
}

/// The line of an event.
fn line(place: u32) -> u64 {
    u64::from(place) + 1
}

/// An action as text.
struct RequestText<'a> {
    family: Family,
    history: &'a KeyedHistory,
    action: Action,
}

impl Display for RequestText<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let value = |number: u32| Value {
            family: self.family,
            history: self.history,
            number,
        };
        match (self.family, self.action) {
            (Family::Register, Action::Read(seen)) => write!(to, "read of {}", value(seen)),
            (Family::Append, Action::Read(seen)) => write!(to, "get of {}", value(seen)),
            (Family::Register, Action::Write(by)) => write!(to, "write {}", value(by)),
            (Family::Append, Action::Write(by)) => write!(to, "put {}", value(by)),
            (_, Action::Swap { from, to: by }) => {
                write!(to, "cas [{}, {}]", value(from), value(by))
            }
            (_, Action::Mismatch(from)) => write!(to, "failed cas from {}", value(from)),
            (_, Action::Append(text)) => write!(to, "append {}", value(text)),
        }
    }
}

/// A value as text.
struct Value<'a> {
    family: Family,
    history: &'a KeyedHistory,
    number: u32,
}

impl Display for Value<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let text = self.history.values.told(self.number);
        match self.family {
            Family::Register => to.write_str(&text),
            Family::Append => write!(to, "{text:?}"),
        }
    }
}

/// An operation with its client and lines.
struct Place<'a> {
    family: Family,
    history: &'a KeyedHistory,
    index: usize,
}

impl Display for Place<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let (family, history) = (self.family, self.history);
        let operation = &history.operations[self.index];
        let what = RequestText {
            family,
            history,
            action: operation.action,
        };
        let client = history.clients.told(history.origins[self.index].client);
        write!(to, "{what} (client {client}, line")?;
        let begin = line(operation.invoked);
        match operation.returned {
            NEVER => write!(to, " {begin}, outcome unknown)"),
            returned => write!(to, "s {begin} and {})", line(returned)),
        }
    }
}

/// Describes one lane.
pub(super) struct LaneText<'a> {
    family: Family,
    history: &'a KeyedHistory,
    lane: &'a Lane,
}

impl<'a> LaneText<'a> {
    pub(super) fn new(family: Family, history: &'a KeyedHistory, lane: &'a Lane) -> LaneText<'a> {
        LaneText {
            family,
            history,
            lane,
        }
    }

    /// The operation that the finding is about: the last one to return of those it names.
    pub(super) fn culprit(&self, found: &LaneFound) -> usize {
        let LaneFound::Broken(broken) = found else {
            return match found {
                LaneFound::Stuck(stuck) => stuck.operation,
                LaneFound::Broken(_) | LaneFound::Order | LaneFound::Undecided(_) => 0,
            };
        };
        let all = match *broken {
            Broken::NeverWritten { observer: one }
            | Broken::OwnCause { operation: one }
            | Broken::Pinned { mismatch: one } => vec![one],
            Broken::ReplacedTwice { first, second } => vec![first, second],
            Broken::TwoOrders { one, other } => vec![one, other],
            Broken::Backwards { returned, invoked } => vec![returned, invoked],
            Broken::Crossing { one, other } => {
                let marks = [one.first, one.last, other.first, other.last];
                marks
                    .iter()
                    .map(|mark| mark.operation)
                    .filter(|one| *one != NONE)
                    .collect()
            }
        };
        let returned = |index: &u32| self.lane.operations[*index as usize].returned;
        let last = all.into_iter().max_by_key(returned);
        last.expect("a finding names an operation") as usize
    }

    /// The finding in a sentence.
    pub(super) fn tell(&self, found: &LaneFound) -> String {
        let what = match found {
            LaneFound::Order | LaneFound::Undecided(_) => String::new(),
            LaneFound::Stuck(stuck) => self.stuck(stuck),
            LaneFound::Broken(broken) => self.broken(broken),
        };
        let key = self.history.keys.told(self.lane.key);
        if key.is_empty() {
            what
        } else {
            format!("key {key}: {what}")
        }
    }

    fn value(&self, value: u32) -> Value<'_> {
        Value {
            family: self.family,
            history: self.history,
            number: self.lane.values[value as usize],
        }
    }

    fn operation(&self, index: u32) -> Place<'_> {
        // Judging may have changed what the lane says of it, but not the history.
        Place {
            family: self.family,
            history: self.history,
            index: self.lane.members[index as usize] as usize,
        }
    }

    fn broken(&self, broken: &Broken) -> String {
        match *broken {
            Broken::NeverWritten { observer } => format!(
                "{} saw a value that was never written{}",
                self.operation(observer),
                match self.family {
                    Family::Register => "",
                    Family::Append => " so",
                }
            ),
            Broken::ReplacedTwice { first, second } => format!(
                "{} and {} both replaced a value that was there only once",
                self.operation(first),
                self.operation(second)
            ),
            Broken::TwoOrders { one, other } => format!(
                "{} and {} saw the same text behind different ones, but it was appended once",
                self.operation(one),
                self.operation(other)
            ),
            Broken::OwnCause { operation } => format!(
                "{} succeeded on a value that could only come from its own",
                self.operation(operation)
            ),
            Broken::Backwards { returned, invoked } => format!(
                "{} returned before {} was invoked, yet by the values it comes after it",
                self.operation(returned),
                self.operation(invoked)
            ),
            Broken::Crossing { one, other } => self.crossing(one, other),
            Broken::Pinned { mismatch } => format!(
                "{}, but from before its invocation until after its return there was nothing else",
                self.operation(mismatch)
            ),
        }
    }

    fn crossing(&self, one: Block, other: Block) -> String {
        // The value that was there first tells the story better.
        let (one, other) = if one.first <= other.first {
            (one, other)
        } else {
            (other, one)
        };
        format!(
            "{} came before {}: {}; yet it was there afterwards: {}",
            self.value(one.root),
            self.value(other.root),
            self.edge(one.first, other.last),
            self.edge(other.first, one.last)
        )
    }

    /// Two operations in real time.
    fn edge(&self, first: Mark, last: Mark) -> String {
        let last = self.operation(last.operation);
        match first.operation {
            NONE => format!("it was the initial value, before {last}"),
            first => format!(
                "{} returned before {last} was invoked",
                self.operation(first)
            ),
        }
    }

    fn stuck(&self, stuck: &Stuck) -> String {
        let index = u32::try_from(stuck.operation).expect("a part of 32 bits");
        let mut text = String::with_capacity(SENTENCE);
        text += &format!("{} has no place", self.operation(index));
        if self.family == Family::Register {
            for (number, state) in stuck.states.iter().take(NAMED_MAX).enumerate() {
                text += match number {
                    0 => ": there can only have been ",
                    _ => " or ",
                };
                text += &self.value(*state).to_string();
            }
            if stuck.states.len() > NAMED_MAX {
                text += &format!(" or {} others", stuck.states.len() - NAMED_MAX);
            }
        }
        let invoked = self.lane.operations[stuck.operation].invoked;
        let edge = (0u32..)
            .zip(&self.lane.operations)
            .filter(|(_, operation)| {
                let observes = matches!(operation.action, Action::Read(_) | Action::Mismatch(_));
                !observes && operation.returned < invoked
            });
        if let Some((edge, _)) = edge.max_by_key(|(_, operation)| operation.returned) {
            let edge = self.operation(edge);
            text += &format!("; {edge} had returned before it was invoked");
        }
        text
    }
}
