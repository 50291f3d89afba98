//! The changes of nodes coming and going, and how what a failing multi did is taken back.

use std::sync::Arc;

use super::acl::{Perm, Rights};
use super::{Kind, Model, Node, parent_of, paths};
use crate::ids::{SessionId, Zxid};
use crate::tree::{Data, EventKind, Identity, Path};

/// How one change is taken back.
#[derive(Debug)]
pub(super) enum Undo {
    /// A node came.
    Insert {
        path: Path,
        rights: Rights,
        /// The parent's counters before.
        parent: Counters,
    },
    /// A node went.
    Remove {
        path: Path,
        node: Node,
        /// The parent's counters before.
        parent: Counters,
    },
    /// A node was set.
    Set {
        path: Path,
        data: Data,
        version: i32,
        modified: Zxid,
        rights: Rights,
    },
    /// An ACL was set.
    Acl {
        path: Path,
        rights: Rights,
        version: i32,
    },
    /// A session was closed.
    Close { session: SessionId },
}

/// The changes under way, if anybody wants to hear of them or take them back.
#[derive(Debug)]
pub(super) struct Journal {
    is_kept: bool,
    changes: Vec<Undo>,
}

impl Journal {
    /// For changes that stay.
    pub fn none() -> Journal {
        Journal {
            is_kept: false,
            changes: Vec::new(),
        }
    }

    /// For changes that are reported, or may be undone.
    pub fn kept() -> Journal {
        Journal {
            is_kept: true,
            changes: Vec::new(),
        }
    }

    /// Notes a change.
    pub fn note(&mut self, change: impl FnOnce() -> Undo) {
        if self.is_kept {
            self.changes.push(change());
        }
    }

    /// Takes over what a part of the request has changed.
    pub fn append(&mut self, mut part: Journal) {
        if self.is_kept {
            self.changes.append(&mut part.changes);
        }
    }

    /// The changes to report, in order.
    pub fn tell(&self, changes: &mut Vec<Change>) {
        self.changes.iter().for_each(|change| change.tell(changes));
    }
}

/// What a parent knows of the comings and goings of its children, and who may know it.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    creates: i32,
    children_changed: Zxid,
    rights: Rights,
}

/// A change that fires watches.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What happened.
    pub kind: EventKind,
    /// To which node.
    pub path: Path,
    rights: Rights,
}

impl Change {
    /// Whether somebody who has proved to be these may hear of it: who may read the node may.
    pub fn may_be_told(&self, ids: &[Identity]) -> bool {
        self.rights.grant(ids, Perm::READ)
    }
}

impl Undo {
    /// The content as it is before it is set.
    pub fn of_set(path: &Path, node: &Node) -> Undo {
        Undo::Set {
            path: path.clone(),
            data: node.data.clone(),
            version: node.version,
            modified: node.modified,
            rights: node.rights.clone(),
        }
    }

    /// The ACL as it is before it is set.
    pub fn of_acl(path: &Path, node: &Node) -> Undo {
        Undo::Acl {
            path: path.clone(),
            rights: node.rights.clone(),
            version: node.acl_version,
        }
    }

    /// The events of the change, the node itself first.
    fn tell(&self, changes: &mut Vec<Change>) {
        let (kind, path, rights, parent) = match self {
            Undo::Insert {
                path,
                rights,
                parent,
            } => (EventKind::NodeCreated, path, rights, Some(parent)),
            Undo::Remove { path, node, parent } => {
                (EventKind::NodeDeleted, path, &node.rights, Some(parent))
            }
            Undo::Set { path, rights, .. } => (EventKind::NodeDataChanged, path, rights, None),
            // No watch hears of these.
            Undo::Acl { .. } | Undo::Close { .. } => return,
        };
        changes.push(Change {
            kind,
            path: path.clone(),
            rights: rights.clone(),
        });
        if let (Some(counters), Some(parent)) = (parent, parent_of(path)) {
            changes.push(Change {
                kind: EventKind::NodeChildrenChanged,
                path: Path::from(parent),
                rights: counters.rights.clone(),
            });
        }
    }
}

impl Model {
    /// Adds a node below an existing one. A counter that wraps around does not move up, and then,
    /// as in ZooKeeper, the parent does not learn of the change either.
    pub(super) fn insert(&mut self, path: &Path, node: Node, undo: &mut Journal) {
        let parent = self.parent(path);
        let counters = parent.counters();
        parent.children.insert(Arc::from(paths::name_of(path)));
        if let Some(creates) = parent.creates.checked_add(1) {
            parent.creates = creates;
            parent.children_changed = node.created;
        }
        self.own(path, &node);
        undo.note(|| Undo::Insert {
            path: path.clone(),
            rights: node.rights.clone(),
            parent: counters,
        });
        self.nodes.insert(path.clone(), node);
    }

    /// Takes a node away that exists and has no children.
    pub(super) fn remove(&mut self, zxid: Zxid, path: &Path, undo: &mut Journal) {
        let node = self.take(path);
        let parent = self.parent(path);
        let counters = parent.counters();
        parent.children.remove(paths::name_of(path));
        parent.children_changed = zxid;
        undo.note(|| Undo::Remove {
            path: path.clone(),
            node,
            parent: counters,
        });
    }

    /// Takes changes back, the newest first.
    pub(super) fn take_back(&mut self, journal: Journal) {
        for change in journal.changes.into_iter().rev() {
            match change {
                Undo::Insert { path, parent, .. } => {
                    self.take(&path);
                    let above = self.parent(&path);
                    above.children.remove(paths::name_of(&path));
                    above.restore(parent);
                }
                Undo::Remove { path, node, parent } => {
                    self.own(&path, &node);
                    let above = self.parent(&path);
                    above.children.insert(Arc::from(paths::name_of(&path)));
                    above.restore(parent);
                    self.nodes.insert(path, node);
                }
                Undo::Set {
                    path,
                    data,
                    version,
                    modified,
                    ..
                } => {
                    let node = self.nodes.get_mut(&path).expect("later changes are undone");
                    node.data = data;
                    node.version = version;
                    node.modified = modified;
                }
                Undo::Acl {
                    path,
                    rights,
                    version,
                } => {
                    let node = self.nodes.get_mut(&path).expect("later changes are undone");
                    node.rights = rights;
                    node.acl_version = version;
                }
                Undo::Close { session } => {
                    self.sessions.insert(session);
                }
            }
        }
    }

    fn parent(&mut self, path: &str) -> &mut Node {
        parent_of(path)
            .and_then(|parent| self.nodes.get_mut(parent))
            .expect("the root never comes or goes, and every other node has a parent")
    }

    fn take(&mut self, path: &Path) -> Node {
        let node = self.nodes.remove(path).expect("only what exists is taken");
        if let Kind::Ephemeral(session) = node.kind
            && let Some(own) = self.ephemerals.get_mut(&session)
        {
            own.remove(path);
            if own.is_empty() {
                self.ephemerals.remove(&session);
            }
        }
        node
    }

    fn own(&mut self, path: &Path, node: &Node) {
        if let Kind::Ephemeral(session) = node.kind {
            let own = self.ephemerals.entry(session).or_default();
            own.insert(path.clone());
        }
    }
}

impl Node {
    fn counters(&self) -> Counters {
        Counters {
            creates: self.creates,
            children_changed: self.children_changed,
            rights: self.rights.clone(),
        }
    }

    fn restore(&mut self, counters: Counters) {
        self.creates = counters.creates;
        self.children_changed = counters.children_changed;
    }
}
