//! Lower and upper bounds of each constraint's place, valid in every legal order.
//!
//! An operation that ended precedes every operation invoked later, so bounds propagate along real
//! time in both directions, and along each session.

use super::constraint::{Constraint, Kind, NONE, NOWHERE};
use super::constraints::Constraints;
use super::footprints::stats_told;
use super::placements::Placements;
use super::version_counters::VersionCounters;
use crate::tree::{ErrorCode, Path, Read, Request, Write};
use crate::znode::model::parent_of;

/// The first and the last state of each constraint; of a write, the zxids that it may have.
#[derive(Debug)]
pub(super) struct Bounds {
    pub lower: Vec<u64>,
    pub upper: Vec<u64>,
    /// The constraints in the order of invocation.
    by_invocation: Vec<u32>,
}

impl Bounds {
    /// The bounds that each constraint states by itself, before any propagation.
    pub fn of(constraints: &Constraints<'_>) -> Bounds {
        let bound = |constraint: &Constraint<'_>| match constraint.kind {
            Kind::Effect(zxid) => (zxid, zxid),
            Kind::Observation => (constraint.lo.max(constraint.since), constraint.hi),
            Kind::Somewhere | Kind::Perhaps => (constraint.lo.saturating_add(1), constraint.hi),
        };
        let bounds = constraints.all.iter().map(bound);
        let (lower, upper) = bounds.unzip();
        let count = u32::try_from(constraints.all.len()).expect("claims are numbered");
        let mut by_invocation: Vec<u32> = (0..count).collect();
        by_invocation.sort_by_key(|index| constraints.get(*index).invoked);
        Bounds {
            lower,
            upper,
            by_invocation,
        }
    }

    /// Fixes what has a place now.
    pub fn fix(&mut self, forced: &Placements) {
        for (zxid, constraint) in forced.within(0, NOWHERE) {
            self.lower[constraint as usize] = zxid;
            self.upper[constraint as usize] = zxid;
        }
    }

    /// Carries lower bounds along real time and sessions. Returns an effect that would
    /// have to come after its own place.
    pub fn spread_forwards(&mut self, constraints: &Constraints<'_>) -> Option<u32> {
        let (mut over, mut newest) = (0, 0);
        let mut overtaken = None;
        for index in &self.by_invocation {
            let constraint = constraints.get(*index);
            while let Some(due) = constraints.by_completion.get(over)
                && constraints.get(*due).completed < constraint.invoked
            {
                newest = newest.max(self.lower[*due as usize]);
                over += 1;
            }
            let mut earlier = if is_in_time(constraint) { newest } else { 0 };
            if constraint.before != NONE {
                earlier = earlier.max(self.lower[constraint.before as usize]);
            }
            let lower = &mut self.lower[*index as usize];
            match constraint.kind {
                Kind::Effect(zxid) if earlier >= zxid => overtaken = overtaken.or(Some(*index)),
                Kind::Effect(_) => {}
                Kind::Observation => *lower = earlier.max(*lower),
                Kind::Somewhere | Kind::Perhaps => *lower = (earlier + 1).max(*lower),
            }
        }
        overtaken
    }

    /// The first to complete of those that have no state left.
    pub fn first_without(&self, constraints: &Constraints<'_>) -> Option<u32> {
        let is_empty = |index: &&u32| self.lower[**index as usize] > self.upper[**index as usize];
        constraints.by_completion.iter().find(is_empty).copied()
    }

    /// Carries upper bounds along real time and sessions.
    pub fn spread_backwards(&mut self, constraints: &Constraints<'_>, forced: &Placements) {
        let (mut left, mut oldest) = (self.by_invocation.len(), NOWHERE);
        for due in constraints.by_completion.iter().rev() {
            let constraint = constraints.get(*due);
            while let Some(later) = left.checked_sub(1).map(|last| self.by_invocation[last])
                && constraints.get(later).invoked > constraint.completed
            {
                let bound = self.bound_of(constraints, forced, later);
                if is_in_time(constraints.get(later)) {
                    oldest = oldest.min(bound);
                }
                left -= 1;
            }
            let mut later = oldest;
            if constraint.after != NONE {
                later = later.min(self.bound_of(constraints, forced, constraint.after));
            }
            match constraint.kind {
                Kind::Effect(_) => {}
                Kind::Observation | Kind::Somewhere | Kind::Perhaps => {
                    let upper = &mut self.upper[*due as usize];
                    *upper = later.min(*upper);
                }
            }
        }
    }

    /// The last state of whatever must come before this constraint.
    fn bound_of(&self, constraints: &Constraints<'_>, forced: &Placements, index: u32) -> u64 {
        let upper = self.upper[index as usize];
        match constraints.get(index).kind {
            Kind::Observation => upper,
            Kind::Effect(_) | Kind::Somewhere => upper.saturating_sub(u64::from(upper != NOWHERE)),
            Kind::Perhaps if forced.has(index) => upper - 1,
            Kind::Perhaps => NOWHERE,
        }
    }

    /// Takes what the Stats say of the states that observations may belong to.
    pub fn narrow(&mut self, constraints: &Constraints<'_>, counters: &VersionCounters) {
        let bounds = self.lower.iter_mut().zip(&mut self.upper);
        for (constraint, (lower, upper)) in constraints.all.iter().zip(bounds) {
            if constraint.kind != Kind::Observation {
                continue;
            }
            for (path, stat) in stats_told(&constraint.op.request, constraint.op.answer()) {
                *upper = counters.last_of(&path, &stat).min(*upper);
            }
            if let Some(path) = missed(constraint) {
                (*lower, *upper) = counters.without(path, (*lower, *upper));
            }
        }
    }
}

/// Whether real time orders it after every operation that had ended when it was invoked.
fn is_in_time(constraint: &Constraint<'_>) -> bool {
    match constraint.kind {
        Kind::Observation => constraint.by_clock,
        Kind::Effect(_) | Kind::Somewhere | Kind::Perhaps => true,
    }
}

/// The node that was not there.
fn missed<'a>(constraint: &Constraint<'a>) -> Option<&'a str> {
    let Some(Err(failure)) = constraint.op.answer() else {
        return None;
    };
    if failure.code != ErrorCode::NoNode || !failure.parts.is_empty() {
        return None;
    }
    let path: &Path = match &constraint.op.request {
        Request::Read(
            Read::GetData { path, .. } | Read::Exists { path, .. } | Read::GetChildren { path, .. },
        ) => path,
        Request::Write(write) => match write.bare() {
            Write::Delete { path, .. }
            | Write::SetData { path, .. }
            | Write::Check { path, .. } => path,
            Write::Create { path, .. } => return parent_of(path),
            Write::CreateWith { .. }
            | Write::Multi(_)
            | Write::SetAcl { .. }
            | Write::CreateSession { .. }
            | Write::CloseSession
            | Write::ExpireSession
            | Write::DeleteContainer { .. }
            | Write::Refused(_)
            | Write::As { .. } => return None,
        },
        Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => return None,
    };
    Some(path)
}
