//! Scenarios as the tests read them.

use std::sync::Arc;

use menagerie_sim::scenario::Scenario;

/// Reads a scenario of this repository. Tests run in its folder, so that the lines to paste that
/// come out of them are those that a user sees.
pub fn scenario(path: &str) -> Arc<Scenario> {
    let scenario = Scenario::read(path).unwrap_or_else(|error| panic!("{}", error.picture()));
    Arc::new(scenario)
}
