//! Between which states each claim lies in every legal order.
//!
//! What has ended comes before what is invoked later, so that bounds run along real time in both
//! directions, and along each session.

use super::chains::Chains;
use super::claims::{Claim, Claims, Kind, NONE, NOWHERE};
use super::placements::Placements;
use super::touches::stats_told;
use crate::tree::{ErrorCode, Path, Read, Request, Write};
use crate::znode::model::parent_of;

/// The first and the last state of each claim; of a write, the zxids that it may have.
#[derive(Debug)]
pub(super) struct Windows {
    pub least: Vec<u64>,
    pub most: Vec<u64>,
    /// The claims in the order of invocation.
    by_invocation: Vec<u32>,
}

impl Windows {
    /// What the claims say of themselves.
    pub fn of(claims: &Claims<'_>) -> Windows {
        let bound = |claim: &Claim<'_>| match claim.kind {
            Kind::Effect(zxid) => (zxid, zxid),
            Kind::Observation => (claim.lo.max(claim.since), claim.hi),
            Kind::Somewhere | Kind::Perhaps => (claim.lo.saturating_add(1), claim.hi),
        };
        let bounds = claims.all.iter().map(bound);
        let (least, most) = bounds.unzip();
        let count = u32::try_from(claims.all.len()).expect("claims are numbered");
        let mut by_invocation: Vec<u32> = (0..count).collect();
        by_invocation.sort_by_key(|index| claims.get(*index).invoked);
        Windows {
            least,
            most,
            by_invocation,
        }
    }

    /// Fixes what has a place now.
    pub fn pin(&mut self, pins: &Placements) {
        for (zxid, claim) in pins.within(0, NOWHERE) {
            self.least[claim as usize] = zxid;
            self.most[claim as usize] = zxid;
        }
    }

    /// Carries lower bounds along real time and sessions. Finds an effect that comes behind a later
    /// one.
    pub fn spread_forwards(&mut self, claims: &Claims<'_>) -> Option<u32> {
        let (mut over, mut newest) = (0, 0);
        let mut overtaken = None;
        for index in &self.by_invocation {
            let claim = claims.get(*index);
            while let Some(due) = claims.by_completion.get(over)
                && claims.get(*due).completed < claim.invoked
            {
                newest = newest.max(self.least[*due as usize]);
                over += 1;
            }
            let mut earlier = if is_in_time(claim) { newest } else { 0 };
            if claim.before != NONE {
                earlier = earlier.max(self.least[claim.before as usize]);
            }
            let least = &mut self.least[*index as usize];
            match claim.kind {
                Kind::Effect(zxid) if earlier >= zxid => overtaken = overtaken.or(Some(*index)),
                Kind::Effect(_) => {}
                Kind::Observation => *least = earlier.max(*least),
                Kind::Somewhere | Kind::Perhaps => *least = (earlier + 1).max(*least),
            }
        }
        overtaken
    }

    /// The first to complete of those that have no state left.
    pub fn first_without(&self, claims: &Claims<'_>) -> Option<u32> {
        let is_empty = |index: &&u32| self.least[**index as usize] > self.most[**index as usize];
        claims.by_completion.iter().find(is_empty).copied()
    }

    /// Carries upper bounds along real time and sessions.
    pub fn spread_backwards(&mut self, claims: &Claims<'_>, pins: &Placements) {
        let (mut left, mut oldest) = (self.by_invocation.len(), NOWHERE);
        for due in claims.by_completion.iter().rev() {
            let claim = claims.get(*due);
            while let Some(later) = left.checked_sub(1).map(|last| self.by_invocation[last])
                && claims.get(later).invoked > claim.completed
            {
                let bound = self.bound_of(claims, pins, later);
                if is_in_time(claims.get(later)) {
                    oldest = oldest.min(bound);
                }
                left -= 1;
            }
            let mut later = oldest;
            if claim.after != NONE {
                later = later.min(self.bound_of(claims, pins, claim.after));
            }
            match claim.kind {
                Kind::Effect(_) => {}
                Kind::Observation | Kind::Somewhere | Kind::Perhaps => {
                    let most = &mut self.most[*due as usize];
                    *most = later.min(*most);
                }
            }
        }
    }

    /// The last state of whatever must come before this claim.
    fn bound_of(&self, claims: &Claims<'_>, pins: &Placements, index: u32) -> u64 {
        let most = self.most[index as usize];
        match claims.get(index).kind {
            Kind::Observation => most,
            Kind::Effect(_) | Kind::Somewhere => most.saturating_sub(u64::from(most != NOWHERE)),
            Kind::Perhaps if pins.has(index) => most - 1,
            Kind::Perhaps => NOWHERE,
        }
    }

    /// Takes what the Stats say of the states that observations may belong to.
    pub fn narrow(&mut self, claims: &Claims<'_>, chains: &Chains) {
        let bounds = self.least.iter_mut().zip(&mut self.most);
        for (claim, (least, most)) in claims.all.iter().zip(bounds) {
            if claim.kind != Kind::Observation {
                continue;
            }
            for (path, stat) in stats_told(&claim.op.request, claim.op.answer()) {
                *most = chains.last_of(&path, &stat).min(*most);
            }
            if let Some(path) = missed(claim) {
                (*least, *most) = chains.without(path, (*least, *most));
            }
        }
    }
}

/// Whether real time orders it behind what had ended when it was invoked.
fn is_in_time(claim: &Claim<'_>) -> bool {
    match claim.kind {
        Kind::Observation => claim.by_clock,
        Kind::Effect(_) | Kind::Somewhere | Kind::Perhaps => true,
    }
}

/// The node that was not there.
fn missed<'a>(claim: &Claim<'a>) -> Option<&'a str> {
    let Some(Err(failure)) = claim.op.answer() else {
        return None;
    };
    if failure.code != ErrorCode::NoNode || !failure.parts.is_empty() {
        return None;
    }
    let path: &Path = match &claim.op.request {
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
