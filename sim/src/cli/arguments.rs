//! The arguments, as clap reads them.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::CliError;
use super::output::processors;
use super::values::{duration, events, one_seed, perhaps_none, seed, seeds};
use crate::diagnose::artefacts;
use crate::diagnose::shrink::{Goal, Kept, Prefer, harms_a_client};
use crate::run::RunReport;
use crate::run::resolve::Resolved;

mod recordings;

pub(super) use recordings::{
    CheckArguments, ConformArguments, DiffArguments, ExportArguments, ReportArguments,
    TimelineArguments,
};

/// What can be repeated.
const REPEATED: &str = "The scenario (its name or file), a run as SCENARIO@SEED or with mutations \
                        as SCENARIO@SEED+ID, a replay bundle (*.json), or the folder of a failing \
                        run";

const EXIT_CODES: &str = "Exit codes: 0 everything held, 1 a violation, 2 bad usage or scenario, \
                          3 inconclusive, 4 nondeterminism (or another hash than a bundle's), \
                          6 vacuous, 70 internal error, 130 interrupted.";

/// Tests coordination protocols by deterministic simulation: one tree, the same clients, faults and
/// checkers for all of them, on a virtual network, clock and disk.
#[derive(Clone, Debug, Parser)]
#[command(name = "menagerie", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario under one seed and print every checker's verdict
    Run(RunArguments),
    /// Run a scenario under many seeds
    Campaign(CampaignArguments),
    /// Shrink a failing run to the smallest one that fails in the same way
    Shrink(ShrinkArguments),
    /// Find which faults, deliveries and operations a failure needs, and when it became unavoidable
    Blame(BlameArguments),
    /// Explain a failing run in plain sentences
    Explain(ExplainArguments),
    /// Repeat the run of a bundle, and compare its hash
    Replay(ReplayArguments),
    /// List the scenarios
    Scenarios(ScenariosArguments),
    /// List the protocols
    Protocols,
    /// List the checkers: what each asserts, what it needs, and which mutations it reports
    Checkers {
        /// Only these [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// List or search the mutations: known bugs that can be switched on
    Mutations(MutationsArguments),
    /// Replay transcripts of a real ZooKeeper and list the answers that differ
    Conform(ConformArguments),
    /// Write a run as one HTML page: lanes, messages, faults, operations and the violation
    Timeline(TimelineArguments),
    /// Judge recorded histories: does some order of the operations explain all answers?
    Check(CheckArguments),
    /// Find the first event in which two runs differ
    Diff(DiffArguments),
    /// Write a run's history or trace in the format of another tool
    Export(ExportArguments),
    /// Run the fixed set of campaigns and write REPORT.md
    Report(ReportArguments),
    /// Write one page over all runs that a folder keeps
    Index(IndexArguments),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Which protocols, bugs and values.
#[derive(Clone, Debug, Args)]
pub(super) struct Choice {
    /// The protocol, or `all` [default: all, or the one that --mutate concerns]
    #[arg(long, value_name = "NAME|all")]
    pub(super) protocol: Option<String>,
    /// Switch a bug on, by its id or name; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) mutate: Vec<String>,
    /// Set a key of the scenario, such as network.loss=1%; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

/// One scenario.
#[derive(Clone, Debug, Args)]
pub(super) struct OneScenario {
    /// The scenario: a name (`menagerie scenarios` lists them) or a file
    pub(super) scenario: String,
    #[command(flatten)]
    pub(super) choice: Choice,
}

/// One scenario or several.
#[derive(Clone, Debug, Args)]
pub(super) struct SeveralScenarios {
    /// The scenarios: names (`menagerie scenarios` lists them) or files
    #[arg(value_name = "SCENARIO", required = true)]
    pub(super) scenarios: Vec<String>,
    #[command(flatten)]
    pub(super) choice: Choice,
}

/// What a failing run leaves.
#[derive(Clone, Debug, Args)]
pub(super) struct ArtefactArguments {
    /// Where a failing run leaves its files: FOLDER/<scenario>/<protocol>-<seed>/
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    pub(super) out: PathBuf,
    /// Write no files
    #[arg(long, visible_alias = "no-artefacts")]
    pub(super) no_artifacts: bool,
    /// Overwrite files that this program did not write, and those of another run; those of the
    /// same scenario, protocol and seed are overwritten in any case
    #[arg(long)]
    pub(super) force: bool,
    /// How the trace of a failing run is kept; every command reads both forms
    #[arg(long, value_enum, default_value = "xz")]
    pub(super) events: Events,
    /// How long shrinking a failing run to its smallest scenario may take; 0s skips it
    #[arg(long, value_name = "T", value_parser = perhaps_none, default_value = "5m")]
    pub(super) shrink: Duration,
    #[command(flatten)]
    pub(super) shape: Shape,
}

/// What the smallest scenario shows and keeps.
#[derive(Clone, Debug, Args)]
pub(super) struct Shape {
    /// The least that the smallest scenario keeps: voters=N, observers=N or clients=N, at most as
    /// many as the run has; may be repeated [default: voters=3]
    #[arg(long, value_name = "WHAT=N")]
    keep: Vec<Kept>,
    /// Which of several violations the smallest scenario and the story are about; `client`: one
    /// that harms a client, if one is found
    #[arg(long, value_enum, value_name = "WHICH", default_value = "first")]
    prefer: WhichViolation,
}

/// Which of several violations is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WhichViolation {
    /// The first in the order of the checkers, in which verdicts are printed
    First,
    /// The first in that order that harms a client
    Client,
}

impl Shape {
    /// Of a run's violations the one that is meant.
    pub(super) fn meant<'a>(&self, report: &'a RunReport) -> Option<&'a str> {
        let mut harm = report
            .failures()
            .filter(|_| self.prefer == WhichViolation::Client);
        let harm = harm.find(|judged| harms_a_client(&judged.checker));
        let meant = harm.or_else(|| report.headline());
        meant.map(|judged| judged.checker.as_str())
    }

    /// Refuses to keep what a run does not have.
    pub(super) fn check(&self, run: &Resolved) -> Result<(), CliError> {
        let world = &run.world;
        for kept in &self.keep {
            let (what, wanted, there) = match *kept {
                Kept::Voters(number) => ("voters", u16::from(number), u16::from(world.voters)),
                Kept::Observers(number) => {
                    ("observers", u16::from(number), u16::from(world.observers))
                }
                Kept::Clients(number) => ("clients", number, world.clients),
            };
            if wanted > there {
                return Err(CliError::Usage(format!(
                    "--keep {what}={wanted}: more than there are; this run has {there} {what}"
                )));
            }
        }
        Ok(())
    }

    /// Whether a violation that harms a client is preferred.
    pub(super) fn prefers_clients(&self) -> bool {
        self.prefer == WhichViolation::Client
    }

    /// What a line to paste needs, to mean the same violation.
    pub(super) fn preference(&self) -> &'static str {
        match self.prefer {
            WhichViolation::First => "",
            WhichViolation::Client => " --prefer client",
        }
    }

    /// What shrinking is to show and to keep; `checker` names a violation that is meant.
    pub(super) fn goal<'a>(&self, checker: Option<&'a str>) -> Goal<'a> {
        Goal {
            checker,
            prefer: match self.prefer {
                WhichViolation::First => Prefer::First,
                WhichViolation::Client => Prefer::Client,
            },
            keep: self.keep.iter().copied().collect(),
        }
    }
}

/// How a trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Events {
    /// events.jsonl.xz, less than a tenth of the plain text
    Xz,
    /// events.jsonl
    Plain,
    /// Not at all
    None,
}

impl From<Events> for artefacts::Events {
    fn from(events: Events) -> artefacts::Events {
        match events {
            Events::Xz => artefacts::Events::Xz,
            Events::Plain => artefacts::Events::Plain,
            Events::None => artefacts::Events::None,
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) what: SeveralScenarios,
    #[command(flatten)]
    pub(super) artefacts: ArtefactArguments,
    /// The seed, decimal or 0x hexadecimal
    #[arg(long, value_name = "N", default_value = "1", value_parser = one_seed,
          allow_hyphen_values = true)]
    pub(super) seed: u64,
    /// Print every event
    #[arg(long, conflicts_with = "json")]
    pub(super) trace: bool,
    /// Write every checker's verdict as JUnit XML
    #[arg(long, value_name = "FILE", conflicts_with = "print_config")]
    pub(super) junit: Option<PathBuf>,
    /// Do not run; print the configuration that the seed resolves to, including its faults
    #[arg(long, conflicts_with_all = ["json", "trace"])]
    pub(super) print_config: bool,
}

/// One run and a violation of it, for commands that repeat the run.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("scenario", |argument| argument.help(REPEATED)))]
pub(super) struct OneRun {
    #[command(flatten)]
    pub(super) what: OneScenario,
    /// The seed, decimal or 0x hexadecimal [default: 1]
    #[arg(long, value_name = "N", value_parser = seed, allow_hyphen_values = true)]
    pub(super) seed: Option<u64>,
    /// The checker whose violation is meant [default: the one that the scenario expects, else the
    /// first in the order of the checkers]
    #[arg(long, value_name = "NAME")]
    pub(super) checker: Option<String>,
}

/// How many runs are performed at the same time.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Jobs {
    /// The number of parallel runs [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Jobs {
    pub(super) fn count(self) -> usize {
        self.jobs.map_or_else(processors, usize::from)
    }
}

#[derive(Clone, Debug, Args)]
#[command(mut_arg("checker", |argument| argument.conflicts_with("prefer")))]
pub(super) struct ShrinkArguments {
    #[command(flatten)]
    pub(super) run: OneRun,
    /// How many simulated events all reruns together may take; the result is the same on every
    /// machine
    #[arg(long, value_name = "N", value_parser = events, default_value = "200M")]
    pub(super) budget: u64,
    /// Stop after this time, such as 30s or 5m; if that ends the search, the result depends on the
    /// machine
    #[arg(long, value_name = "T", value_parser = duration, default_value = "1h")]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) jobs: Jobs,
    /// The file for the smallest scenario
    #[arg(long, value_name = "FILE", default_value = "minimal.toml")]
    pub(super) out: String,
    /// The file for its bundle [default: beside the scenario, with the ending .json]
    #[arg(long, value_name = "FILE")]
    pub(super) bundle: Option<String>,
    /// Overwrite files
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) shape: Shape,
}

#[derive(Clone, Debug, Args)]
pub(super) struct BlameArguments {
    #[command(flatten)]
    pub(super) run: OneRun,
    #[command(flatten)]
    pub(super) jobs: Jobs,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    pub(super) run: OneRun,
    /// Print every step, not only the most important ones
    #[arg(long)]
    pub(super) full: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ReplayArguments {
    /// The replay bundle (*.json), or the folder that a failing run left
    #[arg(value_name = "BUNDLE")]
    pub(super) bundle: String,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Checks {
    /// Every checker
    All,
    /// No checker, for measurements
    None,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CampaignArguments {
    #[command(flatten)]
    pub(super) what: SeveralScenarios,
    #[command(flatten)]
    pub(super) artefacts: ArtefactArguments,
    /// The seeds from A up to B, without B
    #[arg(long, value_name = "A..B", value_parser = seeds, allow_hyphen_values = true)]
    pub(super) seeds: Option<Range<u64>>,
    /// Run consecutive seeds, starting at a random one (which is printed), for this time, such as
    /// 10m; all scenarios and protocols share the time
    #[arg(long = "for", value_name = "T", value_parser = duration, conflicts_with = "seeds")]
    pub(super) time: Option<Duration>,
    /// End each scenario and protocol at its first failure
    #[arg(long, conflicts_with = "max_failures")]
    pub(super) fail_fast: bool,
    /// End each scenario and protocol at this many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_failures: Option<u64>,
    #[command(flatten)]
    pub(super) jobs: Jobs,
    /// Which checkers run
    #[arg(long, value_enum, default_value = "all")]
    pub(super) checks: Checks,
    /// Write the outcome of every seed as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Draw the figures that users would notice as SVG
    #[arg(long, value_name = "FILE")]
    pub(super) plot: Option<PathBuf>,
    /// Write a page with the figures, the outcome of each seed, faults, rare paths and plots
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct MutationsArguments {
    /// List only mutations that match all of these: a tracker id (ZOOKEEPER-2678), a concept
    /// (phase 1, stable storage, fencing), a checker, a protocol, or any words
    #[arg(value_name = "WORDS")]
    pub(super) words: Vec<String>,
    /// List only bugs that are recorded for this release of ZooKeeper; of those that the words
    /// find, say whether it has them
    #[arg(long, value_name = "RELEASE")]
    pub(super) affects: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct IndexArguments {
    /// The folder, as given to --out of `run` and `campaign`; the page is its index.html
    #[arg(value_name = "FOLDER", default_value = "out")]
    pub(super) folder: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ScenariosArguments {
    /// List the scenario files of a folder instead of the scenarios known by name
    #[arg(long, value_name = "FOLDER")]
    pub(super) folder: Option<String>,
    /// Print a scenario's file
    #[arg(long, value_name = "NAME", conflicts_with = "folder")]
    pub(super) show: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
