//! Scripted runs.
use crate::ids::SessionId;
use crate::tree::{ErrorCode, Failure, Payload, Txn, TxnRecord};

/// A payload that differs from those of other numbers.
pub(super) fn payload(number: u64) -> Payload {
    Payload::txn(TxnRecord {
        session: SessionId(number),
        seq: 0,
        time_ms: 0,
        txn: Txn::Error(Failure::of(ErrorCode::NoNode)),
    })
}
