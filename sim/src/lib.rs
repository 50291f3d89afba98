//! Menagerie's moving half: virtual network, clock and disk, faults, workloads, scenarios,
//! campaigns and the command line. The protocols, the tree and the checkers are in the pure package
//! `menagerie`.
//!
//! The world ([`world`]) is one queue of events; [`run`] makes it act out a [`scenario`] with the
//! [`workload`](scenario::workload) and the [`plan`](scenario::plan) of faults that a seed stands
//! for; [`campaign`](run::campaign) does so for many seeds. What a failure leaves behind is made in
//! [`diagnose`]. Somebody else's protocol gets the whole command line by
//! `menagerie_sim::main(&[Registration::of::<MyProtocol>("mine")])`.

// Without the flag this is the only error: no module is compiled.
#[cfg(not(madsim))]
compile_error!(
    "menagerie-sim must be built with `--cfg madsim`. In a project of your own, put these two \
     lines into .cargo/config.toml beside its Cargo.toml:

    [build]
    rustflags = [\"--cfg\", \"madsim\"]

An exported RUSTFLAGS replaces that file: `unset RUSTFLAGS`, or add the flag to it: \
     RUSTFLAGS=\"--cfg madsim $RUSTFLAGS\" cargo build"
);

#[cfg(madsim)]
pub mod canonical;
#[cfg(madsim)]
pub mod chance;
#[cfg(madsim)]
mod cli;
#[cfg(madsim)]
pub mod conform;
#[cfg(madsim)]
pub mod diagnose;
#[cfg(madsim)]
mod files;
#[cfg(madsim)]
pub mod histories;
#[cfg(madsim)]
pub mod report;
#[cfg(madsim)]
pub mod run;
#[cfg(madsim)]
pub mod scenario;
#[cfg(madsim)]
pub mod trace;
#[cfg(madsim)]
mod words;
#[cfg(madsim)]
pub mod world;

#[cfg(madsim)]
pub use cli::main;
#[cfg(madsim)]
pub use run::registry::{PROTOCOLS, Registration, announce};
