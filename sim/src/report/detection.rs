//! How soon each mutation is detected.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie::check::Verdict;
use menagerie::ids::{Span, VirtualTime};
use menagerie::mutation::{Entry, Mutations};

use crate::run::internal::Internal;
use crate::run::measure::in_order;
use crate::run::registry::Registration;
use crate::run::{Conclusion, RunReport, RunSpec};
use crate::scenario::Scenario;

/// So many seeds are run beyond the first that detects a mutation, for its rate.
const BEYOND: u64 = 40;

/// One run with a mutation on.
#[derive(Clone, Debug)]
struct Outcome {
    seed: u64,
    /// The checker whose violation is the earliest, and when that was.
    caught: Option<(String, VirtualTime)>,
    lasted: VirtualTime,
    wall: Duration,
}

/// A mutation on a protocol, under many seeds.
#[derive(Clone, Debug)]
pub(super) struct Detection {
    pub(super) entry: &'static Entry,
    pub(super) protocol: &'static str,
    pub(super) scenario: String,
    pub(super) seeds: Range<u64>,
    outcomes: Vec<Outcome>,
}

impl Detection {
    /// Runs a scenario with one mutation on, until [`BEYOND`] seeds after the first that
    /// detects it.
    ///
    /// # Errors
    /// If a run ended without a report.
    pub(super) fn measure(
        entry: &'static Entry,
        protocol: &Registration,
        scenario: &Arc<Scenario>,
        seeds: Range<u64>,
        jobs: usize,
    ) -> Result<Detection, Internal> {
        let run = |seed: &u64| {
            let begun = start_watch();
            let report = protocol.run(&RunSpec {
                scenario: Arc::clone(scenario),
                seed: *seed,
                mutations: Mutations::NONE.with(entry.mutation()),
                checks: true,
                trace: false,
            })?;
            Ok(Outcome {
                seed: *seed,
                caught: earliest(&report),
                lasted: report.virtual_time,
                wall: begun.elapsed(),
            })
        };
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut next = seeds.start;
        while next < seeds.end {
            let first = outcomes.iter().find(|one| one.caught.is_some());
            if first.is_some_and(|first| next > first.seed + BEYOND) {
                break;
            }
            let batch: Vec<u64> = (next..seeds.end.min(next + BEYOND)).collect();
            next += batch.len() as u64;
            let found: Result<Vec<Outcome>, Internal> =
                in_order(&batch, jobs, run).into_iter().collect();
            outcomes.extend(found?);
        }
        Ok(Detection {
            entry,
            protocol: protocol.name,
            scenario: scenario.name.clone(),
            seeds: seeds.start..next,
            outcomes,
        })
    }

    /// A name for tables and plots.
    pub(super) fn name(&self) -> String {
        format!("{} on {}", self.entry.id, self.protocol)
    }

    /// How many seeds detect it.
    pub(super) fn caught(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|one| one.caught.is_some())
            .count()
    }

    /// The first seed that does, the checker, and the virtual time of the violation.
    pub(super) fn first(&self) -> Option<(u64, &str, VirtualTime)> {
        self.outcomes.iter().find_map(|one| {
            let (checker, at) = one.caught.as_ref()?;
            Some((one.seed, checker.as_str(), *at))
        })
    }

    /// The wall time of the runs through the first that detects it, one after the other.
    pub(super) fn wall_to_first(&self) -> Option<Duration> {
        let place = self.outcomes.iter().position(|one| one.caught.is_some())?;
        Some(self.outcomes[..=place].iter().map(|one| one.wall).sum())
    }

    /// How many runs each checker was the first to report, the most first.
    pub(super) fn reporters(&self) -> Vec<(&str, u64)> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (checker, _) in self.outcomes.iter().filter_map(|one| one.caught.as_ref()) {
            *counts.entry(checker).or_default() += 1;
        }
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| core::cmp::Reverse(*count));
        counts
    }

    /// How many seeds were run.
    pub(super) fn tried(&self) -> u64 {
        self.seeds.end - self.seeds.start
    }

    /// Of each detection the virtual time of all runs since the one before it, one run after the
    /// other, up to the moment of the violation.
    pub(super) fn times(&self) -> Vec<Span> {
        let mut times = Vec::new();
        let mut fruitless = 0;
        for one in &self.outcomes {
            match &one.caught {
                Some((_, at)) => {
                    times.push(Span(fruitless + at.0));
                    fruitless = 0;
                }
                None => fruitless += one.lasted.0,
            }
        }
        times
    }
}

/// The violation with the earliest moment; of several at one moment the first in the table's order.
fn earliest(report: &RunReport) -> Option<(String, VirtualTime)> {
    if report.conclusion() != Conclusion::Fail {
        return None;
    }
    let violations = report
        .verdicts
        .iter()
        .filter_map(|judged| match &judged.verdict {
            Verdict::Fail(counterexample) => Some((judged.checker.clone(), counterexample.at)),
            Verdict::Pass { .. }
            | Verdict::Vacuous(_)
            | Verdict::NotApplicable(_)
            | Verdict::Unknown(_) => None,
        });
    violations.min_by_key(|(_, at)| *at)
}

#[expect(
    clippy::disallowed_methods,
    reason = "wall time to a detection, outside every run"
)]
fn start_watch() -> Instant {
    Instant::now()
}
