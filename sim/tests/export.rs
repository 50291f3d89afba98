//! Exports: small goldens, and whole runs opened as the format's own reader opens them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use clojure_reader::edn::{self, Edn};
use menagerie::linear::Family;
use menagerie::mutation::Mutations;
use menagerie_sim::PROTOCOLS;
use menagerie_sim::histories::{FailedSwap, keyed};
use menagerie_sim::run::RunSpec;
use menagerie_sim::scenario::Scenario;
use menagerie_sim::trace::Trace;
use menagerie_sim::trace::export::{Format, export, history};
use regex::Regex;
use serde_json::Value;

const TINY: &str = include_str!("data/export/tiny.events.jsonl");

fn tiny() -> Trace {
    Trace::parse("tiny.events.jsonl", TINY).expect("the trace is sound")
}

/// A run with faults and every kind of request, made once.
fn whole() -> &'static Trace {
    static WHOLE: LazyLock<Trace> = LazyLock::new(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/chaos.toml");
        let scenario = Scenario::read(&file.to_string_lossy()).expect("the scenario is sound");
        let spec = RunSpec {
            scenario: Arc::new(scenario),
            seed: 5,
            mutations: Mutations::NONE,
            checks: false,
            trace: true,
        };
        let report = PROTOCOLS[1].run(&spec).expect("the run ends");
        report.trace.expect("it was asked for")
    });
    &WHOLE
}

#[track_caller]
fn assert_golden(format: Format, golden: &str) {
    let found = export(&tiny(), format);
    assert_eq!(found, golden, "this was written instead:\n{found}");
}

#[test]
fn a_small_trace_is_written_as_reviewed() {
    assert_golden(Format::JepsenEdn, include_str!("data/export/tiny.edn"));
    assert_golden(
        Format::Porcupine,
        include_str!("data/export/tiny.porcupine.txt"),
    );
    assert_golden(Format::Shiviz, include_str!("data/export/tiny.shiviz.txt"));
    assert_golden(
        Format::Perfetto,
        include_str!("data/export/tiny.perfetto.json"),
    );
    assert_golden(
        Format::Jsonl,
        include_str!("data/export/tiny.history.jsonl"),
    );
}

#[test]
fn the_tiny_trace_is_written_again_as_it_is() {
    assert_eq!(tiny().to_jsonl(), TINY);
}

/// The member of a map of EDN.
fn member<'a>(map: &'a Edn<'a>, name: &str) -> Option<&'a Edn<'a>> {
    map.get(&Edn::key(name.to_owned()))
}

#[test]
fn a_reader_of_clojure_reads_a_history_of_whole_operations() {
    let text = export(whole(), Format::JepsenEdn);
    let mut open: BTreeSet<i64> = BTreeSet::new();
    let mut lines = 0;
    for (place, line) in (0..).zip(text.lines()) {
        let map = edn::read_string(line).unwrap_or_else(|error| panic!("{error:?} in {line}"));
        assert_eq!(member(&map, "index"), Some(&Edn::Int(place)), "{line}");
        let Some(Edn::Int(process)) = member(&map, "process") else {
            panic!("no process in {line}");
        };
        assert!(matches!(member(&map, "time"), Some(Edn::Int(_))), "{line}");
        assert!(matches!(member(&map, "f"), Some(Edn::Key(_))), "{line}");
        assert!(member(&map, "value").is_some(), "{line}");
        let Some(Edn::Key(kind)) = member(&map, "type") else {
            panic!("no type in {line}");
        };
        match kind.as_ref() {
            "invoke" => assert!(open.insert(*process), "{process} has one open: {line}"),
            "ok" | "fail" => assert!(open.remove(process), "{process} has none: {line}"),
            // Its process is never used again: it stays open.
            "info" => assert!(open.contains(process), "{process} has none: {line}"),
            other => panic!("{other} is no type"),
        }
        lines += 1;
    }
    assert!(lines > 500, "{lines}");
}

#[test]
fn porcupines_own_expressions_match_every_line_of_its_log() {
    let expressions = [
        r#"^\{:process (\d+), :type :invoke, :f :get, :key "(.*)", :value nil\}$"#,
        r#"^\{:process (\d+), :type :invoke, :f :put, :key "(.*)", :value "(.*)"\}$"#,
        r#"^\{:process (\d+), :type :ok, :f :get, :key ".*", :value "(.*)"\}$"#,
        r#"^\{:process (\d+), :type :ok, :f :put, :key ".*", :value ".*"\}$"#,
    ];
    let expressions = expressions.map(|one| Regex::new(one).expect("it is well-formed"));
    let text = export(whole(), Format::Porcupine);
    let mut counts = [0; 4];
    let mut open: BTreeSet<String> = BTreeSet::new();
    for line in text.lines() {
        let found = (0..).zip(&expressions).find_map(|(place, expression)| {
            expression.captures(line).map(|captures| (place, captures))
        });
        let (place, captures): (usize, _) = found.unwrap_or_else(|| panic!("unread: {line}"));
        counts[place] += 1;
        let process = captures[1].to_owned();
        if place < 2 {
            assert!(open.insert(process), "two are open: {line}");
        } else {
            assert!(open.remove(&process), "none is open: {line}");
        }
    }
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

#[test]
fn our_own_reader_of_edn_reads_the_log_for_porcupine() {
    let text = export(whole(), Format::Porcupine);
    let invoked = text.lines().filter(|line| line.contains(":invoke")).count();
    let read = keyed(
        Path::new("log.edn"),
        text.as_bytes(),
        Family::Append,
        FailedSwap::Dropped,
    );
    let read = read.expect("it is well-formed");
    assert_eq!(read.operations_read, invoked);
}

#[test]
fn the_expression_of_the_shiviz_log_matches_every_line_and_its_clocks_are_right() {
    let text = export(whole(), Format::Shiviz);
    let mut lines = text.lines();
    let expression = lines.next().expect("the first line is the expression");
    let expression = Regex::new(expression).expect("it is well-formed");
    assert_eq!(lines.next(), Some(""), "there is one execution only");
    let mut clocks: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut heard = 0;
    for line in lines {
        let captures = expression
            .captures(line)
            .unwrap_or_else(|| panic!("unread: {line}"));
        assert_eq!(captures[0].len(), line.len(), "all of it: {line}");
        let host = captures["host"].to_owned();
        let clock: BTreeMap<String, u64> =
            serde_json::from_str(&captures["clock"]).expect("a clock is JSON");
        let before = clocks.entry(host.clone()).or_default();
        let own = before.get(&host).copied().unwrap_or(0);
        assert_eq!(clock[&host], own + 1, "{line}");
        for (other, count) in &*before {
            assert!(clock[other] >= *count, "{host} forgets {other}: {line}");
        }
        heard += usize::from(clock.iter().any(|(other, count)| {
            *other != host && before.get(other).is_none_or(|known| known < count)
        }));
        *before = clock;
        let known: Vec<(String, u64)> = clocks[&host].clone().into_iter().collect();
        for (other, count) in known {
            let latest = clocks[&other][&other];
            assert!(
                count <= latest,
                "{host} knows the future of {other}: {line}"
            );
        }
    }
    assert!(
        clocks.len() >= 11,
        "3 servers and 8 clients: {:?}",
        clocks.keys()
    );
    assert!(heard > 1_000, "{heard} lines heard of others");
}

/// What Google's description of the format asks of an event.
fn check_event(event: &Value) {
    let ph = event["ph"].as_str().expect("a phase");
    assert!(event["pid"].is_u64() && event["tid"].is_u64(), "{event}");
    assert!(event["name"].is_string(), "{event}");
    match ph {
        "M" => {
            let name = event["name"].as_str();
            assert!(
                matches!(name, Some("process_name" | "thread_name")),
                "{event}"
            );
            assert!(event["args"]["name"].is_string(), "{event}");
            return;
        }
        "X" => assert!(
            event["dur"].as_f64().is_some_and(|dur| dur >= 0.0),
            "{event}"
        ),
        "s" | "f" | "b" | "e" => {
            assert!(event["id"].is_u64() || event["id"].is_string(), "{event}");
        }
        "i" => assert!(
            matches!(event["s"].as_str(), Some("g" | "p" | "t")),
            "{event}"
        ),
        other => panic!("{other} is no phase that is written"),
    }
    assert!(event["cat"].is_string(), "{event}");
    assert!(event["ts"].as_f64().is_some_and(|ts| ts >= 0.0), "{event}");
}

fn nanos(value: &Value) -> u64 {
    (value.as_f64().expect("a time") * 1e3).round() as u64
}

#[test]
fn the_perfetto_document_keeps_the_rules_of_trace_events() {
    let text = export(whole(), Format::Perfetto);
    let document: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(document["displayTimeUnit"], "ns");
    let events = document["traceEvents"]
        .as_array()
        .expect("a list of events");
    let place = |event: &Value| (event["pid"].as_u64(), event["tid"].as_u64());
    let named: BTreeSet<_> = events
        .iter()
        .filter(|one| one["ph"] == "M")
        .map(place)
        .collect();
    let mut slices: BTreeMap<_, Vec<(u64, u64)>> = BTreeMap::new();
    for event in events {
        check_event(event);
        assert!(named.contains(&place(event)), "nobody named {event}");
        if event["ph"] == "X" {
            let begin = nanos(&event["ts"]);
            let slice = (begin, begin + nanos(&event["dur"]));
            slices.entry(place(event)).or_default().push(slice);
        }
    }
    let mut arrows = 0;
    let mut begun = BTreeSet::new();
    for event in events {
        let id = (
            event["cat"].to_string(),
            event["pid"].to_string(),
            event["id"].to_string(),
        );
        match event["ph"].as_str() {
            Some("s" | "f") => {
                let at = nanos(&event["ts"]);
                let bound = slices[&place(event)]
                    .iter()
                    .any(|(from, to)| *from <= at && at <= *to);
                assert!(bound, "no slice holds {event}");
                let flow = (event["cat"].to_string(), event["id"].to_string());
                if event["ph"] == "s" {
                    begun.insert((flow.0, String::new(), flow.1));
                } else {
                    assert_eq!(event["bp"], "e");
                    let begins = begun.contains(&(flow.0, String::new(), flow.1));
                    assert!(begins, "no arrow begins for {event}");
                    arrows += 1;
                }
            }
            Some("b") => assert!(begun.insert(id), "it begins twice: {event}"),
            Some("e") => assert!(begun.remove(&id), "it never began: {event}"),
            _ => {}
        }
    }
    assert!(arrows > 1_000, "{arrows}");
    let left = begun.iter().filter(|(_, process, _)| !process.is_empty());
    assert_eq!(left.count(), 0, "every operation and sync ends");
    for (thread, slices) in &mut slices {
        slices.sort_unstable_by_key(|(begin, end)| (*begin, u64::MAX - end));
        for pair in slices.windows(2) {
            let ((begin, end), (next, next_end)) = (pair[0], pair[1]);
            let nests = next >= end || (next >= begin && next_end <= end);
            assert!(nests, "{pair:?} of {thread:?} overlap");
        }
    }
}

#[test]
fn a_history_is_read_back_as_it_was_written() {
    let lines = history::lines(whole());
    let text = export(whole(), Format::Jsonl);
    assert_eq!(history::parse("history.jsonl", &text), Ok(lines));
    let error = history::parse("history.jsonl", "{}\n").expect_err("it is no line");
    assert!(
        error.to_string().starts_with("history.jsonl:1: "),
        "{error}"
    );
}
