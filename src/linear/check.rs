//! Checks a keyed history, key by key.

use super::explain::{explain, sentence};
use super::judgement::{Budget, Judgement, Limit, Undecided};
use super::keyed::{Family, KeyedHistory};
use super::lanes::{Bench, LaneFound};
use super::split::{Lane, Split};

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
