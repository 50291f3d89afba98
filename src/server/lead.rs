//! What only a leader does: preparing requests, and watching over sessions.

use super::request::{Asking, Purpose, Waiting};
use super::{Server, ServerEffect, ServerOutbox, ServerTimer};
use crate::ids::{ConnId, LocalTime, NodeId, SessionId, Span};
use crate::mutation::Mutation;
use crate::protocol::{Gate, Input, Protocol, Replicates, Role, TimerRange, Via};
use crate::tree::{Applied, Asker, Content, ErrorCode, Life, Payload, Write};
use crate::wire::{Packet, PeerMsg};

/// What a leader says of a session that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It lives.
    Lives {
        /// With this timeout.
        timeout: Span,
    },
    /// It is gone.
    Gone,
    /// Its end is on its way: it is not welcome, but not gone either, and would live on if this
    /// leader failed to commit the end. The question waits until that is decided.
    Ending,
}

/// Who asks a leader about a session that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// The connection, of a client of the asking server.
    pub conn: ConnId,
    /// How the asking server is answered; `None` if it is the leader.
    pub via: Option<Via>,
}

/// The owner of a session whose client has to attach again before it may write.
const NOBODY: NodeId = NodeId(0);

impl<P: Protocol> Server<P> {
    /// Leadership begins: owners are learned anew, and every session gets its full timeout again
    /// from when this leader begins to serve (see [`Server::on_expiry_timer`]).
    pub(super) fn take_office(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        self.leading.clear();
        if self.mutations.has(Mutation::N41) {
            let sessions = self.state.sessions();
            self.leading.heard = sessions.map(|(session, _)| (session, now)).collect();
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
        self.leading.clear();
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
        if waiting.from != self.me {
            // Of its own clients a leader hears by their frames; what it sends again for them is no
            // sign of life.
            self.on_touches(now, &[waiting.asking.session]);
        }
        if P::PROMISES.at_most_once && self.is_repeat(&waiting.asking) {
            // A retransmission.
            return;
        }
        // What follows a write that was shed must not take effect without it.
        let was_shed = self.leading.owners.get(&waiting.asking.session) == Some(&NOBODY)
            && waiting.asking.name().2 == Purpose::Write;
        let is_full =
            self.leading.waiting.len().max(self.leading.under_way.len()) >= self.waiting_max();
        if is_full || was_shed {
            self.shed(&waiting, out);
        } else {
            let asks_at_once = !self.mutations.has(Mutation::N47);
            let has_moved = asks_at_once && self.has_moved(waiting.from, &waiting.asking);
            self.admit(Waiting {
                has_moved,
                ..waiting
            });
        }
    }

    /// Whether a request needs no place in the order: it waits for one, has one that is not
    /// applied yet, or was applied. In each case its origin finds the answer in the order. This is
    /// the one place that drops duplicates; what they cost before is a message.
    fn is_repeat(&self, asking: &Asking) -> bool {
        let (session, seq, purpose) = asking.name();
        if self.mutations.has(Mutation::N19) {
            let mut waiting = self.leading.waiting.iter().map(|waiting| &waiting.asking);
            return waiting.any(|other| (other.session, other.seq) == (session, seq));
        }
        let is_decided = purpose == Purpose::Write
            && self.state.is_decided(session, seq)
            && !self.mutations.has(Mutation::P11);
        is_decided || self.leading.under_way.contains(&(session, seq, purpose))
    }

    /// Takes a request into the queue. The leader's own are never shed: there is at most one for
    /// each session and for each node that has to go.
    fn admit(&mut self, waiting: Waiting) {
        if P::PROMISES.at_most_once {
            self.leading.under_way.insert(waiting.asking.name());
        }
        self.leading.waiting.push_back(waiting);
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
        self.leading.owners.insert(session, NOBODY);
        if waiting.from == self.me
            && let Some(conn) = self.attached.get(&session).copied()
        {
            self.close(conn, out);
        }
    }

    /// A command is applied: the next one of its name is another request.
    pub(super) fn settle_under_way(&mut self, payload: &Payload) {
        if let Content::Command(command) = payload.content() {
            let purpose = Purpose::of(&command.write, command.acked);
            self.leading
                .under_way
                .remove(&(command.session, command.seq, purpose));
        }
    }

    /// Whether a request can be prepared now.
    pub(super) fn may_prepare(&self) -> bool {
        !self.leading.waiting.is_empty() && self.standing.can_propose && self.leads()
    }

    /// Prepares the first waiting request and proposes it.
    pub(super) fn prepare_next(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let Waiting {
            from,
            has_moved,
            asking,
        } = self
            .leading
            .waiting
            .pop_front()
            .expect("asked for by may_prepare()");
        let time_ms = now.as_millis();
        let payload = match P::REPLICATES {
            Replicates::Deltas => {
                let moved = Write::Refused(ErrorCode::SessionMoved);
                let write = if has_moved || self.has_moved(from, &asking) {
                    &moved
                } else {
                    &asking.write
                };
                let asker = Asker {
                    session: asking.session,
                    ids: &asking.ids,
                };
                let (state, seq) = (&self.state, asking.seq);
                let prepared = &mut self.leading.outstanding;
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
    ///
    /// It is asked when a write arrives and again when it is prepared. The first time alone would
    /// miss a session that leaves meanwhile, the second time one that comes back (ZooKeeper asks in
    /// `PrepRequestProcessor` alone): the word that it is back overtakes what is in the queue.
    fn has_moved(&mut self, from: NodeId, asking: &Asking) -> bool {
        if P::REPLICATES == Replicates::Commands {
            return false; // The order knows the number of each write.
        }
        match &asking.write {
            Write::CreateSession { .. } => {
                self.leading.owners.insert(asking.session, from);
                false
            }
            Write::CloseSession | Write::ExpireSession | Write::DeleteContainer { .. } => false,
            // The leader's own question about a session that it does not know.
            Write::Refused(_) if asking.seq == 0 => false,
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::Refused(_)
            | Write::As { .. } => {
                *self.leading.owners.entry(asking.session).or_insert(from) != from
            }
        }
    }

    /// Whether a session that is attached here speaks through another server now, as far as this
    /// leader knows.
    pub(super) fn has_left(&self, session: SessionId) -> bool {
        let owner = self.leading.owners.get(&session);
        P::REPLICATES == Replicates::Deltas
            && self.standing.role == Role::Leading
            && owner.is_some_and(|owner| *owner != self.me)
    }

    /// A server asks whether a session that reconnected to it is alive, and takes it over.
    pub(super) fn on_revalidate(
        &mut self,
        now: LocalTime,
        from: NodeId,
        session: SessionId,
        question: Question,
        out: &mut ServerOutbox<P>,
    ) {
        if !self.leads() {
            // Without office there is no authoritative answer; the client will try again.
            return;
        }
        let timeout = match self.revalidate(now, from, session) {
            Word::Lives { timeout } => Some(timeout),
            Word::Gone => None,
            Word::Ending => {
                self.leading.undecided.insert((session, from), question);
                return;
            }
        };
        self.send_word(now, (from, question), session, timeout, out);
    }

    fn send_word(
        &mut self,
        now: LocalTime,
        (to, question): (NodeId, Question),
        session: SessionId,
        timeout: Option<Span>,
        out: &mut ServerOutbox<P>,
    ) {
        let Question { conn, via } = question;
        match via {
            None => self.on_word(now, session, conn, timeout.is_some(), out),
            Some(via) => out.push(ServerEffect::Send {
                to,
                via,
                packet: Packet::Peer(PeerMsg::Revalidated {
                    session,
                    conn,
                    timeout,
                }),
                gate: Gate::Now,
            }),
        }
    }

    /// Moves a living session to server `owner`.
    pub(super) fn revalidate(&mut self, now: LocalTime, owner: NodeId, session: SessionId) -> Word {
        let mutations = self.mutations;
        let by_its_word_alone = mutations.has(Mutation::N45) || mutations.has(Mutation::N40);
        match self.word_on(session) {
            Word::Lives { timeout } => {
                self.leading.owners.insert(session, owner);
                self.leading.heard.insert(session, now);
                Word::Lives { timeout }
            }
            Word::Gone if !by_its_word_alone => {
                self.confirm_its_end(session);
                Word::Ending
            }
            word @ (Word::Gone | Word::Ending) => word,
        }
    }

    /// A leader that does not know a session may have been superseded by one that opened it. So it
    /// says so only once a transaction that changes nothing is applied: that takes a quorum.
    /// (ZooKeeper's leader answers at once. The client of a session that was opened a moment ago,
    /// and that has seen no zxid yet, is told that it is gone.)
    fn confirm_its_end(&mut self, session: SessionId) {
        let asking = Asking::own(session, Write::Refused(ErrorCode::SessionExpired));
        if !self
            .leading
            .waiting
            .iter()
            .any(|waiting| waiting.asking == asking)
        {
            let from = self.me;
            self.admit(Waiting::of(from, asking));
        }
    }

    /// Whether a session lives, as far as this leader knows. What is prepared counts: a
    /// createSession that is committed here and applied elsewhere may not be applied here yet; and
    /// a session whose end is on its way is not welcomed any more (ZooKeeper's `isClosing`).
    fn word_on(&self, session: SessionId) -> Word {
        let applied = match self.state.session(session) {
            Some(session) => Word::Lives {
                timeout: session.timeout,
            },
            None => Word::Gone,
        };
        let ends = |waiting: &Waiting| {
            let write = &waiting.asking.write;
            waiting.asking.session == session
                && matches!(write, Write::CloseSession | Write::ExpireSession)
        };
        if !self.mutations.has(Mutation::N42) && self.leading.waiting.iter().any(ends) {
            return Word::Ending;
        }
        match self.leading.outstanding.life(session) {
            Some(Life::Open { timeout }) if !self.mutations.has(Mutation::N40) => {
                Word::Lives { timeout }
            }
            Some(Life::Closed) if !self.mutations.has(Mutation::N42) => Word::Ending,
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
            if let Some(heard) = self.leading.heard.get_mut(session) {
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
            self.leading.heard.clear();
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
            let heard = *self.leading.heard.entry(session).or_insert(now);
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
            self.leading.heard.insert(session, now);
            let (from, asking) = (self.me, Asking::expiry(session, generation));
            let waits = || {
                self.leading
                    .waiting
                    .iter()
                    .any(|other| other.asking == asking)
            };
            let is_ending = match P::REPLICATES {
                Replicates::Deltas => {
                    waits() || matches!(self.leading.outstanding.life(session), Some(Life::Closed))
                }
                Replicates::Commands => self.is_repeat(&asking),
            };
            if !is_ending {
                self.admit(Waiting::of(from, asking));
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
        if !self.leads() || self.leading.waiting.iter().any(is_removal) {
            // What is in the way of the last pass is in the way of another one.
            return;
        }
        for path in self.state.removable(now.as_millis()) {
            let asking = Asking::own(SessionId::NONE, Write::DeleteContainer { path });
            let from = self.me;
            self.admit(Waiting::of(from, asking));
        }
    }

    fn set_removal_timer(&self, out: &mut ServerOutbox<P>) {
        out.push(ServerEffect::SetTimer {
            timer: ServerTimer::Removal,
            range: TimerRange::exactly(self.settings.removal_interval),
        });
    }

    /// A session came or went: its timer comes or goes with it.
    pub(super) fn note_session_change(
        &mut self,
        now: LocalTime,
        applied: &Applied,
        out: &mut ServerOutbox<P>,
    ) {
        if let Some(opened) = applied.opened
            && (self.leads() || self.mutations.has(Mutation::N41))
        {
            self.leading.heard.entry(opened).or_insert(now);
        }
        if let Some(closed) = applied.closed {
            self.leading.heard.remove(&closed);
            self.leading.owners.remove(&closed);
            self.answer_questions(now, closed, None, out);
        } else if applied.seq == 0 && applied.opened.is_none() {
            // A quorum has confirmed what this leader knows of it.
            let session = self.state.session(applied.session);
            let timeout = session.map(|session| session.timeout);
            self.answer_questions(now, applied.session, timeout, out);
        }
    }

    /// Answers those who asked about a session that was ending or not known, now that it is
    /// decided: `timeout` if it lives.
    fn answer_questions(
        &mut self,
        now: LocalTime,
        session: SessionId,
        timeout: Option<Span>,
        out: &mut ServerOutbox<P>,
    ) {
        let askers = (session, NodeId(0))..=(session, NodeId(u8::MAX));
        let askers: Vec<_> = self
            .leading
            .undecided
            .range(askers)
            .map(|(key, question)| (*key, *question))
            .collect();
        for (key, question) in askers {
            self.leading.undecided.remove(&key);
            if timeout.is_some() {
                self.leading.owners.insert(session, key.1);
                self.leading.heard.insert(session, now);
            }
            self.send_word(now, (key.1, question), session, timeout, out);
        }
    }
}
