//! What the tree costs: operations at three sizes, snapshots, and the memory of a node.
//!
//! The price of a change is given twice: with no snapshot alive, where everything happens in place,
//! and with one alive at each change, where the touched part of the shared structure is copied.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use menagerie::ids::{SessionId, Span, Zxid};
use menagerie::mutation::Mutations;
use menagerie::tree::{
    ANY_VERSION, CreateMode, Data, Outstanding, Part, Path, Payload, Read, Snapshot, State, Write,
};

const ALICE: SessionId = SessionId(1);
/// Nodes under one parent.
const FAN_OUT: usize = 1_000;

/// A state machine that prepares and applies at once.
struct Leader {
    state: State,
    outstanding: Outstanding,
    zxid: Zxid,
}

impl Leader {
    /// With a session, and `size` small nodes in groups of [`FAN_OUT`].
    fn new(size: usize) -> Leader {
        let mut leader = Leader {
            state: State::new(Mutations::NONE),
            outstanding: Outstanding::new(Mutations::NONE),
            zxid: Zxid::ZERO,
        };
        let timeout = Span::secs(1);
        leader.run(&Write::CreateSession { timeout });
        for place in 0..size {
            if place % FAN_OUT == 0 {
                leader.run(&create(&parent_of(place)));
            }
            leader.run(&create(&path_of(place)));
        }
        leader
    }

    fn run(&mut self, write: &Write) {
        self.zxid = self.zxid.next();
        let record = self
            .outstanding
            .prepare(&self.state, ALICE, 0, self.zxid.0, write);
        self.state.apply(self.zxid, &Payload::txn(record));
        self.outstanding.settle();
    }
}

fn parent_of(place: usize) -> String {
    format!("/group-{:06}", place / FAN_OUT)
}

fn path_of(place: usize) -> String {
    format!("{}/node-{place:08}", parent_of(place))
}

fn create(path: &str) -> Write {
    Write::Create {
        path: Path::from(path),
        data: Data::from([7; 16]),
        mode: CreateMode::Persistent,
    }
}

/// Paths all over the tree, in an order that no cache can guess.
fn scattered(size: usize) -> Vec<Path> {
    let mut place = 12_345usize;
    let mut paths = Vec::new();
    for _ in 0..4_096 {
        place = (place * 1_103_515_245 + 12_345) % (1 << 31);
        paths.push(Path::from(path_of(place % size)));
    }
    paths
}

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4_096
}

fn operations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(20);
    group.warm_up_time(std::time::Duration::from_millis(300));
    group.measurement_time(std::time::Duration::from_millis(1_500));
    for size in [1_000, 100_000, 1_000_000] {
        let before = resident();
        let mut leader = Leader::new(size);
        let bytes = resident().saturating_sub(before) / size;
        println!("tree/memory/{size}: about {bytes} bytes per node of 16 bytes of content");
        let paths = scattered(size);
        let reads: Vec<Read> = paths
            .iter()
            .map(|path| Read::GetData {
                path: path.clone(),
                watch: false,
            })
            .collect();
        let writes: Vec<Write> = paths
            .iter()
            .map(|path| Write::SetData {
                path: path.clone(),
                data: Data::from([9; 16]),
                version: ANY_VERSION,
            })
            .collect();
        let mut next = 0;
        let mut turn = move || {
            next = (next + 1) % 4_096;
            next
        };
        group.bench_function(BenchmarkId::new("getData", size), |bencher| {
            bencher.iter(|| black_box(leader.state.read(&reads[turn()])));
        });
        group.bench_function(BenchmarkId::new("setData", size), |bencher| {
            bencher.iter(|| leader.run(&writes[turn()]));
        });
        group.bench_function(
            BenchmarkId::new("setData/snapshot alive", size),
            |bencher| {
                bencher.iter(|| {
                    let snapshot = Snapshot::atomic(&leader.state);
                    leader.run(&writes[turn()]);
                    snapshot
                });
            },
        );
        group.bench_function(BenchmarkId::new("getChildren of 1000", size), |bencher| {
            let read = Read::GetChildren {
                path: Path::from(parent_of(0)),
                watch: false,
            };
            bencher.iter(|| black_box(leader.state.read(&read)));
        });
        group.bench_function(BenchmarkId::new("create and delete", size), |bencher| {
            bencher.iter(|| {
                let path = format!("{}-x", paths[turn()]);
                leader.run(&create(&path));
                leader.run(&Write::Delete {
                    path: Path::from(path),
                    version: ANY_VERSION,
                });
            });
        });
        group.bench_function(BenchmarkId::new("multi of 4", size), |bencher| {
            bencher.iter(|| {
                let part = |path: &Path| Part::SetData {
                    path: path.clone(),
                    data: Data::from([1; 16]),
                    version: ANY_VERSION,
                };
                let at = turn().min(4_092);
                leader.run(&Write::Multi(paths[at..at + 4].iter().map(part).collect()));
            });
        });
        group.bench_function(BenchmarkId::new("snapshot", size), |bencher| {
            bencher.iter(|| black_box(Snapshot::atomic(&leader.state)));
        });
    }
    group.finish();
}

criterion_group!(benches, operations);
criterion_main!(benches);
