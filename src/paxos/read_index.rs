//! Barriers as read indexes: how far a server must apply so that its reads are linearizable.
//!
//! The leader notes its chosen prefix when the question arrives, then begins a round of heartbeats.
//! A quorum that acknowledges it had promised nothing higher *after* the question arrived; so no
//! later leader had a quorum of promises by then, and every write that had completed is chosen at
//! this ballot or below, hence at or below the index. A round that was under way when the question
//! arrived proves nothing: its acknowledgements may be older than the question.

use super::{Out, Paxos, Phase};
use crate::ids::{LocalTime, NodeId};
use crate::mutation::Mutation;
use crate::protocol::{BarrierOutcome, BarrierToken, Effect, Via};

use super::message::Msg;

/// A barrier of a client of this server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PendingBarrier {
    token: BarrierToken,
    asked: LocalTime,
    /// How far to apply; `None` until the leader answers.
    index: Option<u64>,
}

impl PendingBarrier {
    /// Tells the client to try again.
    pub(super) fn fail(&self, out: &mut Out) {
        end(self.token, BarrierOutcome::Failed, out);
    }
}

/// A read index that the leader owes to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Read {
    asker: NodeId,
    token: BarrierToken,
    asked: LocalTime,
    /// The answer.
    index: u64,
    /// The first round of heartbeats that began after the question arrived.
    round: u64,
}

fn end(token: BarrierToken, outcome: BarrierOutcome, out: &mut Out) {
    out.push(Effect::BarrierDone { token, outcome });
}

impl Paxos {
    pub(super) fn on_barrier(&mut self, now: LocalTime, token: BarrierToken, out: &mut Out) {
        let Some(leader) = self.leader else {
            return end(token, BarrierOutcome::Failed, out);
        };
        if self.barriers.len() >= self.config.outstanding_max {
            return end(token, BarrierOutcome::Failed, out);
        }
        let asked = now;
        self.barriers.push_back(PendingBarrier {
            token,
            asked,
            index: None,
        });
        self.arm_retransmission(out);
        if leader.node == self.config.me {
            self.on_read_index(now, leader.node, (token, asked), out);
        } else {
            out.send(leader.node, Via::Datagram, Msg::ReadIndex { token, asked });
        }
    }

    /// At the leader: notes the question and sees to it that a round begins after it.
    pub(super) fn on_read_index(
        &mut self,
        now: LocalTime,
        from: NodeId,
        (token, asked): (BarrierToken, LocalTime),
        out: &mut Out,
    ) {
        let prefix = self.learner.prefix();
        let Phase::Leading(leadership) = &mut self.phase else {
            // Not the leader any more: the asker will notice or give up.
            return;
        };
        let read = Read {
            asker: from,
            token,
            asked,
            index: prefix.max(leadership.recovered),
            // Mutation N04: the answer joins a round that began before the question arrived.
            round: leadership.round + u64::from(!self.config.mutations.has(Mutation::N04)),
        };
        // Mutation P09: the answer comes from the leader's own state, without a quorum round.
        if self.config.mutations.has(Mutation::P09) {
            let index = prefix;
            return self.answer_read(Read { index, ..read }, out);
        }
        let same = |known: &Read| (known.asker, known.token, known.asked) == (from, token, asked);
        if leadership.reads.len() >= self.config.outstanding_max
            || leadership.reads.iter().any(same)
        {
            // A repeated question is answered once; one too many is asked again.
            return;
        }
        leadership.reads.push_back(read);
        if leadership.confirmed == leadership.round {
            self.beat(now, out);
        }
    }

    /// Answers every read whose round is confirmed and whose index is chosen, and begins the next
    /// round if somebody waits for one. Rounds and indexes rise along the queue.
    pub(super) fn answer_reads(&mut self, now: LocalTime, out: &mut Out) {
        let prefix = self.learner.prefix();
        while let Phase::Leading(leadership) = &mut self.phase
            && let Some(read) = leadership.reads.front()
            && read.round <= leadership.confirmed
            && read.index <= prefix
            && let Some(read) = leadership.reads.pop_front()
        {
            self.answer_read(read, out);
        }
        let Phase::Leading(leadership) = &self.phase else {
            return;
        };
        let waits = |read: &Read| read.round > leadership.round;
        if leadership.confirmed == leadership.round && leadership.reads.back().is_some_and(waits) {
            self.beat(now, out);
        }
    }

    fn answer_read(&mut self, read: Read, out: &mut Out) {
        let Phase::Leading(leadership) = &self.phase else {
            return;
        };
        let Read {
            asker,
            token,
            asked,
            index,
            round: _,
        } = read;
        if asker == self.config.me {
            self.on_read_index_reply((token, asked), index, out);
        } else {
            let reply = Msg::ReadIndexReply {
                notice: leadership.notice(index),
                token,
                asked,
            };
            out.send(asker, Via::Datagram, reply);
        }
    }

    /// At the asker: from now on the barrier waits for its own application only.
    pub(super) fn on_read_index_reply(
        &mut self,
        (token, asked): (BarrierToken, LocalTime),
        index: u64,
        out: &mut Out,
    ) {
        // An answer to an earlier incarnation, or the second one, finds nothing here.
        for barrier in &mut self.barriers {
            if (barrier.token, barrier.asked) == (token, asked) && barrier.index.is_none() {
                barrier.index = Some(index);
            }
        }
        self.finish_barriers(out);
    }

    /// Ends the barriers whose index was handed over for application.
    pub(super) fn finish_barriers(&mut self, out: &mut Out) {
        let prefix = self.learner.prefix();
        self.barriers.retain(|barrier| {
            let reached = barrier.index.is_some_and(|index| index <= prefix);
            if reached {
                end(barrier.token, BarrierOutcome::Reached, out);
            }
            !reached
        });
    }

    /// The leader that was asked is gone. A barrier that has its index stays: the index is good for
    /// ever, whoever leads.
    pub(super) fn fail_unanswered_barriers(&mut self, out: &mut Out) {
        self.barriers.retain(|barrier| {
            if barrier.index.is_none() {
                barrier.fail(out);
            }
            barrier.index.is_some()
        });
    }

    /// Asks again, and gives up what has waited for too long.
    pub(super) fn resend_read_indexes(&mut self, now: LocalTime, out: &mut Out) {
        let patience = self.config.patience();
        let leader = self.leader.filter(|leader| leader.node != self.config.me);
        self.barriers.retain(|barrier| {
            if now.since(barrier.asked) >= patience {
                barrier.fail(out);
                return false;
            }
            if let (Some(leader), None) = (leader, barrier.index) {
                let (token, asked) = (barrier.token, barrier.asked);
                out.send(leader.node, Via::Datagram, Msg::ReadIndex { token, asked });
            }
            true
        });
    }
}
