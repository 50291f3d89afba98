//! The search for the places of unplaced writes: unknown outcomes, ends of sessions, and answers
//! without zxids.
//!
//! They are placed only where something asks for them. When a sweep meets a conflict, then in any
//! legal order some write that is not placed yet must come before it and change what the conflict
//! is about (`missing`), or one that is placed must go elsewhere. Each such write is tried at each
//! free zxid (`repairs`), depth first; a write that a Stat dates is tried nowhere else. The order
//! of trials does not change what is found, only how soon.
//!
//! Backjumping is conflict-directed: when all trials of a choice have failed, the search returns to
//! the latest choice in the conflict set of those failures; choices in between played no part.

use std::collections::BTreeSet;

use super::conflict::{Conflict, Stop};
use super::constraints::Constraints;
use super::placements::Placements;
use super::repairs::{Repair, Repairs};
use super::sweep::Sweep;
use crate::linear::{Budget, Limit};

/// Once propagation has shown a contradiction, the trials before the conflict at hand is reported.
const TRIALS_MAX: u32 = 2_000;

/// What a search for places came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Search {
    /// Everything has a place.
    Done,
    /// There is no way; the conflict that came latest.
    Stuck(Conflict),
    /// The limit of steps came first.
    Limit(Limit),
}

/// One conflict and its possible repairs.
#[derive(Debug)]
struct Choice {
    /// The likeliest last.
    options: Vec<(u64, u32)>,
    /// The option under trial.
    trial: Option<(u64, u32)>,
    /// The conflict set: the earlier choices, by depth, that have a part in the failures so far.
    conflict_set: BTreeSet<usize>,
}

/// Sweeps, and places unplaced writes where conflicts ask for them.
pub(super) fn search(
    sweep: &mut Sweep<'_, '_>,
    constraints: &Constraints<'_>,
    budget: &mut dyn Budget,
) -> Search {
    let mut placements = Placements::new();
    let mut stack: Vec<Choice> = Vec::new();
    let mut repairs: Option<Repairs> = None;
    let mut latest: Option<Conflict> = None;
    let mut trials = 0u32;
    loop {
        let conflict = match sweep.run(&placements, budget) {
            Ok(()) => return Search::Done,
            Err(Stop::Limit(limit)) => return Search::Limit(limit),
            Err(Stop::Conflict(conflict)) => sweep.root_of(conflict),
        };
        if latest
            .as_ref()
            .is_none_or(|known| known.next <= conflict.next)
        {
            latest = Some(conflict.clone());
        }
        if constraints.unplaced.is_empty() {
            return Search::Stuck(conflict);
        }
        let Some(repairs) = &mut repairs else {
            // First everything that has one place only.
            let charted = repairs.insert(Repairs::new(constraints));
            let mut first = conflict.next;
            for (zxid, constraint) in charted.forced() {
                placements.insert(zxid, constraint);
                first = first.min(zxid);
            }
            sweep.rewind_before(first);
            latest = None;
            continue;
        };
        trials += 1;
        if repairs.is_contradicted() && trials > TRIALS_MAX {
            return Search::Stuck(latest.unwrap_or(conflict));
        }
        let Some(repair) = repairs.repair(constraints, sweep, &placements, &conflict) else {
            return Search::Stuck(conflict);
        };
        stack.push(Choice::new(repair, &stack));
        let Some((slot, constraint)) = next_trial(&mut stack, &mut placements, sweep) else {
            if repairs.be_thorough() {
                sweep.rewind_before(0);
                continue;
            }
            return Search::Stuck(latest.unwrap_or(conflict));
        };
        placements.insert(slot, constraint);
        sweep.rewind_before(slot);
    }
}

impl Choice {
    /// A choice among the repairs of the latest conflict, which was met under these choices.
    fn new(repair: Repair, under: &[Choice]) -> Choice {
        let depths = under.iter().enumerate();
        let conflict_set = depths.filter(|(_, choice)| {
            choice
                .trial
                .is_some_and(|(_, constraint)| repair.conflict_set.contains(&constraint))
        });
        Choice {
            options: repair.options,
            trial: None,
            conflict_set: conflict_set.map(|(depth, _)| depth).collect(),
        }
    }
}

/// The next option of the innermost choice that has one left, after backjumping over choices that
/// are in no conflict set.
fn next_trial(
    stack: &mut Vec<Choice>,
    placements: &mut Placements,
    sweep: &mut Sweep<'_, '_>,
) -> Option<(u64, u32)> {
    let mut take_back = |choice: &mut Choice| {
        if let Some((slot, _)) = choice.trial.take() {
            placements.remove(slot);
            sweep.rewind_before(slot);
        }
    };
    loop {
        let choice = stack.last_mut()?;
        take_back(choice);
        if let Some(option) = choice.options.pop() {
            choice.trial = Some(option);
            return Some(option);
        }
        let mut conflict_set = stack.pop()?.conflict_set;
        let latest_cause = conflict_set.pop_last()?;
        stack
            .drain(latest_cause + 1..)
            .for_each(|mut innocent| take_back(&mut innocent));
        stack[latest_cause].conflict_set.append(&mut conflict_set);
    }
}
