//! All nodes of a tree, found by the hash of their path and listed in the order of their paths.
//!
//! Looking a path up among a million by comparing paths costs a cache miss a comparison, and twenty
//! of them. So the nodes are kept by a hash, which is compared in place, and a set of the paths
//! beside them keeps the order. Both share their structure with their clones.

use core::fmt;
use core::ops::Bound;
use std::sync::Arc;

use super::node::Node;
use super::request::Path;
use super::shared::SharedMap;
use super::trie::HashTrie;
use crate::canonical::RunHash;

/// The nodes of a tree.
#[derive(Clone, Default)]
pub(super) struct Nodes {
    by_hash: HashTrie<Arc<Node>>,
    /// Invariant: the paths of exactly the nodes in `by_hash`.
    paths: SharedMap<Path, ()>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(super) fn get(&self, path: &str) -> Option<&Arc<Node>> {
        self.by_hash.get(hash_of(path), |node| &*node.path == path)
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut Arc<Node>> {
        self.by_hash
            .get_mut(hash_of(path), |node| &*node.path == path)
    }

    /// Adds a node, in the place of one with the same path.
    pub(super) fn insert(&mut self, node: Arc<Node>) {
        if let Some(before) = self.get_mut(&node.path) {
            *before = node;
            return;
        }
        self.paths.insert(node.path.clone(), ());
        self.by_hash.insert(hash_of(&node.path), node);
    }

    /// Takes a node out.
    pub(super) fn remove(&mut self, path: &str) -> Option<Arc<Node>> {
        self.paths.remove(path);
        self.by_hash
            .remove(hash_of(path), |node| &*node.path == path)
    }

    /// The nodes in the order of their paths.
    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.range(Bound::Unbounded)
    }

    /// The nodes from a path on, in the order of their paths.
    pub(super) fn range(&self, from: Bound<&str>) -> impl Iterator<Item = &Arc<Node>> {
        self.paths
            .range(from)
            .map(|(path, ())| self.get(path).expect("both parts hold the same paths"))
    }
}

impl PartialEq for Nodes {
    fn eq(&self, other: &Nodes) -> bool {
        self.len() == other.len() && self.values().eq(other.values())
    }
}

impl Eq for Nodes {}

impl fmt::Debug for Nodes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.values()).finish()
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
