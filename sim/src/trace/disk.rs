//! How far each disk operation is, as the recorder follows it.
//!
//! The disk itself does not know its operations any more once they are performed. Here each one is
//! followed from the queue to the moment from which it survives a loss of power, so that the trace
//! can say which of them a crash took.

use std::collections::BTreeMap;

use menagerie::ids::{NodeId, VirtualTime, Zxid};
use menagerie::protocol::{DiskOp, FileName, Image, Object, Ticket};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::typed;
use super::{EventKind, Phase, Recorder};

/// What a disk operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A record is appended to the log; the body is the record.
    Append,
    /// The log loses the records after an index, which is the body.
    CutAfter,
    /// The log loses the records through an index, which is the body.
    DropThrough,
    /// A file is replaced; the body is its name (`file`) and its `record`.
    Write,
    /// A file is renamed; the body is `from` and `to`.
    Rename,
    /// A snapshot is written; the body is its `zxid`.
    Save,
    /// The snapshots below the `zxid` of the body are removed.
    DropSnapshots,
    /// An object is made durable; the body is its name.
    Sync,
    /// Everything is made durable.
    SyncAll,
    /// A living process reads its disk back; the body is the index of the last record.
    Reload,
}

/// What an operation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A record of the log, in this segment, under this index once it is written.
    Log {
        segment: u32,
        index: u64,
    },
    File(FileName),
    Snapshot(Zxid),
    Directory,
    /// Nothing: a sync.
    Sync(Option<Object>),
}

#[derive(Clone, Debug)]
struct Held {
    op: Op,
    place: Place,
    /// What a file must hold for the write to have survived.
    content: Value,
    written: bool,
    /// The event that told of it last.
    seq: u64,
    /// Of a cut or a rename: what it does to others.
    effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    CutAfter(u64),
    Rename { from: FileName, to: FileName },
}

/// One disk's operations that are not durable yet.
#[derive(Debug, Default)]
pub struct DiskTrack {
    held: BTreeMap<u64, Held>,
    segment: u32,
}

impl Op {
    /// Whether it makes others durable.
    pub fn is_sync(self) -> bool {
        matches!(self, Op::Sync | Op::SyncAll)
    }

    /// Its name in the format.
    pub fn name(self) -> &'static str {
        match self {
            Op::Append => "append",
            Op::CutAfter => "cut_after",
            Op::DropThrough => "drop_through",
            Op::Write => "write",
            Op::Rename => "rename",
            Op::Save => "save",
            Op::DropSnapshots => "drop_snapshots",
            Op::Sync => "sync",
            Op::SyncAll => "sync_all",
            Op::Reload => "reload",
        }
    }
}

impl Recorder {
    /// An operation enters the queue.
    pub fn disk_queued<R: Serialize>(
        &mut self,
        at: VirtualTime,
        node: NodeId,
        ticket: Ticket,
        op: &DiskOp<R>,
    ) {
        let (name, place, effect) = sort(op);
        let content = match op {
            DiskOp::Write(_, record) => typed(record),
            DiskOp::Append(_)
            | DiskOp::CutAfter(_)
            | DiskOp::DropThrough(_)
            | DiskOp::Rename { .. }
            | DiskOp::Save(_)
            | DiskOp::DropSnapshotsBefore(_)
            | DiskOp::Sync(_)
            | DiskOp::SyncAll => Value::Null,
        };
        let what = disk(node, ticket.0, name, Phase::Queued, body(op));
        let seq = self.record(at, self.cause(), what);
        let held = Held {
            op: name,
            place,
            content,
            written: false,
            seq,
            effect,
        };
        let track = &mut self.disks[Recorder::place(node)];
        track.held.insert(ticket.0, held);
    }

    /// These operations, whose numbers follow their order, were written; the log ends at `log_end`
    /// now.
    pub fn disk_written(&mut self, at: VirtualTime, node: NodeId, tickets: &[u64], log_end: u64) {
        let place = Recorder::place(node);
        let is_append = |held: &Held| matches!(held.place, Place::Log { .. });
        let track = &self.disks[place].held;
        let appends = tickets.iter().filter(|one| is_append(&track[one])).count() as u64;
        let mut index = log_end - appends;
        for ticket in tickets {
            let held = &self.disks[place].held[ticket];
            let (op, cause) = (held.op, held.seq);
            if matches!(held.place, Place::Sync(_)) {
                continue;
            }
            let what = disk(node, *ticket, op, Phase::Written, Value::Null);
            let seq = self.record(at, Some(cause), what);
            let track = &mut self.disks[place];
            let segment = track.segment;
            let held = track.held.get_mut(ticket).expect("it was looked up above");
            held.seq = seq;
            held.written = true;
            if is_append(held) {
                index += 1;
                held.place = Place::Log { segment, index };
            }
            let effect = held.effect;
            track.take_effect(effect);
        }
    }

    /// These syncs ended.
    pub fn disk_synced(&mut self, at: VirtualTime, node: NodeId, tickets: &[u64], success: bool) {
        let place = Recorder::place(node);
        for ticket in tickets {
            // An earlier sync of the same batch may have made an append durable already.
            let track = &mut self.disks[place].held;
            let Some(Place::Sync(object)) = track.get(ticket).map(|held| held.place) else {
                continue;
            };
            let held = track.remove(ticket).expect("it was looked up above");
            if success {
                for (covered, one) in self.disks[place].covered(object) {
                    let what = disk(node, covered, one.op, Phase::Durable, Value::Null);
                    self.record(at, Some(held.seq), what);
                }
            }
            let phase = if success {
                Phase::Durable
            } else {
                Phase::Failed
            };
            let what = disk(node, *ticket, held.op, phase, Value::Null);
            let seq = self.record(at, Some(held.seq), what);
            self.follow_input(place as u8, Some(seq));
            self.disks[place].note_sync(*ticket, seq);
        }
    }

    /// The end of this sync is what the server is told now.
    pub fn follow_sync(&mut self, node: NodeId, ticket: Ticket) {
        let place = Recorder::place(node);
        let ended = self.disks[place].held.remove(&ticket.0);
        if let Some(ended) = ended {
            self.follow_input(place as u8, Some(ended.seq));
        }
    }

    /// The process died: these operations were never written.
    pub fn disk_died(&mut self, at: VirtualTime, node: NodeId, tickets: &[u64]) {
        for ticket in tickets {
            let held = self.disks[Recorder::place(node)].held.remove(ticket);
            if let Some(held) = held {
                let what = disk(node, *ticket, held.op, Phase::Lost, Value::Null);
                self.record(at, self.cause(), what);
            }
        }
    }

    /// The power is gone, and this is what is left.
    pub fn disk_without_power<R: Serialize>(
        &mut self,
        at: VirtualTime,
        node: NodeId,
        left: &Image<R>,
    ) {
        let held = core::mem::take(&mut self.disks[Recorder::place(node)].held);
        for (ticket, held) in held {
            let survived = match held.place {
                Place::Log { index, .. } => index <= left.log_last(),
                Place::File(name) => left
                    .file(name)
                    .is_some_and(|record| typed(record) == held.content),
                Place::Snapshot(zxid) => left.snapshots.iter().any(|one| one.zxid == zxid),
                // Whether a directory operation was undone cannot be seen from outside.
                Place::Directory | Place::Sync(_) => continue,
            };
            let phase = if survived {
                Phase::Durable
            } else {
                Phase::Lost
            };
            let what = disk(node, ticket, held.op, phase, Value::Null);
            self.record(at, self.cause(), what);
        }
    }
}

impl DiskTrack {
    fn take_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::CutAfter(after) => {
                self.segment += 1;
                // What was cut off is no longer awaited.
                let cut_off =
                    |place: &Place| matches!(place, Place::Log { index, .. } if *index > after);
                self.held
                    .retain(|_, held| !(held.written && cut_off(&held.place)));
            }
            Effect::Rename { from, to } => {
                for held in self.held.values_mut().filter(|held| held.written) {
                    if held.place == Place::File(from) {
                        held.place = Place::File(to);
                    }
                }
            }
        }
    }

    /// Takes out what a sync of this object (or of everything) makes durable.
    fn covered(&mut self, object: Option<Object>) -> BTreeMap<u64, Held> {
        let segment = self.segment;
        let covers = |held: &Held| match (object, held.place) {
            (_, Place::Sync(_)) => false,
            (None, _) => true,
            (Some(Object::Log), Place::Log { segment: of, .. }) => of == segment,
            (Some(Object::File(name)), Place::File(of)) => of == name,
            (Some(Object::Snapshot), Place::Snapshot(_))
            | (Some(Object::Directory), Place::Directory) => true,
            (
                Some(Object::Log | Object::File(_) | Object::Snapshot | Object::Directory),
                Place::Log { .. } | Place::File(_) | Place::Snapshot(_) | Place::Directory,
            ) => false,
        };
        self.held
            .extract_if(.., |_, held| held.written && covers(held))
            .collect()
    }

    /// Remembers the end of a sync until the server is told of it.
    fn note_sync(&mut self, ticket: u64, seq: u64) {
        let ended = Held {
            op: Op::Sync,
            place: Place::Sync(None),
            content: Value::Null,
            written: true,
            seq,
            effect: Effect::Nothing,
        };
        self.held.insert(ticket, ended);
    }
}

fn disk(node: NodeId, ticket: u64, op: Op, phase: Phase, body: Value) -> EventKind {
    EventKind::Disk {
        node,
        ticket,
        op,
        phase,
        body,
    }
}

/// The name of an operation, what it changes, and what it does to others.
fn sort<R>(op: &DiskOp<R>) -> (Op, Place, Effect) {
    let log = Place::Log {
        segment: 0,
        index: 0,
    };
    match op {
        DiskOp::Append(_) => (Op::Append, log, Effect::Nothing),
        DiskOp::CutAfter(after) => (Op::CutAfter, Place::Directory, Effect::CutAfter(*after)),
        DiskOp::DropThrough(_) => (Op::DropThrough, Place::Directory, Effect::Nothing),
        DiskOp::Write(name, _) => (Op::Write, Place::File(*name), Effect::Nothing),
        DiskOp::Rename { from, to } => (
            Op::Rename,
            Place::Directory,
            Effect::Rename {
                from: *from,
                to: *to,
            },
        ),
        DiskOp::Save(snapshot) => (Op::Save, Place::Snapshot(snapshot.zxid), Effect::Nothing),
        DiskOp::DropSnapshotsBefore(_) => (Op::DropSnapshots, Place::Directory, Effect::Nothing),
        DiskOp::Sync(object) => (Op::Sync, Place::Sync(Some(*object)), Effect::Nothing),
        DiskOp::SyncAll => (Op::SyncAll, Place::Sync(None), Effect::Nothing),
    }
}

/// What an operation is about.
fn body<R: Serialize>(op: &DiskOp<R>) -> Value {
    match op {
        DiskOp::Append(record) => typed(record),
        DiskOp::CutAfter(index) | DiskOp::DropThrough(index) => (*index).into(),
        DiskOp::Write(name, record) => json!({"file": name.0, "record": typed(record)}),
        DiskOp::Rename { from, to } => json!({"from": from.0, "to": to.0}),
        DiskOp::Save(snapshot) => json!({"zxid": snapshot.zxid}),
        DiskOp::DropSnapshotsBefore(zxid) => json!({"zxid": zxid}),
        DiskOp::Sync(object) => match object {
            Object::Log => "log".into(),
            Object::File(name) => name.0.into(),
            Object::Snapshot => "snapshot".into(),
            Object::Directory => "directory".into(),
        },
        DiskOp::SyncAll => Value::Null,
    }
}
