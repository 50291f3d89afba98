//! The inputs of a protocol, and its effects.

use super::{CaptureKind, DiskOp, Fact, Image, Protocol};
use serde::Serialize;

use crate::canonical::{Canonical, RunHash};
use crate::ids::{LinkId, NodeId, Span, Zxid};
use crate::tree::{Payload, Snapshot};

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
    /// The state machine asks to replicate a payload. Only offered where
    /// [`can_propose`](super::Standing::can_propose) was true after the previous step; a protocol
    /// may still drop it, silently, in which case the client never hears of it.
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
        /// The channel.
        via: Via,
        /// The message.
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
        /// The token that it was asked for with.
        token: BarrierToken,
        /// Whether it was reached.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct BarrierToken(pub u64);

/// How a barrier ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarrierOutcome {
    /// Everything the barrier promises was handed to `Apply` before this effect.
    Reached,
    /// It could not be established (no leader, leadership lost): the client has to retry.
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
