//! The command line as a stranger meets it: exit codes, diagnostics, JSON documents.

mod asking;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use serde_json::Value;

/// The project's folder, from where scenarios are named.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies inside the project")
        .to_owned()
}

fn menagerie(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("menagerie").expect("the binary is built for its tests");
    command.current_dir(root()).args(arguments);
    if let Some("run" | "campaign") = arguments.first().copied()
        && !arguments.contains(&"--out")
    {
        // Failing runs leave files, and not in the project's folder.
        command.arg("--no-artifacts");
    }
    command
}

/// Exit code, stdout and stderr.
fn outcome(arguments: &[&str]) -> (i32, String, String) {
    let output = menagerie(arguments).output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("it was not killed");
    (code, text(output.stdout), text(output.stderr))
}

#[track_caller]
fn assert_refused(arguments: &[&str], parts: &[&str]) {
    let (code, stdout, stderr) = outcome(arguments);
    assert_eq!(code, 2, "{arguments:?}: {stderr}");
    assert_eq!(stdout, "", "a refusal is no result");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is missing in:\n{stderr}");
    }
}

/// A scenario file of one test.
fn scenario(name: &str, rest: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    let file = folder.join(format!("{name}.toml"));
    let head = "schema = 1\nstory = \"Something happens. It is survived.\"\nduration = \"800ms\"\n";
    fs::write(&file, format!("{head}{rest}")).expect("the target folder can be written");
    file.to_str()
        .expect("the target folder is UTF-8")
        .to_owned()
}

fn json(arguments: &[&str], code: i32) -> Value {
    let (found, stdout, stderr) = outcome(arguments);
    assert_eq!(found, code, "{arguments:?}: {stderr}\n{stdout}");
    assert_eq!(stdout.lines().count(), 1, "one document, one line");
    serde_json::from_str(&stdout).expect("the document is JSON")
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[track_caller]
fn assert_keys(value: &Value, expected: &str) {
    let mut expected: Vec<&str> = expected.split_whitespace().collect();
    expected.sort_unstable();
    let mut found = keys(value);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn without_a_choice_the_mutation_chooses_the_protocol() {
    let (code, stdout, stderr) = outcome(&[
        "run",
        "scenarios/steady.toml",
        "--mutate",
        "Z13",
        "--print-config",
    ]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("mutations = [\"Z13\"]"), "{stdout}");
}

#[test]
fn the_lists_name_every_scenario_protocol_and_mutation() {
    let (code, stdout, _) = outcome(&["scenarios"]);
    assert_eq!(code, 0);
    for name in [
        "steady",
        "leader_crash",
        "leader_isolated",
        "minority_partition",
        "one_way_partition",
        "rolling_restart",
        "power_loss",
        "slow_follower",
        "flapping_links",
        "chaos",
    ] {
        assert!(
            stdout.lines().any(|line| line.starts_with(name)),
            "{name} in\n{stdout}"
        );
    }
    let (code, stdout, _) = outcome(&["protocols"]);
    assert_eq!(code, 0);
    assert_eq!(stdout.lines().count(), menagerie_sim::PROTOCOLS.len());
    let (code, stdout, _) = outcome(&["mutations"]);
    assert_eq!(code, 0);
    assert_eq!(stdout.lines().count(), menagerie::mutation::CATALOGUE.len());
}

#[test]
fn help_and_version_are_results() {
    let (code, stdout, _) = outcome(&["--help"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("Exit codes"), "{stdout}");
    assert_eq!(outcome(&["--version"]).0, 0);
    assert_eq!(outcome(&[]).0, 2);
}

#[test]
fn a_run_prints_its_verdicts_and_exits_with_0_when_everything_held() {
    let (code, stdout, stderr) = outcome(&["run", "scenarios/steady.toml", "--protocol", "zab"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("steady on zab, seed 1"), "{stdout}");
    assert!(stdout.contains("linearizability"), "{stdout}");
    assert!(
        !stdout.contains('\u{1b}'),
        "no colours where stdout is no terminal"
    );
}

#[test]
fn the_document_of_a_run_has_its_shape() {
    let document = json(
        &[
            "run",
            "scenarios/leader_crash.toml",
            "--json",
            "--seed",
            "0x2",
        ],
        0,
    );
    assert_keys(&document, "schema runs");
    assert_eq!(document["schema"], 1);
    let runs = document["runs"].as_array().expect("a list of runs");
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_keys(
            run,
            "scenario protocol seed mutations hash conclusion verdicts reproduce artefacts",
        );
        assert_eq!(run["conclusion"], "pass");
        assert!(run["artefacts"].is_null(), "nothing failed");
        assert_eq!(run["scenario"], "leader_crash");
        assert_eq!(run["seed"], 2);
        assert_eq!(run["hash"].as_str().expect("a string").len(), 16);
        let verdicts = run["verdicts"].as_array().expect("a list of verdicts");
        assert!(verdicts.len() >= 3);
        for verdict in verdicts {
            assert_keys(verdict, "checker verdict checked reason");
            assert_eq!(verdict["verdict"], "pass", "{verdict}");
        }
    }
}

#[test]
fn the_document_of_a_campaign_has_its_shape_and_does_not_depend_on_jobs() {
    let campaign = |jobs: &str| {
        let seeds = [
            "--seeds",
            "0..12",
            "--json",
            "--protocol",
            "zab",
            "--jobs",
            jobs,
        ];
        let mut arguments = vec!["campaign", "scenarios/chaos.toml"];
        arguments.extend(seeds);
        json(&arguments, 0)
    };
    let document = campaign("1");
    assert_keys(&document, "schema campaigns");
    let one = &document["campaigns"][0];
    assert_keys(
        one,
        "scenario protocol mutations set seeds runs pass fail unknown vacuous \
         runs_with_two_fault_kinds ops faults messages_delivered virtual_s \
         wall_s hash failures reached recovery synced_reads \
         synced_reads_excused ended_by figures groups",
    );
    assert_eq!(one["ended_by"], "last_seed");
    assert_keys(
        &one["figures"],
        "elections leader_changes sessions_expired unavailable writes reads \
         synced_reads",
    );
    assert!(one["figures"]["elections"].as_u64() >= Some(12), "{one}");
    for kind in ["unavailable", "writes", "reads", "synced_reads"] {
        let spread = &one["figures"][kind];
        assert_keys(spread, "p50_ms p99_ms worst_ms worst_seed");
        let [p50, p99, worst] = ["p50_ms", "p99_ms", "worst_ms"].map(|key| spread[key].as_f64());
        assert!(p50 > Some(0.0) && p50 <= p99, "{kind}: {spread}");
        // A quantile is the upper end of its bucket, a thousandth wide.
        assert!(p99 <= worst.map(|worst| worst * 1.001), "{kind}: {spread}");
    }
    assert_keys(&one["ops"], "ok error refused unknown");
    assert_eq!(one["seeds"], "0..12");
    assert_eq!(one["runs"], 12);
    assert_eq!(one["pass"], 12);
    assert!(
        one["runs_with_two_fault_kinds"].as_u64() >= Some(11),
        "{one}"
    );
    let again = &campaign("2")["campaigns"][0];
    for key in [
        "hash",
        "ops",
        "faults",
        "messages_delivered",
        "virtual_s",
        "figures",
    ] {
        assert_eq!(one[key], again[key], "{key} depends on the number of jobs");
    }
}

#[test]
fn a_failure_is_reproduced_by_its_own_line() {
    let document = json(
        &[
            "campaign",
            "scenarios/chaos.toml",
            "--seeds",
            "0..3",
            "--mutate",
            "T03",
            "--protocol",
            "zab",
            "--json",
        ],
        1,
    );
    let failure = &document["campaigns"][0]["failures"][0];
    assert_keys(
        failure,
        "seed hash verdict checker reason reproduce artefacts",
    );
    assert_eq!(failure["verdict"], "fail");
    let line = failure["reproduce"].as_str().expect("a line");
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("menagerie"));
    let mut arguments: Vec<&str> = words.collect();
    arguments.push("--json");
    let again = json(&arguments, 1);
    assert_eq!(again["runs"][0]["hash"], failure["hash"]);
}

#[test]
fn a_run_that_exercises_nothing_is_vacuous() {
    // Clients think longer than the run lasts.
    let file = scenario("vacuous", "[workload]\nthink = { constant = \"30s\" }\n");
    let (code, stdout, _) = outcome(&["run", &file, "--protocol", "zab"]);
    assert_eq!(code, 6, "{stdout}");
    assert!(stdout.contains("no write was answered"), "{stdout}");
}

#[test]
fn a_scenario_that_expects_a_violation_fails_without_one() {
    let text = "expect = { fail = \"liveness\" }\n";
    let file = scenario("expects_failure", text);
    let (code, stdout, _) = outcome(&["run", &file, "--protocol", "zab"]);
    assert_eq!(code, 1, "{stdout}");
    assert!(
        stdout.contains("expects liveness to report a violation"),
        "{stdout}"
    );
}

#[test]
fn a_run_without_a_quorum_says_what_is_missing() {
    let file = scenario(
        "no_time",
        "[workload]\nthink = { constant = \"5ms\" }\n[liveness]\nbound = \"1ms\"\n\
         [[fault]]\ncrash = { at = \"790ms\", node = \"all\" }\n",
    );
    let (code, stdout, _) = outcome(&["run", &file, "--protocol", "zab"]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("liveness"), "{stdout}");
    assert!(stdout.contains("lacks an answer to its write"), "{stdout}");
    assert!(stdout.contains("reproduce: menagerie run "), "{stdout}");
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let binary = assert_cmd::cargo::cargo_bin("menagerie");
    let mut child = Process::new(binary)
        .current_dir(root())
        .args([
            "run",
            "scenarios/steady.toml",
            "--trace",
            "--protocol",
            "zab",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // Closes the reading end before anything was written.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_transcript_of_an_ensemble_is_replayed_like_any_other() {
    let directed = root().join("tests/data/oracle/directed");
    let file = |name: &str| directed.join(name).display().to_string();
    let single = file("setdata_versions.jsonl");
    let ensemble = std::fs::read_dir(&directed)
        .expect("the transcripts are part of the repository")
        .map(|entry| entry.expect("a readable folder").file_name())
        .find_map(|name| {
            name.into_string()
                .ok()
                .filter(|name| name.starts_with("ens_"))
        })
        .map(|name| file(&name))
        .expect("some were recorded with an ensemble");
    let (code, text, _) = outcome(&["conform", &single]);
    assert_eq!(code, 0);
    assert!(text.ends_with("1 of 1 passed\n"), "{text}");
    let (code, text, _) = outcome(&["conform", &single, &ensemble]);
    assert_eq!(code, 0);
    assert!(text.ends_with("2 of 2 passed\n"), "{text}");
    let told = json(&["conform", "--json", &single, &ensemble], 0);
    assert_eq!(told["passed"], 2);
    assert_eq!(told["failed"], serde_json::json!([]));
    let (code, _, told) = outcome(&["conform", "nowhere.jsonl"]);
    assert_eq!(code, 2);
    assert!(told.contains("nowhere.jsonl"), "{told}");
}

#[test]
fn the_greatest_seeds_are_run_once_however_many_workers_there_are() {
    let seeds = "18446744073709551613..18446744073709551615";
    let scenario = scenario("greatest", "");
    let arguments = [
        "campaign",
        &scenario,
        "--protocol",
        "zab",
        "--seeds",
        seeds,
        "--jobs",
        "64",
        "--json",
    ];
    let (_, stdout, stderr) = outcome(&arguments);
    let document: Value = serde_json::from_str(&stdout).expect("it is one document");
    assert_eq!(document["campaigns"][0]["runs"], 2, "{stdout}{stderr}");
}

#[test]
fn help_says_what_can_be_repeated() {
    for command in ["explain", "blame", "shrink", "timeline", "replay"] {
        let (code, stdout, _) = outcome(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(stdout.contains("replay bundle"), "{stdout}");
    }
}
