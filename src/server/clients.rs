//! Connections of clients and the sessions they speak for; their requests stand in `queue`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lead::Question;
use super::{Asking, Server, ServerEffect, ServerOutbox, acl};
use crate::canonical::RunHash;
use crate::ids::{ConnId, LocalTime, SessionId, Span, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{BarrierToken, Protocol};
use crate::tree::{Data, ErrorCode, Identity, Path, Read, Request, WatchRequest, Write};
use crate::wire::{ClientFrame, PeerMsg, ServerFrame};

/// A connection with more requests than this without an answer is closed.
const QUEUE_MAX: usize = 10_000;

/// A client's connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) phase: Phase,
    /// Requests not yet answered, in the order in which they came.
    pub(super) queue: VecDeque<Queued>,
    /// Whether it stands in the list of connections with a read to answer.
    pub(super) ready: bool,
    /// Where it comes from.
    address: Arc<str>,
    /// How many of its writes were sent on and have no answer yet.
    pub(super) in_flight: usize,
    /// When it last sent something on, or got an answer.
    pub(super) sent_at: LocalTime,
    /// How often it has sent the same again since.
    pub(super) attempts: u32,
    /// Whom it has proved to be, without repetitions.
    pub(super) ids: Arc<[Identity]>,
    /// A proof failed: what comes behind it is not heard, and it is closed behind the answer.
    deaf: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing came yet.
    Fresh,
    /// Its new session is on its way through the protocol.
    Opening {
        /// By which it knows its own request again. Where deltas are replicated it becomes the id
        /// of the session.
        token: SessionId,
        timeout: Span,
    },
    /// The leader is asked about its session, or the order is.
    Revalidating { session: SessionId, timeout: Span },
    /// It speaks for a session.
    Attached { session: SessionId },
}

#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) xid: u32,
    /// Whom the connection had proved to be when the request came.
    pub(super) ids: Arc<[Identity]>,
    pub(super) task: Task,
}

#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Waits for its own apply.
    Write {
        seq: u32,
        acked: u32,
        write: Write,
        sent: bool,
    },
    /// Its apply came; the answer waits for its turn.
    Answered(ServerFrame),
    /// Answered from the state when its turn comes.
    Read(Read),
    /// Answered from the watches when its turn comes.
    Watch(WatchRequest),
    /// Arms watches again when its turn comes.
    SetWatches(Box<Armed>),
    /// Judged when it came; the answer waits for its turn.
    Proved(Result<(), ErrorCode>),
    /// Not yet asked for.
    Sync,
    /// Asked for.
    Barrier(BarrierToken),
    /// Reached: waits until the state holds everything through here.
    Reached(Zxid),
}

/// The watches that a client has armed.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    pub(super) relative: Zxid,
    pub(super) data: Vec<Path>,
    pub(super) exist: Vec<Path>,
    pub(super) child: Vec<Path>,
    pub(super) persistent: Vec<Path>,
    pub(super) recursive: Vec<Path>,
}

impl Connection {
    fn push(&mut self, xid: u32, task: Task) {
        let ids = self.ids.clone();
        self.queue.push_back(Queued { xid, ids, task });
    }

    fn push_request(
        &mut self,
        xid: u32,
        seq: u32,
        acked: u32,
        request: Request,
        superuser: Option<&str>,
    ) {
        let task = match request {
            Request::Write(write) => Task::Write {
                seq,
                acked,
                write,
                sent: false,
            },
            Request::Read(read) => Task::Read(read),
            Request::Watch(watch) => Task::Watch(watch),
            Request::Auth { scheme, credential } => {
                Task::Proved(self.prove(&scheme, &credential, superuser))
            }
            Request::Sync => Task::Sync,
        };
        self.push(xid, task);
    }

    /// Judges a proof. From now on requests are asked by whom it proves, too; those before it are
    /// not.
    fn prove(
        &mut self,
        scheme: &str,
        credential: &Data,
        superuser: Option<&str>,
    ) -> Result<(), ErrorCode> {
        let proof = (!credential.is_null()).then_some(&**credential);
        let proved = acl::authenticate(scheme, proof, &self.address, superuser);
        self.deaf = proved.is_err();
        self.ids = acl::joined(&self.ids, proved?);
        Ok(())
    }
}

impl<P: Protocol> Server<P> {
    pub(super) fn on_client_up(&mut self, conn: ConnId, address: &Arc<str>) {
        let connection = Connection {
            phase: Phase::Fresh,
            queue: VecDeque::new(),
            ready: false,
            in_flight: 0,
            sent_at: LocalTime(0),
            attempts: 0,
            address: address.clone(),
            ids: Arc::from([Identity::new("ip", address)]),
            deaf: false,
        };
        self.connections.insert(conn, connection);
    }

    pub(super) fn on_client_frame(
        &mut self,
        now: LocalTime,
        conn: ConnId,
        frame: ClientFrame,
        out: &mut ServerOutbox<P>,
    ) {
        if !self.admits(now, conn, &frame, out) {
            return;
        }
        match frame {
            ClientFrame::Connect {
                session,
                password,
                timeout,
                last_zxid,
            } => {
                self.on_connect(now, conn, session, password, timeout, last_zxid, out);
            }
            ClientFrame::Ping => {
                let zxid = self.state.applied();
                out.push(ServerEffect::Reply {
                    conn,
                    frame: ServerFrame::Pong { zxid },
                });
            }
            ClientFrame::Request {
                xid,
                seq,
                acked,
                request,
            } => {
                let superuser = self.settings.superuser.as_deref();
                let connection = self.connections.get_mut(&conn);
                let connection = connection.expect("its frame was admitted");
                connection.push_request(xid, seq, acked, request, superuser);
                self.advance_connection(now, conn, out);
            }
            ClientFrame::SetWatches {
                relative,
                data,
                exist,
                child,
                persistent,
                recursive,
            } => {
                let task = Task::SetWatches(Box::new(Armed {
                    relative,
                    data,
                    exist,
                    child,
                    persistent,
                    recursive,
                }));
                let connection = self.connections.get_mut(&conn);
                connection.expect("its frame was admitted").push(0, task);
                self.advance_connection(now, conn, out);
            }
        }
    }

    /// Whether a frame is to be acted on. A connection that breaks the rules is closed.
    fn admits(
        &mut self,
        now: LocalTime,
        conn: ConnId,
        frame: &ClientFrame,
        out: &mut ServerOutbox<P>,
    ) -> bool {
        let Some(connection) = self.connections.get(&conn) else {
            // Closed from this side; the frame was on its way.
            return false;
        };
        if connection.deaf {
            // About to be closed.
            return false;
        }
        let is_full = connection.queue.len() >= QUEUE_MAX;
        if let Phase::Attached { session } = connection.phase {
            self.note_sign_of_life(now, session);
            if self.has_left(session) && !is_write_or_proof(frame) {
                // As in ZooKeeper only a leader looks at what it can answer by itself. A write is
                // refused in its turn, because it takes a zxid.
                self.close(conn, out);
                return false;
            }
        }
        if is_full {
            // It sends without waiting for answers.
            self.close(conn, out);
        }
        !is_full
    }

    /// A connection introduces itself: opens a session, or attaches to one.
    #[expect(clippy::too_many_arguments, reason = "one for each field of the frame")]
    pub(super) fn on_connect(
        &mut self,
        now: LocalTime,
        conn: ConnId,
        session: SessionId,
        password: u64,
        timeout: Span,
        last_zxid: Zxid,
        out: &mut ServerOutbox<P>,
    ) {
        let is_behind = last_zxid > self.state.applied() && !self.mutations.has(Mutation::T13);
        if !self.serves() || is_behind {
            // Not in service, or behind what the client has seen: it must not go back in time.
            self.close(conn, out);
            return;
        }
        let timeout = timeout.clamp(
            self.settings.session_timeout_min,
            self.settings.session_timeout_max,
        );
        if let Some(older) = self.attached.get(&session).copied() {
            // It goes even if the password turns out to be wrong.
            self.close(older, out);
        }
        if session == SessionId::NONE {
            let token = self.new_token(now);
            self.set_phase(conn, Phase::Opening { token, timeout });
            self.attached.insert(token, conn);
            let opening = Asking::own(token, Write::CreateSession { timeout });
            self.note_sent(now, conn);
            self.route(now, opening, out);
        } else if password != password_of(session) && !self.mutations.has(Mutation::N17) {
            self.reject_session(conn, out);
        } else if self.attaches_by_order() {
            self.set_phase(conn, Phase::Revalidating { session, timeout });
            self.note_sent(now, conn);
            self.route(now, Asking::attaching(session, timeout), out);
        } else {
            self.set_phase(conn, Phase::Revalidating { session, timeout });
            if self.leads() {
                self.on_revalidate(now, self.me, session, Question { conn, via: None }, out);
            } else {
                self.send_to_leader(PeerMsg::Revalidate { session, conn }, out);
            }
        }
    }

    fn note_sent(&mut self, now: LocalTime, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.sent_at = now;
            connection.attempts = 0;
        }
    }

    /// The word of the leader on a session that reconnected here. Only the connection of the very
    /// question is attached:
    /// 1. A client connects here, is cut off, and connects here again: two questions.
    /// 2. The word on the first reaches the second connection, which is attached, writes, and is
    ///    cut off as well. The client goes on elsewhere, and writes.
    /// 3. The second question reaches the leader, which moves the session back here, and behind it
    ///    comes the write that was sent on: it takes effect after the later one.
    ///
    /// (ZooKeeper's `Learner.revalidate` knows the session only.)
    pub(super) fn on_word(
        &mut self,
        now: LocalTime,
        session: SessionId,
        conn: ConnId,
        alive: bool,
        out: &mut ServerOutbox<P>,
    ) {
        if self.mutations.has(Mutation::N46) {
            self.on_revalidated(now, session, alive, out);
            return;
        }
        let phase = self.connections.get(&conn).map(|asks| asks.phase);
        match phase {
            Some(Phase::Revalidating { session: own, .. }) if own == session => {
                self.conclude_attach(now, conn, alive, out);
            }
            // It broke meanwhile.
            None | Some(_) => {}
        }
    }

    /// The word of the order on a session that reconnected here. If several connections wait for
    /// it, the latest one is the client's.
    pub(super) fn on_revalidated(
        &mut self,
        now: LocalTime,
        session: SessionId,
        alive: bool,
        out: &mut ServerOutbox<P>,
    ) {
        let asks = |connection: &Connection| match connection.phase {
            Phase::Revalidating { session: own, .. } => own == session,
            Phase::Fresh | Phase::Opening { .. } | Phase::Attached { .. } => false,
        };
        let asking = self
            .connections
            .iter()
            .filter(|(_, connection)| asks(connection));
        let asking: Vec<ConnId> = asking.map(|(conn, _)| *conn).collect();
        // If there is none, the connection broke meanwhile.
        let Some((latest, older)) = asking.split_last() else {
            return;
        };
        for conn in older {
            self.close(*conn, out);
        }
        self.conclude_attach(now, *latest, alive, out);
    }

    fn conclude_attach(
        &mut self,
        now: LocalTime,
        conn: ConnId,
        alive: bool,
        out: &mut ServerOutbox<P>,
    ) {
        let phase = self
            .connections
            .get(&conn)
            .map(|connection| connection.phase);
        let Some(Phase::Revalidating { session, timeout }) = phase else {
            unreachable!("{conn:?} asks for a session")
        };
        if !alive {
            self.reject_session(conn, out);
            return;
        }
        if let Some(older) = self.attached.insert(session, conn)
            && older != conn
        {
            // The session's earlier connection to this very server, not yet known to be broken.
            self.close(older, out);
            self.attached.insert(session, conn);
        }
        self.welcome(now, conn, session, timeout, out);
    }

    pub(super) fn welcome(
        &mut self,
        now: LocalTime,
        conn: ConnId,
        session: SessionId,
        timeout: Span,
        out: &mut ServerOutbox<P>,
    ) {
        self.attached.retain(|_, attached| *attached != conn);
        self.attached.insert(session, conn);
        self.set_phase(conn, Phase::Attached { session });
        self.note_sign_of_life(now, session);
        let password = password_of(session);
        let frame = ServerFrame::Connected {
            session,
            password,
            timeout,
        };
        out.push(ServerEffect::Reply { conn, frame });
        self.advance_connection(now, conn, out);
    }

    /// The session is gone, or was never this client's.
    pub(super) fn reject_session(&mut self, conn: ConnId, out: &mut ServerOutbox<P>) {
        let frame = ServerFrame::Connected {
            session: SessionId::NONE,
            password: 0,
            timeout: Span::ZERO,
        };
        out.push(ServerEffect::Reply { conn, frame });
        self.close(conn, out);
    }

    /// Sends every client away: this server is no longer in service.
    pub(super) fn drop_every_client(&mut self, out: &mut ServerOutbox<P>) {
        let conns: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in conns {
            self.close(conn, out);
        }
    }

    pub(super) fn close(&mut self, conn: ConnId, out: &mut ServerOutbox<P>) {
        out.push(ServerEffect::Disconnect(conn));
        self.forget_connection(conn);
    }

    pub(super) fn forget_connection(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.remove(&conn) {
            self.in_flight -= connection.in_flight;
        }
        self.throttled.remove(&conn);
        self.attached.retain(|_, attached| *attached != conn);
        self.barriers.retain(|_, waiting| *waiting != conn);
        self.reached.retain(|(_, waiting)| *waiting != conn);
        self.ready.retain(|ready| *ready != conn);
        self.watches.drop_conn(conn);
    }

    pub(super) fn set_phase(&mut self, conn: ConnId, phase: Phase) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.phase = phase;
        }
    }

    /// As ZooKeeper's session ids: the server in the high byte, then the time, then a counter. The
    /// local clock does not go back over a restart, so no token comes twice; and the high byte
    /// keeps them apart from ids that are places in an order.
    fn new_token(&mut self, now: LocalTime) -> SessionId {
        self.next_session = self.next_session.wrapping_add(1);
        let micros = (now.0 / 1_000) & 0xff_ffff_ffff;
        SessionId(u64::from(self.me.0) << 56 | micros << 16 | u64::from(self.next_session))
    }
}

/// Whether a frame is not answered by the contacted server from what it has.
fn is_write_or_proof(frame: &ClientFrame) -> bool {
    match frame {
        ClientFrame::Request { request, .. } => match request {
            Request::Write(_) | Request::Auth { .. } => true,
            Request::Read(_) | Request::Watch(_) | Request::Sync => false,
        },
        ClientFrame::Connect { .. } | ClientFrame::Ping | ClientFrame::SetWatches { .. } => false,
    }
}

/// The password of a session: derived from its id, the same at every server.
pub(super) fn password_of(session: SessionId) -> u64 {
    let mut hash = RunHash::new();
    hash.word(0x7061_7373_776f_7264);
    hash.word(session.0);
    hash.value()
}
