//! The numbers that nodes carry fit together, by the answers alone.
//!
//! Whatever the order of transactions was, two Stats of one incarnation of a node (one path, one
//! czxid) must be snapshots of one life: mzxid and version rise together, and so do pzxid and
//! cversion. Sequential names under one parent rise with their zxids. Parts of a multi share one
//! zxid and see each other's half-done work, so their Stats are not compared, and a node that one
//! multi touches twice may skip versions.
//!
//! Where deltas are replicated, the transactions are asked as well, as the run goes and whether or
//! not anybody reads: the end of a session takes along every node that is its own, and none comes
//! behind it.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::linearizability::{answered, told};
use super::model::parent_of;
use super::{Checker, CheckerEntry, Counterexample, Ending, Interests, Observation, Verdict};
use crate::history::{History, Operation};
use crate::ids::{SessionId, VirtualTime, Zxid};
use crate::tree::{
    Content, CreateMode, Lifetime, Part, Path, Payload, Read, Request, Response, Stat, Txn, Write,
    paths,
};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "tree",
    asserts: "Stats of one node are snapshots of one life, sequential names rise and are not used \
              again, and no ephemeral node outlives its session.",
    interests: Interests::APPLIED.and(Interests::DELIVERED),
    make: |_| Box::new(TreeOrder::default()),
};

#[derive(Debug, Default)]
struct TreeOrder {
    /// The greatest zxid applied anywhere: the first to apply one tells what it is.
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
                Write::CloseSession if executed => {
                    self.ending.insert(zxid, command.session);
                }
                Write::ExpireSession => {
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
                | Write::CloseSession => {}
            },
        }
    }

    /// A transaction about ephemeral nodes is committed.
    fn deliver(&mut self, at: VirtualTime, zxid: Zxid, payload: &Payload) {
        let Content::Txn(record) = payload.content() else {
            return; // Of commands only the answers tell what came of them.
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
                self.findings.fail(at, reason);
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
                self.findings.fail(at, reason);
            }
        }
    }

    fn delete(&mut self, path: &Path, zxid: Zxid) {
        self.deletions.entry(path.clone()).or_default().insert(zxid);
    }

    fn examine(&mut self, history: &History) {
        let twice = touched_twice(history);
        let mut lives: BTreeMap<(Path, Zxid), Vec<(Stat, &Operation)>> = BTreeMap::new();
        let mut births: BTreeMap<Path, Vec<Birth<'_>>> = BTreeMap::new();
        for operation in &history.operations {
            let Some((zxid, Ok(response))) = answered(operation) else {
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
            let reason = format!("{} was told that {path} {wrong}: {stat:?}", told(operation));
            self.findings.fail(moment(operation), reason);
        }
    }

    /// Two Stats of one incarnation.
    fn examine_life(&mut self, path: &Path, life: &mut [(Stat, &Operation)], is_compound: bool) {
        let fail = |findings: &mut Findings, pair: &[(Stat, &Operation)], what: &str| {
            if let [(before, earlier), (after, later)] = pair {
                let reason = format!(
                    "{what} of {path} do not rise together: {} saw {before:?}, {} saw {after:?}",
                    told(earlier),
                    told(later)
                );
                findings.fail(moment(earlier).max(moment(later)), reason);
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
                "{} was told that {path} has version {} although it was never set: {stat:?}",
                told(operation),
                stat.version
            );
            self.findings.fail(moment(operation), reason);
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
    fn examine_names(&mut self, directory: &Path, mut born: Vec<Birth<'_>>) {
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
                    told(after.operation),
                    after.path,
                    after.zxid,
                    told(before.operation),
                    before.path,
                    before.zxid
                );
                self.findings.fail(moment(after.operation), reason);
            }
        }
    }
}

/// A sequential node that came into being.
#[derive(Clone, Debug)]
struct Birth<'a> {
    zxid: Zxid,
    /// Its place in a multi.
    place: usize,
    number: u64,
    path: Path,
    operation: &'a Operation,
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

fn moment(operation: &Operation) -> VirtualTime {
    operation.completed.unwrap_or(operation.invoked)
}

/// The Stat that an answer tells, and of which node.
fn stat_of<'a>(operation: &'a Operation, response: &'a Response) -> Option<(&'a Path, &'a Stat)> {
    match (&operation.request, response) {
        (Request::Write(_), Response::Created { path, stat }) => Some((path, stat)),
        (Request::Write(Write::SetData { path, .. }), Response::Set(stat))
        | (Request::Write(Write::SetAcl { path, .. }), Response::AclSet(stat)) => {
            Some((path, stat))
        }
        (
            Request::Read(
                Read::GetData { path, .. }
                | Read::Exists { path, .. }
                | Read::GetChildren { path, .. }
                | Read::GetAcl { path },
            ),
            Response::Data { stat, .. }
            | Response::Exists(stat)
            | Response::Children { stat, .. }
            | Response::Acl { stat, .. },
        ) => Some((path, stat)),
        (
            Request::Write(_)
            | Request::Read(_)
            | Request::Watch(_)
            | Request::Auth { .. }
            | Request::Sync,
            _,
        ) => None,
    }
}

fn collect_births<'a>(
    operation: &'a Operation,
    response: &Response,
    births: &mut BTreeMap<Path, Vec<Birth<'a>>>,
) {
    let mut collect = |place: usize, mode: CreateMode, response: &Response| {
        let Response::Created { path, stat } = response else {
            return;
        };
        let digits = path.len().checked_sub(10).and_then(|at| path.get(at..));
        let number = digits.and_then(|digits| digits.parse().ok());
        if let (true, Some(number), Some(parent)) = (mode.is_sequential(), number, parent_of(path))
        {
            births.entry(Path::from(parent)).or_default().push(Birth {
                zxid: stat.czxid,
                place,
                number,
                path: path.clone(),
                operation,
            });
        }
    };
    match (&operation.request, response) {
        (Request::Write(Write::Create { mode, .. } | Write::CreateWith { mode, .. }), created) => {
            collect(0, *mode, created);
        }
        (Request::Write(Write::Multi(parts)), Response::Multi(responses)) => {
            for (place, (part, response)) in parts.iter().zip(responses).enumerate() {
                if let Part::Create { mode, .. } | Part::CreateWith { mode, .. } = part {
                    collect(place, *mode, response);
                }
            }
        }
        (
            Request::Write(_)
            | Request::Read(_)
            | Request::Watch(_)
            | Request::Auth { .. }
            | Request::Sync,
            _,
        ) => {}
    }
}

/// Nodes that one multi both created and set: they have a version above 0 from the start.
fn touched_twice(history: &History) -> BTreeSet<Path> {
    let mut twice = BTreeSet::new();
    for operation in &history.operations {
        let Request::Write(Write::Multi(parts)) = &operation.request else {
            continue;
        };
        for part in parts {
            if let Part::SetData { path, .. } = part {
                twice.insert(path.clone());
            }
        }
    }
    twice
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
            | Observation::Durable { .. } => {}
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

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Story, answer, assert_fails, assert_passes, command_of, failing, verdict, verdict_with,
    };
    use super::*;
    use crate::tree::{ANY_VERSION, Answer, Data, TxnRecord};

    fn born(zxid: u64) -> Stat {
        Stat {
            czxid: Zxid(zxid),
            mzxid: Zxid(zxid),
            pzxid: Zxid(zxid),
            ..Stat::default()
        }
    }

    fn created(id: u32, path: &str, zxid: u64) -> Operation {
        let mode = CreateMode::PersistentSequential;
        let (path, data) = (Path::from(path), Data::from([]));
        let write = Write::Create {
            path: Path::from("/q/n"),
            data,
            mode,
        };
        let told: Answer = Ok(Response::Created {
            path,
            stat: born(zxid),
        });
        answer(id, 7, Request::Write(write), zxid, told)
    }

    fn saw(id: u32, zxid: u64, stat: Stat) -> Operation {
        let read = Read::Exists {
            path: Path::from("/a"),
            watch: false,
        };
        answer(id, 7, Request::Read(read), zxid, Ok(Response::Exists(stat)))
    }

    fn judge(story: &Story, operations: Vec<Operation>) -> Verdict {
        let history = History {
            operations,
            seen: Vec::new(),
        };
        verdict_with(ENTRY, "zab", story, &history)
    }

    #[test]
    fn stats_of_one_life_pass_in_any_order_of_seeing_them() {
        let mut set = born(3);
        (set.mzxid, set.version) = (Zxid(5), 2);
        (set.pzxid, set.cversion, set.num_children) = (Zxid(6), 3, 1);
        let stats = vec![saw(1, 6, set), saw(2, 3, born(3)), saw(3, 9, born(8))];
        assert_passes(&judge(&Story::default(), stats), 4);
    }

    #[test]
    fn each_contradiction_within_or_between_stats_fails() {
        let with = |change: fn(&mut Stat)| {
            let mut stat = born(3);
            change(&mut stat);
            stat
        };
        let alone: [(Stat, &str); 5] = [
            (with(|s| s.mzxid = Zxid(4)), "has version 0"),
            (with(|s| s.version = 1), "never set"),
            (with(|s| s.pzxid = Zxid(2)), "before it was created"),
            (with(|s| s.num_children = 1), "more children"),
            (with(|s| s.cversion = 1), "more children"),
        ];
        for (stat, words) in alone {
            assert_fails(&judge(&Story::default(), vec![saw(1, 9, stat)]), words);
        }
        let pairs: [(Stat, Stat, &str); 3] = [
            (
                with(|s| (s.mzxid, s.version) = (Zxid(4), 1)),
                with(|s| (s.mzxid, s.version) = (Zxid(5), 1)),
                "mzxid and version",
            ),
            (
                with(|s| (s.mzxid, s.version) = (Zxid(4), 2)),
                with(|s| (s.mzxid, s.version) = (Zxid(5), 1)),
                "mzxid and version",
            ),
            (
                with(|s| (s.pzxid, s.cversion) = (Zxid(4), 2)),
                with(|s| (s.pzxid, s.cversion) = (Zxid(5), 2)),
                "pzxid and cversion",
            ),
        ];
        for (first, second, words) in pairs {
            let stats = vec![saw(1, 9, first), saw(2, 9, second)];
            assert_fails(&judge(&Story::default(), stats), words);
        }
    }

    #[test]
    fn sequential_names_rise_while_the_parent_lives() {
        let names = |second: &str| vec![created(1, "/q/n0000000000", 3), created(2, second, 5)];
        assert_passes(&judge(&Story::default(), names("/q/n0000000001")), 3);
        assert_fails(
            &judge(&Story::default(), names("/q/n0000000000")),
            "numbers under /q must rise",
        );
        let mut story = Story::default();
        let write = Write::Delete {
            path: Path::from("/q"),
            version: ANY_VERSION,
        };
        story.apply(1, 4, &command_of(7, 1, write), None, Some((7, 1)));
        assert_passes(&judge(&story, names("/q/n0000000000")), 3);
    }

    #[test]
    fn an_ephemeral_node_is_not_seen_after_its_session_ended() {
        let mut ephemeral = born(3);
        ephemeral.ephemeral_owner = SessionId(7);
        let mut story = Story::default();
        story.apply(1, 5, &command_of(7, 1, Write::ExpireSession), None, None);
        let late = vec![saw(1, 6, ephemeral)];
        assert_passes(&judge(&story, late.clone()), 1);
        story.deliver(1, 5, 99);
        assert_passes(&judge(&story, vec![saw(1, 4, ephemeral)]), 1);
        assert_fails(&judge(&story, late), "its session s7 ended at 5");
    }

    const S: SessionId = SessionId(7);

    /// Proposed, applied and delivered by server 1, which leads epoch 1.
    fn commit(story: &mut Story, zxid: u64, txn: Txn) {
        let payload = Payload::txn(TxnRecord {
            session: S,
            seq: 0,
            time_ms: 0,
            txn,
        });
        let value = payload.digest();
        let zxid = Zxid::new(1, u32::try_from(zxid).expect("a small number")).0;
        story.propose(1, 1, zxid, value);
        story.apply(1, zxid, &payload, None, None);
        story.deliver(1, zxid, value);
    }

    fn create(path: &str) -> Txn {
        Txn::Create {
            path: Path::from(path),
            data: Data::from([]),
            owner: S,
            parent_cversion: 1,
        }
    }

    fn close(ephemerals: &[&str]) -> Txn {
        Txn::CloseSession {
            ephemerals: ephemerals.iter().map(|path| Path::from(*path)).collect(),
        }
    }

    fn committed(txns: Vec<Txn>) -> Story {
        let mut story = Story::default();
        story.lead(1, 1);
        for (txn, zxid) in txns.into_iter().zip(1..) {
            commit(&mut story, zxid, txn);
        }
        story
    }

    #[test]
    fn the_end_of_a_session_takes_along_its_nodes_that_were_not_deleted() {
        let path = Path::from("/b");
        let multi = Txn::Multi(vec![create("/c"), create("/d")]);
        let delete = Txn::Delete { path };
        let all = vec![
            create("/a"),
            create("/b"),
            multi,
            delete,
            close(&["/a", "/c", "/d"]),
        ];
        assert_passes(&verdict(ENTRY, "zab", &committed(all)), 8);
    }

    #[test]
    fn an_ephemeral_node_that_the_end_of_its_session_forgets_is_reported_alone() {
        let story = committed(vec![create("/a"), create("/b"), close(&["/b"])]);
        let words = "session s7 ended at 1:3 and left /a behind, its own since 1:1";
        assert_fails(&verdict(ENTRY, "zab", &story), words);
        assert_eq!(failing("zab", &story), ["tree"]);
    }

    #[test]
    fn an_ephemeral_node_of_a_session_that_has_ended_is_reported_alone() {
        let story = committed(vec![close(&[]), create("/a")]);
        let words = "/a was created at 1:2 for session s7, which had ended at 1:1";
        assert_fails(&verdict(ENTRY, "zab", &story), words);
        assert_eq!(failing("zab", &story), ["tree"]);
    }

    #[test]
    fn what_is_not_committed_does_not_count() {
        let mut story = committed(vec![create("/a")]);
        let close = Payload::txn(TxnRecord {
            session: S,
            seq: 0,
            time_ms: 0,
            txn: close(&[]),
        });
        story.apply(1, Zxid::new(1, 2).0, &close, None, None);
        assert_passes(&verdict(ENTRY, "zab", &story), 1);
    }
}
