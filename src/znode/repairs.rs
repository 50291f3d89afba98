//! The repairs of a conflict: which unplaced writes could resolve it, and at which zxids.

mod trials;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::answers::has_effect;
use super::conflict::{Conflict, Why};
use super::constraint::{Constraint, Kind, NOWHERE};
use super::constraints::Constraints;
use super::footprints::{Touch, footprint_of, paths_read_by, stats_told};
use super::missing::{Change, Missing, missing};
use super::placements::Placements;
use super::propagation::Propagation;
use super::sweep::Sweep;
use super::unplaced::{ALL_TOUCHES, OwnedNode, Reach, Unplaced};
use crate::ids::SessionId;
use crate::tree::{Answer, Path, Read, Request};
use crate::znode::model::parent_of;

/// The options for a conflict and, if all fail, what to blame.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// Free zxids and the constraint to place there, the likeliest last.
    pub options: Vec<(u64, u32)>,
    /// The placed constraints that have a part in the conflict: moving any other cannot resolve it.
    pub conflict_set: BTreeSet<u32>,
}

/// An answer that differs from the recorded one.
struct Difference<'c> {
    conflict: &'c Conflict,
    /// The model's answer.
    found: Answer,
    /// The last zxid at which a write could change it.
    limit: u64,
}

/// What every write may touch, and the places that propagation has left.
#[derive(Debug)]
pub(super) struct Repairs {
    /// By path: the effects with known places, ascending.
    fixed: BTreeMap<Path, Vec<(u64, Touch)>>,
    /// The ends of sessions with known places, ascending.
    ends: Vec<(u64, Unplaced)>,
    unplaced: Vec<Unplaced>,
    reach: Reach,
    known: Propagation,
    /// Positions among the unplaced constraints.
    by_session: BTreeMap<SessionId, Vec<usize>>,
    /// Whether all zxids of a run are tried, not only one between two that are occupied.
    is_thorough: bool,
    /// Whether there was no zxid left where one was wanted, but the run has others.
    is_lossy: Cell<bool>,
}

/// The paths that an unplaced constraint may touch, above the first and through the second zxid.
#[derive(Debug)]
pub(super) struct Footprint {
    pub constraint: u32,
    pub range: (u64, u64),
    pub paths: Vec<Path>,
    /// Of paths that end with a number.
    pub prefixes: Vec<Path>,
}

impl Repairs {
    pub fn new(constraints: &Constraints<'_>) -> Repairs {
        let mut fixed: BTreeMap<Path, Vec<(u64, Touch)>> = BTreeMap::new();
        for (zxid, index) in &constraints.effects {
            let op = constraints.get(*index).op;
            if let Request::Write(write) = &op.request
                && has_effect(op)
            {
                for (path, touch) in footprint_of(write, op.answer()).0 {
                    fixed.entry(path).or_default().push((*zxid, touch));
                }
            }
        }
        let unplaced = Unplaced::all(constraints);
        let reach = Reach::of(&unplaced);
        let mut by_session: BTreeMap<SessionId, Vec<usize>> = BTreeMap::new();
        for (position, unplaced) in unplaced.iter().enumerate() {
            by_session
                .entry(unplaced.session)
                .or_default()
                .push(position);
        }
        Repairs {
            known: Propagation::of(constraints, &unplaced, &reach),
            fixed,
            ends: Unplaced::known_ends(constraints),
            unplaced,
            reach,
            by_session,
            is_thorough: false,
            is_lossy: Cell::new(false),
        }
    }

    /// The unplaced writes whose places propagation has forced.
    pub fn forced(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.known.forced.within(0, NOWHERE)
    }

    /// What each unplaced constraint may touch, and when, by its own bounds: the place that the
    /// search gives it stands for every place that cannot be told apart from it.
    pub fn footprints(&self, constraints: &Constraints<'_>) -> impl Iterator<Item = Footprint> {
        self.unplaced.iter().map(|unplaced| {
            let constraint = constraints.get(unplaced.constraint);
            let (paths, prefixes) = unplaced.subjects();
            Footprint {
                constraint: unplaced.constraint,
                range: (constraint.lo, constraint.hi),
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

    /// The repair of a conflict; `None` if nothing resolves it, whatever is placed wherever.
    pub fn repair(
        &self,
        constraints: &Constraints<'_>,
        sweep: &mut Sweep<'_, '_>,
        placements: &Placements,
        conflict: &Conflict,
    ) -> Option<Repair> {
        let constraint = constraints.get(conflict.constraint);
        if self.is_hopeless(conflict) {
            return None;
        }
        let involved = match &conflict.why {
            Why::RealTime { other } | Why::Session { other } => [conflict.constraint, *other],
            Why::NoState | Why::Answer(_) | Why::Turn | Why::Heard => [conflict.constraint; 2],
        };
        let is_movable =
            |constraint: &u32| placements.has(*constraint) && !self.known.forced.has(*constraint);
        let mut repair = Repair {
            options: Vec::new(),
            conflict_set: involved.into_iter().filter(is_movable).collect(),
        };
        let mut limit = conflict.next.saturating_sub(1).min(constraint.hi);
        if constraint.kind == Kind::Observation {
            limit = limit.min(self.known.bounds.upper[conflict.constraint as usize]);
        }
        let is_missing = constraint.kind == Kind::Somewhere
            && sweep.place_of(conflict.constraint) == NOWHERE
            && !placements.has(conflict.constraint);
        if is_missing {
            let own = self.place_among(conflict.constraint);
            self.try_each(own.into_iter(), placements, limit, &mut repair);
            return Some(repair);
        }
        match &conflict.why {
            Why::RealTime { .. } | Why::Session { .. } | Why::Heard | Why::Turn => {
                let is_observation = constraint.kind == Kind::Observation;
                let is_order = !matches!(conflict.why, Why::Heard | Why::Turn);
                if !(is_observation && is_order) {
                    // If all that is involved has known places, nothing helps.
                    let is_movable = !repair.conflict_set.is_empty();
                    return is_movable.then_some(repair);
                }
            }
            Why::NoState | Why::Answer(_) => {}
        }
        if self.try_named(constraints, placements, conflict, limit, &mut repair) {
            return Some(repair);
        }
        let found = match &conflict.why {
            Why::Answer(found) => found.clone(),
            Why::NoState | Why::RealTime { .. } | Why::Session { .. } | Why::Heard | Why::Turn => {
                sweep.found(conflict.constraint)
            }
        };
        let difference = Difference {
            conflict,
            found,
            limit,
        };
        Some(self.repair_difference(constraints, placements, &difference, repair))
    }

    /// Places what could make the model's answer the recorded one.
    fn repair_difference(
        &self,
        constraints: &Constraints<'_>,
        placements: &Placements,
        difference: &Difference<'_>,
        mut repair: Repair,
    ) -> Repair {
        let Difference {
            conflict,
            found,
            limit,
        } = difference;
        let constraint = constraints.get(conflict.constraint);
        if let Request::Write(_) = constraint.op.request {
            let enders = self
                .of_session(constraint.op.session)
                .filter(|own| own.owned.is_some());
            let placed = enders
                .map(|own| own.constraint)
                .filter(|own| placements.has(*own));
            repair.conflict_set.extend(placed);
        }
        match missing(&constraint.op.request, constraint.op.answer(), found) {
            Missing::Session => {}
            Missing::Changes(changes) => {
                let holds = |change: &Change| {
                    constraint.kind != Kind::Observation
                        || self.is_same_all_along(constraints, placements, conflict, change)
                };
                let each_repair = changes.iter().filter(|change| holds(change)).map(|change| {
                    let mut repair = Repair {
                        options: Vec::new(),
                        conflict_set: repair.conflict_set.clone(),
                    };
                    self.try_need(change, placements, *limit, &mut repair);
                    repair
                });
                match each_repair.min_by_key(|repair| repair.options.len()) {
                    Some(fewest) => repair = fewest,
                    None => self.try_anything(constraint, placements, *limit, &mut repair),
                }
            }
            Missing::Anything => self.try_anything(constraint, placements, *limit, &mut repair),
        }
        repair
    }

    /// The position of a constraint among the unplaced ones.
    fn place_among(&self, constraint: u32) -> Option<usize> {
        let found = self
            .unplaced
            .binary_search_by_key(&constraint, |unplaced| unplaced.constraint);
        found.ok()
    }

    fn of_session(&self, session: SessionId) -> impl Iterator<Item = &Unplaced> + '_ {
        let positions = self.by_session.get(&session).into_iter().flatten();
        positions.map(|position| &self.unplaced[*position])
    }

    /// Those that may touch a node, with their positions.
    fn near(&self, path: &str) -> impl Iterator<Item = (usize, &Unplaced)> + '_ {
        let near = self.reach.near(path).into_iter();
        near.map(|position| (position, &self.unplaced[position]))
    }

    /// Those that may make the wanted change, with their positions.
    fn about(&self, change: &Change) -> impl Iterator<Item = (usize, &Unplaced)> + '_ {
        let positions = if change.is_below {
            (0..self.unplaced.len()).collect()
        } else {
            self.reach.near(&change.path)
        };
        let positions = positions.into_iter();
        positions.map(|position| (position, &self.unplaced[position]))
    }

    /// If a Stat names a zxid that nothing is placed at, then something must be.
    fn try_named(
        &self,
        constraints: &Constraints<'_>,
        placements: &Placements,
        conflict: &Conflict,
        limit: u64,
        repair: &mut Repair,
    ) -> bool {
        let constraint = constraints.get(conflict.constraint);
        for (path, stat) in stats_told(&constraint.op.request, constraint.op.answer()) {
            for zxid in [stat.czxid.0, stat.mzxid.0, stat.pzxid.0] {
                let is_open = zxid > 0
                    && zxid <= limit
                    && self.known.named.contains_key(&zxid)
                    && placements.at(zxid).is_none();
                if !is_open {
                    continue;
                }
                for (_, unplaced) in self.near(&path) {
                    if !self.known.allows(unplaced, zxid, &self.reach) {
                        continue;
                    }
                    if placements.has(unplaced.constraint) {
                        repair.conflict_set.insert(unplaced.constraint);
                    } else {
                        repair.options.push((zxid, unplaced.constraint));
                    }
                }
                return true;
            }
        }
        false
    }

    /// Places something that makes the wanted change.
    fn try_need(&self, change: &Change, placements: &Placements, limit: u64, repair: &mut Repair) {
        for (_, unplaced) in self.about(change) {
            if !meets(unplaced, change, change.causes) {
                continue;
            }
            if placements.has(unplaced.constraint) {
                repair.conflict_set.insert(unplaced.constraint);
            }
            // Whatever its actions depend on is in the conflict set as well.
            for prefix in &unplaced.prefixes {
                let parent = parent_of(prefix).unwrap_or("/");
                let touching = self.near(parent).map(|(_, other)| other);
                let touching = touching.filter(|other| other.touches(parent, ALL_TOUCHES));
                let placed = touching.map(|other| other.constraint);
                repair
                    .conflict_set
                    .extend(placed.filter(|other| placements.has(*other)));
            }
            if unplaced.owned.is_some() {
                let own = self.of_session(unplaced.session).map(|own| own.constraint);
                repair
                    .conflict_set
                    .extend(own.filter(|own| placements.has(*own)));
            }
        }
        let able = self.about(change).filter(|(_, unplaced)| {
            !placements.has(unplaced.constraint) && meets(unplaced, change, change.ways)
        });
        let able = able.map(|(position, _)| position);
        self.try_each(able, placements, limit, repair);
        repair.options.retain(|(slot, constraint)| {
            let unplaced = self
                .place_among(*constraint)
                .map(|position| &self.unplaced[position]);
            unplaced.is_some_and(|unplaced| self.may_do_at(unplaced, *slot, change))
        });
    }

    /// Whether it may make the wanted change if it takes effect here. The end of a session changes
    /// only what lives.
    fn may_do_at(&self, unplaced: &Unplaced, slot: u64, change: &Change) -> bool {
        let Some(owned) = &unplaced.owned else {
            return true;
        };
        if change.is_below {
            return true;
        }
        owned.iter().any(|node| {
            let goes = node.is(&change.path) && change.ways.contains(&Touch::Delete);
            let leaves = change.ways.contains(&Touch::Children)
                && parent_of(&node.path) == Some(&*change.path);
            (goes || leaves) && self.may_live(node, slot)
        })
    }

    /// Whether this node may be there just before `slot`, and be missed by nobody known afterwards.
    fn may_live(&self, node: &OwnedNode, slot: u64) -> bool {
        let Some(born) = node.at else {
            return true;
        };
        let mut near = self.near(&node.path);
        if near.any(|(_, unplaced)| unplaced.touches(&node.path, &[Touch::Create])) {
            return born < slot;
        }
        let events = self.fixed.get(&node.path).map_or(&[][..], Vec::as_slice);
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
        constraint: &Constraint<'_>,
        placements: &Placements,
        limit: u64,
        repair: &mut Repair,
    ) {
        let mut relevant = BTreeSet::new();
        for path in looks_below(&constraint.op.request) {
            let able = self.unplaced.iter().enumerate().filter(|(_, unplaced)| {
                !placements.has(unplaced.constraint) && unplaced.touches_below(path, ALL_TOUCHES)
            });
            relevant.extend(able.map(|(position, _)| position));
        }
        for path in paths_read_by(&constraint.op.request) {
            let touching = self.near(&path).filter(|(_, unplaced)| {
                !placements.has(unplaced.constraint) && unplaced.touches(&path, ALL_TOUCHES)
            });
            relevant.extend(touching.map(|(position, _)| position));
        }
        repair.conflict_set.extend(placements.constraints());
        self.try_each(relevant.into_iter(), placements, limit, repair);
    }

    /// Whether what differs was the same in every state that an observation may belong to: then
    /// none of them fits it as it is.
    fn is_same_all_along(
        &self,
        constraints: &Constraints<'_>,
        placements: &Placements,
        conflict: &Conflict,
        change: &Change,
    ) -> bool {
        let constraint = constraints.get(conflict.constraint);
        if change.is_below {
            // Other states may have had less or more there.
            return false;
        }
        let events = self.fixed.get(&change.path).map_or(&[][..], Vec::as_slice);
        let end = events.partition_point(|(zxid, _)| *zxid <= conflict.now);
        let mut causes = events[..end].iter().rev();
        let last_event = causes.find(|(_, touch)| change.causes.contains(touch));
        let ended =
            self.ends.iter().rev().find(|(zxid, end)| {
                *zxid <= conflict.now && end.touches(&change.path, change.causes)
            });
        let causing = |index: &u32| {
            let unplaced = self
                .place_among(*index)
                .map(|position| &self.unplaced[position]);
            unplaced.is_some_and(|unplaced| unplaced.touches(&change.path, change.causes))
        };
        let mut placed = placements.back_from(conflict.now);
        let last_placed = placed.find(|(_, constraint)| causing(constraint));
        let last_event = last_event.map_or(0, |(zxid, _)| *zxid);
        let last_event = ended.map_or(last_event, |(zxid, _)| last_event.max(*zxid));
        let last = last_placed.map_or(last_event, |(slot, _)| last_event.max(slot));
        let floor = self.known.bounds.lower[conflict.constraint as usize];
        last <= constraint.since.max(constraint.lo).max(floor)
    }

    /// Whether a constraint has no place, wherever all others have theirs.
    fn is_hopeless(&self, conflict: &Conflict) -> bool {
        self.known.stuck == Some(conflict.constraint)
    }
}

/// Whether an unplaced write touches in one of these ways whatever a change is about.
fn meets(unplaced: &Unplaced, change: &Change, how: &[Touch]) -> bool {
    if change.is_below {
        unplaced.touches_below(&change.path, how)
    } else {
        unplaced.touches(&change.path, how)
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
