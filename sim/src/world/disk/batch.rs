//! What a batch takes from the queue, how long it takes, and what it does to the store.

use menagerie::ids::Span;
use menagerie::protocol::{DiskOp, Object, Ticket};

use super::{Batch, Disk, DiskSpec, Entry, SAVE_WRITES, Syncs, Work};
use crate::chance::decision::{Decider, Name, Phase};
use crate::chance::latency::Latency;

impl<R: Clone, G> Disk<R, G> {
    /// What the next batch is, and how many entries it takes.
    pub(super) fn plan(&self) -> (Work, usize) {
        let mut appends = 0;
        let mut appends_to_sync = 0;
        let mut syncs = Syncs::Nothing;
        let mut entries = 0;
        let mut seen = 0;
        for entry in &self.queue {
            let groupable = match entry {
                Entry::Gate(_) => true,
                Entry::Op { op, .. } => match op {
                    DiskOp::Append(_) => {
                        appends += 1;
                        true
                    }
                    DiskOp::Sync(Object::Log) => {
                        syncs = syncs.max(Syncs::Log);
                        true
                    }
                    DiskOp::SyncAll => {
                        syncs = Syncs::Everything;
                        true
                    }
                    DiskOp::CutAfter(_)
                    | DiskOp::DropThrough(_)
                    | DiskOp::Write(..)
                    | DiskOp::Rename { .. }
                    | DiskOp::Save(_)
                    | DiskOp::DropSnapshotsBefore(_)
                    | DiskOp::Sync(Object::File(_) | Object::Snapshot | Object::Directory) => false,
                },
                Entry::Reload => false,
            };
            if !groupable {
                break;
            }
            seen += 1;
            // Gates directly behind the last sync belong to it; appends behind it do not.
            if syncs == Syncs::Nothing || appends == appends_to_sync || entry_is_sync(entry) {
                entries = seen;
                appends_to_sync = appends;
            }
        }
        if seen == 0 {
            return (Work::Single, 1);
        }
        let appends = appends_to_sync;
        (Work::Group { appends, syncs }, entries)
    }

    /// How long a batch writes and syncs.
    pub(super) fn durations(
        &self,
        work: Work,
        spec: &DiskSpec,
        decider: &mut Decider,
    ) -> (Span, Span) {
        let draws = self.batches * 2;
        let mut settle = |phase: Phase, latency: &Latency, draw: u64| {
            let name = || Name::Disk {
                node: self.node,
                batch: self.batches + 1,
                phase,
            };
            let drawn = || latency.sample(self.deck.draw(draw)).0;
            Span(decider.settle(name, drawn, || latency.median().0))
        };
        match work {
            Work::Group { appends, syncs } => {
                let writing = if appends > 0 {
                    settle(Phase::Write, &spec.write, draws)
                } else {
                    Span::ZERO
                };
                let dirty = match syncs {
                    Syncs::Nothing => false,
                    Syncs::Log => appends > 0 || self.store.log_is_dirty(),
                    Syncs::Everything => appends > 0 || self.store.is_dirty(),
                };
                let syncing = if dirty {
                    self.slowed(settle(Phase::Sync, &spec.sync, draws + 1))
                } else {
                    Span::ZERO
                };
                (writing, syncing)
            }
            Work::Single => match self.queue.front().expect("a batch has an entry") {
                Entry::Gate(_) => (Span::ZERO, Span::ZERO),
                Entry::Reload => {
                    let reading = settle(Phase::Read, &spec.read, draws);
                    (Span::ZERO, self.slowed(reading))
                }
                Entry::Op { op, .. } => match op {
                    DiskOp::Append(_)
                    | DiskOp::CutAfter(_)
                    | DiskOp::DropThrough(_)
                    | DiskOp::Write(..)
                    | DiskOp::Rename { .. }
                    | DiskOp::DropSnapshotsBefore(_) => {
                        (settle(Phase::Write, &spec.write, draws), Span::ZERO)
                    }
                    DiskOp::Save(_) => {
                        let writing = settle(Phase::Write, &spec.write, draws);
                        (writing.times(SAVE_WRITES), Span::ZERO)
                    }
                    DiskOp::Sync(object) if !self.object_is_dirty(*object) => {
                        (Span::ZERO, Span::ZERO)
                    }
                    DiskOp::SyncAll if !self.store.is_dirty() => (Span::ZERO, Span::ZERO),
                    DiskOp::Sync(_) | DiskOp::SyncAll => {
                        let syncing = settle(Phase::Sync, &spec.sync, draws + 1);
                        (Span::ZERO, self.slowed(syncing))
                    }
                },
            },
        }
    }

    fn object_is_dirty(&self, object: Object) -> bool {
        match object {
            Object::Log => self.store.log_is_dirty(),
            Object::File(name) => self.store.file_is_dirty(name),
            Object::Snapshot => self.store.snapshot_is_dirty(),
            Object::Directory => self.store.directory_is_dirty(),
        }
    }

    /// Whether the batch's fsync is one that was asked to fail.
    pub(super) fn fails(&mut self, work: Work) -> bool {
        let has_sync = match work {
            Work::Group { syncs, .. } => syncs != Syncs::Nothing,
            Work::Single => entry_is_sync(self.queue.front().expect("a batch has an entry")),
        };
        let fails = has_sync && self.failing_syncs > 0;
        self.failing_syncs -= u32::from(fails);
        fails
    }

    fn slowed(&self, span: Span) -> Span {
        Span(span.0 + self.slow_extra.0)
    }

    /// Performs one operation of a group; its syncs are performed together when it ends.
    pub(super) fn write_grouped(&mut self, op: DiskOp<R>) {
        if let DiskOp::Append(record) = op {
            self.store.append(record);
        }
    }

    pub(super) fn perform(&mut self, op: DiskOp<R>, success: bool) {
        match op {
            DiskOp::Append(record) => self.store.append(record),
            DiskOp::CutAfter(index) => self.store.cut_after(index),
            DiskOp::DropThrough(index) => self.store.drop_through(index),
            DiskOp::Write(name, content) => self.store.write(name, content),
            DiskOp::Rename { from, to } => self.store.rename(from, to),
            DiskOp::Save(snapshot) => self.store.save(snapshot),
            DiskOp::DropSnapshotsBefore(zxid) => self.store.drop_snapshots_before(zxid),
            DiskOp::Sync(object) => match object {
                Object::Log => self.store.sync_log(success),
                Object::File(name) => self.store.sync_file(name, success),
                Object::Snapshot => self.store.sync_snapshot(success),
                Object::Directory => self.store.sync_directory(success),
            },
            DiskOp::SyncAll => self.store.sync_all(success),
        }
    }

    /// Of n appends, the i-th is written when i/n of the write pass are over.
    pub(super) fn write_part_of_group(
        &mut self,
        batch: &Batch,
        appends: u64,
        elapsed: Span,
        into: &mut Vec<Ticket>,
    ) {
        if appends == 0 {
            return;
        }
        let written = if batch.writing == Span::ZERO {
            appends
        } else {
            let share = u128::from(elapsed.0) * u128::from(appends) / u128::from(batch.writing.0);
            (share as u64).min(appends)
        };
        let mut left = written;
        let mut entries = batch.entries;
        while left > 0 && entries > 0 {
            let entry = self.queue.pop_front().expect("the batch is in the queue");
            entries -= 1;
            if let Entry::Op {
                op: DiskOp::Append(record),
                ticket,
            } = entry
            {
                self.store.append(record);
                into.push(ticket);
                left -= 1;
            }
        }
    }

    pub(super) fn write_single_if_done(
        &mut self,
        batch: &Batch,
        elapsed: Span,
        into: &mut Vec<Ticket>,
    ) {
        if elapsed < batch.writing {
            return;
        }
        let entry = self.queue.pop_front().expect("the batch is in the queue");
        match entry {
            // A sync that was not finished has done nothing that one may rely on.
            Entry::Op { op, ticket } if !is_sync(&op) => {
                self.perform(op, true);
                into.push(ticket);
            }
            Entry::Op { .. } | Entry::Gate(_) | Entry::Reload => {}
        }
    }
}

pub(super) fn is_sync<R>(op: &DiskOp<R>) -> bool {
    match op {
        DiskOp::Sync(_) | DiskOp::SyncAll => true,
        DiskOp::Append(_)
        | DiskOp::CutAfter(_)
        | DiskOp::DropThrough(_)
        | DiskOp::Write(..)
        | DiskOp::Rename { .. }
        | DiskOp::Save(_)
        | DiskOp::DropSnapshotsBefore(_) => false,
    }
}

pub(super) fn entry_is_sync<R, G>(entry: &Entry<R, G>) -> bool {
    match entry {
        Entry::Op { op, .. } => is_sync(op),
        Entry::Gate(_) | Entry::Reload => false,
    }
}
