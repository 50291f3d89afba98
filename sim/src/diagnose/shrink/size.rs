//! How large a run is.

use core::fmt;

use serde::Serialize;

use crate::chance::decision::Source;
use crate::run::resolve::Resolved;

/// The counts that shrinking lowers, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Size {
    /// Faults.
    pub faults: usize,
    /// Operations.
    pub operations: usize,
    /// Clients.
    pub clients: u16,
    /// Servers.
    pub servers: u8,
    /// Decisions that are not plain; of a run that draws, as many as can be.
    pub irregular_deliveries: usize,
}

impl Size {
    /// The size of a run.
    pub fn of(run: &Resolved) -> Size {
        let script = run.script.as_ref();
        Size {
            faults: run.plan.faults.len(),
            operations: script.map_or(usize::MAX, |script| script.operations.len()),
            clients: run.world.clients,
            servers: run.world.voters + run.world.observers,
            irregular_deliveries: match &run.world.decisions {
                Source::Dice | Source::Until { .. } => usize::MAX,
                Source::Table(table) => table.0.len(),
            },
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} faults, {} operations, {} clients, {} servers, {} irregular deliveries",
            self.faults, self.operations, self.clients, self.servers, self.irregular_deliveries
        )
    }
}
