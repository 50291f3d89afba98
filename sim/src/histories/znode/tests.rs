//! The given histories, and lines that are wrong.

use std::path::{Path, PathBuf};

use menagerie::linear::Steps;
use menagerie::tree::{Read, Response};
use menagerie::znode::{Mode, Options, Reads, Report, Ruling, check};
use serde::Deserialize;

use super::*;

/// The folder of given histories; without it a test says loudly that it is skipped.
fn given() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/histories");
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories");
    let found = [folder, near].into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: ../shared/histories is absent, so no given history was judged");
    }
    found
}

fn read(path: &Path) -> TreeHistory {
    let text = crate::histories::content(path).expect("a given history can be read");
    parse(&text).expect("a given history is well formed")
}

fn judge(given: &TreeHistory, mode: Mode) -> Report {
    let options = Options::new(mode, given.birth);
    check(&given.history, &options, &mut Steps(100_000))
}

fn of_the_ensemble(given: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(given.join("zookeeper")).expect("the folder is there");
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are histories of an ensemble");
    files
}

#[test]
fn every_history_of_a_real_ensemble_keeps_what_zookeeper_promises() {
    let Some(folder) = given() else { return };
    for file in of_the_ensemble(&folder) {
        let report = judge(&read(&file), Mode::ZooKeeper);
        assert_eq!(report.ruling, Ruling::Holds, "{}", file.display());
        assert!(report.checked > 10_000, "{report:?}");
    }
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    model: String,
    expect: String,
}

#[test]
fn every_generated_history_gets_the_verdict_of_the_manifest() {
    let Some(folder) = given() else { return };
    let manifest = std::fs::read(folder.join("manifest.json")).expect("the manifest is there");
    let entries: Vec<Entry> = serde_json::from_slice(&manifest).expect("it is a manifest");
    let mut judged = 0;
    for entry in entries.iter().filter(|entry| entry.model == "znode") {
        let report = judge(
            &read(&folder.join(&entry.file)),
            Mode::Linearizable(Reads::All),
        );
        match (entry.expect.as_str(), report.ruling) {
            ("linearizable", Ruling::Holds) | ("not-linearizable", Ruling::Violated(_)) => {}
            (expected, ruling) => panic!("{} is {expected}, not {ruling:?}", entry.file),
        }
        judged += 1;
    }
    assert!(judged >= 6, "{judged} histories of trees");
}

#[test]
fn a_generated_history_holds_without_the_zxids_of_replies_too() {
    let Some(folder) = given() else { return };
    let mut given = read(&folder.join("generated/znode-2k-c10-nozxid.jsonl.xz"));
    given.history.operations.truncate(600);
    let report = judge(&given, Mode::Linearizable(Reads::All));
    assert_eq!(report.ruling, Ruling::Holds);
}

fn sentence(report: Report) -> String {
    match report.ruling {
        Ruling::Violated(violation) => violation.sentence,
        other => panic!("not violated: {other:?}"),
    }
}

/// The history of an ensemble whose reads are rarely synced.
fn contended(folder: &Path) -> TreeHistory {
    read(&folder.join("zookeeper/h5_contended_two_keys.jsonl.xz"))
}

fn is_read_of(op: &Operation, wanted: &str) -> bool {
    match (&op.request, &op.outcome) {
        (
            Request::Read(Read::GetData { path, .. }),
            Some(Outcome::Answered {
                answer: Ok(Response::Data { .. }),
                ..
            }),
        ) => **path == *wanted,
        _other => false,
    }
}

#[test]
fn two_reads_of_a_session_that_change_places_are_found() {
    let Some(folder) = given() else { return };
    let mut given = contended(&folder);
    let ops = &mut given.history.operations;
    let client = ops[3_000].client;
    let reads: Vec<usize> = (3_000..ops.len())
        .filter(|index| ops[*index].client == client && is_read_of(&ops[*index], "/r0"))
        .filter(|index| ops[*index].outcome != ops[3_000].outcome)
        .take(2)
        .collect();
    let (first, second) = (reads[0], reads[1]);
    assert_ne!(ops[first].outcome, ops[second].outcome);
    let outcome = ops[first].outcome.clone();
    ops[first].outcome = ops[second].outcome.clone();
    ops[second].outcome = outcome;
    let told = sentence(judge(&given, Mode::ZooKeeper));
    assert!(told.contains("of the same session"), "{told}");
}

#[test]
fn an_acknowledged_write_that_is_lost_is_found() {
    let Some(folder) = given() else { return };
    let mut given = contended(&folder);
    let lost = given.history.operations.iter().position(|op| {
        op.id.0 > 5_000
            && op.request.to_string().starts_with("setData")
            && matches!(&op.outcome, Some(Outcome::Answered { answer: Ok(_), .. }))
    });
    given
        .history
        .operations
        .remove(lost.expect("there are writes"));
    let told = sentence(judge(&given, Mode::ZooKeeper));
    assert!(told.contains("after every write through"), "{told}");
}

#[test]
fn a_sequential_name_that_is_given_twice_is_found() {
    let Some(folder) = given() else { return };
    let mut given = contended(&folder);
    let created = |op: &Operation| match &op.outcome {
        Some(Outcome::Answered {
            answer: Ok(Response::Created { path, .. }),
            ..
        }) if path.starts_with("/q/s-") => Some(path.clone()),
        _other => None,
    };
    let ops = &mut given.history.operations;
    let named: Vec<usize> = (0..ops.len())
        .filter(|i| created(&ops[*i]).is_some())
        .collect();
    let name = created(&ops[named[10]]).expect("it was created");
    match &mut ops[named[11]].outcome {
        Some(Outcome::Answered {
            answer: Ok(Response::Created { path, .. }),
            ..
        }) => *path = name,
        other => panic!("{other:?}"),
    }
    let told = sentence(judge(&given, Mode::ZooKeeper));
    assert!(told.contains("s-00000000"), "{told}");
}

#[test]
fn a_malformed_line_is_named() {
    let wrong = |text: &str| parse(text.as_bytes()).expect_err("it is wrong");
    let good = r#"{"process":1,"type":"invoke","f":"get","key":"/a","value":null}"#;
    let found = wrong(&format!("{good}\n{good}\n"));
    assert_eq!(found.line, 2);
    assert!(found.what.contains("open already"), "{found:?}");
    let found = wrong(r#"{"process":1,"type":"invoke","f":"jump","key":"/a","value":null}"#);
    assert_eq!((found.line, found.what.as_str()), (1, "\"f\" is \"jump\""));
    let found = wrong("{\"t\":1,\"p\":1,\"type\":\"ok\",\"f\":\"getData\",\"res\":{\"err\":0}}\n");
    assert!(found.what.contains("no operation open"), "{found:?}");
    assert_eq!(wrong("nonsense").line, 1);
}
