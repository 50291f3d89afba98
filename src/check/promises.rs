//! No server goes back behind a promise.
//!
//! For each server, across all its incarnations, one floor: the greatest epoch it promised or voted
//! in. No promise and no vote is below it. In Multi-Paxos a vote at ballot b is a promise of b
//! (accepting raises the promised ballot), and in Zab a server acknowledges proposals of an epoch
//! only after it accepted that epoch, so one floor serves both. It implies that the epoch of a
//! server's votes for one zxid never decreases.
//!
//! A late vote is legal if it was *written* before the promise. That needs no exception here: facts
//! about promises and votes become true when the disk queue reaches them, the queue is FIFO, and so
//! a vote that was written before a promise is stated before it. What is stated behind a promise
//! was written behind it.

use super::findings::Findings;
use super::{Checker, CheckerEntry, Counterexample, Ending, Interests, Observation, Verdict};
use crate::ids::{NodeId, VirtualTime};
use crate::protocol::Fact;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "promises",
    asserts: "No server promises or votes in an epoch below one that it promised or voted in.",
    interests: Interests::FACT,
    make: |_| Box::new(Promised::default()),
};

#[derive(Debug, Default)]
struct Promised {
    /// By server number. Invariant: never decreases.
    floors: Vec<u64>,
    findings: Findings,
}

impl Promised {
    fn state(&mut self, at: VirtualTime, node: NodeId, epoch: u64, deed: impl FnOnce() -> String) {
        self.findings.count();
        let index = usize::from(node.0);
        if index >= self.floors.len() {
            self.floors.resize(index + 1, 0);
        }
        let floor = &mut self.floors[index];
        if epoch < *floor {
            let reason = format!(
                "{node} {} in epoch {epoch} after it had promised or voted in epoch {floor}",
                deed()
            );
            self.findings.fail(at, reason);
        }
        *floor = (*floor).max(epoch);
    }
}

impl Checker for Promised {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Fact { node, fact } => match **fact {
                Fact::Promised { epoch } => {
                    self.state(at, *node, epoch, || "promised to take part".to_string());
                }
                Fact::Voted { epoch, zxid, .. } => {
                    self.state(at, *node, epoch, || format!("voted for {zxid}"));
                }
                Fact::Proposed { .. } | Fact::Established { .. } | Fact::Chosen { .. } => {}
            },
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
            | Observation::Applied { .. }
            | Observation::Delivered { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. } => {}
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        self.findings.verdict("promise and no vote")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, verdict};
    use super::*;
    use crate::ids::Zxid;

    fn promised(epoch: u64) -> Fact {
        Fact::Promised { epoch }
    }

    fn voted(epoch: u64) -> Fact {
        Fact::Voted {
            epoch,
            zxid: Zxid(1),
            value: 7,
        }
    }

    #[test]
    fn rising_promises_and_votes_at_them_are_kept() {
        let mut story = Story::default();
        story
            .fact(1, promised(3))
            .fact(1, voted(3))
            .fact(2, voted(2));
        story
            .boot(1)
            .fact(1, promised(3))
            .fact(1, promised(5))
            .fact(1, voted(5));
        assert_passes(&verdict(ENTRY, "zab", &story), 6);
    }

    #[test]
    fn a_vote_below_a_promise_breaks_it() {
        let mut story = Story::default();
        story.fact(1, promised(3)).boot(1).fact(1, voted(2));
        assert_fails(
            &verdict(ENTRY, "paxos", &story),
            "n1 voted for 1 in epoch 2",
        );
    }

    #[test]
    fn a_promise_or_vote_below_a_vote_breaks_it() {
        for late in [promised(3), voted(3)] {
            let mut story = Story::default();
            story.fact(1, voted(4)).fact(1, late);
            assert_fails(&verdict(ENTRY, "paxos", &story), "in epoch 3 after");
        }
    }
}
