//! Do the checkers bite? Each bug of the catalogue, switched on, is caught within a few seeds.

mod runs;
mod scenario_files;

use std::ops::Range;

use menagerie::mutation::{CATALOGUE, Entry, Mutation, Mutations};
use menagerie_sim::campaign::{CampaignReport, CampaignSpec};
use menagerie_sim::run::{Conclusion, RunSpec};
use menagerie_sim::{PROTOCOLS, Registration};
use runs::campaign;
use scenario_files::scenario;

/// Where a mutation shows soon: the scenario and the seeds, found by measuring.
fn exhibit(mutation: Mutation) -> (&'static str, Range<u64>) {
    match mutation {
        Mutation::P02 => ("scenarios/chaos.toml", 0..10),
        Mutation::P03 => ("scenarios/chaos.toml", 0..60),
        Mutation::P04 => ("scenarios/chaos.toml", 0..10),
        // Only a leader that is cut off with clients that ask it for synced reads shows it.
        Mutation::P09 => ("scenarios/leader_isolated.toml", 0..40),
        Mutation::Z13 => ("scenarios/chaos.toml", 0..40),
        Mutation::Z20 => ("scenarios/chaos.toml", 0..40),
        Mutation::Z34 => ("scenarios/chaos.toml", 0..40),
        Mutation::Z35 => ("scenarios/chaos.toml", 0..5),
        Mutation::T03 => ("scenarios/steady.toml", 0..5),
        Mutation::T04 => ("scenarios/chaos.toml", 80..100),
    }
}

/// The protocols that a mutation concerns.
fn concerned(entry: &'static Entry) -> impl Iterator<Item = &'static Registration> {
    let includes = |one: &&Registration| entry.concerns.includes(one.name);
    PROTOCOLS.iter().filter(includes)
}

fn exhibited(entry: &Entry, protocol: &Registration, mutations: Mutations) -> CampaignReport {
    let (file, seeds) = exhibit(entry.mutation);
    campaign(&CampaignSpec {
        scenario: scenario(file),
        protocol: *protocol,
        seeds,
        mutations,
        checks: true,
        jobs: 2,
    })
}

#[test]
fn every_mutation_is_caught_first_by_a_checker_that_its_entry_names() {
    for entry in CATALOGUE {
        for protocol in concerned(entry) {
            let on = Mutations::NONE.with(entry.mutation);
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
    for entry in CATALOGUE {
        for protocol in concerned(entry) {
            let mutations = Mutations::NONE.with(entry.mutation);
            let report = exhibited(entry, protocol, mutations);
            let failure = report.failures.first().expect("it is caught");
            let again = protocol.run(&RunSpec {
                scenario: scenario(exhibit(entry.mutation).0),
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
            assert_eq!(again.reproduce, failure.reproduce);
            let first = again.failures().next().expect("it fails");
            assert_eq!(first.checker, failure.checker, "{}", failure.reproduce);
        }
    }
}

#[test]
fn without_the_mutation_the_same_seeds_hold() {
    for entry in CATALOGUE {
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

#[test]
fn promises_and_tree_report_a_mutation_first() {
    for (mutation, checker) in [(Mutation::P02, "promises"), (Mutation::T04, "tree")] {
        let (file, seeds) = exhibit(mutation);
        let protocol = concerned(mutation.entry()).next().expect("it concerns one");
        let first = seeds.into_iter().any(|seed| {
            let report = protocol.run(&RunSpec {
                scenario: scenario(file),
                seed,
                mutations: Mutations::NONE.with(mutation),
                checks: true,
                trace: false,
            });
            let report = report.expect("the run ends with a report");
            let first = report.failures().next();
            first.is_some_and(|judged| judged.checker == checker)
        });
        assert!(first, "{}: {checker} is never first", mutation.entry().id);
    }
}
