//! The arguments, as clap reads them.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::diagnose::artefacts;
use crate::histories::FailedSwap;
use crate::histories::judge::{Mode, ModelName};
use crate::trace::export::Format;

use super::output::processors;
use super::values::{
    bytes, duration, events, failed_swap, format, mode, model, perhaps_none, seed, seeds,
};

/// What can be repeated.
const REPEATED: &str =
    "The scenario file, a replay bundle (*.json), or the folder that a failing run left";

/// Which violation a story is about.
const MEANT: &str =
    "Which violation is meant, by its checker [default: the expected one, else the first]";

const EXIT_CODES: &str = "Exit codes: 0 everything held, 1 a violation, 2 bad usage or scenario, \
                          3 inconclusive, 4 nondeterminism (or another hash than a bundle's), \
                          6 vacuous, 70 internal error, 130 interrupted.";

/// Keeps coordination protocols in one enclosure: the same tree, clients, faults and checkers, on a
/// virtual network, clock and disk.
#[derive(Clone, Debug, Parser)]
#[command(name = "menagerie", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario once and print what every checker found
    Run(RunArguments),
    /// Run a scenario under many seeds
    Campaign(CampaignArguments),
    /// Shrink a failing run to the smallest one that fails in the same way
    Shrink(ShrinkArguments),
    /// Find what a failure needs: which faults, deliveries and operations, and from when on
    Blame(BlameArguments),
    /// Explain a failing run in plain sentences
    Explain(ExplainArguments),
    /// Repeat the run of a bundle, and compare its hash
    Replay(ReplayArguments),
    /// List the scenarios
    Scenarios(ScenariosArguments),
    /// List the protocols
    Protocols,
    /// List the mutations: bugs that can be switched on
    Mutations,
    /// Replay transcripts of a real ZooKeeper and list what is answered differently here
    Conform(ConformArguments),
    /// Write a run as one HTML page: lanes, messages, faults, operations and what a checker found
    Timeline(TimelineArguments),
    /// Judge recorded histories: is there an order that explains what was answered?
    Check(CheckArguments),
    /// Find where two runs part: their first event that differs
    Diff(DiffArguments),
    /// Write a run's history or trace in the format of another tool
    Export(ExportArguments),
    /// Run the fixed set of campaigns and write REPORT.md
    Report(ReportArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct What {
    /// The scenario file
    pub(super) scenario: String,
    /// The protocol; `all` runs each of them [default: all, or the one that --mutate concerns]
    #[arg(long, value_name = "NAME|all")]
    pub(super) protocol: Option<String>,
    /// Switch a bug on, by its id or name; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) mutate: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

/// What a failing run leaves.
#[derive(Clone, Debug, Args)]
pub(super) struct ArtefactArguments {
    /// Where a failing run leaves its files: FOLDER/<scenario>/<protocol>-<seed>/
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    pub(super) out: PathBuf,
    /// Write no files
    #[arg(long, visible_alias = "no-artefacts", conflicts_with = "force")]
    pub(super) no_artifacts: bool,
    /// Overwrite the files of another run
    #[arg(long)]
    pub(super) force: bool,
    /// How the trace of a failing run is kept; every command reads both files
    #[arg(long, value_enum, default_value = "xz")]
    pub(super) events: Events,
    /// Stop shrinking a failing run to its smallest scenario after this time; 0s does not shrink it
    #[arg(long, value_name = "T", value_parser = perhaps_none, default_value = "5m")]
    pub(super) shrink: Duration,
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
    pub(super) what: What,
    #[command(flatten)]
    pub(super) artefacts: ArtefactArguments,
    /// The seed, decimal or 0x hexadecimal
    #[arg(long, value_name = "N", default_value = "1", value_parser = seed,
          allow_hyphen_values = true)]
    pub(super) seed: u64,
    /// Print every event
    #[arg(long, conflicts_with = "json")]
    pub(super) trace: bool,
    /// Print the configuration that the seed resolves to, faults included, instead of running it
    #[arg(long, conflicts_with_all = ["json", "trace"])]
    pub(super) print_config: bool,
}

/// One run and a violation of it, for commands that repeat the run.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("scenario", |argument| argument.help(REPEATED)))]
pub(super) struct OneRun {
    #[command(flatten)]
    pub(super) what: What,
    /// The seed, decimal or 0x hexadecimal
    #[arg(long, value_name = "N", default_value = "1", value_parser = seed,
          allow_hyphen_values = true)]
    pub(super) seed: u64,
    /// Which violation is meant, by its checker [default: the first of the run]
    #[arg(long, value_name = "NAME")]
    pub(super) checker: Option<String>,
}

/// How many runs are performed at the same time.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Jobs {
    /// How many runs at the same time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Jobs {
    pub(super) fn count(self) -> usize {
        self.jobs.map_or_else(processors, usize::from)
    }
}

#[derive(Clone, Debug, Args)]
pub(super) struct ShrinkArguments {
    #[command(flatten)]
    pub(super) run: OneRun,
    /// How many simulated events all reruns together may take: the same result on every machine
    #[arg(long, value_name = "N", value_parser = events, default_value = "200M")]
    pub(super) budget: u64,
    /// Stop after this time, such as 30s or 5m; where that ends it, the result depends on the
    /// machine
    #[arg(long, value_name = "T", value_parser = duration, default_value = "1h")]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) jobs: Jobs,
    /// Where the smallest scenario goes
    #[arg(long, value_name = "FILE", default_value = "minimal.toml")]
    pub(super) out: String,
    /// Where its bundle goes
    #[arg(long, value_name = "FILE", default_value = "minimal.json")]
    pub(super) bundle: String,
    /// Overwrite files
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct BlameArguments {
    #[command(flatten)]
    pub(super) run: OneRun,
    #[command(flatten)]
    pub(super) jobs: Jobs,
}

#[derive(Clone, Debug, Args)]
#[command(mut_arg("checker", |argument| argument.help(MEANT)))]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    pub(super) run: OneRun,
    /// List every step, not only those that matter most
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
    /// None: for measuring
    None,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CampaignArguments {
    #[command(flatten)]
    pub(super) what: What,
    #[command(flatten)]
    pub(super) artefacts: ArtefactArguments,
    /// The seeds from A up to, not including, B
    #[arg(long, value_name = "A..B", value_parser = seeds, allow_hyphen_values = true)]
    pub(super) seeds: Range<u64>,
    #[command(flatten)]
    pub(super) jobs: Jobs,
    /// Which checkers watch
    #[arg(long, value_enum, default_value = "all")]
    pub(super) checks: Checks,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ScenariosArguments {
    /// Where the scenarios are
    #[arg(long, value_name = "FOLDER", default_value = "scenarios")]
    pub(super) folder: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ConformArguments {
    /// The transcripts, such as those in tests/data/oracle
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CheckArguments {
    /// The histories: lines of JSON, or Jepsen's EDN; plain or compressed by xz
    #[arg(value_name = "FILE", required_unless_present = "manifest")]
    pub(super) files: Vec<PathBuf>,
    /// What they are about
    #[arg(long, value_name = "MODEL", value_parser = model, required_unless_present = "manifest")]
    pub(super) model: Option<ModelName>,
    /// The promise that is checked: linearizable or zookeeper
    #[arg(long, value_name = "MODE", value_parser = mode, default_value = "linearizable")]
    pub(super) mode: Mode,
    /// What a failed compare-and-set means: observed-mismatch or dropped
    #[arg(long, value_name = "MEANING", value_parser = failed_swap,
          default_value = "observed-mismatch")]
    pub(super) fail_cas: FailedSwap,
    /// How long the check of a file may take, parsing apart, such as 500ms or 2m
    #[arg(long, value_name = "T", value_parser = duration, default_value = "60s")]
    pub(super) timeout: Duration,
    /// How much memory a history and its check may take, such as 512M or 2G
    #[arg(long, value_name = "M", value_parser = bytes, default_value = "1G")]
    pub(super) memory: usize,
    /// Take files, models and expected verdicts from here, and report where they are wrong
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "model", "mode", "fail_cas"])]
    pub(super) manifest: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct DiffArguments {
    /// A run: SCENARIO@SEED, with mutations SCENARIO@SEED+ID, an events.jsonl(.xz) or its folder,
    /// or a replay bundle
    #[arg(value_name = "A")]
    pub(super) left: String,
    /// Another one
    #[arg(value_name = "B")]
    pub(super) right: String,
    /// The protocol of runs that are named by their seeds [default: the one the mutations concern,
    /// and for B the one of A]
    #[arg(long, value_name = "NAME")]
    pub(super) protocol: Option<String>,
    /// How many events to print before and after the difference
    #[arg(long, value_name = "N", default_value = "5")]
    pub(super) context: u16,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ExportArguments {
    /// A run: SCENARIO@SEED, with mutations SCENARIO@SEED+ID, an events.jsonl(.xz) or its folder, a
    /// replay bundle, or (for formats of histories) a history.jsonl
    #[arg(value_name = "RUN")]
    pub(super) source: String,
    /// jepsen-edn, porcupine or jsonl: the history; shiviz or perfetto: the trace
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(super) format: Format,
    /// The protocol of a run that is named by its seed [default: the one the mutations concern]
    #[arg(long, value_name = "NAME")]
    pub(super) protocol: Option<String>,
    /// Write into a file instead of printing
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long, requires = "out")]
    pub(super) force: bool,
    /// Print one JSON document that names what was written
    #[arg(long, requires = "out")]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ReportArguments {
    /// The file to write; the plots go into a folder `docs` beside it
    #[arg(long, value_name = "FILE", default_value = "REPORT.md")]
    pub(super) out: String,
    /// Run little: seconds instead of minutes
    #[arg(long)]
    pub(super) quick: bool,
    /// A line to print below the title, such as a date and a machine
    #[arg(long, value_name = "TEXT")]
    pub(super) stamp: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct TimelineArguments {
    /// The scenario file, a replay bundle (*.json), the folder that a failing run left, or the
    /// trace of a run (*.jsonl, *.jsonl.xz)
    pub(super) source: String,
    /// The protocol [default: the only one there is, or the one that --mutate concerns]
    #[arg(long, value_name = "NAME")]
    pub(super) protocol: Option<String>,
    /// The seed, decimal or 0x hexadecimal
    #[arg(long, value_name = "N", default_value = "1", value_parser = seed,
          allow_hyphen_values = true)]
    pub(super) seed: u64,
    /// Switch a bug on, by its id or name; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) mutate: Vec<String>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "timeline.html")]
    pub(super) out: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    pub(super) force: bool,
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
