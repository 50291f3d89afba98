//! The disk of a server, as its protocol sees it.

use std::collections::BTreeMap;

use crate::ids::Zxid;
use crate::tree::Snapshot;

/// Whether a capture may run beside applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaptureKind {
    /// In chunks, applies in between: later chunks may hold effects above the snapshot's zxid, so
    /// it is only good together with an idempotent replay of the log above it.
    Fuzzy,
    /// Between two applies.
    Atomic,
}

/// The name of a small file that is written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(pub &'static str);

/// A thing on disk that is synced on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The open segment of the log.
    Log,
    /// A small file.
    File(FileName),
    /// The newest snapshot file.
    Snapshot,
    /// The directory: cuts, renames, removals, and the entries of new files.
    Directory,
}

/// One operation of the disk queue.
///
/// The log is a sequence of records numbered from 1; a record keeps its index for ever, and an
/// index freed by a cut is used again by the next append.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DiskOp<R> {
    /// Append a record to the open segment of the log.
    Append(R),
    /// Drop every record with a greater index, and open a new segment: a directory operation.
    CutAfter(u64),
    /// Remove every record up to and including this index: a directory operation.
    DropThrough(u64),
    /// Replace a file's content, in place: until it is synced a loss of power may tear it.
    Write(FileName, R),
    /// Rename a file over another: a directory operation.
    Rename {
        /// The file that is renamed.
        from: FileName,
        /// The name it takes; a file of that name is replaced.
        to: FileName,
    },
    /// Write a snapshot file, named by its zxid. Until it is synced, a loss of power may tear it
    /// (it is then ignored by recovery) or lose its directory entry.
    Save(Snapshot),
    /// Remove the snapshot files with a smaller zxid: a directory operation.
    DropSnapshotsBefore(Zxid),
    /// Make one object durable: completes with [`Disk`](super::Input::Disk).
    Sync(Object),
    /// Make everything queued so far durable: completes with [`Disk`](super::Input::Disk).
    SyncAll,
}

/// What a disk holds, as a booting process reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image<R> {
    /// The index of the first record of `log` (1 if nothing was dropped).
    pub log_first: u64,
    /// The records of the log. A torn last record has been dropped.
    pub log: Vec<R>,
    /// Whether a torn record was dropped.
    pub torn_tail: bool,
    /// The small files; `None` is a file whose content is torn.
    pub files: BTreeMap<FileName, Option<R>>,
    /// The snapshots that are whole, by ascending zxid.
    pub snapshots: Vec<Snapshot>,
}

impl<R> Image<R> {
    /// The image of a new disk.
    pub fn empty() -> Image<R> {
        Image {
            log_first: 1,
            log: Vec::new(),
            torn_tail: false,
            files: BTreeMap::new(),
            snapshots: Vec::new(),
        }
    }

    /// The index of the last record; `log_first - 1` if there is none.
    pub fn log_last(&self) -> u64 {
        self.log_first + self.log.len() as u64 - 1
    }

    /// The snapshot with the greatest zxid.
    pub fn newest_snapshot(&self) -> Option<&Snapshot> {
        self.snapshots.last()
    }

    /// A whole file's content; `None` if it is absent or torn.
    pub fn file(&self, name: FileName) -> Option<&R> {
        self.files.get(&name).and_then(Option::as_ref)
    }
}
