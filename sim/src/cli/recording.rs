//! Where a run's trace comes from: a scenario and a seed, a bundle, or a file of its own.

use std::path::Path;

use super::CliError;
use super::source::{self, Loaded};
use crate::diagnose::artefacts::{EVENTS, EVENTS_XZ};
use crate::files::content;
use crate::run::registry::Registration;
use crate::trace::export::history::{self, Line};
use crate::trace::{Trace, TraceError};

/// What a file or a run holds.
pub(super) enum Source {
    /// A whole trace.
    Trace(Box<Trace>),
    /// Only what the clients saw.
    History(Vec<Line>),
}

impl From<TraceError> for CliError {
    fn from(error: TraceError) -> CliError {
        CliError::Usage(error.to_string())
    }
}

/// The trace that a text names.
pub(super) fn trace(
    text: &str,
    protocol: Option<&str>,
    registered: &[Registration],
) -> Result<Trace, CliError> {
    match named(text, protocol, registered)? {
        Source::Trace(trace) => Ok(*trace),
        Source::History(_) => Err(CliError::Usage(format!(
            "{text} is a history and has no events; name the {EVENTS} beside it, or the run as \
             SCENARIO@SEED"
        ))),
    }
}

/// What a text names: a run by its scenario and seed, or a file.
pub(super) fn named(
    text: &str,
    protocol: Option<&str>,
    registered: &[Registration],
) -> Result<Source, CliError> {
    let mut path = Path::new(text).to_owned();
    if path.is_dir() {
        let found = [EVENTS, EVENTS_XZ].map(|name| path.join(name));
        let found = found.into_iter().find(|file| file.is_file());
        path = found.ok_or_else(|| {
            CliError::Usage(format!(
                "{text} is a folder without an {EVENTS} or {EVENTS_XZ}; name its bundle.json \
                 (which repeats the run), its history.jsonl, or the run as SCENARIO@SEED"
            ))
        })?;
    }
    if path.is_file() {
        return read(&path, registered);
    }
    if !text.contains('@') {
        return Err(CliError::Usage(format!(
            "{}: there is no such file; a run is named SCENARIO@SEED, such as \
             scenarios/chaos.toml@7, or by its {EVENTS}",
            path.display()
        )));
    }
    let what = source::what(text.to_owned(), protocol.map(str::to_owned), Vec::new());
    let run = recorded(source::load(&what, None, registered)?)?;
    Ok(Source::Trace(Box::new(run)))
}

fn read(path: &Path, registered: &[Registration]) -> Result<Source, CliError> {
    if path.extension().is_some_and(|end| end == "json") {
        return Ok(Source::Trace(Box::new(bundled(path, registered)?)));
    }
    let file = path.display().to_string();
    let text = content(path)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()))
        .map_err(|error| CliError::Usage(format!("{file}: cannot be read: {error}")))?;
    // A trace's header names a scenario; no line of a history does.
    let first = text.lines().next().unwrap_or_default();
    let is_history = !text.is_empty() && !first.contains("\"scenario\":");
    if is_history {
        return Ok(Source::History(history::parse(&file, &text)?));
    }
    Ok(Source::Trace(Box::new(Trace::parse(&file, &text)?)))
}

/// Performs the run of a bundle and records it.
fn bundled(path: &Path, registered: &[Registration]) -> Result<Trace, CliError> {
    let what = source::what(path.display().to_string(), None, Vec::new());
    recorded(source::load(&what, None, registered)?)
}

fn recorded(loaded: Loaded) -> Result<Trace, CliError> {
    let Loaded {
        protocol, mut job, ..
    } = loaded;
    job.resolved.world.trace = true;
    let report = protocol.perform(job)?;
    report.trace.ok_or_else(|| {
        CliError::Usage(format!(
            "the run broke down before anything happened: {}",
            report.reproduce
        ))
    })
}
