//! A keyed history, key by key.

use super::frontier::Event;
use super::keyed::{Action, INITIAL, KeyedHistory, NEVER, Operation};

/// No event.
const NONE: u32 = u32::MAX;

/// The events of each key in order, with the operations' indices in the whole history.
pub(super) struct Split {
    events: Vec<Event>,
    /// Where the events of each key begin, and where the last ones end.
    starts: Vec<usize>,
}

/// The history of one key. Operations and values are numbered anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) key: u32,
    pub(super) operations: Vec<Operation<Action>>,
    pub(super) events: Vec<Event>,
    /// By operation: its index in the whole history.
    pub(super) members: Vec<u32>,
    /// By value: its number in the whole history.
    pub(super) values: Vec<u32>,
}

impl Split {
    pub(super) fn new(history: &KeyedHistory) -> Split {
        let last = |operation: &Operation<Action>| match operation.returned {
            NEVER => operation.invoked,
            returned => returned,
        };
        let places = history.operations.iter().map(last).max();
        let mut codes = vec![(NONE, false); places.map_or(0, |last| last as usize + 1)];
        let mut starts = vec![0; history.keys.len() + 1];
        for (index, operation) in (0u32..).zip(&history.operations) {
            let key = history.origins[index as usize].key as usize;
            codes[operation.invoked as usize] = (index, false);
            starts[key + 1] += 1;
            if operation.returned != NEVER {
                codes[operation.returned as usize] = (index, true);
                starts[key + 1] += 1;
            }
        }
        for key in 1..starts.len() {
            starts[key] += starts[key - 1];
        }
        let total = starts.last().copied().unwrap_or(0);
        let mut events = vec![Event::invocation(0); total];
        let mut next = starts.clone();
        for (index, is_return) in codes.into_iter().filter(|code| code.0 != NONE) {
            let place = &mut next[history.origins[index as usize].key as usize];
            events[*place] = match is_return {
                true => Event::return_of(index),
                false => Event::invocation(index),
            };
            *place += 1;
        }
        Split { events, starts }
    }

    pub(super) fn size(&self) -> usize {
        // While it is made there is as much again.
        2 * size_of::<Event>() * self.events.capacity() + 8 * self.starts.capacity()
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.starts.len() - 1
    }

    /// Fills a lane with the history of a key.
    pub(super) fn fill(
        &self,
        history: &KeyedHistory,
        key: usize,
        numbers: &mut Numbers,
        lane: &mut Lane,
    ) {
        lane.clear();
        lane.key = u32::try_from(key).expect("keys were numbered in 32 bits");
        numbers.value(INITIAL, &mut lane.values);
        for event in &self.events[self.starts[key]..self.starts[key + 1]] {
            let index = event.operation();
            if event.is_return() {
                lane.events
                    .push(Event::return_of(numbers.operations[index]));
                continue;
            }
            let mut operation = history.operations[index];
            let mut value = |value: u32| numbers.value(value, &mut lane.values);
            operation.action = match operation.action {
                Action::Read(seen) => Action::Read(value(seen)),
                Action::Write(written) => Action::Write(value(written)),
                Action::Swap { from, to } => {
                    let (from, to) = (value(from), value(to));
                    Action::Swap { from, to }
                }
                Action::Mismatch(expected) => Action::Mismatch(value(expected)),
                Action::Append(text) => Action::Append(value(text)),
            };
            let number = u32::try_from(lane.operations.len()).expect("a part of 32 bits");
            numbers.operations[index] = number;
            lane.events.push(Event::invocation(number));
            lane.members
                .push(u32::try_from(index).expect("events count in 32 bits"));
            lane.operations.push(operation);
        }
        for value in &lane.values {
            numbers.values[*value as usize] = NONE;
        }
    }
}

impl Lane {
    fn clear(&mut self) {
        self.operations.clear();
        self.events.clear();
        self.members.clear();
        self.values.clear();
    }

    pub(super) fn size(&self) -> usize {
        self.operations.capacity() * size_of::<Operation<Action>>()
            + 4 * (self.events.capacity() + self.members.capacity() + self.values.capacity())
    }
}

/// New numbers of the lane that is being filled, by the old ones.
pub(super) struct Numbers {
    operations: Vec<u32>,
    /// Between two lanes each is [`NONE`].
    values: Vec<u32>,
}

impl Numbers {
    pub(super) fn new(history: &KeyedHistory) -> Numbers {
        Numbers {
            operations: vec![0; history.operations.len()],
            values: vec![NONE; history.values.len()],
        }
    }

    pub(super) fn size(&self) -> usize {
        4 * (self.operations.capacity() + self.values.capacity())
    }

    fn value(&mut self, value: u32, values: &mut Vec<u32>) -> u32 {
        let number = &mut self.values[value as usize];
        if *number == NONE {
            *number = u32::try_from(values.len()).expect("a part of 32 bits");
            values.push(value);
        }
        *number
    }
}
