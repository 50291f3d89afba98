//! Shrinking keeps the failure and never grows.

use std::sync::Mutex;

use menagerie::ids::{NodeId, Span};
use menagerie::mutation::{Mutation, Mutations};

use super::*;
use crate::chance::decision::Table;
use crate::run::RunSpec;
use crate::run::registry::PROTOCOLS;
use crate::scenario::Scenario;
use crate::scenario::adversity::Core;
use crate::scenario::script::Script;

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
        events: 300_000_000,
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
    let shrunk = shrink(protocol("paxos"), &run, Goal::default(), budget(), &sizes)
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

/// The same run shrunk by so many jobs.
fn shrunk_by(jobs: usize, events: u64) -> Shrunk {
    let budget = Budget {
        events,
        jobs,
        ..budget()
    };
    let run = failing("paxos", Mutation::P04);
    shrink(
        protocol("paxos"),
        &run,
        Goal::default(),
        budget,
        &Sizes::default(),
    )
    .expect("every run ends")
    .expect("it fails")
}

#[test]
fn the_result_does_not_depend_on_the_number_of_jobs() {
    for events in [1_000_000, 300_000_000] {
        let (one, three) = (shrunk_by(1, events), shrunk_by(3, events));
        assert_eq!(one.run, three.run);
        assert_eq!((one.events, one.reruns), (three.events, three.reruns));
        assert_eq!(one.end, three.end);
    }
}

#[test]
fn a_small_budget_ends_it_and_already_gives_a_short_run() {
    let shrunk = shrunk_by(2, 2_000_000);
    assert_eq!(shrunk.end, End::Budget);
    assert!(shrunk.events < 2_200_000, "{}", shrunk.events);
    assert!(shrunk.size.irregular_deliveries < 100, "{}", shrunk.size);
}

#[test]
fn every_irregular_delivery_that_stays_is_needed() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scenarios/leader_isolated.toml"
    );
    let spec = RunSpec {
        scenario: Arc::new(Scenario::read(path).expect("it is sound")),
        ..chaos(365, Mutation::P09)
    };
    let paxos = protocol("paxos");
    let run = Job::of("paxos", &spec).resolved;
    let shrunk = shrink(paxos, &run, Goal::default(), budget(), &Sizes::default())
        .expect("every run ends")
        .expect("it fails");
    let Source::Table(table) = &shrunk.run.world.decisions else {
        panic!("a shrunk run is spelled out");
    };
    for name in table.0.keys() {
        let mut fewer = shrunk.run.clone();
        let mut rest = Table::clone(table);
        rest.0.remove(name);
        fewer.world.decisions = Source::Table(Arc::new(rest));
        let shown = shows(&paxos, &shrunk.failure, &fewer);
        assert!(shown.is_none(), "{name} is not needed");
    }
}

#[test]
fn a_run_that_does_not_fail_is_not_shrunk() {
    let mut spec = chaos(0, Mutation::P04);
    spec.mutations = Mutations::NONE;
    let run = Job::of("paxos", &spec).resolved;
    let outcome = shrink(
        protocol("paxos"),
        &run,
        Goal::default(),
        budget(),
        &Sizes::default(),
    );
    assert!(outcome.expect("the run ends").is_none());
}

#[test]
fn what_is_healed_in_the_smallest_run_can_still_elect_a_leader() {
    let mut run = Job::of("zab", &chaos(0, Mutation::P04)).resolved;
    run.world.mutations = Mutations::NONE;
    run.core = Core::Quorum;
    run.bound = Span::millis(1); // Nobody recovers so fast.
    let goal = Goal {
        checker: Some("liveness"),
        ..Goal::default()
    };
    let small = Budget {
        events: 3_000_000,
        ..budget()
    };
    let shrunk = shrink(protocol("zab"), &run, goal, small, &Sizes::default())
        .expect("every run ends")
        .expect("it fails");
    assert!(shrunk.run.heals_a_quorum());
    let alone = Script {
        operations: Vec::new(),
        core: Some(vec![NodeId(1)]),
    };
    let hopeless = Resolved {
        script: Some(alone),
        ..shrunk.run
    };
    assert!(!hopeless.heals_a_quorum(), "one of three voters");
}
