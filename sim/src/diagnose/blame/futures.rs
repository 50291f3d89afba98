//! How likely the failure is, seen from moments of the run: everything up to the moment is as it
//! was, and what chance settles behind it is drawn anew, many times.

use menagerie::ids::Span;
use serde::Serialize;

use super::Examiner;
use crate::chance::decision::Source;
use crate::run::resolve::Resolved;

/// So many moments are looked at, evenly spread up to the violation.
const MOMENTS: u64 = 10;
/// So many futures are tried for each moment, with the later faults and without.
const FUTURES: u64 = 24;
/// Between the last moment from which it could be avoided and the first from which it could not,
/// so many more are looked at, each half way.
const HALVINGS: u32 = 8;
/// Moments that are closer than this are not told apart.
const CLOSE: Span = Span::micros(100);
/// How much longer futures last than the run: a failure may come later there.
const SLACK: Span = Span::millis(300);

/// What the future looks like from one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// The moment.
    pub at: Span,
    /// How many futures were tried, each time.
    pub tried: u64,
    /// In how many of them the failure comes, if the later faults of the run come too.
    pub failing: u64,
    /// In how many of them it comes if no fault begins any more.
    pub failing_in_calm: u64,
}

pub(super) fn futures(examiner: &Examiner, run: &Resolved) -> Vec<Moment> {
    let violation = examiner.target.at.0;
    let mut moments: Vec<Moment> = (0..=MOMENTS)
        .map(|number| moment(examiner, run, Span(violation * number / MOMENTS)))
        .collect();
    for _ in 0..HALVINGS {
        let Some(place) = certain_from(&moments).filter(|place| *place > 0) else {
            break;
        };
        let (before, after) = (moments[place - 1].at.0, moments[place].at.0);
        if after - before < CLOSE.0 {
            break;
        }
        let between = moment(examiner, run, Span(before.midpoint(after)));
        moments.insert(place, between);
    }
    moments
}

/// The place of the first moment of those up to the end from which every future fails.
fn certain_from(moments: &[Moment]) -> Option<usize> {
    let certain = moments
        .iter()
        .rev()
        .take_while(|moment| moment.failing_in_calm == moment.tried)
        .count();
    (certain > 0).then(|| moments.len() - certain)
}

/// From when on every future fails; `None` if there is no such moment before the violation.
pub(super) fn unavoidable_from(moments: &[Moment]) -> Option<Span> {
    certain_from(moments).map(|place| moments[place].at)
}

fn moment(examiner: &Examiner, run: &Resolved, at: Span) -> Moment {
    let count = |calm: bool| {
        let candidates: Vec<Resolved> = (0..FUTURES)
            .map(|number| future(run, at, number, calm))
            .collect();
        let shown = examiner.all(&candidates);
        shown.into_iter().filter(|shown| *shown).count() as u64
    };
    Moment {
        at,
        tried: FUTURES,
        failing: count(false),
        failing_in_calm: count(true),
    }
}

/// One future from a moment on.
fn future(run: &Resolved, from: Span, number: u64, calm: bool) -> Resolved {
    let mut run = run.clone();
    run.world.seed = run.world.seed.wrapping_add(1 + number);
    if let Source::Table(table) = &run.world.decisions {
        run.world.decisions = Source::Until {
            table: table.clone(),
            until: from,
        };
    }
    if calm {
        run.plan.faults.retain(|planned| planned.at < from);
    }
    run.duration = Span(run.duration.0 + SLACK.0);
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at: u64, failing_in_calm: u64) -> Moment {
        Moment {
            at: Span(at),
            tried: 5,
            failing: 5,
            failing_in_calm,
        }
    }

    #[test]
    fn a_failure_is_unavoidable_from_the_first_moment_behind_which_nothing_helped() {
        let moments = [moment(1, 5), moment(2, 4), moment(3, 5), moment(4, 5)];
        assert_eq!(unavoidable_from(&moments), Some(Span(3)));
        assert_eq!(unavoidable_from(&[moment(1, 0)]), None);
    }
}
