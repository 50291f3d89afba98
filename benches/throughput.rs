//! How fast the simulator is on one core: messages a second in `steady` with every checker and with
//! none, beside a bare event loop and madsim's own network in the same run.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use menagerie_sim::PROTOCOLS;
use menagerie_sim::run::measure::throughput::{self, CheckerCost, Watching};
use menagerie_sim::scenario::Scenario;

const SCENARIO: &str = "scenarios/steady.toml";
/// Runs for the line on the cost of the checkers.
const RUNS: u64 = 20;
/// Messages of one round of a yardstick.
const YARDSTICK: u64 = 20_000;

fn steady() -> Arc<Scenario> {
    Arc::new(Scenario::read(SCENARIO).expect("benches run at the project's root"))
}

fn world(criterion: &mut Criterion) {
    let scenario = steady();
    let mut group = criterion.benchmark_group("steady, messages");
    group.sample_size(10);
    for protocol in PROTOCOLS {
        for (name, watching) in [("all checks", Watching::All), ("no checks", Watching::None)] {
            let one = throughput::runs(protocol, &scenario, watching, 0..1);
            let messages = one.expect("the run holds").delivered();
            group.throughput(Throughput::Elements(messages));
            group.bench_function(BenchmarkId::new(protocol.name, name), |bencher| {
                bencher.iter_custom(|rounds| {
                    (0..rounds)
                        .map(|_| throughput::runs(protocol, &scenario, watching, 0..1))
                        .map(|work| work.expect("the run holds").wall)
                        .sum()
                });
            });
        }
    }
    group.finish();
}

fn checkers(_: &mut Criterion) {
    let scenario = steady();
    for protocol in PROTOCOLS {
        let measure = |watching| {
            let work = throughput::runs(protocol, &scenario, watching, 0..RUNS);
            work.expect("the runs hold")
        };
        let (with, without) = (measure(Watching::All), measure(Watching::None));
        let cost = CheckerCost::of(&with, &without);
        eprintln!(
            "{}: the checkers cost {:.0} ns for each of {} operations, {:.0} ns for each of {} \
             observations",
            protocol.name,
            cost.nanos_per_operation,
            with.operations,
            cost.nanos_per_observation,
            with.observations
        );
    }
}

fn yardsticks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("yardsticks");
    group.sample_size(10);
    group.throughput(Throughput::Elements(YARDSTICK));
    group.bench_function("bare binary heap, events", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| throughput::bare_loop(YARDSTICK)).sum());
    });
    group.bench_function("madsim NetSim ping-pong, messages", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| throughput::net_sim(YARDSTICK).expect("no message is lost"))
                .sum()
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("start of a run, thread and runtime", |bencher| {
        bencher.iter_custom(|rounds| -> Duration {
            throughput::start_up(rounds).expect("threads can be started")
        });
    });
    group.finish();
}

criterion_group!(benches, world, checkers, yardsticks);
criterion_main!(benches);
