//! What is written to disk, and what a booting server makes of it.
//!
//! The log holds [`Record::Txn`] only; three small files hold the two epochs and the *base*. A
//! server's history is the snapshot that the base names, followed by the log records after the
//! index that the base names. Anything else on the disk is debris of a crash and is ignored:
//! records in front of that index, snapshots with other zxids. So taking over a leader's snapshot
//! is one atomic rename, wherever a crash falls, and a snapshot of a history that was truncated can
//! never come back. (ZooKeeper has no such file; it takes the newest snapshot and the log above.)
//!
//! # Booting
//! What a booting server reads may come from a cache: a process that died wrote it, and if a sync
//! of it failed, no later sync makes it durable (docs/zab.md, rule R2). So the history after the
//! base is written once more, after a [`Record::Rewritten`], then the base is moved to the copies,
//! and then the originals are dropped (`Storage::rewrite`). A crash on the way leaves the originals
//! or the copies:
//! - without the new base, the log is read up to the mark;
//! - with it, the copies are read. If power took a doubtful original, the log ends there, before
//!   the new base, and the one before it is taken: none of what is lost then was promised, because
//!   promises wait until the originals are gone for good.
//!
//! The small files and the snapshot that the base names need no copies. Their content was synced
//! before the rename that made them count, and a failed sync cancels that rename.

use serde::Serialize;

use crate::canonical::{Canonical, RunHash};
use crate::ids::Zxid;
use crate::protocol::{FileName, Image, Persisted, Pledged, Refusal};
use crate::tree::{Payload, Snapshot};

/// The file with the highest epoch this server has promised.
pub(super) const ACCEPTED_EPOCH: FileName = FileName("acceptedEpoch");
/// Where `ACCEPTED_EPOCH` is written before it is renamed.
pub(super) const ACCEPTED_EPOCH_TMP: FileName = FileName("acceptedEpoch.tmp");
/// The file with the last epoch whose history this server took over.
pub(super) const CURRENT_EPOCH: FileName = FileName("currentEpoch");
/// Where `CURRENT_EPOCH` is written before it is renamed.
pub(super) const CURRENT_EPOCH_TMP: FileName = FileName("currentEpoch.tmp");
/// The file that says from which snapshot and which log index on the history is to be read.
pub(super) const BASE: FileName = FileName("base");
/// Where `BASE` is written before it is renamed.
pub(super) const BASE_TMP: FileName = FileName("base.tmp");

/// Where a history starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Base {
    /// The snapshot's zxid; zero is the empty state, for which there is no snapshot.
    pub snapshot: Zxid,
    /// Only log records with a greater index belong to the history.
    pub after: u64,
}

impl Base {
    /// The base of a new disk: the empty state and the whole log.
    pub const EMPTY: Base = Base {
        snapshot: Zxid::ZERO,
        after: 0,
    };
}

/// One record of the log, or the content of one small file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Record {
    /// In the log: a proposal, committed or not.
    Txn {
        /// Its position.
        zxid: Zxid,
        /// What was proposed.
        payload: Payload,
    },
    /// In the log: copies of the whole history after the base follow. As long as the base lies
    /// before this, they are debris.
    Rewritten,
    /// The content of `acceptedEpoch`.
    AcceptedEpoch(u32),
    /// The content of `currentEpoch`.
    CurrentEpoch(u32),
    /// The content of `base`.
    Base {
        /// Where the history starts.
        newest: Base,
        /// Where it starts if that snapshot has become unreadable; its log is still there.
        older: Option<Base>,
    },
}

impl Canonical for Base {
    fn feed(&self, hash: &mut RunHash) {
        self.snapshot.feed(hash);
        hash.word(self.after);
    }
}

impl Canonical for Record {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Record::Txn { zxid, payload } => {
                hash.word(1);
                zxid.feed(hash);
                payload.feed(hash);
            }
            Record::AcceptedEpoch(epoch) => {
                hash.word(2);
                hash.word(u64::from(*epoch));
            }
            Record::CurrentEpoch(epoch) => {
                hash.word(3);
                hash.word(u64::from(*epoch));
            }
            Record::Base { newest, older } => {
                hash.word(4);
                newest.feed(hash);
                older.feed(hash);
            }
            Record::Rewritten => hash.word(5),
        }
    }
}

/// What an image says.
#[derive(Debug)]
pub(super) struct Recovered<'a> {
    pub accepted_epoch: u32,
    pub current_epoch: u32,
    /// `current_epoch` is above what the file says, see [`read`]: it is to be written.
    pub raised: bool,
    pub base: Base,
    /// The newest base of the file does not reach: the file is to be written again before the log
    /// grows, for then it would seem to.
    pub base_failed: bool,
    pub snapshot: Option<&'a Snapshot>,
    /// The index of the last record of the log, whether it belongs to the history or not.
    pub log_last: u64,
    /// The transactions after the base, in ascending order.
    pub log: Vec<(Zxid, &'a Payload)>,
}

/// Reads an image.
///
/// A learner logs transactions of the running epoch before it writes `currentEpoch`. If it dies in
/// between, its last zxid is of a later epoch than the file says. ZooKeeper refuses to boot then
/// (ZK-1653). But a server that holds a transaction of an epoch holds that epoch's whole initial
/// history in front of it, so `currentEpoch` may be raised, as long as the epoch was accepted.
///
/// A gap between two counters of one epoch is not refused: like ZooKeeper (which detects it
/// nowhere) this leaves the judgement to the comparison of histories.
pub(super) fn read(image: &Image<Record>) -> Result<Recovered<'_>, Refusal> {
    let accepted_epoch = match file(image, ACCEPTED_EPOCH)? {
        None => 0,
        Some(Record::AcceptedEpoch(epoch)) => *epoch,
        Some(other) => return Err(misplaced(ACCEPTED_EPOCH, other)),
    };
    let current_epoch = match file(image, CURRENT_EPOCH)? {
        None => 0,
        Some(Record::CurrentEpoch(epoch)) => *epoch,
        Some(other) => return Err(misplaced(CURRENT_EPOCH, other)),
    };
    let (base, snapshot, base_failed) = find_base(image)?;
    let log = read_log(image, base)?;
    let last = log.last().map_or(base.snapshot, |(zxid, _)| *zxid);
    if current_epoch > accepted_epoch {
        return Err(Refusal(format!(
            "currentEpoch {current_epoch} is above acceptedEpoch {accepted_epoch}"
        )));
    }
    if last.epoch() > accepted_epoch {
        return Err(Refusal(format!(
            "the last zxid {last} is of an epoch above acceptedEpoch {accepted_epoch}"
        )));
    }
    Ok(Recovered {
        accepted_epoch,
        current_epoch: current_epoch.max(last.epoch()),
        raised: last.epoch() > current_epoch,
        base,
        base_failed,
        snapshot,
        log_last: image.log_last(),
        log,
    })
}

/// What an image proves to be stored. An image that cannot boot proves nothing.
pub(super) fn persisted(image: &Image<Record>) -> Persisted {
    match read(image) {
        Err(Refusal(_)) => Persisted::default(),
        Ok(recovered) => Persisted {
            through: recovered.base.snapshot,
            entries: recovered
                .log
                .iter()
                .map(|(zxid, payload)| (*zxid, payload.digest()))
                .collect(),
        },
    }
}

/// What an image proves to be promised. An image that cannot boot proves nothing. Votes are not
/// kept for good: a later leader truncates what it does not have.
pub(super) fn pledged(image: &Image<Record>) -> Pledged {
    let accepted = read(image).map_or(0, |recovered| recovered.accepted_epoch);
    Pledged {
        promised: u64::from(accepted),
        votes: None,
    }
}

fn file(image: &Image<Record>, name: FileName) -> Result<Option<&Record>, Refusal> {
    match image.files.get(&name) {
        None => Ok(None),
        // Written whole and synced before it got this name: no crash tears it.
        Some(None) => Err(Refusal(format!("the file {} is torn", name.0))),
        Some(Some(record)) => Ok(Some(record)),
    }
}

fn misplaced(name: FileName, record: &Record) -> Refusal {
    Refusal(format!("the file {} holds {record:?}", name.0))
}

/// The base, its snapshot, and whether the newest one of the file was passed over.
fn find_base(image: &Image<Record>) -> Result<(Base, Option<&Snapshot>, bool), Refusal> {
    let (newest, older) = match file(image, BASE)? {
        None => (Base::EMPTY, None),
        Some(Record::Base { newest, older }) => (*newest, *older),
        Some(other) => return Err(misplaced(BASE, other)),
    };
    for base in [Some(newest), older].into_iter().flatten() {
        // Records between the base and the first one that is left: this base does not reach.
        // Or records in front of it that power took with a doubtful one.
        if image.log_first > base.after + 1 || image.log_last() < base.after {
            continue;
        }
        let passed_over = base != newest;
        if base.snapshot == Zxid::ZERO {
            return Ok((base, None, passed_over));
        }
        let snapshot = image.snapshots.iter().find(|s| s.zxid == base.snapshot);
        if snapshot.is_some() {
            return Ok((base, snapshot, passed_over));
        }
    }
    Err(Refusal(format!(
        "no snapshot with its log: the base is {newest:?}, the log reaches from {} to {}",
        image.log_first,
        image.log_last()
    )))
}

fn read_log(image: &Image<Record>, base: Base) -> Result<Vec<(Zxid, &Payload)>, Refusal> {
    // In range: `find_base` bounds `base.after` by the log's two ends.
    let skipped = (base.after + 1 - image.log_first) as usize;
    let mut log = Vec::with_capacity(image.log.len() - skipped);
    let mut last = base.snapshot;
    for record in &image.log[skipped..] {
        let (zxid, payload) = match record {
            Record::Txn { zxid, payload } => (zxid, payload),
            Record::Rewritten => break,
            Record::AcceptedEpoch(_) | Record::CurrentEpoch(_) | Record::Base { .. } => {
                return Err(Refusal(format!("the log holds {record:?}")));
            }
        };
        if *zxid <= last {
            return Err(Refusal(format!("the log has {zxid} behind {last}")));
        }
        last = *zxid;
        log.push((*zxid, payload));
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;
    use crate::tree::{ErrorCode, Failure, Txn, TxnRecord};

    fn txn(epoch: u32, counter: u32) -> Record {
        Record::Txn {
            zxid: Zxid::new(epoch, counter),
            payload: Payload::txn(TxnRecord {
                session: SessionId::NONE,
                seq: 0,
                time_ms: 0,
                txn: Txn::Error(Failure::of(ErrorCode::NoNode)),
            }),
        }
    }

    fn image(accepted: u32, current: u32, log: Vec<Record>) -> Image<Record> {
        let mut image = Image::empty();
        let files = &mut image.files;
        files.insert(ACCEPTED_EPOCH, Some(Record::AcceptedEpoch(accepted)));
        files.insert(CURRENT_EPOCH, Some(Record::CurrentEpoch(current)));
        image.log = log;
        image
    }

    #[test]
    fn an_empty_disk_boots_at_zero() {
        let image = Image::empty();
        let read = read(&image).expect("nothing is no contradiction");
        assert_eq!((read.accepted_epoch, read.current_epoch), (0, 0));
        assert!(read.log.is_empty() && !read.raised);
    }

    #[test]
    fn a_transaction_of_an_accepted_epoch_raises_the_current_epoch() {
        let image = image(3, 2, vec![txn(2, 1), txn(3, 1)]);
        let read = read(&image).expect("the epoch was accepted");
        assert_eq!(read.current_epoch, 3);
        assert!(read.raised);
    }

    #[test]
    fn impossible_images_are_refused() {
        assert!(
            read(&image(1, 2, vec![])).is_err(),
            "current above accepted"
        );
        assert!(read(&image(1, 1, vec![txn(2, 1)])).is_err(), "not accepted");
        let disorder = image(2, 2, vec![txn(2, 2), txn(2, 1)]);
        assert!(read(&disorder).is_err(), "zxids out of order");
        let mut hole = image(2, 2, vec![txn(2, 2)]);
        hole.log_first = 2;
        assert!(read(&hole).is_err(), "the log lacks its beginning");
        let mut torn = image(2, 2, vec![]);
        torn.files.insert(CURRENT_EPOCH, None);
        assert!(read(&torn).is_err(), "a renamed file is never torn");
        let mut short = image(2, 2, vec![txn(2, 1)]);
        let newest = Base {
            snapshot: Zxid::ZERO,
            after: 2,
        };
        short.files.insert(
            BASE,
            Some(Record::Base {
                newest,
                older: None,
            }),
        );
        assert!(read(&short).is_err(), "the log ends before its base");
    }

    #[test]
    fn records_in_front_of_the_base_are_debris() {
        let mut image = image(3, 3, vec![txn(2, 1), txn(2, 2), txn(3, 1)]);
        let newest = Base {
            snapshot: Zxid::ZERO,
            after: 2,
        };
        image.files.insert(
            BASE,
            Some(Record::Base {
                newest,
                older: None,
            }),
        );
        let read = read(&image).expect("the base names where to start");
        assert_eq!(read.log.len(), 1);
        assert_eq!(read.log[0].0, Zxid::new(3, 1));
    }

    #[test]
    fn copies_count_once_the_base_names_them_and_the_originals_until_then() {
        let log = vec![txn(2, 1), txn(2, 2), Record::Rewritten, txn(2, 1)];
        let mut image = image(2, 2, log);
        assert_eq!(read(&image).expect("the mark ends the log").log.len(), 2);
        let newest = Base {
            snapshot: Zxid::ZERO,
            after: 3,
        };
        let older = Some(Base::EMPTY);
        let base = Record::Base { newest, older };
        image.files.insert(BASE, Some(base));
        image.log.push(txn(2, 2));
        let copies = read(&image).expect("the copies are whole");
        assert_eq!((copies.log.len(), copies.base_failed), (2, false));
        // Power took the second original, and everything after it.
        image.log.truncate(1);
        let left = read(&image).expect("the originals are what is left");
        assert_eq!((left.log.len(), left.base_failed), (1, true));
        assert_eq!((left.base, left.log_last), (Base::EMPTY, 1));
    }

    #[test]
    fn an_unreadable_snapshot_is_replaced_by_the_older_one_and_its_log() {
        let mut image = image(2, 2, vec![txn(2, 1), txn(2, 2)]);
        let newest = Base {
            snapshot: Zxid::new(2, 2),
            after: 2,
        };
        let older = Some(Base::EMPTY);
        image
            .files
            .insert(BASE, Some(Record::Base { newest, older }));
        assert_eq!(read(&image).expect("the older base reaches").log.len(), 2);
    }
}
