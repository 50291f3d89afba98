//! How large a run is.

use core::fmt;

use serde::Serialize;

use crate::chance::decision::Source;
use crate::run::resolve::Resolved;
use crate::words::counted;

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
        let parts = [
            (self.faults, "fault"),
            (self.operations, "operation"),
            (usize::from(self.clients), "client"),
            (usize::from(self.servers), "server"),
            (self.irregular_deliveries, "irregular delivery"),
        ];
        // What is still drawn has no number yet.
        let known = parts.iter().filter(|(count, _)| *count != usize::MAX);
        let known: Vec<String> = known
            .map(|(count, noun)| counted(*count as u64, noun))
            .collect();
        out.write_str(&known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_yet_is_not_shown() {
        let size = |irregular_deliveries| Size {
            faults: 1,
            operations: 2,
            clients: 1,
            servers: 3,
            irregular_deliveries,
        };
        let counted = "1 fault, 2 operations, 1 client, 3 servers";
        assert_eq!(size(usize::MAX).to_string(), counted);
        let all = format!("{counted}, 1 irregular delivery");
        assert_eq!(size(1).to_string(), all);
    }
}
