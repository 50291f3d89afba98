//! The one queue of a run: a heap of small keys, the bodies in a slab.

use core::cmp::Reverse;
use menagerie::ids::VirtualTime;
use std::collections::BinaryHeap;

/// The total order of events, and where the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) at: VirtualTime,
    /// In the order of insertion.
    sequence: u64,
    slot: u32,
}

#[derive(Debug)]
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<Key>>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    next_sequence: u64,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Queue<E> {
        Queue {
            heap: BinaryHeap::new(),
            slab: Vec::new(),
            free: Vec::new(),
            next_sequence: 0,
        }
    }

    pub(super) fn push(&mut self, at: VirtualTime, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slab.push(Some(event));
                u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 events are pending")
            }
        };
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.heap.push(Reverse(Key { at, sequence, slot }));
    }

    pub(super) fn next_at(&self) -> Option<VirtualTime> {
        self.heap.peek().map(|key| key.0.at)
    }

    pub(super) fn pop(&mut self) -> Option<Key> {
        self.heap.pop().map(|key| key.0)
    }

    pub(super) fn body(&self, key: Key) -> &E {
        let body = self.slab[key.slot as usize].as_ref();
        body.expect("a key's body stays until it is taken")
    }

    pub(super) fn take(&mut self, key: Key) -> E {
        self.free.push(key.slot);
        let body = self.slab[key.slot as usize].take();
        body.expect("a key's body is taken once")
    }

    /// Puts a popped key back where it was in the order, which may now be the past.
    pub(super) fn put_back(&mut self, key: Key) {
        self.heap.push(Reverse(key));
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
