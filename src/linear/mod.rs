//! Linearizability.

mod judgement;
mod keyed;
mod texts;

pub use judgement::{Budget, Explanation, Judgement, Limit, Steps, Undecided};
pub use keyed::{Action, Family, INITIAL, KeyedHistory, NEVER, Operation, Origin};
pub use texts::Texts;

/// Whether there is an order.
pub fn check(_family: Family, history: &KeyedHistory, budget: &mut dyn Budget) -> Judgement {
    let limit = budget.exceeded(0).unwrap_or(Limit::Steps);
    let of = history.operations.len();
    Judgement::Unknown(Undecided { limit, done: 0, of })
}
