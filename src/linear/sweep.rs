//! Registers with unique values whose history also observes what they did *not* hold.
//!
//! A failed compare-and-set saw *some* other value at some moment. Time is swept once over blocks
//! that have an order (see `zones`). Each block begins as late as it can: when the first of its
//! operations returns. A failed compare-and-set is satisfied if the register held something else
//! at some moment since its invocation. Otherwise the next block is begun for it, if possible. If
//! all are satisfied, the order is a proof. If not, nothing is proven, unless the register was
//! forced to hold the expected value all the time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::event::Event;
use super::keyed::{Action, INITIAL, NEVER, Operation};
use super::zones::{BEGINNING, Broken, Moment, NONE, Zones, moment_of};

/// What a sweep shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swept {
    /// There is an order.
    Order,
    /// There is none.
    Broken(Broken),
    /// Undecided: this method finds none.
    Open,
}

/// The register takes a value at a moment.
#[derive(Clone, Copy, Debug)]
struct Visit {
    value: u32,
    at: Moment,
}

struct Sweep<'a> {
    operations: &'a [Operation<Action>],
    zones: &'a Zones,
    /// By value: when the register took it.
    begun: Vec<Moment>,
    visits: Vec<Visit>,
    /// Blocks not begun whose operations have all been invoked; the one that has to begin first.
    complete: BinaryHeap<Reverse<(Moment, u32)>>,
    /// Values whose writes may be left out.
    optional: Vec<u32>,
    /// Roots that were invoked and have perhaps not begun.
    roots: Vec<u32>,
    now: Moment,
}

/// Sweeps; if there is an order and `order` asks for it, it gets the operations in order.
pub(super) fn sweep(
    operations: &[Operation<Action>],
    events: &[Event],
    zones: &Zones,
    order: Option<&mut Vec<u32>>,
) -> Swept {
    let mut sweep = Sweep {
        operations,
        zones,
        begun: vec![NEVER; zones.clusters.len()],
        visits: Vec::new(),
        complete: BinaryHeap::new(),
        optional: Vec::new(),
        roots: Vec::new(),
        now: BEGINNING,
    };
    sweep.visit(INITIAL);
    // Where a failed compare-and-set is satisfied: an operation, and the number of visits before
    // it.
    let mut content = Vec::new();
    for event in events {
        sweep.now = moment_of(*event, operations);
        let index = event.operation();
        let action = operations[index].action;
        match (event.is_return(), action) {
            (false, _) => sweep.invoke(index, action),
            (true, Action::Mismatch(expected)) => match sweep.observe(index, expected) {
                Ok(visits) => content.push((index, visits)),
                Err(swept) => return swept,
            },
            (true, _) => {
                if let Some(value) = Zones::value_of(action)
                    && !sweep.reach(value)
                {
                    return Swept::Open;
                }
            }
        }
    }
    if let Some(order) = order {
        *order = sweep.order(&content);
    }
    Swept::Order
}

impl Sweep<'_> {
    fn current(&self) -> Visit {
        *self
            .visits
            .last()
            .expect("the initial value was visited first")
    }

    fn visit(&mut self, value: u32) {
        self.begun[value as usize] = self.now;
        self.visits.push(Visit {
            value,
            at: self.now,
        });
    }

    fn invoke(&mut self, index: usize, action: Action) {
        let Some(value) = Zones::value_of(action) else {
            return;
        };
        let cluster = &self.zones.clusters[value as usize];
        if !cluster.is_real {
            if cluster.before == NONE {
                self.optional.push(value);
            }
            return;
        }
        let block = &self.zones.blocks[cluster.block as usize];
        if block.root == value && cluster.writer as usize == index {
            self.roots.push(value);
        }
        if block.last.at == self.now && self.begun[block.root as usize] == NEVER {
            self.complete.push(Reverse((block.first.at, cluster.block)));
        }
    }

    /// Whether the present block can end now.
    fn may_leave(&self) -> bool {
        let cluster = &self.zones.clusters[self.current().value as usize];
        // A value whose write was optional has no block.
        cluster.block == NONE || {
            let block = &self.zones.blocks[cluster.block as usize];
            block.last.at <= self.now && cluster.after == NONE
        }
    }

    /// Goes on along the present block as far as to its end.
    fn finish_block(&mut self) -> bool {
        let mut value = self.current().value;
        let block = self.zones.clusters[value as usize].block;
        if block != NONE && self.zones.blocks[block as usize].last.at > self.now {
            return false;
        }
        while self.zones.clusters[value as usize].after != NONE {
            value = self.zones.clusters[value as usize].after;
            self.visit(value);
        }
        true
    }

    /// Begins a block at its root, and before it those that would otherwise be due within it.
    fn begin(&mut self, block: u32) -> bool {
        if !self.finish_block() {
            return false;
        }
        let last = self.zones.blocks[block as usize].last.at;
        while let Some(Reverse((first, other))) = self.complete.peek().copied() {
            if first >= last {
                break;
            }
            self.complete.pop();
            let root = self.zones.blocks[other as usize].root;
            if other != block && self.begun[root as usize] == NEVER {
                self.visit(root);
                self.finish_block();
            }
        }
        self.visit(self.zones.blocks[block as usize].root);
        true
    }

    /// Makes the register take a value by now.
    fn reach(&mut self, value: u32) -> bool {
        if self.begun[value as usize] != NEVER {
            return true;
        }
        let block = self.zones.clusters[value as usize].block;
        let present = self.zones.clusters[self.current().value as usize].block;
        if block != present && !self.begin(block) {
            return false;
        }
        while self.current().value != value {
            let after = self.zones.clusters[self.current().value as usize].after;
            if after == NONE {
                return false;
            }
            self.visit(after);
        }
        true
    }

    /// Satisfies a failed compare-and-set that returns now; returns how many visits come before it.
    fn observe(&mut self, index: usize, expected: u32) -> Result<usize, Swept> {
        let invoked = self.operations[index].invoked.saturating_add(1);
        let current = self.current();
        if current.value != expected {
            return Ok(self.visits.len());
        }
        if current.at > invoked {
            return Ok(self.visits.len() - 1);
        }
        let cluster = &self.zones.clusters[expected as usize];
        if cluster.pinned_from < invoked && self.now < cluster.pinned_to {
            let mismatch = u32::try_from(index).expect("events count in 32 bits");
            return Err(Swept::Broken(Broken::Pinned { mismatch }));
        }
        if self.move_on(expected) {
            Ok(self.visits.len())
        } else {
            Err(Swept::Open)
        }
    }

    /// Replaces the present value before an operation needs it.
    fn move_on(&mut self, present: u32) -> bool {
        let cluster = &self.zones.clusters[present as usize];
        if cluster.after != NONE {
            // Its readers and its successor are there unless it is pinned.
            if self.now < cluster.pinned_to {
                return false;
            }
            self.visit(cluster.after);
            return true;
        }
        if !self.may_leave() {
            return false;
        }
        while let Some(Reverse((_, block))) = self.complete.pop() {
            let root = self.zones.blocks[block as usize].root;
            if self.begun[root as usize] == NEVER {
                self.visit(root);
                return self.finish_block();
            }
        }
        if let Some(value) = self.optional.pop() {
            self.visit(value);
            return true;
        }
        let begun = &self.begun;
        self.roots.retain(|root| begun[*root as usize] == NEVER);
        let block_of = |root: &u32| self.zones.clusters[*root as usize].block;
        let first = |block: &u32| self.zones.blocks[*block as usize].first.at;
        match self.roots.iter().map(block_of).min_by_key(first) {
            Some(block) => self.begin(block),
            None => false,
        }
    }

    /// Everything that took effect, in order.
    fn order(&self, content: &[(usize, usize)]) -> Vec<u32> {
        let mut numbers = vec![NONE; self.zones.clusters.len()];
        for (number, visit) in (0u32..).zip(&self.visits) {
            numbers[visit.value as usize] = number;
        }
        // The visit, whether it is the write itself, the moment.
        let mut placed: Vec<(u32, bool, Moment, u32)> = Vec::new();
        for (index, operation) in (0u32..).zip(self.operations) {
            let Some(value) = Zones::value_of(operation.action) else {
                continue;
            };
            let number = numbers[value as usize];
            if number == NONE {
                continue;
            }
            let at = self.visits[number as usize].at;
            let invoked = operation.invoked.saturating_add(1);
            let is_later = matches!(operation.action, Action::Read(_));
            placed.push((number, is_later, at.max(invoked), index));
        }
        for (index, visits) in content {
            let operation = &self.operations[*index];
            let number = u32::try_from(visits - 1).expect("values count in 32 bits");
            // It is satisfied at its return, or just before the next visit.
            let at = match self.visits.get(*visits) {
                Some(next) => next.at.min(operation.returned.saturating_add(1)),
                None => operation.returned.saturating_add(1),
            };
            placed.push((number, true, at, u32::try_from(*index).expect("32 bits")));
        }
        placed.sort_unstable();
        placed.into_iter().map(|one| one.3).collect()
    }
}
