//! Writes whose place nobody tells: unknown outcomes, ends of sessions, and answers without zxids.
//!
//! They are placed only where something asks for them. When a sweep meets a conflict, then in any
//! legal order some floating write that is not placed yet must come before it and change what the
//! conflict is about (`needs`), or one that is placed must go elsewhere. Each such write is tried
//! at each free zxid (`atlas`), depth first; what a Stat names is tried nowhere else. The order of
//! trials does not change what is found, only how soon.
//!
//! When all trials of a choice have failed, the search goes back to the latest choice that had a
//! part in one of the failures: others may be what they like.

use std::collections::BTreeSet;

use super::atlas::{Atlas, Mending};
use super::claims::Claims;
use super::placements::Placements;
use super::sweep::{Conflict, Stop, Sweep};
use crate::linear::{Budget, Limit};

/// Where it is clear that there is no way, trials before whatever conflict is met is told.
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

/// One conflict and what may mend it.
#[derive(Debug)]
struct Choice {
    /// The likeliest last.
    options: Vec<(u64, u32)>,
    /// The option under trial.
    trial: Option<(u64, u32)>,
    /// The earlier choices, by depth, that have a part in the failures so far.
    culprits: BTreeSet<usize>,
}

/// Sweeps, and places floating writes where conflicts ask for them.
pub(super) fn search(
    sweep: &mut Sweep<'_, '_>,
    claims: &Claims<'_>,
    budget: &mut dyn Budget,
) -> Search {
    let mut placements = Placements::new();
    let mut stack: Vec<Choice> = Vec::new();
    let mut atlas: Option<Atlas> = None;
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
        if claims.floating.is_empty() {
            return Search::Stuck(conflict);
        }
        let Some(atlas) = &mut atlas else {
            // First everything that has one place only.
            let charted = atlas.insert(Atlas::new(claims));
            let mut first = conflict.next;
            for (zxid, claim) in charted.pins() {
                placements.insert(zxid, claim);
                first = first.min(zxid);
            }
            sweep.rewind_before(first);
            latest = None;
            continue;
        };
        trials += 1;
        if atlas.is_contradicted() && trials > TRIALS_MAX {
            return Search::Stuck(latest.unwrap_or(conflict));
        }
        let Some(mending) = atlas.mending(claims, sweep, &placements, &conflict) else {
            return Search::Stuck(conflict);
        };
        stack.push(Choice::new(mending, &stack));
        let Some((slot, claim)) = next_trial(&mut stack, &mut placements, sweep) else {
            if atlas.be_thorough() {
                sweep.rewind_before(0);
                continue;
            }
            return Search::Stuck(latest.unwrap_or(conflict));
        };
        placements.insert(slot, claim);
        sweep.rewind_before(slot);
    }
}

impl Choice {
    /// Among these ways to mend the latest conflict, which was met under these choices.
    fn new(mending: Mending, under: &[Choice]) -> Choice {
        let depths = under.iter().enumerate();
        let culprits = depths.filter(|(_, choice)| {
            choice
                .trial
                .is_some_and(|(_, claim)| mending.culprits.contains(&claim))
        });
        Choice {
            options: mending.options,
            trial: None,
            culprits: culprits.map(|(depth, _)| depth).collect(),
        }
    }
}

/// The next option of the innermost choice that has one left and is not innocent.
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
        let mut culprits = stack.pop()?.culprits;
        let culprit = culprits.pop_last()?;
        stack
            .drain(culprit + 1..)
            .for_each(|mut innocent| take_back(&mut innocent));
        stack[culprit].culprits.append(&mut culprits);
    }
}
