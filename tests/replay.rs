//! A run that was written down is the same run.

use std::sync::Arc;

use menagerie::mutation::Mutations;
use menagerie_sim::run::bundle::Bundle;
use menagerie_sim::run::registry::PROTOCOLS;
use menagerie_sim::run::{Job, Reproduce, RunReport, RunSpec};
use menagerie_sim::scenario::Scenario;

fn recorded(scenario: &Arc<Scenario>, protocol: usize, seed: u64) -> RunReport {
    let spec = RunSpec {
        scenario: Arc::clone(scenario),
        seed,
        mutations: Mutations::NONE,
        checks: true,
        trace: false,
    };
    let protocol = PROTOCOLS[protocol];
    let mut job = Job::of(protocol.name, &spec);
    job.resolved.world.record = true;
    protocol.perform(job).expect("the run ends")
}

#[test]
fn a_bundle_replays_to_the_hash_of_the_run_it_was_made_of() {
    for file in ["scenarios/chaos.toml", "scenarios/power_loss.toml"] {
        let scenario = Arc::new(Scenario::read(file).expect("it is sound"));
        for (place, protocol) in PROTOCOLS.iter().enumerate() {
            for seed in 0..12 {
                let report = recorded(&scenario, place, seed);
                let text = Bundle::of(&report).expect("it was written down").text();
                let bundle = Bundle::parse(&text).expect("it is a bundle");
                let again = protocol
                    .perform(bundle.job(Reproduce::default()))
                    .expect("the run ends");
                assert_eq!(again.ignored, 0, "{file} {} {seed}", protocol.name);
                assert_eq!(
                    format!("{:016x}", again.hash),
                    bundle.hash,
                    "{file} {} seed {seed}",
                    protocol.name
                );
                assert_eq!(again.verdicts, report.verdicts);
                assert_eq!(again.history, report.history);
            }
        }
    }
}

#[test]
fn writing_a_run_down_does_not_change_it() {
    let scenario = Arc::new(Scenario::read("scenarios/chaos.toml").expect("it is sound"));
    let spec = RunSpec {
        scenario: Arc::clone(&scenario),
        seed: 3,
        mutations: Mutations::NONE,
        checks: true,
        trace: false,
    };
    for (place, protocol) in PROTOCOLS.iter().enumerate() {
        let plain = protocol.run(&spec).expect("the run ends");
        assert_eq!(plain.hash, recorded(&scenario, place, 3).hash);
    }
}
