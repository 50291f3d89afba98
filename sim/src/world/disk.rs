//! One server's disk: a FIFO queue in front of a store.
//!
//! An operation is *queued*, then *written* (it survives the death of the process), then, once its
//! object is synced, *durable* (it survives loss of power). The queue is worked off in batches, one
//! event a batch; the instant at which each operation of a batch is written is computed, so that a
//! death in the middle of a batch knows what was written.
//!
//! # Batches
//! A batch is either one operation, or a *group commit*: the appends and syncs at the front of the
//! queue up to the last sync among them, which share one write pass and one fsync. (Without a sync,
//! the appends share a write pass.) Gates, the held-back effects, ride along as entries.
//! Completions and gates come out in the order of the queue when their batch ends.
//!
//! # Time
//! A write pass takes one `write`, its n operations are written at even steps of it. Saving a
//! snapshot takes [`SAVE_WRITES`] of them. A sync takes one `sync`, or no time if there is nothing
//! to sync. Reading back takes one `read`. A slow-down adds to every fsync and every reading.
//!
//! # Syncs of the log and older segments
//! `Sync(Log)` covers the open segment. Records that were not synced when a cut opened a new
//! segment stay so until a `SyncAll`. If a loss of power takes some of them, the log ends there,
//! even if records of a later segment are durable: recovery cannot read across a hole.
//!
//! # Failed syncs
//! See [`Disk::fail_syncs`]. What a failed sync should have made durable counts as clean afterwards
//! (no later sync writes it again) and is kept or lost by a draw when the power fails. A failed
//! sync of the directory alone decides nothing and can be repeated: directories are journaled. What
//! is queued behind a failed sync is cancelled, as linked I/O is: a rename never follows the sync
//! of its file that failed. Syncs that are cancelled report failure too. From a failed sync to the
//! death of the process no gate opens: a promise cannot be kept any more.

mod batch;
mod fate;
mod queued;
mod store;
#[cfg(test)]
mod tests;

use menagerie::ids::{Span, VirtualTime};
use menagerie::protocol::{DiskOp, DiskResult, Image, Ticket};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

use crate::chance::decision::Decider;
use crate::chance::dice::Deck;
use crate::chance::latency::Latency;
use batch::is_sync;
use fate::Fate;
use store::Store;

/// How many write passes the saving of a snapshot takes.
pub const SAVE_WRITES: u64 = 8;

/// The disks' latencies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// One write pass into the page cache, or one directory operation.
    pub write: Latency,
    /// One fsync.
    pub sync: Latency,
    /// Reading everything back.
    pub read: Latency,
}

/// What waits in a disk's queue; `G` is whatever is held back behind it.
#[derive(Clone, Debug)]
pub enum Entry<R, G> {
    /// An operation.
    Op {
        /// Its ticket.
        ticket: Ticket,
        /// The operation.
        op: DiskOp<R>,
    },
    /// An effect that waits for everything before it.
    Gate(G),
    /// A request to read the disk back.
    Reload,
}

/// What comes out of a disk's queue, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R, G> {
    /// A sync ended.
    Completed {
        /// Its ticket.
        ticket: Ticket,
        /// How it ended.
        result: DiskResult,
    },
    /// A gate opened.
    Released(G),
    /// The disk was read back.
    Reloaded(Image<R>),
}

/// What a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Appends, syncs of the log or of everything, and gates.
    Group {
        appends: u64,
        syncs: Syncs,
    },
    Single,
}

/// What the one fsync of a group covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Syncs {
    Nothing,
    Log,
    Everything,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    work: Work,
    /// How many entries at the front of the queue belong to it.
    entries: usize,
    begun: VirtualTime,
    /// How long its write pass takes.
    writing: Span,
    success: bool,
}

/// One server's disk.
#[derive(Clone, Debug)]
pub struct Disk<R, G> {
    store: Store<R>,
    queue: VecDeque<Entry<R, G>>,
    batch: Option<Batch>,
    /// Raised whenever the queue is lost, so that the end of a batch that is gone is recognised.
    generation: u32,
    /// How much longer every fsync and every reading takes, for now.
    slow_extra: Span,
    failing_syncs: u32,
    /// A sync failed since the process started: no gate opens any more.
    broken: bool,
    /// The server.
    node: u8,
    deck: Deck,
    batches: u64,
}

impl<R: Clone, G> Disk<R, G> {
    /// A new disk of a server, whose latencies are drawn from `deck`.
    pub fn new(node: u8, deck: Deck) -> Disk<R, G> {
        Disk {
            store: Store::empty(),
            queue: VecDeque::new(),
            batch: None,
            generation: 0,
            slow_extra: Span::ZERO,
            failing_syncs: 0,
            broken: false,
            node,
            deck,
            batches: 0,
        }
    }

    /// Whether nothing is queued.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Puts an entry at the end of the queue.
    pub fn push(&mut self, entry: Entry<R, G>) {
        self.queue.push_back(entry);
    }

    /// Begins the next batch if none is under way and something is queued; says when it ends and
    /// under which generation [`Disk::finish`] is to be called then.
    pub fn begin(
        &mut self,
        now: VirtualTime,
        spec: &DiskSpec,
        decider: &mut Decider,
    ) -> Option<(VirtualTime, u32)> {
        if self.batch.is_some() || self.queue.is_empty() {
            return None;
        }
        let (work, entries) = self.plan();
        let (writing, syncing) = self.durations(work, spec, decider);
        let success = !self.fails(work);
        self.batch = Some(Batch {
            work,
            entries,
            begun: now,
            writing,
            success,
        });
        self.batches += 1;
        Some((now.after(writing).after(syncing), self.generation))
    }

    /// Ends the batch under way; says whether there was one of that generation.
    pub fn finish(&mut self, generation: u32, out: &mut Vec<Outcome<R, G>>) -> bool {
        if generation != self.generation {
            // The batch died with its process.
            return false;
        }
        let batch = self.batch.take().expect("a live generation has a batch");
        let result = if batch.success {
            DiskResult::Done
        } else {
            self.broken = true;
            DiskResult::Failed
        };
        for _ in 0..batch.entries {
            let entry = self.queue.pop_front().expect("the batch is in the queue");
            match entry {
                Entry::Op { ticket, op } => {
                    let reports = is_sync(&op);
                    match batch.work {
                        Work::Group { .. } => self.write_grouped(op),
                        Work::Single => self.perform(op, batch.success),
                    }
                    if reports {
                        out.push(Outcome::Completed { ticket, result });
                    }
                }
                // What waits behind a failed sync would promise what may be lost.
                Entry::Gate(_) if self.broken => {}
                Entry::Gate(gate) => out.push(Outcome::Released(gate)),
                Entry::Reload => out.push(Outcome::Reloaded(self.store.image())),
            }
        }
        match batch.work {
            Work::Group { syncs, .. } => match syncs {
                Syncs::Nothing => {}
                Syncs::Log => self.store.sync_log(batch.success),
                Syncs::Everything => self.store.sync_all(batch.success),
            },
            Work::Single => {}
        }
        if !batch.success {
            self.cancel_queue(out);
        }
        true
    }

    /// A sync failed: nothing that waits behind it is carried out, except readings.
    fn cancel_queue(&mut self, out: &mut Vec<Outcome<R, G>>) {
        for entry in core::mem::take(&mut self.queue) {
            match entry {
                Entry::Op { ticket, op } if is_sync(&op) => out.push(Outcome::Completed {
                    ticket,
                    result: DiskResult::Failed,
                }),
                Entry::Op { .. } | Entry::Gate(_) => {}
                Entry::Reload => self.queue.push_back(Entry::Reload),
            }
        }
    }

    /// The process dies: what is written by now stays, everything queued is lost. Answers with the
    /// operations that were written at the last moment.
    pub fn process_death(&mut self, now: VirtualTime) -> Vec<Ticket> {
        let mut written = Vec::new();
        if let Some(batch) = self.batch.take() {
            let elapsed = now.since(batch.begun);
            match batch.work {
                Work::Group { appends, .. } => {
                    self.write_part_of_group(&batch, appends, elapsed, &mut written);
                }
                Work::Single => self.write_single_if_done(&batch, elapsed, &mut written),
            }
        }
        self.queue.clear();
        self.broken = false;
        self.generation += 1;
        written
    }

    /// The power fails, after [`Disk::process_death`]: keeps what is durable and a drawn part of
    /// the rest.
    /// `loss` is the number of the loss.
    pub fn power_loss(&mut self, loss: u64, deck: Deck, decider: &mut Decider) {
        assert!(
            self.queue.is_empty(),
            "the process dies before the power is gone"
        );
        let (next, node) = (0, self.node);
        self.store.lose_power(Fate::Drawn {
            deck,
            next,
            decider,
            node,
            loss,
        });
    }

    /// What a process that boots now would read.
    pub fn image(&self) -> Image<R> {
        self.store.image()
    }

    /// What would surely be left if the power failed now.
    pub fn durable_image(&self) -> Image<R> {
        let mut store = self.store.clone();
        store.lose_power(Fate::Nothing);
        store.image()
    }

    /// The next `count` fsyncs fail. (The syncs of one group share one.)
    pub fn fail_syncs(&mut self, count: u32) {
        self.failing_syncs += count;
    }

    /// Those that have not failed yet will not, the one under way included.
    pub fn mend_syncs(&mut self) {
        self.failing_syncs = 0;
        if let Some(batch) = &mut self.batch {
            batch.success = true;
        }
    }

    /// Whether a sync failed since the process started.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// By how much every fsync and every reading takes longer.
    pub fn slowness(&self) -> Span {
        self.slow_extra
    }

    /// Makes every fsync and every reading take longer by `extra`, on top of other slow-downs.
    pub fn slow(&mut self, extra: Span) {
        self.slow_extra = Span(self.slow_extra.0 + extra.0);
    }

    /// Ends one slow-down by that much.
    pub fn unslow(&mut self, extra: Span) {
        assert!(
            self.slow_extra >= extra,
            "a slow-down by {extra} is ended, and {} is in force",
            self.slow_extra
        );
        self.slow_extra = Span(self.slow_extra.0 - extra.0);
    }
}
