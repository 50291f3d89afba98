//! The znode tree once more: plain, sequential, and independent of the one under test.
//!
//! [`Model`] answers requests one at a time in the order in which they took effect:
//!
//! - [`Model::write`] executes what a session asked for and returns what it must have been
//!   answered;
//! - [`Model::read`] returns what a read of the present state must be answered;
//! - [`Model::adopt`] takes over a change whose request nobody knows.
//!
//! Each takes O(log nodes), and what the answer takes to be written down; a write that fails undoes
//! what it had begun, without copies of nodes.
//!
//! It knows no time: the ctime and mtime of its Stats are 0 and never compared (see [`timeless`]),
//! and whether a node has outlived its time is for whoever asks to delete it to know. The removal
//! of a container or TTL node is judged by what everybody can see: the node is of that kind, and
//! empty. Nor does it know an at-most-once table: whoever feeds it leaves out what was not
//! executed. Requests about watches are not its business: they change nothing that it holds.

mod acl;
mod adopt;
#[cfg(test)]
mod against_the_tree;
mod agree;
mod node;
mod nodes;
mod paths;
mod read;
#[cfg(test)]
mod tests;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{SessionId, Zxid};
use crate::tree::{
    ANY_VERSION, Ace, Answer, CreateMode, Data, ErrorCode, Failure, Identity, MAX_TTL_MS, Part,
    Path, Response, Write,
};
use acl::{Perm, Rights};
pub use agree::UNTOLD_LENGTH;
pub(crate) use agree::agrees;
pub(crate) use node::Kind;
use node::Node;
use nodes::Nodes;
pub(crate) use paths::parent_of;
pub(crate) use read::{Reader, timeless};
pub(crate) use undo::Change;
use undo::{Journal, Undo};

/// The tree and the open sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Model {
    nodes: Nodes,
    sessions: BTreeSet<SessionId>,
    /// Invariant: the ephemeral nodes of each session; no empty sets.
    ephemerals: BTreeMap<SessionId, BTreeSet<Path>>,
}

/// The nodes that every tree has from the start and to the end, with their children.
const BORN: [(&str, &[&str]); 4] = [
    ("/", &["zookeeper"]),
    ("/zookeeper", &["config", "quota"]),
    (CONFIG, &[]),
    ("/zookeeper/quota", &[]),
];
/// The node that everybody may read and nobody may change.
const CONFIG: &str = "/zookeeper/config";

/// Somebody's request, on its way.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    zxid: Zxid,
    session: SessionId,
    /// Whom the asker has proved to be.
    ids: &'a [Identity],
}

/// A node that somebody wants.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    /// Of a sequential node, what the number follows.
    path: &'a Path,
    data: &'a Data,
    mode: CreateMode,
    /// `None` is everything to everybody.
    acl: Option<&'a [Ace]>,
}

impl Model {
    /// The tree that has only what every ZooKeeper is born with.
    pub fn new() -> Model {
        let born = BORN.map(|(path, children)| {
            let mut node = Node::new(Data::from([]), Kind::Plain, Rights::Open, Zxid::ZERO);
            node.children = children.iter().copied().map(Arc::from).collect();
            if path == CONFIG {
                node.acl_version = -1;
                node.rights = Rights::world_may_read();
            }
            (Path::from(path), node)
        });
        Model {
            nodes: Nodes::from(born),
            sessions: BTreeSet::new(),
            ephemerals: BTreeMap::new(),
        }
    }

    /// The tree of the root alone.
    pub fn bare() -> Model {
        let root = Node::new(Data::from([]), Kind::Plain, Rights::Open, Zxid::ZERO);
        Model {
            nodes: Nodes::from([(Path::from("/"), root)]),
            sessions: BTreeSet::new(),
            ephemerals: BTreeMap::new(),
        }
    }

    /// What becomes of a node by itself, how many children it ever had, and how many it has.
    pub fn life_of(&self, path: &str) -> Option<(Kind, i32, usize)> {
        let node = self.nodes.get(path)?;
        Some((node.kind, node.creates, node.children.len()))
    }

    /// Executes a request of a session, asked by somebody who has proved to be `ids`. (A
    /// [`Write::As`] names the identities itself.)
    pub fn write(
        &mut self,
        zxid: Zxid,
        session: SessionId,
        ids: &[Identity],
        write: &Write,
    ) -> Answer {
        self.run(Request { zxid, session, ids }, write, &mut Journal::none())
    }

    /// As [`Model::write`], and reports what changed, in order.
    pub fn write_telling(
        &mut self,
        zxid: Zxid,
        session: SessionId,
        ids: &[Identity],
        write: &Write,
        changes: &mut Vec<Change>,
    ) -> Answer {
        let mut done = Journal::kept();
        let answer = self.run(Request { zxid, session, ids }, write, &mut done);
        done.tell(changes);
        answer
    }

    /// What a request would be answered; nothing changes. (The opening of a session is no such
    /// request: it is always granted.)
    pub fn probe(&mut self, session: SessionId, ids: &[Identity], write: &Write) -> Answer {
        let zxid = Zxid::ZERO;
        let mut journal = Journal::kept();
        let answer = self.run(Request { zxid, session, ids }, write, &mut journal);
        self.take_back(journal);
        answer
    }

    fn run(&mut self, by: Request<'_>, write: &Write, undo: &mut Journal) -> Answer {
        match write.bare() {
            Write::CreateSession { .. } => {
                self.sessions.insert(by.session);
                return Ok(Response::SessionOpened);
            }
            // The leader's own: it belongs to no session.
            Write::DeleteContainer { path } => {
                let removed = self.remove_if_bare(by.zxid, path, undo);
                return removed.map_err(Failure::of);
            }
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::Refused(_)
            | Write::As { .. }
            | Write::CloseSession
            | Write::ExpireSession => {}
        }
        if !self.sessions.contains(&by.session) {
            return Err(Failure::of(ErrorCode::SessionExpired));
        }
        self.execute(by, write, undo)
    }

    fn execute(&mut self, by: Request<'_>, write: &Write, undo: &mut Journal) -> Answer {
        let done = match write {
            Write::Create { path, data, mode } => {
                self.create(by, Wanted::open(path, data, *mode), undo)
            }
            Write::CreateWith {
                path,
                data,
                mode,
                acl,
            } => self.create(by, Wanted::listed(path, data, *mode, acl), undo),
            Write::Delete { path, version } => self.delete(by, path, *version, undo),
            Write::SetData {
                path,
                data,
                version,
            } => self.set_data(by, path, data, *version, undo),
            Write::SetAcl { path, acl, version } => self.set_acl(by, path, acl, *version, undo),
            Write::Check { path, version } => self.check(by, path, *version),
            Write::Refused(code) => Err(*code),
            Write::Multi(parts) => return self.multi(by, parts, undo),
            Write::As { ids, write } => return self.execute(Request { ids, ..by }, write, undo),
            Write::CloseSession | Write::ExpireSession => {
                self.close(by.zxid, by.session, undo);
                Ok(Response::SessionClosed)
            }
            // Both belong to no session and were executed before.
            Write::CreateSession { .. } | Write::DeleteContainer { .. } => {
                unreachable!("{write} is executed for nobody")
            }
        };
        done.map_err(Failure::of)
    }

    fn multi(&mut self, by: Request<'_>, parts: &[Part], outer: &mut Journal) -> Answer {
        let mut undo = Journal::kept();
        let mut responses = Vec::with_capacity(parts.len());
        for (position, part) in parts.iter().enumerate() {
            match self.part(by, part, &mut undo) {
                Ok(response) => responses.push(response),
                Err(code) => {
                    self.take_back(undo);
                    if code == ErrorCode::MarshallingError {
                        return Err(Failure::of(code));
                    }
                    let mut told = vec![None; position];
                    told.push(Some(code));
                    told.resize(parts.len(), Some(ErrorCode::RuntimeInconsistency));
                    return Err(Failure { code, parts: told });
                }
            }
        }
        outer.append(undo);
        Ok(Response::Multi(responses))
    }

    fn part(
        &mut self,
        by: Request<'_>,
        part: &Part,
        undo: &mut Journal,
    ) -> Result<Response, ErrorCode> {
        match part {
            Part::Create { path, data, mode } => {
                self.create(by, Wanted::open(path, data, *mode), undo)
            }
            Part::CreateWith {
                path,
                data,
                mode,
                acl,
            } => self.create(by, Wanted::listed(path, data, *mode, acl), undo),
            Part::Delete { path, version } => self.delete(by, path, *version, undo),
            Part::SetData {
                path,
                data,
                version,
            } => self.set_data(by, path, data, *version, undo),
            Part::Check { path, version } => self.check(by, path, *version),
            Part::Refused(code) => Err(*code),
        }
    }

    fn create(
        &mut self,
        by: Request<'_>,
        wanted: Wanted<'_>,
        undo: &mut Journal,
    ) -> Result<Response, ErrorCode> {
        if let CreateMode::Ttl { ms } | CreateMode::TtlSequential { ms } = wanted.mode
            && !(1..=MAX_TTL_MS).contains(&ms)
        {
            return Err(ErrorCode::BadArguments);
        }
        // ZooKeeper names the parent before it judges the path. The root is its own parent, and a
        // sequential prefix may end with a slash: the number alone is then the name.
        let named = paths::named_parent(wanted.path).ok_or(ErrorCode::BadArguments)?;
        let rights = match wanted.acl {
            None => Rights::Open,
            Some(entries) => acl::expand(entries, by.ids)?,
        };
        let parent = self.nodes.get(named).ok_or(ErrorCode::NoNode)?;
        parent.rights.demand(by.ids, Perm::CREATE)?;
        let path = if wanted.mode.is_sequential() {
            Path::from(format!("{}{:010}", wanted.path, parent.creates))
        } else {
            wanted.path.clone()
        };
        if !paths::is_path(&path) {
            return Err(ErrorCode::BadArguments);
        }
        if self.nodes.contains_key(&path) {
            return Err(ErrorCode::NodeExists);
        }
        if let Kind::Ephemeral(_) = parent.kind {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let kind = Kind::of_mode(wanted.mode, by.session);
        let node = Node::new(wanted.data.clone(), kind, rights, by.zxid);
        let stat = node.stat();
        self.insert(&path, node, undo);
        Ok(Response::Created { path, stat })
    }

    fn delete(
        &mut self,
        by: Request<'_>,
        path: &Path,
        version: i32,
        undo: &mut Journal,
    ) -> Result<Response, ErrorCode> {
        let named = paths::named_parent(path).ok_or(ErrorCode::BadArguments)?;
        if BORN.iter().any(|(born, _)| **path == **born) {
            return Err(ErrorCode::BadArguments);
        }
        let parent = self.nodes.get(named).ok_or(ErrorCode::NoNode)?;
        parent.rights.demand(by.ids, Perm::DELETE)?;
        let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
        demand_version(node.version, version)?;
        if !node.children.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(by.zxid, path, undo);
        Ok(Response::Deleted)
    }

    /// What a removal pass asks for: nobody's permission counts.
    fn remove_if_bare(
        &mut self,
        zxid: Zxid,
        path: &Path,
        undo: &mut Journal,
    ) -> Result<Response, ErrorCode> {
        paths::named_parent(path).ok_or(ErrorCode::BadArguments)?;
        let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
        if !node.children.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        if !matches!(node.kind, Kind::Container | Kind::Ttl { .. }) {
            // Another node has taken its place.
            return Err(ErrorCode::BadVersion);
        }
        self.remove(zxid, path, undo);
        Ok(Response::Deleted)
    }

    fn set_data(
        &mut self,
        by: Request<'_>,
        path: &Path,
        data: &Data,
        version: i32,
        undo: &mut Journal,
    ) -> Result<Response, ErrorCode> {
        let node = self.existing(path)?;
        node.rights.demand(by.ids, Perm::WRITE)?;
        demand_version(node.version, version)?;
        undo.note(|| Undo::of_set(path, node));
        node.data = data.clone();
        node.version = node.version.wrapping_add(1);
        node.modified = by.zxid;
        Ok(Response::Set(node.stat()))
    }

    fn set_acl(
        &mut self,
        by: Request<'_>,
        path: &Path,
        entries: &[Ace],
        version: i32,
        undo: &mut Journal,
    ) -> Result<Response, ErrorCode> {
        if !paths::is_path(path) {
            return Err(ErrorCode::BadArguments);
        }
        let rights = acl::expand(entries, by.ids)?;
        let node = self.existing(path)?;
        node.rights.demand(by.ids, Perm::ADMIN)?;
        demand_version(node.acl_version, version)?;
        undo.note(|| Undo::of_acl(path, node));
        node.rights = rights;
        node.acl_version = node.acl_version.wrapping_add(1);
        Ok(Response::AclSet(node.stat()))
    }

    fn check(&mut self, by: Request<'_>, path: &Path, version: i32) -> Result<Response, ErrorCode> {
        let node = self.existing(path)?;
        node.rights.demand(by.ids, Perm::READ)?;
        demand_version(node.version, version)?;
        Ok(Response::Checked)
    }

    fn existing(&mut self, path: &Path) -> Result<&mut Node, ErrorCode> {
        if !paths::is_path(path) {
            return Err(ErrorCode::BadArguments);
        }
        self.nodes.get_mut(path).ok_or(ErrorCode::NoNode)
    }

    fn close(&mut self, zxid: Zxid, session: SessionId, undo: &mut Journal) {
        if !self.sessions.remove(&session) {
            return;
        }
        undo.note(|| Undo::Close { session });
        for path in self.ephemerals.remove(&session).unwrap_or_default() {
            self.remove(zxid, &path, undo);
        }
    }
}

impl<'a> Wanted<'a> {
    fn open(path: &'a Path, data: &'a Data, mode: CreateMode) -> Wanted<'a> {
        Wanted {
            path,
            data,
            mode,
            acl: None,
        }
    }

    fn listed(path: &'a Path, data: &'a Data, mode: CreateMode, acl: &'a [Ace]) -> Wanted<'a> {
        Wanted {
            path,
            data,
            mode,
            acl: Some(acl),
        }
    }
}

fn demand_version(actual: i32, expected: i32) -> Result<(), ErrorCode> {
    if expected != ANY_VERSION && expected != actual {
        return Err(ErrorCode::BadVersion);
    }
    Ok(())
}
