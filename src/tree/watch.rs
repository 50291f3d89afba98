//! The watches of one server's connections.
//!
//! As in ZooKeeper there are two tables, one for the node itself (existing or not) and one for its
//! children, and a connection has one watch a path and table: a later one replaces an earlier one,
//! whatever the modes (ZK-4466).

use std::collections::{BTreeMap, BTreeSet};

use super::paths;
use super::request::{
    Answer, ErrorCode, EventKind, Failure, Path, Response, WatchEvent, WatchKind, WatchRequest,
    WatchTables,
};
use super::state::State;
use crate::ids::{ConnId, Zxid};

/// The watches armed at one server: its own, not replicated, gone with the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watches {
    /// Invariant: no empty maps and no entry without a watch.
    by_path: BTreeMap<Path, BTreeMap<ConnId, Armed>>,
    /// Invariant: the same watches by connection; no empty sets.
    by_conn: BTreeMap<ConnId, BTreeSet<Path>>,
    /// Invariant: how many recursive watches there are, so that no event looks for them in vain.
    recursive: usize,
}

/// The watches of one connection on one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Armed {
    data: Option<Mode>,
    child: Option<Mode>,
}

/// What becomes of a watch that fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    /// It is used up.
    OneShot,
    /// It stays.
    Persistent,
    /// It stays, and hears of everything below, but not of changes of children.
    Recursive,
}

/// The watches to set again after a reconnect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lists<'a> {
    /// Data watches.
    pub data: &'a [Path],
    /// Exist watches.
    pub exist: &'a [Path],
    /// Child watches.
    pub child: &'a [Path],
    /// Persistent watches.
    pub persistent: &'a [Path],
    /// Recursive watches.
    pub recursive: &'a [Path],
}

impl Armed {
    fn is_empty(self) -> bool {
        self.data.is_none() && self.child.is_none()
    }

    fn recursive(self) -> usize {
        let is_recursive = |mode: &Option<Mode>| *mode == Some(Mode::Recursive);
        [self.data, self.child]
            .iter()
            .filter(|mode| is_recursive(mode))
            .count()
    }

    /// What of it an event at its own path fires is used up, or stays: says whether any fired.
    fn fire(&mut self, kind: EventKind) -> bool {
        let (data, child) = tables(kind);
        let mut fired = false;
        for (mode, is_meant) in [(&mut self.data, data), (&mut self.child, child)] {
            match mode {
                Some(Mode::OneShot) if is_meant => {
                    *mode = None;
                    fired = true;
                }
                Some(Mode::Persistent) if is_meant => fired = true,
                Some(Mode::Recursive) => {
                    fired |= is_meant && kind != EventKind::NodeChildrenChanged
                }
                Some(Mode::OneShot | Mode::Persistent) | None => {}
            }
        }
        fired
    }

    /// Whether it fires for events below its path.
    fn hears_below(self, kind: EventKind) -> bool {
        let (data, child) = tables(kind);
        let hears = |mode, is_meant| is_meant && mode == Some(Mode::Recursive);
        kind != EventKind::NodeChildrenChanged
            && (hears(self.data, data) || hears(self.child, child))
    }
}

/// Which tables an event fires: the node's own, its children's.
fn tables(kind: EventKind) -> (bool, bool) {
    match kind {
        EventKind::NodeCreated | EventKind::NodeDataChanged => (true, false),
        EventKind::NodeDeleted => (true, true),
        EventKind::NodeChildrenChanged => (false, true),
    }
}

impl Watches {
    /// No watches.
    pub fn new() -> Watches {
        Watches::default()
    }

    /// Answers a request about watches.
    pub fn serve(&mut self, conn: ConnId, request: &WatchRequest) -> Answer {
        let done = match request {
            WatchRequest::Add { path, recursive } => {
                self.add(conn, path.clone(), *recursive);
                true
            }
            WatchRequest::Remove { path, of } => self.remove(conn, path, *of),
            WatchRequest::Check { path, of } => self.is_watched(path, *of),
        };
        if done {
            Ok(Response::WatchesDone)
        } else {
            Err(Failure::of(ErrorCode::NoWatcher))
        }
    }

    /// Leaves a one-shot watch. One that is there already stays one.
    pub fn arm(&mut self, conn: ConnId, kind: WatchKind, path: Path) {
        self.change(conn, path, |armed| match kind {
            WatchKind::Data | WatchKind::Exist => armed.data = Some(Mode::OneShot),
            WatchKind::Child => armed.child = Some(Mode::OneShot),
        });
    }

    /// Leaves a watch that stays, on the node and on its children.
    pub fn add(&mut self, conn: ConnId, path: Path, recursive: bool) {
        let mode = Some(if recursive {
            Mode::Recursive
        } else {
            Mode::Persistent
        });
        self.change(conn, path, |armed| {
            *armed = Armed {
                data: mode,
                child: mode,
            }
        });
    }

    /// Takes a connection's watches on a path away: says whether there was one.
    pub fn remove(&mut self, conn: ConnId, path: &Path, of: WatchTables) -> bool {
        let Some(armed) = self.by_path.get(path).and_then(|conns| conns.get(&conn)) else {
            return false;
        };
        let before = *armed;
        self.change(conn, path.clone(), |armed| match of {
            WatchTables::Children => armed.child = None,
            WatchTables::Data => armed.data = None,
            WatchTables::Any => *armed = Armed::default(),
        });
        match of {
            WatchTables::Children => before.child.is_some(),
            WatchTables::Data => before.data.is_some(),
            WatchTables::Any => true,
        }
    }

    /// Whether anybody watches a path. (ZooKeeper means to ask for the connection alone, but does
    /// not.)
    pub fn is_watched(&self, path: &str, of: WatchTables) -> bool {
        let mut armed = self
            .by_path
            .get(path)
            .into_iter()
            .flat_map(BTreeMap::values);
        !path.is_empty()
            && armed.any(|armed| match of {
                WatchTables::Children => armed.child.is_some(),
                WatchTables::Data => armed.data.is_some(),
                WatchTables::Any => true,
            })
    }

    /// Fires what an event fires, by ascending connection. A connection with several of the fired
    /// watches hears of the event once; those of them that are one-shot are used up.
    pub fn fire(&mut self, event: &WatchEvent, out: &mut Vec<(ConnId, WatchEvent)>) {
        let first = out.len();
        if let Some(conns) = self.by_path.get_mut(&event.path) {
            conns.retain(|conn, armed| {
                if armed.fire(event.kind) {
                    out.push((*conn, event.clone()));
                }
                if armed.is_empty() {
                    forget(&mut self.by_conn, *conn, &event.path);
                }
                !armed.is_empty()
            });
            if conns.is_empty() {
                self.by_path.remove(&event.path);
            }
        }
        if self.recursive > 0 {
            self.fire_above(event, first, out);
        }
    }

    /// Tells the recursive watches of the ancestors.
    fn fire_above(&self, event: &WatchEvent, first: usize, out: &mut Vec<(ConnId, WatchEvent)>) {
        let mut hearers: BTreeSet<ConnId> = out[first..].iter().map(|(conn, _)| *conn).collect();
        let mut path: &str = &event.path;
        // Bounded by the depth of the path.
        while path != paths::ROOT
            && let Some(parent) = paths::parent(path)
        {
            path = parent;
            let conns = self.by_path.get(path).into_iter().flatten();
            hearers.extend(
                conns
                    .filter(|(_, armed)| armed.hears_below(event.kind))
                    .map(|(conn, _)| *conn),
            );
        }
        out.truncate(first);
        out.extend(hearers.into_iter().map(|conn| (conn, event.clone())));
    }

    /// Forgets a connection.
    pub fn drop_conn(&mut self, conn: ConnId) {
        for path in self.by_conn.remove(&conn).unwrap_or_default() {
            let conns = self
                .by_path
                .get_mut(&path)
                .expect("both indices hold the same watches");
            let armed = conns.remove(&conn);
            self.recursive -= armed.map_or(0, Armed::recursive);
            if conns.is_empty() {
                self.by_path.remove(&path);
            }
        }
    }

    /// Arms the one-shot watches of a client that has seen everything through `relative`, see
    /// [`Watches::set_all`].
    pub fn set_watches(
        &mut self,
        conn: ConnId,
        state: &State,
        relative: Zxid,
        data: &[Path],
        exist: &[Path],
        child: &[Path],
    ) -> Vec<WatchEvent> {
        let lists = Lists {
            data,
            exist,
            child,
            ..Lists::default()
        };
        self.set_all(conn, state, Some(relative), lists)
    }

    /// Arms the watches of a client that has seen everything through `relative` (`None`: not even
    /// the built-in nodes): what changed since fires at once and is not armed. Events in the order
    /// of the lists. What persistent and recursive watches have missed is not made up for.
    pub fn set_all(
        &mut self,
        conn: ConnId,
        state: &State,
        relative: Option<Zxid>,
        lists: Lists<'_>,
    ) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        let is_news = |zxid: Zxid| relative.is_none_or(|relative| zxid > relative);
        let mut due_or_armed = |kind, path: &Path, due: Option<EventKind>| match due {
            Some(event) => events.push(WatchEvent {
                kind: event,
                path: path.clone(),
                zxid: state.applied(),
            }),
            None => self.arm(conn, kind, path.clone()),
        };
        for path in lists.data {
            let due = match state.stat(path) {
                None => Some(EventKind::NodeDeleted),
                Some(stat) => is_news(stat.mzxid).then_some(EventKind::NodeDataChanged),
            };
            due_or_armed(WatchKind::Data, path, due);
        }
        for path in lists.exist {
            let due = state.stat(path).map(|_| EventKind::NodeCreated);
            due_or_armed(WatchKind::Exist, path, due);
        }
        for path in lists.child {
            let due = match state.stat(path) {
                None => Some(EventKind::NodeDeleted),
                Some(stat) => is_news(stat.pzxid).then_some(EventKind::NodeChildrenChanged),
            };
            due_or_armed(WatchKind::Child, path, due);
        }
        for path in lists.persistent {
            self.add(conn, path.clone(), false);
        }
        for path in lists.recursive {
            self.add(conn, path.clone(), true);
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

    fn change(&mut self, conn: ConnId, path: Path, change: impl FnOnce(&mut Armed)) {
        let conns = self.by_path.entry(path.clone()).or_default();
        let armed = conns.entry(conn).or_default();
        let before = armed.recursive();
        change(armed);
        self.recursive = self.recursive + armed.recursive() - before;
        if armed.is_empty() {
            conns.remove(&conn);
            if conns.is_empty() {
                self.by_path.remove(&path);
            }
            forget(&mut self.by_conn, conn, &path);
        } else {
            self.by_conn.entry(conn).or_default().insert(path);
        }
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
