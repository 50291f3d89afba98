//! The operations that a violation needs.

use std::collections::BTreeSet;

use super::claims::told;
use super::touches::{looks_of, touches_of};
use super::{Options, Ruling, Violation, check};
use crate::check::model::parent_of;
use crate::history::{History, Operation};
use crate::ids::OpId;
use crate::linear::Budget;
use crate::tree::{Path, Request};

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
    let mut shrinking = Shrinking {
        culprit: violation.operation,
        options,
        budget,
        checks: 0,
    };
    let mut kept = shrinking.beginning(history, violation);
    let mut size = kept.len() / 2;
    while size > 0 && shrinking.may_go_on() {
        let mut from = 0;
        while from < kept.len() && shrinking.may_go_on() {
            let through = (from + size).min(kept.len());
            let mut fewer = kept.clone();
            let mut removed = fewer.drain(from..through);
            let takes_it_away = removed.any(|op| op.id == violation.operation);
            drop(removed);
            if !takes_it_away && shrinking.still_shows(&fewer) {
                kept = fewer;
            } else {
                from = through;
            }
        }
        size /= 2;
    }
    kept.into_iter().map(|op| op.id).collect()
}

struct Shrinking<'a> {
    culprit: OpId,
    options: &'a Options,
    budget: &'a mut dyn Budget,
    checks: u32,
}

impl Shrinking<'_> {
    fn may_go_on(&mut self) -> bool {
        self.checks < CHECKS_MAX && self.budget.exceeded(0).is_none()
    }

    /// What to begin with: what happened in time, of that only what is about the same nodes, if
    /// either is enough.
    fn beginning(&mut self, history: &History, violation: &Violation) -> Vec<Operation> {
        let all = &history.operations;
        let culprit = all.iter().find(|op| op.id == violation.operation);
        let named = culprit.map(paths_of).unwrap_or_default();
        let in_time = |op: &&Operation| op.invoked <= violation.at;
        let other = violation.other();
        let about_it = |op: &&Operation| {
            if op.id == other {
                return true; // The order may hang on it, whatever it is about.
            }
            let looks = nodes_of(op);
            looks.is_empty() || looks.iter().any(|path| named.contains(path))
        };
        let near: Vec<Operation> = all
            .iter()
            .filter(in_time)
            .filter(about_it)
            .cloned()
            .collect();
        if !named.is_empty() && self.still_shows(&near) {
            return near;
        }
        let early: Vec<Operation> = all.iter().filter(in_time).cloned().collect();
        if self.still_shows(&early) {
            return early;
        }
        // Something that came later matters too.
        all.clone()
    }

    /// Whether these operations are illegal because of the culprit.
    fn still_shows(&mut self, operations: &[Operation]) -> bool {
        self.checks += 1;
        let mut history = History {
            operations: operations.to_vec(),
            seen: Vec::new(),
        };
        let culprit = self.culprit;
        let shows = match check(&history, self.options, self.budget).ruling {
            Ruling::Violated(violation) => violation.operation == culprit,
            Ruling::Holds | Ruling::Vacuous | Ruling::Unknown(_) => false,
        };
        history.operations.retain(|op| op.id != culprit);
        shows
            && match check(&history, self.options, self.budget).ruling {
                Ruling::Holds | Ruling::Vacuous => true,
                Ruling::Violated(_) | Ruling::Unknown(_) => false,
            }
    }
}

/// The paths that an operation is about; of a sequential create, also what came of it.
fn nodes_of(op: &Operation) -> Vec<Path> {
    let mut paths = looks_of(&op.request);
    if let Request::Write(write) = &op.request {
        let (touches, _) = touches_of(write, told(op));
        paths.extend(touches.into_iter().map(|(path, _)| path));
    }
    paths
}

/// The paths that an operation is about, with all above them.
fn paths_of(op: &Operation) -> BTreeSet<Path> {
    let mut paths = BTreeSet::new();
    for path in nodes_of(op) {
        let mut above = parent_of(&path);
        while let Some(parent) = above {
            paths.insert(Path::from(parent));
            above = parent_of(parent);
        }
        paths.insert(path);
    }
    paths
}
