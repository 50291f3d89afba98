//! What a server is doing: the roles, and what a leader and a learner hold while they have theirs.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use crate::protocol::{BarrierOutcome, BarrierToken, Effect, Ticket, Via};
use crate::quorum::NodeSet;
use crate::tree::Payload;

use super::vote::{CastVote, Vote};
use super::{Msg, Out};

/// What a server is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// LOOKING, and waiting for the disk to be read back: it has no vote yet.
    Draining,
    /// LOOKING.
    Electing(Election),
    /// FOLLOWING or OBSERVING.
    Learning(Learning),
    /// LEADING.
    Leading(Leading),
    /// A disk operation failed: memory and disk may differ for good.
    Halted,
}

/// The state that a handler works on. Who gets which input is decided in `dispatch`: a handler that
/// runs in another role is a bug.
impl State {
    pub fn electing(&mut self) -> &mut Election {
        match self {
            State::Electing(election) => election,
            State::Draining | State::Learning(_) | State::Leading(_) | State::Halted => {
                unreachable!("an election goes on in {self:?}")
            }
        }
    }

    pub fn learning(&mut self) -> &mut Learning {
        match self {
            State::Learning(learning) => learning,
            State::Draining | State::Electing(_) | State::Leading(_) | State::Halted => {
                unreachable!("a learner acts in {self:?}")
            }
        }
    }

    pub fn leading(&mut self) -> &mut Leading {
        match self {
            State::Leading(leading) => leading,
            State::Draining | State::Electing(_) | State::Learning(_) | State::Halted => {
                unreachable!("a leader acts in {self:?}")
            }
        }
    }
}

/// A server's election.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Election {
    /// The best vote seen in this round, by whose support a leader is found.
    pub proposal: Vote,
    /// Votes of this round, this server's own included (`recvset`).
    pub received: BTreeMap<NodeId, CastVote>,
    /// Votes of servers that follow or lead, of whatever round (`outofelection`).
    pub settled: BTreeMap<NodeId, CastVote>,
    /// How long to wait until the proposal is sent again.
    pub wait: Span,
    /// A quorum supports this vote, and the wait for a better one is on.
    pub finalizing: Option<Vote>,
    /// Candidates that this voter would vote for, though the others would not.
    pub outvoted: NodeSet,
}

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
    pub initial_epoch: u32,
    /// The end of its initial history.
    pub initial_last: Zxid,
    pub learners: BTreeMap<NodeId, Learner>,
    /// Voters that sent their accepted epoch.
    pub greeted: NodeSet,
    /// Voters that promised the epoch.
    pub promised: NodeSet,
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
    pub naming: Option<Ticket>,
    /// How many more signs of life from learners that write prolong a phase: a bound.
    pub extensions: usize,
}

/// How far a learner is, as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    /// Its stream is up.
    Connected,
    /// It sent its accepted epoch.
    Greeted,
    /// It was sent the epoch.
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
    /// It was sent UPTODATE.
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
    /// A leader that `me` has just become; nobody has greeted it.
    pub fn new(me: NodeId, accepted_epoch: u32, initial: (u32, Zxid), voters: usize) -> Leading {
        let (initial_epoch, initial_last) = initial;
        let mut greeted = NodeSet::EMPTY;
        greeted.insert(me);
        Leading {
            phase: Phase::CollectEpochs,
            epoch: accepted_epoch + 1,
            initial_epoch,
            initial_last,
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
            extensions: EXTENSIONS * voters,
        }
    }

    /// The learner whose message came on its present stream.
    pub fn learner(&mut self, node: NodeId) -> &mut Learner {
        match self.learners.get_mut(&node) {
            Some(learner) => learner,
            None => panic!("{node} was heard as a learner, but has no stream to this leader"),
        }
    }

    /// What holds after every step.
    pub fn assert_invariants(&self, outstanding_max: usize) {
        if let (Some(first), Some(last)) = (self.outstanding.front(), self.outstanding.back()) {
            let (count, last) = (self.outstanding.len(), last.zxid);
            assert!(
                last == self.last_proposed,
                "{last} is the last outstanding proposal, but {} was proposed",
                self.last_proposed
            );
            assert!(
                last.0 - first.zxid.0 + 1 == count as u64,
                "{count} proposals are outstanding from {} through {last}",
                first.zxid
            );
            assert!(
                count <= outstanding_max,
                "{count} proposals are outstanding, of at most {outstanding_max}"
            );
        }
        match self.phase {
            Phase::CollectEpochs | Phase::CollectPromises | Phase::CollectHistories => assert!(
                self.outstanding.is_empty(),
                "a leader proposes in {:?}",
                self.phase
            ),
            Phase::Broadcast => {}
        }
        if let Some(barrier) = self.barriers.back() {
            assert!(
                barrier.after <= self.last_proposed,
                "a barrier waits for {}, but {} is the last proposal",
                barrier.after,
                self.last_proposed
            );
            assert!(
                !self.outstanding.is_empty(),
                "a barrier waits for {}, which is committed",
                barrier.after
            );
        }
    }

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
        /// The end of its history at UPTODATE: nothing is served before that is applied.
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
    pub dials: u32,
    /// When the leader was last heard of, or last could have had an answer to hear of.
    pub heard: LocalTime,
    /// The sync that holds back the answer that the leader waits for, until it is done.
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
    /// A learner that has not dialled yet.
    pub fn new(leader: NodeId, now: LocalTime) -> Learning {
        Learning {
            leader,
            link: None,
            stage: LearningStage::Greeting,
            dials: 0,
            heard: now,
            busy: None,
            pending: VecDeque::new(),
            commits: VecDeque::new(),
            held: VecDeque::new(),
            barriers: VecDeque::new(),
        }
    }

    /// The stream on which the leader was heard.
    pub fn stream(&self) -> LinkId {
        match self.link {
            Some(link) => link,
            None => panic!("{} was heard without a stream", self.leader),
        }
    }

    /// What holds after every step; `reloads` are the reloads not answered yet.
    pub fn assert_invariants(&self, reloads: u32) {
        assert!(
            self.link.is_some() || self.stage == LearningStage::Greeting,
            "a learner without a stream is in {:?}",
            self.stage
        );
        assert!(
            self.held.is_empty() || reloads > 0,
            "{} messages are held back, and no reload is under way",
            self.held.len()
        );
        match self.stage {
            LearningStage::UpToDate { .. } => assert!(
                self.commits.is_empty(),
                "{} commits wait at a learner that serves",
                self.commits.len()
            ),
            LearningStage::Greeting
            | LearningStage::Promised
            | LearningStage::Synchronizing { .. }
            | LearningStage::TookOver => {
                assert!(
                    self.barriers.is_empty(),
                    "{} barriers wait at a learner that does not serve",
                    self.barriers.len()
                );
            }
        }
        assert!(
            self.commits.len() <= self.pending.len(),
            "{} commits came, but {} proposals",
            self.commits.len(),
            self.pending.len()
        );
    }

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

/// A proposal that is not committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outstanding {
    pub zxid: Zxid,
    pub payload: Payload,
    /// The voters that have it on disk and will not truncate it.
    pub acks: NodeSet,
}

/// A barrier that waits for a commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Barrier {
    /// It is answered right after the commit of this one.
    pub after: Zxid,
    pub token: BarrierToken,
    /// The learner that asked, and on which stream; `None` for a client of the leader itself.
    pub asker: Option<(NodeId, LinkId)>,
}

/// Reports to the state machine that a barrier failed.
pub(super) fn fail_barrier(token: BarrierToken, out: &mut Out) {
    out.push(Effect::BarrierDone {
        token,
        outcome: BarrierOutcome::Failed,
    });
}

/// Reports to the state machine that a barrier is reached.
pub(super) fn reach_barrier(token: BarrierToken, out: &mut Out) {
    out.push(Effect::BarrierDone {
        token,
        outcome: BarrierOutcome::Reached,
    });
}
