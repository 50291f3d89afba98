//! The causal past of events: what made them happen, and what the same server or client did before.

use std::collections::BTreeMap;

use menagerie::ids::{ClientId, NodeId};

use crate::trace::{Direction, End, Event, Passage, What};

/// Whose step an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A server's.
    Server(NodeId),
    /// A client's.
    Client(ClientId),
}

/// Whose step an event is; `None` for what the network and the faults do.
pub(super) fn owner(what: &What) -> Option<Owner> {
    match what {
        What::Send { from: node, .. }
        | What::Deliver { node, .. }
        | What::Link { node, .. }
        | What::Timer { node, .. }
        | What::Disk { node, .. }
        | What::Boot { node }
        | What::Refused { node, .. }
        | What::Crash { node, .. }
        | What::Pause { node }
        | What::Resume { node }
        | What::Standing { node, .. }
        | What::Apply { node, .. }
        | What::Commit { node, .. }
        | What::Restore { node, .. }
        | What::Fact { node, .. }
        | What::ClientLink {
            server: node,
            end: End::Server,
            ..
        }
        | What::Frame {
            server: node,
            direction: Direction::Up,
            phase: Passage::Delivered,
            ..
        }
        | What::Frame {
            server: node,
            direction: Direction::Down,
            phase: Passage::Sent,
            ..
        } => Some(Owner::Server(*node)),
        What::ClientLink { client, .. }
        | What::ClientTimer { client, .. }
        | What::Session { client, .. }
        | What::Invoke { client, .. }
        | What::Sent { client, .. }
        | What::Complete { client, .. }
        | What::WatchEvent { client, .. }
        | What::Frame { client, .. } => Some(Owner::Client(*client)),
        What::Duplicate { .. }
        | What::Lose { .. }
        | What::Fault { .. }
        | What::Undo { .. }
        | What::Heal { .. }
        | What::Action { .. }
        | What::Violation { .. } => None,
    }
}

/// For each event, whether it is one of the anchors or in the past of one.
pub(super) fn past(events: &[Event], anchors: &[u64]) -> Vec<bool> {
    let before = predecessors(events);
    let mut inside = vec![false; events.len()];
    let mut open: Vec<u64> = anchors.to_vec();
    while let Some(seq) = open.pop() {
        let place = seq as usize;
        if place >= events.len() || inside[place] {
            continue;
        }
        inside[place] = true;
        open.extend(events[place].cause);
        open.extend(before[place]);
    }
    inside
}

/// For each event the last one before it of the same owner.
fn predecessors(events: &[Event]) -> Vec<Option<u64>> {
    let mut last: BTreeMap<Owner, u64> = BTreeMap::new();
    let step = |event: &Event| {
        let owner = owner(&event.what)?;
        last.insert(owner, event.seq)
    };
    events.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::ids::VirtualTime;

    fn event(seq: u64, cause: Option<u64>, what: What) -> Event {
        Event {
            seq,
            at: VirtualTime(seq),
            cause,
            what,
        }
    }

    fn boot(node: u8) -> What {
        What::Boot { node: NodeId(node) }
    }

    fn timer(node: u8) -> What {
        let node = NodeId(node);
        let timer = "T".to_owned();
        What::Timer { node, timer }
    }

    #[test]
    fn the_past_follows_causes_and_the_order_of_each_server() {
        let events = [
            event(0, None, boot(1)),
            event(1, None, boot(2)),
            event(2, None, boot(3)),
            event(3, Some(0), timer(1)),
            // Caused by what n1 did: so n1's boot is in its past, n3's is not.
            event(4, Some(3), timer(2)),
            event(5, Some(2), timer(3)),
        ];
        let inside = past(&events, &[4]);
        assert_eq!(inside, [true, true, false, true, true, false]);
    }
}
