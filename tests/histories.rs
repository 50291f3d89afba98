//! Is every recorded history of registers and strings judged as it must be?

use std::path::{Path, PathBuf};
use std::time::Duration;

use menagerie_sim::histories::FailedSwap;
use menagerie_sim::histories::judge::{Limits, Mode, ModelName, Question, Word, judge};

/// Where the histories are: beside the project, or where `MENAGERIE_HISTORIES` says.
fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("MENAGERIE_HISTORIES") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/histories"),
    };
    let there = folder.join("manifest.json").is_file();
    if !there {
        eprintln!("SKIPPED: there are no histories in {}", folder.display());
    }
    there.then_some(folder)
}

/// The text behind a name in a line of the manifest.
fn member<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\": \""))?;
    Some(rest.split_once('"')?.0)
}

#[test]
fn every_given_history_gets_its_verdict() {
    let Some(folder) = folder() else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).expect("it is a file");
    let mut wrong = Vec::new();
    let mut judged = 0;
    for line in manifest.lines().filter(|line| line.contains("\"file\"")) {
        let part = |name| member(line, name).unwrap_or_else(|| panic!("{name} in {line}"));
        let model = match part("model") {
            "register" | "cas-register" => ModelName::Register,
            "kv" => ModelName::Kv,
            "kv-append" => ModelName::KvAppend,
            _ => continue,
        };
        let question = Question {
            model,
            mode: Mode::Linearizable,
            failed_swap: FailedSwap::ObservedMismatch,
            limits: Limits {
                time: Duration::from_secs(60),
                bytes: 1 << 30,
            },
        };
        let found = judge(&folder.join(part("file")), &question).expect("it can be read");
        let expected = match part("expect") {
            "linearizable" => Word::Ok,
            _ => Word::Violation,
        };
        judged += 1;
        if found.word != expected {
            wrong.push(format!(
                "{}: {:?} {}",
                part("file"),
                found.word,
                found.reason
            ));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(judged >= 120, "only {judged} histories were judged");
}
