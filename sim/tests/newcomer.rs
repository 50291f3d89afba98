//! The first hour with the program: what an operator, an engineer with CI and a teacher meet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A folder of one test, empty, outside of any project's scenarios.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("newcomer-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Runs the binary in a folder: exit code, stdout and stderr.
fn outcome(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_menagerie"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("it was not killed");
    (code, text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is one document")
}

/// With this mutation every seed fails.
const FAILING: [&str; 5] = [
    "steady",
    "--protocol=zab",
    "--mutate=T03",
    "--shrink=0s",
    "--out=out",
];

fn failing<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command], FAILING.as_slice(), more].concat()
}

#[test]
fn scenarios_are_known_by_name_anywhere() {
    let here = folder("names");
    let (code, stdout, stderr) = outcome(&here, &["run", "steady", "--protocol", "zab"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("steady on zab, seed 1"), "{stdout}");
    let (_, listed, _) = outcome(&here, &["scenarios"]);
    assert!(
        listed.lines().any(|line| line.starts_with("chaos ")),
        "{listed}"
    );
    let (code, shown, _) = outcome(&here, &["scenarios", "--show", "steady"]);
    assert_eq!((code, shown.contains("\nschema = 1")), (0, true), "{shown}");
    // A file of the project's own folder counts before the one that is built in.
    fs::create_dir(here.join("scenarios")).expect("it can be made");
    let own = shown.replace("schema = 1", "schema = 1\nexpect = { fail = \"liveness\" }");
    fs::write(here.join("scenarios/steady.toml"), own).expect("it can be written");
    let arguments = ["run", "steady", "--protocol", "zab", "--no-artifacts"];
    let (code, stdout, _) = outcome(&here, &arguments);
    assert_eq!(code, 1, "{stdout}");
    assert!(
        stdout.contains("menagerie run scenarios/steady.toml"),
        "{stdout}"
    );
    let (code, _, stderr) = outcome(&here, &["run", "choas"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("did you mean chaos?"), "{stderr}");
}

#[test]
fn a_key_is_set_and_the_line_to_paste_has_it() {
    let here = folder("set");
    let set = ["--set", "ensemble.voters=3", "--set", "duration=900ms"];
    let arguments = [&failing("run", &["--json"]), set.as_slice()].concat();
    let (code, stdout, stderr) = outcome(&here, &arguments);
    assert_eq!(code, 1, "{stderr}");
    let run = &json(&stdout)["runs"][0];
    let line = run["reproduce"].as_str().expect("a line");
    assert!(
        line.contains("--set ensemble.voters=3 --set duration=900ms"),
        "{line}"
    );
    let mut again: Vec<&str> = line.split(' ').skip(1).collect();
    again.extend(["--json", "--no-artifacts"]);
    let (_, stdout, _) = outcome(&here, &again);
    assert_eq!(json(&stdout)["runs"][0]["hash"], run["hash"]);
    let (code, _, stderr) = outcome(&here, &["run", "steady", "--set", "voters=3"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("did you mean ensemble.voters?"), "{stderr}");
    let (code, _, stderr) = outcome(&here, &["run", "steady", "--set", "ensemble.votres=3"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("votres") && stderr.contains("voters"),
        "{stderr}"
    );
}

#[test]
fn a_printed_configuration_is_a_scenario_that_repeats_the_run() {
    let here = folder("config");
    for seed in ["3", "17"] {
        let run = |scenario: &str, more: &[&str]| {
            let base = ["run", scenario, "--protocol=paxos", "--seed", seed];
            outcome(&here, &[&base[..], more].concat())
        };
        let (code, printed, stderr) = run("chaos", &["--print-config"]);
        assert_eq!(code, 0, "{stderr}");
        fs::write(here.join("printed.toml"), printed).expect("it can be written");
        let (_, first, _) = run("chaos", &["--json", "--no-artifacts"]);
        let (_, again, stderr) = run("printed.toml", &["--json", "--no-artifacts"]);
        assert_eq!(stderr, "");
        assert_eq!(
            json(&again)["runs"][0]["hash"],
            json(&first)["runs"][0]["hash"]
        );
    }
}

#[test]
fn an_earlier_run_of_the_seed_is_replaced_and_the_folder_is_named_in_the_document() {
    let here = folder("replaced");
    let (_, first, _) = outcome(&here, &failing("run", &["--json"]));
    let place = json(&first)["runs"][0]["artefacts"].clone();
    let place = here.join(place.as_str().expect("a folder was left"));
    let verdict = place.join("verdict.json");
    let left = fs::read_to_string(&verdict).expect("it is there");
    // As if the code had been another one.
    let hash = json(&left)["hash"].as_str().expect("a hash").to_owned();
    fs::write(&verdict, left.replace(&hash, "00000000000000ff")).expect("it can be written");
    fs::write(place.join("minimal.toml"), "of the earlier run").expect("it can be written");
    let (code, stdout, _) = outcome(&here, &failing("run", &[]));
    assert_eq!(code, 1);
    assert!(stdout.contains("an earlier run of this seed"), "{stdout}");
    assert_eq!(fs::read_to_string(&verdict).expect("it is there"), left);
    assert!(
        !place.join("minimal.toml").exists(),
        "it was the other run's"
    );
    // The same run once more replaces nothing.
    let (_, stdout, _) = outcome(&here, &failing("run", &[]));
    assert!(!stdout.contains("an earlier run"), "{stdout}");
}

#[test]
fn a_campaign_over_several_scenarios_ends_at_its_first_failure_and_groups_the_rest() {
    let here = folder("campaign");
    let seeds = [
        "leader_crash",
        "--seeds",
        "0..8",
        "--no-artifacts",
        "--json",
    ];
    let base = ["campaign", "steady", "--protocol=zab", "--mutate=T03"];
    let (code, stdout, _) = outcome(&here, &[&base[..], &seeds, &["--fail-fast"]].concat());
    assert_eq!(code, 1);
    let document = json(&stdout);
    let campaigns = document["campaigns"].as_array().expect("a list");
    assert_eq!(campaigns.len(), 2, "one a scenario");
    for campaign in campaigns {
        assert_eq!(campaign["ended_by"], "failures");
        assert_eq!(campaign["fail"], 1);
        let end = campaign["failures"][0]["seed"].as_u64().expect("a seed") + 1;
        assert_eq!(campaign["seeds"], format!("0..{end}"));
    }
    let all = ["--seeds", "0..8", "--no-artifacts", "--junit", "junit.xml"];
    let plot = ["--plot", "figures.svg", "--html", "campaign.html"];
    let (code, stdout, _) = outcome(&here, &[&base[..], &all, &plot].concat());
    assert_eq!(code, 1);
    assert!(stdout.contains("the same in "), "{stdout}");
    assert!(stdout.contains("latency of writes"), "{stdout}");
    let junit = fs::read_to_string(here.join("junit.xml")).expect("it was written");
    assert!(
        junit.contains("name=\"steady on zab, mutations T03\" tests=\"8\""),
        "{junit}"
    );
    assert!(
        junit.contains("menagerie run steady --protocol zab --seed "),
        "{junit}"
    );
    let plot = fs::read_to_string(here.join("figures.svg")).expect("it was written");
    assert!(
        plot.contains("steady on zab") && plot.ends_with("</svg>\n"),
        "{plot}"
    );
    let page = fs::read_to_string(here.join("campaign.html")).expect("it was written");
    assert_eq!(
        page.matches("<title>seed ").count(),
        8,
        "a square for each seed"
    );
    assert!(
        page.contains("latency of writes") && page.contains("<svg xmlns"),
        "{page}"
    );
}

#[test]
fn a_campaign_for_a_time_names_seeds_that_run_again() {
    let here = folder("time");
    let base = ["campaign", "steady", "--protocol=zab", "--json"];
    let (code, stdout, stderr) = outcome(&here, &[&base[..], &["--for", "1s"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("seeds from "), "{stderr}");
    let one = json(&stdout)["campaigns"][0].clone();
    assert_eq!(one["ended_by"], "time");
    let seeds = one["seeds"].as_str().expect("a range");
    let (_, stdout, _) = outcome(&here, &[&base[..], &["--seeds", seeds]].concat());
    assert_eq!(json(&stdout)["campaigns"][0]["hash"], one["hash"]);
}

#[test]
fn kept_runs_have_an_index() {
    let here = folder("index");
    let (code, _, stderr) = outcome(&here, &["index"]);
    assert_eq!(code, 2, "{stderr}");
    outcome(&here, &failing("run", &["--seed=2"]));
    outcome(&here, &failing("run", &["--seed=3"]));
    let (code, stdout, _) = outcome(&here, &["index", "out"]);
    assert_eq!((code, stdout.trim()), (0, "out/index.html: 2 runs"));
    let page = fs::read_to_string(here.join("out/index.html")).expect("it was written");
    for part in [
        "steady/zab-2/story.md",
        "steady/zab-3/timeline.html",
        "<td>T03</td>",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
}

#[test]
fn mutations_are_searched_by_tracker_concept_and_release() {
    let here = folder("search");
    let (code, stdout, _) = outcome(&here, &["mutations", "ZOOKEEPER-2678"]);
    assert_eq!((code, stdout.lines().count()), (0, 1), "{stdout}");
    assert!(stdout.starts_with("Z13 "), "{stdout}");
    let (_, stdout, _) = outcome(&here, &["mutations", "phase 1"]);
    assert!(stdout.contains("P04 "), "{stdout}");
    let (code, _, stderr) = outcome(&here, &["mutations", "ZOOKEEPER-999999"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("says nothing about any release"),
        "{stderr}"
    );
    let (code, stdout, _) = outcome(&here, &["mutations", "--affects", "3.8.0"]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("N18 "), "{stdout}");
    assert!(stdout.contains("\nZ03 "), "{stdout}");
    assert!(stdout.contains("fixed in 3.8.5, 3.9.2"), "{stdout}");
    assert!(stdout.contains("not recorded"), "{stdout}");
    let (_, stdout, _) = outcome(&here, &["mutations", "--affects", "3.9.5"]);
    assert!(
        stdout.starts_with("no mutation is recorded as a bug of 3.9.5"),
        "{stdout}"
    );
}

#[test]
fn checkers_completions_and_the_manual_are_printed() {
    let here = folder("lists");
    let (code, stdout, _) = outcome(&here, &["checkers"]);
    assert_eq!(code, 0);
    for entry in menagerie::check::CHECKERS {
        assert!(
            stdout.contains(entry.asserts),
            "{} in\n{stdout}",
            entry.name
        );
    }
    for shell in ["bash", "zsh", "fish"] {
        let (code, stdout, _) = outcome(&here, &["completions", shell]);
        assert_eq!(code, 0);
        assert!(
            stdout.contains("menagerie") && stdout.contains("campaign"),
            "{shell}"
        );
    }
    let (code, stdout, _) = outcome(&here, &["man"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains(".SH COMMAND MENAGERIE CAMPAIGN"),
        "{stdout}"
    );
}
