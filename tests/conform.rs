//! Does everything here answer as the real ZooKeeper was recorded to answer?

use std::path::{Path, PathBuf};

use menagerie_sim::conform::conform;

fn transcripts(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/oracle")
        .join(folder);
    let entries = std::fs::read_dir(folder).expect("the transcripts are part of the repository");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_directed_transcript_is_answered_as_recorded() {
    let report = conform(&transcripts("directed"), false).expect("they are transcripts");
    assert!(report.summary.failed.is_empty(), "{}", report.text);
    assert_eq!(report.summary.passed, 61);
}

#[test]
fn every_random_transcript_is_answered_as_recorded() {
    let report = conform(&transcripts("random"), false).expect("they are transcripts");
    assert!(report.summary.failed.is_empty(), "{}", report.text);
    assert_eq!(report.summary.passed, 100);
}

#[test]
fn a_transcript_that_was_tampered_with_is_found_out() {
    let file = transcripts("directed")
        .into_iter()
        .find(|file| file.ends_with("setdata_versions.jsonl"))
        .expect("it is there");
    let text = std::fs::read_to_string(&file).expect("readable");
    let folder = std::env::temp_dir().join(format!("menagerie-conform-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let tampered = folder.join("tampered.jsonl");
    for (from, to) in [
        (
            "\"version\":1,\"cversion\":0",
            "\"version\":7,\"cversion\":0",
        ),
        ("\"zxid\":5,", "\"zxid\":6,"),
        ("{\"err\":-103}", "{\"err\":-101}"),
        ("\"data\":\"v1\",\"stat\"", "\"data\":\"v2\",\"stat\""),
    ] {
        assert!(text.contains(from), "{from} is in the transcript");
        std::fs::write(&tampered, text.replace(from, to)).expect("writable");
        let report = conform(std::slice::from_ref(&tampered), true).expect("a transcript");
        assert!(!report.held(), "{from}");
        assert_eq!(report.summary.failed.len(), 1, "{from}");
    }
    std::fs::write(&tampered, "{}").expect("writable");
    assert!(conform(std::slice::from_ref(&tampered), false).is_err());
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}

/// Not recorded: what the rules say of an ensemble, so that each kind of step is played.
const RULES: &str = include_str!("data/rules/ensemble.jsonl");

#[test]
fn an_ensemble_follows_the_rules_too() {
    let folder = std::env::temp_dir().join(format!("menagerie-rules-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let file = folder.join("rules.jsonl");
    std::fs::write(&file, RULES).expect("writable");
    let report = conform(std::slice::from_ref(&file), false).expect("a transcript");
    assert!(report.held(), "{}", report.text);
    std::fs::write(&file, RULES.replace("\"zxid\":12,", "\"zxid\":13,")).expect("writable");
    let report = conform(std::slice::from_ref(&file), false).expect("a transcript");
    assert_eq!(report.summary.failed.len(), 1, "{}", report.text);
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}
