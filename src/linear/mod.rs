//! Linearizability.

mod antichain;
mod append;
#[cfg(test)]
mod brute_tests;
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
mod texts;
mod witness;
mod zones;

pub use frontier::{Event, Found, Stuck, search};
pub use judgement::{Budget, Explanation, Judgement, Limit, Steps, Undecided};
pub use keyed::{Action, Family, INITIAL, KeyedHistory, NEVER, Operation, Origin};
pub use lanes::check;
pub use model::{Kind, Model, Numbered, Specification};
pub use register::Register;
pub use texts::Texts;
