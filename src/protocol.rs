//! The core contract: what a coordination protocol is to Menagerie.
//!
//! A protocol is *total-order broadcast as a deterministic function of its inputs*. It gets the
//! local time and one [`Input`] at a time, and answers through one ordered [`Outbox`]. It never
//! reads a clock, draws a number, logs or waits; whatever drives it (random simulation, an
//! exhaustive explorer, real sockets) owns those. Effects take place in the order in which they
//! were put into the outbox; that order is part of the contract.
//!
//! # Storage
//! Each server has one FIFO disk queue. An operation is *queued*, then *written* (it survives the
//! death of the process), then, once its object is synced, *durable* (it survives loss of power).
//! [`Outbox::promise`] is how a protocol says something it must never forget: it syncs whatever is
//! dirty and holds the message back until that is done. Sending the same message with
//! [`Outbox::send`] instead is the classic bug.
//!
//! # Stepping down
//! Nothing is cancelled: the disk queue runs on, and messages held back for it leave when it gets
//! there, unless their stream broke. Waiting for the queue to drain means waiting for the last
//! ticket. [`Effect::Reload`] queues after it.
//!
//! # Apply is not commit
//! [`Effect::Apply`] hands a transaction to the state machine; [`Effect::Committed`] says through
//! which zxid it can no longer be undone. A recovered log tail is applied before it is committed.
//! Applying takes time; [`Input::Applied`] reports it.
#![doc = include_str!("../docs/facts.md")]

mod about;
mod effects;
mod facts;
pub mod knobs;
mod outbox;
mod slots;
mod standing;
mod storage;

use core::fmt::Debug;
use core::hash::Hash;
use serde::Serialize;

use crate::canonical::Canonical;
use crate::ids::{LocalTime, NodeId};
use crate::mutation::{Entry, Mutations};
use crate::quorum::{PhaseQuorums, Quorums};
pub use crate::voting::QuorumRule;
pub use about::{RarePath, Seen, Tables};
pub use effects::{
    BarrierOutcome, BarrierToken, DiskResult, Effect, Gate, Input, LinkEvent, Ticket, TimerRange,
    Via,
};
pub use facts::Fact;
pub use knobs::{KnobSet, Knobs, Timing};
pub use outbox::Outbox;
pub use slots::Slots;
pub use standing::{
    Holding, Holdings, Persisted, Pledged, Refusal, Role, Standing, Votes, epoch_of_ballot,
};
pub use storage::{CaptureKind, DiskOp, FileName, Image, Object};

/// What a protocol replicates, and therefore where requests are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicates {
    /// State deltas: the primary validates a request against its speculative state and broadcasts
    /// an idempotent transaction with absolute versions (Zab).
    Deltas,
    /// Commands: validated and executed when they are applied (Multi-Paxos).
    Commands,
}

/// How it is known in which epoch a transaction was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epochs {
    /// The zxid says it (Zab): what is delivered was committed in its zxid's epoch or by the
    /// establishment of a later one, which then had it in its history.
    InZxids,
    /// Votes say it (Multi-Paxos): a zxid for which a quorum voted in an epoch is chosen in it. A
    /// delivery alone does not say in which epoch, and a leader may be established late, when a
    /// higher ballot has already chosen what the lower one never heard of.
    InVotes,
}

impl Epochs {
    /// An epoch in the words of its protocol: `epoch 3`, or `ballot 2.n1` of what
    /// [`epoch_of_ballot`] made of a ballot.
    pub fn name(self, epoch: u64) -> String {
        match self {
            // Numbers without a round are no encoded ballots.
            Epochs::InVotes if epoch >> 8 > 0 => {
                let owner = NodeId((epoch & 0xff) as u8);
                format!("ballot {}.{owner}", epoch >> 8)
            }
            Epochs::InZxids | Epochs::InVotes => format!("epoch {epoch}"),
        }
    }
}

/// What a protocol promises to clients beyond linearizable writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// A read that follows a completed barrier reflects every write that completed before the
    /// barrier was asked for. ZooKeeper's `sync` promises that only while no later leader than the
    /// one that answers is established (ZK-1675, ZK-2136).
    pub linearizable_barrier: bool,
    /// A request that is retried under the same session and sequence number takes effect at most
    /// once, so clients may retry a write whose outcome is unknown.
    pub at_most_once: bool,
}

/// A coordination protocol: one server's share of it.
///
/// A panic inside any of these functions is a broken invariant; the runner reports it as a failing
/// verdict with the seed.
pub trait Protocol: Clone + Debug + Eq + Hash + 'static {
    /// The protocol's name on the command line and in reports.
    const NAME: &'static str;
    /// What is replicated.
    const REPLICATES: Replicates;
    /// What clients may rely on.
    const PROMISES: Promises;
    /// How it is known in which epoch a transaction was committed.
    const EPOCHS: Epochs = Epochs::InVotes;
    /// How positions are counted.
    const SLOTS: Slots = Slots::SINGLE;
    /// The rare paths of its own that campaigns count.
    const RARE_PATHS: &'static [RarePath] = &[];
    /// The mutations of its own.
    const MUTATIONS: &'static [Entry] = &[];

    /// The knobs of its own, which a scenario file sets in `[knobs.NAME]`; `()`: none.
    type Knobs: KnobSet;
    /// The resolved settings of one server.
    type Config: Clone + Debug;
    /// What servers say to each other. A trace carries it as JSON.
    type Msg: Clone + Debug + Eq + Hash + Canonical + Serialize;
    /// What is written to the log and to files.
    type Record: Clone + Debug + Eq + Hash + Canonical + Serialize;
    /// The timers. Setting a timer that is set replaces it.
    type Timer: Copy + Debug + Ord + Hash + Canonical;

    /// Derives the settings of one server from the ensemble's description.
    fn configure(ensemble: &Ensemble<Self::Knobs>) -> Self::Config;

    /// What the knobs say of how long a recovery takes.
    fn timing(_shared: &Knobs, _own: &Self::Knobs) -> Timing {
        Timing::NONE
    }

    /// Boots from what the disk holds. Emits [`Effect::Restore`] if there is a snapshot, then
    /// [`Effect::Apply`] for whatever the recovered log says is to be replayed.
    ///
    /// # Errors
    /// A [`Refusal`] if the image is one that no crash of a correct server can leave behind.
    fn recover(
        config: &Self::Config,
        now: LocalTime,
        disk: &Image<Self::Record>,
        out: &mut Outbox<Self>,
    ) -> Result<Self, Refusal>;

    /// Takes one input.
    fn step(&mut self, now: LocalTime, input: Input<Self>, out: &mut Outbox<Self>);

    /// Where this server stands. Must be cheap: it is asked after every step.
    fn standing(&self) -> Standing;

    /// The quorums of its two phases, in an ensemble.
    fn phases(ensemble: &Ensemble<Self::Knobs>) -> PhaseQuorums {
        PhaseQuorums::same(ensemble.quorums.clone())
    }

    /// What this server holds in memory and must not hold more and more of. Each is always reported
    /// in the same place. Must be cheap: it is asked after every step.
    fn holdings(&self) -> Holdings {
        [Holding::NONE; 2]
    }

    /// What an image proves to be stored: for the durability checker, which asks whether every
    /// quorum still holds each committed transaction.
    fn persisted(image: &Image<Self::Record>) -> Persisted;

    /// What an image proves to be promised and voted for: for the promises checker, which asks
    /// whether a server's disk holds what the server said. `None`: nothing is claimed of the disk.
    fn pledged(_image: &Image<Self::Record>) -> Option<Pledged> {
        None
    }

    /// Whether a message is a leader's answer to a barrier that another server has asked for: until
    /// then, at least, the answer was not given.
    fn answers_barrier(_msg: &Self::Msg) -> bool {
        false
    }

    /// A short name of a message's kind, for traces and per-kind counts ("PROPOSAL", "Accept").
    fn kind(msg: &Self::Msg) -> &'static str;
}

/// The ensemble as one of its servers sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ensemble<K> {
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
    /// Those of the protocol alone.
    pub own: K,
    /// The bugs switched on.
    pub mutations: Mutations,
}

impl<K> Ensemble<K> {
    /// Every other server, voters first.
    pub fn others(&self) -> impl Iterator<Item = NodeId> {
        let everybody = self.voters.iter().chain(&self.observers).copied();
        everybody.filter(|node| *node != self.me)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballot_is_named_as_one_where_epochs_are_ballots() {
        let ballot = epoch_of_ballot(2, NodeId(1));
        assert_eq!(Epochs::InVotes.name(ballot), "ballot 2.n1");
        assert_eq!(Epochs::InVotes.name(3), "epoch 3");
        assert_eq!(Epochs::InZxids.name(513), "epoch 513");
    }
}
