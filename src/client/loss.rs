//! What a client does when its connection or its session is gone.

use super::{ArmedWatches, Client, ClientEffect, ClientTimer, Link};
use crate::history::{Outcome, Refused, Seen};
use crate::ids::{SessionId, Span};
use crate::protocol::TimerRange;
use crate::tree::Request;

/// Delays before the next server is tried, drawn from this range.
const REDIAL: TimerRange = TimerRange {
    min: Span::millis(1),
    max: Span::millis(20),
};

impl Client {
    /// The connection is gone: what was sent on it has no definite end, or will be sent again.
    pub(super) fn on_lost(&mut self, out: &mut Vec<ClientEffect>) {
        if self.settings.retry_writes {
            self.refuse_sent_reads(out);
        } else {
            self.settle_sent(out);
        }
        self.next_server(out);
    }

    /// Reads have no effect, so a lost one is surely not executed; writes stay, to be sent again
    /// under their numbers.
    fn refuse_sent_reads(&mut self, out: &mut Vec<ClientEffect>) {
        self.pending.retain_mut(|pending| {
            let keep = match pending.request {
                // A proof keeps its place, so that what follows is asked by the same again.
                Request::Write(_) | Request::Auth { .. } => true,
                Request::Read(_) | Request::Watch(_) | Request::Sync => !pending.sent,
            };
            if keep {
                pending.xid = None;
            } else {
                let outcome = Outcome::Refused(Refused::NoEffect);
                out.push(ClientEffect::Completed {
                    op: pending.op,
                    outcome,
                });
            }
            keep
        });
    }

    /// Ends whatever was sent: reads without effect, writes with an unknown outcome.
    pub(super) fn settle_sent(&mut self, out: &mut Vec<ClientEffect>) {
        self.pending.retain_mut(|pending| {
            if pending.sent {
                let outcome = match pending.request {
                    Request::Write(_) => Outcome::Unknown,
                    Request::Auth { .. } => {
                        pending.xid = None;
                        return true;
                    }
                    Request::Read(_) | Request::Watch(_) | Request::Sync => {
                        Outcome::Refused(Refused::NoEffect)
                    }
                };
                out.push(ClientEffect::Completed {
                    op: pending.op,
                    outcome,
                });
            }
            !pending.sent
        });
    }

    /// The session is over: another one is opened.
    pub(super) fn begin_anew(&mut self, out: &mut Vec<ClientEffect>) {
        self.end_session(out);
        self.link = Link::Idle;
        self.redial_later(out);
    }

    /// The session is over; what was never sent belongs to the next one.
    pub(super) fn end_session(&mut self, out: &mut Vec<ClientEffect>) {
        self.settle_sent(out);
        if self.session != SessionId::NONE {
            out.push(ClientEffect::Saw(Seen::SessionEnded(self.session)));
        }
        self.session = SessionId::NONE;
        self.password = 0;
        self.next_seq = 1;
        self.acked = 0;
        self.watches = ArmedWatches::default();
    }

    pub(super) fn next_server(&mut self, out: &mut Vec<ClientEffect>) {
        self.link = Link::Idle;
        self.server = (self.server + 1) % self.settings.servers.len();
        self.redial_later(out);
    }

    pub(super) fn redial_later(&mut self, out: &mut Vec<ClientEffect>) {
        out.push(ClientEffect::CancelTimer(ClientTimer::Ping));
        out.push(ClientEffect::CancelTimer(ClientTimer::Silence));
        out.push(ClientEffect::SetTimer {
            timer: ClientTimer::Redial,
            range: REDIAL,
        });
    }
}
