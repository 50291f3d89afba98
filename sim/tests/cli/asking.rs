//! What the command line answers to questions of users: which releases have a bug, where a bug
//! shows, what a campaign was about, how a run is named.

use std::fs;
use std::path::Path;

use super::{assert_refused, json, outcome};

/// What a command prints that exits with 0.
#[track_caller]
fn told(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = outcome(arguments);
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    stdout
}

#[track_caller]
fn assert_tells(arguments: &[&str], parts: &[&str]) {
    let text = told(arguments);
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

/// A file of one test, in a folder of its own.
fn file(name: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be left of an earlier run.
    let _ = fs::remove_file(&file);
    file.to_str()
        .expect("the target folder is UTF-8")
        .to_owned()
}

#[test]
fn the_releases_of_a_bug_and_where_it_shows_are_told() {
    let releases = "releases: 3.4.10 to 3.4.14, 3.5.3 to 3.5.8, 3.6.0 to 3.6.2";
    for word in ["ZOOKEEPER-2678", "Z13"] {
        assert_tells(&["mutations", word], &["Z13", releases, "shows in: "]);
    }
    assert_tells(
        &["mutations", "T03"],
        &["releases: not recorded", "steady, seeds 0..5"],
    );
    let document = json(&["mutations", "Z13", "--affects", "3.4.12", "--json"], 0);
    let z13 = &document["mutations"][0];
    assert_eq!(z13["id"], "Z13");
    assert_eq!(z13["affects"], true);
    assert_eq!(z13["releases"]["affected"][0][1], "3.4.14");
    assert!(z13["shows_in"]["seeds"].is_string(), "{z13}");
}

#[test]
fn whether_a_release_has_a_bug_is_answered_about_that_bug() {
    let about = |release| told(&["mutations", "ZOOKEEPER-2678", "--affects", release]);
    assert!(about("3.8.0").contains("does not affect 3.8.0 as far as is recorded"));
    assert!(about("3.5.4").contains("Z13 diff_no_snapshot_no_log: affects 3.5.4"));
    for words in [&["mutations"][..], &["mutations", "T03"]] {
        let arguments = [words, &["--affects", "banana"]].concat();
        assert_refused(&arguments, &["banana", "no release", "3.8.0"]);
    }
}

#[test]
fn one_checker_is_shown_by_its_name() {
    let text = told(&["checkers", "durability"]);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("durability "), "{text}");
    assert_refused(&["checkers", "durabilty"], &["did you mean durability?"]);
}

#[test]
fn a_bug_that_did_not_show_is_told_with_the_scenario_that_shows_it() {
    let steady = ["steady", "--mutate", "Z03"];
    let hint =
        "Z03 did not show; it shows in epoch_window (`menagerie campaign epoch_window --seeds ";
    assert_tells(
        &[&["run"], &steady[..]].concat(),
        &[hint, ", mutations Z03"],
    );
    let set = ["--seeds", "0..1", "--set", "network.loss=1%"];
    let campaign = [&["campaign"], &steady[..], &set].concat();
    let heading = "steady on zab, seeds 0..1, mutations Z03, set network.loss=1%";
    assert_tells(&campaign, &[hint, heading, "1 run: 1 pass"]);
    let document = json(&[&campaign[..], &["--json"]].concat(), 0);
    let one = &document["campaigns"][0];
    assert_eq!(one["mutations"], serde_json::json!(["Z03"]));
    assert_eq!(one["set"], serde_json::json!(["network.loss=1%"]));
}

#[test]
fn own_files_are_replaced_and_those_of_others_only_with_force() {
    let (html, plot, junit) = (file("own.html"), file("own.svg"), file("own.xml"));
    let files = ["--html", &html, "--plot", &plot, "--junit", &junit];
    let steady = ["campaign", "steady", "--protocol", "zab", "--seeds", "0..1"];
    let campaign = [&steady[..], &files].concat();
    told(&campaign);
    told(&campaign);
    let page = fs::read_to_string(&html).expect("it was written");
    assert!(
        page.contains("<h2>steady on zab, seeds 0..1</h2>"),
        "{page}"
    );
    for name in [&html, &plot, &junit] {
        let own = fs::read_to_string(name).expect("it was written");
        fs::write(name, "<p>precious</p>").expect("it can be written");
        assert_refused(&campaign, &[name, "exists", "--force"]);
        fs::write(name, own).expect("it can be written");
    }
    fs::write(&html, "<p>precious</p>").expect("it can be written");
    told(&[&campaign[..], &["--force"]].concat());
    let page = fs::read_to_string(&html).expect("it was written");
    assert!(!page.contains("precious"), "--force overwrites it");
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_the_first_run() {
    let steady = ["steady", "--protocol", "zab"];
    let seeds = ["--seeds", "0..1000000"];
    for option in ["--html", "--plot", "--junit"] {
        let campaign = [&["campaign"], &steady[..], &seeds, &[option, "no/such/f"]].concat();
        assert_refused(&campaign, &["no/such/f", "there is no folder no/such"]);
    }
    let run = [&["run"], &steady[..], &["--junit", "no/such/f"]].concat();
    assert_refused(&run, &["there is no folder no/such"]);
    let timeline = ["timeline", "steady@1", "--protocol", "zab", "--out", "no/f"];
    assert_refused(&timeline, &["there is no folder no"]);
}

#[test]
fn every_command_takes_a_run_as_its_scenario_and_seed() {
    let text = told(&["explain", "steady@0+T03", "--protocol", "zab"]);
    let apart = [
        "explain",
        "steady",
        "--seed",
        "0",
        "--mutate",
        "T03",
        "--protocol",
        "zab",
    ];
    assert_eq!(text, told(&apart));
    for command in ["shrink", "blame", "explain", "timeline"] {
        let two = [command, "steady@1", "--seed", "2", "--protocol", "zab"];
        assert_refused(&two, &["names the seed 1"]);
        assert_refused(&[command, "steady@x"], &["the seed of steady@x"]);
    }
    assert_refused(&["run", "steady@3+T03"], &["steady --seed 3 --mutate T03"]);
}

#[test]
fn blame_is_about_the_violation_that_the_scenario_expects() {
    let document = json(&["blame", "tests/data/minimal/P04.toml", "--json"], 0);
    assert_eq!(document["checker"], "agreement");
}

#[test]
fn no_more_is_kept_than_there_is() {
    let shrink = ["shrink", "steady@0+T03", "--protocol", "zab", "--keep"];
    assert_refused(
        &[&shrink[..], &["voters=99"]].concat(),
        &["voters=99", "this run has "],
    );
    let run = [
        "run",
        "steady",
        "--protocol",
        "zab",
        "--keep",
        "clients=999",
    ];
    assert_refused(&run, &["clients=999", "this run has "]);
}

#[test]
fn what_is_no_scenario_is_refused_with_the_command_that_takes_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kept_run");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    fs::write(folder.join("bundle.json"), "{}").expect("it can be written");
    let folder = folder.to_str().expect("the target folder is UTF-8");
    assert_refused(
        &["run", folder],
        &["is the folder of a run", "explain", "replay"],
    );
    assert_refused(&["run", "docs"], &["is a folder", "explain", "replay"]);
    let bundle = format!("{folder}/bundle.json");
    assert_refused(&["run", &bundle], &["replay"]);
    assert_refused(
        &["explain", "out/nowhere"],
        &["out/nowhere: no such file or folder"],
    );
    let xml = file("what.xml");
    fs::write(&xml, "<a/>").expect("it can be written");
    assert_refused(&["replay", &xml], &["expected a *.json"]);
    let (code, _, stderr) = outcome(&["check", &xml, "--model", "register"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("lines of JSON (*.jsonl)"), "{stderr}");
}

#[test]
fn wrong_words_are_refused_with_the_right_ones() {
    assert_refused(&["campaign", "steady"], &["--seeds A..B", "--for T"]);
    assert_refused(
        &["campaign", "steady", "--for", "1"],
        &["needs a unit", "1s"],
    );
    assert_refused(&["run", "steady", "--seed", "0..3"], &["campaign"]);
    assert_refused(
        &["run", "steady", "--seeds", "0..3"],
        &["campaign SCENARIO --seeds"],
    );
    let issue = ["run", "steady", "--mutate", "ZOOKEEPER-2678"];
    assert_refused(&issue, &["the mutations of that issue: Z13"]);
}

#[test]
fn sessions_that_expire_after_the_healing_are_no_figure() {
    let churn = ["campaign", "session_churn", "--protocol", "zab"];
    let document = json(&[&churn[..], &["--seeds", "0..5", "--json"]].concat(), 0);
    let one = &document["campaigns"][0];
    let paths = one["reached"].as_array().expect("a list");
    let expiry = paths.iter().find(|path| path["path"] == "session expired");
    let whole = expiry.expect("every protocol has it")["times"].as_u64();
    let noticed = one["figures"]["sessions_expired"].as_u64();
    assert!(
        noticed > Some(0) && noticed < whole,
        "{noticed:?} of {whole:?}"
    );
}
