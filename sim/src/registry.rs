//! Which protocols can be run by name, and how one is added from outside.

use std::fmt;
use std::thread;

use menagerie::protocol::{Promises, Protocol, Replicates};

use crate::run::{RunReport, RunSpec, execute};

/// The protocols that come with Menagerie.
pub const PROTOCOLS: &[Registration] = &[
    Registration::of::<menagerie::zab::Zab>("zab"),
    Registration::of::<menagerie::paxos::Paxos>("paxos"),
];

/// A protocol that can be run by name.
#[derive(Clone, Copy)]
pub struct Registration {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it replicates.
    pub replicates: Replicates,
    /// What clients may rely on.
    pub promises: Promises,
    execute: fn(&'static str, &RunSpec) -> RunReport,
}

/// The simulator itself failed: a run ended without a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Internal(pub String);

impl Registration {
    /// Registers a protocol under a name.
    pub const fn of<P: Protocol>(name: &'static str) -> Registration {
        Registration {
            name,
            replicates: P::REPLICATES,
            promises: P::PROMISES,
            execute: execute::<P>,
        }
    }

    /// Performs a run on a fresh thread and waits for it.
    ///
    /// # Errors
    /// If the thread could not be started, or ended without a report.
    pub fn run(&self, spec: &RunSpec) -> Result<RunReport, Internal> {
        let (name, execute, spec) = (self.name, self.execute, spec.clone());
        let seed = spec.seed;
        let run = thread::Builder::new()
            .name(format!("{name} seed {seed}"))
            .spawn(move || execute(name, &spec))
            .map_err(|error| Internal(format!("no thread for seed {seed}: {error}")))?;
        run.join().map_err(|_| {
            Internal(format!(
                "{name}, seed {seed}: the run ended without a report"
            ))
        })
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registration")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
