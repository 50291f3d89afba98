//! What is known of floating writes before any of them is tried anywhere.
//!
//! Bounds (`windows`) and counters (`chains`) leave a floating write few zxids. Where a Stat names
//! a zxid and one write alone may have it, or a write that surely happened has one zxid left, its
//! place is known; and then the bounds of others tighten, until nothing more follows.

use std::collections::{BTreeMap, BTreeSet};

use super::chains::Chains;
use super::claims::{Claims, NOWHERE};
use super::floating::{Floating, Reach};
use super::placements::Placements;
use super::touches::{Touch, stats_told};
use super::windows::Windows;
use crate::tree::Path;

/// Rounds before what is left is left to the search.
const ROUNDS_MAX: u32 = 24;

/// What follows from all answers together.
#[derive(Debug)]
pub(super) struct Known {
    /// The floating writes with one place.
    pub pins: Placements,
    pub windows: Windows,
    chains: Chains,
    /// What Stats say happened at zxids that nothing known has.
    pub named: BTreeMap<u64, BTreeSet<(Path, Touch)>>,
    /// The free zxids that are worth a trial, ascending.
    runs: Vec<Run>,
    /// The zxids behind which claims say of themselves that they are, or not behind which: on
    /// either side of one it is not the same to be.
    bounds: Vec<u64>,
    /// A claim that has no place, wherever all others have theirs.
    pub stuck: Option<u32>,
}

/// Neighbouring free zxids: any number of writes, but for the room, may be at them, and nobody can
/// tell at which. What a Stat names stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u64,
    pub last: u64,
    pub is_named: bool,
}

impl Known {
    pub fn of(claims: &Claims<'_>, floating: &[Floating], reach: &Reach) -> Known {
        let mut known = Known::nothing(claims);
        for _ in 0..ROUNDS_MAX {
            known.stuck = known.step(claims, reach);
            if known.stuck.is_some() {
                break; // What follows from a contradiction is not to be blamed.
            }
            known.windows.spread_backwards(claims, &known.pins);
            known.survey(claims, floating.len() as u64);
            let found = known.single_places(floating, reach);
            if found.is_empty() {
                break;
            }
            for (zxid, claim) in found {
                let is_free = known.pins.at(zxid).is_none() && !known.pins.has(claim);
                if is_free {
                    known.pins.insert(zxid, claim);
                }
            }
            known.windows.pin(&known.pins);
        }
        known.survey(claims, floating.len() as u64);
        known
    }

    /// Carries what is known a step further; finds a claim that has no place, wherever all others
    /// have theirs.
    fn step(&mut self, claims: &Claims<'_>, reach: &Reach) -> Option<u32> {
        let overtaken = self.windows.spread_forwards(claims);
        self.chains = Chains::of(claims, &self.windows.least, &self.pins, reach);
        self.windows.narrow(claims, &self.chains);
        self.windows.first_without(claims).or(overtaken)
    }

    /// Whether the answers alone contradict each other, whatever anybody else has done.
    pub fn contradicts(claims: &Claims<'_>) -> bool {
        let mut known = Known::nothing(claims);
        let reach = Reach::boundless();
        for _ in 0..2 {
            if known.step(claims, &reach).is_some() {
                return true;
            }
            known.windows.spread_backwards(claims, &known.pins);
        }
        known.windows.first_without(claims).is_some()
    }

    fn nothing(claims: &Claims<'_>) -> Known {
        Known {
            pins: Placements::new(),
            windows: Windows::of(claims),
            chains: Chains::default(),
            named: BTreeMap::new(),
            runs: Vec::new(),
            bounds: bounds(claims),
            stuck: None,
        }
    }

    /// Finds out which zxids are free.
    fn survey(&mut self, claims: &Claims<'_>, count: u64) {
        let mut taken: Vec<u64> = claims.effects.iter().map(|(zxid, _)| *zxid).collect();
        taken.extend(self.pins.within(0, u64::MAX).map(|(zxid, _)| zxid));
        taken.sort_unstable();
        self.named = named_by_stats(claims, &taken);
        self.runs = runs(&taken, &self.named, &self.bounds, count);
    }

    /// Floating writes that can be at one zxid only.
    fn single_places(&mut self, floating: &[Floating], reach: &Reach) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        for (zxid, deeds) in &self.named {
            let Some((path, _)) = deeds.first() else {
                continue;
            };
            let near = reach.near(path).into_iter().map(|place| &floating[place]);
            let mut able = near.filter(|floating| {
                !self.pins.has(floating.claim) && self.allows(floating, *zxid, reach)
            });
            if let (Some(only), None) = (able.next(), able.next()) {
                found.push((*zxid, only.claim));
            }
        }
        for sure in floating.iter().filter(|floating| floating.is_sure) {
            if self.pins.has(sure.claim) {
                continue;
            }
            let places = self.places(sure, u64::MAX, reach);
            if let (Some(first), Some(last)) = (places.first(), places.last()) {
                self.windows.least[sure.claim as usize] = first.first;
                self.windows.most[sure.claim as usize] = last.last;
                if first.first == last.last {
                    found.push((first.first, sure.claim));
                }
            }
        }
        found
    }

    /// Where a floating write may be, through a zxid.
    pub fn places(&self, floating: &Floating, limit: u64, reach: &Reach) -> Vec<Run> {
        let least = self.windows.least[floating.claim as usize];
        let most = self.windows.most[floating.claim as usize].min(limit);
        if least > most {
            return Vec::new();
        }
        let first = self.runs.partition_point(|run| run.last < least);
        let runs = self.runs[first..]
            .iter()
            .take_while(|run| run.first <= most);
        runs.map(|run| Run {
            first: run.first.max(least),
            last: run.last.min(most),
            ..*run
        })
        .filter(|run| {
            self.allows(floating, run.first, reach)
                || (run.first < run.last && self.allows(floating, run.last, reach))
        })
        .collect()
    }

    /// Whether nothing known keeps a floating write from a free zxid.
    pub fn allows(&self, floating: &Floating, zxid: u64, reach: &Reach) -> bool {
        let least = self.windows.least[floating.claim as usize];
        let most = self.windows.most[floating.claim as usize];
        let does_it = |deeds| floating.does(deeds);
        (least..=most).contains(&zxid)
            && self.named.get(&zxid).is_none_or(does_it)
            && self.chains.allow(&floating.deeds, zxid, reach)
            && (floating.births.is_none() || self.chains.allow_end(floating.session, zxid))
    }
}

/// What the Stats in all answers say of zxids that are not taken.
fn named_by_stats(claims: &Claims<'_>, taken: &[u64]) -> BTreeMap<u64, BTreeSet<(Path, Touch)>> {
    let mut named: BTreeMap<u64, BTreeSet<(Path, Touch)>> = BTreeMap::new();
    for claim in &claims.all {
        for (path, stat) in stats_told(&claim.op.request, claim.op.answer()) {
            let told = [
                (stat.czxid.0, Touch::Create),
                (stat.mzxid.0, Touch::Set),
                (stat.pzxid.0, Touch::Children),
            ];
            for (zxid, touch) in told {
                if zxid > 0 && taken.binary_search(&zxid).is_err() {
                    let deeds = named.entry(zxid).or_default();
                    deeds.insert((path.clone(), touch));
                }
            }
        }
    }
    named
}

/// The bounds that claims tell of themselves, ascending.
fn bounds(claims: &Claims<'_>) -> Vec<u64> {
    let told = claims.all.iter().flat_map(|claim| [claim.lo, claim.hi]);
    let told: BTreeSet<u64> = told.filter(|bound| *bound != NOWHERE).collect();
    told.into_iter().collect()
}

/// The free zxids that are worth a trial: those that Stats name, and of each run of others as many
/// as there are writes to place. More make no difference: only the order among them does. A bound
/// ends a run, as what is behind it is not like what is before.
fn runs(
    taken: &[u64],
    named: &BTreeMap<u64, BTreeSet<(Path, Touch)>>,
    bounds: &[u64],
    count: u64,
) -> Vec<Run> {
    // Of each: the first zxid behind the run that it ends, and the first of the next run.
    let mut walls: Vec<(u64, u64, bool)> = bounds
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
