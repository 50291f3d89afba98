//! Sending again what was not answered, where retries are recognised: each connection waits twice
//! as long each time, so that slow links are not filled with repeats.

use super::clients::{Phase, Task};
use super::{Asking, Server, ServerEffect, ServerOutbox, ServerTimer};
use crate::ids::{ConnId, LocalTime, Span};
use crate::mutation::Mutation;
use crate::protocol::{Protocol, TimerRange};
use crate::tree::Write;

/// How often the wait before the same is sent again doubles.
const DOUBLINGS_MAX: u32 = 3;

impl<P: Protocol> Server<P> {
    /// How long to wait for an answer before the same is sent again: several round trips at first,
    /// then twice as long each time, up to a bound.
    pub(super) fn patience(&self, attempts: u32) -> Span {
        if self.mutations.has(Mutation::N19) {
            return self.knobs.retransmit.times(4);
        }
        self.knobs
            .retransmit
            .times(4 << attempts.min(DOUBLINGS_MAX))
    }

    /// The driver draws from a range as wide as the wait, so that servers do not send again in
    /// step.
    pub(super) fn set_resend_timer(&self, wait: Span, out: &mut ServerOutbox<P>) {
        let min = wait.max(self.knobs.retransmit);
        let range = if self.mutations.has(Mutation::N19) {
            TimerRange::exactly(self.patience(0))
        } else {
            let max = min.times(2);
            TimerRange { min, max }
        };
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Resend,
            range,
        });
    }

    /// There is another leader: it may know nothing of what was sent to the one before.
    pub(super) fn hurry_resends(&mut self, out: &mut ServerOutbox<P>) {
        for connection in self.connections.values_mut() {
            connection.attempts = 0;
        }
        if self.resend_set && !self.mutations.has(Mutation::N19) {
            self.set_resend_timer(self.knobs.retransmit, out);
        }
    }

    /// Sends again what has waited for its answer for long enough, each connection's in order.
    /// Only where retries are recognised.
    pub(super) fn on_resend_timer(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let mut due = Vec::new();
        let mut next: Option<Span> = None;
        let conns: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in conns {
            let unanswered = self.unanswered(conn);
            if unanswered.is_empty() {
                continue;
            }
            let connection = &self.connections[&conn];
            let (sent_at, mut attempts) = (connection.sent_at, connection.attempts);
            let mut waited = now.since(sent_at);
            if waited >= self.patience(attempts) || self.mutations.has(Mutation::N19) {
                attempts = attempts.saturating_add(1);
                waited = Span::ZERO;
                due.extend(unanswered);
                let connection = self.connections.get_mut(&conn).expect("it was read above");
                connection.attempts = attempts;
                connection.sent_at = now;
            }
            let wait = Span(self.patience(attempts).0 - waited.0);
            next = Some(next.map_or(wait, |next| next.min(wait)));
        }
        self.resend_set = next.is_some();
        if let Some(wait) = next {
            self.set_resend_timer(wait, out);
        }
        for asking in due {
            self.route(now, asking, out);
        }
    }

    /// What a connection has asked the leader for and was not answered, in order.
    fn unanswered(&self, conn: ConnId) -> Vec<Asking> {
        let mut unanswered = Vec::new();
        if let Some(connection) = self.connections.get(&conn) {
            match connection.phase {
                Phase::Opening { token, timeout } => {
                    unanswered.push(Asking::own(token, Write::CreateSession { timeout }));
                }
                Phase::Revalidating { session, timeout } => {
                    if self.attaches_by_order() {
                        unanswered.push(Asking::attaching(session, timeout));
                    }
                }
                Phase::Attached { session } => {
                    for queued in &connection.queue {
                        if let Task::Write {
                            seq,
                            acked,
                            write,
                            sent: true,
                        } = &queued.task
                        {
                            unanswered.push(Asking {
                                session,
                                seq: *seq,
                                acked: *acked,
                                ids: queued.ids.clone(),
                                write: write.clone(),
                            });
                        }
                    }
                }
                Phase::Fresh => {}
            }
        }
        unanswered
    }
}
