//! Registers whose values are unique: the method of Gibbons and Korach, with compare-and-set.
//!
//! If every value is written at most once, each read names its write. The operations of a value are
//! then contiguous in every order, and a compare-and-set ties the value that it expects to the one
//! that it writes: a *block* is a chain of values in one piece. The order inside a block is given.
//! Let `first` be the earliest return of its operations and `last` their latest invocation. A block
//! has to come before another one if its `first` is earlier than the other's `last`. There is an
//! order of all blocks unless two have to come before each other: a longer cycle contains such a
//! pair (if A, B, C is one and no two of them are, then the `first` of A is before that of C, that
//! of C before that of B and that of B before that of A).
//!
//! A write of unknown outcome took effect if somebody saw its value, and otherwise it may be left
//! out. All this is exact as long as nobody observed what a register did *not* hold; for failed
//! compare-and-sets see `sweep`.

use super::event::Event;
use super::keyed::{Action, INITIAL, NEVER, Operation};

/// Stands for an absent index.
pub(super) const NONE: u32 = u32::MAX;

/// A moment: a place of the history plus one; the first moment is before everything.
pub(super) type Moment = u32;
pub(super) const BEGINNING: Moment = 0;

/// A moment, and the operation that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) at: Moment,
    pub(super) operation: u32,
}

const FIRST: Mark = Mark {
    at: BEGINNING,
    operation: NONE,
};
const LAST: Mark = Mark {
    at: NEVER,
    operation: NONE,
};

/// The operations of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) writer: u32,
    /// The value that a compare-and-set expected and replaced by this one.
    pub(super) before: u32,
    /// The value by which a compare-and-set replaced this one.
    pub(super) after: u32,
    pub(super) block: u32,
    /// Whether it surely was the register's value at some time.
    pub(super) is_real: bool,
    /// Of its reads, the earliest return and the latest invocation.
    pub(super) returned: Mark,
    pub(super) invoked: Mark,
    /// The register holds the value no later than at the first of these moments, and at least
    /// until the second, if they are in this order.
    pub(super) pinned_from: Moment,
    pub(super) pinned_to: Moment,
}

const ABSENT: Cluster = Cluster {
    writer: NONE,
    before: NONE,
    after: NONE,
    block: NONE,
    is_real: false,
    returned: LAST,
    invoked: FIRST,
    pinned_from: NEVER,
    pinned_to: BEGINNING,
};

/// A chain of values in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) root: u32,
    pub(super) first: Mark,
    pub(super) last: Mark,
}

/// A contradiction. Operations are given by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It observed a value that nobody wrote.
    NeverWritten { observer: u32 },
    /// Both replaced the same value, which was there once.
    ReplacedTwice { first: u32, second: u32 },
    /// One read a string in which a text follows another one than in what the other read.
    TwoOrders { one: u32, other: u32 },
    /// A compare-and-set expected a value that could only come from itself.
    OwnCause { operation: u32 },
    /// By the values, the first comes after the second, yet it returned before that was invoked.
    Backwards { returned: u32, invoked: u32 },
    /// Two blocks, each of which has an operation that returned before one of the other was
    /// invoked.
    Crossing { one: Block, other: Block },
    /// A compare-and-set failed while the register held what it expected.
    Pinned { mismatch: u32 },
}

/// The operations of a history by their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    pub(super) clusters: Vec<Cluster>,
    pub(super) blocks: Vec<Block>,
    pub(super) has_mismatches: bool,
    work: Vec<u32>,
    forward: Vec<Block>,
}

fn moment(place: u32) -> Moment {
    place.saturating_add(1)
}

impl Zones {
    pub(super) fn size(&self) -> usize {
        self.clusters.capacity() * size_of::<Cluster>()
            + (self.blocks.capacity() + self.forward.capacity()) * size_of::<Block>()
            + 4 * self.work.capacity()
    }

    /// Sorts the operations by their `values`. Returns whether each value has at most one writer;
    /// if not, the method does not apply.
    pub(super) fn sort(&mut self, operations: &[Operation<Action>], values: usize) -> bool {
        self.clusters.clear();
        self.clusters.resize(values, ABSENT);
        self.has_mismatches = false;
        for (index, operation) in (0u32..).zip(operations) {
            match operation.action {
                Action::Write(value) => {
                    let cluster = &mut self.clusters[value as usize];
                    if value == INITIAL || cluster.writer != NONE {
                        return false;
                    }
                    cluster.writer = index;
                }
                Action::Swap { from, to } => {
                    let cluster = &mut self.clusters[to as usize];
                    if to == INITIAL || to == from || cluster.writer != NONE {
                        return false;
                    }
                    cluster.writer = index;
                    cluster.before = from;
                }
                Action::Read(value) => {
                    let cluster = &mut self.clusters[value as usize];
                    let (at, operation) = (moment(operation.returned), index);
                    cluster.returned = cluster.returned.min(Mark { at, operation });
                    let at = moment(operations[index as usize].invoked);
                    cluster.invoked = cluster.invoked.max(Mark { at, operation });
                }
                Action::Mismatch(_) => self.has_mismatches = true,
                Action::Append(_) => return false,
            }
        }
        true
    }

    /// Finds a contradiction. If there is none, and no failed compare-and-set, there is an order.
    pub(super) fn contradiction(&mut self, operations: &[Operation<Action>]) -> Option<Broken> {
        self.find_real(operations)
            .or_else(|| self.find_blocks(operations))
            .or_else(|| self.find_crossing())
    }

    /// Finds the values that took effect for sure.
    fn find_real(&mut self, operations: &[Operation<Action>]) -> Option<Broken> {
        self.work.clear();
        for value in 0..self.clusters.len() {
            let cluster = &mut self.clusters[value];
            let is_read = cluster.returned != LAST;
            let is_known =
                cluster.writer != NONE && operations[cluster.writer as usize].returned != NEVER;
            if is_read && cluster.writer == NONE && value != INITIAL as usize {
                let observer = cluster.returned.operation;
                return Some(Broken::NeverWritten { observer });
            }
            if is_read || is_known || value == INITIAL as usize {
                cluster.is_real = true;
                self.work
                    .push(u32::try_from(value).expect("values count in 32 bits"));
            }
        }
        while let Some(value) = self.work.pop() {
            let Cluster { before, writer, .. } = self.clusters[value as usize];
            if before == NONE {
                continue;
            }
            let cause = &mut self.clusters[before as usize];
            if cause.after != NONE {
                let (first, second) = (cause.after, writer);
                let first = self.clusters[first as usize].writer;
                return Some(Broken::ReplacedTwice {
                    first: first.min(second),
                    second: first.max(second),
                });
            }
            cause.after = value;
            if cause.writer == NONE && before != INITIAL {
                return Some(Broken::NeverWritten { observer: writer });
            }
            if !cause.is_real {
                cause.is_real = true;
                self.work.push(before);
            }
        }
        None
    }

    /// Follows the chains from their roots.
    fn find_blocks(&mut self, operations: &[Operation<Action>]) -> Option<Broken> {
        self.blocks.clear();
        for value in 0..self.clusters.len() {
            let Cluster {
                before, is_real, ..
            } = self.clusters[value];
            if !is_real || before != NONE {
                continue;
            }
            let root = u32::try_from(value).expect("values count in 32 bits");
            if let Some(broken) = self.follow(operations, root) {
                return Some(broken);
            }
        }
        // A value that no chain reaches is its own cause.
        let lost = |cluster: &&Cluster| cluster.is_real && cluster.block == NONE;
        let lost = self.clusters.iter().find(lost)?;
        Some(Broken::OwnCause {
            operation: lost.writer,
        })
    }

    fn follow(&mut self, operations: &[Operation<Action>], root: u32) -> Option<Broken> {
        let block = u32::try_from(self.blocks.len()).expect("values count in 32 bits");
        let mut last = FIRST;
        let mut first = if root == INITIAL { FIRST } else { LAST };
        let mut value = root;
        loop {
            let cluster = &mut self.clusters[value as usize];
            cluster.block = block;
            if cluster.writer != NONE {
                let writer = &operations[cluster.writer as usize];
                let operation = cluster.writer;
                let at = moment(writer.returned);
                if at < last.at {
                    return Some(backwards(operation, last));
                }
                first = first.min(Mark { at, operation });
                let at = moment(writer.invoked);
                last = last.max(Mark { at, operation });
            }
            if cluster.returned.at < last.at {
                return Some(backwards(cluster.returned.operation, last));
            }
            first = first.min(cluster.returned);
            last = last.max(cluster.invoked);
            cluster.pinned_to = last.at;
            match cluster.after {
                NONE => break,
                after => value = after,
            }
        }
        self.blocks.push(Block { root, first, last });
        self.pin(operations, value);
        None
    }

    /// Walks a chain back from its end.
    fn pin(&mut self, operations: &[Operation<Action>], end: u32) {
        let mut from = NEVER;
        let mut value = end;
        loop {
            let cluster = &mut self.clusters[value as usize];
            let (after, before, writer) = (cluster.after, cluster.before, cluster.writer);
            from = from.min(cluster.returned.at);
            if writer == NONE {
                from = BEGINNING;
            } else {
                from = from.min(moment(operations[writer as usize].returned));
            }
            cluster.pinned_from = from;
            if after != NONE {
                let replaced = self.clusters[after as usize].writer;
                let at = moment(operations[replaced as usize].invoked);
                let cluster = &mut self.clusters[value as usize];
                cluster.pinned_to = cluster.pinned_to.max(at);
            }
            match before {
                NONE => break,
                before => value = before,
            }
        }
    }

    /// Finds two blocks that have to come before each other.
    fn find_crossing(&mut self) -> Option<Broken> {
        self.forward.clear();
        let is_forward = |block: &&Block| block.first.at < block.last.at;
        self.forward.extend(self.blocks.iter().filter(is_forward));
        self.forward.sort_unstable_by_key(|block| block.first.at);
        for pair in self.forward.windows(2) {
            if pair[1].first.at < pair[0].last.at {
                let (one, other) = (pair[0], pair[1]);
                return Some(Broken::Crossing { one, other });
            }
        }
        for block in self.blocks.iter().filter(|block| !is_forward(block)) {
            let begun = self
                .forward
                .partition_point(|one| one.first.at < block.last.at);
            let Some(around) = begun.checked_sub(1) else {
                continue;
            };
            let around = self.forward[around];
            if block.first.at < around.last.at {
                return Some(Broken::Crossing {
                    one: around,
                    other: *block,
                });
            }
        }
        None
    }

    /// The value that an operation belongs to, if it belongs to one.
    pub(super) fn value_of(action: Action) -> Option<u32> {
        match action {
            Action::Read(value) | Action::Write(value) | Action::Swap { to: value, .. } => {
                Some(value)
            }
            Action::Mismatch(_) | Action::Append(_) => None,
        }
    }
}

fn backwards(returned: u32, last: Mark) -> Broken {
    Broken::Backwards {
        returned,
        invoked: last.operation,
    }
}

/// The moment of an event.
pub(super) fn moment_of(event: Event, operations: &[Operation<Action>]) -> Moment {
    let operation = &operations[event.operation()];
    moment(if event.is_return() {
        operation.returned
    } else {
        operation.invoked
    })
}
