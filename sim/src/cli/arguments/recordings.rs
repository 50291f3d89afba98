//! The arguments of commands that read recordings or write files about runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::values::{bytes, duration, failed_swap, format, mode, model, seed};
use crate::histories::FailedSwap;
use crate::histories::judge::{Mode, ModelName};
use crate::trace::export::Format;

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ConformArguments {
    /// The transcripts, such as those in tests/data/oracle
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CheckArguments {
    /// The histories: lines of JSON, or Jepsen's EDN; plain or compressed by xz
    #[arg(value_name = "FILE", required_unless_present = "manifest")]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// What they are about
    #[arg(long, value_name = "MODEL", value_parser = model, required_unless_present = "manifest")]
    pub(in crate::cli) model: Option<ModelName>,
    /// The promise that is checked: linearizable or zookeeper [default: zookeeper for the model
    /// znode, whose local reads promise no more; linearizable for the others]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub(in crate::cli) mode: Option<Mode>,
    /// What a failed compare-and-set means: observed-mismatch or dropped
    #[arg(long, value_name = "MEANING", value_parser = failed_swap,
          default_value = "observed-mismatch")]
    pub(in crate::cli) fail_cas: FailedSwap,
    /// How long the check of a file may take, parsing apart, such as 500ms or 2m
    #[arg(long, value_name = "T", value_parser = duration, default_value = "60s")]
    pub(in crate::cli) timeout: Duration,
    /// How much memory a history and its check may take, such as 512M or 2G
    #[arg(long, value_name = "M", value_parser = bytes, default_value = "1G")]
    pub(in crate::cli) memory: usize,
    /// Take files, models and expected verdicts from here, and report where they are wrong
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "model", "mode", "fail_cas"])]
    pub(in crate::cli) manifest: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct DiffArguments {
    /// A run: SCENARIO@SEED, with mutations SCENARIO@SEED+ID, an events.jsonl(.xz) or its folder,
    /// or a replay bundle
    #[arg(value_name = "A")]
    pub(in crate::cli) left: String,
    /// Another one
    #[arg(value_name = "B")]
    pub(in crate::cli) right: String,
    /// The protocol of runs that are named by their seeds [default: the one the mutations concern,
    /// and for B the one of A]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) protocol: Option<String>,
    /// How many events to print before and after the difference
    #[arg(long, value_name = "N", default_value = "5")]
    pub(in crate::cli) context: u16,
    /// Print one JSON document
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    /// A run: SCENARIO@SEED, with mutations SCENARIO@SEED+ID, an events.jsonl(.xz) or its folder, a
    /// replay bundle, or (for formats of histories) a history.jsonl
    #[arg(value_name = "RUN")]
    pub(in crate::cli) source: String,
    /// jepsen-edn, porcupine or jsonl: the history; shiviz or perfetto: the trace
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(in crate::cli) format: Format,
    /// The protocol of a run that is named by its seed [default: the one the mutations concern]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) protocol: Option<String>,
    /// Write into a file instead of printing
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long, requires = "out")]
    pub(in crate::cli) force: bool,
    /// Print one JSON document that names what was written
    #[arg(long, requires = "out")]
    pub(in crate::cli) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ReportArguments {
    /// The file to write; the plots go into a folder `docs` beside it
    #[arg(long, value_name = "FILE", default_value = "REPORT.md")]
    pub(in crate::cli) out: String,
    /// Run little: seconds instead of minutes
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// A line to print below the title, such as a date and a machine
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) stamp: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct TimelineArguments {
    /// The scenario (its name or file), a run as SCENARIO@SEED or (with mutations)
    /// SCENARIO@SEED+ID, a replay bundle (*.json), the folder that a failing run left, or the trace
    /// of a run (*.jsonl, *.jsonl.xz)
    pub(in crate::cli) source: String,
    /// The protocol [default: the only one there is, or the one that --mutate concerns]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) protocol: Option<String>,
    /// The seed, decimal or 0x hexadecimal [default: 1]
    #[arg(long, value_name = "N", value_parser = seed, allow_hyphen_values = true)]
    pub(in crate::cli) seed: Option<u64>,
    /// Switch a bug on, by its id or name; may be repeated
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) mutate: Vec<String>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "timeline.html")]
    pub(in crate::cli) out: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    pub(in crate::cli) force: bool,
}
