//! Which floating writes may mend a conflict, and where.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Claim, Claims, Kind, NOWHERE, has_effect};
use super::floating::{ALL_TOUCHES, Birth, Floating, Reach};
use super::needs::{Lack, Need, lack};
use super::pins::{Known, Run};
use super::placements::Placements;
use super::sweep::{Conflict, Sweep, Why};
use super::touches::{Touch, looks_of, stats_told, touches_of};
use crate::ids::SessionId;
use crate::tree::{Path, Read, Request};
use crate::znode::model::parent_of;

/// What can be done about a conflict.
#[derive(Debug, Default)]
pub(super) struct Mending {
    /// Free zxids and what may be placed there, the likeliest last.
    pub options: Vec<(u64, u32)>,
    /// The placed claims without which the conflict might not be, or might be mended.
    pub culprits: BTreeSet<u32>,
}

/// Who touches what.
#[derive(Debug)]
pub(super) struct Atlas {
    /// By path: the effects with known places, ascending.
    fixed: BTreeMap<Path, Vec<(u64, Touch)>>,
    /// The ends of sessions with known places, ascending.
    ends: Vec<(u64, Floating)>,
    floating: Vec<Floating>,
    reach: Reach,
    known: Known,
    /// Positions among the floating claims.
    by_session: BTreeMap<SessionId, Vec<usize>>,
    /// Whether all zxids of a run are tried, not only one between two that are occupied.
    is_thorough: bool,
    /// Whether there was no zxid left where one was wanted, but the run has others.
    is_lossy: Cell<bool>,
}

/// What a floating claim may touch, above the first and through the second zxid.
#[derive(Debug)]
pub(super) struct Window {
    pub claim: u32,
    pub window: (u64, u64),
    pub paths: Vec<Path>,
    /// Of paths that end with a number.
    pub prefixes: Vec<Path>,
}

impl Atlas {
    pub fn new(claims: &Claims<'_>) -> Atlas {
        let mut fixed: BTreeMap<Path, Vec<(u64, Touch)>> = BTreeMap::new();
        for (zxid, index) in &claims.effects {
            let op = claims.get(*index).op;
            if let Request::Write(write) = &op.request
                && has_effect(op)
            {
                for (path, touch) in touches_of(write, op.answer()).0 {
                    fixed.entry(path).or_default().push((*zxid, touch));
                }
            }
        }
        let floating = Floating::all(claims);
        let reach = Reach::of(&floating);
        let mut by_session: BTreeMap<SessionId, Vec<usize>> = BTreeMap::new();
        for (position, floating) in floating.iter().enumerate() {
            by_session
                .entry(floating.session)
                .or_default()
                .push(position);
        }
        Atlas {
            known: Known::of(claims, &floating, &reach),
            fixed,
            ends: Floating::known_ends(claims),
            floating,
            reach,
            by_session,
            is_thorough: false,
            is_lossy: Cell::new(false),
        }
    }

    /// The floating writes whose places are known.
    pub fn pins(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.known.pins.within(0, NOWHERE)
    }

    /// What each floating claim may touch, and when, by what it says of itself: where the search
    /// tries it stands for other places that nobody can tell from these.
    pub fn windows(&self, claims: &Claims<'_>) -> impl Iterator<Item = Window> {
        self.floating.iter().map(|floating| {
            let claim = claims.get(floating.claim);
            let (paths, prefixes) = floating.subjects();
            Window {
                claim: floating.claim,
                window: (claim.lo, claim.hi),
                paths,
                prefixes,
            }
        })
    }

    /// Whether something has no place, wherever all others have theirs.
    pub fn is_contradicted(&self) -> bool {
        self.known.stuck.is_some()
    }

    /// Tries all zxids of a run from now on. Says whether that makes a difference.
    pub fn be_thorough(&mut self) -> bool {
        let makes_a_difference = self.is_lossy.get() && !self.is_thorough;
        self.is_thorough = true;
        makes_a_difference
    }

    /// What may mend a conflict; `None` if nothing can, whatever is placed wherever.
    pub fn mending(
        &self,
        claims: &Claims<'_>,
        sweep: &mut Sweep<'_, '_>,
        placements: &Placements,
        conflict: &Conflict,
    ) -> Option<Mending> {
        let claim = claims.get(conflict.claim);
        if self.is_hopeless(conflict) {
            return None;
        }
        let involved = match &conflict.why {
            Why::RealTime { other } | Why::Session { other } => [conflict.claim, *other],
            Why::NoState | Why::Answer(_) | Why::Turn | Why::Heard => [conflict.claim; 2],
        };
        let is_movable = |claim: &u32| placements.has(*claim) && !self.known.pins.has(*claim);
        let mut mending = Mending {
            options: Vec::new(),
            culprits: involved.into_iter().filter(is_movable).collect(),
        };
        let mut limit = conflict.next.saturating_sub(1).min(claim.hi);
        if claim.kind == Kind::Observation {
            limit = limit.min(self.known.windows.most[conflict.claim as usize]);
        }
        let is_missing = claim.kind == Kind::Somewhere
            && sweep.place_of(conflict.claim) == NOWHERE
            && !placements.has(conflict.claim);
        if is_missing {
            let own = self.place_among(conflict.claim);
            self.try_each(own.into_iter(), placements, limit, &mut mending);
            return Some(mending);
        }
        match &conflict.why {
            Why::RealTime { .. } | Why::Session { .. } | Why::Heard | Why::Turn => {
                let is_observation = claim.kind == Kind::Observation;
                let is_order = !matches!(conflict.why, Why::Heard | Why::Turn);
                if !(is_observation && is_order) {
                    // If all that is involved has known places, nothing helps.
                    let is_movable = !mending.culprits.is_empty();
                    return is_movable.then_some(mending);
                }
            }
            Why::NoState | Why::Answer(_) => {}
        }
        if self.try_named(claims, placements, conflict, limit, &mut mending) {
            return Some(mending);
        }
        let found = match &conflict.why {
            Why::Answer(found) => found.clone(),
            Why::NoState | Why::RealTime { .. } | Why::Session { .. } | Why::Heard | Why::Turn => {
                sweep.found(conflict.claim)
            }
        };
        if let Request::Write(_) = claim.op.request {
            let enders = self
                .of_session(claim.op.session)
                .filter(|own| own.births.is_some());
            let placed = enders
                .map(|own| own.claim)
                .filter(|own| placements.has(*own));
            mending.culprits.extend(placed);
        }
        match lack(&claim.op.request, claim.op.answer(), &found) {
            Lack::Session => {}
            Lack::Changes(needs) => {
                let holds = |need: &Need| {
                    claim.kind != Kind::Observation
                        || self.is_same_all_along(claims, placements, conflict, need)
                };
                let mendings = needs.iter().filter(|need| holds(need)).map(|need| {
                    let mut mending = Mending {
                        options: Vec::new(),
                        culprits: mending.culprits.clone(),
                    };
                    self.try_need(need, placements, limit, &mut mending);
                    mending
                });
                match mendings.min_by_key(|mending| mending.options.len()) {
                    Some(fewest) => mending = fewest,
                    None => self.try_anything(claim, placements, limit, &mut mending),
                }
            }
            Lack::Anything => self.try_anything(claim, placements, limit, &mut mending),
        }
        Some(mending)
    }

    /// The position of a claim among the floating ones.
    fn place_among(&self, claim: u32) -> Option<usize> {
        let found = self
            .floating
            .binary_search_by_key(&claim, |floating| floating.claim);
        found.ok()
    }

    fn of_session(&self, session: SessionId) -> impl Iterator<Item = &Floating> + '_ {
        let positions = self.by_session.get(&session).into_iter().flatten();
        positions.map(|position| &self.floating[*position])
    }

    /// Those that may touch a node, with their positions.
    fn near(&self, path: &str) -> impl Iterator<Item = (usize, &Floating)> + '_ {
        let near = self.reach.near(path).into_iter();
        near.map(|position| (position, &self.floating[position]))
    }

    /// Those that may have to do with what is needed, with their positions.
    fn about(&self, need: &Need) -> impl Iterator<Item = (usize, &Floating)> + '_ {
        let positions = if need.is_below {
            (0..self.floating.len()).collect()
        } else {
            self.reach.near(&need.path)
        };
        let positions = positions.into_iter();
        positions.map(|position| (position, &self.floating[position]))
    }

    /// If a Stat names a zxid that nothing is placed at, then something must be.
    fn try_named(
        &self,
        claims: &Claims<'_>,
        placements: &Placements,
        conflict: &Conflict,
        limit: u64,
        mending: &mut Mending,
    ) -> bool {
        let claim = claims.get(conflict.claim);
        for (path, stat) in stats_told(&claim.op.request, claim.op.answer()) {
            for zxid in [stat.czxid.0, stat.mzxid.0, stat.pzxid.0] {
                let is_open = zxid > 0
                    && zxid <= limit
                    && self.known.named.contains_key(&zxid)
                    && placements.at(zxid).is_none();
                if !is_open {
                    continue;
                }
                for (_, floating) in self.near(&path) {
                    if !self.known.allows(floating, zxid, &self.reach) {
                        continue;
                    }
                    if placements.has(floating.claim) {
                        mending.culprits.insert(floating.claim);
                    } else {
                        mending.options.push((zxid, floating.claim));
                    }
                }
                return true;
            }
        }
        false
    }

    /// Places something that does what is needed.
    fn try_need(&self, need: &Need, placements: &Placements, limit: u64, mending: &mut Mending) {
        for (_, floating) in self.about(need) {
            if !meets(floating, need, need.causes) {
                continue;
            }
            if placements.has(floating.claim) {
                mending.culprits.insert(floating.claim);
            }
            // What its deeds depend on has a part in it as well.
            for prefix in &floating.prefixes {
                let parent = parent_of(prefix).unwrap_or("/");
                let touching = self.near(parent).map(|(_, other)| other);
                let touching = touching.filter(|other| other.touches(parent, ALL_TOUCHES));
                let placed = touching.map(|other| other.claim);
                mending
                    .culprits
                    .extend(placed.filter(|other| placements.has(*other)));
            }
            if floating.births.is_some() {
                let own = self.of_session(floating.session).map(|own| own.claim);
                mending
                    .culprits
                    .extend(own.filter(|own| placements.has(*own)));
            }
        }
        let able = self.about(need).filter(|(_, floating)| {
            !placements.has(floating.claim) && meets(floating, need, need.ways)
        });
        let able = able.map(|(position, _)| position);
        self.try_each(able, placements, limit, mending);
        mending.options.retain(|(slot, claim)| {
            let floating = self
                .place_among(*claim)
                .map(|position| &self.floating[position]);
            floating.is_some_and(|floating| self.may_do_at(floating, *slot, need))
        });
    }

    /// Whether it may change what is needed if it takes effect here. The end of a session changes
    /// only what lives.
    fn may_do_at(&self, floating: &Floating, slot: u64, need: &Need) -> bool {
        let Some(births) = &floating.births else {
            return true;
        };
        if need.is_below {
            return true;
        }
        births.iter().any(|birth| {
            let goes = birth.is(&need.path) && need.ways.contains(&Touch::Delete);
            let leaves =
                need.ways.contains(&Touch::Children) && parent_of(&birth.path) == Some(&*need.path);
            (goes || leaves) && self.may_live(birth, slot)
        })
    }

    /// Whether this node may be there just before `slot`, and be missed by nobody known afterwards.
    fn may_live(&self, birth: &Birth, slot: u64) -> bool {
        let Some(born) = birth.at else {
            return true;
        };
        let mut near = self.near(&birth.path);
        if near.any(|(_, floating)| floating.touches(&birth.path, &[Touch::Create])) {
            return born < slot;
        }
        let events = self.fixed.get(&birth.path).map_or(&[][..], Vec::as_slice);
        let next = events.partition_point(|(zxid, _)| *zxid < slot);
        let own = |touch: Touch| match touch {
            Touch::Create | Touch::Delete | Touch::Set => true,
            Touch::Acl | Touch::Children => false,
        };
        let before = events[..next].iter().rev();
        let mut before = before.filter(|(_, touch)| own(*touch) && *touch != Touch::Set);
        let mut after = events[next..].iter().filter(|(_, touch)| own(*touch));
        // One multi may have taken away another node of that name before it.
        before.next().is_some_and(|(zxid, _)| *zxid == born)
            && after
                .next()
                .is_none_or(|(_, touch)| *touch == Touch::Create)
    }

    /// Places something that touches whatever the request looks at; every choice so far may be to
    /// blame.
    fn try_anything(
        &self,
        claim: &Claim<'_>,
        placements: &Placements,
        limit: u64,
        mending: &mut Mending,
    ) {
        let mut relevant = BTreeSet::new();
        for path in looks_below(&claim.op.request) {
            let able = self.floating.iter().enumerate().filter(|(_, floating)| {
                !placements.has(floating.claim) && floating.touches_below(path, ALL_TOUCHES)
            });
            relevant.extend(able.map(|(position, _)| position));
        }
        for path in looks_of(&claim.op.request) {
            let touching = self.near(&path).filter(|(_, floating)| {
                !placements.has(floating.claim) && floating.touches(&path, ALL_TOUCHES)
            });
            relevant.extend(touching.map(|(position, _)| position));
        }
        mending.culprits.extend(placements.claims());
        self.try_each(relevant.into_iter(), placements, limit, mending);
    }

    /// Whether what is needed was the same in every state that an observation may belong to: then
    /// none of them fits it as it is.
    fn is_same_all_along(
        &self,
        claims: &Claims<'_>,
        placements: &Placements,
        conflict: &Conflict,
        need: &Need,
    ) -> bool {
        let claim = claims.get(conflict.claim);
        if need.is_below {
            // Other states may have had less or more there.
            return false;
        }
        let events = self.fixed.get(&need.path).map_or(&[][..], Vec::as_slice);
        let end = events.partition_point(|(zxid, _)| *zxid <= conflict.now);
        let mut causes = events[..end].iter().rev();
        let last_event = causes.find(|(_, touch)| need.causes.contains(touch));
        let ended = self
            .ends
            .iter()
            .rev()
            .find(|(zxid, end)| *zxid <= conflict.now && end.touches(&need.path, need.causes));
        let causing = |index: &u32| {
            let floating = self
                .place_among(*index)
                .map(|position| &self.floating[position]);
            floating.is_some_and(|floating| floating.touches(&need.path, need.causes))
        };
        let mut placed = placements.back_from(conflict.now);
        let last_placed = placed.find(|(_, claim)| causing(claim));
        let last_event = last_event.map_or(0, |(zxid, _)| *zxid);
        let last_event = ended.map_or(last_event, |(zxid, _)| last_event.max(*zxid));
        let last = last_placed.map_or(last_event, |(slot, _)| last_event.max(slot));
        let floor = self.known.windows.least[conflict.claim as usize];
        last <= claim.since.max(claim.lo).max(floor)
    }

    /// Whether a claim has no place, wherever all others have theirs.
    fn is_hopeless(&self, conflict: &Conflict) -> bool {
        self.known.stuck == Some(conflict.claim)
    }

    /// Every free place of these, the latest last. Whoever has such a place keeps them from it.
    fn try_each(
        &self,
        positions: impl Iterator<Item = usize>,
        placements: &Placements,
        limit: u64,
        mending: &mut Mending,
    ) {
        let mut options = Vec::new();
        for position in positions {
            let floating = &self.floating[position];
            for run in self.known.places(floating, limit, &self.reach) {
                let free = self.free_in(run, placements, &mut mending.culprits);
                let free = free.into_iter();
                options.extend(free.map(|slot| (run.is_named, slot, floating.claim)));
            }
        }
        options.sort_unstable();
        let options = options.into_iter();
        mending
            .options
            .extend(options.map(|(_, slot, claim)| (slot, claim)));
    }

    /// The zxids of a run that make a difference: one before, between and behind what is there.
    fn free_in(&self, run: Run, placements: &Placements, culprits: &mut BTreeSet<u32>) -> Vec<u64> {
        let mut free = Vec::new();
        let mut from = run.first;
        let occupied = placements.within(run.first, run.last);
        let walls = occupied.map(|(zxid, claim)| (zxid, Some(claim)));
        for (wall, occupant) in walls.chain([(run.last + 1, None)]) {
            if from < wall && self.is_thorough {
                free.extend(from..wall);
            } else if from < wall {
                free.push(from + (wall - from) / 2);
            } else if !run.is_named {
                self.is_lossy.set(true);
            }
            culprits.extend(occupant);
            from = wall + 1;
        }
        free
    }
}

/// Whether a floating write touches so whatever a need is about.
fn meets(floating: &Floating, need: &Need, how: &[Touch]) -> bool {
    if need.is_below {
        floating.touches_below(&need.path, how)
    } else {
        floating.touches(&need.path, how)
    }
}

/// The nodes of which a request looks at everything below.
fn looks_below(request: &Request) -> Vec<&Path> {
    fn of_read(read: &Read) -> Vec<&Path> {
        match read {
            Read::CountDescendants { path } | Read::GetEphemerals { prefix: path } => vec![path],
            Read::Multi(reads) => reads.iter().flat_map(of_read).collect(),
            Read::GetData { .. }
            | Read::Exists { .. }
            | Read::GetChildren { .. }
            | Read::GetAcl { .. }
            | Read::WhoAmI => Vec::new(),
        }
    }
    match request {
        Request::Read(read) => of_read(read),
        Request::Write(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => Vec::new(),
    }
}
