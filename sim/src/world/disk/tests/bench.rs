//! One disk on its own, driven by hand.

use menagerie::ids::{Span, VirtualTime};
use menagerie::protocol::{DiskOp, Image, Ticket};

use super::{Out, READ, SYNC, WRITE};
use crate::chance::decision::{Decider, Source};
use crate::chance::dice::{Concern, Deck, Dice};
use crate::chance::latency::Latency;
use crate::world::disk::{Disk, DiskSpec, Entry};

/// A disk with constant latencies and its own time.
pub(super) struct Bench {
    pub(super) disk: Disk<u64, char>,
    pub(super) spec: DiskSpec,
    pub(super) now: VirtualTime,
    pub(super) next_ticket: u64,
    /// The end of the batch under way.
    pub(super) due: Option<(VirtualTime, u32)>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench {
            disk: Disk::new(1, deck(0)),
            spec: DiskSpec {
                write: Latency::Constant(WRITE),
                sync: Latency::Constant(SYNC),
                read: Latency::Constant(READ),
            },
            now: VirtualTime(0),
            next_ticket: 1,
            due: None,
        }
    }

    /// Queues operations together, as one step of a server does.
    pub(super) fn queue(&mut self, ops: impl IntoIterator<Item = DiskOp<u64>>) {
        for op in ops {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            self.disk.push(Entry::Op { ticket, op });
        }
        self.begin();
    }

    pub(super) fn begin(&mut self) {
        if let Some(due) = self.disk.begin(self.now, &self.spec, &mut drawing()) {
            assert_eq!(self.due, None, "one batch at a time");
            self.due = Some(due);
        }
    }

    /// Ends the batch under way and begins the next.
    pub(super) fn next(&mut self) -> Vec<Out> {
        let (at, generation) = self.due.take().expect("a batch is under way");
        self.now = at;
        let mut out = Vec::new();
        assert!(self.disk.finish(generation, &mut out));
        self.begin();
        out
    }

    /// Works off the queue.
    pub(super) fn drain(&mut self) -> Vec<Out> {
        let mut out = Vec::new();
        while self.due.is_some() {
            out.extend(self.next());
        }
        out
    }

    /// Performs operations to the end.
    pub(super) fn perform(&mut self, ops: impl IntoIterator<Item = DiskOp<u64>>) -> Vec<Out> {
        self.queue(ops);
        self.drain()
    }

    /// The process dies, after some more time.
    pub(super) fn die_after(&mut self, span: Span) -> Image<u64> {
        self.now = self.now.after(span);
        self.disk.process_death(self.now);
        self.due = None;
        self.disk.image()
    }

    /// Loses power, under many draws: what may be left.
    pub(super) fn after_power_loss(&self) -> Vec<Image<u64>> {
        (0..400)
            .map(|number| {
                let mut disk = self.disk.clone();
                disk.process_death(self.now);
                disk.power_loss(1, deck(number), &mut drawing());
                disk.image()
            })
            .collect()
    }
}

pub(super) fn drawing() -> Decider {
    Decider::new(&Source::Dice, false)
}

pub(super) fn deck(number: u64) -> Deck {
    Dice::new(number).deck(Concern::PowerLoss, 1)
}
