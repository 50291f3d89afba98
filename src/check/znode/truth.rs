//! A history beside what the servers did.
//!
//! What clients were told says of most writes where they took effect; of the others, and of what
//! servers write by themselves (ends of sessions, removals of containers and of nodes that have
//! outlived their time), the servers know. So nothing is searched for: one sweep over the history,
//! by the rules of this module alone, either confirms that the true order explains every answer,
//! which proves the history legal, or finds an answer that it does not explain.

use super::claims::{Claims, Kind, NONE, told};
use super::placements::Placements;
use super::sweep::{Placing, Revealed, Stop, Sweep};
use super::{Options, Survey, Violation, explain};
use crate::check::model::Model;
use crate::check::timeline::Timeline;
use crate::history::History;
use crate::ids::{OpId, VirtualTime, Zxid};
use crate::linear::{Limit, Steps};

/// What came out.
#[derive(Debug)]
pub(in crate::check) struct Comparison {
    /// Answers that were examined.
    pub checked: usize,
    /// Where history and truth part, and when that showed.
    pub parting: Option<(VirtualTime, String, OpId)>,
    /// The limit that came before the end, if one did.
    pub limit: Option<Limit>,
}

/// Compares a history with what the servers did, in at most so many questions to the budget.
pub(in crate::check) fn compare(
    history: &History,
    timeline: &Timeline<'_>,
    options: &Options,
    questions_max: u64,
) -> Comparison {
    // The servers say what came unasked.
    let survey = Survey::of_what_was_asked(&history.operations);
    let claims = Claims::of(&history.operations, &survey, options);
    let mut comparison = Comparison {
        checked: claims.by_completion.len(),
        parting: None,
        limit: None,
    };
    if let Some((earlier, later)) = claims.regress {
        let violation = explain::regress(&history.operations, earlier, later);
        comparison.parting = Some(told_by(violation));
        return comparison;
    }
    if let Some((first, second)) = claims.collision {
        comparison.parting = Some(told_by(explain::collision(&claims, first, second)));
        return comparison;
    }
    let revelation = Revelation::of(&claims, timeline);
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
        let mut sweep = Sweep::with_truth(&claims, &revelation.unasked, placing, Model::new());
        match (sweep.run(&revelation.placements, &mut budget), placing) {
            (Ok(()), _) => break,
            (Err(Stop::Limit(limit)), _) => {
                comparison.limit = Some(limit);
                break;
            }
            (Err(Stop::Conflict(_)), Placing::AtHeader) => {}
            (Err(Stop::Conflict(conflict)), Placing::First) => {
                let violation = explain::conflict(&claims, &sweep, &conflict, options);
                comparison.parting = Some(told_by(violation));
            }
        }
    }
    comparison
}

fn told_by(violation: Violation) -> (VirtualTime, String, OpId) {
    (violation.at, violation.sentence, violation.operation)
}

/// What the servers say of the claims.
struct Revelation<'t> {
    /// The places of writes that were answered without one.
    placements: Placements,
    /// What nobody was told of at its place, by zxid.
    unasked: Vec<Revealed<'t>>,
    /// How many writes are where their answers say.
    placed: usize,
    /// A write that took effect elsewhere than its answer says.
    misplaced: Option<(VirtualTime, String, OpId)>,
}

impl<'t> Revelation<'t> {
    fn of(claims: &Claims<'_>, timeline: &Timeline<'t>) -> Revelation<'t> {
        let mut revelation = Revelation {
            placements: Placements::new(),
            unasked: Vec::new(),
            placed: 0,
            misplaced: None,
        };
        for step in &timeline.steps {
            let claim = step.operation.map_or(NONE, |operation| {
                let place = claims
                    .all
                    .binary_search_by_key(&operation.id, |claim| claim.op.id);
                place.map_or(NONE, |place| u32::try_from(place).unwrap_or(NONE))
            });
            let kind = (claim != NONE).then(|| claims.get(claim).kind);
            match kind {
                None | Some(Kind::Perhaps) => {
                    revelation.unasked.push(Revealed { step: *step, claim });
                }
                Some(Kind::Somewhere) => {
                    revelation.placements.insert(step.zxid.0, claim);
                }
                // It changed nothing, wherever it stands.
                Some(Kind::Observation) => {}
                Some(Kind::Effect(place)) if place == step.zxid.0 => revelation.placed += 1,
                Some(Kind::Effect(place)) => revelation.misplace(claims, claim, place, step.zxid),
            }
        }
        revelation
    }

    fn misplace(&mut self, claims: &Claims<'_>, claim: u32, place: u64, truth: Zxid) {
        let op = claims.get(claim).op;
        let outcome = if matches!(told(op), Some(Ok(_))) {
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
