//! Scripted runs of the rules of docs/zab.md, on the small world of `world`.

mod broadcast;
mod disk;
mod election;
mod recovery;
mod storm;
mod synchronization;
mod world;

use crate::ids::{SessionId, Zxid};
use crate::tree::{ErrorCode, Failure, Payload, Snapshot, State, Txn, TxnRecord};

/// A payload that differs from those of other numbers.
pub(super) fn payload(number: u64) -> Payload {
    Payload::txn(TxnRecord {
        session: SessionId(number),
        seq: 0,
        time_ms: 0,
        txn: Txn::Error(Failure::of(ErrorCode::NoNode)),
    })
}

/// A snapshot. Its content is of no concern to Zab; the world remembers what it stands for.
fn snapshot(zxid: Zxid) -> Snapshot {
    Snapshot {
        zxid,
        image: Snapshot::atomic(&State::new(crate::mutation::Mutations::NONE)).image,
    }
}
