//! The requests that a client makes of its planned operations.

use menagerie::tree::{ANY_VERSION, CreateMode, Part, Path, Read, Write};

use super::{Client, Kind, PlannedOp, Version};

impl Client {
    pub(super) fn write(&self, planned: &PlannedOp) -> Write {
        match planned.kind {
            Kind::Create => Write::Create {
                path: planned.key.clone(),
                data: planned.data.clone(),
                mode: CreateMode::Persistent,
            },
            Kind::CreateSpecial => {
                let name = if planned.mode.is_sequential() {
                    "q-"
                } else {
                    "e"
                };
                Write::Create {
                    path: Path::from(format!("{}/{name}", planned.parent)),
                    data: planned.data.clone(),
                    mode: planned.mode,
                }
            }
            Kind::Delete => self.delete(planned),
            Kind::SetData => Write::SetData {
                path: planned.key.clone(),
                data: planned.data.clone(),
                version: self.version(&planned.key, planned.version),
            },
            Kind::Multi => Write::Multi(self.parts(planned)),
            Kind::CloseSession => Write::CloseSession,
            other => unreachable!("{other:?} is not a narrow write"),
        }
    }

    /// Deletes a child of its own, or one of the contended nodes.
    pub(super) fn delete(&self, planned: &PlannedOp) -> Write {
        let path = match self.children.first() {
            Some(child) if planned.own_child => child.clone(),
            Some(_) | None => planned.key.clone(),
        };
        Write::Delete {
            version: self.version(&path, planned.version),
            path,
        }
    }

    /// A check of one node, a change of another, and sometimes a create or a delete.
    pub(super) fn parts(&self, planned: &PlannedOp) -> Vec<Part> {
        let mut parts = vec![
            Part::Check {
                path: planned.key.clone(),
                version: self.version(&planned.key, planned.version),
            },
            Part::SetData {
                path: planned.second_key.clone(),
                data: planned.data.clone(),
                version: self.version(&planned.second_key, planned.second_version),
            },
        ];
        if planned.deletes {
            parts.push(Part::Delete {
                path: planned.key.clone(),
                version: ANY_VERSION,
            });
        }
        if planned.own_child {
            parts.push(Part::Create {
                path: Path::from(format!("{}/m-", planned.parent)),
                data: planned.data.clone(),
                mode: planned.mode,
            });
        }
        parts
    }

    pub(super) fn version(&self, path: &Path, version: Version) -> i32 {
        let seen = self.versions.get(path).copied();
        match version {
            Version::Any => ANY_VERSION,
            Version::LastSeen => seen.unwrap_or(0),
            // Behind what was seen; of a node never seen or never set, one that it cannot have yet.
            Version::Stale => match seen {
                Some(seen) if seen > 0 => seen - 1,
                Some(_) | None => 1_000_000,
            },
        }
    }
}

pub(super) fn read(planned: &PlannedOp) -> Read {
    // Of a contended parent the children are worth reading, of a plain node the content.
    let (path, watch) = (planned.key.clone(), planned.watch);
    let elsewhere = planned.wide.as_ref().is_some_and(|wide| wide.elsewhere);
    match planned.kind {
        Kind::GetChildren if elsewhere => Read::GetChildren { path, watch },
        Kind::GetChildren => Read::GetChildren {
            path: planned.parent.clone(),
            watch,
        },
        Kind::Exists => Read::Exists { path, watch },
        Kind::GetData | Kind::Sync => Read::GetData { path, watch },
        other => unreachable!("{other:?} is not a narrow read"),
    }
}
