//! The run in words and one table, for readers whose browser runs no script.

use std::fmt::Write as _;

use super::columns::commands;
use super::rows::{self, Row};
use crate::diagnose::explain::Story;
use crate::trace::{Ended, Event, EventKind, Judgement, Trace};
use crate::words::escaped;

/// The most events of the table.
const KEY_EVENTS_MAX: usize = 200;

/// The summary, as markup.
pub(super) fn summary(trace: &Trace, told: Option<&Story>) -> String {
    let header = &trace.header;
    let mut page = String::from("<main class=\"summary\">\n");
    // Writing into a string cannot fail.
    let _ = writeln!(
        page,
        "<h1>{}: {}</h1>\n<p>{} on {}, seed {}, hash {}</p>",
        verdict(header.verdict),
        escaped(&header.scenario),
        escaped(&header.scenario),
        escaped(&header.protocol),
        header.seed,
        escaped(&header.hash)
    );
    if !header.mutations.is_empty() {
        let _ = writeln!(
            page,
            "<p>Bugs switched on: {}</p>",
            escaped(&header.mutations.join(", "))
        );
    }
    for failure in &header.failures {
        let _ = writeln!(
            page,
            "<p><b>{}</b> at {}: {}</p>",
            escaped(&failure.checker),
            failure.at,
            escaped(&failure.reason)
        );
    }
    let _ = writeln!(page, "<p>{}</p>", escaped(&extent(trace)));
    for command in commands(header) {
        let _ = writeln!(page, "<pre>{}</pre>", escaped(&command));
    }
    if let Some(told) = told {
        story(&mut page, told);
    }
    table(&mut page, trace);
    page.push_str("<p>With JavaScript this page is an interactive timeline.</p>\n</main>");
    page
}

/// What led to the failure, sentence by sentence.
fn story(page: &mut String, told: &Story) {
    let _ = writeln!(
        page,
        "<h2>The story: {} is violated at {}</h2>\n<ol>",
        escaped(&told.checker),
        told.at
    );
    for step in &told.steps {
        let _ = writeln!(page, "<li><b>{}</b> {}</li>", step.at, escaped(&step.text));
    }
    page.push_str("</ol>\n");
    if told.left_out > 0 {
        let _ = writeln!(page, "<p>({} steps left out)</p>", told.left_out);
    }
    for line in told.closing() {
        let _ = writeln!(page, "<p>{}</p>", escaped(&line));
    }
}

fn verdict(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Pass => "Pass",
        Judgement::Vacuous => "Vacuous",
        Judgement::Unknown => "Unknown",
        Judgement::Fail => "Fail",
    }
}

/// What the run consisted of, in sentences.
fn extent(trace: &Trace) -> String {
    let header = &trace.header;
    let count = |wanted: fn(&EventKind) -> bool| {
        let found = trace.events.iter().filter(|event| wanted(&event.what));
        found.count()
    };
    let ended = |wanted: Ended| {
        let found = trace.events.iter().filter(
            |event| matches!(event.what, EventKind::Complete { outcome, .. } if outcome == wanted),
        );
        found.count()
    };
    let mut extent = format!(
        "{} servers and {}, {} of virtual time. Messages between servers: {}; messages and \
         frames that were lost: {}; faults: {}; deaths of servers: {}. Operations: {}, of which {} \
         ended ok, {} in an error, {} refused and {} unknown.",
        header.nodes.len(),
        match header.clients {
            1 => "1 client".to_owned(),
            many => format!("{many} clients"),
        },
        header.end,
        count(|what| matches!(what, EventKind::Send { .. })),
        count(|what| matches!(what, EventKind::Lose { .. })),
        count(|what| matches!(what, EventKind::Fault { .. })),
        count(|what| matches!(what, EventKind::Crash { .. })),
        count(|what| matches!(what, EventKind::Invoke { .. })),
        ended(Ended::Ok),
        ended(Ended::Error),
        ended(Ended::Refused),
        ended(Ended::Unknown),
    );
    if let Some(healed) = header.healed {
        let _ = write!(extent, " The faults were healed at {healed}.");
    }
    extent
}

fn table(page: &mut String, trace: &Trace) {
    let key: Vec<&Event> = trace.events.iter().filter(|event| is_key(event)).collect();
    let shown = key.len().min(KEY_EVENTS_MAX);
    let _ = writeln!(
        page,
        "<h2>The first {shown} of {} key events</h2>\n<table>\n<tr><th>at</th><th>where</th>\
         <th>event</th><th>what</th></tr>",
        key.len()
    );
    for event in &key[..shown] {
        let row = rows::row(&trace.header, &event.what);
        let place = row.lane.map_or("world".to_owned(), |lane| {
            let nodes = &trace.header.nodes;
            let lane = usize::try_from(lane).expect("a lane is a place in a list");
            match nodes.get(lane) {
                Some(node) => node.id.to_string(),
                None => format!("c{}", lane - nodes.len() + 1),
            }
        });
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{place}</td><td>{}</td><td>{}</td></tr>",
            event.at,
            rows::name(&event.what).replace('_', " "),
            escaped(&words(event, row))
        );
    }
    page.push_str("</table>\n");
}

/// An event in a few words.
fn words(event: &Event, row: Row) -> String {
    if let EventKind::Fault { fault, .. } = &event.what {
        fault.text()
    } else if let EventKind::Undo { index } = &event.what {
        format!("fault {index}")
    } else {
        [row.label, row.detail].join(" ").trim().to_owned()
    }
}

/// What a reader in a hurry wants to see: who lived and led, what went wrong, which operations
/// did not succeed.
fn is_key(event: &Event) -> bool {
    match &event.what {
        EventKind::Boot { .. }
        | EventKind::Refused { .. }
        | EventKind::Crash { .. }
        | EventKind::Pause { .. }
        | EventKind::Resume { .. }
        | EventKind::Standing { .. }
        | EventKind::Restore { .. }
        | EventKind::Fault { .. }
        | EventKind::Undo { .. }
        | EventKind::Heal { .. }
        | EventKind::Violation { .. } => true,
        EventKind::Complete { outcome, .. } => match outcome {
            Ended::Refused | Ended::Unknown => true,
            Ended::Ok | Ended::Error => false,
        },
        EventKind::Send { .. }
        | EventKind::Duplicate { .. }
        | EventKind::Deliver { .. }
        | EventKind::Lose { .. }
        | EventKind::Link { .. }
        | EventKind::Timer { .. }
        | EventKind::Disk { .. }
        | EventKind::Apply { .. }
        | EventKind::Commit { .. }
        | EventKind::Fact { .. }
        | EventKind::ClientLink { .. }
        | EventKind::ClientTimer { .. }
        | EventKind::Session { .. }
        | EventKind::Invoke { .. }
        | EventKind::Sent { .. }
        | EventKind::WatchEvent { .. }
        | EventKind::Frame { .. }
        | EventKind::Action { .. } => false,
    }
}
