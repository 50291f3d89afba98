//! Writes, their errors, and the reads that are promised to be, are linearizable.
//!
//! **The witness.** Each write takes effect at its zxid, each read where its reply's zxid says. The
//! tree is replayed once, by a model of our own, and every answer compared; real time is swept once
//! with a running maximum. If both hold, the order is a proof. Unknown writes and expiries are
//! where the white box saw them.
//!
//! **If a claim about a write breaks**, that is the verdict: the order of transactions is not a
//! guess. **If one about a read breaks**, its reply's zxid may be the wrong place: `search` then
//! looks for places of all reads between the transactions. Only if there are none (or the search
//! runs out of its budget) the broken claim stands.

mod leaders;
mod places;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

use super::Excused;
use super::findings::Findings;
use super::timeline::{Recorder, Timeline};
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::history::{History, Operation, Outcome};
use crate::ids::{VirtualTime, Zxid};
use crate::tree::{Answer, Read, Request, Write};
use crate::znode::contrast;
use crate::znode::model::{Model, Reader, timeless};
use leaders::Leaders;
use places::doubted;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "linearizability",
    asserts: "Writes and their errors are linearizable, and so are synced reads, unless the \
              protocol's sync is no quorum operation and the leader that answered it was \
              superseded.",
    harms: Harms::Client,
    interests: Interests::COMMITS
        .and(Interests::APPLIED)
        .and(Interests::FACT),
    make: |setup| Box::new(Linearizability::new(setup)),
};

#[derive(Debug)]
struct Linearizability {
    /// Whether synced reads are linearizable whoever leads.
    has_linearizable_barrier: bool,
    leaders: Leaders,
    excused: Excused,
    recorder: Recorder,
    findings: Findings,
}

impl Linearizability {
    fn new(setup: &Setup) -> Linearizability {
        Linearizability {
            has_linearizable_barrier: setup.promises.linearizable_barrier,
            leaders: Leaders::default(),
            excused: Excused::default(),
            recorder: Recorder::default(),
            findings: Findings::default(),
        }
    }
}

impl Linearizability {
    /// Whether a synced read is promised to be linearizable.
    fn promises(&mut self, read: &Operation, ending: &Ending<'_>) -> bool {
        let (history, run) = (ending.history, ending.circumstances);
        let promised =
            self.has_linearizable_barrier || self.leaders.stand_behind(read, history, run);
        self.excused.of += 1;
        self.excused.excused += u64::from(!promised);
        promised
    }
}

/// A claim of the witness that does not hold.
#[derive(Debug)]
struct Broken {
    at: VirtualTime,
    reason: String,
    subjects: Subjects,
    /// Whether another place of a read could mend it.
    about_a_read: bool,
}

/// An answered operation that has a place.
#[derive(Clone, Copy, Debug)]
struct Placed<'a> {
    operation: &'a Operation,
    place: Zxid,
    is_read: bool,
}

/// The read of a linearizable read.
fn linearizable_read(operation: &Operation) -> Option<&Read> {
    match &operation.request {
        Request::Read(read) if operation.synced => Some(read),
        Request::Read(_)
        | Request::Write(_)
        | Request::Watch(_)
        | Request::Auth { .. }
        | Request::Sync => None,
    }
}

/// Who asked for a read.
pub(super) fn reader_of(operation: &Operation) -> Reader<'_> {
    Reader {
        session: operation.session,
        ids: &operation.ids,
    }
}

/// When an operation ended, for counterexamples.
fn ended(operation: &Operation) -> VirtualTime {
    operation.completed.unwrap_or(operation.invoked)
}

/// Every answered write took effect.
fn every_answered_write_is_committed(timeline: &Timeline<'_>, history: &History) -> Option<Broken> {
    let missing = history
        .operations
        .iter()
        .enumerate()
        .find(|(index, write)| match &write.request {
            Request::Write(Write::CreateSession { .. })
            | Request::Read(_)
            | Request::Watch(_)
            | Request::Auth { .. }
            | Request::Sync => false,
            Request::Write(_) => {
                write
                    .answered()
                    .is_some_and(|(zxid, _)| zxid <= timeline.known_through)
                    && timeline.places[*index].is_none()
            }
        });
    missing.map(|(_, write)| Broken {
        at: ended(write),
        reason: format!("{} was answered, but never committed", write.described()),
        subjects: Subjects::none().operation(write),
        about_a_read: false,
    })
}

/// What the white box holds against the writes of a history.
pub(super) fn objection_to_writes(timeline: &Timeline<'_>, history: &History) -> Option<String> {
    every_answered_write_is_committed(timeline, history)
        .or_else(|| order_respects_real_time(&order_of(timeline, &[])))
        .or_else(|| answers_follow_from_the_order(timeline, &[]))
        .map(|broken| broken.reason)
}

/// Replays the order and compares every answer.
fn answers_follow_from_the_order(
    timeline: &Timeline<'_>,
    reads: &[(Zxid, &Operation, &Read)],
) -> Option<Broken> {
    let mut model = Model::new();
    let mut reads = reads.iter().peekable();
    for step in &timeline.steps {
        while let Some((_, read, asked)) = reads.next_if(|(zxid, ..)| *zxid < step.zxid) {
            if let Some(broken) = contradiction(read, &model.read(reader_of(read), asked), true) {
                return Some(broken);
            }
        }
        let answer = step.replay(&mut model);
        if let (Some(write), Some(expected)) = (step.operation, answer)
            && !was_refused_elsewhere(write, step.zxid)
            && let Some(broken) = contradiction(write, &expected, false)
        {
            return Some(broken);
        }
    }
    reads
        .find_map(|(_, read, asked)| contradiction(read, &model.read(reader_of(read), asked), true))
}

/// A write that took effect unheard, and whose retry found the session gone.
fn was_refused_elsewhere(write: &Operation, place: Zxid) -> bool {
    match &write.outcome {
        Some(Outcome::Answered { zxid, .. }) => *zxid != place && write.answered().is_none(),
        Some(Outcome::Refused(_) | Outcome::Unknown) | None => false,
    }
}

/// Compares what an operation was told with what it should have been told.
fn contradiction(operation: &Operation, expected: &Answer, about_a_read: bool) -> Option<Broken> {
    // Not by `answered`: a write with a place in the order was refused *there*, if it was.
    let Some(Outcome::Answered { zxid, answer }) = &operation.outcome else {
        return None;
    };
    let seen = timeless(answer);
    (seen != *expected).then(|| {
        let (seen, expected) = contrast(&seen, expected);
        let reason = format!(
            "{} was answered {seen} at {zxid}, but after all transactions before it the answer is \
             {expected}",
            operation.described()
        );
        Broken {
            at: ended(operation),
            reason,
            subjects: Subjects::none().operation(operation).bound(*zxid),
            about_a_read,
        }
    })
}

/// Sweeps the witness's order: nothing may have completed before something that is placed before it
/// was invoked.
fn order_respects_real_time(order: &[Placed<'_>]) -> Option<Broken> {
    let mut latest: Option<&Placed<'_>> = None;
    for placed in order {
        if let (Some(earlier), Some(completed)) = (latest, placed.operation.completed)
            && placed.operation.answered().is_some()
            && completed < earlier.operation.invoked
        {
            return Some(Broken {
                at: ended(earlier.operation).max(completed),
                reason: format!(
                    "{} completed at {completed} before {} was invoked at {}, but its place in \
                     the order is {}, after the other's {}",
                    placed.operation.described(),
                    earlier.operation.described(),
                    earlier.operation.invoked,
                    placed.place,
                    earlier.place
                ),
                subjects: Subjects::none()
                    .operation(placed.operation)
                    .operation(earlier.operation)
                    .zxid(placed.place)
                    .zxid(earlier.place),
                about_a_read: placed.is_read || earlier.is_read,
            });
        }
        if latest.is_none_or(|other| other.operation.invoked < placed.operation.invoked) {
            latest = Some(placed);
        }
    }
    None
}

/// The witness's order: by zxid, at equal zxids the write first, then reads as invoked.
fn order_of<'a>(
    timeline: &Timeline<'a>,
    reads: &[(Zxid, &'a Operation, &'a Read)],
) -> Vec<Placed<'a>> {
    let writes = timeline.steps.iter().filter_map(|step| {
        step.operation.map(|operation| Placed {
            operation,
            place: step.zxid,
            is_read: false,
        })
    });
    let reads = reads.iter().map(|(place, operation, _)| Placed {
        operation,
        place: *place,
        is_read: true,
    });
    let mut order: Vec<Placed<'a>> = writes.chain(reads).collect();
    order.sort_by_key(|placed| (placed.place, placed.is_read, placed.operation.invoked));
    order
}

impl Checker for Linearizability {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        self.leaders.observe(at, observation);
        self.recorder.observe(observation);
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn excused(&self) -> Excused {
        self.excused
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        let mut reads: Vec<(Zxid, &Operation, &Read)> = Vec::new();
        let mut writes = 0;
        for operation in &ending.history.operations {
            if let (Some(read), Some((zxid, _))) =
                (linearizable_read(operation), operation.answered())
                && self.promises(operation, ending)
            {
                reads.push((zxid, operation, read));
            }
            let is_write = matches!(operation.request, Request::Write(_));
            let is_answered = matches!(operation.outcome, Some(Outcome::Answered { .. }));
            writes += usize::from(is_write && is_answered);
        }
        if writes + reads.len() == 0 {
            return self.findings.verdict("answered write or synced read");
        }
        reads.sort_by_key(|(zxid, operation, _)| (*zxid, operation.id));
        let timeline = match self.recorder.timeline(ending.history) {
            Ok(timeline) => timeline,
            Err(reason) => return Verdict::Unknown(reason),
        };
        reads.retain(|(zxid, ..)| *zxid <= timeline.known_through);
        let broken = every_answered_write_is_committed(&timeline, ending.history)
            .or_else(|| order_respects_real_time(&order_of(&timeline, &[])))
            .or_else(|| answers_follow_from_the_order(&timeline, &reads))
            .or_else(|| order_respects_real_time(&order_of(&timeline, &reads)));
        self.findings.count_many(writes + reads.len());
        let broken = match broken {
            Some(broken) if broken.about_a_read => doubted(broken, &timeline, &reads),
            broken => broken,
        };
        if let Some(broken) = broken {
            self.findings
                .fail(broken.at, broken.reason, broken.subjects);
        }
        self.findings.verdict("answered write or synced read")
    }
}
