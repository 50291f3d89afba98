//! How long a write takes in the fault-free steady state.
//!
//! The answer is in virtual time and the same on every machine; it is printed once, to stderr. What
//! criterion measures is how long the simulator takes to find it out.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use menagerie_sim::PROTOCOLS;
use menagerie_sim::run::measure::latency::{Home, Links, Measured, Setting};

/// Writes measured for the table; p99 of random delays needs more than the mean of constant ones.
const WRITES_CONSTANT: u64 = 200;
const WRITES_RANDOM: u64 = 2_000;

fn settings(voters: u8) -> impl Iterator<Item = Setting> {
    let constant = Links::CONSTANT.map(|links| (links, WRITES_CONSTANT));
    let random = Links::RANDOM.map(|links| (links, WRITES_RANDOM));
    let links = constant.into_iter().chain(random);
    links.flat_map(move |(links, writes)| {
        [Home::Leader, Home::Follower].map(|home| Setting {
            voters,
            links,
            home,
            writes,
            seed: 1,
        })
    })
}

fn line(protocol: &str, measured: &Measured) -> String {
    let setting = &measured.setting;
    let bound = match measured.bound {
        Some(bound) => {
            let ratio = measured.latency.mean.0 as f64 / bound.0 as f64;
            format!("bound {bound} (mean is {ratio:.4} of it)")
        }
        None => "no bound".to_owned(),
    };
    format!(
        "{protocol:<6} n={} {:<11} client at {:<8} {}, {bound}",
        setting.voters,
        setting.links.name(),
        setting.home.name(),
        measured.latency
    )
}

fn quorum_latency(criterion: &mut Criterion) {
    eprintln!("commit latency in virtual time:");
    for protocol in PROTOCOLS {
        for voters in [3, 5, 7] {
            for setting in settings(voters) {
                let measured = protocol.latency(&setting).expect("the measurement runs");
                eprintln!("{}", line(protocol.name, &measured));
            }
        }
    }
    let mut group = criterion.benchmark_group("quorum_latency");
    group.sample_size(10);
    for protocol in PROTOCOLS {
        for voters in [3, 5, 7] {
            let setting = Setting {
                voters,
                links: Links::Lan,
                home: Home::Leader,
                writes: WRITES_CONSTANT,
                seed: 1,
            };
            let id = BenchmarkId::new(protocol.name, voters);
            group.bench_with_input(id, &setting, |bencher, setting| {
                bencher.iter(|| black_box(protocol.latency(setting)).is_ok());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, quorum_latency);
criterion_main!(benches);
