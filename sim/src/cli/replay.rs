//! `menagerie replay`.

use std::path::Path;

use super::arguments::ReplayArguments;
use super::document::{self, Runs, hex};
use super::output::{complain, print};
use super::source::BUNDLE;
use super::{CliError, Exit, run, source};
use crate::run::program::program;
use crate::run::registry::Registration;

/// Performs the run of a bundle, and compares its hash with the one written down.
pub(super) fn replay(
    arguments: &ReplayArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let path = Path::new(&arguments.bundle);
    let is_named_so = path.extension().is_some_and(|end| end == "json");
    if path.is_file() && !is_named_so {
        return Err(CliError::Usage(format!(
            "{} is no replay bundle: expected a *.json such as {BUNDLE}, or the folder that a \
             failing run left; `{} run` runs scenarios",
            arguments.bundle,
            program()
        )));
    }
    let what = source::what(arguments.bundle.clone(), None, Vec::new());
    let loaded = source::load(&what, None, registered)?;
    let Some(bundle) = loaded.bundle else {
        return Err(CliError::Usage(format!(
            "{} is no bundle; `{} run` runs scenarios",
            arguments.bundle,
            program()
        )));
    };
    let report = loaded.protocol.perform(loaded.job)?;
    let mut exit = run::verdict_exit(report.conclusion());
    let hash = hex(report.hash);
    if arguments.json {
        print(&document::text(&Runs::of(&report)))?;
    } else {
        print(&(run::human(&report, None) + "\n"))?;
    }
    if report.ignored > 0 {
        complain(&format!(
            "{} decisions of the bundle were ignored: what they are about did not happen",
            report.ignored
        ));
    }
    if hash != bundle.hash {
        complain(&format!(
            "the hash differs: the bundle says {}, and this run has {hash}; the bundle was edited, \
             or made by another version",
            bundle.hash
        ));
        exit = exit.graver(Exit::Nondeterminism);
    }
    Ok(exit)
}
