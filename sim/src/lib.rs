//! Menagerie's moving half: virtual network, clock and disk, faults, workloads, scenarios, campaigns
//! and the command line. The protocols, the tree and the checkers are in the pure package
//! `menagerie`.

#[cfg(not(madsim))]
compile_error!(
    "menagerie-sim must be built with `--cfg madsim`. Inside the project .cargo/config.toml sets it; \
     an exported RUSTFLAGS replaces that file, so either `unset RUSTFLAGS` or add the flag to it: \
     RUSTFLAGS=\"--cfg madsim $RUSTFLAGS\" cargo build"
);

pub mod clock;
pub mod dice;
pub mod disk;
pub mod latency;
pub mod record;
pub mod wire;
pub mod world;
