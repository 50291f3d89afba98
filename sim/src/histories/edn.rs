//! Jepsen's histories: maps in EDN, one after the other or in one vector.
//!
//! The reader knows all of EDN's forms but keeps of each only what a history can mean by it: a
//! scalar is its spelling, a tagged form is the form, a set is its members.

use menagerie::linear::{Family, KeyedHistory};

use super::gather::{Event, Gatherer, Kind, Value, Verb};
use super::{FailedSwap, Malformed, Unread};

/// Forms inside forms; a history needs four.
const DEPTH_MAX: usize = 64;

/// Reads a whole history.
pub(super) fn parse(
    text: &[u8],
    family: Family,
    failed_swap: FailedSwap,
    bytes_max: usize,
) -> Result<KeyedHistory, Unread> {
    let mut gatherer = Gatherer::new(family, failed_swap, "event");
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        opened: 0,
    };
    let mut place = 0;
    loop {
        let line = reader.line;
        reader.skip_blanks().map_err(malformed_at(reader.line))?;
        match reader.peek() {
            None => break,
            Some(b'[' | b'(') if reader.opened == 0 => {
                reader.at += 1;
                reader.opened = 1;
            }
            Some(b']' | b')') if reader.opened == 1 => {
                reader.at += 1;
                reader.opened = 2;
            }
            Some(_) => {
                let line = reader.line.max(line);
                let form = reader.form(0);
                let form = form.map_err(malformed_at(reader.line))?;
                let taken = take(&mut gatherer, place, &form);
                taken.map_err(malformed_at(line))?;
                gatherer.fit(place, text, bytes_max)?;
                place += 1;
            }
        }
    }
    if reader.opened == 1 {
        let what = "the history's vector is not closed".to_owned();
        return Err(Unread::Malformed(malformed_at(reader.line)(what)));
    }
    Ok(gatherer.finish())
}

fn malformed_at(line: usize) -> impl Fn(String) -> Malformed {
    move |what| Malformed { line, what }
}

/// What a form means to a history.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Nil,
    /// A number, string, keyword, symbol or character, as it is spelled.
    Scalar(Vec<u8>),
    /// A vector, list or set.
    Sequence(Vec<Form>),
    Map(Vec<(Form, Form)>),
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Counted from 1.
    line: usize,
    /// Of the vector around the whole history: 0 it is not there, 1 it is open, 2 it is closed.
    opened: u8,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    /// Skips whitespace, commas, comments and discarded forms.
    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            match self.peek() {
                Some(byte) if byte.is_ascii_whitespace() || byte == b',' => {
                    self.step();
                }
                Some(b';') => while self.step().is_some_and(|byte| byte != b'\n') {},
                Some(b'#') if self.text.get(self.at + 1) == Some(&b'_') => {
                    self.at += 2;
                    self.form(1)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn form(&mut self, depth: usize) -> Result<Form, String> {
        if depth > DEPTH_MAX {
            return Err(format!("forms are nested deeper than {DEPTH_MAX}"));
        }
        self.skip_blanks()?;
        match self.peek() {
            None => Err("the file ends within a form".to_owned()),
            Some(b'{') => self.map(depth),
            Some(b'[') => self.sequence(depth, b']'),
            Some(b'(') => self.sequence(depth, b')'),
            Some(b'"') => self.string().map(Form::Scalar),
            Some(b'\\') => Ok(Form::Scalar(self.character())),
            Some(b'#') => self.dispatched(depth),
            Some(closing @ (b'}' | b']' | b')')) => {
                Err(format!("{:?} closes nothing", char::from(closing)))
            }
            Some(_) => Ok(match self.word() {
                b"nil" => Form::Nil,
                word => Form::Scalar(word.to_vec()),
            }),
        }
    }

    /// A set, or a tag and its form.
    fn dispatched(&mut self, depth: usize) -> Result<Form, String> {
        self.at += 1;
        match self.peek() {
            Some(b'{') => self.sequence(depth, b'}'),
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.word();
                self.form(depth + 1)
            }
            _ => Err("\"#\" is neither a set nor a tag".to_owned()),
        }
    }

    fn sequence(&mut self, depth: usize, closing: u8) -> Result<Form, String> {
        self.at += 1;
        let mut forms = Vec::new();
        loop {
            self.skip_blanks()?;
            if self.peek() == Some(closing) {
                self.at += 1;
                return Ok(Form::Sequence(forms));
            }
            forms.push(self.form(depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Form, String> {
        let Form::Sequence(forms) = self.sequence(depth, b'}')? else {
            unreachable!("a sequence is read as one");
        };
        if forms.len() % 2 == 1 {
            return Err("a map has a key without a value".to_owned());
        }
        let mut members = Vec::new();
        let mut forms = forms.into_iter();
        while let (Some(key), Some(value)) = (forms.next(), forms.next()) {
            members.push((key, value));
        }
        Ok(Form::Map(members))
    }

    /// A string with its quotes and without its escapes.
    fn string(&mut self) -> Result<Vec<u8>, String> {
        let ends = || "the file ends within a string".to_owned();
        self.at += 1;
        let mut text = vec![b'"'];
        loop {
            match self.step().ok_or_else(ends)? {
                b'"' => {
                    text.push(b'"');
                    return Ok(text);
                }
                b'\\' => match self.step().ok_or_else(ends)? {
                    b'n' => text.push(b'\n'),
                    b't' => text.push(b'\t'),
                    b'r' => text.push(b'\r'),
                    b'b' => text.push(8),
                    b'f' => text.push(12),
                    other @ (b'"' | b'\\' | b'/' | b'\'') => text.push(other),
                    b'u' => {
                        let letter = self.code_point()?;
                        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    other => {
                        return Err(format!("\"\\{}\" is no escape", char::from(other)));
                    }
                },
                other => text.push(other),
            }
        }
    }

    /// Four hexadecimal digits.
    fn code_point(&mut self) -> Result<char, String> {
        let digits = self.text.get(self.at..self.at + 4);
        let number = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| core::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or("\"\\u\" needs four hexadecimal digits")?;
        self.at += 4;
        // Half a pair of surrogates is no letter of its own.
        Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn character(&mut self) -> Vec<u8> {
        let start = self.at;
        self.at += 1;
        self.step();
        self.word();
        self.text[start..self.at].to_vec()
    }

    /// Everything up to the next delimiter.
    fn word(&mut self) -> &[u8] {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| !byte.is_ascii_whitespace() && !b",;\"{}[]()".contains(&byte))
        {
            self.at += 1;
        }
        &self.text[start..self.at]
    }
}

impl Form {
    /// One spelling of the value; equal values have equal ones.
    fn canonical(&self) -> Vec<u8> {
        match self {
            Form::Nil => b"null".to_vec(),
            Form::Scalar(text) => match text.as_slice() {
                // A big integer is the integer.
                [b'0'..=b'9' | b'-', .., b'N'] => text[..text.len() - 1].to_vec(),
                other => other.to_vec(),
            },
            Form::Sequence(forms) => {
                let forms: Vec<Vec<u8>> = forms.iter().map(Form::canonical).collect();
                [b"[", forms.join(&b' ').as_slice(), b"]"].concat()
            }
            Form::Map(members) => {
                let member =
                    |(key, value): &(Form, Form)| [key.canonical(), value.canonical()].join(&b' ');
                let members: Vec<Vec<u8>> = members.iter().map(member).collect();
                [b"{", members.join(&b' ').as_slice(), b"}"].concat()
            }
        }
    }

    fn pair(&self) -> Option<(&Form, &Form)> {
        match self {
            Form::Sequence(forms) => match forms.as_slice() {
                [first, second] => Some((first, second)),
                _ => None,
            },
            Form::Nil | Form::Scalar(_) | Form::Map(_) => None,
        }
    }
}

/// The member of that name.
fn member<'a>(members: &'a [(Form, Form)], name: &str) -> Option<&'a Form> {
    let found = members.iter().find(|(key, _)| match key {
        Form::Scalar(text) => text.strip_prefix(b":") == Some(name.as_bytes()),
        Form::Nil | Form::Sequence(_) | Form::Map(_) => false,
    });
    found.map(|(_, value)| value)
}

/// The name of a keyword.
fn keyword<'a>(members: &'a [(Form, Form)], name: &str) -> Result<&'a [u8], String> {
    match member(members, name) {
        Some(Form::Scalar(text)) => text
            .strip_prefix(b":")
            .ok_or_else(|| format!(":{name} is no keyword")),
        Some(_) => Err(format!(":{name} is no keyword")),
        None => Err(format!(":{name} is missing")),
    }
}

fn take(gatherer: &mut Gatherer, place: u32, form: &Form) -> Result<(), String> {
    let Form::Map(members) = form else {
        return Err("an operation is a map".to_owned());
    };
    let process = member(members, "process").ok_or(":process is missing")?;
    let process = process.canonical();
    if !matches!(process.first(), Some(b'0'..=b'9' | b'-')) {
        return Ok(()); // The nemesis and its like do nothing to the object.
    }
    let kind = keyword(members, "type")?;
    let kind = Kind::named(kind).ok_or_else(|| {
        let kind = String::from_utf8_lossy(kind);
        format!(":type is :{kind}; it is one of :invoke, :ok, :fail and :info")
    })?;
    let family = gatherer.family();
    let verb = Verb::named(keyword(members, "f")?, family)?;
    let value = member(members, "value").unwrap_or(&Form::Nil);
    let (key, value) = apart(verb, value);
    let key = key.or_else(|| member(members, "key"));
    let key = key.map_or_else(Vec::new, Form::canonical);
    let text = |form: &Form| {
        let text = form.canonical();
        match (family, text.as_slice()) {
            (Family::Append, [b'"', inner @ .., b'"']) => inner.to_vec(),
            (Family::Append | Family::Register, _) => text,
        }
    };
    let (first, second);
    let value = match (verb, value) {
        (_, Form::Nil) => Value::Null,
        (Verb::Swap, form) => match form.pair() {
            Some(pair) => {
                (first, second) = (text(pair.0), text(pair.1));
                Value::Pair(&first, &second)
            }
            None => Value::Null,
        },
        (Verb::Read | Verb::Write | Verb::Append, form) => {
            first = text(form);
            Value::One(&first)
        }
    };
    let event = Event {
        process: &process,
        kind,
        verb,
        key: &key,
        value,
    };
    gatherer.take(place, &event)
}

/// Jepsen's independent keys come as `[key value]`.
fn apart(verb: Verb, value: &Form) -> (Option<&Form>, &Form) {
    let Some((first, second)) = value.pair() else {
        return (None, value);
    };
    let is_keyed = match verb {
        Verb::Read | Verb::Write | Verb::Append => true,
        Verb::Swap => second.pair().is_some(),
    };
    if is_keyed {
        (Some(first), second)
    } else {
        (None, value)
    }
}
