//! `menagerie export`.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::arguments::ExportArguments;
use super::destination::Destination;
use super::output::{complain, print};
use super::recording::{self, Source};
use super::{CliError, Exit, document};
use crate::run::registry::Registration;
use crate::trace::export::{Format, edn, export as exported, history, porcupine};

/// Writes a run's history or trace in a format.
pub(super) fn export(
    arguments: &ExportArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let protocol = arguments.protocol.as_deref();
    if let Some(file) = arguments.out.as_deref() {
        Destination { file, marks: &[] }.check_place()?;
    }
    if let Some(out) = &arguments.out
        && out.exists()
        && !arguments.force
    {
        return Err(CliError::Usage(format!(
            "--out {} is there already; --force overwrites it",
            out.display()
        )));
    }
    let text = match recording::named(&arguments.source, protocol, registered)? {
        Source::Trace(trace) => exported(&trace, arguments.format),
        Source::History(lines) => match arguments.format {
            Format::JepsenEdn => edn::history(&lines),
            Format::Porcupine => porcupine::log(&lines),
            Format::Jsonl => history::jsonl(&lines),
            Format::Shiviz | Format::Perfetto => {
                return Err(CliError::Usage(format!(
                    "{} is a history, and this format needs a trace; name the events.jsonl beside \
                     it, or the run as SCENARIO@SEED",
                    arguments.source
                )));
            }
        },
    };
    match &arguments.out {
        None => print(&text)?,
        Some(out) => {
            written(out, &text)?;
            if arguments.json {
                let told = json!({
                    "schema": 1,
                    "file": out.display().to_string(),
                    "bytes": text.len(),
                });
                print(&document::text(&told))?;
            } else {
                complain(&format!("export: {} is written", out.display()));
            }
        }
    }
    Ok(Exit::Held)
}

fn written(out: &Path, text: &str) -> Result<(), CliError> {
    fs::write(out, text).map_err(|error| {
        CliError::Usage(format!(
            "--out {} cannot be written: {error}",
            out.display()
        ))
    })
}
