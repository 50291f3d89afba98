//! Reads of the model.

use std::sync::Arc;

use super::acl::Perm;
use super::agree::{agrees, stats_agree};
use super::{Model, Node};
use crate::ids::SessionId;
use crate::tree::{Answer, ErrorCode, Failure, Identity, Path, Read, Response};

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    /// Under which session.
    pub session: SessionId,
    /// Whom it has proved to be.
    pub ids: &'a [Identity],
}

impl Model {
    /// Answers a read from the present state.
    pub fn read(&self, reader: Reader<'_>, read: &Read) -> Answer {
        let response = match read {
            Read::GetData { path, .. } => {
                self.readable(reader, path, Perm::READ)
                    .map(|node| Response::Data {
                        data: node.data.clone(),
                        stat: node.stat(),
                    })
            }
            Read::Exists { path, .. } => {
                // The one read that judges its path, and the one that needs no permission.
                if path.contains('\0') {
                    return Err(Failure::of(ErrorCode::BadArguments));
                }
                self.named(path).map(|node| Response::Exists(node.stat()))
            }
            Read::GetChildren { path, .. } => {
                self.readable(reader, path, Perm::READ)
                    .map(|node| Response::Children {
                        names: node.children.iter().cloned().collect(),
                        stat: node.stat(),
                    })
            }
            Read::GetAcl { path } => self
                .readable(reader, path, Perm::READ_OR_ADMIN)
                .map(|node| Response::Acl {
                    acl: node.rights.told_to(reader.ids),
                    stat: node.stat(),
                }),
            Read::CountDescendants { path } => self
                .readable(reader, path, Perm::READ)
                .map(|_| Response::Count(self.count_below(path))),
            Read::GetEphemerals { prefix } => {
                Ok(Response::Paths(self.ephemerals_under(reader, prefix)))
            }
            Read::Multi(reads) => Ok(Response::Reads(
                reads.iter().map(|read| self.read(reader, read)).collect(),
            )),
            Read::WhoAmI => Ok(Response::Identities(
                reader.ids.iter().map(without_secret).collect(),
            )),
        };
        response.map_err(Failure::of)
    }

    /// Whether a read of the present state is answered so; of times and of lengths that are not
    /// told nothing is asked. The common reads are compared in place.
    pub fn tells(&self, reader: Reader<'_>, read: &Read, told: &Answer) -> bool {
        let (path, perm) = match read {
            Read::GetData { path, .. } | Read::GetChildren { path, .. } => (path, Some(Perm::READ)),
            Read::Exists { path, .. } if !path.contains('\0') => (path, None),
            Read::Exists { .. }
            | Read::GetAcl { .. }
            | Read::CountDescendants { .. }
            | Read::GetEphemerals { .. }
            | Read::Multi(_)
            | Read::WhoAmI => return agrees(told, &self.read(reader, read)),
        };
        let node = match perm {
            Some(perm) => self.readable(reader, path, perm),
            None => self.named(path),
        };
        match (node, told) {
            (Err(code), Err(failure)) => code == failure.code && failure.parts.is_empty(),
            (Ok(node), Ok(response)) => node.tells(read, response),
            (Err(_), Ok(_)) | (Ok(_), Err(_)) => false,
        }
    }

    /// Reads do not judge paths: what cannot exist is not there, and the empty path is the root.
    fn named(&self, path: &str) -> Result<&Node, ErrorCode> {
        let stored = if path.is_empty() { "/" } else { path };
        self.nodes.get(stored).ok_or(ErrorCode::NoNode)
    }

    fn readable(&self, reader: Reader<'_>, path: &str, perm: Perm) -> Result<&Node, ErrorCode> {
        let node = self.named(path)?;
        node.rights.demand(reader.ids, perm)?;
        Ok(node)
    }

    /// The paths that begin with this one and a slash. The root is one of those that begin with a
    /// slash alone, but is not counted if it is what was asked for by its name.
    fn count_below(&self, path: &str) -> u32 {
        let prefix = match path {
            "/" => "/".to_owned(),
            path => format!("{path}/"),
        };
        let below = self.nodes.paths();
        let count = below
            .filter(|below| below.starts_with(&prefix) && ***below != *path)
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn ephemerals_under(&self, reader: Reader<'_>, prefix: &str) -> Vec<Path> {
        let own = self.ephemerals.get(&reader.session).into_iter().flatten();
        // Blanks are everything through the space, as in Java, but only to tell whether all are
        // meant.
        let trimmed = prefix.trim_matches(|character| character <= ' ');
        let is_all = matches!(trimmed, "" | "/");
        own.filter(|path| is_all || path.starts_with(prefix))
            .cloned()
            .collect()
    }
}

impl Node {
    fn tells(&self, read: &Read, response: &Response) -> bool {
        match (read, response) {
            (Read::GetData { .. }, Response::Data { data, stat }) => {
                stats_agree(stat, &self.stat()) && *data == self.data
            }
            (Read::Exists { .. }, Response::Exists(stat)) => stats_agree(stat, &self.stat()),
            (Read::GetChildren { .. }, Response::Children { names, stat }) => {
                stats_agree(stat, &self.stat()) && self.children.iter().eq(names)
            }
            _of_another_kind => false,
        }
    }
}

/// whoAmI returns names, not the hashes of passwords; and of schemes that have users only.
fn without_secret(identity: &Identity) -> Identity {
    let name = match &*identity.scheme {
        "ip" => identity.id.clone(),
        "digest" => match identity.id.split_once(':') {
            Some((user, _hash)) => Arc::from(user),
            None => identity.id.clone(),
        },
        _no_users => Arc::from(""),
    };
    Identity {
        scheme: identity.scheme.clone(),
        id: name,
    }
}

/// The same answer without times.
pub(crate) fn timeless(answer: &Answer) -> Answer {
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
