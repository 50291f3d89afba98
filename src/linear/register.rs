//! The model of a register.

use super::keyed::{Action, INITIAL};
use super::model::{Kind, Model};

/// A register; its states are its values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

impl Model for Register {
    type Action = Action;

    fn initial(&mut self) -> u32 {
        INITIAL
    }

    fn step(&mut self, state: u32, action: &Action) -> Option<u32> {
        // This is asked more often than anything else: no branch but one.
        let (is_possible, after) = match *action {
            Action::Read(seen) => (seen == state, state),
            Action::Write(value) => (true, value),
            Action::Swap { from, to } => (from == state, to),
            Action::Mismatch(expected) => (expected != state, state),
            Action::Append(_) => (false, state),
        };
        is_possible.then_some(after)
    }

    fn kind(&self, action: &Action) -> Kind {
        match action {
            Action::Read(_) | Action::Mismatch(_) => Kind::Observes,
            Action::Write(_) => Kind::Overwrites,
            Action::Swap { .. } | Action::Append(_) => Kind::Changes,
        }
    }
}
