//! The committed changes that watches can report.

use std::collections::BTreeMap;

use super::Table;
use crate::check::timeline::Timeline;
use crate::ids::Zxid;
use crate::tree::{EventKind, Identity, Path};
use crate::znode::model::Model;
use crate::znode::{Dated, Doubts};

/// All of them.
#[derive(Debug)]
pub(super) struct Changes {
    /// Invariant: zxids ascend; those of one transaction in their order.
    all: Vec<Dated>,
    /// Invariant: for each path the places of its changes in `all`, ascending.
    by_path: BTreeMap<Path, Vec<usize>>,
    /// Nothing is known about what is beyond.
    pub known_through: Zxid,
    /// Nor about these.
    doubts: Doubts,
}

impl Changes {
    /// Replays the timeline.
    pub fn of(timeline: &Timeline<'_>) -> Changes {
        let mut model = Model::new();
        let mut all = Vec::new();
        for step in &timeline.steps {
            let zxid = step.zxid;
            let dated = step.changes(&mut model).into_iter().map(|change| Dated {
                zxid,
                change,
                is_sure: true,
            });
            all.extend(dated);
        }
        Changes {
            known_through: timeline.known_through,
            ..Changes::but_for(all, Doubts::default())
        }
    }

    /// These changes, in the order of their zxids; and perhaps others.
    pub fn but_for(all: Vec<Dated>, doubts: Doubts) -> Changes {
        let mut by_path: BTreeMap<Path, Vec<usize>> = BTreeMap::new();
        for (place, dated) in all.iter().enumerate() {
            let places = by_path.entry(dated.change.path.clone()).or_default();
            places.push(place);
        }
        Changes {
            all,
            by_path,
            known_through: Zxid(u64::MAX),
            doubts,
        }
    }

    /// Whether everything is known that happened at a path above `after` through `through`.
    pub fn are_known(&self, path: &str, after: Zxid, through: Zxid) -> bool {
        through <= self.known_through && !self.doubts.any(path, after.0, through.0)
    }

    /// Whether something may have happened at a path above `after` and before `until` that is not
    /// among these.
    pub fn may_be_others(&self, path: &str, after: Zxid, until: Zxid) -> bool {
        self.doubts.any(path, after.0, until.0.saturating_sub(1))
    }

    /// The first change above `after` that fires one-shot watches of a table on a path.
    pub fn first(&self, path: &str, table: Table, after: Zxid) -> Option<&Dated> {
        self.of_path(path, after)
            .find(|dated| dated.is_sure && table.fires(dated.change.kind))
    }

    /// Whether anything happened to a node or its children above `after` through `through`.
    pub fn any(&self, path: &str, after: Zxid, through: Zxid) -> bool {
        self.of_path(path, after)
            .next()
            .is_some_and(|dated| dated.zxid <= through)
    }

    /// Whether a node was deleted at or above `from` through `through`, or may have been.
    pub fn may_be_deleted(&self, path: &str, from: Zxid, through: Zxid) -> bool {
        self.doubts.any(path, from.0.saturating_sub(1), through.0)
            || self.is_deleted(path, from, through)
    }

    fn is_deleted(&self, path: &str, from: Zxid, through: Zxid) -> bool {
        self.of_path(path, Zxid(from.0.saturating_sub(1)))
            .take_while(|dated| dated.zxid <= through)
            .any(|dated| dated.change.kind == EventKind::NodeDeleted)
    }

    /// How often a transaction did this.
    pub fn count(&self, path: &str, kind: EventKind, zxid: Zxid) -> usize {
        self.alike(path, kind, zxid).count()
    }

    /// Each time that a transaction did this.
    pub fn alike(&self, path: &str, kind: EventKind, zxid: Zxid) -> impl Iterator<Item = &Dated> {
        self.of_path(path, Zxid(zxid.0.saturating_sub(1)))
            .take_while(move |dated| dated.zxid == zxid)
            .filter(move |dated| dated.change.kind == kind)
    }

    /// Whether a transaction surely did this, and a client that has proved to be `ids` may not see
    /// it.
    pub fn are_secret(&self, path: &str, kind: EventKind, zxid: Zxid, ids: &[Identity]) -> bool {
        let mut same = self
            .of_path(path, Zxid(zxid.0.saturating_sub(1)))
            .take_while(|dated| dated.zxid == zxid)
            .filter(|dated| dated.change.kind == kind)
            .peekable();
        same.peek().is_some() && same.all(|one| one.is_sure && !one.change.may_be_told(ids))
    }

    /// Those above `after` through `through`.
    pub fn between(&self, after: Zxid, through: Zxid) -> &[Dated] {
        let first = self.all.partition_point(|dated| dated.zxid <= after);
        let end = self.all.partition_point(|dated| dated.zxid <= through);
        &self.all[first..end.max(first)]
    }

    fn of_path(&self, path: &str, after: Zxid) -> impl Iterator<Item = &Dated> {
        let places = self.by_path.get(path).map_or(&[][..], Vec::as_slice);
        let first = places.partition_point(|place| self.all[*place].zxid <= after);
        places[first..].iter().map(|place| &self.all[*place])
    }
}
