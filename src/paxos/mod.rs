//! Multi-Paxos: a sequence of slots, each decided by the Synod, led by one proposer at a time.
//!
//! # What it guarantees
//! In each slot at most one value is ever chosen (voted for by a quorum at one ballot); every
//! server applies the chosen commands in the order of the slots, without a hole. A barrier is a
//! read index: reads after it are linearizable without any assumption about clocks. At-most-once
//! execution is the state machine's part (its table of sessions); here a lost proposal is just
//! lost.
//!
//! # Its parts
//! - `acceptor`: promises and votes, pure rules. `voter` asks them, and lets nothing out that is
//!   not durable.
//! - `election`: a voter that hears no leader asks around (pre-vote), then prepares a ballot of its
//!   own (phase 1) over *all* slots above its chosen prefix, catches up to what any promise knows
//!   to be chosen, and then re-proposes in each open slot the reported value of the highest ballot,
//!   or a no-op (`Paxos::establish`).
//! - `leader`: phase 2 with a window of open slots, heartbeats, retransmission.
//! - `read_index`: barriers, on the asking and on the answering side.
//! - `learner`: chosen values, application in order, catch-up.
//! - `checkpoint`: snapshots, and the log that they shorten.
//!
//! Every server is acceptor and learner; a leader is the only proposer and the only one that counts
//! votes. Observers learn only: they get heartbeats and chosen values and have no vote.
//!
//! # Deviations from the papers
//! - One promise for all slots instead of one a slot: stronger, hence sound.
//! - A Promise is one message, however many votes it lists, because messages have no size limit
//!   here.
//! - A commit notice names a ballot and a base; a receiver takes its own vote for the chosen value
//!   only if it voted at that ballot, in a slot above the base. Otherwise it asks for the value
//!   (Learn). A leader that learns another value than the one it proposed steps down.
//! - A voter that hears a heartbeat of a higher ballot raises its promise to it; so an acknowledged
//!   heartbeat always means "my promise is exactly your ballot".
//! - A candidate's or leader's own messages to itself take the same path as everybody's, through
//!   its own disk: its vote is one more vote, in parallel with the others.
//! - A leader resigns after two election timeouts without a quorum of acknowledgements: as long as
//!   its most patient follower waits. A shorter time would resign before anybody takes over.
//! - Retransmission is at a fixed interval, without back-off; slots that are chosen are no longer
//!   sent again: a server that lacks them asks when a heartbeat shows it.
//! - Asking for slots below the trim point is answered by the whole snapshot, in one message.
//! - Reading needs no no-op in a new ballot (the promises report every slot that can be chosen),
//!   but a ballot without any open slot proposes one all the same, as the engineering papers
//!   advise.
//! - After a disk error a server does nothing until it is started again: what the device did with
//!   unsynced writes is unknown. Booting copies every live record and syncs the copies.
//!
//! `docs/paxos.md` has the rules one by one, and for each place that moves the chosen prefix the
//! argument why it is safe.
//!
//! # What is missing
//! Reconfiguration (so the window is for flow control only), leases, broadcast of votes to all
//! learners, forwarding of reads, asking anybody but the leader for missing slots.

mod acceptor;
mod ballot;
mod checkpoint;
mod config;
mod election;
mod knobs;
mod leader;
mod learner;
mod message;
mod mutations;
mod rare_paths;
mod read_index;
mod record;
mod slot;
#[cfg(test)]
mod tests;
mod voter;

pub use ballot::Ballot;
pub use config::Config;
pub use knobs::PaxosKnobs;
pub use message::{Msg, Notice, Proposal, Report, SlotVote};
pub use record::Record;
pub use slot::Value;

use std::collections::VecDeque;

use crate::canonical::{Canonical, RunHash};
use crate::ids::{LocalTime, NodeId, Zxid};
use crate::mutation::{Entry, Mutation};
use crate::protocol::{
    DiskResult, Effect, Ensemble, Holding, Holdings, Image, Input, Knobs, Outbox, Persisted,
    Pledged, Promises, Protocol, RarePath, Refusal, Replicates, Role, Slots, Standing, TimerRange,
    Timing, Via,
};
use crate::quorum::PhaseQuorums;
use acceptor::Acceptor;
use checkpoint::Checkpoints;
use election::{Candidacy, PreVoting};
use leader::Leadership;
use learner::Learner;
use read_index::PendingBarrier;
use slot::end_of_slot;

/// What a step's effects are put into.
type Out = Outbox<Paxos>;

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// No leader was heard for too long, or a candidacy failed. Set whenever this server does not
    /// lead.
    Election,
    /// A leader's next round of heartbeats is due.
    Heartbeat,
    /// Unanswered messages are due to be sent again.
    Retransmit,
}

impl Canonical for Timer {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(match self {
            Timer::Election => 1,
            Timer::Heartbeat => 2,
            Timer::Retransmit => 3,
        });
    }
}

/// What a server does beside voting and learning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Follows a leader, or waits for one.
    Following,
    /// Asks whether a ballot of its own would be welcome.
    PreVoting(PreVoting),
    /// Phase 1 of its own ballot.
    Preparing(Candidacy),
    /// Phase 2 of its own ballot.
    Leading(Leadership),
}

/// A leader that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Leader {
    node: NodeId,
    ballot: Ballot,
}

/// One server's share of Multi-Paxos.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Paxos {
    config: Config,
    acceptor: Acceptor,
    learner: Learner,
    phase: Phase,
    /// The leader that is followed; this server itself if it leads.
    /// Invariant: no higher ballot is promised.
    leader: Option<Leader>,
    /// The highest ballot a leader was heard of. An observer promises nothing, so only this keeps
    /// it from following a deposed leader.
    heard: Ballot,
    /// When a leader was last heard.
    heard_at: Option<LocalTime>,
    /// The highest round seen in any message.
    round_max: u64,
    /// Candidacies refused in a row: how far to back off.
    refusals: u32,
    /// Barriers of this server's clients, in the order in which they were asked for.
    barriers: VecDeque<PendingBarrier>,
    checkpoints: Checkpoints,
    /// Whether the retransmission timer is set.
    retransmitting: bool,
    /// See [`Standing::serve_from`].
    serve_from: Option<Zxid>,
    /// The disk failed: nothing this server says can be relied on any more.
    halted: bool,
}

impl Protocol for Paxos {
    const NAME: &'static str = "paxos";
    const REPLICATES: Replicates = Replicates::Commands;
    const PROMISES: Promises = Promises {
        linearizable_barrier: true,
        at_most_once: true,
    };

    const SLOTS: Slots = slot::POSITIONS;
    const RARE_PATHS: &'static [RarePath] = rare_paths::RARE_PATHS;
    const MUTATIONS: &'static [Entry] = mutations::MUTATIONS;

    type Knobs = PaxosKnobs;
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;

    fn configure(ensemble: &Ensemble<PaxosKnobs>) -> Config {
        Config::of(ensemble)
    }

    fn phases(ensemble: &Ensemble<PaxosKnobs>) -> PhaseQuorums {
        ensemble.own.phases(&ensemble.quorums)
    }

    fn timing(_shared: &Knobs, own: &PaxosKnobs) -> Timing {
        own.timing()
    }

    fn recover(
        config: &Config,
        _now: LocalTime,
        disk: &Image<Record>,
        out: &mut Out,
    ) -> Result<Paxos, Refusal> {
        let acceptor = record::recover_acceptor(disk)?;
        let snapshot = record::trusted_snapshot(disk).cloned();
        if snapshot.is_some() {
            out.push(Effect::Restore(snapshot.clone()));
            out.committed(end_of_slot(acceptor.trimmed()));
        }
        let round_max = acceptor.promised().round;
        let mut paxos = Paxos {
            config: config.clone(),
            learner: Learner::new(acceptor.trimmed()),
            acceptor,
            phase: Phase::Following,
            leader: None,
            heard: Ballot::NONE,
            heard_at: None,
            round_max,
            refusals: 0,
            barriers: VecDeque::new(),
            checkpoints: Checkpoints::new(disk.log_last(), snapshot),
            retransmitting: false,
            serve_from: None,
            halted: false,
        };
        if !disk.log.is_empty() && !config.mutations.has(Mutation::N21) {
            paxos.copy_what_was_recovered(out);
        }
        out.set_timer(Timer::Election, config.election_range());
        Ok(paxos)
    }

    fn step(&mut self, now: LocalTime, input: Input<Paxos>, out: &mut Out) {
        if self.halted {
            // The disk failed; see the essay. A restart is needed.
            return;
        }
        self.take(now, input, out);
        self.assert_invariants();
    }

    fn holdings(&self) -> Holdings {
        let config = &self.config;
        let waiting = match &self.phase {
            Phase::Leading(leadership) => leadership.waiting(),
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) => 0,
        };
        [
            Holding {
                what: "commands that wait for room in the window",
                count: waiting,
                limit: config.outstanding_max,
            },
            Holding {
                what: "barriers under way",
                count: self.barriers.len(),
                limit: config.outstanding_max,
            },
        ]
    }

    fn standing(&self) -> Standing {
        let role = match (&self.phase, self.leader) {
            (Phase::Leading(_), _) => Role::Leading,
            (_, None) => Role::Looking,
            (_, Some(_)) if self.config.is_voter() => Role::Following,
            (_, Some(_)) => Role::Observing,
        };
        let promised = self.acceptor.promised().max(self.heard);
        Standing {
            role: if self.halted { Role::Looking } else { role },
            epoch: self.leader.map_or(promised, |l| l.ballot).epoch(),
            leader: self.leader.map(|leader| leader.node),
            uplink: self.leader.map(|_| Via::Datagram),
            can_propose: self.can_propose(),
            serve_from: self.serve_from,
        }
    }

    fn persisted(image: &Image<Record>) -> Persisted {
        record::persisted(image)
    }

    fn pledged(image: &Image<Record>) -> Option<Pledged> {
        Some(record::pledged(image))
    }

    fn kind(msg: &Msg) -> &'static str {
        msg.kind()
    }
}

impl Paxos {
    fn take(&mut self, now: LocalTime, input: Input<Paxos>, out: &mut Out) {
        match input {
            Input::Message { from, via: _, msg } => self.on_message(now, from, msg, out),
            // Paxos lives on datagrams: a stream is somebody else's.
            Input::Link { .. } => {}
            Input::Timer(Timer::Election) => self.on_election_timer(now, out),
            Input::Timer(Timer::Heartbeat) => self.on_heartbeat_timer(now, out),
            Input::Timer(Timer::Retransmit) => self.on_retransmit_timer(now, out),
            Input::Propose(payload) => self.on_propose(now, payload, out),
            Input::Barrier(token) => self.on_barrier(now, token, out),
            Input::Disk {
                ticket,
                result: DiskResult::Done,
            } => self.on_disk_done(ticket, out),
            Input::Disk {
                ticket: _,
                result: DiskResult::Failed,
            } => self.halt(out),
            Input::Reloaded(_) => unreachable!("Paxos never asks for a reload"),
            Input::Applied(zxid) => self.on_applied(zxid, out),
            Input::Captured { ticket, snapshot } => self.on_captured(ticket, snapshot, out),
        }
    }

    fn on_message(&mut self, now: LocalTime, from: NodeId, msg: Msg, out: &mut Out) {
        match msg {
            Msg::PreVote { ballot } => self.on_pre_vote(now, from, ballot, out),
            Msg::PreVoteReply {
                ballot,
                granted,
                promised,
            } => {
                self.see(promised);
                if granted {
                    self.on_pre_vote_granted(from, ballot, out);
                }
            }
            Msg::Prepare { ballot, first } => self.on_prepare(from, ballot, first, out),
            Msg::Promise(report) => self.on_promise(now, from, report, out),
            Msg::Accept(proposal) => self.on_accept(now, from, proposal, out),
            Msg::Accepted { ballot, slot } => self.on_accepted(now, from, ballot, slot, out),
            Msg::Nack { ballot, promised } => self.on_nack(ballot, promised, out),
            Msg::Commit(notice) => self.on_commit(now, from, notice, out),
            Msg::Heartbeat { notice, seq } => self.on_heartbeat(now, from, notice, seq, out),
            Msg::HeartbeatAck { ballot, seq } => {
                self.on_heartbeat_ack(now, from, ballot, seq, out);
            }
            Msg::LearnReq { first } => self.on_learn_request(from, first, out),
            Msg::Learn {
                first,
                values,
                chosen,
            } => {
                let before = self.learner.prefix();
                self.on_learn(now, first, values, out);
                self.ask_on(now, from, before..chosen, out);
            }
            Msg::Snap { snapshot, chosen } => {
                let before = self.learner.prefix();
                self.on_snapshot(now, snapshot, out);
                self.ask_on(now, from, before..chosen, out);
            }
            Msg::ReadIndex { token, asked } => self.on_read_index(now, from, (token, asked), out),
            Msg::ReadIndexReply {
                notice,
                token,
                asked,
            } => {
                self.take_notice(notice, out);
                self.settle(now, out);
                self.on_read_index_reply((token, asked), notice.commit, out);
            }
        }
    }

    /// What holds after every step, whatever was lost, repeated or delayed.
    fn assert_invariants(&self) {
        self.acceptor.assert_invariants();
        let promised = self.acceptor.promised();
        if let Some(leader) = self.leader {
            assert!(
                leader.ballot >= promised,
                "{} follows {leader:?} but has promised {promised:?}",
                self.config.me
            );
        }
        let prefix = self.learner.prefix();
        self.learner.assert_invariants();
        self.checkpoints.assert_invariants(prefix);
        let trimmed = self.acceptor.trimmed();
        assert!(
            trimmed <= prefix,
            "votes through {trimmed} are gone, but only {prefix} slots are known to be chosen"
        );
        match &self.phase {
            Phase::Leading(leadership) => {
                leadership.assert_invariants(promised, prefix);
                self.assert_retransmission();
            }
            Phase::Preparing(candidacy) => {
                assert!(
                    candidacy.ballot == promised,
                    "{} prepares {:?} but has promised {promised:?}",
                    self.config.me,
                    candidacy.ballot
                );
                self.assert_retransmission();
            }
            Phase::Following | Phase::PreVoting(_) => {}
        }
    }

    /// A server that waits for answers asks again.
    fn assert_retransmission(&self) {
        assert!(
            self.retransmitting,
            "{} waits for answers and will not ask again",
            self.config.me
        );
    }

    /// Everything that follows from newly chosen slots: application, then the barriers and the
    /// leader that waited.
    fn settle(&mut self, now: LocalTime, out: &mut Out) {
        let before = self.learner.prefix();
        if !self.learner.hand_over(out) {
            return;
        }
        self.on_progress(now, before, out);
    }

    /// The chosen prefix moved, from `before`.
    fn on_progress(&mut self, now: LocalTime, before: u64, out: &mut Out) {
        self.finish_barriers(out);
        match self.phase {
            Phase::Following | Phase::PreVoting(_) => {}
            Phase::Preparing(_) => self.establish_if_ready(now, out),
            Phase::Leading(_) => self.on_prefix_advanced(now, before, out),
        }
    }

    /// Takes notice of a ballot, so that the next own one lies above it.
    #[inline]
    fn see(&mut self, ballot: Ballot) {
        self.round_max = self.round_max.max(ballot.round);
    }

    /// Sets the retransmission timer if it is not set.
    fn arm_retransmission(&mut self, out: &mut Out) {
        if !self.retransmitting {
            self.retransmitting = true;
            out.set_timer(
                Timer::Retransmit,
                TimerRange::exactly(self.config.retransmit),
            );
        }
    }

    fn on_retransmit_timer(&mut self, now: LocalTime, out: &mut Out) {
        self.retransmitting = false;
        self.resend_phase_1(out);
        if !self.config.mutations.has(Mutation::P21) {
            self.resend_phase_2(now, out);
        }
        self.resend_read_indexes(now, out);
        let busy = match self.phase {
            Phase::Following | Phase::PreVoting(_) => false,
            Phase::Preparing(_) | Phase::Leading(_) => true,
        };
        if busy || !self.barriers.is_empty() {
            self.arm_retransmission(out);
        }
    }

    /// The disk reported an error: silence from now on.
    fn halt(&mut self, out: &mut Out) {
        self.halted = true;
        self.phase = Phase::Following;
        self.lose_leader(out);
        self.serve_from = None;
        for barrier in self.barriers.drain(..) {
            barrier.fail(out);
        }
        for timer in [Timer::Election, Timer::Heartbeat, Timer::Retransmit] {
            out.cancel_timer(timer);
        }
    }
}
