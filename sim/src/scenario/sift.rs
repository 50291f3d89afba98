//! Knobs that stand in a table of other keys, taken out of it while it is read.

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use super::knobs::{SwarmKnobs, drawn};
use crate::world::knobs::Key;

/// A table whose knobs go to `knobs`, and whose other keys are read as if it had no others.
pub(super) struct Sifting<'a, M> {
    pub table: M,
    pub knobs: &'a mut SwarmKnobs,
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for Sifting<'_, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, M::Error> {
        let mut seed = Some(seed);
        while let Some(key) = self.table.next_key_seed(Sieve(&mut seed))? {
            match key {
                Sifted::Knob(key) => {
                    let values = self.table.next_value()?;
                    self.knobs.0.push((key, values));
                }
                Sifted::Other(key) => return Ok(Some(key)),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.table.next_value_seed(seed)
    }
}

/// What a key is.
enum Sifted<T> {
    Knob(Key),
    Other(T),
}

/// Reads a key; the seed is used up by one that is no knob.
struct Sieve<'a, S>(&'a mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Sieve<'_, S> {
    type Value = Sifted<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Sieve<'_, S> {
    type Value = Sifted<S::Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        match (drawn(name), self.0.take()) {
            (Some(key), seed) => {
                *self.0 = seed;
                Ok(Sifted::Knob(key))
            }
            (None, Some(seed)) => seed
                .deserialize(name.into_deserializer())
                .map(Sifted::Other),
            (None, None) => unreachable!("a seed is used up once"),
        }
    }
}
