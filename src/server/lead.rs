//! What only a leader does: preparing requests, and watching over sessions.

use std::sync::Arc;

use super::{Server, ServerEffect, ServerOutbox, ServerTimer};
use crate::ids::{LocalTime, NodeId, SessionId, Span};
use crate::protocol::{Gate, Input, Protocol, Replicates, Role, TimerRange, Via};
use crate::tree::{Applied, Asker, Command, Identity, Payload, Write};
use crate::wire::{Packet, PeerMsg};

/// A request that waits at the leader to be prepared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    /// The server that its session speaks through.
    pub from: NodeId,
    /// How it came from there; `None` from a local client or this leader itself.
    pub via: Option<Via>,
    /// What is asked.
    pub asking: Asking,
}

/// A write and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asking {
    /// The session that asks.
    pub session: SessionId,
    /// The session's number of this write; 0 for the opening and the expiry of a session.
    pub seq: u32,
    /// The session has seen the answers through this number.
    pub acked: u32,
    /// Whom its connection has proved to be.
    pub ids: Arc<[Identity]>,
    /// What is asked.
    pub write: Write,
}

impl Asking {
    /// The servers' own, for a session or for none.
    pub fn own(session: SessionId, write: Write) -> Asking {
        Asking {
            session,
            seq: 0,
            acked: 0,
            ids: Arc::default(),
            write,
        }
    }

    /// As it is replicated to be judged when it is applied. What belongs to the sessions is not
    /// judged by who asks.
    fn into_command(self, time_ms: u64) -> Command {
        let Asking {
            session,
            seq,
            acked,
            ids,
            write,
        } = self;
        let is_judged = match &write {
            Write::CreateSession { .. }
            | Write::CloseSession
            | Write::ExpireSession
            | Write::DeleteContainer { .. }
            | Write::Refused(_)
            | Write::As { .. } => false,
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_) => true,
        };
        let write = if is_judged {
            let write = Box::new(write);
            Write::As { ids, write }
        } else {
            write
        };
        Command {
            session,
            seq,
            acked,
            time_ms,
            write,
        }
    }
}

/// More requests than this cannot wait at a leader: clients pipeline a bounded number each, and
/// scenarios bound the number of clients.
const WAITING_MAX: usize = 100_000;

impl<P: Protocol> Server<P> {
    /// Leadership begins: every session gets its full timeout again, and owners are learned anew.
    pub(super) fn take_office(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        self.waiting.clear();
        self.outstanding.clear();
        self.owners.clear();
        self.heard = self
            .state
            .sessions()
            .map(|(session, _)| (session, now))
            .collect();
        let tick = TimerRange::exactly(self.knobs.tick);
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Expiry,
            range: tick,
        });
    }

    /// Leadership ends: what was prepared and not committed is no longer ours to speak of.
    pub(super) fn resign(&mut self, out: &mut ServerOutbox<P>) {
        self.waiting.clear();
        self.outstanding.clear();
        self.owners.clear();
        self.heard.clear();
        out.push(ServerEffect::CancelTimer(ServerTimer::Expiry));
    }

    /// A request reached the leader, from a local client or from another server.
    pub(super) fn on_forwarded(&mut self, now: LocalTime, waiting: Waiting) {
        if self.standing.role != Role::Leading {
            // Sent to a leader that has resigned since: the sender hears of that by itself.
            return;
        }
        let (session, seq) = (waiting.asking.session, waiting.asking.seq);
        self.on_touches(now, &[session]);
        let repeats = P::PROMISES.at_most_once
            && self
                .waiting
                .iter()
                .any(|other| other.asking.session == session && other.asking.seq == seq);
        if repeats {
            // A retransmission of one that still waits.
            return;
        }
        assert!(
            self.waiting.len() < WAITING_MAX,
            "more than {WAITING_MAX} requests wait"
        );
        self.waiting.push_back(waiting);
    }

    /// Whether a request can be prepared now.
    pub(super) fn may_prepare(&self) -> bool {
        !self.waiting.is_empty() && self.standing.can_propose && self.leads()
    }

    /// Prepares the first waiting request and proposes it.
    pub(super) fn prepare_next(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let Waiting { from, via, asking } = self
            .waiting
            .pop_front()
            .expect("asked for by may_prepare()");
        let time_ms = now.as_millis();
        let payload = match P::REPLICATES {
            Replicates::Deltas => {
                let session = asking.session;
                let owner = *self.owners.entry(session).or_insert(from);
                if owner != from && asking.write != Write::ExpireSession {
                    self.refuse_moved(from, via, session, out);
                    return;
                }
                let asker = Asker {
                    session,
                    ids: &asking.ids,
                };
                let record = self.outstanding.prepare_as(
                    &self.state,
                    asker,
                    asking.seq,
                    time_ms,
                    &asking.write,
                );
                Payload::txn(record)
            }
            Replicates::Commands => Payload::command(asking.into_command(time_ms)),
        };
        self.feed(now, Input::Propose(payload), out);
    }

    /// A request came through a server that its session has left: it must not take effect behind
    /// requests that came through the new one. Whoever still holds the connection is told, because
    /// it may be the owner that is out of date: questions of two servers can overtake each other.
    fn refuse_moved(
        &mut self,
        from: NodeId,
        via: Option<Via>,
        session: SessionId,
        out: &mut ServerOutbox<P>,
    ) {
        match via {
            None => self.on_moved(session, out),
            Some(via) => {
                let packet = Packet::Peer(PeerMsg::Moved { session });
                let gate = Gate::Now;
                out.push(ServerEffect::Send {
                    to: from,
                    via,
                    packet,
                    gate,
                });
            }
        }
    }

    /// A server asks whether a session that reconnected to it is alive, and takes it over.
    pub(super) fn on_revalidate(
        &mut self,
        now: LocalTime,
        from: NodeId,
        via: Via,
        session: SessionId,
        out: &mut ServerOutbox<P>,
    ) {
        if !self.leads() {
            // Without office there is no authoritative answer; the client will try again.
            return;
        }
        let timeout = self.revalidate(now, from, session);
        let packet = Packet::Peer(PeerMsg::Revalidated { session, timeout });
        out.push(ServerEffect::Send {
            to: from,
            via,
            packet,
            gate: Gate::Now,
        });
    }

    /// Moves a living session to server `owner`; answers its timeout, or `None` if it is gone.
    pub(super) fn revalidate(
        &mut self,
        now: LocalTime,
        owner: NodeId,
        session: SessionId,
    ) -> Option<Span> {
        let timeout = self.state.session(session)?.timeout;
        self.owners.insert(session, owner);
        self.heard.insert(session, now);
        Some(timeout)
    }

    /// Sessions were heard of.
    pub(super) fn on_touches(&mut self, now: LocalTime, sessions: &[SessionId]) {
        if self.standing.role != Role::Leading {
            // Meant for a leader that has resigned since.
            return;
        }
        for session in sessions {
            if let Some(heard) = self.heard.get_mut(session) {
                *heard = now;
            }
        }
    }

    /// Closes the sessions that were silent for longer than their timeout.
    pub(super) fn on_expiry_timer(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        if self.standing.role != Role::Leading {
            return;
        }
        let mut silent = Vec::new();
        for (session, details) in self.state.sessions() {
            let heard = *self.heard.entry(session).or_insert(now);
            if now.since(heard) > details.timeout {
                silent.push(session);
            }
        }
        for session in silent {
            // Counts as heard of, so that a lost proposal is repeated after another timeout.
            self.heard.insert(session, now);
            self.waiting.push_back(Waiting {
                from: self.me,
                via: None,
                asking: Asking::own(session, Write::ExpireSession),
            });
        }
        let tick = TimerRange::exactly(self.knobs.tick);
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Expiry,
            range: tick,
        });
    }

    /// A session came or went: its timer comes or goes with it.
    pub(super) fn note_session_change(&mut self, now: LocalTime, applied: &Applied) {
        if let Some(opened) = applied.opened {
            self.heard.entry(opened).or_insert(now);
        }
        if let Some(closed) = applied.closed {
            self.heard.remove(&closed);
            self.owners.remove(&closed);
        }
    }
}
