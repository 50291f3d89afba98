//! `menagerie shrink`.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::arguments::ShrinkArguments;
use super::artefacts::{remark, shrunk_from, story};
use super::document;
use super::output::print;
use super::progress::Shrinking;
use super::source::{self, Loaded};
use super::{CliError, Exit, interrupt, select};
use crate::diagnose::shrink::{self, Budget, End, Shrunk, Size};
use crate::run::bundle::Bundle;
use crate::run::program::program;
use crate::run::registry::Registration;
use crate::run::scenario_file::scenario_text;
use crate::words::counted;

/// A budget that did not suffice is raised by this factor in what is proposed.
const MORE: u64 = 5;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    scenario_file: &'a str,
    bundle_file: &'a str,
    checker: &'a str,
    reason: &'a str,
    #[serde(flatten)]
    size: Size,
    reruns: u64,
    events: u64,
    wall_s: f64,
    ended_by: End,
}

/// Shrinks a failing run to a scenario file and a bundle.
pub(super) fn shrink(
    arguments: &ShrinkArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let loaded = source::load(&arguments.run.what, arguments.run.seed, registered)?;
    select::checker(arguments.run.checker.as_deref())?;
    arguments.shape.check(&loaded.job.resolved)?;
    check_files(arguments, &origin(&loaded))?;
    let _listening = interrupt::listen()?;
    let bar = Shrinking::new();
    let budget = Budget {
        events: arguments.budget,
        wall: arguments.timeout,
        jobs: arguments.jobs.count(),
        stop: &interrupt::STOP,
    };
    let checker = arguments.run.checker.as_deref();
    let run = &loaded.job.resolved;
    let smaller = |checker| {
        let goal = arguments.shape.goal(checker);
        shrink::shrink(loaded.protocol, run, goal, budget, &bar)
    };
    let expected = source::expected(&loaded).filter(|_| !arguments.shape.prefers_clients());
    let mut shrunk = smaller(checker.or(expected.as_deref()))?;
    if shrunk.is_none() && checker.is_none() && expected.is_some() {
        shrunk = smaller(None)?;
    }
    bar.end();
    let Some(shrunk) = shrunk else {
        let which = checker.map_or_else(String::new, |name| format!(" by {name}"));
        return Err(CliError::Usage(format!(
            "no violation is reported{which}: there is nothing to shrink; to see the run: {}",
            loaded.job.reproduce
        )));
    };
    write(arguments, &loaded, &shrunk)?;
    tell(arguments, &loaded, &shrunk)?;
    Ok(Exit::Held)
}

/// Where the bundle goes.
fn bundle_file(arguments: &ShrinkArguments) -> String {
    arguments.bundle.clone().unwrap_or_else(|| {
        let beside = Path::new(&arguments.out).with_extension("json");
        beside.to_string_lossy().into_owned()
    })
}

/// Refuses files that could not be written: better now than after a long search.
fn check_files(arguments: &ShrinkArguments, from: &str) -> Result<(), CliError> {
    let refuse = |why: String| Err(CliError::Usage(why));
    let bundle = bundle_file(arguments);
    if arguments.out == bundle {
        return refuse(format!(
            "--out and --bundle both name {}; the scenario and its bundle are two files",
            arguments.out
        ));
    }
    for file in [arguments.out.as_str(), bundle.as_str()] {
        let path = Path::new(file);
        if path.is_dir() {
            return refuse(format!("{file} is a folder; name a file"));
        }
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return refuse(format!("{file}: there is no folder {}", folder.display()));
        }
    }
    let [scenario, bundle] = [&arguments.out, &bundle].map(Path::new);
    let own = fs::read_to_string(scenario).is_ok_and(|text| text.contains(&shrunk_from(from)));
    let there = [scenario, bundle].into_iter().find(|file| file.exists());
    match there {
        Some(file) if !own && !arguments.force => refuse(format!(
            "{} exists and is not about this run; name another file (--out, --bundle), or \
             overwrite it with --force",
            file.display()
        )),
        Some(_) | None => Ok(()),
    }
}

/// The run that is shrunk, in words.
fn origin(loaded: &Loaded) -> String {
    let (scenario, seed) = (&loaded.job.scenario, loaded.job.resolved.world.seed);
    format!("{scenario} on {}, seed {seed}", loaded.protocol.name)
}

fn write_file(file: &str, text: &str) -> Result<(), CliError> {
    fs::write(file, text)
        .map_err(|error| CliError::Usage(format!("{file} cannot be written: {error}")))
}

fn write(arguments: &ShrinkArguments, loaded: &Loaded, shrunk: &Shrunk) -> Result<(), CliError> {
    let (protocol, from) = (&loaded.protocol, origin(loaded));
    let text = scenario_text(&shrunk.run, protocol.name, &story(shrunk, &from))
        .map_err(CliError::Usage)?;
    write_file(&arguments.out, &text)?;
    let (report, recorded) = shrink::record(*protocol, &shrunk.run)?;
    let failed = Some(shrunk.failure.checker.clone());
    let name = Path::new(&arguments.out)
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let bundle = Bundle::written(&recorded, &name, protocol.name, report.hash, failed)
        .map_err(CliError::Usage)?;
    write_file(&bundle_file(arguments), &bundle.text())
}

fn tell(arguments: &ShrinkArguments, loaded: &Loaded, shrunk: &Shrunk) -> Result<(), CliError> {
    if arguments.run.what.choice.json {
        let document = Document {
            schema: 1,
            scenario_file: &arguments.out,
            bundle_file: &bundle_file(arguments),
            checker: &shrunk.failure.checker,
            reason: &shrunk.failure.reason,
            size: shrunk.size,
            reruns: shrunk.reruns,
            events: shrunk.events,
            wall_s: shrunk.wall.as_secs_f64(),
            ended_by: shrunk.end,
        };
        return Ok(print(&document::text(&document))?);
    }
    let more = arguments.budget.saturating_mul(MORE);
    let mut run = loaded.job.reproduce.run().to_owned();
    run.push_str(arguments.shape.preference());
    if let Some(checker) = &arguments.run.checker {
        run.push_str(&format!(" --checker {checker}"));
    }
    let remark = remark(shrunk.end, &run, more);
    let remark = remark.map_or_else(String::new, |words| format!(" ({words})"));
    print(&format!(
        "{}: {}\n  {}{remark}\n  {}, {:.1} million events in {:.1} s\n  {} run {}\n",
        shrunk.failure.checker,
        shrunk.failure.reason,
        shrunk.size,
        counted(shrunk.reruns, "rerun"),
        shrunk.events as f64 / 1e6,
        shrunk.wall.as_secs_f64(),
        program(),
        arguments.out
    ))?;
    Ok(())
}
