//! Applies, deliveries, captures and restores.

use super::{Note, Server, ServerEffect, ServerOutbox};
use crate::ids::{LocalTime, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{CaptureKind, Input, Protocol, Replicates, Role};
use crate::tree::{Applied, Capture, Content, Payload, Snapshot, State};
use crate::wire::ServerFrame;

impl<P: Protocol> Server<P> {
    /// The protocol hands a transaction over.
    pub(super) fn hand_over(&mut self, zxid: Zxid, payload: Payload) {
        assert!(
            zxid > self.handed,
            "{zxid} is handed over after {}",
            self.handed
        );
        self.handed = zxid;
        self.applies.push_back((zxid, payload));
    }

    /// Everything through `zxid` is committed: what is applied of it is now delivered.
    pub(super) fn on_committed(&mut self, zxid: Zxid, out: &mut ServerOutbox<P>) {
        self.committed = self.committed.max(zxid);
        while let Some((applied, value)) = self.undelivered.front().copied() {
            if applied > self.committed {
                break;
            }
            self.undelivered.pop_front();
            out.push(ServerEffect::Note(Note::Delivered {
                zxid: applied,
                value,
            }));
        }
    }

    /// The state is replaced. Clients are sent away: their watches could miss what lies between,
    /// and after a reconnect SetWatches finds out.
    pub(super) fn restore(&mut self, snapshot: Option<&Snapshot>, out: &mut ServerOutbox<P>) {
        self.state = State::restore(snapshot, self.mutations);
        let zxid = self.state.applied();
        self.handed = zxid;
        self.fuzzy_until = snapshot.map_or(Zxid::ZERO, |snapshot| snapshot.image.settled());
        self.applies.clear();
        self.applying = None;
        self.in_batch = false;
        self.capture = None;
        self.undelivered.clear();
        self.leading.outstanding.clear();
        self.leading.under_way.clear();
        self.drop_every_client(out);
        out.push(ServerEffect::Note(Note::Restored(zxid)));
    }

    /// Performs an apply, or one sub-operation of it while a capture is under way.
    pub(super) fn advance_apply(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        if self.applying.is_none() && self.capture.is_none() {
            let (zxid, payload) = self.applies.pop_front().expect("asked for by work()");
            let applied = self.state.apply(zxid, &payload);
            self.finish_apply(now, zxid, &payload, applied, out);
            return;
        }
        let (mut apply, payload) = match self.applying.take() {
            Some(under_way) => under_way,
            None => {
                let (zxid, payload) = self.applies.pop_front().expect("asked for by work()");
                (self.state.begin(zxid, &payload), payload)
            }
        };
        match self.state.advance(&mut apply) {
            None => self.applying = Some((apply, payload)),
            Some(applied) => {
                let zxid = self.state.applied();
                self.finish_apply(now, zxid, &payload, applied, out);
            }
        }
    }

    /// The last micro-step of an apply: the events first, then the answer, in one queue.
    fn finish_apply(
        &mut self,
        now: LocalTime,
        zxid: Zxid,
        payload: &Payload,
        applied: Applied,
        out: &mut ServerOutbox<P>,
    ) {
        self.in_batch = payload.continues();
        let comparable = zxid >= self.fuzzy_until;
        out.push(ServerEffect::Note(Note::Applied {
            zxid,
            payload: payload.clone(),
            digest: comparable.then(|| self.state.digest()),
            executed: applied.executed(),
        }));
        if zxid <= self.committed {
            out.push(ServerEffect::Note(Note::Delivered {
                zxid,
                value: payload.digest(),
            }));
        } else {
            self.undelivered.push_back((zxid, payload.digest()));
        }
        self.fire_watches(&applied, out);
        if P::REPLICATES == Replicates::Deltas && !self.leading.outstanding.is_empty() {
            self.leading.outstanding.settle();
        }
        if self.standing.role == Role::Leading {
            self.note_session_change(now, &applied, out);
            self.settle_under_way(payload);
        }
        if is_attach(payload) {
            // An end that was asked for before means an earlier generation, and comes to nothing.
            self.on_touches(now, &[applied.session]);
            self.on_revalidated(now, applied.session, applied.answer.is_ok(), out);
        } else {
            self.answer_applied(now, applied, out);
        }
        self.feed(now, Input::Applied(zxid), out);
        self.complete_barriers(now, out);
    }

    fn fire_watches(&mut self, applied: &Applied, out: &mut ServerOutbox<P>) {
        let mut fired = Vec::new();
        for (place, event) in applied.events.iter().enumerate() {
            self.watches.fire(event, &mut fired);
            for (conn, event) in fired.drain(..) {
                let connection = self.connections.get(&conn);
                let ids = connection.map_or(&[][..], |connection| &connection.ids);
                if applied.may_hear(place, ids) || self.mutations.has(Mutation::N18) {
                    let frame = ServerFrame::Event(event);
                    out.push(ServerEffect::Reply { conn, frame });
                }
            }
        }
    }

    /// Whether the next micro-step belongs to a capture. An atomic one waits for the end of an
    /// apply that is under way, and of what was decided together with it: a snapshot stands for
    /// whole decisions. A fuzzy one alternates with applies.
    pub(super) fn capture_is_next(&self) -> bool {
        match self.captures.front() {
            None => false,
            Some((_, CaptureKind::Atomic)) => {
                // Mutation N56: a snapshot may hold a part of what a slot decided.
                let whole = !self.in_batch || self.mutations.has(Mutation::N56);
                self.applying.is_none() && whole
            }
            Some((_, CaptureKind::Fuzzy)) => {
                self.capture_turn || (self.applying.is_none() && self.applies.is_empty())
            }
        }
    }

    /// Takes one chunk of the capture under way, or the whole of an atomic one.
    pub(super) fn advance_capture(&mut self, now: LocalTime, out: &mut ServerOutbox<P>) {
        let (ticket, kind) = *self
            .captures
            .front()
            .expect("asked for by capture_is_next()");
        let snapshot = match kind {
            CaptureKind::Atomic => Some(Snapshot::atomic(&self.state)),
            CaptureKind::Fuzzy => {
                let chunk = self.settings.capture_chunk;
                let capture = self
                    .capture
                    .get_or_insert_with(|| Capture::start(&self.state, chunk));
                let under_way = self.applying.as_ref().map(|(apply, _)| apply.zxid());
                capture.advance(&self.state, under_way)
            }
        };
        if let Some(snapshot) = snapshot {
            self.captures.pop_front();
            self.capture = None;
            self.feed(now, Input::Captured { ticket, snapshot }, out);
        }
    }
}

/// Whether a command says that a session's client came back.
fn is_attach(payload: &Payload) -> bool {
    match payload.content() {
        Content::Command(command) => command.is_attach(),
        Content::Txn(_) => false,
    }
}
