//! The true order of all transactions, and which client operation each of them was.
//!
//! A timeline replayed through the [`Model`] is a witness: if every answer is what the
//! model says at its place, and the places respect real time, then the history is linearizable. The
//! checkers of a run record it; here it is only read.

use super::model::{Change, Model};
use crate::history::Operation;
use crate::ids::{SessionId, Zxid};
use crate::tree::{Answer, Content, ErrorCode, Identity, Request, Txn, TxnRecord, Write};

/// One committed transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub zxid: Zxid,
    /// The payload's digest.
    pub value: u64,
    /// What the payload holds.
    pub content: &'a Content,
    /// Whether the white box says that it was executed, for the first time.
    pub executed: bool,
    /// Whether it is a numbered write without an effect.
    pub is_repeat: bool,
    /// The session that it belongs to; `NONE` of a leader's own writes.
    pub session: SessionId,
    /// The operation that it is the one execution of.
    pub operation: Option<&'a Operation>,
}

/// What a step does to the model.
enum Effect<'a> {
    Nothing,
    /// What the operation of the step asked for, and who asked.
    Asked(&'a [Identity], &'a Write),
    /// A command that nobody waits for.
    Unasked(&'a Write),
    /// A delta whose request is not known.
    Delta(&'a Txn),
}

impl<'a> Step<'a> {
    /// The time that the leader's clock showed when it prepared this.
    pub fn time_ms(&self) -> u64 {
        match self.content {
            Content::Txn(record) => record.time_ms,
            Content::Command(command) => command.time_ms,
        }
    }

    /// Whether this is a leader's own removal of a node whose time has come.
    pub fn removes(&self, asked: &str) -> bool {
        match self.content {
            Content::Txn(TxnRecord {
                session: SessionId::NONE,
                txn: Txn::Delete { path },
                ..
            }) => **path == *asked,
            Content::Txn(_) => false,
            Content::Command(command) => match command.write.bare() {
                Write::DeleteContainer { path } => **path == *asked,
                Write::Create { .. }
                | Write::CreateWith { .. }
                | Write::Delete { .. }
                | Write::SetData { .. }
                | Write::SetAcl { .. }
                | Write::Check { .. }
                | Write::Multi(_)
                | Write::Refused(_)
                | Write::As { .. }
                | Write::CreateSession { .. }
                | Write::CloseSession
                | Write::ExpireSession => false,
            },
        }
    }

    /// Executes it in the model: by what was *asked* where that is known, so that the rules of the
    /// tree under test are not taken for granted. `None` if nothing is executed or nobody asked.
    pub fn replay(&self, model: &mut Model) -> Option<Answer> {
        let (zxid, session) = (self.zxid, self.session);
        match self.effect() {
            Effect::Nothing => {}
            Effect::Asked(ids, write) => return Some(model.write(zxid, session, ids, write)),
            Effect::Unasked(write) => {
                let _unseen = model.write(zxid, session, &[], write);
            }
            Effect::Delta(txn) => model.adopt(zxid, session, txn),
        }
        None
    }

    /// Executes it as `replay` does, and returns what changed, in order.
    pub fn changes(&self, model: &mut Model) -> Vec<Change> {
        let (zxid, session) = (self.zxid, self.session);
        let mut changes = Vec::new();
        let (ids, write) = match self.effect() {
            Effect::Nothing => return changes,
            Effect::Asked(ids, write) => (ids, write),
            Effect::Unasked(write) => (&[][..], write),
            Effect::Delta(txn) => {
                model.adopt_telling(zxid, session, txn, &mut changes);
                return changes;
            }
        };
        let _compared_elsewhere = model.write_telling(zxid, session, ids, write, &mut changes);
        changes
    }

    fn effect(&self) -> Effect<'a> {
        if let Content::Txn(TxnRecord {
            txn: Txn::Error(failure),
            ..
        }) = self.content
            && failure.code == ErrorCode::SessionMoved
        {
            // To which server a session is attached is nothing that the model knows.
            return Effect::Nothing;
        }
        if let Some(operation) = self.operation
            && let Request::Write(write) = &operation.request
        {
            return Effect::Asked(&operation.ids, write);
        }
        match self.content {
            Content::Txn(_) if self.is_repeat => Effect::Nothing,
            Content::Txn(record) => Effect::Delta(&record.txn),
            Content::Command(command) => {
                let is_a_removal = matches!(command.write.bare(), Write::DeleteContainer { .. });
                if self.executed || is_a_removal {
                    Effect::Unasked(&command.write)
                } else {
                    Effect::Nothing
                }
            }
        }
    }
}

/// The committed sequence with its operations.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    /// Invariant: zxids strictly ascend.
    pub steps: Vec<Step<'a>>,
    /// Where each operation of the history took effect.
    pub places: Vec<Option<Zxid>>,
    /// Beyond this zxid a snapshot is the only witness: nothing is claimed about what was answered
    /// there. Practically always the greatest number there is.
    pub known_through: Zxid,
}
