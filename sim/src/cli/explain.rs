//! `menagerie explain`.

use std::path::Path;

use serde::Serialize;

use super::arguments::{ExplainArguments, OneScenario};
use super::document;
use super::output::{complain, print};
use super::source::{self, BUNDLE};
use super::{CliError, Exit, select};
use crate::chance::decision::Source;
use crate::diagnose::artefacts::Artefact;
use crate::diagnose::explain::{Length, Story, story};
use crate::run::program::program;
use crate::run::quoted;
use crate::run::registry::Registration;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    story: &'a Story,
}

/// Of the folder that a failing run left the smallest scenario, which has the shortest story.
fn smallest(what: &OneScenario) -> OneScenario {
    let minimal = Path::new(&what.scenario).join(Artefact::Minimal.file());
    if !minimal.is_file() {
        return what.clone();
    }
    OneScenario {
        scenario: minimal.to_string_lossy().into_owned(),
        ..what.clone()
    }
}

/// Tells the story of a failing run.
pub(super) fn explain(
    arguments: &ExplainArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    select::checker(arguments.run.checker.as_deref())?;
    let what = smallest(&arguments.run.what);
    let mut loaded = source::load(&what, arguments.run.seed, registered)?;
    let run = &mut loaded.job.resolved;
    run.world.trace = true;
    run.world.checks = true;
    let is_spelled_out = matches!(run.world.decisions, Source::Table(_)) && run.script.is_some();
    let expected = run.expect.failing().map(str::to_owned);
    let line = loaded.job.reproduce.clone();
    let report = loaded.protocol.perform(loaded.job)?;
    let trace = report
        .trace
        .as_ref()
        .ok_or_else(|| source::untraced(&report))?;
    let length = if arguments.full {
        Length::Full
    } else {
        Length::Short
    };
    let headline = report.headline().map(|judged| judged.checker.as_str());
    let told = match &arguments.run.checker {
        Some(name) => story(trace, Some(name), length),
        None => {
            let meant = [expected.as_deref(), headline].into_iter().flatten();
            meant
                .filter_map(|name| story(trace, Some(name), length))
                .next()
        }
    };
    let Some(told) = told else {
        let which = arguments.run.checker.as_deref();
        let which = which.map_or_else(String::new, |name| format!(" by {name}"));
        return Err(CliError::Usage(format!(
            "no violation is reported{which}: there is nothing to explain; to see the run: {line}"
        )));
    };
    if arguments.run.what.choice.json {
        let document = Document {
            schema: 1,
            story: &told,
        };
        print(&document::text(&document))?;
    } else {
        print(&(told.lines().join("\n") + "\n"))?;
    }
    if what.scenario != arguments.run.what.scenario {
        complain(&format!(
            "this is the story of the smallest run that fails in the same way, {}; of the run \
             itself: {} explain {}",
            what.scenario,
            program(),
            quoted(
                &Path::new(&arguments.run.what.scenario)
                    .join(BUNDLE)
                    .to_string_lossy()
            )
        ));
    }
    if !is_spelled_out {
        let path = quoted(&arguments.run.what.scenario);
        complain(&format!(
            "the run was not shrunk, and its story has much that does not matter; shrink it first \
             (`{} shrink {path} …`) and explain the bundle that comes of it",
            program()
        ));
    }
    Ok(Exit::Held)
}
