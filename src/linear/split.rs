//! A keyed history, key by key.

use super::event::Event;
use super::keyed::{Action, INITIAL, KeyedHistory, NEVER, Operation};

/// No number yet.
const NONE: u32 = u32::MAX;

/// Memory of a split, in bytes per operation and per value.
const OPERATION_BYTES: usize = 40;
const VALUE_BYTES: usize = 4;

/// A history, and where the events of each of its keys are.
pub(super) struct Split<'a> {
    history: &'a KeyedHistory,
    parts: Parts,
}

enum Parts {
    /// There is one key: everything is its.
    Whole,
    Keys {
        /// The events of each key in order, with the operations' indices in the whole history.
        events: Vec<Event>,
        /// Where the events of each key begin, and where the last ones end.
        starts: Vec<usize>,
        numbers: Numbers,
    },
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

impl<'a> Split<'a> {
    /// The memory that a split will take, in bytes.
    pub(super) fn planned(history: &KeyedHistory) -> usize {
        OPERATION_BYTES * history.operations.len() + VALUE_BYTES * history.values.len()
    }

    pub(super) fn new(history: &'a KeyedHistory) -> Split<'a> {
        let parts = match history.keys.len() {
            1 => Parts::Whole,
            _ => Parts::of(history),
        };
        Split { history, parts }
    }

    pub(super) fn size(&self) -> usize {
        match &self.parts {
            Parts::Whole => 0,
            Parts::Keys {
                events,
                starts,
                numbers,
            } => {
                // While it is built, twice as much is held.
                2 * size_of::<Event>() * events.capacity() + 8 * starts.capacity() + numbers.size()
            }
        }
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.history.keys.len()
    }

    /// Fills a lane with the history of a key.
    pub(super) fn fill(&mut self, key: usize, lane: &mut Lane) {
        lane.clear();
        lane.key = u32::try_from(key).expect("keys were numbered in 32 bits");
        match &mut self.parts {
            Parts::Whole => lane.take(self.history),
            Parts::Keys {
                events,
                starts,
                numbers,
            } => lane.pick(self.history, &events[starts[key]..starts[key + 1]], numbers),
        }
    }
}

impl Parts {
    fn of(history: &KeyedHistory) -> Parts {
        let mut starts = vec![0; history.keys.len() + 1];
        for (operation, origin) in history.operations.iter().zip(&history.origins) {
            starts[origin.key as usize + 1] += 1 + usize::from(operation.returned != NEVER);
        }
        for key in 1..starts.len() {
            starts[key] += starts[key - 1];
        }
        let total = starts.last().copied().unwrap_or(0);
        let mut events = vec![Event::invocation(0); total];
        let mut next = starts.clone();
        for event in in_order(&history.operations) {
            let place = &mut next[history.origins[event.operation()].key as usize];
            events[*place] = event;
            *place += 1;
        }
        Parts::Keys {
            events,
            starts,
            numbers: Numbers::new(history),
        }
    }
}

/// The events of all operations, by their places.
fn in_order(operations: &[Operation<Action>]) -> Vec<Event> {
    let last = |operation: &Operation<Action>| match operation.returned {
        NEVER => operation.invoked,
        returned => returned,
    };
    let places = operations.iter().map(last).max();
    let mut events = vec![Event::NONE; places.map_or(0, |last| last as usize + 1)];
    for (index, operation) in (0u32..).zip(operations) {
        events[operation.invoked as usize] = Event::invocation(index);
        if operation.returned != NEVER {
            events[operation.returned as usize] = Event::return_of(index);
        }
    }
    events.retain(|event| *event != Event::NONE);
    events
}

impl Lane {
    fn clear(&mut self) {
        self.operations.clear();
        self.events.clear();
        self.members.clear();
        self.values.clear();
    }

    /// Takes a history of one key.
    fn take(&mut self, history: &KeyedHistory) {
        let numbers =
            |length: usize| 0..u32::try_from(length).expect("a history counts in 32 bits");
        self.operations.extend_from_slice(&history.operations);
        self.events = in_order(&history.operations);
        self.members.extend(numbers(history.operations.len()));
        self.values.extend(numbers(history.values.len()));
    }

    /// Takes the operations of these events.
    fn pick(&mut self, history: &KeyedHistory, events: &[Event], numbers: &mut Numbers) {
        numbers.value(INITIAL, &mut self.values);
        for event in events {
            let index = event.operation();
            if event.is_return() {
                self.events
                    .push(Event::return_of(numbers.operations[index]));
                continue;
            }
            let mut operation = history.operations[index];
            let mut value = |value: u32| numbers.value(value, &mut self.values);
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
            let number = u32::try_from(self.operations.len()).expect("a part of 32 bits");
            numbers.operations[index] = number;
            self.events.push(Event::invocation(number));
            self.members
                .push(u32::try_from(index).expect("events count in 32 bits"));
            self.operations.push(operation);
        }
        for value in &self.values {
            numbers.values[*value as usize] = NONE;
        }
    }

    pub(super) fn size(&self) -> usize {
        self.operations.capacity() * size_of::<Operation<Action>>()
            + 4 * (self.events.capacity() + self.members.capacity() + self.values.capacity())
    }
}

/// New numbers of the lane that is being filled, by the old ones.
struct Numbers {
    operations: Vec<u32>,
    /// Between two lanes each is [`NONE`].
    values: Vec<u32>,
}

impl Numbers {
    fn new(history: &KeyedHistory) -> Numbers {
        Numbers {
            operations: vec![0; history.operations.len()],
            values: vec![NONE; history.values.len()],
        }
    }

    fn size(&self) -> usize {
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
