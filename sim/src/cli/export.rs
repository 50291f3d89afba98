//! `menagerie export`.

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
    let out = arguments.out.as_deref();
    let out = out.map(|file| Destination { file, marks: &[] });
    if let Some(out) = out {
        out.check(arguments.force)?;
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
    match out {
        None => print(&text)?,
        Some(out) => {
            out.write(&text)?;
            let file = out.file.display();
            if arguments.json {
                let told = json!({
                    "schema": 1,
                    "file": file.to_string(),
                    "bytes": text.len(),
                });
                print(&document::text(&told))?;
            } else {
                complain(&format!("export: {file} is written"));
            }
        }
    }
    Ok(Exit::Held)
}
