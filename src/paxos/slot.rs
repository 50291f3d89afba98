//! Slots: what one holds, and a window of them in an array.
//!
//! A slot is decided as a whole, and the state machine numbers commands: the commands of slot s
//! have the positions from `position(s, 0)` on. Each but the last says that it
//! [continues](Payload::continues), so that two values of different length differ at a position
//! that both have.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::canonical::{Canonical, RunHash};
use crate::ids::Zxid;
use crate::protocol::Slots as Positions;
use crate::tree::Payload;

/// The positions of the commands of slots.
pub(super) const POSITIONS: Positions = Positions::of(100);

/// The position of a slot's command; places count from 0.
pub(super) fn position(slot: u64, place: u64) -> Zxid {
    POSITIONS.position(slot, place)
}

/// The last position of a slot.
pub(super) fn end_of_slot(slot: u64) -> Zxid {
    POSITIONS.end_of(slot)
}

/// The slot of a position.
pub(super) fn slot_of(zxid: Zxid) -> u64 {
    POSITIONS.slot_of(zxid).0
}

/// What is proposed, voted for and chosen in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Value {
    /// Nothing to execute: fills a slot about which no promise reported a vote.
    Noop,
    /// Commands for the state machine, at least one.
    Commands(Arc<[Payload]>),
}

impl Value {
    /// A value of these commands, in their order.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(commands: Vec<Payload>) -> Value {
        let last = commands.len().checked_sub(1);
        let last = last.expect("a slot without a command holds a no-op");
        let commands = commands.into_iter().enumerate();
        let joined = commands.map(|(place, command)| match place < last {
            true => command.and_more(),
            false => command,
        });
        Value::Commands(joined.collect())
    }

    /// The digest of each position that the value takes in a slot; 0 for a no-op.
    pub fn digests(&self, slot: u64) -> impl Iterator<Item = (Zxid, u64)> {
        let digests: &[Payload] = match self {
            Value::Noop => &[],
            Value::Commands(commands) => commands,
        };
        let noop = digests.is_empty().then(|| (position(slot, 0), 0));
        let commands = digests.iter().zip(0..);
        noop.into_iter()
            .chain(commands.map(move |(command, place)| (position(slot, place), command.digest())))
    }
}

impl Canonical for Value {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Value::Noop => hash.word(0),
            Value::Commands(commands) => commands.iter().for_each(|command| command.feed(hash)),
        }
    }
}

/// One cell for each slot above a floor; the floor only rises.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slots<T> {
    floor: u64,
    /// Invariant: the last cell is not empty, so that equal contents are equal values.
    cells: VecDeque<Option<T>>,
}

impl<T> Slots<T> {
    /// Empty, for the slots above `floor`.
    pub(super) fn above(floor: u64) -> Slots<T> {
        Slots {
            floor,
            cells: VecDeque::new(),
        }
    }

    /// The greatest slot that has no cell any more.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The greatest slot that is filled; the floor if none is.
    pub(super) fn last(&self) -> u64 {
        self.floor + self.cells.len() as u64
    }

    /// What a slot holds.
    #[inline]
    pub(super) fn get(&self, slot: u64) -> Option<&T> {
        self.cells.get(self.index(slot)?)?.as_ref()
    }

    /// What a slot holds, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: u64) -> Option<&mut T> {
        let index = self.index(slot)?;
        self.cells.get_mut(index)?.as_mut()
    }

    /// Fills a slot, replacing what it held.
    pub(super) fn put(&mut self, slot: u64, content: T) {
        let index = self.index(slot);
        let index = index.expect("nobody writes to a slot at or below the floor");
        while self.cells.len() <= index {
            self.cells.push_back(None);
        }
        self.cells[index] = Some(content);
    }

    /// Empties a slot.
    pub(super) fn take(&mut self, slot: u64) -> Option<T> {
        let index = self.index(slot)?;
        let content = self.cells.get_mut(index)?.take();
        while let Some(None) = self.cells.back() {
            self.cells.pop_back();
        }
        content
    }

    /// Raises the floor.
    pub(super) fn drop_through(&mut self, slot: u64) {
        while self.floor < slot {
            if self.cells.pop_front().is_none() {
                self.floor = slot;
                return;
            }
            self.floor += 1;
        }
    }

    /// The filled slots from `first` on, ascending.
    pub(super) fn iter_from(&self, first: u64) -> impl Iterator<Item = (u64, &T)> {
        let skipped = first.saturating_sub(self.floor + 1);
        let start = usize::try_from(skipped).unwrap_or(usize::MAX);
        self.cells
            .iter()
            .enumerate()
            .skip(start)
            .filter_map(|(index, cell)| Some((self.floor + 1 + index as u64, cell.as_ref()?)))
    }

    fn index(&self, slot: u64) -> Option<usize> {
        let distance = slot.checked_sub(self.floor + 1)?;
        usize::try_from(distance).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_keep_their_numbers_when_the_floor_rises() {
        let mut slots = Slots::above(3);
        slots.put(7, 'b');
        slots.put(5, 'a');
        assert_eq!(slots.get(4), None);
        assert_eq!(slots.get(3), None);
        slots.drop_through(5);
        assert_eq!(slots.get(5), None);
        assert_eq!(slots.get(7), Some(&'b'));
        assert_eq!(slots.last(), 7);
        assert_eq!(slots.iter_from(6).collect::<Vec<_>>(), vec![(7, &'b')]);
        slots.drop_through(100);
        assert_eq!((slots.floor(), slots.last()), (100, 100));
    }

    #[test]
    fn emptying_the_last_slot_leaves_the_value_that_never_held_it() {
        let mut slots = Slots::above(0);
        slots.put(1, 'a');
        let before = slots.clone();
        slots.put(4, 'd');
        assert_eq!(slots.take(4), Some('d'));
        assert_eq!(slots, before);
    }
}
