//! The committed changes that watches can tell of.

use std::collections::BTreeMap;

use super::Table;
use crate::check::model::{Change, Model};
use crate::check::timeline::Timeline;
use crate::ids::Zxid;
use crate::tree::{EventKind, Path};

/// One change and the transaction that made it.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    pub zxid: Zxid,
    pub change: Change,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Changes {
    /// Invariant: zxids ascend; those of one transaction in their order.
    all: Vec<Dated>,
    /// Invariant: for each path the places of its changes in `all`, ascending.
    by_path: BTreeMap<Path, Vec<usize>>,
    /// Nothing is known about what is beyond.
    pub known_through: Zxid,
}

impl Changes {
    /// Replays the timeline.
    pub fn of(timeline: &Timeline<'_>) -> Changes {
        let mut model = Model::new();
        let mut changes = Changes {
            all: Vec::new(),
            by_path: BTreeMap::new(),
            known_through: timeline.known_through,
        };
        for step in &timeline.steps {
            for change in step.changes(&mut model) {
                let places = changes.by_path.entry(change.path.clone()).or_default();
                places.push(changes.all.len());
                let zxid = step.zxid;
                changes.all.push(Dated { zxid, change });
            }
        }
        changes
    }

    /// The first change above `after` that fires one-shot watches of a table on a path.
    pub fn first(&self, path: &str, table: Table, after: Zxid) -> Option<&Dated> {
        self.of_path(path, after)
            .find(|dated| table.fires(dated.change.kind))
    }

    /// Whether anything happened to a node or its children above `after` through `through`.
    pub fn any(&self, path: &str, after: Zxid, through: Zxid) -> bool {
        self.of_path(path, after)
            .next()
            .is_some_and(|dated| dated.zxid <= through)
    }

    /// Whether a node was deleted at or above `from` through `through`.
    pub fn is_deleted(&self, path: &str, from: Zxid, through: Zxid) -> bool {
        self.of_path(path, Zxid(from.0.saturating_sub(1)))
            .take_while(|dated| dated.zxid <= through)
            .any(|dated| dated.change.kind == EventKind::NodeDeleted)
    }

    /// How often a transaction did this.
    pub fn count(&self, path: &str, kind: EventKind, zxid: Zxid) -> usize {
        self.of_path(path, Zxid(zxid.0.saturating_sub(1)))
            .take_while(|dated| dated.zxid == zxid)
            .filter(|dated| dated.change.kind == kind)
            .count()
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
