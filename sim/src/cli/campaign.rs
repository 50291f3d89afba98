//! `menagerie campaign`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::arguments::{ArtefactArguments, CampaignArguments, Checks};
use super::document::{self, Campaigns, hex};
use super::output::{complain, faults_line, ops_line, print, styled};
use super::{CliError, Exit, artefacts, select};
use crate::diagnose::abridge::abridged;
use crate::run::RunSpec;
use crate::run::campaign::{
    CampaignReport, CampaignSpec, FAILURES_LISTED_MAX, Recoveries, Watcher, run,
};
use crate::run::registry::Registration;
use crate::scenario::Scenario;

/// Set by Ctrl-C: the running seeds are finished and what there is is printed.
static STOP: AtomicBool = AtomicBool::new(false);

/// So many failures are confirmed by a second run.
const CONFIRMED_MAX: usize = 5;
/// The first failing run is kept for at most so many checkers.
const ARTEFACTS_MAX: usize = 5;
/// So many failures and doubts are printed; the document lists more.
const TOLD_MAX: usize = 10;

/// Runs a scenario under many seeds on the chosen protocols.
pub(super) fn campaign(
    arguments: &CampaignArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let scenario = Arc::new(Scenario::read(&arguments.what.scenario)?);
    let mutations = select::mutations(&arguments.what, &scenario)?;
    let protocols = select::protocols(&arguments.what, &scenario, mutations, registered)?;
    let jobs = arguments.jobs.count();
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed))
        .map_err(|error| CliError::Usage(format!("Ctrl-C cannot be caught: {error}")))?;
    let mut reports = Vec::new();
    let mut exit = Exit::Held;
    for protocol in protocols {
        let spec = CampaignSpec {
            scenario: Arc::clone(&scenario),
            protocol,
            seeds: arguments.seeds.clone(),
            mutations,
            checks: arguments.checks == Checks::All,
            jobs,
        };
        let mut bar = Bar::new(&spec);
        let report = run(&spec, &STOP, &mut bar)?;
        bar.bar.finish_and_clear();
        exit = exit
            .graver(conclude(&report))
            .graver(confirm(&spec, &report)?);
        let kept = keep(&spec, &report, &arguments.artefacts)?;
        if arguments.what.json {
            kept.iter().for_each(|line| complain(line));
        } else {
            print(&human(&report, &kept))?;
        }
        reports.push(report);
        if STOP.load(Ordering::Relaxed) {
            break;
        }
    }
    if arguments.what.json {
        print(&document::text(&Campaigns::new(&reports)))?;
    }
    Ok(exit)
}

fn conclude(report: &CampaignReport) -> Exit {
    if report.interrupted {
        Exit::Interrupted
    } else if report.fail > 0 {
        Exit::Violation
    } else if report.unknown > 0 {
        Exit::Inconclusive
    } else if report.vacuous > 0 {
        Exit::Vacuous
    } else {
        Exit::Held
    }
}

/// Runs the first failures again, and the first seed in any case: their hashes must be the same.
fn confirm(spec: &CampaignSpec, report: &CampaignReport) -> Result<Exit, CliError> {
    let mut exit = Exit::Held;
    for failure in report.failures.iter().take(CONFIRMED_MAX) {
        let again = spec.protocol.run(&RunSpec {
            scenario: Arc::clone(&spec.scenario),
            seed: failure.seed,
            mutations: spec.mutations,
            checks: spec.checks,
            trace: false,
        })?;
        if again.hash != failure.hash {
            complain(&format!(
                "nondeterminism: seed {} had hash {} and then {}: {}",
                failure.seed,
                hex(failure.hash),
                hex(again.hash),
                failure.reproduce
            ));
            exit = Exit::Nondeterminism;
        }
    }
    Ok(exit)
}

/// Records the first failing run of each checker again and writes its artefacts.
fn keep(
    spec: &CampaignSpec,
    report: &CampaignReport,
    arguments: &ArtefactArguments,
) -> Result<Vec<String>, CliError> {
    let mut told = Vec::new();
    let mut checkers: Vec<&str> = Vec::new();
    for failure in &report.failures {
        if arguments.no_artifacts || checkers.len() == ARTEFACTS_MAX {
            break;
        }
        if checkers.contains(&failure.checker.as_str()) {
            continue;
        }
        checkers.push(&failure.checker);
        let run = RunSpec {
            scenario: Arc::clone(&spec.scenario),
            seed: failure.seed,
            mutations: spec.mutations,
            checks: spec.checks,
            trace: true,
        };
        told.push(artefacts::keep(&spec.protocol, &run, arguments)?);
    }
    Ok(told)
}

/// The progress bar; hidden where stderr is no terminal.
struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new(spec: &CampaignSpec) -> Bar {
        let total = spec.seeds.end - spec.seeds.start;
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(
            "{prefix} {bar:30} {pos}/{len} runs, {per_sec}, {msg}, {eta} left",
        )
        .expect("the template of the progress bar is well-formed");
        bar.set_style(style);
        bar.set_prefix(spec.protocol.name);
        bar.set_message("0 fails");
        Bar { bar }
    }
}

impl Watcher for Bar {
    fn progress(&mut self, runs: u64, fails: u64) {
        self.bar.set_position(runs);
        self.bar.set_message(format!("{fails} fails"));
    }

    fn slow(&mut self, reproduce: &str, since: Duration) {
        let line = format!(
            "no run has ended for {} s; the oldest is: {reproduce}",
            since.as_secs()
        );
        self.bar.suspend(|| complain(&line));
    }
}

/// How long recovery took, beside how long it might have taken.
fn recovery_line(report: &CampaignReport, text: &mut String) {
    if let Some(times) = Recoveries::of(&report.recoveries) {
        let _ = writeln!(
            text,
            "  recovered in {} (p50), {} (p99), {} (worst, seed {}, of a bound of {}); closest to \
             its bound: {} of {} (seed {})",
            times.p50,
            times.p99,
            times.worst.took,
            times.worst.seed,
            times.worst.bound,
            times.tightest.took,
            times.tightest.bound,
            times.tightest.seed
        );
    }
}

/// The rare paths: in how many runs each was taken, and how often in all.
fn reach_table(report: &CampaignReport, text: &mut String) {
    let mut cells = Vec::new();
    for line in report.reached.lines() {
        let (runs, times) = (line.runs, line.times);
        cells.push(format!("{:<20} {runs:>6} runs {times:>8}x", line.name));
    }
    for row in cells.chunks(2) {
        let _ = writeln!(text, "    {}", row.join("   ").trim_end());
    }
}

/// The first failures, with the lines that reproduce them.
fn failure_lines(report: &CampaignReport, text: &mut String) {
    for failure in report.failures.iter().take(TOLD_MAX) {
        let _ = writeln!(
            text,
            "  seed {}: {}: {}",
            failure.seed,
            failure.checker,
            abridged(&failure.reason)
        );
        let _ = writeln!(text, "    {}", failure.reproduce);
    }
    if report.failures.len() > TOLD_MAX {
        let _ = writeln!(
            text,
            "  (--json lists up to {FAILURES_LISTED_MAX} failures)"
        );
    }
}

/// A campaign in words.
fn human(report: &CampaignReport, kept: &[String]) -> String {
    let mut text = String::new();
    let title = styled(
        Style::new().bold(),
        &format!(
            "{} on {}, seeds {}..{}",
            report.scenario, report.protocol, report.seeds.start, report.seeds.end
        ),
    );
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{title}  hash {}", hex(report.hash));
    let bad = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    let fail = format!("{} fail", report.fail);
    let fail = if report.fail > 0 {
        styled(bad, &fail)
    } else {
        fail
    };
    let _ = writeln!(
        text,
        "  {} runs: {} pass, {fail}, {} unknown, {} vacuous{}",
        report.runs,
        report.pass,
        report.unknown,
        report.vacuous,
        if report.interrupted {
            " (interrupted)"
        } else {
            ""
        }
    );
    let _ = writeln!(
        text,
        "  {}; two or more kinds in {} runs",
        faults_line(report.faults.iter()),
        report.runs_with_two_fault_kinds
    );
    let _ = writeln!(text, "  {}", ops_line(&report.ops));
    recovery_line(report, &mut text);
    let excused = report.excused;
    let _ = writeln!(
        text,
        "  {} of {} synced reads excused: their leader had been superseded",
        excused.excused, excused.of
    );
    reach_table(report, &mut text);
    let (virtual_s, wall_s) = (
        report.virtual_time.as_secs_f64(),
        report.wall_time.as_secs_f64().max(1e-9),
    );
    let _ = writeln!(
        text,
        "  {virtual_s:.1} s virtual in {wall_s:.2} s: {:.0} virtual s per s, {:.1} runs/s, \
         {:.0} messages/s",
        virtual_s / wall_s,
        report.runs as f64 / wall_s,
        report.messages_delivered as f64 / wall_s
    );
    failure_lines(report, &mut text);
    for line in kept {
        let _ = writeln!(text, "  {line}");
    }
    for (seed, reason) in report.doubts.iter().take(TOLD_MAX) {
        let _ = writeln!(text, "  seed {seed}: {reason}");
    }
    text.push('\n');
    text
}
