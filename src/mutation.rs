//! The catalogue of named, switchable bugs.
//!
//! Each is a published or classic mistake, expressed as one switch at one place of the code. They
//! prove that the checkers bite: a run with a mutation on must fail, a run without must not.

mod catalogue;

use serde::{Deserialize, Serialize};

pub use catalogue::CATALOGUE;

/// A bug that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mutation {
    /// See [`CATALOGUE`].
    P02,
    /// See [`CATALOGUE`].
    P03,
    /// See [`CATALOGUE`].
    P04,
    /// See [`CATALOGUE`].
    P09,
    /// See [`CATALOGUE`].
    P11,
    /// See [`CATALOGUE`].
    P21,
    /// See [`CATALOGUE`].
    Z13,
    /// See [`CATALOGUE`].
    Z20,
    /// See [`CATALOGUE`].
    Z34,
    /// See [`CATALOGUE`].
    Z35,
    /// See [`CATALOGUE`].
    T03,
    /// See [`CATALOGUE`].
    T04,
    /// See [`CATALOGUE`].
    T11,
    /// See [`CATALOGUE`].
    T13,
    /// See [`CATALOGUE`].
    N10,
    /// See [`CATALOGUE`].
    N11,
    /// See [`CATALOGUE`].
    N12,
    /// See [`CATALOGUE`].
    N13,
    /// See [`CATALOGUE`].
    N14,
    /// See [`CATALOGUE`].
    N15,
    /// See [`CATALOGUE`].
    N16,
    /// See [`CATALOGUE`].
    N17,
    /// See [`CATALOGUE`].
    N18,
    /// See [`CATALOGUE`].
    N19,
    /// See [`CATALOGUE`].
    N40,
    /// See [`CATALOGUE`].
    N41,
    /// See [`CATALOGUE`].
    N42,
    /// See [`CATALOGUE`].
    N43,
    /// See [`CATALOGUE`].
    N44,
    /// See [`CATALOGUE`].
    N45,
    /// See [`CATALOGUE`].
    N46,
    /// See [`CATALOGUE`].
    N47,
    /// See [`CATALOGUE`].
    Z03,
    /// See [`CATALOGUE`].
    N20,
    /// See [`CATALOGUE`].
    N21,
    /// See [`CATALOGUE`].
    N22,
    /// See [`CATALOGUE`].
    N23,
    /// See [`CATALOGUE`].
    N24,
    /// See [`CATALOGUE`].
    N25,
    /// See [`CATALOGUE`].
    N26,
    /// See [`CATALOGUE`].
    N27,
    /// See [`CATALOGUE`].
    N28,
    /// See [`CATALOGUE`].
    N01,
    /// See [`CATALOGUE`].
    N02,
    /// See [`CATALOGUE`].
    N03,
    /// See [`CATALOGUE`].
    N04,
    /// See [`CATALOGUE`].
    N05,
    /// See [`CATALOGUE`].
    N50,
    /// See [`CATALOGUE`].
    N51,
    /// See [`CATALOGUE`].
    N52,
}

/// Whom a mutation concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerns {
    /// One protocol, by its name.
    Protocol(&'static str),
    /// The tree, and so every protocol.
    Tree,
}

impl Concerns {
    /// Whether a run of `protocol` is affected.
    pub fn includes(self, protocol: &str) -> bool {
        match self {
            Concerns::Protocol(name) => name == protocol,
            Concerns::Tree => true,
        }
    }
}

/// What is known about a mutation.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The switch.
    pub mutation: Mutation,
    /// Its id on the command line.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whom it concerns.
    pub concerns: Concerns,
    /// The tracker id or text it comes from.
    pub source: &'static str,
    /// What goes wrong, in a sentence.
    pub story: &'static str,
    /// The function that the switch changes.
    pub place: &'static str,
    /// The checkers that should report it, the likeliest first. Empty if no run can show it by a
    /// verdict; the story says what does.
    pub caught_by: &'static [&'static str],
    /// Where it shows soon, found by measuring.
    pub exhibit: Exhibit,
}

/// Seeds of a scenario under which a mutation shows.
#[derive(Clone, Copy, Debug)]
pub struct Exhibit {
    /// The scenario: a file of `scenarios/`, without its extension.
    pub scenario: &'static str,
    /// The first seed.
    pub first: u64,
    /// How many seeds there are.
    pub count: u64,
}

impl Exhibit {
    /// The seeds.
    pub fn seeds(self) -> core::ops::Range<u64> {
        self.first..self.first + self.count
    }
}

impl Mutation {
    /// What is known about it.
    pub fn entry(self) -> &'static Entry {
        CATALOGUE
            .iter()
            .find(|entry| entry.mutation == self)
            .expect("every mutation has an entry, as a test shows")
    }

    /// Finds a mutation by its id or its name.
    pub fn find(text: &str) -> Option<Mutation> {
        CATALOGUE
            .iter()
            .find(|entry| entry.id.eq_ignore_ascii_case(text) || entry.name == text)
            .map(|entry| entry.mutation)
    }
}

/// The set of mutations that are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Mutations(u128);

impl Mutations {
    /// None: the protocols as they should be.
    pub const NONE: Mutations = Mutations(0);

    /// This set and one more.
    #[must_use]
    pub fn with(self, mutation: Mutation) -> Mutations {
        Mutations(self.0 | 1u128 << mutation as u32)
    }

    /// Whether a mutation is on.
    #[inline]
    pub fn has(self, mutation: Mutation) -> bool {
        self.0 & (1u128 << mutation as u32) != 0
    }

    /// Those that are on, in the order of their ids.
    pub fn iter(self) -> impl Iterator<Item = Mutation> {
        CATALOGUE
            .iter()
            .map(|entry| entry.mutation)
            .filter(move |mutation| self.has(*mutation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_is_found_by_its_id_and_by_its_name() {
        for entry in CATALOGUE {
            assert_eq!(Mutation::find(entry.id), Some(entry.mutation));
            assert_eq!(Mutation::find(entry.name), Some(entry.mutation));
            assert_eq!(entry.mutation.entry().id, entry.id);
            assert!(Mutations::NONE.with(entry.mutation).has(entry.mutation));
        }
    }

    #[test]
    fn switching_one_on_leaves_the_others_off() {
        let on = Mutations::NONE.with(Mutation::Z13);
        assert_eq!(on.iter().collect::<Vec<_>>(), vec![Mutation::Z13]);
    }
}
