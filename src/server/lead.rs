//! What only a leader does: preparing requests, and watching over sessions.

use std::sync::Arc;

use super::{Server, ServerEffect, ServerOutbox, ServerTimer};
use crate::ids::{LocalTime, NodeId, SessionId, Span};
use crate::mutation::Mutation;
use crate::protocol::{Gate, Input, Protocol, Replicates, Role, TimerRange, Via};
use crate::tree::{Applied, Asker, Command, Content, ErrorCode, Identity, Life, Payload, Write};
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

/// What makes two requests the same one.
pub(super) type RequestName = (SessionId, u32, Errand);

/// What a request without a number of its own is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Errand {
    Opening,
    Attaching,
    Expiry,
    Removal,
    /// A numbered write.
    Write,
}

impl Errand {
    fn of(write: &Write, acked: u32) -> Errand {
        match write.bare() {
            Write::CreateSession { .. } if acked == Command::ATTACH => Errand::Attaching,
            Write::CreateSession { .. } => Errand::Opening,
            Write::ExpireSession => Errand::Expiry,
            Write::DeleteContainer { .. } => Errand::Removal,
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::CloseSession
            | Write::Refused(_)
            | Write::As { .. } => Errand::Write,
        }
    }
}

impl Asking {
    /// A session's client came back and wants to be attached, which the order decides.
    pub fn attaching(session: SessionId, timeout: Span) -> Asking {
        let acked = Command::ATTACH;
        let write = Write::CreateSession { timeout };
        Asking {
            acked,
            ..Asking::own(session, write)
        }
    }

    /// The end of a session that fell silent in this generation.
    fn expiry(session: SessionId, generation: u32) -> Asking {
        Asking {
            acked: generation,
            ..Asking::own(session, Write::ExpireSession)
        }
    }

    fn name(&self) -> RequestName {
        (self.session, self.seq, Errand::of(&self.write, self.acked))
    }

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

/// More requests than this do not wait at a leader: what comes on top is shed.
pub(super) const WAITING_MAX: usize = 10_000;

/// The owner of a session whose client has to attach again before it may write.
const NOBODY: NodeId = NodeId(0);

impl<P: Protocol> Server<P> {
    /// Leadership begins: owners are learned anew, and every session gets its full timeout again
    /// from when this leader begins to serve (see [`Server::on_expiry_timer`]).
    pub(super) fn take_office(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        self.waiting.clear();
        self.outstanding.clear();
        self.owners.clear();
        self.under_way.clear();
        self.heard.clear();
        if self.mutations.has(Mutation::N41) {
            let sessions = self.state.sessions();
            self.heard = sessions.map(|(session, _)| (session, now)).collect();
        }
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
        self.under_way.clear();
        self.heard.clear();
        out.push(ServerEffect::CancelTimer(ServerTimer::Expiry));
        out.push(ServerEffect::CancelTimer(ServerTimer::Removal));
    }

    /// A request reached the leader, from a local client or from another server.
    pub(super) fn on_forwarded(
        &mut self,
        now: LocalTime,
        waiting: Waiting,
        out: &mut ServerOutbox<P>,
    ) {
        if self.standing.role != Role::Leading {
            // Sent to a leader that has resigned since: the sender hears of that by itself.
            return;
        }
        self.on_touches(now, &[waiting.asking.session]);
        if P::PROMISES.at_most_once && self.is_repeat(&waiting.asking) {
            // A retransmission.
            return;
        }
        if !self.admit(waiting.clone()) {
            self.shed(&waiting, out);
        }
    }

    /// Whether a request needs no place in the order: it waits for one, has one that is not
    /// applied yet, or was applied. In each case its origin finds the answer in the order. This is
    /// the one place that drops duplicates; what they cost before is a message.
    fn is_repeat(&self, asking: &Asking) -> bool {
        let (session, seq, errand) = asking.name();
        if self.mutations.has(Mutation::N19) {
            let mut waiting = self.waiting.iter().map(|waiting| &waiting.asking);
            return waiting.any(|other| (other.session, other.seq) == (session, seq));
        }
        let is_decided = errand == Errand::Write
            && self.state.is_decided(session, seq)
            && !self.mutations.has(Mutation::P11);
        is_decided || self.under_way.contains(&(session, seq, errand))
    }

    /// Takes a request into the queue, unless that is full.
    fn admit(&mut self, waiting: Waiting) -> bool {
        if self.waiting.len().max(self.under_way.len()) >= WAITING_MAX {
            return false;
        }
        if P::PROMISES.at_most_once {
            self.under_way.insert(waiting.asking.name());
        }
        self.waiting.push_back(waiting);
        true
    }

    /// The queue is full. Where retries are recognised the origin sends a request again after a
    /// pause that grows, so nothing is to be done. Elsewhere its session is sent away: a later
    /// write of it is refused until it is attached again, because it must not take effect without
    /// this one.
    fn shed(&mut self, waiting: &Waiting, out: &mut ServerOutbox<P>) {
        if P::PROMISES.at_most_once {
            return;
        }
        let session = waiting.asking.session;
        self.owners.insert(session, NOBODY);
        if waiting.from == self.me
            && let Some(conn) = self.attached.get(&session).copied()
        {
            self.close(conn, out);
        }
    }

    /// A command is applied: the next one of its name is another request.
    pub(super) fn settle_under_way(&mut self, payload: &Payload) {
        if let Content::Command(command) = payload.content() {
            let errand = Errand::of(&command.write, command.acked);
            self.under_way
                .remove(&(command.session, command.seq, errand));
        }
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
        let timeout = self.living(session)?;
        self.owners.insert(session, owner);
        self.heard.insert(session, now);
        Some(timeout)
    }

    /// The timeout of a session that lives, as far as this leader knows. What is prepared counts: a
    /// createSession that is committed here and applied elsewhere may not be applied here yet; and
    /// a session whose end is on its way is not welcomed any more (ZooKeeper's `isClosing`).
    fn living(&self, session: SessionId) -> Option<Span> {
        let applied = self.state.session(session).map(|session| session.timeout);
        let ends = |waiting: &Waiting| {
            let write = &waiting.asking.write;
            waiting.asking.session == session
                && matches!(write, Write::CloseSession | Write::ExpireSession)
        };
        if !self.mutations.has(Mutation::N42) && self.waiting.iter().any(ends) {
            return None;
        }
        match self.outstanding.life(session) {
            Some(Life::Open { timeout }) if !self.mutations.has(Mutation::N40) => Some(timeout),
            Some(Life::Closed) if !self.mutations.has(Mutation::N42) => None,
            Some(Life::Open { .. } | Life::Closed) | None => applied,
        }
    }

    /// Whether it is the order that decides whether a session that comes back still lives, and not
    /// the leader by what it has applied or prepared. (Mutations N40 and N42: never.)
    pub(super) fn attaches_by_order(&self) -> bool {
        P::REPLICATES == Replicates::Commands
            && !self.mutations.has(Mutation::N40)
            && !self.mutations.has(Mutation::N42)
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

    /// Closes the sessions that were silent for longer than their timeout. Silence counts from
    /// when this leader began to serve: nobody could speak to it before.
    pub(super) fn on_expiry_timer(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        if self.standing.role != Role::Leading {
            return;
        }
        if !self.leads() && !self.mutations.has(Mutation::N41) {
            self.heard.clear();
        } else {
            self.expire_the_silent(now);
        }
        let tick = TimerRange::exactly(self.knobs.tick);
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Expiry,
            range: tick,
        });
    }

    fn expire_the_silent(&mut self, now: LocalTime) {
        let mut silent = Vec::new();
        for (session, details) in self.state.sessions() {
            let heard = *self.heard.entry(session).or_insert(now);
            let patience = if self.mutations.has(Mutation::N12) {
                Span(details.timeout.0 / 5)
            } else {
                details.timeout
            };
            if now.since(heard) > patience && !self.mutations.has(Mutation::N11) {
                silent.push((session, details.generation()));
            }
        }
        for (session, generation) in silent {
            // Counts as heard of, so that a lost proposal is repeated after another timeout.
            self.heard.insert(session, now);
            let (from, asking) = (self.me, Asking::expiry(session, generation));
            if !self.is_repeat(&asking) {
                // If the queue is full it is asked for after another timeout.
                let _later = self.admit(Waiting { from, asking });
            }
        }
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
            // If the queue is full the next pass asks for the rest.
            let _later = self.admit(Waiting { from, asking });
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
            if self.leads() || self.mutations.has(Mutation::N41) {
                self.heard.entry(opened).or_insert(now);
            }
        }
        if let Some(closed) = applied.closed {
            self.heard.remove(&closed);
            self.owners.remove(&closed);
        }
    }
}
