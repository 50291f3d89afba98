//! What this server's disk holds once everything queued is done, and the operations that change it.
//!
//! Because the disk queue is FIFO, this mirror may run ahead of the disk: whatever is queued later
//! finds the disk as the mirror says. What has to be *durable* is waited for with gated messages.

use std::collections::VecDeque;

use crate::ids::Zxid;
use crate::protocol::{DiskOp, Object, Ticket};
use crate::tree::{Payload, Snapshot};

use super::Out;
use super::record::{
    ACCEPTED_EPOCH, ACCEPTED_EPOCH_TMP, BASE, BASE_TMP, Base, CURRENT_EPOCH, CURRENT_EPOCH_TMP,
    Record, Recovered,
};

/// The mirror of the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Storage {
    /// Invariant: `current_epoch <= accepted_epoch`.
    accepted_epoch: u32,
    current_epoch: u32,
    base: Base,
    /// The zxids of the log records after the base. Invariant: strictly increasing.
    zxids: VecDeque<Zxid>,
}

impl Storage {
    pub fn new(recovered: &Recovered<'_>) -> Storage {
        Storage {
            accepted_epoch: recovered.accepted_epoch,
            current_epoch: recovered.current_epoch,
            base: recovered.base,
            zxids: recovered.log.iter().map(|(zxid, _)| *zxid).collect(),
        }
    }

    /// Makes what a booting server read durable, in front of everything that it says (`record` says
    /// why a sync would not do).
    pub fn rewrite(&mut self, recovered: &Recovered<'_>, out: &mut Out) {
        if recovered.base_failed {
            self.rebase(self.base, None, out);
            out.disk(DiskOp::Sync(Object::Directory));
        }
        if recovered.log_last == self.base.after {
            // No log. Renames may wait for a sync of the directory all the same.
            out.disk(DiskOp::SyncAll);
            return;
        }
        out.append(Record::Rewritten);
        for (zxid, payload) in &recovered.log {
            let (zxid, payload) = (*zxid, (*payload).clone());
            out.append(Record::Txn { zxid, payload });
        }
        let older = self.base;
        let copies = Base {
            snapshot: older.snapshot,
            after: recovered.log_last + 1,
        };
        self.rebase(copies, Some(older), out);
        out.disk(DiskOp::DropThrough(copies.after));
        out.disk(DiskOp::Sync(Object::Directory));
    }

    /// What holds after every step.
    pub fn assert_invariants(&self) {
        let (accepted, current) = (self.accepted_epoch, self.current_epoch);
        assert!(
            current <= accepted,
            "epoch {current} entered, {accepted} accepted"
        );
    }

    pub fn accepted_epoch(&self) -> u32 {
        self.accepted_epoch
    }

    pub fn current_epoch(&self) -> u32 {
        self.current_epoch
    }

    /// The end of the history.
    pub fn last(&self) -> Zxid {
        self.zxids.back().copied().unwrap_or(self.base.snapshot)
    }

    fn last_index(&self) -> u64 {
        self.base.after + self.zxids.len() as u64
    }

    /// Appends a transaction; not synced.
    pub fn append(&mut self, zxid: Zxid, payload: Payload, out: &mut Out) {
        let last = self.last();
        assert!(zxid > last, "{zxid} is appended behind {last}");
        self.zxids.push_back(zxid);
        out.append(Record::Txn { zxid, payload });
    }

    /// Promises never to accept a lower epoch; durable once the queue gets here.
    pub fn accept_epoch(&mut self, epoch: u32, out: &mut Out) -> Ticket {
        let before = self.accepted_epoch;
        assert!(epoch > before, "epoch {epoch} accepted after {before}");
        self.accepted_epoch = epoch;
        let record = Record::AcceptedEpoch(epoch);
        out.replace_file(ACCEPTED_EPOCH_TMP, ACCEPTED_EPOCH, record)
    }

    /// Notes that the history of this epoch's leader was taken over; durable once the queue gets
    /// here, after everything queued before.
    pub fn enter_epoch(&mut self, epoch: u32, out: &mut Out) {
        let accepted = self.accepted_epoch;
        assert!(
            epoch <= accepted,
            "epoch {epoch} entered, {accepted} accepted"
        );
        if epoch > self.current_epoch {
            self.current_epoch = epoch;
            self.write_current_epoch(out);
        }
    }

    /// Writes `currentEpoch` as the mirror has it. The file counts from the rename on, and then
    /// everything queued before is durable: a server that claims an epoch has its history
    /// (ZK-4643).
    pub fn write_current_epoch(&self, out: &mut Out) {
        let record = Record::CurrentEpoch(self.current_epoch);
        out.disk(DiskOp::Write(CURRENT_EPOCH_TMP, record));
        out.disk(DiskOp::SyncAll);
        out.disk(DiskOp::Rename {
            from: CURRENT_EPOCH_TMP,
            to: CURRENT_EPOCH,
        });
        out.disk(DiskOp::Sync(Object::Directory));
    }

    /// Forgets everything above `zxid`; says whether it could. It cannot if `zxid` is not in the
    /// history, or lies below the base.
    pub fn truncate(&mut self, zxid: Zxid, out: &mut Out) -> bool {
        let keep = if zxid == self.base.snapshot {
            0
        } else {
            match self.zxids.binary_search(&zxid) {
                Ok(place) => place + 1,
                Err(_) => return false,
            }
        };
        self.zxids.truncate(keep);
        out.disk(DiskOp::CutAfter(self.last_index()));
        // Nothing may be appended before the cut is durable: power could bring the old tail back
        // after the new records.
        out.disk(DiskOp::Sync(Object::Directory));
        true
    }

    /// Replaces the whole history by a snapshot. One rename decides: before it the old history
    /// stands complete, after it the snapshot, which is durable by then.
    pub fn install(&mut self, snapshot: &Snapshot, out: &mut Out) {
        // A file of this zxid that is the base must not be written over: power could tear it.
        if snapshot.zxid != self.base.snapshot {
            out.disk(DiskOp::Save(snapshot.clone()));
        }
        let base = Base {
            snapshot: snapshot.zxid,
            after: self.last_index(),
        };
        self.zxids.clear();
        self.rebase(base, None, out);
        out.disk(DiskOp::DropThrough(base.after));
        out.disk(DiskOp::DropSnapshotsBefore(base.snapshot));
        out.disk(DiskOp::Sync(Object::Directory));
    }

    /// Writes a snapshot of this history beside the others. `None` if the base covers it already.
    pub fn save(&self, snapshot: Snapshot, out: &mut Out) -> Option<Ticket> {
        if snapshot.zxid <= self.base.snapshot {
            return None;
        }
        out.disk(DiskOp::Save(snapshot));
        Some(out.disk(DiskOp::SyncAll))
    }

    /// Starts the history at a saved snapshot that is durable. The previous base and the log after
    /// it are kept; what was only of use to still older ones is dropped.
    pub fn advance_base(&mut self, snapshot: Zxid, out: &mut Out) {
        let covered = self.zxids.partition_point(|zxid| *zxid <= snapshot);
        let older = self.base;
        let base = Base {
            snapshot,
            after: older.after + covered as u64,
        };
        self.zxids.drain(..covered);
        self.rebase(base, Some(older), out);
        out.disk(DiskOp::DropThrough(older.after));
        out.disk(DiskOp::DropSnapshotsBefore(older.snapshot));
        out.disk(DiskOp::Sync(Object::Directory));
    }

    /// Moves the base. The file counts from the rename on, and then everything queued before is
    /// durable. The rename itself, and removals after it, become so in this order.
    fn rebase(&mut self, newest: Base, older: Option<Base>, out: &mut Out) {
        self.base = newest;
        out.disk(DiskOp::Write(BASE_TMP, Record::Base { newest, older }));
        out.disk(DiskOp::SyncAll);
        out.disk(DiskOp::Rename {
            from: BASE_TMP,
            to: BASE,
        });
    }
}
