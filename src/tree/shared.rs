//! An ordered map that shares its structure with its clones.
//!
//! A clone costs nothing, which is what makes snapshots cheap: the map and its clone are one B-tree
//! until one of them changes. A change copies what it touches of the shared part, a leaf and the
//! few nodes above it, and changes in place what is not shared: without clones nothing is ever
//! copied.

use core::borrow::Borrow;
use core::fmt;
use core::ops::Bound;
use std::sync::Arc;

/// Entries a node holds at most.
const FULL: usize = 64;
/// A node with fewer entries is merged with a neighbour if both fit into one.
const SPARSE: usize = 16;

/// An ordered map with cheap clones.
#[derive(Clone)]
pub(super) struct SharedMap<K, V> {
    root: Option<Arc<Tree<K, V>>>,
    len: usize,
}

/// Invariant: all leaves have the same depth, and only the root of an empty map is missing: no node
/// is empty.
#[derive(Clone)]
enum Tree<K, V> {
    /// In ascending order.
    Leaf(Vec<(K, V)>),
    /// The children in ascending order, each with a key that none of its keys is below and all keys
    /// of the child before are.
    Inner(Vec<Child<K, V>>),
}

/// A child and its key.
type Child<K, V> = (K, Arc<Tree<K, V>>);
/// The right half of a node that was full.
type Split<K, V> = Option<Child<K, V>>;

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    pub(super) const fn new() -> SharedMap<K, V> {
        SharedMap { root: None, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut tree = self.root.as_deref()?;
        // Bounded by the depth.
        loop {
            match tree {
                Tree::Inner(children) => tree = &children[child_of(children, key)].1,
                Tree::Leaf(entries) => {
                    let place = find(entries, key).ok()?;
                    return Some(&entries[place].1);
                }
            }
        }
    }

    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Adds or replaces an entry: gives the one before.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Tree::Leaf(vec![(key, value)])));
            self.len = 1;
            return None;
        };
        let (before, split) = Arc::make_mut(root).insert(key, value);
        if let Some((right_key, right)) = split {
            let left = root.clone();
            let left_key = left.first_key().clone();
            *root = Arc::new(Tree::Inner(vec![(left_key, left), (right_key, right)]));
        }
        self.len += usize::from(before.is_none());
        before
    }

    /// Takes an entry out.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        // What is not there must not copy what is shared.
        if !self.contains_key(key) {
            return None;
        }
        let root = self.root.as_mut()?;
        let tree = Arc::make_mut(root);
        let removed = tree.remove(key);
        match tree {
            Tree::Inner(children) if children.len() == 1 => {
                let only = children[0].1.clone();
                *root = only;
            }
            Tree::Leaf(entries) if entries.is_empty() => self.root = None,
            Tree::Inner(_) | Tree::Leaf(_) => {}
        }
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// The entries in ascending order.
    pub(super) fn iter(&self) -> Iter<'_, K, V> {
        self.range::<K>(Bound::Unbounded)
    }

    /// The entries from a key on, in ascending order.
    pub(super) fn range<Q: Ord + ?Sized>(&self, from: Bound<&Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let mut iter = Iter {
            above: Vec::new(),
            leaf: [].iter(),
        };
        let mut next = self.root.as_deref();
        while let Some(tree) = next {
            next = None;
            match tree {
                Tree::Inner(children) => {
                    let place = match from {
                        Bound::Unbounded => 0,
                        Bound::Included(key) | Bound::Excluded(key) => child_of(children, key),
                    };
                    iter.above.push(children[place + 1..].iter());
                    next = Some(&children[place].1);
                }
                Tree::Leaf(entries) => {
                    let place = match from {
                        Bound::Unbounded => 0,
                        Bound::Included(key) => find(entries, key).unwrap_or_else(|place| place),
                        Bound::Excluded(key) => {
                            find(entries, key).map_or_else(|place| place, |place| place + 1)
                        }
                    };
                    iter.leaf = entries[place..].iter();
                }
            }
        }
        iter
    }
}

impl<K: Ord + Clone, V: Clone> Tree<K, V> {
    fn first_key(&self) -> &K {
        match self {
            Tree::Leaf(entries) => &entries[0].0,
            Tree::Inner(children) => &children[0].0,
        }
    }

    fn len(&self) -> usize {
        match self {
            Tree::Leaf(entries) => entries.len(),
            Tree::Inner(children) => children.len(),
        }
    }

    fn insert(&mut self, key: K, value: V) -> (Option<V>, Split<K, V>) {
        match self {
            Tree::Leaf(entries) => match find(entries, &key) {
                Ok(place) => {
                    let before = core::mem::replace(&mut entries[place].1, value);
                    (Some(before), None)
                }
                Err(place) => (None, add(entries, place, (key, value), Tree::Leaf)),
            },
            Tree::Inner(children) => {
                let place = child_of(children, &key);
                if key < children[place].0 {
                    // Only the very first key of all can be above the new one.
                    children[place].0 = key.clone();
                }
                let (before, split) = Arc::make_mut(&mut children[place].1).insert(key, value);
                let split = split.and_then(|right| add(children, place + 1, right, Tree::Inner));
                (before, split)
            }
        }
    }

    fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        match self {
            Tree::Leaf(entries) => {
                let place = find(entries, key).ok()?;
                Some(entries.remove(place).1)
            }
            Tree::Inner(children) => {
                let place = child_of(children, key);
                let child = Arc::make_mut(&mut children[place].1);
                let removed = child.remove(key);
                let left = child.len();
                if left == 0 {
                    children.remove(place);
                } else if left < SPARSE {
                    merge(children, place);
                }
                removed
            }
        }
    }

    /// Takes over the entries of the node to the right.
    fn append(&mut self, right: &Tree<K, V>) {
        match (self, right) {
            (Tree::Leaf(left), Tree::Leaf(right)) => left.extend_from_slice(right),
            (Tree::Inner(left), Tree::Inner(right)) => left.extend_from_slice(right),
            (Tree::Leaf(_), Tree::Inner(_)) | (Tree::Inner(_), Tree::Leaf(_)) => {
                unreachable!("neighbours have the same depth")
            }
        }
    }
}

/// Merges a sparse child with a neighbour, if both fit into one.
fn merge<K: Ord + Clone, V: Clone>(children: &mut Vec<Child<K, V>>, place: usize) {
    let left = if place + 1 < children.len() {
        place
    } else {
        place.saturating_sub(1)
    };
    let Some(right) = children.get(left + 1) else {
        // An only child has no neighbour.
        return;
    };
    if children[left].1.len() + right.1.len() <= FULL {
        let (_, right) = children.remove(left + 1);
        Arc::make_mut(&mut children[left].1).append(&right);
    }
}

/// Adds an entry to a node; one that is full gives its right half away. Whoever adds at the end
/// adds in ascending order: then only the new entry goes, and full nodes stay behind.
fn add<K: Clone, T, K2, V2>(
    entries: &mut Vec<(K, T)>,
    place: usize,
    entry: (K, T),
    node: impl FnOnce(Vec<(K, T)>) -> Tree<K2, V2>,
) -> Option<(K, Arc<Tree<K2, V2>>)> {
    if entries.len() < FULL {
        entries.insert(place, entry);
        return None;
    }
    let right = if place == FULL {
        vec![entry]
    } else {
        let mut right = entries.split_off(FULL / 2);
        match place.checked_sub(FULL / 2) {
            None => entries.insert(place, entry),
            Some(place) => right.insert(place, entry),
        }
        right
    };
    let key = right[0].0.clone();
    Some((key, Arc::new(node(right))))
}

fn find<K: Borrow<Q>, V, Q: Ord + ?Sized>(entries: &[(K, V)], key: &Q) -> Result<usize, usize> {
    entries.binary_search_by(|(other, _)| other.borrow().cmp(key))
}

/// The child that holds a key, if any does.
fn child_of<K: Borrow<Q>, T, Q: Ord + ?Sized>(children: &[(K, T)], key: &Q) -> usize {
    children[1..].partition_point(|(first, _)| first.borrow() <= key)
}

/// The entries of a map from some key on.
pub(super) struct Iter<'a, K, V> {
    /// Of each level above the leaf, the children still to come; the root's first.
    above: Vec<core::slice::Iter<'a, Child<K, V>>>,
    leaf: core::slice::Iter<'a, (K, V)>,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        // Bounded: every round but the last goes down to a leaf, and no leaf is empty.
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            let mut tree = loop {
                match self.above.last_mut()?.next() {
                    Some((_, child)) => break child,
                    None => {
                        self.above.pop();
                    }
                }
            };
            while let Tree::Inner(children) = &**tree {
                let (first, rest) = children.split_first().expect("no node is empty");
                self.above.push(rest.iter());
                tree = &first.1;
            }
            if let Tree::Leaf(entries) = &**tree {
                self.leaf = entries.iter();
            }
        }
    }
}

impl<K: Ord + Clone, V: Clone> Default for SharedMap<K, V> {
    fn default() -> Self {
        SharedMap::new()
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for SharedMap<K, V> {}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

/// The names of a node's children: an ordered set with cheap clones.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Names(SharedMap<Arc<str>, ()>);

impl Names {
    pub(super) const fn new() -> Names {
        Names(SharedMap::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, name: &str) {
        if !self.0.contains_key(name) {
            self.0.insert(Arc::from(name), ());
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|(name, ())| name)
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Names {
        let mut set = Names::new();
        names.into_iter().for_each(|name| set.insert(name));
        set
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn check(map: &SharedMap<u16, u16>, model: &BTreeMap<u16, u16>) {
        assert!(map.iter().eq(model.iter()));
        assert_eq!(map.len(), model.len());
        assert_eq!(map.is_empty(), model.is_empty());
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_map_and_its_clones_do_not_change(
            steps in prop::collection::vec((0..4u8, 0..600u16, any::<u16>()), 1..3_000),
        ) {
            let mut map = SharedMap::new();
            let mut model = BTreeMap::new();
            let mut clones = Vec::new();
            for (place, (kind, key, value)) in steps.into_iter().enumerate() {
                match kind {
                    0..3 => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    _ => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
                if place % 500 == 0 {
                    clones.push((map.clone(), model.clone()));
                }
            }
            clones.push((map.clone(), model.clone()));
            for (map, model) in &clones {
                check(map, model);
                for key in [0, 17, 300, 599] {
                    for from in [Bound::Included(&key), Bound::Excluded(&key)] {
                        let wanted = model.range((from, Bound::Unbounded));
                        prop_assert!(map.range(from).eq(wanted));
                    }
                }
            }
            for key in 0..600 {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
            }
            check(&map, &model);
        }
    }

    #[test]
    fn ascending_keys_leave_full_nodes_behind() {
        let mut map = SharedMap::new();
        for key in 0..FULL * 10 {
            map.insert(key, ());
        }
        let Some(Tree::Inner(leaves)) = map.root.as_deref() else {
            panic!("ten leaves have a node above");
        };
        assert!(leaves.iter().all(|(_, leaf)| leaf.len() == FULL));
    }
}
