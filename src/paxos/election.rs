//! How a voter becomes leader: silence, pre-vote, phase 1. And how it stops being one.

use super::ballot::Ballot;
use super::message::{Msg, Report};
use super::record::Record;
use super::slot::{Slots, Value};
use super::{Leader, Out, Paxos, Phase, Timer};
use crate::ids::{LocalTime, NodeId, Span};
use crate::mutation::Mutation;
use crate::protocol::{TimerRange, Via};
use crate::quorum::NodeSet;

/// How often the range of the back-off doubles at most.
const BACKOFF_DOUBLINGS_MAX: u32 = 5;

/// A server that asks whether a ballot of its own would be welcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PreVoting {
    ballot: Ballot,
    granted: NodeSet,
}

/// Phase 1 of a ballot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidacy {
    pub(super) ballot: Ballot,
    /// The first slot the Prepare covers; the same in every re-send.
    first: u64,
    /// Who promised *this* ballot: a set, because a Promise may come twice (docs/paxos.md, rule 6).
    promised: NodeSet,
    /// Of each slot the value with the highest ballot that any promise reported.
    pub(super) reported: Slots<(Ballot, Value)>,
    /// The greatest slot that a promise knows to be chosen, and who knows it: to be learned before
    /// phase 2, because the votes below it may be gone.
    base: u64,
    source: NodeId,
}

impl Candidacy {
    /// Merges a promise.
    fn merge(&mut self, from: NodeId, report: Report) {
        let chosen = report.chosen.max(report.snapshot);
        if chosen > self.base {
            self.base = chosen;
            self.source = from;
        }
        for vote in report.votes {
            if vote.slot < self.first {
                continue;
            }
            match self.reported.get(vote.slot) {
                Some((ballot, _)) if *ballot > vote.ballot => {}
                Some((ballot, value)) if *ballot == vote.ballot => assert!(
                    *value == vote.value,
                    "slot {} has two values at ballot {ballot:?}",
                    vote.slot
                ),
                Some(_) | None => self.reported.put(vote.slot, (vote.ballot, vote.value)),
            }
        }
    }
}

impl Paxos {
    /// Takes notice of something only the leader of a ballot sends. False if the ballot is stale.
    pub(super) fn hear_leader(&mut self, now: LocalTime, leader: Leader, out: &mut Out) -> bool {
        if self.leader == Some(leader) {
            self.heard_at = Some(now);
            return true;
        }
        if leader.ballot < self.acceptor.promised().max(self.heard) {
            // A deposed leader that does not know it yet, or a delayed packet of one.
            return false;
        }
        self.follow(now, leader, out);
        true
    }

    /// Follows a leader at a ballot it was not heard of before.
    fn follow(&mut self, now: LocalTime, leader: Leader, out: &mut Out) {
        self.see(leader.ballot);
        self.step_down(out);
        self.lose_leader(out);
        self.leader = Some(leader);
        self.heard = leader.ballot;
        self.heard_at = Some(now);
        self.refusals = 0;
    }

    /// Silence for too long, or a candidacy that came to nothing.
    pub(super) fn on_election_timer(&mut self, now: LocalTime, out: &mut Out) {
        match self.phase {
            // A leader has no election timer; this one was on its way.
            Phase::Leading(_) => return,
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) => {}
        }
        let timeout = self.config.election_timeout;
        if let (Some(_), Some(heard_at)) = (self.leader, self.heard_at) {
            let silence = now.since(heard_at);
            if silence < timeout {
                // The timer is not set anew at each message; it catches up here, so that it goes
                // off between one and two timeouts after the last one.
                let min = Span(timeout.0 - silence.0);
                let max = Span(timeout.0 * 2 - silence.0);
                out.set_timer(Timer::Election, TimerRange { min, max });
                return;
            }
        }
        self.lose_leader(out);
        self.wait_for_leader(out);
        if self.config.is_voter() {
            self.start_pre_vote(out);
        }
    }

    fn start_pre_vote(&mut self, out: &mut Out) {
        let ballot = Ballot {
            round: self.round_max + 1,
            owner: self.config.me,
        };
        self.phase = Phase::PreVoting(PreVoting {
            ballot,
            granted: NodeSet::EMPTY,
        });
        for peer in &self.config.peers {
            out.send(*peer, Via::Datagram, Msg::PreVote { ballot });
        }
        self.on_pre_vote_granted(self.config.me, ballot, out);
    }

    pub(super) fn on_pre_vote(
        &mut self,
        now: LocalTime,
        from: NodeId,
        ballot: Ballot,
        out: &mut Out,
    ) {
        if !self.config.is_voter() {
            return;
        }
        // A server that was cut off has seen no leader; those that have keep it from deposing one.
        let served = match self.phase {
            Phase::Leading(_) => true,
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) => self
                .heard_at
                .is_some_and(|at| now.since(at) < self.config.election_timeout),
        };
        // Mutation N05: a server that hears a leader helps to depose it all the same.
        let served = served && !self.config.mutations.has(Mutation::N05);
        let promised = self.acceptor.promised();
        let reply = Msg::PreVoteReply {
            ballot,
            granted: ballot > promised && !served,
            promised,
        };
        out.send(from, Via::Datagram, reply);
    }

    pub(super) fn on_pre_vote_granted(&mut self, from: NodeId, ballot: Ballot, out: &mut Out) {
        let Phase::PreVoting(asking) = &mut self.phase else {
            return;
        };
        if asking.ballot != ballot {
            // The answer to an earlier question.
            return;
        }
        asking.granted.insert(from);
        if self.config.phase1.contain(asking.granted) {
            self.prepare_own_ballot(ballot, out);
        }
    }

    /// Phase 1a. The ballot is above everything promised here, and this very promise is durable
    /// before the first Prepare leaves; a restart begins above what is durable. So no ballot is
    /// ever used twice (docs/paxos.md, rule 5).
    fn prepare_own_ballot(&mut self, ballot: Ballot, out: &mut Out) {
        let first = self.learner.prefix() + 1;
        if ballot <= self.acceptor.promised() {
            // Another was promised meanwhile; the election timer is running.
            self.phase = Phase::Following;
            return;
        }
        self.see(ballot);
        self.phase = Phase::Preparing(Candidacy {
            ballot,
            first,
            promised: NodeSet::EMPTY,
            reported: Slots::above(first - 1),
            base: 0,
            source: self.config.me,
        });
        self.acceptor.raise(ballot);
        self.checkpoints.append(Record::Promised(ballot), out);
        self.promise(self.config.me, ballot, first, out);
        for peer in &self.config.peers {
            out.send_after_disk(*peer, Via::Datagram, Msg::Prepare { ballot, first });
        }
        out.set_timer(Timer::Election, self.config.election_range());
        self.arm_retransmission(out);
    }

    /// Phase 1a again, to those that have not answered: after the disk, where the own promise may
    /// still be queued.
    pub(super) fn resend_phase_1(&mut self, out: &mut Out) {
        let Phase::Preparing(candidacy) = &self.phase else {
            return;
        };
        let (ballot, first) = (candidacy.ballot, candidacy.first);
        for peer in &self.config.peers {
            if !candidacy.promised.contains(*peer) {
                out.send_after_disk(*peer, Via::Datagram, Msg::Prepare { ballot, first });
            }
        }
        let (base, source) = (candidacy.base, candidacy.source);
        if self.config.phase1.contain(candidacy.promised) && base > self.learner.prefix() {
            self.request_missing(source, out);
        }
    }

    pub(super) fn on_promise(
        &mut self,
        now: LocalTime,
        from: NodeId,
        report: Report,
        out: &mut Out,
    ) {
        let Phase::Preparing(candidacy) = &mut self.phase else {
            return;
        };
        if candidacy.ballot != report.ballot {
            // A promise of a ballot that was given up proves nothing for this one (docs/paxos.md,
            // rule 6).
            return;
        }
        if !candidacy.promised.insert(from) {
            return;
        }
        candidacy.merge(from, report);
        let behind = candidacy.base > self.learner.prefix();
        let source = candidacy.source;
        if !self.config.phase1.contain(candidacy.promised) {
            return;
        }
        if behind {
            self.request_missing(source, out);
        }
        self.establish_if_ready(now, out);
    }

    /// Begins phase 2 once a quorum has promised and everything below the base is learned.
    pub(super) fn establish_if_ready(&mut self, now: LocalTime, out: &mut Out) {
        let Phase::Preparing(candidacy) = &self.phase else {
            return;
        };
        let complete = self.config.phase1.contain(candidacy.promised);
        if complete && candidacy.base <= self.learner.prefix() {
            let phase = core::mem::replace(&mut self.phase, Phase::Following);
            if let Phase::Preparing(candidacy) = phase {
                self.establish(now, candidacy, out);
            }
        }
    }

    pub(super) fn on_nack(&mut self, refused: Ballot, promised: Ballot, out: &mut Out) {
        self.see(promised);
        if promised <= refused {
            return;
        }
        match &self.phase {
            Phase::Preparing(candidacy) if candidacy.ballot == refused => {
                // Never answered by an immediate higher ballot: two candidates would depose each
                // other for ever. The range grows with each refusal.
                self.phase = Phase::Following;
                let max = self.config.election_timeout.times(1 << self.refusals);
                self.refusals = (self.refusals + 1).min(BACKOFF_DOUBLINGS_MAX);
                let min = Span::ZERO;
                out.set_timer(Timer::Election, TimerRange { min, max });
            }
            Phase::Leading(leadership) if leadership.ballot == refused => self.step_down(out),
            // The refusal of a ballot that was given up.
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) | Phase::Leading(_) => {}
        }
    }

    /// Gives up whatever this server was doing with a ballot of its own. Promises and votes stay as
    /// they are; proposals in flight may still be chosen by a successor.
    pub(super) fn step_down(&mut self, out: &mut Out) {
        let phase = core::mem::replace(&mut self.phase, Phase::Following);
        match phase {
            Phase::Leading(_) => {
                self.lose_leader(out);
                out.cancel_timer(Timer::Heartbeat);
                self.wait_for_leader(out);
            }
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) => {}
        }
    }

    /// Gives up the leader that was followed, with the questions it was asked.
    pub(super) fn lose_leader(&mut self, out: &mut Out) {
        if self.leader.take().is_some() {
            self.fail_unanswered_barriers(out);
        }
    }

    pub(super) fn wait_for_leader(&self, out: &mut Out) {
        out.set_timer(Timer::Election, self.config.election_range());
    }
}
