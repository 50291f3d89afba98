//! Menagerie's pure half: coordination protocols as deterministic state machines, the znode tree
//! they replicate, and the checkers that judge them.
//!
//! Nothing in this package reads a clock, draws a number, performs IO, starts a thread or logs; the
//! package `menagerie-sim` makes it move. Start with [`protocol`], the contract between the two.

pub mod canonical;
pub mod check;
pub mod client;
pub mod conform;
pub mod history;
pub mod ids;
pub mod jute;
pub mod linear;
pub mod mutation;
pub mod paxos;
pub mod protocol;
pub mod quorum;
pub mod server;
pub mod solo;
pub mod tree;
pub mod voting;
pub mod wire;
pub mod zab;
pub mod znode;

use protocol::Tables;

/// The protocols of this package, with their tables: knobs, rare paths and mutations.
pub const PROTOCOLS: &[Tables] = &[Tables::of::<zab::Zab>(), Tables::of::<paxos::Paxos>()];
