//! `menagerie timeline`.

use std::path::Path;

use super::arguments::TimelineArguments;
use super::destination::Destination;
use super::output::print;
use super::{CliError, Exit, source};
use crate::diagnose::timeline::{PAGE_MARK, page};
use crate::files::is_lines;
use crate::run::registry::Registration;
use crate::trace::Trace;

/// Writes the page of a trace, or of a run.
pub(super) fn timeline(
    arguments: &TimelineArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let out = Destination {
        file: &arguments.out,
        marks: &[PAGE_MARK],
    };
    out.check(arguments.force)?;
    let path = Path::new(&arguments.source);
    let (trace, expected) = if is_lines(path) {
        (read(arguments, path)?, None)
    } else {
        perform(arguments, registered)?
    };
    let page = page(&trace, expected.as_deref());
    out.write(&page)?;
    print(&format!(
        "{}: {} events, {:.1} MB\n",
        arguments.out.display(),
        trace.events.len(),
        page.len() as f64 / 1e6
    ))?;
    Ok(Exit::Held)
}

fn read(arguments: &TimelineArguments, path: &Path) -> Result<Trace, CliError> {
    if !arguments.mutate.is_empty() || arguments.protocol.is_some() {
        return Err(CliError::Usage(
            "a trace has its protocol and mutations in it: leave --protocol and --mutate out"
                .to_owned(),
        ));
    }
    Trace::read(path).map_err(|error| CliError::Usage(error.to_string()))
}

/// Performs the run for its trace; gives also the checker that the scenario expects to fail.
fn perform(
    arguments: &TimelineArguments,
    registered: &[Registration],
) -> Result<(Trace, Option<String>), CliError> {
    let (protocol, mutate) = (arguments.protocol.clone(), arguments.mutate.clone());
    let what = source::what(arguments.source.clone(), protocol, mutate);
    let mut loaded = source::load(&what, arguments.seed, registered)?;
    loaded.job.resolved.world.trace = true;
    let expected = source::expected(&loaded);
    let report = loaded.protocol.perform(loaded.job)?;
    match report.trace {
        Some(trace) => Ok((trace, expected)),
        None => Err(source::untraced(&report)),
    }
}
