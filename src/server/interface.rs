//! What goes into a server and comes out of it: its inputs, its effects, and the outbox between.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::ids::{ConnId, LinkId, NodeId, SessionId, Span, Zxid};
use crate::protocol::{
    DiskOp, DiskResult, Effect, Fact, Gate, Image, LinkEvent, Outbox, Protocol, Ticket, TimerRange,
    Via,
};
use crate::tree::Payload;
use crate::wire::{ClientFrame, Packet, ServerFrame};

/// The timers of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerTimer<T> {
    /// The protocol's.
    Protocol(T),
    /// Tell the leader which sessions were heard of.
    Touch,
    /// Look for sessions that were silent for too long (at the leader).
    Expiry,
    /// Send forwarded requests again (where the uplink may lose them).
    Resend,
    /// Look for nodes that have to go (at the leader).
    Removal,
}

/// One input of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerInput<P: Protocol> {
    /// A packet from another server, or from this one to itself.
    Peer {
        /// Who sent it.
        from: NodeId,
        /// How it came.
        via: Via,
        /// What it is.
        packet: Packet<P>,
    },
    /// News of a stream between servers.
    Link {
        /// The other end.
        peer: NodeId,
        /// Which stream.
        link: LinkId,
        /// What happened to it.
        event: LinkEvent,
    },
    /// A timer went off.
    Timer(ServerTimer<P::Timer>),
    /// A disk operation completed.
    Disk {
        /// The ticket under which it was queued.
        ticket: Ticket,
        /// How it ended.
        result: DiskResult,
    },
    /// The disk was read back.
    Reloaded(Box<Image<P::Record>>),
    /// Time for the micro-step that [`ServerEffect::Work`] asked for.
    Work,
    /// A client connected.
    ClientUp {
        /// The connection.
        conn: ConnId,
        /// Where it comes from.
        address: Arc<str>,
    },
    /// A client sent something.
    ClientFrame {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: ClientFrame,
    },
    /// A client's connection broke.
    ClientDown(ConnId),
}

/// One effect of a server, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEffect<P: Protocol> {
    /// Send a packet to a server.
    Send {
        /// The receiver.
        to: NodeId,
        /// The channel.
        via: Via,
        /// The packet.
        packet: Packet<P>,
        /// When it may leave.
        gate: Gate,
    },
    /// Open a stream.
    Dial {
        /// Whom to dial.
        peer: NodeId,
        /// Its name.
        link: LinkId,
    },
    /// Close a stream.
    HangUp {
        /// The other end.
        peer: NodeId,
        /// Which stream.
        link: LinkId,
    },
    /// Queue a disk operation.
    Disk {
        /// Its ticket.
        ticket: Ticket,
        /// The operation.
        op: DiskOp<P::Record>,
    },
    /// Read the disk back, after everything that is queued.
    Reload,
    /// Set or replace a timer.
    SetTimer {
        /// The timer.
        timer: ServerTimer<P::Timer>,
        /// From where the delay is drawn.
        range: TimerRange,
    },
    /// Forget a timer.
    CancelTimer(ServerTimer<P::Timer>),
    /// There is a micro-step to do: come back with [`ServerInput::Work`]. Asked for at most once
    /// until it comes.
    Work,
    /// Send a frame to a client. Frames of one connection keep their order.
    Reply {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: ServerFrame,
    },
    /// Close a client's connection, after the frames sent so far.
    Disconnect(ConnId),
    /// Tell the checkers.
    Note(Note),
}

/// What a server reports to the white-box checkers; see [`crate::check::Observation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The protocol stated a fact.
    Fact {
        /// `AfterDisk`: the fact becomes true when the disk queue gets here.
        gate: Gate,
        /// The fact.
        fact: Fact,
    },
    /// The state was replaced, and stands at this zxid.
    Restored(Zxid),
    /// A transaction was applied.
    Applied {
        /// Its position.
        zxid: Zxid,
        /// Its payload.
        payload: Payload,
        /// See [`crate::check::Observation::Applied`].
        digest: Option<u64>,
        /// See [`crate::check::Observation::Applied`].
        executed: Option<(SessionId, u32)>,
    },
    /// A transaction is applied and known to be committed.
    Delivered {
        /// Its position.
        zxid: Zxid,
        /// Its payload's digest.
        value: u64,
    },
}

/// The settings of the state machine's side of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSettings {
    /// The shortest session timeout granted (ZooKeeper: 2 ticks).
    pub session_timeout_min: Span,
    /// The longest session timeout granted (ZooKeeper: 20 ticks).
    pub session_timeout_max: Span,
    /// How many nodes one chunk of a capture takes.
    pub capture_chunk: usize,
    /// How often the leader looks for containers without children and nodes that outlived their
    /// time.
    pub removal_interval: Span,
    /// Whose digest it is who may do everything; see [`crate::tree::acl::digest_of`].
    pub superuser: Option<Arc<str>>,
}

/// The outbox of one server: kept by the driver for the whole run, restarts included, because it
/// holds the counters that name tickets and links.
#[derive(Debug)]
pub struct ServerOutbox<P: Protocol> {
    pub(super) protocol: Outbox<P>,
    pub(super) scratch: Vec<Effect<P>>,
    effects: Vec<ServerEffect<P>>,
}

impl<P: Protocol> ServerOutbox<P> {
    /// The outbox of server `me`.
    pub fn new(me: NodeId) -> ServerOutbox<P> {
        ServerOutbox {
            protocol: Outbox::new(me),
            scratch: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Takes the effects out, in order, keeping the allocation of `into`, which must be empty.
    pub fn drain_into(&mut self, into: &mut Vec<ServerEffect<P>>) {
        assert!(into.is_empty(), "{} effects were not performed", into.len());
        core::mem::swap(&mut self.effects, into);
    }

    pub(super) fn push(&mut self, effect: ServerEffect<P>) {
        self.effects.push(effect);
    }
}
