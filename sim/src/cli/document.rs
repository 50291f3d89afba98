//! The JSON documents, typed, so that their order and shape are fixed. Hashes are 16 hexadecimal
//! digits, because not every reader of JSON keeps 64 bits of a number.

use std::collections::BTreeMap;
use std::path::PathBuf;

use menagerie::ids::Span;
use serde::Serialize;

use crate::run::campaign::{CampaignReport, Group, Recoveries};
use crate::run::figures::{Figures, Kind, Spread};
use crate::run::{Conclusion, OpCounts, RunReport};

/// A run and the folder of its artefacts, if it left any.
pub(super) struct Performed {
    pub(super) report: RunReport,
    pub(super) folder: Option<PathBuf>,
}

/// A campaign that has ended, and what was kept of it.
pub(super) struct Finished {
    pub(super) report: CampaignReport,
    /// The seeds of which artefacts were kept, with their folders.
    pub(super) folders: Vec<(u64, PathBuf)>,
}

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
    mutations: &'a [&'static str],
    hash: String,
    conclusion: &'static str,
    verdicts: Vec<JudgedLine<'a>>,
    reproduce: String,
    artefacts: Option<String>,
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
    mutations: &'a [&'static str],
    set: &'a [String],
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
    ended_by: &'static str,
    figures: FiguresLine,
    groups: Vec<GroupLine<'a>>,
    failures: Vec<FailureLine<'a>>,
}

/// What users would have noticed.
#[derive(Debug, Serialize)]
struct FiguresLine {
    elections: u64,
    leader_changes: u64,
    sessions_expired: u64,
    /// The longest time of each run without an answered write.
    unavailable: Option<SpreadLine>,
    writes: Option<SpreadLine>,
    reads: Option<SpreadLine>,
    synced_reads: Option<SpreadLine>,
}

#[derive(Debug, Serialize)]
struct SpreadLine {
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
    worst_seed: u64,
}

/// Failing runs that break one rule of a checker.
#[derive(Debug, Serialize)]
struct GroupLine<'a> {
    checker: &'a str,
    /// The place in the sources that reports it.
    rule: String,
    count: u64,
    seeds: &'a [u64],
    first: &'a str,
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
    verdict: &'static str,
    checker: &'a str,
    reason: &'a str,
    reproduce: &'a str,
    artefacts: Option<String>,
}

/// A hash as people and documents see it.
pub(super) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

impl<'a> Runs<'a> {
    pub(super) fn new(runs: &'a [Performed]) -> Runs<'a> {
        let folder = |run: &Performed| run.folder.as_ref().map(|one| one.display().to_string());
        let runs = runs.iter().map(|run| Run::new(&run.report, folder(run)));
        Runs {
            schema: SCHEMA,
            runs: runs.collect(),
        }
    }

    /// Of one run without artefacts.
    pub(super) fn of(report: &'a RunReport) -> Runs<'a> {
        Runs {
            schema: SCHEMA,
            runs: vec![Run::new(report, None)],
        }
    }
}

impl<'a> Run<'a> {
    fn new(report: &'a RunReport, artefacts: Option<String>) -> Run<'a> {
        Run {
            scenario: &report.scenario,
            protocol: report.protocol,
            seed: report.seed,
            mutations: &report.mutations,
            hash: hex(report.hash),
            conclusion: report.conclusion().word(),
            reproduce: report.reproduce.to_string(),
            artefacts,
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
    pub(super) fn new(finished: &'a [Finished]) -> Campaigns<'a> {
        Campaigns {
            schema: SCHEMA,
            campaigns: finished.iter().map(Campaign::new).collect(),
        }
    }
}

impl<'a> Campaign<'a> {
    fn new(finished: &'a Finished) -> Campaign<'a> {
        let report = &finished.report;
        Campaign {
            scenario: &report.scenario,
            protocol: report.protocol,
            mutations: &report.mutations,
            set: &report.settings,
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
            ended_by: report.end.name(),
            figures: FiguresLine::new(&report.figures),
            groups: report.groups.iter().map(GroupLine::new).collect(),
            failures: failures(finished),
        }
    }
}

/// The first failures, each with the folder that was kept of it.
fn failures(finished: &Finished) -> Vec<FailureLine<'_>> {
    let folder = |seed: u64| {
        let kept = finished.folders.iter().find(|(kept, _)| *kept == seed);
        kept.map(|(_, folder)| folder.display().to_string())
    };
    let failures = finished.report.failures.iter();
    failures
        .map(|failure| FailureLine {
            seed: failure.seed,
            hash: hex(failure.hash),
            verdict: Conclusion::Fail.word(),
            checker: &failure.checker,
            reason: &failure.reason,
            reproduce: &failure.reproduce,
            artefacts: folder(failure.seed),
        })
        .collect()
}

impl<'a> GroupLine<'a> {
    fn new(group: &'a Group) -> GroupLine<'a> {
        GroupLine {
            checker: &group.first.checker,
            rule: format!("{}:{}", group.first.rule.file, group.first.rule.line),
            count: group.count,
            seeds: &group.seeds,
            first: &group.first.reproduce,
        }
    }
}

impl FiguresLine {
    fn new(figures: &Figures) -> FiguresLine {
        let latency = |kind| figures.latency(kind).map(SpreadLine::new);
        FiguresLine {
            elections: figures.leaders().elected,
            leader_changes: figures.leaders().changed,
            sessions_expired: figures.sessions_expired(),
            unavailable: figures.unavailable().map(SpreadLine::new),
            writes: latency(Kind::Write),
            reads: latency(Kind::Read),
            synced_reads: latency(Kind::SyncedRead),
        }
    }
}

impl SpreadLine {
    fn new(spread: Spread) -> SpreadLine {
        SpreadLine {
            p50_ms: millis(spread.p50),
            p99_ms: millis(spread.p99),
            worst_ms: millis(spread.worst.span),
            worst_seed: spread.worst.seed,
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
