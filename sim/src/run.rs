//! One run: a scenario, a protocol and a seed in, verdicts and a hash out.
//!
//! A run happens on a fresh thread (madsim seeds what it intercepts once a thread) inside madsim's
//! runtime. Its first phase is about safety: the workload runs and the planned faults fire. Then a
//! core is healed (`healing`) and the second phase is about liveness (`drive`). A panic anywhere is
//! a broken invariant: a failing verdict with the message and its place, like any other.

pub mod bound;
pub mod bundle;
pub mod campaign;
mod drive;
pub mod figures;
mod healing;
pub mod internal;
pub mod measure;
mod panics;
mod probe;
pub(crate) mod program;
pub mod registry;
mod reproduce;
pub mod resolve;
pub mod scenario_file;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use menagerie::check::{Counterexample, Excused, Rule, Subjects, Verdict};
use menagerie::history::{History, Outcome};
use menagerie::ids::{NodeId, Span, VirtualTime};
use menagerie::mutation::Mutations;
use menagerie::protocol::{Epochs, Protocol, QuorumRule, Slots};

use crate::run::resolve::{Resolved, mutation_ids};
use crate::scenario::Scenario;
use crate::scenario::schema::Expect;
use crate::trace::{Failure, Header, Judgement, ServerLine, TRACE_VERSION, Trace};
use crate::world::reach::{Noticed, Reached};
use crate::world::{Stats, WorldSpec, in_runtime};
use drive::Drive;
pub use healing::named;
pub(crate) use reproduce::quoted;
pub use reproduce::{Reproduce, reproduce};

/// What to run.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The seed.
    pub seed: u64,
    /// The bugs switched on.
    pub mutations: Mutations,
    /// Whether the checkers watch.
    pub checks: bool,
    /// Whether the trace is kept.
    pub trace: bool,
}

/// A run that is ready to be performed.
#[derive(Clone, Debug)]
pub struct Job {
    /// The scenario's name.
    pub scenario: String,
    /// Everything that the run is made of.
    pub resolved: Resolved,
    /// What repeats it.
    pub reproduce: Reproduce,
}

impl Job {
    /// The run of a protocol that `spec` describes.
    pub fn of(protocol: &str, spec: &RunSpec) -> Job {
        Job {
            scenario: spec.scenario.name.clone(),
            resolved: Resolved::new(spec),
            reproduce: reproduce(protocol, spec),
        }
    }
}

/// A checker's name and its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The checker.
    pub checker: String,
    /// Its verdict.
    pub verdict: Verdict,
}

impl Judged {
    /// The verdict in a word, how many obligations it counts, and its reason.
    pub fn words(&self) -> (&'static str, u64, &str) {
        match &self.verdict {
            Verdict::Pass { checked } => ("pass", *checked, ""),
            Verdict::Vacuous(what) => ("vacuous", 0, what),
            Verdict::NotApplicable(why) => ("n/a", 0, why),
            Verdict::Unknown(why) => ("unknown", 0, why),
            Verdict::Fail(counterexample) => ("fail", 0, &counterexample.reason),
        }
    }
}

/// How many operations ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpCounts {
    /// Successes.
    pub ok: u64,
    /// Definite errors, which are observations.
    pub error: u64,
    /// Surely not executed.
    pub refused: u64,
    /// Unknown, or open at the end.
    pub unknown: u64,
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The scenario's name.
    pub scenario: String,
    /// The protocol's name.
    pub protocol: &'static str,
    /// The seed.
    pub seed: u64,
    /// The ids of the bugs that were on.
    pub mutations: Vec<&'static str>,
    /// The run hash over every event.
    pub hash: u64,
    /// What the checkers say, in the order in which they are shown.
    pub verdicts: Vec<Judged>,
    /// What the scenario expects.
    pub expect: Expect,
    /// The world's counters.
    pub stats: Stats,
    /// The synced reads that nothing could be asked of.
    pub excused: Excused,
    /// Which rare paths it took.
    pub reached: Reached,
    /// What happened before the faults were healed.
    pub noticed: Noticed,
    /// The faults that fired, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The operations, probes included.
    pub ops: OpCounts,
    /// How long the run was in virtual time.
    pub virtual_time: VirtualTime,
    /// The servers that were healed; none before that.
    pub core: Vec<NodeId>,
    /// How long recovery may take; once healed, with what servers that stay slow add to it.
    pub bound: Span,
    /// When the faults were healed.
    pub healed: Option<VirtualTime>,
    /// When the servers had converged and every client had been answered.
    pub converged: Option<VirtualTime>,
    /// What the clients saw.
    pub history: History,
    /// The run spelled out, if it was written down.
    pub recording: Option<Box<Resolved>>,
    /// How many decisions of the table were never asked for.
    pub ignored: usize,
    /// The trace, if it was asked for.
    pub trace: Option<Trace>,
    /// What repeats the run.
    pub reproduce: Reproduce,
}

/// What a run comes to, in ascending order of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// Everything held.
    Pass,
    /// Something was not checked because it never happened.
    Vacuous,
    /// Something could not be decided.
    Unknown,
    /// A violation.
    Fail,
}

impl Conclusion {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Conclusion::Pass => "pass",
            Conclusion::Vacuous => "vacuous",
            Conclusion::Unknown => "unknown",
            Conclusion::Fail => "fail",
        }
    }
}

impl RunReport {
    /// What the verdicts come to, in view of what the scenario expects.
    pub fn conclusion(&self) -> Conclusion {
        if let Expect::Fail(name) = &self.expect
            && self.failures().any(|judged| judged.checker == *name)
        {
            return Conclusion::Pass;
        }
        let is_subject = |checker: &str| self.expect == Expect::Hold(checker.to_owned());
        let counts = |checker: &str| match &self.expect {
            Expect::Hold(subject) => subject == checker,
            Expect::Pass | Expect::Fail(_) => true,
        };
        self.verdicts
            .iter()
            .map(|judged| match judged.verdict {
                Verdict::Pass { .. } => Conclusion::Pass,
                Verdict::Vacuous(_) if !counts(&judged.checker) => Conclusion::Pass,
                Verdict::NotApplicable(_) if !is_subject(&judged.checker) => Conclusion::Pass,
                Verdict::Vacuous(_) | Verdict::NotApplicable(_) => Conclusion::Vacuous,
                Verdict::Unknown(_) => Conclusion::Unknown,
                Verdict::Fail(_) => Conclusion::Fail,
            })
            .max()
            .unwrap_or(Conclusion::Vacuous)
    }

    /// What the checkers found, whatever the scenario expects.
    pub fn judgement(&self) -> Judgement {
        let judgements = self.verdicts.iter().map(|judged| match judged.verdict {
            Verdict::Pass { .. } | Verdict::NotApplicable(_) => Judgement::Pass,
            Verdict::Vacuous(_) => Judgement::Vacuous,
            Verdict::Unknown(_) => Judgement::Unknown,
            Verdict::Fail(_) => Judgement::Fail,
        });
        judgements.max().unwrap_or(Judgement::Vacuous)
    }

    /// The verdicts that report a violation.
    pub fn failures(&self) -> impl Iterator<Item = &Judged> {
        self.verdicts
            .iter()
            .filter(|judged| matches!(judged.verdict, Verdict::Fail(_)))
    }

    /// The violation that a report of the run is about: the first in the order of the checkers.
    /// The smallest scenario and the story are about the same one.
    pub fn headline(&self) -> Option<&Judged> {
        self.failures().next()
    }

    /// How many kinds of fault fired.
    pub fn fault_kinds(&self) -> usize {
        self.faults.values().filter(|count| **count > 0).count()
    }
}

/// Performs a run on this thread, which must be a fresh one: see
/// [`crate::run::registry::Registration::run`].
pub(crate) fn execute<P: Protocol>(name: &'static str, job: Job) -> RunReport {
    panics::watch_this_thread();
    let blank = blank(name, &job);
    let report = blank.clone();
    let seed = job.resolved.world.seed;
    let inside = move || drive::<P>(job.resolved, report);
    let outcome = catch_unwind(AssertUnwindSafe(|| in_runtime(seed, inside)));
    // Only the construction of the world can panic past `drive`, which catches its own panics.
    outcome.unwrap_or_else(|_| {
        let mut report = blank;
        report.verdicts.push(panicked(VirtualTime(0)));
        report
    })
}

fn blank(protocol: &'static str, job: &Job) -> RunReport {
    RunReport {
        scenario: job.scenario.clone(),
        protocol,
        seed: job.resolved.world.seed,
        mutations: mutation_ids(job.resolved.world.mutations),
        hash: 0,
        verdicts: Vec::new(),
        expect: job.resolved.expect.clone(),
        stats: Stats::default(),
        excused: Excused::default(),
        reached: Reached::default(),
        noticed: Noticed::default(),
        faults: BTreeMap::new(),
        ops: OpCounts::default(),
        virtual_time: VirtualTime(0),
        core: Vec::new(),
        bound: job.resolved.bound,
        healed: None,
        converged: None,
        history: History::default(),
        recording: None,
        ignored: 0,
        trace: None,
        reproduce: job.reproduce.clone(),
    }
}

fn judged(checker: &str, verdict: Verdict) -> Judged {
    Judged {
        checker: checker.to_owned(),
        verdict,
    }
}

/// The verdict on a panic: a crash of a checker says nothing about the protocol.
fn panicked(at: VirtualTime) -> Judged {
    let panic = panics::take();
    let reason = panic.text();
    let verdict = if panic.is_in_checker() {
        Verdict::Unknown(format!("a checker panicked: {reason}"))
    } else {
        Verdict::Fail(Box::new(Counterexample {
            rule: panic.place,
            at,
            reason,
            subjects: Subjects::none(),
        }))
    };
    judged("invariant", verdict)
}

/// Both phases, then the verdicts.
fn drive<P: Protocol>(resolved: Resolved, mut report: RunReport) -> RunReport {
    let setting = resolved.world.clone();
    let mut drive = Drive::<P>::new(resolved);
    let ended = catch_unwind(AssertUnwindSafe(|| drive.run()));
    let at = drive.now();
    report.verdicts.push(match ended {
        Ok(Ok(steps)) => judged("invariant", Verdict::Pass { checked: steps }),
        Ok(Err(unknown)) => judged("invariant", Verdict::Unknown(unknown)),
        Err(_) => {
            drive.abandon();
            panicked(at)
        }
    });
    match catch_unwind(AssertUnwindSafe(|| drive.finish())) {
        Ok(verdicts) => {
            let verdicts = verdicts.into_iter();
            report
                .verdicts
                .extend(verdicts.map(|(checker, verdict)| judged(checker, verdict)));
        }
        Err(_) => report.verdicts.push(panicked(at)),
    }
    report.verdicts.push(judged("coverage", drive.coverage()));
    drive.fill(&mut report);
    report.ops = count(&report.history);
    expectation(&mut report);
    if setting.trace {
        let (events, left_off) = drive.take_trace();
        let counting = (P::EPOCHS, P::SLOTS);
        let commit = setting.phases::<P>().commit.rule();
        let header = header(&report, &setting, counting, commit, left_off);
        report.trace = Some(Trace::new(header, events));
    }
    report
}

/// What a trace says of its run.
fn header(
    report: &RunReport,
    setting: &WorldSpec,
    (epochs, slots): (Epochs, Slots),
    commit: QuorumRule,
    left_off: u64,
) -> Header {
    let servers = setting.voters + setting.observers;
    Header {
        schema: TRACE_VERSION,
        scenario: report.scenario.clone(),
        protocol: report.protocol.to_owned(),
        ballots: epochs == Epochs::InVotes,
        slots,
        seed: report.seed,
        mutations: mutation_ids(setting.mutations)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        hash: format!("{:016x}", report.hash),
        verdict: report.judgement(),
        failures: report
            .verdicts
            .iter()
            .filter_map(|judged| match &judged.verdict {
                Verdict::Fail(counterexample) => Some(Failure {
                    checker: judged.checker.clone(),
                    at: counterexample.at,
                    reason: counterexample.reason.clone(),
                    subjects: counterexample.subjects.clone(),
                }),
                Verdict::Pass { .. }
                | Verdict::Vacuous(_)
                | Verdict::NotApplicable(_)
                | Verdict::Unknown(_) => None,
            })
            .collect(),
        nodes: (1..=servers)
            .map(|number| ServerLine {
                id: NodeId(number),
                observer: number > setting.voters,
            })
            .collect(),
        commit,
        clients: setting.clients,
        reproduce: report.reproduce.to_string(),
        run: report.reproduce.run().to_owned(),
        end: report.virtual_time,
        healed: report.healed,
        left_off,
    }
}

fn count(history: &History) -> OpCounts {
    let mut counts = OpCounts::default();
    for operation in &history.operations {
        match &operation.outcome {
            Some(Outcome::Answered { answer: Ok(_), .. }) => counts.ok += 1,
            Some(Outcome::Answered { answer: Err(_), .. }) => counts.error += 1,
            Some(Outcome::Refused(_)) => counts.refused += 1,
            Some(Outcome::Unknown) | None => counts.unknown += 1,
        }
    }
    counts
}

/// A scenario that expects a violation fails if there is none.
fn expectation(report: &mut RunReport) {
    let Expect::Fail(name) = report.expect.clone() else {
        return;
    };
    let verdict = if report.failures().any(|judged| judged.checker == name) {
        Verdict::Pass { checked: 1 }
    } else {
        Verdict::Fail(Box::new(Counterexample {
            rule: Rule::here(),
            at: report.virtual_time,
            reason: format!("the scenario expects {name} to report a violation, and it did not"),
            subjects: Subjects::none(),
        }))
    };
    report.verdicts.push(judged("expectation", verdict));
}
