//! The inputs of a client, its effects, and its settings.

use std::sync::Arc;

use crate::history::{Outcome, Seen};
use crate::ids::{ClientId, ConnId, NodeId, OpId, SessionId, Span};
use crate::protocol::TimerRange;
use crate::tree::{Identity, Request};
use crate::wire::{ClientFrame, ServerFrame};

/// The timers of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientTimer {
    /// Send a ping.
    Ping,
    /// Nothing was heard of the server, or nothing answered, for too long: try another one.
    Silence,
    /// Try the next server.
    Redial,
}

/// One input of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientInput {
    /// The run begins.
    Start,
    /// The workload wants an operation done.
    Invoke {
        /// Its number.
        op: OpId,
        /// The request.
        request: Request,
    },
    /// The workload wants the client to go on at another server, with its session.
    Hop,
    /// The workload wants the client to go on at another server, where it first asks for its
    /// session with a wrong password.
    Forge,
    /// The client's process dies: it forgets its session, and begins anew.
    Die,
    /// The connection that was dialled is open.
    Connected {
        /// Its name.
        conn: ConnId,
        /// The server.
        server: NodeId,
    },
    /// The connection that was dialled could not be opened.
    Refused,
    /// The connection broke.
    Down(ConnId),
    /// The server sent something.
    Frame {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: ServerFrame,
    },
    /// A timer went off.
    Timer(ClientTimer),
}

/// One effect of a client, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEffect {
    /// Open a connection; the answer is `Connected` or `Refused`. At most one dial is open.
    Dial(NodeId),
    /// Send a frame.
    Send {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: ClientFrame,
    },
    /// Close the connection; nothing more is heard of it.
    HangUp(ConnId),
    /// Set or replace a timer.
    SetTimer {
        /// The timer.
        timer: ClientTimer,
        /// From where the delay is drawn.
        range: TimerRange,
    },
    /// Forget a timer.
    CancelTimer(ClientTimer),
    /// An operation left for a server: fills in where it went.
    Sent {
        /// Which operation.
        op: OpId,
        /// Under which session.
        session: SessionId,
        /// With which number.
        xid: u32,
        /// Of a write: its number among the session's writes; 0 otherwise.
        seq: u32,
        /// On which connection.
        conn: ConnId,
        /// To which server.
        server: NodeId,
        /// Whom it is asked by, as far as the server knows by then.
        ids: Arc<[Identity]>,
    },
    /// An operation ended.
    Completed {
        /// Which.
        op: OpId,
        /// Whether it was reached.
        outcome: Outcome,
    },
    /// Something else that the client saw.
    Saw(Seen),
}

/// A client's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// The client.
    pub id: ClientId,
    /// The servers in the order in which it tries them.
    pub servers: Vec<NodeId>,
    /// The session timeout it asks for.
    pub session_timeout: Span,
    /// Whether a write whose outcome is unknown is sent again under its old number (only sound
    /// where [`crate::protocol::Promises::at_most_once`] holds).
    pub retry_writes: bool,
    /// See [`crate::server::ServerSettings::superuser`].
    pub superuser: Option<Arc<str>>,
}
