//! Every knob of a run: those that each protocol has, and those of each protocol alone.
//!
//! A run is described for every protocol at once, so that a seed means the same whichever plays it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use menagerie::PROTOCOLS;
use menagerie::ids::Span;
use menagerie::protocol::knobs::{self, About, Unit, Values};
use menagerie::protocol::{KnobSet, Knobs, Tables, Timing};
use serde::{Deserialize, Serialize};

/// The knobs of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllKnobs {
    /// Those that every protocol has.
    #[serde(flatten)]
    pub shared: Knobs,
    /// Those of each protocol alone, by its name.
    #[serde(flatten)]
    own: BTreeMap<String, Values>,
}

/// The protocols from outside whose knobs are known. Entries are only added.
static ANNOUNCED: RwLock<Vec<&'static Tables>> = RwLock::new(Vec::new());

/// Makes the knobs of a protocol known to scenario files and bundles. A protocol that is known
/// already stays as it is.
pub(crate) fn announce(tables: &'static Tables) {
    let is_known = protocols().iter().any(|known| known.name == tables.name);
    if !is_known {
        let mut announced = ANNOUNCED.write().unwrap_or_else(PoisonError::into_inner);
        announced.push(tables);
    }
}

/// The protocols whose knobs are known: those that come with Menagerie, then those that were
/// announced.
pub(crate) fn protocols() -> Vec<&'static Tables> {
    let announced = ANNOUNCED.read().unwrap_or_else(PoisonError::into_inner);
    PROTOCOLS.iter().chain(announced.iter().copied()).collect()
}

/// Which knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The protocol whose knob it is; `None`: every one has it.
    pub protocol: Option<&'static str>,
    /// What is known of it.
    pub about: About,
}

impl Key {
    /// The knobs that every protocol has.
    pub fn shared() -> impl Iterator<Item = Key> {
        let table = knobs::table::<Knobs>().into_iter();
        table.map(|about| Key {
            protocol: None,
            about,
        })
    }

    /// The knobs of a protocol alone.
    pub fn own(tables: &'static Tables) -> impl Iterator<Item = Key> {
        let table = (tables.knobs)().into_iter();
        table.map(|about| Key {
            protocol: Some(tables.name),
            about,
        })
    }

    /// Every knob that there is.
    pub fn all() -> Vec<Key> {
        Key::shared()
            .chain(protocols().into_iter().flat_map(Key::own))
            .collect()
    }

    /// Its name below `knobs`, as in `zab.init_limit`.
    pub fn path(&self) -> String {
        let protocol = self.protocol.map(|name| format!("{name}."));
        format!("{}{}", protocol.unwrap_or_default(), self.about.name)
    }
}

/// A protocol from outside has no entry until one of its knobs is set: a bundle of another protocol
/// can be read by a program that does not know it.
impl Default for AllKnobs {
    fn default() -> AllKnobs {
        let own = PROTOCOLS
            .iter()
            .map(|tables| (tables.name.to_owned(), (tables.usual)()));
        AllKnobs {
            shared: Knobs::default(),
            own: own.collect(),
        }
    }
}

impl AllKnobs {
    /// The usual knobs, with every interval far above a round trip of `unit`.
    pub fn unhurried(unit: Span) -> AllKnobs {
        let mut knobs = AllKnobs::default();
        for key in Key::all() {
            if let Unit::Interval { unhurried } = key.about.unit {
                knobs.set(&key, unit.times(unhurried).0);
            }
        }
        knobs
    }

    /// The value of a knob: nanoseconds or a number.
    pub fn value(&self, key: &Key) -> u64 {
        let name = key.about.name;
        let Some(protocol) = key.protocol else {
            return knobs::values(&self.shared)[name];
        };
        let given = self.own.get(protocol).and_then(|values| values.get(name));
        given.copied().unwrap_or_else(|| {
            let mut known = protocols().into_iter();
            let tables = known.find(|tables| tables.name == protocol);
            let tables = tables.expect("a key is made from the tables of its protocol");
            (tables.usual)()[name]
        })
    }

    /// Gives a knob another value.
    pub fn set(&mut self, key: &Key, value: u64) {
        let name = key.about.name.to_owned();
        match key.protocol {
            None => {
                let mut values = knobs::values(&self.shared);
                values.insert(name, value);
                self.shared = knobs::from_values(&values);
            }
            Some(protocol) => {
                let values = self.own.entry(protocol.to_owned()).or_default();
                values.insert(name, value);
            }
        }
    }

    /// The knobs of a protocol alone.
    pub fn own<K: KnobSet>(&self, protocol: &str) -> K {
        let none = Values::new();
        knobs::from_values(self.own.get(protocol).unwrap_or(&none))
    }

    /// What the knobs say of how long a recovery takes, of whichever protocol it takes the longest.
    pub fn timing(&self) -> Timing {
        let none = Values::new();
        let timings = protocols().into_iter().map(|tables| {
            let own = self.own.get(tables.name).unwrap_or(&none);
            (tables.timing)(&self.shared, own)
        });
        timings.fold(Timing::NONE, Timing::and)
    }

    /// Gives every knob that a file leaves out its usual value.
    ///
    /// # Errors
    /// Names a protocol or a knob that there is not.
    pub(crate) fn complete(&mut self) -> Result<(), String> {
        let protocols = protocols();
        for (protocol, values) in &self.own {
            let tables = protocols.iter().find(|tables| tables.name == protocol);
            let Some(known) = tables.map(|tables| (tables.usual)()) else {
                return Err(format!("knobs.{protocol} is no knob and no protocol"));
            };
            if let Some(name) = values.keys().find(|name| !known.contains_key(*name)) {
                let known: Vec<&str> = known.keys().map(String::as_str).collect();
                return Err(format!(
                    "knobs.{protocol}.{name} is no knob: expected one of {}",
                    known.join(", ")
                ));
            }
        }
        for (protocol, values) in AllKnobs::default().own {
            let own = self.own.entry(protocol).or_default();
            for (name, value) in values {
                own.entry(name).or_insert(value);
            }
        }
        Ok(())
    }
}

/// A protocol from outside with one knob, for tests.
#[cfg(test)]
pub(crate) mod outside {
    use super::*;

    /// Its knobs.
    #[derive(Clone, Debug, PartialEq)]
    struct Own {
        guests_max: u32,
    }

    impl Default for Own {
        fn default() -> Own {
            Own { guests_max: 3 }
        }
    }

    impl KnobSet for Own {
        const TABLE: &'static [knobs::Knob<Own>] =
            &[knobs::Knob::<Own>::count("guests_max", 1, 10, |own| {
                &mut own.guests_max
            })];
    }

    /// Its tables.
    pub(crate) static OUTSIDE: Tables = Tables {
        name: "outside",
        knobs: knobs::table::<Own>,
        usual: || knobs::values(&Own::default()),
        ordered: &[],
        timing: |_, _| Timing::NONE,
        rare_paths: &[],
        mutations: &[],
    };
}

#[cfg(test)]
mod tests {
    use super::outside::OUTSIDE;
    use super::*;

    #[test]
    fn no_two_knobs_share_a_draw_of_a_swarm() {
        let keys = Key::all();
        let options: Vec<u64> = keys
            .iter()
            .filter_map(|key| key.about.swarm.map(|swarm| swarm.option))
            .collect();
        for (place, option) in options.iter().enumerate() {
            assert!(!options[..place].contains(option), "{option}");
        }
    }

    #[test]
    fn the_knobs_of_a_protocol_from_outside_have_their_usual_values_until_they_are_set() {
        announce(&OUTSIDE);
        announce(&OUTSIDE);
        assert_eq!(protocols().len(), PROTOCOLS.len() + 1);
        let key = Key::own(&OUTSIDE).next().expect("it has a knob");
        let mut knobs = AllKnobs::default();
        let usual = knobs.value(&key);
        assert_eq!(Some(&usual), (OUTSIDE.usual)().get(key.about.name));
        let text = serde_json::to_string(&knobs).expect("knobs are JSON");
        assert!(!text.contains("outside"), "{text}");
        knobs.set(&key, usual + 1);
        assert_eq!(knobs.value(&key), usual + 1);
        assert_eq!(knobs.complete(), Ok(()));
    }

    #[test]
    fn knobs_that_a_file_leaves_out_have_their_usual_values() {
        let text = r#"{"tick": 1, "snapshot_every": 2, "retransmit": 3, "outstanding_max": 4}"#;
        let mut knobs: AllKnobs = serde_json::from_str(text).expect("it has the shared knobs");
        assert_eq!(knobs.complete(), Ok(()));
        let usual = AllKnobs {
            shared: knobs.shared.clone(),
            ..AllKnobs::default()
        };
        assert_eq!(knobs, usual);
        let text = text.replace("}", r#", "none": {"window": 3}}"#);
        let mut knobs: AllKnobs = serde_json::from_str(&text).expect("its form is sound");
        assert!(knobs.complete().is_err());
    }
}
