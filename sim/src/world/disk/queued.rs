//! What the trace asks a disk: which operations are where in its queue.

use menagerie::protocol::Ticket;

use super::{Disk, Entry};

impl<R: Clone, G> Disk<R, G> {
    /// The operations of the batch under way, in order, and whether its syncs succeed; `None` if
    /// there is no batch of that generation.
    pub fn under_way(&self, generation: u32) -> Option<(Vec<Ticket>, bool)> {
        let batch = self.batch.filter(|_| generation == self.generation)?;
        let entries = self.queue.iter().take(batch.entries);
        Some((tickets(entries), batch.success))
    }

    /// The index of the last record that was written.
    pub fn log_last(&self) -> u64 {
        self.store.log_last()
    }

    /// Every operation in the queue, in order.
    pub fn pending(&self) -> Vec<Ticket> {
        tickets(self.queue.iter())
    }
}

/// The operations among entries of the queue.
fn tickets<'a, R: 'a, G: 'a>(entries: impl Iterator<Item = &'a Entry<R, G>>) -> Vec<Ticket> {
    let operations = entries.filter_map(|entry| match entry {
        Entry::Op { ticket, .. } => Some(*ticket),
        Entry::Gate(_) | Entry::Reload => None,
    });
    operations.collect()
}
