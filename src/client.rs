//! A client of the ensemble as a state machine: connects, keeps its session alive, pipelines
//! requests, reconnects to another server and arms its watches again, as ZooKeeper's client does.

mod contract;
mod loss;
mod watches;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::history::{Outcome, Seen};
use crate::ids::{ConnId, NodeId, OpId, SessionId, Span, Zxid};
use crate::protocol::TimerRange;
use crate::tree::{Answer, Data, ErrorCode, Identity, Path, Request, Response, Write, acl};
use crate::wire::{ClientFrame, ServerFrame};
pub use contract::{ClientEffect, ClientInput, ClientSettings, ClientTimer};
use watches::ArmedWatches;

/// One client.
#[derive(Clone, Debug)]
pub struct Client {
    settings: ClientSettings,
    /// Which of its servers it tries or uses.
    server: usize,
    link: Link,
    session: SessionId,
    password: u64,
    /// The greatest zxid seen: no server that has applied less may serve this session.
    last_zxid: Zxid,
    /// The greatest zxid of an answer to a request: whatever watches had to tell through it was
    /// told before. An event says less, because others of its transaction, or of one SetWatches,
    /// may be lost with the connection.
    /// Invariant: at most `last_zxid`.
    told_zxid: Zxid,
    /// Whether it gives a wrong password next time.
    forges: bool,
    next_xid: u32,
    next_seq: u32,
    /// The answers to the session's writes were seen through this number.
    acked: u32,
    /// Operations without an answer, in the order of invocation; those sent come first.
    pending: VecDeque<Pending>,
    watches: ArmedWatches,
    /// The proofs that a server has accepted, in order: they outlive sessions.
    proofs: Vec<Proof>,
    /// Its address and what those prove.
    proved: Arc<[Identity]>,
    /// With what the proofs prove that have no answer yet and were sent on this connection.
    ids: Arc<[Identity]>,
}

/// What an addauth says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proof {
    scheme: Path,
    credential: Data,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Waiting to dial.
    Idle,
    /// Dialled.
    Dialling,
    /// Open; the session is not confirmed.
    Connecting { conn: ConnId, server: NodeId },
    /// In use.
    Attached { conn: ConnId, server: NodeId },
}

#[derive(Clone, Debug)]
struct Pending {
    op: OpId,
    request: Request,
    /// The write's number, from its first sending on.
    seq: u32,
    /// The number it was sent with on the present connection.
    xid: Option<u32>,
    /// Whether it was ever sent.
    sent: bool,
}

/// The number of a sending that belongs to no operation.
const NO_OPERATION: u32 = 0;

impl Client {
    /// A client that has done nothing yet.
    ///
    /// # Panics
    /// If it knows no server.
    pub fn new(settings: ClientSettings) -> Client {
        assert!(
            !settings.servers.is_empty(),
            "client {} knows no server",
            settings.id
        );
        let here: Arc<[Identity]> = Arc::from([Identity::new("ip", &settings.id.address())]);
        Client {
            settings,
            server: 0,
            link: Link::Idle,
            session: SessionId::NONE,
            password: 0,
            last_zxid: Zxid::ZERO,
            told_zxid: Zxid::ZERO,
            forges: false,
            next_xid: 1,
            next_seq: 1,
            acked: 0,
            pending: VecDeque::new(),
            watches: ArmedWatches::default(),
            proofs: Vec::new(),
            proved: here.clone(),
            ids: here,
        }
    }

    /// Takes one input.
    pub fn step(&mut self, input: ClientInput, out: &mut Vec<ClientEffect>) {
        match input {
            ClientInput::Start => self.redial_later(out),
            ClientInput::Invoke { op, request } => {
                self.pending.push_back(Pending {
                    op,
                    request,
                    seq: 0,
                    xid: None,
                    sent: false,
                });
                self.send_unsent(out);
            }
            ClientInput::Hop => {
                // One that is not attached is looking for another server as it is.
                if let Link::Attached { conn, .. } = self.link {
                    out.push(ClientEffect::HangUp(conn));
                    self.on_lost(out);
                }
            }
            ClientInput::Forge => {
                if let Link::Attached { conn, .. } = self.link {
                    self.forges = true;
                    out.push(ClientEffect::HangUp(conn));
                    self.on_lost(out);
                }
            }
            ClientInput::Die => {
                if let Link::Attached { conn, .. } = self.link {
                    out.push(ClientEffect::HangUp(conn));
                    self.begin_anew(out);
                }
            }
            ClientInput::Connected { conn, server } => self.on_connected(conn, server, out),
            ClientInput::Refused => {
                if self.link == Link::Dialling {
                    self.next_server(out);
                }
            }
            ClientInput::Down(conn) => {
                if self.conn() == Some(conn) {
                    self.on_lost(out);
                }
            }
            ClientInput::Frame { conn, frame } => {
                if self.conn() == Some(conn) {
                    self.on_frame(conn, frame, out);
                }
            }
            ClientInput::Timer(timer) => self.on_timer(timer, out),
        }
    }

    /// The session it has, or `NONE`.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// How many operations have no answer yet.
    pub fn open_operations(&self) -> usize {
        self.pending.len()
    }

    fn conn(&self) -> Option<ConnId> {
        match self.link {
            Link::Idle | Link::Dialling => None,
            Link::Connecting { conn, .. } | Link::Attached { conn, .. } => Some(conn),
        }
    }

    fn on_timer(&mut self, timer: ClientTimer, out: &mut Vec<ClientEffect>) {
        match timer {
            ClientTimer::Redial => {
                if self.link == Link::Idle {
                    self.link = Link::Dialling;
                    out.push(ClientEffect::Dial(self.settings.servers[self.server]));
                }
            }
            ClientTimer::Ping => {
                if let Link::Attached { conn, .. } = self.link {
                    out.push(ClientEffect::Send {
                        conn,
                        frame: ClientFrame::Ping,
                    });
                    self.set_ping(out);
                }
            }
            ClientTimer::Silence => {
                if let Some(conn) = self.conn() {
                    out.push(ClientEffect::HangUp(conn));
                    self.on_lost(out);
                }
            }
        }
    }

    fn on_connected(&mut self, conn: ConnId, server: NodeId, out: &mut Vec<ClientEffect>) {
        if self.link != Link::Dialling {
            // An answer to a dial that was given up.
            out.push(ClientEffect::HangUp(conn));
            return;
        }
        self.link = Link::Connecting { conn, server };
        let frame = ClientFrame::Connect {
            session: self.session,
            password: if self.forges {
                !self.password
            } else {
                self.password
            },
            timeout: self.settings.session_timeout,
            last_zxid: self.last_zxid,
        };
        out.push(ClientEffect::Send { conn, frame });
        self.set_silence(out);
    }

    fn on_frame(&mut self, conn: ConnId, frame: ServerFrame, out: &mut Vec<ClientEffect>) {
        self.note_sign_of_life(&frame, out);
        match frame {
            ServerFrame::Connected {
                session, password, ..
            } => {
                self.on_session(conn, session, password, out);
            }
            ServerFrame::Reply { xid, zxid, answer } => self.on_reply(xid, zxid, answer, out),
            ServerFrame::Event(event) => {
                self.last_zxid = self.last_zxid.max(event.zxid);
                self.watches.note_event(&event);
                let session = self.session;
                out.push(ClientEffect::Saw(Seen::Event { session, event }));
            }
            ServerFrame::WatchesSet { zxid } => self.note_answer(zxid),
            ServerFrame::Pong { .. } => {}
        }
    }

    /// A server that answers pings but no requests is as good as silent: it may be reachable for
    /// its clients only, and would keep them for ever without serving them. So while a request
    /// waits for its answer, a pong is no sign of life.
    fn note_sign_of_life(&self, frame: &ServerFrame, out: &mut Vec<ClientEffect>) {
        let alive = match frame {
            ServerFrame::Connected { .. }
            | ServerFrame::Reply { .. }
            | ServerFrame::Event(_)
            | ServerFrame::WatchesSet { .. } => true,
            ServerFrame::Pong { .. } => !self.waits(),
        };
        if alive {
            self.set_silence(out);
        }
    }

    /// Whether a request that was sent on the present connection has no answer yet.
    fn waits(&self) -> bool {
        self.pending
            .front()
            .is_some_and(|pending| pending.xid.is_some())
    }

    /// The server confirms the session, opens a new one, or says that the old one is gone.
    fn on_session(
        &mut self,
        conn: ConnId,
        session: SessionId,
        password: u64,
        out: &mut Vec<ClientEffect>,
    ) {
        let Link::Connecting { server, .. } = self.link else {
            panic!(
                "client {} was welcomed twice on one connection",
                self.settings.id
            );
        };
        if core::mem::take(&mut self.forges) {
            let admitted = session != SessionId::NONE;
            let session = self.session;
            out.push(ClientEffect::Saw(Seen::PasswordTried { session, admitted }));
            if !admitted {
                out.push(ClientEffect::HangUp(conn));
                self.link = Link::Idle;
                self.redial_later(out);
                return;
            }
        }
        if session == SessionId::NONE {
            out.push(ClientEffect::HangUp(conn));
            self.begin_anew(out);
            return;
        }
        if session != self.session {
            self.session = session;
            self.password = password;
            out.push(ClientEffect::Saw(Seen::SessionOpened(session)));
        }
        self.link = Link::Attached { conn, server };
        self.set_ping(out);
        self.prove_again(conn, out);
        if !self.watches.is_empty() {
            let frame = self.watches.frame(self.told_zxid);
            out.push(ClientEffect::Send { conn, frame });
        }
        self.send_unsent(out);
    }

    /// Sends the accepted proofs on a new connection: they come first, because the watches and
    /// the requests after them may need them.
    fn prove_again(&mut self, conn: ConnId, out: &mut Vec<ClientEffect>) {
        self.ids = self.proved.clone();
        for Proof { scheme, credential } in self.proofs.iter().cloned() {
            let frame = ClientFrame::Request {
                xid: NO_OPERATION,
                seq: 0,
                acked: self.acked,
                request: Request::Auth { scheme, credential },
            };
            out.push(ClientEffect::Send { conn, frame });
        }
    }

    /// Sends whatever was not sent on the present connection, in order.
    fn send_unsent(&mut self, out: &mut Vec<ClientEffect>) {
        let Link::Attached { conn, server } = self.link else {
            return;
        };
        if !self.waits() && !self.pending.is_empty() {
            // The answer may take its full time from here on.
            self.set_silence(out);
        }
        let session = self.session;
        for pending in self
            .pending
            .iter_mut()
            .filter(|pending| pending.xid.is_none())
        {
            let xid = self.next_xid;
            self.next_xid += 1;
            if pending.seq == 0 && matches!(pending.request, Request::Write(_)) {
                pending.seq = self.next_seq;
                self.next_seq += 1;
            }
            pending.xid = Some(xid);
            pending.sent = true;
            let Pending {
                op,
                seq,
                ref request,
                ..
            } = *pending;
            let frame = ClientFrame::Request {
                xid,
                seq,
                acked: self.acked,
                request: request.clone(),
            };
            if let Request::Auth { scheme, credential } = request {
                // One that fails closes the connection: nothing after it is asked by anybody.
                let proof = (!credential.is_null()).then_some(&**credential);
                let address = self.settings.id.address();
                let superuser = self.settings.superuser.as_deref();
                let proved = acl::authenticate(scheme, proof, &address, superuser);
                self.ids = acl::joined(&self.ids, proved.unwrap_or_default());
            }
            out.push(ClientEffect::Send { conn, frame });
            out.push(ClientEffect::Sent {
                op,
                session,
                xid,
                seq,
                conn,
                server,
                ids: self.ids.clone(),
            });
        }
    }

    fn note_answer(&mut self, zxid: Zxid) {
        self.last_zxid = self.last_zxid.max(zxid);
        self.told_zxid = self.told_zxid.max(zxid);
    }

    fn on_reply(&mut self, xid: u32, zxid: Zxid, answer: Answer, out: &mut Vec<ClientEffect>) {
        if xid == NO_OPERATION {
            // Accepted before, so accepted again. The events of the SetWatches after it are still
            // on their way.
            self.last_zxid = self.last_zxid.max(zxid);
            return;
        }
        let first = self.pending.pop_front();
        let pending = first
            .filter(|pending| pending.xid == Some(xid))
            .expect("answers come in the order of the requests on a connection");
        self.note_answer(zxid);
        match &pending.request {
            Request::Read(read) => self.watches.note_read(read, &answer),
            Request::Write(_) => self.acked = pending.seq,
            Request::Watch(watch) if answer.is_ok() => self.watches.note_request(watch),
            Request::Auth { scheme, credential } if answer.is_ok() => {
                let scheme = scheme.clone();
                let credential = credential.clone();
                self.note_proof(Proof { scheme, credential });
            }
            Request::Sync | Request::Watch(_) | Request::Auth { .. } => {}
        }
        let gone = match &answer {
            Ok(Response::SessionClosed) => matches!(
                pending.request,
                Request::Write(Write::CloseSession | Write::ExpireSession)
            ),
            Ok(_) => false,
            Err(failure) => failure.code == ErrorCode::SessionExpired,
        };
        let outcome = Outcome::Answered { zxid, answer };
        out.push(ClientEffect::Completed {
            op: pending.op,
            outcome,
        });
        if gone {
            if let Some(conn) = self.conn() {
                out.push(ClientEffect::HangUp(conn));
            }
            self.settle_sent(out);
            self.begin_anew(out);
        }
    }

    /// A proof was accepted: it is given again on every connection to come.
    fn note_proof(&mut self, proof: Proof) {
        let address = self.settings.id.address();
        let superuser = self.settings.superuser.as_deref();
        let secret = (!proof.credential.is_null()).then_some(&*proof.credential);
        let proved = acl::authenticate(&proof.scheme, secret, &address, superuser);
        self.proved = acl::joined(&self.proved, proved.unwrap_or_default());
        if !self.proofs.contains(&proof) {
            self.proofs.push(proof);
        }
    }

    fn set_ping(&self, out: &mut Vec<ClientEffect>) {
        let range = TimerRange::exactly(Span(self.settings.session_timeout.0 / 3));
        out.push(ClientEffect::SetTimer {
            timer: ClientTimer::Ping,
            range,
        });
    }

    /// Two thirds of the session's timeout without a sign of life: the server is taken for dead, so
    /// that there is time left to find another one.
    fn set_silence(&self, out: &mut Vec<ClientEffect>) {
        let range = TimerRange::exactly(Span(self.settings.session_timeout.0 / 3 * 2));
        out.push(ClientEffect::SetTimer {
            timer: ClientTimer::Silence,
            range,
        });
    }
}

#[cfg(test)]
mod tests;
