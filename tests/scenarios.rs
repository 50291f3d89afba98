//! Does every scenario hold on every protocol, and does it show what it says?

mod runs;
mod scenario_files;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use menagerie::mutation::Mutations;
use menagerie::protocol::Protocol;
use menagerie::zab::Zab;
use menagerie_sim::run::RunSpec;
use menagerie_sim::run::campaign::{CampaignReport, CampaignSpec, Limits};
use menagerie_sim::run::resolve::Resolved;
use menagerie_sim::scenario::{Scenario, files_in};
use menagerie_sim::{PROTOCOLS, Registration};
use runs::campaign;
use scenario_files::scenario;

/// The seeds that every scenario is tried under here; campaigns try thousands.
const SEEDS: std::ops::Range<u64> = 0..8;

/// Every scenario, sorted: a new file is tested by being there.
fn all() -> Vec<Arc<Scenario>> {
    let files = files_in(Path::new("scenarios"));
    assert!(files.len() >= 10, "only {files:?} are left");
    files.iter().map(|file| scenario(file)).collect()
}

/// The kinds of fault that the scenario plans under any of the seeds.
fn planned(scenario: &Arc<Scenario>) -> BTreeSet<&'static str> {
    let plans = SEEDS.map(|seed| {
        Resolved::new(&RunSpec {
            scenario: Arc::clone(scenario),
            seed,
            mutations: Mutations::NONE,
            checks: true,
            trace: false,
        })
        .plan
    });
    plans
        .flat_map(|plan| plan.faults)
        .map(|fault| fault.family.name())
        .collect()
}

/// What is wrong with the outcome of a campaign, a line each.
fn complaints(scenario: &Arc<Scenario>, report: &CampaignReport) -> Vec<String> {
    let mut complaints: Vec<String> = report
        .failures
        .iter()
        .map(|failure| {
            format!(
                "{}: {}: {}",
                failure.reproduce, failure.checker, failure.reason
            )
        })
        .collect();
    let title = format!("{} on {}", report.scenario, report.protocol);
    for (seed, doubt) in &report.doubts {
        complaints.push(format!("{title}, seed {seed}: {doubt}"));
    }
    let runs = SEEDS.end - SEEDS.start;
    if (report.runs, report.pass) != (runs, runs) {
        complaints.push(format!("{title}: {} of {runs} runs pass", report.pass));
    }
    let fired: BTreeSet<&str> = report.faults.keys().copied().collect();
    let mut expected = planned(scenario);
    if report.protocol != Zab::NAME {
        // The others live on datagrams: there are no streams to reset.
        expected.remove("reset");
    }
    for missing in expected.difference(&fired) {
        complaints.push(format!("{title}: no {missing} ever took effect"));
    }
    complaints
}

#[test]
fn every_scenario_holds_on_every_protocol_and_shows_every_kind_of_fault_it_plans() {
    let mut wrong = Vec::new();
    for scenario in all() {
        let about = scenario.document.protocol.as_deref();
        let concerned = |one: &&Registration| about.is_none_or(|name| name == one.name);
        for protocol in PROTOCOLS.iter().filter(concerned) {
            let report = campaign(&CampaignSpec {
                scenario: Arc::clone(&scenario),
                protocol: *protocol,
                seeds: SEEDS,
                mutations: Mutations::NONE,
                checks: true,
                jobs: 2,
                limits: Limits::default(),
            });
            wrong.extend(complaints(&scenario, &report));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_scenario_opens_with_its_story_in_two_sentences() {
    for scenario in all() {
        let text = std::fs::read_to_string(&scenario.path).expect("it was read a moment ago");
        let comment: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix('#'))
            .flat_map(str::split_whitespace)
            .collect();
        let story: Vec<&str> = scenario
            .document
            .story
            .get_ref()
            .split_whitespace()
            .collect();
        assert_eq!(comment, story, "the first comment of {}", scenario.path);
        let sentences = story.iter().filter(|word| word.ends_with('.')).count();
        assert_eq!(sentences, 2, "sentences of the story of {}", scenario.path);
        let ends = story.last().is_some_and(|word| word.ends_with('.'));
        assert!(ends, "the story of {} has no end", scenario.path);
    }
}
