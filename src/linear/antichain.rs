//! An antichain of configurations: none of them covers another.

use super::mask::Mask;

/// Where a search stands: a state, and what has been done of the operations that are open.
///
/// An open operation is *owed* while it has to take effect before it returns, and *spent* once its
/// effect has been used. It can be neither: its effect is unknown, or has passed unseen at some
/// moment, and may still be used instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Configuration<const W: usize> {
    pub(super) state: u32,
    /// The last step of the order that led here, if orders are recorded.
    pub(super) trace: u32,
    /// Whether it just overwrote its state, and nobody saw the new one. Overwriting that right away
    /// would be a detour.
    pub(super) is_bare: bool,
    pub(super) owed: Mask<W>,
    pub(super) spent: Mask<W>,
}

impl<const W: usize> Configuration<W> {
    /// Whether this one can do whatever the other can, which has the same state: it owes no more
    /// and has spent no more.
    fn covers(&self, other: &Configuration<W>) -> bool {
        self.owed.is_subset(&other.owed) && self.spent.is_subset(&other.spent)
    }
}

/// Below this size the memory budget is not checked.
const GROWTH_FREE: usize = 1 << 16;
/// The initial capacity: most searches need no more.
const START: usize = 32;
/// The end of a chain.
const END: u32 = u32::MAX;
/// Marks a configuration that another one covers.
const DEAD: u32 = u32::MAX - 1;

/// Configurations in the order in which they came.
#[derive(Clone, Debug)]
pub(super) struct Antichain<const W: usize> {
    entries: Vec<Configuration<W>>,
    /// The next of the same state, or that this one is covered.
    next: Vec<u32>,
    /// By state: the round in which it was last met, and the first of its chain.
    heads: Vec<(u32, u32)>,
    round: u32,
}

impl<const W: usize> Antichain<W> {
    pub(super) fn new() -> Antichain<W> {
        Antichain {
            entries: Vec::with_capacity(START),
            next: Vec::with_capacity(START),
            heads: Vec::with_capacity(START),
            round: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.next.clear();
        self.round = match self.round.checked_add(1) {
            Some(round) => round,
            None => {
                self.heads.clear();
                1
            }
        };
    }

    /// How many were added, covered ones included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The configuration of that number, unless another one has covered it.
    pub(super) fn alive(&self, number: usize) -> Option<&Configuration<W>> {
        (self.next[number] != DEAD).then(|| &self.entries[number])
    }

    pub(super) fn states(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.state)
    }

    /// Adds one unless another covers it; says whether it was added.
    pub(super) fn insert(&mut self, new: Configuration<W>) -> bool {
        let state = new.state as usize;
        if state >= self.heads.len() {
            let length = (state + 1).max(2 * self.heads.len());
            self.heads.resize(length, (0, END));
        }
        if self.heads[state].0 != self.round {
            self.heads[state] = (self.round, END);
        }
        let mut before = END;
        let mut at = self.heads[state].1;
        while at != END {
            let entry = &self.entries[at as usize];
            if entry.covers(&new) {
                return false;
            }
            let after = self.next[at as usize];
            if new.covers(entry) {
                self.next[at as usize] = DEAD;
                match before {
                    END => self.heads[state].1 = after,
                    before => self.next[before as usize] = after,
                }
            } else {
                before = at;
            }
            at = after;
        }
        let number = u32::try_from(self.entries.len()).expect("memory ends before the numbers do");
        assert!(number < DEAD, "memory ends before the numbers do");
        if self.entries.len() == self.entries.capacity() && self.entries.len() >= GROWTH_FREE {
            // Doubling would exceed a limit of memory before the budget is asked.
            let more = self.entries.len() / 16;
            self.entries.reserve_exact(more);
            self.next.reserve_exact(more);
        }
        self.entries.push(new);
        self.next.push(self.heads[state].1);
        self.heads[state].1 = number;
        true
    }

    pub(super) fn size(&self) -> usize {
        self.entries.capacity() * size_of::<Configuration<W>>()
            + 4 * self.next.capacity()
            + 8 * self.heads.capacity()
    }
}
