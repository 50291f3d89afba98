//! Answering reads from the applied state.

use core::ops::Bound;
use std::sync::Arc;

use super::acl::{self, Identity};
use super::node::Node;
use super::paths;
use super::request::{Answer, ErrorCode, Failure, Path, Read, Response};
use super::state::State;
use crate::ids::SessionId;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Under which session.
    pub session: SessionId,
    /// Whom the connection has proved to be.
    pub ids: &'a [Identity],
}

impl State {
    /// Answers a read of somebody of whom nothing is known, see [`State::read_as`].
    pub fn read(&self, read: &Read) -> Answer {
        let nobody = Asker {
            session: SessionId::NONE,
            ids: &[],
        };
        self.read_as(nobody, read)
    }

    /// Answers a read. As in ZooKeeper, reads do not judge paths: what cannot exist is not there,
    /// and the empty path is the root. Only exists refuses a path with a NUL. Exists alone needs no
    /// permission (ZK-2590).
    pub fn read_as(&self, asker: Asker<'_>, read: &Read) -> Answer {
        let readable = |path: &str| self.permitted(asker, path, acl::READ);
        match read {
            Read::GetData { path, .. } => readable(path).map(|node| Response::Data {
                data: node.data.clone(),
                stat: node.stat(),
            }),
            Read::Exists { path, .. } if path.contains('\0') => Err(ErrorCode::BadArguments),
            Read::Exists { path, .. } => self
                .node(path)
                .map(|node| Response::Exists(node.stat()))
                .ok_or(ErrorCode::NoNode),
            Read::GetChildren { path, .. } => readable(path).map(|node| Response::Children {
                names: node.children.iter().cloned().collect(),
                stat: node.stat(),
            }),
            Read::GetAcl { path } => {
                self.permitted(asker, path, acl::READ | acl::ADMIN)
                    .map(|node| Response::Acl {
                        acl: if node.acl.permits(asker.ids, acl::ADMIN) {
                            node.acl.clone()
                        } else {
                            node.acl.masked()
                        },
                        stat: node.stat(),
                    })
            }
            Read::CountDescendants { path } => {
                readable(path).map(|_| Response::Count(self.count_descendants(path)))
            }
            Read::GetEphemerals { prefix } => Ok(self.ephemerals_under(asker.session, prefix)),
            Read::Multi(reads) => Ok(Response::Reads(
                reads.iter().map(|read| self.read_as(asker, read)).collect(),
            )),
            Read::WhoAmI => Ok(Response::Identities(
                asker.ids.iter().map(named_after_user).collect(),
            )),
        }
        .map_err(Failure::of)
    }

    fn permitted(&self, asker: Asker<'_>, path: &str, perm: i32) -> Result<&Node, ErrorCode> {
        let node = self.node(path).ok_or(ErrorCode::NoNode)?;
        if !node.acl.permits(asker.ids, perm) {
            return Err(ErrorCode::NoAuth);
        }
        Ok(node)
    }

    /// ZooKeeper counts the paths that begin with the path and a slash: from the empty path, which
    /// is the root as well, it sees "/" below itself.
    fn count_descendants(&self, path: &str) -> u32 {
        let count = match path {
            "" => self.nodes.len(),
            paths::ROOT => self.nodes.len() - 1,
            _below => {
                let prefix = format!("{path}/");
                self.nodes
                    .range(Bound::Included(prefix.as_str()))
                    .take_while(|node| node.path.starts_with(&prefix))
                    .count()
            }
        };
        u32::try_from(count).expect("a tree in memory has few nodes")
    }

    fn ephemerals_under(&self, session: SessionId, prefix: &str) -> Response {
        // Java's trim takes every control character off as well.
        let trimmed = prefix.trim_matches(|character| character <= ' ');
        let all = matches!(trimmed, "" | paths::ROOT);
        let own = self.ephemerals(session);
        let chosen = own.filter(|path| all || path.starts_with(prefix));
        Response::Paths(chosen.cloned().collect::<Vec<Path>>())
    }
}

fn named_after_user(identity: &Identity) -> Identity {
    Identity {
        scheme: identity.scheme.clone(),
        id: Arc::from(identity.user()),
    }
}
