//! Two oracles check each other: what the history alone says, and what the servers did.
//!
//! The black box, [`super::znode`], finds an order of the writes that explains every answer, or
//! says that there is none. The white box knows in which order they took effect. They disagree if
//!
//! - the black box sees a violation where the white box finds nothing wrong: then one of them
//!   judges by wrong rules;
//! - both are content, but an answered write took effect elsewhere than where the black box placed
//!   it: then its answer, or the reading of it, is wrong.
//!
//! A white box that objects where the black box is content is no disagreement: clients need not
//! have seen what went wrong. Nor is the place of a write that nobody answered.

use super::findings::Findings;
use super::linearizability::{answered, objection_to_writes, told};
use super::session_order::{objection_to_sessions, operation_of};
use super::timeline::{Recorder, Timeline};
use super::znode::{self, Birth, Mode, Options, Ruling};
use super::{Checker, CheckerEntry, Counterexample, Ending, Interests, Observation, Verdict};
use crate::history::History;
use crate::ids::VirtualTime;
use crate::linear::Steps;
use crate::tree::Request;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "oracles",
    asserts: "What the clients' history alone says agrees with what the servers did.",
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(Oracles::default()),
};

/// Questions of the search before the black box gives up: each stands for some thousand steps.
const QUESTIONS_MAX: u64 = 2_000;

#[derive(Debug, Default)]
struct Oracles {
    recorder: Recorder,
    findings: Findings,
}

impl Checker for Oracles {
    fn observe(&mut self, _: VirtualTime, observation: &Observation<'_>) {
        self.recorder.observe(observation);
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        let history = ending.history;
        let timeline = match self.recorder.timeline(history) {
            Ok(timeline) => timeline,
            Err(reason) => return Verdict::Unknown(reason),
        };
        let options = Options::new(Mode::ZooKeeper, Birth::ZooKeeper);
        let report = znode::check(history, &options, &mut Steps(QUESTIONS_MAX));
        match report.ruling {
            Ruling::Vacuous => {}
            Ruling::Unknown(reason) => return Verdict::Unknown(reason),
            Ruling::Violated(violation) => {
                self.findings.count();
                let objection = objection_to_writes(&timeline, history)
                    .or_else(|| objection_to_sessions(&timeline, history));
                if objection.is_none() {
                    let reason = format!(
                        "the history alone is no legal one, though the servers did nothing wrong: \
                         {}",
                        violation.sentence
                    );
                    self.findings.fail(violation.at, reason);
                }
            }
            Ruling::Holds => compare(&mut self.findings, &timeline, history, &report.order),
        }
        self.findings.verdict("answered operation")
    }
}

/// Compares the places of answered writes.
fn compare(
    findings: &mut Findings,
    timeline: &Timeline<'_>,
    history: &History,
    order: &[(crate::ids::OpId, u64)],
) {
    for (id, place) in order {
        let Some(operation) = operation_of(history, id.0) else {
            continue; // The end of a session, which nobody asked for.
        };
        let is_success = matches!(answered(operation), Some((_, Ok(_))));
        let index = history
            .operations
            .binary_search_by_key(&id.0, |other| other.id.0);
        let truth = index.ok().and_then(|index| timeline.places[index]);
        let (Request::Write(_), true, Some(truth)) = (&operation.request, is_success, truth) else {
            continue;
        };
        findings.count();
        // What changes nothing has a place between transactions.
        let is_there = truth.0 == *place || !znode::has_effect(operation);
        if truth <= timeline.known_through && !is_there {
            let reason = format!(
                "{} took effect at {truth}, but the history alone places it at {}",
                told(operation),
                crate::ids::Zxid(*place)
            );
            findings.fail(operation.completed.unwrap_or(operation.invoked), reason);
        }
    }
}
