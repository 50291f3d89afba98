//! Constraint propagation: what follows for unplaced writes before any of them is tried anywhere.
//!
//! Bounds (`bounds`) and counters (`version_counters`) leave an unplaced write few zxids. If only
//! one write can stand at a zxid that a Stat names, or a write that surely happened has one zxid
//! left, its place is *forced*; the bounds of others then tighten, until a fixed point.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::Bounds;
use super::constraint::NOWHERE;
use super::constraints::Constraints;
use super::footprints::{Touch, stats_told};
use super::placements::Placements;
use super::unplaced::{Reach, Unplaced};
use super::version_counters::VersionCounters;
use crate::tree::Path;

/// Propagation rounds before falling back to search.
const ROUNDS_MAX: u32 = 24;

/// What follows from all answers together.
#[derive(Debug)]
pub(super) struct Propagation {
    /// The unplaced writes that have one possible place.
    pub forced: Placements,
    pub bounds: Bounds,
    counters: VersionCounters,
    /// What Stats say happened at zxids that nothing known has.
    pub named: BTreeMap<u64, BTreeSet<(Path, Touch)>>,
    /// The free zxids that the search has to try, ascending.
    runs: Vec<Run>,
    /// Zxids at which some constraint starts or ends; positions on either side are not
    /// interchangeable.
    edges: Vec<u64>,
    /// A constraint that has no place, wherever all others have theirs.
    pub stuck: Option<u32>,
}

/// A run of adjacent free zxids; which of them a write takes cannot be observed. A zxid that a Stat
/// names is a run of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u64,
    pub last: u64,
    pub is_named: bool,
}

impl Propagation {
    pub fn of(constraints: &Constraints<'_>, unplaced: &[Unplaced], reach: &Reach) -> Propagation {
        let mut known = Propagation::nothing(constraints);
        for _ in 0..ROUNDS_MAX {
            known.stuck = known.step(constraints, reach);
            if known.stuck.is_some() {
                break; // What follows from a contradiction is not to be blamed.
            }
            known.bounds.spread_backwards(constraints, &known.forced);
            known.survey(constraints, unplaced.len() as u64);
            let found = known.single_places(unplaced, reach);
            if found.is_empty() {
                break;
            }
            for (zxid, constraint) in found {
                let is_free = known.forced.at(zxid).is_none() && !known.forced.has(constraint);
                if is_free {
                    known.forced.insert(zxid, constraint);
                }
            }
            known.bounds.fix(&known.forced);
        }
        known.survey(constraints, unplaced.len() as u64);
        known
    }

    /// One round of propagation; returns a constraint that has no place, wherever all others have
    /// theirs.
    fn step(&mut self, constraints: &Constraints<'_>, reach: &Reach) -> Option<u32> {
        let overtaken = self.bounds.spread_forwards(constraints);
        self.counters = VersionCounters::of(constraints, &self.bounds.lower, &self.forced, reach);
        self.bounds.narrow(constraints, &self.counters);
        self.bounds.first_without(constraints).or(overtaken)
    }

    /// Whether the answers alone contradict each other, whatever anybody else has done.
    pub fn contradicts(constraints: &Constraints<'_>) -> bool {
        let mut known = Propagation::nothing(constraints);
        let reach = Reach::boundless();
        for _ in 0..2 {
            if known.step(constraints, &reach).is_some() {
                return true;
            }
            known.bounds.spread_backwards(constraints, &known.forced);
        }
        known.bounds.first_without(constraints).is_some()
    }

    fn nothing(constraints: &Constraints<'_>) -> Propagation {
        Propagation {
            forced: Placements::new(),
            bounds: Bounds::of(constraints),
            counters: VersionCounters::default(),
            named: BTreeMap::new(),
            runs: Vec::new(),
            edges: edges(constraints),
            stuck: None,
        }
    }

    /// Finds out which zxids are free.
    fn survey(&mut self, constraints: &Constraints<'_>, count: u64) {
        let mut taken: Vec<u64> = constraints.effects.iter().map(|(zxid, _)| *zxid).collect();
        taken.extend(self.forced.within(0, u64::MAX).map(|(zxid, _)| zxid));
        taken.sort_unstable();
        self.named = named_by_stats(constraints, &taken);
        self.runs = runs(&taken, &self.named, &self.edges, count);
    }

    /// Floating writes that can be at one zxid only.
    fn single_places(&mut self, unplaced: &[Unplaced], reach: &Reach) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        for (zxid, actions) in &self.named {
            let Some((path, _)) = actions.first() else {
                continue;
            };
            let near = reach.near(path).into_iter().map(|place| &unplaced[place]);
            let mut able = near.filter(|unplaced| {
                !self.forced.has(unplaced.constraint) && self.allows(unplaced, *zxid, reach)
            });
            if let (Some(only), None) = (able.next(), able.next()) {
                found.push((*zxid, only.constraint));
            }
        }
        for sure in unplaced.iter().filter(|unplaced| unplaced.is_sure) {
            if self.forced.has(sure.constraint) {
                continue;
            }
            let places = self.places(sure, u64::MAX, reach);
            if let (Some(first), Some(last)) = (places.first(), places.last()) {
                self.bounds.lower[sure.constraint as usize] = first.first;
                self.bounds.upper[sure.constraint as usize] = last.last;
                if first.first == last.last {
                    found.push((first.first, sure.constraint));
                }
            }
        }
        found
    }

    /// The runs in which an unplaced write may stand, through a zxid.
    pub fn places(&self, unplaced: &Unplaced, limit: u64, reach: &Reach) -> Vec<Run> {
        let lower = self.bounds.lower[unplaced.constraint as usize];
        let upper = self.bounds.upper[unplaced.constraint as usize].min(limit);
        if lower > upper {
            return Vec::new();
        }
        let first = self.runs.partition_point(|run| run.last < lower);
        let runs = self.runs[first..]
            .iter()
            .take_while(|run| run.first <= upper);
        runs.map(|run| Run {
            first: run.first.max(lower),
            last: run.last.min(upper),
            ..*run
        })
        .filter(|run| {
            self.allows(unplaced, run.first, reach)
                || (run.first < run.last && self.allows(unplaced, run.last, reach))
        })
        .collect()
    }

    /// Whether an unplaced write may stand at a free zxid, by everything propagated so far.
    pub fn allows(&self, unplaced: &Unplaced, zxid: u64, reach: &Reach) -> bool {
        let lower = self.bounds.lower[unplaced.constraint as usize];
        let upper = self.bounds.upper[unplaced.constraint as usize];
        let does_it = |actions| unplaced.does(actions);
        (lower..=upper).contains(&zxid)
            && self.named.get(&zxid).is_none_or(does_it)
            && self.counters.allow(&unplaced.actions, zxid, reach)
            && (unplaced.owned.is_none() || self.counters.allow_end(unplaced.session, zxid))
    }
}

/// What the Stats in all answers say of zxids that are not taken.
fn named_by_stats(
    constraints: &Constraints<'_>,
    taken: &[u64],
) -> BTreeMap<u64, BTreeSet<(Path, Touch)>> {
    let mut named: BTreeMap<u64, BTreeSet<(Path, Touch)>> = BTreeMap::new();
    for constraint in &constraints.all {
        for (path, stat) in stats_told(&constraint.op.request, constraint.op.answer()) {
            let told = [
                (stat.czxid.0, Touch::Create),
                (stat.mzxid.0, Touch::Set),
                (stat.pzxid.0, Touch::Children),
            ];
            for (zxid, touch) in told {
                if zxid > 0 && taken.binary_search(&zxid).is_err() {
                    let actions = named.entry(zxid).or_default();
                    actions.insert((path.clone(), touch));
                }
            }
        }
    }
    named
}

/// The zxids at which constraints start or end by themselves, ascending.
fn edges(constraints: &Constraints<'_>) -> Vec<u64> {
    let told = constraints
        .all
        .iter()
        .flat_map(|constraint| [constraint.lo, constraint.hi]);
    let told: BTreeSet<u64> = told.filter(|bound| *bound != NOWHERE).collect();
    told.into_iter().collect()
}

/// The free zxids that the search has to try: those that Stats name, and of each run of others as
/// many as there are writes to place. More make no difference: only the order among them does. An
/// edge ends a run, because positions on its two sides differ.
fn runs(
    taken: &[u64],
    named: &BTreeMap<u64, BTreeSet<(Path, Touch)>>,
    edges: &[u64],
    count: u64,
) -> Vec<Run> {
    // Of each: the first zxid after the run that it ends, and the first of the next run.
    let mut walls: Vec<(u64, u64, bool)> = edges
        .iter()
        .map(|zxid| (zxid + 1, zxid + 1, false))
        .collect();
    walls.extend(taken.iter().map(|zxid| (*zxid, zxid + 1, false)));
    walls.extend(named.keys().map(|zxid| (*zxid, zxid + 1, true)));
    walls.sort_unstable();
    let last = walls.last().map_or(1, |(_, next, _)| *next);
    let end = last.saturating_add(count);
    walls.push((end, end, false));
    let mut runs = Vec::new();
    let mut from = 1;
    for (wall, next, is_named) in walls {
        let room = wall.saturating_sub(from).min(count);
        if room > 0 {
            runs.push(Run {
                first: wall - room,
                last: wall - 1,
                is_named: false,
            });
        }
        if is_named {
            runs.push(Run {
                first: wall,
                last: wall,
                is_named: true,
            });
        }
        from = from.max(next);
    }
    runs
}
