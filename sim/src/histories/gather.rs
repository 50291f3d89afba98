//! From events to operations: which return belongs to which invocation, and what it observed.

use menagerie::linear::{Action, Family, INITIAL, KeyedHistory, NEVER, Operation, Origin, Texts};

use super::{FailedSwap, LINES_A_LOOK, Unread};

/// What an event says of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Kind {
    /// The kind of that name.
    pub(super) fn named(name: &[u8]) -> Option<Kind> {
        match name {
            b"invoke" => Some(Kind::Invoke),
            b"ok" => Some(Kind::Ok),
            b"fail" => Some(Kind::Fail),
            b"info" => Some(Kind::Info),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Read,
    Write,
    Swap,
    Append,
}

impl Verb {
    /// The verb of that name, if histories of this family have it.
    pub(super) fn named(name: &[u8], family: Family) -> Result<Verb, String> {
        let verb = match (family, name) {
            (Family::Register, b"read") | (Family::Append, b"get") => Some(Verb::Read),
            (Family::Register, b"write") | (Family::Append, b"put") => Some(Verb::Write),
            (Family::Register, b"cas") => Some(Verb::Swap),
            (Family::Append, b"append") => Some(Verb::Append),
            (Family::Register | Family::Append, _) => None,
        };
        let known = match family {
            Family::Register => "read, write and cas",
            Family::Append => "get, put and append",
        };
        verb.ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            format!("\"f\" is {name:?}; this model knows {known}")
        })
    }
}

/// The value of an event. Texts are canonical: equal values have equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// None, or null.
    Null,
    One(&'a [u8]),
    Pair(&'a [u8], &'a [u8]),
}

/// One event as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    pub(super) process: &'a [u8],
    pub(super) kind: Kind,
    pub(super) verb: Verb,
    pub(super) key: &'a [u8],
    pub(super) value: Value<'a>,
}

/// An invocation whose return has not been read.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The number of its operation.
    number: usize,
    verb: Verb,
    key: u32,
    place: u32,
}

/// An operation that turned out to observe nothing has this place of invocation.
const LEFT_OUT: u32 = NEVER;

/// Gathers a history from its events.
#[derive(Debug)]
pub(super) struct Gatherer {
    family: Family,
    failed_swap: FailedSwap,
    /// What a place counts, in words.
    unit: &'static str,
    history: KeyedHistory,
    /// By process.
    open: Vec<Option<Open>>,
}

impl Gatherer {
    /// Places of events count lines, or whatever `unit` says.
    pub(super) fn new(family: Family, failed_swap: FailedSwap, unit: &'static str) -> Gatherer {
        let mut values = Texts::new();
        let initial: &[u8] = match family {
            Family::Register => b"null",
            Family::Append => b"",
        };
        assert_eq!(values.number(initial), INITIAL);
        Gatherer {
            family,
            failed_swap,
            unit,
            history: KeyedHistory {
                values,
                ..KeyedHistory::default()
            },
            open: Vec::new(),
        }
    }

    /// Takes the event at a place; places increase.
    pub(super) fn take(&mut self, place: u32, event: &Event<'_>) -> Result<(), String> {
        let process = self.history.clients.number(event.process);
        let index = process as usize;
        if index == self.open.len() {
            self.open.push(None);
        }
        if event.kind == Kind::Invoke {
            return self.invoke(place, process, event);
        }
        let Some(open) = self.open[index].take() else {
            return Err(format!(
                "process {} has no open operation",
                self.told(process)
            ));
        };
        if open.verb != event.verb {
            return Err(format!(
                "process {} ends another operation than it began in {}",
                self.told(process),
                self.spot(open)
            ));
        }
        if !event.key.is_empty() && event.key != self.history.keys.bytes(open.key) {
            return Err(format!(
                "process {} began in {} with another key",
                self.told(process),
                self.spot(open)
            ));
        }
        self.complete(place, open, event)
    }

    /// Looks, once in a while, whether the history still fits beside its text. `place` is that of
    /// the last event.
    pub(super) fn fit(&self, place: u32, text: &[u8], bytes_max: usize) -> Result<(), Unread> {
        let lines = place as usize + 1;
        if !lines.is_multiple_of(LINES_A_LOOK) {
            return Ok(());
        }
        if text.len().saturating_add(self.history.size()) <= bytes_max {
            return Ok(());
        }
        Err(Unread::Full {
            lines,
            operations: self.history.operations_read,
        })
    }

    /// The whole history. What is open stays open.
    pub(super) fn finish(mut self) -> KeyedHistory {
        for open in self.open.into_iter().flatten() {
            if open.verb == Verb::Read {
                self.history.operations[open.number].invoked = LEFT_OUT;
            }
        }
        let (operations, origins) = (&mut self.history.operations, &mut self.history.origins);
        let mut kept = 0;
        for index in 0..operations.len() {
            if operations[index].invoked != LEFT_OUT {
                operations[kept] = operations[index];
                origins[kept] = origins[index];
                kept += 1;
            }
        }
        operations.truncate(kept);
        origins.truncate(kept);
        self.history
    }

    fn told(&self, process: u32) -> String {
        self.history.clients.told(process).into_owned()
    }

    /// Where an operation began.
    fn spot(&self, open: Open) -> String {
        format!("{} {}", self.unit, u64::from(open.place) + 1)
    }

    fn invoke(&mut self, place: u32, process: u32, event: &Event<'_>) -> Result<(), String> {
        if let Some(open) = self.open[process as usize] {
            return Err(format!(
                "process {} invokes while its operation of {} is open",
                self.told(process),
                self.spot(open)
            ));
        }
        let history = &mut self.history;
        let action = match (event.verb, event.value) {
            (Verb::Read, _) => Action::Read(INITIAL),
            (Verb::Write, value) => Action::Write(one(&mut history.values, value)?),
            (Verb::Append, Value::One(text)) => Action::Append(history.values.number(text)),
            (Verb::Append, Value::Null | Value::Pair(..)) => {
                return Err("the value of an append is a string".to_owned());
            }
            (Verb::Swap, Value::Pair(from, to)) => Action::Swap {
                from: history.values.number(from),
                to: history.values.number(to),
            },
            (Verb::Swap, Value::Null | Value::One(_)) => {
                return Err("the value of a cas is [expected, new]".to_owned());
            }
        };
        let key = history.keys.number(event.key);
        self.open[process as usize] = Some(Open {
            number: history.operations.len(),
            verb: event.verb,
            key,
            place,
        });
        history.operations.push(Operation {
            action,
            invoked: place,
            returned: NEVER,
        });
        history.origins.push(Origin {
            key,
            client: process,
        });
        history.operations_read += 1;
        Ok(())
    }

    fn complete(&mut self, place: u32, open: Open, event: &Event<'_>) -> Result<(), String> {
        let operation = &mut self.history.operations[open.number];
        match (event.kind, open.verb) {
            (Kind::Invoke, _) => unreachable!("the caller has sent invocations elsewhere"),
            (Kind::Ok, Verb::Read) => {
                let seen = one(&mut self.history.values, event.value)?;
                operation.action = Action::Read(seen);
                operation.returned = place;
            }
            (Kind::Ok, Verb::Write | Verb::Swap | Verb::Append) => operation.returned = place,
            (Kind::Fail, Verb::Swap) => match (self.failed_swap, operation.action) {
                (FailedSwap::ObservedMismatch, Action::Swap { from, .. }) => {
                    operation.action = Action::Mismatch(from);
                    operation.returned = place;
                }
                (FailedSwap::ObservedMismatch | FailedSwap::Dropped, _) => {
                    operation.invoked = LEFT_OUT;
                }
            },
            (Kind::Fail, Verb::Read | Verb::Write | Verb::Append) | (Kind::Info, Verb::Read) => {
                operation.invoked = LEFT_OUT;
            }
            // Its outcome is unknown, which it was before.
            (Kind::Info, Verb::Write | Verb::Swap | Verb::Append) => {}
        }
        Ok(())
    }

    /// The family of the history.
    pub(super) fn family(&self) -> Family {
        self.family
    }
}

/// A single value; null is the initial one.
fn one(values: &mut Texts, value: Value<'_>) -> Result<u32, String> {
    match value {
        Value::Null => Ok(INITIAL),
        Value::One(text) => Ok(values.number(text)),
        Value::Pair(..) => Err("a single value is expected, not a pair".to_owned()),
    }
}
