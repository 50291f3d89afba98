//! Shrinking keeps the failure and never grows.

use std::sync::Mutex;

use menagerie::mutation::{Mutation, Mutations};

use super::*;
use crate::run::RunSpec;
use crate::run::registry::PROTOCOLS;
use crate::scenario::Scenario;

/// Remembers every size.
#[derive(Default)]
struct Sizes(Mutex<Vec<Size>>);

impl Watcher for Sizes {
    fn smaller(&self, _pass: &'static str, size: &Size, _reruns: u64) {
        self.0.lock().expect("nobody panicked").push(*size);
    }
}

static NEVER: AtomicBool = AtomicBool::new(false);

fn budget() -> Budget<'static> {
    Budget {
        wall: Duration::from_secs(3_600),
        jobs: 2,
        stop: &NEVER,
    }
}

fn chaos(seed: u64, mutation: Mutation) -> RunSpec {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/chaos.toml");
    RunSpec {
        scenario: Arc::new(Scenario::read(path).expect("it is sound")),
        seed,
        mutations: Mutations::NONE.with(mutation),
        checks: true,
        trace: false,
    }
}

fn protocol(name: &str) -> Registration {
    *PROTOCOLS
        .iter()
        .find(|protocol| protocol.name == name)
        .expect("it comes with the program")
}

/// The first seed that fails.
fn failing(name: &str, mutation: Mutation) -> Resolved {
    (0..50)
        .map(|seed| Job::of(name, &chaos(seed, mutation)).resolved)
        .find(|run| {
            let report = protocol(name)
                .perform(job(run.clone()))
                .expect("the run ends");
            !Failure::of(&report).is_empty()
        })
        .expect("a seed shows the mutation")
}

#[test]
fn the_failure_is_kept_and_no_step_makes_the_run_larger() {
    let run = failing("paxos", Mutation::P04);
    let sizes = Sizes::default();
    let shrunk = shrink(protocol("paxos"), &run, None, budget(), &sizes)
        .expect("every run ends")
        .expect("it fails");
    let told = sizes.0.into_inner().expect("nobody panicked");
    for pair in told.windows(2) {
        assert!(pair[1] <= pair[0], "{:?} after {:?}", pair[1], pair[0]);
    }
    assert!(
        shrunk.size.faults + shrunk.size.operations < 8,
        "{}",
        shrunk.size
    );
    let again = protocol("paxos")
        .perform(job(shrunk.run.clone()))
        .expect("the run ends");
    assert!(shrunk.failure.shown_by(&again).is_some());
    let mut sound = shrunk.run;
    sound.world.mutations = Mutations::NONE;
    let sound = protocol("paxos").perform(job(sound)).expect("the run ends");
    assert!(Failure::of(&sound).is_empty(), "it passes without the bug");
}

#[test]
fn a_run_that_does_not_fail_is_not_shrunk() {
    let mut spec = chaos(0, Mutation::P04);
    spec.mutations = Mutations::NONE;
    let run = Job::of("paxos", &spec).resolved;
    let outcome = shrink(protocol("paxos"), &run, None, budget(), &Sizes::default());
    assert!(outcome.expect("the run ends").is_none());
}

#[test]
fn a_signature_has_no_names_and_numbers() {
    let one = signature("n3 applied 2-17 twice, and n1 once: /k1 differs");
    assert_eq!(one, "applied twice and once differs");
}
