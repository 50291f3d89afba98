//! Replays the order that was found: what changed at which zxid.

use std::collections::BTreeMap;

use super::constraint::Kind;
use super::constraints::Constraints;
use super::footprints::{footprint_of, sets_rights};
use super::repairs::Repairs;
use super::{Options, Report, newborn, survey, tree};
use crate::history::History;
use crate::ids::Zxid;
use crate::linear::{Budget, Limit};
use crate::tree::{Path, Request, Write};
use crate::znode::model::Change;

/// One change and the transaction that made it.
#[derive(Clone, Debug)]
pub(crate) struct Dated {
    pub zxid: Zxid,
    pub change: Change,
    /// Whether it surely happened, and those that may hear of it are surely permitted to.
    pub is_sure: bool,
}

/// Where something may have changed without any answer showing it.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// By path: above the first and through the second.
    at: BTreeMap<Path, Vec<(u64, u64)>>,
    /// By the beginning of the path, which a number ends.
    prefixed: Vec<(Path, (u64, u64))>,
}

impl Doubts {
    /// Something at this path.
    pub fn add(&mut self, path: Path, window: (u64, u64)) {
        self.at.entry(path).or_default().push(window);
    }

    /// Something at a path that begins so.
    pub fn add_prefixed(&mut self, prefix: Path, window: (u64, u64)) {
        self.prefixed.push((prefix, window));
    }

    /// Whether there may be something at a path above `after` through `through`.
    pub fn any(&self, path: &str, after: u64, through: u64) -> bool {
        let overlaps = |window: &(u64, u64)| window.0 < through && window.1 > after;
        let known = self.at.get(path).map_or(&[][..], Vec::as_slice);
        let mut prefixed = self.prefixed.iter();
        known.iter().any(overlaps)
            || prefixed.any(|(prefix, window)| path.starts_with(&**prefix) && overlaps(window))
    }
}

/// Steps between two questions to the budget.
const STEPS_PER_QUESTION: usize = 1024;

/// Where unplaced writes may have changed something.
#[derive(Default)]
struct UnplacedChanges {
    /// Within their own bounds.
    doubts: Doubts,
    /// At any time from their lower bounds on.
    ever: Doubts,
    /// As `ever`, of those that set an ACL.
    rights: Doubts,
}

impl UnplacedChanges {
    fn of(constraints: &Constraints<'_>, repairs: &Repairs) -> UnplacedChanges {
        let mut found = UnplacedChanges::default();
        let UnplacedChanges {
            doubts,
            ever,
            rights,
        } = &mut found;
        for unplaced in repairs.footprints(constraints) {
            let (above, through) = unplaced.range;
            for path in unplaced.paths {
                ever.add(path.clone(), (above, u64::MAX));
                doubts.add(path, (above, through));
            }
            for prefix in unplaced.prefixes {
                ever.add_prefixed(prefix.clone(), (above, u64::MAX));
                doubts.add_prefixed(prefix, (above, through));
            }
            let Request::Write(write) = &constraints.get(unplaced.constraint).op.request else {
                continue;
            };
            if sets_rights(write) {
                for (path, _) in footprint_of(write, None).0 {
                    rights.add(path, (above, u64::MAX));
                }
            }
        }
        found
    }
}

/// The changes in the order of a report, and where others may have been.
pub(crate) fn replayed(
    history: &History,
    options: &Options,
    report: &Report,
    budget: &mut dyn Budget,
) -> Result<(Vec<Dated>, Doubts), Limit> {
    let survey = survey(&history.operations);
    let constraints = Constraints::of(&history.operations, &survey, options);
    let repairs = Repairs::new(&constraints);
    let UnplacedChanges {
        mut doubts,
        ever,
        rights,
    } = UnplacedChanges::of(&constraints, &repairs);
    let numbers: BTreeMap<_, _> = constraints
        .all
        .iter()
        .map(|constraint| (constraint.op.id, constraint))
        .collect();
    let mut model = newborn(options);
    for session in &constraints.sessions {
        tree::open(&mut model, *session);
    }
    let mut all: Vec<Dated> = Vec::new();
    for (place, (id, zxid)) in report.order.iter().enumerate() {
        if place % STEPS_PER_QUESTION == 0
            && let Some(limit) = budget.exceeded(all.capacity() * size_of::<Dated>())
        {
            return Err(limit);
        }
        let Some(constraint) = numbers.get(id) else {
            continue;
        };
        let Request::Write(write) = &constraint.op.request else {
            continue;
        };
        if constraint.kind == Kind::Observation {
            continue;
        }
        let op = constraint.op;
        let mut changes = Vec::new();
        let _checked = model.write_telling(Zxid(*zxid), op.session, &op.ids, write, &mut changes);
        let is_placed = !matches!(constraint.kind, Kind::Effect(_));
        // What goes with a session depends on what had come.
        let is_an_end = matches!(write.bare(), Write::CloseSession | Write::ExpireSession);
        for change in changes {
            let path = &change.path;
            let is_unsure =
                is_placed || (is_an_end && ever.any(path, 0, *zxid)) || rights.any(path, 0, *zxid);
            if is_unsure {
                doubts.add(path.clone(), (zxid - 1, *zxid));
            }
            all.push(Dated {
                zxid: Zxid(*zxid),
                is_sure: !is_unsure,
                change,
            });
        }
    }
    Ok((all, doubts))
}
