//! Menagerie's moving half: virtual network, clock and disk, faults, workloads, scenarios,
//! campaigns and the command line. The protocols, the tree and the checkers are in the pure package
//! `menagerie`.
//!
//! The world ([`world`]) is one queue of events; [`run`] makes it act out a [`scenario`] with the
//! [`workload`] and the [`plan`] of [`fault`]s that a seed stands for; [`campaign`] does so for
//! many seeds. Somebody else's protocol gets the whole command line by
//! `menagerie_sim::main(&[Registration::of::<MyProtocol>("mine")])`.

#[cfg(not(madsim))]
compile_error!(
    "menagerie-sim must be built with `--cfg madsim`. Inside the project .cargo/config.toml sets \
     it; an exported RUSTFLAGS replaces that file, so either `unset RUSTFLAGS` or add the flag to \
     it: RUSTFLAGS=\"--cfg madsim $RUSTFLAGS\" cargo build"
);

pub mod artefacts;
pub mod blame;
pub mod bound;
pub mod bundle;
pub mod campaign;
mod cli;
pub mod clock;
pub mod conform;
pub mod decision;
pub mod dice;
pub mod disk;
pub mod explain;
pub mod export;
pub mod fault;
pub mod histories;
pub mod judge;
pub mod latency;
pub mod measure;
pub mod plan;
pub mod reach;
pub mod recovery;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod run;
pub mod scenario;
pub mod script;
pub mod shrink;
pub mod timeline;
pub mod trace;
pub mod wire;
pub mod workload;
pub mod world;

pub use cli::main;
pub use registry::{PROTOCOLS, Registration};
