//! From a request to a transaction: validation against the speculative state.
//!
//! The speculative state is the applied one under an overlay of what prepared and not yet applied
//! transactions will change (`outstanding`). The rules are in `draft`.

use super::draft::Draft;
use super::outstanding::Outstanding;
use super::payload::{Txn, TxnRecord};
use super::read::Asker;
use super::request::Write;
use super::state::State;
use crate::ids::SessionId;

impl Outstanding {
    /// Turns a request into a transaction, and takes note of what that will change. A request that
    /// fails becomes [`Txn::Error`]: it takes a zxid as well.
    pub fn prepare(
        &mut self,
        state: &State,
        session: SessionId,
        seq: u32,
        time_ms: u64,
        write: &Write,
    ) -> TxnRecord {
        let nobody = Asker { session, ids: &[] };
        self.prepare_as(state, nobody, seq, time_ms, write)
    }

    /// As [`Outstanding::prepare`], asked by somebody of whom something is known.
    pub fn prepare_as(
        &mut self,
        state: &State,
        asker: Asker<'_>,
        seq: u32,
        time_ms: u64,
        write: &Write,
    ) -> TxnRecord {
        let session = asker.session;
        let ordinal = self.next();
        let mut draft = Draft::new(self, state, asker, ordinal);
        let txn = draft.write(write);
        let nodes = draft.touched();
        let session_touched = match txn {
            Txn::CreateSession { .. } | Txn::CloseSession { .. } => Some(session),
            Txn::Create { .. }
            | Txn::CreateWith { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. }
            | Txn::Multi(_)
            | Txn::Error(_) => None,
        };
        self.note(nodes, session_touched);
        TxnRecord {
            session,
            seq,
            time_ms,
            txn,
        }
    }
}
