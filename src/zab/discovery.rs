//! Phase 1: discovery (docs/zab.md, rules D1 to D6).
//!
//! A learner dials the elected leader and greets it. The leader collects the accepted epochs of a
//! quorum, names a higher one, and collects a quorum's promises of it.

use crate::ids::{LocalTime, NodeId, Span, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{Fact, Ticket, TimerRange, Via};
use crate::quorum::NodeSet;

use super::roles::{Leading, Learning, LearningStage, Phase, Stage, State};
use super::{Msg, Out, Timer, Zab};

/// How often a learner dials a leader before it looks for another.
const DIALS_MAX: u32 = 5;

/// The leader's side.
impl Zab {
    /// Becomes the leader that an election found.
    pub(super) fn lead(&mut self, out: &mut Out) {
        self.state = State::Leading(Leading::new(
            self.config.me,
            self.storage.accepted_epoch(),
            (self.storage.current_epoch(), self.handed),
            self.config.voters.len(),
        ));
        self.set_phase_timer(out);
        self.name_epoch(out);
    }

    fn set_phase_timer(&self, out: &mut Out) {
        let limit = self.config.ticks(self.config.own.init_limit);
        self.set_timer(Timer::Phase, limit, out);
    }

    /// A phase in front of broadcast lasts too long.
    pub(super) fn on_phase_timer(&mut self, out: &mut Out) {
        if let State::Leading(leading) = &self.state {
            match leading.phase {
                Phase::CollectEpochs | Phase::CollectPromises | Phase::CollectHistories => {
                    self.step_down(out);
                }
                Phase::Broadcast => {} // Established just in time.
            }
        }
    }

    /// FOLLOWERINFO or OBSERVERINFO.
    pub(super) fn on_greeting(&mut self, from: NodeId, accepted_epoch: u32, out: &mut Out) {
        let leading = self.state.leading();
        let learner = leading.learner(from);
        let voter = learner.voter;
        learner.stage = Stage::Greeted;
        match leading.phase {
            Phase::CollectEpochs => {
                leading.epoch = leading.epoch.max(accepted_epoch + 1);
                if voter {
                    leading.greeted.insert(from);
                }
                self.name_epoch(out);
            }
            Phase::CollectPromises | Phase::CollectHistories | Phase::Broadcast => {
                if voter && accepted_epoch > leading.epoch {
                    // 1. It promised a later leader's epoch; that leader never got a quorum.
                    // 2. It can never join this one, however long this one leads.
                    self.step_down(out);
                } else {
                    self.tell_epoch(out);
                }
            }
        }
    }

    /// Fixes the epoch once a quorum has sent its accepted epochs.
    fn name_epoch(&mut self, out: &mut Out) {
        let leading = self.state.leading();
        if !self.config.quorums.contain(leading.greeted) {
            return;
        }
        leading.phase = Phase::CollectPromises;
        leading.last_proposed = Zxid::new(leading.epoch, 0);
        leading.promised.insert(self.config.me);
        let epoch = leading.epoch;
        // The leader's own promise. Every effect of it (LEADERINFO, and what answers it) waits
        // for the disk, or else a restarted leader could name or accept the epoch twice
        // (ZK-1291).
        let naming = self.storage.accept_epoch(epoch, out);
        out.fact_after_disk(Fact::Promised {
            epoch: u64::from(epoch),
        });
        if self.config.mutations.has(Mutation::N22) {
            self.set_phase_timer(out);
        } else if let State::Leading(leading) = &mut self.state {
            // LEADERINFO leaves when the promise is durable, and nobody answers it before.
            leading.naming = Some(naming);
            out.cancel_timer(Timer::Phase);
            for (node, learner) in &leading.learners {
                // It may be a while until it hears of the epoch.
                learner.send(*node, Msg::Ping, out);
            }
        }
        self.tell_epoch(out);
        self.enter_epoch(out);
    }

    /// A sync is done: the learners have heard, or hear now, what they are to answer.
    pub(super) fn phase_begins(&mut self, done: Ticket, out: &mut Out) {
        if let State::Leading(leading) = &mut self.state
            && leading.naming == Some(done)
        {
            leading.naming = None;
            match leading.phase {
                Phase::CollectPromises | Phase::CollectHistories => self.set_phase_timer(out),
                Phase::CollectEpochs | Phase::Broadcast => {}
            }
        }
    }

    /// A learner reports that it is writing: the phase lasts longer for it.
    pub(super) fn on_pong(&mut self, from: NodeId, out: &mut Out) {
        let leading = self.state.leading();
        let voter = leading.learners.get(&from).is_some_and(|l| l.voter);
        match leading.phase {
            Phase::CollectPromises | Phase::CollectHistories
                if voter && leading.extensions > 0 && leading.naming.is_none() =>
            {
                leading.extensions -= 1;
                self.set_phase_timer(out);
            }
            Phase::CollectEpochs
            | Phase::CollectPromises
            | Phase::CollectHistories
            | Phase::Broadcast => {}
        }
    }

    /// Sends LEADERINFO to those that have greeted.
    fn tell_epoch(&mut self, out: &mut Out) {
        let leading = self.state.leading();
        let epoch = leading.epoch;
        for (node, learner) in &mut leading.learners {
            if learner.stage == Stage::Greeted {
                learner.stage = Stage::Informed;
                let (via, told) = (Via::Stream(learner.link), Msg::LeaderInfo { epoch });
                if leading.phase == Phase::Broadcast {
                    // Whatever established this leader has answered an earlier LEADERINFO, or was
                    // its own disk: the promise is durable.
                    out.send(*node, via, told);
                } else {
                    out.send_after_disk(*node, via, told);
                }
            }
        }
    }

    /// ACKEPOCH.
    pub(super) fn on_ack_epoch(
        &mut self,
        from: NodeId,
        current_epoch: Option<u32>,
        zxid: Zxid,
        wants_snapshot: bool,
        out: &mut Out,
    ) {
        let leading = self.state.leading();
        let learner = leading.learner(from);
        let voter = learner.voter;
        learner.stage = Stage::Promised {
            zxid,
            wants_snapshot,
        };
        match leading.phase {
            Phase::CollectEpochs => unreachable!("{from} promised an epoch not yet named"),
            Phase::CollectPromises => {
                if let Some(current) = current_epoch {
                    if (current, zxid) > (leading.initial_epoch, leading.initial_last) {
                        // The election was wrong: that history may hold what this one lacks.
                        self.step_down(out);
                        return;
                    }
                    if voter {
                        leading.promised.insert(from);
                    }
                    self.enter_epoch(out);
                }
            }
            Phase::CollectHistories | Phase::Broadcast => self.synchronize(from, out),
        }
    }

    /// Enters the epoch once a quorum has promised it: nobody else can.
    fn enter_epoch(&mut self, out: &mut Out) {
        let leading = self.state.leading();
        if !self.config.quorums.contain(leading.promised) {
            return;
        }
        leading.phase = Phase::CollectHistories;
        let epoch = leading.epoch;
        let waiting: NodeSet = leading
            .learners
            .iter()
            .filter(|(_, learner)| matches!(learner.stage, Stage::Promised { .. }))
            .map(|(node, _)| *node)
            .collect();
        self.storage.enter_epoch(epoch, out);
        // The leader's own history may have been read from a disk cache: it counts once synced.
        out.promise(self.config.me, Via::Datagram, Msg::AckNewLeader { epoch });
        self.set_phase_timer(out);
        for node in waiting.iter() {
            self.synchronize(node, out);
        }
    }
}

/// The learner's side.
impl Zab {
    /// Becomes a learner of the leader that an election found.
    pub(super) fn learn(&mut self, now: LocalTime, leader: NodeId, out: &mut Out) {
        self.state = State::Learning(Learning::new(leader, now));
        let limit = self.config.ticks(self.config.own.init_limit);
        self.set_timer(Timer::Silence, limit, out);
        self.dial(out);
    }

    /// Dials the leader.
    pub(super) fn dial(&mut self, out: &mut Out) {
        if let State::Learning(learning) = &mut self.state
            && learning.link.is_none()
        {
            learning.dials += 1;
            learning.link = Some(out.dial(learning.leader));
        }
    }

    /// The dial was refused or hung up; the leader may not know yet that it leads.
    pub(super) fn redial_later(&mut self, out: &mut Out) {
        let learning = self.state.learning();
        if learning.dials >= DIALS_MAX {
            self.give_up_leader(out);
            return;
        }
        // Drawn from a range, so that learners do not knock in step with what refused them.
        let tick = self.config.knobs.tick;
        let range = TimerRange {
            min: Span(tick.0 / 4),
            max: tick,
        };
        out.set_timer(Timer::Redial, range);
    }

    /// The stream is up.
    pub(super) fn greet(&mut self, out: &mut Out) {
        let accepted_epoch = self.storage.accepted_epoch();
        let greeting = if self.config.is_voter(self.config.me) {
            Msg::FollowerInfo { accepted_epoch }
        } else {
            Msg::ObserverInfo { accepted_epoch }
        };
        self.send_leader(greeting, out);
    }

    /// LEADERINFO.
    pub(super) fn on_leader_info(&mut self, epoch: u32, out: &mut Out) {
        let accepted = self.storage.accepted_epoch();
        // 1. An observer promises the epoch of a leader that no quorum follows, and that dies.
        // 2. The others go on in a lower epoch, and nobody else will ever ask for a higher one.
        // Its promise counts for nobody, so it may break it; a voter must not.
        let bound =
            self.config.is_voter(self.config.me) || self.config.mutations.has(Mutation::N26);
        if epoch < accepted && bound {
            self.give_up_leader(out);
            return;
        }
        let learning = self.state.learning();
        let link = learning.stream();
        learning.stage = LearningStage::Promised;
        let leader = learning.leader;
        let answer = Msg::AckEpoch {
            current_epoch: (epoch > accepted).then_some(self.storage.current_epoch()),
            zxid: self.handed,
            wants_snapshot: self.wants_snapshot,
        };
        if epoch > accepted {
            self.storage.accept_epoch(epoch, out);
            let promised = out.promise(leader, Via::Stream(link), answer);
            learning.busy = Some(promised);
            out.fact_after_disk(Fact::Promised {
                epoch: u64::from(epoch),
            });
        } else {
            out.send_after_disk(leader, Via::Stream(link), answer);
        }
    }

    /// The leader may have been silent for too long.
    pub(super) fn on_silence_timer(&mut self, now: LocalTime, out: &mut Out) {
        let State::Learning(learning) = &self.state else {
            return; // Cancelled in the meantime.
        };
        let ticks = match learning.stage {
            LearningStage::Greeting
            | LearningStage::Promised
            | LearningStage::Synchronizing { .. } => self.config.own.init_limit,
            LearningStage::TookOver | LearningStage::UpToDate { .. } => self.config.own.sync_limit,
        };
        let limit = self.config.ticks(ticks);
        // 1. The leader waits for an answer, and the answer for this server's disk.
        // 2. Counting that time as the leader's silence, a server with a slow disk never joins.
        let writes = learning.busy.is_some() || self.reloads > 0;
        if writes && !self.config.mutations.has(Mutation::N22) {
            self.set_timer(Timer::Silence, limit, out);
            return;
        }
        let silent = now.since(learning.heard);
        if silent >= limit {
            self.give_up_leader(out);
        } else {
            let rest = Span(limit.0 - silent.0);
            self.set_timer(Timer::Silence, rest, out);
        }
    }
}
