//! Linearizability: is there an order of the operations that agrees with real time and that a
//! sequential object explains?
//!
//! - [`search`] is the generic engine, a just-in-time frontier over any [`Model`]; a
//!   [`Specification`] whose states are values becomes one by [`Numbered`].
//! - [`check`] judges histories of independent keys, key by key. Registers whose values are unique
//!   are decided without search, in n log n (`zones`), failed compare-and-sets included where one
//!   sweep can content them (`sweep`). Strings whose texts can be distinguished become such
//!   registers (`append`). Whatever does not meet a method's conditions goes to the frontier.
//! - A violation comes with its [`Explanation`].
//!
//! Nothing here reads a clock: the caller's [`Budget`] knows the limits. What is missing: a history
//! with more than 4096 operations open at once is not searched.

mod antichain;
mod append;
#[cfg(test)]
mod brute_tests;
mod check;
mod event;
mod explain;
mod frontier;
mod judgement;
mod keyed;
mod lanes;
mod mask;
mod model;
mod register;
mod split;
mod sweep;
mod tell;
#[cfg(test)]
mod tests;
mod texts;
mod timed;
mod witness;
mod zones;

pub use check::check;
pub use event::Event;
pub use frontier::{Found, Stuck, search};
pub use judgement::{Budget, Explanation, Judgement, Limit, Steps, Undecided};
pub use keyed::{Action, Family, INITIAL, KeyedHistory, NEVER, Operation, Origin};
pub use model::{Kind, Model, Numbered, Specification};
pub use register::Register;
pub use tell::{Told, told};
pub use texts::Texts;
pub use timed::{Timed, placed};
