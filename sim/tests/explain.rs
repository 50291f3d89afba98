//! `menagerie explain` as a stranger meets it.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// Exit code, stdout and stderr.
fn explain(arguments: &[&str]) -> (i32, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let mut command = Command::cargo_bin("menagerie").expect("the binary is built for its tests");
    command
        .current_dir(root.expect("the package lies inside the project"))
        .arg("explain")
        .args(arguments);
    let output = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("it was not killed");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn a_failing_run_is_told_and_that_is_no_failure() {
    let (code, stdout, stderr) = explain(&["tests/data/minimal/P04.toml"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.contains("So agreement finds: a quorum voted"),
        "{stdout}"
    );
    assert!(stdout.contains("The promise that is broken: All servers deliver prefixes"));
}

#[test]
fn json_has_every_sentence_with_its_events() {
    let (code, stdout, _) = explain(&["tests/data/minimal/P04.toml", "--json", "--full"]);
    assert_eq!(code, 0);
    let document: Value = serde_json::from_str(&stdout).expect("it is one document");
    assert_eq!(document["checker"], "agreement");
    let steps = document["steps"].as_array().expect("steps are a list");
    assert!(steps.len() > 10, "{stdout}");
    for step in steps {
        let events = step["events"].as_array().expect("events are a list");
        assert!(!events.is_empty(), "{step}");
    }
}

#[test]
fn a_run_that_does_not_fail_has_no_story() {
    let arguments = ["scenarios/steady.toml", "--protocol", "zab"];
    let (code, stdout, stderr) = explain(&arguments);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("there is nothing to explain"), "{stderr}");
}

#[test]
fn a_violation_of_another_checker_is_asked_for_by_name() {
    let file = "tests/data/minimal/P03.toml";
    let (code, stdout, _) = explain(&[file, "--checker", "promises"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("So promises finds: n1 voted"), "{stdout}");
    let (code, _, stderr) = explain(&[file, "--checker", "watches"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("no violation is reported by watches"),
        "{stderr}"
    );
}

#[test]
fn a_run_that_was_not_shrunk_is_told_with_the_advice_to_shrink_it() {
    let arguments = ["scenarios/chaos.toml", "--seed", "0", "--mutate", "P04"];
    let (code, stdout, stderr) = explain(&arguments);
    assert_eq!(code, 0, "{stderr}");
    // The first violation in the order of the checkers, as `run` prints it.
    assert!(stdout.contains("So agreement finds"), "{stdout}");
    assert!(stderr.contains("shrink it first"), "{stderr}");
}

/// What `menagerie blame` says about a minimal scenario.
fn blame(name: &str, more: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let output = Command::cargo_bin("menagerie")
        .expect("the binary is built for its tests")
        .current_dir(root.expect("the package lies inside the project"))
        .args(["blame", &format!("tests/data/minimal/{name}.toml")])
        .args(more)
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn blame_finds_the_moment_from_which_a_failure_was_certain() {
    // A leader is cut off at 700 ms and answers from its own state from then on.
    let document: Value =
        serde_json::from_str(&blame("P09", &["--json"])).expect("it is one document");
    let certain = document["unavoidable_from"].as_u64();
    let certain = certain.expect("there is such a moment");
    assert!((700_000_000..702_000_000).contains(&certain), "{certain}");
}

#[test]
fn blame_says_what_decisions_mean_and_which_reads_are_synced() {
    let told = blame("P04", &[]);
    assert!(told.contains("order c1 = 513\n"), "{told}");
    assert!(
        told.contains("(c1 tries n2 first, then n1, then n3)"),
        "{told}"
    );
    let told = blame("P09", &[]);
    assert!(told.contains("c1 get /b, right behind a sync"), "{told}");
}

#[test]
fn faults_are_told_in_words_and_happen_before_what_they_lead_to() {
    let (_, stdout, _) = explain(&["tests/data/minimal/P04.toml"]);
    let place = |text: &str| {
        stdout
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {stdout}"))
    };
    let cut = place("Fault: n2 is cut off from n1 and n3.");
    let dies = place("Fault: n1's process dies; slot 3 is on its disk.");
    let boots = place("The fault ends: n1 boots again; slot 3 is on its disk.");
    assert!(cut < dies && dies < boots, "{stdout}");
    // A follower learns of a commit by what it is sent: not before that.
    let (_, stdout, _) = explain(&["tests/data/minimal/Z13_agreement.toml"]);
    let place = |text: &str| {
        stdout
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {stdout}"))
    };
    let others = place("n1 and n2 take op0 to be committed");
    let sent = place("n2 sends DIFF");
    let own = place("n3 takes op0 to be committed");
    assert!(others < sent && sent < own, "{stdout}");
}
