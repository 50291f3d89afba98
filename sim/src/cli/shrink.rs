//! `menagerie shrink`.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::ShrinkArguments;
use super::campaign::processors;
use super::document;
use super::output::print;
use super::{Exit, Trouble, select, source};
use crate::diagnose::shrink::{self, Budget, Shrunk, Size, Watcher};
use crate::run::bundle::Bundle;
use crate::run::registry::Registration;
use crate::run::scenario_file::scenario_text;

/// Set by Ctrl-C: the smallest run so far is kept.
static STOP: AtomicBool = AtomicBool::new(false);

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
    wall_s: f64,
    complete: bool,
}

/// Shrinks a failing run to a scenario file and a bundle.
pub(super) fn shrink(
    arguments: &ShrinkArguments,
    registered: &[Registration],
) -> Result<Exit, Trouble> {
    let loaded = source::load(&arguments.what, arguments.seed, registered)?;
    select::checker(arguments.checker.as_deref())?;
    check_files(arguments)?;
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed))
        .map_err(|error| Trouble::Usage(format!("Ctrl-C cannot be caught: {error}")))?;
    let bar = Bar::new();
    let budget = Budget {
        wall: arguments.budget,
        jobs: arguments.jobs.map_or_else(processors, usize::from),
        stop: &STOP,
    };
    let checker = arguments.checker.as_deref();
    let run = &loaded.job.resolved;
    let shrunk = shrink::shrink(loaded.protocol, run, checker, budget, &bar)?;
    bar.0.finish_and_clear();
    let Some(shrunk) = shrunk else {
        let which = checker.map_or_else(String::new, |name| format!(" by {name}"));
        return Err(Trouble::Usage(format!(
            "no violation is reported{which}: there is nothing to shrink; to see the run: {}",
            loaded.job.reproduce
        )));
    };
    write(arguments, &loaded.protocol, &loaded.job.scenario, &shrunk)?;
    tell(arguments, &shrunk)?;
    Ok(Exit::Held)
}

/// Refuses files that could not be written: better now than after a long search.
fn check_files(arguments: &ShrinkArguments) -> Result<(), Trouble> {
    let refuse = |why: String| Err(Trouble::Usage(why));
    if arguments.out == arguments.bundle {
        return refuse(format!(
            "--out and --bundle both name {}; the scenario and its bundle are two files",
            arguments.out
        ));
    }
    for file in [arguments.out.as_str(), arguments.bundle.as_str()] {
        let path = Path::new(file);
        if path.is_dir() {
            return refuse(format!("{file} is a folder; name a file"));
        }
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return refuse(format!("{file}: there is no folder {}", folder.display()));
        }
        if !arguments.force && path.exists() {
            return refuse(format!(
                "{file} exists; name another file, or overwrite it with --force"
            ));
        }
    }
    Ok(())
}

fn write_file(file: &str, text: &str) -> Result<(), Trouble> {
    fs::write(file, text)
        .map_err(|error| Trouble::Usage(format!("{file} cannot be written: {error}")))
}

/// The story of a shrunk scenario: where it comes from and what it shows.
pub(super) fn story(shrunk: &Shrunk, from: &str) -> String {
    format!(
        "Shrunk from {from}. It shows: {}",
        shrunk.failure.reason.trim_end_matches('.')
    )
}

fn write(
    arguments: &ShrinkArguments,
    protocol: &Registration,
    scenario: &str,
    shrunk: &Shrunk,
) -> Result<(), Trouble> {
    let from = format!("{scenario} on {}, seed {}", protocol.name, arguments.seed);
    let text =
        scenario_text(&shrunk.run, protocol.name, &story(shrunk, &from)).map_err(Trouble::Usage)?;
    write_file(&arguments.out, &text)?;
    let (report, recorded) = shrink::record(*protocol, &shrunk.run)?;
    let failed = Some(shrunk.failure.checker.clone());
    let name = Path::new(&arguments.out)
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let bundle = Bundle::written(&recorded, &name, protocol.name, report.hash, failed)
        .map_err(Trouble::Usage)?;
    write_file(&arguments.bundle, &bundle.text())
}

fn tell(arguments: &ShrinkArguments, shrunk: &Shrunk) -> Result<(), Trouble> {
    if arguments.what.json {
        let document = Document {
            schema: 1,
            scenario_file: &arguments.out,
            bundle_file: &arguments.bundle,
            checker: &shrunk.failure.checker,
            reason: &shrunk.failure.reason,
            size: shrunk.size,
            reruns: shrunk.reruns,
            wall_s: shrunk.wall.as_secs_f64(),
            complete: !shrunk.cut_short,
        };
        return Ok(print(&document::text(&document))?);
    }
    let unfinished = if shrunk.cut_short {
        " (the budget ended it: with more time it may become smaller)"
    } else {
        ""
    };
    print(&format!(
        "{}: {}\n  {}{unfinished}\n  {} reruns in {:.1} s\n  menagerie run {}\n",
        shrunk.failure.checker,
        shrunk.failure.reason,
        shrunk.size,
        shrunk.reruns,
        shrunk.wall.as_secs_f64(),
        arguments.out
    ))?;
    Ok(())
}

/// The progress; hidden where stderr is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Bar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {elapsed} {prefix}: {msg}")
            .expect("the template of the progress line is well-formed");
        bar.set_style(style);
        bar.set_prefix("spell out");
        Bar(bar)
    }
}

impl Watcher for Bar {
    fn smaller(&self, pass: &'static str, size: &Size, reruns: u64) {
        self.0.set_prefix(pass);
        self.0.set_message(format!("{size} ({reruns} reruns)"));
        self.0.tick();
    }
}
