//! The constraint of one operation, from what its answer says of its place.

use super::constraint::{Constraint, Kind, NONE, NOWHERE};
use super::{Mode, Options, Reads};
use crate::history::{Operation, Outcome};
use crate::ids::Zxid;
use crate::tree::{Answer, Part, Request, Response, Stat, Write};

/// Whether an operation is a write that surely had an effect.
pub(super) fn has_effect(op: &Operation) -> bool {
    match &op.request {
        Request::Write(write) => matches!(op.answer(), Some(Ok(_))) && !only_checks(write),
        Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => false,
    }
}

/// The constraint of one operation; `None` if it says nothing about the tree.
pub(super) fn constraint<'a>(op: &'a Operation, options: &Options) -> Option<Constraint<'a>> {
    let linear = match options.mode {
        Mode::Linearizable(_) => true,
        Mode::ZooKeeper => false,
    };
    let mut constraint = Constraint {
        op,
        kind: Kind::Observation,
        lo: 0,
        hi: NOWHERE,
        since: 0,
        invoked: op.invoked.0,
        completed: op.completed.map_or(NOWHERE, |at| at.0),
        before: NONE,
        after: NONE,
        by_clock: true,
    };
    match &op.request {
        Request::Sync
        | Request::Watch(_)
        | Request::Auth { .. }
        | Request::Write(Write::CreateSession { .. }) => None,
        Request::Read(_) => {
            let (zxid, answer) = op.answered()?;
            if options.mode == Mode::Linearizable(Reads::Synced) && !op.synced {
                return None;
            }
            constraint.by_clock = linear;
            if zxid != Zxid::ZERO && options.trusts_reads {
                constraint.hi = zxid.0;
            }
            constraint.since = since(answer);
            Some(constraint)
        }
        Request::Write(write) => write_constraint(constraint, write),
    }
}

fn write_constraint<'a>(mut constraint: Constraint<'a>, write: &Write) -> Option<Constraint<'a>> {
    let op = constraint.op;
    let (zxid, answer) = match &op.outcome {
        Some(Outcome::Answered { zxid, answer }) => (*zxid, answer),
        Some(Outcome::Refused(_)) => return None,
        Some(Outcome::Unknown) | None => {
            constraint.kind = Kind::Perhaps;
            return Some(constraint);
        }
    };
    // Built in its own apply, a reply carries its own zxid. Whoever asked twice may have been
    // answered from memory.
    let is_own = zxid != Zxid::ZERO && op.attempts <= 1;
    if op.answered().is_none() {
        // The session is gone, or elsewhere: that says nothing, unless an earlier attempt arrived.
        constraint.kind = Kind::Perhaps;
        return (op.attempts > 1).then_some(constraint);
    }
    if answer.is_err() || only_checks(write) {
        // It changes nothing, but where its own transaction stands is known all the same.
        if is_own {
            constraint.kind = Kind::Effect(zxid.0);
        } else if zxid != Zxid::ZERO {
            constraint.hi = zxid.0;
        }
        return Some(constraint);
    }
    constraint.kind = match (answer.as_ref().ok().and_then(own_zxid), is_own) {
        (Some(own), _) => Kind::Effect(own),
        (None, true) => Kind::Effect(zxid.0),
        (None, false) => Kind::Somewhere,
    };
    if constraint.kind == Kind::Somewhere && zxid != Zxid::ZERO {
        constraint.hi = zxid.0;
    }
    Some(constraint)
}

/// Whether a successful write leaves the tree as it is.
fn only_checks(write: &Write) -> bool {
    match write.bare() {
        Write::Check { .. } | Write::Refused(_) => true,
        Write::Multi(parts) => parts.iter().all(|part| match part {
            Part::Check { .. } | Part::Refused(_) => true,
            Part::Create { .. }
            | Part::CreateWith { .. }
            | Part::Delete { .. }
            | Part::SetData { .. } => false,
        }),
        Write::Create { .. }
        | Write::CreateWith { .. }
        | Write::Delete { .. }
        | Write::SetData { .. }
        | Write::SetAcl { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession
        | Write::DeleteContainer { .. }
        | Write::As { .. } => false,
    }
}

/// The zxid that the Stats of a write's response name.
fn own_zxid(response: &Response) -> Option<u64> {
    let told = match response {
        Response::Created { stat, .. } => stat.czxid,
        Response::Set(stat) => stat.mzxid,
        Response::Multi(responses) => return responses.iter().find_map(own_zxid),
        Response::Deleted
        | Response::Checked
        | Response::Data { .. }
        | Response::Exists(_)
        | Response::Children { .. }
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::AclSet(_)
        | Response::Acl { .. }
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Reads(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => Zxid::ZERO,
    };
    (told != Zxid::ZERO).then_some(told.0)
}

/// The newest zxid that an answer names.
pub(super) fn since(answer: &Answer) -> u64 {
    match answer {
        Ok(Response::Reads(answers)) => answers.iter().map(since).max().unwrap_or(0),
        Ok(response) => {
            stat_of(response).map_or(0, |stat| stat.czxid.max(stat.mzxid).max(stat.pzxid).0)
        }
        Err(_) => 0,
    }
}

/// The Stat in an answer to a request about one node.
pub(super) fn stat_of(response: &Response) -> Option<&Stat> {
    match response {
        Response::Created { stat, .. }
        | Response::Set(stat)
        | Response::Data { stat, .. }
        | Response::Exists(stat)
        | Response::Children { stat, .. }
        | Response::AclSet(stat)
        | Response::Acl { stat, .. } => Some(stat),
        Response::Deleted
        | Response::Checked
        | Response::Multi(_)
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Reads(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => None,
    }
}

/// Where a write that was answered took effect, or failed; 0 if that is not known.
pub(super) fn zxid_of(op: &Operation) -> u64 {
    let (Request::Write(write), Some(_)) = (&op.request, op.answer()) else {
        return 0;
    };
    let unbounded = Constraint {
        op,
        kind: Kind::Observation,
        lo: 0,
        hi: NOWHERE,
        since: 0,
        invoked: 0,
        completed: NOWHERE,
        before: NONE,
        after: NONE,
        by_clock: true,
    };
    match write_constraint(unbounded, write).map(|constraint| constraint.kind) {
        Some(Kind::Effect(zxid)) => zxid,
        Some(Kind::Somewhere | Kind::Perhaps | Kind::Observation) | None => 0,
    }
}
