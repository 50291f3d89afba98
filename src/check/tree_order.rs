//! The numbers that nodes carry fit together, by the answers alone.
//!
//! Whatever the order of transactions was, two Stats of one incarnation of a node (one path, one
//! czxid) must be snapshots of one life: mzxid and version rise together, and so do pzxid and
//! cversion. Sequential names under one parent rise with their zxids. Parts of a multi share one
//! zxid and see each other's half-done work, so their Stats are not compared, and a node that one
//! multi touches twice may skip versions.
//!
//! Where deltas are replicated, the transactions are checked as well, during the run and whether or
//! not a client reads: the end of a session removes each of its ephemeral nodes, and no node of it
//! is created after that.

mod sightings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::history::{History, Operation};
use crate::ids::{SessionId, VirtualTime, Zxid};
use crate::tree::{Content, Lifetime, Part, Path, Payload, Response, Stat, Txn, Write, paths};

use sightings::{SequentialCreate, collect_births, moment, stat_of, touched_twice};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "tree",
    asserts: "Stats of one node are snapshots of one life, sequential names rise and are not used \
              again, and no ephemeral node outlives its session.",
    harms: Harms::Servers,
    interests: Interests::APPLIED.and(Interests::DELIVERED),
    make: |_| Box::new(TreeOrder::default()),
};

#[derive(Debug, Default)]
struct TreeOrder {
    /// The greatest zxid applied anywhere: the first server to apply one reports it.
    applied_max: Zxid,
    /// Ends of sessions that were applied and not yet delivered.
    ending: BTreeMap<Zxid, SessionId>,
    /// When each session ended.
    ended: BTreeMap<SessionId, Zxid>,
    /// Transactions about ephemeral nodes that were applied and not yet delivered.
    pending: BTreeMap<Zxid, Payload>,
    /// Of each session that has not ended, its ephemeral nodes and where they were created.
    own: BTreeMap<SessionId, BTreeMap<Path, Zxid>>,
    /// Where a node may have been deleted: names under it may start again. Some of these did not
    /// take place; that only excuses more.
    deletions: BTreeMap<Path, BTreeSet<Zxid>>,
    findings: Findings,
}

impl TreeOrder {
    fn apply(&mut self, zxid: Zxid, payload: &Payload, executed: bool) {
        match payload.content() {
            Content::Txn(record) => match &record.txn {
                Txn::CloseSession { .. } => {
                    self.ending.insert(zxid, record.session);
                    self.pending.insert(zxid, payload.clone());
                }
                Txn::Delete { path } => self.delete(path, zxid),
                Txn::Multi(txns) => {
                    if txns.iter().any(|txn| ephemeral_of(txn).is_some()) {
                        self.pending.insert(zxid, payload.clone());
                    }
                    for txn in txns {
                        if let Txn::Delete { path } = txn {
                            self.delete(path, zxid);
                        }
                    }
                }
                txn @ (Txn::Create { .. } | Txn::CreateWith { .. }) => {
                    if ephemeral_of(txn).is_some() {
                        self.pending.insert(zxid, payload.clone());
                    }
                }
                Txn::SetData { .. }
                | Txn::SetAcl { .. }
                | Txn::Check { .. }
                | Txn::CreateSession { .. }
                | Txn::Error(_) => {}
            },
            Content::Command(command) => match command.write.bare() {
                Write::CloseSession | Write::ExpireSession if executed => {
                    self.ending.insert(zxid, command.session);
                }
                Write::Delete { path, .. } | Write::DeleteContainer { path } => {
                    self.delete(path, zxid);
                }
                Write::Multi(parts) => {
                    for part in parts {
                        if let Part::Delete { path, .. } = part {
                            self.delete(path, zxid);
                        }
                    }
                }
                Write::Create { .. }
                | Write::CreateWith { .. }
                | Write::SetData { .. }
                | Write::SetAcl { .. }
                | Write::Check { .. }
                | Write::Refused(_)
                | Write::As { .. }
                | Write::CreateSession { .. }
                | Write::CloseSession
                | Write::ExpireSession => {}
            },
        }
    }

    /// A transaction about ephemeral nodes is committed.
    fn deliver(&mut self, at: VirtualTime, zxid: Zxid, payload: &Payload) {
        let Content::Txn(record) = payload.content() else {
            return; // What became of a command only the answers show.
        };
        match &record.txn {
            Txn::CloseSession { ephemerals } => self.close(at, zxid, record.session, ephemerals),
            Txn::Multi(txns) => txns.iter().for_each(|txn| self.bear(at, zxid, txn)),
            txn @ (Txn::Create { .. }
            | Txn::CreateWith { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. }
            | Txn::CreateSession { .. }
            | Txn::Error(_)) => self.bear(at, zxid, txn),
        }
    }

    /// An ephemeral node comes into being.
    fn bear(&mut self, at: VirtualTime, zxid: Zxid, txn: &Txn) {
        let Some((path, owner)) = ephemeral_of(txn) else {
            return;
        };
        self.findings.count();
        match self.ended.get(&owner) {
            Some(end) if *end < zxid => {
                let reason = format!(
                    "{path} was created at {zxid} for session {owner}, which had ended at {end}"
                );
                let subjects = Subjects::none()
                    .path(path)
                    .zxid(zxid)
                    .bound(*end)
                    .session(owner);
                self.findings.fail(at, reason, subjects);
            }
            // Delivered late, by a server that fills a gap: the end was judged without it.
            Some(_) => {}
            None => {
                let own = self.own.entry(owner).or_default();
                own.insert(path.clone(), zxid);
            }
        }
    }

    /// A session ends: its nodes are those that were created and, so far as anybody knows, not
    /// deleted.
    fn close(&mut self, at: VirtualTime, zxid: Zxid, session: SessionId, listed: &[Path]) {
        for (path, created) in self.own.remove(&session).unwrap_or_default() {
            self.findings.count();
            let deletions = self.deletions.get(&path);
            let deleted = deletions.is_some_and(|all| all.range(created..=zxid).next().is_some());
            if !deleted && listed.binary_search(&path).is_err() {
                let reason = format!(
                    "session {session} ended at {zxid} and left {path} behind, its own since \
                     {created}"
                );
                let subjects = Subjects::none()
                    .path(&path)
                    .zxid(zxid)
                    .bound(created)
                    .session(session);
                self.findings.fail(at, reason, subjects);
            }
        }
    }

    fn delete(&mut self, path: &Path, zxid: Zxid) {
        self.deletions.entry(path.clone()).or_default().insert(zxid);
    }

    fn examine(&mut self, history: &History) {
        let twice = touched_twice(history);
        let mut lives: BTreeMap<(Path, Zxid), Vec<(Stat, &Operation)>> = BTreeMap::new();
        let mut births: BTreeMap<Path, Vec<SequentialCreate<'_>>> = BTreeMap::new();
        for operation in &history.operations {
            let Some((zxid, Ok(response))) = operation.answered() else {
                continue;
            };
            collect_births(operation, response, &mut births);
            let Some((path, stat)) = stat_of(operation, response) else {
                continue;
            };
            self.examine_one(operation, response, zxid, (path, stat));
            lives
                .entry((path.clone(), stat.czxid))
                .or_default()
                .push((*stat, operation));
        }
        for ((path, _), mut life) in lives {
            let is_compound = twice.contains(&path);
            self.examine_life(&path, &mut life, is_compound);
        }
        for (directory, born) in births {
            self.examine_names(&directory, born);
        }
    }

    /// What one Stat says about itself.
    fn examine_one(
        &mut self,
        operation: &Operation,
        response: &Response,
        zxid: Zxid,
        (path, stat): (&Path, &Stat),
    ) {
        self.findings.count();
        let mut wrong = None;
        let children = i64::from(stat.num_children);
        let cversion = i64::from(stat.cversion);
        if stat.version == 0 && stat.mzxid != stat.czxid {
            wrong = Some("was set, but has version 0".to_string());
        }
        if stat.mzxid < stat.czxid || stat.pzxid < stat.czxid {
            wrong = Some("changed before it was created".to_string());
        }
        // 2 x creates - children, with no more children than creates. (The nodes that every tree is
        // born with are exceptions: the children that they are born with were never counted.)
        if !paths::is_built_in(path) && (cversion < children || (cversion + children) % 2 != 0) {
            wrong = Some("has more children than its cversion admits".to_string());
        }
        match response {
            Response::Data { data, .. } if data.len() as u64 != u64::from(stat.data_length) => {
                wrong = Some("has another length than its content".to_string());
            }
            Response::Children { names, .. }
                if names.len() as u64 != u64::from(stat.num_children)
                    || !names.is_sorted_by(|left, right| left < right) =>
            {
                wrong = Some("has other children than it counts, or not ascending".to_string());
            }
            Response::Created { .. }
            | Response::Deleted
            | Response::Set(_)
            | Response::Checked
            | Response::Multi(_)
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
            | Response::Authenticated => {}
        }
        if let Some(end) = self.ended.get(&stat.ephemeral_owner)
            && *end < zxid
        {
            wrong = Some(format!(
                "is seen at {zxid} although its session {} ended at {end}",
                stat.ephemeral_owner
            ));
        }
        if let Some(wrong) = wrong {
            let reason = format!(
                "{} was told that {path} {wrong}: {}",
                operation.described(),
                shown(stat)
            );
            let subjects = Subjects::none().operation(operation).path(path);
            self.findings.fail(moment(operation), reason, subjects);
        }
    }

    /// Two Stats of one incarnation.
    fn examine_life(&mut self, path: &Path, life: &mut [(Stat, &Operation)], is_compound: bool) {
        let fail = |findings: &mut Findings, pair: &[(Stat, &Operation)], what: &str| {
            if let [(before, earlier), (after, later)] = pair {
                let reason = format!(
                    "{what} of {path} do not rise together: {} saw {}, {} saw {}",
                    earlier.described(),
                    shown(before),
                    later.described(),
                    shown(after)
                );
                let subjects = Subjects::none()
                    .operation(earlier)
                    .operation(later)
                    .path(path);
                findings.fail(moment(earlier).max(moment(later)), reason, subjects);
            }
        };
        life.sort_by_key(|(stat, operation)| (stat.mzxid, stat.version, operation.id));
        for pair in life.windows(2) {
            let (before, after) = (pair[0].0, pair[1].0);
            self.findings.count();
            if (before.mzxid == after.mzxid) != (before.version == after.version)
                || before.version > after.version
            {
                fail(&mut self.findings, pair, "mzxid and version");
            }
        }
        if !is_compound
            && let Some((stat, operation)) = life
                .iter()
                .find(|(stat, _)| stat.mzxid == stat.czxid && stat.version != 0)
        {
            let reason = format!(
                "{} was told that {path} has version {} although it was never set: {}",
                operation.described(),
                stat.version,
                shown(stat)
            );
            let subjects = Subjects::none().operation(operation).path(path);
            self.findings.fail(moment(operation), reason, subjects);
        }
        life.sort_by_key(|(stat, operation)| (stat.pzxid, stat.cversion, operation.id));
        for pair in life.windows(2) {
            let (before, after) = (pair[0].0, pair[1].0);
            if (before.pzxid == after.pzxid) != (before.cversion == after.cversion)
                || before.cversion > after.cversion
            {
                fail(&mut self.findings, pair, "pzxid and cversion");
            }
        }
    }

    /// The numbers of sequential nodes under one parent rise with their zxids, unless the parent
    /// may have been deleted in between.
    fn examine_names(&mut self, directory: &Path, mut born: Vec<SequentialCreate<'_>>) {
        born.sort_by_key(|birth| (birth.zxid, birth.place));
        for pair in born.windows(2) {
            let [before, after] = pair else {
                continue;
            };
            self.findings.count();
            let is_new_parent = self.deletions.get(directory).is_some_and(|deletions| {
                deletions.range(before.zxid..=after.zxid).next().is_some()
            });
            if after.number <= before.number && !is_new_parent {
                let reason = format!(
                    "{} created {} at {} although {} had created {} at {}: numbers under \
                     {directory} must rise",
                    after.operation.described(),
                    after.path,
                    after.zxid,
                    before.operation.described(),
                    before.path,
                    before.zxid
                );
                let subjects = Subjects::none()
                    .operation(after.operation)
                    .operation(before.operation)
                    .zxid(after.zxid)
                    .zxid(before.zxid);
                self.findings
                    .fail(moment(after.operation), reason, subjects);
            }
        }
    }
}

/// The path and the session of an ephemeral node that a transaction creates.
fn ephemeral_of(txn: &Txn) -> Option<(&Path, SessionId)> {
    match txn {
        Txn::Create { path, owner, .. } | Txn::CreateWith { path, owner, .. } => {
            match Lifetime::of(*owner) {
                Lifetime::Session(session) => Some((path, session)),
                Lifetime::Endless | Lifetime::Container | Lifetime::Ttl { .. } => None,
            }
        }
        Txn::Delete { .. }
        | Txn::SetData { .. }
        | Txn::SetAcl { .. }
        | Txn::Check { .. }
        | Txn::Multi(_)
        | Txn::CreateSession { .. }
        | Txn::CloseSession { .. }
        | Txn::Error(_) => None,
    }
}

/// The fields of a Stat that this checker looks at.
fn shown(stat: &Stat) -> String {
    format!(
        "czxid {}, mzxid {}, pzxid {}, version {}, cversion {}, {} children, {} bytes",
        stat.czxid,
        stat.mzxid,
        stat.pzxid,
        stat.version,
        stat.cversion,
        stat.num_children,
        stat.data_length
    )
}

impl Checker for TreeOrder {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Applied {
                zxid,
                payload,
                executed,
                ..
            } => {
                if *zxid > self.applied_max {
                    self.applied_max = *zxid;
                    self.apply(*zxid, payload, executed.is_some());
                }
            }
            Observation::Delivered { zxid, .. } => {
                if let Some(payload) = self.pending.remove(zxid) {
                    self.deliver(at, *zxid, &payload);
                }
                if let Some(session) = self.ending.remove(zxid) {
                    self.ended.entry(session).or_insert(*zxid);
                }
            }
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
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
        self.examine(ending.history);
        self.findings.verdict("answer that tells a Stat")
    }
}
