//! The command line: stdout is the result, stderr the progress.
//!
//! Exit codes: 0 everything held, 1 a violation, 2 bad usage or a bad scenario, 3 inconclusive,
//! 4 nondeterminism, 6 vacuous, 70 an internal error, 130 interrupted. Over several runs the
//! gravest counts. In this order: an internal error, bad usage, interrupted, a violation,
//! nondeterminism, inconclusive, vacuous.

mod arguments;
mod artefacts;
mod blame;
mod campaign;
mod check;
mod conform;
mod destination;
mod diff;
mod document;
mod explain;
mod export;
mod index;
mod interrupt;
mod junit;
mod list;
mod mutations;
mod output;
mod progress;
mod recording;
mod replay;
mod report;
mod run;
mod select;
mod shell;
mod shrink;
mod source;
mod timeline;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::run::internal::Internal;
use crate::run::program;
use crate::run::registry::{Registration, announce};
use crate::scenario::ScenarioError;
use arguments::{Arguments, Command};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Held,
    Violation,
    Usage,
    Inconclusive,
    Nondeterminism,
    Vacuous,
    Internal,
    Interrupted,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Held => 0,
            Exit::Violation => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::Nondeterminism => 4,
            Exit::Vacuous => 6,
            Exit::Internal => 70,
            Exit::Interrupted => 130,
        }
    }

    /// Of the outcomes of two runs of one command, the one that its exit code reports.
    fn graver(self, other: Exit) -> Exit {
        let gravity = |exit: Exit| match exit {
            Exit::Held => 0,
            Exit::Vacuous => 1,
            Exit::Inconclusive => 2,
            Exit::Nondeterminism => 3,
            Exit::Violation => 4,
            Exit::Interrupted => 5,
            Exit::Usage => 6,
            Exit::Internal => 7,
        };
        if gravity(other) > gravity(self) {
            other
        } else {
            self
        }
    }
}

/// Why a command gave up.
#[derive(Debug)]
enum CliError {
    /// A wrong argument: what is wrong and what would be right.
    Usage(String),
    /// A wrong scenario.
    Scenario(ScenarioError),
    /// The simulator failed.
    Internal(Internal),
    /// The output cannot be written.
    Output(std::io::Error),
}

impl From<ScenarioError> for CliError {
    fn from(error: ScenarioError) -> CliError {
        CliError::Scenario(error)
    }
}

impl From<Internal> for CliError {
    fn from(error: Internal) -> CliError {
        CliError::Internal(error)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> CliError {
        CliError::Output(error)
    }
}

/// Runs the command line over these protocols: all of `menagerie`, also for protocols of one's own.
pub fn main(protocols: &[Registration]) -> ExitCode {
    let started_as = std::env::args_os().next().unwrap_or_default();
    program::started_as(&started_as.to_string_lossy());
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are results, the rest is usage; a closed pipe changes neither.
            let code = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Held
            };
            let _ = error.print();
            if asks_a_run_for_seeds(&error) {
                output::complain(&format!(
                    "`run` has one seed, --seed N; a range of seeds: {} campaign SCENARIO --seeds \
                     A..B",
                    program::program()
                ));
            }
            return ExitCode::from(code.code());
        }
    };
    listen();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        announce(protocols).map_err(CliError::Usage)?;
        dispatch(&arguments.command, protocols)
    }));
    let exit = match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(trouble)) => tell(trouble),
        Err(_) => {
            output::complain("internal error: see the panic above; please report it");
            Exit::Internal
        }
    };
    ExitCode::from(exit.code())
}

/// The arguments, as clap reads them, under the name by which the program was started.
fn parse() -> Result<Arguments, clap::Error> {
    let matches = command().try_get_matches()?;
    Arguments::from_arg_matches(&matches)
}

/// Whether what is wrong is `run --seeds`.
fn asks_a_run_for_seeds(error: &clap::Error) -> bool {
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => name.as_str(),
        Some(_) | None => return false,
    };
    std::env::args().nth(1).as_deref() == Some("run") && named.starts_with("--seeds")
}

/// The command line with the program's own name.
fn command() -> clap::Command {
    Arguments::command()
        .name(program::program())
        .bin_name(program::program())
}

/// `RUST_LOG=trace` writes the events of runs to stderr as they happen: for a run that never ends.
fn listen() {
    if std::env::var_os("RUST_LOG").is_none() {
        return;
    }
    // Without the wall time, which means nothing inside a run: events carry the virtual time.
    let log = tracing_subscriber::fmt()
        .without_time()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr);
    // A program around this one may have set up its own log already.
    let _ = log.try_init();
}

fn dispatch(command: &Command, protocols: &[Registration]) -> Result<Exit, CliError> {
    match command {
        Command::Run(arguments) => run::run(arguments, protocols),
        Command::Campaign(arguments) => campaign::campaign(arguments, protocols),
        Command::Shrink(arguments) => shrink::shrink(arguments, protocols),
        Command::Blame(arguments) => blame::blame(arguments, protocols),
        Command::Explain(arguments) => explain::explain(arguments, protocols),
        Command::Replay(arguments) => replay::replay(arguments, protocols),
        Command::Scenarios(arguments) => list::scenarios(arguments),
        Command::Protocols => list::protocols(protocols),
        Command::Checkers { names } => list::checkers(names, protocols),
        Command::Mutations(arguments) => mutations::mutations(arguments, protocols),
        Command::Index(arguments) => index::index(arguments),
        Command::Completions { shell } => shell::completions(*shell),
        Command::Man => shell::man(),
        Command::Conform(arguments) => conform::run(arguments),
        Command::Timeline(arguments) => timeline::timeline(arguments, protocols),
        Command::Check(arguments) => check::check(arguments),
        Command::Diff(arguments) => diff::diff(arguments, protocols),
        Command::Export(arguments) => export::export(arguments, protocols),
        Command::Report(arguments) => report::report(arguments, protocols),
    }
}

fn tell(trouble: CliError) -> Exit {
    match trouble {
        CliError::Usage(message) => {
            output::complain(&format!("error: {message}"));
            Exit::Usage
        }
        CliError::Scenario(error) => {
            output::complain(error.picture().trim_end());
            Exit::Usage
        }
        CliError::Internal(Internal(message)) => {
            output::complain(&format!("internal error: {message}"));
            Exit::Internal
        }
        CliError::Output(error) => {
            output::complain(&format!("error: the output cannot be written: {error}"));
            Exit::Internal
        }
    }
}
