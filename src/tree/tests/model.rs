//! A naive model of the tree: a map of paths, scanned wherever a real tree would keep an index. It
//! knows the ACL schemes world, digest, auth and super.

use super::*;
use crate::tree::{Ace, Acl, Identity, Read, Response, Stat, paths};
use std::collections::{BTreeMap, BTreeSet};

/// A node of the model. `cversion` counts creates and deletes of children, as clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelNode {
    pub data: Data,
    pub stat: Stat,
    pub creates: i32,
    /// Containers and TTL nodes: what nobody but the leader's removal pass may delete unasked.
    pub bounded: bool,
    pub acl: Vec<Ace>,
}

/// Who asks, and when.
#[derive(Clone, Copy)]
struct Asking<'a> {
    session: SessionId,
    ids: &'a [Identity],
    zxid: Zxid,
    time_ms: u64,
}

/// The model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub nodes: BTreeMap<String, ModelNode>,
    pub sessions: BTreeSet<SessionId>,
}

impl Model {
    pub fn new() -> Model {
        let node = |perms, cversion, aversion, num_children| ModelNode {
            data: data(""),
            stat: Stat {
                cversion,
                aversion,
                num_children,
                ..Stat::default()
            },
            creates: 0,
            bounded: false,
            acl: vec![Ace::new(perms, "world", "anyone")],
        };
        let nodes = [
            ("/", node(31, -1, 0, 1)),
            ("/zookeeper", node(31, -2, 0, 2)),
            ("/zookeeper/config", node(1, 0, -1, 0)),
            ("/zookeeper/quota", node(31, 0, 0, 0)),
        ];
        Model {
            nodes: nodes.map(|(path, node)| (path.to_string(), node)).into(),
            sessions: BTreeSet::new(),
        }
    }

    /// Executes a request.
    pub fn run(&mut self, session: SessionId, write: &Write, zxid: Zxid, time_ms: u64) -> Answer {
        let asking = Asking {
            session,
            ids: &[],
            zxid,
            time_ms,
        };
        self.run_as(asking, write)
    }

    fn run_as(&mut self, asking: Asking<'_>, write: &Write) -> Answer {
        let session = asking.session;
        match write {
            Write::As { ids, write } => return self.run_as(Asking { ids, ..asking }, write),
            Write::CreateSession { .. } => {
                self.sessions.insert(session);
                return Ok(Response::SessionOpened);
            }
            Write::DeleteContainer { path } => {
                let removed = self.remove_container(path, asking.zxid);
                return removed.map(|()| Response::Deleted).map_err(Failure::of);
            }
            _of_a_session => {}
        }
        if !self.sessions.contains(&session) {
            return fails(ErrorCode::SessionExpired);
        }
        match write {
            Write::CreateSession { .. } | Write::DeleteContainer { .. } | Write::As { .. } => {
                unreachable!("handled above")
            }
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::Check { .. }
            | Write::Refused(_) => self
                .single(asking, &part(write.clone()))
                .map_err(Failure::of),
            Write::SetAcl { path, acl, version } => self
                .set_acl(asking, path, acl, *version)
                .map_err(Failure::of),
            Write::Multi(parts) => self.multi(asking, parts),
            Write::CloseSession | Write::ExpireSession => {
                let own: Vec<String> = self
                    .nodes
                    .iter()
                    .filter(|(_, node)| node.stat.ephemeral_owner == session)
                    .map(|(path, _)| path.clone())
                    .collect();
                own.iter().for_each(|path| self.remove(path, asking.zxid));
                self.sessions.remove(&session);
                Ok(Response::SessionClosed)
            }
        }
    }

    fn multi(&mut self, asking: Asking<'_>, parts: &[Part]) -> Answer {
        let mut scratch = self.clone();
        let mut responses = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            match scratch.single(asking, part) {
                Ok(response) => responses.push(response),
                Err(ErrorCode::MarshallingError) => return fails(ErrorCode::MarshallingError),
                Err(code) => {
                    let mut marks = vec![None; place];
                    marks.push(Some(code));
                    marks.resize(parts.len(), Some(ErrorCode::RuntimeInconsistency));
                    return Err(Failure { code, parts: marks });
                }
            }
        }
        *self = scratch;
        Ok(Response::Multi(responses))
    }

    /// Answers a read.
    pub fn read(&self, session: SessionId, ids: &[Identity], read: &Read) -> Answer {
        let asking = Asking {
            session,
            ids,
            zxid: Zxid::ZERO,
            time_ms: 0,
        };
        self.answer(asking, read).map_err(Failure::of)
    }

    fn answer(&self, asking: Asking<'_>, read: &Read) -> Result<Response, ErrorCode> {
        Ok(match read {
            Read::GetData { path, .. } => {
                let node = self.permitted(asking, path, 1)?;
                Response::Data {
                    data: node.data.clone(),
                    stat: node.stat,
                }
            }
            Read::Exists { path, .. } => {
                Response::Exists(self.nodes.get(&**path).ok_or(ErrorCode::NoNode)?.stat)
            }
            Read::GetChildren { path, .. } => {
                let stat = self.permitted(asking, path, 1)?.stat;
                let names = self
                    .names(path)
                    .iter()
                    .map(|name| Path::from(&**name))
                    .collect();
                Response::Children { names, stat }
            }
            Read::GetAcl { path } => {
                let node = self.permitted(asking, path, 1 | 16)?;
                let mut entries = node.acl.clone();
                if self.permitted(asking, path, 16).is_err() {
                    for entry in entries
                        .iter_mut()
                        .filter(|entry| &*entry.scheme == "digest")
                    {
                        let id = entry.id.clone().expect("a stored entry has an id");
                        let user = id.split(':').next().expect("it has a user");
                        entry.id = Some(Path::from(format!("{user}:x")));
                    }
                }
                Response::Acl {
                    acl: Acl::of(entries),
                    stat: node.stat,
                }
            }
            Read::CountDescendants { path } => {
                self.permitted(asking, path, 1)?;
                let prefix = format!("{}/", path.trim_end_matches('/'));
                let below = |other: &&String| other.starts_with(&prefix) && **other != prefix;
                Response::Count(self.nodes.keys().filter(below).count() as u32)
            }
            Read::GetEphemerals { prefix } => {
                let own = self.nodes.iter().filter(|(path, node)| {
                    node.stat.ephemeral_owner == asking.session && path.starts_with(&**prefix)
                });
                Response::Paths(own.map(|(path, _)| Path::from(path.as_str())).collect())
            }
            Read::Multi(reads) => {
                let answers = reads.iter().map(|read| self.answer(asking, read));
                Response::Reads(answers.map(|answer| answer.map_err(Failure::of)).collect())
            }
            Read::WhoAmI => {
                let name = |id: &Identity| match &*id.scheme {
                    "digest" => Identity::new("digest", &id.id[..3]),
                    other => Identity::new(other, ""),
                };
                Response::Identities(asking.ids.iter().map(name).collect())
            }
        })
    }

    /// Says where the state differs from the model.
    pub fn assert_equals(&self, state: &State) {
        let paths: Vec<&str> = state.nodes().map(|node| &**node.path()).collect();
        let expected: Vec<&str> = self.nodes.keys().map(String::as_str).collect();
        assert_eq!(paths, expected);
        for (path, node) in &self.nodes {
            assert_eq!(state.stat(path), Some(node.stat), "{path}");
            let actual = state.node(path).expect("its Stat was read");
            assert_eq!(actual.data(), &node.data, "{path}");
            assert_eq!(actual.acl().entries(), node.acl, "{path}");
            let names: Vec<String> = actual
                .children
                .iter()
                .map(|name| name.to_string())
                .collect();
            assert_eq!(names, self.names(path), "{path}");
        }
        let sessions: BTreeSet<SessionId> = state.sessions().map(|(id, _)| id).collect();
        assert_eq!(sessions, self.sessions);
        for session in [ALICE, BOB, SessionId(3)] {
            let own = self
                .nodes
                .iter()
                .filter(|(_, node)| node.stat.ephemeral_owner == session);
            let own: Vec<&str> = own.map(|(path, _)| path.as_str()).collect();
            let actual: Vec<&str> = state.ephemerals(session).map(|path| &**path).collect();
            assert_eq!(actual, own);
        }
    }

    fn single(&mut self, asking: Asking<'_>, part: &Part) -> Result<Response, ErrorCode> {
        let open = [Ace::new(31, "world", "anyone")];
        match part {
            Part::Create { path, data, mode } => self.create(asking, path, data, *mode, &open),
            Part::CreateWith {
                path,
                data,
                mode,
                acl,
            } => self.create(asking, path, data, *mode, acl),
            Part::Delete { path, version } => {
                let built_in = ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"];
                if built_in.contains(&&**path) {
                    return Err(ErrorCode::BadArguments);
                }
                let parent = paths::parent(path).ok_or(ErrorCode::BadArguments)?;
                self.permitted(asking, parent, 8)?;
                self.versioned(path, *version)?;
                if !self.names(path).is_empty() {
                    return Err(ErrorCode::NotEmpty);
                }
                self.remove(path, asking.zxid);
                Ok(Response::Deleted)
            }
            Part::SetData {
                path,
                data,
                version,
            } => {
                if !paths::is_valid(path) {
                    return Err(ErrorCode::BadArguments);
                }
                self.permitted(asking, path, 2)?;
                let node = self.versioned(path, *version)?;
                node.data = data.clone();
                node.stat.data_length = data.len() as u32;
                node.stat.version += 1;
                node.stat.mzxid = asking.zxid;
                node.stat.mtime = asking.time_ms;
                Ok(Response::Set(node.stat))
            }
            Part::Check { path, version } => {
                if !paths::is_valid(path) {
                    return Err(ErrorCode::BadArguments);
                }
                self.permitted(asking, path, 1)?;
                self.versioned(path, *version)?;
                Ok(Response::Checked)
            }
            Part::Refused(code) => Err(*code),
        }
    }

    fn create(
        &mut self,
        asking: Asking<'_>,
        path: &str,
        data: &Data,
        mode: CreateMode,
        acl: &[Ace],
    ) -> Result<Response, ErrorCode> {
        let (bounded, sequential) = match mode {
            CreateMode::Persistent | CreateMode::Ephemeral => (false, false),
            CreateMode::PersistentSequential | CreateMode::EphemeralSequential => (false, true),
            CreateMode::Container => (true, false),
            CreateMode::ContainerSequential => (true, true),
            CreateMode::Ttl { ms } if ms > 0 => (true, false),
            CreateMode::TtlSequential { ms } if ms > 0 => (true, true),
            CreateMode::Ttl { .. } | CreateMode::TtlSequential { .. } => {
                return Err(ErrorCode::BadArguments);
            }
        };
        let parent = paths::parent(path).ok_or(ErrorCode::BadArguments)?;
        let acl = expanded(acl, asking.ids)?;
        let above = self.permitted(asking, parent, 4)?;
        let path = match sequential {
            true => format!("{path}{:010}", above.creates),
            false => path.to_string(),
        };
        if !paths::is_valid(&path) {
            return Err(ErrorCode::BadArguments);
        }
        if self.nodes.contains_key(&path) {
            return Err(ErrorCode::NodeExists);
        }
        if above.stat.ephemeral_owner != SessionId::NONE {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let stat = Stat {
            czxid: asking.zxid,
            mzxid: asking.zxid,
            pzxid: asking.zxid,
            ctime: asking.time_ms,
            mtime: asking.time_ms,
            ephemeral_owner: match mode.is_ephemeral() {
                true => asking.session,
                false => SessionId::NONE,
            },
            data_length: data.len() as u32,
            ..Stat::default()
        };
        let node = ModelNode {
            data: data.clone(),
            stat,
            creates: 0,
            bounded,
            acl,
        };
        self.nodes.insert(path.clone(), node);
        self.child_changed(&path, asking.zxid).creates += 1;
        let path = Path::from(path);
        Ok(Response::Created { path, stat })
    }

    fn set_acl(
        &mut self,
        asking: Asking<'_>,
        path: &str,
        acl: &[Ace],
        version: i32,
    ) -> Result<Response, ErrorCode> {
        if !paths::is_valid(path) {
            return Err(ErrorCode::BadArguments);
        }
        let acl = expanded(acl, asking.ids)?;
        let stat = self.permitted(asking, path, 16)?.stat;
        if version != -1 && version != stat.aversion {
            return Err(ErrorCode::BadVersion);
        }
        let node = self.nodes.get_mut(path).expect("its Stat was read");
        node.acl = acl;
        node.stat.aversion += 1;
        Ok(Response::AclSet(node.stat))
    }

    fn remove_container(&mut self, path: &str, zxid: Zxid) -> Result<(), ErrorCode> {
        paths::parent(path).ok_or(ErrorCode::BadArguments)?;
        let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
        if !self.names(path).is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        if !node.bounded {
            return Err(ErrorCode::BadVersion);
        }
        self.remove(path, zxid);
        Ok(())
    }

    fn permitted(
        &self,
        asking: Asking<'_>,
        path: &str,
        perm: i32,
    ) -> Result<&ModelNode, ErrorCode> {
        let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
        let everybody = Identity::new("world", "anyone");
        let super_user = Identity::new("super", "");
        let mut known = asking.ids.to_vec();
        known.push(everybody);
        let granted = node.acl.iter().any(|entry| {
            let id = entry.id.clone().expect("a stored entry has an id");
            let scheme = entry.scheme.clone();
            entry.perms & perm != 0 && known.contains(&Identity { scheme, id })
        });
        match granted || known.contains(&super_user) {
            true => Ok(node),
            false => Err(ErrorCode::NoAuth),
        }
    }

    fn versioned(&mut self, path: &str, version: i32) -> Result<&mut ModelNode, ErrorCode> {
        let node = self.nodes.get_mut(path).ok_or(ErrorCode::NoNode)?;
        match version == -1 || version == node.stat.version {
            true => Ok(node),
            false => Err(ErrorCode::BadVersion),
        }
    }

    fn remove(&mut self, path: &str, zxid: Zxid) {
        self.nodes.remove(path);
        self.child_changed(path, zxid);
    }

    fn child_changed(&mut self, path: &str, zxid: Zxid) -> &mut ModelNode {
        let parent = paths::parent(path).expect("it has one").to_string();
        let children = self.names(&parent).len() as u32;
        let node = self.nodes.get_mut(&parent).expect("it has one");
        node.stat.pzxid = zxid;
        node.stat.cversion += 1;
        node.stat.num_children = children;
        node
    }

    fn names(&self, path: &str) -> Vec<String> {
        self.nodes
            .keys()
            .filter(|other| other.as_str() != "/" && paths::parent(other) == Some(path))
            .map(|other| paths::name(other).to_string())
            .collect()
    }
}

fn expanded(acl: &[Ace], ids: &[Identity]) -> Result<Vec<Ace>, ErrorCode> {
    let mut result = Vec::new();
    let mut seen = Vec::new();
    for entry in acl {
        if seen.contains(&entry) {
            continue;
        }
        seen.push(entry);
        match &*entry.scheme {
            "auth" => {
                let known: Vec<&Identity> =
                    ids.iter().filter(|id| &*id.scheme == "digest").collect();
                if known.is_empty() {
                    return Err(ErrorCode::InvalidAcl);
                }
                let grant = |id: &&Identity| Ace::new(entry.perms, "digest", &id.id);
                result.extend(known.iter().map(grant));
            }
            "world" | "digest" => result.push(entry.clone()),
            _unknown => return Err(ErrorCode::InvalidAcl),
        }
    }
    match result.is_empty() {
        true => Err(ErrorCode::InvalidAcl),
        false => Ok(result),
    }
}
