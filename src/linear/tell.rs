//! What is wrong with a key, in words.

use super::frontier::Stuck;
use super::keyed::{Action, Family, KeyedHistory, NEVER};
use super::lanes::LaneFound;
use super::split::Lane;
use super::zones::{Block, Broken, Mark, NONE};

/// Values that are named before the rest is only counted.
const NAMED_MAX: usize = 6;

/// Tells of one lane.
pub(super) struct Teller<'a> {
    family: Family,
    history: &'a KeyedHistory,
    lane: &'a Lane,
}

impl<'a> Teller<'a> {
    pub(super) fn new(family: Family, history: &'a KeyedHistory, lane: &'a Lane) -> Teller<'a> {
        Teller {
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

    fn value(&self, value: u32) -> String {
        let text = self.history.values.told(self.lane.values[value as usize]);
        match self.family {
            Family::Register => text,
            Family::Append => format!("{text:?}"),
        }
    }

    /// An operation with its client and lines.
    fn operation(&self, index: u32) -> String {
        let operation = &self.lane.operations[index as usize];
        let what = match (self.family, operation.action) {
            (Family::Register, Action::Read(value)) => format!("read of {}", self.value(value)),
            (Family::Append, Action::Read(value)) => format!("get of {}", self.value(value)),
            (Family::Register, Action::Write(value)) => format!("write {}", self.value(value)),
            (Family::Append, Action::Write(value)) => format!("put {}", self.value(value)),
            (_, Action::Swap { from, to }) => {
                format!("cas [{}, {}]", self.value(from), self.value(to))
            }
            (_, Action::Mismatch(from)) => format!("failed cas from {}", self.value(from)),
            (_, Action::Append(text)) => format!("append {}", self.value(text)),
        };
        let member = self.lane.members[index as usize] as usize;
        let client = self.history.origins[member].client;
        let client = self.history.clients.told(client);
        let begin = u64::from(operation.invoked) + 1;
        match operation.returned {
            NEVER => format!("{what} (client {client}, line {begin}, outcome unknown)"),
            end => format!(
                "{what} (client {client}, lines {begin} and {})",
                u64::from(end) + 1
            ),
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
        let mut text = format!("{} has no place", self.operation(index));
        if self.family == Family::Register {
            let values = stuck
                .states
                .iter()
                .take(NAMED_MAX)
                .map(|state| self.value(*state));
            let values: Vec<String> = values.collect();
            text.push_str(&format!(
                ": there can only have been {}",
                values.join(" or ")
            ));
            if stuck.states.len() > NAMED_MAX {
                text.push_str(&format!(" or {} others", stuck.states.len() - NAMED_MAX));
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
            text.push_str(&format!("; {edge} had returned before it was invoked"));
        }
        text
    }
}
