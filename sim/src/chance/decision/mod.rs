//! Decisions: everything that chance settles in a run, by name.
//!
//! In a run from a seed every decision is drawn. A *table* makes a run independent of the dice:
//! what it names is as it says, and everything else takes its *plain* course: messages take the
//! median of their latency and none is lost or doubled, disks take the median too, power takes
//! everything that was not synced, clocks do not drift, and timers take a fixed place in their
//! range, another one for each server, so that nobody duels for ever. So a table lists what was
//! irregular about a run, and a shorter table is a simpler run.
//!
//! A decision of a table that is never asked for (its message does not exist any more) is ignored
//! and counted.

mod meaning;
mod name;

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie::ids::{Span, VirtualTime};
use serde::{Deserialize, Serialize};

pub use name::{Name, Part, Phase};

/// Decisions by their names. Spans are in nanoseconds, counts and flags are numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Table(pub BTreeMap<Name, u64>);

/// Where a run's decisions come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The dice of the run's seed.
    #[default]
    Dice,
    /// A table; what it does not name is plain.
    Table(Arc<Table>),
    /// A table up to a moment, and then the dice.
    Until {
        /// The table.
        table: Arc<Table>,
        /// The moment, from the run's beginning.
        until: Span,
    },
}

/// Settles the decisions of one run.
#[derive(Debug)]
pub struct Decider {
    /// Whether every decision is simply drawn: the fast path.
    draws_only: bool,
    table: Option<Arc<Table>>,
    /// From here on the dice decide again.
    until: VirtualTime,
    /// The present moment.
    pub(crate) now: VirtualTime,
    /// How many decisions of the table were asked for.
    used: usize,
    /// The irregular decisions so far, if they are written down.
    record: Option<Table>,
}

impl Decider {
    /// Settles from `source`, and writes down what is irregular if `record` says so.
    pub fn new(source: &Source, record: bool) -> Decider {
        let (table, until) = match source {
            Source::Dice => (None, VirtualTime(0)),
            Source::Table(table) => (Some(Arc::clone(table)), VirtualTime(u64::MAX)),
            Source::Until { table, until } => (Some(Arc::clone(table)), VirtualTime(until.0)),
        };
        Decider {
            draws_only: table.is_none() && !record,
            table,
            until,
            now: VirtualTime(0),
            used: 0,
            record: record.then(Table::default),
        }
    }

    /// Settles one decision: from the dice, or from the table. A name is asked for once in a run.
    #[inline]
    pub fn settle(
        &mut self,
        name: impl FnOnce() -> Name,
        drawn: impl FnOnce() -> u64,
        plain: impl FnOnce() -> u64,
    ) -> u64 {
        if self.draws_only {
            return drawn();
        }
        let plain = plain();
        let name = name();
        let value = match &self.table {
            None => drawn(),
            Some(_) if self.now >= self.until => drawn(),
            Some(table) => match table.0.get(&name) {
                Some(value) => {
                    self.used += 1;
                    *value
                }
                None => plain,
            },
        };
        if let Some(record) = &mut self.record
            && value != plain
        {
            record.0.insert(name, value);
        }
        value
    }

    /// How many decisions of the table were never asked for.
    pub fn ignored(&self) -> usize {
        let all = self.table.as_ref().map_or(0, |table| table.0.len());
        all - self.used
    }

    /// What was written down.
    pub fn take_record(&mut self) -> Table {
        self.record.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name::Drift { node: 1 };
    const OTHER: Name = Name::Drift { node: 2 };

    #[test]
    fn the_dice_decide_where_there_is_no_table() {
        let mut decider = Decider::new(&Source::Dice, false);
        assert_eq!(decider.settle(|| NAME, || 7, || 3), 7);
        assert_eq!(decider.take_record(), Table::default());
    }

    #[test]
    fn a_table_decides_what_it_names_and_the_rest_is_plain() {
        let table = Table(BTreeMap::from([(NAME, 9), (Name::Drift { node: 3 }, 1)]));
        let mut decider = Decider::new(&Source::Table(Arc::new(table)), false);
        assert_eq!(decider.settle(|| NAME, || 7, || 3), 9);
        assert_eq!(decider.settle(|| OTHER, || 7, || 3), 3);
        assert_eq!(decider.ignored(), 1);
    }

    #[test]
    fn only_what_is_irregular_is_written_down() {
        let mut decider = Decider::new(&Source::Dice, true);
        decider.settle(|| NAME, || 7, || 3);
        decider.settle(|| OTHER, || 3, || 3);
        assert_eq!(decider.take_record(), Table(BTreeMap::from([(NAME, 7)])));
    }
}
