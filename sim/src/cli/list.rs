//! `menagerie scenarios`, `menagerie protocols`, `menagerie checkers`: one line each.

use std::path::Path;

use menagerie::check::CHECKERS;
use menagerie::mutation::{Entry, known};
use menagerie::protocol::Replicates;

use super::arguments::ScenariosArguments;
use super::output::{columns, print};
use super::{CliError, Exit};
use crate::run::registry::Registration;
use crate::scenario::embedded::{find, names};
use crate::scenario::{Scenario, files_in};
use crate::words::suggestion;

/// Lists the scenarios: those known by name, or the files of a folder; or prints one of them.
pub(super) fn scenarios(arguments: &ScenariosArguments) -> Result<Exit, CliError> {
    if let Some(name) = &arguments.show {
        print(&find(name)?.text)?;
        return Ok(Exit::Held);
    }
    let names = match &arguments.folder {
        None => names(),
        Some(folder) => files_in(Path::new(folder)),
    };
    if let (true, Some(folder)) = (names.is_empty(), &arguments.folder) {
        return Err(CliError::Usage(format!(
            "there is no scenario in {folder}/; name another folder by --folder"
        )));
    }
    let mut lines = Vec::new();
    let mut broken = None;
    for name in names {
        match Scenario::read(&name) {
            Ok(scenario) => lines.push((name, scenario.document.story.into_inner())),
            // A broken one is an error, reported after the list.
            Err(error) => broken = broken.or(Some(error)),
        }
    }
    print(&columns(&lines))?;
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(Exit::Held),
    }
}

/// Lists the protocols.
pub(super) fn protocols(registered: &[Registration]) -> Result<Exit, CliError> {
    let mut lines = Vec::new();
    for one in registered {
        let replicates = match one.replicates {
            Replicates::Deltas => "replicates state deltas",
            Replicates::Commands => "replicates commands",
        };
        let reads = if one.promises.linearizable_barrier {
            "sync and read is linearizable"
        } else {
            "sync and read is ordered, not linearizable"
        };
        let retries = if one.promises.at_most_once {
            "a retried write takes effect at most once"
        } else {
            "a write is not retried"
        };
        lines.push((
            one.name.to_owned(),
            format!("{replicates}; {reads}; {retries}"),
        ));
    }
    print(&columns(&lines))?;
    Ok(Exit::Held)
}

/// The mutations that concern one of the program's protocols.
pub(super) fn mutations_of(registered: &[Registration]) -> Vec<&'static Entry> {
    let concerned = |entry: &&Entry| {
        let mut protocols = registered.iter();
        protocols.any(|protocol| entry.concerns.includes(protocol.name))
    };
    known().into_iter().filter(concerned).collect()
}

/// Lists the checkers, or those of some names.
pub(super) fn checkers(wanted: &[String], registered: &[Registration]) -> Result<Exit, CliError> {
    let lines = checker_lines(registered);
    let known = || lines.iter().map(|(name, _)| name.as_str());
    if let Some(name) = wanted.iter().find(|name| !known().any(|one| one == **name)) {
        let names: Vec<&str> = known().collect();
        return Err(CliError::Usage(format!(
            "there is no checker \"{name}\"{}; there are: {}",
            suggestion(name, known()),
            names.join(", ")
        )));
    }
    let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(name);
    let shown: Vec<_> = lines
        .into_iter()
        .filter(|(name, _)| is_wanted(name))
        .collect();
    print(&columns(&shown))?;
    Ok(Exit::Held)
}

/// Each checker, with what there is to say of it.
fn checker_lines(registered: &[Registration]) -> Vec<(String, String)> {
    let mutations = mutations_of(registered);
    let mut lines = Vec::new();
    for entry in CHECKERS {
        let reports = mutations
            .iter()
            .filter(|one| one.caught_by.contains(&entry.name));
        let ids: Vec<&str> = reports.map(|one| one.id).collect();
        let ids = if ids.is_empty() {
            String::new()
        } else {
            format!(" Reports: {}.", ids.join(", "))
        };
        let needs = entry.interests.names();
        let needs = if needs.is_empty() {
            "the clients' history and the ending".to_owned()
        } else {
            needs.join(", ")
        };
        lines.push((
            entry.name.to_owned(),
            format!("{} Needs: {needs}.{ids}", entry.asserts),
        ));
    }
    for (name, asserts) in OF_THE_RUNNER {
        lines.push((name.to_owned(), asserts.to_owned()));
    }
    lines
}

/// What the runner itself reports, by the names in which verdicts have it.
const OF_THE_RUNNER: [(&str, &str); 3] = [
    (
        "invariant",
        "No server panics: the protocols assert their invariants where their state changes.",
    ),
    (
        "coverage",
        "A write and a read were answered before the faults were healed, and some fault took \
         effect if any was planned.",
    ),
    (
        "expectation",
        "A scenario that expects a violation shows it.",
    ),
];
