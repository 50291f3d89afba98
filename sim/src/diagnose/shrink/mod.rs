//! From a failing run to the smallest one that fails in the same way.
//!
//! A candidate counts only if the *same* failure remains: the same checker by the same rule (see
//! [`Failure`]). The largest simplifications come first, so that a small budget already gives
//! a short file:
//!
//! 1. *time*: the run ends with the violation, and nothing is healed after it;
//! 2. *large steps*: all deliveries regular, all operations of a client, all faults of one kind;
//!    if the run is long for the budget, parts of its operations before anything that takes many
//!    reruns;
//! 3. *faults*, *operations*, *clients*, *servers*: delta debugging, and drawn steps that leave out
//!    several things at once;
//! 4. *irregular decisions*: all of them, all of them with other moments for faults and operations,
//!    then delta debugging of those that are left;
//! 5. *values*: settings towards their defaults, moments and durations towards round numbers,
//!    requests towards simple ones.
//!
//! All but the large steps are repeated until a round takes nothing away.
//!
//! The budget is counted in simulated events, not in time: one seed shrinks to one result, whatever
//! the machine and however busy it is. Candidates are tried in a fixed order, a few at the same
//! time, and of those that fail the first in that order is taken; what was tried after it is not
//! charged, so that the result does not depend on the number of jobs either. Only a stop from
//! outside, or by the time limit, ends a shrinking at a place of its own, and [`End`] reports it.

mod ddmin;
mod goal;
mod moves;
mod passes;
mod rename;
mod size;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use menagerie::check::{Rule, Verdict};
use menagerie::ids::VirtualTime;
use serde::Serialize;

use crate::chance::decision::Source;
use crate::run::internal::Internal;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::run::{Job, Reproduce, RunReport};

pub use goal::{Goal, Keep, Kept, Prefer, harms_a_client};
pub use size::Size;

/// A failure, in a form in which two can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The checker that reports it.
    pub checker: String,
    /// The rule by which it does.
    pub rule: Rule,
    /// When the run first showed it.
    pub at: VirtualTime,
    /// Its sentence.
    pub reason: String,
}

impl Failure {
    /// The failures of a run, in the order of the checkers, in which verdicts are printed too.
    pub fn of(report: &RunReport) -> Vec<Failure> {
        report
            .verdicts
            .iter()
            .filter(|judged| judged.checker != "expectation")
            .filter_map(|judged| match &judged.verdict {
                Verdict::Fail(counterexample) => Some(Failure {
                    checker: judged.checker.clone(),
                    rule: counterexample.rule.clone(),
                    at: counterexample.at,
                    reason: counterexample.reason.clone(),
                }),
                Verdict::Pass { .. }
                | Verdict::Vacuous(_)
                | Verdict::NotApplicable(_)
                | Verdict::Unknown(_) => None,
            })
            .collect()
    }

    /// Whether a run shows it too.
    fn shown_by(&self, report: &RunReport) -> Option<Failure> {
        Failure::of(report)
            .into_iter()
            .find(|other| other.checker == self.checker && other.rule == self.rule)
    }
}

/// How far a shrinking may go.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// The simulated events of all reruns together; each rerun is charged `RERUN_EVENTS` more.
    pub events: u64,
    /// The longest it may take on the wall clock. Where this ends it, the result differs from one
    /// machine to another.
    pub wall: Duration,
    /// How many runs at the same time.
    pub jobs: usize,
    /// Set from outside to end it early.
    pub stop: &'a AtomicBool,
}

/// What a rerun costs beside its events: setting up a world takes about as long as this many.
const RERUN_EVENTS: u64 = 1_000;
/// The last part of the budget, in percent, is kept for making deliveries regular.
const CLOSING_PERCENT: u64 = 25;

/// What ended a shrinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// No simplification that is known shows the failure any more.
    Minimal,
    /// The budget of events was spent: the same happens on every machine.
    Budget,
    /// The time limit, or a stop from outside: elsewhere it may get further or less far.
    Stopped,
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
    /// How much of the budget it took.
    pub events: u64,
    /// How long it took.
    pub wall: Duration,
    /// What ended it.
    pub end: End,
}

/// A shrinking under way.
struct Shrinker<'a> {
    protocol: Registration,
    target: Failure,
    /// What stays. Invariant: the best run has it.
    keep: Keep,
    best: Resolved,
    /// The failure as the best run shows it.
    shown: Failure,
    budget: Budget<'a>,
    deadline: Instant,
    /// How many events the passes may spend for now.
    allowed: u64,
    /// Invariant: does not depend on the number of jobs.
    spent: u64,
    /// What a rerun of the best run takes.
    cost: u64,
    reruns: u64,
    /// What ended a pass before it was through, if something did.
    ended: Option<End>,
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
        reproduce: Reproduce::default(),
    }
}

/// A candidate that was performed.
struct Tried {
    /// The failure, if the candidate shows the one that is meant.
    shown: Option<Failure>,
    /// What it costs.
    events: u64,
}

/// Performs a run until it shows the failure that is meant. A run that ends without a report shows
/// nothing.
fn attempt(protocol: &Registration, target: &Failure, run: &Resolved) -> Tried {
    let mut run = run.clone();
    run.world.checks = true;
    run.world.trace = false;
    run.world.record = false;
    run.stop_early = Some(Arc::from(target.checker.as_str()));
    match protocol.perform(job(run)) {
        Ok(report) => Tried {
            shown: target.shown_by(&report),
            events: RERUN_EVENTS + report.stats.events,
        },
        Err(Internal(_)) => Tried {
            shown: None,
            events: RERUN_EVENTS,
        },
    }
}

/// Performs runs at the same time; what comes of them is in their order.
fn at_the_same_time<T: Send>(
    batch: &[Resolved],
    perform: impl Fn(&Resolved) -> T + Sync,
) -> Vec<T> {
    let perform = &perform;
    thread::scope(|scope| {
        let threads: Vec<_> = batch
            .iter()
            .map(|run| scope.spawn(move || perform(run)))
            .collect();
        let outcomes = threads.into_iter().map(|thread| {
            thread
                .join()
                .expect("a panic inside a run is caught by the runner")
        });
        outcomes.collect()
    })
}

/// Every failure that a run shows up to its end, and what it costs.
fn failures(protocol: &Registration, run: &Resolved) -> (Vec<Failure>, u64) {
    let mut run = run.clone();
    run.world.checks = true;
    run.world.trace = false;
    run.world.record = false;
    match protocol.perform(job(run)) {
        Ok(report) => (Failure::of(&report), RERUN_EVENTS + report.stats.events),
        Err(Internal(_)) => (Vec::new(), RERUN_EVENTS),
    }
}

/// The failure as a run shows it, if it shows the one that is meant.
pub(crate) fn shows(protocol: &Registration, target: &Failure, run: &Resolved) -> Option<Failure> {
    attempt(protocol, target, run).shown
}

/// Shrinks a run that fails. `None` if the run does not fail as the goal says.
///
/// # Errors
/// If a run ended without a report.
pub fn shrink(
    protocol: Registration,
    run: &Resolved,
    goal: Goal<'_>,
    budget: Budget<'_>,
    watcher: &dyn Watcher,
) -> Result<Option<Shrunk>, Internal> {
    let begun = wall_clock();
    let (report, best) = record(protocol, run)?;
    let Some((target, is_preferred)) = goal.target(Failure::of(&report)) else {
        return Ok(None);
    };
    let mut shrinker = Shrinker {
        protocol,
        shown: target.clone(),
        target,
        keep: goal.keep.within(&best),
        best,
        budget,
        deadline: begun + budget.wall,
        allowed: budget.events,
        spent: RERUN_EVENTS + report.stats.events,
        cost: RERUN_EVENTS + report.stats.events,
        reruns: 1,
        ended: None,
        watcher,
        pass: "record",
        taken: None,
    };
    if !is_preferred {
        shrinker.look_for_a_harmed_client();
    }
    let checker = shrinker.target.checker.clone();
    shrinker.best.expect = crate::scenario::schema::Expect::Fail(checker);
    shrinker.all_passes();
    if let Source::Dice = shrinker.best.world.decisions {
        // The budget ended before the deliveries' turn came: they are spelled out as they are.
        shrinker.best = record(protocol, &shrinker.best)?.1;
    }
    Ok(Some(Shrunk {
        size: Size::of(&shrinker.best),
        run: shrinker.best,
        failure: shrinker.shown,
        reruns: shrinker.reruns,
        events: shrinker.spent,
        wall: begun.elapsed(),
        end: shrinker.ended.unwrap_or(End::Minimal),
    }))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time limit of a shrinking, outside every run"
)]
fn wall_clock() -> Instant {
    Instant::now()
}

impl Shrinker<'_> {
    /// Whether the passes must end, and notes why.
    fn is_over(&mut self) -> bool {
        if self.budget.stop.load(Ordering::Relaxed) || wall_clock() >= self.deadline {
            self.ended = Some(End::Stopped);
        } else if self.spent >= self.allowed {
            self.ended.get_or_insert(End::Budget);
        } else {
            return false;
        }
        true
    }

    /// Takes the first of the candidates, in their order, that shows the failure. Candidates that
    /// are not smaller than (or simpler within) the best are the caller's fault.
    fn take_first(&mut self, candidates: Vec<Resolved>) -> bool {
        self.taken = None;
        let width = self.budget.jobs.max(1);
        for (turn, batch) in candidates.chunks(width).enumerate() {
            if self.is_over() {
                return false;
            }
            let (protocol, target) = (&self.protocol, &self.target);
            let tried = at_the_same_time(batch, |run| attempt(protocol, target, run));
            for (place, tried) in tried.into_iter().enumerate() {
                // One job would not have begun this one.
                if self.spent >= self.allowed {
                    break;
                }
                self.spent += tried.events;
                self.reruns += 1;
                if let Some(shown) = tried.shown {
                    self.taken = Some(turn * width + place);
                    self.best = batch[place].clone();
                    self.cost = tried.events;
                    self.shown = shown;
                    let size = Size::of(&self.best);
                    self.watcher.smaller(self.pass, &size, self.reruns);
                    return true;
                }
            }
        }
        false
    }

    /// Takes the candidate if it shows the failure, and has what is to be kept.
    fn take(&mut self, candidate: Resolved) -> bool {
        self.keeps(&candidate) && self.take_first(vec![candidate])
    }

    /// Whether a candidate keeps what is to be kept. One that heals too few servers to elect a
    /// leader, unlike the run that it is made of, fails whatever the protocol does.
    fn keeps(&self, candidate: &Resolved) -> bool {
        self.keep.is_kept_by(candidate)
            && (candidate.heals_a_quorum() || !self.best.heals_a_quorum())
    }
}
