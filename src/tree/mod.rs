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
//! `prepare` turns a request into a [`TxnRecord`] by the rules in `draft`; `state` changes nodes
//! and sessions; `apply` cuts the work into micro-steps, between which fuzzy captures (`snapshot`)
//! may run, though reads may not. The events of an apply go to [`Watches`], which belong to a
//! server and are not replicated.
//!
//! # Renamed words
//! ZooKeeper's `outstandingChanges` is [`Outstanding`]; its stored `cversion` is `creates` here,
//! because it counts the creates of children only.
//!
//! # The dialect
//! That of 3.8.0 as it was recorded from a real server (`crate::conform`), which leaves watchers
//! who may not read a node in the dark about it. A node that is not endless is stored under the
//! owner that ZooKeeper gives it, see [`Lifetime`]; clients are told of sessions alone.
//!
//! # Deviations from ZooKeeper
//! - A TTL node is refused where the real server dies of it: createTTL with flags that name none.
//! - closeSession also lowers the parents' speculative number of children, so that a delete of a
//!   parent after an outstanding closeSession succeeds; ZooKeeper refuses it with NotEmpty.
//! - closeSession of an unknown or closing session fails with SessionExpired; ZooKeeper executes it
//!   again, without an effect.
//! - A multi of a session that is gone fails as a whole, without an entry for each part.
//! - Ephemeral nodes are deleted in the order of their paths, ZooKeeper's in that of a hash set.
//! - Opening a session that is open keeps its timeout.
//! - A removal pass never deletes a node that is neither container nor TTL node; ZooKeeper's would
//!   delete a persistent one that took the place of a container while the request was on its way.
//!
//! # Cost
//! Nodes (`nodes`) and children are kept in maps that share their structure with their clones, so
//! that a snapshot costs nothing until the state changes, and then little. Nodes are found by a
//! hash of the path (`trie`) and listed in the order of the paths (`shared`). Operations take
//! O(log nodes), whatever the depth; counting descendants takes what it counts.
//!
//! # Time
//! A delta is stamped with its own time: replaying it must not depend on what was applied before. A
//! command is stamped with the greatest time of all commands executed so far.
//!
//! # What is missing
//! Quotas and reconfiguration.

pub mod acl;
mod apply;
mod canonical;
mod data;
mod draft;
mod error;
mod execute;
mod node;
mod nodes;
mod outstanding;
pub mod paths;
mod payload;
mod prepare;
mod read;
mod request;
mod response;
mod session;
mod sha1;
mod shared;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod trie;
mod watch;

pub use acl::{Ace, Acl, Identity};
pub use apply::{Applied, Apply};
pub use execute::Execution;
pub use node::{Lifetime, Node};
pub use outstanding::{Life, Outstanding};
pub use payload::*;
pub use read::Asker;
pub use request::*;
pub use session::Session;
pub use snapshot::{Capture, Snapshot, StateImage};
pub use state::{Counter, State};
pub use watch::{Lists, Watches};
