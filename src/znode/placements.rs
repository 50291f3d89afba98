//! Where floating writes took effect, by place and by write.

use std::collections::BTreeMap;

/// Floating claims at zxids. Invariant: each of them is at one zxid, and none shares it.
#[derive(Debug, Default)]
pub(super) struct Placements {
    by_zxid: BTreeMap<u64, u32>,
    by_claim: BTreeMap<u32, u64>,
}

impl Placements {
    pub fn new() -> Placements {
        Placements::default()
    }

    pub fn is_empty(&self) -> bool {
        self.by_zxid.is_empty()
    }

    pub fn insert(&mut self, zxid: u64, claim: u32) {
        self.by_zxid.insert(zxid, claim);
        self.by_claim.insert(claim, zxid);
    }

    pub fn remove(&mut self, zxid: u64) {
        if let Some(claim) = self.by_zxid.remove(&zxid) {
            self.by_claim.remove(&claim);
        }
    }

    /// What took effect there.
    pub fn at(&self, zxid: u64) -> Option<u32> {
        self.by_zxid.get(&zxid).copied()
    }

    /// Whether a claim has a place.
    pub fn has(&self, claim: u32) -> bool {
        self.by_claim.contains_key(&claim)
    }

    /// The first occupied zxid from here on.
    pub fn next_from(&self, zxid: u64) -> Option<u64> {
        self.by_zxid.range(zxid..).next().map(|(zxid, _)| *zxid)
    }

    /// What took effect through here, the latest first.
    pub fn back_from(&self, zxid: u64) -> impl Iterator<Item = (u64, u32)> + '_ {
        let placed = self.by_zxid.range(..=zxid).rev();
        placed.map(|(zxid, claim)| (*zxid, *claim))
    }

    /// The occupied zxids between these two, which are included.
    pub fn within(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u32)> + '_ {
        let placed = self.by_zxid.range(first..=last);
        placed.map(|(zxid, claim)| (*zxid, *claim))
    }

    /// Everything that has a place.
    pub fn claims(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_claim.keys().copied()
    }
}
