//! What a failure leaves behind, and what can be done with it: artefacts, `diff` and `export`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use menagerie_sim::trace::{EventKind, Trace};
use serde_json::Value;

const STEADY: &str = "scenarios/steady.toml";
/// With this mutation every seed fails.
const FAILING: [&str; 6] = [
    "run",
    STEADY,
    "--protocol=zab",
    "--mutate=T03",
    "--shrink=0s",
    "--seed=1",
];

/// A folder of one test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the target folder is UTF-8")
}

fn menagerie(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_menagerie"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(arguments)
        .output()
        .expect("the binary starts")
}

/// The exit code, stdout and stderr.
fn outcome(arguments: &[&str]) -> (i32, String, String) {
    let output = menagerie(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("it was not killed");
    (code, text(output.stdout), text(output.stderr))
}

fn failing<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [FAILING.as_slice(), more].concat()
}

#[test]
fn a_failing_run_leaves_its_verdict_history_and_trace() {
    let out = folder("leaves");
    let (code, stdout, _) = outcome(&failing(&["--out", text(&out)]));
    assert_eq!(code, 1, "{stdout}");
    let place = out.join("steady/zab-1");
    let told = format!(
        "artefacts: {}/ (verdict.json, bundle.json, history.jsonl, events.jsonl.xz, story.md, \
         timeline.html)",
        text(&place)
    );
    assert!(stdout.contains(&told), "{told} in\n{stdout}");
    assert!(stdout.contains("reproduce: menagerie run "), "{stdout}");
    let trace = Trace::read(&place.join("events.jsonl.xz")).expect("it is a trace");
    let verdict = fs::read_to_string(place.join("verdict.json")).expect("it is there");
    let verdict: Value = serde_json::from_str(&verdict).expect("it is JSON");
    assert_eq!(verdict["schema"], 1);
    assert_eq!(verdict["verdict"], "fail");
    assert_eq!(verdict["hash"], trace.header.hash.as_str());
    assert_eq!(verdict["reproduce"], trace.header.reproduce.as_str());
    let failing = verdict["verdicts"].as_array().expect("a list of verdicts");
    let failing = failing
        .iter()
        .filter(|one| one["verdict"] == "fail")
        .count();
    assert_eq!(failing, trace.header.failures.len());
    let marks = trace
        .events
        .iter()
        .filter(|event| matches!(event.what, EventKind::Violation { .. }));
    assert_eq!(failing, marks.count());
    assert!(trace.events.is_sorted_by_key(|event| event.at));
    assert!(failing > 0);
}

#[test]
fn a_failing_run_leaves_the_smallest_scenario_that_fails_like_it() {
    let out = folder("smallest");
    let run = ["run", STEADY, "--protocol", "zab", "--mutate=T03", "--out"];
    let (code, ..) = outcome(&[run.as_slice(), &[text(&out)]].concat());
    assert_eq!(code, 1);
    let minimal = out.join("steady/zab-1/minimal.toml");
    // It expects its own failure, with its own bug, and nothing without.
    let (code, stdout, _) = outcome(&["run", text(&minimal)]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("fail    at "), "{stdout}");
    let (code, stdout, _) = outcome(&["run", text(&minimal), "--mutate", "none"]);
    assert!(!stdout.contains("fail    at "), "{stdout}");
    assert_ne!(code, 1, "{stdout}");
}

#[test]
fn the_trace_is_kept_compressed_plain_or_not_at_all() {
    let size = |out: &Path, name: &str| {
        let file = out.join("steady/zab-1").join(name);
        fs::metadata(file).map_or(0, |about| about.len())
    };
    let run = format!("{STEADY}@1+T03");
    let (xz, plain, none) = (folder("kept-xz"), folder("kept-plain"), folder("kept-none"));
    outcome(&failing(&["--out", text(&xz)]));
    outcome(&failing(&["--out", text(&plain), "--events", "plain"]));
    outcome(&failing(&["--out", text(&none), "--events", "none"]));
    assert!(size(&xz, "events.jsonl.xz") * 10 < size(&plain, "events.jsonl"));
    for out in [&xz, &plain] {
        let place = out.join("steady/zab-1");
        let (code, stdout, stderr) = outcome(&["diff", text(&place), &run]);
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    let place = none.join("steady/zab-1");
    let (code, _, stderr) = outcome(&["diff", text(&place), &run]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("a folder without an events.jsonl"),
        "{stderr}"
    );
}

#[test]
fn nothing_is_overwritten_by_another_run_without_force() {
    let out = folder("overwrites");
    let file = out.join("steady/zab-1/verdict.json");
    let (first, ..) = outcome(&failing(&["--out", text(&out)]));
    assert_eq!(first, 1);
    // The same run once more has nothing to overwrite.
    let (_, again, _) = outcome(&failing(&["--out", text(&out)]));
    assert!(again.contains("(verdict.json, "), "{again}");
    fs::write(&file, "mine").expect("it can be written");
    let (code, refused, _) = outcome(&failing(&["--out", text(&out)]));
    assert_eq!(code, 1, "the verdict on the run stays");
    let told = format!("{} is there already", text(&file));
    assert!(
        refused.contains(&told) && refused.contains("--force"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    let (_, forced, _) = outcome(&failing(&["--out", text(&out), "--force"]));
    assert!(forced.contains("(verdict.json, "), "{forced}");
    assert_ne!(fs::read_to_string(&file).expect("it is there"), "mine");
}

#[test]
fn no_artefacts_are_left_where_none_are_wanted_or_nothing_failed() {
    let out = folder("unwanted");
    let held = ["run", STEADY, "--protocol", "zab", "--out", text(&out)];
    assert_eq!(outcome(&held).0, 0);
    assert_eq!(
        outcome(&failing(&["--out", text(&out), "--no-artifacts"])).0,
        1
    );
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 0);
}

#[test]
fn a_campaign_keeps_the_first_failing_run_of_each_checker_and_stays_one_document() {
    let out = folder("campaign");
    let arguments = [
        "campaign",
        STEADY,
        "--protocol",
        "zab",
        "--mutate",
        "T03",
        "--seeds",
        "1..7",
        "--json",
        "--out",
        text(&out),
    ];
    let (code, stdout, stderr) = outcome(&arguments);
    assert_eq!(code, 1, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).expect("one document");
    let failures = document["campaigns"][0]["failures"]
        .as_array()
        .expect("a list");
    let mut checkers = Vec::new();
    let mut expected = Vec::new();
    for failure in failures {
        if !checkers.contains(&&failure["checker"]) {
            checkers.push(&failure["checker"]);
            expected.push(format!("zab-{}", failure["seed"]));
        }
    }
    let mut kept: Vec<String> = fs::read_dir(out.join("steady"))
        .expect("it is there")
        .map(|entry| entry.expect("a readable folder").file_name())
        .map(|name| name.into_string().expect("it is UTF-8"))
        .collect();
    kept.sort();
    expected.sort();
    expected.dedup();
    assert_eq!(kept, expected);
    assert!(kept.len() < failures.len(), "not every failing run is kept");
    assert_eq!(
        stderr.matches("artefacts: ").count(),
        kept.len(),
        "{stderr}"
    );
}

#[test]
fn a_run_does_not_differ_from_its_own_trace() {
    let out = folder("same");
    outcome(&failing(&["--out", text(&out)]));
    let place = out.join("steady/zab-1");
    let run = format!("{STEADY}@1+T03");
    let (code, stdout, stderr) = outcome(&["diff", text(&place), &run]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.starts_with("no difference in "), "{stdout}");
}

#[test]
fn a_mutation_is_told_from_its_absence_by_the_first_event_that_differs() {
    let (with, without) = (format!("{STEADY}@1+T03"), format!("{STEADY}@1"));
    let arguments = [
        "diff",
        &with,
        &without,
        "--protocol",
        "zab",
        "--context",
        "2",
    ];
    let (code, stdout, _) = outcome(&arguments);
    assert_eq!(code, 1);
    assert!(
        stdout.contains("events are the same, then they part:"),
        "{stdout}"
    );
    assert!(
        stdout.contains("q-0000000001") && stdout.contains("q-0000000002"),
        "{stdout}"
    );
    let (code, stdout, _) = outcome(&[arguments.as_slice(), &["--json"]].concat());
    assert_eq!(code, 1);
    let document: Value = serde_json::from_str(&stdout).expect("one document");
    assert_eq!(document["schema"], 1);
    assert_eq!(document["same"], false);
    assert_eq!(document["before"].as_array().map(Vec::len), Some(2));
    let common = document["common"].as_u64().expect("a number");
    for side in ["left", "right"] {
        assert_eq!(document[side]["behind"][0]["seq"], common);
        assert_eq!(document[side]["behind"].as_array().map(Vec::len), Some(2));
    }
    assert_ne!(
        document["left"]["behind"][0],
        document["right"]["behind"][0]
    );
}

#[test]
fn what_cannot_be_compared_or_exported_is_refused_with_a_remedy() {
    let out = folder("refused");
    let file = out.join("events.jsonl");
    fs::write(&file, "{\"scenario\":1}\n").expect("it can be written");
    let one = format!("{STEADY}@1");
    let wrong = format!("{STEADY}@x");
    let cases: [(&[&str], &str); 7] = [
        (&["diff", "nowhere", &one], "a run is named SCENARIO@SEED"),
        (&["diff", &one, &one], "choose one with --protocol"),
        (&["diff", &wrong, &one], "expected a number such as 17"),
        (
            &["diff", text(&file), &one],
            "events.jsonl:1: is not the header of a trace",
        ),
        (
            &["export", &one, "--format", "edn"],
            "expected one of jepsen-edn, porcupine",
        ),
        (
            &[
                "export",
                &one,
                "--format",
                "jsonl",
                "--out",
                text(&file),
                "--protocol",
                "zab",
            ],
            "overwrite it with --force",
        ),
        (
            &[
                "export",
                "scenarios/stedy.toml@1",
                "--format",
                "jsonl",
                "--protocol",
                "zab",
            ],
            "steady.toml",
        ),
    ];
    for (arguments, part) in cases {
        let (code, stdout, stderr) = outcome(arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(
            stderr.contains(part),
            "{part:?} is missing for {arguments:?}:\n{stderr}"
        );
    }
}

#[test]
fn an_export_goes_into_a_file_and_from_a_history_only_into_formats_of_histories() {
    let out = folder("export");
    outcome(&failing(&["--out", text(&out)]));
    let place = out.join("steady/zab-1");
    let history = place.join("history.jsonl");
    let (code, from_trace, _) = outcome(&["export", text(&place), "--format", "jepsen-edn"]);
    assert_eq!(code, 0);
    let (code, from_history, _) = outcome(&["export", text(&history), "--format", "jepsen-edn"]);
    assert_eq!(code, 0);
    assert_eq!(from_trace, from_history);
    let (code, _, stderr) = outcome(&["export", text(&history), "--format", "perfetto"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("needs a trace"), "{stderr}");
    let file = out.join("run.json");
    let arguments = [
        "export",
        text(&place),
        "--format",
        "perfetto",
        "--json",
        "--out",
        text(&file),
    ];
    let (code, stdout, _) = outcome(&arguments);
    assert_eq!(code, 0);
    let told: Value = serde_json::from_str(&stdout).expect("one document");
    let bytes = fs::metadata(&file).expect("it was written").len();
    assert_eq!(told["bytes"], bytes);
}

#[test]
fn the_folder_of_a_failing_run_names_it() {
    let out = folder("named");
    let (code, _, stderr) = outcome(&failing(&["--out", text(&out)]));
    assert_eq!(code, 1, "{stderr}");
    let left = out.join("steady/zab-1");
    let (code, stdout, stderr) = outcome(&["explain", text(&left)]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("is violated at"), "{stdout}");
    let (code, stdout, stderr) = outcome(&["replay", text(&left)]);
    assert_eq!(code, 1, "it fails again: {stdout}{stderr}");
    let page = out.join("page.html");
    let (code, _, stderr) = outcome(&["timeline", text(&left), "--out", text(&page)]);
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = outcome(&["explain", text(&out)]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("a folder without a bundle.json"),
        "{stderr}"
    );
    let (code, _, stderr) = outcome(&["blame", text(&left.join("events.jsonl.xz"))]);
    assert_eq!(code, 2);
    assert!(stderr.contains("is a recording"), "{stderr}");
}

#[test]
fn a_bundle_with_absurd_numbers_is_refused() {
    let out = folder("absurd");
    let (code, _, stderr) = outcome(&failing(&["--out", text(&out)]));
    assert_eq!(code, 1, "{stderr}");
    let bundle = fs::read_to_string(out.join("steady/zab-1/bundle.json"));
    let bundle: Value = serde_json::from_str(&bundle.expect("it was left")).expect("it is JSON");
    let absurd = [
        ("/schema", Value::from(9), "version 9"),
        ("/duration", Value::from(u64::MAX), "duration is"),
        ("/world/voters", Value::from(0), "world.voters"),
        ("/world/knobs/tick", Value::from(0), "world.knobs.tick"),
        (
            "/world/settings/removal_interval",
            Value::from(0),
            "world.settings.removal_interval",
        ),
        (
            "/world/network/matrix",
            Value::from(Vec::<u64>::new()),
            "matrix",
        ),
    ];
    let file = out.join("edited.json");
    for (place, number, told) in absurd {
        let mut edited = bundle.clone();
        *edited.pointer_mut(place).expect("bundles have it") = number;
        fs::write(&file, edited.to_string()).expect("the target folder can be written");
        let (code, stdout, stderr) = outcome(&["replay", text(&file)]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{place}: {stderr}");
        assert!(stderr.contains("is no replay bundle"), "{place}: {stderr}");
        assert!(stderr.contains(told), "{place}: {stderr}");
    }
}
