//! The rules of validation: one request on its way to a transaction.
//!
//! The rules and their order are those of ZooKeeper's `PrepRequestProcessor`: of several faults in
//! one request the same one is reported.

use super::acl::{self, Ace, Acl, Identity};
use super::node::Lifetime;
use super::outstanding::{Change, Life, Outstanding, Record};
use super::paths;
use super::payload::Txn;
use super::read::Asker;
use super::request::{
    ANY_VERSION, CreateMode, Data, ErrorCode, Failure, MAX_TTL_MS, Part, Path, Write,
};
use super::state::State;
use crate::ids::SessionId;
use crate::mutation::Mutation;

/// One request on its way to a transaction.
pub(super) struct Draft<'a> {
    outstanding: &'a mut Outstanding,
    state: &'a State,
    session: SessionId,
    /// Whom the asker has proved to be.
    ids: &'a [Identity],
    ordinal: u64,
    /// The entries this request replaced, in order: rolling back puts them back in reverse, the
    /// parents' counters included (ZK-1624).
    journal: Vec<(Path, Option<Change<Option<Record>>>)>,
}

/// The node that a request wants.
struct Wanted<'a> {
    path: &'a Path,
    data: &'a Data,
    mode: CreateMode,
    /// `None` is the open one.
    acl: Option<&'a [Ace]>,
}

impl<'a> Draft<'a> {
    /// A request of somebody, prepared under this ordinal.
    pub(super) fn new(
        outstanding: &'a mut Outstanding,
        state: &'a State,
        asker: Asker<'a>,
        ordinal: u64,
    ) -> Draft<'a> {
        Draft {
            outstanding,
            state,
            session: asker.session,
            ids: asker.ids,
            ordinal,
            journal: Vec::new(),
        }
    }

    /// The nodes whose entries were replaced.
    pub(super) fn touched(self) -> Vec<Path> {
        self.journal.into_iter().map(|(path, _)| path).collect()
    }

    pub(super) fn write(&mut self, write: &'a Write) -> Txn {
        // A closing session counts as gone: nothing of it may slip in between the transaction
        // that lists its nodes and the end of the session (ZK-1208, ZK-1496).
        let of_a_session = !matches!(
            write.bare(),
            Write::CreateSession { .. } | Write::DeleteContainer { .. }
        );
        if of_a_session && !self.is_session_open() {
            return Txn::Error(Failure::of(ErrorCode::SessionExpired));
        }
        self.judge(write)
            .unwrap_or_else(|code| Txn::Error(Failure::of(code)))
    }

    fn judge(&mut self, write: &'a Write) -> Result<Txn, ErrorCode> {
        match write {
            Write::CreateSession { timeout } => {
                self.set_life(Life::Open { timeout: *timeout });
                Ok(Txn::CreateSession { timeout: *timeout })
            }
            Write::Create { path, data, mode } => self.create(Wanted {
                path,
                data,
                mode: *mode,
                acl: None,
            }),
            Write::CreateWith {
                path,
                data,
                mode,
                acl,
            } => self.create(Wanted {
                path,
                data,
                mode: *mode,
                acl: Some(acl),
            }),
            Write::Delete { path, version } => self.delete(path, *version),
            Write::SetData {
                path,
                data,
                version,
            } => self.set_data(path, data, *version),
            Write::SetAcl { path, acl, version } => self.set_acl(path, acl, *version),
            Write::Check { path, version } => self.check(path, *version),
            Write::Multi(parts) => self.multi(parts),
            Write::CloseSession | Write::ExpireSession => Ok(self.close_session()),
            Write::DeleteContainer { path } => self.delete_container(path),
            Write::Refused(code) => Err(*code),
            Write::As { ids, write } => {
                self.ids = ids;
                self.judge(write)
            }
        }
    }

    fn create(&mut self, wanted: Wanted<'_>) -> Result<Txn, ErrorCode> {
        let Wanted {
            path, data, mode, ..
        } = wanted;
        judge_mode(mode)?;
        let parent_path = parent_of(path)?;
        let acl = match wanted.acl {
            None => Acl::OPEN,
            Some(entries) => acl::expand(entries, self.ids)?,
        };
        let (parent_path, mut parent) = self.node(parent_path).ok_or(ErrorCode::NoNode)?;
        self.permit(&parent, acl::CREATE)?;
        let path = if mode.is_sequential() {
            let number = if self.outstanding.mutations.has(Mutation::T03) {
                i32::try_from(parent.children).expect("a tree in memory has few nodes")
            } else {
                parent.creates
            };
            Path::from(format!("{path}{number:010}"))
        } else {
            path.clone()
        };
        if !paths::is_valid(&path) {
            return Err(ErrorCode::BadArguments);
        }
        if self.node(&path).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if let Lifetime::Session(_) = Lifetime::of(parent.owner) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let owner = Lifetime::created(mode, self.session).owner();
        // A signed 32-bit counter that wraps, as ZooKeeper's.
        parent.creates = parent.creates.wrapping_add(1);
        parent.children += 1;
        let parent_cversion = parent.creates;
        self.put(parent_path, Some(parent));
        let newborn = Record {
            version: 0,
            aversion: 0,
            creates: 0,
            children: 0,
            owner,
            acl: acl.clone(),
        };
        self.put(path.clone(), Some(newborn));
        let data = data.clone();
        Ok(if acl == Acl::OPEN {
            Txn::Create {
                path,
                data,
                owner,
                parent_cversion,
            }
        } else {
            Txn::CreateWith {
                path,
                data,
                owner,
                parent_cversion,
                acl,
            }
        })
    }

    fn delete(&mut self, path: &Path, version: i32) -> Result<Txn, ErrorCode> {
        let parent_path = parent_of(path)?;
        if paths::is_built_in(path) {
            return Err(ErrorCode::BadArguments);
        }
        let (parent_path, parent) = self.node(parent_path).ok_or(ErrorCode::NoNode)?;
        self.permit(&parent, acl::DELETE)?;
        let (path, node) = self.node(path).ok_or(ErrorCode::NoNode)?;
        check_version(node.version, version)?;
        self.remove(path, &node, parent_path, parent)
    }

    /// Nobody asks for this but the leader, so nobody's permission counts.
    fn delete_container(&mut self, path: &Path) -> Result<Txn, ErrorCode> {
        let parent_path = parent_of(path)?;
        let (path, node) = self.node(path).ok_or(ErrorCode::NoNode)?;
        if node.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        match Lifetime::of(node.owner) {
            Lifetime::Container | Lifetime::Ttl { .. } => {}
            // It was deleted and created anew since the leader looked.
            Lifetime::Endless | Lifetime::Session(_) => return Err(ErrorCode::BadVersion),
        }
        let (parent_path, parent) = self.node(parent_path).ok_or(ErrorCode::NoNode)?;
        self.remove(path, &node, parent_path, parent)
    }

    fn remove(
        &mut self,
        path: Path,
        node: &Record,
        parent_path: Path,
        mut parent: Record,
    ) -> Result<Txn, ErrorCode> {
        if node.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        parent.children -= 1;
        self.put(parent_path, Some(parent));
        self.put(path.clone(), None);
        Ok(Txn::Delete { path })
    }

    fn set_data(&mut self, path: &Path, data: &Data, version: i32) -> Result<Txn, ErrorCode> {
        let (path, mut node) = self.existing(path)?;
        self.permit(&node, acl::WRITE)?;
        check_version(node.version, version)?;
        node.version = node.version.wrapping_add(1);
        let version = node.version;
        self.put(path.clone(), Some(node));
        Ok(Txn::SetData {
            path,
            data: data.clone(),
            version,
        })
    }

    fn set_acl(&mut self, path: &Path, entries: &[Ace], version: i32) -> Result<Txn, ErrorCode> {
        if !paths::is_valid(path) {
            return Err(ErrorCode::BadArguments);
        }
        let acl = acl::expand(entries, self.ids)?;
        let (path, mut node) = self.existing(path)?;
        self.permit(&node, acl::ADMIN)?;
        check_version(node.aversion, version)?;
        node.aversion = node.aversion.wrapping_add(1);
        let version = node.aversion;
        node.acl = acl.clone();
        self.put(path.clone(), Some(node));
        Ok(Txn::SetAcl { path, acl, version })
    }

    fn check(&mut self, path: &Path, version: i32) -> Result<Txn, ErrorCode> {
        let (path, node) = self.existing(path)?;
        self.permit(&node, acl::READ)?;
        check_version(node.version, version)?;
        Ok(Txn::Check { path })
    }

    fn permit(&self, node: &Record, perm: i32) -> Result<(), ErrorCode> {
        if node.acl.permits(self.ids, perm) {
            Ok(())
        } else {
            Err(ErrorCode::NoAuth)
        }
    }

    /// All parts or none. Each part sees what those before it did.
    fn multi(&mut self, parts: &[Part]) -> Result<Txn, ErrorCode> {
        let mut txns = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            let result = match part {
                Part::Create { path, data, mode } => self.create(Wanted {
                    path,
                    data,
                    mode: *mode,
                    acl: None,
                }),
                Part::CreateWith {
                    path,
                    data,
                    mode,
                    acl,
                } => self.create(Wanted {
                    path,
                    data,
                    mode: *mode,
                    acl: Some(acl),
                }),
                Part::Delete { path, version } => self.delete(path, *version),
                Part::SetData {
                    path,
                    data,
                    version,
                } => self.set_data(path, data, *version),
                Part::Check { path, version } => self.check(path, *version),
                Part::Refused(code) => Err(*code),
            };
            match result {
                Ok(txn) => txns.push(txn),
                Err(code) => {
                    self.roll_back();
                    if code == ErrorCode::MarshallingError {
                        return Err(code);
                    }
                    return Ok(Txn::Error(failed_multi(code, place, parts.len())));
                }
            }
        }
        Ok(Txn::Multi(txns))
    }

    fn close_session(&mut self) -> Txn {
        let mut ephemerals: Vec<Path> = self
            .state
            .ephemerals(self.session)
            .filter(|path| !self.outstanding.nodes.contains_key(*path))
            .cloned()
            .collect();
        // Mutation T04: nodes whose creation is still outstanding are not listed.
        let forgets = self.outstanding.mutations.has(Mutation::T04);
        let speculative = self.outstanding.nodes.iter().filter(|(_, entry)| {
            if forgets {
                return false;
            }
            let now = entry.now.as_ref();
            now.is_some_and(|node| node.owner == self.session)
        });
        ephemerals.extend(speculative.map(|(path, _)| path.clone()));
        ephemerals.sort();
        for path in &ephemerals {
            let (parent_path, mut parent) = parent_of(path)
                .ok()
                .and_then(|parent| self.node(parent))
                .expect("a node that exists has a parent that exists");
            parent.children -= 1;
            self.put(parent_path, Some(parent));
            self.put(path.clone(), None);
        }
        self.set_life(Life::Closed);
        Txn::CloseSession { ephemerals }
    }

    /// The node named by `path`, which need not be valid yet.
    fn existing(&self, path: &str) -> Result<(Path, Record), ErrorCode> {
        if !paths::is_valid(path) {
            return Err(ErrorCode::BadArguments);
        }
        self.node(path).ok_or(ErrorCode::NoNode)
    }

    /// A node of the speculative state, with its path as it is stored.
    fn node(&self, path: &str) -> Option<(Path, Record)> {
        if let Some((path, entry)) = self.outstanding.nodes.get_key_value(path) {
            return entry.now.clone().map(|node| (path.clone(), node));
        }
        self.state.nodes.get(path).map(|node| {
            let record = Record {
                version: node.version,
                aversion: node.aversion,
                creates: node.creates,
                children: node.children.len(),
                owner: node.owner,
                acl: node.acl.clone(),
            };
            (node.path.clone(), record)
        })
    }

    fn put(&mut self, path: Path, now: Option<Record>) {
        let entry = Change {
            ordinal: self.ordinal,
            now,
        };
        let before = self.outstanding.nodes.insert(path.clone(), entry);
        self.journal.push((path, before));
    }

    fn roll_back(&mut self) {
        while let Some((path, before)) = self.journal.pop() {
            match before {
                Some(entry) => self.outstanding.nodes.insert(path, entry),
                None => self.outstanding.nodes.remove(&path),
            };
        }
    }

    fn is_session_open(&self) -> bool {
        match self.outstanding.life(self.session) {
            Some(Life::Open { .. }) => true,
            Some(Life::Closed) => false,
            None => self.state.sessions.contains_key(&self.session),
        }
    }

    fn set_life(&mut self, now: Life) {
        let entry = Change {
            ordinal: self.ordinal,
            now,
        };
        self.outstanding.sessions.insert(self.session, entry);
    }
}

/// The parent named by a path, which need not be valid yet.
fn parent_of(path: &str) -> Result<&str, ErrorCode> {
    paths::parent(path)
        .filter(|_| !path.contains('\0'))
        .ok_or(ErrorCode::BadArguments)
}

fn judge_mode(mode: CreateMode) -> Result<(), ErrorCode> {
    match mode {
        CreateMode::Ttl { ms } | CreateMode::TtlSequential { ms } if ms == 0 || ms > MAX_TTL_MS => {
            Err(ErrorCode::BadArguments)
        }
        CreateMode::Ttl { .. }
        | CreateMode::TtlSequential { .. }
        | CreateMode::Persistent
        | CreateMode::PersistentSequential
        | CreateMode::Ephemeral
        | CreateMode::EphemeralSequential
        | CreateMode::Container
        | CreateMode::ContainerSequential => Ok(()),
    }
}

fn check_version(actual: i32, expected: i32) -> Result<(), ErrorCode> {
    if expected == ANY_VERSION || expected == actual {
        Ok(())
    } else {
        Err(ErrorCode::BadVersion)
    }
}

/// The failure of a multi of `count` parts whose part at `place` is at fault.
pub(super) fn failed_multi(code: ErrorCode, place: usize, count: usize) -> Failure {
    let parts = (0..count)
        .map(|part| match part.cmp(&place) {
            core::cmp::Ordering::Less => None,
            core::cmp::Ordering::Equal => Some(code),
            core::cmp::Ordering::Greater => Some(ErrorCode::RuntimeInconsistency),
        })
        .collect();
    Failure { code, parts }
}
