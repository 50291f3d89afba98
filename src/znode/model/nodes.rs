//! The nodes of the model, found by the hash of their path: histories ask for them millions of
//! times, and comparing paths all the way down a search tree is what would cost.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::node::Node;
use crate::canonical::RunHash;
use crate::tree::Path;

/// Nodes by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nodes(BTreeMap<u64, Slot>);

/// The nodes whose paths have the same hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    path: Path,
    node: Node,
    /// Almost always none. Invariant: with the one above in the order of paths.
    others: Vec<(Path, Node)>,
}

impl Nodes {
    pub fn get(&self, path: &str) -> Option<&Node> {
        let slot = self.0.get(&hash_of(path))?;
        if *slot.path == *path {
            return Some(&slot.node);
        }
        let found = slot.others.iter().find(|(other, _)| **other == *path);
        found.map(|(_, node)| node)
    }

    pub fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        let slot = self.0.get_mut(&hash_of(path))?;
        if *slot.path == *path {
            return Some(&mut slot.node);
        }
        let found = slot.others.iter_mut().find(|(other, _)| **other == *path);
        found.map(|(_, node)| node)
    }

    pub fn contains_key(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    /// Adds a node, in the place of one with the same path.
    pub fn insert(&mut self, path: Path, node: Node) {
        match self.0.entry(hash_of(&path)) {
            Entry::Vacant(vacant) => {
                vacant.insert(Slot {
                    path,
                    node,
                    others: Vec::new(),
                });
            }
            Entry::Occupied(mut occupied) => occupied.get_mut().insert(path, node),
        }
    }

    /// Takes a node out.
    pub fn remove(&mut self, path: &str) -> Option<Node> {
        let Entry::Occupied(mut occupied) = self.0.entry(hash_of(path)) else {
            return None;
        };
        if *occupied.get().path != *path {
            let others = &mut occupied.get_mut().others;
            let place = others.iter().position(|(other, _)| **other == *path)?;
            return Some(others.remove(place).1);
        }
        let others = core::mem::take(&mut occupied.get_mut().others);
        let mut others = others.into_iter();
        let Some((next_path, next)) = others.next() else {
            return Some(occupied.remove().node);
        };
        let left = Slot {
            path: next_path,
            node: next,
            others: others.collect(),
        };
        Some(occupied.insert(left).node)
    }

    /// The paths, in no order that means anything.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.values().flat_map(|slot| {
            let others = slot.others.iter().map(|(path, _)| path);
            core::iter::once(&slot.path).chain(others)
        })
    }
}

impl Slot {
    fn insert(&mut self, path: Path, node: Node) {
        if self.path == path {
            self.node = node;
            return;
        }
        match self.others.binary_search_by(|(other, _)| other.cmp(&path)) {
            Ok(place) => self.others[place].1 = node,
            Err(place) => self.others.insert(place, (path, node)),
        }
        if self.others[0].0 < self.path {
            let (path, node) = &mut self.others[0];
            core::mem::swap(path, &mut self.path);
            core::mem::swap(node, &mut self.node);
            self.others
                .sort_unstable_by(|one, other| one.0.cmp(&other.0));
        }
    }
}

impl<const COUNT: usize> From<[(Path, Node); COUNT]> for Nodes {
    fn from(nodes: [(Path, Node); COUNT]) -> Nodes {
        let mut all = Nodes::default();
        for (path, node) in nodes {
            all.insert(path, node);
        }
        all
    }
}

/// In tests few hashes stand for many paths, so that nodes meet in one slot.
fn hash_of(path: &str) -> u64 {
    let mut hash = RunHash::new();
    hash.bytes(path.as_bytes());
    if cfg!(test) {
        hash.value() % 7
    } else {
        hash.value()
    }
}
