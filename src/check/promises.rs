//! No server breaks a promise, and none reports what its disk does not hold.
//!
//! For each server, across all its incarnations, one floor: the greatest epoch it promised or voted
//! in. No promise and no vote is below it. In Multi-Paxos a vote at ballot b is a promise of b
//! (accepting raises the promised ballot), and in Zab a server acknowledges proposals of an epoch
//! only after it accepted that epoch, so one floor serves both. It implies that the epoch of a
//! server's votes for one zxid never decreases.
//!
//! A late vote is legal if it was *written* before the promise. That needs no exception here: facts
//! about promises and votes become true when the disk queue reaches them, the queue is FIFO, and so
//! a vote that was written before a promise is stated before it. What is stated after a promise
//! was written after it.
//!
//! **On the disk** is asked of every voter after every crash, wherever it was: what would be left
//! if the power failed now holds the floor, and in each slot a vote at least as high as those that
//! left the server. A false promise is detected at any later crash, even of another server.
//!
//! **In the promise** of a ballot every vote is reported that left the server below it and is not
//! covered by its snapshot, or a later one: a vote may have been written and never have left.
//!
//! Votes are for slots. Where a slot has several positions, a later vote replaces all of an earlier
//! one, even if its value is shorter.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::subjects::Wrong;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::{Epochs, Fact, Pledged, Slots};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "promises",
    asserts: "No server promises or votes in an epoch below one that it promised or voted in; its \
              disk holds every promise and vote that left it, and its promises report them.",
    harms: Harms::Servers,
    interests: Interests::FACT.and(Interests::DURABLE),
    make: |setup| {
        Box::new(Promised {
            epochs: setup.epochs,
            slots: setup.slots,
            floors: Vec::new(),
            votes: Vec::new(),
            report: None,
            findings: Findings::default(),
        })
    },
};

#[derive(Debug)]
struct Promised {
    epochs: Epochs,
    slots: Slots,
    /// By server number. Invariant: never decreases.
    floors: Vec<u64>,
    /// By server number: the latest vote that left it, its epoch and value, of each position that
    /// its disk was not yet seen to cover by a snapshot. Only where votes are kept for good.
    votes: Vec<BTreeMap<Zxid, (u64, u64)>>,
    /// The report of a promise that is about to be stated.
    report: Option<Report>,
    findings: Findings,
}

/// What a promise says of its server's votes.
#[derive(Debug)]
struct Report {
    node: NodeId,
    epoch: u64,
    above: Zxid,
    /// Of each position the epoch and the value.
    votes: BTreeMap<Zxid, (u64, u64)>,
}

impl Promised {
    fn state(&mut self, at: VirtualTime, node: NodeId, epoch: u64, deed: impl FnOnce() -> Wrong) {
        self.findings.count();
        let index = usize::from(node.0);
        if index >= self.floors.len() {
            self.floors.resize(index + 1, 0);
        }
        let floor = &mut self.floors[index];
        if epoch < *floor {
            let deed = deed();
            let reason = format!(
                "{node} {} in {epoch} after it had promised or voted in {floor}",
                deed.reason,
                epoch = self.epochs.name(epoch),
                floor = self.epochs.name(*floor)
            );
            let subjects = Subjects::none()
                .node(node)
                .epoch(epoch)
                .epoch(*floor)
                .and(deed.subjects);
            self.findings.fail(at, reason, subjects);
        }
        *floor = (*floor).max(epoch);
    }

    fn vote(&mut self, at: VirtualTime, node: NodeId, epoch: u64, (zxid, value): (Zxid, u64)) {
        self.state(at, node, epoch, || Wrong {
            reason: format!("voted for {zxid}"),
            subjects: Subjects::none().zxid(zxid),
        });
        if self.epochs == Epochs::InZxids {
            return; // A later leader may truncate what was voted for.
        }
        let index = usize::from(node.0);
        if index >= self.votes.len() {
            self.votes.resize(index + 1, BTreeMap::new());
        }
        let last = self.votes[index].entry(zxid).or_insert((epoch, value));
        *last = (*last).max((epoch, value));
    }

    /// The first position of a position's slot: whatever is voted for in the slot has it.
    fn first_of_slot(&self, zxid: Zxid) -> Zxid {
        let (slot, _) = self.slots.slot_of(zxid);
        self.slots.position(slot, 0)
    }

    /// A promise is about to say what its server voted for.
    fn begin_report(&mut self, node: NodeId, epoch: u64, above: Zxid) {
        self.report = Some(Report {
            node,
            epoch,
            above,
            votes: BTreeMap::new(),
        });
    }

    fn report(&mut self, node: NodeId, epoch: u64, zxid: Zxid, value: u64) {
        if let Some(report) = &mut self.report
            && report.node == node
        {
            report.votes.insert(zxid, (epoch, value));
        }
    }

    /// Compares a report with the votes that left the server. It may name later ones, which were
    /// written and never left, but must leave none out.
    fn end_report(&mut self, at: VirtualTime, node: NodeId, epoch: u64) {
        let report = self.report.take();
        let Some(report) = report.filter(|one| (one.node, one.epoch) == (node, epoch)) else {
            return; // A promise without a report: of an epoch whose leader is established.
        };
        let Some(votes) = self.votes.get(usize::from(node.0)) else {
            return; // It never voted.
        };
        for (zxid, (voted, value)) in votes.range(report.above.next()..) {
            self.findings.count();
            let told = report.votes.get(zxid);
            let first = report.votes.get(&self.first_of_slot(*zxid));
            let is_replaced = first.is_some_and(|(later, _)| later > voted);
            let is_true = is_replaced || told.is_some_and(|told| *told == (*voted, *value));
            if is_true {
                continue;
            }
            let reason = format!(
                "{node} promised {epoch} and reported {}, but had voted for {zxid} in {voted} \
                 (value {value:016x})",
                match told {
                    None => "no vote there".to_string(),
                    Some((told, value)) =>
                        format!("a vote of {} (value {value:016x})", self.epochs.name(*told)),
                },
                epoch = self.epochs.name(epoch),
                voted = self.epochs.name(*voted)
            );
            let subjects = Subjects::none()
                .node(node)
                .zxid(*zxid)
                .epoch(epoch)
                .epoch(*voted)
                .value(*value);
            self.findings.fail(at, reason, subjects);
            return;
        }
    }

    /// Compares what left a server with what its disk would hold after a loss of power.
    fn examine(&mut self, at: VirtualTime, node: NodeId, pledged: &Pledged) {
        let index = usize::from(node.0);
        let floor = self.floors.get(index).copied().unwrap_or(0);
        if floor == 0 {
            return; // Nothing left it yet.
        }
        self.findings.count();
        if pledged.promised < floor {
            let reason = format!(
                "{node} promised or voted in {floor}, but after a loss of power its disk would \
                 hold a promise of {} only",
                self.epochs.name(pledged.promised),
                floor = self.epochs.name(floor)
            );
            let subjects = Subjects::none()
                .node(node)
                .epoch(floor)
                .epoch(pledged.promised);
            self.findings.fail(at, reason, subjects);
        }
        let (Some(held), Some(votes)) = (&pledged.votes, self.votes.get_mut(index)) else {
            return;
        };
        *votes = votes.split_off(&held.through.next());
        self.findings.count_many(votes.len());
        for (zxid, (epoch, _)) in &self.votes[index] {
            let stored_at = |zxid: Zxid| {
                let place = held.epochs.binary_search_by_key(&zxid, |(held, _)| *held);
                place.map_or(0, |place| held.epochs[place].1)
            };
            let stored = stored_at(*zxid);
            let is_replaced = stored_at(self.first_of_slot(*zxid)) > *epoch;
            if stored < *epoch && !is_replaced {
                let reason = format!(
                    "{node} voted for {zxid} in {epoch}, but after a loss of power its disk would \
                     hold {}",
                    match stored {
                        0 => "no vote there".to_string(),
                        stored => format!("a vote of {} there", self.epochs.name(stored)),
                    },
                    epoch = self.epochs.name(*epoch)
                );
                let subjects = Subjects::none().node(node).zxid(*zxid).epoch(*epoch);
                self.findings.fail(at, reason, subjects);
                return;
            }
        }
    }
}

impl Checker for Promised {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Fact { node, fact } => match **fact {
                Fact::Promised { epoch } => {
                    self.end_report(at, *node, epoch);
                    self.state(at, *node, epoch, || Wrong {
                        reason: "promised to take part".to_string(),
                        subjects: Subjects::none(),
                    });
                }
                Fact::Voted { epoch, zxid, value } => self.vote(at, *node, epoch, (zxid, value)),
                Fact::Reporting { epoch, above } => self.begin_report(*node, epoch, above),
                Fact::Reported { epoch, zxid, value } => self.report(*node, epoch, zxid, value),
                Fact::Proposed { .. } | Fact::Established { .. } | Fact::Chosen { .. } => {}
            },
            Observation::Durable { pledged, .. } => {
                for (node, pledged) in *pledged {
                    self.examine(at, *node, pledged);
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
        &["Promised", "Voted"]
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
    use super::super::Setup;
    use super::super::testing::{
        Story, assert_fails, assert_passes, failing, setup, verdict, verdict_under,
    };
    use super::*;
    use crate::history::History;

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

    #[test]
    fn a_disk_that_holds_what_was_said_passes_before_and_after_a_snapshot() {
        let mut story = Story::default();
        story.promise(1, 5).vote(1, 5, 1, 7).vote(1, 5, 2, 8);
        story.pledged(2, 0, 0, &[]);
        story.pledged(1, 5, 0, &[(1, 5), (2, 6), (3, 6)]);
        story.pledged(1, 6, 1, &[(2, 6)]).pledged(1, 6, 9, &[]);
        assert_passes(&verdict(ENTRY, "paxos", &story), 9);
    }

    #[test]
    fn a_promise_that_is_not_on_the_disk_is_reported_alone() {
        let mut story = Story::default();
        story.promise(1, 5).pledged(1, 4, 0, &[]);
        let words = "its disk would hold a promise of epoch 4 only";
        for protocol in ["paxos", "zab"] {
            assert_fails(&verdict(ENTRY, protocol, &story), words);
            assert_eq!(failing(protocol, &story), ["promises"]);
        }
    }

    #[test]
    fn a_vote_that_is_not_on_the_disk_is_reported_alone() {
        for (held, words) in [(0, "no vote there"), (4, "a vote of epoch 4 there")] {
            let mut story = Story::default();
            story.lead(1, 5).propose(1, 5, 2, 7).vote(1, 5, 2, 7);
            let votes = [(1, 5), (2, held)];
            let votes = if held == 0 { &votes[..1] } else { &votes };
            story.pledged(1, 5, 0, votes);
            assert_fails(&verdict(ENTRY, "paxos", &story), words);
            assert_eq!(failing("paxos", &story), ["promises"]);
        }
    }

    /// Server 1 voted for 7 at 3 in epoch 5, and promises 9 with this report of what is above.
    fn reporting(above: u64, votes: &[(u64, u64, u64)]) -> Story {
        let mut story = Story::default();
        story.lead(1, 5).propose(1, 5, 3, 7).vote(1, 5, 3, 7);
        let (epoch, above) = (9, Zxid(above));
        story.fact(1, Fact::Reporting { epoch, above });
        for (epoch, zxid, value) in votes {
            let (epoch, zxid, value) = (*epoch, Zxid(*zxid), *value);
            story.fact(1, Fact::Reported { epoch, zxid, value });
        }
        story.promise(1, 9);
        story
    }

    #[test]
    fn a_promise_reports_every_vote_or_a_later_one() {
        for votes in [&[(5, 3, 7)][..], &[(6, 3, 8)], &[(5, 3, 7), (6, 4, 8)]] {
            assert_passes(&verdict(ENTRY, "paxos", &reporting(0, votes)), 4);
        }
        assert_passes(&verdict(ENTRY, "paxos", &reporting(3, &[])), 3);
    }

    #[test]
    fn a_later_vote_replaces_all_of_an_earlier_one_in_its_slot() {
        let setup = Setup {
            slots: Slots::of(100),
            ..setup("paxos")
        };
        let judge = |later: u64| {
            let mut story = Story::default();
            story.vote(1, 5, 300, 7).vote(1, 5, 301, 8);
            let above = Zxid(0);
            story.fact(1, Fact::Reporting { epoch: 9, above });
            let (zxid, value) = (Zxid(300), 6);
            let epoch = later;
            story.fact(1, Fact::Reported { epoch, zxid, value });
            story.promise(1, 9);
            story.pledged(1, 9, 0, &[(300, later)]);
            verdict_under(ENTRY, &setup, &story, &History::default())
        };
        assert_passes(&judge(6), 8);
        assert_fails(&judge(5), "reported a vote of epoch 5");
    }

    #[test]
    fn a_promise_that_leaves_a_vote_out_or_tells_another_is_reported_alone() {
        let wrong = [
            (&[][..], "reported no vote there"),
            (&[(6, 4, 8)][..], "reported no vote there"),
            (&[(4, 3, 7)][..], "a vote of epoch 4"),
            (
                &[(5, 3, 8)][..],
                "a vote of epoch 5 (value 0000000000000008)",
            ),
        ];
        for (votes, words) in wrong {
            let story = reporting(2, votes);
            assert_fails(&verdict(ENTRY, "paxos", &story), words);
            assert_eq!(failing("paxos", &story), ["promises"]);
        }
    }
}
