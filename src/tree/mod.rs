//! The replicated state machine: a ZooKeeper-like tree of znodes with sessions and watches.
//!
//! # What it guarantees
//! - **Determinism.** [`State::apply`] is a function of the state, the zxid and the payload. Equal
//!   states have equal digests, and the digest is kept up to date entry by entry.
//! - **One set of rules.** Under deltas (Zab) the primary validates a request against the applied
//!   state under the overlay [`Outstanding`] and replicates what comes out. Under commands (Paxos)
//!   the very same validation runs when the command is applied, under an empty overlay.
//! - **Failures are results.** One takes a zxid, changes no node, and (of a command) is stored.
//! - **Idempotence of deltas.** Every txn holds absolute values, so a replay over a fuzzy snapshot
//!   ends in the state it started from: creates of what exists and deletes of what does not are
//!   swallowed, but the parent's count of creates and pzxid are lifted, and they never go down.
//! - **At most once, for commands.** A session's writes are numbered without a hole; a number
//!   executed before gets the stored answer, one too early is refused without a trace.
//!
//! # Phases of a write
//! `prepare` turns a request into a [`TxnRecord`]; `state` changes nodes and sessions; `apply` cuts
//! the work into micro-steps, between which fuzzy captures (`snapshot`) may run, though reads may
//! not. The events of an apply go to [`Watches`], which belong to a server and are not replicated.
//!
//! # Renamed words
//! ZooKeeper's `outstandingChanges` is [`Outstanding`]; its stored `cversion` is `creates` here,
//! because it counts the creates of children only.
//!
//! # Deviations from ZooKeeper
//! - There is no `/zookeeper` subtree, so "/" starts without children.
//! - closeSession also lowers the parents' speculative number of children, so that a delete of a
//!   parent behind an outstanding closeSession succeeds; ZooKeeper refuses it with NotEmpty.
//! - closeSession of an unknown or closing session fails with SessionExpired; ZooKeeper executes it
//!   again, without an effect.
//! - A multi of a session that is gone fails as a whole, without an entry for each part.
//! - Ephemeral nodes are deleted in the order of their paths, ZooKeeper's in that of a hash set.
//! - Opening a session that is open keeps its timeout.
//!
//! # Time
//! A delta is stamped with its own time: replaying it must not depend on what was applied before. A
//! command is stamped with the greatest time of all commands executed so far.
//!
//! # What is missing
//! ACLs, container and TTL nodes, quotas, persistent and recursive watches, reconfiguration.

mod apply;
mod canonical;
mod node;
pub mod paths;
mod payload;
mod prepare;
mod request;
mod session;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod watch;

pub use apply::{Applied, Apply, Execution};
pub use node::Node;
pub use payload::*;
pub use prepare::Outstanding;
pub use request::*;
pub use session::Session;
pub use snapshot::{Capture, StateImage};
pub use state::State;
pub use watch::Watches;
