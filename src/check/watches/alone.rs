//! Watches of a history alone.
//!
//! The order that the znode checker has found says what changed. What it had to place by itself,
//! or leaves out, may have happened at other places: of such paths nothing is claimed for as long.

use super::changes::Changes;
use super::walk;
use crate::check::Counterexample;
use crate::check::findings::Findings;
use crate::history::History;
use crate::linear::{Budget, Limit};
use crate::znode::{Options, Report, replayed};

/// Judges the events that the watches of a history's clients reported, in the order of a report
/// that holds. The first violation, if there is one.
///
/// # Errors
/// The limit of the budget that was reached first.
pub fn judge(
    history: &History,
    options: &Options,
    report: &Report,
    budget: &mut dyn Budget,
) -> Result<Option<Counterexample>, Limit> {
    let (changes, doubts) = replayed(history, options, report, budget)?;
    let mut findings = Findings::default();
    // A history does not say under which identities a connection got an event.
    walk(
        &mut findings,
        &Changes::but_for(changes, doubts),
        history,
        None,
    );
    Ok(findings.violation().cloned())
}
