//! Who is alive, and through which connection.

use std::collections::BTreeMap;

use crate::canonical::RunHash;
use crate::ids::{ConnId, SessionId, Span};
use crate::tree::Data;

/// The sessions of a server.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    tick_ms: u64,
    last: SessionId,
    alive: BTreeMap<SessionId, Alive>,
}

#[derive(Clone, Copy, Debug)]
struct Alive {
    timeout_ms: u64,
    /// A multiple of the tick.
    expires_ms: u64,
    conn: Option<ConnId>,
}

impl Sessions {
    pub(super) fn new(tick_ms: u64) -> Sessions {
        Sessions {
            tick_ms,
            // The number of the server stands in the high byte, as in an ensemble.
            last: SessionId(1 << 56),
            alive: BTreeMap::new(),
        }
    }

    /// The timeout for one that was asked for: 2 to 20 ticks.
    pub(super) fn negotiate(&self, asked_ms: i32) -> u64 {
        let asked = u64::try_from(asked_ms).unwrap_or(0);
        asked.clamp(2 * self.tick_ms, 20 * self.tick_ms)
    }

    /// The id of a new session.
    pub(super) fn next_id(&mut self) -> SessionId {
        self.last.0 += 1;
        self.last
    }

    /// A session begins, or is found in the log.
    pub(super) fn track(&mut self, session: SessionId, timeout: Span, now_ms: u64) {
        self.last = self.last.max(session);
        let timeout_ms = timeout.0 / 1_000_000;
        let alive = Alive {
            timeout_ms,
            expires_ms: self.deadline(now_ms, timeout_ms),
            conn: None,
        };
        self.alive.insert(session, alive);
    }

    /// A connection speaks for a session from now on, with this timeout: says whether it lives.
    pub(super) fn attach(
        &mut self,
        session: SessionId,
        conn: ConnId,
        timeout_ms: u64,
        now_ms: u64,
    ) -> bool {
        let expires_ms = self.deadline(now_ms, timeout_ms);
        let Some(alive) = self.alive.get_mut(&session) else {
            return false;
        };
        *alive = Alive {
            timeout_ms,
            expires_ms,
            conn: Some(conn),
        };
        true
    }

    /// The connection is gone.
    pub(super) fn detach(&mut self, conn: ConnId) {
        for alive in self.alive.values_mut() {
            if alive.conn == Some(conn) {
                alive.conn = None;
            }
        }
    }

    /// The session was heard of.
    pub(super) fn touch(&mut self, session: SessionId, now_ms: u64) {
        let Some(timeout_ms) = self.alive.get(&session).map(|alive| alive.timeout_ms) else {
            // It has expired; its connection is about to be closed.
            return;
        };
        let deadline = self.deadline(now_ms, timeout_ms);
        if let Some(alive) = self.alive.get_mut(&session) {
            alive.expires_ms = alive.expires_ms.max(deadline);
        }
    }

    /// The session is over.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.alive.remove(&session);
    }

    /// The connection that speaks for a session.
    pub(super) fn connection(&self, session: SessionId) -> Option<ConnId> {
        self.alive.get(&session)?.conn
    }

    /// The sessions whose time is over.
    pub(super) fn overdue(&self, now_ms: u64) -> Vec<SessionId> {
        let due = self
            .alive
            .iter()
            .filter(|(_, alive)| alive.expires_ms <= now_ms);
        due.map(|(session, _)| *session).collect()
    }

    /// Sessions expire in batches, one a tick.
    fn deadline(&self, now_ms: u64, timeout_ms: u64) -> u64 {
        ((now_ms + timeout_ms) / self.tick_ms + 1) * self.tick_ms
    }
}

/// The password of a session: whoever knows it may resume the session.
pub(super) fn password_of(session: SessionId) -> Data {
    let mut password = Vec::with_capacity(16);
    for half in 0..2 {
        let mut hash = RunHash::new();
        hash.word(session.0);
        hash.word(half);
        password.extend(hash.value().to_be_bytes());
    }
    Data::from(password)
}
