//! The znode tree once more: plain, sequential, and independent of the one under test.
//!
//! It answers requests one at a time in the order in which they took effect. It knows no time, so
//! the ctime and mtime of its Stats are 0 and never compared, and no at-most-once table: whoever
//! feeds it leaves out what was not executed. Nor does it know of ACLs (except the one that every
//! tree is born with), identities, containers or times to live: no workload asks for them, and
//! whoever does is told so by a panic, which the runner counts as an unknown verdict.

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{SessionId, Zxid};
use crate::tree::{
    ANY_VERSION, Answer, CreateMode, Data, ErrorCode, Failure, Part, Path, Read, Response, Stat,
    Txn, Write,
};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    data: Data,
    created: Zxid,
    modified: Zxid,
    children_changed: Zxid,
    version: i32,
    acl_version: i32,
    /// How many children were ever created; those that the tree was born with do not count.
    creates: i32,
    owner: SessionId,
    children: BTreeSet<Arc<str>>,
}

impl Node {
    fn new(data: Data, owner: SessionId, zxid: Zxid) -> Node {
        Node {
            data,
            created: zxid,
            modified: zxid,
            children_changed: zxid,
            version: 0,
            acl_version: 0,
            creates: 0,
            owner,
            children: BTreeSet::new(),
        }
    }

    fn stat(&self) -> Stat {
        let children = self.children.len();
        Stat {
            czxid: self.created,
            mzxid: self.modified,
            pzxid: self.children_changed,
            ctime: 0,
            mtime: 0,
            version: self.version,
            cversion: self
                .creates
                .wrapping_mul(2)
                .wrapping_sub(i32::try_from(children).unwrap_or(i32::MAX)),
            aversion: self.acl_version,
            ephemeral_owner: self.owner,
            data_length: u32::try_from(self.data.len()).unwrap_or(u32::MAX),
            num_children: u32::try_from(children).unwrap_or(u32::MAX),
        }
    }
}

/// What a write under way has overwritten: each node as it was, newest last.
type Undo = Vec<(Path, Option<Node>)>;

/// The nodes that every tree has from the start and to the end, with their children.
const BORN: [(&str, &[&str]); 4] = [
    ("/", &["zookeeper"]),
    ("/zookeeper", &["config", "quota"]),
    ("/zookeeper/config", &[]),
    ("/zookeeper/quota", &[]),
];

/// Whether a node is the one that everybody may read and nobody here may change.
fn is_guarded(path: &str) -> bool {
    path == "/zookeeper/config"
}

/// The tree and the open sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Model {
    nodes: BTreeMap<Path, Node>,
    sessions: BTreeSet<SessionId>,
}

impl Model {
    /// The tree that has only what every ZooKeeper is born with.
    pub fn new() -> Model {
        let born = BORN.map(|(path, children)| {
            let mut node = Node::new(Data::from([]), SessionId::NONE, Zxid::ZERO);
            node.children = children.iter().copied().map(Arc::from).collect();
            if is_guarded(path) {
                node.acl_version = -1;
            }
            (Path::from(path), node)
        });
        Model {
            nodes: BTreeMap::from(born),
            sessions: BTreeSet::new(),
        }
    }

    /// Executes a request of a session.
    pub fn write(&mut self, zxid: Zxid, session: SessionId, write: &Write) -> Answer {
        if let Write::CreateSession { .. } = write {
            self.sessions.insert(session);
            return Ok(Response::SessionOpened);
        }
        if !self.sessions.contains(&session) {
            return Err(Failure::of(ErrorCode::SessionExpired));
        }
        let mut undo = Undo::new();
        let part = match write {
            Write::Create { path, data, mode } => Part::Create {
                path: path.clone(),
                data: data.clone(),
                mode: *mode,
            },
            Write::Delete { path, version } => Part::Delete {
                path: path.clone(),
                version: *version,
            },
            Write::SetData {
                path,
                data,
                version,
            } => Part::SetData {
                path: path.clone(),
                data: data.clone(),
                version: *version,
            },
            Write::Check { path, version } => Part::Check {
                path: path.clone(),
                version: *version,
            },
            Write::Refused(code) => Part::Refused(*code),
            Write::CreateWith { .. }
            | Write::SetAcl { .. }
            | Write::DeleteContainer { .. }
            | Write::As { .. } => unmodelled(write),
            Write::Multi(parts) => return self.multi(zxid, session, parts),
            Write::CreateSession { .. } => return Ok(Response::SessionOpened),
            Write::CloseSession | Write::ExpireSession => {
                self.close(zxid, session);
                return Ok(Response::SessionClosed);
            }
        };
        self.part(zxid, session, &part, &mut undo)
            .map_err(Failure::of)
    }

    /// Answers a read from the present state.
    pub fn read(&self, read: &Read) -> Answer {
        let path = match read {
            Read::GetData { path, .. }
            | Read::Exists { path, .. }
            | Read::GetChildren { path, .. } => path,
            Read::GetAcl { .. }
            | Read::CountDescendants { .. }
            | Read::GetEphemerals { .. }
            | Read::Multi(_)
            | Read::WhoAmI => unmodelled(read),
        };
        // Reads do not judge paths, with two exceptions of ZooKeeper's: exists refuses a NUL, and
        // the empty path is the root.
        if matches!(read, Read::Exists { .. }) && path.contains('\0') {
            return Err(Failure::of(ErrorCode::BadArguments));
        }
        let stored = if path.is_empty() { "/" } else { path };
        let Some(node) = self.nodes.get(stored) else {
            return Err(Failure::of(ErrorCode::NoNode));
        };
        let stat = node.stat();
        Ok(match read {
            Read::GetData { .. } => Response::Data {
                data: node.data.clone(),
                stat,
            },
            Read::Exists { .. } => Response::Exists(stat),
            Read::GetChildren { .. } => Response::Children {
                names: node.children.iter().cloned().collect(),
                stat,
            },
            Read::GetAcl { .. }
            | Read::CountDescendants { .. }
            | Read::GetEphemerals { .. }
            | Read::Multi(_)
            | Read::WhoAmI => unmodelled(read),
        })
    }

    /// Takes over a delta whose request is not known.
    pub fn adopt(&mut self, zxid: Zxid, session: SessionId, txn: &Txn) {
        let mut undo = Undo::new();
        match txn {
            Txn::Create {
                path, data, owner, ..
            } => {
                if let Some(parent) = parent_of(path)
                    && self.nodes.contains_key(parent)
                    && !self.nodes.contains_key(path)
                {
                    self.insert(zxid, path, data, *owner, &mut undo);
                }
            }
            Txn::Delete { path } => {
                if self.nodes.contains_key(path) {
                    self.remove(zxid, path, &mut undo);
                }
            }
            Txn::SetData {
                path,
                data,
                version,
            } => {
                if let Some(node) = self.touch(path, &mut undo) {
                    node.data = data.clone();
                    node.version = *version;
                    node.modified = zxid;
                }
            }
            Txn::Multi(txns) => {
                for txn in txns {
                    self.adopt(zxid, session, txn);
                }
            }
            Txn::CreateSession { .. } => {
                self.sessions.insert(session);
            }
            Txn::CloseSession { .. } => self.close(zxid, session),
            Txn::CreateWith { .. } | Txn::SetAcl { .. } => unmodelled(txn),
            Txn::Check { .. } | Txn::Error(_) => {}
        }
    }

    fn multi(&mut self, zxid: Zxid, session: SessionId, parts: &[Part]) -> Answer {
        let mut undo = Undo::new();
        let mut responses = Vec::new();
        for (position, part) in parts.iter().enumerate() {
            match self.part(zxid, session, part, &mut undo) {
                Ok(response) => responses.push(response),
                Err(code) => {
                    for (path, node) in undo.into_iter().rev() {
                        match node {
                            Some(node) => self.nodes.insert(path, node),
                            None => self.nodes.remove(&path),
                        };
                    }
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
        Ok(Response::Multi(responses))
    }

    fn part(
        &mut self,
        zxid: Zxid,
        session: SessionId,
        part: &Part,
        undo: &mut Undo,
    ) -> Result<Response, ErrorCode> {
        match part {
            Part::Create { path, data, mode } => {
                self.create(zxid, session, (path, data, *mode), undo)
            }
            Part::Delete { path, version } => {
                let is_born = BORN.iter().any(|(born, _)| **path == **born);
                if is_born || !path.contains('/') {
                    return Err(ErrorCode::BadArguments);
                }
                if parent_of(path).is_some_and(is_guarded) {
                    return Err(ErrorCode::NoAuth);
                }
                let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
                check_version(node, *version)?;
                if !node.children.is_empty() {
                    return Err(ErrorCode::NotEmpty);
                }
                self.remove(zxid, path, undo);
                Ok(Response::Deleted)
            }
            Part::SetData {
                path,
                data,
                version,
            } => {
                let node = self.existing(path)?;
                if is_guarded(path) {
                    return Err(ErrorCode::NoAuth);
                }
                check_version(node, *version)?;
                let node = self.touch(path, undo).ok_or(ErrorCode::NoNode)?;
                node.data = data.clone();
                node.version = node.version.wrapping_add(1);
                node.modified = zxid;
                Ok(Response::Set(node.stat()))
            }
            Part::Check { path, version } => {
                check_version(self.existing(path)?, *version)?;
                Ok(Response::Checked)
            }
            Part::Refused(code) => Err(*code),
            Part::CreateWith { .. } => unmodelled(part),
        }
    }

    fn create(
        &mut self,
        zxid: Zxid,
        session: SessionId,
        (prefix, data, mode): (&Path, &Data, CreateMode),
        undo: &mut Undo,
    ) -> Result<Response, ErrorCode> {
        // ZooKeeper names the parent before it judges the path. The root is its own parent, and a
        // sequential prefix may end with a slash: the number alone is then the name.
        let parent = match prefix.rfind('/').ok_or(ErrorCode::BadArguments)? {
            0 => "/",
            slash => &prefix[..slash],
        };
        let named = parent;
        let parent = self.nodes.get(named).ok_or(ErrorCode::NoNode)?;
        if is_guarded(named) {
            return Err(ErrorCode::NoAuth);
        }
        let path = if mode.is_sequential() {
            Path::from(format!("{prefix}{:010}", parent.creates))
        } else {
            prefix.clone()
        };
        if !is_path(&path) {
            return Err(ErrorCode::BadArguments);
        }
        if self.nodes.contains_key(&path) {
            return Err(ErrorCode::NodeExists);
        }
        if parent.owner != SessionId::NONE {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let owner = match mode {
            CreateMode::Ephemeral | CreateMode::EphemeralSequential => session,
            CreateMode::Persistent | CreateMode::PersistentSequential => SessionId::NONE,
            CreateMode::Container
            | CreateMode::ContainerSequential
            | CreateMode::Ttl { .. }
            | CreateMode::TtlSequential { .. } => unmodelled(mode),
        };
        self.insert(zxid, &path, data, owner, undo);
        let stat = Node::new(data.clone(), owner, zxid).stat();
        Ok(Response::Created { path, stat })
    }

    fn existing(&self, path: &Path) -> Result<&Node, ErrorCode> {
        if !is_path(path) {
            return Err(ErrorCode::BadArguments);
        }
        self.nodes.get(path).ok_or(ErrorCode::NoNode)
    }

    fn close(&mut self, zxid: Zxid, session: SessionId) {
        if !self.sessions.remove(&session) {
            return;
        }
        let owned = |(path, node): (&Path, &Node)| (node.owner == session).then(|| path.clone());
        let ephemerals: Vec<Path> = self.nodes.iter().filter_map(owned).collect();
        for path in ephemerals {
            self.remove(zxid, &path, &mut Undo::new());
        }
    }

    fn insert(&mut self, zxid: Zxid, path: &Path, data: &Data, owner: SessionId, undo: &mut Undo) {
        if let Some(parent) = parent_of(path).and_then(|parent| self.touch(parent, undo)) {
            parent.children.insert(Arc::from(name_of(path)));
            parent.creates = parent.creates.wrapping_add(1);
            parent.children_changed = zxid;
        }
        undo.push((path.clone(), None));
        let node = Node::new(data.clone(), owner, zxid);
        self.nodes.insert(path.clone(), node);
    }

    fn remove(&mut self, zxid: Zxid, path: &Path, undo: &mut Undo) {
        undo.push((path.clone(), self.nodes.remove(path)));
        if let Some(parent) = parent_of(path).and_then(|parent| self.touch(parent, undo)) {
            parent.children.remove(name_of(path));
            parent.children_changed = zxid;
        }
    }

    /// A node that is about to change.
    fn touch(&mut self, path: &str, undo: &mut Undo) -> Option<&mut Node> {
        let (key, node) = self.nodes.get_key_value(path)?;
        undo.push((key.clone(), Some(node.clone())));
        self.nodes.get_mut(path)
    }
}

/// Gives up on what no workload asks for.
fn unmodelled(what: impl Debug) -> ! {
    panic!("the checkers' model does not know {what:?}")
}

fn check_version(node: &Node, version: i32) -> Result<(), ErrorCode> {
    if version != ANY_VERSION && version != node.version {
        return Err(ErrorCode::BadVersion);
    }
    Ok(())
}

/// The same answer, told without times.
pub(super) fn timeless(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    if let Ok(response) = &mut answer {
        forget_times(response);
    }
    answer
}

fn forget_times(response: &mut Response) {
    match response {
        Response::Created { stat, .. }
        | Response::Set(stat)
        | Response::Data { stat, .. }
        | Response::Exists(stat)
        | Response::Children { stat, .. }
        | Response::AclSet(stat)
        | Response::Acl { stat, .. } => {
            stat.ctime = 0;
            stat.mtime = 0;
        }
        Response::Multi(responses) => responses.iter_mut().for_each(forget_times),
        Response::Deleted
        | Response::Checked
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => {}
        Response::Reads(answers) => answers.iter_mut().flatten().for_each(forget_times),
    }
}

/// The path of a valid path's parent; `None` of the root.
pub(super) fn parent_of(path: &str) -> Option<&str> {
    let slash = path.rfind('/')?;
    match (slash, path.len()) {
        (_, 1) => None,
        (0, _) => Some("/"),
        (slash, _) => Some(&path[..slash]),
    }
}

fn name_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(slash) => &path[slash + 1..],
        None => path,
    }
}

/// ZooKeeper's rules, as far as workloads of printable characters can tell.
fn is_path(path: &str) -> bool {
    path == "/"
        || path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/')
                .all(|name| !matches!(name, "" | "." | "..") && !name.contains(char::is_control))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Span;

    const S: SessionId = SessionId(7);

    fn open() -> Model {
        let mut model = Model::new();
        let timeout = Span::secs(1);
        let opened = model.write(Zxid(1), S, &Write::CreateSession { timeout });
        assert_eq!(opened, Ok(Response::SessionOpened));
        model
    }

    fn create(path: &str, mode: CreateMode) -> Write {
        Write::Create {
            path: Path::from(path),
            data: Data::from(*b"x"),
            mode,
        }
    }

    fn delete(path: &str) -> Write {
        Write::Delete {
            path: Path::from(path),
            version: ANY_VERSION,
        }
    }

    fn path_of(answer: Answer) -> String {
        match answer {
            Ok(Response::Created { path, .. }) => path.to_string(),
            other => panic!("not created: {other:?}"),
        }
    }

    fn stat_of(model: &Model, path: &str) -> Stat {
        let read = Read::Exists {
            path: Path::from(path),
            watch: false,
        };
        match model.read(&read) {
            Ok(Response::Exists(stat)) => stat,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn sequential_numbers_count_creates_and_are_not_used_again_after_a_delete() {
        let mut model = open();
        model
            .write(Zxid(2), S, &create("/q", CreateMode::Persistent))
            .expect("created");
        let next = create("/q/n-", CreateMode::PersistentSequential);
        assert_eq!(path_of(model.write(Zxid(3), S, &next)), "/q/n-0000000000");
        model
            .write(Zxid(4), S, &delete("/q/n-0000000000"))
            .expect("deleted");
        assert_eq!(path_of(model.write(Zxid(5), S, &next)), "/q/n-0000000001");
        let stat = stat_of(&model, "/q");
        assert_eq!(
            (stat.cversion, stat.num_children, stat.pzxid),
            (3, 1, Zxid(5))
        );
    }

    #[test]
    fn a_failed_multi_leaves_no_trace() {
        let mut model = open();
        let before = model.clone();
        let parts = vec![
            Part::Create {
                path: Path::from("/a"),
                data: Data::from([]),
                mode: CreateMode::Persistent,
            },
            Part::Delete {
                path: Path::from("/b"),
                version: ANY_VERSION,
            },
            Part::Check {
                path: Path::from("/a"),
                version: 0,
            },
        ];
        let failure = Failure {
            code: ErrorCode::NoNode,
            parts: vec![
                None,
                Some(ErrorCode::NoNode),
                Some(ErrorCode::RuntimeInconsistency),
            ],
        };
        assert_eq!(model.write(Zxid(2), S, &Write::Multi(parts)), Err(failure));
        assert_eq!(model, before);
    }

    #[test]
    fn the_end_of_a_session_takes_its_ephemerals_along() {
        let mut model = open();
        model
            .write(Zxid(2), S, &create("/e", CreateMode::Ephemeral))
            .expect("created");
        assert_eq!(
            model.write(Zxid(3), S, &create("/e/c", CreateMode::Persistent)),
            Err(Failure::of(ErrorCode::NoChildrenForEphemerals))
        );
        assert_eq!(
            model.write(Zxid(4), S, &Write::ExpireSession),
            Ok(Response::SessionClosed)
        );
        assert_eq!(stat_of(&model, "/").pzxid, Zxid(4));
        assert_eq!(stat_of(&model, "/").num_children, 1, "/zookeeper is left");
        assert_eq!(
            model.write(Zxid(5), S, &create("/f", CreateMode::Persistent)),
            Err(Failure::of(ErrorCode::SessionExpired))
        );
    }

    #[test]
    fn versions_are_checked_before_children_and_malformed_paths_are_bad_arguments() {
        let mut model = open();
        model
            .write(Zxid(2), S, &create("/a", CreateMode::Persistent))
            .expect("created");
        model
            .write(Zxid(3), S, &create("/a/b", CreateMode::Persistent))
            .expect("created");
        let code = |model: &mut Model, write: &Write| {
            model
                .write(Zxid(4), S, write)
                .expect_err("it must fail")
                .code
        };
        let wrong = Write::Delete {
            path: Path::from("/a"),
            version: 3,
        };
        assert_eq!(code(&mut model, &wrong), ErrorCode::BadVersion);
        assert_eq!(code(&mut model, &delete("/a")), ErrorCode::NotEmpty);
        assert_eq!(code(&mut model, &delete("/c")), ErrorCode::NoNode);
        let twice = create("/a", CreateMode::Persistent);
        assert_eq!(code(&mut model, &twice), ErrorCode::NodeExists);
        let orphan = create("/x/y", CreateMode::Persistent);
        assert_eq!(code(&mut model, &orphan), ErrorCode::NoNode);
        let malformed = create("/a/", CreateMode::Persistent);
        assert_eq!(code(&mut model, &malformed), ErrorCode::BadArguments);
    }
}
