use serde_json::Value;

use super::*;
use crate::trace::{Event, EventKind};

#[path = "../../../tests/page/sample.rs"]
mod sample;

fn sampled(events: usize) -> Trace {
    Trace::parse("sample", &sample::failing(events)).expect("the sample is a trace")
}

/// The document that a page embeds.
fn embedded(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script type=\"application/json\" id=\"trace\">")
        .expect("the page embeds its data");
    let (data, _) = rest.split_once("</script>").expect("the element ends");
    serde_json::from_str(data).expect("the data is JSON")
}

fn column<'a>(data: &'a Value, name: &str) -> Vec<&'a Value> {
    let column = data["columns"][name].as_array().expect("a column");
    column.iter().collect()
}

/// A column of distances, added up.
fn summed(data: &Value, name: &str) -> Vec<u64> {
    let mut sum = 0;
    let steps = column(data, name).into_iter();
    steps
        .map(|step| {
            sum += step.as_u64().expect("a step ahead");
            sum
        })
        .collect()
}

fn number(value: &Value) -> usize {
    let number = value.as_u64().expect("a number");
    usize::try_from(number).expect("a small number")
}

#[test]
fn every_event_is_a_row_with_its_number_time_and_type() {
    let trace = sampled(300);
    let data = embedded(&page(&trace, None));
    let numbers: Vec<u64> = trace.events.iter().map(|event| event.seq).collect();
    assert_eq!(summed(&data, "seq"), numbers);
    let times: Vec<u64> = trace.events.iter().map(|event| event.at.0).collect();
    assert_eq!(summed(&data, "at"), times);
    for (event, code) in trace.events.iter().zip(column(&data, "type")) {
        let line: Value = serde_json::from_str(&event.to_json()).expect("a document");
        assert_eq!(line["type"], data["types"][number(code)]);
    }
    assert_eq!(data["window"], Value::Null);
    assert_eq!(
        data["head"]["seed"],
        u64::MAX.to_string(),
        "no precision is lost"
    );
}

#[test]
fn a_row_points_back_at_its_cause_and_at_its_message() {
    let trace = sampled(300);
    let data = embedded(&page(&trace, None));
    let (causes, origins) = (column(&data, "cause"), column(&data, "origin"));
    let mut arrivals = 0;
    for (row, event) in trace.events.iter().enumerate() {
        let cause = match number(causes[row]) {
            0 => None,
            back => Some(trace.events[row - back].seq),
        };
        assert_eq!(cause, event.cause);
        if let EventKind::Deliver { id, .. } = &event.what {
            let departure = &trace.events[row - number(origins[row])];
            arrivals += 1;
            match &departure.what {
                EventKind::Send { id: sent, .. } | EventKind::Duplicate { id: sent, .. } => {
                    assert_eq!(sent, id);
                }
                other => panic!("a message arrives that left in {other:?}"),
            }
        }
    }
    assert!(arrivals > 20, "only {arrivals} messages arrive");
}

#[test]
fn a_zxid_is_known_by_its_rank() {
    let trace = sampled(300);
    let data = embedded(&page(&trace, None));
    let ranks = column(&data, "zxid");
    for (event, rank) in trace.events.iter().zip(ranks) {
        if let EventKind::Commit { zxid, .. } = &event.what {
            assert_eq!(data["zxids"][number(rank) - 1], zxid.to_string());
        }
    }
}

#[test]
fn hostile_texts_stay_texts() {
    let trace = sampled(300);
    let page = page(&trace, None);
    assert_eq!(
        page.matches("<script").count(),
        2,
        "the data and the script"
    );
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img"));
    let data = embedded(&page);
    let strings = data["strings"].as_array().expect("a list");
    let whole = strings.iter().filter_map(Value::as_str);
    assert!(whole.into_iter().any(|text| text == sample::HOSTILE));
    let (_, summary) = page.split_once("<noscript>").expect("a summary");
    let (summary, _) = summary.split_once("</noscript>").expect("it ends");
    assert!(summary.contains("&lt;/script&gt;"), "the reason is told");
    assert!(!summary.contains("<b>.toml"), "the command is escaped");
}

#[test]
fn escapes_name_every_character_that_could_break_out() {
    assert_eq!(escape::inert("\"</a>&\""), "\"\\u003c/a\\u003e\\u0026\"");
    assert_eq!(escape::inert("\u{2028}é"), "\\u2028é");
    assert_eq!(
        crate::words::escaped("<a b=\"c\" d='e'>&"),
        "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;"
    );
}

#[test]
fn the_policy_forbids_everything_but_the_two_assets() {
    let page = page(&sampled(100), None);
    let policy = page
        .split_once("Content-Security-Policy\" content=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .expect("the page has a policy")
        .0;
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    assert!(!policy.contains("http"));
    assert!(
        !page.contains(" style=\""),
        "an attribute would be forbidden"
    );
    assert!(!page.contains(" onclick="));
}

#[test]
fn a_page_within_its_budget_is_whole() {
    let trace = sampled(500);
    let data = embedded(&page_within(&trace, None, trace.events.len(), BYTES_MAX));
    assert_eq!(data["rows"], trace.events.len());
    assert_eq!(data["window"], Value::Null);
}

#[test]
fn a_longer_run_is_shown_around_its_violation() {
    let trace = sampled(2_000);
    let data = embedded(&page_within(&trace, None, 300, BYTES_MAX));
    assert_eq!(data["window"]["events"], 300);
    assert_eq!(data["window"]["around"], "around the first violation");
    assert_eq!(data["totals"]["events"], trace.events.len());
    let numbers = summed(&data, "seq");
    let violation = trace
        .events
        .iter()
        .find(|event| matches!(event.what, EventKind::Violation { .. }));
    assert!(numbers.contains(&violation.expect("the sample fails").seq));
}

#[test]
fn a_page_that_would_be_too_large_is_made_smaller() {
    let trace = sampled(4_000);
    let whole = page(&trace, None).len();
    let room = whole * 3 / 4;
    let page = page_within(&trace, None, trace.events.len(), room);
    assert!(page.len() <= room, "{} of {room} bytes", page.len());
    assert_ne!(embedded(&page)["window"], Value::Null);
}

#[test]
fn a_window_takes_along_what_is_still_in_force() {
    let trace = sampled(2_000);
    let chosen = window::choose(&trace, 300);
    let carried: Vec<&Event> = chosen
        .carried
        .iter()
        .map(|place| &trace.events[*place])
        .collect();
    let has = |wanted: fn(&EventKind) -> bool| carried.iter().any(|event| wanted(&event.what));
    assert!(has(|what| matches!(
        what,
        EventKind::Fault { index: 0, .. }
    )));
    assert!(has(
        |what| matches!(what, EventKind::Standing { node, .. } if node.0 == 3)
    ));
    assert!(has(
        |what| matches!(what, EventKind::Commit { node, .. } if node.0 == 1)
    ));
    // The second server died after it had begun to follow: it has not stood anywhere since.
    assert!(!has(
        |what| matches!(what, EventKind::Standing { node, .. } if node.0 == 2)
    ));
    assert!(
        chosen
            .carried
            .iter()
            .all(|place| *place < chosen.places.start)
    );
    let data = embedded(&page_within(&trace, None, 300, BYTES_MAX));
    assert_eq!(data["carried"], chosen.carried.len());
}

#[test]
fn a_trace_without_events_has_a_page() {
    let mut trace = sampled(100);
    trace.events.clear();
    let data = embedded(&page(&trace, None));
    assert_eq!(data["rows"], 0);
}

#[test]
fn the_story_of_a_failure_leads_to_its_events() {
    let trace = sampled(500);
    let page = page(&trace, None);
    let data = embedded(&page);
    let steps = data["story"]["steps"].as_array().expect("the sample fails");
    let numbers = summed(&data, "seq");
    let times = summed(&data, "at");
    for step in steps {
        let first = step["events"][0].as_u64().expect("a step has events");
        let row = numbers.iter().position(|number| *number == first);
        let row = row.expect("the page has every event");
        assert_eq!(step["at"], times[row], "{step}");
    }
    let (_, summary) = page.split_once("<noscript>").expect("a summary");
    assert!(summary.contains("The story: linearizability is violated at"));
    assert_eq!(summary.matches("<li>").count(), steps.len());
}

#[test]
fn a_run_that_passes_has_no_story_and_one_command() {
    let mut trace = sampled(300);
    trace.header.verdict = crate::trace::Judgement::Pass;
    trace.header.failures.clear();
    let page = page(&trace, None);
    let data = embedded(&page);
    assert_eq!(data["story"], Value::Null);
    assert_eq!(data["head"]["commands"].as_array().map(Vec::len), Some(1));
    assert!(!page.contains("The story:"));
}

#[test]
fn the_summary_tells_the_verdict_and_at_most_two_hundred_events() {
    let page = page(&sampled(30_000), None);
    assert!(page.contains("<h1>Fail: sample</h1>"));
    assert!(page.contains("5 servers and 6 clients"));
    assert!(page.contains("faults: 1; deaths of servers: 1."));
    assert!(page.contains("The first 200 of "));
    assert_eq!(page.matches("<tr><td>").count(), 200);
}
