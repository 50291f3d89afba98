//! `menagerie run`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use menagerie::check::Verdict;

use super::arguments::RunArguments;
use super::destination::Destination;
use super::document::{self, Performed, Runs, hex};
use super::junit::{self, Suite};
use super::output::{complain, faults_line, hanging, ops_line, print, styled};
use super::select::{self, Selected};
use super::{CliError, Exit, artefacts, destination, interrupt, mutations};
use crate::run::program::program;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::run::scenario_file::resolved_text;
use crate::run::{Conclusion, RunReport, RunSpec, named};
use crate::trace::lines;

/// Runs each scenario under one seed on the chosen protocols.
pub(super) fn run(arguments: &RunArguments, registered: &[Registration]) -> Result<Exit, CliError> {
    let selected = select::all(&arguments.what, registered)?;
    if arguments.print_config {
        return print_config(&selected, arguments.seed);
    }
    let junit_file = arguments.junit.as_deref().map(|file| Destination {
        file,
        marks: junit::MARKS,
    });
    destination::check_all(junit_file.as_slice(), arguments.artefacts.force)?;
    for one in &selected {
        let run = Resolved::new(&spec(one, arguments.seed, false));
        arguments.artefacts.shape.check(&run)?;
    }
    let mut runs = Vec::new();
    let mut exit = Exit::Held;
    for one in &selected {
        let spec = spec(one, arguments.seed, arguments.trace);
        for protocol in &one.protocols {
            let (run, outcome) = perform(protocol, &spec, arguments)?;
            exit = exit.graver(outcome);
            runs.push(run);
            if interrupt::is_asked() {
                exit = exit.graver(Exit::Interrupted);
                break;
            }
        }
    }
    if let Some(file) = junit_file {
        let suites: Vec<Suite> = runs.iter().map(|run| junit::of_run(&run.report)).collect();
        file.write(&junit::text(&suites))?;
    }
    if arguments.what.choice.json {
        print(&document::text(&Runs::new(&runs)))?;
    }
    Ok(exit)
}

fn spec(selected: &Selected, seed: u64, trace: bool) -> RunSpec {
    RunSpec {
        scenario: Arc::clone(&selected.scenario),
        seed,
        mutations: selected.mutations,
        checks: true,
        trace,
    }
}

fn print_config(selected: &[Selected], seed: u64) -> Result<Exit, CliError> {
    let [one] = selected else {
        return Err(CliError::Usage(
            "--print-config prints one scenario: name one".to_owned(),
        ));
    };
    let resolved = Resolved::new(&spec(one, seed, false));
    let protocol = match one.protocols.as_slice() {
        [protocol] => Some(protocol.name),
        [] | [_, _, ..] => None,
    };
    let story = one.scenario.document.story.get_ref();
    print(&format!(
        "# {name} under seed {seed}. With that seed this file repeats the run: the rest is drawn \
         from it\n# as it was. {program} run FILE --seed {seed}\n{text}",
        name = one.scenario.name,
        program = program(),
        text = resolved_text(&resolved, protocol, story),
    ))?;
    Ok(Exit::Held)
}

/// Performs one run. Its verdicts are printed at once; that it is repeated to compare the hashes,
/// and what a failure leaves, comes after them.
fn perform(
    protocol: &Registration,
    spec: &RunSpec,
    arguments: &RunArguments,
) -> Result<(Performed, Exit), CliError> {
    let is_for_people = !arguments.what.choice.json;
    let (report, wall) = timed(protocol, spec)?;
    if is_for_people {
        print(&human(&report, Some(wall)))?;
    }
    let mut exit = verdict_exit(report.conclusion());
    let again = protocol.run(&RunSpec {
        trace: false,
        ..spec.clone()
    })?;
    let tell = |line: &str| -> Result<(), CliError> {
        if is_for_people {
            print(&format!("  {line}\n"))?;
        } else {
            complain(line);
        }
        Ok(())
    };
    if again.hash != report.hash {
        exit = exit.graver(Exit::Nondeterminism);
        let (hash, line) = (hex(again.hash), &report.reproduce);
        tell(&format!(
            "nondeterminism: the same run again has hash {hash}: {line}"
        ))?;
    }
    let shows = report.failures().any(|one| one.checker != "expectation");
    if !shows {
        for mutation in spec.mutations.iter() {
            tell(&mutations::did_not_show(mutation.entry()))?;
        }
    }
    let mut folder = None;
    if report.conclusion() == Conclusion::Fail && !arguments.artefacts.no_artifacts {
        let kept = artefacts::keep(protocol, spec, &arguments.artefacts)?;
        tell(&kept.told)?;
        folder = kept.folder;
    }
    if is_for_people {
        print("\n")?;
    }
    Ok((Performed { report, folder }, exit))
}

/// Runs it and takes the time.
fn timed(protocol: &Registration, spec: &RunSpec) -> Result<(RunReport, Duration), CliError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "wall time of a run, taken outside of it"
    )]
    let begun = Instant::now();
    let report = protocol.run(spec)?;
    Ok((report, begun.elapsed()))
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
        Verdict::NotApplicable(_) => AnsiColor::BrightBlack,
        Verdict::Vacuous(_) | Verdict::Unknown(_) => AnsiColor::Yellow,
        Verdict::Fail(_) => AnsiColor::Red,
    };
    Style::new().fg_color(Some(color.into())).bold()
}

/// Where what a checker says begins.
const DETAIL_COLUMN: usize = 28;

/// What each checker says, a line each.
fn verdict_lines(report: &RunReport, text: &mut String) {
    for judged in &report.verdicts {
        let (word, checked, reason) = judged.words();
        let word = styled(style(&judged.verdict), &format!("{word:<8}"));
        let detail = match &judged.verdict {
            Verdict::Pass { .. } => format!("{checked} checked"),
            Verdict::Vacuous(_) | Verdict::NotApplicable(_) | Verdict::Unknown(_) => {
                reason.to_owned()
            }
            Verdict::Fail(counterexample) => {
                format!("at {}: {}", counterexample.at, reason)
            }
        };
        let detail = hanging(DETAIL_COLUMN, &detail);
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
pub(super) fn human(report: &RunReport, wall: Option<Duration>) -> String {
    let mut text = String::new();
    if let Some(trace) = &report.trace {
        for line in lines(&trace.events) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let mutations = match report.mutations.as_slice() {
        [] => String::new(),
        on => format!(", mutations {}", on.join(" ")),
    };
    let title = styled(
        Style::new().bold(),
        &format!(
            "{} on {}, seed {}{mutations}",
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
    text
}
