//! The zxids given to unplaced writes, by zxid and by write.

use std::collections::BTreeMap;

/// Unplaced constraints at zxids. Invariant: each is at one zxid, and no two share one.
#[derive(Debug, Default)]
pub(super) struct Placements {
    by_zxid: BTreeMap<u64, u32>,
    by_constraint: BTreeMap<u32, u64>,
}

impl Placements {
    pub fn new() -> Placements {
        Placements::default()
    }

    pub fn is_empty(&self) -> bool {
        self.by_zxid.is_empty()
    }

    pub fn insert(&mut self, zxid: u64, constraint: u32) {
        self.by_zxid.insert(zxid, constraint);
        self.by_constraint.insert(constraint, zxid);
    }

    pub fn remove(&mut self, zxid: u64) {
        if let Some(constraint) = self.by_zxid.remove(&zxid) {
            self.by_constraint.remove(&constraint);
        }
    }

    /// What took effect there.
    pub fn at(&self, zxid: u64) -> Option<u32> {
        self.by_zxid.get(&zxid).copied()
    }

    /// Whether a constraint has a place.
    pub fn has(&self, constraint: u32) -> bool {
        self.by_constraint.contains_key(&constraint)
    }

    /// The first occupied zxid from here on.
    pub fn next_from(&self, zxid: u64) -> Option<u64> {
        self.by_zxid.range(zxid..).next().map(|(zxid, _)| *zxid)
    }

    /// What took effect through here, the latest first.
    pub fn back_from(&self, zxid: u64) -> impl Iterator<Item = (u64, u32)> + '_ {
        let placed = self.by_zxid.range(..=zxid).rev();
        placed.map(|(zxid, constraint)| (*zxid, *constraint))
    }

    /// The occupied zxids between these two, which are included.
    pub fn within(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u32)> + '_ {
        let placed = self.by_zxid.range(first..=last);
        placed.map(|(zxid, constraint)| (*zxid, *constraint))
    }

    /// Everything that has a place.
    pub fn constraints(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_constraint.keys().copied()
    }
}
