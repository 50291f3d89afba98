//! Which events a page embeds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::trace::{Event, EventKind, Passage, Passing, Trace};

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
        .position(|event| matches!(event.what, EventKind::Violation { .. }));
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
        let what = &event.what;
        if matches!(what, EventKind::Heal { .. }) {
            force.retain(|key, _| !matches!(key, Force::Fault(_)));
        }
        for key in ended(what) {
            force.remove(&key);
        }
        if let Some(key) = begun(what, &wanted) {
            force.insert(key, place);
        }
    }
    let mut places: Vec<usize> = force.into_values().collect();
    places.sort_unstable();
    places
}

/// What an event brings into force; of messages only those that are wanted.
fn begun(what: &EventKind, wanted: &BTreeSet<u64>) -> Option<Force> {
    if let Some(Passing::Leaves { id, .. } | Passing::Doubles { id, .. }) = what.passing() {
        return wanted.contains(&id).then_some(Force::Message(id));
    }
    match what {
        EventKind::Boot { node }
        | EventKind::Crash { node, .. }
        | EventKind::Refused { node, .. } => Some(Force::Life(node.0)),
        EventKind::Pause { node } => Some(Force::Pause(node.0)),
        EventKind::Standing { node, .. } => Some(Force::Standing(node.0)),
        EventKind::Apply { node, .. } | EventKind::Restore { node, .. } => {
            Some(Force::Applied(node.0))
        }
        EventKind::Commit { node, .. } => Some(Force::Committed(node.0)),
        EventKind::Fault { index, .. } => Some(Force::Fault(*index)),
        EventKind::Invoke { op, .. } => Some(Force::Operation(op.0)),
        _of_a_moment => None,
    }
}

/// What an event puts out of force.
fn ended(what: &EventKind) -> Vec<Force> {
    match what {
        EventKind::Boot { node }
        | EventKind::Crash { node, .. }
        | EventKind::Refused { node, .. } => vec![
            Force::Standing(node.0),
            Force::Applied(node.0),
            Force::Committed(node.0),
            Force::Pause(node.0),
        ],
        EventKind::Resume { node } => vec![Force::Pause(node.0)],
        EventKind::Undo { index } => vec![Force::Fault(*index)],
        EventKind::Complete { op, .. } => vec![Force::Operation(op.0)],
        _of_a_moment => Vec::new(),
    }
}

/// The messages that arrive, get lost or are duplicated in these events.
fn messages_of(events: &[Event]) -> BTreeSet<u64> {
    let mut wanted = BTreeSet::new();
    for event in events {
        if let EventKind::Deliver { id, .. }
        | EventKind::Lose { id, .. }
        | EventKind::Duplicate { of: id, .. }
        | EventKind::Frame {
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
