//! What is committed is on so many disks that every quorum holds it.

use super::findings::Findings;
use super::ledger::Ledger;
use super::quorums::{Members, Quorums};
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::Persisted;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "durability",
    asserts: "At every loss of power each committed transaction is durable at a member of every \
              quorum, and a core that converged has applied all that was committed before it was \
              healed.",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::DURABLE),
    make: |setup| Box::new(Durability::new(setup)),
};

#[derive(Debug)]
struct Durability {
    quorums: Quorums,
    ledger: Ledger,
    /// When the end of the committed sequence was delivered first; both ascend.
    ends: Vec<(VirtualTime, Zxid)>,
    findings: Findings,
}

impl Durability {
    fn new(setup: &Setup) -> Durability {
        Durability {
            quorums: Quorums::elect(setup),
            ledger: Ledger::default(),
            ends: Vec::new(),
            findings: Findings::default(),
        }
    }

    fn examine(&mut self, at: VirtualTime, nodes: &[(NodeId, Persisted)]) {
        let covered = self.covered(nodes);
        let entries = self.ledger.entries();
        self.findings.count_many(entries.len());
        let first = entries.partition_point(|entry| entry.zxid <= covered);
        let mut rests: Vec<&[(Zxid, u64)]> = nodes
            .iter()
            .map(|(_, disk)| disk.entries.as_slice())
            .collect();
        for entry in &entries[first..] {
            let mut holders = Members::default();
            for ((node, disk), rest) in nodes.iter().zip(&mut rests) {
                while let [(zxid, _), behind @ ..] = rest
                    && *zxid < entry.zxid
                {
                    *rest = behind;
                }
                let stored = rest
                    .iter()
                    .take_while(|(zxid, _)| *zxid == entry.zxid)
                    .any(|(_, value)| *value == entry.value);
                if stored || disk.through >= entry.zxid {
                    holders.insert(*node);
                }
            }
            if self.quorums.one_without(holders).is_some() {
                let reason = format!(
                    "{} is committed, but after a loss of power only {holders:?} would hold it, \
                     and there is a quorum without any of them",
                    entry.zxid
                );
                let subjects = Subjects::none().nodes(holders.nodes()).zxid(entry.zxid);
                self.findings.fail(at, reason, subjects);
                return;
            }
        }
    }

    /// Through which zxid the snapshots alone are enough: the greatest for which every quorum has
    /// a member whose snapshot reaches so far.
    fn covered(&self, nodes: &[(NodeId, Persisted)]) -> Zxid {
        let mut snapshots: Vec<(Zxid, NodeId)> = nodes
            .iter()
            .map(|(node, disk)| (disk.through, *node))
            .collect();
        snapshots.sort_unstable_by(|left, right| right.cmp(left));
        let mut furthest = Members::default();
        let enough = snapshots.iter().find(|(_, node)| {
            furthest.insert(*node);
            self.quorums.one_without(furthest).is_none()
        });
        enough.map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    /// What is committed later may be known to a leader outside of the core only, on which no
    /// client waits:
    /// 1. n1 and n2 are the core, and n3 leads. It proposes to remove a TTL node of its own accord.
    /// 2. n1 votes for that, so it is committed; the core converges before n3's word of it arrives.
    fn examine_core(&mut self, ending: &Ending<'_>, healed: VirtualTime) {
        let before = self.ends.partition_point(|(at, _)| *at <= healed);
        let Some((_, last)) = self.ends[..before].last().copied() else {
            return;
        };
        for server in ending.nodes.iter().filter(|server| server.core) {
            let Some(applied) = server.applied else {
                continue; // That it is down is for the liveness checker.
            };
            self.findings.count();
            if applied < last {
                let reason = format!(
                    "{last} was committed before {healed}, but {} ends with {applied} although the \
                     core converged",
                    server.node
                );
                let subjects = Subjects::none().node(server.node).zxid(last);
                self.findings.fail(ending.at, reason, subjects);
            }
        }
    }
}

impl Checker for Durability {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } => self.ledger.booted(*node),
            Observation::Restored { node, zxid } => self.ledger.restored(*node, *zxid),
            Observation::Delivered { node, zxid, value } => {
                // A conflict is for the agreement checker.
                self.ledger.delivered(*node, *zxid, *value);
                let last = self.ledger.last();
                if self.ends.last().is_none_or(|(_, known)| *known < last) {
                    self.ends.push((at, last));
                }
            }
            Observation::Durable { nodes, .. } => self.examine(at, nodes),
            Observation::Crashed { .. }
            | Observation::Applied { .. }
            | Observation::Fact { .. }
            | Observation::Standing { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        if let (Some(healed), Some(_)) = (ending.healed, ending.converged) {
            self.examine_core(ending, healed);
        }
        self.findings
            .verdict("look at the disks after a committed transaction")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, setup, standing_at, verdict};
    use super::*;
    use crate::history::History;

    #[test]
    fn two_of_three_disks_are_enough_by_log_or_by_snapshot() {
        let mut story = Story::default();
        story.deliver(1, 1, 10).deliver(1, 2, 20).deliver(1, 3, 30);
        story.durable(&[(1, &[(2, 20), (3, 30)]), (3, &[]), (0, &[(1, 10)])]);
        assert_passes(&verdict(ENTRY, "zab", &story), 3);
    }

    #[test]
    fn one_of_three_disks_is_not_enough() {
        let mut story = Story::default();
        story.deliver(1, 1, 10).deliver(1, 2, 20);
        story.durable(&[(0, &[(1, 10), (2, 20)]), (1, &[]), (0, &[])]);
        assert_fails(&verdict(ENTRY, "zab", &story), "only [n1]");
    }

    #[test]
    fn another_value_at_the_zxid_does_not_count() {
        let mut story = Story::default();
        story.deliver(1, 1, 10);
        story.durable(&[(0, &[(1, 10)]), (0, &[(1, 11)]), (0, &[])]);
        assert_fails(&verdict(ENTRY, "paxos", &story), "1 is committed");
    }

    #[test]
    fn disks_without_a_committed_transaction_are_no_obligation() {
        let mut story = Story::default();
        story.durable(&[(0, &[]), (0, &[]), (0, &[])]);
        let nothing = verdict(ENTRY, "zab", &story);
        assert!(matches!(nothing, Verdict::Vacuous(_)), "{nothing:?}");
    }

    #[test]
    fn a_converged_core_has_applied_what_was_committed_before_it_was_healed() {
        let mut story = Story::default();
        story.deliver(1, 1, 10).deliver(1, 2, 20);
        let judge = |applied: u64, healed: u64| {
            let mut checker = (ENTRY.make)(&setup("zab"));
            let mut last = VirtualTime(0);
            story.tell(|at, observation| {
                last = at;
                checker.observe(at, observation);
            });
            checker.finish(&Ending {
                at: VirtualTime(9),
                nodes: &[standing_at(1, 2, 5), standing_at(2, applied, 5)],
                history: &History::default(),
                healed: Some(VirtualTime(last.0 - 1 + healed)),
                converged: Some(VirtualTime(last.0 + 2)),
                obstacle: None,
                circumstances: &crate::check::Circumstances::default(),
            })
        };
        assert_passes(&judge(2, 1), 2);
        assert_fails(&judge(1, 1), "n2 ends with 1");
        // The last one was committed after healing: it may still be on its way.
        assert_passes(&judge(1, 0), 2);
        assert_fails(&judge(0, 0), "n2 ends with 0");
    }
}
