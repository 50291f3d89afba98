//! One ZooKeeper-like server: a protocol, the tree it replicates, sessions, watches and reads.
//!
//! [`Server`] stands between the driver and the [`Protocol`]: what the protocol hands to the state
//! machine (apply, commit, capture, restore) is dealt with here, everything else goes on to the
//! driver. It advances one *micro-step* per [`ServerInput::Work`]: prepare one request, apply one
//! transaction, answer one read, or capture one chunk of a snapshot. While a capture is under way an
//! apply is itself cut into its sub-operations, because a capture may run in between (that is what
//! makes snapshots fuzzy); otherwise nothing could observe the difference and an apply is one step.

use crate::ids::{ConnId, LinkId, LocalTime, NodeId, SessionId, Span, Zxid};
use crate::protocol::{
    DiskOp, DiskResult, Effect, Ensemble, Fact, Gate, Image, Input, LinkEvent, Outbox, Protocol,
    Refusal, Standing, Ticket, TimerRange, Via,
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
        /// Which.
        ticket: Ticket,
        /// How it ended.
        result: DiskResult,
    },
    /// The disk was read back.
    Reloaded(Box<Image<P::Record>>),
    /// Time for the micro-step that [`ServerEffect::Work`] asked for.
    Work,
    /// A client connected.
    ClientUp(ConnId),
    /// A client sent something.
    ClientFrame {
        /// On which connection.
        conn: ConnId,
        /// What.
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
        /// How.
        via: Via,
        /// What.
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
    /// Read the disk back behind everything queued.
    Reload,
    /// Set or replace a timer.
    SetTimer {
        /// Which.
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
        /// What.
        frame: ServerFrame,
    },
    /// Close a client's connection, after the frames sent so far.
    Disconnect(ConnId),
    /// Tell the checkers.
    Note(Note),
}

/// What a server tells the white-box checkers; see [`crate::check::Observation`].
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The shortest session timeout granted (ZooKeeper: 2 ticks).
    pub session_timeout_min: Span,
    /// The longest session timeout granted (ZooKeeper: 20 ticks).
    pub session_timeout_max: Span,
    /// How many nodes one chunk of a capture takes.
    pub capture_chunk: usize,
}

/// Placeholder: hands everything through to the protocol, with no tree behind it.
#[derive(Debug)]
pub struct Server<P: Protocol> {
    protocol: P,
    applied: Zxid,
}

/// Placeholder of the outbox of a server.
#[derive(Debug)]
pub struct ServerOutbox<P: Protocol> {
    protocol: Outbox<P>,
    scratch: Vec<Effect<P>>,
    effects: Vec<ServerEffect<P>>,
}

impl<P: Protocol> ServerOutbox<P> {
    /// An empty outbox.
    pub fn new(me: NodeId) -> ServerOutbox<P> {
        ServerOutbox {
            protocol: Outbox::new(me),
            scratch: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Takes the effects out.
    pub fn drain_into(&mut self, into: &mut Vec<ServerEffect<P>>) {
        assert!(into.is_empty(), "{} effects were not performed", into.len());
        core::mem::swap(&mut self.effects, into);
    }
}

impl<P: Protocol> Server<P> {
    /// Boots.
    pub fn boot(
        ensemble: &Ensemble,
        _settings: ServerSettings,
        now: LocalTime,
        image: &Image<P::Record>,
        out: &mut ServerOutbox<P>,
    ) -> Result<Server<P>, Refusal> {
        let config = P::configure(ensemble);
        let protocol = P::recover(&config, now, image, &mut out.protocol)?;
        let mut server = Server {
            protocol,
            applied: Zxid::ZERO,
        };
        server.forward(out);
        Ok(server)
    }

    /// Takes one input.
    pub fn step(&mut self, now: LocalTime, input: ServerInput<P>, out: &mut ServerOutbox<P>) {
        let input = match input {
            ServerInput::Peer {
                from,
                via,
                packet: Packet::Protocol(msg),
            } => Input::Message { from, via, msg },
            ServerInput::Link { peer, link, event } => Input::Link { peer, link, event },
            ServerInput::Timer(ServerTimer::Protocol(timer)) => Input::Timer(timer),
            ServerInput::Disk { ticket, result } => Input::Disk { ticket, result },
            ServerInput::Reloaded(image) => Input::Reloaded(image),
            ServerInput::ClientFrame {
                conn,
                frame: ClientFrame::Connect { timeout, .. },
            } => {
                let frame = ServerFrame::Connected {
                    session: SessionId(u64::from(conn.0) + 1),
                    password: 0,
                    timeout,
                };
                out.effects.push(ServerEffect::Reply { conn, frame });
                return;
            }
            ServerInput::ClientFrame {
                conn,
                frame: ClientFrame::Request { xid, .. },
            } => {
                let answer = Ok(crate::tree::Response::Synced);
                let frame = ServerFrame::Reply {
                    xid,
                    zxid: self.applied,
                    answer,
                };
                out.effects.push(ServerEffect::Reply { conn, frame });
                return;
            }
            _ => return,
        };
        self.protocol.step(now, input, &mut out.protocol);
        self.forward(out);
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.protocol.standing()
    }

    /// What it applied.
    pub fn applied(&self) -> Zxid {
        self.applied
    }

    /// Its digest.
    pub fn digest(&self) -> u64 {
        0
    }

    fn forward(&mut self, out: &mut ServerOutbox<P>) {
        let mut scratch = core::mem::take(&mut out.scratch);
        out.protocol.drain_into(&mut scratch);
        for effect in scratch.drain(..) {
            out.effects.push(match effect {
                Effect::Send { to, via, msg, gate } => ServerEffect::Send {
                    to,
                    via,
                    packet: Packet::Protocol(msg),
                    gate,
                },
                Effect::Dial { peer, link } => ServerEffect::Dial { peer, link },
                Effect::HangUp { peer, link } => ServerEffect::HangUp { peer, link },
                Effect::Disk { ticket, op } => ServerEffect::Disk { ticket, op },
                Effect::Reload => ServerEffect::Reload,
                Effect::SetTimer { timer, range } => ServerEffect::SetTimer {
                    timer: ServerTimer::Protocol(timer),
                    range,
                },
                Effect::CancelTimer(timer) => {
                    ServerEffect::CancelTimer(ServerTimer::Protocol(timer))
                }
                Effect::Fact { gate, fact } => ServerEffect::Note(Note::Fact { gate, fact }),
                _ => continue,
            });
        }
        out.scratch = scratch;
    }
}
