//! The lines of a transcript.

use menagerie::ids::NodeId;
use menagerie::protocol::{DiskOp, Input, LinkEvent, Role, Standing};

use super::{Packet, Shown};

pub(super) fn arrival<P: Shown>(packet: &Packet<P>) -> String {
    let (from, to) = (packet.from, packet.to);
    match &packet.input {
        Input::Message { msg, .. } => format!("{to} <- {from} {}", P::message(msg)),
        Input::Link { event, .. } => {
            let news = match event {
                LinkEvent::Up => "is up",
                LinkEvent::Refused => "is refused",
                LinkEvent::Down => "is down",
            };
            format!("{to} <- {from} the stream {news}")
        }
        Input::Timer(_)
        | Input::Propose(_)
        | Input::Barrier(_)
        | Input::Disk { .. }
        | Input::Reloaded(_)
        | Input::Applied(_)
        | Input::Captured { .. } => unreachable!("nothing else travels"),
    }
}

/// What a server hears from itself, where that is worth a line.
pub(super) fn own<P: Shown>(node: NodeId, input: &Input<P>) -> Option<String> {
    match input {
        Input::Message { msg, .. } => Some(format!("{node} <- itself {}", P::message(msg))),
        Input::Reloaded(_) => Some(format!("{node} has read its disk back")),
        Input::Captured { snapshot, .. } => Some(format!("{node} captured {}", snapshot.zxid)),
        Input::Link { .. }
        | Input::Timer(_)
        | Input::Propose(_)
        | Input::Barrier(_)
        | Input::Disk { .. }
        | Input::Applied(_) => None,
    }
}

/// What a disk operation does; syncs of single objects are left out.
pub(super) fn operation<P: Shown>(op: &DiskOp<P::Record>) -> Option<String> {
    match op {
        DiskOp::Append(record) => Some(format!("append {}", P::record(record))),
        DiskOp::CutAfter(index) => Some(format!("cut the log after record {index}")),
        DiskOp::DropThrough(index) => Some(format!("drop the log through record {index}")),
        DiskOp::Write(name, record) => Some(format!("write {}: {}", name.0, P::record(record))),
        DiskOp::Rename { from: _, to } => Some(format!("rename to {}", to.0)),
        DiskOp::Save(snapshot) => Some(format!("save snapshot {}", snapshot.zxid)),
        DiskOp::DropSnapshotsBefore(zxid) => Some(format!("drop snapshots before {zxid}")),
        DiskOp::SyncAll => Some("sync".to_string()),
        DiskOp::Sync(_) => None,
    }
}

pub(super) fn standing<P: Shown>(standing: &Standing) -> String {
    let role = match standing.role {
        Role::Looking => "looking",
        Role::Following => "following",
        Role::Leading => "leading",
        Role::Observing => "observing",
    };
    let mut text = format!("{role}, epoch {}", P::epoch(standing.epoch));
    if let Some(leader) = standing.leader {
        text.push_str(&format!(", leader {leader}"));
    }
    if let Some(zxid) = standing.serve_from {
        text.push_str(&format!(", serves from {zxid}"));
    }
    text
}
