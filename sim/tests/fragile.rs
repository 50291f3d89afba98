//! A protocol from outside whose invariant breaks: the runner turns the panic into a verdict.

use std::sync::Arc;

use menagerie::check::Verdict;
use menagerie::ids::{LocalTime, Span};
use menagerie::mutation::Mutations;
use menagerie::protocol::{
    Ensemble, Image, Input, Outbox, Persisted, Promises, Protocol, Refusal, Replicates, Role,
    Standing, TimerRange,
};
use menagerie_sim::Registration;
use menagerie_sim::run::{Conclusion, RunReport, RunSpec};
use menagerie_sim::scenario::Scenario;

/// Waits for its only timer and then finds its world broken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Fragile;

impl Protocol for Fragile {
    const NAME: &'static str = "fragile";
    const REPLICATES: Replicates = Replicates::Deltas;
    const PROMISES: Promises = Promises {
        linearizable_barrier: false,
        at_most_once: false,
    };

    type Knobs = ();
    type Config = ();
    type Msg = u64;
    type Record = u64;
    type Timer = u64;

    fn configure(_: &Ensemble<()>) {}

    fn recover(
        _: &(),
        _: LocalTime,
        _: &Image<u64>,
        out: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        out.set_timer(0, TimerRange::exactly(Span::millis(50)));
        Ok(Fragile)
    }

    fn step(&mut self, _: LocalTime, input: Input<Self>, _: &mut Outbox<Self>) {
        assert!(!matches!(input, Input::Timer(_)), "the ice is broken");
    }

    fn standing(&self) -> Standing {
        Standing {
            role: Role::Looking,
            epoch: 0,
            leader: None,
            uplink: None,
            can_propose: false,
            serve_from: None,
        }
    }

    fn persisted(_: &Image<u64>) -> Persisted {
        Persisted::default()
    }

    fn kind(_: &u64) -> &'static str {
        "nothing"
    }
}

fn report() -> RunReport {
    let text = "schema = 1\nstory = \"Ice bears. Ice breaks.\"\nduration = \"1s\"\n";
    let scenario = Scenario::parse("ice.toml", text).expect("the scenario is sound");
    let spec = RunSpec {
        scenario: Arc::new(scenario),
        seed: 1,
        mutations: Mutations::NONE,
        checks: true,
        trace: false,
    };
    Registration::of::<Fragile>("fragile")
        .run(&spec)
        .expect("a panic inside a run is no internal error")
}

#[test]
fn a_broken_invariant_is_a_failing_verdict_with_its_message_and_place() {
    let report = report();
    assert_eq!(report.conclusion(), Conclusion::Fail);
    let first = &report.verdicts[0];
    assert_eq!(first.checker, "invariant");
    let Verdict::Fail(counterexample) = &first.verdict else {
        panic!("{:?} is no violation", first.verdict);
    };
    assert!(
        counterexample.reason.contains("the ice is broken"),
        "{}",
        counterexample.reason
    );
    assert!(
        counterexample.reason.contains("fragile.rs:"),
        "{}",
        counterexample.reason
    );
    assert!(
        counterexample.at.0 >= 50_000_000,
        "at {}",
        counterexample.at
    );
}

#[test]
fn a_run_that_panics_has_the_same_hash_every_time() {
    assert_eq!(report().hash, report().hash);
}
