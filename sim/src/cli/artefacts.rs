//! Keeping what tells of a failing run.

use std::sync::atomic::AtomicBool;

use super::Trouble;
use super::arguments::ArtefactArguments;
use super::campaign::processors;
use crate::diagnose::artefacts::{Artefact, ArtefactInput, Force, write};
use crate::diagnose::explain::{self, Length};
use crate::diagnose::shrink::{Budget, Shrunk, Size, Watcher, shrink};
use crate::diagnose::timeline;
use crate::run::bundle::Bundle;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::run::scenario_file::scenario_text;
use crate::run::{Job, RunReport, RunSpec};
use crate::trace::Trace;

/// Records a failing run once more and writes its artefacts; says in a line where they are, or why
/// not. That they cannot be written does not change the verdict on the run.
pub(super) fn keep(
    protocol: &Registration,
    spec: &RunSpec,
    arguments: &ArtefactArguments,
) -> Result<String, Trouble> {
    let mut job = Job::of(protocol.name, spec);
    job.resolved.world.trace = true;
    job.resolved.world.record = true;
    let report = protocol.perform(job)?;
    let Some(trace) = &report.trace else {
        return Ok("artefacts: none, because the run ended before it was recorded".to_owned());
    };
    let mut input = ArtefactInput::of(&report, trace);
    // A run that broke down on its way is not spelled out, and has no bundle.
    if let Ok(bundle) = Bundle::of(&report) {
        input = input.with(Artefact::Bundle, bundle.text());
    }
    input = input.with(Artefact::Timeline, timeline::page(trace, None));
    let mut told = trace.clone();
    if let Some(shrunk) = shrunk(protocol, &report, arguments)? {
        let from = format!(
            "{} on {}, seed {}",
            report.scenario, protocol.name, report.seed
        );
        let about = super::shrink::story(&shrunk, &from);
        // What no scenario file can express is left out: the bundle has it all.
        if let Ok(text) = scenario_text(&shrunk.run, protocol.name, &about) {
            input = input.with(Artefact::Minimal, text);
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
            "{closing}{}artefacts: {}/ ({})",
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
) -> Result<Option<Shrunk>, Trouble> {
    let Some(recording) = &report.recording else {
        return Ok(None);
    };
    if arguments.shrink.is_zero() {
        return Ok(None);
    }
    let budget = Budget {
        wall: arguments.shrink,
        jobs: processors(),
        stop: &NEVER,
    };
    Ok(shrink(*protocol, recording, None, budget, &Silent)?)
}

/// The trace of a run.
fn traced(protocol: &Registration, mut run: Resolved) -> Result<Option<Trace>, Trouble> {
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
