//! Strings with get, put and append.
//!
//! If no text is written twice and none begins another one, a value that was read can be taken
//! apart in one way: it shows which put began it and which appends followed, in order. So a string
//! is a register whose values are the last texts of strings: a put writes its own, and an append
//! that somebody saw is a compare-and-set of the one before by its own. An append that nobody saw
//! took effect at the end of some string, just before the next put or at the very end: there it
//! stands alone, as a write does.

use super::frontier::{Found, search};
use super::judgement::Budget;
use super::keyed::{Action, INITIAL};
use super::model::{Kind, Model};
use super::split::Lane;
use super::texts::Texts;
use super::zones::{Broken, NONE};

/// What came of looking at a history's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The lane is now one of a register.
    Apart,
    /// A string was read that no writes explain.
    Broken(Broken),
    /// A string can be taken apart in several ways.
    Ambiguous,
}

/// The texts of a lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    /// By text: who writes it.
    writers: Vec<u32>,
    /// By text: what it follows in the values that were read, and who read so.
    before: Vec<(u32, u32)>,
    /// Texts that are written, sorted.
    sorted: Vec<u32>,
    /// By text: the last of its pieces, once it is known.
    ends: Vec<u32>,
}

impl Pieces {
    pub(super) fn size(&self) -> usize {
        4 * (self.writers.capacity() + self.sorted.capacity() + self.ends.capacity())
            + 8 * self.before.capacity()
    }

    /// Makes a lane of strings one of a register, if that can be done.
    pub(super) fn take_apart(&mut self, lane: &mut Lane, texts: &Texts) -> Taken {
        if !self.collect(lane, texts) {
            return Taken::Ambiguous;
        }
        for (index, operation) in (0u32..).zip(&lane.operations) {
            if let Action::Read(value) = operation.action
                && let Some(broken) = self.read(lane, texts, index, value)
            {
                return Taken::Broken(broken);
            }
        }
        for operation in &mut lane.operations {
            operation.action = match operation.action {
                Action::Read(value) => Action::Read(self.ends[value as usize]),
                Action::Append(text) => match self.before[text as usize].0 {
                    NONE => Action::Write(text),
                    from => Action::Swap { from, to: text },
                },
                put @ (Action::Write(_) | Action::Swap { .. } | Action::Mismatch(_)) => put,
            };
        }
        Taken::Apart
    }

    /// Whether every text is written once and begins no other one.
    fn collect(&mut self, lane: &Lane, texts: &Texts) -> bool {
        let values = lane.values.len();
        self.writers.clear();
        self.writers.resize(values, NONE);
        self.before.clear();
        self.before.resize(values, (NONE, NONE));
        self.ends.clear();
        self.ends.resize(values, NONE);
        self.ends[INITIAL as usize] = INITIAL;
        self.sorted.clear();
        for (index, operation) in (0u32..).zip(&lane.operations) {
            let (Action::Write(text) | Action::Append(text)) = operation.action else {
                continue;
            };
            if text == INITIAL || self.writers[text as usize] != NONE {
                return false;
            }
            self.writers[text as usize] = index;
            self.sorted.push(text);
        }
        let bytes = |text: u32| texts.bytes(lane.values[text as usize]);
        self.sorted
            .sort_unstable_by(|one, other| bytes(*one).cmp(bytes(*other)));
        let mut pairs = self.sorted.windows(2);
        pairs.all(|pair| !bytes(pair[1]).starts_with(bytes(pair[0])))
    }

    /// Takes apart what an operation read.
    fn read(&mut self, lane: &Lane, texts: &Texts, reader: u32, value: u32) -> Option<Broken> {
        if self.ends[value as usize] != NONE {
            return None;
        }
        let bytes = |text: u32| texts.bytes(lane.values[text as usize]);
        let mut rest = bytes(value);
        let mut before = INITIAL;
        while !rest.is_empty() {
            let smaller = self.sorted.partition_point(|text| bytes(*text) <= rest);
            let piece = smaller.checked_sub(1).map(|place| self.sorted[place]);
            let Some(piece) = piece.filter(|piece| rest.starts_with(bytes(*piece))) else {
                return Some(Broken::NeverWritten { observer: reader });
            };
            rest = &rest[bytes(piece).len()..];
            let writer = &lane.operations[self.writers[piece as usize] as usize];
            let is_put = matches!(writer.action, Action::Write(_));
            if is_put && before != INITIAL {
                return Some(Broken::NeverWritten { observer: reader });
            }
            let known = &mut self.before[piece as usize];
            if !is_put && known.0 != NONE && known.0 != before {
                return Some(Broken::TwoOrders {
                    one: known.1.min(reader),
                    other: known.1.max(reader),
                });
            }
            if !is_put {
                *known = (before, reader);
            }
            before = piece;
        }
        self.ends[value as usize] = before;
        None
    }
}

/// The model of a string, for histories whose texts are ambiguous.
///
/// States that begin no string that was ever read are equivalent.
pub(super) struct Strings<'a> {
    values: &'a [u32],
    texts: &'a Texts,
    /// What was read, sorted.
    read: Vec<&'a [u8]>,
    /// State number n + 1 is text number n.
    states: Texts,
    scratch: Vec<u8>,
}

/// Stands for all states that neither were read nor can be appended to something that was.
const UNSEEN: u32 = 0;

/// Searches a lane of strings.
pub(super) fn search_strings(lane: &Lane, texts: &Texts, budget: &mut dyn Budget) -> Found {
    let mut strings = Strings::new(lane, texts);
    search(&mut strings, &lane.operations, &lane.events, budget)
}

impl<'a> Strings<'a> {
    pub(super) fn new(lane: &'a Lane, texts: &'a Texts) -> Strings<'a> {
        let seen = lane
            .operations
            .iter()
            .filter_map(|operation| match operation.action {
                Action::Read(value) => Some(texts.bytes(lane.values[value as usize])),
                Action::Write(_) | Action::Append(_) => None,
                Action::Swap { .. } | Action::Mismatch(_) => None,
            });
        let mut read: Vec<&[u8]> = seen.collect();
        read.sort_unstable();
        read.dedup();
        Strings {
            values: &lane.values,
            texts,
            read,
            states: Texts::new(),
            scratch: Vec::new(),
        }
    }

    fn bytes(&self, value: u32) -> &'a [u8] {
        self.texts.bytes(self.values[value as usize])
    }

    /// The number of the state in `scratch`.
    fn number(&mut self) -> u32 {
        let state = self.scratch.as_slice();
        let after = self.read.partition_point(|read| *read < state);
        let is_seen = self
            .read
            .get(after)
            .is_some_and(|read| read.starts_with(state));
        if is_seen {
            self.states.number(state) + 1
        } else {
            UNSEEN
        }
    }
}

impl Model for Strings<'_> {
    type Action = Action;

    fn initial(&mut self) -> u32 {
        self.scratch.clear();
        self.number()
    }

    fn step(&mut self, state: u32, action: &Action) -> Option<u32> {
        match *action {
            Action::Read(seen) => {
                let seen = self.bytes(seen);
                let fits = state != UNSEEN && self.states.bytes(state - 1) == seen;
                fits.then_some(state)
            }
            Action::Write(text) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(self.bytes(text));
                Some(self.number())
            }
            Action::Append(_) if state == UNSEEN => Some(UNSEEN),
            Action::Append(text) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(self.states.bytes(state - 1));
                self.scratch.extend_from_slice(self.bytes(text));
                Some(self.number())
            }
            Action::Swap { .. } | Action::Mismatch(_) => {
                unreachable!("strings know no compare-and-set")
            }
        }
    }

    fn kind(&self, action: &Action) -> Kind {
        match action {
            Action::Read(_) | Action::Mismatch(_) => Kind::Observes,
            Action::Write(_) => Kind::Overwrites,
            Action::Append(_) => Kind::Applies,
            Action::Swap { .. } => Kind::Changes,
        }
    }

    fn size(&self) -> usize {
        self.states.size()
    }
}
