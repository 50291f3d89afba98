//! A trace as columns: what the page embeds.
//!
//! An event is a row. Texts are numbers of a table of strings, in which each occurs once and the
//! empty one is 0; zxids are places in the sorted list of those that occur, counted from 1, so that
//! the page can compare them without 64-bit numbers; references to other rows are distances back,
//! 0 for none; times and sequence numbers are distances from the row before.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::ids::{VirtualTime, Zxid};
use serde::Serialize;

use super::rows::{NO_LANE, NO_NUMBER, Origin, Row, TYPES, row};
use super::window::Window;
use crate::diagnose::explain::{Step, Story};
use crate::run::program::program;
use crate::trace::{Failure, Header, Judgement, Trace};

/// Everything that the page's script reads.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Embedded<'a> {
    head: Head<'a>,
    story: Option<Told<'a>>,
    totals: Totals,
    window: Option<Part>,
    lanes: Vec<Lane>,
    types: &'static [&'static str],
    strings: Vec<String>,
    zxids: Vec<String>,
    rows: usize,
    carried: usize,
    columns: Columns,
}

/// Numbers of 64 bits are texts: a script's numbers have 53.
#[derive(Clone, Debug, Serialize)]
struct Head<'a> {
    scenario: &'a str,
    protocol: &'a str,
    seed: String,
    mutations: &'a [String],
    hash: &'a str,
    verdict: Judgement,
    failures: &'a [Failure],
    commands: Vec<String>,
    end: VirtualTime,
    healed: Option<VirtualTime>,
}

/// The story of the failure: steps name their events by the `seq` of the trace.
#[derive(Clone, Debug, Serialize)]
struct Told<'a> {
    checker: &'a str,
    at: VirtualTime,
    steps: &'a [Step],
    left_out: usize,
    closing: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Totals {
    events: usize,
    left_off: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Part {
    from: VirtualTime,
    to: VirtualTime,
    events: usize,
    around: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Lane {
    name: String,
    kind: &'static str,
    observer: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Columns {
    seq: Vec<u64>,
    /// Signed: a file that somebody edited may go back in time.
    at: Vec<i64>,
    cause: Vec<usize>,
    origin: Vec<usize>,
    r#type: Vec<usize>,
    lane: Vec<i32>,
    peer: Vec<i32>,
    label: Vec<usize>,
    detail: Vec<usize>,
    body: Vec<usize>,
    zxid: Vec<usize>,
    number: Vec<i64>,
}

/// The columns of the events in a window.
pub(super) fn embed<'a>(
    trace: &'a Trace,
    story: Option<&'a Story>,
    window: &Window,
) -> Embedded<'a> {
    let header = &trace.header;
    let zxids = zxids(trace, window);
    let mut strings = Strings::new();
    let columns = columns(trace, window, &zxids, &mut strings);
    Embedded {
        head: Head {
            scenario: &header.scenario,
            protocol: &header.protocol,
            seed: header.seed.to_string(),
            mutations: &header.mutations,
            hash: &header.hash,
            verdict: header.verdict,
            failures: &header.failures,
            commands: commands(header),
            end: header.end,
            healed: header.healed,
        },
        story: story.map(|story| Told {
            checker: &story.checker,
            at: story.at,
            steps: &story.steps,
            left_out: story.left_out,
            closing: story.closing(),
        }),
        totals: Totals {
            events: trace.events.len(),
            left_off: header.left_off,
        },
        window: window.around.map(|around| part(trace, window, around)),
        lanes: lanes(trace),
        types: &TYPES,
        strings: strings.list,
        zxids: zxids.iter().map(Zxid::to_string).collect(),
        rows: window.carried.len() + window.places.len(),
        carried: window.carried.len(),
        columns,
    }
}

/// The lines to paste: a failure can also be explained, blamed and shrunk.
pub(super) fn commands(header: &Header) -> Vec<String> {
    let mut commands = vec![header.reproduce.clone()];
    if !header.run.is_empty() && header.verdict == Judgement::Fail {
        let verbs = ["explain", "blame", "shrink"].iter();
        commands.extend(verbs.map(|verb| format!("{} {verb} {}", program(), header.run)));
    }
    commands
}

fn part(trace: &Trace, window: &Window, around: &'static str) -> Part {
    let at = |place: usize| trace.events[place].at;
    Part {
        from: at(window.places.start),
        to: at(window.places.end - 1),
        events: window.places.len(),
        around,
    }
}

/// Servers first, then clients, in the order of their numbers: see [`super::rows`].
fn lanes(trace: &Trace) -> Vec<Lane> {
    let nodes = trace.header.nodes.iter().map(|node| Lane {
        name: node.id.to_string(),
        kind: "node",
        observer: node.observer,
    });
    let clients = (1..=trace.header.clients).map(|client| Lane {
        name: format!("c{client}"),
        kind: "client",
        observer: false,
    });
    nodes.chain(clients).collect()
}

fn zxids(trace: &Trace, window: &Window) -> Vec<Zxid> {
    let places = window.all();
    let found: BTreeSet<Zxid> = places
        .filter_map(|place| row(&trace.header, &trace.events[place].what).zxid)
        .collect();
    found.into_iter().collect()
}

fn columns(trace: &Trace, window: &Window, zxids: &[Zxid], strings: &mut Strings) -> Columns {
    let mut columns = Columns::default();
    let mut rows_of = BTreeMap::new();
    let mut departures = BTreeMap::new();
    let (mut seq, mut at) = (0, 0);
    for (number, place) in window.all().enumerate() {
        let event = &trace.events[place];
        let row: Row = row(&trace.header, &event.what);
        let back = |other: Option<&usize>| other.map_or(0, |other| number - other);
        columns.seq.push(event.seq - seq);
        columns.at.push(event.at.0.wrapping_sub(at).cast_signed());
        (seq, at) = (event.seq, event.at.0);
        let cause = event.cause.and_then(|cause| rows_of.get(&cause));
        columns.cause.push(back(cause));
        columns.origin.push(match row.origin {
            Origin::Nothing => 0,
            Origin::Departs(id) => {
                departures.insert(id, number);
                0
            }
            Origin::Copies { id, of } => {
                let original = back(departures.get(&of));
                departures.insert(id, number);
                original
            }
            Origin::Ends(id) => back(departures.get(&id)),
        });
        rows_of.insert(event.seq, number);
        columns.r#type.push(row.r#type);
        columns.lane.push(row.lane.unwrap_or(NO_LANE));
        columns.peer.push(row.peer.unwrap_or(NO_LANE));
        columns.label.push(strings.number(&row.label));
        columns.detail.push(strings.number(&row.detail));
        columns.body.push(strings.number(&row.body));
        let rank = row.zxid.map(|zxid| {
            let rank = zxids.binary_search(&zxid);
            rank.expect("every zxid of the window was collected") + 1
        });
        columns.zxid.push(rank.unwrap_or(0));
        columns.number.push(row.number.unwrap_or(NO_NUMBER));
    }
    columns
}

/// A table in which each text occurs once; the empty one is number 0.
struct Strings {
    list: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Strings {
    fn new() -> Strings {
        let mut strings = Strings {
            list: Vec::new(),
            numbers: BTreeMap::new(),
        };
        strings.number("");
        strings
    }

    fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.list.len();
        self.list.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}
