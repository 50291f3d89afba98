//! Phase 1: discovery, and what leaders and learners are made of.
//!
//! A learner dials the elected leader and greets it. The leader collects the accepted epochs of a
//! quorum, names a higher one, and collects a quorum's promises of it.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{BarrierOutcome, BarrierToken, Effect, Fact, Ticket, TimerRange, Via};
use crate::quorum::{NodeSet, is_quorum};
use crate::tree::Payload;

use super::broadcast::{Barrier, Outstanding};
use super::{Msg, Out, State, Timer, Zab};

/// How often a learner dials a leader before it looks for another.
const DIALS_MAX: u32 = 5;

/// How many signs of life of each voter prolong the phases in front of broadcast. A learner gives
/// one when it hears that the epoch is being written, and one for each step of a snapshot.
const EXTENSIONS: usize = 8;

/// What a leader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// A quorum's accepted epochs.
    CollectEpochs,
    /// A quorum's promises of the epoch it named.
    CollectPromises,
    /// A quorum that durably holds its history.
    CollectHistories,
    /// Nothing: it is established.
    Broadcast,
}

/// A leader's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leading {
    pub phase: Phase,
    /// The epoch to be named: above every accepted epoch heard of. Fixed from `CollectPromises` on.
    pub epoch: u32,
    /// Its own `currentEpoch` when it was elected: no promise may come from a better history.
    initial_epoch: u32,
    /// The end of its initial history.
    pub initial_last: Zxid,
    pub learners: BTreeMap<NodeId, Learner>,
    /// Voters that told their accepted epoch.
    greeted: NodeSet,
    /// Voters that promised the epoch.
    promised: NodeSet,
    /// Voters that durably hold the initial history.
    pub holders: NodeSet,
    /// The last zxid given away; (epoch, 0) before the first.
    pub last_proposed: Zxid,
    /// Proposals not committed. Invariant: consecutive zxids, ending at `last_proposed`.
    pub outstanding: VecDeque<Outstanding>,
    /// Barriers that wait for a commit, in its order.
    pub barriers: VecDeque<Barrier>,
    /// Whole ticks since it was established.
    pub tick: u32,
    /// Half a tick has passed since the last whole one.
    pub half: bool,
    /// The sync that makes the own promise of `epoch` durable, until it is done.
    naming: Option<Ticket>,
    /// How many more signs of life from learners that write prolong a phase: a bound.
    extensions: usize,
}

/// How far a learner is, as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    /// Its stream is up.
    Connected,
    /// It told its accepted epoch.
    Greeted,
    /// It was told the epoch.
    Informed,
    /// It promised the epoch.
    Promised {
        /// The end of its history.
        zxid: Zxid,
        /// It asks for SNAP.
        wants_snapshot: bool,
    },
    /// It is to get a snapshot once the leader has applied everything through here.
    AwaitingApply(Zxid),
    /// It is to get the snapshot that was asked for.
    Capturing(Ticket),
    /// It was sent everything, NEWLEADER last, and gets every new proposal.
    Forwarding,
    /// It durably holds the initial history.
    Holding,
    /// It was told UPTODATE.
    UpToDate,
}

/// A learner as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Learner {
    pub link: LinkId,
    pub voter: bool,
    pub stage: Stage,
    /// The last tick by which it must be heard of again.
    pub deadline: u32,
}

impl Learner {
    pub fn send(&self, node: NodeId, msg: Msg, out: &mut Out) {
        out.send(node, Via::Stream(self.link), msg);
    }
}

impl Leading {
    /// Takes in a new stream; one that it replaces is given up.
    pub fn admit(&mut self, node: NodeId, link: LinkId, limit: u32, voter: bool, out: &mut Out) {
        let learner = Learner {
            link,
            voter,
            stage: Stage::Connected,
            deadline: self.tick + limit,
        };
        if let Some(old) = self.learners.insert(node, learner) {
            out.hang_up(node, old.link);
        }
    }

    /// Notes that a learner is alive; says whether `link` is its present stream.
    pub fn heard_on(&mut self, node: NodeId, link: LinkId, limit: u32) -> bool {
        match self.learners.get_mut(&node) {
            Some(learner) if learner.link == link => {
                learner.deadline = learner.deadline.max(self.tick + limit);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Ends everything that depends on this leader.
    pub fn close(self, out: &mut Out) {
        for (node, learner) in &self.learners {
            out.hang_up(*node, learner.link);
        }
        for barrier in self.barriers {
            // A learner fails its own barriers when its stream breaks.
            if barrier.asker.is_none() {
                fail_barrier(barrier.token, out);
            }
        }
    }
}

/// How far a learner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LearningStage {
    /// It dials, or has greeted the leader.
    Greeting,
    /// It promised the leader's epoch and waits to be synchronised.
    Promised,
    /// It receives what it lacks.
    Synchronizing {
        /// Its history is a prefix of the leader's: memory and log were kept.
        diff: bool,
    },
    /// It acknowledged NEWLEADER.
    TookOver,
    /// It serves.
    UpToDate {
        /// The end of its history when it was told so: not to be served before that is applied.
        serve_from: Zxid,
    },
}

/// A learner's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Learning {
    pub leader: NodeId,
    /// The stream to the leader; `None` while none is dialled.
    pub link: Option<LinkId>,
    pub stage: LearningStage,
    /// Whether a stream to the leader was ever up.
    pub was_reached: bool,
    dials: u32,
    /// When the leader was last heard of, or last could have had an answer to hear of.
    pub heard: LocalTime,
    /// The sync behind which the answer that the leader waits for leaves, until it is done.
    pub busy: Option<Ticket>,
    /// Proposals not committed, in order; before UPTODATE they are not logged either.
    pub pending: VecDeque<(Zxid, Payload)>,
    /// Commits that came before they could be carried out: of the first of `pending`, in order.
    pub commits: VecDeque<Zxid>,
    /// Messages that wait until the disk was read back.
    pub held: VecDeque<Msg>,
    /// Barriers on their way to the leader, in order.
    pub barriers: VecDeque<BarrierToken>,
}

impl Learning {
    /// Ends everything that depends on the leader.
    pub fn close(self, out: &mut Out) {
        if let Some(link) = self.link {
            out.hang_up(self.leader, link);
        }
        for token in self.barriers {
            fail_barrier(token, out);
        }
    }
}

/// Tells the state machine that a barrier could not be established.
pub(super) fn fail_barrier(token: BarrierToken, out: &mut Out) {
    out.push(Effect::BarrierDone {
        token,
        outcome: BarrierOutcome::Failed,
    });
}

/// The leader's side.
impl Zab {
    /// Becomes the leader that an election found.
    pub(super) fn lead(&mut self, out: &mut Out) {
        let mut greeted = NodeSet::EMPTY;
        greeted.insert(self.config.me);
        self.state = State::Leading(Leading {
            phase: Phase::CollectEpochs,
            epoch: self.storage.accepted_epoch() + 1,
            initial_epoch: self.storage.current_epoch(),
            initial_last: self.handed,
            learners: BTreeMap::new(),
            greeted,
            promised: NodeSet::EMPTY,
            holders: NodeSet::EMPTY,
            last_proposed: Zxid::ZERO,
            outstanding: VecDeque::new(),
            barriers: VecDeque::new(),
            tick: 0,
            half: false,
            naming: None,
            extensions: EXTENSIONS * self.config.voters.len(),
        });
        self.set_phase_timer(out);
        self.name_epoch(out);
    }

    fn set_phase_timer(&self, out: &mut Out) {
        let limit = self.config.ticks(self.config.knobs.init_limit);
        self.set_timer(Timer::Phase, limit, out);
    }

    /// A phase in front of broadcast lasts too long.
    pub(super) fn phase_expired(&mut self, out: &mut Out) {
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
    pub(super) fn greeted(&mut self, from: NodeId, accepted_epoch: u32, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // The caller has looked.
        };
        let Some(learner) = leading.learners.get_mut(&from) else {
            return; // The caller has looked.
        };
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

    /// Fixes the epoch once a quorum has told its accepted epochs.
    fn name_epoch(&mut self, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // The caller has looked.
        };
        if !is_quorum(leading.greeted, &self.config.voters) {
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

    /// A learner writes what it was told and says so: the phase lasts longer for it.
    pub(super) fn learner_lives(&mut self, from: NodeId, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // The caller has looked.
        };
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
        let State::Leading(leading) = &mut self.state else {
            return; // The caller has looked.
        };
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
    pub(super) fn epoch_acked(
        &mut self,
        from: NodeId,
        current_epoch: Option<u32>,
        zxid: Zxid,
        wants_snapshot: bool,
        out: &mut Out,
    ) {
        let State::Leading(leading) = &mut self.state else {
            return; // The caller has looked.
        };
        let Some(learner) = leading.learners.get_mut(&from) else {
            return; // The caller has looked.
        };
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
                    if learner.voter {
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
        let State::Leading(leading) = &mut self.state else {
            return; // The caller has looked.
        };
        if !is_quorum(leading.promised, &self.config.voters) {
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
        self.state = State::Learning(Learning {
            leader,
            link: None,
            stage: LearningStage::Greeting,
            was_reached: false,
            dials: 0,
            heard: now,
            busy: None,
            pending: VecDeque::new(),
            commits: VecDeque::new(),
            held: VecDeque::new(),
            barriers: VecDeque::new(),
        });
        let limit = self.config.ticks(self.config.knobs.init_limit);
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
        let State::Learning(learning) = &mut self.state else {
            return; // The caller has looked.
        };
        if learning.dials >= DIALS_MAX {
            self.step_down(out);
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
    pub(super) fn epoch_named(&mut self, epoch: u32, out: &mut Out) {
        let accepted = self.storage.accepted_epoch();
        // 1. An observer promises the epoch of a leader that no quorum follows, and that dies.
        // 2. The others go on in a lower epoch, and nobody else will ever ask for a higher one.
        // Its promise counts for nobody, so it may break it; a voter must not.
        let bound =
            self.config.is_voter(self.config.me) || self.config.mutations.has(Mutation::N26);
        if epoch < accepted && bound {
            self.step_down(out);
            return;
        }
        let State::Learning(learning) = &mut self.state else {
            return; // The caller has looked.
        };
        let Some(link) = learning.link else {
            return; // The caller has looked.
        };
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
    pub(super) fn check_silence(&mut self, now: LocalTime, out: &mut Out) {
        let State::Learning(learning) = &self.state else {
            return; // Cancelled in the meantime.
        };
        let ticks = match learning.stage {
            LearningStage::Greeting
            | LearningStage::Promised
            | LearningStage::Synchronizing { .. } => self.config.knobs.init_limit,
            LearningStage::TookOver | LearningStage::UpToDate { .. } => {
                self.config.knobs.sync_limit
            }
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
            self.step_down(out);
        } else {
            let rest = Span(limit.0 - silent.0);
            self.set_timer(Timer::Silence, rest, out);
        }
    }
}
