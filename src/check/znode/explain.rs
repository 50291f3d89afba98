//! Violations in words and as data.

use super::claims::{Claims, Kind, told};
use super::sweep::{Conflict, Sweep, Why};
use super::{Mode, Options, tree};
use crate::history::{Operation, Outcome};
use crate::ids::{OpId, VirtualTime, Zxid};
use crate::linear::Limit;
use crate::tree::{Answer, Request};

/// The condition that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first completed before the second was invoked, but comes behind it.
    RealTime(OpId, OpId),
    /// The first precedes the second in their session, but comes behind it.
    Session(OpId, OpId),
    /// The first must come before the second, which contradicts it.
    Order(OpId, OpId),
    /// No other operation is to blame.
    Alone,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The operation that has no place.
    pub operation: OpId,
    /// When it showed.
    pub at: VirtualTime,
    /// What it was told.
    pub told: Option<Answer>,
    /// What it should have been told, in the state that everything before left.
    pub expected: Option<Answer>,
    /// What is broken.
    pub edge: Edge,
    /// All of it in a sentence.
    pub sentence: String,
    /// The longest legal prefix: operations in an order that explains them all.
    pub prefix: Vec<OpId>,
}

/// Two writes say that they took effect at one zxid.
pub(super) fn collision(claims: &Claims<'_>, first: u32, second: u32) -> Violation {
    let (first, second) = (claims.get(first), claims.get(second));
    let zxid = match second.kind {
        Kind::Effect(zxid) => Zxid(zxid),
        Kind::Somewhere | Kind::Perhaps | Kind::Observation => Zxid::ZERO,
    };
    Violation {
        operation: second.op.id,
        at: ended(second.op),
        told: told(second.op).cloned(),
        expected: None,
        edge: Edge::Order(first.op.id, second.op.id),
        sentence: format!(
            "{} and {} both took effect at {zxid}",
            named(first.op),
            named(second.op)
        ),
        prefix: Vec::new(),
    }
}

/// A claim that has no place.
pub(super) fn conflict(
    claims: &Claims<'_>,
    sweep: &Sweep<'_, '_>,
    conflict: &Conflict,
    options: &Options,
) -> Violation {
    let claim = claims.get(conflict.claim);
    let other = match &conflict.why {
        Why::RealTime { other } | Why::Session { other } => Some(claims.get(*other)),
        Why::NoState | Why::Answer(_) | Why::Heard | Why::Turn => None,
    };
    let expected = match (&conflict.why, &claim.op.request) {
        (Why::Answer(answer), _) => Some(answer.clone()),
        (_, Request::Read(read)) => Some(tree::read(sweep.model(), claim.op, read)),
        (_, Request::Write(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. }) => None,
    };
    let blamed = blamed(claims, sweep, conflict);
    let mut sentence = format!("{} was told {}", named(claim.op), told_in_words(claim.op));
    if let Some(expected) = &expected {
        sentence += &format!(
            ", but after every write through {} the answer is {}",
            Zxid(conflict.now),
            in_words(expected)
        );
    }
    if let (Why::Heard, Kind::Effect(place)) = (&conflict.why, claim.kind) {
        sentence += &format!(
            ", and took effect at {}, though its session had heard of {} before it asked",
            Zxid(place),
            Zxid(claim.lo)
        );
    }
    if conflict.why == Why::Turn {
        sentence = format!(
            "{} took effect at {}, out of its session's turn: not above {} and before {}",
            named(claim.op),
            Zxid(conflict.next),
            Zxid(claim.lo),
            Zxid(claim.hi.saturating_add(1))
        );
    }
    let edge = match (other, blamed) {
        (Some(other), _) if matches!(claim.kind, Kind::Effect(_)) => {
            let edge = match conflict.why {
                Why::Session { .. } => Edge::Session(claim.op.id, other.op.id),
                Why::RealTime { .. } | Why::NoState | Why::Answer(_) | Why::Heard | Why::Turn => {
                    Edge::RealTime(claim.op.id, other.op.id)
                }
            };
            sentence = overtaken(claims, conflict, other.op);
            edge
        }
        (_, Some(earlier)) => {
            let earlier = claims.get(earlier).op;
            sentence += &format!(", and it comes behind {}", because(earlier, claim.op));
            if earlier.session == claim.op.session && options.mode == Mode::ZooKeeper {
                Edge::Session(earlier.id, claim.op.id)
            } else {
                Edge::RealTime(earlier.id, claim.op.id)
            }
        }
        (_, None) => Edge::Alone,
    };
    Violation {
        operation: claim.op.id,
        at: ended(claim.op),
        told: told(claim.op).cloned(),
        expected,
        edge,
        sentence,
        prefix: sweep
            .order
            .iter()
            .map(|index| claims.get(*index).op.id)
            .collect(),
    }
}

/// An effect whose zxid contradicts the order it must keep.
fn overtaken(claims: &Claims<'_>, conflict: &Conflict, other: &Operation) -> String {
    let claim = claims.get(conflict.claim);
    let Kind::Effect(place) = claim.kind else {
        return named(claim.op);
    };
    let why = match conflict.why {
        Why::Session { .. } => "was sent before".to_owned(),
        Why::RealTime { .. } | Why::NoState | Why::Answer(_) | Why::Heard | Why::Turn => {
            format!("completed at {} before", ended(claim.op))
        }
    };
    format!(
        "{} {why} {} (invoked at {}), but took effect at {}, behind the other's {}",
        named(claim.op),
        named(other),
        other.invoked,
        Zxid(place),
        Zxid(conflict.next)
    )
}

/// Of everything that must come before a claim, that which stands the furthest.
fn blamed(claims: &Claims<'_>, sweep: &Sweep<'_, '_>, conflict: &Conflict) -> Option<u32> {
    let claim = claims.get(conflict.claim);
    let before = (0u32..).zip(&claims.all).filter(|(index, earlier)| {
        let in_time = claim.by_clock && earlier.completed < claim.invoked;
        let in_turn = claim.before == *index;
        *index != conflict.claim && (in_time || in_turn)
    });
    before
        .map(|(index, _)| (sweep.place_of(index), index))
        .filter(|(place, _)| *place != super::claims::NOWHERE)
        .max()
        .map(|(_, index)| index)
}

fn because(earlier: &Operation, later: &Operation) -> String {
    match earlier.completed {
        Some(completed) if completed < later.invoked => format!(
            "{}, which completed at {completed}, before this was invoked at {}",
            named(earlier),
            later.invoked
        ),
        Some(_) | None => format!("{} of the same session", named(earlier)),
    }
}

/// How far a limit let a sweep come.
pub(super) fn limit(claims: &Claims<'_>, sweep: &Sweep<'_, '_>, limit: Limit) -> String {
    let (done, of) = (sweep.order.len(), claims.all.len());
    format!("{limit} was reached with places for {done} of {of} operations")
}

/// A session is answered by an older state than before.
pub(super) fn regress(operations: &[Operation], earlier: usize, later: usize) -> Violation {
    let (earlier, later) = (&operations[earlier], &operations[later]);
    let heard = |op: &Operation| match &op.outcome {
        Some(Outcome::Answered { zxid, .. }) => *zxid,
        Some(Outcome::Refused(_) | Outcome::Unknown) | None => Zxid::ZERO,
    };
    Violation {
        operation: later.id,
        at: ended(later),
        told: told(later).cloned(),
        expected: None,
        edge: Edge::Session(earlier.id, later.id),
        sentence: format!(
            "{} was answered at {} after {} of the same session had been answered at {}",
            named(later),
            heard(later),
            named(earlier),
            heard(earlier)
        ),
        prefix: Vec::new(),
    }
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

fn told_in_words(op: &Operation) -> String {
    told(op).map_or_else(|| "nothing".to_owned(), in_words)
}

fn in_words(answer: &Answer) -> String {
    match answer {
        Ok(response) => format!("{response:?}"),
        Err(failure) => format!("{:?}", failure.code),
    }
}
