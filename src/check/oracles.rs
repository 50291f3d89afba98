//! Two oracles check each other: what the history alone says, and what the servers did.
//!
//! The black box, [`super::znode`], holds that the answers tell where most writes took effect, and
//! that by its own rules one order explains every answer. The white box knows the order. A history
//! is legal if *some* order explains it, so the true one is tried: if it does, nothing is left to
//! decide, and no search is needed. They disagree if the white box finds nothing wrong, but
//!
//! - an answered write took effect elsewhere than where its answer places it;
//! - the true order does not explain an answer, or breaks a session's order or real time: then one
//!   of them judges by wrong rules.
//!
//! A white box that objects where the black box is content is no disagreement: clients need not
//! have seen what went wrong. Nor is anything in a run whose true order is not known to the end.

use super::findings::Findings;
use super::linearizability::objection_to_writes;
use super::session_order::objection_to_sessions;
use super::timeline::Recorder;
use super::znode::{self, Birth, Mode, Options};
use super::{Checker, CheckerEntry, Counterexample, Ending, Interests, Observation, Verdict};
use crate::ids::{VirtualTime, Zxid};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "oracles",
    asserts: "What the clients' history alone says agrees with what the servers did.",
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(Oracles::default()),
};

/// Questions of the sweep before it gives up: each stands for some thousand steps, and a step is a
/// look at the tree. A run of a thousand operations asks none.
const QUESTIONS_MAX: u64 = 500;

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
        if timeline.known_through != Zxid(u64::MAX) {
            let known = timeline.known_through;
            return Verdict::Unknown(format!("the true order is known through {known} only"));
        }
        let options = Options::new(Mode::ZooKeeper, Birth::ZooKeeper);
        let comparison = znode::compare(history, &timeline, &options, QUESTIONS_MAX);
        if let Some(limit) = comparison.limit {
            return Verdict::Unknown(format!("{limit} was reached"));
        }
        self.findings.count_many(comparison.checked);
        if let Some((at, sentence)) = comparison.parting
            && objection_to_writes(&timeline, history).is_none()
            && objection_to_sessions(&timeline, history).is_none()
        {
            let reason = format!(
                "the servers did nothing wrong, but the history does not agree: {sentence}"
            );
            self.findings.fail(at, reason);
        }
        self.findings.verdict("answered operation")
    }
}
