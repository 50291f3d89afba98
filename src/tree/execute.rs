//! What a command comes to when it is applied, and what it leaves beside its effects on the tree.

use super::outstanding::Outstanding;
use super::payload::{Command, Txn};
use super::request::{Answer, ErrorCode, Failure, Response, Write};
use super::session::{Done, Session, Turn};
use super::state::State;
use crate::ids::{SessionId, Span, Zxid};
use crate::mutation::Mutation;

/// What became of a write when it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Execution {
    /// It was executed here; an error is an execution too.
    Executed,
    /// It had been executed before: nothing changed, the answer is the one of then. One that the
    /// client has acknowledged may be forgotten; such a repeat is answered with
    /// [`ErrorCode::SessionExpired`], which nobody waits for.
    Repeated,
    /// One before it is missing: nothing changed, nothing is stored, and the answer means nothing.
    /// The origin sends the missing ones first, and this one again.
    OutOfOrder,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Run the payload's transaction.
    Delta,
    /// Run the transaction that a command came out as.
    Command(Txn),
    /// A session's client came back, with this timeout.
    Attach(Span),
    /// Change nothing.
    Nothing(Answer, Execution, Zxid),
}

impl State {
    /// What a command comes to: decided by the applied state, the command and nothing else.
    pub(super) fn plan(&self, zxid: Zxid, command: &Command) -> Plan {
        let id = command.session;
        let session = self.session(id);
        match command.write.bare() {
            // Whether the session lives is decided here, by the order and by nothing else.
            Write::CreateSession { timeout } if command.is_attach() => {
                return match session {
                    Some(_) => Plan::Attach(*timeout),
                    None => Plan::Nothing(expired(), Execution::Executed, zxid),
                };
            }
            // Mutation N10: the session may be there already.
            Write::CreateSession { .. } => {
                if session.is_some() && self.mutations.has(Mutation::N10) {
                    let answer = Ok(Response::SessionOpened);
                    return Plan::Nothing(answer, Execution::Repeated, zxid);
                }
            }
            // The leader, which does not number the session's writes, asks for this one; it is
            // idempotent by itself. One that was delayed until the client had come back is of a
            // generation that is gone.
            Write::ExpireSession => {
                let is_meant = |session: &Session| {
                    session.generation() == command.acked || self.mutations.has(Mutation::N43)
                };
                if !session.is_some_and(is_meant) {
                    return Plan::Nothing(expired(), Execution::Executed, zxid);
                }
            }
            Write::DeleteContainer { .. } => {}
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Multi(_)
            | Write::Refused(_)
            | Write::As { .. }
            | Write::CloseSession => match session.map(|session| session.turn(command.seq)) {
                None => return Plan::Nothing(expired(), Execution::Executed, zxid),
                Some(Turn::Past(_)) if self.mutations.has(Mutation::P11) => {}
                Some(Turn::Past(done)) => {
                    let (answer, at) =
                        done.map_or((expired(), zxid), |done| (done.answer.clone(), done.zxid));
                    return Plan::Nothing(answer, Execution::Repeated, at);
                }
                Some(Turn::Early) => {
                    return Plan::Nothing(expired(), Execution::OutOfOrder, zxid);
                }
                Some(Turn::Next) => {}
            },
        }
        let mut nothing_outstanding = Outstanding::new(self.mutations);
        let record =
            nothing_outstanding.prepare(self, id, command.seq, command.time_ms, &command.write);
        Plan::Command(record.txn)
    }

    /// The id of the session that a command opens: its place in the order, which comes once. So a
    /// createSession that arrives twice, however late, opens a session that nobody owns and that
    /// expires; it never opens one again that was closed, with an empty at-most-once table under
    /// which the writes of its first life would be executed a second time. (A delta takes the id
    /// that the contacted server made: deltas are for protocols whose uplinks are streams, which
    /// repeat nothing, and nobody sends a createSession again there.)
    pub(super) fn newborn(&self, zxid: Zxid, command: &Command) -> SessionId {
        if self.mutations.has(Mutation::N10) {
            command.session
        } else {
            SessionId(zxid.0)
        }
    }

    /// Stores what an executed command leaves besides its effects on the tree.
    pub(super) fn remember(&mut self, zxid: Zxid, command: &Command, answer: &Answer) {
        self.time_ms = self.time_ms.max(command.time_ms);
        match command.write.bare() {
            Write::Create { .. }
            | Write::CreateWith { .. }
            | Write::Delete { .. }
            | Write::SetData { .. }
            | Write::SetAcl { .. }
            | Write::Check { .. }
            | Write::Refused(_)
            | Write::As { .. }
            | Write::Multi(_) => {
                if self.is_executed_again(command) {
                    return;
                }
                let answer = answer.clone();
                let done = Done { zxid, answer };
                self.store_answer(command.session, command.seq, command.acked, done);
            }
            // The table begins and ends with the session, and this one belongs to none.
            Write::CreateSession { .. }
            | Write::CloseSession
            | Write::ExpireSession
            | Write::DeleteContainer { .. } => {}
        }
    }

    /// Whether a command is executed that was executed before: only with [`Mutation::P11`].
    fn is_executed_again(&self, command: &Command) -> bool {
        let turn = self
            .session(command.session)
            .map(|session| session.turn(command.seq));
        self.mutations.has(Mutation::P11) && matches!(turn, Some(Turn::Past(_)))
    }
}

fn expired() -> Answer {
    Err(Failure::of(ErrorCode::SessionExpired))
}
