//! How fast histories are judged, parsing apart, on the data and beside the figures of others.
//!
//! The figures are medians on a noisy machine of two cores, check alone, as told by the histories'
//! reference: all 102 etcd logs 293 ms (porcupine), 214 ms (porcupine-rust), 649 ms (porcupine-rs),
//! 2034 ms (todc-utils); kv c10-ok 0.35, 0.20, 0.62 and 0.56 ms; a register of 1000 operations over
//! five values with 10, 15 and 20 clients 26 ms, 434 ms and no answer in 20 s (porcupine).

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use menagerie::linear::{Family, Judgement, KeyedHistory, Steps, check};
use menagerie_sim::histories::{FailedSwap, content, keyed};

/// Questions of a check to its budget: none of these histories comes near.
const QUESTIONS_MAX: u64 = 1_000_000;

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

fn read(path: &Path, family: Family) -> KeyedHistory {
    let text = content(path).expect("the histories can be read");
    let history = keyed(path, &text, family, FailedSwap::ObservedMismatch);
    history.expect("the histories are well formed")
}

fn is_decided(family: Family, history: &KeyedHistory) -> bool {
    let judgement = check(family, history, &mut Steps(QUESTIONS_MAX));
    !matches!(judgement, Judgement::Unknown(_))
}

/// The files of a folder, sorted, that have one of these words in their names.
fn files(folder: &Path, words: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of histories is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            words.iter().any(|word| name.contains(word))
        })
        .collect();
    paths.sort();
    assert!(
        !paths.is_empty(),
        "{} has none of {words:?}",
        folder.display()
    );
    paths
}

fn checkers(criterion: &mut Criterion) {
    let Some(folder) = folder() else {
        return;
    };
    let mut group = criterion.benchmark_group("check");
    group.sample_size(20);
    let etcd: Vec<KeyedHistory> = files(&folder.join("etcd"), &["etcd_"])
        .iter()
        .map(|path| read(path, Family::Register))
        .collect();
    group.bench_function(
        BenchmarkId::new("etcd", format!("{} logs", etcd.len())),
        |bencher| {
            bencher.iter(|| {
                for history in &etcd {
                    assert!(is_decided(Family::Register, black_box(history)));
                }
            });
        },
    );
    let sets = [
        ("kv", Family::Append, &["c01", "c10"][..]),
        ("generated", Family::Register, &["reg-", "kv64"][..]),
    ];
    for (set, family, words) in sets {
        for path in files(&folder.join(set), words) {
            let history = read(&path, family);
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            group.bench_function(BenchmarkId::new(set, name), |bencher| {
                bencher.iter(|| assert!(is_decided(family, black_box(&history))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, checkers);
criterion_main!(benches);
