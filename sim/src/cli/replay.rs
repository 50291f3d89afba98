//! `menagerie replay`.

use super::arguments::{ReplayArguments, What};
use super::document::{self, Runs, hex};
use super::output::{complain, print};
use super::{CliError, Exit, run, source};
use crate::run::registry::Registration;

/// Performs the run of a bundle, and compares its hash with the one written down.
pub(super) fn replay(
    arguments: &ReplayArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let what = What {
        scenario: arguments.bundle.clone(),
        protocol: None,
        mutate: Vec::new(),
        json: arguments.json,
    };
    let loaded = source::load(&what, 1, registered)?;
    let Some(bundle) = loaded.bundle else {
        return Err(CliError::Usage(format!(
            "{} is no bundle; `menagerie run` runs scenarios",
            arguments.bundle
        )));
    };
    let report = loaded.protocol.perform(loaded.job)?;
    let mut exit = run::verdict_exit(report.conclusion());
    let hash = hex(report.hash);
    if arguments.json {
        print(&document::text(&Runs::new(core::slice::from_ref(&report))))?;
    } else {
        print(&run::human(&report, report.hash, None, None))?;
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
