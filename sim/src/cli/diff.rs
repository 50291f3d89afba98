//! `menagerie diff`.

use std::fmt::Write as _;

use serde::Serialize;

use super::arguments::DiffArguments;
use super::output::print;
use super::{CliError, Exit, document, recording};
use crate::run::registry::Registration;
use crate::trace::{Divergence, Event, Trace, divergence};

/// The version of the document.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    same: bool,
    left: Side<'a>,
    right: Side<'a>,
    /// How many events are the same.
    common: usize,
    before: &'a [Event],
}

#[derive(Serialize)]
struct Side<'a> {
    run: &'a str,
    hash: &'a str,
    events: usize,
    /// What follows the common events.
    behind: &'a [Event],
}

impl<'a> Side<'a> {
    fn new(run: &'a str, trace: &'a Trace, behind: Option<&'a [Event]>) -> Side<'a> {
        Side {
            run,
            hash: &trace.header.hash,
            events: trace.events.len(),
            behind: behind.unwrap_or_default(),
        }
    }
}

/// Tells where two runs part.
pub(super) fn diff(
    arguments: &DiffArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let protocol = arguments.protocol.as_deref();
    let left = recording::trace(&arguments.left, protocol, registered)?;
    // A run is compared on one protocol, unless files say otherwise.
    let protocol = protocol.or(Some(left.header.protocol.as_str()));
    let right = recording::trace(&arguments.right, protocol, registered)?;
    let found = divergence(&left, &right, usize::from(arguments.context));
    if arguments.json {
        print(&document::text(&Document {
            schema: SCHEMA,
            same: found.is_none(),
            common: found.map_or(left.events.len(), |found| found.common),
            before: found.map_or(&[], |found| found.before),
            left: Side::new(&arguments.left, &left, found.map(|found| found.left)),
            right: Side::new(&arguments.right, &right, found.map(|found| found.right)),
        }))?;
    } else {
        print(&human(arguments, &left, found.as_ref()))?;
    }
    Ok(match found {
        Some(_) => Exit::Violation,
        None => Exit::Held,
    })
}

fn human(arguments: &DiffArguments, left: &Trace, found: Option<&Divergence<'_>>) -> String {
    let Some(found) = found else {
        return format!("no difference in {} events\n", left.events.len());
    };
    let mut text = format!("{} events are the same, then they part:\n", found.common);
    // Writing into a string cannot fail.
    for event in found.before {
        let _ = writeln!(text, "    {}", event.brief());
    }
    let sides = [
        ('A', &arguments.left, found.left),
        ('B', &arguments.right, found.right),
    ];
    for (letter, run, events) in sides {
        let _ = writeln!(text, "{letter}: {run}");
        for event in events {
            let _ = writeln!(text, "  {letter} {}", event.brief());
        }
        if events.is_empty() {
            let _ = writeln!(text, "  {letter} ends here");
        }
    }
    text
}
