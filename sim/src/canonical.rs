//! `Canonical` for types of a protocol of one's own, from what they derive anyway.
//!
//! Messages and records derive `serde::Serialize` for the trace. [`canonical!`](crate::canonical!)
//! feeds the same view of a value into the run hash: each enum its variant's number, each
//! collection its length, each field in the order of declaration, everything as 64-bit words, so
//! that the hash is the same on every platform. The protocols that come with Menagerie write that
//! by hand, because their hashes must survive a renamed field or a reordered variant.

use std::fmt::Display;

use menagerie::canonical::RunHash;
use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Implements [`Canonical`](menagerie::canonical::Canonical) for types that serde can serialize.
///
/// ```
/// #[derive(serde::Serialize)]
/// enum Msg {
///     Ping { round: u64 },
/// }
/// menagerie_sim::canonical!(Msg);
/// ```
#[macro_export]
macro_rules! canonical {
    ($($name:ty),+ $(,)?) => {$(
        impl ::menagerie::canonical::Canonical for $name {
            fn feed(&self, hash: &mut ::menagerie::canonical::RunHash) {
                $crate::canonical::feed(self, hash);
            }
        }
    )+};
}

/// Feeds what serde sees of a value.
///
/// # Panics
/// If the value's own `Serialize` reports an error, or has a number that is no whole one.
pub fn feed(value: &(impl Serialize + ?Sized), hash: &mut RunHash) {
    value
        .serialize(Words(hash))
        .expect("messages and records serialize without errors");
}

/// A serializer into words.
struct Words<'a>(&'a mut RunHash);

/// What a `Serialize` of somebody else reports.
#[derive(Debug)]
struct EncodeError(String);

impl Display for EncodeError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

impl serde::ser::Error for EncodeError {
    fn custom<T: Display>(message: T) -> EncodeError {
        EncodeError(message.to_string())
    }
}

type Fed = Result<(), EncodeError>;

macro_rules! whole_numbers {
    ($($name:ident: $number:ty),+) => {$(
        fn $name(self, number: $number) -> Fed {
            // As 64 bits of two's complement.
            self.0.word(number as u64);
            Ok(())
        }
    )+};
}

impl<'a> Serializer for Words<'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    whole_numbers!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64
    );

    fn serialize_f32(self, _: f32) -> Fed {
        Err(EncodeError::custom("a fraction has no canonical form"))
    }

    fn serialize_f64(self, _: f64) -> Fed {
        Err(EncodeError::custom("a fraction has no canonical form"))
    }

    fn serialize_char(self, character: char) -> Fed {
        self.serialize_u32(u32::from(character))
    }

    fn serialize_str(self, text: &str) -> Fed {
        self.serialize_bytes(text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Fed {
        self.0.bytes(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Fed {
        self.serialize_u64(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Fed {
        self.0.word(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Fed {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Fed {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Fed {
        self.serialize_u32(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Fed {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Fed {
        self.0.word(variant.into());
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Parts<'a>, EncodeError> {
        self.begin(length.map(|length| length as u64))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, EncodeError> {
        Ok(Parts(self.0))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, EncodeError> {
        Ok(Parts(self.0))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, EncodeError> {
        self.begin(Some(variant.into()))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Parts<'a>, EncodeError> {
        self.begin(length.map(|length| length as u64))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, EncodeError> {
        Ok(Parts(self.0))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, EncodeError> {
        self.begin(Some(variant.into()))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

impl<'a> Words<'a> {
    /// Feeds the word with which a collection or a variant begins.
    fn begin(self, word: Option<u64>) -> Result<Parts<'a>, EncodeError> {
        let word = word.ok_or_else(|| EncodeError::custom("a collection without a length"))?;
        self.0.word(word);
        Ok(Parts(self.0))
    }
}

/// The parts of something.
struct Parts<'a>(&'a mut RunHash);

impl Parts<'_> {
    fn part(&mut self, value: &(impl Serialize + ?Sized)) -> Fed {
        value.serialize(Words(self.0))
    }
}

macro_rules! parts_without_names {
    ($($kind:ident: $part:ident),+) => {$(
        impl $kind for Parts<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $part<T: Serialize + ?Sized>(&mut self, value: &T) -> Fed {
                self.part(value)
            }

            fn end(self) -> Fed {
                Ok(())
            }
        }
    )+};
}

parts_without_names!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

macro_rules! parts_with_names {
    ($($kind:ident),+) => {$(
        impl $kind for Parts<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Fed {
                self.part(value)
            }

            fn end(self) -> Fed {
                Ok(())
            }
        }
    )+};
}

parts_with_names!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Fed {
        self.part(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Fed {
        self.part(value)
    }

    fn end(self) -> Fed {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Msg {
        Ping,
        Tell { round: u64, text: String },
        Many(Vec<Option<u64>>, (u8, bool)),
        Known(BTreeMap<u8, u64>),
    }

    fn hash_of(value: &impl Serialize) -> u64 {
        let mut hash = RunHash::new();
        feed(value, &mut hash);
        hash.value()
    }

    fn words(words: &[u64]) -> u64 {
        let mut hash = RunHash::new();
        words.iter().for_each(|word| hash.word(*word));
        hash.value()
    }

    #[test]
    fn variants_lengths_and_fields_are_words_in_their_order() {
        assert_eq!(hash_of(&Msg::Ping), words(&[0]));
        let many = Msg::Many(vec![None, Some(7)], (3, true));
        assert_eq!(hash_of(&many), words(&[2, 2, 0, 1, 7, 3, 1]));
        let known = Msg::Known(BTreeMap::from([(1, 5)]));
        assert_eq!(hash_of(&known), words(&[3, 1, 1, 5]));
        let mut told = RunHash::new();
        [1, 9].iter().for_each(|word| told.word(*word));
        told.bytes(b"x");
        let tell = Msg::Tell {
            round: 9,
            text: "x".to_owned(),
        };
        assert_eq!(hash_of(&tell), told.value());
    }
}
