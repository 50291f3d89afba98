//! One JSON object in each line.
//!
//! Almost every line is a flat object of short members, which a scanner of our own reads several
//! times faster than a general parser. Whatever it does not expect goes to the general one, whose
//! word on what is wrong counts.

use menagerie::linear::{Family, KeyedHistory};
use serde_json::{Map, Value as Json};

use super::gather::{Event, Gatherer, Kind, Value, Verb};
use super::{FailedSwap, Malformed, Unread};

/// Reads a whole history.
pub(super) fn parse(
    text: &[u8],
    family: Family,
    failed_swap: FailedSwap,
    bytes_max: usize,
) -> Result<KeyedHistory, Unread> {
    let mut gatherer = Gatherer::new(family, failed_swap, "line");
    for (place, line) in (0u32..).zip(text.split(|byte| *byte == b'\n')) {
        let taken = match Members::scan(line) {
            Some(members) => take(&mut gatherer, place, &members),
            None if line.trim_ascii().is_empty() => Ok(()),
            None => general(&mut gatherer, place, line),
        };
        taken.map_err(|what| Malformed {
            line: place as usize + 1,
            what,
        })?;
        gatherer.fit(place, text, bytes_max)?;
    }
    Ok(gatherer.finish())
}

/// A scalar as it stands in the line: strings with their quotes.
type Token<'a> = &'a [u8];

#[derive(Clone, Copy, Debug, Default)]
struct Members<'a> {
    process: Option<Token<'a>>,
    kind: Option<Token<'a>>,
    verb: Option<Token<'a>>,
    key: Option<Token<'a>>,
    value: Option<Scanned<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Scanned<'a> {
    One(Token<'a>),
    Pair(Token<'a>, Token<'a>),
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Takes a byte, and the blanks before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        let (first, rest) = self.rest.split_first()?;
        (*first == byte).then(|| self.rest = rest)
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.rest.first().copied()
    }

    fn split(&mut self, length: usize) -> Token<'a> {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        token
    }

    /// A string of plain ASCII without escapes, or an integer, or a literal.
    fn scalar(&mut self) -> Option<Token<'a>> {
        match self.peek()? {
            b'"' => {
                let end = self.rest[1..].iter().position(|byte| {
                    *byte == b'"' || *byte == b'\\' || !(b' '..=b'~').contains(byte)
                })? + 1;
                (self.rest[end] == b'"').then(|| self.split(end + 1))
            }
            b'0'..=b'9' | b'-' => {
                let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
                let sign = usize::from(self.rest[0] == b'-');
                let length = digits(&self.rest[sign..]);
                let leads_with_zero = self.rest.get(sign) == Some(&b'0') && length + sign > 1;
                let goes_on = matches!(self.rest.get(sign + length), Some(b'.' | b'e' | b'E'));
                let plain = (1..=18).contains(&length) && !leads_with_zero && !goes_on;
                plain.then(|| self.split(sign + length))
            }
            b'n' if self.rest.starts_with(b"null") => Some(self.split(4)),
            b't' if self.rest.starts_with(b"true") => Some(self.split(4)),
            b'f' if self.rest.starts_with(b"false") => Some(self.split(5)),
            _ => None,
        }
    }
}

impl<'a> Members<'a> {
    /// The members of a line that looks as lines mostly do.
    fn scan(line: &'a [u8]) -> Option<Members<'a>> {
        let mut scanner = Scanner { rest: line };
        let mut members = Members::default();
        scanner.take(b'{')?;
        loop {
            let name = scanner.scalar().filter(|name| name[0] == b'"')?;
            scanner.take(b':')?;
            let place = match name {
                b"\"value\"" => {
                    let value = Members::value(&mut scanner)?;
                    if members.value.replace(value).is_some() {
                        return None;
                    }
                    None
                }
                b"\"process\"" => Some(&mut members.process),
                b"\"type\"" => Some(&mut members.kind),
                b"\"f\"" => Some(&mut members.verb),
                b"\"key\"" => Some(&mut members.key),
                _ => {
                    scanner.scalar()?;
                    None
                }
            };
            if let Some(place) = place
                && place.replace(scanner.scalar()?).is_some()
            {
                return None;
            }
            match scanner.peek()? {
                b',' => scanner.take(b',')?,
                _ => break,
            }
        }
        scanner.take(b'}')?;
        scanner.skip_blanks();
        scanner.rest.is_empty().then_some(members)
    }

    fn value(scanner: &mut Scanner<'a>) -> Option<Scanned<'a>> {
        if scanner.peek()? != b'[' {
            return scanner.scalar().map(Scanned::One);
        }
        scanner.take(b'[')?;
        let first = scanner.scalar()?;
        scanner.take(b',')?;
        let second = scanner.scalar()?;
        scanner.take(b']')?;
        Some(Scanned::Pair(first, second))
    }
}

/// A text for any value.
fn plain(token: Token<'_>) -> Token<'_> {
    match token {
        [b'"', text @ .., b'"'] => text,
        other => other,
    }
}

fn named<'a>(token: Option<Token<'a>>, name: &str) -> Result<Token<'a>, String> {
    match token {
        Some([b'"', text @ .., b'"']) => Ok(text),
        Some(_) => Err(format!("\"{name}\" is no string")),
        None => Err(format!("\"{name}\" is missing")),
    }
}

fn take(gatherer: &mut Gatherer, place: u32, members: &Members<'_>) -> Result<(), String> {
    let process = members.process.ok_or("\"process\" is missing")?;
    if process[0] == b'"' {
        return Ok(()); // The nemesis and its like do nothing to the object.
    }
    let kind = named(members.kind, "type")?;
    let kind = Kind::named(kind).ok_or_else(|| {
        let kind = String::from_utf8_lossy(kind);
        format!("\"type\" is {kind:?}; it is one of invoke, ok, fail and info")
    })?;
    let family = gatherer.family();
    let verb = Verb::named(named(members.verb, "f")?, family)?;
    // A number as a string and as a number are different registers' values, but every value of a
    // string object is a string.
    let canonical = |token: Token<'_>| match (family, token) {
        (Family::Append, [b'"', ..]) | (Family::Register, _) => Ok(()),
        (Family::Append, _) => Err("\"value\" is no string".to_owned()),
    };
    let value = match members.value {
        None | Some(Scanned::One(b"null")) => Value::Null,
        Some(Scanned::One(token)) => {
            canonical(token)?;
            match family {
                Family::Append => Value::One(plain(token)),
                Family::Register => Value::One(token),
            }
        }
        Some(Scanned::Pair(first, second)) => Value::Pair(first, second),
    };
    let event = Event {
        process,
        kind,
        verb,
        key: members.key.map_or(b"", plain),
        value,
    };
    gatherer.take(place, &event)
}

/// A line that is written in an unusual way, or is wrong.
fn general(gatherer: &mut Gatherer, place: u32, line: &[u8]) -> Result<(), String> {
    let members: Map<String, Json> = serde_json::from_slice(line)
        .map_err(|why| format!("no JSON object that can be read: {}", without_line(&why)))?;
    let text = |name: &str| members.get(name).map(canonical);
    let (process, kind, verb) = (text("process"), text("type"), text("f"));
    let key = text("key");
    let is_string = |json: &&Json| json.is_string();
    let (one, pair);
    let value = match members.get("value") {
        Some(Json::Array(values)) if values.len() == 2 => {
            pair = (canonical(&values[0]), canonical(&values[1]));
            Some(Scanned::Pair(&pair.0, &pair.1))
        }
        Some(other) => {
            one = canonical(other);
            Some(Scanned::One(&one))
        }
        None => None,
    };
    if members.get("type").filter(is_string).is_none() && process.is_some() {
        return Err("\"type\" is missing or no string".to_owned());
    }
    let members = Members {
        process: process.as_deref(),
        kind: kind.as_deref(),
        verb: verb.as_deref(),
        key: key.as_deref(),
        value,
    };
    take(gatherer, place, &members)
}

/// A JSON value in one spelling. Strings keep their quotes, but nothing in them is escaped: nobody
/// reads them as JSON again.
fn canonical(json: &Json) -> Vec<u8> {
    match json {
        Json::String(text) => format!("\"{text}\"").into_bytes(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            json.to_string().into_bytes()
        }
    }
}

/// The words of serde_json without its own line number, which is always 1.
fn without_line(why: &serde_json::Error) -> String {
    let text = why.to_string();
    match text.split_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} at column {column}"),
        None => text,
    }
}
