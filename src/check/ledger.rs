//! The committed sequence, put together from what the servers deliver.
//!
//! All servers deliver the same sequence; each is somewhere in it. A server whose state came from a
//! snapshot starts after the snapshot's zxid. A snapshot may hold a tail that is committed only
//! later, and what is inside a snapshot is never delivered by its receiver; if it is the first to
//! deliver something beyond, a *gap* stays in front of that entry until another server walks
//! through it.

use super::subjects::{Subjects, Wrong};
use crate::ids::{NodeId, Zxid};

/// One committed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub zxid: Zxid,
    /// The payload's digest.
    pub value: u64,
    /// Entries between the one before and this zxid may be missing; ZERO if none can be.
    pub gap_through: Zxid,
}

/// What a delivery adds to the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// An entry that was known.
    Known,
    /// A new entry, at this index.
    New(usize),
    /// Something that cannot stand beside what was delivered before, in words.
    Conflict(Box<Wrong>),
}

/// Where a server is.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// The index of the entry it delivers next, unless that is covered by `base`.
    next: usize,
    /// It was restored here.
    base: Zxid,
    /// What it delivered last, or `base`.
    last: Zxid,
}

/// The committed sequence and every server's place in it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Invariant: zxids strictly ascend.
    entries: Vec<Entry>,
    cursors: Vec<Cursor>,
}

impl Ledger {
    /// The committed sequence so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The last committed zxid.
    pub fn last(&self) -> Zxid {
        self.entries.last().map_or(Zxid::ZERO, |entry| entry.zxid)
    }

    /// A server starts with the empty state.
    pub fn booted(&mut self, node: NodeId) {
        *self.cursor(node) = Cursor::default();
    }

    /// A server's state was replaced by one that stands at `zxid`.
    pub fn restored(&mut self, node: NodeId, zxid: Zxid) {
        let next = self.entries.partition_point(|entry| entry.zxid <= zxid);
        *self.cursor(node) = Cursor {
            next,
            base: zxid,
            last: zxid,
        };
    }

    /// A server delivers.
    pub fn delivered(&mut self, node: NodeId, zxid: Zxid, value: u64) -> Delivery {
        let mut cursor = *self.cursor(node);
        // Entries that were committed after the restore, but are inside the snapshot.
        while cursor.next < self.entries.len() && self.entries[cursor.next].zxid <= cursor.base {
            cursor.next += 1;
        }
        if zxid <= cursor.last {
            let reason = format!(
                "{node} delivered {zxid} although it stood at {} already",
                cursor.last
            );
            let subjects = Subjects::none().node(node).zxid(zxid).bound(cursor.last);
            return Delivery::Conflict(Box::new(Wrong { reason, subjects }));
        }
        let delivery = match self.entries.get(cursor.next).copied() {
            None => self.extend(cursor, zxid, value),
            Some(entry) => self.compare(node, cursor, entry, zxid, value),
        };
        if !matches!(delivery, Delivery::Conflict(_)) {
            cursor.next += 1;
            cursor.last = zxid;
            *self.cursor(node) = cursor;
        }
        delivery
    }

    /// Delivery beyond everything known. Zxids ascend because the server's own do, and because it
    /// has walked past, or was restored beyond, every entry.
    fn extend(&mut self, cursor: Cursor, zxid: Zxid, value: u64) -> Delivery {
        let unknown = cursor.last == cursor.base && cursor.base > self.last();
        self.entries.push(Entry {
            zxid,
            value,
            gap_through: if unknown { cursor.base } else { Zxid::ZERO },
        });
        Delivery::New(self.entries.len() - 1)
    }

    fn compare(
        &mut self,
        node: NodeId,
        cursor: Cursor,
        entry: Entry,
        zxid: Zxid,
        value: u64,
    ) -> Delivery {
        if entry.zxid == zxid && entry.value == value {
            let before = match cursor.next {
                0 => Zxid::ZERO,
                index => self.entries[index - 1].zxid,
            };
            if cursor.base <= before {
                // It came through what was unknown and delivered nothing there.
                self.entries[cursor.next].gap_through = Zxid::ZERO;
            }
            return Delivery::Known;
        }
        if zxid < entry.zxid && zxid <= entry.gap_through {
            self.insert(cursor, zxid, value);
            return Delivery::New(cursor.next);
        }
        let mut subjects = Subjects::none().node(node).zxid(zxid).zxid(entry.zxid);
        let before = match cursor.next {
            0 => "at the start".to_string(),
            index => {
                let before = self.entries[index - 1].zxid;
                subjects = subjects.bound(before);
                format!("after {before}")
            }
        };
        Delivery::Conflict(Box::new(Wrong {
            reason: format!(
                "{node} delivered {zxid} (value {value:016x}) {before}, where {} (value {:016x}) \
                 had been delivered before",
                entry.zxid, entry.value
            ),
            subjects: subjects.value(value).value(entry.value),
        }))
    }

    /// Fills a part of a gap. Servers that are past it keep their entry.
    fn insert(&mut self, cursor: Cursor, zxid: Zxid, value: u64) {
        let index = cursor.next;
        let before = match index {
            0 => Zxid::ZERO,
            index => self.entries[index - 1].zxid,
        };
        let gap_through = if cursor.base > before {
            cursor.base
        } else {
            Zxid::ZERO
        };
        for other in &mut self.cursors {
            if other.next > index {
                other.next += 1;
            }
        }
        self.entries.insert(
            index,
            Entry {
                zxid,
                value,
                gap_through,
            },
        );
    }

    fn cursor(&mut self, node: NodeId) -> &mut Cursor {
        let index = usize::from(node.0);
        if index >= self.cursors.len() {
            self.cursors.resize(index + 1, Cursor::default());
        }
        &mut self.cursors[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const C: NodeId = NodeId(3);

    fn zxids(ledger: &Ledger) -> Vec<u64> {
        ledger.entries().iter().map(|entry| entry.zxid.0).collect()
    }

    #[test]
    fn servers_walk_the_same_sequence_at_their_own_pace() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.delivered(A, Zxid(1), 10), Delivery::New(0));
        assert_eq!(ledger.delivered(A, Zxid(2), 20), Delivery::New(1));
        assert_eq!(ledger.delivered(B, Zxid(1), 10), Delivery::Known);
        ledger.booted(A);
        assert_eq!(ledger.delivered(A, Zxid(1), 10), Delivery::Known);
        ledger.restored(B, Zxid(2));
        assert_eq!(ledger.delivered(B, Zxid(3), 30), Delivery::New(2));
        assert_eq!(zxids(&ledger), [1, 2, 3]);
    }

    #[test]
    fn another_value_a_skipped_entry_and_a_repeated_one_are_conflicts() {
        let mut ledger = Ledger::default();
        ledger.delivered(A, Zxid(1), 10);
        ledger.delivered(A, Zxid(2), 20);
        assert!(matches!(
            ledger.delivered(B, Zxid(1), 11),
            Delivery::Conflict(_)
        ));
        assert!(matches!(
            ledger.delivered(B, Zxid(2), 20),
            Delivery::Conflict(_)
        ));
        assert!(matches!(
            ledger.delivered(A, Zxid(2), 20),
            Delivery::Conflict(_)
        ));
    }

    #[test]
    fn a_snapshot_with_a_tail_that_is_committed_later_leaves_a_gap_that_others_fill() {
        let mut ledger = Ledger::default();
        ledger.delivered(A, Zxid(1), 10);
        ledger.restored(B, Zxid(3));
        assert_eq!(ledger.delivered(B, Zxid(4), 40), Delivery::New(1));
        assert_eq!(ledger.entries()[1].gap_through, Zxid(3));
        assert_eq!(ledger.delivered(A, Zxid(2), 20), Delivery::New(1));
        assert_eq!(ledger.delivered(A, Zxid(3), 30), Delivery::New(2));
        assert_eq!(ledger.delivered(A, Zxid(4), 40), Delivery::Known);
        assert_eq!(zxids(&ledger), [1, 2, 3, 4]);
        assert!(ledger.entries().iter().all(|e| e.gap_through == Zxid::ZERO));
        assert_eq!(ledger.delivered(B, Zxid(5), 50), Delivery::New(4));
    }

    #[test]
    fn entries_inside_a_snapshot_that_are_committed_later_are_skipped() {
        let mut ledger = Ledger::default();
        ledger.restored(C, Zxid(2));
        ledger.delivered(A, Zxid(1), 10);
        ledger.delivered(A, Zxid(2), 20);
        ledger.delivered(A, Zxid(3), 30);
        assert_eq!(ledger.delivered(C, Zxid(3), 30), Delivery::Known);
    }
}
