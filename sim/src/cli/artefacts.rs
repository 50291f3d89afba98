//! Keeping the artefacts of a failing run.

use std::sync::atomic::AtomicBool;

use super::CliError;
use super::arguments::ArtefactArguments;
use super::output::processors;
use crate::diagnose::abridge::abridged;
use crate::diagnose::artefacts::{Artefact, ArtefactInput, Force, write};
use crate::diagnose::explain::{self, Length};
use crate::diagnose::shrink::{Budget, End, Shrunk, Size, Watcher, shrink};
use crate::diagnose::timeline;
use crate::run::bundle::Bundle;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::run::scenario_file::scenario_text;
use crate::run::{Job, RunReport, RunSpec};
use crate::trace::Trace;

/// What shrinking a failing run may take beside a campaign; `menagerie shrink` takes more.
const SHRINK_EVENTS: u64 = 20_000_000;

/// Records a failing run once more and writes its artefacts; says in a line where they are, or why
/// not. That they cannot be written does not change the verdict on the run.
pub(super) fn keep(
    protocol: &Registration,
    spec: &RunSpec,
    arguments: &ArtefactArguments,
) -> Result<String, CliError> {
    let mut job = Job::of(protocol.name, spec);
    job.resolved.world.trace = true;
    job.resolved.world.record = true;
    let report = protocol.perform(job)?;
    let Some(trace) = &report.trace else {
        return Ok("artefacts: none, because the run ended before it was recorded".to_owned());
    };
    let mut input = ArtefactInput::of(&report, trace, arguments.events.into());
    // A run that broke down on its way is not spelled out, and has no bundle.
    if let Ok(bundle) = Bundle::of(&report) {
        input = input.with(Artefact::Bundle, bundle.text());
    }
    input = input.with(Artefact::Timeline, timeline::page(trace, None));
    let mut told = trace.clone();
    let mut note = String::new();
    if let Some(shrunk) = shrunk(protocol, &report, arguments)? {
        let from = format!(
            "{} on {}, seed {}",
            report.scenario, protocol.name, report.seed
        );
        let about = story(&shrunk, &from);
        // What no scenario file can express is left out: the bundle has it all.
        if let Ok(text) = scenario_text(&shrunk.run, protocol.name, &about) {
            input = input.with(Artefact::Minimal, text);
            note = remark(shrunk.end).map_or_else(String::new, |words| {
                format!("; {}: {words}", Artefact::Minimal.file())
            });
        }
        told = traced(protocol, shrunk.run)?.unwrap_or(told);
    }
    // Of the smallest run, if there is one: it has the fewest steps that do not matter.
    let story = explain::story(&told, None, Length::Short);
    let mut closing = String::new();
    if let Some(story) = story {
        closing = story.closing().join("\n");
        input = input.with(Artefact::Story, story.to_markdown());
    }
    let force = if arguments.force {
        Force::Yes
    } else {
        Force::No
    };
    Ok(match write(&arguments.out, &input, force) {
        Ok(written) => format!(
            "{closing}{}artefacts: {}/ ({}){note}",
            if closing.is_empty() { "" } else { "\n" },
            written.folder.display(),
            written.files.join(", ")
        ),
        Err(error) => format!("artefacts: {error}"),
    })
}

/// The smallest run that fails as the run does; `None` if none was asked for, or the run does not
/// fail any more once it is spelled out.
fn shrunk(
    protocol: &Registration,
    report: &RunReport,
    arguments: &ArtefactArguments,
) -> Result<Option<Shrunk>, CliError> {
    let Some(recording) = &report.recording else {
        return Ok(None);
    };
    if arguments.shrink.is_zero() {
        return Ok(None);
    }
    let budget = Budget {
        events: SHRINK_EVENTS,
        wall: arguments.shrink,
        jobs: processors(),
        stop: &NEVER,
    };
    Ok(shrink(*protocol, recording, None, budget, &Silent)?)
}

/// The story of a shrunk scenario: where it comes from and what it shows.
pub(super) fn story(shrunk: &Shrunk, from: &str) -> String {
    format!(
        "Shrunk from {from}. It shows: {}",
        abridged(&shrunk.failure.reason).trim_end_matches('.')
    )
}

/// What is to be known of a result that may not be the smallest.
pub(super) fn remark(end: End) -> Option<&'static str> {
    match end {
        End::Minimal => None,
        End::Budget => Some("the budget ended it: with more events it may become smaller"),
        End::Stopped => Some(
            "it was stopped early: with more time it becomes smaller, and on another machine the \
             result may differ",
        ),
    }
}

/// The trace of a run.
fn traced(protocol: &Registration, mut run: Resolved) -> Result<Option<Trace>, CliError> {
    run.world.trace = true;
    let job = Job {
        scenario: "minimal".to_owned(),
        resolved: run,
        reproduce: "menagerie run minimal.toml".to_owned(),
    };
    Ok(protocol.perform(job)?.trace)
}

/// Nobody waits for the progress.
struct Silent;

impl Watcher for Silent {
    fn smaller(&self, _pass: &'static str, _size: &Size, _reruns: u64) {}
}

/// Ctrl-C ends the whole program here.
static NEVER: AtomicBool = AtomicBool::new(false);
