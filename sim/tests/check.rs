//! `menagerie check` as a stranger meets it: exit codes, diagnostics, JSON.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const GOOD: &str = r#"{"process":0,"type":"invoke","f":"write","key":"r","value":1}
{"process":0,"type":"ok","f":"write","key":"r","value":1}
{"process":1,"type":"invoke","f":"read","key":"r","value":null}
{"process":1,"type":"ok","f":"read","key":"r","value":1}
"#;

/// A read that misses a write which had returned.
fn stale() -> String {
    GOOD.replace(
        "\"ok\",\"f\":\"read\",\"key\":\"r\",\"value\":1",
        "\"ok\",\"f\":\"read\",\"value\":null",
    )
}

fn file(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    let file = folder.join(name);
    fs::write(&file, bytes).expect("the target folder can be written");
    file.to_str()
        .expect("the target folder is UTF-8")
        .to_owned()
}

/// Exit code, stdout and stderr.
fn check(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("menagerie").expect("the binary is built for its tests");
    let output = command
        .arg("check")
        .args(arguments)
        .output()
        .expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("it was not killed");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn a_good_history_is_told_in_a_line() {
    let good = file("good.jsonl", GOOD);
    let (code, stdout, stderr) = check(&[&good, "--model", "register"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("ok "), "{stdout}");
    assert!(stdout.contains("2 operations"), "{stdout}");
    assert_eq!(stdout.lines().count(), 1);
}

#[test]
fn a_violation_is_explained() {
    let (good, stale) = (file("good2.jsonl", GOOD), file("stale.jsonl", stale()));
    let (code, stdout, _) = check(&[&good, &stale, "--model", "kv"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("violation"), "{stdout}");
    assert!(stdout.contains("write 1 (client 0, lines 1 and 2) returned before read of null"));
}

#[test]
fn the_document_has_its_members() {
    let stale = file("stale2.jsonl", stale());
    let (code, stdout, _) = check(&[&stale, "--model", "register", "--json"]);
    assert_eq!(code, 1);
    let document: Value = serde_json::from_str(&stdout).expect("the document is JSON");
    assert_eq!(document["schema"], 1);
    let line = document["files"][0].as_object().expect("an object");
    let names: Vec<&str> = line.keys().map(String::as_str).collect();
    let mut expected = vec![
        "file",
        "verdict",
        "reason",
        "operations",
        "check_ms",
        "parse_ms",
        "peak_bytes",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(line["verdict"], "violation");
    assert_eq!(line["operations"], 2);
}

#[test]
fn a_wrong_line_is_named_and_the_other_files_are_judged() {
    let wrong = file(
        "wrong.jsonl",
        GOOD.to_owned() + "{\"process\":0,\"type\":\"invoke\"",
    );
    let good = file("good3.jsonl", GOOD);
    let (code, stdout, stderr) = check(&[&wrong, &good, "--model", "register"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("wrong.jsonl: line 5: "), "{stderr}");
    assert!(stdout.starts_with("ok "), "{stdout}");
    let (code, _, stderr) = check(&["/nowhere.jsonl", "--model", "register"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("/nowhere.jsonl"), "{stderr}");
    assert_eq!(check(&[&good]).0, 2, "the model is missing");
    assert_eq!(check(&[&good, "--model", "queue"]).0, 2);
    assert_eq!(check(&[&good, "--model", "kv", "--memory", "0"]).0, 2);
}

#[test]
fn a_reached_limit_is_named_with_how_far_the_check_got() {
    let good = file("good4.jsonl", GOOD);
    let (code, stdout, _) = check(&[&good, "--model", "register", "--memory", "100"]);
    assert_eq!(code, 3, "{stdout}");
    assert!(
        stdout.contains("the limit of memory (100 bytes)"),
        "{stdout}"
    );
    assert!(stdout.contains("operation 0 of 2"), "{stdout}");
}

#[test]
fn jepsens_edn_is_read() {
    let text = "{:process 0, :type :invoke, :f :write, :value 1}\n\
                {:process 0, :type :ok, :f :write, :value 1}\n\
                {:process 1, :type :invoke, :f :cas, :value [2 3]}\n\
                {:process 1, :type :fail, :f :cas, :value [1 3]}\n";
    let edn = file("history.edn", text);
    assert_eq!(check(&[&edn, "--model", "register"]).0, 0);
    let failed = file("failed.edn", text.replace("[2 3]", "[1 3]"));
    assert_eq!(check(&[&failed, "--model", "register"]).0, 1);
    let dropped = ["--model", "register", "--fail-cas", "dropped"];
    assert_eq!(check(&[&[failed.as_str()], &dropped[..]].concat()).0, 0);
}

#[test]
fn a_compressed_history_is_unpacked() {
    // The four lines of the good history, as `xz` packs them.
    let packed = file("packed.jsonl.xz", packed());
    let (code, stdout, stderr) = check(&[&packed, "--model", "register"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("2 operations"), "{stdout}");
}

const PACKED: &str = "
    fd377a585a000004e6d6b4460200210116000000742fe5a3e000f000575d003d888a0763fbf0b12f1eccf1b2
    95dd6e30458eda6362858389db808f72f1e07c9206602da01ab6660d278f633a04a898acb851f750d39edf2e
    ae5f1b803236267d8b2b015ee33a02a056bc440fcb6a7afbed3aba040fe000000bc9dd88c3b6e22a000173f1
    010000003ab50b83b1c467fb020000000004595a
";

fn packed() -> Vec<u8> {
    let digits: String = PACKED.split_whitespace().collect();
    let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16);
    (0..digits.len())
        .step_by(2)
        .map(|place| byte(place).expect("hexadecimal"))
        .collect()
}

#[test]
fn a_manifest_tells_what_is_expected() {
    file("m-good.jsonl", GOOD);
    file("m-stale.jsonl", stale());
    let manifest = |expect: &str| {
        format!(
            "[{{\"file\":\"m-good.jsonl\",\"model\":\"cas-register\",\"expect\":\"linearizable\"}},\
             {{\"file\":\"m-stale.jsonl\",\"model\":\"kv\",\"expect\":\"{expect}\"}}]"
        )
    };
    let right = file("right.json", manifest("not-linearizable"));
    let (code, stdout, stderr) = check(&["--manifest", &right]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let wrong = file("mismatch.json", manifest("linearizable"));
    let (code, stdout, _) = check(&["--manifest", &wrong]);
    assert_eq!(code, 1);
    assert!(
        stdout.contains("MISMATCH: the manifest says ok"),
        "{stdout}"
    );
    let broken = file("broken.json", manifest("fine"));
    assert_eq!(check(&["--manifest", &broken]).0, 2);
}
