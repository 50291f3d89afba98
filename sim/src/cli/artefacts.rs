//! Keeping what tells of a failing run.

use super::arguments::ArtefactArguments;
use crate::artefacts::{ArtefactInput, Force, write};
use crate::run::RunReport;

/// Writes the artefacts of a recorded run; says in a line where they are, or why not. That they
/// cannot be written does not change the verdict on the run.
pub(super) fn keep(report: &RunReport, arguments: &ArtefactArguments) -> String {
    let Some(trace) = &report.trace else {
        return "artefacts: none, because the run ended before it was recorded".to_owned();
    };
    let force = if arguments.force {
        Force::Yes
    } else {
        Force::No
    };
    let input = ArtefactInput::of(report, trace);
    match write(&arguments.out, &input, force) {
        Ok(written) => format!(
            "artefacts: {}/ ({})",
            written.folder.display(),
            written.files.join(", ")
        ),
        Err(error) => format!("artefacts: {error}"),
    }
}
