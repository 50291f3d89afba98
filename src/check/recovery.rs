//! What a leader proposes is safe: phase 2a of the Synod, judged by the votes themselves.
//!
//! At the moment at which (epoch, zxid, value) is proposed for the first time there must be a
//! quorum of servers that promised the epoch, such that the value is the one of the latest vote
//! below the epoch that any of them gave at the zxid; if none of them gave one, the value is free.
//! This fires long before two values are chosen, even if no server delivers anything.
//!
//! Votes are looked up, not what the promises reported of them: whether they report the truth is
//! for the promises checker. A promise may report a vote that never left its
//! server (the process died after the write); so a value that was proposed in a later epoch than
//! the latest vote known of is accepted too. In Zab an epoch's zxids are its own, and so nothing
//! below an epoch ever binds it.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::quorums::{Members, Quorums};
use super::subjects::Wrong;
use super::tally::Tally;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::{Epochs, Fact};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "recovery",
    asserts: "A leader proposes at a zxid only what the votes of a quorum that promised its epoch \
              leave open there.",
    harms: Harms::Servers,
    interests: Interests::FACT,
    make: |setup| Box::new(Recovery::new(setup)),
};

#[derive(Debug)]
struct Recovery {
    quorums: Quorums,
    epochs: Epochs,
    tally: Tally,
    /// Who promised each epoch.
    promised: BTreeMap<u64, Members>,
    /// Epochs and values proposed at each zxid.
    proposed: BTreeMap<Zxid, Vec<(u64, u64)>>,
    findings: Findings,
}

impl Recovery {
    fn new(setup: &Setup) -> Recovery {
        Recovery {
            quorums: Quorums::elect(setup),
            epochs: setup.epochs,
            tally: Tally::default(),
            promised: BTreeMap::new(),
            proposed: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    fn propose(&mut self, at: VirtualTime, node: NodeId, epoch: u64, zxid: Zxid, value: u64) {
        self.findings.count();
        if let Some(Wrong {
            reason: objection,
            subjects: about,
        }) = self.objection(epoch, zxid, value)
        {
            let reason = format!(
                "{node} proposed value {value:016x} at {zxid} in {epoch}, {objection}",
                epoch = self.epochs.name(epoch)
            );
            let subjects = Subjects::none()
                .node(node)
                .zxid(zxid)
                .epoch(epoch)
                .value(value)
                .and(about);
            self.findings.fail(at, reason, subjects);
        }
        let proposed = self.proposed.entry(zxid).or_default();
        proposed.push((epoch, value));
    }

    /// What a proposal violates, if anything.
    fn objection(&self, epoch: u64, zxid: Zxid, value: u64) -> Option<Wrong> {
        let mut counts = self.tally.at(zxid).iter();
        if counts.all(|count| count.epoch >= epoch) {
            return None; // Nobody voted below: whatever quorum promised, the value is free.
        }
        let promised = self.promised.get(&epoch).copied().unwrap_or_default();
        let voters = self.quorums.voters().iter();
        let mut last: Vec<(u64, NodeId)> = voters
            .filter(|voter| promised.contains(**voter))
            .map(|voter| (self.tally.last_below(*voter, epoch, zxid), *voter))
            .collect();
        // Of all quorums, that of those who voted the earliest binds the least.
        last.sort_unstable();
        let mut earliest = Members::default();
        let completing = last.iter().find(|(_, voter)| {
            earliest.insert(*voter);
            self.quorums.contain(earliest)
        });
        let Some((bound, _)) = completing.copied() else {
            let reason = format!(
                "which only {} of {} servers had promised, and there are votes at {zxid} below it",
                last.len(),
                self.quorums.voters().len()
            );
            let subjects = Subjects::none();
            return Some(Wrong { reason, subjects });
        };
        if bound == 0 {
            return None;
        }
        let proposed = self.proposed.get(&zxid).map_or(&[][..], Vec::as_slice);
        let open =
            |(earlier, known): &(u64, u64)| (bound..epoch).contains(earlier) && *known == value;
        if proposed.iter().any(open) {
            return None;
        }
        let bound_to = proposed.iter().find(|(earlier, _)| *earlier == bound);
        let bound_to = bound_to.map_or(0, |(_, known)| *known);
        let reason = format!(
            "but every quorum that promised the epoch holds a vote there in {bound} or later, \
             which binds it to {bound_to:016x}",
            bound = self.epochs.name(bound)
        );
        let subjects = Subjects::none().epoch(bound).value(bound_to);
        Some(Wrong { reason, subjects })
    }
}

impl Checker for Recovery {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Fact { node, fact } => match **fact {
                Fact::Promised { epoch } => {
                    self.promised.entry(epoch).or_default().insert(*node);
                }
                Fact::Voted { epoch, zxid, value } => {
                    self.tally.vote(*node, epoch, zxid, value);
                }
                Fact::Proposed { epoch, zxid, value } => {
                    self.propose(at, *node, epoch, zxid, value);
                }
                Fact::Established { .. }
                | Fact::Reporting { .. }
                | Fact::Reported { .. }
                | Fact::Chosen { .. } => {}
            },
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
            | Observation::Applied { .. }
            | Observation::Delivered { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn lives_on(&self) -> &'static [&'static str] {
        &["Proposed", "Promised", "Voted"]
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        if self.tally.is_empty() && !self.findings.failed() {
            // Where nobody votes, nothing binds a proposal.
            return Verdict::Vacuous("the run had no vote".to_owned());
        }
        self.findings.verdict("proposal")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, failing, verdict};
    use super::*;

    /// Ballot 5 proposed 7 at 1, and this many of the three servers voted for it.
    fn voted_by(voters: &[u8]) -> Story {
        let mut story = Story::default();
        story.lead(1, 5).propose(1, 5, 1, 7);
        for voter in voters {
            story.vote(*voter, 5, 1, 7);
        }
        story
    }

    #[test]
    fn the_value_of_the_latest_vote_is_proposed_again() {
        let mut story = voted_by(&[1, 2]);
        story.promise(2, 6).promise(3, 6).propose(3, 6, 1, 7);
        assert_passes(&verdict(ENTRY, "paxos", &story), 2);
    }

    #[test]
    fn a_value_of_ones_own_in_place_of_the_voted_one_is_reported_first_and_alone() {
        let mut story = voted_by(&[1, 2]);
        story.lead(3, 6).promise(2, 6).propose(3, 6, 1, 0);
        let words = "binds it to 0000000000000007";
        assert_fails(&verdict(ENTRY, "paxos", &story), words);
        assert_eq!(failing("paxos", &story), ["recovery"]);
    }

    #[test]
    fn a_vote_outside_of_some_promising_quorum_does_not_bind() {
        let mut story = voted_by(&[1]);
        story.promise(2, 6).promise(3, 6).propose(3, 6, 1, 8);
        assert_passes(&verdict(ENTRY, "paxos", &story), 2);
        // Who else promised does not matter: its answer may have been lost.
        let mut all = voted_by(&[1]);
        all.promise(1, 6).promise(2, 6).promise(3, 6);
        all.propose(3, 6, 1, 8);
        assert_passes(&verdict(ENTRY, "paxos", &all), 2);
    }

    #[test]
    fn of_several_votes_the_latest_binds() {
        let two_ballots = |last: u64| {
            let mut story = voted_by(&[1]);
            story.promise(2, 6).promise(3, 6).propose(3, 6, 1, 8);
            story.vote(3, 6, 1, 8);
            story.promise(1, 9).promise(3, 9).propose(1, 9, 1, last);
            verdict(ENTRY, "paxos", &story)
        };
        assert_passes(&two_ballots(8), 3);
        assert_fails(&two_ballots(7), "in epoch 6 or later");
    }

    #[test]
    fn a_reported_vote_that_never_left_its_server_may_be_followed() {
        let mut story = voted_by(&[1, 2]);
        story.promise(2, 6).promise(3, 6).propose(2, 6, 1, 7);
        // Server 3 writes its vote at 6 and dies; at 9 it reports it.
        story.promise(1, 9).promise(3, 9).propose(1, 9, 1, 7);
        assert_passes(&verdict(ENTRY, "paxos", &story), 3);
    }

    #[test]
    fn a_leader_whose_promises_belong_to_another_ballot_is_reported() {
        let mut story = voted_by(&[1]);
        story.promise(2, 6).promise(3, 6).promise(3, 8);
        story.propose(3, 8, 1, 8);
        assert_fails(
            &verdict(ENTRY, "paxos", &story),
            "only 1 of 3 servers had promised",
        );
    }

    #[test]
    fn epochs_without_votes_below_are_free() {
        let mut story = Story::default();
        story.propose(1, 1, 1, 7).vote(1, 1, 1, 7).vote(2, 1, 1, 7);
        story.propose(1, 1, 2, 8);
        assert_passes(&verdict(ENTRY, "zab", &story), 2);
    }
}
