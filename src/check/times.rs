//! The times that nodes carry are those at which their transactions were prepared.
//!
//! - A transaction carries what the clock of its leader shows when it is prepared, which is virtual
//!   time within the drift of clocks. A delta is proposed at that moment. A command may wait at its
//!   leader for a place, but not from before that leader was established.
//! - A node's ctime is the time of the transaction that created it, and its mtime the time of the
//!   one that set it last; czxid and mzxid say which those are. A delta stamps its own time. A
//!   command stamps the greatest time of all commands executed so far; whether one was executed is
//!   not always known here, so the stamp has a lower and an upper bound, which practically always
//!   agree.
//!
//! That the times are the same at every server is for the digest checker.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Timing, Verdict,
};
use crate::history::Operation;
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::Fact;
use crate::tree::{Content, Payload, Response, Stat};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "times",
    asserts: "Transactions carry the time of their leader's clock, and nodes the times of the \
              transactions that created and set them.",
    harms: Harms::Servers,
    interests: Interests::APPLIED.and(Interests::FACT),
    make: |setup| Box::new(Times::new(setup)),
};

/// The time of a transaction.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    value: u64,
    time_ms: u64,
    /// Of a delta, its time is the stamp itself.
    is_delta: bool,
    /// Whether it surely was executed.
    executed: bool,
    /// Whether another transaction was applied at the same position: an uncommitted tail.
    disputed: bool,
}

#[derive(Debug)]
struct Times {
    timing: Timing,
    /// Who was the first to propose a value, and when.
    proposed: BTreeMap<u64, (NodeId, u64, VirtualTime)>,
    /// When each leader was established, by its epoch.
    established: BTreeMap<(NodeId, u64), VirtualTime>,
    stamps: BTreeMap<Zxid, Stamp>,
    findings: Findings,
}

impl Times {
    fn new(setup: &Setup) -> Times {
        Times {
            timing: setup.timing,
            proposed: BTreeMap::new(),
            established: BTreeMap::new(),
            stamps: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    fn apply(&mut self, zxid: Zxid, payload: &Payload, executed: bool) {
        let value = payload.digest();
        if let Some(known) = self.stamps.get_mut(&zxid) {
            known.disputed |= known.value != value;
            return;
        }
        let (time_ms, is_delta) = match payload.content() {
            Content::Txn(record) => (record.time_ms, true),
            Content::Command(command) => (command.time_ms, false),
        };
        let stamp = Stamp {
            value,
            time_ms,
            is_delta,
            executed,
            disputed: false,
        };
        self.stamps.insert(zxid, stamp);
        let Some((leader, epoch, at)) = self.proposed.get(&value).copied() else {
            return;
        };
        self.findings.count();
        let (mut least, most) = self.timing.shown_ms(at);
        if !is_delta {
            let since = self.established.get(&(leader, epoch)).copied();
            // It may have waited since its leader began.
            least = least.min(self.timing.shown_ms(since.unwrap_or_default()).0);
        }
        if time_ms < least || time_ms > most {
            let reason = format!(
                "{zxid} carries the time {time_ms}ms, but {leader} proposed it at {at}, when its \
                 clock showed between {least}ms and {most}ms"
            );
            let subjects = Subjects::none().node(leader).zxid(zxid).epoch(epoch);
            self.findings.fail(at, reason, subjects);
        }
    }

    /// What each transaction stamps on nodes, at least and at most; `None` where it is not known.
    fn bounds(&self) -> BTreeMap<Zxid, Option<(u64, u64)>> {
        let (mut least, mut most) = (0, 0);
        let mut is_known = true;
        let mut bounds = BTreeMap::new();
        for (zxid, stamp) in &self.stamps {
            let bound = if stamp.is_delta {
                (!stamp.disputed).then_some((stamp.time_ms, stamp.time_ms))
            } else {
                is_known &= !stamp.disputed;
                most = stamp.time_ms.max(most);
                if stamp.executed {
                    least = stamp.time_ms.max(least);
                }
                // Whoever carries its zxid was stamped by it, so then it was executed.
                is_known.then_some((least.max(stamp.time_ms), most))
            };
            bounds.insert(*zxid, bound);
        }
        bounds
    }
}

impl Checker for Times {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Applied {
                zxid,
                payload,
                executed,
                ..
            } => self.apply(*zxid, payload, executed.is_some()),
            Observation::Fact {
                node,
                fact: Fact::Proposed { epoch, value, .. },
            } => {
                self.proposed.entry(*value).or_insert((*node, *epoch, at));
            }
            Observation::Fact {
                node,
                fact: Fact::Established { epoch, .. },
            } => {
                self.established.insert((*node, *epoch), at);
            }
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
            | Observation::Delivered { .. }
            | Observation::Fact { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        let bounds = self.bounds();
        for operation in &ending.history.operations {
            if let Some((_, Ok(response))) = operation.answered() {
                judge(&mut self.findings, &bounds, operation, response);
            }
        }
        self.findings.verdict("transaction")
    }
}

/// Judges every Stat of an answer.
fn judge(
    findings: &mut Findings,
    bounds: &BTreeMap<Zxid, Option<(u64, u64)>>,
    operation: &Operation,
    response: &Response,
) {
    let stat = match response {
        Response::Created { stat, .. }
        | Response::Set(stat)
        | Response::Data { stat, .. }
        | Response::Exists(stat)
        | Response::Children { stat, .. }
        | Response::AclSet(stat)
        | Response::Acl { stat, .. } => stat,
        Response::Multi(parts) => {
            for part in parts {
                judge(findings, bounds, operation, part);
            }
            return;
        }
        Response::Reads(answers) => {
            for part in answers.iter().flatten() {
                judge(findings, bounds, operation, part);
            }
            return;
        }
        Response::Deleted
        | Response::Checked
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => return,
    };
    judge_stat(findings, bounds, operation, stat);
}

fn judge_stat(
    findings: &mut Findings,
    bounds: &BTreeMap<Zxid, Option<(u64, u64)>>,
    operation: &Operation,
    stat: &Stat,
) {
    let stamps = [
        ("ctime", stat.ctime, "created", stat.czxid),
        ("mtime", stat.mtime, "set", stat.mzxid),
    ];
    for (name, time, what, zxid) in stamps {
        let Some((least, most)) = bounds.get(&zxid).copied().flatten() else {
            continue;
        };
        findings.count();
        if time < least || time > most {
            let reason = format!(
                "{} shows the {name} {time}ms, but the node was {what} at {zxid}, which stamps \
                 {least}ms{}",
                operation.described(),
                if most > least {
                    format!(" to {most}ms")
                } else {
                    String::new()
                }
            );
            let subjects = Subjects::none().operation(operation).zxid(zxid);
            findings.fail(
                operation.completed.unwrap_or(operation.invoked),
                reason,
                subjects,
            );
        }
    }
}

#[cfg(test)]
mod tests;
