//! The core contract: what a coordination protocol is to Menagerie.
//!
//! A protocol is *total-order broadcast as a deterministic function of its inputs*. It is told the
//! local time, one [`Input`] at a time, and answers through one ordered [`Outbox`]. It never reads
//! a clock, draws a number, logs or waits; whatever drives it (random simulation, an exhaustive
//! explorer, real sockets) owns those. Effects take place in the order in which they were put into
//! the outbox; that order is part of the contract.
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
//! ticket. [`Effect::Reload`] queues behind it.
//!
//! # Apply is not commit
//! [`Effect::Apply`] hands a transaction to the state machine; [`Effect::Committed`] says through
//! which zxid it can no longer be undone. A recovered log tail is applied before it is committed.
//! Applying takes time; [`Input::Applied`] reports it.

use core::fmt::Debug;
use core::hash::Hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::canonical::{Canonical, RunHash};
use crate::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use crate::mutation::Mutations;
use crate::tree::{Payload, Snapshot};

/// What a protocol replicates, and therefore where requests are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicates {
    /// State deltas: the primary validates a request against its speculative state and broadcasts
    /// an idempotent transaction with absolute versions (Zab).
    Deltas,
    /// Commands: validated and executed when they are applied (Multi-Paxos).
    Commands,
}

/// What a protocol promises to clients beyond linearizable writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// A read that follows a completed barrier reflects every write that completed before the
    /// barrier was asked for. ZooKeeper's `sync` does not promise that (ZK-1675, ZK-2136).
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

    /// The resolved settings of one server.
    type Config: Clone + Debug;
    /// What servers say to each other.
    type Msg: Clone + Debug + Eq + Hash + Canonical;
    /// What is written to the log and to files.
    type Record: Clone + Debug + Eq + Hash + Canonical;
    /// The timers. Setting a timer that is set replaces it.
    type Timer: Copy + Debug + Ord + Hash + Canonical;

    /// Derives the settings of one server from the ensemble's description.
    fn configure(ensemble: &Ensemble) -> Self::Config;

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

    /// What an image proves to be stored: for the durability checker, which asks whether every
    /// quorum still holds each committed transaction.
    fn persisted(image: &Image<Self::Record>) -> Persisted;

    /// What an image proves to be promised and voted for: for the promises checker, which asks
    /// whether a server's disk holds what the server said. `None`: nothing is claimed of the disk.
    fn pledged(_image: &Image<Self::Record>) -> Option<Pledged> {
        None
    }

    /// A short name of a message's kind, for traces and per-kind counts ("PROPOSAL", "Accept").
    fn kind(msg: &Self::Msg) -> &'static str;
}

/// The ensemble as one of its servers sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensemble {
    /// This server.
    pub me: NodeId,
    /// The servers that vote, in ascending order.
    pub voters: Vec<NodeId>,
    /// The servers that follow without a vote, in ascending order.
    pub observers: Vec<NodeId>,
    /// Timeouts and sizes.
    pub knobs: Knobs,
    /// The bugs switched on.
    pub mutations: Mutations,
}

/// Timeouts and sizes, small by default so that every branch is reached in a short run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knobs {
    /// ZooKeeper's `tickTime`: the unit of the limits below and of session expiry.
    pub tick: Span,
    /// Zab: ticks a learner may take to connect and to take over the leader's history.
    pub init_limit: u32,
    /// Zab: ticks a learner or leader may be silent.
    pub sync_limit: u32,
    /// Zab: how long an election waits for a better vote once it has a quorum (`finalizeWait`).
    pub finalize_wait: Span,
    /// Zab: first and shortest wait for notifications; doubles up to `notification_max`.
    pub notification_min: Span,
    /// Zab: longest wait for notifications.
    pub notification_max: Span,
    /// Zab: committed transactions kept in memory for DIFF (ZooKeeper: 500).
    pub committed_log_window: u32,
    /// Transactions or slots between two snapshots (ZooKeeper's `snapCount`).
    pub snapshot_every: u32,
    /// Zab: width of the zxid's counter in bits; a full counter forces a new epoch (ZooKeeper: 32).
    pub zxid_counter_bits: u32,
    /// Paxos: interval of a leader's heartbeats.
    pub heartbeat: Span,
    /// Paxos: shortest election timeout; a follower draws from `election_timeout..=2 * it`.
    pub election_timeout: Span,
    /// Paxos: how far beyond the chosen prefix a leader may propose (the pipelining window).
    pub window: u32,
    /// Paxos: interval after which unanswered messages are sent again.
    pub retransmit: Span,
    /// Paxos: slots kept below the snapshot for catch-up without a snapshot.
    pub log_tail: u32,
    /// Requests a leader prepares or proposes ahead of the applied state
    /// (`globalOutstandingLimit`).
    pub outstanding_max: u32,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            tick: Span::millis(50),
            init_limit: 10,
            sync_limit: 4,
            finalize_wait: Span::millis(20),
            notification_min: Span::millis(20),
            notification_max: Span::millis(640),
            committed_log_window: 20,
            snapshot_every: 50,
            zxid_counter_bits: 32,
            heartbeat: Span::millis(20),
            election_timeout: Span::millis(100),
            window: 16,
            retransmit: Span::millis(40),
            log_tail: 10,
            outstanding_max: 1_000,
        }
    }
}

/// One input of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<P: Protocol> {
    /// A message from another server, or from this one to itself.
    Message {
        /// Who sent it.
        from: NodeId,
        /// How it came.
        via: Via,
        /// What it says.
        msg: P::Msg,
    },
    /// News of a stream. Both ends hear `Up` and `Down`; only the dialler hears `Refused`.
    Link {
        /// The other end.
        peer: NodeId,
        /// Which stream.
        link: LinkId,
        /// What happened to it.
        event: LinkEvent,
    },
    /// A timer that was set went off.
    Timer(P::Timer),
    /// The state machine asks to replicate a payload. Only offered where [`Standing::can_propose`]
    /// was true after the previous step; a protocol may still drop it, silently, in which case the
    /// client never hears of it.
    Propose(Payload),
    /// A client asks for a barrier (ZooKeeper's `sync`): answer [`Effect::BarrierDone`] once this
    /// server has handed over for application everything the protocol promises for a barrier.
    Barrier(BarrierToken),
    /// A disk operation that has a completion finished. Completions come in the order of the
    /// operations and never reach a later incarnation.
    Disk {
        /// Which operation.
        ticket: Ticket,
        /// How it ended.
        result: DiskResult,
    },
    /// The answer to [`Effect::Reload`]: the disk as a restarted process would read it now.
    Reloaded(Box<Image<P::Record>>),
    /// The state machine has applied everything through this zxid.
    Applied(Zxid),
    /// The answer to [`Effect::Capture`].
    Captured {
        /// Which capture.
        ticket: Ticket,
        /// The captured state.
        snapshot: Snapshot,
    },
}

/// One effect of a step, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<P: Protocol> {
    /// Send a message. To oneself it is delivered without the network, as an input of its own.
    Send {
        /// The receiver.
        to: NodeId,
        /// How.
        via: Via,
        /// What.
        msg: P::Msg,
        /// When it may leave.
        gate: Gate,
    },
    /// Open a stream to `peer`; the answer is [`Input::Link`] with `Up` or `Refused`.
    Dial {
        /// Whom to dial.
        peer: NodeId,
        /// The new stream's name.
        link: LinkId,
    },
    /// Close a stream. Messages in flight may be lost; the other end hears `Down`, this one
    /// nothing.
    HangUp {
        /// The other end.
        peer: NodeId,
        /// Which stream.
        link: LinkId,
    },
    /// Queue a disk operation.
    Disk {
        /// Its ticket. Only syncs complete with an [`Input::Disk`]; any operation that fails does.
        ticket: Ticket,
        /// The operation.
        op: DiskOp<P::Record>,
    },
    /// Read the disk back, after everything queued before: the answer is [`Input::Reloaded`].
    Reload,
    /// Capture the applied state: the answer is [`Input::Captured`].
    Capture {
        /// The name of the answer.
        ticket: Ticket,
        /// Whether applies may run in between.
        kind: CaptureKind,
    },
    /// Replace the applied state by a snapshot, or by the empty state. Applies not yet performed
    /// are forgotten.
    Restore(Option<Snapshot>),
    /// Apply a transaction after everything handed over before. Zxids strictly increase between
    /// two restores.
    Apply {
        /// Its position.
        zxid: Zxid,
        /// Its content.
        payload: Payload,
    },
    /// Everything through this zxid is committed, and was handed to `Apply` before. Positions that
    /// carry no payload (a no-op's slot) have nothing to hand over and may be named.
    Committed(Zxid),
    /// A barrier ended.
    BarrierDone {
        /// Which.
        token: BarrierToken,
        /// How.
        outcome: BarrierOutcome,
    },
    /// Set a timer to go off after a delay that the driver draws from `range`, on the local clock.
    SetTimer {
        /// Which timer; one that is set is replaced.
        timer: P::Timer,
        /// From where the delay is drawn.
        range: TimerRange,
    },
    /// Forget a timer. Nothing happens if it is not set.
    CancelTimer(P::Timer),
    /// Tell the white-box checkers something. The protocol never reads it back.
    Fact {
        /// `AfterDisk` if the fact becomes true with a message gated in the same way.
        gate: Gate,
        /// What became true.
        fact: Fact,
    },
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// May be lost, delayed, duplicated and reordered.
    Datagram,
    /// FIFO, but a message not yet sent is overwritten by the next one to the same server, and a
    /// cut loses what is in flight: Zab's election channel.
    LatestWins,
    /// FIFO and reliable until it breaks; breaking loses a suffix of what is in flight.
    Stream(LinkId),
}

/// When an effect takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// At once.
    Now,
    /// When every disk operation queued before it has finished. Never, once a sync of this
    /// incarnation has failed.
    AfterDisk,
}

/// What happened to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkEvent {
    /// It is open in both directions.
    Up,
    /// The other end did not answer the dial: its process is down, or the network is cut.
    Refused,
    /// It broke, or the other end hung up.
    Down,
}

/// The name of a disk operation or capture, never used twice by one server, restarts included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The name of a client's barrier, never used twice by one incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarrierToken(pub u64);

/// How a barrier ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarrierOutcome {
    /// Everything the barrier promises was handed to `Apply` before this effect.
    Reached,
    /// It could not be established (no leader, leadership lost): the client is told to retry.
    Failed,
}

/// How a disk operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskResult {
    /// It was done.
    Done,
    /// The device reported an error. After a failed sync each unsynced write may or may not be
    /// durable, and a later sync does not repair it.
    Failed,
}

/// From where a timer's delay is drawn, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerRange {
    /// The shortest delay.
    pub min: Span,
    /// The longest delay.
    pub max: Span,
}

impl TimerRange {
    /// Exactly `delay`.
    pub const fn exactly(delay: Span) -> TimerRange {
        TimerRange {
            min: delay,
            max: delay,
        }
    }
}

/// Whether a capture may run beside applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaptureKind {
    /// In chunks, applies in between: later chunks may hold effects above the snapshot's zxid, so
    /// it is only good together with an idempotent replay of the log above it.
    Fuzzy,
    /// Between two applies.
    Atomic,
}

/// The name of a small file that is written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(pub &'static str);

/// A thing on disk that is synced on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The open segment of the log.
    Log,
    /// A small file.
    File(FileName),
    /// The newest snapshot file.
    Snapshot,
    /// The directory: cuts, renames, removals, and the entries of new files.
    Directory,
}

/// One operation of the disk queue.
///
/// The log is a sequence of records numbered from 1; a record keeps its index for ever, and an
/// index freed by a cut is used again by the next append.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DiskOp<R> {
    /// Append a record to the open segment of the log.
    Append(R),
    /// Drop every record with a greater index, and open a new segment: a directory operation.
    CutAfter(u64),
    /// Remove every record up to and including this index: a directory operation.
    DropThrough(u64),
    /// Replace a file's content, in place: until it is synced a loss of power may tear it.
    Write(FileName, R),
    /// Rename a file over another: a directory operation.
    Rename {
        /// The file that is renamed.
        from: FileName,
        /// The name it takes; a file of that name is replaced.
        to: FileName,
    },
    /// Write a snapshot file, named by its zxid. Until it is synced, a loss of power may tear it
    /// (it is then ignored by recovery) or lose its directory entry.
    Save(Snapshot),
    /// Remove the snapshot files with a smaller zxid: a directory operation.
    DropSnapshotsBefore(Zxid),
    /// Make one object durable: completes with [`Input::Disk`].
    Sync(Object),
    /// Make everything queued so far durable: completes with [`Input::Disk`].
    SyncAll,
}

/// What a disk holds, as a booting process reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image<R> {
    /// The index of the first record of `log` (1 if nothing was dropped).
    pub log_first: u64,
    /// The records of the log. A torn last record has been dropped.
    pub log: Vec<R>,
    /// Whether a torn record was dropped.
    pub torn_tail: bool,
    /// The small files; `None` is a file whose content is torn.
    pub files: BTreeMap<FileName, Option<R>>,
    /// The snapshots that are whole, by ascending zxid.
    pub snapshots: Vec<Snapshot>,
}

impl<R> Image<R> {
    /// The image of a new disk.
    pub fn empty() -> Image<R> {
        Image {
            log_first: 1,
            log: Vec::new(),
            torn_tail: false,
            files: BTreeMap::new(),
            snapshots: Vec::new(),
        }
    }

    /// The index of the last record; `log_first - 1` if there is none.
    pub fn log_last(&self) -> u64 {
        self.log_first + self.log.len() as u64 - 1
    }

    /// The snapshot with the greatest zxid.
    pub fn newest_snapshot(&self) -> Option<&Snapshot> {
        self.snapshots.last()
    }

    /// A whole file's content; `None` if it is absent or torn.
    pub fn file(&self, name: FileName) -> Option<&R> {
        self.files.get(&name).and_then(Option::as_ref)
    }
}

/// Why a server refuses to boot: told to whoever runs it, and to the liveness checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// A server's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Without a leader.
    Looking,
    /// With a leader, voting.
    Following,
    /// The leader.
    Leading,
    /// With a leader, without a vote.
    Observing,
}

/// Where a server stands in its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Its role.
    pub role: Role,
    /// Its epoch, or its ballot as [`epoch_of_ballot`] encodes it.
    pub epoch: u64,
    /// The leader it follows; itself if it leads.
    pub leader: Option<NodeId>,
    /// How the server's own messages reach the leader: `None` while they cannot. A leader's
    /// uplink is to itself and is never used.
    pub uplink: Option<Via>,
    /// True if [`Input::Propose`] is welcome here, now.
    pub can_propose: bool,
    /// Clients may be served once everything through this zxid is applied; `None`: not at all.
    pub serve_from: Option<Zxid>,
}

/// Encodes a ballot (round, owner) as an epoch that compares in the same way.
pub fn epoch_of_ballot(round: u64, owner: NodeId) -> u64 {
    assert!(
        round < 1 << 56,
        "ballot round {round} leaves no room for its owner"
    );
    (round << 8) | u64::from(owner.0)
}

/// What an image proves to be stored, see [`Protocol::persisted`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Persisted {
    /// Everything through here is covered by a snapshot.
    pub through: Zxid,
    /// Positions above that and the payload digest stored (or voted for) there, ascending.
    pub entries: Vec<(Zxid, u64)>,
}

/// What an image proves to be promised, see [`Protocol::pledged`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pledged {
    /// The greatest epoch that is promised or voted in.
    pub promised: u64,
    /// The latest vote of each position; `None` where votes are not kept for good (Zab: a later
    /// leader truncates them).
    pub votes: Option<Votes>,
}

/// The votes that an image holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Votes {
    /// Votes through here are gone, because a snapshot covers them.
    pub through: Zxid,
    /// Positions above that and the epoch of the latest vote there, ascending.
    pub epochs: Vec<(Zxid, u64)>,
}

/// Something that became true inside a server: ghost state for the white-box checkers.
///
/// `epoch` is a Zab epoch or an encoded ballot; `value` is a payload's digest, 0 for a no-op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fact {
    /// A primary proposes `value` at `zxid` for the first time in `epoch` (Zab: bcast(p,e,t);
    /// Paxos: (b,s,v) enters props). Re-sends are not facts; re-proposals at a new ballot are.
    Proposed {
        /// The proposer's epoch.
        epoch: u64,
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// This server became the established leader of `epoch`; its history ends at `through`.
    Established {
        /// The epoch.
        epoch: u64,
        /// The last position of its initial history.
        through: Zxid,
    },
    /// A promise not to take part in an epoch below `epoch` leaves this server (Zab: ACKEPOCH).
    Promised {
        /// The promised epoch.
        epoch: u64,
    },
    /// The promise of `epoch` that is about to leave reports every vote of this server above
    /// `above` (Paxos): the [`Fact::Reported`] that follow, before its [`Fact::Promised`].
    Reporting {
        /// The promised epoch.
        epoch: u64,
        /// The position below the first one that is asked for and kept.
        above: Zxid,
    },
    /// One of the votes that a promise reports.
    Reported {
        /// The epoch of the vote.
        epoch: u64,
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// A vote leaves this server (Zab: ACK of a proposal; Paxos: Accepted).
    Voted {
        /// The epoch of the vote.
        epoch: u64,
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// This server takes `value` to be chosen (committed) at `zxid`. Paxos reports no-ops too.
    Chosen {
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
}

impl Fact {
    /// Whether it repeats what the message says that it goes with: such facts are for the checkers
    /// alone. They enter neither the run hash nor the trace, which have the message.
    pub fn is_in_its_message(&self) -> bool {
        match self {
            Fact::Reporting { .. } | Fact::Reported { .. } => true,
            Fact::Proposed { .. }
            | Fact::Established { .. }
            | Fact::Promised { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => false,
        }
    }
}

/// The one ordered list of effects of a step, with the counters that name them.
#[derive(Debug)]
pub struct Outbox<P: Protocol> {
    me: NodeId,
    next_ticket: u64,
    next_dial: u32,
    effects: Vec<Effect<P>>,
}

impl<P: Protocol> Outbox<P> {
    /// An empty outbox of server `me`, whose counters start at 1. The driver keeps one per server
    /// for the whole run, so that names are never used twice.
    pub fn new(me: NodeId) -> Outbox<P> {
        Outbox {
            me,
            next_ticket: 1,
            next_dial: 1,
            effects: Vec::new(),
        }
    }

    /// Takes the effects out, in order, keeping the allocation of `into`, which must be empty.
    pub fn drain_into(&mut self, into: &mut Vec<Effect<P>>) {
        assert!(into.is_empty(), "{} effects were not performed", into.len());
        core::mem::swap(&mut self.effects, into);
    }

    /// The effects so far.
    pub fn effects(&self) -> &[Effect<P>] {
        &self.effects
    }

    /// Puts an effect in as it is.
    pub fn push(&mut self, effect: Effect<P>) {
        self.effects.push(effect);
    }

    /// Sends a message that promises nothing, at once.
    pub fn send(&mut self, to: NodeId, via: Via, msg: P::Msg) {
        self.push(Effect::Send {
            to,
            via,
            msg,
            gate: Gate::Now,
        });
    }

    /// Syncs whatever is dirty, and sends the message once that and everything queued before is
    /// durable. To be used for everything that must not be forgotten, also towards oneself.
    pub fn promise(&mut self, to: NodeId, via: Via, msg: P::Msg) -> Ticket {
        let ticket = self.disk(DiskOp::SyncAll);
        self.push(Effect::Send {
            to,
            via,
            msg,
            gate: Gate::AfterDisk,
        });
        ticket
    }

    /// Sends a message after the disk operations queued so far, without asking for a sync.
    pub fn send_after_disk(&mut self, to: NodeId, via: Via, msg: P::Msg) {
        self.push(Effect::Send {
            to,
            via,
            msg,
            gate: Gate::AfterDisk,
        });
    }

    /// Opens a stream.
    pub fn dial(&mut self, peer: NodeId) -> LinkId {
        let link = LinkId {
            dialler: self.me,
            ordinal: self.next_dial,
        };
        self.next_dial += 1;
        self.push(Effect::Dial { peer, link });
        link
    }

    /// Closes a stream.
    pub fn hang_up(&mut self, peer: NodeId, link: LinkId) {
        self.push(Effect::HangUp { peer, link });
    }

    /// Queues a disk operation.
    pub fn disk(&mut self, op: DiskOp<P::Record>) -> Ticket {
        let ticket = self.ticket();
        self.push(Effect::Disk { ticket, op });
        ticket
    }

    /// Appends a record to the log.
    pub fn append(&mut self, record: P::Record) -> Ticket {
        self.disk(DiskOp::Append(record))
    }

    /// Replaces a file so that a crash leaves either the old content or the new: writes a
    /// temporary file, syncs it, renames it and syncs the directory. The ticket is of the last
    /// step.
    pub fn replace_file(
        &mut self,
        temporary: FileName,
        file: FileName,
        content: P::Record,
    ) -> Ticket {
        self.disk(DiskOp::Write(temporary, content));
        self.disk(DiskOp::Sync(Object::File(temporary)));
        self.disk(DiskOp::Rename {
            from: temporary,
            to: file,
        });
        self.disk(DiskOp::Sync(Object::Directory))
    }

    /// Asks for the disk to be read back once everything queued before is done.
    pub fn reload(&mut self) {
        self.push(Effect::Reload);
    }

    /// Asks for the applied state.
    pub fn capture(&mut self, kind: CaptureKind) -> Ticket {
        let ticket = self.ticket();
        self.push(Effect::Capture { ticket, kind });
        ticket
    }

    /// Hands a transaction to the state machine.
    pub fn apply(&mut self, zxid: Zxid, payload: Payload) {
        self.push(Effect::Apply { zxid, payload });
    }

    /// Declares everything through `zxid` committed.
    pub fn committed(&mut self, zxid: Zxid) {
        self.push(Effect::Committed(zxid));
    }

    /// Sets or replaces a timer.
    pub fn set_timer(&mut self, timer: P::Timer, range: TimerRange) {
        self.push(Effect::SetTimer { timer, range });
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.push(Effect::CancelTimer(timer));
    }

    /// States a fact that is true now.
    pub fn fact(&mut self, fact: Fact) {
        self.push(Effect::Fact {
            gate: Gate::Now,
            fact,
        });
    }

    /// States a fact that becomes true when the disk queue gets here: to be put right behind the
    /// promise that makes it true.
    pub fn fact_after_disk(&mut self, fact: Fact) {
        self.push(Effect::Fact {
            gate: Gate::AfterDisk,
            fact,
        });
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }
}

impl Canonical for Via {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Via::Datagram => hash.word(0),
            Via::LatestWins => hash.word(1),
            Via::Stream(link) => {
                hash.word(2);
                link.feed(hash);
            }
        }
    }
}

impl<R: Canonical> Canonical for Arc<R> {
    fn feed(&self, hash: &mut RunHash) {
        self.as_ref().feed(hash);
    }
}
