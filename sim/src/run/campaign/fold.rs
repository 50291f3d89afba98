//! Many reports become one.

use std::collections::BTreeMap;
use std::time::Duration;

use menagerie::canonical::RunHash;
use menagerie::check::{Excused, Verdict};

use super::{CampaignReport, CampaignSpec, End, FAILURES_LISTED_MAX, Failure, Group, Recovery};
use crate::run::figures::Figures;
use crate::run::resolve::mutation_ids;
use crate::run::{Conclusion, OpCounts, RunReport};
use crate::world::reach::Tally;

/// Folds results in the order of their seeds.
pub(super) struct Fold {
    pub(super) report: CampaignReport,
    hash: RunHash,
    /// The next seed to be folded.
    pub(super) next: u64,
    /// Results that came before their turn.
    early: BTreeMap<u64, RunReport>,
    virtual_nanos: u128,
    /// No run is folded after so many failures.
    failures_max: u64,
}

impl Fold {
    pub(super) fn new(spec: &CampaignSpec) -> Fold {
        Fold {
            report: CampaignReport {
                scenario: spec.scenario.name.clone(),
                protocol: spec.protocol.name,
                mutations: mutation_ids(spec.mutations),
                settings: spec.scenario.settings.clone(),
                seeds: spec.seeds.clone(),
                runs: 0,
                pass: 0,
                fail: 0,
                unknown: 0,
                vacuous: 0,
                runs_with_two_fault_kinds: 0,
                ops: OpCounts::default(),
                excused: Excused::default(),
                reached: Tally::default(),
                faults: BTreeMap::new(),
                recoveries: Vec::new(),
                messages_delivered: 0,
                virtual_time: Duration::ZERO,
                wall_time: Duration::ZERO,
                hash: 0,
                failures: Vec::new(),
                groups: Vec::new(),
                outcomes: Vec::new(),
                figures: Figures::default(),
                doubts: Vec::new(),
                end: End::LastSeed,
            },
            hash: RunHash::new(),
            next: spec.seeds.start,
            early: BTreeMap::new(),
            virtual_nanos: 0,
            failures_max: spec.limits.failures.unwrap_or(u64::MAX),
        }
    }

    /// Whether there are as many failures as were asked for.
    pub(super) fn is_full(&self) -> bool {
        self.report.fail >= self.failures_max
    }

    pub(super) fn arrive(&mut self, seed: u64, report: RunReport) {
        self.early.insert(seed, report);
        while !self.is_full()
            && let Some(report) = self.early.remove(&self.next)
        {
            self.next += 1;
            self.take(report);
        }
    }

    fn take(&mut self, run: RunReport) {
        self.hash.word(run.seed);
        self.hash.word(run.hash);
        let report = &mut self.report;
        report.runs += 1;
        report.runs_with_two_fault_kinds += u64::from(run.fault_kinds() >= 2);
        report.ops.ok += run.ops.ok;
        report.ops.error += run.ops.error;
        report.ops.refused += run.ops.refused;
        report.ops.unknown += run.ops.unknown;
        report.reached.take(&run.reached);
        report.excused.excused += run.excused.excused;
        report.excused.of += run.excused.of;
        for (kind, count) in &run.faults {
            *report.faults.entry(kind).or_default() += count;
        }
        report.recoveries.extend(Recovery::of(&run));
        report.messages_delivered += run.stats.messages_delivered;
        self.virtual_nanos += u128::from(run.virtual_time.0);
        report.figures.take(&run);
        let conclusion = run.conclusion();
        report.outcomes.push((run.seed, conclusion));
        match conclusion {
            Conclusion::Pass => report.pass += 1,
            Conclusion::Vacuous => {
                report.vacuous += 1;
                doubt(report, &run);
            }
            Conclusion::Unknown => {
                report.unknown += 1;
                doubt(report, &run);
            }
            Conclusion::Fail => {
                report.fail += 1;
                let failure = failure(&run);
                group(&mut report.groups, &failure);
                if report.failures.len() < FAILURES_LISTED_MAX {
                    report.failures.push(failure);
                }
            }
        }
    }

    /// Results that came after a gap (of a stopped campaign) are folded in their order too.
    pub(super) fn finish(mut self) -> CampaignReport {
        for (_, run) in std::mem::take(&mut self.early) {
            if !self.is_full() {
                self.take(run);
            }
        }
        self.report.hash = self.hash.value();
        let seconds = u64::try_from(self.virtual_nanos / 1_000_000_000).unwrap_or(u64::MAX);
        self.report.virtual_time =
            Duration::new(seconds, (self.virtual_nanos % 1_000_000_000) as u32);
        self.report
    }
}

fn doubt(report: &mut CampaignReport, run: &RunReport) {
    if report.doubts.len() >= FAILURES_LISTED_MAX {
        return;
    }
    let reason = run
        .verdicts
        .iter()
        .find_map(|judged| match &judged.verdict {
            Verdict::Vacuous(what) => Some(format!("{}: vacuous: {what}", judged.checker)),
            Verdict::Unknown(why) => Some(format!("{}: unknown: {why}", judged.checker)),
            Verdict::Pass { .. } | Verdict::NotApplicable(_) | Verdict::Fail(_) => None,
        });
    report.doubts.push((run.seed, reason.unwrap_or_default()));
}

/// Adds a failure to those of its checker and rule.
fn group(groups: &mut Vec<Group>, failure: &Failure) {
    let of = |group: &&mut Group| {
        group.first.checker == failure.checker && group.first.rule == failure.rule
    };
    if let Some(group) = groups.iter_mut().find(of) {
        group.count += 1;
        if group.seeds.len() < FAILURES_LISTED_MAX {
            group.seeds.push(failure.seed);
        }
    } else {
        groups.push(Group {
            first: failure.clone(),
            seeds: vec![failure.seed],
            count: 1,
        });
    }
}

fn failure(run: &RunReport) -> Failure {
    let headline = run.headline();
    let (checker, counterexample) = headline
        .and_then(|judged| match &judged.verdict {
            Verdict::Fail(counterexample) => Some((judged.checker.clone(), counterexample)),
            Verdict::Pass { .. }
            | Verdict::Vacuous(_)
            | Verdict::NotApplicable(_)
            | Verdict::Unknown(_) => None,
        })
        .expect("a run that concludes in Fail has a failing verdict");
    Failure {
        seed: run.seed,
        hash: run.hash,
        checker,
        reason: format!("at {}: {}", counterexample.at, counterexample.reason),
        rule: counterexample.rule.clone(),
        reproduce: run.reproduce.to_string(),
    }
}
