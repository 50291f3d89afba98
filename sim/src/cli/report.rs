//! `menagerie report`.

use super::arguments::ReportArguments;
use super::{Exit, Trouble};
use crate::registry::Registration;

/// Not there yet: says so.
pub(super) fn report(
    arguments: &ReportArguments,
    protocols: &[Registration],
) -> Result<Exit, Trouble> {
    Err(Trouble::Usage(format!(
        "this build cannot write a report on {} protocols to {}",
        protocols.len(),
        arguments.out
    )))
}
