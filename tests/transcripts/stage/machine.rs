//! One server with its disk, its timers and what it hears from itself.

use std::collections::{BTreeMap, VecDeque};

use menagerie::ids::{LocalTime, Zxid};
use menagerie::protocol::{DiskOp, Effect, Ensemble, Image, Input, Outbox, Protocol, Standing};

pub(super) struct Machine<P: Protocol> {
    pub(super) ensemble: Ensemble<P::Knobs>,
    pub(super) server: Option<P>,
    pub(super) out: Outbox<P>,
    pub(super) written: Image<P::Record>,
    pub(super) synced: Image<P::Record>,
    pub(super) is_held: bool,
    /// What waits for the disk while it is held.
    pub(super) held: VecDeque<Effect<P>>,
    pub(super) timers: BTreeMap<P::Timer, LocalTime>,
    /// What the server caused for itself.
    pub(super) inbox: VecDeque<Input<P>>,
    pub(super) applied: Zxid,
    pub(super) standing: Option<Standing>,
}

impl<P: Protocol> Machine<P> {
    pub(super) fn new(ensemble: Ensemble<P::Knobs>) -> Machine<P> {
        Machine {
            out: Outbox::new(ensemble.me),
            ensemble,
            server: None,
            written: Image::empty(),
            synced: Image::empty(),
            is_held: false,
            held: VecDeque::new(),
            timers: BTreeMap::new(),
            inbox: VecDeque::new(),
            applied: Zxid::ZERO,
            standing: None,
        }
    }

    /// Carries out a disk operation; returns whether it completes with an input.
    pub(super) fn write(&mut self, op: DiskOp<P::Record>) -> bool {
        let image = &mut self.written;
        match op {
            DiskOp::Append(record) => image.log.push(record),
            DiskOp::CutAfter(index) => {
                let kept = (index + 1).saturating_sub(image.log_first) as usize;
                image.log.truncate(kept);
            }
            DiskOp::DropThrough(index) => {
                let dropped = (index + 1).saturating_sub(image.log_first);
                let dropped = dropped.min(image.log.len() as u64);
                image.log.drain(..dropped as usize);
                image.log_first += dropped;
            }
            DiskOp::Write(name, record) => {
                image.files.insert(name, Some(record));
            }
            DiskOp::Rename { from, to } => {
                let content = image.files.remove(&from).expect("it was written before");
                image.files.insert(to, content);
            }
            DiskOp::Save(snapshot) => {
                image.snapshots.retain(|old| old.zxid != snapshot.zxid);
                image.snapshots.push(snapshot);
                image.snapshots.sort_by_key(|snapshot| snapshot.zxid);
            }
            DiskOp::DropSnapshotsBefore(zxid) => image.snapshots.retain(|old| old.zxid >= zxid),
            DiskOp::Sync(_) | DiskOp::SyncAll => {
                self.synced = self.written.clone();
                return true;
            }
        }
        false
    }
}
