//! The disk of the small world: one FIFO queue, and two images.

use std::collections::{BTreeSet, VecDeque};

use crate::ids::NodeId;
use crate::protocol::{DiskOp, Fact, FileName, Image, Object, Protocol, Ticket, Via};
use crate::zab::{Msg, Record, Zab, record};

/// What survives the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// What was written.
    Process,
    /// What was synced.
    Power,
}

/// One entry of a disk queue.
pub enum Queued {
    Op(Ticket, DiskOp<Record>),
    Send(NodeId, Via, Msg),
    Fact(Fact),
    Reload,
}

/// A disk: what a crash of either kind would leave, and what is still to be done.
pub struct Disk {
    pub written: Image<Record>,
    pub durable: Image<Record>,
    pub queue: VecDeque<Queued>,
    pub held: bool,
    /// The next sync fails.
    pub failing: bool,
    /// A sync failed since the process started.
    pub broken: bool,
    /// Indexes of log records whose sync failed: no later one makes them durable, and nothing
    /// after them can be read if they are lost.
    pub doubtful: BTreeSet<u64>,
}

impl Disk {
    /// A disk with nothing on it.
    pub fn empty() -> Disk {
        Disk {
            written: Image::empty(),
            durable: Image::empty(),
            queue: VecDeque::new(),
            held: false,
            failing: false,
            broken: false,
            doubtful: BTreeSet::new(),
        }
    }

    /// What dies with the process, and what with the power.
    pub fn lose(&mut self, loss: Loss) {
        self.queue.clear();
        self.failing = false;
        self.broken = false;
        match loss {
            Loss::Process => {}
            Loss::Power => {
                self.written = self.durable.clone();
                self.doubtful.clear();
            }
        }
    }
}

/// Carries out one operation.
pub fn perform(disk: &mut Disk, op: DiskOp<Record>) {
    let image = &mut disk.written;
    match op {
        DiskOp::Append(record) => image.log.push(record),
        DiskOp::CutAfter(index) => {
            let kept = (index + 1).saturating_sub(image.log_first) as usize;
            image.log.truncate(kept);
            disk.doubtful.retain(|doubtful| *doubtful <= index);
        }
        DiskOp::DropThrough(index) => {
            let dropped = (index + 1).saturating_sub(image.log_first);
            let dropped = dropped.min(image.log.len() as u64);
            image.log.drain(..dropped as usize);
            image.log_first += dropped;
            disk.doubtful.retain(|doubtful| *doubtful > index);
        }
        DiskOp::Write(name, record) => {
            image.files.insert(name, Some(record));
        }
        DiskOp::Rename { from, to } => {
            let content = image.files.remove(&from).expect("written before");
            image.files.insert(to, content);
        }
        DiskOp::Save(snapshot) => {
            image.snapshots.retain(|s| s.zxid != snapshot.zxid);
            image.snapshots.push(snapshot);
            image.snapshots.sort_by_key(|s| s.zxid);
        }
        DiskOp::DropSnapshotsBefore(zxid) => image.snapshots.retain(|s| s.zxid >= zxid),
        DiskOp::Sync(Object::File(name)) => sync_file(disk, name),
        DiskOp::Sync(Object::Log | Object::Snapshot | Object::Directory) | DiskOp::SyncAll => {
            disk.durable = disk.written.clone();
            if let Some(first) = disk.doubtful.first() {
                let readable = first - disk.durable.log_first;
                disk.durable.log.truncate(readable as usize);
            }
        }
    }
}

/// A sync fails: what it should have made durable is in doubt, and what waits for it is never
/// done.
pub fn fail(disk: &mut Disk, op: &DiskOp<Record>) {
    disk.failing = false;
    disk.broken = true;
    disk.queue.retain(|queued| matches!(queued, Queued::Reload));
    match op {
        DiskOp::Sync(Object::Log) | DiskOp::SyncAll => {
            let (written, durable) = (&disk.written, &disk.durable);
            let in_doubt = (written.log_first..=written.log_last())
                .filter(|index| record_at(written, *index) != record_at(durable, *index));
            disk.doubtful.extend(in_doubt);
        }
        DiskOp::Sync(Object::File(_) | Object::Snapshot | Object::Directory)
        | DiskOp::Append(_)
        | DiskOp::CutAfter(_)
        | DiskOp::DropThrough(_)
        | DiskOp::Write(..)
        | DiskOp::Rename { .. }
        | DiskOp::Save(_)
        | DiskOp::DropSnapshotsBefore(_) => {}
    }
}

fn record_at(image: &Image<Record>, index: u64) -> Option<&Record> {
    let place = index.checked_sub(image.log_first)?;
    image.log.get(place as usize)
}

fn sync_file(disk: &mut Disk, name: FileName) {
    if let Some(content) = disk.written.files.get(&name) {
        disk.durable.files.insert(name, content.clone());
    }
}

/// What a learner's message says must be durable where it came from, now that it arrives: the
/// stream is up, so the sender has not left the role it promised in.
pub fn assert_kept(disk: &Disk, from: NodeId, msg: &Msg, promised: u32) {
    let image = &disk.durable;
    match msg {
        Msg::Ack { zxid } => {
            let kept = Zab::persisted(image);
            let logged = kept.entries.iter().any(|(at, _)| at == zxid);
            assert!(
                logged || kept.through >= *zxid,
                "{from} has lost {zxid}, which it acknowledged"
            );
        }
        Msg::AckNewLeader { epoch } => {
            let kept = record::read(image).expect("a crash image boots");
            assert_eq!(kept.current_epoch, *epoch, "{from} has not entered it");
        }
        Msg::AckEpoch {
            current_epoch: Some(_),
            ..
        } => {
            let kept = record::read(image).expect("a crash image boots");
            assert_eq!(kept.accepted_epoch, promised, "{from} has not promised it");
        }
        Msg::Notification { .. }
        | Msg::FollowerInfo { .. }
        | Msg::ObserverInfo { .. }
        | Msg::LeaderInfo { .. }
        | Msg::AckEpoch {
            current_epoch: None,
            ..
        }
        | Msg::Diff { .. }
        | Msg::Trunc { .. }
        | Msg::Snap { .. }
        | Msg::Proposal { .. }
        | Msg::Commit { .. }
        | Msg::Inform { .. }
        | Msg::NewLeader { .. }
        | Msg::UpToDate
        | Msg::Ping
        | Msg::Pong
        | Msg::Sync { .. }
        | Msg::Synced { .. } => {}
    }
}
