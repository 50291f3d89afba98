//! Zab, whole, as ZooKeeper runs it: election, discovery, synchronisation, broadcast. The rules
//! that it follows are numbered in docs/zab.md.
//!
//! # What it guarantees
//! Committed transactions form one sequence, of which every server applies a prefix, in the order
//! of their zxids; a transaction of a primary is applied only after all earlier ones of that
//! primary and after everything its primary had seen when it began (primary order). What was
//! committed is on the disks of a quorum, and in the history of every later established leader.
//!
//! # Phases
//! 0. *Election* (`election`): servers exchange votes until a quorum supports the server with
//!    the best (currentEpoch, last zxid). Only a hint: nothing below trusts it.
//! 1. *Discovery* (`discovery`): learners connect to the elected leader. With a quorum's accepted
//!    epochs it names a higher one; with a quorum's promises of that (none of them ahead of the
//!    leader's history) it enters it.
//! 2. *Synchronisation* (`synchronization`): each learner's history is made equal to the leader's
//!    by DIFF, TRUNC or SNAP. Once a quorum holds it durably, with the epoch, the leader is
//!    *established* and its whole initial history is committed.
//! 3. *Broadcast* (`broadcast`): PROPOSAL, fsync and ACK, COMMIT; INFORM to observers; SYNC, PING.
//!
//! What a server's disk holds and how it boots is described in `record`; `storage` is the mirror of
//! it in memory; `checkpoint` makes snapshots and rebuilds the state from what is on disk.
//!
//! # Stepping down
//! Any server that loses its leader, its quorum or its patience hangs up and looks again. Its vote
//! must cover its whole log (ZK-2845), after everything still queued for the disk (ZK-4712). If
//! memory ends elsewhere than the log, the disk is read back through that queue and the state is
//! rebuilt before the election begins. An interrupted SNAP or TRUNC takes the same way.
//!
//! # Deviations from ZooKeeper
//! - `lastProcessed` never takes the value (e,0): votes and ACKEPOCH carry the last transaction's
//!   zxid, and `currentEpoch` alone says which leaders were joined. So no learner's zxid has
//!   counter 0 but that of an empty one, and an uncommitted tail is truncated even by a leader
//!   whose epoch brought no transaction (ZK-2832).
//! - A file names the base of the history (see `record`); a snapshot is made only while everything
//!   applied is committed, and SNAP waits until the leader has applied all it chose to send.
//! - TRUNC is refused by a learner that lacks the position to truncate to, or whose snapshot lies
//!   above it: it dials again and asks for a SNAP. ZooKeeper truncates to what is there and goes on
//!   with a hole.
//! - When a learner is synchronised again, its acks of outstanding proposals are taken back:
//!   TRUNC may be about to remove what it had acknowledged.
//! - A learner's position is found in the committed window only; the walk over the leader's on-disk
//!   log is left out, and SNAP is sent instead (docs/zab.md, rule S4).
//! - A barrier asked for at the leader itself waits for the outstanding proposals, as a follower's
//!   does; ZooKeeper does not hold it at all.
//! - A leader to which a voter turns that has accepted a higher epoch steps down, so that the voter
//!   is not locked out for as long as the leader lives.
//! - Time that a disk needs counts as nobody's silence (docs/zab.md, rules T2 and T3), and an
//!   observer is not bound by its promise (rule D3).
//! - `currentEpoch` is raised at boot where ZooKeeper would refuse (see `record`).
//! - A full counter forces a new epoch once its last proposal is committed; ZooKeeper waits for one
//!   more request and drops it.
//! - A learner does not acknowledge NEWLEADER a second time after UPTODATE: a leader ignores that.
//! - A server that has looked for as long as the longest wait for notifications tries a leader that
//!   names itself, without the word of a quorum (see `election`): it may be the only one it hears.
//! - A voter that could not join the leader it elected does not vote for it again for a while (see
//!   `election`): its words may come over ways on which no stream can be opened.
//! - A failed disk operation stops the server until its process is restarted. A booting server
//!   writes the history that it read once more before it says anything (see `record`); ZooKeeper
//!   trusts what it reads.
//!
//! # Missing
//! Reconfiguration; leaving a learner behind that does not acknowledge one proposal for long (only
//! silence counts); observers fed by followers; the leader's early exit when its supporters look
//! again (ZK-3109, off by default in ZooKeeper).

mod broadcast;
mod checkpoint;
mod discovery;
mod dispatch;
mod election;
mod invariants;
mod knobs;
mod message;
mod mutations;
mod rare_paths;
mod record;
mod roles;
mod storage;
mod synchronization;
mod vote;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use crate::canonical::{Canonical, RunHash};
use crate::ids::{LocalTime, NodeId, Span, Zxid};
use crate::mutation::{Entry, Mutation, Mutations};
use crate::protocol::{
    DiskResult, Ensemble, Epochs, Holding, Holdings, Image, Input, Knobs, LinkEvent, Outbox,
    Persisted, Pledged, Promises, Protocol, RarePath, Refusal, Replicates, Role, Standing,
    TimerRange, Timing, Via,
};
use crate::quorum::{NodeSet, Quorums};
use crate::tree::Payload;

use checkpoint::Checkpoint;
use roles::{LearningStage, Phase, State};
use storage::Storage;

pub use knobs::ZabKnobs;
pub use message::Msg;
pub use record::{Base, Record};
pub use vote::Vote;

/// The outbox of a Zab server.
type Out = Outbox<Zab>;

/// The resolved settings of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The servers that vote, in ascending order.
    pub voters: Vec<NodeId>,
    /// The servers that follow without a vote, in ascending order.
    pub observers: Vec<NodeId>,
    /// Which sets of voters decide.
    pub quorums: Quorums,
    /// Timeouts and sizes that every protocol has.
    pub knobs: Knobs,
    /// Zab's own.
    pub own: ZabKnobs,
    /// The bugs switched on.
    pub mutations: Mutations,
}

impl Config {
    fn is_voter(&self, node: NodeId) -> bool {
        self.voters.contains(&node)
    }

    fn ticks(&self, count: u32) -> Span {
        self.knobs.tick.times(u64::from(count))
    }
}

/// Settings do not change: the server's number stands for them.
impl Hash for Config {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.me.hash(state);
    }
}

/// The timers of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// LOOKING: send the notifications again, and wait twice as long.
    Notify,
    /// LOOKING with a quorum: no better vote came, decide.
    Finalize,
    /// Leader: the present phase before broadcast lasts too long.
    Phase,
    /// Leader: half a tick has passed.
    HalfTick,
    /// Learner: the leader may have been silent for too long.
    Silence,
    /// Learner: dial the leader again.
    Redial,
}

impl Canonical for Timer {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(match self {
            Timer::Notify => 1,
            Timer::Finalize => 2,
            Timer::Phase => 3,
            Timer::HalfTick => 4,
            Timer::Silence => 5,
            Timer::Redial => 6,
        });
    }
}

/// One server's share of Zab.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zab {
    config: Config,
    storage: Storage,
    /// The last zxid handed to the state machine, by `Apply` or `Restore`.
    handed: Zxid,
    /// The last zxid the state machine reported. Invariant: `applied <= handed`.
    applied: Zxid,
    /// Everything through here is known to be committed.
    committed: Zxid,
    /// The newest of what was handed over, for DIFF. Invariant: strictly increasing; if it is not
    /// empty, it ends at `handed`.
    window: VecDeque<(Zxid, Payload)>,
    /// A SNAP is being made: what is pushed after it must stay in the window.
    window_pinned: bool,
    checkpoint: Checkpoint,
    /// Transactions handed over since the last checkpoint.
    since_checkpoint: u32,
    /// Reloads asked for and not answered. What memory holds counts for nothing until it is 0.
    reloads: u32,
    /// The election round (`logicalclock`).
    round: u64,
    /// The vote this server settled on; of meaning while it leads or learns.
    vote: Vote,
    /// Leaders that this voter could not join lately: their votes do not move its own (see
    /// `election`).
    shunned: NodeSet,
    /// This learner could not follow a TRUNC and asks for a SNAP.
    wants_snapshot: bool,
    state: State,
}

impl Protocol for Zab {
    const NAME: &'static str = "zab";
    const REPLICATES: Replicates = Replicates::Deltas;
    const EPOCHS: Epochs = Epochs::InZxids;
    const PROMISES: Promises = Promises {
        linearizable_barrier: false,
        at_most_once: false,
    };

    const RARE_PATHS: &'static [RarePath] = rare_paths::RARE_PATHS;
    const MUTATIONS: &'static [Entry] = mutations::MUTATIONS;

    type Knobs = ZabKnobs;
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;

    fn configure(ensemble: &Ensemble<ZabKnobs>) -> Config {
        let Ensemble {
            me,
            voters,
            observers,
            quorums,
            knobs,
            mut own,
            mutations,
        } = ensemble.clone();
        if mutations.has(Mutation::N52) {
            own.finalize_wait = own.finalize_wait.times(10);
            own.notification_min = own.notification_min.times(10);
            own.notification_max = own.notification_max.times(10);
            own.init_limit *= 10;
        }
        Config {
            me,
            voters,
            observers,
            quorums,
            knobs,
            own,
            mutations,
        }
    }

    fn timing(shared: &Knobs, own: &ZabKnobs) -> Timing {
        own.timing(shared)
    }

    fn recover(
        config: &Config,
        _now: LocalTime,
        disk: &Image<Record>,
        out: &mut Out,
    ) -> Result<Zab, Refusal> {
        let recovered = record::read(disk)?;
        let mut zab = Zab {
            config: config.clone(),
            storage: Storage::new(&recovered),
            handed: Zxid::ZERO,
            applied: Zxid::ZERO,
            committed: Zxid::ZERO,
            window: VecDeque::new(),
            window_pinned: false,
            checkpoint: Checkpoint::Idle,
            since_checkpoint: 0,
            reloads: 0,
            round: 0,
            vote: Vote::NOBODY,
            shunned: NodeSet::EMPTY,
            wants_snapshot: false,
            state: State::Draining,
        };
        if !config.mutations.has(Mutation::N20) {
            zab.storage.rewrite(&recovered, out);
        }
        if let Some(snapshot) = recovered.snapshot {
            zab.restore(Some(snapshot.clone()), out);
        }
        zab.replay(&recovered, out);
        zab.look(out);
        Ok(zab)
    }

    fn step(&mut self, now: LocalTime, input: Input<Zab>, out: &mut Out) {
        if self.state == State::Halted {
            return; // Only a restart helps, see `on_input`.
        }
        self.on_input(now, input, out);
        self.assert_invariants();
    }

    fn holdings(&self) -> Holdings {
        let knobs = &self.config.knobs;
        let in_flight = match &self.state {
            State::Leading(leading) => leading.outstanding.len(),
            State::Draining | State::Electing(_) | State::Learning(_) | State::Halted => 0,
        };
        let kept = match self.window_pinned {
            false => (self.config.own.committed_log_window as usize).max(1),
            // Whatever comes while a SNAP is being made has to go out after it.
            true => usize::MAX,
        };
        [
            Holding {
                what: "proposals in flight",
                count: in_flight,
                limit: knobs.outstanding_max as usize,
            },
            Holding {
                what: "transactions kept for DIFF",
                count: self.window.len(),
                limit: kept,
            },
        ]
    }

    fn standing(&self) -> Standing {
        let mut standing = Standing {
            role: Role::Looking,
            epoch: u64::from(self.storage.current_epoch()),
            leader: None,
            uplink: None,
            can_propose: false,
            serve_from: None,
        };
        match &self.state {
            State::Draining | State::Electing(_) | State::Halted => {}
            State::Learning(learning) => {
                standing.role = self.learner_role();
                standing.leader = Some(learning.leader);
                if let LearningStage::UpToDate { serve_from } = learning.stage {
                    standing.uplink = learning.link.map(Via::Stream);
                    standing.serve_from = Some(serve_from);
                }
            }
            State::Leading(leading) => match leading.phase {
                // It has no epoch of its own yet: its last one may be another leader's.
                Phase::CollectEpochs | Phase::CollectPromises => {}
                Phase::CollectHistories => {
                    standing.role = Role::Leading;
                    standing.leader = Some(self.config.me);
                }
                Phase::Broadcast => {
                    standing.role = Role::Leading;
                    standing.leader = Some(self.config.me);
                    standing.uplink = Some(Via::Datagram);
                    standing.can_propose = self.may_propose(leading);
                    standing.serve_from = Some(leading.initial_last);
                }
            },
        }
        standing
    }

    fn persisted(image: &Image<Record>) -> Persisted {
        record::persisted(image)
    }

    fn pledged(image: &Image<Record>) -> Option<Pledged> {
        Some(record::pledged(image))
    }

    fn answers_barrier(msg: &Msg) -> bool {
        matches!(msg, Msg::Synced { .. })
    }

    fn kind(msg: &Msg) -> &'static str {
        msg.kind()
    }
}

impl Zab {
    fn on_input(&mut self, now: LocalTime, input: Input<Zab>, out: &mut Out) {
        match input {
            Input::Message { from, via, msg } => self.on_message(now, from, via, msg, out),
            Input::Link { peer, link, event } => match event {
                LinkEvent::Up => self.on_link_up(now, peer, link, out),
                LinkEvent::Refused | LinkEvent::Down => self.on_link_down(peer, link, out),
            },
            Input::Timer(timer) => self.on_timer(now, timer, out),
            Input::Propose(payload) => self.on_propose(payload, out),
            Input::Barrier(token) => self.on_barrier(token, out),
            Input::Disk { ticket, result } => match result {
                DiskResult::Done => self.on_disk_done(now, ticket, out),
                DiskResult::Failed => self.halt(out),
            },
            Input::Reloaded(image) => self.on_reloaded(now, &image, out),
            Input::Applied(zxid) => self.on_applied(zxid, out),
            Input::Captured { ticket, snapshot } => self.on_captured(ticket, snapshot, out),
        }
    }

    /// Leaves whatever role this server has, and looks for a leader.
    fn step_down(&mut self, out: &mut Out) {
        self.leave(out);
        // 1. A follower logs a proposal, and its leader vanishes before the commit.
        // 2. Its memory ends below its log. Voting, or being synchronised, by memory would hide the
        //    proposal, which may be committed, or append after it.
        // So what is on disk comes first into memory (ZK-2845, ZK-4712, ZK-5094).
        if self.reloads > 0 || self.handed != self.storage.last() {
            self.reload(out);
            self.state = State::Draining;
        } else {
            self.look(out);
        }
    }

    /// Stops for good: a disk operation failed.
    fn halt(&mut self, out: &mut Out) {
        self.leave(out);
        out.cancel_timer(Timer::Notify);
        out.cancel_timer(Timer::Finalize);
        self.state = State::Halted;
    }

    fn leave(&mut self, out: &mut Out) {
        match core::mem::replace(&mut self.state, State::Draining) {
            State::Draining | State::Electing(_) | State::Halted => {}
            State::Learning(learning) => {
                learning.close(out);
            }
            State::Leading(leading) => leading.close(out),
        }
        for timer in [Timer::Phase, Timer::HalfTick, Timer::Silence, Timer::Redial] {
            out.cancel_timer(timer);
        }
        self.checkpoint = Checkpoint::Idle;
        self.window_pinned = false;
        self.trim_window();
    }

    fn learner_role(&self) -> Role {
        if self.config.is_voter(self.config.me) {
            Role::Following
        } else {
            Role::Observing
        }
    }

    fn send_leader(&self, msg: Msg, out: &mut Out) {
        if let State::Learning(learning) = &self.state
            && let Some(link) = learning.link
        {
            out.send(learning.leader, Via::Stream(link), msg);
        }
    }

    fn send_leader_after_disk(&self, msg: Msg, out: &mut Out) {
        if let State::Learning(learning) = &self.state
            && let Some(link) = learning.link
        {
            out.send_after_disk(learning.leader, Via::Stream(link), msg);
        }
    }

    fn set_timer(&self, timer: Timer, delay: Span, out: &mut Out) {
        out.set_timer(timer, TimerRange::exactly(delay));
    }
}
