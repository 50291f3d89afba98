//! Checks a keyed history, key by key.

use super::append::{Pieces, Taken, search_strings};
use super::explain::{explain, sentence};
use super::frontier::{Found, Stuck, search};
use super::judgement::{Budget, Judgement, Limit, Undecided};
use super::keyed::{Family, KeyedHistory};
use super::register::Register;
use super::split::{Lane, Split};
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
    fn size(&self) -> usize {
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

/// A budget for a part: what the whole holds beside it counts.
struct Beside<'a> {
    budget: &'a mut dyn Budget,
    bytes: usize,
}

impl Budget for Beside<'_> {
    fn exceeded(&mut self, bytes: usize) -> Option<Limit> {
        self.budget.exceeded(self.bytes + bytes)
    }

    fn decided(&mut self) -> bool {
        self.budget.decided()
    }
}

/// Whether a history has an order for each of its keys.
pub fn check(family: Family, history: &KeyedHistory, budget: &mut dyn Budget) -> Judgement {
    let of = history.operations.len();
    let undecided = |limit, done| Undecided { limit, done, of };
    if let Some(limit) = budget.exceeded(Split::planned(history)) {
        return Judgement::Unknown(undecided(limit, 0));
    }
    let mut split = Split::new(history);
    let mut lane = Lane::default();
    let mut bench = Bench::default();
    let mut done = 0;
    let mut unknown = None;
    for key in 0..split.keys() {
        split.fill(key, &mut lane);
        let bytes = split.size() + lane.size() + bench.size();
        let mut beside = Beside { budget, bytes };
        if let Some(limit) = beside.exceeded(0) {
            return Judgement::Unknown(unknown.unwrap_or(undecided(limit, done)));
        }
        match bench.judge(family, &mut lane, &history.values, &mut beside) {
            LaneFound::Order => {}
            found @ (LaneFound::Broken(_) | LaneFound::Stuck(_)) => {
                let in_full = beside.decided();
                if family == Family::Append {
                    // Judging may have made it a register's.
                    split.fill(key, &mut lane);
                }
                let explanation = if in_full {
                    explain(family, history, &lane, &found, &mut beside)
                } else {
                    sentence(family, history, &lane, &found)
                };
                return Judgement::Violation(Box::new(explanation));
            }
            // Another key may still be broken, which would be an answer.
            LaneFound::Undecided(part) => {
                unknown = unknown.or(Some(undecided(part.limit, done + part.done)));
            }
        }
        done += lane.operations.len();
    }
    unknown.map_or(Judgement::Linearizable, Judgement::Unknown)
}
