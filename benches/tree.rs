//! What the tree costs: operations at three sizes, snapshots, and the memory of a node.
//!
//! The price of a change is given twice: with no snapshot alive, where everything happens in place,
//! and with one alive at each change, where the touched part of the shared structure is copied.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
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

/// A tree of one size, and paths all over it.
struct Subject {
    size: usize,
    leader: Leader,
    paths: Vec<Path>,
    next: usize,
}

impl Subject {
    fn new(size: usize) -> Subject {
        let before = resident();
        let leader = Leader::new(size);
        let bytes = resident().saturating_sub(before) / size;
        println!("tree/memory/{size}: about {bytes} bytes per node of 16 bytes of content");
        Subject {
            size,
            leader,
            paths: scattered(size),
            next: 0,
        }
    }

    /// The places of the paths, one after the other.
    fn turn(&mut self) -> usize {
        self.next = (self.next + 1) % self.paths.len();
        self.next
    }

    fn id(&self, operation: &str) -> BenchmarkId {
        BenchmarkId::new(operation, self.size)
    }
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn operations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(20);
    group.warm_up_time(std::time::Duration::from_millis(300));
    group.measurement_time(std::time::Duration::from_millis(1_500));
    for size in [1_000, 100_000, 1_000_000] {
        let mut subject = Subject::new(size);
        single_nodes(&mut group, &mut subject);
        several_nodes(&mut group, &mut subject);
    }
    group.finish();
}

/// A read and a write of one node, the write with and without a snapshot beside it.
fn single_nodes(group: &mut Group<'_>, subject: &mut Subject) {
    let read = |path: &Path| Read::GetData {
        path: path.clone(),
        watch: false,
    };
    let reads: Vec<Read> = subject.paths.iter().map(read).collect();
    let write = |path: &Path| Write::SetData {
        path: path.clone(),
        data: Data::from([9; 16]),
        version: ANY_VERSION,
    };
    let writes: Vec<Write> = subject.paths.iter().map(write).collect();
    group.bench_function(subject.id("getData"), |bencher| {
        bencher.iter(|| {
            let turn = subject.turn();
            black_box(subject.leader.state.read(&reads[turn]))
        });
    });
    group.bench_function(subject.id("setData"), |bencher| {
        bencher.iter(|| {
            let turn = subject.turn();
            subject.leader.run(&writes[turn]);
        });
    });
    group.bench_function(subject.id("setData/snapshot alive"), |bencher| {
        bencher.iter(|| {
            let snapshot = Snapshot::atomic(&subject.leader.state);
            let turn = subject.turn();
            subject.leader.run(&writes[turn]);
            snapshot
        });
    });
}

/// What touches several nodes, or all of them.
fn several_nodes(group: &mut Group<'_>, subject: &mut Subject) {
    group.bench_function(subject.id("getChildren of 1000"), |bencher| {
        let read = Read::GetChildren {
            path: Path::from(parent_of(0)),
            watch: false,
        };
        bencher.iter(|| black_box(subject.leader.state.read(&read)));
    });
    group.bench_function(subject.id("create and delete"), |bencher| {
        bencher.iter(|| {
            let turn = subject.turn();
            let path = format!("{}-x", subject.paths[turn]);
            subject.leader.run(&create(&path));
            subject.leader.run(&Write::Delete {
                path: Path::from(path),
                version: ANY_VERSION,
            });
        });
    });
    group.bench_function(subject.id("multi of 4"), |bencher| {
        bencher.iter(|| {
            let part = |path: &Path| Part::SetData {
                path: path.clone(),
                data: Data::from([1; 16]),
                version: ANY_VERSION,
            };
            let at = subject.turn().min(subject.paths.len() - 4);
            let parts = subject.paths[at..at + 4].iter().map(part).collect();
            subject.leader.run(&Write::Multi(parts));
        });
    });
    group.bench_function(subject.id("snapshot"), |bencher| {
        bencher.iter(|| black_box(Snapshot::atomic(&subject.leader.state)));
    });
}

criterion_group!(benches, operations);
criterion_main!(benches);
