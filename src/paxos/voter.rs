//! Phases 1b and 2b: a voter hears candidates and leaders, asks the acceptor's rules, writes down
//! what they change, and answers when that is durable. Observers come here only to hear leaders.

use super::acceptor::{Accepting, Prepared};
use super::ballot::Ballot;
use super::message::{Msg, Notice, Proposal, Report, SlotVote};
use super::record::Record;
use super::slot::{Value, end_of_slot};
use super::{Leader, Out, Paxos};
use crate::ids::{LocalTime, NodeId};
use crate::mutation::Mutation;
use crate::protocol::{Fact, Via};

impl Paxos {
    /// Phase 1b at a voter.
    pub(super) fn on_prepare(&mut self, from: NodeId, ballot: Ballot, first: u64, out: &mut Out) {
        if !self.config.is_voter() {
            return;
        }
        self.see(ballot);
        match self.acceptor.prepare(ballot) {
            Prepared::Promised => {
                self.step_down(out);
                self.lose_leader(out);
                // The candidate gets as much time as a leader.
                self.wait_for_leader(out);
                self.checkpoints.append(Record::Promised(ballot), out);
                self.promise(from, ballot, first, out);
            }
            Prepared::Repeated if from == ballot.owner => self.promise(from, ballot, first, out),
            // A duplicate of a Prepare whose ballot is in phase 2 or given up.
            Prepared::Repeated | Prepared::Spent => {}
            Prepared::Refused => self.refuse(from, ballot, out),
        }
    }

    /// Promises, once the record that was appended for it is durable, and reports every vote.
    pub(super) fn promise(&self, to: NodeId, ballot: Ballot, first: u64, out: &mut Out) {
        let report = Report {
            ballot,
            snapshot: self.acceptor.trimmed(),
            chosen: self.learner.prefix(),
            // From memory, which is ahead of the disk: votes that are still queued are listed. That
            // is sound because the message waits for everything queued before it, so every listed
            // vote is durable when it leaves; and no vote at a lower ballot is queued after it,
            // because the promise in memory is raised already.
            votes: self.acceptor.votes_from(first),
        };
        let above = report.snapshot.max(first.saturating_sub(1));
        let reported: Vec<Fact> = report.votes.iter().flat_map(reported).collect();
        out.promise(to, Via::Datagram, Msg::Promise(report));
        out.fact_after_disk(Fact::Reporting {
            epoch: ballot.epoch(),
            above: end_of_slot(above),
        });
        for fact in reported {
            out.fact_after_disk(fact);
        }
        out.fact_after_disk(Fact::Promised {
            epoch: ballot.epoch(),
        });
    }

    /// Phase 2b at a voter.
    pub(super) fn on_accept(
        &mut self,
        now: LocalTime,
        from: NodeId,
        proposal: Proposal,
        out: &mut Out,
    ) {
        let Proposal {
            ballot,
            slot,
            value,
            base,
            commit,
        } = proposal;
        if !self.config.is_voter() {
            return;
        }
        self.see(ballot);
        if ballot >= self.acceptor.promised() && self.learner.knows(slot) {
            // Chosen already: the proposer lacks it, or its earlier Accepted was lost.
            self.send_chosen(from, slot, out);
        } else {
            let mutations = self.config.mutations;
            match self.acceptor.accept(ballot, slot, &value, mutations) {
                Accepting::Voted => self.write_vote(from, ballot, slot, value, out),
                Accepting::Repeated => {
                    // The vote is written or queued to be; the answer waits for that again.
                    out.send_after_disk(from, Via::Datagram, Msg::Accepted { ballot, slot });
                    for fact in voted(ballot, slot, &value) {
                        out.fact_after_disk(fact);
                    }
                }
                Accepting::Trimmed => self.send_chosen(from, slot, out),
                Accepting::Refused => return self.refuse(from, ballot, out),
            }
        }
        if self.hear_leader(now, Leader { node: from, ballot }, out) {
            self.take_noticed(ballot, slot, out);
            let notice = Notice {
                ballot,
                base,
                commit,
            };
            self.take_notice(notice, out);
            self.settle(now, out);
        }
    }

    /// Writes a vote down and answers once it is durable.
    pub(super) fn write_vote(
        &mut self,
        to: NodeId,
        ballot: Ballot,
        slot: u64,
        value: Value,
        out: &mut Out,
    ) {
        let record = Record::Accepted {
            ballot,
            slot,
            value: value.clone(),
        };
        self.checkpoints.append(record, out);
        let facts = voted(ballot, slot, &value);
        // Mutation P02: the vote leaves before it is durable.
        if self.config.mutations.has(Mutation::P02) {
            out.send(to, Via::Datagram, Msg::Accepted { ballot, slot });
            facts.for_each(|fact| out.fact(fact));
            return;
        }
        out.promise(to, Via::Datagram, Msg::Accepted { ballot, slot });
        facts.for_each(|fact| out.fact_after_disk(fact));
    }

    pub(super) fn on_commit(
        &mut self,
        now: LocalTime,
        from: NodeId,
        notice: Notice,
        out: &mut Out,
    ) {
        let ballot = notice.ballot;
        if self.hear_leader(now, Leader { node: from, ballot }, out) {
            self.take_notice(notice, out);
            self.settle(now, out);
        }
    }

    pub(super) fn on_heartbeat(
        &mut self,
        now: LocalTime,
        from: NodeId,
        notice: Notice,
        seq: u64,
        out: &mut Out,
    ) {
        let ballot = notice.ballot;
        if !self.hear_leader(now, Leader { node: from, ballot }, out) {
            // Mutation N03: the answer does not look at the promise.
            if self.config.mutations.has(Mutation::N03) && self.config.is_voter() {
                self.acknowledge(from, ballot, seq, out);
            } else if self.config.is_voter() {
                self.refuse(from, ballot, out);
            }
            return;
        }
        self.take_notice(notice, out);
        self.settle(now, out);
        if self.serve_from.is_none() {
            self.serve_from = Some(end_of_slot(notice.commit));
        }
        if self.config.is_voter() {
            self.acknowledge(from, ballot, seq, out);
        }
        self.ask_for_missing(now, from, notice.commit, out);
    }

    /// Answers a heartbeat of a ballot that is not below the promise.
    fn acknowledge(&mut self, to: NodeId, ballot: Ballot, seq: u64, out: &mut Out) {
        let ack = Msg::HeartbeatAck { ballot, seq };
        if self.acceptor.raise(ballot) {
            self.checkpoints.append(Record::Promised(ballot), out);
            out.promise(to, Via::Datagram, ack);
            out.fact_after_disk(Fact::Promised {
                epoch: ballot.epoch(),
            });
        } else {
            // At once, though the promise may still be on its way to the disk: all that a leader
            // concludes is that no *higher* ballot was promised before now, which a crash that
            // loses the promise cannot make false.
            out.send(to, Via::Datagram, ack);
        }
    }

    /// Tells the owner of a refused ballot which ballot stands in its way.
    fn refuse(&self, to: NodeId, ballot: Ballot, out: &mut Out) {
        let promised = self.acceptor.promised();
        if promised > ballot {
            out.send(to, Via::Datagram, Msg::Nack { ballot, promised });
        }
    }
}

/// The facts that go with a vote in a Promise.
fn reported(vote: &SlotVote) -> impl Iterator<Item = Fact> {
    let epoch = vote.ballot.epoch();
    let digests = vote.value.digests(vote.slot);
    digests.map(move |(zxid, value)| Fact::Reported { epoch, zxid, value })
}

/// The facts that go with an Accepted.
fn voted(ballot: Ballot, slot: u64, value: &Value) -> impl Iterator<Item = Fact> {
    let epoch = ballot.epoch();
    let digests = value.digests(slot);
    digests.map(move |(zxid, value)| Fact::Voted { epoch, zxid, value })
}
