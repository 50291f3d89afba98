//! What one session sees is in order: ordered sequential consistency.
//!
//! - The zxids of a session's replies never decrease, over all its connections (single system
//!   image). Together with the next point that is read-your-writes: the write's reply carries the
//!   write's own zxid.
//! - Each answered read is what the committed sequence through its reply's zxid says (prefix
//!   consistency).
//! - The session's successful writes take effect in the order of sending.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::linearizability::reader_of;
use super::timeline::{Recorder, Timeline};
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::history::{History, Operation, Seen};
use crate::ids::{SessionId, VirtualTime, Zxid};
use crate::tree::{Read, Request};
use crate::znode::contrast;
use crate::znode::model::{Model, timeless};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "session",
    asserts: "A session sees ever later prefixes of the committed sequence, its own writes in \
              their order included.",
    harms: Harms::Client,
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(SessionOrder::default()),
};

#[derive(Debug, Default)]
struct SessionOrder {
    recorder: Recorder,
    findings: Findings,
}

impl Checker for SessionOrder {
    fn observe(&mut self, _: VirtualTime, observation: &Observation<'_>) {
        self.recorder.observe(observation);
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        let history = ending.history;
        replies_never_go_back(&mut self.findings, history);
        match self.recorder.timeline(history) {
            Ok(timeline) => {
                writes_keep_their_order(&mut self.findings, &timeline, history);
                reads_are_prefixes(&mut self.findings, &timeline, history);
            }
            Err(reason) => {
                if !self.findings.failed() {
                    return Verdict::Unknown(reason);
                }
            }
        }
        self.findings.verdict("answered operation")
    }
}

/// What the white box holds against the sessions of a history.
pub(super) fn objection_to_sessions(timeline: &Timeline<'_>, history: &History) -> Option<String> {
    let mut findings = Findings::default();
    replies_never_go_back(&mut findings, history);
    writes_keep_their_order(&mut findings, timeline, history);
    reads_are_prefixes(&mut findings, timeline, history);
    findings.violation().map(|found| found.reason.clone())
}

fn replies_never_go_back(findings: &mut Findings, history: &History) {
    let mut last: BTreeMap<SessionId, (Zxid, &Operation)> = BTreeMap::new();
    for (at, _, seen) in &history.seen {
        let Seen::Completed(id) = seen else {
            continue;
        };
        let Some(operation) = operation_of(history, id.0) else {
            continue;
        };
        let Some((zxid, _)) = operation.answered() else {
            continue;
        };
        if operation.session == SessionId::NONE {
            continue;
        }
        if matches!(operation.request, Request::Auth { .. }) {
            // A proof shows nothing of the tree. A write whose answer was lost is answered again
            // after the proof, at its own older place.
            continue;
        }
        findings.count();
        let (before, earlier) = *last.entry(operation.session).or_insert((zxid, operation));
        if zxid < before {
            let reason = format!(
                "{} was answered at {zxid} after {} had been answered at {before}",
                operation.described(),
                earlier.described()
            );
            let subjects = Subjects::none()
                .operation(operation)
                .operation(earlier)
                .bound(zxid)
                .bound(before);
            findings.fail(*at, reason, subjects);
        }
        last.insert(operation.session, (zxid.max(before), operation));
    }
}

/// Operations are numbered in the order of invocation, from 0 or from 1.
pub(super) fn operation_of(history: &History, number: u32) -> Option<&Operation> {
    let operations = &history.operations;
    let place = operations.binary_search_by_key(&number, |operation| operation.id.0);
    place.ok().map(|place| &operations[place])
}

fn writes_keep_their_order(findings: &mut Findings, timeline: &Timeline<'_>, history: &History) {
    let mut writes: Vec<(SessionId, u32, Zxid, &Operation)> = Vec::new();
    for (operation, place) in history.operations.iter().zip(&timeline.places) {
        if let (Some(place), Some((_, Ok(_)))) = (place, operation.answered()) {
            writes.push((operation.session, operation.xid, *place, operation));
        }
    }
    writes.sort_by_key(|(session, xid, ..)| (*session, *xid));
    for pair in writes.windows(2) {
        let [(session, _, before, earlier), (same, _, after, later)] = pair else {
            continue;
        };
        if session == same {
            findings.count();
            if after <= before {
                let reason = format!(
                    "{} was sent after {}, but took effect at {after}, not after {before}",
                    later.described(),
                    earlier.described()
                );
                let subjects = Subjects::none()
                    .operation(later)
                    .operation(earlier)
                    .zxid(*after)
                    .zxid(*before);
                findings.fail(later.completed.unwrap_or(later.invoked), reason, subjects);
            }
        }
    }
}

fn reads_are_prefixes(findings: &mut Findings, timeline: &Timeline<'_>, history: &History) {
    let mut reads: Vec<(Zxid, &Operation, &Read)> = Vec::new();
    for operation in &history.operations {
        if let (Request::Read(read), Some((zxid, _))) = (&operation.request, operation.answered())
            && zxid <= timeline.known_through
        {
            reads.push((zxid, operation, read));
        }
    }
    reads.sort_by_key(|(zxid, operation, _)| (*zxid, operation.id));
    let mut reads = reads.into_iter().peekable();
    let mut model = Model::new();
    for step in &timeline.steps {
        while let Some((zxid, read, asked)) = reads.next_if(|(zxid, ..)| *zxid < step.zxid) {
            read_is_prefix(findings, &model, (zxid, read, asked));
        }
        step.replay(&mut model);
    }
    for read in reads {
        read_is_prefix(findings, &model, read);
    }
}

fn read_is_prefix(
    findings: &mut Findings,
    model: &Model,
    (zxid, operation, asked): (Zxid, &Operation, &Read),
) {
    let Some((_, answer)) = operation.answered() else {
        return;
    };
    findings.count();
    let (seen, expected) = (timeless(answer), model.read(reader_of(operation), asked));
    if seen != expected {
        let (seen, expected) = contrast(&seen, &expected);
        let reason = format!(
            "{} was answered {seen} at {zxid}, where the committed sequence says {expected}",
            operation.described()
        );
        let subjects = Subjects::none().operation(operation).bound(zxid);
        findings.fail(
            operation.completed.unwrap_or(operation.invoked),
            reason,
            subjects,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Story, answer, answer_write, assert_fails, assert_passes, command_of, verdict_with,
    };
    use super::*;
    use crate::ids::{ClientId, Span};
    use crate::tree::{Answer, CreateMode, Data, ErrorCode, Failure, Path, Response, Write};

    fn exists(watch: bool) -> Request {
        let path = Path::from("/a");
        Request::Read(Read::Exists { path, watch })
    }

    fn no_node() -> Answer {
        Err(Failure::of(ErrorCode::NoNode))
    }

    fn see_all(history: &mut History) {
        for operation in &history.operations {
            let at = operation.completed.expect("it was answered");
            history
                .seen
                .push((at, ClientId(1), Seen::Completed(operation.id)));
        }
    }

    /// The session opens at 1 and creates /a at 2.
    fn story() -> Story {
        let mut story = Story::default();
        let timeout = Span::secs(1);
        let writes = [
            Write::CreateSession { timeout },
            Write::Create {
                path: Path::from("/a"),
                data: Data::from([]),
                mode: CreateMode::Persistent,
            },
        ];
        for (write, seq) in writes.into_iter().zip(0..) {
            let payload = command_of(7, seq, write);
            let zxid = u64::from(seq) + 1;
            story.apply(1, zxid, &payload, Some(1), Some((7, seq)));
            story.deliver(1, zxid, payload.digest());
        }
        story
    }

    fn judge(history: &History) -> Verdict {
        verdict_with(ENTRY, "paxos", &story(), history)
    }

    #[test]
    fn a_read_of_an_old_prefix_passes_and_one_of_no_prefix_fails() {
        let mut history = History::default();
        history
            .operations
            .push(answer(1, 8, exists(false), 1, no_node()));
        see_all(&mut history);
        assert_passes(&judge(&history), 2);
        history.operations[0] = answer(1, 8, exists(false), 2, no_node());
        assert_fails(&judge(&history), "the committed sequence says");
    }

    #[test]
    fn a_proof_may_be_answered_ahead_of_what_was_executed_before_it() {
        let mut history = History::default();
        let proof = Request::Auth {
            scheme: Path::from("digest"),
            credential: Data::from(*b"ann:secret"),
        };
        let proven = Ok(Response::Authenticated);
        history.operations.push(answer(1, 8, proof, 9, proven));
        history
            .operations
            .push(answer(2, 8, exists(false), 1, no_node()));
        see_all(&mut history);
        assert_passes(&judge(&history), 2);
    }

    #[test]
    fn a_session_that_goes_back_in_time_fails_and_two_sessions_do_not() {
        let mut history = History::default();
        let path = Path::from("/b");
        let other = || {
            Request::Read(Read::Exists {
                path: path.clone(),
                watch: false,
            })
        };
        history.operations.push(answer(1, 8, other(), 2, no_node()));
        history.operations.push(answer(2, 9, other(), 1, no_node()));
        see_all(&mut history);
        assert_passes(&judge(&history), 4);
        history.operations[1].session = SessionId(8);
        assert_fails(&judge(&history), "had been answered at 2");
    }

    #[test]
    fn writes_of_a_session_take_effect_in_the_order_of_sending() {
        let mut story = Story::default();
        let first = super::super::testing::command(7, 1);
        let second = super::super::testing::command(7, 2);
        story
            .apply(1, 5, &second, Some(1), Some((7, 2)))
            .deliver(1, 5, second.digest());
        story
            .apply(1, 6, &first, Some(1), Some((7, 1)))
            .deliver(1, 6, first.digest());
        let mut history = History::default();
        history
            .operations
            .push(answer_write(1, 7, 1, 6, Ok(Response::Deleted)));
        history
            .operations
            .push(answer_write(2, 7, 2, 5, Ok(Response::Deleted)));
        let verdict = verdict_with(ENTRY, "zab", &story, &history);
        assert_fails(&verdict, "took effect at 5, not after 6");
    }
}
