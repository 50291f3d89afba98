//! Phase 2: a leader proposes, counts votes, sends again, and makes sure that it still leads.

use std::collections::VecDeque;

use super::acceptor::Accepting;
use super::ballot::Ballot;
use super::election::Candidacy;
use super::message::{Msg, Notice, Proposal};
use super::read_index::Read;
use super::slot::{Slots, Value, end_of_slot};
use super::{Leader, Out, Paxos, Phase, Timer};
use crate::ids::{LocalTime, NodeId};
use crate::mutation::Mutation;
use crate::protocol::{Fact, TimerRange, Via};
use crate::quorum::NodeSet;
use crate::tree::Payload;

/// A leader's volatile state: lost with the leadership, and never read by the acceptor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leadership {
    /// Invariant: this server's promise.
    pub(super) ballot: Ballot,
    /// In every slot above this one, through the chosen prefix, this leader's own proposal was
    /// chosen: it counted the votes, or learned the same value. Invariant: <= the chosen prefix.
    base: u64,
    /// The next slot for a new command.
    /// Invariant: above the chosen prefix and above every slot of `open`.
    next: u64,
    /// Proposals that are not chosen yet.
    open: Slots<Open>,
    /// Commands that wait for room in the window.
    queue: VecDeque<Payload>,
    /// The last round of heartbeats that was sent.
    pub(super) round: u64,
    /// Of each voter, in the order of the configuration, the last round it acknowledged.
    acknowledged: Vec<u64>,
    /// The last round that a quorum acknowledged. Invariant: <= `round`.
    pub(super) confirmed: u64,
    /// When that became known; at first, when the leadership began.
    confirmed_at: LocalTime,
    /// The end of what this leader had to propose again. Every value chosen at a lower ballot lies
    /// at or below it, so no read index may be smaller.
    pub(super) recovered: u64,
    /// Read indexes that wait for their round, in the order in which they were asked for.
    pub(super) reads: VecDeque<Read>,
}

impl Leadership {
    /// How many commands wait for room in the window.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What this leader may announce about a chosen prefix.
    pub(super) fn notice(&self, commit: u64) -> Notice {
        Notice {
            ballot: self.ballot,
            base: self.base,
            commit,
        }
    }

    /// Whether a value chosen in a slot proves that another leader took over: this one proposed
    /// another value there, or has not proposed anything there yet.
    pub(super) fn is_contradicted(&self, slot: u64, value: &Value) -> bool {
        slot >= self.next || self.open.get(slot).is_some_and(|open| open.value != *value)
    }

    /// A snapshot through `index` stands for chosen slots whose values it does not hold: this
    /// leader does not know whether its proposals there were chosen. Says whether the snapshot goes
    /// beyond all its proposals, which proves that another leader took over.
    pub(super) fn give_up_through(&mut self, index: u64) -> bool {
        self.base = self.base.max(index);
        index >= self.next
    }

    /// What the fields say of each other, and of the acceptor and the learner beside them.
    pub(super) fn assert_invariants(&self, promised: Ballot, prefix: u64) {
        let ballot = self.ballot;
        assert!(
            ballot == promised,
            "a leader at {ballot:?} has promised {promised:?}"
        );
        assert!(
            self.base <= prefix,
            "the base {} lies above the chosen prefix {prefix}",
            self.base
        );
        assert!(
            self.next > prefix && self.next > self.open.last(),
            "the next slot {} is not above the prefix {prefix} and the last proposal {}",
            self.next,
            self.open.last()
        );
        assert!(
            self.confirmed <= self.round,
            "round {} is confirmed, but {} was the last to begin",
            self.confirmed,
            self.round
        );
    }
}

/// A proposal that is not chosen yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    value: Value,
    /// Who voted for it at this leader's ballot: a set, because an Accepted may come twice.
    votes: NodeSet,
    sent_at: LocalTime,
}

impl Paxos {
    /// Begins phase 2. What phase 1 reported binds the leader: in each open slot it proposes the
    /// value of the highest reported ballot, since only that one can be chosen already, and a no-op
    /// where nothing was reported. All of it goes through phase 2 again, whatever was voted before.
    pub(super) fn establish(&mut self, now: LocalTime, candidacy: Candidacy, out: &mut Out) {
        let ballot = candidacy.ballot;
        let prefix = self.learner.prefix();
        let top = candidacy.reported.last().max(prefix);
        self.phase = Phase::Leading(Leadership {
            ballot,
            // Of the slots through the prefix nothing is proposed at this ballot.
            base: prefix,
            next: prefix + 1,
            open: Slots::above(prefix),
            queue: VecDeque::new(),
            round: 0,
            acknowledged: vec![0; self.config.voters.len()],
            confirmed: 0,
            confirmed_at: now,
            // If nothing is open, a no-op takes the place of the open slots.
            recovered: top.max(prefix + 1),
            reads: VecDeque::new(),
        });
        let node = self.config.me;
        self.leader = Some(Leader { node, ballot });
        self.heard = ballot;
        self.refusals = 0;
        self.serve_from = self.serve_from.or(Some(end_of_slot(prefix)));
        out.cancel_timer(Timer::Election);
        out.fact(Fact::Established {
            epoch: ballot.epoch(),
            through: end_of_slot(top),
        });
        for slot in prefix + 1..=top.max(prefix + 1) {
            let mut value = candidacy
                .reported
                .get(slot)
                .map_or(Value::Noop, |(_, value)| value.clone());
            // Mutation P04: the leader's own value in place of the reported one.
            if self.config.mutations.has(Mutation::P04) {
                value = Value::Noop;
            }
            self.propose(now, slot, value, out);
        }
        if !matches!(self.phase, Phase::Leading(_)) {
            // Superseded before it began.
            return;
        }
        self.arm_retransmission(out);
        self.set_heartbeat(out);
        self.beat(now, out);
    }

    /// Whether a command is welcome.
    #[inline]
    pub(super) fn can_propose(&self) -> bool {
        let Phase::Leading(leadership) = &self.phase else {
            return false;
        };
        let open = leadership.next - 1 - self.learner.prefix();
        let queued = leadership.queue.len() as u64;
        open + queued < self.config.outstanding_max as u64
    }

    pub(super) fn on_propose(&mut self, now: LocalTime, payload: Payload, out: &mut Out) {
        if !self.can_propose() {
            // Leadership was lost, or the queue filled up, since the standing was asked for.
            return;
        }
        if let Phase::Leading(leadership) = &mut self.phase {
            leadership.queue.push_back(payload);
        }
        self.propose_queued(now, out);
    }

    /// Proposes queued commands as far as the window allows. Says whether there were any. Those
    /// that came while the window was full share a slot: what an ensemble gets done in a round trip
    /// is then bounded by `batch_max` and not by the window alone.
    fn propose_queued(&mut self, now: LocalTime, out: &mut Out) -> bool {
        let last = self.learner.prefix() + self.config.window;
        let mut proposed = false;
        while let Phase::Leading(leadership) = &mut self.phase
            && leadership.next <= last
            && !leadership.queue.is_empty()
        {
            let slot = leadership.next;
            let count = leadership.queue.len().min(self.config.batch_max);
            let batch = leadership.queue.drain(..count).collect();
            self.propose(now, slot, Value::of(batch), out);
            proposed = true;
        }
        proposed
    }

    /// Phase 2a, for the first time in a slot at this ballot: the only place that does so.
    fn propose(&mut self, now: LocalTime, slot: u64, value: Value, out: &mut Out) {
        let contradicted = self
            .learner
            .value(slot)
            .is_some_and(|known| *known != value);
        // Mutation N01: nobody compares what is learned with what is proposed.
        if contradicted && !self.config.mutations.has(Mutation::N01) {
            // Learned while this server was a candidate, of a ballot above its own: see
            // `take_learned`.
            return self.step_down(out);
        }
        let Phase::Leading(leadership) = &mut self.phase else {
            return;
        };
        let ballot = leadership.ballot;
        assert!(
            slot == leadership.next,
            "slot {slot} is proposed in, but {} is the next one",
            leadership.next
        );
        leadership.next = slot + 1;
        leadership.open.put(
            slot,
            Open {
                value: value.clone(),
                votes: NodeSet::EMPTY,
                sent_at: now,
            },
        );
        let epoch = ballot.epoch();
        for (zxid, value) in value.digests(slot) {
            out.fact(Fact::Proposed { epoch, zxid, value });
        }
        let (base, commit) = (leadership.base, self.learner.prefix());
        for peer in &self.config.peers {
            let proposal = Proposal {
                ballot,
                slot,
                value: value.clone(),
                base,
                commit,
            };
            out.send(*peer, Via::Datagram, Msg::Accept(proposal));
        }
        // The leader's own vote: the same rules, its own disk, one more Accepted among the others.
        let mutations = self.config.mutations;
        match self.acceptor.accept(ballot, slot, &value, mutations) {
            Accepting::Voted => self.write_vote(self.config.me, ballot, slot, value, out),
            Accepting::Repeated => unreachable!("slot {slot} was proposed twice at {ballot:?}"),
            Accepting::Trimmed => unreachable!("slot {slot} was chosen before it was proposed"),
            Accepting::Refused => unreachable!("a leader steps down before it promises more"),
        }
    }

    /// Phase 2a again, to those that have not voted: the same ballot, slot and value.
    pub(super) fn resend_phase_2(&mut self, now: LocalTime, out: &mut Out) {
        let commit = self.learner.prefix();
        let interval = self.config.retransmit;
        let Phase::Leading(leadership) = &mut self.phase else {
            return;
        };
        let (ballot, base) = (leadership.ballot, leadership.base);
        let due = |open: &Open| now.since(open.sent_at) >= interval;
        let slots = leadership.open.iter_from(0);
        let slots: Vec<u64> = slots
            .filter(|(_, o)| due(o))
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            let open = leadership.open.get_mut(slot);
            let open = open.expect("it was listed just now");
            open.sent_at = now;
            for peer in &self.config.peers {
                if open.votes.contains(*peer) {
                    continue;
                }
                let proposal = Proposal {
                    ballot,
                    slot,
                    value: open.value.clone(),
                    base,
                    commit,
                };
                out.send(*peer, Via::Datagram, Msg::Accept(proposal));
            }
        }
    }

    /// A vote: counted for its slot *and* ballot, once a voter.
    pub(super) fn on_accepted(
        &mut self,
        now: LocalTime,
        from: NodeId,
        ballot: Ballot,
        slot: u64,
        out: &mut Out,
    ) {
        let Phase::Leading(leadership) = &mut self.phase else {
            return;
        };
        if leadership.ballot != ballot {
            // A vote for a ballot that was given up.
            return;
        }
        let Some(open) = leadership.open.get_mut(slot) else {
            // Chosen already.
            return;
        };
        if open.votes.insert(from) && self.config.phase2.contain(open.votes) {
            let chosen = leadership.open.take(slot);
            let chosen = chosen.expect("it was looked at just now");
            self.learner.take(slot, chosen.value, out);
            self.settle(now, out);
        }
    }

    /// The chosen prefix moved: the window opens, and everybody hears of it, with an Accept if one
    /// leaves.
    pub(super) fn on_prefix_advanced(&mut self, now: LocalTime, before: u64, out: &mut Out) {
        let commit = self.learner.prefix();
        let Phase::Leading(leadership) = &mut self.phase else {
            return;
        };
        let notice = leadership.notice(commit);
        leadership.open.drop_through(commit);
        leadership.next = leadership.next.max(commit + 1);
        if !self.propose_queued(now, out) {
            for peer in &self.config.peers {
                out.send(*peer, Via::Datagram, Msg::Commit(notice));
            }
        }
        for observer in &self.config.observers {
            self.send_chosen(*observer, before + 1, out);
        }
        self.answer_reads(now, out);
    }

    pub(super) fn on_heartbeat_timer(&mut self, now: LocalTime, out: &mut Out) {
        let Phase::Leading(leadership) = &self.phase else {
            // It was on its way when the leadership ended.
            return;
        };
        if now.since(leadership.confirmed_at) >= self.config.patience() {
            // Without a quorum a leader chooses nothing and only keeps others from trying.
            self.step_down(out);
            return;
        }
        self.set_heartbeat(out);
        self.beat(now, out);
    }

    fn set_heartbeat(&self, out: &mut Out) {
        let range = TimerRange::exactly(self.config.heartbeat);
        out.set_timer(Timer::Heartbeat, range);
    }

    /// Sends the next round of heartbeats.
    pub(super) fn beat(&mut self, now: LocalTime, out: &mut Out) {
        let commit = self.learner.prefix();
        let Phase::Leading(leadership) = &mut self.phase else {
            return;
        };
        leadership.round += 1;
        let (notice, seq) = (leadership.notice(commit), leadership.round);
        for node in self.config.peers.iter().chain(&self.config.observers) {
            let heartbeat = Msg::Heartbeat { notice, seq };
            out.send(*node, Via::Datagram, heartbeat);
        }
        let ballot = notice.ballot;
        // Its own promise is its own ballot as long as it leads.
        self.on_heartbeat_ack(now, self.config.me, ballot, seq, out);
    }

    pub(super) fn on_heartbeat_ack(
        &mut self,
        now: LocalTime,
        from: NodeId,
        ballot: Ballot,
        seq: u64,
        out: &mut Out,
    ) {
        let Phase::Leading(leadership) = &mut self.phase else {
            return;
        };
        let voter = self.config.voters.iter().position(|voter| *voter == from);
        let (true, Some(voter)) = (leadership.ballot == ballot, voter) else {
            return;
        };
        let acknowledged = &mut leadership.acknowledged;
        acknowledged[voter] = acknowledged[voter].max(seq);
        let rounds = self.config.voters.iter().zip(acknowledged.iter());
        let heard: NodeSet = rounds
            .filter(|(_, round)| **round >= seq)
            .map(|(voter, _)| *voter)
            .collect();
        if seq > leadership.confirmed && self.config.phase2.contain(heard) {
            leadership.confirmed = seq;
            leadership.confirmed_at = now;
            self.answer_reads(now, out);
        }
    }
}
