//! `menagerie run`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use menagerie::check::Verdict;

use super::arguments::RunArguments;
use super::document::{self, Runs, hex};
use super::output::{complain, faults_line, ops_line, print, styled};
use super::{CliError, Exit, artefacts, select};
use crate::diagnose::abridge::abridged;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::run::{Conclusion, RunReport, RunSpec, named};
use crate::scenario::Scenario;
use crate::trace::lines;

/// Runs a scenario under one seed on the chosen protocols.
pub(super) fn run(arguments: &RunArguments, registered: &[Registration]) -> Result<Exit, CliError> {
    let scenario = Arc::new(Scenario::read(&arguments.what.scenario)?);
    let mutations = select::mutations(&arguments.what, &scenario)?;
    let protocols = select::protocols(&arguments.what, &scenario, mutations, registered)?;
    let spec = RunSpec {
        scenario,
        seed: arguments.seed,
        mutations,
        checks: true,
        trace: arguments.trace,
    };
    if arguments.print_config {
        let mut text = Resolved::new(&spec).lines().join("\n");
        text.push('\n');
        print(&text)?;
        return Ok(Exit::Held);
    }
    let mut reports = Vec::new();
    let mut exit = Exit::Held;
    for protocol in protocols {
        let (report, again, wall) = twice(&protocol, &spec)?;
        exit = exit.graver(verdict_exit(report.conclusion()));
        if again != report.hash {
            exit = exit.graver(Exit::Nondeterminism);
        }
        let kept = match report.conclusion() {
            Conclusion::Fail if !arguments.artefacts.no_artifacts => {
                Some(artefacts::keep(&protocol, &spec, &arguments.artefacts)?)
            }
            Conclusion::Fail | Conclusion::Pass | Conclusion::Vacuous | Conclusion::Unknown => None,
        };
        if arguments.what.json {
            kept.iter().for_each(|line| complain(line));
        } else {
            print(&human(&report, again, Some(wall), kept.as_deref()))?;
        }
        reports.push(report);
    }
    if arguments.what.json {
        print(&document::text(&Runs::new(&reports)))?;
    }
    Ok(exit)
}

/// Runs it, and once more without the trace to compare the hashes.
fn twice(protocol: &Registration, spec: &RunSpec) -> Result<(RunReport, u64, Duration), CliError> {
    #[allow(
        clippy::disallowed_methods,
        reason = "wall time of a run, taken outside of it"
    )]
    let begun = Instant::now();
    let report = protocol.run(spec)?;
    let wall = begun.elapsed();
    let again = RunSpec {
        trace: false,
        ..spec.clone()
    };
    let hash = protocol.run(&again)?.hash;
    Ok((report, hash, wall))
}

/// The exit code of a run's conclusion.
pub(super) fn verdict_exit(conclusion: Conclusion) -> Exit {
    match conclusion {
        Conclusion::Pass => Exit::Held,
        Conclusion::Vacuous => Exit::Vacuous,
        Conclusion::Unknown => Exit::Inconclusive,
        Conclusion::Fail => Exit::Violation,
    }
}

fn style(verdict: &Verdict) -> Style {
    let color = match verdict {
        Verdict::Pass { .. } => AnsiColor::Green,
        Verdict::Vacuous(_) | Verdict::Unknown(_) => AnsiColor::Yellow,
        Verdict::Fail(_) => AnsiColor::Red,
    };
    Style::new().fg_color(Some(color.into())).bold()
}

/// What each checker says, a line each.
fn verdict_lines(report: &RunReport, text: &mut String) {
    for judged in &report.verdicts {
        let (word, checked, reason) = judged.words();
        let word = styled(style(&judged.verdict), &format!("{word:<8}"));
        let detail = match &judged.verdict {
            Verdict::Pass { .. } => format!("{checked} checked"),
            Verdict::Vacuous(_) | Verdict::Unknown(_) => reason.to_owned(),
            Verdict::Fail(counterexample) => {
                format!("at {}: {}", counterexample.at, abridged(reason))
            }
        };
        let _ = writeln!(text, "  {:<18}{word}{detail}", judged.checker);
    }
}

/// When which servers were healed, and how long it took them to converge.
fn healing(report: &RunReport) -> String {
    let core = named(&report.core);
    match (report.healed, report.converged) {
        (Some(healed), Some(converged)) => {
            format!(
                "healed {core} at {healed}, converged {} later",
                converged.since(healed)
            )
        }
        (Some(healed), None) => format!("healed {core} at {healed}, not converged"),
        (None, _) => "not healed".to_owned(),
    }
}

/// A run in words.
pub(super) fn human(
    report: &RunReport,
    again: u64,
    wall: Option<Duration>,
    kept: Option<&str>,
) -> String {
    let mut text = String::new();
    if let Some(trace) = &report.trace {
        for line in lines(&trace.events) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let title = styled(
        Style::new().bold(),
        &format!(
            "{} on {}, seed {}",
            report.scenario, report.protocol, report.seed
        ),
    );
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{title}  hash {}", hex(report.hash));
    verdict_lines(report, &mut text);
    let _ = writeln!(text, "  {}", faults_line(report.faults.iter()));
    let _ = writeln!(text, "  {}", ops_line(&report.ops));
    let _ = writeln!(text, "  {}", healing(report));
    let wall = wall.map_or_else(String::new, |wall| {
        format!(" in {:.1}ms", wall.as_secs_f64() * 1e3)
    });
    let _ = writeln!(
        text,
        "  {} virtual{wall}, {} messages delivered",
        report.virtual_time, report.stats.messages_delivered
    );
    match report.conclusion() {
        Conclusion::Pass => {}
        Conclusion::Fail | Conclusion::Unknown | Conclusion::Vacuous => {
            let _ = writeln!(text, "  reproduce: {}", report.reproduce);
        }
    }
    if let Some(kept) = kept {
        let _ = writeln!(text, "  {kept}");
    }
    if again != report.hash {
        let _ = writeln!(
            text,
            "  nondeterminism: the same run again has hash {}: {}",
            hex(again),
            report.reproduce
        );
    }
    text.push('\n');
    text
}
