//! Writes whose place nobody tells: unknown outcomes, ends of sessions, and answers without zxids.
//!
//! They are placed only where something asks for them. When a sweep meets a conflict, then in any
//! legal order some floating write that is not placed yet must come before it and touch what the
//! conflict is about. Each such write at each free zxid is tried, depth first; what a Stat names is
//! tried nowhere else. The order of trials does not change what is found, only how soon.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Claim, Claims, Kind, NONE, NOWHERE, has_effect, told};
use super::sweep::{Conflict, Placements, Stop, Sweep, Why};
use super::touches::{Touch, ephemerals_of, looks_of, stats_told, touches_of};
use crate::check::model::parent_of;
use crate::ids::SessionId;
use crate::linear::{Budget, Limit};
use crate::tree::{Path, Request, Write};

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

/// Free zxids tried at either end of a gap: enough for as many writes between two known ones.
const SLOTS_OF_GAP_MAX: u64 = 12;

/// One conflict and what may mend it.
#[derive(Debug)]
struct Choice {
    options: Vec<(u64, u32)>,
    /// The option under trial.
    trial: Option<(u64, u32)>,
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
    loop {
        let conflict = match sweep.run(&placements, budget) {
            Ok(()) => return Search::Done,
            Err(Stop::Limit(limit)) => return Search::Limit(limit),
            Err(Stop::Conflict(conflict)) => conflict,
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
        let atlas = atlas.get_or_insert_with(|| Atlas::new(claims));
        let Some(options) = atlas.options(claims, sweep, &placements, &conflict) else {
            return Search::Stuck(conflict);
        };
        stack.push(Choice {
            options,
            trial: None,
        });
        let Some((slot, claim)) = next_trial(&mut stack, &mut placements, sweep) else {
            return Search::Stuck(latest.unwrap_or(conflict));
        };
        placements.insert(slot, claim);
        sweep.rewind_before(slot);
    }
}

/// The next option of the innermost choice that has one left.
fn next_trial(
    stack: &mut Vec<Choice>,
    placements: &mut Placements,
    sweep: &mut Sweep<'_, '_>,
) -> Option<(u64, u32)> {
    while let Some(choice) = stack.last_mut() {
        if let Some((slot, _)) = choice.trial.take() {
            placements.remove(&slot);
            sweep.rewind_before(slot);
        }
        if let Some(option) = choice.options.pop() {
            choice.trial = Some(option);
            return Some(option);
        }
        stack.pop();
    }
    None
}

/// Who touches what.
#[derive(Debug)]
struct Atlas {
    /// By path: the effects with known places, ascending.
    fixed: BTreeMap<Path, Vec<u64>>,
    /// The zxids that are taken, ascending.
    taken: Vec<u64>,
    /// What Stats say happened at zxids that nothing known has.
    named: BTreeMap<u64, BTreeSet<(Path, Touch)>>,
    /// For each floating claim: what it may touch, and the zxids between which it lies.
    floating: Vec<Floating>,
}

#[derive(Debug)]
struct Floating {
    claim: u32,
    touches: BTreeSet<(Path, Touch)>,
    /// Sequential creates: the path is known up to the number.
    prefixes: Vec<Path>,
    /// Above this and through that.
    above: u64,
    through: u64,
}

impl Floating {
    fn touches(&self, path: &str, how: &[Touch]) -> bool {
        let wanted = |(known, touch): &(Path, Touch)| **known == *path && how.contains(touch);
        self.touches.iter().any(wanted)
            || (how.contains(&Touch::Create)
                && self.prefixes.iter().any(|prefix| is_numbered(path, prefix)))
    }
}

impl Floating {
    /// Whether it may do all of this.
    fn does(&self, deeds: &BTreeSet<(Path, Touch)>) -> bool {
        deeds.iter().all(|(path, touch)| {
            let ways: &[Touch] = match touch {
                Touch::Create => &[Touch::Create],
                Touch::Delete => &[Touch::Delete],
                Touch::Set => &[Touch::Set, Touch::Create],
                Touch::Children => &[Touch::Children, Touch::Create],
            };
            self.touches(path, ways)
        })
    }
}

/// What the Stats in all answers say of zxids that are not taken.
fn named_by_stats(claims: &Claims<'_>, taken: &[u64]) -> BTreeMap<u64, BTreeSet<(Path, Touch)>> {
    let mut named: BTreeMap<u64, BTreeSet<(Path, Touch)>> = BTreeMap::new();
    for claim in &claims.all {
        for (path, stat) in stats_told(&claim.op.request, told(claim.op)) {
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

/// Whether `path` is `prefix` and a number of ten places.
fn is_numbered(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|number| {
        number.len() >= 10 && number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    })
}

impl Atlas {
    fn new(claims: &Claims<'_>) -> Atlas {
        let mut fixed: BTreeMap<Path, Vec<u64>> = BTreeMap::new();
        let mut taken = Vec::new();
        let mut ephemerals: BTreeMap<SessionId, BTreeSet<(Path, Touch)>> = BTreeMap::new();
        let mut prefixes: BTreeMap<SessionId, Vec<Path>> = BTreeMap::new();
        for claim in &claims.all {
            let Request::Write(write) = &claim.op.request else {
                continue;
            };
            match claim.kind {
                Kind::Effect(zxid) => {
                    taken.push(zxid);
                    if !has_effect(claim.op) {
                        continue;
                    }
                    for (path, _) in touches_of(write, told(claim.op)).0 {
                        let places = fixed.entry(path).or_default();
                        places.push(zxid);
                    }
                }
                Kind::Observation | Kind::Somewhere | Kind::Perhaps => {}
            }
            let (owned, numbered) = ephemerals_of(write, told(claim.op));
            let own = ephemerals.entry(claim.op.session).or_default();
            for path in owned {
                own.extend(parent_of(&path).map(|parent| (Path::from(parent), Touch::Children)));
                own.insert((path, Touch::Delete));
            }
            prefixes
                .entry(claim.op.session)
                .or_default()
                .extend(numbered);
        }
        taken.sort_unstable();
        for places in fixed.values_mut() {
            places.sort_unstable();
            places.dedup();
        }
        let floating = claims.floating.iter().map(|index| {
            let claim = claims.get(*index);
            let Request::Write(write) = &claim.op.request else {
                unreachable!("only writes float");
            };
            let (mut touches, numbered) = touches_of(write, told(claim.op));
            if let Write::CloseSession | Write::ExpireSession = write.bare() {
                touches.extend(
                    ephemerals
                        .get(&claim.op.session)
                        .cloned()
                        .unwrap_or_default(),
                );
            }
            let (above, through) = bounds(claims, *index);
            Floating {
                claim: *index,
                touches,
                prefixes: numbered,
                above,
                through,
            }
        });
        Atlas {
            floating: floating.collect(),
            named: named_by_stats(claims, &taken),
            fixed,
            taken,
        }
    }

    /// What may mend a conflict, the likeliest last; `None` if nothing can, whatever else is placed
    /// elsewhere.
    fn options(
        &self,
        claims: &Claims<'_>,
        sweep: &Sweep<'_, '_>,
        placements: &Placements,
        conflict: &Conflict,
    ) -> Option<Vec<(u64, u32)>> {
        let claim = claims.get(conflict.claim);
        let limit = conflict.next.saturating_sub(1).min(claim.hi);
        let is_missing = claim.kind == Kind::Somewhere
            && sweep.place_of(conflict.claim) == NOWHERE
            && !placements.values().any(|placed| *placed == conflict.claim);
        if is_missing {
            let own = |floating: &&Floating| floating.claim == conflict.claim;
            return Some(self.slots_of(self.floating.iter().filter(own), placements, limit));
        }
        match &conflict.why {
            Why::RealTime { other } | Why::Session { other } => match claim.kind {
                Kind::Effect(_) => {
                    let is_fixed = matches!(claims.get(*other).kind, Kind::Effect(_));
                    return (!is_fixed).then(Vec::new);
                }
                Kind::Somewhere | Kind::Perhaps => return Some(Vec::new()),
                Kind::Observation => {}
            },
            Why::Heard | Why::Turn => {
                return matches!(claim.kind, Kind::Perhaps | Kind::Somewhere).then(Vec::new);
            }
            Why::NoState | Why::Answer(_) => {}
        }
        if let Some(named) = self.named(claims, placements, conflict, limit) {
            return Some(named);
        }
        if self.is_hopeless(claims, conflict) {
            return None;
        }
        let looks = looks_of(&claim.op.request);
        let all = [Touch::Create, Touch::Delete, Touch::Set, Touch::Children];
        let relevant = |floating: &&Floating| {
            !placements.values().any(|placed| *placed == floating.claim)
                && looks.iter().any(|path| floating.touches(path, &all))
        };
        Some(self.slots_of(self.floating.iter().filter(relevant), placements, limit))
    }

    /// If a Stat names a zxid that nothing is placed at, then something must be.
    fn named(
        &self,
        claims: &Claims<'_>,
        placements: &Placements,
        conflict: &Conflict,
        limit: u64,
    ) -> Option<Vec<(u64, u32)>> {
        let claim = claims.get(conflict.claim);
        for (path, stat) in stats_told(&claim.op.request, told(claim.op)) {
            let wanted: [(u64, &[Touch]); 3] = [
                (stat.czxid.0, &[Touch::Create]),
                (stat.mzxid.0, &[Touch::Set, Touch::Create]),
                (stat.pzxid.0, &[Touch::Children, Touch::Create]),
            ];
            for (zxid, how) in wanted {
                let is_open = zxid > 0
                    && zxid <= limit
                    && self.taken.binary_search(&zxid).is_err()
                    && !placements.contains_key(&zxid);
                if is_open {
                    let fits = |floating: &&Floating| {
                        floating.above < zxid
                            && zxid <= floating.through
                            && !placements.values().any(|placed| *placed == floating.claim)
                            && floating.touches(&path, how)
                    };
                    let options = self.floating.iter().filter(fits);
                    return Some(options.map(|floating| (zxid, floating.claim)).collect());
                }
            }
        }
        None
    }

    /// Whether known effects alone make the conflict: the node that an answer tells of was changed
    /// by something that surely came before.
    fn is_hopeless(&self, claims: &Claims<'_>, conflict: &Conflict) -> bool {
        let claim = claims.get(conflict.claim);
        if claim.kind != Kind::Observation {
            return false;
        }
        let floor = self.surely_before(claims, conflict.claim);
        stats_told(&claim.op.request, told(claim.op))
            .iter()
            .any(|(path, _)| {
                let touched = self.fixed.get(path).map_or(&[][..], Vec::as_slice);
                let next = touched.partition_point(|zxid| *zxid <= claim.since);
                touched.get(next).is_some_and(|zxid| *zxid <= floor)
            })
    }

    /// A state that everything has reached which an observation must come behind.
    fn surely_before(&self, claims: &Claims<'_>, index: u32) -> u64 {
        let claim = claims.get(index);
        let mut floor = claim.lo;
        if claim.by_clock {
            for due in &claims.by_completion {
                let earlier = claims.get(*due);
                if earlier.completed() >= claim.op.invoked.0 {
                    break;
                }
                floor = floor.max(surely_at(earlier));
            }
        }
        let mut before = claim.before;
        while before != NONE {
            let earlier = claims.get(before);
            floor = floor.max(surely_at(earlier));
            before = earlier.before;
        }
        floor
    }

    /// Every free place of these, the latest last.
    fn slots_of<'f>(
        &self,
        floating: impl Iterator<Item = &'f Floating>,
        placements: &Placements,
        limit: u64,
    ) -> Vec<(u64, u32)> {
        let mut slots = Vec::new();
        for floating in floating {
            let through = floating.through.min(limit);
            if floating.above >= through {
                continue;
            }
            for slot in self.free(floating.above, through) {
                if placements.contains_key(&slot) {
                    continue;
                }
                match self.named.get(&slot) {
                    None => slots.push((false, slot, floating.claim)),
                    // Whatever happened there touched what the Stats are of.
                    Some(named) if floating.does(named) => slots.push((true, slot, floating.claim)),
                    Some(_) => {}
                }
            }
        }
        slots.sort_unstable();
        let slots = slots.into_iter();
        slots.map(|(_, slot, claim)| (slot, claim)).collect()
    }

    /// Zxids above `above` through `through` that nothing is known to have.
    fn free(&self, above: u64, through: u64) -> Vec<u64> {
        let mut free = Vec::new();
        let mut from = above + 1;
        let first = self.taken.partition_point(|zxid| *zxid <= above);
        let last = self.taken.last().copied().unwrap_or(0);
        let end = through.min(last.max(above).saturating_add(SLOTS_OF_GAP_MAX));
        let walls = self.taken[first..].iter().copied();
        for wall in walls.chain([end.saturating_add(1)]) {
            let wall = wall.min(end.saturating_add(1));
            if from < wall {
                let gap = wall - from;
                let count = gap.min(SLOTS_OF_GAP_MAX);
                free.extend((wall - count)..wall);
            }
            from = from.max(wall + 1);
            if from > end {
                break;
            }
        }
        free
    }
}

/// A state that a claim is at or behind, whatever is placed where.
fn surely_at(claim: &Claim<'_>) -> u64 {
    match claim.kind {
        Kind::Effect(zxid) => zxid,
        Kind::Observation => claim.since.max(claim.lo),
        Kind::Somewhere | Kind::Perhaps => 0,
    }
}

/// Between which zxids a floating write lies, by what is known to come before and after it.
fn bounds(claims: &Claims<'_>, index: u32) -> (u64, u64) {
    let claim = claims.get(index);
    let mut above = claim.lo;
    for due in &claims.by_completion {
        let earlier = claims.get(*due);
        if earlier.completed() >= claim.op.invoked.0 {
            break;
        }
        if let Kind::Effect(zxid) = earlier.kind {
            above = above.max(zxid);
        }
    }
    let mut through = claim.hi;
    if claim.is_due() {
        for (zxid, effect) in &claims.effects {
            if claims.get(*effect).op.invoked.0 > claim.completed() {
                through = through.min(zxid - 1);
                break;
            }
        }
    }
    (above, through)
}
