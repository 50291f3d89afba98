//! The simulator's own failure.

/// The simulator itself failed: a run ended without a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Internal(pub String);
