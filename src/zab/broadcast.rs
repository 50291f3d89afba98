//! Phase 3: broadcast. PROPOSAL, fsync and ACK, COMMIT; barriers; signs of life.

use crate::ids::{LinkId, NodeId, Span, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{BarrierToken, Fact, Via};
use crate::quorum::{NodeSet, Quorums};
use crate::tree::Payload;

use super::roles::{
    Barrier, Leading, LearningStage, Outstanding, Phase, Stage, State, fail_barrier, reach_barrier,
};
use super::{Msg, Out, Timer, Zab};

/// The leader's side.
impl Zab {
    /// Whether there is room for one more proposal.
    pub(super) fn may_propose(&self, leading: &Leading) -> bool {
        leading.phase == Phase::Broadcast
            && leading.outstanding.len() < self.config.knobs.outstanding_max as usize
            && leading.last_proposed.counter() < self.config.own.counter_max()
    }

    /// The state machine asks to replicate a payload.
    pub(super) fn on_propose(&mut self, payload: Payload, out: &mut Out) {
        match &self.state {
            State::Leading(leading) if self.may_propose(leading) => {}
            // Asked of the leader that was: the client does not hear of it.
            State::Leading(_)
            | State::Draining
            | State::Electing(_)
            | State::Learning(_)
            | State::Halted => return,
        }
        let leading = self.state.leading();
        let zxid = leading.last_proposed.next();
        leading.last_proposed = zxid;
        leading.outstanding.push_back(Outstanding {
            zxid,
            payload: payload.clone(),
            acks: NodeSet::EMPTY,
        });
        let (epoch, value) = (u64::from(leading.epoch), payload.digest());
        out.fact(Fact::Proposed { epoch, zxid, value });
        for (node, learner) in &leading.learners {
            if learner.voter && learner.stage >= Stage::Forwarding {
                let payload = payload.clone();
                learner.send(*node, Msg::Proposal { zxid, payload }, out);
            }
        }
        // The leader's own log is one more acceptor: its ack waits for the disk like any other.
        self.storage.append(zxid, payload, out);
        out.promise(self.config.me, Via::Datagram, Msg::Ack { zxid });
        out.fact_after_disk(Fact::Voted { epoch, zxid, value });
    }

    /// A voter has a proposal on disk.
    pub(super) fn on_ack(&mut self, from: NodeId, zxid: Zxid, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // The own disk was slower than the leadership.
        };
        let Some(first) = leading.outstanding.front().map(|first| first.zxid) else {
            return; // All are committed: a late ack.
        };
        if zxid < first {
            return; // Committed, or of an earlier epoch: a late ack.
        }
        let place = (zxid.0 - first.0) as usize;
        let Some(proposal) = leading.outstanding.get_mut(place) else {
            unreachable!("{from} acknowledged {zxid}, which was not proposed");
        };
        proposal.acks.insert(from);
        while self.commit_first(out) {}
    }

    /// Commits the oldest proposal if a quorum has it: never one in front of an older one.
    fn commit_first(&mut self, out: &mut Out) -> bool {
        let State::Leading(leading) = &mut self.state else {
            return false; // A full counter ended the leadership.
        };
        let by_number = self.config.mutations.has(Mutation::N53);
        let counted = by_number.then(|| Quorums::majorities(&self.config.voters));
        let quorums = counted.as_ref().unwrap_or(&self.config.quorums);
        let chosen = leading
            .outstanding
            .pop_front_if(|first| quorums.contain(first.acks));
        let Some(Outstanding { zxid, payload, .. }) = chosen else {
            return false;
        };
        for (node, learner) in &leading.learners {
            if learner.stage < Stage::Forwarding {
                continue;
            }
            if learner.voter {
                learner.send(*node, Msg::Commit { zxid }, out);
            } else {
                let payload = payload.clone();
                learner.send(*node, Msg::Inform { zxid, payload }, out);
            }
        }
        self.deliver(zxid, payload, out);
        self.release_barriers(zxid, out);
        if zxid.counter() == self.config.own.counter_max() {
            // The next number would leak into the epoch (ZK-1277): a new epoch is needed.
            self.step_down(out);
        }
        true
    }

    /// Answers the barriers that waited for this commit.
    fn release_barriers(&mut self, committed: Zxid, out: &mut Out) {
        let leading = self.state.leading();
        while let Some(barrier) = leading.barriers.front() {
            if barrier.after > committed {
                break;
            }
            let token = barrier.token;
            match barrier.asker {
                None => reach_barrier(token, out),
                Some((node, link)) => answer_sync(leading, node, link, token, out),
            }
            leading.barriers.pop_front();
        }
    }

    /// SYNC.
    pub(super) fn on_sync(&mut self, from: NodeId, token: BarrierToken, out: &mut Out) {
        let leading = self.state.leading();
        let link = leading.learner(from).link;
        match leading.outstanding.back() {
            None => answer_sync(leading, from, link, token, out),
            Some(last) => leading.barriers.push_back(Barrier {
                after: last.zxid,
                token,
                asker: Some((from, link)),
            }),
        }
    }

    /// Every half tick: signs of life; every tick: is there still a quorum to lead?
    pub(super) fn on_half_tick(&mut self, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // Cancelled in the meantime.
        };
        leading.half = !leading.half;
        if !leading.half {
            leading.tick += 1;
            let tick = leading.tick;
            let mut alive: NodeSet = leading
                .learners
                .iter()
                .filter(|(_, learner)| learner.deadline >= tick)
                .map(|(node, _)| *node)
                .collect();
            alive.insert(self.config.me);
            let resigns = self.config.mutations.has(Mutation::N51)
                && leading.phase == Phase::Broadcast
                && !self
                    .config
                    .voters
                    .iter()
                    .all(|voter| alive.contains(*voter));
            if resigns || !self.config.quorums.contain(alive) {
                self.step_down(out);
                return;
            }
            leading.learners.retain(|node, learner| {
                let kept = alive.contains(*node);
                if !kept {
                    out.hang_up(*node, learner.link);
                }
                kept
            });
            self.unpin_window();
        }
        for (node, learner) in &self.state.leading().learners {
            if learner.stage >= Stage::Forwarding {
                learner.send(*node, Msg::Ping, out);
            }
        }
        let half = Span(self.config.knobs.tick.0 / 2);
        self.set_timer(Timer::HalfTick, half, out);
    }
}

/// The learner's side.
impl Zab {
    /// PROPOSAL.
    pub(super) fn on_proposal(&mut self, zxid: Zxid, payload: Payload, out: &mut Out) {
        let learning = self.state.learning();
        match learning.stage {
            LearningStage::UpToDate { .. } => self.log(zxid, payload, out),
            LearningStage::Greeting
            | LearningStage::Promised
            | LearningStage::Synchronizing { .. }
            | LearningStage::TookOver => self.queue_proposal(zxid, payload),
        }
    }

    /// Logs a proposal and, as a voter, acknowledges it once it is durable.
    pub(super) fn log(&mut self, zxid: Zxid, payload: Payload, out: &mut Out) {
        let voter = self.config.is_voter(self.config.me);
        let epoch = u64::from(self.storage.current_epoch());
        let learning = self.state.learning();
        let value = payload.digest();
        learning.pending.push_back((zxid, payload.clone()));
        self.storage.append(zxid, payload, out);
        if let (true, Some(link)) = (voter, learning.link) {
            out.promise(learning.leader, Via::Stream(link), Msg::Ack { zxid });
            out.fact_after_disk(Fact::Voted { epoch, zxid, value });
        }
    }

    /// COMMIT.
    pub(super) fn on_commit(&mut self, zxid: Zxid, out: &mut Out) {
        let learning = self.state.learning();
        match learning.stage {
            LearningStage::UpToDate { .. } => {
                let Some((first, payload)) = learning.pending.pop_front() else {
                    unreachable!("{zxid} was committed, nothing is pending");
                };
                assert!(first == zxid, "{zxid} was committed, {first} is next");
                self.deliver(zxid, payload, out);
            }
            LearningStage::Greeting
            | LearningStage::Promised
            | LearningStage::Synchronizing { .. }
            | LearningStage::TookOver => learning.commits.push_back(zxid),
        }
    }

    /// INFORM: an observer's proposal and commit in one.
    pub(super) fn on_inform(&mut self, zxid: Zxid, payload: Payload, out: &mut Out) {
        self.on_proposal(zxid, payload, out);
        self.on_commit(zxid, out);
    }

    /// A client asks for a barrier.
    pub(super) fn on_barrier(&mut self, token: BarrierToken, out: &mut Out) {
        match &mut self.state {
            State::Learning(learning) => match learning.stage {
                LearningStage::UpToDate { .. } if self.config.mutations.has(Mutation::N57) => {
                    reach_barrier(token, out);
                }
                LearningStage::UpToDate { .. } => {
                    learning.barriers.push_back(token);
                    self.send_leader(Msg::Sync { token }, out);
                }
                LearningStage::Greeting
                | LearningStage::Promised
                | LearningStage::Synchronizing { .. }
                | LearningStage::TookOver => fail_barrier(token, out),
            },
            State::Leading(leading) => match (leading.phase, leading.outstanding.back()) {
                (Phase::Broadcast, None) => reach_barrier(token, out),
                (Phase::Broadcast, Some(last)) => leading.barriers.push_back(Barrier {
                    after: last.zxid,
                    token,
                    asker: None,
                }),
                (Phase::CollectEpochs | Phase::CollectPromises | Phase::CollectHistories, _) => {
                    fail_barrier(token, out);
                }
            },
            State::Draining | State::Electing(_) | State::Halted => fail_barrier(token, out),
        }
    }

    /// The leader answered a barrier: everything it had committed was handed over before.
    pub(super) fn on_synced(&mut self, token: BarrierToken, out: &mut Out) {
        let first = self.state.learning().barriers.pop_front();
        assert!(
            first == Some(token),
            "{token:?} answered, {first:?} is next"
        );
        reach_barrier(token, out);
    }
}

fn answer_sync(leading: &Leading, node: NodeId, link: LinkId, token: BarrierToken, out: &mut Out) {
    // A learner whose stream broke has failed its barriers itself, even if it is back on another.
    if let Some(learner) = leading.learners.get(&node)
        && learner.link == link
    {
        learner.send(node, Msg::Synced { token }, out);
    }
}
