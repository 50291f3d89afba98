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
    assert!(stdout.contains("So agreement finds: n1 took"), "{stdout}");
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
    assert!(stdout.contains("So agreement finds"), "{stdout}");
    assert!(stderr.contains("shrink it first"), "{stderr}");
}
