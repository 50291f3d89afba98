//! The causal past of events: what made them happen, and what the same server or client did before.

use std::collections::BTreeMap;

use crate::trace::{Event, Host};

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
    let mut last: BTreeMap<Host, u64> = BTreeMap::new();
    let step = |event: &Event| last.insert(event.what.host()?, event.seq);
    events.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use menagerie::ids::{NodeId, VirtualTime};

    use super::*;
    use crate::trace::EventKind;

    fn event(seq: u64, cause: Option<u64>, what: EventKind) -> Event {
        Event {
            seq,
            at: VirtualTime(seq),
            cause,
            what,
        }
    }

    fn boot(node: u8) -> EventKind {
        EventKind::Boot { node: NodeId(node) }
    }

    fn timer(node: u8) -> EventKind {
        let node = NodeId(node);
        let timer = "T".to_owned();
        EventKind::Timer { node, timer }
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
