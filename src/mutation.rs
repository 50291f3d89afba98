//! The catalogue of named, switchable bugs.
//!
//! Each is a published or classic mistake, expressed as one switch at one place of the code. They
//! prove that the checkers bite: a run with a mutation on must fail, a run without must not.

mod announced;
mod catalogue;
mod releases;
mod shared;

use core::fmt;

pub use announced::{announce, known};
pub use catalogue::CATALOGUE;
pub use releases::{Affected, is_release};

/// A set has room for so many.
const MOST: usize = 128;

/// A bug that can be switched on: its place among the [`known`] ones. Each of this package has a
/// constant beside its entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mutation(u8);

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
    /// The concepts that it breaks, in the words of a lecture.
    pub concepts: &'static [&'static str],
    /// The releases of ZooKeeper that are known to have had the bug. `None`: nobody recorded them
    /// here, which says nothing about any release.
    pub releases: Option<Affected>,
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

impl Entry {
    /// The switch.
    pub const fn mutation(&self) -> Mutation {
        Mutation::of(self.id)
    }
}

impl Mutation {
    /// The mutation of this id.
    ///
    /// # Panics
    /// If there is none; for a constant this is an error when the program is compiled.
    pub const fn of(id: &str) -> Mutation {
        Mutation(catalogue::place(id) as u8)
    }

    /// What is known about it.
    pub fn entry(self) -> &'static Entry {
        let place = usize::from(self.0);
        match place.checked_sub(CATALOGUE.len()) {
            None => &CATALOGUE[place],
            Some(announced) => announced::entry(announced),
        }
    }

    /// Finds a mutation by its id or its name.
    pub fn find(text: &str) -> Option<Mutation> {
        let is_meant = |entry: &&Entry| entry.id.eq_ignore_ascii_case(text) || entry.name == text;
        let place = known().iter().position(is_meant)?;
        Some(Mutation(place as u8))
    }
}

impl fmt::Debug for Mutation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.entry().id)
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
        Mutations(self.0 | 1u128 << mutation.0)
    }

    /// Whether a mutation is on.
    #[inline]
    pub fn has(self, mutation: Mutation) -> bool {
        self.0 & (1u128 << mutation.0) != 0
    }

    /// Whether the mutation of this id is on, for protocols that do not come with this package: to
    /// be asked when a server boots, not at each step.
    pub fn has_id(self, id: &str) -> bool {
        self.iter().any(|mutation| mutation.entry().id == id)
    }

    /// Those that are on, in the order of their ids; those that were announced come last.
    pub fn iter(self) -> impl Iterator<Item = Mutation> {
        (0..MOST as u8)
            .map(Mutation)
            .filter(move |mutation| self.has(*mutation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_is_found_by_its_id_and_by_its_name() {
        for entry in CATALOGUE {
            let mutation = entry.mutation();
            assert_eq!(Mutation::find(entry.id), Some(mutation));
            assert_eq!(Mutation::find(entry.name), Some(mutation));
            assert_eq!(mutation.entry().id, entry.id);
            assert!(Mutations::NONE.with(mutation).has(mutation));
        }
    }

    #[test]
    fn switching_one_on_leaves_the_others_off() {
        let on = Mutations::NONE.with(Mutation::Z13);
        assert_eq!(on.iter().collect::<Vec<_>>(), vec![Mutation::Z13]);
    }
}
