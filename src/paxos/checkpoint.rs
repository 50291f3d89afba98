//! Snapshots, and the log that they shorten.
//!
//! A checkpoint has two stages, because the log must never be shorter than the durable snapshot
//! allows: the snapshot is saved and synced; then copies of the promise and of every vote above it
//! go to the end of the log and are synced; then everything before the copies is dropped. A crash
//! between any two steps leaves more records than needed, which recovery reads all the same.

use super::record::Record;
use super::slot::{end_of_slot, slot_of};
use super::{Out, Paxos, Phase};
use crate::ids::{LocalTime, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{CaptureKind, DiskOp, Effect, Object, Ticket};
use crate::tree::Snapshot;

/// The state of snapshots and log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Checkpoints {
    /// The index of the last record that was appended.
    log_last: u64,
    /// The newest snapshot, durable or on its way there; what laggards are sent.
    newest: Option<Snapshot>,
    /// The capture that was asked for.
    capturing: Option<Ticket>,
    stage: Stage,
}

/// How far the checkpoint at the newest snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// None is under way.
    Idle,
    /// The snapshot is durable when this ticket is done.
    Saving(Ticket),
    /// The copies are durable when this ticket is done.
    Copying {
        ticket: Ticket,
        /// The last record before the copies.
        drop_through: u64,
    },
}

impl Checkpoints {
    /// As a booting server finds them.
    pub(super) fn new(log_last: u64, newest: Option<Snapshot>) -> Checkpoints {
        Checkpoints {
            log_last,
            newest,
            capturing: None,
            stage: Stage::Idle,
        }
    }

    /// Appends a record to the log.
    #[inline]
    pub(super) fn append(&mut self, record: Record, out: &mut Out) {
        self.log_last += 1;
        out.append(record);
    }

    /// The newest snapshot.
    pub(super) fn newest(&self) -> Snapshot {
        let newest = self.newest.clone();
        newest.expect("values are only forgotten once a snapshot covers them")
    }

    /// What holds after every step, beside a learner whose prefix ends there.
    pub(super) fn assert_invariants(&self, prefix: u64) {
        let index = self.index();
        assert!(
            index <= prefix,
            "a snapshot holds slots through {index}, but the prefix ends at {prefix}"
        );
        match self.stage {
            Stage::Copying { drop_through, .. } => assert!(
                drop_through <= self.log_last,
                "records through {drop_through} are to be dropped, of {}",
                self.log_last
            ),
            Stage::Idle | Stage::Saving(_) => {}
        }
    }

    fn index(&self) -> u64 {
        self.newest.as_ref().map_or(0, |s| slot_of(s.zxid))
    }
}

impl Paxos {
    /// What a dead process wrote need not be durable, and after a failed sync no later one makes it
    /// so. Copies do, once the originals are dropped for good:
    /// 1. A sync of record r fails, the process starts again, and copies of r and its successors
    ///    become durable after it.
    /// 2. Power takes r, and recovery cannot read across the hole: the copies are out of reach.
    ///
    /// All of it is queued before anything that this incarnation says. The snapshot needs no copy:
    /// recovery takes only one that a record names, and so one that was synced.
    pub(super) fn copy_what_was_recovered(&mut self, out: &mut Out) {
        let drop_through = self.checkpoints.log_last;
        let head = Record::Checkpoint {
            snapshot: self.checkpoints.index(),
            promised: self.acceptor.promised(),
        };
        self.append_copies(head, out);
        let copied = out.disk(DiskOp::SyncAll);
        if self.config.mutations.has(Mutation::N25) {
            self.checkpoints.stage = Stage::Copying {
                ticket: copied,
                drop_through,
            };
            return;
        }
        out.disk(DiskOp::DropThrough(drop_through));
        out.disk(DiskOp::Sync(Object::Directory));
    }

    /// The state machine has applied commands: is it time for a snapshot?
    pub(super) fn on_applied(&mut self, zxid: Zxid, out: &mut Out) {
        let slot = slot_of(zxid);
        assert!(
            slot <= self.learner.prefix(),
            "slot {slot} is applied, but was not handed over: the chosen prefix ends at {}",
            self.learner.prefix()
        );
        let checkpoints = &mut self.checkpoints;
        let due = slot >= checkpoints.index() + self.config.snapshot_every;
        if due && checkpoints.capturing.is_none() && checkpoints.stage == Stage::Idle {
            checkpoints.capturing = Some(out.capture(CaptureKind::Atomic));
        }
    }

    pub(super) fn on_captured(&mut self, ticket: Ticket, snapshot: Snapshot, out: &mut Out) {
        if self.checkpoints.capturing != Some(ticket) {
            // The state was replaced by a newer snapshot meanwhile.
            return;
        }
        self.checkpoints.capturing = None;
        if slot_of(snapshot.zxid) > self.checkpoints.index() {
            self.save(snapshot, out);
        }
    }

    /// Installs another server's snapshot if it is ahead of what was handed over here. The votes
    /// above it and the promise stay as they are (docs/paxos.md, rules 1 and 4). A leader goes on
    /// to lead, but announces none of what it proposed in those slots as chosen (docs/paxos.md,
    /// rule 9).
    pub(super) fn on_snapshot(&mut self, now: LocalTime, snapshot: Snapshot, out: &mut Out) {
        let before = self.learner.prefix();
        let index = slot_of(snapshot.zxid);
        if index <= before {
            // Delayed, or a duplicate.
            return;
        }
        // Mutation N02: whatever the snapshot covers counts as chosen at this leader's ballot.
        if !self.config.mutations.has(Mutation::N02)
            && let Phase::Leading(leadership) = &mut self.phase
            && leadership.give_up_through(index)
        {
            self.step_down(out);
        }
        out.push(Effect::Restore(Some(snapshot.clone())));
        self.checkpoints.capturing = None;
        self.learner.jump(index);
        out.committed(end_of_slot(index));
        self.save(snapshot, out);
        self.learner.hand_over(out);
        self.on_progress(now, before, out);
    }

    fn save(&mut self, snapshot: Snapshot, out: &mut Out) {
        self.checkpoints.newest = Some(snapshot.clone());
        out.disk(DiskOp::Save(snapshot));
        // A checkpoint under way is superseded: its records stay until this one drops them.
        self.checkpoints.stage = Stage::Saving(out.disk(DiskOp::SyncAll));
    }

    pub(super) fn on_disk_done(&mut self, done: Ticket, out: &mut Out) {
        match self.checkpoints.stage {
            Stage::Saving(ticket) if ticket == done => self.copy_log(out),
            Stage::Copying {
                ticket,
                drop_through,
            } if ticket == done => {
                self.checkpoints.stage = Stage::Idle;
                out.disk(DiskOp::DropThrough(drop_through));
                let newest = self.checkpoints.newest().zxid;
                out.disk(DiskOp::DropSnapshotsBefore(newest));
            }
            // The sync of a promise or of a vote, whose answer the gate has let out; or that of a
            // superseded checkpoint.
            Stage::Idle | Stage::Saving(_) | Stage::Copying { .. } => {}
        }
    }

    /// The snapshot is durable: the votes that it covers are needed no more.
    fn copy_log(&mut self, out: &mut Out) {
        let snapshot = self.checkpoints.index();
        self.acceptor.trim(snapshot);
        let tail = snapshot.saturating_sub(self.config.log_tail);
        self.learner.trim(tail);
        let drop_through = self.checkpoints.log_last;
        let promised = self.acceptor.promised();
        let head = Record::Checkpoint { snapshot, promised };
        self.append_copies(head, out);
        self.checkpoints.stage = Stage::Copying {
            ticket: out.disk(DiskOp::SyncAll),
            drop_through,
        };
    }

    /// Appends copies of everything that must not be lost, except what the snapshot covers.
    fn append_copies(&mut self, head: Record, out: &mut Out) {
        self.checkpoints.append(head, out);
        for vote in self.acceptor.votes_from(0) {
            let record = Record::Accepted {
                ballot: vote.ballot,
                slot: vote.slot,
                value: vote.value,
            };
            self.checkpoints.append(record, out);
        }
    }
}
