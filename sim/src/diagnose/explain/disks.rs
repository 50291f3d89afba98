//! What is on whose disk, position by position, as the trace tells it.

use std::collections::BTreeMap;

use menagerie::ids::{NodeId, Zxid};
use menagerie::protocol::Slots;
use serde_json::Value;

use crate::trace::body::{digests, mentions};
use crate::trace::{EventKind, Op, Phase};

/// How safe something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    /// The disk has nothing of it.
    Nothing,
    /// The disk has records that do not say which position they are about.
    Unknown,
    /// It is in the disk's queue, or written without a sync.
    Volatile,
    /// It survives a loss of power.
    Durable,
}

#[derive(Clone, Debug)]
struct Entry {
    ticket: u64,
    zxids: Vec<Zxid>,
    durable: bool,
}

#[derive(Clone, Debug)]
struct Waiting {
    op: Op,
    body: Value,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    waiting: BTreeMap<u64, Waiting>,
    log: Vec<Entry>,
    /// How many records were dropped at the beginning of the log.
    dropped: usize,
    /// Whether a record carries a payload and does not say where that belongs: a protocol from
    /// outside may know it by the record's place alone.
    is_silent: bool,
    /// The newest snapshot: its ticket, through where, and whether it is durable.
    snapshot: Option<(u64, Zxid, bool)>,
}

/// Every disk.
#[derive(Clone, Debug)]
pub(super) struct Disks {
    disks: BTreeMap<NodeId, Disk>,
    /// How positions are counted.
    slots: Slots,
}

impl Disks {
    /// Every disk, empty.
    pub fn new(slots: Slots) -> Disks {
        Disks {
            disks: BTreeMap::new(),
            slots,
        }
    }

    /// Takes an event.
    pub fn follow(&mut self, what: &EventKind) {
        let EventKind::Disk {
            node,
            ticket,
            op,
            phase,
            body,
        } = what
        else {
            return;
        };
        let disk = self.disks.entry(*node).or_default();
        match phase {
            Phase::Queued => {
                let is_placed = || !mentions(body, self.slots).zxids.is_empty();
                disk.is_silent |= *op == Op::Append && !digests(body).is_empty() && !is_placed();
                let (op, body) = (*op, body.clone());
                disk.waiting.insert(*ticket, Waiting { op, body });
            }
            Phase::Written => disk.write(*ticket, self.slots),
            Phase::Durable => disk.harden(*ticket),
            Phase::Lost => disk.lose(*ticket),
            Phase::Failed | Phase::Read => {}
        }
    }

    /// How safe a position is at a server.
    pub fn held(&self, node: NodeId, zxid: Zxid) -> Held {
        let Some(disk) = self.disks.get(&node) else {
            return Held::Nothing;
        };
        let in_snapshot = disk.snapshot.filter(|(_, through, _)| zxid <= *through);
        let covered = in_snapshot.map(|(_, _, durable)| durable);
        let logged = disk.log.iter().rev().find(|one| one.zxids.contains(&zxid));
        let queued = disk.waiting.values().any(|one| {
            one.op == Op::Append && mentions(&one.body, self.slots).zxids.contains(&zxid)
        });
        match (covered, logged.map(|one| one.durable), queued) {
            (Some(true), _, _) | (_, Some(true), _) => Held::Durable,
            (Some(false), _, _) | (_, Some(false), _) | (_, _, true) => Held::Volatile,
            (None, None, false) if disk.is_silent => Held::Unknown,
            (None, None, false) => Held::Nothing,
        }
    }

    /// The servers that hold a position durably.
    pub fn holders(&self, zxid: Zxid) -> Vec<NodeId> {
        let nodes = self.disks.keys().copied();
        nodes
            .filter(|node| self.held(*node, zxid) == Held::Durable)
            .collect()
    }

    /// What an operation that is told of by its ticket is about.
    pub fn zxids_of(&self, node: NodeId, ticket: u64) -> Vec<Zxid> {
        let Some(disk) = self.disks.get(&node) else {
            return Vec::new();
        };
        if let Some(waiting) = disk.waiting.get(&ticket).filter(|one| one.op == Op::Append) {
            return mentions(&waiting.body, self.slots)
                .zxids
                .into_iter()
                .collect();
        }
        let logged = disk.log.iter().find(|one| one.ticket == ticket);
        logged.map(|one| one.zxids.clone()).unwrap_or_default()
    }

    /// The positions that a cut of the log (an operation that is about to be written) takes off.
    pub fn cut_by(&self, node: NodeId, ticket: u64) -> Vec<Zxid> {
        let disk = self.disks.get(&node);
        let cut = disk.and_then(|disk| {
            let waiting = disk.waiting.get(&ticket)?;
            (waiting.op == Op::CutAfter).then(|| disk.log[disk.place_after(&waiting.body)..].iter())
        });
        let entries = cut.into_iter().flatten();
        entries.flat_map(|one| one.zxids.iter().copied()).collect()
    }
}

impl Disk {
    fn write(&mut self, ticket: u64, slots: Slots) {
        let Some(Waiting { op, body }) = self.waiting.remove(&ticket) else {
            return; // A sync, which writes nothing.
        };
        match op {
            Op::Append => {
                let zxids = mentions(&body, slots).zxids.into_iter().collect();
                let durable = false;
                self.log.push(Entry {
                    ticket,
                    zxids,
                    durable,
                });
            }
            Op::CutAfter => {
                let place = self.place_after(&body);
                self.log.truncate(place);
            }
            Op::DropThrough => {
                let place = self.place_after(&body);
                self.log.drain(..place);
                self.dropped += place;
            }
            Op::Save => {
                let zxid = mentions(&body, slots).zxids.into_iter().next();
                self.snapshot = Some((ticket, zxid.unwrap_or(Zxid::ZERO), false));
            }
            // Small files and names hold no positions.
            Op::Write | Op::Rename | Op::DropSnapshots | Op::Sync | Op::SyncAll | Op::Reload => {}
        }
    }

    fn harden(&mut self, ticket: u64) {
        for entry in self.log.iter_mut().filter(|one| one.ticket == ticket) {
            entry.durable = true;
        }
        if let Some((_, _, durable)) = self.snapshot.as_mut().filter(|one| one.0 == ticket) {
            *durable = true;
        }
    }

    fn lose(&mut self, ticket: u64) {
        self.waiting.remove(&ticket);
        self.log.retain(|one| one.ticket != ticket);
        self.snapshot = self.snapshot.filter(|one| one.0 != ticket);
    }

    /// The place in `log` behind the record of this index.
    fn place_after(&self, index: &Value) -> usize {
        let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
        let place = index.unwrap_or(usize::MAX).saturating_sub(self.dropped);
        place.min(self.log.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn disk(ticket: u64, op: Op, phase: Phase, body: Value) -> EventKind {
        EventKind::Disk {
            node: NodeId(1),
            ticket,
            op,
            phase,
            body,
        }
    }

    fn record(zxid: Zxid) -> Value {
        json!({"Txn": {"zxid": zxid}})
    }

    fn told(events: &[EventKind]) -> Disks {
        let mut disks = Disks::new(Slots::SINGLE);
        events.iter().for_each(|event| disks.follow(event));
        disks
    }

    #[test]
    fn a_position_becomes_safe_in_steps_and_a_cut_takes_it_off() {
        let mut events = vec![disk(1, Op::Append, Phase::Queued, record(Zxid::new(1, 1)))];
        let held = |events: &[EventKind]| told(events).held(NodeId(1), Zxid::new(1, 1));
        assert_eq!(held(&events), Held::Volatile);
        events.push(disk(1, Op::Append, Phase::Written, Value::Null));
        assert_eq!(held(&events), Held::Volatile);
        events.push(disk(1, Op::Append, Phase::Durable, Value::Null));
        assert_eq!(held(&events), Held::Durable);
        assert_eq!(told(&events).holders(Zxid::new(1, 1)), [NodeId(1)]);
        events.push(disk(2, Op::CutAfter, Phase::Queued, json!(0)));
        assert_eq!(told(&events).cut_by(NodeId(1), 2), [Zxid::new(1, 1)]);
        events.push(disk(2, Op::CutAfter, Phase::Written, Value::Null));
        assert_eq!(held(&events), Held::Nothing);
    }

    #[test]
    fn where_records_do_not_say_their_position_nothing_is_claimed() {
        let payload = json!({"digest": 7, "content": {}});
        let entry = json!({"Entry": payload});
        let placed = json!({"Entry": {"zxid": 3, "payload": payload}});
        for (record, at_3, at_4) in [
            (entry, Held::Unknown, Held::Unknown),
            (placed, Held::Volatile, Held::Nothing),
            (json!({"Start": 1}), Held::Nothing, Held::Nothing),
        ] {
            let disks = told(&[disk(1, Op::Append, Phase::Queued, record)]);
            assert_eq!(disks.held(NodeId(1), Zxid(3)), at_3);
            assert_eq!(disks.held(NodeId(1), Zxid(4)), at_4);
        }
    }

    #[test]
    fn a_loss_takes_what_was_not_synced_and_a_snapshot_covers_what_is_below_it() {
        let events = [
            disk(1, Op::Append, Phase::Queued, record(Zxid::new(1, 1))),
            disk(1, Op::Append, Phase::Written, Value::Null),
            disk(1, Op::Append, Phase::Lost, Value::Null),
            disk(2, Op::Save, Phase::Queued, json!({"zxid": Zxid::new(1, 5)})),
            disk(2, Op::Save, Phase::Written, Value::Null),
        ];
        assert_eq!(
            told(&events[..3]).held(NodeId(1), Zxid::new(1, 1)),
            Held::Nothing
        );
        assert_eq!(
            told(&events).held(NodeId(1), Zxid::new(1, 4)),
            Held::Volatile
        );
        assert_eq!(
            told(&events).held(NodeId(1), Zxid::new(1, 6)),
            Held::Nothing
        );
    }
}
