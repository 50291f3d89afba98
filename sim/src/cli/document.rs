//! The JSON documents, typed, so that their order and shape are fixed. Hashes are 16 hexadecimal
//! digits, because not every reader of JSON keeps 64 bits of a number.

use std::collections::BTreeMap;

use menagerie::ids::Span;
use serde::Serialize;

use crate::run::campaign::{CampaignReport, Recoveries};
use crate::run::{OpCounts, RunReport};

/// The version of the documents.
const SCHEMA: u32 = 1;

/// What `run --json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Runs<'a> {
    schema: u32,
    runs: Vec<Run<'a>>,
}

#[derive(Debug, Serialize)]
struct Run<'a> {
    scenario: &'a str,
    protocol: &'a str,
    seed: u64,
    hash: String,
    verdicts: Vec<JudgedLine<'a>>,
}

#[derive(Debug, Serialize)]
struct JudgedLine<'a> {
    checker: &'a str,
    verdict: &'static str,
    checked: u64,
    reason: &'a str,
}

/// What `campaign --json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Campaigns<'a> {
    schema: u32,
    campaigns: Vec<Campaign<'a>>,
}

#[derive(Debug, Serialize)]
struct Campaign<'a> {
    scenario: &'a str,
    protocol: &'a str,
    seeds: String,
    runs: u64,
    pass: u64,
    fail: u64,
    unknown: u64,
    vacuous: u64,
    runs_with_two_fault_kinds: u64,
    ops: Ops,
    faults: &'a BTreeMap<&'static str, u64>,
    synced_reads: u64,
    synced_reads_excused: u64,
    recovery: Option<RecoveryLine>,
    reached: Vec<ReachLine>,
    messages_delivered: u64,
    virtual_s: f64,
    wall_s: f64,
    hash: String,
    failures: Vec<FailureLine<'a>>,
}

#[derive(Debug, Serialize)]
struct Ops {
    ok: u64,
    error: u64,
    refused: u64,
    unknown: u64,
}

/// How long recovery took, and how long the slowest might have taken.
#[derive(Debug, Serialize)]
struct RecoveryLine {
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
    worst_bound_ms: f64,
    worst_seed: u64,
}

fn millis(span: Span) -> f64 {
    span.0 as f64 / 1e6
}

/// A rare path: in how many runs it was taken, and how often in all.
#[derive(Debug, Serialize)]
struct ReachLine {
    path: &'static str,
    runs: u64,
    times: u64,
}

#[derive(Debug, Serialize)]
struct FailureLine<'a> {
    seed: u64,
    hash: String,
    checker: &'a str,
    reason: &'a str,
    reproduce: &'a str,
}

/// A hash as people and documents see it.
pub(super) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

impl<'a> Runs<'a> {
    pub(super) fn new(reports: &'a [RunReport]) -> Runs<'a> {
        Runs {
            schema: SCHEMA,
            runs: reports.iter().map(Run::new).collect(),
        }
    }
}

impl<'a> Run<'a> {
    fn new(report: &'a RunReport) -> Run<'a> {
        Run {
            scenario: &report.scenario,
            protocol: report.protocol,
            seed: report.seed,
            hash: hex(report.hash),
            verdicts: report
                .verdicts
                .iter()
                .map(|judged| {
                    let (verdict, checked, reason) = judged.words();
                    JudgedLine {
                        checker: &judged.checker,
                        verdict,
                        checked,
                        reason,
                    }
                })
                .collect(),
        }
    }
}

impl<'a> Campaigns<'a> {
    pub(super) fn new(reports: &'a [CampaignReport]) -> Campaigns<'a> {
        Campaigns {
            schema: SCHEMA,
            campaigns: reports.iter().map(Campaign::new).collect(),
        }
    }
}

impl<'a> Campaign<'a> {
    fn new(report: &'a CampaignReport) -> Campaign<'a> {
        Campaign {
            scenario: &report.scenario,
            protocol: report.protocol,
            seeds: format!("{}..{}", report.seeds.start, report.seeds.end),
            runs: report.runs,
            pass: report.pass,
            fail: report.fail,
            unknown: report.unknown,
            vacuous: report.vacuous,
            runs_with_two_fault_kinds: report.runs_with_two_fault_kinds,
            ops: Ops::new(&report.ops),
            faults: &report.faults,
            synced_reads: report.excused.of,
            synced_reads_excused: report.excused.excused,
            recovery: Recoveries::of(&report.recoveries).map(|times| RecoveryLine {
                p50_ms: millis(times.p50),
                p99_ms: millis(times.p99),
                worst_ms: millis(times.worst.took),
                worst_bound_ms: millis(times.worst.bound),
                worst_seed: times.worst.seed,
            }),
            reached: report
                .reached
                .lines()
                .iter()
                .map(|line| ReachLine {
                    path: line.name,
                    runs: line.runs,
                    times: line.times,
                })
                .collect(),
            messages_delivered: report.messages_delivered,
            virtual_s: report.virtual_time.as_secs_f64(),
            wall_s: report.wall_time.as_secs_f64(),
            hash: hex(report.hash),
            failures: report
                .failures
                .iter()
                .map(|failure| FailureLine {
                    seed: failure.seed,
                    hash: hex(failure.hash),
                    checker: &failure.checker,
                    reason: &failure.reason,
                    reproduce: &failure.reproduce,
                })
                .collect(),
        }
    }
}

impl Ops {
    fn new(counts: &OpCounts) -> Ops {
        Ops {
            ok: counts.ok,
            error: counts.error,
            refused: counts.refused,
            unknown: counts.unknown,
        }
    }
}

/// The document as it is printed.
pub(super) fn text(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document)
        .expect("documents are made of strings, numbers and lists, which JSON can hold");
    text.push('\n');
    text
}
