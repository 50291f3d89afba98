//! A naive model of the tree: a map of paths, scanned wherever a real tree would keep an index.

use super::*;
use crate::tree::{Response, Stat, paths};
use std::collections::{BTreeMap, BTreeSet};

/// A node of the model. `cversion` counts creates and deletes of children, as clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelNode {
    pub data: Data,
    pub stat: Stat,
    pub creates: i32,
}

/// The model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub nodes: BTreeMap<String, ModelNode>,
    pub sessions: BTreeSet<SessionId>,
}

impl Model {
    pub fn new() -> Model {
        let root = ModelNode {
            data: data(""),
            stat: Stat::default(),
            creates: 0,
        };
        Model {
            nodes: BTreeMap::from([("/".to_string(), root)]),
            sessions: BTreeSet::new(),
        }
    }

    /// Executes a request.
    pub fn run(&mut self, session: SessionId, write: &Write, zxid: Zxid, time_ms: u64) -> Answer {
        if let Write::CreateSession { .. } = write {
            self.sessions.insert(session);
            return Ok(Response::SessionOpened);
        }
        if !self.sessions.contains(&session) {
            return fails(ErrorCode::SessionExpired);
        }
        match write {
            Write::CreateSession { .. } => unreachable!("handled above"),
            Write::Create { .. } | Write::Delete { .. } | Write::SetData { .. } => self
                .single(session, &part(write.clone()), zxid, time_ms)
                .map_err(Failure::of),
            Write::Multi(parts) => {
                let mut scratch = self.clone();
                let mut responses = Vec::new();
                for (place, part) in parts.iter().enumerate() {
                    match scratch.single(session, part, zxid, time_ms) {
                        Ok(response) => responses.push(response),
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
            Write::CloseSession | Write::ExpireSession => {
                let own: Vec<String> = self
                    .nodes
                    .iter()
                    .filter(|(_, node)| node.stat.ephemeral_owner == session)
                    .map(|(path, _)| path.clone())
                    .collect();
                own.iter().for_each(|path| self.remove(path, zxid));
                self.sessions.remove(&session);
                Ok(Response::SessionClosed)
            }
        }
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

    fn single(
        &mut self,
        session: SessionId,
        part: &Part,
        zxid: Zxid,
        time_ms: u64,
    ) -> Result<Response, ErrorCode> {
        match part {
            Part::Create { path, data, mode } => {
                let parent = paths::parent(path).ok_or(ErrorCode::BadArguments)?;
                let above = self.nodes.get(parent).ok_or(ErrorCode::NoNode)?;
                let path = match mode.is_sequential() {
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
                    czxid: zxid,
                    mzxid: zxid,
                    pzxid: zxid,
                    ctime: time_ms,
                    mtime: time_ms,
                    ephemeral_owner: match mode.is_ephemeral() {
                        true => session,
                        false => SessionId::NONE,
                    },
                    data_length: data.len() as u32,
                    ..Stat::default()
                };
                let node = ModelNode {
                    data: data.clone(),
                    stat,
                    creates: 0,
                };
                self.nodes.insert(path.clone(), node);
                self.child_changed(&path, zxid).creates += 1;
                let path = Path::from(path);
                Ok(Response::Created { path, stat })
            }
            Part::Delete { path, version } => {
                if &**path == "/" || !path.contains('/') {
                    return Err(ErrorCode::BadArguments);
                }
                self.versioned(path, *version)?;
                if !self.names(path).is_empty() {
                    return Err(ErrorCode::NotEmpty);
                }
                self.remove(path, zxid);
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
                let node = self.versioned(path, *version)?;
                node.data = data.clone();
                node.stat.data_length = data.len() as u32;
                node.stat.version += 1;
                node.stat.mzxid = zxid;
                node.stat.mtime = time_ms;
                Ok(Response::Set(node.stat))
            }
            Part::Check { path, version } => {
                if !paths::is_valid(path) {
                    return Err(ErrorCode::BadArguments);
                }
                self.versioned(path, *version)?;
                Ok(Response::Checked)
            }
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
