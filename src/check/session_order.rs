//! What one session sees is in order: ordered sequential consistency.
//!
//! - The zxids of a session's replies never decrease, over all its connections (single system
//!   image). Together with the next point that is read-your-writes: the write's reply carries the
//!   write's own zxid.
//! - Each answered read is what the committed sequence through its reply's zxid says (prefix
//!   consistency).
//! - The session's successful writes take effect in the order of sending.
//! - A session sees no more events about a node than it asked to be told of.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::linearizability::{answered, told};
use super::model::{Model, timeless};
use super::timeline::{Recorder, Timeline};
use super::{Checker, CheckerEntry, Counterexample, Ending, Interests, Observation, Verdict};
use crate::history::{History, Operation, Seen};
use crate::ids::{SessionId, VirtualTime, Zxid};
use crate::tree::{Path, Read, Request};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "session",
    asserts: "A session sees ever later prefixes of the committed sequence, its own writes in \
              their order included, and at most one event for each watch.",
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
        watches_fire_once(&mut self.findings, history);
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

fn replies_never_go_back(findings: &mut Findings, history: &History) {
    let mut last: BTreeMap<SessionId, (Zxid, &Operation)> = BTreeMap::new();
    for (at, _, seen) in &history.seen {
        let Seen::Completed(id) = seen else {
            continue;
        };
        let Some(operation) = operation_of(history, id.0) else {
            continue;
        };
        let Some((zxid, _)) = answered(operation) else {
            continue;
        };
        if operation.session == SessionId::NONE {
            continue;
        }
        findings.count();
        let (before, earlier) = *last.entry(operation.session).or_insert((zxid, operation));
        if zxid < before {
            let reason = format!(
                "{} was answered at {zxid} after {} had been answered at {before}",
                told(operation),
                told(earlier)
            );
            findings.fail(*at, reason);
        }
        last.insert(operation.session, (zxid.max(before), operation));
    }
}

/// Operations are numbered in the order of invocation, from 0 or from 1.
fn operation_of(history: &History, number: u32) -> Option<&Operation> {
    let operations = &history.operations;
    let place = operations.binary_search_by_key(&number, |operation| operation.id.0);
    place.ok().map(|place| &operations[place])
}

fn writes_keep_their_order(findings: &mut Findings, timeline: &Timeline<'_>, history: &History) {
    let mut writes: Vec<(SessionId, u32, Zxid, &Operation)> = Vec::new();
    for (operation, place) in history.operations.iter().zip(&timeline.places) {
        if let (Some(place), Some((_, Ok(_)))) = (place, answered(operation)) {
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
                    "{} was sent after {}, but took effect at {after}, not behind {before}",
                    told(later),
                    told(earlier)
                );
                findings.fail(later.completed.unwrap_or(later.invoked), reason);
            }
        }
    }
}

fn reads_are_prefixes(findings: &mut Findings, timeline: &Timeline<'_>, history: &History) {
    let mut reads: Vec<(Zxid, &Operation, &Read)> = Vec::new();
    for operation in &history.operations {
        if let (Request::Read(read), Some((zxid, _))) = (&operation.request, answered(operation)) {
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
    let Some((_, answer)) = answered(operation) else {
        return;
    };
    findings.count();
    let (seen, expected) = (timeless(answer), model.read(asked));
    if seen != expected {
        let reason = format!(
            "{} was answered {seen:?} at {zxid}, where the committed sequence says {expected:?}",
            told(operation)
        );
        findings.fail(operation.completed.unwrap_or(operation.invoked), reason);
    }
}

/// Whatever was lost or armed again on the way: each read asks for one event at most.
fn watches_fire_once(findings: &mut Findings, history: &History) {
    let mut armed: BTreeMap<(SessionId, &Path), u32> = BTreeMap::new();
    for operation in &history.operations {
        if let Request::Read(
            Read::GetData { path, watch: true }
            | Read::Exists { path, watch: true }
            | Read::GetChildren { path, watch: true },
        ) = &operation.request
        {
            *armed.entry((operation.session, path)).or_default() += 1;
        }
    }
    for (at, client, seen) in &history.seen {
        let Seen::Event { session, event } = seen else {
            continue;
        };
        findings.count();
        match armed.get_mut(&(*session, &event.path)) {
            Some(left) if *left > 0 => *left -= 1,
            Some(_) | None => {
                let reason = format!(
                    "{client} was told of {:?} of {} in {session}, more often than it had asked",
                    event.kind, event.path
                );
                findings.fail(*at, reason);
            }
        }
    }
}
