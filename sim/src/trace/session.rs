//! A session as a trace file writes it: `s` and its number in hexadecimal digits, as people see it.

use menagerie::ids::SessionId;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(session: &SessionId, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(session)
}

pub(super) fn deserialize<'a, D: Deserializer<'a>>(input: D) -> Result<SessionId, D::Error> {
    let text = String::deserialize(input)?;
    let digits = text.strip_prefix('s');
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map(SessionId).ok_or_else(|| {
        D::Error::custom(format!(
            "\"{text}\" is no session: expected one such as s1f"
        ))
    })
}
