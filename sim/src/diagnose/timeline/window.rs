//! Which events a page embeds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::trace::{Event, Passage, Trace, What};

/// The events of a page, by their places in the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Earlier events that were still in force when the window began, in order.
    pub(super) carried: Vec<usize>,
    /// The events of the window.
    pub(super) places: Range<usize>,
    /// What the window lies around; none if it is the whole trace.
    pub(super) around: Option<&'static str>,
}

impl Window {
    /// Every embedded place, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.carried.iter().copied().chain(self.places.clone())
    }
}

/// Chooses at most `events_max` events: two thirds of them before the first violation, one behind
/// it; without a violation the end of the run.
pub(super) fn choose(trace: &Trace, events_max: usize) -> Window {
    let total = trace.events.len();
    if total <= events_max {
        return Window {
            carried: Vec::new(),
            places: 0..total,
            around: None,
        };
    }
    let violation = violation(trace);
    let before = match violation {
        Some(place) => place.saturating_sub(events_max * 2 / 3),
        None => total,
    };
    let first = before.min(total - events_max);
    let places = first..first + events_max;
    Window {
        carried: carried(&trace.events, &places),
        places,
        around: Some(match violation {
            Some(_) => "around the first violation",
            None => "up to its end",
        }),
    }
}

/// The place of the first violation: that of its event, or else of its time.
fn violation(trace: &Trace) -> Option<usize> {
    let told = trace
        .events
        .iter()
        .position(|event| matches!(event.what, What::Violation { .. }));
    let at = trace.header.failures.iter().map(|failure| failure.at).min();
    told.or_else(|| at.map(|at| trace.events.partition_point(|event| event.at <= at)))
}

/// What an earlier event leaves in force, until a later one of the same key replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Force {
    Life(u8),
    Pause(u8),
    Standing(u8),
    Applied(u8),
    Committed(u8),
    Fault(usize),
    Message(u64),
    Operation(u32),
}

fn carried(events: &[Event], places: &Range<usize>) -> Vec<usize> {
    let wanted = messages_of(&events[places.clone()]);
    let mut force: BTreeMap<Force, usize> = BTreeMap::new();
    for (place, event) in events[..places.start].iter().enumerate() {
        match &event.what {
            What::Boot { node } | What::Crash { node, .. } | What::Refused { node, .. } => {
                force.insert(Force::Life(node.0), place);
                force.remove(&Force::Standing(node.0));
                force.remove(&Force::Applied(node.0));
                force.remove(&Force::Committed(node.0));
                force.remove(&Force::Pause(node.0));
            }
            What::Pause { node } => {
                force.insert(Force::Pause(node.0), place);
            }
            What::Resume { node } => {
                force.remove(&Force::Pause(node.0));
            }
            What::Standing { node, .. } => {
                force.insert(Force::Standing(node.0), place);
            }
            What::Apply { node, .. } | What::Restore { node, .. } => {
                force.insert(Force::Applied(node.0), place);
            }
            What::Commit { node, .. } => {
                force.insert(Force::Committed(node.0), place);
            }
            What::Fault { index, .. } => {
                force.insert(Force::Fault(*index), place);
            }
            What::Undo { index } => {
                force.remove(&Force::Fault(*index));
            }
            What::Heal { .. } => force.retain(|key, _| !matches!(key, Force::Fault(_))),
            What::Send { id, .. }
            | What::Duplicate { id, .. }
            | What::Frame {
                id,
                phase: Passage::Sent,
                ..
            } => {
                if wanted.contains(id) {
                    force.insert(Force::Message(*id), place);
                }
            }
            What::Invoke { op, .. } => {
                force.insert(Force::Operation(op.0), place);
            }
            What::Complete { op, .. } => {
                force.remove(&Force::Operation(op.0));
            }
            What::Deliver { .. }
            | What::Lose { .. }
            | What::Link { .. }
            | What::Timer { .. }
            | What::Disk { .. }
            | What::Fact { .. }
            | What::ClientLink { .. }
            | What::Sent { .. }
            | What::WatchEvent { .. }
            | What::ClientTimer { .. }
            | What::Session { .. }
            | What::Frame {
                phase: Passage::Delivered,
                ..
            }
            | What::Action { .. }
            | What::Violation { .. } => {}
        }
    }
    let mut places: Vec<usize> = force.into_values().collect();
    places.sort_unstable();
    places
}

/// The messages that arrive, get lost or are duplicated in these events.
fn messages_of(events: &[Event]) -> BTreeSet<u64> {
    let mut wanted = BTreeSet::new();
    for event in events {
        if let What::Deliver { id, .. }
        | What::Lose { id, .. }
        | What::Duplicate { of: id, .. }
        | What::Frame {
            id,
            phase: Passage::Delivered,
            ..
        } = &event.what
        {
            wanted.insert(*id);
        }
    }
    wanted
}
