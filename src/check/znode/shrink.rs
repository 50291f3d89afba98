//! The operations that a violation needs.

use super::{Options, Ruling, Violation, check};
use crate::history::{History, Operation};
use crate::ids::OpId;
use crate::linear::Budget;

/// Checks before what is left is minimal enough.
const CHECKS_MAX: u32 = 400;

/// A sub-history that shows the same violation, of which no part found to be idle is left: without
/// any of the others the same operation has no place, and with everything but that operation the
/// rest is legal. What was removed does not matter; that nothing else could be removed too is
/// claimed only as far as the budget and `CHECKS_MAX` go.
pub fn minimal(
    history: &History,
    violation: &Violation,
    options: &Options,
    budget: &mut dyn Budget,
) -> Vec<OpId> {
    let is_in_time = |op: &&Operation| op.invoked <= violation.at;
    let mut kept: Vec<Operation> = history
        .operations
        .iter()
        .filter(is_in_time)
        .cloned()
        .collect();
    let mut checks = 0;
    if !still_shows(&kept, violation.operation, options, budget) {
        // Something that came later matters too.
        kept.clone_from(&history.operations);
    }
    let mut size = kept.len() / 2;
    while size > 0 && checks < CHECKS_MAX {
        let mut from = 0;
        while from < kept.len() && checks < CHECKS_MAX {
            let through = (from + size).min(kept.len());
            let mut fewer = kept.clone();
            let mut removed = fewer.drain(from..through);
            let takes_it_away = removed.any(|op| op.id == violation.operation);
            drop(removed);
            checks += 1;
            if !takes_it_away && still_shows(&fewer, violation.operation, options, budget) {
                kept = fewer;
            } else {
                from = through;
            }
        }
        size /= 2;
    }
    kept.into_iter().map(|op| op.id).collect()
}

/// Whether these operations are illegal because of this one.
fn still_shows(
    operations: &[Operation],
    culprit: OpId,
    options: &Options,
    budget: &mut dyn Budget,
) -> bool {
    let mut history = History {
        operations: operations.to_vec(),
        seen: Vec::new(),
    };
    let shows = match check(&history, options, budget).ruling {
        Ruling::Violated(violation) => violation.operation == culprit,
        Ruling::Holds | Ruling::Vacuous | Ruling::Unknown(_) => false,
    };
    history.operations.retain(|op| op.id != culprit);
    shows
        && match check(&history, options, budget).ruling {
            Ruling::Holds | Ruling::Vacuous => true,
            Ruling::Violated(_) | Ruling::Unknown(_) => false,
        }
}
