//! What is seen of sessions from outside the servers: at their doors and between them.

use crate::ids::{ConnId, NodeId, SessionId, Zxid};
use crate::wire::PeerMsg;

/// Something that a server hears, says or does about sessions.
#[derive(Clone, Copy, Debug)]
pub enum SessionNews<'a> {
    /// A connection asks for a session.
    Knocked {
        /// The connection.
        conn: ConnId,
        /// The session it names; `NONE` asks for a new one.
        session: SessionId,
        /// The password it gives.
        password: u64,
    },
    /// The server attaches a connection to a session.
    Welcomed {
        /// The connection.
        conn: ConnId,
        /// The session.
        session: SessionId,
        /// The session's password.
        password: u64,
    },
    /// The server says that the session a connection asked for is gone.
    Rejected {
        /// The connection.
        conn: ConnId,
    },
    /// Another frame of a connection reaches the server. After a proof that fails a server does not
    /// listen to a connection any more; such frames are not reported.
    Heard {
        /// The connection.
        conn: ConnId,
        /// Of a write, the session's number of it.
        seq: Option<u32>,
    },
    /// A message of another server reaches this one.
    Received {
        /// The sender.
        from: NodeId,
        /// What it says.
        msg: &'a PeerMsg,
    },
    /// The server sends a message to another one.
    Sent {
        /// What it says.
        msg: &'a PeerMsg,
    },
    /// The leader to which the server can send; `None` if it leads itself or there is none.
    Uplink {
        /// The leader.
        leader: Option<NodeId>,
    },
    /// The server's process goes on after a pause.
    Resumed,
    /// The server applied the end of a session.
    Ended {
        /// The position of the transaction.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
        /// The session.
        session: SessionId,
        /// Whether nobody asked for it: the session expired.
        expired: bool,
        /// How many ephemeral nodes the session still has.
        left: usize,
    },
}
