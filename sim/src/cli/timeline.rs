//! `menagerie timeline`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::arguments::TimelineArguments;
use super::output::print;
use super::{CliError, Exit, source};
use crate::diagnose::timeline::page;
use crate::files::is_lines;
use crate::run::registry::Registration;
use crate::trace::Trace;

/// Writes the page of a trace, or of a run.
pub(super) fn timeline(
    arguments: &TimelineArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let path = Path::new(&arguments.source);
    let (trace, expected) = if is_lines(path) {
        (read(arguments, path)?, None)
    } else {
        perform(arguments, registered)?
    };
    let page = page(&trace, expected.as_deref());
    write(&arguments.out, &page, arguments.force)?;
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
    let expected = loaded.job.resolved.expect.failing().map(str::to_owned);
    let report = loaded.protocol.perform(loaded.job)?;
    match report.trace {
        Some(trace) => Ok((trace, expected)),
        None => Err(source::untraced(&report)),
    }
}

/// Writes the file, but never over another one unless that is wanted.
fn write(file: &Path, page: &str, force: bool) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::Usage(format!(
            "{} exists; name another file, or overwrite it with --force",
            file.display()
        )),
        _ => CliError::Usage(format!("{} cannot be written: {error}", file.display())),
    };
    let mut out = options.open(file).map_err(told)?;
    out.write_all(page.as_bytes()).map_err(told)
}
