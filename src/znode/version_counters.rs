//! The version counters of each node, from all Stats together: its lives, and how its counters
//! moved in each.
//!
//! A node's czxid names one of its lives. In a life the version counts the sets, and cversion with
//! the number of children counts the births and deaths below; each count is known at the zxids that
//! Stats name. Between two of them exactly so many changes happened, so an unplaced write can only
//! stand where one is missing. Every answer has to be explained, so that whatever
//! follows from one is true in every legal order, also where another answer is wrong.

use std::collections::BTreeMap;

use super::answers::has_effect;
use super::constraint::Kind;
use super::constraints::Constraints;
use super::footprints::{Touch, footprint_of, stats_told};
use super::placements::Placements;
use super::unplaced::{Action, Reach};
use crate::ids::SessionId;
use crate::tree::{ANY_VERSION, Path, Request, Stat, Write};
use crate::znode::model::parent_of;

/// The lives of all nodes that somebody has seen.
#[derive(Debug, Default)]
pub(super) struct VersionCounters {
    /// By path, ascending by birth.
    lives: BTreeMap<Path, Vec<Life>>,
    /// The nodes that each session owned: path and birth.
    owned: BTreeMap<SessionId, Vec<(Path, u64)>>,
}

/// One life of a node.
#[derive(Debug)]
struct Life {
    born: u64,
    /// It lived in this state, or one transaction before.
    alive: u64,
    /// Comings are sets.
    content: Counter,
    /// Comings and goings of children.
    children: Counter,
}

/// What is known of two counters that only move up.
#[derive(Debug, Default)]
struct Counter {
    points: BTreeMap<u64, Point>,
    /// The zxids of known comings and goings, ascending, as often as they count.
    known: [Vec<u64>; 2],
}

/// The counters as they were left at one zxid.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// Inside of a multi they may have been seen at less than it left them at.
    least: [i64; 2],
    most: [i64; 2],
    /// Nothing moved through here.
    held: u64,
    /// Whether it was seen inside of a multi.
    is_inside: bool,
}

impl Counter {
    fn tell(&mut self, zxid: u64, counts: [i64; 2], held: u64, is_inside: bool) {
        let point = self.points.entry(zxid).or_insert(Point {
            least: counts,
            most: counts,
            held: zxid,
            is_inside,
        });
        for (counter, count) in counts.into_iter().enumerate() {
            point.least[counter] = point.least[counter].min(count);
            point.most[counter] = point.most[counter].max(count);
        }
        point.held = point.held.max(held);
        point.is_inside |= is_inside;
    }

    /// Whether something unknown may have moved the counters by so much at a zxid.
    fn allows(&self, zxid: u64, wanted: [i64; 2]) -> bool {
        let Some((before, left)) = self.points.range(..zxid).next_back() else {
            return true;
        };
        if wanted == [0, 0] {
            return true;
        }
        if zxid <= left.held {
            return false;
        }
        let Some((next, reached)) = self.points.range(zxid..).next() else {
            return true;
        };
        let known = |counter: usize| {
            let list = &self.known[counter];
            let first = list.partition_point(|known| known <= before);
            let last = list.partition_point(|known| known < next);
            // Where it is to be itself, what is known may be its own.
            let own = list[first..last].iter().filter(|known| **known == zxid);
            (last - first) as i64 - own.count() as i64
        };
        if *next == zxid {
            return (0..2).all(|counter| {
                let moved = reached.most[counter] - left.most[counter];
                wanted[counter] <= moved - known(counter)
            });
        }
        let moved = |counter: usize| reached.least[counter] - left.most[counter];
        let is_known_at_next =
            |counter: usize| !reached.is_inside && self.known[counter].binary_search(next).is_ok();
        let in_each = (0..2).all(|counter| {
            let at_next = i64::from(is_known_at_next(counter));
            wanted[counter] <= moved(counter) - known(counter) - at_next
        });
        // One of the changes is what the later of the two zxids stands for.
        let room = moved(0) + moved(1) - known(0) - known(1) - 1;
        in_each && wanted[0] + wanted[1] <= room
    }

    /// The first zxid after this one at which they had moved.
    fn next_after(&self, zxid: u64) -> Option<u64> {
        self.points.range(zxid + 1..).next().map(|(next, _)| *next)
    }

    /// Between what the first counter is just before a zxid.
    fn range_before(&self, zxid: u64, may_move: bool) -> Option<(i64, i64)> {
        let (_, left) = self.points.range(..zxid).next_back()?;
        let least = left.most[0];
        if zxid <= left.held + 1 {
            return Some((least, least));
        }
        let next = self.points.range(zxid..).next();
        let most = match next {
            Some((_, reached)) => reached.least[0] - 1,
            None if may_move => i64::MAX,
            None => least,
        };
        Some((least, most))
    }
}

/// A Stat, and a state which it still held at.
struct Evidence {
    stat: Stat,
    held: u64,
    is_inside: bool,
}

impl VersionCounters {
    /// What all Stats say, if each constraint stands at or after its lower bound.
    pub fn of(
        constraints: &Constraints<'_>,
        least: &[u64],
        forced: &Placements,
        reach: &Reach,
    ) -> VersionCounters {
        let mut drafts: BTreeMap<Path, BTreeMap<u64, Life>> = BTreeMap::new();
        let mut owned: BTreeMap<SessionId, Vec<(Path, u64)>> = BTreeMap::new();
        for (constraint, least) in constraints.all.iter().zip(least) {
            let inside = match &constraint.op.request {
                Request::Write(write) => matches!(write.bare(), Write::Multi(_)),
                Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => {
                    false
                }
            };
            for (path, stat) in stats_told(&constraint.op.request, constraint.op.answer()) {
                let is_born = &*path == "/" || path.starts_with("/zookeeper");
                if stat.czxid.0 == 0 && !is_born {
                    continue; // Its answer names no zxid.
                }
                let evidence = match inside {
                    false => Evidence {
                        stat,
                        held: (*least).max(stat.mzxid.0).max(stat.pzxid.0),
                        is_inside: false,
                    },
                    true => Evidence {
                        stat,
                        held: least.saturating_sub(1),
                        is_inside: true,
                    },
                };
                let lives = drafts.entry(path.clone()).or_default();
                let life = lives.entry(stat.czxid.0).or_insert_with(|| {
                    if stat.ephemeral_owner != SessionId::NONE {
                        let of_session = owned.entry(stat.ephemeral_owner).or_default();
                        of_session.push((path, stat.czxid.0));
                    }
                    Life::born(stat.czxid.0)
                });
                life.tell(&evidence);
            }
        }
        let mut counters = VersionCounters {
            lives: BTreeMap::new(),
            owned,
        };
        let deaths = births_and_deaths(constraints, forced, reach, &mut drafts);
        for (path, lives) in drafts {
            counters.lives.insert(path, lives.into_values().collect());
        }
        counters.raise(reach);
        for (path, zxid) in deaths {
            counters.know_death(&path, zxid);
        }
        counters.sort();
        counters
    }

    /// A node with children is alive, and each child was created.
    fn raise(&mut self, reach: &Reach) {
        let mut paths: Vec<Path> = self.lives.keys().cloned().collect();
        paths.sort_by_key(|path| core::cmp::Reverse(path.matches('/').count()));
        for path in paths {
            let Some(parent) = parent_of(&path).map(Path::from) else {
                continue;
            };
            let told = self.lives[&path].iter();
            let told: Vec<(u64, u64)> = told.map(|life| (life.born, life.alive)).collect();
            let is_seen_each_time = !reach.may_create(&parent);
            let Some(lives) = self.lives.get_mut(&parent) else {
                continue;
            };
            for (born, alive) in told {
                let place = lives.partition_point(|life| life.born <= born);
                let Some(life) = place.checked_sub(1).map(|place| &mut lives[place]) else {
                    continue;
                };
                if is_seen_each_time {
                    life.alive = life.alive.max(alive);
                }
                if born > 0 {
                    life.children.known[0].push(born);
                }
            }
        }
    }

    fn know_death(&mut self, path: &Path, zxid: u64) {
        let Some(lives) = parent_of(path).and_then(|parent| self.lives.get_mut(parent)) else {
            return;
        };
        let place = lives.partition_point(|life| life.born < zxid);
        if let Some(life) = place.checked_sub(1).map(|place| &mut lives[place]) {
            life.children.known[1].push(zxid);
        }
    }

    fn sort(&mut self) {
        for life in self.lives.values_mut().flatten() {
            let [comings, goings] = &mut life.children.known;
            comings.sort_unstable();
            goings.sort_unstable();
        }
    }

    fn life_before(&self, path: &str, zxid: u64) -> Option<&Life> {
        let lives = self.lives.get(path)?;
        let place = lives.partition_point(|life| life.born < zxid);
        Some(&lives[place.checked_sub(1)?])
    }

    fn is_born_at(&self, path: &str, zxid: u64) -> bool {
        let lives = self.lives.get(path).map_or(&[][..], Vec::as_slice);
        lives.binary_search_by_key(&zxid, |life| life.born).is_ok()
    }

    /// Whether a write may do all this at a zxid that no known write has.
    pub fn allow(&self, actions: &[Action], zxid: u64, reach: &Reach) -> bool {
        let mut below: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
        for action in actions {
            // What a multi does to one node several times is left to the replay.
            let paths = actions.iter().filter(|other| other.path() == action.path());
            if paths.count() == 1 && !self.allow_deed(action, zxid, reach) {
                return false;
            }
            let (parent, counter) = match action {
                Action::Create(path) | Action::Numbered(path) => (parent_of(path), 0),
                Action::Delete(path, _) => (parent_of(path), 1),
                Action::Set(..) | Action::Check(..) => continue,
            };
            below.entry(parent.unwrap_or("/")).or_default()[counter] += 1;
        }
        below.into_iter().all(|(parent, wanted)| {
            let is_new = self.is_born_at(parent, zxid);
            is_new
                || match self.life_before(parent, zxid) {
                    Some(life) => life.children.allows(zxid, wanted),
                    None => parent == "/" || reach.may_create(parent),
                }
        })
    }

    fn allow_deed(&self, action: &Action, zxid: u64, reach: &Reach) -> bool {
        let path = action.path();
        if self.is_born_at(path, zxid) {
            return match action {
                Action::Create(_) | Action::Numbered(_) => true,
                // Born and changed by one multi.
                Action::Delete(..) | Action::Set(..) | Action::Check(..) => true,
            };
        }
        let life = self.life_before(path, zxid);
        let is_told = **path == *"/" || path.starts_with("/zookeeper") || reach.may_create(path);
        match action {
            Action::Create(_) => life.is_none_or(|life| life.alive < zxid),
            Action::Numbered(_) => true,
            Action::Delete(_, version) => match life {
                Some(life) => {
                    life.alive < zxid && self.allow_version(life, path, *version, zxid, reach)
                }
                None => is_told,
            },
            Action::Set(_, version) => match life {
                Some(life) => {
                    life.content.allows(zxid, [1, 0])
                        && self.allow_version(life, path, *version, zxid, reach)
                }
                None => is_told,
            },
            Action::Check(_, version) => match life {
                Some(life) => self.allow_version(life, path, *version, zxid, reach),
                None => is_told,
            },
        }
    }

    fn allow_version(
        &self,
        life: &Life,
        path: &str,
        version: i32,
        zxid: u64,
        reach: &Reach,
    ) -> bool {
        if version == ANY_VERSION || (zxid > life.alive && reach.may_create(path)) {
            return true;
        }
        let range = life.content.range_before(zxid, reach.may_set(path));
        range.is_none_or(|(least, most)| (least..=most).contains(&i64::from(version)))
    }

    /// Whether a session may end at a zxid: none of its nodes lives on.
    pub fn allow_end(&self, session: SessionId, zxid: u64) -> bool {
        let own = self.owned.get(&session).map_or(&[][..], Vec::as_slice);
        own.iter().all(|(path, born)| {
            *born > zxid
                || self
                    .life_before(path, born + 1)
                    .is_none_or(|life| life.alive < zxid)
        })
    }

    /// The last state that a Stat may belong to.
    pub fn last_of(&self, path: &str, stat: &Stat) -> u64 {
        let Some(lives) = self.lives.get(path) else {
            return u64::MAX;
        };
        let place = lives.partition_point(|life| life.born < stat.czxid.0);
        let Some(life) = lives.get(place).filter(|life| life.born == stat.czxid.0) else {
            return u64::MAX;
        };
        let ends = [
            life.content.next_after(stat.mzxid.0),
            life.children.next_after(stat.pzxid.0),
            lives.get(place + 1).map(|life| life.born),
        ];
        let first = ends.into_iter().flatten().min();
        first.map_or(u64::MAX, |first| first - 1)
    }

    /// The states between two, which are included, without those at the margins that a node
    /// surely lives in.
    pub fn without(&self, path: &str, (mut first, mut last): (u64, u64)) -> (u64, u64) {
        while let Some(life) = self.life_before(path, first.saturating_add(1))
            && life.alive_for_sure() >= first
            && first <= last
        {
            first = life.alive_for_sure() + 1;
        }
        while let Some(life) = self.life_before(path, last.saturating_add(1))
            && life.alive_for_sure() >= last
            && first <= last
            && life.born > 0
        {
            last = life.born - 1;
        }
        (first, last)
    }
}

impl Life {
    fn born(zxid: u64) -> Life {
        let mut life = Life {
            born: zxid,
            alive: zxid,
            content: Counter::default(),
            children: Counter::default(),
        };
        if zxid > 0 {
            life.content.tell(zxid, [0, 0], zxid, false);
            life.children.tell(zxid, [0, 0], zxid, false);
        }
        life
    }

    fn tell(
        &mut self,
        Evidence {
            stat,
            held,
            is_inside,
        }: &Evidence,
    ) {
        let newest = stat.mzxid.0.max(stat.pzxid.0);
        self.alive = self.alive.max(newest).max(*held);
        let version = [i64::from(stat.version), 0];
        self.content.tell(stat.mzxid.0, version, *held, *is_inside);
        let (changes, left) = (i64::from(stat.cversion), i64::from(stat.num_children));
        let counts = [(changes + left) / 2, (changes - left) / 2];
        self.children.tell(stat.pzxid.0, counts, *held, *is_inside);
    }

    /// It lived in all states from its birth through this. (A multi that changes it may also have
    /// taken it away, and what is born in one may die in it.)
    fn alive_for_sure(&self) -> u64 {
        self.alive.saturating_sub(1)
    }
}

/// The deaths at known zxids. Whoever dies has lived just before; and births without a Stat are
/// births too.
fn births_and_deaths(
    constraints: &Constraints<'_>,
    forced: &Placements,
    reach: &Reach,
    drafts: &mut BTreeMap<Path, BTreeMap<u64, Life>>,
) -> Vec<(Path, u64)> {
    let mut deaths = Vec::new();
    let effects = constraints.effects.iter().copied();
    for (zxid, index) in effects.chain(forced.within(0, u64::MAX)) {
        let constraint = constraints.get(index);
        let Request::Write(write) = &constraint.op.request else {
            continue;
        };
        if !(has_effect(constraint.op) || constraint.kind == Kind::Perhaps) {
            continue;
        }
        for (path, touch) in footprint_of(write, constraint.op.answer()).0 {
            match touch {
                Touch::Delete => {
                    let lives = drafts.get_mut(&path).filter(|_| !reach.may_create(&path));
                    let life = lives.and_then(|lives| lives.range_mut(..zxid).next_back());
                    if let Some((_, life)) = life {
                        life.alive = life.alive.max(zxid - 1);
                    }
                    deaths.push((path, zxid));
                }
                Touch::Create if has_effect(constraint.op) => {
                    let lives = drafts.entry(path).or_default();
                    lives.entry(zxid).or_insert_with(|| Life::born(zxid));
                }
                Touch::Create | Touch::Set | Touch::Acl | Touch::Children => {}
            }
        }
    }
    deaths
}
