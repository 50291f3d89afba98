//! `menagerie explain`.

use serde::Serialize;

use super::arguments::ExplainArguments;
use super::document;
use super::output::{complain, print};
use super::{CliError, Exit, select, source};
use crate::chance::decision::Source;
use crate::diagnose::explain::{Length, Story, story};
use crate::run::quoted;
use crate::run::registry::Registration;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    story: &'a Story,
}

/// Tells the story of a failing run.
pub(super) fn explain(
    arguments: &ExplainArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    select::checker(arguments.run.checker.as_deref())?;
    let mut loaded = source::load(&arguments.run.what, arguments.run.seed, registered)?;
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
    let told = match &arguments.run.checker {
        Some(name) => story(trace, Some(name), length),
        None => story(trace, expected.as_deref(), length).or_else(|| story(trace, None, length)),
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
    if !is_spelled_out {
        let path = quoted(&arguments.run.what.scenario);
        complain(&format!(
            "the run was not shrunk, and its story has much that does not matter; shrink it first \
             (`menagerie shrink {path} …`) and explain the bundle that comes of it"
        ));
    }
    Ok(Exit::Held)
}
