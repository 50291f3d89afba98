//! What a run exports is judged by the black box alone as the run was by its own checkers.

use std::path::Path;
use std::sync::Arc;

use menagerie::check::watches;
use menagerie::linear::Steps;
use menagerie::mutation::{Mutation, Mutations};
use menagerie::znode::{Mode, Options, Ruling, check};
use menagerie_sim::histories::znode::parse;
use menagerie_sim::run::{RunReport, RunSpec};
use menagerie_sim::scenario::Scenario;
use menagerie_sim::trace::export::{Format, export};
use menagerie_sim::{PROTOCOLS, Registration};

/// Questions to the budget for one history: about a second.
const QUESTIONS_MAX: u64 = 200;

/// What came of an exported history.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Ok,
    Violation(String),
    Unknown,
}

fn scenario(name: &str) -> Arc<Scenario> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scenarios/{name}.toml"));
    Arc::new(Scenario::read(&file.to_string_lossy()).expect("the scenario is sound"))
}

fn run(
    scenario: &Arc<Scenario>,
    protocol: &Registration,
    seed: u64,
    mutations: Mutations,
) -> RunReport {
    let spec = RunSpec {
        scenario: scenario.clone(),
        seed,
        mutations,
        checks: mutations != Mutations::NONE,
        trace: true,
    };
    protocol.run(&spec).expect("the run ends")
}

fn judge(report: &RunReport) -> Found {
    let trace = report.trace.as_ref().expect("it was asked for");
    let text = export(trace, Format::Jsonl);
    let read = parse(text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let options = Options::new(Mode::ZooKeeper, read.birth);
    let mut budget = Steps(QUESTIONS_MAX);
    let found = check(&read.history, &options, &mut budget);
    match &found.ruling {
        Ruling::Holds => match watches::judge(&read.history, &options, &found, &mut budget) {
            Ok(None) => Found::Ok,
            Ok(Some(wrong)) => Found::Violation(wrong.reason),
            Err(_) => Found::Unknown,
        },
        Ruling::Vacuous => panic!("{}: nothing was answered", report.reproduce),
        Ruling::Violated(violation) => Found::Violation(violation.sentence.clone()),
        Ruling::Unknown(_) => Found::Unknown,
    }
}

/// The runs of a scenario that hold: none is rejected. Gives how many were accepted, and of how
/// many.
fn accepted(name: &str, seeds: core::ops::Range<u64>) -> (usize, usize) {
    let scenario = scenario(name);
    let (mut accepted, mut all) = (0, 0);
    for seed in seeds {
        for protocol in PROTOCOLS {
            let report = run(&scenario, protocol, seed, Mutations::NONE);
            match judge(&report) {
                Found::Ok => accepted += 1,
                Found::Unknown => eprintln!("{}: not decided in time", report.reproduce),
                Found::Violation(why) => panic!("{}: {why}", report.reproduce),
            }
            all += 1;
        }
    }
    (accepted, all)
}

#[test]
fn what_a_calm_run_exports_is_accepted() {
    for name in [
        "flapping_links",
        "leader_crash",
        "leader_isolated",
        "minority_partition",
        "one_way_partition",
        "power_loss",
        "rolling_restart",
        "slow_follower",
        "steady",
    ] {
        let (accepted, all) = accepted(name, 0..2);
        assert_eq!(accepted, all, "{name}");
    }
}

#[test]
fn what_a_chaotic_run_exports_is_accepted_or_at_worst_undecided() {
    let (accepted, all) = accepted("chaos", 0..40);
    // What is left undecided has many writes without an answer; three times the budget decides none
    // of it.
    assert!(accepted * 5 >= all * 4, "{accepted} of {all}");
}

#[test]
fn what_clients_can_see_of_a_bug_is_rejected() {
    for (mutation, name, seed) in [
        (Mutation::T03, "steady", 0),
        (Mutation::T03, "steady", 1),
        (Mutation::P02, "chaos", 123),
        (Mutation::P04, "chaos", 0),
        (Mutation::P04, "chaos", 7),
    ] {
        let scenario = scenario(name);
        let concerns = mutation.entry().concerns;
        for protocol in PROTOCOLS.iter().filter(|one| concerns.includes(one.name)) {
            let report = run(&scenario, protocol, seed, Mutations::NONE.with(mutation));
            let is_seen = report
                .failures()
                .any(|judged| judged.checker == "linearizability");
            assert!(is_seen, "{} holds", report.reproduce);
            let found = judge(&report);
            let is_rejected = matches!(found, Found::Violation(_));
            assert!(is_rejected, "{}: {found:?}", report.reproduce);
        }
    }
}
