//! Measurements, for the benches and for `menagerie report`.
//!
//! [`latency`] and [`failover`] are in virtual time: pure functions of their settings, the same on
//! every machine. [`throughput`] is in wall time.

pub mod failover;
pub mod latency;
pub mod throughput;

use core::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use hdrhistogram::Histogram;
use menagerie::ids::{NodeId, Span};
use menagerie::protocol::{Protocol, Role};

use crate::run::internal::Internal;
use crate::world::{World, WorldEvent, in_runtime};

/// A measurement that takes more events than this has gone wrong.
const STEPS_MAX: u64 = 20_000_000;
/// The longest span that a distribution resolves: an hour.
const LONGEST_NANOS: u64 = 3_600_000_000_000;

/// Spans of virtual time, summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub least: Span,
    /// Half of them are no longer.
    pub p50: Span,
    /// 99 of 100 are no longer.
    pub p99: Span,
    /// The longest.
    pub most: Span,
    /// The arithmetic mean, rounded down to a nanosecond.
    pub mean: Span,
}

impl Summary {
    /// Sums up. The percentiles are exact to one part in a thousand, everything else to the
    /// nanosecond.
    ///
    /// # Panics
    /// If there are no spans.
    pub fn of(spans: &[Span]) -> Summary {
        assert!(!spans.is_empty(), "there is nothing to sum up");
        let mut histogram = Histogram::<u64>::new_with_bounds(1, LONGEST_NANOS, 3)
            .expect("three digits between a nanosecond and an hour are within its limits");
        let mut sum = 0u128;
        for span in spans {
            histogram.saturating_record(span.0);
            sum += u128::from(span.0);
        }
        let least = spans.iter().min().copied().unwrap_or_default();
        let most = spans.iter().max().copied().unwrap_or_default();
        // A bucket's upper end may lie beyond what was recorded.
        let at = |quantile| Span(histogram.value_at_quantile(quantile).clamp(least.0, most.0));
        let mean = sum / spans.len() as u128;
        Summary {
            count: spans.len() as u64,
            least,
            p50: at(0.5),
            p99: at(0.99),
            most,
            mean: Span(u64::try_from(mean).expect("a mean is no greater than the greatest")),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { p50, p99, mean, .. } = self;
        write!(out, "p50 {p50}, p99 {p99}, mean {mean}")
    }
}

/// Runs `body` on a fresh thread inside madsim's runtime, as every run is.
pub(crate) fn on_fresh_thread<T: Send>(
    seed: u64,
    body: impl FnOnce() -> T + Send,
) -> Result<T, Internal> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .spawn_scoped(scope, move || in_runtime(seed, body))
            .map_err(|error| Internal(format!("no thread to measure on: {error}")))?;
        thread
            .join()
            .map_err(|_| Internal("a measurement panicked; its message is above".to_owned()))
    })
}

/// Applies `work` to every item on `jobs` threads; the results are in the order of the items.
pub(crate) fn in_order<I: Sync, T: Send>(
    items: &[I],
    jobs: usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..jobs.max(1) {
            let sender = sender.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else {
                        return;
                    };
                    if sender.send((place, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.iter().collect()
    });
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Of servers 1 to `voters`, the one that leads and serves, if one does.
fn serving_leader<P: Protocol>(world: &World<P>, voters: u8) -> Option<NodeId> {
    (1..=voters).map(NodeId).find(|node| {
        let serves = |server: &menagerie::server::Server<P>| {
            let standing = server.standing();
            let reached = standing
                .serve_from
                .is_some_and(|from| server.applied() >= from);
            standing.role == Role::Leading && standing.can_propose && reached
        };
        world.server(*node).is_some_and(serves)
    })
}

/// Performs events until `done` has seen what it waits for.
fn step_until<P: Protocol, T>(
    world: &mut World<P>,
    mut done: impl FnMut(&mut World<P>, WorldEvent) -> Option<T>,
) -> T {
    for _ in 0..STEPS_MAX {
        let happening = world
            .step()
            .expect("servers have timers, so a world goes on");
        if let Some(found) = done(world, happening) {
            return found;
        }
    }
    panic!("after {STEPS_MAX} events the measurement still waits");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_equal_spans_is_that_span() {
        let span = Span::micros(2_810);
        let summary = Summary::of(&[span; 50]);
        assert_eq!(
            [summary.least, summary.p50, summary.p99, summary.most],
            [span; 4]
        );
        assert_eq!(summary.mean, span);
    }

    #[test]
    fn percentiles_are_exact_to_one_part_in_a_thousand() {
        let spans: Vec<Span> = (1..=1_000).map(Span::micros).collect();
        let summary = Summary::of(&spans);
        assert!(summary.p50.0.abs_diff(500_000) <= 500, "{summary}");
        assert!(summary.p99.0.abs_diff(990_000) <= 990, "{summary}");
        assert_eq!(summary.mean, Span(500_500));
        assert_eq!(summary.most, Span::micros(1_000));
    }

    #[test]
    fn results_keep_the_order_of_their_items() {
        let items: Vec<u64> = (0..100).collect();
        let squares = in_order(&items, 3, |item| item * item);
        assert!(
            squares
                .iter()
                .zip(&items)
                .all(|(square, item)| *square == item * item)
        );
        assert_eq!(squares.len(), 100);
    }
}
