//! Writes on their way to the order: who asks for what, and which of them are the same.

use std::sync::Arc;

use crate::ids::{NodeId, SessionId, Span};
use crate::tree::{Command, Identity, Write};

/// A request that waits at the leader to be prepared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    /// The server that its session speaks through.
    pub from: NodeId,
    /// Its session spoke through another server when it arrived; see `Server::has_moved`.
    pub has_moved: bool,
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
pub(super) type RequestName = (SessionId, u32, Purpose);

/// What a request without a number of its own is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Purpose {
    Opening,
    Attaching,
    Expiry,
    Removal,
    /// A numbered write.
    Write,
}

impl Purpose {
    pub(super) fn of(write: &Write, acked: u32) -> Purpose {
        match write.bare() {
            Write::CreateSession { .. } if acked == Command::ATTACH => Purpose::Attaching,
            Write::CreateSession { .. } => Purpose::Opening,
            Write::ExpireSession => Purpose::Expiry,
            Write::DeleteContainer { .. } => Purpose::Removal,
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::CloseSession
            | Write::Refused(_)
            | Write::As { .. } => Purpose::Write,
        }
    }
}

impl Waiting {
    /// What server `from` asks for, or one of its clients.
    pub fn of(from: NodeId, asking: Asking) -> Waiting {
        Waiting {
            from,
            has_moved: false,
            asking,
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
    pub fn expiry(session: SessionId, generation: u32) -> Asking {
        Asking {
            acked: generation,
            ..Asking::own(session, Write::ExpireSession)
        }
    }

    pub fn name(&self) -> RequestName {
        (self.session, self.seq, Purpose::of(&self.write, self.acked))
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
    pub fn into_command(self, time_ms: u64) -> Command {
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
