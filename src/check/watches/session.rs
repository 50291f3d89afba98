//! What one session watches, as far as the answers and events that it saw show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Table;
use super::changes::Changes;
use crate::check::Subjects;
use crate::check::subjects::Wrong;
use crate::history::Operation;
use crate::ids::{ConnId, OpId, Zxid};
use crate::tree::{
    Answer, ErrorCode, EventKind, Identity, Path, Read, Request, WatchEvent, WatchRequest,
    WatchTables,
};
use crate::znode::Dated;
use crate::znode::model::parent_of;

/// The watches of a session.
#[derive(Debug, Default)]
pub(super) struct Watching {
    once: BTreeMap<(Path, Table), Once>,
    /// Invariant: the events that one-shot watches owe, by the zxid of the change.
    owed: BTreeSet<(Zxid, Path, Table)>,
    staying: BTreeMap<Path, Staying>,
    /// How often each exact change was told.
    told: BTreeMap<(Zxid, EventKind, Path), usize>,
    /// A connection, and the state that it had reached when it last answered a read.
    reached: Option<(ConnId, Zxid)>,
    /// Deleted nodes whose child watch may tell of that as well: only before the next answer.
    twice_deleted: BTreeSet<Path>,
}

/// A one-shot watch.
#[derive(Clone, Debug)]
struct Once {
    /// The first read that left it: what it tells of happened later.
    since: Zxid,
    /// The event that must come.
    owes: Option<Owed>,
    /// Whether the client counts it among its exist watches.
    exist: bool,
    /// Whether the client counts it among both, data and exist watches: one of them may outlive the
    /// other's event.
    both: bool,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    at: Zxid,
    kind: EventKind,
    /// The read that left the watch last, and on which connection.
    left_by: OpId,
    conn: Option<ConnId>,
}

/// A persistent or recursive watch.
#[derive(Clone, Debug)]
struct Staying {
    since: Zxid,
    ids: Arc<[Identity]>,
    is_recursive: bool,
    /// Whether the path has both kinds: which one holds changes with the connection.
    both: bool,
    /// Whether a part of it may be gone from the server's tables.
    worn: bool,
}

impl Staying {
    /// Whether it may tell of something at its own path, or below.
    fn can_hear(&self, kind: EventKind, is_own: bool) -> bool {
        match kind {
            EventKind::NodeChildrenChanged => is_own && (!self.is_recursive || self.both),
            EventKind::NodeCreated | EventKind::NodeDeleted | EventKind::NodeDataChanged => {
                is_own || self.is_recursive || self.both
            }
        }
    }

    /// Whether it must tell of a change.
    fn must_hear(&self, dated: &Dated, is_own: bool) -> bool {
        let surely = match dated.change.kind {
            EventKind::NodeChildrenChanged => is_own && !self.is_recursive,
            EventKind::NodeCreated | EventKind::NodeDeleted | EventKind::NodeDataChanged => {
                is_own || self.is_recursive
            }
        };
        surely
            && dated.is_sure
            && !self.worn
            && (!self.both || is_own && dated.change.kind != EventKind::NodeChildrenChanged)
            && dated.zxid > self.since
            && dated.change.may_be_told(&self.ids)
    }
}

impl Watching {
    /// An event came. Says what is wrong with it.
    pub fn hear(&mut self, changes: &Changes, event: &WatchEvent) -> Option<&'static str> {
        let WatchEvent { kind, path, zxid } = event;
        let exact = (*zxid, *kind, path.clone());
        let told = self.told.get(&exact).copied().unwrap_or(0);
        let is_known = changes.are_known(path, Zxid(zxid.0.saturating_sub(1)), *zxid);
        let is_news = !is_known || told < changes.count(path, *kind, *zxid);
        let stays = self
            .staying_over(path)
            .any(|(watch, is_own)| watch.can_hear(*kind, is_own));
        let again = *kind == EventKind::NodeDeleted && self.twice_deleted.remove(path);
        let used = self.use_up(*kind, path, |once| {
            !changes.are_known(path, once.since, *zxid) || changes.any(path, once.since, *zxid)
        });
        if is_news {
            self.told.insert(exact, told + 1);
        }
        match (stays, used || again) {
            (_, true) => None,
            (true, false) if is_news => None,
            (true, false) => Some("which did not happen there, or was told before"),
            (false, false) => Some("which it did not watch, or not any more"),
        }
    }

    /// The one-shot watches that an event fires are used up: says whether there was one.
    fn use_up(&mut self, kind: EventKind, path: &Path, is_due: impl Fn(&Once) -> bool) -> bool {
        let mut used = 0;
        for table in [Table::Node, Table::Children] {
            let key = (path.clone(), table);
            let Some(once) = self.once.get(&key).filter(|_| table.fires(kind)) else {
                continue;
            };
            if !is_due(once) {
                continue;
            }
            used += 1;
            let both = once.both;
            self.forget(&key);
            if both {
                let left = Once {
                    since: Zxid::ZERO,
                    owes: None,
                    exist: true,
                    both: false,
                };
                self.once.insert(key, left);
            }
        }
        if used == 2 {
            self.twice_deleted.insert(path.clone());
        }
        used > 0
    }

    /// The change that an answer at `zxid` shows and that no event reported before, in words.
    pub fn missed(
        &mut self,
        changes: &Changes,
        operation: &Operation,
        zxid: Zxid,
    ) -> Option<Wrong> {
        while let Some((at, path, table)) = self.owed.first().filter(|owed| owed.0 <= zxid) {
            let key = (path.clone(), *table);
            let at = *at;
            let once = self
                .once
                .get(&key)
                .expect("both indices hold the same watches");
            let owed = once.owes.expect("both indices hold the same watches");
            let is_same_conn = owed.conn.is_some() && owed.conn == operation.conn;
            // It may have come and gone while there was no connection: before this answer, or, if
            // the answer is that of an earlier execution, even after it.
            let latest = match operation.request {
                Request::Write(_) => Zxid(u64::MAX),
                Request::Read(_) | Request::Watch(_) | Request::Auth { .. } | Request::Sync => zxid,
            };
            let is_over = once.exist && changes.may_be_deleted(&key.0, at, latest);
            // At a reconnect the recursive watch is armed last.
            let staying = self.staying.get(&key.0);
            let is_swallowed = key.1 == Table::Children
                && staying.is_some_and(|watch| watch.is_recursive || watch.both);
            if !is_same_conn && (is_over || is_swallowed) {
                self.settle(&key);
                continue;
            }
            let reason = format!(
                "{:?} of {} at {at}, for which {} had left a watch",
                owed.kind, key.0, owed.left_by
            );
            let subjects = Subjects::none().path(&key.0).zxid(at).op(owed.left_by);
            return Some(Wrong { reason, subjects });
        }
        self.missed_by_staying(changes, operation, zxid)
    }

    fn missed_by_staying(
        &self,
        changes: &Changes,
        operation: &Operation,
        zxid: Zxid,
    ) -> Option<Wrong> {
        let (conn, reached) = self.reached?;
        if operation.conn != Some(conn) || self.staying.is_empty() {
            return None;
        }
        let must_tell = |dated: &Dated| {
            let mut over = self.staying_over(&dated.change.path);
            over.any(|(watch, is_own)| watch.must_hear(dated, is_own))
        };
        let missed = changes.between(reached, zxid).iter().find(|dated| {
            let (kind, path) = (dated.change.kind, &dated.change.path);
            let told = self.told.get(&(dated.zxid, kind, path.clone())).copied();
            // A transaction may create a node twice, and only once for all eyes.
            let alike = changes.alike(path, kind, dated.zxid);
            must_tell(dated) && told.unwrap_or(0) < alike.filter(|one| must_tell(one)).count()
        });
        missed.map(|dated| Wrong {
            reason: format!(
                "{:?} of {} at {}, which a watch that stays hears of",
                dated.change.kind, dated.change.path, dated.zxid
            ),
            subjects: Subjects::none().path(&dated.change.path).zxid(dated.zxid),
        })
    }

    /// The watches that stay on a path and above it, and whether each is on the path itself.
    fn staying_over<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Staying, bool)> {
        let above = core::iter::successors(Some(path), |below| parent_of(below));
        let above = above.take(if self.staying.is_empty() {
            0
        } else {
            usize::MAX
        });
        above.filter_map(move |on| self.staying.get(on).map(|watch| (watch, on == path)))
    }

    /// An answer leaves or takes watches.
    pub fn learn(&mut self, changes: &Changes, operation: &Operation, zxid: Zxid, answer: &Answer) {
        self.twice_deleted.clear();
        match (&operation.request, answer) {
            (Request::Read(read), _) => {
                if let Some((path, table, exist)) = left_by(read, answer) {
                    self.leave(changes, operation, zxid, (path, table, exist));
                }
            }
            (Request::Watch(WatchRequest::Add { path, recursive }), Ok(_)) => {
                self.add(operation, zxid, path, *recursive);
            }
            (Request::Watch(WatchRequest::Remove { path, of }), Ok(_)) => self.remove(path, *of),
            (
                Request::Watch(_) | Request::Write(_) | Request::Auth { .. } | Request::Sync,
                Ok(_) | Err(_),
            ) => {}
        }
        let shows_the_state = matches!(operation.request, Request::Read(_) | Request::Watch(_));
        if let (true, Some(conn)) = (shows_the_state, operation.conn) {
            self.reached = Some((conn, zxid));
        }
    }

    fn leave(
        &mut self,
        changes: &Changes,
        operation: &Operation,
        zxid: Zxid,
        (path, table, exist): (&Path, Table, bool),
    ) {
        let key = (path.clone(), table);
        let before = self.once.get(&key).cloned();
        self.forget(&key);
        let first = changes.first(path, table, zxid);
        let owes = first
            .filter(|dated| dated.change.may_be_told(&operation.ids))
            // A change that no client knows of may have fired it before, without an event.
            .filter(|dated| !changes.may_be_others(path, zxid, dated.zxid))
            .map(|dated| Owed {
                at: dated.zxid,
                kind: dated.change.kind,
                left_by: operation.id,
                conn: operation.conn,
            });
        if let Some(owed) = owes {
            self.owed.insert((owed.at, path.clone(), table));
        }
        let once = Once {
            since: before.as_ref().map_or(zxid, |once| once.since.min(zxid)),
            owes,
            exist,
            both: before.is_some_and(|once| once.both || once.exist != exist),
        };
        self.once.insert(key, once);
        if let Some(watch) = self.staying.get_mut(path) {
            watch.worn = true;
        }
    }

    fn add(&mut self, operation: &Operation, zxid: Zxid, path: &Path, is_recursive: bool) {
        let before = self.staying.get(path);
        let both = before.is_some_and(|watch| watch.both || watch.is_recursive != is_recursive);
        let watch = Staying {
            since: zxid,
            ids: operation.ids.clone(),
            is_recursive,
            both,
            worn: false,
        };
        self.staying.insert(path.clone(), watch);
        if is_recursive {
            self.settle(&(path.clone(), Table::Children));
        }
    }

    fn remove(&mut self, path: &Path, of: WatchTables) {
        let tables: &[Table] = match of {
            WatchTables::Data => &[Table::Node],
            WatchTables::Children => &[Table::Children],
            WatchTables::Any => {
                self.staying.remove(path);
                &[Table::Node, Table::Children]
            }
        };
        for table in tables {
            self.forget(&(path.clone(), *table));
        }
        if let Some(watch) = self.staying.get_mut(path) {
            watch.worn = true;
        }
    }

    /// A one-shot watch is gone.
    fn forget(&mut self, key: &(Path, Table)) {
        self.settle(key);
        self.once.remove(key);
    }

    /// A one-shot watch owes nothing any more.
    fn settle(&mut self, key: &(Path, Table)) {
        if let Some(owed) = self.once.get_mut(key).and_then(|once| once.owes.take()) {
            self.owed.remove(&(owed.at, key.0.clone(), key.1));
        }
    }
}

/// The one-shot watch that an answered read leaves, and whether it waits for the node to come.
fn left_by<'a>(read: &'a Read, answer: &Answer) -> Option<(&'a Path, Table, bool)> {
    match (read, answer) {
        (Read::GetData { path, watch: true } | Read::Exists { path, watch: true }, Ok(_)) => {
            Some((path, Table::Node, false))
        }
        (Read::Exists { path, watch: true }, Err(failure)) if failure.code == ErrorCode::NoNode => {
            Some((path, Table::Node, true))
        }
        (Read::GetChildren { path, watch: true }, Ok(_)) => Some((path, Table::Children, false)),
        (
            Read::GetData { .. }
            | Read::Exists { .. }
            | Read::GetChildren { .. }
            | Read::GetAcl { .. }
            | Read::CountDescendants { .. }
            | Read::GetEphemerals { .. }
            | Read::Multi(_)
            | Read::WhoAmI,
            Ok(_) | Err(_),
        ) => None,
    }
}
