//! The queue of a connection: forwarding, the order of answers, reads and barriers.
//!
//! Answers leave a connection in the order of its requests. A write is forwarded at once, unless a
//! sync stands before it; a read waits until everything before it is answered. So a session's
//! answers carry zxids that never decrease.

use super::{Asking, Server, ServerEffect, ServerOutbox, ServerTimer, Waiting};
use crate::ids::{ConnId, LocalTime, SessionId, Span};
use crate::mutation::Mutation;
use crate::protocol::{BarrierOutcome, BarrierToken, Gate, Input, Protocol, Role, TimerRange};
use crate::tree::{Applied, Asker, ErrorCode, Execution, Failure, Lists, Response};
use crate::wire::{Packet, PeerMsg, ServerFrame};

use super::clients::{Armed, Connection, Phase, Queued, Task};

/// What a connection's queue has for the leader.
struct Sendable {
    writes: Vec<Asking>,
    /// The token of the sync after them; what follows it has to wait.
    barrier: Option<BarrierToken>,
    /// Whether a write stays because there is no room for it.
    throttled: bool,
}

/// Marks as sent what can be sent: so many writes at most, up to the next sync.
fn sendable(
    connection: &mut Connection,
    session: SessionId,
    room: usize,
    next_barrier: &mut u64,
) -> Sendable {
    let mut sendable = Sendable {
        writes: Vec::new(),
        barrier: None,
        throttled: false,
    };
    for queued in &mut connection.queue {
        match &mut queued.task {
            Task::Write { sent: true, .. } => {}
            Task::Write { sent: false, .. } if sendable.writes.len() == room => {
                sendable.throttled = true;
                break;
            }
            Task::Write {
                seq,
                acked,
                write,
                sent,
            } => {
                *sent = true;
                sendable.writes.push(Asking {
                    session,
                    seq: *seq,
                    acked: *acked,
                    ids: queued.ids.clone(),
                    write: write.clone(),
                });
            }
            Task::Sync => {
                let token = BarrierToken(*next_barrier);
                *next_barrier += 1;
                queued.task = Task::Barrier(token);
                sendable.barrier = Some(token);
                break;
            }
            // What follows a sync is not sent before the sync is answered.
            Task::Barrier(_) | Task::Reached(_) => break,
            Task::Answered(_)
            | Task::Read(_)
            | Task::Watch(_)
            | Task::SetWatches(_)
            | Task::Proved(_) => {}
        }
    }
    sendable
}

impl<P: Protocol> Server<P> {
    /// Moves a connection's queue on: sends what can be sent, answers what can be answered.
    pub(super) fn advance_connection(
        &mut self,
        now: LocalTime,
        conn: ConnId,
        out: &mut ServerOutbox<P>,
    ) {
        if P::PROMISES.at_most_once {
            self.answer_retries(conn);
        }
        self.flush(conn, out);
        let room = self.in_flight_max();
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let Phase::Attached { session } = connection.phase else {
            return;
        };
        let room = room.saturating_sub(self.in_flight);
        let Sendable {
            writes,
            barrier,
            throttled,
        } = sendable(connection, session, room, &mut self.next_barrier);
        if throttled {
            self.throttled.insert(conn);
        }
        if !writes.is_empty() && connection.in_flight == 0 {
            connection.sent_at = now;
            connection.attempts = 0;
        }
        connection.in_flight += writes.len();
        self.in_flight += writes.len();
        for asking in writes {
            self.route(now, asking, out);
        }
        // The leader's queue may be full: then the connection is closed, and asks for nothing more.
        if let Some(token) = barrier
            && self.connections.contains_key(&conn)
        {
            self.barriers.insert(token, conn);
            self.feed(now, Input::Barrier(token), out);
        }
    }

    /// Answers the retries that were decided before they came here. Had they to wait for their own
    /// repetition in the order, a later write of the session could be applied before it, and a read
    /// that stands between the two would see that later write.
    pub(super) fn answer_retries(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let Phase::Attached { session } = connection.phase else {
            return;
        };
        for queued in &mut connection.queue {
            if let Task::Write {
                seq, sent: false, ..
            } = queued.task
                && let Some((zxid, answer)) = self.state.decided(session, seq)
            {
                let (xid, answer) = (queued.xid, answer.clone());
                queued.task = Task::Answered(ServerFrame::Reply { xid, zxid, answer });
            }
        }
    }

    /// Sends the answers whose turn has come.
    pub(super) fn flush(&mut self, conn: ConnId, out: &mut ServerOutbox<P>) {
        let applied = self.state.applied();
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        while let Some(first) = connection.queue.front() {
            match &first.task {
                Task::Answered(frame) => {
                    out.push(ServerEffect::Reply {
                        conn,
                        frame: frame.clone(),
                    });
                    connection.queue.pop_front();
                }
                Task::Reached(through) if applied >= *through => {
                    let answer = Ok(Response::Synced);
                    let frame = ServerFrame::Reply {
                        xid: first.xid,
                        zxid: applied,
                        answer,
                    };
                    out.push(ServerEffect::Reply { conn, frame });
                    connection.queue.pop_front();
                }
                Task::Proved(proved) => {
                    let (xid, proved) = (first.xid, *proved);
                    connection.queue.pop_front();
                    let answer = match proved {
                        Ok(()) => Ok(Response::Authenticated),
                        Err(code) => Err(Failure::of(code)),
                    };
                    let zxid = applied;
                    let frame = ServerFrame::Reply { xid, zxid, answer };
                    out.push(ServerEffect::Reply { conn, frame });
                    if proved.is_err() {
                        self.close(conn, out);
                        return;
                    }
                }
                Task::Read(_) | Task::Watch(_) | Task::SetWatches(_) => {
                    if !connection.ready {
                        connection.ready = true;
                        self.ready.push_back(conn);
                    }
                    return;
                }
                Task::Write { .. } | Task::Sync | Task::Barrier(_) | Task::Reached(_) => return,
            }
        }
    }

    /// The micro-step of a read: answers the first request of a connection.
    pub(super) fn answer_read(&mut self, now: LocalTime, conn: ConnId, out: &mut ServerOutbox<P>) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            // It broke after it was put on the list.
            return;
        };
        connection.ready = false;
        let session = match connection.phase {
            Phase::Attached { session } => session,
            Phase::Fresh | Phase::Opening { .. } | Phase::Revalidating { .. } => SessionId::NONE,
        };
        let Some(Queued { xid, ids, task }) = connection.queue.pop_front() else {
            return;
        };
        let asker = Asker { session, ids: &ids };
        match task {
            Task::Read(read) => {
                let answer = self.state.read_as(asker, &read);
                if let Some((kind, path)) = read.watch_left(&answer) {
                    self.watches.arm(conn, kind, path.clone());
                }
                let zxid = self.state.applied();
                let frame = ServerFrame::Reply { xid, zxid, answer };
                out.push(ServerEffect::Reply { conn, frame });
            }
            Task::Watch(watch) => {
                let answer = self.watches.serve(conn, &watch);
                let zxid = self.state.applied();
                let frame = ServerFrame::Reply { xid, zxid, answer };
                out.push(ServerEffect::Reply { conn, frame });
            }
            Task::SetWatches(armed) => self.arm_again(conn, &armed, out),
            task @ (Task::Write { .. }
            | Task::Answered(_)
            | Task::Proved(_)
            | Task::Sync
            | Task::Barrier(_)
            | Task::Reached(_)) => panic!("{task:?} stood where a read was expected"),
        }
        self.advance_connection(now, conn, out);
    }

    /// Arms a client's watches again: the events that it missed come before the answer.
    fn arm_again(&mut self, conn: ConnId, armed: &Armed, out: &mut ServerOutbox<P>) {
        let lists = Lists {
            data: &armed.data,
            exist: &armed.exist,
            child: &armed.child,
            persistent: &armed.persistent,
            recursive: &armed.recursive,
        };
        let relative = if self.mutations.has(Mutation::T11) {
            Some(self.state.applied())
        } else {
            Some(armed.relative)
        };
        for event in self.watches.set_all(conn, &self.state, relative, lists) {
            let frame = ServerFrame::Event(event);
            out.push(ServerEffect::Reply { conn, frame });
        }
        let zxid = self.state.applied();
        let frame = ServerFrame::WatchesSet { zxid };
        out.push(ServerEffect::Reply { conn, frame });
    }

    /// Sends a write to where it is prepared: this server if it leads, else the leader.
    pub(super) fn route(&mut self, now: LocalTime, asking: Asking, out: &mut ServerOutbox<P>) {
        if self.standing.role == Role::Leading {
            let from = self.me;
            self.on_forwarded(now, Waiting::of(from, asking), out);
        } else {
            let Asking {
                session,
                seq,
                acked,
                ids,
                write,
            } = asking;
            let request = PeerMsg::Request {
                session,
                seq,
                acked,
                ids,
                write,
            };
            self.send_to_leader(request, out);
        }
        if P::PROMISES.at_most_once && !self.resend_set {
            self.resend_set = true;
            self.set_resend_timer(self.patience(0), out);
        }
    }

    pub(super) fn send_to_leader(&mut self, msg: PeerMsg, out: &mut ServerOutbox<P>) {
        if let (Some(to), Some(via)) = (self.standing.leader, self.standing.uplink) {
            let packet = Packet::Peer(msg);
            out.push(ServerEffect::Send {
                to,
                via,
                packet,
                gate: Gate::Now,
            });
        }
        // Without a leader: Zab has sent its clients away; Paxos sends again by its timer.
    }

    /// The client of a session gave a sign of life here. A leader counts it at once, as ZooKeeper's
    /// does: if its process stands still before the next half tick, it expires before it counts.
    pub(super) fn note_sign_of_life(&mut self, now: LocalTime, session: SessionId) {
        if self.standing.role == Role::Leading && !self.mutations.has(Mutation::N44) {
            self.on_touches(now, &[session]);
        } else {
            self.touched.insert(session);
        }
    }

    /// Reports to the leader which sessions were heard of.
    pub(super) fn on_touch_timer(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let half_tick = TimerRange::exactly(Span(self.knobs.tick.0 / 2));
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Touch,
            range: half_tick,
        });
        if self.touched.is_empty() {
            return;
        }
        let sessions: Vec<SessionId> = core::mem::take(&mut self.touched).into_iter().collect();
        if self.standing.role == Role::Leading {
            self.on_touches(now, &sessions);
        } else if !self.mutations.has(Mutation::N13) {
            self.send_to_leader(PeerMsg::Touch { sessions }, out);
        }
    }

    /// A barrier ended: its connection waits for the state to catch up, or is sent away (the reads
    /// pipelined after a failed sync must not be answered as if it had succeeded).
    pub(super) fn on_barrier(
        &mut self,
        now: LocalTime,
        token: BarrierToken,
        outcome: BarrierOutcome,
        out: &mut ServerOutbox<P>,
    ) {
        let Some(conn) = self.barriers.remove(&token) else {
            // Its connection broke.
            return;
        };
        match outcome {
            BarrierOutcome::Failed => self.close(conn, out),
            BarrierOutcome::Reached => {
                let handed = self.handed;
                let queue = &mut self
                    .connections
                    .get_mut(&conn)
                    .expect("a barrier is forgotten with its connection")
                    .queue;
                let queued = queue
                    .iter_mut()
                    .find(|queued| matches!(queued.task, Task::Barrier(own) if own == token))
                    .expect("a barrier stands in its connection's queue until it is reached");
                queued.task = Task::Reached(handed);
                self.reached.push((handed, conn));
                self.complete_barriers(now, out);
            }
        }
    }

    /// Answers the barriers that the state has caught up with.
    pub(super) fn complete_barriers(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let applied = self.state.applied();
        while let Some(place) = self
            .reached
            .iter()
            .position(|(through, _)| applied >= *through)
        {
            let (_, conn) = self.reached.remove(place);
            self.advance_connection(now, conn, out);
        }
    }

    /// An apply answers the write that it came from, if its session is attached here.
    pub(super) fn answer_applied(
        &mut self,
        now: LocalTime,
        applied: Applied,
        out: &mut ServerOutbox<P>,
    ) {
        let Applied {
            session,
            seq,
            answer,
            execution,
            decided_at,
            closed,
            opened,
            ..
        } = applied;
        if let Some(conn) = self.attached.get(&session).copied() {
            let connection = self
                .connections
                .get_mut(&conn)
                .expect("attached connections are known");
            match connection.phase {
                Phase::Opening { timeout, .. } if seq == 0 && answer.is_ok() => {
                    let session = opened.unwrap_or(session);
                    self.welcome(now, conn, session, timeout, out);
                }
                Phase::Attached { .. } if execution != Execution::OutOfOrder => {
                    let moved =
                        matches!(&answer, Err(failure) if failure.code == ErrorCode::SessionMoved);
                    let waits = connection.queue.iter_mut().find(|queued| {
                        matches!(&queued.task, Task::Write { seq: own, .. } if *own == seq)
                    });
                    if waits.is_some() && moved {
                        self.close(conn, out);
                    } else if let Some(queued) = waits {
                        if matches!(queued.task, Task::Write { sent: true, .. }) {
                            connection.in_flight -= 1;
                            connection.attempts = 0;
                            connection.sent_at = now;
                            self.in_flight -= 1;
                        }
                        let frame = ServerFrame::Reply {
                            xid: queued.xid,
                            zxid: decided_at,
                            answer,
                        };
                        queued.task = Task::Answered(frame);
                        self.advance_connection(now, conn, out);
                    }
                }
                // Refused for its order: it is sent again in order.
                Phase::Attached { .. }
                | Phase::Opening { .. }
                | Phase::Fresh
                | Phase::Revalidating { .. } => {}
            }
        }
        if let Some(closed) = closed
            && let Some(conn) = self.attached.get(&closed).copied()
        {
            self.close(conn, out);
        }
    }
}
