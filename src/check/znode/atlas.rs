//! Who touches what, and where a floating write may take effect.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Claim, Claims, Kind, NONE, NOWHERE, has_effect, told};
use super::needs::{Lack, Need, lack};
use super::sweep::{Conflict, Placements, Sweep, Why};
use super::touches::{Touch, ephemerals_of, is_numbered, looks_of, stats_told, touches_of};
use crate::check::model::parent_of;
use crate::ids::SessionId;
use crate::tree::{Path, Read, Request, Response, Write};

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
    /// The zxids that are taken, ascending.
    taken: Vec<u64>,
    /// What Stats say happened at zxids that nothing known has.
    named: BTreeMap<u64, BTreeSet<(Path, Touch)>>,
    /// The free zxids that are worth a trial, ascending.
    slots: Vec<u64>,
    /// Whether of neighbouring free zxids, between which nothing is, one stands for all. That
    /// leaves nothing out but orders of several writes for which there is no room then.
    is_brief: bool,
    floating: Vec<Floating>,
    /// By number in the order of completion: a state that this claim and all before are at or
    /// behind.
    reached: Vec<u64>,
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

/// A floating claim: what it may touch, and the zxids between which it lies.
#[derive(Debug)]
struct Floating {
    claim: u32,
    session: SessionId,
    touches: BTreeSet<(Path, Touch)>,
    /// Sequential creates: the path is known up to the number.
    prefixes: Vec<Path>,
    /// Of the end of a session: the nodes that go with it.
    births: Option<Vec<Birth>>,
    /// Above this and through that.
    above: u64,
    through: u64,
}

/// An ephemeral node of a session.
#[derive(Clone, Debug)]
struct Birth {
    path: Path,
    /// Whether a number that nobody knows follows the path.
    is_numbered: bool,
    /// When it was created, if that is known.
    at: Option<u64>,
}

impl Birth {
    fn is(&self, path: &str) -> bool {
        match self.is_numbered {
            true => is_numbered(path, &self.path),
            false => *self.path == *path,
        }
    }
}

/// Of so many neighbouring free zxids each is offered for a trial.
const ROW_MAX: usize = 2;

const ALL_TOUCHES: &[Touch] = &[
    Touch::Create,
    Touch::Delete,
    Touch::Set,
    Touch::Acl,
    Touch::Children,
];

impl Floating {
    fn touches(&self, path: &str, how: &[Touch]) -> bool {
        let wanted = |(known, touch): &(Path, Touch)| **known == *path && how.contains(touch);
        self.touches.iter().any(wanted)
            || (how.contains(&Touch::Create)
                && self.prefixes.iter().any(|prefix| is_numbered(path, prefix)))
            || (how.contains(&Touch::Delete)
                && self.births.iter().flatten().any(|birth| birth.is(path)))
    }

    /// As `touches`, of whatever a need is about.
    fn meets(&self, need: &Need, how: &[Touch]) -> bool {
        if !need.is_below {
            return self.touches(&need.path, how);
        }
        let is_below = |path: &Path| {
            let below = path.strip_prefix(&*need.path);
            &*need.path == "/" || below.is_some_and(|rest| rest.starts_with('/'))
        };
        let mut touches = self.touches.iter();
        touches.any(|(path, touch)| is_below(path) && how.contains(touch))
            || (how.contains(&Touch::Create) && self.prefixes.iter().any(is_below))
            || (how.contains(&Touch::Delete)
                && self
                    .births
                    .iter()
                    .flatten()
                    .any(|birth| is_below(&birth.path)))
    }

    /// Whether it may do all of this.
    fn does(&self, deeds: &BTreeSet<(Path, Touch)>) -> bool {
        deeds.iter().all(|(path, touch)| {
            let ways: &[Touch] = match touch {
                Touch::Create => &[Touch::Create],
                Touch::Delete => &[Touch::Delete],
                Touch::Set => &[Touch::Set, Touch::Create],
                Touch::Acl => &[Touch::Acl],
                Touch::Children => &[Touch::Children, Touch::Create],
            };
            self.touches(path, ways)
        })
    }
}

impl Atlas {
    /// A first one, which is brief.
    pub fn new(claims: &Claims<'_>) -> Atlas {
        let mut fixed: BTreeMap<Path, Vec<(u64, Touch)>> = BTreeMap::new();
        let mut taken = Vec::with_capacity(claims.effects.len());
        for (zxid, index) in &claims.effects {
            taken.push(*zxid);
            let op = claims.get(*index).op;
            if let Request::Write(write) = &op.request
                && has_effect(op)
            {
                for (path, touch) in touches_of(write, told(op)).0 {
                    fixed.entry(path).or_default().push((*zxid, touch));
                }
            }
        }
        let reached = reached_by(claims, surely_at);
        let births = births(claims);
        let latest = latest_invocations(claims);
        let effects = reached_by(claims, |claim| match claim.kind {
            Kind::Effect(zxid) => zxid,
            Kind::Observation | Kind::Somewhere | Kind::Perhaps => 0,
        });
        let floating: Vec<Floating> = claims
            .floating
            .iter()
            .map(|index| {
                let (above, through) = bounds(claims, *index, &effects, &latest);
                floating(claims, *index, &births, above, through)
            })
            .collect();
        let floating = narrowed(floating, claims, &fixed, &Sightings::of(claims));
        let named = named_by_stats(claims, &taken);
        Atlas {
            slots: slots(&taken, &named, floating.len() as u64),
            is_brief: true,
            floating,
            named,
            fixed,
            taken,
            reached,
        }
    }

    /// From now on leaves nothing out. Says whether it did before.
    pub fn go_on_in_full(&mut self) -> bool {
        core::mem::replace(&mut self.is_brief, false)
    }

    /// What each floating claim may touch, and when.
    pub fn windows(&self) -> impl Iterator<Item = Window> {
        self.floating.iter().map(|floating| {
            let births = floating.births.iter().flatten();
            let touched = floating.touches.iter().map(|(path, _)| path.clone());
            let (numbered, named): (Vec<&Birth>, Vec<&Birth>) =
                births.partition(|birth| birth.is_numbered);
            Window {
                claim: floating.claim,
                window: (floating.above, floating.through),
                paths: touched
                    .chain(named.into_iter().map(|birth| birth.path.clone()))
                    .collect(),
                prefixes: floating
                    .prefixes
                    .iter()
                    .chain(numbered.into_iter().map(|birth| &birth.path))
                    .cloned()
                    .collect(),
            }
        })
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
        let is_placed = |claim: &u32| placements.values().any(|placed| placed == claim);
        let involved = match &conflict.why {
            Why::RealTime { other } | Why::Session { other } => [conflict.claim, *other],
            Why::NoState | Why::Answer(_) | Why::Turn | Why::Heard => [conflict.claim; 2],
        };
        let mut mending = Mending {
            options: Vec::new(),
            culprits: involved.into_iter().filter(is_placed).collect(),
        };
        let limit = conflict.next.saturating_sub(1).min(claim.hi);
        let is_missing = claim.kind == Kind::Somewhere
            && sweep.place_of(conflict.claim) == NOWHERE
            && !is_placed(&conflict.claim);
        if is_missing {
            let own = |floating: &&Floating| floating.claim == conflict.claim;
            self.try_each(
                self.floating.iter().filter(own),
                placements,
                limit,
                &mut mending,
            );
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
        if self.is_hopeless(claims, conflict) {
            return None;
        }
        let found = match &conflict.why {
            Why::Answer(found) => found.clone(),
            Why::NoState | Why::RealTime { .. } | Why::Session { .. } | Why::Heard | Why::Turn => {
                sweep.found(conflict.claim)
            }
        };
        if let Request::Write(_) = claim.op.request {
            mending
                .culprits
                .extend(self.enders(claim.op.session, placements));
        }
        match lack(&claim.op.request, told(claim.op), &found) {
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

    /// The placed ends of a session.
    fn enders(&self, session: SessionId, placements: &Placements) -> Vec<u32> {
        let ends = self.floating.iter().filter(|floating| {
            floating.births.is_some()
                && floating.session == session
                && is_placed(floating, placements)
        });
        ends.map(|floating| floating.claim).collect()
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
                if !is_open {
                    continue;
                }
                for floating in &self.floating {
                    let fits = floating.above < zxid
                        && zxid <= floating.through
                        && floating.touches(&path, how);
                    if fits && is_placed(floating, placements) {
                        mending.culprits.insert(floating.claim);
                    } else if fits {
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
        for floating in &self.floating {
            if !floating.meets(need, need.causes) {
                continue;
            }
            if is_placed(floating, placements) {
                mending.culprits.insert(floating.claim);
            }
            // What its deeds depend on has a part in it as well.
            for prefix in &floating.prefixes {
                let parent = parent_of(prefix).unwrap_or("/");
                mending
                    .culprits
                    .extend(self.placed_touching(parent, placements));
            }
            if floating.births.is_some() {
                let of_session = self.floating.iter().filter(|other| {
                    other.session == floating.session && is_placed(other, placements)
                });
                mending.culprits.extend(of_session.map(|other| other.claim));
            }
        }
        let able = |floating: &&Floating| {
            !is_placed(floating, placements) && floating.meets(need, need.ways)
        };
        self.try_each(
            self.floating.iter().filter(able),
            placements,
            limit,
            mending,
        );
        mending.options.retain(|(slot, claim)| {
            let floating = self
                .floating
                .iter()
                .find(|floating| floating.claim == *claim);
            floating.is_some_and(|floating| self.may_do_at(floating, *slot, need))
        });
    }

    fn placed_touching(&self, path: &str, placements: &Placements) -> Vec<u32> {
        let touching = self.floating.iter().filter(|floating| {
            floating.touches(path, ALL_TOUCHES) && is_placed(floating, placements)
        });
        touching.map(|floating| floating.claim).collect()
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
        let is_known_to_all = !self
            .floating
            .iter()
            .any(|floating| floating.touches(&birth.path, &[Touch::Create]));
        if !is_known_to_all {
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
        before.next() == Some(&(born, Touch::Create))
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
        let looks = looks_of(&claim.op.request);
        let relevant = |floating: &&Floating| {
            !is_placed(floating, placements)
                && looks.iter().any(|path| floating.touches(path, ALL_TOUCHES))
        };
        mending.culprits.extend(placements.values());
        self.try_each(
            self.floating.iter().filter(relevant),
            placements,
            limit,
            mending,
        );
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
        if need.is_below {
            // What is below another node is looked for only where it matters.
            return true;
        }
        let claim = claims.get(conflict.claim);
        let events = self.fixed.get(&need.path).map_or(&[][..], Vec::as_slice);
        let end = events.partition_point(|(zxid, _)| *zxid <= conflict.now);
        let mut causes = events[..end].iter().rev();
        let last_event = causes.find(|(_, touch)| need.causes.contains(touch));
        let causing = |index: &u32| {
            let mut floating = self.floating.iter();
            floating.any(|floating| {
                floating.claim == *index && floating.touches(&need.path, need.causes)
            })
        };
        let mut placed = placements.range(..=conflict.now).rev();
        let last_placed = placed.find(|(_, claim)| causing(claim));
        let last_event = last_event.map_or(0, |(zxid, _)| *zxid);
        let last = last_placed.map_or(last_event, |(slot, _)| last_event.max(*slot));
        last <= claim.since.max(claim.lo) || last <= self.surely_before(claims, conflict.claim)
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
                let next = touched.partition_point(|(zxid, _)| *zxid <= claim.since);
                // A Stat does not say when the ACL was set.
                let mut told = touched[next..]
                    .iter()
                    .filter(|(_, touch)| *touch != Touch::Acl);
                told.next().is_some_and(|(zxid, _)| *zxid <= floor)
            })
    }

    /// A state that everything has reached which an observation must come behind.
    fn surely_before(&self, claims: &Claims<'_>, index: u32) -> u64 {
        let claim = claims.get(index);
        let mut floor = claim.lo;
        if claim.by_clock {
            let over = over_before(claims, claim.invoked);
            floor = over
                .checked_sub(1)
                .map_or(floor, |last| floor.max(self.reached[last]));
        }
        let mut before = claim.before;
        while before != NONE {
            let earlier = claims.get(before);
            floor = floor.max(surely_at(earlier));
            before = earlier.before;
        }
        floor
    }

    /// Every free place of these, the latest last. Whoever has such a place keeps them from it.
    fn try_each<'f>(
        &self,
        floating: impl Iterator<Item = &'f Floating>,
        placements: &Placements,
        limit: u64,
        mending: &mut Mending,
    ) {
        let mut options = Vec::new();
        let mut named_options = Vec::new();
        for floating in floating {
            let first = self.slots.partition_point(|slot| *slot <= floating.above);
            let through = floating.through.min(limit);
            // Neighbours so far.
            let mut row: Vec<u64> = Vec::new();
            let mut offer = |row: &mut Vec<u64>| {
                let kept = if self.is_brief && row.len() > ROW_MAX {
                    row.len() / 2..row.len() / 2 + 1
                } else {
                    0..row.len()
                };
                options.extend(row[kept].iter().map(|slot| (false, *slot, floating.claim)));
                row.clear();
            };
            for slot in self.slots[first..]
                .iter()
                .take_while(|slot| **slot <= through)
            {
                if row.last().is_some_and(|last| last + 1 != *slot) {
                    offer(&mut row);
                }
                let named = self.named.get(slot);
                // Whatever happened there touched what the Stats are of.
                if named.is_some_and(|named| !floating.does(named)) {
                    continue;
                }
                match placements.get(slot) {
                    Some(occupant) => {
                        offer(&mut row);
                        mending.culprits.insert(*occupant);
                    }
                    None if named.is_some() => {
                        named_options.push((true, *slot, floating.claim));
                    }
                    None => row.push(*slot),
                }
            }
            offer(&mut row);
        }
        options.append(&mut named_options);
        options.sort_unstable();
        let options = options.into_iter();
        mending
            .options
            .extend(options.map(|(_, slot, claim)| (slot, claim)));
    }
}

fn is_placed(floating: &Floating, placements: &Placements) -> bool {
    placements.values().any(|placed| *placed == floating.claim)
}

fn floating(
    claims: &Claims<'_>,
    index: u32,
    births: &BTreeMap<SessionId, Vec<Birth>>,
    above: u64,
    through: u64,
) -> Floating {
    let op = claims.get(index).op;
    let Request::Write(write) = &op.request else {
        unreachable!("only writes float");
    };
    let (mut touches, prefixes) = touches_of(write, told(op));
    let mut own = None;
    if let Write::CloseSession | Write::ExpireSession = write.bare() {
        let of_session = births.get(&op.session).cloned().unwrap_or_default();
        for birth in &of_session {
            let parent = parent_of(&birth.path);
            touches.extend(parent.map(|parent| (Path::from(parent), Touch::Children)));
        }
        own = Some(of_session);
    }
    Floating {
        claim: index,
        session: op.session,
        touches,
        prefixes,
        births: own,
        above,
        through,
    }
}

/// The latest states in which nodes surely were there.
#[derive(Default)]
struct Sightings {
    /// By path and the zxid of the creation.
    seen: BTreeMap<(Path, u64), u64>,
    /// By path, where only a list of children tells.
    listed: BTreeMap<Path, u64>,
}

impl Sightings {
    fn of(claims: &Claims<'_>) -> Sightings {
        let mut sightings = Sightings::default();
        for claim in &claims.all {
            let at = surely_at(claim);
            for (path, stat) in stats_told(&claim.op.request, told(claim.op)) {
                let last = sightings.seen.entry((path, stat.czxid.0)).or_default();
                *last = at.max(*last);
            }
            let (
                Request::Read(Read::GetChildren { path, .. }),
                Some(Ok(Response::Children { names, .. })),
            ) = (&claim.op.request, told(claim.op))
            else {
                continue;
            };
            let parent = if &**path == "/" { "" } else { path };
            for name in names {
                let path = Path::from(format!("{parent}/{name}"));
                let last = sightings.listed.entry(path).or_default();
                *last = at.max(*last);
            }
        }
        sightings
    }

    /// The latest one of the node that was created there, at this zxid; `is_only` if no other node
    /// ever had this path.
    fn last(&self, path: &Path, born: u64, is_only: bool) -> u64 {
        let seen = self.seen.get(&(path.clone(), born)).copied();
        let listed = self.listed.get(path).copied().filter(|_| is_only);
        seen.max(listed).unwrap_or(0)
    }
}

/// With tighter bounds for what takes nodes away: a session has not ended, and a node was not
/// removed, before it was seen; and of a node that somebody else took away, or made anew, the
/// removal came before, if ever.
fn narrowed(
    mut floating: Vec<Floating>,
    claims: &Claims<'_>,
    fixed: &BTreeMap<Path, Vec<(u64, Touch)>>,
    sightings: &Sightings,
) -> Vec<Floating> {
    let unknown_births: BTreeSet<Path> = floating
        .iter()
        .flat_map(|one| one.touches.iter())
        .filter(|(_, touch)| *touch == Touch::Create)
        .map(|(path, _)| path.clone())
        .collect();
    let prefixes = floating.iter().flat_map(|one| one.prefixes.iter().cloned());
    let unknown_prefixes: Vec<Path> = prefixes.collect();
    let is_only = |path: &Path| {
        let events = fixed.get(path).map_or(&[][..], Vec::as_slice);
        let creates = events.iter().filter(|(_, touch)| *touch == Touch::Create);
        let prefixed = |prefix: &Path| is_numbered(path, prefix);
        creates.count() == 1
            && !unknown_births.contains(path)
            && !unknown_prefixes.iter().any(prefixed)
    };
    for one in &mut floating {
        let births = one.births.iter().flatten();
        let known = births.filter_map(|birth| Some((birth.path.clone(), birth.at?)));
        for (path, born) in known {
            one.above = one.above.max(sightings.last(&path, born, is_only(&path)));
        }
        let claim = claims.get(one.claim);
        let Request::Write(Write::DeleteContainer { path }) = &claim.op.request else {
            continue;
        };
        let (born, events) = (claim.lo, fixed.get(path).map_or(&[][..], Vec::as_slice));
        if born == 0 {
            continue;
        }
        one.above = one.above.max(sightings.last(path, born, is_only(path)));
        if unknown_births.contains(path) {
            continue;
        }
        let next = events.partition_point(|(zxid, _)| *zxid <= born);
        for (zxid, touch) in &events[next..] {
            match touch {
                Touch::Set | Touch::Acl | Touch::Children => one.above = one.above.max(*zxid),
                Touch::Create => {
                    one.through = one.through.min(*zxid - 1);
                    break;
                }
                // It was there to be deleted.
                Touch::Delete => {
                    one.through = 0;
                    break;
                }
            }
        }
    }
    floating
}

/// The ephemeral nodes that each session with a floating end may have created.
fn births(claims: &Claims<'_>) -> BTreeMap<SessionId, Vec<Birth>> {
    let mut births: BTreeMap<SessionId, Vec<Birth>> = BTreeMap::new();
    for index in &claims.floating {
        births.entry(claims.get(*index).op.session).or_default();
    }
    for claim in &claims.all {
        let Request::Write(write) = &claim.op.request else {
            continue;
        };
        let Some(own) = births.get_mut(&claim.op.session) else {
            continue;
        };
        let at = match claim.kind {
            Kind::Effect(zxid) => Some(zxid),
            Kind::Observation | Kind::Somewhere | Kind::Perhaps => None,
        };
        let (paths, prefixes) = ephemerals_of(write, told(claim.op));
        let known = paths.into_iter().map(|path| (path, false));
        let prefixes = prefixes.into_iter().map(|path| (path, true));
        own.extend(known.chain(prefixes).map(|(path, is_numbered)| Birth {
            path,
            is_numbered,
            at,
        }));
    }
    births
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

/// The free zxids that are worth a trial: those that Stats name, and of each run of others as many
/// as there are writes to place. More make no difference: only the order among them does.
fn slots(taken: &[u64], named: &BTreeMap<u64, BTreeSet<(Path, Touch)>>, count: u64) -> Vec<u64> {
    let mut walls: Vec<u64> = taken.iter().chain(named.keys()).copied().collect();
    walls.sort_unstable();
    let last = walls.last().copied().unwrap_or(0);
    walls.push(last.saturating_add(count.saturating_add(1)));
    let mut slots: Vec<u64> = named.keys().copied().collect();
    let mut from = 1;
    for wall in walls {
        let run = wall.saturating_sub(from);
        slots.extend((wall - run.min(count))..wall);
        from = wall.saturating_add(1);
    }
    slots.sort_unstable();
    slots
}

/// A state that a claim is at or behind, whatever is placed where.
fn surely_at(claim: &Claim<'_>) -> u64 {
    match claim.kind {
        Kind::Effect(zxid) => zxid,
        Kind::Observation => claim.since.max(claim.lo),
        Kind::Somewhere | Kind::Perhaps => 0,
    }
}

/// By number in the order of completion: the latest state of this claim and all before.
fn reached_by(claims: &Claims<'_>, state: impl Fn(&Claim<'_>) -> u64) -> Vec<u64> {
    let mut latest = 0;
    let due = claims.by_completion.iter().map(|due| {
        latest = state(claims.get(*due)).max(latest);
        latest
    });
    due.collect()
}

/// By number in the order of zxids: the latest invocation of this effect and all before.
fn latest_invocations(claims: &Claims<'_>) -> Vec<u64> {
    let mut latest = 0;
    let effects = claims.effects.iter().map(|(_, effect)| {
        latest = claims.get(*effect).invoked.max(latest);
        latest
    });
    effects.collect()
}

/// Between which zxids a floating write lies, by what is known to come before and after it.
fn bounds(claims: &Claims<'_>, index: u32, effects: &[u64], latest: &[u64]) -> (u64, u64) {
    let claim = claims.get(index);
    let before = over_before(claims, claim.invoked);
    let above = before.checked_sub(1).map_or(0, |last| effects[last]);
    let mut through = claim.hi;
    if claim.is_due() {
        let first = latest.partition_point(|invoked| *invoked <= claim.completed);
        if let Some((zxid, _)) = claims.effects.get(first) {
            through = through.min(zxid - 1);
        }
    }
    (above.max(claim.lo), through)
}

/// How many claims had ended before this moment.
fn over_before(claims: &Claims<'_>, moment: u64) -> usize {
    claims
        .by_completion
        .partition_point(|due| claims.get(*due).completed < moment)
}
