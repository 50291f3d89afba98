//! How fast histories are judged, parsing apart, on the data and beside the figures of others.
//!
//! What is timed ends with the verdict, as with everybody else: the words and the sub-histories
//! that explain a violation are made afterwards, and have a row of their own.
//!
//! The histories of a million operations are generated once, by the script beside the others.
//!
//! The figures are medians on a noisy machine of two cores, check alone, as told by the histories'
//! reference: all 102 etcd logs 293 ms (porcupine), 214 ms (porcupine-rust), 649 ms (porcupine-rs),
//! 2034 ms (todc-utils); kv c10-ok 0.35, 0.20, 0.62 and 0.56 ms; a register of 1000 operations over
//! five values with 10, 15 and 20 clients 26 ms, 434 ms and no answer in 20 s (porcupine).

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use menagerie::linear::{Budget, Family, Judgement, KeyedHistory, Limit, Steps, check};
use menagerie::znode::{self, Mode, Options, Reads, Ruling};
use menagerie_sim::histories::{FailedSwap, content, keyed, znode as trees};

/// Questions of a check to its budget: none of these histories comes near.
const QUESTIONS_MAX: u64 = 1_000_000;

/// Lets a check come to its verdict, and no further.
struct VerdictAlone(Steps);

impl Budget for VerdictAlone {
    fn exceeded(&mut self, bytes: usize) -> Option<Limit> {
        self.0.exceeded(bytes)
    }

    fn decided(&mut self) -> bool {
        false
    }
}

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
    let mut budget = VerdictAlone(Steps(QUESTIONS_MAX));
    let judgement = check(family, history, &mut budget);
    !matches!(judgement, Judgement::Unknown(_))
}

/// A history of the given files, or one that is generated; `None` where neither can be had.
fn generated(folder: &Path, name: &str) -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories");
    let path = made.join(format!("{name}.jsonl"));
    if !path.is_file() {
        let script = folder.join("gen/sets.py");
        let done = Command::new("python3")
            .arg(script)
            .arg("big")
            .args([&made, Path::new(name)])
            .stdout(Stdio::null())
            .status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: {name} cannot be generated");
            return None;
        }
    }
    Some(path)
}

/// A million operations on one core.
fn large(criterion: &mut Criterion) {
    let Some(folder) = folder() else {
        return;
    };
    let mut group = criterion.benchmark_group("check");
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(8));
    for name in ["kv256-1m-c50", "reg-uniq-1m-c5"] {
        if let Some(path) = generated(&folder, name) {
            let history = read(&path, Family::Register);
            group.bench_function(BenchmarkId::new("large", name), |bencher| {
                bencher.iter(|| assert!(is_decided(Family::Register, black_box(&history))));
            });
        }
    }
    for name in ["znode-1m-c100", "znode-100k-c50-crash"] {
        let Some(path) = generated(&folder, name) else {
            continue;
        };
        let text = content(&path).expect("the histories can be read");
        let parsed = trees::parse(&text).expect("the histories are well formed");
        drop(text);
        for (word, mode) in [
            ("linearizable", Mode::Linearizable(Reads::All)),
            ("zookeeper", Mode::ZooKeeper),
        ] {
            let options = Options::new(mode, parsed.birth);
            let row = BenchmarkId::new("large", format!("{name} {word}"));
            group.bench_function(row, |bencher| {
                bencher.iter(|| {
                    let mut budget = Steps(QUESTIONS_MAX);
                    let report = znode::check(black_box(&parsed.history), &options, &mut budget);
                    assert_eq!(report.ruling, Ruling::Holds);
                });
            });
        }
    }
    group.finish();
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
    group.bench_function(
        BenchmarkId::new("etcd", format!("{} logs, explained", etcd.len())),
        |bencher| {
            bencher.iter(|| {
                for history in &etcd {
                    let budget = &mut Steps(QUESTIONS_MAX);
                    black_box(check(Family::Register, black_box(history), budget));
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

criterion_group!(benches, checkers, large);
criterion_main!(benches);
