//! `menagerie scenarios`, `menagerie protocols`, `menagerie mutations`: one line each.

use std::path::Path;

use menagerie::mutation::{CATALOGUE, Concerns};
use menagerie::protocol::Replicates;

use super::output::print;
use super::{CliError, Exit};
use crate::run::registry::Registration;
use crate::scenario::{Scenario, files_in};

/// Lists the scenarios of a folder. A broken one is an error, reported after the list.
pub(super) fn scenarios(folder: &str) -> Result<Exit, CliError> {
    let files = files_in(Path::new(folder));
    if files.is_empty() {
        return Err(CliError::Usage(format!(
            "there is no scenario in {folder}/; name another folder by --folder"
        )));
    }
    let mut text = String::new();
    let mut broken = None;
    for file in &files {
        match Scenario::read(file) {
            Ok(scenario) => {
                let story = scenario.document.story.get_ref();
                let story: Vec<&str> = story.split_whitespace().collect();
                text.push_str(&format!("{file}  {}\n", story.join(" ")));
            }
            Err(error) => broken = broken.or(Some(error)),
        }
    }
    print(&text)?;
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(Exit::Held),
    }
}

/// Lists the protocols.
pub(super) fn protocols(registered: &[Registration]) -> Result<Exit, CliError> {
    let mut text = String::new();
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
        text.push_str(&format!(
            "{:<8}{replicates}; {reads}; {retries}\n",
            one.name
        ));
    }
    print(&text)?;
    Ok(Exit::Held)
}

/// Lists the mutations.
pub(super) fn mutations() -> Result<Exit, CliError> {
    let mut text = String::new();
    for entry in CATALOGUE {
        let concerns = match entry.concerns {
            Concerns::Protocol(name) => name,
            Concerns::Tree => "all",
        };
        text.push_str(&format!(
            "{:<5}{:<26}{concerns:<8}{} [{}]\n",
            entry.id, entry.name, entry.story, entry.source
        ));
    }
    print(&text)?;
    Ok(Exit::Held)
}
