//! Keeping what tells of a failing run.

use super::Trouble;
use super::arguments::ArtefactArguments;
use crate::artefacts::{Artefact, ArtefactInput, Force, write};
use crate::bundle::Bundle;
use crate::registry::Registration;
use crate::run::{Job, RunSpec};

/// Records a failing run once more and writes its artefacts; says in a line where they are, or why
/// not. That they cannot be written does not change the verdict on the run.
pub(super) fn keep(
    protocol: &Registration,
    spec: &RunSpec,
    arguments: &ArtefactArguments,
) -> Result<String, Trouble> {
    let mut job = Job::of(protocol.name, spec);
    job.resolved.world.trace = true;
    job.resolved.world.record = true;
    let report = protocol.perform(job)?;
    let Some(trace) = &report.trace else {
        return Ok("artefacts: none, because the run ended before it was recorded".to_owned());
    };
    let mut input = ArtefactInput::of(&report, trace);
    // A run that broke down on its way is not spelled out, and has no bundle.
    if let Ok(bundle) = Bundle::of(&report) {
        input = input.with(Artefact::Bundle, bundle.text());
    }
    let force = if arguments.force {
        Force::Yes
    } else {
        Force::No
    };
    Ok(match write(&arguments.out, &input, force) {
        Ok(written) => format!(
            "artefacts: {}/ ({})",
            written.folder.display(),
            written.files.join(", ")
        ),
        Err(error) => format!("artefacts: {error}"),
    })
}
