//! What only a leader does: preparing requests, and watching over sessions.

use std::sync::Arc;

use super::{Server, ServerEffect, ServerOutbox, ServerTimer};
use crate::ids::{LocalTime, NodeId, SessionId, Span};
use crate::mutation::Mutation;
use crate::protocol::{Gate, Input, Protocol, Replicates, Role, TimerRange, Via};
use crate::tree::{Applied, Asker, Command, ErrorCode, Identity, Payload, Write};
use crate::wire::{Packet, PeerMsg};

/// A request that waits at the leader to be prepared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    /// The server that its session speaks through.
    pub from: NodeId,
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
        self.set_removal_timer(out);
    }

    /// Leadership ends: what was prepared and not committed is no longer ours to speak of.
    pub(super) fn resign(&mut self, out: &mut ServerOutbox<P>) {
        self.waiting.clear();
        self.outstanding.clear();
        self.owners.clear();
        self.heard.clear();
        out.push(ServerEffect::CancelTimer(ServerTimer::Expiry));
        out.push(ServerEffect::CancelTimer(ServerTimer::Removal));
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
        let Waiting { from, asking } = self
            .waiting
            .pop_front()
            .expect("asked for by may_prepare()");
        let time_ms = now.as_millis();
        let payload = match P::REPLICATES {
            Replicates::Deltas => {
                let moved = Write::Refused(ErrorCode::SessionMoved);
                let write = if self.has_moved(from, &asking) {
                    &moved
                } else {
                    &asking.write
                };
                let asker = Asker {
                    session: asking.session,
                    ids: &asking.ids,
                };
                let (state, seq) = (&self.state, asking.seq);
                let prepared = &mut self.outstanding;
                Payload::txn(prepared.prepare_as(state, asker, seq, time_ms, write))
            }
            Replicates::Commands => Payload::command(asking.into_command(time_ms)),
        };
        self.feed(now, Input::Propose(payload), out);
    }

    /// Whether a write came through a server that its session has left: it must not take effect
    /// behind writes that came through the new one. It becomes a transaction that says so, which
    /// takes a zxid, and the server that it came through closes the connection in place of an
    /// answer. So a client whose owner is out of date here (questions of two servers can overtake
    /// each other) attaches again. Whoever is the first to write after an election is believed.
    /// What belongs to the sessions themselves comes from anywhere.
    fn has_moved(&mut self, from: NodeId, asking: &Asking) -> bool {
        match &asking.write {
            Write::CreateSession { .. } => {
                self.owners.insert(asking.session, from);
                false
            }
            Write::CloseSession | Write::ExpireSession | Write::DeleteContainer { .. } => false,
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::Refused(_)
            | Write::As { .. } => *self.owners.entry(asking.session).or_insert(from) != from,
        }
    }

    /// Whether a session that is attached here speaks through another server now, as far as this
    /// leader knows.
    pub(super) fn has_left(&self, session: SessionId) -> bool {
        let owner = self.owners.get(&session);
        P::REPLICATES == Replicates::Deltas
            && self.standing.role == Role::Leading
            && owner.is_some_and(|owner| *owner != self.me)
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
            let patience = if self.mutations.has(Mutation::N12) {
                Span(details.timeout.0 / 5)
            } else {
                details.timeout
            };
            if now.since(heard) > patience && !self.mutations.has(Mutation::N11) {
                silent.push(session);
            }
        }
        for session in silent {
            // Counts as heard of, so that a lost proposal is repeated after another timeout.
            self.heard.insert(session, now);
            self.waiting.push_back(Waiting {
                from: self.me,
                asking: Asking::own(session, Write::ExpireSession),
            });
        }
        let tick = TimerRange::exactly(self.knobs.tick);
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Expiry,
            range: tick,
        });
    }

    /// Asks for the removal of the containers that have lost their last child and of the nodes that
    /// have outlived their time. Each of them is looked at again when its removal is prepared.
    pub(super) fn on_removal_timer(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        if self.standing.role != Role::Leading {
            return;
        }
        self.set_removal_timer(out);
        let is_removal =
            |waiting: &Waiting| matches!(waiting.asking.write, Write::DeleteContainer { .. });
        if !self.leads() || self.waiting.iter().any(is_removal) {
            // What is in the way of the last pass is in the way of another one.
            return;
        }
        for path in self.state.removable(now.as_millis()) {
            let asking = Asking::own(SessionId::NONE, Write::DeleteContainer { path });
            let from = self.me;
            self.waiting.push_back(Waiting { from, asking });
        }
    }

    fn set_removal_timer(&self, out: &mut ServerOutbox<P>) {
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Removal,
            range: TimerRange::exactly(self.settings.removal_interval),
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
