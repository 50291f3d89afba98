//! Do the checkers bite? Each bug of the catalogue, switched on, is caught within a few seeds.

mod runs;
mod scenario_files;

use std::sync::Arc;

use menagerie::check::Verdict;
use menagerie::mutation::{CATALOGUE, Entry, Mutation, Mutations};
use menagerie_sim::run::campaign::{CampaignReport, CampaignSpec, Limits};
use menagerie_sim::run::{Conclusion, RunSpec};
use menagerie_sim::scenario::Scenario;
use menagerie_sim::{PROTOCOLS, Registration};
use runs::campaign;
use scenario_files::scenario;

/// The scenario in which a mutation shows.
fn exhibiting(entry: &Entry) -> Arc<Scenario> {
    scenario(&format!("scenarios/{}.toml", entry.exhibit.scenario))
}

/// The protocols that a mutation concerns.
fn concerned(entry: &'static Entry) -> impl Iterator<Item = &'static Registration> {
    let includes = |one: &&Registration| entry.concerns.includes(one.name);
    PROTOCOLS.iter().filter(includes)
}

/// The mutations that a verdict shows.
fn shown_by_runs() -> impl Iterator<Item = &'static Entry> {
    CATALOGUE.iter().filter(|entry| !entry.caught_by.is_empty())
}

fn exhibited(entry: &Entry, protocol: &Registration, mutations: Mutations) -> CampaignReport {
    campaign(&CampaignSpec {
        scenario: exhibiting(entry),
        protocol: *protocol,
        seeds: entry.exhibit.seeds(),
        mutations,
        checks: true,
        jobs: 2,
        limits: Limits::default(),
    })
}

#[test]
fn every_mutation_is_caught_first_by_a_checker_that_its_entry_names() {
    for entry in shown_by_runs() {
        for protocol in concerned(entry) {
            let on = Mutations::NONE.with(entry.mutation());
            let report = exhibited(entry, protocol, on);
            let title = format!("{} on {}", entry.id, protocol.name);
            assert!(
                report.fail > 0,
                "{title}: not caught in {} runs",
                report.runs
            );
            for failure in &report.failures {
                assert!(
                    entry.caught_by.contains(&failure.checker.as_str()),
                    "{title} is caught by {}, its entry names {:?}: {}: {}",
                    failure.checker,
                    entry.caught_by,
                    failure.reproduce,
                    failure.reason
                );
            }
        }
    }
}

#[test]
fn a_caught_mutation_is_caught_again_under_its_seed_with_the_same_hash() {
    for entry in shown_by_runs() {
        for protocol in concerned(entry) {
            let mutations = Mutations::NONE.with(entry.mutation());
            let report = exhibited(entry, protocol, mutations);
            let failure = report.failures.first().expect("it is caught");
            let again = protocol.run(&RunSpec {
                scenario: exhibiting(entry),
                seed: failure.seed,
                mutations,
                checks: true,
                trace: false,
            });
            let again = again.expect("the run ends with a report");
            assert_eq!(
                again.conclusion(),
                Conclusion::Fail,
                "{}",
                failure.reproduce
            );
            assert_eq!(again.hash, failure.hash, "{}", failure.reproduce);
            assert_eq!(again.reproduce.to_string(), failure.reproduce);
            let first = again.failures().next().expect("it fails");
            assert_eq!(first.checker, failure.checker, "{}", failure.reproduce);
        }
    }
}

#[test]
fn without_the_mutation_the_same_seeds_hold() {
    for entry in shown_by_runs() {
        for protocol in concerned(entry) {
            let report = exhibited(entry, protocol, Mutations::NONE);
            assert_eq!(
                (report.pass, &report.failures, &report.doubts),
                (report.runs, &Vec::new(), &Vec::new()),
                "the seeds of {} on {}",
                entry.id,
                protocol.name
            );
        }
    }
}

/// Which checker is the first to report which mutation.
const FIRST: [(Mutation, &str); 9] = [
    (Mutation::P02, "promises"),
    (Mutation::P04, "recovery"),
    (Mutation::P11, "exactly_once"),
    (Mutation::P21, "liveness"),
    (Mutation::N57, "linearizability"),
    (Mutation::N58, "bounds"),
    (Mutation::T04, "tree"),
    (Mutation::T11, "watches"),
    (Mutation::T13, "session"),
];

#[test]
fn these_checkers_report_a_mutation_first() {
    for (mutation, checker) in FIRST {
        let entry = mutation.entry();
        let protocol = concerned(entry).next().expect("it concerns one");
        let first = entry.exhibit.seeds().any(|seed| {
            let report = protocol.run(&RunSpec {
                scenario: exhibiting(entry),
                seed,
                mutations: Mutations::NONE.with(mutation),
                checks: true,
                trace: false,
            });
            let report = report.expect("the run ends with a report");
            // In time, not in the order of the table.
            let first = report
                .failures()
                .min_by_key(|judged| match &judged.verdict {
                    Verdict::Fail(counterexample) => Some(counterexample.at),
                    Verdict::Pass { .. }
                    | Verdict::Vacuous(_)
                    | Verdict::NotApplicable(_)
                    | Verdict::Unknown(_) => None,
                });
            first.is_some_and(|judged| judged.checker == checker)
        });
        assert!(first, "{}: {checker} is never first", entry.id);
    }
}
