//! Keeping the artefacts of a failing run.

use std::path::PathBuf;

use super::arguments::ArtefactArguments;
use super::output::{hanging, processors};
use super::progress::Shrinking;
use super::{CliError, interrupt};
use crate::diagnose::artefacts::{
    Artefact, ArtefactError, ArtefactInput, Force, Replaced, Written, write,
};
use crate::diagnose::explain::{self, Length};
use crate::diagnose::shrink::{Budget, End, Shrunk, shrink};
use crate::diagnose::timeline;
use crate::run::bundle::Bundle;
use crate::run::program::program;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::run::scenario_file::scenario_text;
use crate::run::{Job, Reproduce, RunReport, RunSpec};
use crate::trace::Trace;

/// What shrinking a failing run may take beside a campaign; `menagerie shrink` takes more.
const SHRINK_EVENTS: u64 = 20_000_000;

/// What is proposed if that did not suffice.
const SHRINK_EVENTS_MORE: u64 = 10 * SHRINK_EVENTS;

/// What became of the artefacts of a run.
pub(super) struct Kept {
    /// The folder; `None` if nothing was written.
    pub(super) folder: Option<PathBuf>,
    /// What a person is told: the end of the story, where the files are, or why there are none.
    pub(super) told: String,
}

/// Records a failing run once more and writes its artefacts. That they cannot be written does not
/// change the verdict on the run.
pub(super) fn keep(
    protocol: &Registration,
    spec: &RunSpec,
    arguments: &ArtefactArguments,
) -> Result<Kept, CliError> {
    let mut job = Job::of(protocol.name, spec);
    job.resolved.world.trace = true;
    job.resolved.world.record = true;
    let report = protocol.perform(job)?;
    let Some(trace) = &report.trace else {
        return Ok(Kept {
            folder: None,
            told: "artefacts: none, because the run ended before it was recorded".to_owned(),
        });
    };
    let checker = arguments.shape.meant(&report);
    let mut input = ArtefactInput::of(&report, trace, arguments.events.into());
    // A run that broke down on its way is not spelled out, and has no bundle.
    if let Ok(bundle) = Bundle::of(&report) {
        input = input.with(Artefact::Bundle, bundle.text());
    }
    input = input.with(Artefact::Timeline, timeline::page(trace, checker));
    let smallest = smallest(protocol, &report, arguments)?;
    // Of the smallest run, if there is one: it has the fewest steps that do not matter.
    let (told, shown) = match &smallest {
        Some(smallest) => (&smallest.trace, Some(smallest.checker.as_str())),
        None => (trace, checker),
    };
    let story = explain::story(told, shown, Length::Short);
    let mut note = String::new();
    if let Some(smallest) = &smallest {
        input = input.with(Artefact::Minimal, smallest.text.clone()).with(
            Artefact::MinimalTimeline,
            timeline::page(&smallest.trace, shown),
        );
        let run = format!("{}{}", report.reproduce.run(), arguments.shape.preference());
        let remark = remark(smallest.end, &run, SHRINK_EVENTS_MORE);
        note = remark.map_or_else(String::new, |words| {
            format!("; {}: {words}", Artefact::Minimal.file())
        });
    }
    let mut closing = String::new();
    if let Some(story) = story {
        let which = match &smallest {
            Some(_) if shown != checker => {
                "the smallest run found near it in which a client is harmed (minimal.toml):\n"
            }
            Some(_) => "the smallest run that fails in the same way (minimal.toml):\n",
            None => "",
        };
        let lines = story.closing().into_iter();
        let lines: Vec<String> = lines.map(|line| hanging(0, &line)).collect();
        closing = format!("{which}{}\n", lines.join("\n"));
        input = input.with(Artefact::Story, story.to_markdown());
    }
    let force = if arguments.force {
        Force::Yes
    } else {
        Force::No
    };
    Ok(written(
        write(&arguments.out, &input, force),
        &closing,
        &note,
    ))
}

/// Says where the files are, or why there are none.
fn written(outcome: Result<Written, ArtefactError>, closing: &str, note: &str) -> Kept {
    match outcome {
        Ok(written) => {
            let replaced = match written.replaced {
                Replaced::Nothing => "",
                Replaced::EarlierRun => "; an earlier run of this seed was there and is replaced",
            };
            let (folder, files) = (written.folder.display(), written.files.join(", "));
            Kept {
                told: format!("{closing}artefacts: {folder}/ ({files}){note}{replaced}"),
                folder: Some(written.folder),
            }
        }
        Err(error) => Kept {
            folder: None,
            told: format!("artefacts: {error}"),
        },
    }
}

/// The smallest run that fails as a run does.
struct Smallest {
    /// Its scenario file.
    text: String,
    trace: Trace,
    /// Who reports what it shows.
    checker: String,
    end: End,
}

/// `None` if it is not wanted, does not fail any more once it is spelled out, or cannot be
/// expressed by a scenario file: the bundle has it all.
fn smallest(
    protocol: &Registration,
    report: &RunReport,
    arguments: &ArtefactArguments,
) -> Result<Option<Smallest>, CliError> {
    let Some(shrunk) = shrunk(protocol, report, arguments)? else {
        return Ok(None);
    };
    let from = format!(
        "{} on {}, seed {}",
        report.scenario, protocol.name, report.seed
    );
    let Ok(text) = scenario_text(&shrunk.run, protocol.name, &story(&shrunk, &from)) else {
        return Ok(None);
    };
    let (end, checker) = (shrunk.end, shrunk.failure.checker);
    let trace = traced(protocol, shrunk.run)?;
    Ok(trace.map(|trace| Smallest {
        text,
        trace,
        checker,
        end,
    }))
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
    let goal = arguments.shape.goal(arguments.shape.meant(report));
    let _listening = interrupt::listen()?;
    let watcher = Shrinking::new();
    let budget = Budget {
        events: SHRINK_EVENTS,
        wall: arguments.shrink,
        jobs: processors(),
        stop: &interrupt::STOP,
    };
    let shrunk = shrink(*protocol, recording, goal, budget, &watcher)?;
    watcher.end();
    Ok(shrunk)
}

/// The story of a shrunk scenario: where it comes from and what it shows.
pub(super) fn story(shrunk: &Shrunk, from: &str) -> String {
    format!(
        "{} It shows: {}",
        shrunk_from(from),
        shrunk.failure.reason.trim_end_matches('.')
    )
}

/// How the story of a shrunk scenario begins.
pub(super) fn shrunk_from(from: &str) -> String {
    format!("Shrunk from {from}.")
}

/// What is to be known of a result that may not be the smallest, and what makes it smaller: `more`
/// events for the run, which is named as for `shrink`.
pub(super) fn remark(end: End, run: &str, more: u64) -> Option<String> {
    match end {
        End::Minimal => None,
        End::Budget => Some(format!(
            "the budget ended it; with more events it may become smaller: {} shrink {run} --budget \
             {}",
            program(),
            events_text(more)
        )),
        End::Stopped => Some(
            "it was stopped early: with more time it becomes smaller, and on another machine the \
             result may differ"
                .to_owned(),
        ),
    }
}

/// A budget as the command line takes it.
fn events_text(events: u64) -> String {
    const MILLION: u64 = 1_000_000;
    if events.is_multiple_of(MILLION) {
        format!("{}M", events / MILLION)
    } else {
        events.to_string()
    }
}

/// The trace of a run.
fn traced(protocol: &Registration, mut run: Resolved) -> Result<Option<Trace>, CliError> {
    run.world.trace = true;
    let job = Job {
        scenario: "minimal".to_owned(),
        resolved: run,
        reproduce: Reproduce::scenario("minimal.toml"),
    };
    Ok(protocol.perform(job)?.trace)
}
