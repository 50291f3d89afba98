//! Mutations of protocols that do not come with this package.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::{CATALOGUE, Entry, MOST};

/// In the order in which they were announced, which is the order of their places in a set. Entries
/// are only added: it is a list of names, and no run depends on it.
static ANNOUNCED: RwLock<Vec<&'static Entry>> = RwLock::new(Vec::new());

fn announced() -> RwLockReadGuard<'static, Vec<&'static Entry>> {
    ANNOUNCED.read().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the mutations of a protocol known by their ids and names. Those that are known already,
/// as all of this package are, stay as they are.
///
/// # Errors
/// If another mutation has an id or a name, or there are too many.
pub fn announce(entries: &'static [Entry]) -> Result<(), String> {
    let mut list = ANNOUNCED.write().unwrap_or_else(PoisonError::into_inner);
    for entry in entries {
        let same =
            |other: &&Entry| other.id.eq_ignore_ascii_case(entry.id) || other.name == entry.name;
        match CATALOGUE.iter().chain(list.iter().copied()).find(same) {
            Some(known) if known.story == entry.story => {}
            Some(known) => {
                return Err(format!(
                    "mutation {} ({}) cannot be added: there is {} ({})",
                    entry.id, entry.name, known.id, known.name
                ));
            }
            None if CATALOGUE.len() + list.len() >= MOST => {
                return Err(format!(
                    "mutation {} cannot be added: there are {MOST} already",
                    entry.id
                ));
            }
            None => list.push(entry),
        }
    }
    Ok(())
}

/// Every mutation that is known: those of this package, in the order of their ids, and then those
/// that were announced.
pub fn known() -> Vec<&'static Entry> {
    CATALOGUE
        .iter()
        .chain(announced().iter().copied())
        .collect()
}

/// The entry at a place of the announced ones.
pub(super) fn entry(place: usize) -> &'static Entry {
    announced()[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::{Concerns, Exhibit, Mutation, Mutations};

    const OWN: Entry = Entry {
        id: "X01",
        name: "own_bug",
        concerns: Concerns::Protocol("own"),
        source: "our own",
        story: "A test makes it.",
        place: "nowhere",
        caught_by: &["durability"],
        exhibit: Exhibit {
            scenario: "steady",
            first: 0,
            count: 1,
        },
        concepts: &["nothing"],
        releases: None,
    };

    #[test]
    fn a_mutation_from_outside_is_found_and_switched_on() {
        const TABLE: &[Entry] = &[OWN];
        assert_eq!(announce(TABLE), Ok(()));
        assert_eq!(announce(TABLE), Ok(()), "the same again adds nothing");
        let own = Mutation::find("x01").expect("it was announced");
        assert_eq!(Mutation::find("own_bug"), Some(own));
        let on = Mutations::NONE.with(own).with(Mutation::Z13);
        assert!(on.has_id("X01") && on.has_id("Z13") && !on.has_id("Z20"));
        let ids: Vec<&str> = on.iter().map(|one| one.entry().id).collect();
        assert_eq!(ids, ["Z13", "X01"]);
        assert_eq!(known().iter().filter(|entry| entry.id == "X01").count(), 1);
    }

    #[test]
    fn an_id_that_is_taken_is_refused() {
        const TABLE: &[Entry] = &[Entry { id: "Z13", ..OWN }];
        let why = announce(TABLE).expect_err("Zab has it");
        assert!(why.contains("Z13 (diff_no_snapshot_no_log)"), "{why}");
    }
}
