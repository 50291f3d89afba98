//! Which protocols can be run by name, and how one is added from outside.

use std::fmt;
use std::thread;

use menagerie::mutation::{self, Concerns, Entry};
use menagerie::protocol::{Promises, Protocol, Replicates, Tables};

use crate::run::internal::Internal;
use crate::run::measure::failover::{self, Failover, Loss};
use crate::run::measure::latency::{self, Measured, Setting};
use crate::run::{Job, RunReport, RunSpec, execute};
use crate::world::knobs;

/// The protocols that come with Menagerie. A `static`, so that their worlds are compiled once, in
/// this crate: a `const` would be compiled anew into each program and test that names it.
pub static PROTOCOLS: &[Registration] = &[
    Registration::of::<menagerie::zab::Zab>("zab"),
    Registration::of::<menagerie::paxos::Paxos>("paxos"),
];

/// Makes the mutations and knobs of protocols from outside known: on the command line, in scenarios
/// and in bundles. The program's `main` does it for the protocols that it is given; a test of one's
/// own calls it before it looks for a mutation or reads a scenario.
///
/// # Errors
/// If a mutation has the id or the name of another one, or concerns another protocol.
pub fn announce(protocols: &[Registration]) -> Result<(), String> {
    for protocol in protocols {
        let stray = |entry: &&Entry| entry.concerns != Concerns::Protocol(protocol.name);
        if let Some(entry) = protocol.tables.mutations.iter().find(stray) {
            return Err(format!(
                "mutation {} ({}) of the protocol {name} must concern it: write \
                 Concerns::Protocol(\"{name}\"), the name under which it is registered",
                entry.id,
                entry.name,
                name = protocol.name
            ));
        }
        mutation::announce(protocol.tables.mutations)
            .map_err(|why| format!("{}: {why}", protocol.name))?;
        knobs::announce(protocol.tables);
    }
    Ok(())
}

/// A protocol that can be run by name.
#[derive(Clone, Copy)]
pub struct Registration {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it replicates.
    pub replicates: Replicates,
    /// What clients may rely on.
    pub promises: Promises,
    tables: &'static Tables,
    execute: fn(&'static str, Job) -> RunReport,
    latency: fn(&Setting) -> Result<Measured, Internal>,
    failover: fn(Loss, u64) -> Result<Failover, Internal>,
}

impl Registration {
    /// Registers a protocol under a name.
    pub const fn of<P: Protocol>(name: &'static str) -> Registration {
        Registration {
            name,
            replicates: P::REPLICATES,
            promises: P::PROMISES,
            tables: const { &Tables::of::<P>() },
            execute: execute::<P>,
            latency: latency::measure::<P>,
            failover: failover::measure::<P>,
        }
    }

    /// Performs a run on a fresh thread and waits for it.
    ///
    /// # Errors
    /// If the thread could not be started, or ended without a report.
    pub fn run(&self, spec: &RunSpec) -> Result<RunReport, Internal> {
        self.perform(Job::of(self.name, spec))
    }

    /// Performs a run that was prepared, as [`Registration::run`].
    ///
    /// # Errors
    /// As there.
    pub fn perform(&self, job: Job) -> Result<RunReport, Internal> {
        let (name, execute) = (self.name, self.execute);
        let seed = job.resolved.world.seed;
        let run = thread::Builder::new()
            .name(format!("{name} seed {seed}"))
            .spawn(move || execute(name, job))
            .map_err(|error| Internal(format!("no thread for seed {seed}: {error}")))?;
        run.join().map_err(|_| {
            Internal(format!(
                "{name}, seed {seed}: the run ended without a report"
            ))
        })
    }

    /// Measures the latency of writes, see [`latency::measure`].
    ///
    /// # Errors
    /// As there.
    pub fn latency(&self, setting: &Setting) -> Result<Measured, Internal> {
        (self.latency)(setting)
    }

    /// Measures how long nobody is served after the leader is lost, see [`failover::measure`].
    ///
    /// # Errors
    /// As there.
    pub fn failover(&self, loss: Loss, seed: u64) -> Result<Failover, Internal> {
        (self.failover)(loss, seed)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registration")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
