//! What a message is called: as its protocol says, or as its variant, which serde sees.

use core::fmt;

use menagerie::protocol::Protocol;
use serde::ser::{Error, Impossible, Serialize, Serializer};

/// What is no variant of an enum is called so.
const NAMELESS: &str = "message";

/// The name of a message's kind.
pub(super) fn name_of<P: Protocol>(msg: &P::Msg) -> &'static str {
    match P::kind(msg) {
        "" => name(msg),
        given => given,
    }
}

/// The name of a value's variant.
fn name(value: &impl Serialize) -> &'static str {
    match value.serialize(Namer) {
        Ok(name) | Err(Named(name)) => name,
    }
}

/// A serializer that stops at the first name of a variant.
struct Namer;

/// How serializing ends where fields would follow: with the name, in place of an error.
#[derive(Debug)]
struct Named(&'static str);

impl fmt::Display for Named {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl core::error::Error for Named {}

impl Error for Named {
    fn custom<T: fmt::Display>(_: T) -> Named {
        Named(NAMELESS)
    }
}

type Found = Result<&'static str, Named>;
type Stopped = Impossible<&'static str, Named>;

macro_rules! nameless {
    ($($name:ident($($argument:ty),*) -> $result:ty;)+) => {$(
        fn $name(self, $(_: $argument),*) -> $result {
            Err(Named(NAMELESS))
        }
    )+};
}

impl Serializer for Namer {
    type Ok = &'static str;
    type Error = Named;
    type SerializeSeq = Stopped;
    type SerializeTuple = Stopped;
    type SerializeTupleStruct = Stopped;
    type SerializeTupleVariant = Stopped;
    type SerializeMap = Stopped;
    type SerializeStruct = Stopped;
    type SerializeStructVariant = Stopped;

    nameless! {
        serialize_bool(bool) -> Found;
        serialize_i8(i8) -> Found;
        serialize_i16(i16) -> Found;
        serialize_i32(i32) -> Found;
        serialize_i64(i64) -> Found;
        serialize_u8(u8) -> Found;
        serialize_u16(u16) -> Found;
        serialize_u32(u32) -> Found;
        serialize_u64(u64) -> Found;
        serialize_f32(f32) -> Found;
        serialize_f64(f64) -> Found;
        serialize_char(char) -> Found;
        serialize_str(&str) -> Found;
        serialize_bytes(&[u8]) -> Found;
        serialize_none() -> Found;
        serialize_unit() -> Found;
        serialize_unit_struct(&'static str) -> Found;
        serialize_seq(Option<usize>) -> Result<Stopped, Named>;
        serialize_tuple(usize) -> Result<Stopped, Named>;
        serialize_tuple_struct(&'static str, usize) -> Result<Stopped, Named>;
        serialize_map(Option<usize>) -> Result<Stopped, Named>;
        serialize_struct(&'static str, usize) -> Result<Stopped, Named>;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Found {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Found {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Found {
        Ok(variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Found {
        Ok(variant)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Stopped, Named> {
        Err(Named(variant))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Stopped, Named> {
        Err(Named(variant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    enum Msg {
        Ping,
        Vote(u8, u8),
        Log { after: u64 },
        Inner(u64),
    }

    #[derive(serde::Serialize)]
    struct Wrapped(Msg);

    #[test]
    fn a_message_is_called_as_its_variant() {
        for (msg, expected) in [
            (Msg::Ping, "Ping"),
            (Msg::Vote(1, 2), "Vote"),
            (Msg::Log { after: 3 }, "Log"),
            (Msg::Inner(4), "Inner"),
        ] {
            assert_eq!(name(&msg), expected);
        }
        assert_eq!(name(&Wrapped(Msg::Ping)), "Ping");
        assert_eq!(name(&7u64), "message");
    }
}
