//! Traces as files: one JSON document a line.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Event, Header, TRACE_VERSION, Trace};
use crate::files::content;

/// Why a trace cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.file, self.message),
            line => write!(out, "{}:{line}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for TraceError {}

impl Event {
    /// The event as its line of the file, without the line's end.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("events are made of words, numbers and lists")
    }
}

impl Trace {
    /// Writes the trace as JSON lines.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        serde_json::to_writer(&mut out, &self.header)?;
        out.write_all(b"\n")?;
        for event in &self.events {
            serde_json::to_writer(&mut out, event)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// The trace as JSON lines.
    pub fn to_jsonl(&self) -> String {
        let mut bytes = Vec::new();
        self.write(&mut bytes)
            .expect("writing into memory cannot fail");
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }

    /// Reads a file, plain or compressed by xz.
    ///
    /// # Errors
    /// If it cannot be read, or is no trace of this version: names the file and the line.
    pub fn read(path: &Path) -> Result<Trace, TraceError> {
        let file = path.display().to_string();
        let text = content(path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()))
            .map_err(|error| TraceError {
                file: file.clone(),
                line: 0,
                message: format!("cannot be read: {error}"),
            })?;
        Trace::parse(&file, &text)
    }

    /// Reads the content of a file; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`Trace::read`].
    pub fn parse(file: &str, text: &str) -> Result<Trace, TraceError> {
        let wrong = |line: usize, message: String| TraceError {
            file: file.to_owned(),
            line,
            message,
        };
        let mut lines = text.lines();
        let first = lines
            .next()
            .ok_or_else(|| wrong(0, "is empty; a trace begins with its header".to_owned()))?;
        let header: Header = parsed(first)
            .map_err(|why| wrong(1, format!("is not the header of a trace: {why}")))?;
        if header.schema != TRACE_VERSION {
            let message = format!(
                "the trace has version {}, and this program reads version {TRACE_VERSION}; write \
                 it again from its scenario and seed",
                header.schema
            );
            return Err(wrong(1, message));
        }
        let voters = header.nodes.iter().filter(|node| !node.observer).count();
        if let Err(why) = header.commit.fits(voters.min(usize::from(u8::MAX)) as u8) {
            return Err(wrong(
                1,
                format!("the header's \"commit\" does not fit: {why}"),
            ));
        }
        let mut events: Vec<Event> = Vec::new();
        for (number, line) in (2..).zip(lines) {
            let event: Event =
                parsed(line).map_err(|why| wrong(number, format!("is not an event: {why}")))?;
            let expected = events.len() as u64;
            if event.seq != expected {
                let message = format!("event {} stands where {expected} should", event.seq);
                return Err(wrong(number, message));
            }
            if let Some(cause) = event.cause.filter(|cause| *cause >= event.seq) {
                let message = format!(
                    "event {} names the later event {cause} as its cause",
                    event.seq
                );
                return Err(wrong(number, message));
            }
            events.push(event);
        }
        Ok(Trace { header, events })
    }
}

fn parsed<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        // The line within the document is always the first, and would mislead.
        match text.split_once(" at line 1 column ") {
            Some((what, column)) => format!("{what} (column {column})"),
            None => text,
        }
    })
}
