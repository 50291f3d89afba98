//! `menagerie timeline`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::arguments::{TimelineArguments, What};
use super::output::print;
use super::{Exit, Trouble, select};
use crate::registry::Registration;
use crate::run::RunSpec;
use crate::scenario::Scenario;
use crate::timeline::page;
use crate::trace::Trace;

/// Writes the page of a trace, or of a run.
pub(super) fn timeline(
    arguments: &TimelineArguments,
    registered: &[Registration],
) -> Result<Exit, Trouble> {
    let trace = match (&arguments.events, &arguments.scenario) {
        (Some(events), _) => {
            Trace::read(events).map_err(|error| Trouble::Usage(error.to_string()))?
        }
        (None, Some(scenario)) => run(arguments, scenario, registered)?,
        (None, None) => {
            return Err(Trouble::Usage(
                "name a trace, such as events.jsonl, or a run by --scenario and --seed".to_owned(),
            ));
        }
    };
    let page = page(&trace);
    write(&arguments.out, &page, arguments.force)?;
    print(&format!(
        "{}: {} events, {:.1} MB\n",
        arguments.out.display(),
        trace.events.len(),
        page.len() as f64 / 1e6
    ))?;
    Ok(Exit::Held)
}

/// Runs the scenario for its trace. A page shows one run, so it needs one protocol.
fn run(
    arguments: &TimelineArguments,
    scenario: &str,
    registered: &[Registration],
) -> Result<Trace, Trouble> {
    let what = What {
        scenario: scenario.to_owned(),
        protocol: arguments.protocol.clone(),
        mutate: arguments.mutate.clone(),
        json: false,
    };
    let mutations = select::mutations(&what)?;
    let protocols = select::protocols(&what, mutations, registered)?;
    let [protocol] = protocols.as_slice() else {
        let names: Vec<&str> = protocols.iter().map(|one| one.name).collect();
        return Err(Trouble::Usage(format!(
            "a page shows one run; choose one by --protocol: {}",
            names.join(", ")
        )));
    };
    let spec = RunSpec {
        scenario: Arc::new(Scenario::read(scenario)?),
        seed: arguments.seed,
        mutations,
        checks: true,
        trace: true,
    };
    let report = protocol.run(&spec)?;
    Ok(report.trace.expect("the run was asked for its trace"))
}

/// Writes the file, but never over another one unless that is wanted.
fn write(file: &Path, page: &str, force: bool) -> Result<(), Trouble> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Trouble::Usage(format!(
            "{} is there already; --force writes over it",
            file.display()
        )),
        _ => Trouble::Usage(format!("{} cannot be written: {error}", file.display())),
    };
    let mut out = options.open(file).map_err(told)?;
    out.write_all(page.as_bytes()).map_err(told)
}
