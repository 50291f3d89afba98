//! Keeping what tells of a failing run.

use std::sync::atomic::AtomicBool;

use super::Trouble;
use super::arguments::ArtefactArguments;
use super::campaign::processors;
use crate::artefacts::{Artefact, ArtefactInput, Force, write};
use crate::bundle::Bundle;
use crate::registry::Registration;
use crate::run::{Job, RunReport, RunSpec};
use crate::script::scenario_text;
use crate::shrink::{Budget, Size, Watcher, shrink};
use crate::timeline;

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
    input = input.with(Artefact::Timeline, timeline::page(trace));
    if let Some(minimal) = minimal(protocol, &report, arguments)? {
        input = input.with(Artefact::Minimal, minimal);
    }
    let force = if arguments.force {
        Force::Yes
    } else {
        Force::No
    };
    Ok(match write(&arguments.out, &input, force) {
        Ok(written) => format!(
            "artefacts: {}/ ({})",
            written.folder.display(),
            written.files.join(", ")
        ),
        Err(error) => format!("artefacts: {error}"),
    })
}

/// The smallest scenario that fails as the run does; `None` if none was asked for, or the run does
/// not fail any more once it is spelled out.
fn minimal(
    protocol: &Registration,
    report: &RunReport,
    arguments: &ArtefactArguments,
) -> Result<Option<String>, Trouble> {
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
    let shrunk = shrink(*protocol, recording, None, budget, &Silent)?;
    let from = format!(
        "{} on {}, seed {}",
        report.scenario, protocol.name, report.seed
    );
    let text = shrunk.map(|shrunk| {
        let story = super::shrink::story(&shrunk, &from);
        scenario_text(&shrunk.run, protocol.name, &story)
    });
    text.transpose().map_err(Trouble::Usage)
}

/// Nobody waits for the progress.
struct Silent;

impl Watcher for Silent {
    fn smaller(&self, _pass: &'static str, _size: &Size, _reruns: u64) {}
}

/// Ctrl-C ends the whole program here.
static NEVER: AtomicBool = AtomicBool::new(false);
