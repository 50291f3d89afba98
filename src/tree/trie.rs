//! A hash trie that shares its structure with its clones.
//!
//! Four bits of the hash choose the way at each level, and a bucket holds the entries whose hashes
//! begin with the same ways. What costs in a large tree is the number of places far apart in memory
//! that a look-up touches: among a million entries these are one branch and one bucket.
//!
//! Several entries may have one hash: the caller says which of them is meant.

use std::sync::Arc;

/// The bits of the hash that choose a child.
const BITS: u32 = 4;
const WAYS: usize = 1 << BITS;
/// A bucket with more entries is split, as long as bits of the hash are left.
const FULL: usize = 32;

/// Values found by hash, with cheap clones.
#[derive(Clone)]
pub(super) struct HashTrie<V>(Tree<V>);

/// Branches stay when entries go: a trie is as deep as it has ever been.
#[derive(Clone)]
enum Tree<V> {
    /// In no order.
    Bucket(Arc<[Entry<V>]>),
    Branch(Arc<[Tree<V>; WAYS]>),
}

#[derive(Clone)]
struct Entry<V> {
    hash: u64,
    /// Invariant: there is one, but while the entry moves to another bucket.
    value: Option<V>,
}

impl<V: Clone> HashTrie<V> {
    /// The value with this hash that is meant.
    pub(super) fn get(&self, hash: u64, is_meant: impl Fn(&V) -> bool) -> Option<&V> {
        let mut tree = &self.0;
        let mut depth = 0;
        // Bounded by the depth.
        loop {
            match tree {
                Tree::Branch(children) => {
                    tree = &children[way(hash, depth)];
                    depth += 1;
                }
                Tree::Bucket(entries) => {
                    let candidates = entries.iter().filter(|entry| entry.hash == hash);
                    let mut values = candidates.filter_map(|entry| entry.value.as_ref());
                    return values.find(|value| is_meant(value));
                }
            }
        }
    }

    /// Whatever is shared on the way there is copied, whether the value is there or not.
    pub(super) fn get_mut(&mut self, hash: u64, is_meant: impl Fn(&V) -> bool) -> Option<&mut V> {
        let entries = self.bucket(hash);
        let place = place_of(entries, hash, is_meant)?;
        Arc::make_mut(entries)[place].value.as_mut()
    }

    /// Adds a value beside those that have the same hash.
    pub(super) fn insert(&mut self, hash: u64, value: V) {
        let (tree, depth) = self.end_of(hash);
        let Tree::Bucket(bucket) = tree else {
            unreachable!("the way ends in a bucket")
        };
        let mut entries = moved(bucket);
        let value = Some(value);
        entries.push(Entry { hash, value });
        *tree = Tree::of(entries, depth);
    }

    /// Takes the value with this hash that is meant out.
    pub(super) fn remove(&mut self, hash: u64, is_meant: impl Fn(&V) -> bool) -> Option<V> {
        // What is not there must not copy what is shared.
        self.get(hash, &is_meant)?;
        let bucket = self.bucket(hash);
        let place = place_of(bucket, hash, is_meant)?;
        let mut entries = moved(bucket);
        let removed = entries.swap_remove(place);
        *bucket = entries.into();
        removed.value
    }

    fn bucket(&mut self, hash: u64) -> &mut Arc<[Entry<V>]> {
        match self.end_of(hash).0 {
            Tree::Bucket(bucket) => bucket,
            Tree::Branch(_) => unreachable!("the way ends in a bucket"),
        }
    }

    /// The bucket where entries with a hash belong, and the number of branches above it.
    fn end_of(&mut self, hash: u64) -> (&mut Tree<V>, u32) {
        let mut tree = &mut self.0;
        let mut depth = 0;
        while let Tree::Branch(children) = tree {
            tree = &mut Arc::make_mut(children)[way(hash, depth)];
            depth += 1;
        }
        (tree, depth)
    }
}

impl<V: Clone> Tree<V> {
    /// The subtree of these entries at this depth.
    fn of(entries: Vec<Entry<V>>, depth: u32) -> Tree<V> {
        if entries.len() <= FULL || depth * BITS == u64::BITS {
            return Tree::Bucket(entries.into());
        }
        let mut parts: [Vec<Entry<V>>; WAYS] = Default::default();
        for entry in entries {
            parts[way(entry.hash, depth)].push(entry);
        }
        Tree::Branch(Arc::new(parts.map(|part| Tree::of(part, depth + 1))))
    }
}

impl<V> Default for HashTrie<V> {
    fn default() -> HashTrie<V> {
        HashTrie(Tree::Bucket(Arc::default()))
    }
}

/// The child that a hash chooses at this depth.
fn way(hash: u64, depth: u32) -> usize {
    // Below 16, so it fits.
    (hash >> (BITS * depth)) as usize % WAYS
}

fn place_of<V>(entries: &[Entry<V>], hash: u64, is_meant: impl Fn(&V) -> bool) -> Option<usize> {
    entries
        .iter()
        .position(|entry| entry.hash == hash && entry.value.as_ref().is_some_and(&is_meant))
}

/// The entries of a bucket that is about to be replaced; of one that is shared, copies.
fn moved<V: Clone>(bucket: &mut Arc<[Entry<V>]>) -> Vec<Entry<V>> {
    // One that is added needs no second allocation.
    let mut entries = Vec::with_capacity(bucket.len() + 1);
    match Arc::get_mut(bucket) {
        Some(own) => entries.extend(own.iter_mut().map(|entry| Entry {
            hash: entry.hash,
            value: entry.value.take(),
        })),
        None => entries.extend_from_slice(bucket),
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Hashes with long equal beginnings, and few of them, so that values meet.
    fn hash_of(key: u16) -> u64 {
        u64::from(key % 300) << 55 | u64::from(key % 5)
    }

    fn check(trie: &HashTrie<(u16, u16)>, model: &BTreeMap<u16, u16>) -> Result<(), TestCaseError> {
        for key in 0..600 {
            let found = trie.get(hash_of(key), |(other, _)| *other == key);
            prop_assert_eq!(found.map(|(_, value)| value), model.get(&key));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_map_and_its_clones_do_not_change(
            steps in prop::collection::vec((0..4u8, 0..600u16, any::<u16>()), 1..2_000),
        ) {
            let mut trie = HashTrie::default();
            let mut model = BTreeMap::new();
            let mut clones = Vec::new();
            for (place, (kind, key, value)) in steps.into_iter().enumerate() {
                let hash = hash_of(key);
                let is_meant = |(other, _): &(u16, u16)| *other == key;
                match (kind, trie.get_mut(hash, is_meant)) {
                    (0 | 1, None) => {
                        trie.insert(hash, (key, value));
                        model.insert(key, value);
                    }
                    (0 | 1, Some(held)) => {
                        held.1 = value;
                        prop_assert!(model.insert(key, value).is_some());
                    }
                    (_, held) => {
                        prop_assert_eq!(held.map(|held| held.1), model.get(&key).copied());
                        let removed = trie.remove(hash, is_meant);
                        prop_assert_eq!(removed.map(|held| held.1), model.remove(&key));
                    }
                }
                if place % 500 == 0 {
                    clones.push((trie.clone(), model.clone()));
                }
            }
            clones.push((trie, model));
            for (trie, model) in &clones {
                check(trie, model)?;
            }
        }
    }
}
