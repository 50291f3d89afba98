//! Violations in words and as data.

use super::conflict::{Conflict, Why};
use super::constraint::Kind;
use super::constraints::Constraints;
use super::contrast::contrast;
use super::sweep::Sweep;
use super::text::{answered, asked};
use super::{Mode, Options, tree};
use crate::history::{Operation, Outcome};
use crate::ids::{OpId, VirtualTime, Zxid};
use crate::linear::Limit;
use crate::tree::{Answer, Request};

/// The condition that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first completed before the second was invoked, but is placed after it.
    RealTime(OpId, OpId),
    /// The first precedes the second in their session, but is placed after it.
    Session(OpId, OpId),
    /// The first must come before the second, which contradicts it.
    Order(OpId, OpId),
    /// No other operation is to blame.
    Alone,
}

/// Why the operation has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It and another write say that they took effect at one zxid.
    Collision {
        /// The zxid.
        at: Zxid,
    },
    /// Its session was answered by an older state than before.
    Regress {
        /// The zxid of its reply.
        now: Zxid,
        /// The zxid of the earlier one.
        before: Zxid,
    },
    /// Its answer differs from what the state gives.
    Answer {
        /// Every write through here was applied.
        through: Zxid,
        /// Its own zxid, and what its session had heard of before it asked.
        heard: Option<(Zxid, Zxid)>,
    },
    /// It took effect out of its session's turn.
    Turn {
        /// Where it took effect.
        at: Zxid,
        /// It belongs above.
        above: Zxid,
        /// It belongs before.
        before: Zxid,
    },
    /// Its zxid contradicts the order that it must keep.
    Overtaken {
        /// Where it took effect.
        at: Zxid,
        /// Where the other one did.
        other: Zxid,
    },
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The operation that has no place.
    pub operation: OpId,
    /// When it showed.
    pub at: VirtualTime,
    /// The answer it got.
    pub told: Option<Answer>,
    /// The answer that the state left by everything before it gives.
    pub expected: Option<Answer>,
    /// Why it has none.
    pub cause: Cause,
    /// What is broken.
    pub edge: Edge,
    /// All of it in a sentence.
    pub sentence: String,
    /// The longest legal prefix: operations in an order that explains them all.
    pub prefix: Vec<OpId>,
}

/// How operations are named.
#[derive(Clone, Copy)]
pub enum Naming<'a> {
    /// By their numbers in the run, with its moments.
    Numbers,
    /// By what they ask, and where they stand in a file.
    Places(&'a dyn Fn(&Operation) -> String),
}

impl Violation {
    /// The sentence, with these names. `find` knows the operations of the history.
    pub fn tell<'o>(
        &self,
        find: &dyn Fn(OpId) -> Option<&'o Operation>,
        naming: Naming<'_>,
    ) -> String {
        let teller = Wording { find, naming };
        let name = teller.name(self.operation);
        match self.cause {
            Cause::Collision { at } => {
                let other = teller.name(self.other());
                format!("{other} and {name} both took effect at {at}")
            }
            Cause::Regress { now, before } => {
                let earlier = teller.name(self.other());
                format!(
                    "{name} was answered at {now} after {earlier} of the same session had been \
                     answered at {before}"
                )
            }
            Cause::Turn { at, above, before } => {
                let turn = format!(
                    "{name} took effect at {at}, out of its session's turn: not above {above} and \
                     before {before}"
                );
                turn + &teller.after(self)
            }
            Cause::Overtaken { at, other } => teller.overtaken(self, at, other),
            Cause::Answer { through, heard } => {
                let (told, expected) = self.answers();
                let mut sentence = format!("{name} was told {told}");
                if let Some(expected) = expected {
                    sentence += &format!(
                        ", but after every write through {through} the answer is {expected}"
                    );
                }
                if let Some((place, heard)) = heard {
                    sentence += &format!(
                        ", and took effect at {place}, though its session had heard of {heard} \
                         before it asked"
                    );
                }
                sentence + &teller.after(self)
            }
        }
    }

    /// The answer it got and the answer it should have got, as text.
    fn answers(&self) -> (String, Option<String>) {
        match (&self.told, &self.expected) {
            (Some(told), Some(expected)) => {
                let (told, expected) = contrast(told, expected);
                (told, Some(expected))
            }
            (Some(told), None) => (answered(told), None),
            (None, expected) => ("nothing".to_owned(), expected.as_ref().map(answered)),
        }
    }

    /// The other operation of the broken edge; itself if there is none.
    pub(super) fn other(&self) -> OpId {
        match self.edge {
            Edge::RealTime(first, second)
            | Edge::Session(first, second)
            | Edge::Order(first, second) => {
                if first == self.operation {
                    second
                } else {
                    first
                }
            }
            Edge::Alone => self.operation,
        }
    }

    /// With its sentence, by numbers.
    fn in_words(mut self, constraints: &Constraints<'_>) -> Violation {
        let find = |id: OpId| {
            let ops = constraints.all.iter().map(|constraint| constraint.op);
            ops.into_iter().find(|op| op.id == id)
        };
        self.sentence = self.tell(&find, Naming::Numbers);
        self
    }
}

struct Wording<'a, 'o> {
    find: &'a dyn Fn(OpId) -> Option<&'o Operation>,
    naming: Naming<'a>,
}

impl Wording<'_, '_> {
    fn name(&self, id: OpId) -> String {
        let Some(op) = (self.find)(id) else {
            return "the end of a session that nobody asked for".to_owned();
        };
        match self.naming {
            Naming::Numbers => named(op),
            Naming::Places(place) => format!("{} ({})", asked(&op.request), place(op)),
        }
    }

    /// After which operation it comes, as the end of a sentence.
    fn after(&self, violation: &Violation) -> String {
        let (earlier, later) = match violation.edge {
            Edge::RealTime(earlier, later) | Edge::Session(earlier, later) => (earlier, later),
            Edge::Order(..) | Edge::Alone => return String::new(),
        };
        let name = self.name(earlier);
        let times = (self.find)(earlier).zip((self.find)(later));
        let times = times.and_then(|(earlier, later)| Some((earlier.completed?, later.invoked)));
        match (times, self.naming) {
            (Some((completed, invoked)), Naming::Numbers) if completed < invoked => format!(
                ", and it comes after {name}, which completed at {completed}, before this was \
                 invoked at {invoked}"
            ),
            (Some((completed, invoked)), Naming::Places(_)) if completed < invoked => {
                format!(", and it comes after {name}, which had returned before this was invoked")
            }
            (Some(_) | None, Naming::Numbers | Naming::Places(_)) => {
                format!(", and it comes after {name} of the same session")
            }
        }
    }

    /// An effect whose zxid contradicts the order it must keep.
    fn overtaken(&self, violation: &Violation, at: Zxid, other: Zxid) -> String {
        let of_session = matches!(violation.edge, Edge::Session(..));
        let ended = violation.at;
        let name = self.name(violation.operation);
        let others = self.name(violation.other());
        let invoked = (self.find)(violation.other()).map(|op| op.invoked);
        let (why, when) = match (self.naming, invoked) {
            (_, _) if of_session => ("was sent before".to_owned(), String::new()),
            (Naming::Numbers, Some(invoked)) => (
                format!("completed at {ended} before"),
                format!(" (invoked at {invoked})"),
            ),
            (Naming::Numbers, None) | (Naming::Places(_), _) => {
                ("returned before".to_owned(), " was invoked".to_owned())
            }
        };
        let so = if when == " was invoked" {
            ", yet it"
        } else {
            ", but"
        };
        format!("{name} {why} {others}{when}{so} took effect at {at}, after the other's {other}")
    }
}

/// Two writes say that they took effect at one zxid.
pub(super) fn collision(constraints: &Constraints<'_>, first: u32, second: u32) -> Violation {
    let (first, second) = (constraints.get(first), constraints.get(second));
    let at = match second.kind {
        Kind::Effect(zxid) => Zxid(zxid),
        Kind::Somewhere | Kind::Perhaps | Kind::Observation => Zxid::ZERO,
    };
    let violation = Violation {
        operation: second.op.id,
        at: ended(second.op),
        told: second.op.answer().cloned(),
        expected: None,
        cause: Cause::Collision { at },
        edge: Edge::Order(first.op.id, second.op.id),
        sentence: String::new(),
        prefix: Vec::new(),
    };
    violation.in_words(constraints)
}

/// A constraint that has no place.
pub(super) fn conflict(
    constraints: &Constraints<'_>,
    sweep: &Sweep<'_, '_>,
    conflict: &Conflict,
    options: &Options,
) -> Violation {
    let constraint = constraints.get(conflict.constraint);
    let expected = match (&conflict.why, &constraint.op.request) {
        (Why::Answer(answer), _) => Some(answer.clone()),
        (_, Request::Read(read)) => Some(tree::read(sweep.model(), constraint.op, read)),
        (_, Request::Write(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. }) => None,
    };
    let (cause, edge) = match (overtaking(constraints, conflict), constraint.kind) {
        (Some(edge), Kind::Effect(at)) => {
            let (at, other) = (Zxid(at), Zxid(conflict.next));
            (Cause::Overtaken { at, other }, edge)
        }
        _no_effect => (
            cause_of(constraints, conflict),
            blamed_edge(constraints, sweep, conflict, options),
        ),
    };
    let violation = Violation {
        operation: constraint.op.id,
        at: ended(constraint.op),
        told: constraint.op.answer().cloned(),
        expected,
        cause,
        edge,
        sentence: String::new(),
        prefix: sweep
            .order
            .iter()
            .map(|index| constraints.get(*index).op.id)
            .collect(),
    };
    violation.in_words(constraints)
}

/// The order that a constraint's own zxid contradicts.
fn overtaking(constraints: &Constraints<'_>, conflict: &Conflict) -> Option<Edge> {
    let id = constraints.get(conflict.constraint).op.id;
    match conflict.why {
        Why::RealTime { other } => Some(Edge::RealTime(id, constraints.get(other).op.id)),
        Why::Session { other } => Some(Edge::Session(id, constraints.get(other).op.id)),
        Why::NoState | Why::Answer(_) | Why::Heard | Why::Turn => None,
    }
}

fn cause_of(constraints: &Constraints<'_>, conflict: &Conflict) -> Cause {
    let constraint = constraints.get(conflict.constraint);
    let heard = match (&conflict.why, constraint.kind) {
        (Why::Heard, Kind::Effect(place)) => Some((Zxid(place), Zxid(constraint.lo))),
        (Why::Turn, _) => {
            return Cause::Turn {
                at: Zxid(conflict.next),
                above: Zxid(constraint.lo),
                before: Zxid(constraint.hi.saturating_add(1)),
            };
        }
        (
            Why::NoState | Why::Answer(_) | Why::RealTime { .. } | Why::Session { .. } | Why::Heard,
            _,
        ) => None,
    };
    Cause::Answer {
        through: Zxid(conflict.now),
        heard,
    }
}

fn blamed_edge(
    constraints: &Constraints<'_>,
    sweep: &Sweep<'_, '_>,
    conflict: &Conflict,
    options: &Options,
) -> Edge {
    let constraint = constraints.get(conflict.constraint);
    match blamed(constraints, sweep, conflict).map(|earlier| constraints.get(earlier).op) {
        Some(earlier)
            if earlier.session == constraint.op.session && options.mode == Mode::ZooKeeper =>
        {
            Edge::Session(earlier.id, constraint.op.id)
        }
        Some(earlier) => Edge::RealTime(earlier.id, constraint.op.id),
        None => Edge::Alone,
    }
}

/// Of everything that must come before a constraint, the one placed last; of those at one
/// place the effect, because it made the state.
fn blamed(
    constraints: &Constraints<'_>,
    sweep: &Sweep<'_, '_>,
    conflict: &Conflict,
) -> Option<u32> {
    let constraint = constraints.get(conflict.constraint);
    let before = (0u32..).zip(&constraints.all).filter(|(index, earlier)| {
        let in_time = constraint.by_clock && earlier.completed < constraint.invoked;
        let in_turn = constraint.before == *index;
        *index != conflict.constraint && (in_time || in_turn)
    });
    before
        .map(|(index, _)| (sweep.place_of(index), index))
        .filter(|(place, _)| *place != super::constraint::NOWHERE)
        .max_by_key(|(place, index)| {
            let is_effect = matches!(constraints.get(*index).kind, Kind::Effect(_));
            (*place, is_effect, *index)
        })
        .map(|(_, index)| index)
}

/// How far a limit let a sweep come.
pub(super) fn limit(constraints: &Constraints<'_>, sweep: &Sweep<'_, '_>, limit: Limit) -> String {
    let (done, of) = (sweep.order.len(), constraints.all.len());
    format!("{limit} was reached with places for {done} of {of} operations")
}

/// A session is answered by an older state than before.
pub(super) fn regress(operations: &[Operation], earlier: usize, later: usize) -> Violation {
    let (earlier, later) = (&operations[earlier], &operations[later]);
    let heard = |op: &Operation| match &op.outcome {
        Some(Outcome::Answered { zxid, .. }) => *zxid,
        Some(Outcome::Refused(_) | Outcome::Unknown) | None => Zxid::ZERO,
    };
    let mut violation = Violation {
        operation: later.id,
        at: ended(later),
        told: later.answer().cloned(),
        expected: None,
        cause: Cause::Regress {
            now: heard(later),
            before: heard(earlier),
        },
        edge: Edge::Session(earlier.id, later.id),
        sentence: String::new(),
        prefix: Vec::new(),
    };
    let find = |id: OpId| [earlier, later].into_iter().find(|op| op.id == id);
    violation.sentence = violation.tell(&find, Naming::Numbers);
    violation
}

pub(super) fn ended(op: &Operation) -> VirtualTime {
    op.completed.unwrap_or(op.invoked)
}

pub(super) fn named(op: &Operation) -> String {
    format!(
        "{} ({} of {} in {})",
        op.id, op.request, op.client, op.session
    )
}
