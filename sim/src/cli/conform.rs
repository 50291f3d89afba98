//! `menagerie conform`.

use super::arguments::ConformArguments;
use super::output::print;
use super::{CliError, Exit};
use crate::conform::conform;

/// Replays transcripts of a real ZooKeeper and prints the differences.
pub(super) fn run(arguments: &ConformArguments) -> Result<Exit, CliError> {
    let report = conform(&arguments.files, arguments.json).map_err(CliError::Usage)?;
    print(&report.text)?;
    Ok(if report.held() {
        Exit::Held
    } else {
        Exit::Violation
    })
}
