//! The page of `menagerie timeline` in a real browser. Needs node, Chromium and `npm ci` in
//! `sim/tests/page`; where one of them is missing the test says so and is skipped, unless
//! `MENAGERIE_BROWSER=required`, as `.ci/run` sets it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use assert_cmd::Command;
use serde_json::{Value, json};

#[path = "page/sample.rs"]
mod sample;

const EVENTS: usize = 700;
const EVENTS_LARGE: usize = 100_000;
const EVENTS_TOO_MANY: usize = 130_000;

/// The folder of the test's files.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// The programs that the test needs, or what is missing.
fn browser() -> Result<PathBuf, String> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/node_modules");
    if !scripts.join("playwright-core").is_dir() {
        return Err("playwright-core: run `npm ci` in sim/tests/page".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let find = |names: &[&str]| {
        let places = names
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        places.into_iter().find(|place| place.is_file())
    };
    find(&["node"]).ok_or("node")?;
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    find(&browsers).ok_or_else(|| format!("a browser: none of {}", browsers.join(", ")))
}

/// Writes a sample of so many events and its page.
fn write_page(name: &str, events: usize) -> String {
    let trace = sample::failing(events);
    let (jsonl, html) = (
        folder().join(format!("{name}.jsonl")),
        folder().join(format!("{name}.html")),
    );
    fs::write(&jsonl, &trace).expect("the target folder can be written");
    Command::cargo_bin("menagerie")
        .expect("the binary is built for its tests")
        .arg("timeline")
        .arg(&jsonl)
        .arg("--out")
        .arg(&html)
        .arg("--force")
        .assert()
        .success();
    trace
}

/// What the browser has to find in the page of this trace.
fn expected(trace: &str) -> Value {
    let lines = trace.lines().map(|line| {
        let value: Value = serde_json::from_str(line).expect("a line is a document");
        value
    });
    let events: Vec<Value> = lines.skip(1).collect();
    let mut types: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        let name = event["type"].as_str().expect("every event has a type");
        *types.entry(name.to_owned()).or_default() += 1;
    }
    let seq = |event: &Value| event["seq"].as_u64().expect("every event has a number");
    let of = |name: &'static str| events.iter().filter(move |event| event["type"] == name);
    let violation = of("violation").next().expect("the sample fails");
    // The first vote that arrives: its body is that of its message, which it follows from.
    let vote = of("deliver").next().expect("the sample has messages");
    json!({
        "types": types,
        "total": format_thousands(events.len()),
        "hostileText": sample::HOSTILE,
        "story": story_of(&events, trace),
        "reason": violation["reason"],
        "violation": seq(violation),
        "votes": events.iter().filter(|event| is_vote_of_fourth(event)).count(),
        "disputed": of("invoke")
            .filter(|event| sample::DISPUTED.iter().any(|op| event["op"] == *op))
            .map(|event| json!({"at": event["at"], "name": disputed_name(event)}))
            .collect::<Vec<_>>(),
        "end": events.last().expect("the sample has events")["at"],
        "third": events.iter().filter(|event| is_of_third(event)).map(seq).collect::<Vec<_>>(),
        "link": {
            "seq": seq(vote),
            "text": "receives NOTIFICATION from",
            "cause": "sends NOTIFICATION",
        },
    })
}

/// How the page calls an operation that contradicts another one.
fn disputed_name(invoke: &Value) -> String {
    format!("op{} of c{}", invoke["op"], invoke["client"])
}

/// What the story of a sample has to lead to: the one death in it.
fn story_of(events: &[Value], trace: &str) -> Value {
    let crash = events.iter().find(|event| event["type"] == "crash");
    let crash = crash.expect("a server of the sample dies");
    let ns = crash["at"].as_u64().expect("every event has a time");
    let header = trace.lines().next().expect("the first line is the header");
    let header: Value = serde_json::from_str(header).expect("a line is a document");
    let what = header["run"].as_str().expect("the header names its run");
    let verbs = ["run", "explain", "blame", "shrink"];
    json!({
        "commands": verbs.map(|verb| format!("menagerie {verb} {what}")),
        "crash": {
            "seq": crash["seq"],
            "ns": ns,
            "at": format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000),
        },
    })
}

/// Whether an event lies in the lane of the third server.
fn is_of_third(event: &Value) -> bool {
    match event["type"].as_str() {
        Some("send") => event["from"] == 3,
        Some("frame") => (event["direction"] == "up") == (event["phase"] == "delivered"),
        _ => event["node"] == 3,
    }
}

/// Whether the fourth server sends or receives a vote here.
fn is_vote_of_fourth(event: &Value) -> bool {
    event["kind"] == "NOTIFICATION"
        && (event["from"] == 4 && event["type"] == "send" || event["node"] == 4)
}

fn format_thousands(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

#[test]
fn a_reader_finds_the_run_in_its_page() {
    let small = write_page("small", EVENTS);
    write_page("large", EVENTS_LARGE);
    let window = write_page("window", EVENTS_TOO_MANY);
    let mut expected = expected(&small);
    expected["total"] = json!(format_thousands(window.lines().count() - 1));
    fs::write(folder().join("expected.json"), expected.to_string())
        .expect("the target folder can be written");
    let browser = match browser() {
        Ok(browser) => browser,
        Err(missing) => {
            let required = std::env::var_os("MENAGERIE_BROWSER").is_some();
            assert!(!required, "the page cannot be opened without {missing}");
            eprintln!("SKIPPED: the page was written but not opened; missing: {missing}");
            return;
        }
    };
    let output = Process::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/browser.js"))
        .arg(browser)
        .arg(folder())
        .output()
        .expect("node starts");
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the browser found otherwise");
}

/// Exit code and stderr of `menagerie timeline` with these arguments.
fn timeline(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::cargo_bin("menagerie")
        .expect("the binary is built for its tests")
        .current_dir(folder())
        .arg("timeline")
        .args(arguments)
        .output()
        .expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), told)
}

#[test]
fn a_page_is_not_written_over_another_file() {
    let (trace, page) = (folder().join("kept.jsonl"), folder().join("kept.html"));
    fs::write(&trace, sample::failing(100)).expect("the target folder can be written");
    fs::write(&page, "mine").expect("the target folder can be written");
    let (code, told) = timeline(&["kept.jsonl", "--out", "kept.html"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("kept.html exists"), "{told}");
    assert!(told.contains("--force"), "{told}");
    let kept = fs::read_to_string(&page).expect("the file is there");
    assert_eq!(kept, "mine");
    let (code, told) = timeline(&["kept.jsonl", "--out", "kept.html", "--force"]);
    assert_eq!(code, Some(0), "{told}");
    let text = fs::read_to_string(&page).expect("the file is there");
    assert!(text.starts_with("<!DOCTYPE html>"));
    // A page of this program makes way for the next one.
    let (code, told) = timeline(&["kept.jsonl", "--out", "kept.html"]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn a_timeline_is_of_one_trace_or_one_run() {
    let (code, told) = timeline(&[]);
    assert_eq!(code, Some(2), "{told}");
    let (code, told) = timeline(&["missing.jsonl"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("missing.jsonl"), "{told}");
    let (code, told) = timeline(&["missing.jsonl", "--protocol", "zab"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("leave --protocol"), "{told}");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/steady.toml");
    let scenario = scenario.to_str().expect("the project's path is UTF-8");
    let (code, told) = timeline(&[scenario, "--out", "never.html"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("choose one with --protocol"), "{told}");
    assert!(
        !folder().join("never.html").exists(),
        "a refusal writes nothing"
    );
}

#[test]
fn a_run_becomes_a_page_with_every_one_of_its_events() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/steady.toml");
    let scenario = scenario.to_str().expect("the project's path is UTF-8");
    let arguments = [scenario, "--protocol", "zab", "--seed", "3"];
    let out = ["--out", "steady.html", "--force"];
    let (code, told) = timeline(&[&arguments[..], &out[..]].concat());
    assert_eq!(code, Some(0), "{told}");
    let page = fs::read_to_string(folder().join("steady.html")).expect("the page was written");
    let (_, data) = page
        .split_once("id=\"trace\">")
        .expect("the page embeds the run");
    let (data, _) = data.split_once("</script>").expect("the element ends");
    let data: Value = serde_json::from_str(data).expect("the data is JSON");
    assert_eq!(data["head"]["protocol"], "zab");
    assert_eq!(data["head"]["verdict"], "pass");
    assert!(data["rows"].as_u64() > Some(1_000), "a run has events");
    assert_eq!(data["rows"], data["totals"]["events"]);
    assert_eq!(data["story"], Value::Null, "what passes has no story");
}

#[test]
fn the_page_of_a_failing_scenario_tells_what_explain_tells() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Another checker finds something earlier here: the story is about the one that is expected.
    let scenario = root.join("tests/data/minimal/P03.toml");
    let scenario = scenario.to_str().expect("the project's path is UTF-8");
    let (code, told) = timeline(&[scenario, "--out", "told.html", "--force"]);
    assert_eq!(code, Some(0), "{told}");
    let page = fs::read_to_string(folder().join("told.html")).expect("the page was written");
    let (_, data) = page.split_once("id=\"trace\">").expect("the page has data");
    let (data, _) = data.split_once("</script>").expect("the element ends");
    let data: Value = serde_json::from_str(data).expect("the data is JSON");
    let output = Command::cargo_bin("menagerie")
        .expect("the binary is built for its tests")
        .args(["explain", scenario, "--json"])
        .output()
        .expect("the binary starts");
    let story: Value = serde_json::from_slice(&output.stdout).expect("it is one document");
    assert_eq!(story["checker"], "leadership");
    for part in ["checker", "at", "steps", "left_out"] {
        assert_eq!(data["story"][part], story[part], "{part}");
    }
    assert!(
        story["steps"]
            .as_array()
            .is_some_and(|steps| steps.len() > 5)
    );
}
