//! A client of the ensemble as a state machine: connects, keeps its session alive, pipelines
//! requests, reconnects to another server and arms its watches again, as ZooKeeper's client does.

use crate::history::{Outcome, Seen};
use crate::ids::{ClientId, ConnId, LocalTime, NodeId, OpId, SessionId, Span, Zxid};
use crate::protocol::TimerRange;
use crate::tree::Request;
use crate::wire::{ClientFrame, ServerFrame};

/// The timers of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientTimer {
    /// Send a ping.
    Ping,
    /// Nothing was heard of the server for too long: try another one.
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
        /// What.
        request: Request,
    },
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
        /// What.
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
        /// What.
        frame: ClientFrame,
    },
    /// Close the connection; nothing more is heard of it.
    HangUp(ConnId),
    /// Set or replace a timer.
    SetTimer {
        /// Which.
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
        /// On which connection.
        conn: ConnId,
        /// To which server.
        server: NodeId,
    },
    /// An operation ended.
    Completed {
        /// Which.
        op: OpId,
        /// How.
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
}

/// Placeholder of the client: connects, sends every request at once, takes the answers in order.
#[derive(Debug)]
pub struct Client {
    settings: ClientSettings,
    next: usize,
    conn: Option<(ConnId, NodeId)>,
    session: SessionId,
    xid: u32,
    open: std::collections::VecDeque<OpId>,
}

impl Client {
    /// A client.
    pub fn new(settings: ClientSettings) -> Client {
        Client {
            settings,
            next: 0,
            conn: None,
            session: SessionId::NONE,
            xid: 0,
            open: std::collections::VecDeque::new(),
        }
    }

    /// Takes one input.
    pub fn step(&mut self, _now: LocalTime, input: ClientInput, out: &mut Vec<ClientEffect>) {
        match input {
            ClientInput::Start | ClientInput::Timer(_) => {
                out.push(ClientEffect::Dial(self.settings.servers[self.next]));
            }
            ClientInput::Invoke { op, request } => match self.conn {
                None => out.push(ClientEffect::Completed {
                    op,
                    outcome: Outcome::Refused(crate::history::Refused::NotSent),
                }),
                Some((conn, server)) => {
                    self.xid += 1;
                    self.open.push_back(op);
                    let xid = self.xid;
                    let session = self.session;
                    out.push(ClientEffect::Sent {
                        op,
                        session,
                        xid,
                        conn,
                        server,
                    });
                    let frame = ClientFrame::Request {
                        xid,
                        seq: 0,
                        acked: 0,
                        request,
                    };
                    out.push(ClientEffect::Send { conn, frame });
                }
            },
            ClientInput::Connected { conn, server } => {
                self.conn = Some((conn, server));
                let frame = ClientFrame::Connect {
                    session: self.session,
                    password: 0,
                    timeout: self.settings.session_timeout,
                    last_zxid: Zxid::ZERO,
                };
                out.push(ClientEffect::Send { conn, frame });
            }
            ClientInput::Refused | ClientInput::Down(_) => {
                self.conn = None;
                for op in self.open.drain(..) {
                    out.push(ClientEffect::Completed {
                        op,
                        outcome: Outcome::Unknown,
                    });
                }
                self.next = (self.next + 1) % self.settings.servers.len();
                out.push(ClientEffect::SetTimer {
                    timer: ClientTimer::Redial,
                    range: TimerRange::exactly(Span::millis(5)),
                });
            }
            ClientInput::Frame { conn: _, frame } => match frame {
                ServerFrame::Connected { session, .. } => {
                    self.session = session;
                    out.push(ClientEffect::Saw(Seen::SessionOpened(session)));
                }
                ServerFrame::Reply { zxid, answer, .. } => {
                    let op = self.open.pop_front().expect("an answer answers a request");
                    let outcome = Outcome::Answered { zxid, answer };
                    out.push(ClientEffect::Completed { op, outcome });
                }
                ServerFrame::NotExecuted { .. }
                | ServerFrame::Event(_)
                | ServerFrame::Pong { .. } => {}
            },
        }
    }
}
