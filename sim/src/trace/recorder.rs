//! Takes events down as they happen, and knows which event each of them follows from.

use std::collections::BTreeMap;

use menagerie::ids::{NodeId, VirtualTime};

use super::disk::DiskTrack;
use super::{Event, EventKind};

/// The most events that are kept; what comes later is only counted.
const EVENTS_MAX: u64 = 2_000_000;

/// The trace of a run under way.
#[derive(Debug)]
pub struct Recorder {
    /// Whether events are kept; they are written to whoever listens to `tracing` in any case.
    keep: bool,
    events: Vec<Event>,
    next: u64,
    /// What makes the next events happen.
    cause: Option<u64>,
    /// The event in which each message that is under way left.
    departures: BTreeMap<u64, u64>,
    /// The last event that gave a server an input, by its place.
    inputs: Vec<Option<u64>>,
    pub(super) disks: Vec<DiskTrack>,
}

impl Recorder {
    /// A recorder for so many servers; `None` if nobody wants the events.
    pub fn wanted(keep: bool, servers: usize) -> Option<Recorder> {
        let listening = tracing::enabled!(tracing::Level::TRACE);
        (keep || listening).then(|| Recorder {
            keep,
            events: Vec::new(),
            next: 0,
            cause: None,
            departures: BTreeMap::new(),
            inputs: vec![None; servers],
            disks: (0..servers).map(|_| DiskTrack::default()).collect(),
        })
    }

    /// Takes an event down; gives its number.
    pub fn record(&mut self, at: VirtualTime, cause: Option<u64>, what: EventKind) -> u64 {
        let seq = self.next;
        self.next += 1;
        let event = Event {
            seq,
            at,
            cause,
            what,
        };
        if tracing::enabled!(tracing::Level::TRACE) {
            tracing::trace!("{}", event.to_json());
        }
        if self.keep && seq < EVENTS_MAX {
            self.events.push(event);
        }
        seq
    }

    /// What makes the next events happen.
    pub fn cause(&self) -> Option<u64> {
        self.cause
    }

    /// From now on this makes things happen.
    pub fn follow(&mut self, cause: Option<u64>) {
        self.cause = cause;
    }

    /// From now on this makes things happen, as an input of a server.
    pub fn follow_input(&mut self, place: u8, cause: Option<u64>) {
        self.cause = cause;
        self.inputs[usize::from(place)] = cause;
    }

    /// A micro-step follows from whatever the server was given last.
    pub fn follow_work(&mut self, place: u8) {
        self.cause = self.inputs[usize::from(place)];
    }

    /// A message left in this event.
    pub fn depart(&mut self, id: u64, seq: u64) {
        self.departures.insert(id, seq);
    }

    /// A message is no longer under way: the event in which it left.
    pub fn arrive(&mut self, id: u64) -> Option<u64> {
        self.departures.remove(&id)
    }

    /// A second message goes with one that is under way.
    pub fn duplicate(&mut self, at: VirtualTime, id: u64, of: u64) {
        let departed = self.departures.get(&of).copied();
        let seq = self.record(at, departed, EventKind::Duplicate { id, of });
        self.departures.insert(id, seq);
    }

    /// Where a server's own things are kept.
    pub(super) fn place(node: NodeId) -> usize {
        usize::from(node.0) - 1
    }

    /// The events, and how many more there were.
    pub fn finish(self) -> (Vec<Event>, u64) {
        let left_off = self.next - self.events.len() as u64;
        (self.events, left_off)
    }
}
