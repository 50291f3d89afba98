//! The replicated state machine: a ZooKeeper-like tree of znodes with sessions and watches.

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
