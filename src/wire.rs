//! What travels between clients and servers, and between the servers' state machines.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ConnId, SessionId, Span, Zxid};
use crate::protocol::Protocol;
use crate::tree::{Answer, Identity, Path, Request, WatchEvent, Write};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientFrame {
    /// The first frame of a connection.
    Connect {
        /// The session to attach to; `NONE` asks for a new one.
        session: SessionId,
        /// Proof of owning it.
        password: u64,
        /// The timeout asked for.
        timeout: Span,
        /// The greatest zxid the client has seen: a server that has applied less must refuse.
        last_zxid: Zxid,
    },
    /// An operation.
    Request {
        /// The session's number of this sending; answers carry it and come in its order.
        xid: u32,
        /// Of a write: the session's number of it, see [`crate::tree::Command::seq`]; else 0.
        seq: u32,
        /// See [`crate::tree::Command::acked`].
        acked: u32,
        /// What is asked.
        request: Request,
    },
    /// Keeps the session alive.
    Ping,
    /// Arms watches again after a reconnect; what changed since `relative` fires at once.
    SetWatches {
        /// The greatest zxid the client has seen.
        relative: Zxid,
        /// Data watches.
        data: Vec<Path>,
        /// Exist watches.
        exist: Vec<Path>,
        /// Child watches.
        child: Vec<Path>,
        /// Watches that stay.
        persistent: Vec<Path>,
        /// Watches that stay and hear of the whole subtree.
        recursive: Vec<Path>,
    },
}

/// What a server sends to a client. One queue a connection: answers and events share one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerFrame {
    /// The answer to `Connect`.
    Connected {
        /// The session, or `NONE` if the one asked for is gone.
        session: SessionId,
        /// Its password.
        password: u64,
        /// The negotiated timeout.
        timeout: Span,
    },
    /// The answer to a request.
    Reply {
        /// Which.
        xid: u32,
        /// The server's last applied zxid; of a write, its own.
        zxid: Zxid,
        /// The answer.
        answer: Answer,
    },
    /// A watch fired.
    Event(WatchEvent),
    /// The answer to `SetWatches`.
    WatchesSet {
        /// The server's last applied zxid.
        zxid: Zxid,
    },
    /// The answer to `Ping`.
    Pong {
        /// The server's last applied zxid.
        zxid: Zxid,
    },
}

/// What servers say to each other beside the protocol: ZooKeeper's REQUEST, REVALIDATE and the
/// session touches of its PING.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerMsg {
    /// A server that does not lead forwards a write to the leader.
    Request {
        /// The session that asks.
        session: SessionId,
        /// Its number of this write.
        seq: u32,
        /// See [`crate::tree::Command::acked`].
        acked: u32,
        /// Whom its connection has proved to be.
        ids: Arc<[Identity]>,
        /// What is asked.
        write: Write,
    },
    /// Asks the leader whether a session is alive, and to move it here.
    Revalidate {
        /// The session.
        session: SessionId,
        /// The connection that it came back on, named in the answer.
        conn: ConnId,
    },
    /// The leader's answer to `Revalidate`.
    Revalidated {
        /// The session.
        session: SessionId,
        /// The connection of the question.
        conn: ConnId,
        /// Its timeout if it is alive.
        timeout: Option<Span>,
    },
    /// Sessions that were heard of since the last touch.
    Touch {
        /// Those sessions.
        sessions: Vec<SessionId>,
    },
}

/// What travels between two servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Packet<P: Protocol> {
    /// The protocol's own.
    Protocol(P::Msg),
    /// The state machines'.
    Peer(PeerMsg),
}
