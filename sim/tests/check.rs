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

/// A node is created, set, and read as it was before.
const TREE: &str = concat!(
    r#"{"process":0,"type":"invoke","f":"create","key":"/a","value":{"data":"one"}}"#,
    "\n",
    r#"{"process":0,"type":"ok","f":"create","key":"/a","#,
    r#""value":{"path":"/a","stat":{"czxid":1,"mzxid":1,"pzxid":1}},"zxid":1}"#,
    "\n",
    r#"{"process":0,"type":"invoke","f":"set","key":"/a","value":{"data":"two"}}"#,
    "\n",
    r#"{"process":0,"type":"ok","f":"set","key":"/a","#,
    r#""value":{"stat":{"czxid":1,"mzxid":2,"pzxid":1,"version":1}},"zxid":2}"#,
    "\n",
    r#"{"process":2,"type":"invoke","f":"exists","key":"/b"}"#,
    "\n",
    r#"{"process":2,"type":"ok","f":"exists","key":"/b","zxid":2}"#,
    "\n",
    r#"{"process":1,"type":"invoke","f":"get","key":"/a"}"#,
    "\n",
    r#"{"process":1,"type":"ok","f":"get","key":"/a","#,
    r#""value":{"data":"one","stat":{"czxid":1,"mzxid":1,"pzxid":1}},"zxid":2}"#,
    "\n",
);

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
        "explanation",
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
    // Text and history fit, the check does not.
    let memory = (GOOD.len() + 400).to_string();
    let (code, stdout, _) = check(&[&good, "--model", "register", "--memory", &memory]);
    assert_eq!(code, 3, "{stdout}");
    let limit = format!("the limit of memory ({memory} bytes)");
    assert!(stdout.contains(&limit), "{stdout}");
    assert!(stdout.contains("operation 0 of 2"), "{stdout}");
}

#[test]
fn a_text_that_does_not_fit_is_not_read() {
    let good = file("good5.jsonl", GOOD);
    for model in ["register", "znode"] {
        let (code, stdout, _) = check(&[&good, "--model", model, "--memory", "100"]);
        assert_eq!(code, 3, "{stdout}");
        let size = GOOD.len();
        let reason = format!(
            "the limit of memory (100 bytes) was reached before the first line: the text has at \
             least {size} bytes"
        );
        assert!(stdout.contains(&reason), "{stdout}");
    }
}

#[test]
fn a_history_that_does_not_fit_beside_its_text_is_read_as_far_as_it_does() {
    let keys = GOOD.repeat(1_000);
    let nodes = TREE.repeat(1_000);
    for (text, name, model) in [(keys, "long", "register"), (nodes, "tall", "znode")] {
        let long = file(&format!("{name}.jsonl"), &text);
        let memory = text.len() + 1_000;
        let limit = memory.to_string();
        let (code, stdout, _) = check(&[&long, "--model", model, "--memory", &limit]);
        assert_eq!(code, 3, "{stdout}");
        let reason = format!(
            "the limit of memory ({memory} bytes) was reached while reading line 1024, after 512 \
             operations"
        );
        assert!(stdout.contains(&reason), "{stdout}");
    }
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

/// The lines behind the first one, without their indentation.
fn explained(stdout: &str) -> Vec<&str> {
    let lines = stdout.lines().skip(1);
    lines
        .map(|line| line.strip_prefix("           ").unwrap_or(line))
        .collect()
}

#[test]
fn a_violation_of_a_tree_is_told_in_words_and_lines_of_its_file() {
    let tree = file("tree.jsonl", TREE);
    let strict = [&tree, "--model", "znode", "--mode", "linearizable"];
    let (code, stdout, stderr) = check(&strict);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(
        explained(&stdout),
        [
            "getData /a (client 1, lines 7 and 8) was told \"one\" (mzxid 1, version 0), but after \
             every write through 2 the answer is \"two\" (mzxid 2, version 1), and it comes after \
             setData /a to \"two\" (client 0, lines 3 and 4), which had returned before this was \
             invoked",
            "the longest legal prefix has 3 operations",
            "2 operations break the promise by themselves:",
            "  lines 3 and 4, client 0: setData /a to \"two\": done (mzxid 2, version 1), at 2",
            "  lines 7 and 8, client 1: getData /a: \"one\" (mzxid 1, version 0), at 2",
        ]
    );
    // ZooKeeper promises no more than it keeps, and of a tree no more is asked by default.
    let (code, _, stderr) = check(&[&tree, "--model", "znode"]);
    assert_eq!(code, 0);
    assert!(stderr.contains("--mode linearizable asks for"), "{stderr}");
}

#[test]
fn a_violation_of_a_key_is_told_in_words_and_lines_of_its_file() {
    let stale = file("stale3.jsonl", stale());
    let (_, stdout, _) = check(&[&stale, "--model", "kv"]);
    let told = explained(&stdout);
    assert_eq!(
        told[1..],
        [
            "the longest legal prefix has 1 operation",
            "2 operations break the promise by themselves:",
            "  lines 1 and 2, client 0: key r: write 1",
            "  lines 3 and 4, client 1: key r: read of null",
        ]
    );
}

#[test]
fn the_document_explains_a_violation_as_data() {
    let tree = file("tree2.jsonl", TREE);
    let strict = ["--model", "znode", "--mode", "linearizable", "--json"];
    let (_, stdout, _) = check(&[&[tree.as_str()], strict.as_slice()].concat());
    let document: Value = serde_json::from_str(&stdout).expect("the document is JSON");
    let explanation = &document["files"][0]["explanation"];
    assert_eq!(explanation["operation"]["lines"], serde_json::json!([7, 8]));
    assert_eq!(explanation["operation"]["client"], "1");
    let what = "getData /a: \"one\" (mzxid 1, version 0), at 2";
    assert_eq!(explanation["operation"]["what"], what);
    assert_eq!(explanation["legal_prefix"], 3);
    let minimal = explanation["minimal"].as_array().expect("a list");
    let lines: Vec<&Value> = minimal.iter().map(|step| &step["lines"]).collect();
    assert_eq!(
        lines,
        [&serde_json::json!([3, 4]), &serde_json::json!([7, 8])]
    );
    let peak = document["files"][0]["peak_bytes"].as_u64();
    assert!(
        peak.is_some_and(|peak| peak > TREE.len() as u64),
        "{peak:?}"
    );
    let good = file("good6.jsonl", GOOD);
    let (_, stdout, _) = check(&[&good, "--model", "register", "--json"]);
    assert!(!stdout.contains("explanation"), "{stdout}");
}
