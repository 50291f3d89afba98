//! Whoever takes a value for chosen is right: a quorum had voted for it in one epoch.
//!
//! Predicate S11 of the Paxos literature's invariants: what is learned was accepted by a quorum at
//! one ballot. It is asked of each server and of each way to learn: counting votes, a commit
//! notice, a value that another server sends, a snapshot. Votes of different epochs are never added
//! up, and what a leader announces proves nothing; only votes that left their servers do.
//!
//! In Zab a leader's establishment commits its whole history without a vote on each entry, so there
//! a delivery is right if a quorum voted for it in its own epoch, or if it lies in the history of
//! an established leader of a later one.
//!
//! Of a protocol that states no votes nothing is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::quorums::{Members, Quorums};
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::{Epochs, Fact, Slots};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "chosen",
    asserts: "Whoever takes a value for chosen, delivers it or takes over a snapshot of it is \
              right: a quorum voted for it in one epoch (Zab: or a later leader was established \
              with it).",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::FACT),
    make: |setup| Box::new(Chosen::new(setup)),
};

#[derive(Debug)]
struct Chosen {
    quorums: Quorums,
    epochs: Epochs,
    /// Who voted for each value at each zxid, epoch by epoch.
    votes: BTreeMap<(Zxid, u64, u64), Members>,
    /// The values for which a quorum voted in one epoch. That there is one for each zxid is for
    /// the agreement checker.
    won: BTreeSet<(Zxid, u64)>,
    slots: Slots,
    /// Every slot through here has a value that won.
    through: u64,
    /// The end of the history with which each epoch's leader was established.
    established: BTreeMap<u64, Zxid>,
    findings: Findings,
}

impl Chosen {
    fn new(setup: &Setup) -> Chosen {
        Chosen {
            quorums: Quorums::commit(setup),
            epochs: setup.epochs,
            votes: BTreeMap::new(),
            won: BTreeSet::new(),
            slots: setup.slots,
            through: 0,
            established: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    fn vote(&mut self, node: NodeId, epoch: u64, zxid: Zxid, value: u64) {
        let voters = self.votes.entry((zxid, epoch, value)).or_default();
        if voters.insert(node) && self.quorums.contain(*voters) {
            self.won.insert((zxid, value));
        }
    }

    /// Somebody acts on a value as chosen.
    fn take(&mut self, at: VirtualTime, node: NodeId, deed: &str, zxid: Zxid, value: u64) {
        self.findings.count();
        if self.votes.is_empty() || self.won.contains(&(zxid, value)) {
            return;
        }
        let later = self.established.range(u64::from(zxid.epoch()) + 1..);
        let inherited = || later.map(|(_, through)| *through).any(|end| zxid <= end);
        if self.epochs == Epochs::InZxids && inherited() {
            return;
        }
        let reason = format!(
            "{node} {deed} value {value:016x} at {zxid}, for which no quorum had voted in one epoch"
        );
        let subjects = Subjects::none().node(node).zxid(zxid).value(value);
        self.findings.fail(at, reason, subjects);
    }

    /// A snapshot stands for a value in every slot through its own.
    fn take_over(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid) {
        if self.epochs == Epochs::InZxids || zxid == Zxid::ZERO {
            return; // Zab hands over what is not committed yet, too.
        }
        self.findings.count();
        let begin = |slot| self.slots.position(slot, 0);
        let mut through = self.through;
        while self.won_at(begin(through + 1)) {
            through += 1;
        }
        let first = begin(through + 1);
        self.through = through;
        let lacking = match zxid < first {
            true => (!self.won_at(zxid)).then_some(zxid),
            false => Some(first),
        };
        if let (Some(lacking), false) = (lacking, self.votes.is_empty()) {
            let reason = format!(
                "{node} took over a snapshot at {zxid}, but at {lacking} no quorum had voted for \
                 a value in one epoch"
            );
            let subjects = Subjects::none().node(node).zxid(lacking).bound(zxid);
            self.findings.fail(at, reason, subjects);
        }
    }

    fn won_at(&self, zxid: Zxid) -> bool {
        let mut values = self.won.range((zxid, 0)..=(zxid, u64::MAX));
        values.next().is_some()
    }

    fn state(&mut self, at: VirtualTime, node: NodeId, fact: &Fact) {
        match *fact {
            Fact::Voted { epoch, zxid, value } => self.vote(node, epoch, zxid, value),
            Fact::Established { epoch, through } => {
                self.established.entry(epoch).or_insert(through);
            }
            Fact::Chosen { zxid, value } => {
                // A Zab learner hears of commits before it knows its leader's epoch to be
                // established; what counts there is what it delivers.
                if self.epochs == Epochs::InVotes {
                    self.take(at, node, "took for chosen", zxid, value);
                }
            }
            Fact::Proposed { .. }
            | Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. } => {}
        }
    }
}

impl Checker for Chosen {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Restored { node, zxid } => self.take_over(at, *node, *zxid),
            Observation::Delivered { node, zxid, value } => {
                self.take(at, *node, "delivered", *zxid, *value);
            }
            Observation::Fact { node, fact } => self.state(at, *node, fact),
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Applied { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn lives_on(&self) -> &'static [&'static str] {
        &["Voted", "Chosen"]
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        if self.votes.is_empty() && !self.findings.failed() {
            // Where nobody votes, nothing was held against those who acted on a value.
            return Verdict::Vacuous("the run had no vote".to_owned());
        }
        self.findings.verdict("value that anybody took for chosen")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, failing, verdict};
    use super::*;

    fn judge(story: &Story) -> Verdict {
        verdict(ENTRY, "paxos", story)
    }

    fn took(zxid: u64, value: u64) -> Fact {
        let zxid = Zxid(zxid);
        Fact::Chosen { zxid, value }
    }

    /// Ballot 5 proposed 7 at 1; votes are left to the test.
    fn proposed() -> Story {
        let mut story = Story::default();
        story.lead(1, 5).promise(2, 5).propose(1, 5, 1, 7);
        story
    }

    #[test]
    fn what_a_quorum_voted_for_in_one_epoch_may_be_taken_in_every_way() {
        let mut story = proposed();
        story.vote(1, 5, 1, 7).vote(2, 5, 1, 7).vote(2, 5, 1, 7);
        story.fact(1, took(1, 7)).deliver(1, 1, 7).restore(3, 1);
        assert_passes(&judge(&story), 3);
    }

    #[test]
    fn a_value_that_a_minority_voted_for_is_not_chosen_and_nobody_else_reports_it() {
        let mut story = proposed();
        story.vote(1, 5, 1, 7).fact(1, took(1, 7));
        assert_fails(&judge(&story), "n1 took for chosen value");
        assert_eq!(failing("paxos", &story), ["chosen"]);
    }

    #[test]
    fn votes_of_different_epochs_are_not_counted_together() {
        let mut story = proposed();
        story.vote(1, 5, 1, 7);
        story.lead(3, 6).promise(2, 6).promise(1, 6);
        story.propose(3, 6, 1, 7).vote(3, 6, 1, 7);
        story.fact(3, took(1, 7));
        assert_fails(&judge(&story), "no quorum had voted in one epoch");
        assert_eq!(failing("paxos", &story), ["chosen"]);
    }

    #[test]
    fn an_own_vote_of_a_lost_ballot_is_not_what_was_chosen() {
        let mut story = proposed();
        story.vote(1, 5, 1, 7);
        story.promise(2, 6).lead(3, 6).propose(3, 6, 1, 8);
        story.vote(2, 6, 1, 8).vote(3, 6, 1, 8).fact(3, took(1, 8));
        assert_passes(&judge(&story), 1);
        // The deposed leader hears that slot 1 is chosen, and takes its own proposal for it.
        story.fact(1, took(1, 7));
        assert_fails(
            &judge(&story),
            "n1 took for chosen value 0000000000000007 at 1",
        );
    }

    #[test]
    fn what_is_delivered_unsaid_must_be_chosen_too() {
        let mut story = proposed();
        story.vote(1, 5, 1, 7).deliver(1, 1, 7);
        assert_fails(&judge(&story), "n1 delivered value");
    }

    #[test]
    fn a_snapshot_that_covers_what_is_not_chosen_is_reported_alone() {
        let mut story = proposed();
        story.vote(1, 5, 1, 7).vote(2, 5, 1, 7).restore(3, 2);
        assert_fails(&judge(&story), "n3 took over a snapshot at 2, but at 2");
        assert_eq!(failing("paxos", &story), ["chosen"]);
    }

    fn established(epoch: u64, through: Zxid) -> Fact {
        Fact::Established { epoch, through }
    }

    #[test]
    fn in_zab_votes_of_its_epoch_or_a_later_establishment_commit() {
        let (first, second) = (Zxid::new(5, 1), Zxid::new(5, 2));
        let mut story = Story::default();
        story.vote(1, 5, first.0, 7).vote(2, 5, first.0, 7);
        story.deliver(1, first.0, 7).vote(1, 5, second.0, 8);
        story
            .fact(1, established(6, second))
            .deliver(1, second.0, 8);
        assert_passes(&verdict(ENTRY, "zab", &story), 2);
    }

    #[test]
    fn in_zab_a_delivery_without_a_quorum_or_an_heir_is_reported() {
        let first = Zxid::new(5, 1);
        let mut story = Story::default();
        story.fact(1, established(5, first)).vote(1, 5, first.0, 7);
        story
            .fact(2, established(6, Zxid::new(4, 9)))
            .deliver(1, first.0, 7);
        assert_fails(&verdict(ENTRY, "zab", &story), "n1 delivered value");
    }
}
