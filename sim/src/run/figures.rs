//! What users would have noticed of a run, and of many: how long nothing could be written, how
//! often the leader changed, how many sessions expired, and how long operations took.
//!
//! Everything is about the safety phase, in which the faults are: what comes after the healing is
//! asked by probes, one at a time.

use hdrhistogram::Histogram;
use menagerie::history::{Operation, Outcome};
use menagerie::ids::{Span, VirtualTime};
use menagerie::tree::Request;

use crate::run::RunReport;
use crate::world::reach::Leaders;

/// The kinds of operation whose latency differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A write.
    Write,
    /// A read, answered by the server that is asked.
    Read,
    /// A read right after a sync.
    SyncedRead,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Write, Kind::Read, Kind::SyncedRead];

    /// Its name in documents and plots.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Write => "writes",
            Kind::Read => "reads",
            Kind::SyncedRead => "synced reads",
        }
    }

    fn of(operation: &Operation) -> Option<Kind> {
        match operation.request {
            Request::Write(_) => Some(Kind::Write),
            Request::Read(_) if operation.synced => Some(Kind::SyncedRead),
            Request::Read(_) => Some(Kind::Read),
            Request::Sync | Request::Watch(_) | Request::Auth { .. } => None,
        }
    }
}

/// A span, and the seed of the run that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// The span.
    pub span: Span,
    /// The seed.
    pub seed: u64,
}

/// The times of many runs or operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Half of them are no longer.
    pub p50: Span,
    /// 99 of 100 are no longer.
    pub p99: Span,
    /// The longest.
    pub worst: Worst,
}

/// How long answered operations of one kind took.
#[derive(Clone, Debug)]
struct Latency {
    histogram: Histogram<u64>,
    worst: Option<Worst>,
}

/// What users would have noticed of many runs.
#[derive(Clone, Debug)]
pub struct Figures {
    leaders: Leaders,
    sessions_expired: u64,
    /// Of each run with two answered writes, the longest time without one.
    gaps: Vec<Worst>,
    latencies: [Latency; 3],
}

impl Default for Figures {
    fn default() -> Figures {
        let latency = || Latency {
            // Values of any size, within a thousandth.
            histogram: Histogram::new(3).expect("three digits are among those allowed"),
            worst: None,
        };
        Figures {
            leaders: Leaders::default(),
            sessions_expired: 0,
            gaps: Vec::new(),
            latencies: [latency(), latency(), latency()],
        }
    }
}

impl Figures {
    /// Adds a run.
    pub fn take(&mut self, run: &RunReport) {
        self.leaders.elected += run.noticed.leaders.elected;
        self.leaders.changed += run.noticed.leaders.changed;
        self.sessions_expired += run.noticed.sessions_expired;
        let end = run.healed.unwrap_or(run.virtual_time);
        let mut writes = Vec::new();
        for operation in &run.history.operations {
            let Some((kind, completed)) = answered(operation, end) else {
                continue;
            };
            if kind == Kind::Write {
                writes.push(completed);
            }
            let span = completed.since(operation.invoked);
            let seed = run.seed;
            self.latencies[kind as usize].take(Worst { span, seed });
        }
        writes.sort_unstable();
        self.gaps
            .extend(longest_gap(&writes, end).map(|span| Worst {
                span,
                seed: run.seed,
            }));
    }

    /// How often a server was established as the leader, and how often that was another one than
    /// before.
    pub fn leaders(&self) -> Leaders {
        self.leaders
    }

    /// How many sessions expired before the faults were healed.
    pub fn sessions_expired(&self) -> u64 {
        self.sessions_expired
    }

    /// The longest time without an answered write, over the runs.
    pub fn unavailable(&self) -> Option<Spread> {
        let mut spans: Vec<Span> = self.gaps.iter().map(|gap| gap.span).collect();
        spans.sort_unstable();
        let at = |percent: usize| spans[(spans.len() * percent).div_ceil(100).max(1) - 1];
        let worst = *self.gaps.iter().max_by_key(|gap| gap.span)?;
        Some(Spread {
            p50: at(50),
            p99: at(99),
            worst,
        })
    }

    /// The longest time without an answered write of each run, in milliseconds.
    pub fn gaps_ms(&self) -> Vec<f64> {
        let millis = |gap: &Worst| gap.span.0 as f64 / 1e6;
        self.gaps.iter().map(millis).collect()
    }

    /// How long operations of a kind took; `None` if none was answered.
    pub fn latency(&self, kind: Kind) -> Option<Spread> {
        let latency = &self.latencies[kind as usize];
        let at = |quantile: f64| Span(latency.histogram.value_at_quantile(quantile));
        Some(Spread {
            p50: at(0.5),
            p99: at(0.99),
            worst: latency.worst?,
        })
    }

    /// A hundred quantiles of the latency of a kind, in milliseconds, for a plot: the slowest
    /// hundredth is left out, or it would be all that one sees.
    pub fn latency_ms(&self, kind: Kind) -> Vec<f64> {
        let histogram = &self.latencies[kind as usize].histogram;
        if histogram.is_empty() {
            return Vec::new();
        }
        let quantile = |place: u32| f64::from(place) / 100.0;
        let at = |place| histogram.value_at_quantile(quantile(place)) as f64 / 1e6;
        (0..=99).map(at).collect()
    }
}

impl Latency {
    fn take(&mut self, one: Worst) {
        let recorded = self.histogram.record(one.span.0);
        recorded.expect("a histogram without limits grows");
        if self.worst.is_none_or(|worst| one.span > worst.span) {
            self.worst = Some(one);
        }
    }
}

/// The kind of an operation and when it was answered, if that was before the healing.
fn answered(operation: &Operation, end: VirtualTime) -> Option<(Kind, VirtualTime)> {
    let completed = operation.completed.filter(|at| *at <= end)?;
    match operation.outcome.as_ref()? {
        Outcome::Answered { .. } => {
            // That a session is gone is no answer to what was asked.
            operation.answered()?;
            Some((Kind::of(operation)?, completed))
        }
        Outcome::Refused(_) | Outcome::Unknown => None,
    }
}

/// The longest time without an answered write, from the first one to the healing.
fn longest_gap(answered: &[VirtualTime], end: VirtualTime) -> Option<Span> {
    let last = end.since(*answered.last()?);
    let between = answered.windows(2).map(|pair| pair[1].since(pair[0]));
    between.chain([last]).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_the_time_to_the_healing() {
        let at = |ms: u64| VirtualTime(ms * 1_000_000);
        assert_eq!(longest_gap(&[], at(9)), None);
        assert_eq!(longest_gap(&[at(1), at(2)], at(9)), Some(Span::millis(7)));
        assert_eq!(
            longest_gap(&[at(1), at(7), at(8)], at(9)),
            Some(Span::millis(6))
        );
    }

    #[test]
    fn quantiles_and_the_worst_seed_are_those_of_all_runs() {
        let mut figures = Figures::default();
        for (seed, ms) in [(3, 5), (4, 90), (5, 7)] {
            let span = Span::millis(ms);
            figures.gaps.push(Worst { span, seed });
            figures.latencies[Kind::Read as usize].take(Worst { span, seed });
        }
        let gaps = figures.unavailable().expect("there are runs");
        assert_eq!((gaps.p50, gaps.p99), (Span::millis(7), Span::millis(90)));
        assert_eq!(gaps.worst.seed, 4);
        let reads = figures.latency(Kind::Read).expect("there are reads");
        assert!(reads.p50.0.abs_diff(Span::millis(7).0) < 10_000);
        assert_eq!(reads.worst.span, Span::millis(90));
        assert_eq!(figures.latency(Kind::Write), None);
        assert_eq!(figures.latency_ms(Kind::Read).len(), 100);
        assert!(figures.latency_ms(Kind::Write).is_empty());
    }
}
