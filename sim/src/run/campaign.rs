//! Many seeds of one scenario and one protocol.
//!
//! Workers take seeds in ascending order and run each on a fresh thread; the results are folded in
//! the order of the seeds, so that nothing in the report but the wall time depends on the number of
//! workers. A watchdog outside the runs names a seed that does not come back.

mod fold;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use menagerie::check::{Excused, Rule};
use menagerie::ids::Span;
use menagerie::mutation::Mutations;

use crate::run::figures::Figures;
use crate::run::internal::Internal;
use crate::run::registry::Registration;
use crate::run::{Conclusion, OpCounts, RunReport, RunSpec, reproduce};
use crate::scenario::Scenario;
use crate::world::reach::Tally;
use fold::Fold;

/// So many failures are listed.
pub const FAILURES_LISTED_MAX: usize = 100;
/// A run that takes longer than this on the wall is named.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the watchdog looks.
const WATCH: Duration = Duration::from_millis(500);

/// What to run.
#[derive(Clone, Debug)]
pub struct CampaignSpec {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The protocol.
    pub protocol: Registration,
    /// The seeds.
    pub seeds: Range<u64>,
    /// The bugs switched on.
    pub mutations: Mutations,
    /// Whether the checkers watch.
    pub checks: bool,
    /// How many runs at the same time.
    pub jobs: usize,
    /// What ends it before its last seed.
    pub limits: Limits,
}

/// What ends a campaign before its last seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// So many failing runs. Which seeds were run by then does not depend on the number of jobs.
    pub failures: Option<u64>,
    /// This time on the wall clock: then no further run begins.
    pub wall: Option<Duration>,
}

/// What ended a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its last seed.
    LastSeed,
    /// As many failures as were asked for.
    Failures,
    /// Its time.
    Time,
    /// It was stopped from outside.
    Interrupted,
}

impl End {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            End::LastSeed => "last_seed",
            End::Failures => "failures",
            End::Time => "time",
            End::Interrupted => "interrupted",
        }
    }
}

/// One failing run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Its run hash.
    pub hash: u64,
    /// The first checker that reports a violation.
    pub checker: String,
    /// What it says.
    pub reason: String,
    /// The rule that is broken.
    pub rule: Rule,
    /// The line that repeats it.
    pub reproduce: String,
}

/// Failing runs that break one rule of a checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first of them.
    pub first: Failure,
    /// The seeds of all of them, as many as are listed.
    pub seeds: Vec<u64>,
    /// How many there are.
    pub count: u64,
}

/// How long a run took to recover, and how long it might have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The run's seed.
    pub seed: u64,
    /// How long it took from the healing to the convergence.
    pub took: Span,
    /// How long it might have taken.
    pub bound: Span,
}

impl Recovery {
    /// `None` if the run had no liveness phase, or did not converge in it.
    pub fn of(run: &RunReport) -> Option<Recovery> {
        let (healed, converged) = (run.healed?, run.converged?);
        Some(Recovery {
            seed: run.seed,
            took: converged.since(healed),
            bound: run.bound,
        })
    }
}

/// The recovery times of many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recoveries {
    /// Half of the runs took no longer.
    pub p50: Span,
    /// 99 of 100 runs took no longer.
    pub p99: Span,
    /// The run that took the longest.
    pub worst: Recovery,
    /// The run that came closest to its bound.
    pub tightest: Recovery,
}

impl Recoveries {
    /// `None` without a run that recovered.
    pub fn of(recoveries: &[Recovery]) -> Option<Recoveries> {
        let mut took: Vec<Span> = recoveries.iter().map(|one| one.took).collect();
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
        let worst = *recoveries.iter().max_by_key(|one| one.took)?;
        let share =
            |one: &Recovery| u128::from(one.took.0) * 1_000_000 / u128::from(one.bound.0.max(1));
        let tightest = *recoveries.iter().max_by_key(|one| share(one))?;
        Some(Recoveries {
            p50: at(50),
            p99: at(99),
            worst,
            tightest,
        })
    }
}

/// What a campaign showed.
#[derive(Clone, Debug)]
pub struct CampaignReport {
    /// The scenario's name.
    pub scenario: String,
    /// The protocol's name.
    pub protocol: &'static str,
    /// The ids of the bugs that were on.
    pub mutations: Vec<&'static str>,
    /// The keys of the scenario that were set from outside, as `KEY=VALUE`.
    pub settings: Vec<String>,
    /// The seeds that were asked for.
    pub seeds: Range<u64>,
    /// How many runs ended.
    pub runs: u64,
    /// Runs in which everything held.
    pub pass: u64,
    /// Runs with a violation.
    pub fail: u64,
    /// Runs with something undecided.
    pub unknown: u64,
    /// Runs with something that was never exercised.
    pub vacuous: u64,
    /// Runs in which two or more kinds of fault fired.
    pub runs_with_two_fault_kinds: u64,
    /// The operations.
    pub ops: OpCounts,
    /// The synced reads that nothing could be asked of.
    pub excused: Excused,
    /// Which rare paths were taken, in how many runs and how often.
    pub reached: Tally,
    /// The faults that fired, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How long the healed servers took to converge and to answer, of each run that did.
    pub recoveries: Vec<Recovery>,
    /// Messages delivered.
    pub messages_delivered: u64,
    /// The virtual time of all runs together.
    pub virtual_time: Duration,
    /// The wall time of the campaign.
    pub wall_time: Duration,
    /// The run hashes, folded in the order of the seeds.
    pub hash: u64,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// All failures by checker and rule, in the order in which each was met first.
    pub groups: Vec<Group>,
    /// How each run ended, by its seed.
    pub outcomes: Vec<(u64, Conclusion)>,
    /// What users would have noticed.
    pub figures: Figures,
    /// Why the first runs were undecided or vacuous, with their seeds.
    pub doubts: Vec<(u64, String)>,
    /// What ended it.
    pub end: End,
}

impl CampaignReport {
    /// What was run: the scenario and the protocol, the bugs and the values.
    pub fn subject(&self) -> String {
        format!("{} on {}{}", self.scenario, self.protocol, self.choices())
    }

    /// The heading: what was run, and under which seeds.
    pub fn title(&self) -> String {
        let (first, end) = (self.seeds.start, self.seeds.end);
        let (scenario, protocol) = (&self.scenario, self.protocol);
        format!(
            "{scenario} on {protocol}, seeds {first}..{end}{}",
            self.choices()
        )
    }

    /// The bugs that were on and the values that were set.
    fn choices(&self) -> String {
        let mut choices = String::new();
        if !self.mutations.is_empty() {
            choices.push_str(&format!(", mutations {}", self.mutations.join(" ")));
        }
        if !self.settings.is_empty() {
            choices.push_str(&format!(", set {}", self.settings.join(" ")));
        }
        choices
    }
}

/// Hears how a campaign goes, on the thread that started it.
pub trait Watcher {
    /// So many runs ended, so many of them failing.
    fn progress(&mut self, runs: u64, fails: u64);
    /// A run has been going on for long.
    fn slow(&mut self, reproduce: &str, since: Duration);
}

/// A result on its way from a worker.
type Arrival = (u64, Result<RunReport, Internal>);

/// Performs a campaign. `stop` ends it early: the runs under way are finished and counted as far as
/// they follow each other.
///
/// # Errors
/// If a run ended without a report.
pub fn run(
    spec: &CampaignSpec,
    stop: &AtomicBool,
    watcher: &mut dyn Watcher,
) -> Result<CampaignReport, Internal> {
    #[expect(
        clippy::disallowed_methods,
        reason = "wall time of a campaign, outside every run"
    )]
    let begun = Instant::now();
    let next = AtomicU64::new(spec.seeds.start);
    let broken = AtomicBool::new(false);
    let workers = spec.jobs.clamp(1, 1_024);
    let count = spec.seeds.end.saturating_sub(spec.seeds.start);
    let until = spec.limits.wall.map(|wall| begun + wall);
    let mut fold = Fold::new(spec);
    let outcome = thread::scope(|scope| {
        let (arrivals, results) = mpsc::channel::<Arrival>();
        for _ in 0..workers.min(usize::try_from(count).unwrap_or(workers)) {
            let arrivals = arrivals.clone();
            let (next, halt) = (
                &next,
                Halt {
                    stop,
                    broken: &broken,
                    until,
                },
            );
            scope.spawn(move || work(spec, next, halt, &arrivals));
        }
        drop(arrivals);
        let outcome = collect(spec, &results, &mut fold, watcher);
        // The workers stop instead of running the rest for nothing.
        broken.store(true, Ordering::Relaxed);
        outcome
    });
    outcome?;
    let is_full = fold.is_full();
    let mut report = fold.finish();
    report.wall_time = begun.elapsed();
    report.end = if is_full {
        End::Failures
    } else if report.runs == count {
        End::LastSeed
    } else if stop.load(Ordering::Relaxed) {
        End::Interrupted
    } else {
        End::Time
    };
    if report.end != End::Interrupted {
        report.seeds.end = report.seeds.start + report.runs;
    }
    Ok(report)
}

fn run_spec(spec: &CampaignSpec, seed: u64) -> RunSpec {
    RunSpec {
        scenario: Arc::clone(&spec.scenario),
        seed,
        mutations: spec.mutations,
        checks: spec.checks,
        trace: false,
    }
}

/// What keeps a worker from beginning another run.
#[derive(Clone, Copy)]
struct Halt<'a> {
    /// Set from outside.
    stop: &'a AtomicBool,
    /// Set when nobody collects results any more.
    broken: &'a AtomicBool,
    /// When the time is over.
    until: Option<Instant>,
}

impl Halt<'_> {
    #[expect(
        clippy::disallowed_methods,
        reason = "wall time of a campaign, outside every run"
    )]
    fn is_called(self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.broken.load(Ordering::Relaxed)
            || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// One worker: takes the next seed until there is none.
fn work(spec: &CampaignSpec, next: &AtomicU64, halt: Halt<'_>, arrivals: &mpsc::Sender<Arrival>) {
    while !halt.is_called() {
        // Behind the greatest seed there is none: the counter stops at the end.
        let take = |seed| (seed < spec.seeds.end).then(|| seed + 1);
        let Ok(seed) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) else {
            return;
        };
        let result = spec.protocol.run(&run_spec(spec, seed));
        if arrivals.send((seed, result)).is_err() {
            // The collector is gone: it met an internal error.
            return;
        }
    }
}

/// Takes the results in, in whatever order they come, and watches for those that do not.
fn collect(
    spec: &CampaignSpec,
    results: &mpsc::Receiver<Arrival>,
    fold: &mut Fold,
    watcher: &mut dyn Watcher,
) -> Result<(), Internal> {
    let mut quiet = Duration::ZERO;
    let mut named = None;
    loop {
        match results.recv_timeout(WATCH) {
            Ok((seed, result)) => {
                fold.arrive(seed, result?);
                watcher.progress(fold.report.runs, fold.report.fail);
                quiet = Duration::ZERO;
                if fold.is_full() {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                quiet += WATCH;
                let oldest = fold.next;
                if quiet >= PATIENCE && named != Some(oldest) {
                    let line = reproduce(spec.protocol.name, &run_spec(spec, oldest)).to_string();
                    watcher.slow(&line, quiet);
                    named = Some(oldest);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}
