//! How fast the simulator is, in wall time on one core, beside two yardsticks.
//!
//! [`runs`] performs whole runs, one after the other: what a campaign does on one core, the start
//! of each run and the verdicts at its end included. [`bare_loop`] is the least that a simulation
//! can be: the same number of events through a binary heap with nothing else to do. [`net_sim`]
//! sends real messages to and fro over madsim's own network simulator, one task a node.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use madsim::net::Endpoint;
use madsim::runtime::{NodeHandle, Runtime};
use menagerie::mutation::Mutations;

use super::on_fresh_thread;
use crate::run::internal::Internal;
use crate::run::registry::Registration;
use crate::run::{Conclusion, RunSpec};
use crate::scenario::Scenario;

/// How many events wait in the heap of [`bare_loop`], about as many as in a run of five servers.
const PENDING: u64 = 64;

/// Which checkers watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// Every one.
    All,
    /// None.
    None,
}

/// What so many runs did in so much time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Messages delivered to servers, by others and by themselves.
    pub messages: u64,
    /// Messages delivered between clients and servers, either way.
    pub frames: u64,
    /// Events performed.
    pub events: u64,
    /// Operations of clients.
    pub operations: u64,
    /// Observations that checkers received.
    pub observations: u64,
    /// Wall time.
    pub wall: Duration,
}

impl Work {
    /// Every message that the simulated network delivered, as [`net_sim`] counts its own.
    pub fn delivered(&self) -> u64 {
        self.messages + self.frames
    }

    /// So many a second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Runs a scenario under each of the seeds, one after the other. Every run must hold.
///
/// # Errors
/// If a run ended without a report, or with a violation.
pub fn runs(
    protocol: &Registration,
    scenario: &Arc<Scenario>,
    watching: Watching,
    seeds: Range<u64>,
) -> Result<Work, Internal> {
    let mut work = Work::default();
    let begun = start_watch();
    for seed in seeds {
        let report = protocol.run(&RunSpec {
            scenario: Arc::clone(scenario),
            seed,
            mutations: Mutations::NONE,
            checks: watching == Watching::All,
            trace: false,
        })?;
        if report.conclusion() == Conclusion::Fail {
            let line = &report.reproduce;
            return Err(Internal(format!("a measured run is a violation: {line}")));
        }
        work.messages += report.stats.messages_delivered;
        work.frames += report.stats.frames_delivered;
        work.events += report.stats.events;
        work.operations += report.history.operations.len() as u64;
        work.observations += report.stats.observations;
    }
    work.wall = begun.elapsed();
    Ok(work)
}

/// What the checkers cost: two measurements of the same runs, with and without them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckerCost {
    /// Nanoseconds for each operation of a client.
    pub nanos_per_operation: f64,
    /// Nanoseconds for each observation.
    pub nanos_per_observation: f64,
}

impl CheckerCost {
    /// Compares. The cost is negative if the noise is greater than the cost.
    pub fn of(with: &Work, without: &Work) -> CheckerCost {
        let nanos = (with.wall.as_secs_f64() - without.wall.as_secs_f64()) * 1e9;
        CheckerCost {
            nanos_per_operation: nanos / with.operations.max(1) as f64,
            nanos_per_observation: nanos / with.observations.max(1) as f64,
        }
    }
}

/// The first yardstick: so many events through a binary heap, each of which puts the next one in.
pub fn bare_loop(events: u64) -> Duration {
    let begun = start_watch();
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = (0..PENDING)
        .map(|sequence| Reverse((sequence, sequence)))
        .collect();
    let mut state = 1u64;
    for sequence in PENDING..PENDING + events {
        let Some(Reverse((at, number))) = heap.pop() else {
            break;
        };
        // The trivial handler: a step of a linear congruential generator is the delay of the next.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(number);
        heap.push(Reverse((at + (state >> 54), sequence)));
    }
    black_box(state);
    begun.elapsed()
}

/// The second yardstick: so many messages to and fro between two nodes of madsim's network.
///
/// # Errors
/// If there is no thread for it, or if madsim lost a message.
pub fn net_sim(messages: u64) -> Result<Duration, Internal> {
    let begun = start_watch();
    let thread = thread::Builder::new()
        .spawn(move || ping_pong(messages))
        .map_err(|error| Internal(format!("no thread to measure on: {error}")))?;
    thread
        .join()
        .map_err(|_| Internal("the ping-pong panicked; its message is above".to_owned()))?
        .map_err(|error| Internal(format!("the ping-pong over NetSim ended: {error}")))?;
    Ok(begun.elapsed())
}

fn ping_pong(messages: u64) -> io::Result<()> {
    let addresses = [([10, 0, 0, 1], 1), ([10, 0, 0, 2], 1)].map(SocketAddr::from);
    let runtime = Runtime::with_seed_and_config(1, madsim::Config::default());
    let [near, far] = addresses;
    let nodes: Vec<NodeHandle> = addresses
        .iter()
        .map(|address| runtime.create_node().ip(address.ip()).build())
        .collect();
    let pong = nodes[1].spawn(async move {
        let endpoint = Endpoint::bind(far).await?;
        let mut buffer = [0u8; 16];
        for _ in 0..messages / 2 {
            let (length, from) = endpoint.recv_from(1, &mut buffer).await?;
            endpoint.send_to(from, 1, &buffer[..length]).await?;
        }
        io::Result::Ok(())
    });
    let ping = nodes[0].spawn(async move {
        let endpoint = Endpoint::bind(near).await?;
        let mut buffer = [0u8; 16];
        // The other node has to be bound before the first message.
        madsim::time::sleep(Duration::from_millis(10)).await;
        for _ in 0..messages / 2 {
            endpoint.send_to(far, 1, b"ping").await?;
            endpoint.recv_from(1, &mut buffer).await?;
        }
        io::Result::Ok(())
    });
    runtime.block_on(async move {
        ping.await.map_err(io::Error::other)??;
        pong.await.map_err(io::Error::other)?
    })
}

/// What every run pays before its first event: a thread and a runtime.
///
/// # Errors
/// If there is no thread.
pub fn start_up(times: u64) -> Result<Duration, Internal> {
    let begun = start_watch();
    for seed in 0..times {
        on_fresh_thread(seed, || ())?;
    }
    Ok(begun.elapsed())
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures the simulator itself, outside every run"
)]
fn start_watch() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ping_pong_delivers_its_messages() {
        assert!(net_sim(200).is_ok());
    }

    #[test]
    fn checks_are_told_observations_and_nobody_else_is() {
        let text = include_str!("../../../../scenarios/steady.toml");
        let scenario = Scenario::parse("scenarios/steady.toml", text);
        let scenario = Arc::new(scenario.expect("the scenario is sound"));
        let protocol = &crate::PROTOCOLS[0];
        let with = runs(protocol, &scenario, Watching::All, 0..1).expect("the run holds");
        let without = runs(protocol, &scenario, Watching::None, 0..1).expect("the run holds");
        assert!(with.observations > 0);
        assert_eq!(without.observations, 0);
        assert_eq!(with.messages, without.messages);
        assert_eq!(with.events, without.events);
    }
}
