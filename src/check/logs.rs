//! Every durable log is a cut of the one history: no hole, and nothing that its epochs do not
//! allow.
//!
//! *Zab.* The history of an epoch is its leader's initial history and then what it proposes, one
//! zxid after the other. So each logged transaction has one predecessor: the one before it in its
//! epoch, or of the first of an epoch, the last of the initial history. A log whose records do not
//! follow each other in this way has a hole, or a tail that a later leader should have cut off
//! (history consistency). No record is of an epoch that its disk has not accepted.
//!
//! *Multi-Paxos.* A slot may be empty, but a vote that a disk holds is for what was proposed in the
//! slot at the vote's ballot.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::{Epochs, Fact, Persisted, Pledged};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "logs",
    asserts: "At every crash and at the end each disk holds a cut of the one history: nothing is \
              left out, and each record is what was proposed there in an epoch that the disk \
              accepted.",
    harms: Harms::Servers,
    interests: Interests::FACT.and(Interests::DURABLE),
    make: |setup| Box::new(Logs::new(setup)),
};

#[derive(Debug)]
struct Logs {
    epochs: Epochs,
    /// What was proposed, by epoch and position.
    proposed: BTreeMap<(u64, Zxid), u64>,
    /// Of each epoch with a leader, the last position of its initial history.
    initial: BTreeMap<u64, Zxid>,
    findings: Findings,
}

impl Logs {
    fn new(setup: &Setup) -> Logs {
        Logs {
            epochs: setup.epochs,
            proposed: BTreeMap::new(),
            initial: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    fn state(&mut self, fact: &Fact) {
        match *fact {
            Fact::Proposed { epoch, zxid, value } => {
                // That an epoch proposes one value is for the agreement checker.
                self.proposed.entry((epoch, zxid)).or_insert(value);
            }
            Fact::Established { epoch, through } => {
                self.initial.entry(epoch).or_insert(through);
            }
            Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => {}
        }
    }

    /// A record is what was proposed.
    fn examine_value(&mut self, at: VirtualTime, node: NodeId, epoch: u64, entry: (Zxid, u64)) {
        self.findings.count();
        let (zxid, value) = entry;
        match self.proposed.get(&(epoch, zxid)) {
            Some(proposed) if *proposed == value => {}
            Some(proposed) => {
                let reason = format!(
                    "{node}'s disk holds {value:x} at {zxid} of epoch {epoch}, in which \
                     {proposed:x} was proposed there"
                );
                let subjects = Subjects::none()
                    .node(node)
                    .zxid(zxid)
                    .epoch(epoch)
                    .value(value)
                    .value(*proposed);
                self.findings.fail(at, reason, subjects);
            }
            None => {
                let reason = format!(
                    "{node}'s disk holds {value:x} at {zxid} of epoch {epoch}, in which nothing \
                     was proposed there"
                );
                let subjects = Subjects::none()
                    .node(node)
                    .zxid(zxid)
                    .epoch(epoch)
                    .value(value);
                self.findings.fail(at, reason, subjects);
            }
        }
    }

    /// The records of a log follow each other in the history.
    fn examine_chain(&mut self, at: VirtualTime, node: NodeId, disk: &Persisted) {
        let mut before = disk.through;
        for (zxid, value) in disk.entries.iter().copied() {
            if zxid <= disk.through {
                continue;
            }
            let epoch = u64::from(zxid.epoch());
            self.examine_value(at, node, epoch, (zxid, value));
            let expected = match zxid.counter() {
                1 => self.initial.get(&epoch).copied(),
                _later => Some(Zxid(zxid.0 - 1)),
            };
            if let Some(expected) = expected
                && expected != before
            {
                let reason = format!(
                    "{node}'s log goes from {before} to {zxid}, which follows {expected} in the \
                     history of epoch {epoch}"
                );
                let subjects = Subjects::none()
                    .node(node)
                    .zxid(zxid)
                    .zxid(expected)
                    .bound(before)
                    .epoch(epoch);
                self.findings.fail(at, reason, subjects);
            }
            before = zxid;
        }
    }

    /// No record is of an epoch that its disk has not accepted.
    fn examine_epochs(
        &mut self,
        at: VirtualTime,
        nodes: &[(NodeId, Persisted)],
        pledged: &[(NodeId, Pledged)],
    ) {
        for (node, disk) in nodes {
            let own = pledged.iter().find(|(pledger, _)| pledger == node);
            let (Some((zxid, _)), Some((_, pledged))) = (disk.entries.last(), own) else {
                continue;
            };
            self.findings.count();
            if u64::from(zxid.epoch()) > pledged.promised {
                let reason = format!(
                    "{node}'s log ends with {zxid}, but its disk has accepted epoch {} only",
                    pledged.promised
                );
                let subjects = Subjects::none()
                    .node(*node)
                    .zxid(*zxid)
                    .epoch(pledged.promised);
                self.findings.fail(at, reason, subjects);
            }
        }
    }

    fn examine_votes(
        &mut self,
        at: VirtualTime,
        nodes: &[(NodeId, Persisted)],
        pledged: &[(NodeId, Pledged)],
    ) {
        for (node, own) in pledged {
            let disk = nodes.iter().find(|(holder, _)| holder == node);
            let (Some((_, disk)), Some(votes)) = (disk, &own.votes) else {
                continue;
            };
            for (slot, epoch) in votes.epochs.iter().copied() {
                let held = disk.entries.binary_search_by_key(&slot, |entry| entry.0);
                // A no-op is no entry, and what lies below the snapshot is not reported.
                if let Ok(place) = held {
                    self.examine_value(at, *node, epoch, disk.entries[place]);
                }
            }
        }
    }
}

impl Checker for Logs {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Fact { fact, .. } => self.state(fact),
            Observation::Durable { nodes, pledged } => {
                self.findings.count_many(nodes.len());
                match self.epochs {
                    Epochs::InZxids => {
                        for (node, disk) in *nodes {
                            self.examine_chain(at, *node, disk);
                        }
                        self.examine_epochs(at, nodes, pledged);
                    }
                    Epochs::InVotes => self.examine_votes(at, nodes, pledged),
                }
            }
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
            | Observation::Applied { .. }
            | Observation::Delivered { .. }
            | Observation::Standing { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn lives_on(&self) -> &'static [&'static str] {
        &["Proposed", "Established"]
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        self.findings.verdict("look at a disk")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, verdict};
    use super::*;
    use crate::protocol::Votes;

    const fn zxid(epoch: u32, counter: u32) -> u64 {
        Zxid::new(epoch, counter).0
    }

    /// Epoch 1 proposes 1:1 to 1:4; epoch 2 begins after 1:3 and proposes 2:1 and 2:2.
    fn history() -> Story {
        let mut story = Story::default();
        story.fact(1, established(1, 0));
        for counter in 1..=4 {
            story.propose(1, 1, zxid(1, counter), 10 + u64::from(counter));
        }
        story.fact(2, established(2, zxid(1, 3)));
        story.propose(2, 2, zxid(2, 1), 21);
        story.propose(2, 2, zxid(2, 2), 22);
        story
    }

    fn established(epoch: u64, through: u64) -> Fact {
        let through = Zxid(through);
        Fact::Established { epoch, through }
    }

    fn judge(disk: (u64, &[(u64, u64)])) -> Verdict {
        let mut story = history();
        story.durable(&[disk]);
        verdict(ENTRY, "zab", &story)
    }

    #[test]
    fn cuts_of_the_history_pass() {
        let whole = [
            (zxid(1, 1), 11),
            (zxid(1, 2), 12),
            (zxid(1, 3), 13),
            (zxid(2, 1), 21),
        ];
        assert_passes(&judge((0, &whole)), 5);
        assert_passes(&judge((zxid(1, 2), &whole[2..])), 3);
        assert_passes(
            &judge((zxid(1, 2), &[(zxid(1, 3), 13), (zxid(1, 4), 14)])),
            3,
        );
    }

    #[test]
    fn a_hole_fails() {
        let hole = [(zxid(1, 1), 11), (zxid(1, 3), 13)];
        assert_fails(&judge((0, &hole)), "from 1:1 to 1:3");
        assert_fails(&judge((zxid(1, 1), &hole[1..])), "from 1:1 to 1:3");
    }

    #[test]
    fn a_tail_that_a_later_leader_did_not_have_fails_below_its_records() {
        let tail = [(zxid(1, 4), 14), (zxid(2, 1), 21)];
        assert_fails(&judge((zxid(1, 3), &tail)), "which follows 1:3");
    }

    #[test]
    fn a_record_that_nobody_proposed_fails() {
        assert_fails(&judge((0, &[(zxid(1, 1), 99)])), "b was proposed there");
        assert_fails(
            &judge((zxid(2, 2), &[(zxid(2, 3), 9)])),
            "nothing was proposed",
        );
    }

    fn told(story: &Story, disk: &Persisted, own: &Pledged, protocol: &str) -> Verdict {
        let mut checker = (ENTRY.make)(&super::super::testing::setup(protocol));
        story.tell(|at, observation| checker.observe(at, observation));
        let (nodes, pledged) = ([(NodeId(1), disk.clone())], [(NodeId(1), own.clone())]);
        let observation = Observation::Durable {
            nodes: &nodes,
            pledged: &pledged,
        };
        checker.observe(VirtualTime(99), &observation);
        super::super::testing::ending_of(&[], |ending| checker.finish(ending))
    }

    #[test]
    fn a_record_of_an_epoch_that_the_disk_has_not_accepted_fails() {
        let disk = Persisted {
            through: Zxid::new(1, 3),
            entries: vec![(Zxid::new(2, 1), 21)],
        };
        let pledged = |promised| Pledged {
            promised,
            votes: None,
        };
        assert_passes(&told(&history(), &disk, &pledged(2), "zab"), 3);
        assert_fails(
            &told(&history(), &disk, &pledged(1), "zab"),
            "accepted epoch 1",
        );
    }

    #[test]
    fn in_paxos_a_vote_is_for_what_was_proposed_at_its_ballot() {
        let mut story = Story::default();
        story.propose(1, 5, 1, 7).propose(2, 6, 1, 8);
        let disk = |value| Persisted {
            through: Zxid::ZERO,
            entries: vec![(Zxid(1), value)],
        };
        let pledged = Pledged {
            promised: 6,
            votes: Some(Votes {
                through: Zxid::ZERO,
                epochs: vec![(Zxid(1), 6)],
            }),
        };
        assert_passes(&told(&story, &disk(8), &pledged, "paxos"), 2);
        assert_fails(
            &told(&story, &disk(7), &pledged, "paxos"),
            "8 was proposed there",
        );
    }
}
