//! The requests that a client makes of its wishes.

use menagerie::tree::{ANY_VERSION, CreateMode, Part, Path, Read, Write};

use super::{Client, Kind, Version, Wish};

impl Client {
    pub(super) fn write(&self, wish: &Wish) -> Write {
        match wish.kind {
            Kind::Create => Write::Create {
                path: wish.key.clone(),
                data: wish.data.clone(),
                mode: CreateMode::Persistent,
            },
            Kind::CreateSpecial => {
                let name = if wish.mode.is_sequential() { "q-" } else { "e" };
                Write::Create {
                    path: Path::from(format!("{}/{name}", wish.parent)),
                    data: wish.data.clone(),
                    mode: wish.mode,
                }
            }
            Kind::Delete => self.delete(wish),
            Kind::SetData => Write::SetData {
                path: wish.key.clone(),
                data: wish.data.clone(),
                version: self.version(&wish.key, wish.version),
            },
            Kind::Multi => Write::Multi(self.parts(wish)),
            Kind::CloseSession => Write::CloseSession,
            other => unreachable!("{other:?} is not a narrow write"),
        }
    }

    /// Deletes a child of its own, or one of the contended nodes.
    pub(super) fn delete(&self, wish: &Wish) -> Write {
        let path = match self.children.first() {
            Some(child) if wish.own_child => child.clone(),
            Some(_) | None => wish.key.clone(),
        };
        Write::Delete {
            version: self.version(&path, wish.version),
            path,
        }
    }

    /// A check of one node, a change of another, and sometimes a create or a delete.
    pub(super) fn parts(&self, wish: &Wish) -> Vec<Part> {
        let mut parts = vec![
            Part::Check {
                path: wish.key.clone(),
                version: self.version(&wish.key, wish.version),
            },
            Part::SetData {
                path: wish.second_key.clone(),
                data: wish.data.clone(),
                version: self.version(&wish.second_key, wish.second_version),
            },
        ];
        if wish.deletes {
            parts.push(Part::Delete {
                path: wish.key.clone(),
                version: ANY_VERSION,
            });
        }
        if wish.own_child {
            parts.push(Part::Create {
                path: Path::from(format!("{}/m-", wish.parent)),
                data: wish.data.clone(),
                mode: wish.mode,
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

pub(super) fn read(wish: &Wish) -> Read {
    // Of a contended parent the children are worth reading, of a plain node the content.
    let (path, watch) = (wish.key.clone(), wish.watch);
    let elsewhere = wish.wide.as_ref().is_some_and(|wide| wide.elsewhere);
    match wish.kind {
        Kind::GetChildren if elsewhere => Read::GetChildren { path, watch },
        Kind::GetChildren => Read::GetChildren {
            path: wish.parent.clone(),
            watch,
        },
        Kind::Exists => Read::Exists { path, watch },
        Kind::GetData | Kind::Sync => Read::GetData { path, watch },
        other => unreachable!("{other:?} is not a narrow read"),
    }
}
