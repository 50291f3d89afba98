//! Sets of slots: as many words as the history's concurrency needs.

/// A set of numbers below `64 * W`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask<const W: usize>([u64; W]);

impl<const W: usize> Mask<W> {
    pub(super) const EMPTY: Mask<W> = Mask([0; W]);

    /// The set of this one.
    pub(super) fn of(slot: usize) -> Mask<W> {
        let mut mask = Mask::EMPTY;
        mask.insert(slot);
        mask
    }

    pub(super) fn has(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }

    pub(super) fn insert(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    pub(super) fn remove(&mut self, slot: usize) {
        self.0[slot / 64] &= !(1 << (slot % 64));
    }

    pub(super) fn and(&self, other: &Mask<W>) -> Mask<W> {
        Mask(core::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    pub(super) fn or(&self, other: &Mask<W>) -> Mask<W> {
        Mask(core::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    pub(super) fn without(&self, other: &Mask<W>) -> Mask<W> {
        Mask(core::array::from_fn(|word| self.0[word] & !other.0[word]))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn is_subset(&self, other: &Mask<W>) -> bool {
        let mut beyond = 0;
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            beyond |= mine & !theirs;
        }
        beyond == 0
    }

    /// The smallest number that is not in the set.
    pub(super) fn first_free(&self) -> Option<usize> {
        let (word, bits) = self
            .0
            .iter()
            .enumerate()
            .find(|(_, bits)| **bits != u64::MAX)?;
        Some(64 * word + bits.trailing_ones() as usize)
    }

    pub(super) fn iter(&self) -> Slots<W> {
        Slots {
            rest: self.0,
            word: 0,
        }
    }
}

/// The numbers of a set, in order.
pub(super) struct Slots<const W: usize> {
    rest: [u64; W],
    word: usize,
}

impl<const W: usize> Iterator for Slots<W> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.word < W {
            let bits = self.rest[self.word];
            if bits != 0 {
                self.rest[self.word] = bits & (bits - 1);
                return Some(64 * self.word + bits.trailing_zeros() as usize);
            }
            self.word += 1;
        }
        None
    }
}
