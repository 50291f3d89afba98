//! Servers that applied the same sequence are in the same state.
//!
//! Uncommitted tails may differ from server to server, so digests are compared only where a
//! transaction is delivered: then everything before it is the one committed sequence. The digest is
//! the one taken when the server applied that transaction, which may be long before.

use std::collections::{BTreeMap, VecDeque};

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "digest",
    asserts: "Servers that delivered the same zxid had the same state after it.",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(Digests::default()),
};

/// How many zxids are remembered: a server that lags further behind is not compared.
const REMEMBERED_MAX: usize = 1 << 16;

#[derive(Debug, Default)]
struct Digests {
    /// By server number: what it applied and did not deliver yet.
    /// Invariant: zxids ascend, at most [`REMEMBERED_MAX`] entries.
    pending: Vec<VecDeque<(Zxid, u64)>>,
    /// The first digest at each delivered zxid, and whose it is.
    known: BTreeMap<Zxid, (u64, NodeId)>,
    findings: Findings,
}

impl Digests {
    fn pending(&mut self, node: NodeId) -> &mut VecDeque<(Zxid, u64)> {
        let index = usize::from(node.0);
        if index >= self.pending.len() {
            self.pending.resize_with(index + 1, VecDeque::new);
        }
        &mut self.pending[index]
    }

    fn apply(&mut self, node: NodeId, zxid: Zxid, digest: u64) {
        let pending = self.pending(node);
        if pending.len() == REMEMBERED_MAX {
            pending.pop_front();
        }
        pending.push_back((zxid, digest));
    }

    fn deliver(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid) {
        let pending = self.pending(node);
        while pending.front().is_some_and(|(applied, _)| *applied < zxid) {
            pending.pop_front();
        }
        let Some((_, digest)) = pending.pop_front_if(|(applied, _)| *applied == zxid) else {
            // It could not tell its digest when it applied this.
            return;
        };
        if let Some((first, witness)) = self.known.get(&zxid).copied() {
            self.findings.count();
            if first != digest {
                let reason = format!(
                    "after {zxid} the state of {node} has digest {digest:016x}, that of {witness} \
                     had {first:016x}"
                );
                let subjects = Subjects::none().node(node).node(witness).zxid(zxid);
                self.findings.fail(at, reason, subjects);
            }
            return;
        }
        if self.known.len() == REMEMBERED_MAX {
            self.known.pop_first();
        }
        self.known.insert(zxid, (digest, node));
    }
}

impl Checker for Digests {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } | Observation::Restored { node, .. } => {
                self.pending(*node).clear();
            }
            Observation::Applied {
                node, zxid, digest, ..
            } => {
                if let Some(digest) = digest {
                    self.apply(*node, *zxid, *digest);
                }
            }
            Observation::Delivered { node, zxid, .. } => self.deliver(at, *node, *zxid),
            Observation::Crashed { .. }
            | Observation::Fact { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        self.findings
            .verdict("zxid that two servers delivered with a known digest")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, verdict};
    use super::*;
    use crate::tree::{Command, Payload, Write};

    fn payload() -> Payload {
        Payload::command(Command {
            session: crate::ids::SessionId(1),
            seq: 1,
            acked: 0,
            time_ms: 0,
            write: Write::CloseSession,
        })
    }

    #[test]
    fn equal_digests_at_equal_zxids_pass() {
        let value = payload();
        let mut story = Story::default();
        for node in [1, 2, 3] {
            story
                .apply(node, 1, &value, Some(70), None)
                .deliver(node, 1, 1);
        }
        assert_passes(&verdict(ENTRY, "zab", &story), 2);
    }

    #[test]
    fn different_digests_at_one_delivered_zxid_fail() {
        let value = payload();
        let mut story = Story::default();
        story.apply(1, 1, &value, Some(70), None).deliver(1, 1, 1);
        story.apply(2, 1, &value, Some(71), None);
        let undelivered = verdict(ENTRY, "zab", &story);
        assert!(
            matches!(undelivered, Verdict::Vacuous(_)),
            "{undelivered:?}"
        );
        story.deliver(2, 1, 1);
        assert_fails(&verdict(ENTRY, "zab", &story), "n2");
    }

    #[test]
    fn a_discarded_tail_is_not_compared() {
        let value = payload();
        let mut story = Story::default();
        story.apply(1, 1, &value, Some(99), None).restore(1, 0);
        story.apply(1, 1, &value, Some(70), None).deliver(1, 1, 1);
        story.apply(2, 1, &value, Some(70), None).deliver(2, 1, 1);
        assert_passes(&verdict(ENTRY, "zab", &story), 1);
    }
}
