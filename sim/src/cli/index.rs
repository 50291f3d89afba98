//! `menagerie index`.

use std::path::Path;

use super::arguments::IndexArguments;
use super::output::{complain, print};
use super::{CliError, Exit};
use crate::diagnose::index::{page, runs_in};
use crate::words::counted;

/// Writes one page over all runs that a folder keeps.
pub(super) fn index(arguments: &IndexArguments) -> Result<Exit, CliError> {
    let folder = Path::new(&arguments.folder);
    let found = runs_in(folder).map_err(|error| {
        CliError::Usage(format!("{} cannot be read: {error}", folder.display()))
    })?;
    for file in &found.unreadable {
        complain(&format!(
            "{} is no verdict of a run: left out",
            file.display()
        ));
    }
    if found.runs.is_empty() {
        return Err(CliError::Usage(format!(
            "{} keeps no run; a failing `run` or `campaign` leaves one there, in a folder for each \
             scenario",
            folder.display()
        )));
    }
    let file = folder.join("index.html");
    std::fs::write(&file, page(&found.runs)).map_err(|error| {
        CliError::Usage(format!("{} cannot be written: {error}", file.display()))
    })?;
    let runs = counted(found.runs.len() as u64, "run");
    print(&format!("{}: {runs}\n", file.display()))?;
    Ok(Exit::Held)
}
