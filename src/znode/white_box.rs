//! Compares a history with what the servers did.
//!
//! Answers place most writes; the places of the others, and of what servers write by themselves
//! (ends of sessions, removals of containers and of nodes that have outlived their time), come from
//! the servers. So nothing is searched for: one sweep over the history, by the rules of this module
//! alone, either confirms that the true order explains every answer, which proves the history
//! legal, or finds an answer that it does not explain.

use super::conflict::Stop;
use super::constraint::{Kind, NONE};
use super::constraints::Constraints;
use super::placements::Placements;
use super::sweep::{Placing, Revealed, Sweep};
use super::timeline::Timeline;
use super::{Options, Survey, Violation, explain};
use crate::history::History;
use crate::ids::{OpId, VirtualTime, Zxid};
use crate::linear::{Limit, Steps};
use crate::znode::model::Model;

/// What came out.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Answers that were examined.
    pub checked: usize,
    /// Where the history and the true order part, and when that showed.
    pub parting: Option<(VirtualTime, String, OpId)>,
    /// The limit that came before the end, if one did.
    pub limit: Option<Limit>,
}

/// Compares a history with what the servers did, asking the budget at most `questions_max` times.
pub(crate) fn compare(
    history: &History,
    timeline: &Timeline<'_>,
    options: &Options,
    questions_max: u64,
) -> Comparison {
    // The servers say what came unasked.
    let survey = Survey::of_what_was_asked(&history.operations);
    let constraints = Constraints::of(&history.operations, &survey, options);
    let mut comparison = Comparison {
        checked: constraints.by_completion.len(),
        parting: None,
        limit: None,
    };
    if let Some((earlier, later)) = constraints.regress {
        let violation = explain::regress(&history.operations, earlier, later);
        comparison.parting = Some(told_by(violation));
        return comparison;
    }
    if let Some((first, second)) = constraints.collision {
        comparison.parting = Some(told_by(explain::collision(&constraints, first, second)));
        return comparison;
    }
    let revelation = Revelation::of(&constraints, timeline);
    if revelation.misplaced.is_some() {
        comparison.parting = revelation.misplaced;
        return comparison;
    }
    if timeline.known_through != Zxid(u64::MAX) {
        // What follows is not known, so that answers may rest on it: only places were compared.
        comparison.checked = revelation.placed;
        return comparison;
    }
    let mut budget = Steps(questions_max);
    // Almost always everything is where the replies' zxids say.
    for placing in [Placing::AtHeader, Placing::First] {
        let mut sweep = Sweep::with_truth(&constraints, &revelation.unasked, placing, Model::new());
        match (sweep.run(&revelation.placements, &mut budget), placing) {
            (Ok(()), _) => break,
            (Err(Stop::Limit(limit)), _) => {
                comparison.limit = Some(limit);
                break;
            }
            (Err(Stop::Conflict(_)), Placing::AtHeader) => {}
            (Err(Stop::Conflict(conflict)), Placing::First) => {
                let violation = explain::conflict(&constraints, &sweep, &conflict, options);
                comparison.parting = Some(told_by(violation));
            }
        }
    }
    comparison
}

fn told_by(violation: Violation) -> (VirtualTime, String, OpId) {
    (violation.at, violation.sentence, violation.operation)
}

/// What the servers say of the constraints.
struct Revelation<'t> {
    /// The places of writes that were answered without one.
    placements: Placements,
    /// The transactions that no answer places, by zxid.
    unasked: Vec<Revealed<'t>>,
    /// How many writes are where their answers say.
    placed: usize,
    /// A write that took effect elsewhere than its answer says.
    misplaced: Option<(VirtualTime, String, OpId)>,
}

impl<'t> Revelation<'t> {
    fn of(constraints: &Constraints<'_>, timeline: &Timeline<'t>) -> Revelation<'t> {
        let mut revelation = Revelation {
            placements: Placements::new(),
            unasked: Vec::new(),
            placed: 0,
            misplaced: None,
        };
        for step in &timeline.steps {
            let constraint = step.operation.map_or(NONE, |operation| {
                let place = constraints
                    .all
                    .binary_search_by_key(&operation.id, |constraint| constraint.op.id);
                place.map_or(NONE, |place| u32::try_from(place).unwrap_or(NONE))
            });
            let kind = (constraint != NONE).then(|| constraints.get(constraint).kind);
            match kind {
                None | Some(Kind::Perhaps) => {
                    revelation.unasked.push(Revealed {
                        step: *step,
                        constraint,
                    });
                }
                Some(Kind::Somewhere) => {
                    revelation.placements.insert(step.zxid.0, constraint);
                }
                // It changed nothing, wherever it stands.
                Some(Kind::Observation) => {}
                Some(Kind::Effect(place)) if place == step.zxid.0 => revelation.placed += 1,
                Some(Kind::Effect(place)) => {
                    revelation.misplace(constraints, constraint, place, step.zxid)
                }
            }
        }
        revelation
    }

    fn misplace(
        &mut self,
        constraints: &Constraints<'_>,
        constraint: u32,
        place: u64,
        truth: Zxid,
    ) {
        let op = constraints.get(constraint).op;
        let outcome = if matches!(op.answer(), Some(Ok(_))) {
            "took effect"
        } else {
            "failed"
        };
        let sentence = format!(
            "{} {outcome} at {truth}, but its answer says that this was at {}",
            explain::named(op),
            Zxid(place)
        );
        let found = (explain::ended(op), sentence, op.id);
        self.misplaced.get_or_insert(found);
    }
}
