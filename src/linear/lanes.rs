//! Judges the history of one key by the cheapest method that decides it.

use super::append::{Pieces, Taken, search_strings};
use super::frontier::{Found, Stuck, search};
use super::judgement::{Budget, Undecided};
use super::keyed::Family;
use super::register::Register;
use super::split::Lane;
use super::sweep::{Swept, sweep};
use super::texts::Texts;
use super::zones::{Broken, Zones};

/// What came of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LaneFound {
    Order,
    Broken(Broken),
    Stuck(Stuck),
    Undecided(Undecided),
}

impl From<Found> for LaneFound {
    fn from(found: Found) -> LaneFound {
        match found {
            Found::Order => LaneFound::Order,
            Found::Stuck(stuck) => LaneFound::Stuck(stuck),
            Found::Undecided(undecided) => LaneFound::Undecided(undecided),
        }
    }
}

/// What is used again from lane to lane.
#[derive(Debug, Default)]
pub(super) struct Bench {
    zones: Zones,
    pieces: Pieces,
}

impl Bench {
    pub(super) fn size(&self) -> usize {
        self.zones.size() + self.pieces.size()
    }

    /// Judges a lane. One of strings may be a register's after that.
    pub(super) fn judge(
        &mut self,
        family: Family,
        lane: &mut Lane,
        texts: &Texts,
        budget: &mut dyn Budget,
    ) -> LaneFound {
        if family == Family::Append {
            match self.pieces.take_apart(lane, texts) {
                Taken::Apart => {}
                Taken::Broken(broken) => return LaneFound::Broken(broken),
                Taken::Ambiguous => return search_strings(lane, texts, budget).into(),
            }
        }
        if self.zones.sort(&lane.operations, lane.values.len()) {
            if let Some(broken) = self.zones.contradiction(&lane.operations) {
                return LaneFound::Broken(broken);
            }
            if !self.zones.has_mismatches {
                return LaneFound::Order;
            }
            match sweep(&lane.operations, &lane.events, &self.zones, None) {
                Swept::Order => return LaneFound::Order,
                Swept::Broken(broken) => return LaneFound::Broken(broken),
                Swept::Open => {}
            }
        }
        search(&mut Register, &lane.operations, &lane.events, budget).into()
    }
}
