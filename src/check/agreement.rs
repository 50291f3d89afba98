//! All servers deliver the same sequence, of proposed values only.
//!
//! One checker for total order, agreement, integrity and the global primary order: that all
//! deliveries are prefixes of one sequence whose zxids ascend implies them. Together with it, the
//! facts about values from which it follows: one value for each (epoch, zxid), and one chosen value
//! for each zxid.
//!
//! What is chosen is computed from the voters' own messages: a value for which a quorum voted in
//! one epoch. Whether those who take a value for chosen are right is for the chosen checker.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{Delivery, Ledger};
use super::quorums::Quorums;
use super::tally::Tally;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::{Epochs, Fact};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "agreement",
    asserts: "All servers deliver prefixes of one sequence of proposed values, in zxid order, and \
              no two values at a zxid are taken for chosen or win a quorum of votes.",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::FACT),
    make: |setup| Box::new(Agreement::new(setup)),
};

#[derive(Debug)]
struct Agreement {
    quorums: Quorums,
    epochs: Epochs,
    ledger: Ledger,
    tally: Tally,
    /// The value for which a quorum voted at each zxid, and the first epoch that is known of.
    won: BTreeMap<Zxid, (u64, u64)>,
    /// The value proposed at each (zxid, epoch).
    proposed: BTreeMap<(Zxid, u64), u64>,
    /// The value chosen at each zxid, and who said so first. 0 is a no-op.
    chosen: BTreeMap<Zxid, (u64, NodeId)>,
    findings: Findings,
}

impl Agreement {
    fn new(setup: &Setup) -> Agreement {
        Agreement {
            quorums: Quorums::commit(setup),
            epochs: setup.epochs,
            ledger: Ledger::default(),
            tally: Tally::default(),
            won: BTreeMap::new(),
            proposed: BTreeMap::new(),
            chosen: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    fn deliver(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid, value: u64) {
        self.findings.count();
        match self.ledger.delivered(node, zxid, value) {
            Delivery::Known => {}
            Delivery::Conflict(wrong) => self.findings.fail_with(at, *wrong),
            Delivery::New(_) => self.examine_new(at, node, zxid, value),
        }
    }

    fn examine_new(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid, value: u64) {
        if let Some((chosen, witness)) = self.chosen.get(&zxid)
            && *chosen != value
        {
            let reason = format!(
                "{node} delivered value {value:016x} at {zxid}, but {witness} took \
                 {chosen:016x} to be chosen there"
            );
            let subjects = Subjects::none()
                .node(node)
                .node(*witness)
                .zxid(zxid)
                .value(value)
                .value(*chosen);
            self.findings.fail(at, reason, subjects);
        }
        let proposals = self.proposed.range((zxid, 0)..=(zxid, u64::MAX));
        if !proposals
            .into_iter()
            .any(|(_, proposed)| *proposed == value)
        {
            let reason =
                format!("{node} delivered value {value:016x} at {zxid}, which nobody proposed");
            let subjects = Subjects::none().node(node).zxid(zxid).value(value);
            self.findings.fail(at, reason, subjects);
        }
    }

    fn propose(&mut self, at: VirtualTime, node: NodeId, epoch: u64, zxid: Zxid, value: u64) {
        self.findings.count();
        let first = *self.proposed.entry((zxid, epoch)).or_insert(value);
        if first != value {
            let reason = format!(
                "{node} proposed value {value:016x} at {zxid} in {epoch}, in which {first:016x} \
                 had been proposed there",
                epoch = self.epochs.name(epoch)
            );
            let subjects = Subjects::none()
                .node(node)
                .zxid(zxid)
                .epoch(epoch)
                .value(value)
                .value(first);
            self.findings.fail(at, reason, subjects);
        }
    }

    fn choose(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid, value: u64) {
        self.findings.count();
        let (first, witness) = *self.chosen.entry(zxid).or_insert((value, node));
        if first != value {
            let reason = format!(
                "{node} took value {value:016x} to be chosen at {zxid}, where {witness} had \
                 taken {first:016x}"
            );
            let subjects = Subjects::none()
                .node(node)
                .node(witness)
                .zxid(zxid)
                .value(value)
                .value(first);
            self.findings.fail(at, reason, subjects);
        }
    }

    /// A vote: it may be the one that makes a value chosen.
    fn vote(&mut self, at: VirtualTime, node: NodeId, epoch: u64, zxid: Zxid, value: u64) {
        let Some(count) = self.tally.vote(node, epoch, zxid, value) else {
            return; // Told before: an answer may be sent twice.
        };
        if count.value != value {
            let reason = format!(
                "{node} voted for value {value:016x} at {zxid} in {epoch}, in which others voted \
                 for {:016x}",
                count.value,
                epoch = self.epochs.name(epoch)
            );
            let subjects = Subjects::none()
                .node(node)
                .zxid(zxid)
                .epoch(epoch)
                .value(value)
                .value(count.value);
            self.findings.fail(at, reason, subjects);
        }
        if !self.quorums.contain(count.voters) {
            return;
        }
        let (first, earlier) = *self.won.entry(zxid).or_insert((value, epoch));
        if first != value {
            let reason = format!(
                "a quorum voted for value {value:016x} at {zxid} in {epoch}, where {first:016x} \
                 had been chosen in {earlier}",
                epoch = self.epochs.name(epoch),
                earlier = self.epochs.name(earlier)
            );
            let subjects = Subjects::none()
                .zxid(zxid)
                .epoch(epoch)
                .epoch(earlier)
                .value(value)
                .value(first);
            self.findings.fail(at, reason, subjects);
        }
    }
}

impl Checker for Agreement {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } => self.ledger.booted(*node),
            Observation::Restored { node, zxid } => self.ledger.restored(*node, *zxid),
            Observation::Delivered { node, zxid, value } => {
                self.deliver(at, *node, *zxid, *value);
            }
            Observation::Fact { node, fact } => match **fact {
                Fact::Proposed { epoch, zxid, value } => {
                    self.propose(at, *node, epoch, zxid, value);
                }
                Fact::Chosen { zxid, value } => self.choose(at, *node, zxid, value),
                Fact::Voted { epoch, zxid, value } => self.vote(at, *node, epoch, zxid, value),
                Fact::Established { .. }
                | Fact::Promised { .. }
                | Fact::Reporting { .. }
                | Fact::Reported { .. } => {}
            },
            Observation::Crashed { .. }
            | Observation::Applied { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn lives_on(&self) -> &'static [&'static str] {
        &["Proposed"]
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        self.findings.verdict("proposal and no delivery")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, verdict};
    use super::*;

    fn judge(story: &Story) -> Verdict {
        verdict(ENTRY, "paxos", story)
    }

    #[test]
    fn servers_at_different_places_of_one_sequence_agree() {
        let mut story = Story::default();
        story.commit(1, 1, 7).commit(1, 2, 8).deliver(2, 1, 7);
        story.boot(1).deliver(1, 1, 7).restore(3, 2).commit(3, 3, 9);
        assert_passes(&judge(&story), 8);
    }

    #[test]
    fn two_values_at_one_place_disagree() {
        let mut story = Story::default();
        story.propose(1, 1, 1, 7).propose(2, 2, 1, 8);
        story.deliver(1, 1, 7).deliver(2, 1, 8);
        assert_fails(&judge(&story), "n2 delivered 1");
    }

    #[test]
    fn a_server_that_leaves_out_an_entry_disagrees() {
        let mut story = Story::default();
        story.commit(1, 1, 7).commit(1, 2, 8).deliver(2, 2, 8);
        assert_fails(&judge(&story), "n2 delivered 2");
    }

    #[test]
    fn a_value_that_nobody_proposed_is_not_delivered() {
        let mut story = Story::default();
        story.deliver(1, 1, 7);
        assert_fails(&judge(&story), "nobody proposed");
    }

    #[test]
    fn a_value_proposed_elsewhere_is_not_a_proposal_here() {
        let mut story = Story::default();
        story.propose(1, 1, 2, 7).deliver(1, 1, 7);
        assert_fails(&judge(&story), "nobody proposed");
    }

    #[test]
    fn one_epoch_proposes_one_value_at_a_zxid() {
        let mut story = Story::default();
        story
            .propose(1, 5, 1, 7)
            .propose(1, 6, 1, 7)
            .propose(1, 6, 2, 8);
        assert_passes(&judge(&story), 3);
        story.propose(2, 6, 1, 8);
        assert_fails(&judge(&story), "in epoch 6");
    }

    #[test]
    fn chosen_values_agree_with_each_other_and_with_deliveries() {
        let chosen = |value| Fact::Chosen {
            zxid: Zxid(1),
            value,
        };
        let mut story = Story::default();
        story.fact(1, chosen(0)).fact(2, chosen(0));
        assert_passes(&judge(&story), 2);
        let mut two = Story::default();
        two.fact(1, chosen(0)).fact(2, chosen(7));
        assert_fails(&judge(&two), "had taken");
        story.commit(3, 1, 7);
        assert_fails(&judge(&story), "to be chosen there");
    }

    /// Proposed in two epochs, with promises as they should be; votes are left to the test.
    fn twice_proposed() -> Story {
        let mut story = Story::default();
        story.lead(1, 5).promise(2, 5).propose(1, 5, 1, 7);
        story
    }

    #[test]
    fn two_values_that_win_quorums_disagree_though_nobody_took_them_for_chosen() {
        let mut story = twice_proposed();
        story.vote(1, 5, 1, 7).vote(2, 5, 1, 7);
        story.propose(3, 6, 1, 8).vote(3, 6, 1, 8);
        assert_passes(&judge(&story), 2);
        story.vote(2, 6, 1, 8);
        assert_fails(&judge(&story), "had been chosen in epoch 5");
    }

    #[test]
    fn two_values_in_one_epoch_disagree() {
        let mut story = twice_proposed();
        story.vote(1, 5, 1, 7).vote(2, 5, 1, 8);
        assert_fails(&judge(&story), "in which others voted for");
    }
}
