//! Menagerie's moving half: virtual network, clock and disk, faults, workloads, scenarios,
//! campaigns and the command line. The protocols, the tree and the checkers are in the pure package
//! `menagerie`.
//!
//! The world ([`world`]) is one queue of events; [`run`] makes it act out a [`scenario`] with the
//! [`workload`](scenario::workload) and the [`plan`](scenario::plan) of faults that a seed stands
//! for; [`campaign`](run::campaign) does so for many seeds. What a failure leaves behind is made in
//! [`diagnose`]. Somebody else's protocol gets the whole command line by
//! `menagerie_sim::main(&[Registration::of::<MyProtocol>("mine")])`.

#[cfg(not(madsim))]
compile_error!(
    "menagerie-sim must be built with `--cfg madsim`. Inside the project .cargo/config.toml sets \
     it; an exported RUSTFLAGS replaces that file, so either `unset RUSTFLAGS` or add the flag to \
     it: RUSTFLAGS=\"--cfg madsim $RUSTFLAGS\" cargo build"
);

pub mod chance;
mod cli;
pub mod conform;
pub mod diagnose;
mod files;
pub mod histories;
pub mod report;
pub mod run;
pub mod scenario;
pub mod trace;
pub mod world;

pub use cli::main;
pub use run::registry::{PROTOCOLS, Registration};
