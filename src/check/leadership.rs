//! One established leader an epoch, who knows everything committed before, and who alone proposes.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{Delivery, Ledger};
use super::quorums::{Members, Quorums};
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::{Epochs, Fact};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "leadership",
    asserts: "An epoch has one established leader, whose history holds what was committed in \
              lower epochs, and who alone proposes in it (Zab: without leaving out a zxid).",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::FACT),
    make: |setup| Box::new(Leadership::new(setup)),
};

#[derive(Debug)]
struct Reign {
    leader: NodeId,
    through: Zxid,
    /// The last zxid it proposed.
    proposed: Zxid,
}

#[derive(Debug)]
struct Leadership {
    quorums: Quorums,
    epochs: Epochs,
    ledger: Ledger,
    reigns: BTreeMap<u64, Reign>,
    /// The greatest zxid known to be committed in each epoch.
    committed: BTreeMap<u64, Zxid>,
    /// Votes above `committed` of their epoch.
    votes: BTreeMap<(u64, Zxid), Members>,
    findings: Findings,
}

impl Leadership {
    fn new(setup: &Setup) -> Leadership {
        Leadership {
            quorums: Quorums::commit(setup),
            epochs: setup.epochs,
            ledger: Ledger::default(),
            reigns: BTreeMap::new(),
            committed: BTreeMap::new(),
            votes: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    fn establish(&mut self, at: VirtualTime, node: NodeId, epoch: u64, through: Zxid) {
        self.findings.count();
        if let Some(reign) = self.reigns.get(&epoch) {
            if reign.leader != node {
                let reason = format!(
                    "{node} became the leader of {epoch}, which {} leads",
                    reign.leader,
                    epoch = self.epochs.name(epoch)
                );
                let subjects = Subjects::none().node(node).node(reign.leader).epoch(epoch);
                self.findings.fail(at, reason, subjects);
            }
            return;
        }
        let before = self.committed.range(..epoch);
        if let Some((lower, zxid)) = before.max_by_key(|(_, zxid)| **zxid)
            && *zxid > through
        {
            let reason = format!(
                "{node} became the leader of {epoch} with a history through {through}, but {zxid} \
                 is committed in {lower}",
                epoch = self.epochs.name(epoch),
                lower = self.epochs.name(*lower)
            );
            let subjects = Subjects::none()
                .node(node)
                .epoch(epoch)
                .epoch(*lower)
                .zxid(*zxid)
                .bound(through);
            self.findings.fail(at, reason, subjects);
        }
        let proposed = match self.epochs {
            Epochs::InZxids => Zxid(epoch << 32),
            Epochs::InVotes => Zxid::ZERO,
        };
        self.reigns.insert(
            epoch,
            Reign {
                leader: node,
                through,
                proposed,
            },
        );
    }

    fn commit(&mut self, at: VirtualTime, epoch: u64, zxid: Zxid) {
        self.findings.count();
        let last = self.committed.entry(epoch).or_insert(zxid);
        *last = (*last).max(zxid);
        let mut later = self.reigns.range(epoch.saturating_add(1)..);
        if let Some((higher, reign)) = later.find(|(_, reign)| reign.through < zxid) {
            let reason = format!(
                "{zxid} was committed in {epoch}, but {} was established as the leader of {higher} \
                 with a history through {} only",
                reign.leader,
                reign.through,
                epoch = self.epochs.name(epoch),
                higher = self.epochs.name(*higher)
            );
            let subjects = Subjects::none()
                .node(reign.leader)
                .zxid(zxid)
                .bound(reign.through)
                .epoch(epoch)
                .epoch(*higher);
            self.findings.fail(at, reason, subjects);
        }
    }

    fn vote(&mut self, at: VirtualTime, node: NodeId, epoch: u64, zxid: Zxid) {
        if self.committed.get(&epoch).is_some_and(|last| zxid <= *last) {
            return; // A higher zxid of this epoch already asks as much of later leaders.
        }
        let votes = self.votes.entry((epoch, zxid)).or_default();
        votes.insert(node);
        if self.quorums.contain(*votes) {
            self.votes.remove(&(epoch, zxid));
            self.commit(at, epoch, zxid);
        }
    }

    fn propose(&mut self, at: VirtualTime, node: NodeId, epoch: u64, zxid: Zxid) {
        self.findings.count();
        let Some(reign) = self.reigns.get_mut(&epoch) else {
            let reason = format!(
                "{node} proposed {zxid} in {epoch}, which has no established leader",
                epoch = self.epochs.name(epoch)
            );
            let subjects = Subjects::none().node(node).zxid(zxid).epoch(epoch);
            self.findings.fail(at, reason, subjects);
            return;
        };
        if reign.leader != node {
            let reason = format!(
                "{node} proposed {zxid} in {epoch}, which {} leads",
                reign.leader,
                epoch = self.epochs.name(epoch)
            );
            let subjects = Subjects::none()
                .node(node)
                .node(reign.leader)
                .zxid(zxid)
                .epoch(epoch);
            self.findings.fail(at, reason, subjects);
        }
        if self.epochs == Epochs::InZxids {
            if zxid.0 != reign.proposed.0.wrapping_add(1) {
                let reason = format!(
                    "{node} proposed {zxid} in epoch {epoch} right after {}",
                    reign.proposed
                );
                let subjects = Subjects::none()
                    .node(node)
                    .zxid(zxid)
                    .bound(reign.proposed)
                    .epoch(epoch);
                self.findings.fail(at, reason, subjects);
            }
            reign.proposed = zxid;
        }
    }

    fn state(&mut self, at: VirtualTime, node: NodeId, fact: &Fact) {
        match *fact {
            Fact::Established { epoch, through } => self.establish(at, node, epoch, through),
            Fact::Proposed { epoch, zxid, .. } => self.propose(at, node, epoch, zxid),
            Fact::Voted { epoch, zxid, .. } => {
                if self.epochs == Epochs::InVotes {
                    self.vote(at, node, epoch, zxid);
                }
            }
            Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. }
            | Fact::Chosen { .. } => {}
        }
    }
}

impl Checker for Leadership {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } => self.ledger.booted(*node),
            Observation::Restored { node, zxid } => self.ledger.restored(*node, *zxid),
            Observation::Delivered { node, zxid, value } => {
                if self.epochs == Epochs::InZxids
                    && let Delivery::New(_) = self.ledger.delivered(*node, *zxid, *value)
                {
                    self.commit(at, u64::from(zxid.epoch()), *zxid);
                }
            }
            Observation::Fact { node, fact } => self.state(at, *node, fact),
            Observation::Crashed { .. }
            | Observation::Applied { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
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
        self.findings.verdict("established leader")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, verdict};
    use super::*;

    fn established(epoch: u64, through: Zxid) -> Fact {
        Fact::Established { epoch, through }
    }

    fn voted(epoch: u64, zxid: u64) -> Fact {
        Fact::Voted {
            epoch,
            zxid: Zxid(zxid),
            value: 7,
        }
    }

    fn zxid(epoch: u32, counter: u32) -> u64 {
        Zxid::new(epoch, counter).0
    }

    #[test]
    fn leaders_that_succeed_each_other_with_the_whole_history_pass() {
        let mut story = Story::default();
        story.fact(1, established(1, Zxid::ZERO));
        story.propose(1, 1, zxid(1, 1), 7).deliver(1, zxid(1, 1), 7);
        story.propose(1, 1, zxid(1, 2), 8);
        story.fact(2, established(2, Zxid::new(1, 2)));
        story.deliver(2, zxid(1, 1), 7).deliver(2, zxid(1, 2), 8);
        story.propose(2, 2, zxid(2, 1), 9).deliver(2, zxid(2, 1), 9);
        assert_passes(&verdict(ENTRY, "zab", &story), 8);
    }

    #[test]
    fn two_leaders_of_one_epoch_fail() {
        let mut story = Story::default();
        story
            .fact(1, established(1, Zxid::ZERO))
            .fact(2, established(1, Zxid::ZERO));
        assert_fails(&verdict(ENTRY, "zab", &story), "which n1 leads");
    }

    #[test]
    fn a_leader_without_a_committed_transaction_fails_whichever_comes_first() {
        let mut commit_first = Story::default();
        commit_first
            .deliver(1, zxid(1, 3), 7)
            .fact(2, established(2, Zxid::new(1, 2)));
        assert_fails(&verdict(ENTRY, "zab", &commit_first), "1:3 is committed");
        let mut leader_first = Story::default();
        leader_first
            .fact(2, established(2, Zxid::new(1, 2)))
            .deliver(1, zxid(1, 3), 7);
        assert_fails(&verdict(ENTRY, "zab", &leader_first), "through 1:2 only");
    }

    #[test]
    fn in_paxos_a_quorum_of_votes_binds_higher_ballots_only() {
        let mut story = Story::default();
        story.fact(1, voted(5, 1)).fact(2, voted(5, 1));
        story.fact(3, established(4, Zxid::ZERO));
        assert_passes(&verdict(ENTRY, "paxos", &story), 2);
        story.fact(3, established(6, Zxid::ZERO));
        assert_fails(&verdict(ENTRY, "paxos", &story), "committed in epoch 5");
    }

    #[test]
    fn in_paxos_one_vote_does_not_bind() {
        let mut story = Story::default();
        story
            .fact(1, voted(5, 1))
            .fact(3, established(6, Zxid::ZERO));
        assert_passes(&verdict(ENTRY, "paxos", &story), 1);
    }

    #[test]
    fn only_the_established_leader_proposes() {
        let mut nobody = Story::default();
        nobody.propose(1, 1, zxid(1, 1), 7);
        assert_fails(&verdict(ENTRY, "zab", &nobody), "no established leader");
        let mut another = Story::default();
        another
            .fact(1, established(1, Zxid::ZERO))
            .propose(2, 1, zxid(1, 1), 7);
        assert_fails(&verdict(ENTRY, "zab", &another), "which n1 leads");
    }

    #[test]
    fn a_primary_leaves_out_no_zxid() {
        let mut story = Story::default();
        story
            .fact(1, established(1, Zxid::ZERO))
            .propose(1, 1, zxid(1, 1), 7);
        story.propose(1, 1, zxid(1, 3), 8);
        assert_fails(&verdict(ENTRY, "zab", &story), "right after 1:1");
    }
}
