//! Trials: the free zxids at which an unplaced write is tried.

use std::collections::BTreeSet;

use super::{Repair, Repairs};
use crate::znode::placements::Placements;
use crate::znode::propagation::Run;

impl Repairs {
    /// Every free place of these, the latest last. A write that occupies such a place enters the
    /// conflict set.
    pub(super) fn try_each(
        &self,
        positions: impl Iterator<Item = usize>,
        placements: &Placements,
        limit: u64,
        repair: &mut Repair,
    ) {
        let mut options = Vec::new();
        for position in positions {
            let unplaced = &self.unplaced[position];
            for run in self.known.places(unplaced, limit, &self.reach) {
                let free = self.free_in(run, placements, &mut repair.conflict_set);
                let free = free.into_iter();
                options.extend(free.map(|slot| (run.is_named, slot, unplaced.constraint)));
            }
        }
        options.sort_unstable();
        let options = options.into_iter();
        repair
            .options
            .extend(options.map(|(_, slot, constraint)| (slot, constraint)));
    }

    /// The zxids of a run that make a difference: one before, between and after what is there.
    fn free_in(
        &self,
        run: Run,
        placements: &Placements,
        conflict_set: &mut BTreeSet<u32>,
    ) -> Vec<u64> {
        let mut free = Vec::new();
        let mut from = run.first;
        let occupied = placements.within(run.first, run.last);
        let walls = occupied.map(|(zxid, constraint)| (zxid, Some(constraint)));
        for (wall, occupant) in walls.chain([(run.last + 1, None)]) {
            if from < wall && self.is_thorough {
                free.extend(from..wall);
            } else if from < wall {
                free.push(from + (wall - from) / 2);
            } else if !run.is_named {
                self.is_lossy.set(true);
            }
            conflict_set.extend(occupant);
            from = wall + 1;
        }
        free
    }
}
