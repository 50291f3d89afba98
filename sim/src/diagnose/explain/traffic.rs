//! The messages of a run taken together: what is chatter, how long one travels, which facts repeat
//! what a message says.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::ids::{NodeId, Span, VirtualTime, Zxid};
use menagerie::protocol::Fact;

use crate::trace::{Event, EventKind};

/// A kind of message of which more than this many are sent is chatter.
const RARE_MAX: usize = 24;

/// The kinds of messages that are sent all the time: heartbeats and the like.
pub(super) fn chatter(events: &[Event]) -> BTreeSet<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        if let EventKind::Send { kind, .. } = &event.what {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let often = counts.into_iter().filter(|(_, count)| *count > RARE_MAX);
    often.map(|(kind, _)| kind.to_owned()).collect()
}

/// How long half of the messages take at most.
pub(super) fn usual_delay(events: &[Event]) -> Span {
    let delay = |event: &Event| {
        let EventKind::Deliver { node, from, .. } = &event.what else {
            return None;
        };
        let sent = &events[event.cause? as usize];
        (node != from).then(|| event.at.since(sent.at))
    };
    let mut delays: Vec<Span> = events.iter().filter_map(delay).collect();
    delays.sort();
    delays.get(delays.len() / 2).copied().unwrap_or(Span::ZERO)
}

/// The positions that facts tell of, with their moments.
pub(super) fn stated(events: &[Event]) -> BTreeSet<(NodeId, VirtualTime, Zxid)> {
    let of = |event: &Event| {
        let EventKind::Fact { node, body } = &event.what else {
            return None;
        };
        match *body {
            Fact::Proposed { zxid, .. } | Fact::Voted { zxid, .. } | Fact::Chosen { zxid, .. } => {
                Some((*node, event.at, zxid))
            }
            Fact::Established { .. }
            | Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. } => None,
        }
    };
    events.iter().filter_map(of).collect()
}
