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
        match *action {
            Action::Read(seen) => (seen == state).then_some(state),
            Action::Write(value) => Some(value),
            Action::Swap { from, to } => (from == state).then_some(to),
            Action::Mismatch(expected) => (expected != state).then_some(state),
            Action::Append(_) => unreachable!("nothing is appended to a register"),
        }
    }

    fn kind(&self, action: &Action) -> Kind {
        match action {
            Action::Read(_) | Action::Mismatch(_) => Kind::Observes,
            Action::Write(_) => Kind::Overwrites,
            Action::Swap { .. } | Action::Append(_) => Kind::Changes,
        }
    }
}
