//! The shapes of JSON in generated and exported lines.

use core::fmt;
use std::borrow::Cow;

use menagerie::tree::{Ace, Data, ErrorCode, Path};
use serde::Deserialize;
use serde::de::value::{Error as Unnamed, StrDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use super::json::{OneOrMany, StatShape};

/// What stands in `value`, asked or answered, and what a multi's parts look like.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub data: Content<'a>,
    pub version: Option<i32>,
    #[serde(borrow)]
    pub mode: Option<Cow<'a, str>>,
    pub session: Option<u64>,
    #[serde(borrow)]
    pub path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub stat: Option<StatShape<'a>>,
    #[serde(borrow)]
    pub children: Option<Vec<Cow<'a, str>>>,
    /// Of a part: its operation, key and argument.
    #[serde(borrow)]
    pub f: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub value: Option<Box<OneOrMany<Body<'a>>>>,
    /// Of a node with a time to live: milliseconds.
    pub ttl: Option<u64>,
    /// Permissions, scheme and whom.
    pub acl: Option<Vec<(i32, String, Option<String>)>>,
    /// Whether a read leaves a watch.
    pub watch: bool,
    /// Whether an added watch is recursive.
    pub recursive: bool,
    /// Which watches a request is about.
    #[serde(borrow)]
    pub of: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub scheme: Option<Cow<'a, str>>,
    pub count: Option<u32>,
    pub paths: Option<Vec<String>>,
    /// Scheme and whom.
    pub ids: Option<Vec<(String, String)>>,
    /// Of one of several reads: its error.
    #[serde(borrow)]
    pub error: Option<Cow<'a, str>>,
    /// What a watch reports.
    #[serde(borrow)]
    pub event: Option<Cow<'a, str>>,
}

/// What made a multi fail: its part at fault.
#[derive(Debug, Deserialize)]
pub(super) struct Fault<'a> {
    pub index: usize,
    #[serde(borrow)]
    pub error: Cow<'a, str>,
}

/// A node's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Content<'a> {
    /// There is none: it is empty.
    #[default]
    Untold,
    /// Jute's null.
    Null,
    Text(Cow<'a, str>),
    /// Told by its hexadecimal digits.
    Bytes(Vec<u8>),
}

impl Content<'_> {
    /// The content itself.
    pub fn data(&self) -> Data {
        match self {
            Content::Untold => Data::from([]),
            Content::Null => Data::NULL,
            Content::Text(text) => Data::from(text.as_bytes()),
            Content::Bytes(bytes) => Data::from(bytes.as_slice()),
        }
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, {\"hex\": digits} or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Content<'de>, E> {
        Ok(Content::Null)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content<'de>, A::Error> {
        let Some((name, digits)) = map.next_entry::<String, String>()? else {
            return Err(A::Error::custom("content without \"hex\""));
        };
        if name != "hex" || map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("content is given by \"hex\" alone"));
        }
        let bytes = menagerie::conform::hex(&digits).map_err(A::Error::custom)?;
        Ok(Content::Bytes(bytes))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Content<'a>, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

/// The entries of an ACL, if there is one.
pub(super) fn acl_of(body: &Body<'_>) -> Option<Vec<Ace>> {
    let entry = |(perms, scheme, id): &(i32, String, Option<String>)| Ace {
        perms: *perms,
        scheme: Path::from(scheme.as_str()),
        id: id.as_deref().map(Path::from),
    };
    body.acl
        .as_ref()
        .map(|entries| entries.iter().map(entry).collect())
}

/// The error of that name.
pub(super) fn code_of(name: &str) -> Result<ErrorCode, String> {
    let name: StrDeserializer<'_, Unnamed> = name.into_deserializer();
    ErrorCode::deserialize(name).map_err(|why| format!("\"error\": {why}"))
}
