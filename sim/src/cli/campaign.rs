//! `menagerie campaign`.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};

use super::arguments::{ArtefactArguments, CampaignArguments, Checks};
use super::artefacts::{self, Kept};
use super::destination::Destination;
use super::document::{self, Campaigns, Finished, hex};
use super::junit::{self, Suite};
use super::output::{complain, faults_line, hanging, ops_line, print, styled};
use super::select::{self, Selected};
use super::{CliError, Exit, destination, interrupt, mutations, progress};
use crate::report::{PAGE_TITLE, PLOT_TITLE, campaign_page, campaign_plot};
use crate::run::RunSpec;
use crate::run::campaign::{CampaignReport, CampaignSpec, End, Limits, Recoveries, run};
use crate::run::figures::{Figures, Kind, Spread};
use crate::run::registry::Registration;
use crate::words::counted;

/// So many failures are confirmed by a second run.
const CONFIRMED_MAX: usize = 5;
/// The first failing run is kept for at most so many checkers.
const ARTEFACTS_MAX: usize = 5;
/// So many kinds of failure, and doubts, are printed; the document lists more.
const TOLD_MAX: usize = 10;
/// What a checker says is set in no further than this.
const HANG_MAX: usize = 24;
/// So many further seeds of one kind of failure are printed.
const SEEDS_TOLD_MAX: usize = 8;

/// Runs each scenario under many seeds on the chosen protocols.
pub(super) fn campaign(
    arguments: &CampaignArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    if arguments.seeds.is_none() && arguments.time.is_none() {
        return Err(CliError::Usage(
            "a campaign needs --seeds A..B (such as --seeds 0..2000), or a time, --for T"
                .to_owned(),
        ));
    }
    let selected = select::all(&arguments.what, registered)?;
    destination::check_all(&destinations(arguments), arguments.artefacts.force)?;
    let specs = specs(arguments, &selected);
    let _listening = interrupt::listen()?;
    let mut finished = Vec::new();
    let mut exit = Exit::Held;
    for spec in &specs {
        let total = (spec.limits.wall.is_none()).then(|| spec.seeds.end - spec.seeds.start);
        let mut watcher = progress::Runs::new(&spec.scenario.name, spec.protocol, total);
        let report = run(spec, &interrupt::STOP, &mut watcher)?;
        watcher.end();
        exit = exit
            .graver(conclude(&report))
            .graver(confirm(spec, &report)?);
        let is_for_people = !arguments.what.choice.json;
        if is_for_people {
            print(&human(&report))?;
        }
        did_not_show(spec, &report, is_for_people)?;
        let mut folders = Vec::new();
        for (seed, kept) in keep(spec, &report, &arguments.artefacts)? {
            if is_for_people {
                print(&format!("  {}\n", kept.told))?;
            } else {
                complain(&kept.told);
            }
            folders.extend(kept.folder.map(|folder| (seed, folder)));
        }
        if is_for_people {
            print("\n")?;
        }
        finished.push(Finished { report, folders });
        if interrupt::is_asked() {
            exit = exit.graver(Exit::Interrupted);
            break;
        }
    }
    write_files(arguments, &finished)?;
    if arguments.what.choice.json {
        print(&document::text(&Campaigns::new(&finished)))?;
    }
    Ok(exit)
}

/// What is to be run, in this order.
fn specs(arguments: &CampaignArguments, selected: &[Selected]) -> Vec<CampaignSpec> {
    let count: usize = selected.iter().map(|one| one.protocols.len()).sum();
    let share = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let limits = Limits {
        failures: arguments.max_failures.or(arguments.fail_fast.then_some(1)),
        wall: arguments.time.map(|time| time / share),
    };
    let seeds = arguments.seeds.clone().unwrap_or_else(|| {
        let first = random_seed();
        complain(&format!("seeds from {first} on"));
        first..u64::MAX
    });
    let mut specs = Vec::new();
    for one in selected {
        for protocol in &one.protocols {
            specs.push(CampaignSpec {
                scenario: Arc::clone(&one.scenario),
                protocol: *protocol,
                seeds: seeds.clone(),
                mutations: one.mutations,
                checks: arguments.checks == Checks::All,
                jobs: arguments.jobs.count(),
                limits,
            });
        }
    }
    specs
}

/// A seed that nobody chose, small enough to be read aloud. The keys of a hash map are random.
fn random_seed() -> u64 {
    let keys = std::hash::RandomState::new();
    keys.build_hasher().finish() & 0xffff_ffff
}

/// What helps if a mutation was on and nothing failed: where it shows.
fn did_not_show(
    spec: &CampaignSpec,
    report: &CampaignReport,
    is_for_people: bool,
) -> Result<(), CliError> {
    // Where a failure is expected, the runs that hold show it.
    let is_expected = spec.scenario.document.expect.get_ref().failing().is_some();
    if report.fail > 0 || is_expected || !spec.checks {
        return Ok(());
    }
    for mutation in spec.mutations.iter() {
        let told = mutations::did_not_show(mutation.entry());
        if is_for_people {
            print(&format!("  {told}\n"))?;
        } else {
            complain(&told);
        }
    }
    Ok(())
}

fn junit_file(arguments: &CampaignArguments) -> Option<Destination<'_>> {
    let file = arguments.junit.as_deref()?;
    let marks = junit::MARKS;
    Some(Destination { file, marks })
}

fn plot_file(arguments: &CampaignArguments) -> Option<Destination<'_>> {
    let file = arguments.plot.as_deref()?;
    let marks = &[PLOT_TITLE];
    Some(Destination { file, marks })
}

fn html_file(arguments: &CampaignArguments) -> Option<Destination<'_>> {
    let file = arguments.html.as_deref()?;
    let marks = &[PAGE_TITLE];
    Some(Destination { file, marks })
}

/// The files that are to be written.
fn destinations(arguments: &CampaignArguments) -> Vec<Destination<'_>> {
    let files = [
        junit_file(arguments),
        plot_file(arguments),
        html_file(arguments),
    ];
    files.into_iter().flatten().collect()
}

fn write_files(arguments: &CampaignArguments, finished: &[Finished]) -> Result<(), CliError> {
    if let Some(file) = junit_file(arguments) {
        let suites: Vec<Suite> = finished
            .iter()
            .map(|one| junit::of_campaign(&one.report))
            .collect();
        file.write(&junit::text(&suites))?;
    }
    let reports: Vec<&CampaignReport> = finished.iter().map(|one| &one.report).collect();
    if let Some(file) = plot_file(arguments) {
        file.write(&campaign_plot(&reports))?;
    }
    if let Some(file) = html_file(arguments) {
        file.write(&campaign_page(&reports))?;
    }
    Ok(())
}

fn conclude(report: &CampaignReport) -> Exit {
    if report.end == End::Interrupted {
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

/// Runs the first failures again: their hashes must be the same.
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
) -> Result<Vec<(u64, Kept)>, CliError> {
    let mut kept = Vec::new();
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
        let seed = failure.seed;
        kept.push((seed, artefacts::keep(&spec.protocol, &run, arguments)?));
        if interrupt::is_asked() {
            break;
        }
    }
    Ok(kept)
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
        let word = if runs == 1 { "run " } else { "runs" };
        cells.push(format!("{:<20} {runs:>6} {word} {times:>8}x", line.name));
    }
    for row in cells.chunks(2) {
        let _ = writeln!(text, "    {}", row.join("   ").trim_end());
    }
}

/// What users would have noticed.
fn figure_lines(figures: &Figures, text: &mut String) {
    let leaders = figures.leaders();
    let _ = writeln!(
        text,
        "  {}, {}, {} expired",
        counted(leaders.elected, "election"),
        counted(leaders.changed, "leader change"),
        counted(figures.sessions_expired(), "session")
    );
    let spread = |what: &str, spread: Spread, text: &mut String| {
        let _ = writeln!(
            text,
            "  {what:<36}{} (p50), {} (p99), {} (worst, seed {})",
            spread.p50, spread.p99, spread.worst.span, spread.worst.seed
        );
    };
    if let Some(unavailable) = figures.unavailable() {
        spread("longest time without a write", unavailable, text);
    }
    for kind in Kind::ALL {
        if let Some(latency) = figures.latency(kind) {
            spread(&format!("latency of {}", kind.name()), latency, text);
        }
    }
}

/// The failures by checker and rule, each with the line that reproduces its first.
fn failure_lines(report: &CampaignReport, text: &mut String) {
    for group in report.groups.iter().take(TOLD_MAX) {
        let first = &group.first;
        let head = format!("  seed {}: {}: ", first.seed, first.checker);
        let _ = writeln!(
            text,
            "{head}{}",
            hanging(head.len().min(HANG_MAX), &first.reason)
        );
        let _ = writeln!(text, "    {}", first.reproduce);
        if group.count > 1 {
            let others = group.seeds.iter().skip(1).take(SEEDS_TOLD_MAX);
            let others: Vec<String> = others.map(u64::to_string).collect();
            let more = if group.count as usize > others.len() + 1 {
                ", ..."
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "    the same in {}: {} {}{more}",
                counted(group.count - 1, "more run"),
                if group.count == 2 { "seed" } else { "seeds" },
                others.join(", ")
            );
        }
    }
    if report.groups.len() > TOLD_MAX {
        let _ = writeln!(
            text,
            "  ({} kinds of failure; --json lists all of them)",
            report.groups.len()
        );
    }
}

/// A campaign in words.
fn human(report: &CampaignReport) -> String {
    let mut text = String::new();
    let title = styled(Style::new().bold(), &report.title());
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
        "  {}: {} pass, {fail}, {} unknown, {} vacuous{}",
        counted(report.runs, "run"),
        report.pass,
        report.unknown,
        report.vacuous,
        match report.end {
            End::LastSeed | End::Time => "",
            End::Failures => " (ended by its failures)",
            End::Interrupted => " (interrupted)",
        }
    );
    let _ = writeln!(
        text,
        "  {}; two or more kinds in {}",
        faults_line(report.faults.iter()),
        counted(report.runs_with_two_fault_kinds, "run")
    );
    let _ = writeln!(text, "  {}", ops_line(&report.ops));
    figure_lines(&report.figures, &mut text);
    recovery_line(report, &mut text);
    let excused = report.excused;
    let _ = writeln!(
        text,
        "  {} of {} excused: their leader had been superseded",
        excused.excused,
        counted(excused.of, "synced read")
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
    for (seed, reason) in report.doubts.iter().take(TOLD_MAX) {
        let _ = writeln!(text, "  seed {seed}: {reason}");
    }
    text
}
