//! The replicated state machine: a ZooKeeper-like tree of znodes with sessions and watches.

mod canonical;
mod payload;
mod request;
mod state;

pub use payload::*;
pub use request::*;
pub use state::*;
