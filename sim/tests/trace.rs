//! The trace of a run: is it whole, consistent, and read back as it was written?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use menagerie::mutation::Mutations;
use menagerie_sim::PROTOCOLS;
use menagerie_sim::run::{RunReport, RunSpec};
use menagerie_sim::scenario::Scenario;
use menagerie_sim::trace::{Event, EventKind, Op, Passage, Phase, TRACE_VERSION, Trace};

/// Datagrams, duplicates, crashes of both kinds, cuts, pauses and broken streams.
const ROUGH: &str = "\
schema = 1
story = \"Everything goes wrong at once. It is all written down.\"
duration = \"1500ms\"
[network]
loss = \"2%\"
duplicate = \"2%\"
[[fault]]
crash = { at = \"300ms\", node = \"leader\", for = \"200ms\" }
[[fault]]
pause = { at = \"600ms\", node = 2, for = \"100ms\" }
[[fault]]
crash = { at = \"900ms\", node = \"leader\", kind = \"power\", for = \"200ms\" }
[[fault]]
reset = { at = \"1200ms\", node = 1 }
";

fn run(protocol: usize, seed: u64, trace: bool) -> RunReport {
    let scenario = Scenario::parse("rough.toml", ROUGH).expect("the scenario is sound");
    let spec = RunSpec {
        scenario: Arc::new(scenario),
        seed,
        mutations: Mutations::NONE,
        checks: true,
        trace,
    };
    PROTOCOLS[protocol].run(&spec).expect("the run ends")
}

fn traced(protocol: usize, seed: u64) -> Trace {
    run(protocol, seed, true).trace.expect("it was asked for")
}

/// The departures of messages and frames, by their ids.
fn departures(events: &[Event]) -> BTreeMap<u64, u64> {
    let mut left = BTreeMap::new();
    for event in events {
        let id = match &event.what {
            EventKind::Send { id, .. }
            | EventKind::Duplicate { id, .. }
            | EventKind::Frame {
                id,
                phase: Passage::Sent,
                ..
            } => *id,
            _ => continue,
        };
        assert_eq!(left.insert(id, event.seq), None, "{id} leaves twice");
    }
    left
}

#[test]
fn every_event_follows_from_an_earlier_one_and_time_never_goes_back() {
    for protocol in 0..PROTOCOLS.len() {
        let trace = traced(protocol, 3);
        assert!(trace.events.len() > 5_000, "{}", trace.events.len());
        let mut before = 0;
        for (place, event) in (0..).zip(&trace.events) {
            assert_eq!(event.seq, place);
            assert!(
                event.cause.is_none_or(|cause| cause < event.seq),
                "{event:?}"
            );
            assert!(event.at.0 >= before, "{event:?}");
            before = event.at.0;
        }
        assert!(
            trace
                .events
                .last()
                .is_some_and(|last| last.at <= trace.header.end)
        );
    }
}

#[test]
fn a_message_that_arrives_or_is_lost_had_left_and_ends_only_once() {
    for protocol in 0..PROTOCOLS.len() {
        let trace = traced(protocol, 4);
        let left = departures(&trace.events);
        let mut ended = BTreeSet::new();
        let (mut delivered, mut lost) = (0, 0);
        for event in &trace.events {
            let id = match &event.what {
                EventKind::Deliver { id, .. }
                | EventKind::Frame {
                    id,
                    phase: Passage::Delivered,
                    ..
                } => {
                    assert_eq!(event.cause, left.get(id).copied(), "{event:?}");
                    delivered += 1;
                    *id
                }
                EventKind::Lose { id, .. } => {
                    lost += 1;
                    *id
                }
                _ => continue,
            };
            assert!(left[&id] < event.seq, "{event:?}");
            assert!(ended.insert(id), "{id} ends twice");
        }
        assert!(
            delivered > 1_000 && lost > 10,
            "{delivered} delivered, {lost} lost"
        );
        // What is left was on its way when the run ended.
        assert!(
            left.len() - ended.len() < 100,
            "{} of {}",
            ended.len(),
            left.len()
        );
    }
}

#[test]
fn a_disk_operation_is_queued_then_written_then_durable_or_lost() {
    for protocol in 0..PROTOCOLS.len() {
        let trace = traced(protocol, 5);
        let mut phases: BTreeMap<(u8, u64), Vec<Phase>> = BTreeMap::new();
        for event in &trace.events {
            if let EventKind::Disk {
                node,
                ticket,
                op,
                phase,
                ..
            } = &event.what
                && *op == Op::Append
            {
                phases.entry((node.0, *ticket)).or_default().push(*phase);
            }
        }
        let whole = [Phase::Queued, Phase::Written, Phase::Durable];
        let gone = [Phase::Queued, Phase::Lost];
        let undone = [Phase::Queued, Phase::Written, Phase::Lost];
        let mut durable = 0;
        for (operation, seen) in &phases {
            let fits = whole.starts_with(seen) || *seen == gone || *seen == undone;
            assert!(fits, "{operation:?}: {seen:?}");
            durable += usize::from(*seen == whole);
        }
        assert!(durable > 50, "{durable} of {}", phases.len());
    }
}

#[test]
fn the_operations_of_the_trace_are_those_of_the_history() {
    let report = run(0, 6, true);
    let trace = report.trace.expect("it was asked for");
    let mut completed = 0;
    for event in &trace.events {
        if let EventKind::Complete { op, invoked, .. } = &event.what {
            let operation = &report.history.operations[op.0 as usize];
            assert_eq!(operation.invoked, *invoked);
            completed += 1;
        }
    }
    let ended = |operation: &&menagerie::history::Operation| operation.outcome.is_some();
    assert_eq!(
        completed,
        report.history.operations.iter().filter(ended).count()
    );
}

#[test]
fn recording_changes_neither_the_hash_nor_the_history() {
    for protocol in 0..PROTOCOLS.len() {
        let (quiet, loud) = (run(protocol, 7, false), run(protocol, 7, true));
        assert_eq!(quiet.hash, loud.hash);
        assert_eq!(quiet.history, loud.history);
        assert_eq!(quiet.trace, None);
    }
}

#[test]
fn a_trace_is_read_back_as_it_was_written() {
    let trace = traced(1, 8);
    assert_eq!(trace.header.schema, TRACE_VERSION);
    let text = trace.to_jsonl();
    assert_eq!(text.lines().count(), trace.events.len() + 1);
    assert_eq!(Trace::parse("events.jsonl", &text), Ok(trace));
}

#[test]
fn a_broken_file_is_refused_with_its_line() {
    let trace = traced(0, 9);
    let text = trace.to_jsonl();
    let mut lines: Vec<&str> = text.lines().take(20).collect();
    let refusal = |lines: &[&str]| {
        let error = Trace::parse("events.jsonl", &lines.join("\n"));
        error.expect_err("it is broken").to_string()
    };
    assert!(refusal(&lines[1..]).starts_with("events.jsonl:1: is not the header"));
    let gap = [&lines[..5], &lines[6..]].concat();
    assert!(refusal(&gap).starts_with("events.jsonl:6: event 5 stands where 4 should"));
    lines[7] = "{\"seq\":6,\"at\":0,\"cause\":null,\"type\":\"sneeze\"}";
    let told = refusal(&lines);
    assert!(
        told.starts_with("events.jsonl:8: is not an event: unknown variant `sneeze`"),
        "{told}"
    );
    assert!(Trace::parse("events.jsonl", "").is_err());
    let old = lines[0].replacen("\"schema\":2", "\"schema\":9", 1);
    assert!(refusal(&[&old]).contains("version 9"));
}
