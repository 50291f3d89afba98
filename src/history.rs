//! What clients saw: the black-box record of a run.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::ids::{ClientId, ConnId, NodeId, OpId, SessionId, VirtualTime, Zxid};
use crate::tree::{Answer, Identity, Request, WatchEvent};

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// A definite answer: a success, or an error that is itself an observation (BadVersion,
    /// NoNode).
    Answered {
        /// The reply header's zxid: the server's last applied zxid when it built the reply. Of a
        /// write answered in its own apply, the write's own zxid.
        zxid: Zxid,
        /// The answer.
        answer: Answer,
    },
    /// Surely never executed.
    Refused(Refused),
    /// It may take effect at any later time, or never.
    Unknown,
}

/// Why an operation surely was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refused {
    /// The client never had a connection to send it on.
    NotSent,
    /// The session was gone before it was sent.
    SessionExpired,
    /// A read or a sync: the connection broke before the answer, and it has no effect.
    NoEffect,
}

/// One operation of one client, from its invocation to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number over the run.
    pub id: OpId,
    /// The client.
    pub client: ClientId,
    /// The session it was sent under; `NONE` if it never was.
    pub session: SessionId,
    /// The session's number of this operation, in the order of sending.
    pub xid: u32,
    /// Of a write: the session's number of it among its writes, see [`crate::tree::Command::seq`];
    /// 0 otherwise.
    pub seq: u32,
    /// The connection it was last sent on.
    pub conn: Option<ConnId>,
    /// The server at the other end of that connection.
    pub server: Option<NodeId>,
    /// How often it was sent.
    pub attempts: u32,
    /// What was asked.
    pub request: Request,
    /// Whom its client had proved to be to the server when it was last sent, its address included;
    /// nobody if it never was sent. A retry is sent under the same identities.
    pub ids: Arc<[Identity]>,
    /// A read that directly follows a sync of its own session, issued together with it: where the
    /// protocol promises linearizable barriers, this read is linearizable.
    pub synced: bool,
    /// When it was invoked.
    pub invoked: VirtualTime,
    /// When it ended; `None` while it is open. An unknown operation stays open to the end.
    pub completed: Option<VirtualTime>,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
}

impl Operation {
    /// The answer, whatever it is about; `None` of an operation that is open, refused or unknown.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Some(Outcome::Answered { answer, .. }) => Some(answer),
            Some(Outcome::Refused(_) | Outcome::Unknown) | None => None,
        }
    }

    /// The answer and its reply's zxid, if the answer is about the tree. That a session is gone or
    /// has moved is no statement about the tree, and a server may say so without looking at it.
    pub fn answered(&self) -> Option<(Zxid, &Answer)> {
        match self.outcome.as_ref()? {
            Outcome::Answered { zxid, answer } => match answer {
                Err(failure) if failure.code.is_about_the_session() => None,
                Ok(_) | Err(_) => Some((*zxid, answer)),
            },
            Outcome::Refused(_) | Outcome::Unknown => None,
        }
    }

    /// The operation in a sentence of a counterexample: its number, request, client and session.
    pub fn described(&self) -> String {
        format!(
            "{} ({} of {} in {})",
            self.id, self.request, self.client, self.session
        )
    }
}

/// One thing a client saw, in the order in which it saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// An operation ended.
    Completed(OpId),
    /// A watch fired.
    Event {
        /// The session it was delivered to.
        session: SessionId,
        /// The event.
        event: WatchEvent,
    },
    /// A session began; operations and events from now on belong to it.
    SessionOpened(SessionId),
    /// The session was reported as expired, or was closed, or its client died and forgot it.
    SessionEnded(SessionId),
    /// The client asked for its session with a wrong password.
    PasswordTried {
        /// The session, which goes on.
        session: SessionId,
        /// Whether the server let it in.
        admitted: bool,
    },
}

/// The history of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Every operation, by its number.
    pub operations: Vec<Operation>,
    /// What each client saw, in its order, with the moment.
    pub seen: Vec<(VirtualTime, ClientId, Seen)>,
}
