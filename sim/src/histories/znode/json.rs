//! The shapes of JSON in both forms.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A text, a number or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    #[default]
    Null,
    Number(i64),
    Text(Cow<'a, str>),
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, a number or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        i64::try_from(number)
            .map(Scalar::Number)
            .map_err(|_| E::custom("a number is too large"))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Scalar<'a>, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

/// A Stat, as much of it as is given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct StatShape<'a> {
    pub czxid: u64,
    pub mzxid: u64,
    pub pzxid: u64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: Option<i32>,
    #[serde(borrow, rename = "ephemeralOwner")]
    pub ephemeral_owner: Scalar<'a>,
    #[serde(borrow)]
    pub owner: Scalar<'a>,
    #[serde(rename = "dataLength")]
    pub data_length: Option<u32>,
    #[serde(rename = "numChildren")]
    pub num_children: u32,
}

/// One of something, or a row of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum OneOrMany<T> {
    #[default]
    Nothing,
    One(T),
    Many(Vec<T>),
    /// A text or a number in its place.
    Bare(String),
}

struct OneOrManyVisitor<T>(core::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object, an array of objects, a text or null")
    }

    fn visit_unit<E: Error>(self) -> Result<OneOrMany<T>, E> {
        Ok(OneOrMany::Nothing)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany<T>, E> {
        Ok(OneOrMany::Bare(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<OneOrMany<T>, E> {
        Ok(OneOrMany::Bare(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<OneOrMany<T>, E> {
        Ok(OneOrMany::Bare(number.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<OneOrMany<T>, D::Error> {
        from.deserialize_any(OneOrManyVisitor(core::marker::PhantomData))
    }
}
