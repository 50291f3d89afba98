//! Places of synced reads between the transactions, whose order is fixed.

use super::{Broken, contradiction, ended, reader_of};
use crate::check::Subjects;
use crate::check::timeline::Timeline;
use crate::history::Operation;
use crate::ids::Zxid;
use crate::linear::{Found, Kind, Model as Sequential, Steps, Timed, placed, search};
use crate::tree::Read;
use crate::znode::contrast;
use crate::znode::model::{Model, timeless};

/// Questions of the search, each after hundreds of steps, before the broken claim stands
/// undisputed.
const SEARCH_QUESTIONS_MAX: u64 = 2_000;
/// Comparisons of a read with a state before the same.
const COMPARISONS_MAX: usize = 1_000_000;

/// What the search asks: the next transaction, or a look at the state between two.
#[derive(Clone, Debug, PartialEq)]
enum Ask {
    /// Transaction number this, counted from 0.
    Step(u32),
    /// A read whose answer fits after exactly these numbers of transactions, ascending.
    Look(Vec<u32>),
}

/// The sequence of transactions, fixed; a state is how many of them took effect.
struct Sequence;

impl Sequential for Sequence {
    type Action = Ask;

    fn initial(&mut self) -> u32 {
        0
    }

    fn step(&mut self, state: u32, ask: &Ask) -> Option<u32> {
        match ask {
            Ask::Step(number) => (*number == state).then(|| number + 1),
            Ask::Look(fitting) => fitting.binary_search(&state).is_ok().then_some(state),
        }
    }

    fn kind(&self, ask: &Ask) -> Kind {
        match ask {
            Ask::Step(_) => Kind::Changes,
            Ask::Look(_) => Kind::Observes,
        }
    }
}

/// What becomes of a claim about a read when other places of reads are tried: nothing if there are
/// places for all, else the read that has none, or the claim itself.
pub(super) fn doubted(
    claim: Broken,
    timeline: &Timeline<'_>,
    reads: &[(Zxid, &Operation, &Read)],
) -> Option<Broken> {
    let mut ops = transactions(timeline);
    let ranges = ranges(reads, &ops);
    let Some(fitting) = fitting_places(timeline, reads, &ranges) else {
        return Some(claim);
    };
    let lost = fitting.iter().position(Vec::is_empty);
    if let Some(broken) = lost.and_then(|read| homeless(timeline, reads[read], ranges[read])) {
        return Some(broken);
    }
    for ((_, read, _), fitting) in reads.iter().zip(fitting) {
        ops.push(Timed {
            action: Ask::Look(fitting),
            invoked: read.invoked.0,
            returned: read.completed.map(|completed| completed.0),
        });
    }
    let (operations, events) = placed(ops);
    let mut steps = Steps(SEARCH_QUESTIONS_MAX);
    match search(&mut Sequence, &operations, &events, &mut steps) {
        Found::Order => None,
        Found::Stuck(_) | Found::Undecided(_) => Some(claim),
    }
}

/// What is wrong with a read that no state it may have seen explains: the last write that it must
/// have seen, and what its answer would be after that one.
fn homeless(
    timeline: &Timeline<'_>,
    (_, read, asked): (Zxid, &Operation, &Read),
    (first, _): (usize, usize),
) -> Option<Broken> {
    let write = timeline.steps[first.checked_sub(1)?].operation?;
    let completed = write.completed?;
    let mut model = Model::new();
    for step in &timeline.steps[..first] {
        step.replay(&mut model);
    }
    let expected = model.read(reader_of(read), asked);
    let (_, answer) = read.answered()?;
    let (seen, expected) = contrast(&timeless(answer), &expected);
    Some(Broken {
        at: ended(read),
        reason: format!(
            "{} was answered {seen}, but {} had completed at {completed} before it was invoked at \
             {}: from there on the answer was {expected}, and nothing made it the other again \
             before the read ended",
            read.described(),
            write.described(),
            read.invoked,
        ),
        subjects: Subjects::none().operation(read).operation(write),
        about_a_read: true,
    })
}

/// The transactions as operations. As their order is fixed, each is invoked no earlier than those
/// before it, and has taken effect when a later one returns, whether it is known or not.
fn transactions(timeline: &Timeline<'_>) -> Vec<Timed<Ask>> {
    let mut invoked = 0;
    let mut ops: Vec<Timed<Ask>> = Vec::with_capacity(timeline.steps.len());
    for (step, number) in timeline.steps.iter().zip(0u32..) {
        let operation = step.operation;
        invoked = operation.map_or(invoked, |write| invoked.max(write.invoked.0));
        let answered = operation.filter(|write| write.answered().is_some());
        ops.push(Timed {
            action: Ask::Step(number),
            invoked,
            returned: answered.and_then(|write| write.completed).map(|at| at.0),
        });
    }
    let mut returned: Option<u64> = None;
    for op in ops.iter_mut().rev() {
        returned = match (returned, op.returned) {
            (Some(later), Some(own)) => Some(later.min(own)),
            (later, own) => later.or(own),
        };
        op.returned = returned;
    }
    ops
}

/// For each read the numbers of transactions between which real time allows it: at least so many
/// came before it, and at most so many.
fn ranges(reads: &[(Zxid, &Operation, &Read)], ops: &[Timed<Ask>]) -> Vec<(usize, usize)> {
    // Invocations and returns ascend along `ops`, so real time allows one range for each read.
    reads
        .iter()
        .map(|(_, read, _)| {
            let first = ops.partition_point(|op| op.returned.is_some_and(|r| r < read.invoked.0));
            let last = ops.partition_point(|op| op.invoked <= ended(read).0);
            (first, last)
        })
        .collect()
}

/// For each read those numbers of transactions after which its answer fits; `None` if that takes
/// too long.
fn fitting_places(
    timeline: &Timeline<'_>,
    reads: &[(Zxid, &Operation, &Read)],
    ranges: &[(usize, usize)],
) -> Option<Vec<Vec<u32>>> {
    let mut fitting = vec![Vec::new(); reads.len()];
    let mut comparisons = 0;
    let mut model = Model::new();
    for number in 0..=timeline.steps.len() {
        for (which, (_, operation, asked)) in reads.iter().enumerate() {
            if number < ranges[which].0 || number > ranges[which].1 {
                continue;
            }
            comparisons += 1;
            if comparisons > COMPARISONS_MAX {
                return None;
            }
            if contradiction(operation, &model.read(reader_of(operation), asked), true).is_none() {
                fitting[which].push(u32::try_from(number).ok()?);
            }
        }
        if let Some(step) = timeline.steps.get(number) {
            step.replay(&mut model);
        }
    }
    Some(fitting)
}
