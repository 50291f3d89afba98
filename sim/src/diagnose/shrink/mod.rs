//! From a failing run to the smallest one that fails in the same way.
//!
//! A candidate counts only if the *same* failure remains: the same checker with the same signature
//! (see [`Failure`]). Passes are repeated until none of them takes anything away any more:
//!
//! 1. *time*: the run ends with the violation, and nothing is healed behind it;
//! 2. *faults*, *operations*, *clients*, *servers*: delta debugging;
//! 3. *irregular decisions*: first all of them at once, then (since a failure may need another
//!    moment once every delivery is regular) all of them with other moments for faults and
//!    operations, then delta debugging of those that are left;
//! 4. *values*: settings towards their defaults, moments and durations towards round numbers,
//!    requests towards simple ones.
//!
//! Candidates are tried in a fixed order, a few at the same time, and of those that fail the first
//! in that order is taken: so the result depends on the budget only where the budget ends it.

mod ddmin;
mod moves;
mod passes;
mod rename;
mod size;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use menagerie::check::Verdict;
use menagerie::ids::VirtualTime;

use crate::chance::decision::Source;
use crate::run::registry::{Internal, Registration};
use crate::run::resolve::Resolved;
use crate::run::{Job, RunReport};

pub use size::Size;

/// A failure, told apart from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The checker that reports it.
    pub checker: String,
    /// What it says, without names and numbers.
    pub signature: String,
    /// When the run first showed it.
    pub at: VirtualTime,
    /// What it says.
    pub reason: String,
}

/// So many words make a signature.
const SIGNATURE_WORDS: usize = 12;

impl Failure {
    /// The failures of a run, in the order in which the run showed them.
    pub fn of(report: &RunReport) -> Vec<Failure> {
        let mut failures: Vec<Failure> = report
            .verdicts
            .iter()
            .filter(|judged| judged.checker != "expectation")
            .filter_map(|judged| match &judged.verdict {
                Verdict::Fail(counterexample) => Some(Failure {
                    checker: judged.checker.clone(),
                    signature: signature(&counterexample.reason),
                    at: counterexample.at,
                    reason: counterexample.reason.clone(),
                }),
                Verdict::Pass { .. } | Verdict::Vacuous(_) | Verdict::Unknown(_) => None,
            })
            .collect();
        failures.sort_by_key(|failure| failure.at);
        failures
    }

    /// Whether a run shows it too.
    fn shown_by(&self, report: &RunReport) -> Option<Failure> {
        Failure::of(report)
            .into_iter()
            .find(|other| other.checker == self.checker && other.signature == self.signature)
    }
}

/// A reason without what differs from run to run: its first words that are nothing but letters.
fn signature(reason: &str) -> String {
    let words = reason.split_whitespace();
    let plain = words.filter(|word| {
        let word = word.trim_end_matches([',', '.', ':', ';']);
        !word.is_empty() && word.chars().all(char::is_alphabetic)
    });
    let mut kept: Vec<&str> = plain
        .map(|word| word.trim_end_matches([',', '.', ':', ';']))
        .collect();
    kept.truncate(SIGNATURE_WORDS);
    kept.join(" ")
}

/// How far a shrinking may go.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// The longest it may take.
    pub wall: Duration,
    /// How many runs at the same time.
    pub jobs: usize,
    /// Set from outside to end it early.
    pub stop: &'a AtomicBool,
}

/// Hears how it goes.
pub trait Watcher: Sync {
    /// The smallest run so far became smaller.
    fn smaller(&self, pass: &'static str, size: &Size, reruns: u64);
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest run that was found, spelled out.
    pub run: Resolved,
    /// Its failure.
    pub failure: Failure,
    /// Its size.
    pub size: Size,
    /// How many runs it took.
    pub reruns: u64,
    /// How long it took.
    pub wall: Duration,
    /// Whether the budget ended it before nothing more could be taken away.
    pub cut_short: bool,
}

/// A shrinking under way.
struct Shrinker<'a> {
    protocol: Registration,
    target: Failure,
    best: Resolved,
    /// The failure as the best run shows it.
    shown: Failure,
    budget: Budget<'a>,
    deadline: Instant,
    reruns: AtomicU64,
    watcher: &'a dyn Watcher,
    pass: &'static str,
    /// Which of the last candidates was taken.
    taken: Option<usize>,
}

/// Writes a run down: performs it once more, recording.
///
/// # Errors
/// If the run ended without a report.
pub fn record(protocol: Registration, run: &Resolved) -> Result<(RunReport, Resolved), Internal> {
    let mut run = run.clone();
    run.world.record = true;
    run.world.trace = false;
    let report = protocol.perform(job(run))?;
    let recording = report
        .recording
        .as_deref()
        .cloned()
        .ok_or_else(|| Internal("a recorded run was not written down".to_owned()))?;
    Ok((report, recording))
}

fn job(resolved: Resolved) -> Job {
    Job {
        scenario: String::new(),
        resolved,
        reproduce: String::new(),
    }
}

/// Performs a run, and gives the failure if it shows the one that is meant. A run that ends without
/// a report shows nothing.
pub(crate) fn shows(protocol: &Registration, target: &Failure, run: &Resolved) -> Option<Failure> {
    let mut run = run.clone();
    run.world.checks = true;
    run.world.trace = false;
    run.world.record = false;
    run.stop_early = Some(Arc::from(target.checker.as_str()));
    let report = protocol.perform(job(run)).ok()?;
    target.shown_by(&report)
}

/// Shrinks a run that fails. `checker` says which failure is meant; the first if absent. `None` if
/// the run does not fail (like that).
///
/// # Errors
/// If a run ended without a report.
pub fn shrink(
    protocol: Registration,
    run: &Resolved,
    checker: Option<&str>,
    budget: Budget<'_>,
    watcher: &dyn Watcher,
) -> Result<Option<Shrunk>, Internal> {
    #[allow(
        clippy::disallowed_methods,
        reason = "the budget is wall time, outside every run"
    )]
    let begun = Instant::now();
    let (report, spelled) = record(protocol, run)?;
    let wanted = |failure: &Failure| checker.is_none_or(|name| name == failure.checker);
    let Some(target) = Failure::of(&report).into_iter().find(wanted) else {
        return Ok(None);
    };
    let mut best = spelled;
    best.expect = crate::scenario::schema::Expect::Fail(target.checker.clone());
    let mut shrinker = Shrinker {
        protocol,
        shown: target.clone(),
        target,
        best,
        budget,
        deadline: begun + budget.wall,
        reruns: AtomicU64::new(1),
        watcher,
        pass: "record",
        taken: None,
    };
    shrinker.all_passes();
    let cut_short = shrinker.is_over();
    if let Source::Dice = shrinker.best.world.decisions {
        // The budget ended before the deliveries' turn came: they are spelled out as they are.
        shrinker.best = record(protocol, &shrinker.best)?.1;
    }
    Ok(Some(Shrunk {
        size: Size::of(&shrinker.best),
        run: shrinker.best,
        failure: shrinker.shown,
        reruns: shrinker.reruns.into_inner(),
        wall: begun.elapsed(),
        cut_short,
    }))
}

impl Shrinker<'_> {
    fn is_over(&self) -> bool {
        #[allow(
            clippy::disallowed_methods,
            reason = "the budget is wall time, outside every run"
        )]
        let now = Instant::now();
        self.budget.stop.load(Ordering::Relaxed) || now >= self.deadline
    }

    /// The failure, if a candidate shows it.
    fn try_one(&self, candidate: &Resolved) -> Option<Failure> {
        self.reruns.fetch_add(1, Ordering::Relaxed);
        shows(&self.protocol, &self.target, candidate)
    }

    /// Takes the first of the candidates, in their order, that shows the failure. Candidates that
    /// are not smaller than (or simpler within) the best are the caller's fault.
    fn take_first(&mut self, candidates: Vec<Resolved>) -> bool {
        self.taken = None;
        let width = self.budget.jobs.max(1);
        for (turn, batch) in candidates.chunks(width).enumerate() {
            let before = turn * width;
            if self.is_over() {
                return false;
            }
            let found: Vec<Option<Failure>> = thread::scope(|scope| {
                let shrinker = &*self;
                let threads: Vec<_> = batch
                    .iter()
                    .map(|candidate| scope.spawn(move || shrinker.try_one(candidate)))
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or(None))
                    .collect()
            });
            let mut found = found.into_iter().enumerate();
            if let Some((place, shown)) = found.find_map(|(place, shown)| Some((place, shown?))) {
                self.taken = Some(before + place);
                self.best = batch[place].clone();
                self.shown = shown;
                let size = Size::of(&self.best);
                let reruns = self.reruns.load(Ordering::Relaxed);
                self.watcher.smaller(self.pass, &size, reruns);
                return true;
            }
        }
        false
    }

    fn take(&mut self, candidate: Resolved) -> bool {
        self.take_first(vec![candidate])
    }
}
