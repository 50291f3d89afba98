//! `[knobs]` and `[chaos.swarm.knobs]`, with a section for each protocol: which keys there are, the
//! protocols' tables say.

use core::fmt;
use core::marker::PhantomData;

use menagerie::protocol::Tables;
use menagerie::protocol::knobs::Unit;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use toml::Spanned;

use super::quantity::Duration;
use crate::world::knobs::{Key, protocols};

/// The knobs that a file names, with what it gives for each.
#[derive(Clone, Debug)]
pub struct Given<V>(pub Vec<(Key, Spanned<V>)>);

/// `[knobs]`: nanoseconds or numbers.
pub type KnobsSection = Given<u64>;

/// `[chaos.swarm.knobs]`: what is drawn from.
pub type SwarmKnobs = Given<Vec<u32>>;

impl<V> Default for Given<V> {
    fn default() -> Self {
        Given(Vec::new())
    }
}

/// What a file gives for a knob.
trait Value: Sized {
    /// Whether something can be given for it.
    fn is_for(key: &Key) -> bool;

    /// Reads what is given for it.
    fn next<'de, M: MapAccess<'de>>(key: &Key, map: &mut M) -> Result<Spanned<Self>, M::Error>;
}

impl Value for u64 {
    fn is_for(_: &Key) -> bool {
        true
    }

    fn next<'de, M: MapAccess<'de>>(key: &Key, map: &mut M) -> Result<Spanned<u64>, M::Error> {
        Ok(match key.about.unit {
            Unit::Interval { .. } => {
                let interval: Spanned<Duration> = map.next_value()?;
                Spanned::new(interval.span(), interval.into_inner().0.0)
            }
            Unit::Count { .. } => {
                let count: Spanned<u32> = map.next_value()?;
                Spanned::new(count.span(), count.into_inner().into())
            }
        })
    }
}

impl Value for Vec<u32> {
    fn is_for(key: &Key) -> bool {
        key.about.swarm.is_some()
    }

    fn next<'de, M: MapAccess<'de>>(_: &Key, map: &mut M) -> Result<Spanned<Vec<u32>>, M::Error> {
        map.next_value()
    }
}

impl<'de, V: Value> Deserialize<'de> for Given<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Section::of(None).deserialize(from)
    }
}

/// A table of knobs: the shared ones with the sections of the protocols, or those of one protocol.
struct Section<V> {
    keys: Vec<Key>,
    protocols: Vec<&'static Tables>,
    value: PhantomData<V>,
}

impl<V: Value> Section<V> {
    fn of(protocol: Option<&'static Tables>) -> Section<V> {
        let keys: Vec<Key> = match protocol {
            None => Key::shared().collect(),
            Some(tables) => Key::own(tables).collect(),
        };
        Section {
            keys: keys.into_iter().filter(V::is_for).collect(),
            protocols: match protocol {
                Some(_) => Vec::new(),
                None => protocols(),
            },
            value: PhantomData,
        }
    }
}

impl<'de, V: Value> DeserializeSeed<'de> for Section<V> {
    type Value = Given<V>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Given<V>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, V: Value> Visitor<'de> for Section<V> {
    type Value = Given<V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a table of knobs")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Given<V>, M::Error> {
        let mut given = Given::default();
        while let Some(member) = map.next_key_seed(Member(&self))? {
            match member {
                Named::Knob(key) => {
                    let value = V::next(&key, &mut map)?;
                    given.0.push((key, value));
                }
                Named::Protocol(tables) => {
                    let own = map.next_value_seed(Section::of(Some(tables)))?;
                    given.0.extend(own.0);
                }
            }
        }
        Ok(given)
    }
}

/// The knob that goes by this name without its protocol's section, if one protocol alone has it:
/// files may leave the section out.
fn alone<V: Value>(name: &str) -> Option<Key> {
    let mut named = Key::all()
        .into_iter()
        .filter(|key| key.about.name == name && V::is_for(key));
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

/// The knob of this name that can be drawn.
pub(super) fn drawn(name: &str) -> Option<Key> {
    alone::<Vec<u32>>(name)
}

/// A key of a table of knobs.
struct Member<'a, V>(&'a Section<V>);

/// What it names.
enum Named {
    Knob(Key),
    Protocol(&'static Tables),
}

impl<'de, V: Value> DeserializeSeed<'de> for Member<'_, V> {
    type Value = Named;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Named, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<V: Value> Visitor<'_> for Member<'_, V> {
    type Value = Named;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a knob")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Named, E> {
        let Section {
            keys, protocols, ..
        } = self.0;
        if let Some(key) = keys.iter().find(|key| key.about.name == name) {
            return Ok(Named::Knob(*key));
        }
        if let Some(tables) = protocols.iter().find(|tables| tables.name == name) {
            return Ok(Named::Protocol(tables));
        }
        if !protocols.is_empty()
            && let Some(key) = alone::<V>(name)
        {
            return Ok(Named::Knob(key));
        }
        let section = alone::<V>(name).map(|key| {
            let protocol = key.protocol.map(|name| format!(".{name}"));
            format!(" (it belongs into [knobs{}])", protocol.unwrap_or_default())
        });
        let known = keys.iter().map(|key| key.about.name);
        let known: Vec<String> = known
            .chain(protocols.iter().map(|tables| tables.name))
            .map(|name| format!("`{name}`"))
            .collect();
        Err(E::custom(format!(
            "unknown field `{name}`{}, expected one of {}",
            section.unwrap_or_default(),
            known.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;
    use crate::world::knobs::announce;
    use crate::world::knobs::outside::OUTSIDE;

    fn with(knobs: &str) -> String {
        format!("schema = 1\nstory = \"It is short. It ends.\"\nduration = \"1s\"\n{knobs}")
    }

    #[test]
    fn the_knobs_of_a_protocol_from_outside_are_set_in_a_section_of_its_own() {
        announce(&OUTSIDE);
        let text = with("[knobs.outside]\nguests_max = 7\n");
        let scenario = Scenario::parse("it.toml", &text).expect("the protocol is known");
        let (key, value) = &scenario.document.knobs.0[0];
        assert_eq!(key.path(), "outside.guests_max");
        assert_eq!(*value.get_ref(), 7);
        let text = with("[knobs.outside]\nguests_maxx = 7\n");
        let why = Scenario::parse("it.toml", &text).expect_err("there is no such knob");
        assert!(why.picture().contains("guests_maxx"), "{why}");
    }
}
