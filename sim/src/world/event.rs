//! The events of a run and the words they feed into its hash.

use menagerie::canonical::{Canonical, RunHash};
use menagerie::ids::{ClientId, ConnId};
use menagerie::protocol::{Protocol, Via};
use menagerie::tree::{Answer, Request};
use menagerie::wire::{ClientFrame, Packet, PeerMsg, ServerFrame};

use crate::world::channels::{Envelope, Side};

/// Something that is going to happen. Servers are named by their place, counted from 0.
#[derive(Debug)]
pub(super) enum Event<P: Protocol> {
    /// A server's message to itself.
    Loopback {
        node: u8,
        incarnation: u32,
        via: Via,
        packet: Envelope<Packet<P>>,
    },
    Datagram {
        from: u8,
        to: u8,
        packet: Envelope<Packet<P>>,
    },
    LatestWins {
        from: u8,
        to: u8,
        generation: u32,
    },
    /// A token of a stream, see [`crate::world::channels`].
    Stream {
        slot: u32,
        generation: u32,
        toward: Side,
        receiver: u8,
    },
    /// A dial reaches the other server's machine.
    Dialled {
        slot: u32,
        generation: u32,
    },
    /// The dialler hears that its dial failed.
    DialFailed {
        slot: u32,
        generation: u32,
        dialler: u8,
    },
    /// The patience of the streams of a cut pair is over.
    Patience {
        from: u8,
        to: u8,
        generation: u32,
    },
    /// The patience of the connections of a server cut off from its clients is over.
    ClientPatience {
        node: u8,
        generation: u32,
    },
    Timer {
        node: u8,
        slot: u16,
        ordinal: u64,
    },
    /// A batch of the disk ends.
    Disk {
        node: u8,
        generation: u32,
    },
    /// A micro-step.
    Work {
        node: u8,
        incarnation: u32,
    },
    ClientStart {
        client: ClientId,
    },
    ClientTimer {
        client: ClientId,
        slot: u16,
        ordinal: u64,
    },
    /// A client's dial reaches the server's machine.
    ConnDialled {
        conn: ConnId,
    },
    ConnFailed {
        conn: ConnId,
    },
    /// A token of a connection towards the client.
    ConnDown {
        conn: ConnId,
    },
    /// A token of a connection towards the server.
    ConnUp {
        conn: ConnId,
        server: u8,
    },
    Wakeup(u64),
}

impl<P: Protocol> Event<P> {
    /// The server whose process has to run for this: while it is paused, the event waits.
    pub(super) fn process(&self) -> Option<u8> {
        match self {
            Event::Loopback { node, .. }
            | Event::Timer { node, .. }
            | Event::Disk { node, .. }
            | Event::Work { node, .. } => Some(*node),
            Event::Datagram { to, .. } | Event::LatestWins { to, .. } => Some(*to),
            Event::Stream { receiver, .. } => Some(*receiver),
            Event::DialFailed { dialler, .. } => Some(*dialler),
            Event::ConnUp { server, .. } => Some(*server),
            Event::Dialled { .. }
            | Event::Patience { .. }
            | Event::ClientPatience { .. }
            | Event::ClientStart { .. }
            | Event::ClientTimer { .. }
            | Event::ConnDialled { .. }
            | Event::ConnFailed { .. }
            | Event::ConnDown { .. }
            | Event::Wakeup(_) => None,
        }
    }
}

/// What is fed into the hash in front of an event's content. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Kind {
    Message = 1,
    Link = 2,
    Timer = 3,
    DiskDone = 4,
    Reloaded = 5,
    Work = 6,
    ClientUp = 7,
    ClientFrame = 8,
    ClientDown = 9,
    ServerFrame = 10,
    Connected = 11,
    ConnRefused = 12,
    ConnLost = 13,
    ClientTimer = 14,
    ClientStart = 15,
    Invoked = 16,
    Completed = 17,
    Action = 19,
    Boot = 20,
    Fact = 21,
    Restored = 22,
    Applied = 23,
    Delivered = 24,
    Hop = 25,
    Forged = 26,
    Died = 27,
}

pub(super) fn feed_packet<P: Protocol>(packet: &Packet<P>, hash: &mut RunHash) {
    match packet {
        Packet::Protocol(msg) => msg.feed(hash),
        Packet::Peer(msg) => match msg {
            PeerMsg::Request {
                session,
                seq,
                acked,
                ids,
                write,
            } => {
                hash.word(1);
                session.feed(hash);
                hash.word(u64::from(*seq) << 32 | u64::from(*acked));
                // Which they are follows from the frames of the connection.
                hash.word(ids.len() as u64);
                write.feed(hash);
            }
            PeerMsg::Revalidate { session, conn } => {
                hash.word(2);
                session.feed(hash);
                hash.word(u64::from(conn.0));
            }
            PeerMsg::Revalidated {
                session,
                conn,
                timeout,
            } => {
                hash.word(3);
                session.feed(hash);
                hash.word(u64::from(conn.0));
                timeout.feed(hash);
            }
            PeerMsg::Touch { sessions } => {
                hash.word(4);
                sessions.feed(hash);
            }
        },
    }
}

pub(super) fn feed_client_frame(frame: &ClientFrame, hash: &mut RunHash) {
    match frame {
        ClientFrame::Connect {
            session,
            password,
            timeout,
            last_zxid,
        } => {
            hash.word(1);
            session.feed(hash);
            hash.word(*password);
            timeout.feed(hash);
            last_zxid.feed(hash);
        }
        ClientFrame::Request {
            xid,
            seq,
            acked,
            request,
        } => {
            hash.word(2);
            hash.word(u64::from(*xid) << 32 | u64::from(*seq));
            hash.word(u64::from(*acked));
            feed_request(request, hash);
        }
        ClientFrame::Ping => hash.word(3),
        ClientFrame::SetWatches {
            relative,
            data,
            exist,
            child,
            persistent,
            recursive,
        } => {
            hash.word(4);
            relative.feed(hash);
            for paths in [data, exist, child, persistent, recursive] {
                hash.word(paths.len() as u64);
                paths.iter().for_each(|path| hash.bytes(path.as_bytes()));
            }
        }
    }
}

pub(super) fn feed_request(request: &Request, hash: &mut RunHash) {
    match request {
        Request::Write(write) => {
            hash.word(1);
            write.feed(hash);
        }
        Request::Read(read) => {
            hash.word(2);
            read.feed(hash);
        }
        Request::Watch(watch) => {
            hash.word(3);
            watch.feed(hash);
        }
        Request::Sync => hash.word(4),
        Request::Auth { scheme, credential } => {
            hash.word(5);
            hash.bytes(scheme.as_bytes());
            credential.feed(hash);
        }
    }
}

pub(super) fn feed_server_frame(frame: &ServerFrame, hash: &mut RunHash) {
    match frame {
        ServerFrame::Connected {
            session,
            password,
            timeout,
        } => {
            hash.word(1);
            session.feed(hash);
            hash.word(*password);
            timeout.feed(hash);
        }
        ServerFrame::Reply { xid, zxid, answer } => {
            hash.word(2 << 32 | u64::from(*xid));
            zxid.feed(hash);
            feed_answer(answer, hash);
        }
        ServerFrame::Event(event) => {
            hash.word(4 << 32 | event.kind as u64);
            hash.bytes(event.path.as_bytes());
            event.zxid.feed(hash);
        }
        ServerFrame::Pong { zxid } => {
            hash.word(5);
            zxid.feed(hash);
        }
        ServerFrame::WatchesSet { zxid } => {
            hash.word(6);
            zxid.feed(hash);
        }
    }
}

pub(super) fn feed_answer(answer: &Answer, hash: &mut RunHash) {
    match answer {
        Ok(response) => {
            hash.word(1);
            response.feed(hash);
        }
        Err(failure) => {
            hash.word(0);
            failure.feed(hash);
        }
    }
}
