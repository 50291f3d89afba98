//! One-shot watches of one server's connections.

use std::collections::{BTreeMap, BTreeSet};

use super::request::{EventKind, Path, WatchEvent, WatchKind};
use super::state::State;
use crate::ids::{ConnId, Zxid};

/// The watches armed at one server: its own, not replicated, gone with the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watches {
    /// Invariant: no empty maps and no empty sets of kinds.
    by_path: BTreeMap<Path, BTreeMap<ConnId, Kinds>>,
    /// Invariant: the same watches by connection; no empty sets.
    by_conn: BTreeMap<ConnId, BTreeSet<Path>>,
}

/// A set of kinds of watches, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Kinds(u8);

impl Kinds {
    const fn of(kind: WatchKind) -> Kinds {
        Kinds(match kind {
            WatchKind::Data => 1,
            WatchKind::Exist => 2,
            WatchKind::Child => 4,
        })
    }

    /// Those that an event fires.
    const fn fired_by(event: EventKind) -> Kinds {
        match event {
            EventKind::NodeCreated => Kinds::of(WatchKind::Exist),
            EventKind::NodeDeleted => Kinds(7),
            EventKind::NodeDataChanged => {
                Kinds(Kinds::of(WatchKind::Data).0 | Kinds::of(WatchKind::Exist).0)
            }
            EventKind::NodeChildrenChanged => Kinds::of(WatchKind::Child),
        }
    }
}

impl Watches {
    /// No watches.
    pub fn new() -> Watches {
        Watches::default()
    }

    /// Leaves a watch. One that is there already stays one.
    pub fn arm(&mut self, conn: ConnId, kind: WatchKind, path: Path) {
        let kinds = self.by_path.entry(path.clone()).or_default();
        kinds.entry(conn).or_default().0 |= Kinds::of(kind).0;
        self.by_conn.entry(conn).or_default().insert(path);
    }

    /// Fires what an event fires, by ascending connection. A connection with several of the fired
    /// kinds hears of the event once, and all of them are used up.
    pub fn fire(&mut self, event: &WatchEvent, out: &mut Vec<(ConnId, WatchEvent)>) {
        let Some(conns) = self.by_path.get_mut(&event.path) else {
            return;
        };
        let fired = Kinds::fired_by(event.kind).0;
        conns.retain(|conn, kinds| {
            if kinds.0 & fired != 0 {
                out.push((*conn, event.clone()));
                kinds.0 &= !fired;
            }
            let stays = kinds.0 != 0;
            if !stays {
                forget(&mut self.by_conn, *conn, &event.path);
            }
            stays
        });
        if conns.is_empty() {
            self.by_path.remove(&event.path);
        }
    }

    /// Forgets a connection.
    pub fn drop_conn(&mut self, conn: ConnId) {
        for path in self.by_conn.remove(&conn).unwrap_or_default() {
            let conns = self
                .by_path
                .get_mut(&path)
                .expect("both indices hold the same watches");
            conns.remove(&conn);
            if conns.is_empty() {
                self.by_path.remove(&path);
            }
        }
    }

    /// Arms the watches of a client that has seen everything through `relative`: what changed since
    /// fires at once and is not armed. Events in the order of the lists.
    pub fn set_watches(
        &mut self,
        conn: ConnId,
        state: &State,
        relative: Zxid,
        data: &[Path],
        exist: &[Path],
        child: &[Path],
    ) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        let mut due_or_armed = |kind, path: &Path, due: Option<EventKind>| match due {
            Some(event) => events.push(WatchEvent {
                kind: event,
                path: path.clone(),
                zxid: state.applied(),
            }),
            None => self.arm(conn, kind, path.clone()),
        };
        for path in data {
            let due = match state.stat(path) {
                None => Some(EventKind::NodeDeleted),
                Some(stat) => (stat.mzxid > relative).then_some(EventKind::NodeDataChanged),
            };
            due_or_armed(WatchKind::Data, path, due);
        }
        for path in exist {
            let due = state.stat(path).map(|_| EventKind::NodeCreated);
            due_or_armed(WatchKind::Exist, path, due);
        }
        for path in child {
            let due = match state.stat(path) {
                None => Some(EventKind::NodeDeleted),
                Some(stat) => (stat.pzxid > relative).then_some(EventKind::NodeChildrenChanged),
            };
            due_or_armed(WatchKind::Child, path, due);
        }
        events
    }

    /// How many paths are watched, counted once for each connection.
    pub fn len(&self) -> usize {
        self.by_conn.values().map(BTreeSet::len).sum()
    }

    /// Whether there is no watch.
    pub fn is_empty(&self) -> bool {
        self.by_conn.is_empty()
    }
}

fn forget(by_conn: &mut BTreeMap<ConnId, BTreeSet<Path>>, conn: ConnId, path: &Path) {
    let paths = by_conn
        .get_mut(&conn)
        .expect("both indices hold the same watches");
    paths.remove(path);
    if paths.is_empty() {
        by_conn.remove(&conn);
    }
}
