//! Containers and TTL nodes go when their time has come, and not before.
//!
//! The committed sequence says when a node was created, set, and when it lost its last child. What
//! the removal passes of a leader see is its applied state at that time, which may lack what it has
//! proposed meanwhile; and as in ZooKeeper a removal is not judged again by the node's age when it
//! is prepared. So a removal is *early* if the node at that path was never due in any state that
//! the leader could have seen. A node is *forgotten* if it is due and a leader passes over it: a
//! leader makes a pass each interval, and asks for the removals before any request that comes later
//! (while removals of an earlier pass still wait, a pass is left out). So let a write reach the
//! leader an interval after the node was due, and another one an interval after the first was
//! proposed: the removal comes before the second.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::timeline::{Recorder, Step};
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Timing, Verdict,
};
use crate::history::History;
use crate::ids::{NodeId, VirtualTime, Zxid};
use crate::protocol::Fact;
use crate::tree::{EventKind, Path};
use crate::znode::model::{Kind, Model};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "lifetimes",
    asserts: "A container that lost its last child and a TTL node that outlived its time are \
              removed, soon and not before.",
    harms: Harms::Servers,
    interests: Interests::COMMITS
        .and(Interests::APPLIED)
        .and(Interests::FACT),
    make: |setup| Box::new(Lifetimes::new(setup)),
};

/// A leader in one epoch.
type Office = (NodeId, u64);

/// Who was the first to propose a value, and when.
#[derive(Clone, Copy, Debug)]
struct Proposal {
    office: Office,
    at: VirtualTime,
}

#[derive(Debug)]
struct Lifetimes {
    timing: Timing,
    recorder: Recorder,
    proposals: BTreeMap<u64, Proposal>,
    /// When each leader first proposed something new, and what it had applied by then.
    serving: BTreeMap<Office, (VirtualTime, Zxid)>,
    /// By server number, when it applied what. Invariant: zxids ascend.
    applied: Vec<Vec<(Zxid, VirtualTime)>>,
    findings: Findings,
}

/// A stretch of the committed sequence in which a node has no children and its age counts from one
/// moment.
#[derive(Clone, Debug)]
struct Stretch {
    path: Path,
    kind: Kind,
    /// Where it begins.
    from: Zxid,
    /// The node's last modification by the leader's clock, at least and at most.
    modified_ms: (u64, u64),
    /// The transaction that ends it.
    until: Zxid,
}

/// A container or TTL node.
#[derive(Clone, Debug)]
struct Life {
    kind: Kind,
    modified_ms: (u64, u64),
    /// Since when it has no children and its age counts; `None` while it cannot become due.
    from: Option<Zxid>,
}

/// A client's write in the committed sequence.
#[derive(Clone, Copy, Debug)]
struct Asked {
    zxid: Zxid,
    invoked: VirtualTime,
    proposed: VirtualTime,
}

/// The committed sequence, as far as lifetimes are concerned.
#[derive(Debug, Default)]
struct Walk {
    lives: BTreeMap<Path, Life>,
    stretches: BTreeMap<Path, Vec<Stretch>>,
    asked: BTreeMap<Office, Vec<Asked>>,
    /// The greatest time of all commands so far.
    latest_ms: u64,
}

impl Lifetimes {
    fn new(setup: &Setup) -> Lifetimes {
        Lifetimes {
            timing: setup.timing,
            recorder: Recorder::default(),
            proposals: BTreeMap::new(),
            serving: BTreeMap::new(),
            applied: Vec::new(),
            findings: Findings::default(),
        }
    }

    fn apply(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid) {
        let index = usize::from(node.0);
        if index >= self.applied.len() {
            self.applied.resize_with(index + 1, Vec::new);
        }
        let applied = &mut self.applied[index];
        // What was truncated, or is replayed after a restart.
        while applied.last().is_some_and(|(last, _)| *last >= zxid) {
            applied.pop();
        }
        applied.push((zxid, at));
    }

    fn propose(&mut self, at: VirtualTime, office: Office, value: u64) {
        if value == 0 || self.proposals.contains_key(&value) {
            return;
        }
        self.proposals.insert(value, Proposal { office, at });
        let applied = self.applied.get(usize::from(office.0.0));
        let stands = applied.and_then(|applied| applied.last());
        let stands = stands.map_or(Zxid::ZERO, |(zxid, _)| *zxid);
        self.serving.entry(office).or_insert((at, stands));
    }

    fn applied_at(&self, node: NodeId, zxid: Zxid) -> Option<VirtualTime> {
        let applied = self.applied.get(usize::from(node.0))?;
        let place = applied
            .binary_search_by_key(&zxid, |(zxid, _)| *zxid)
            .ok()?;
        Some(applied[place].1)
    }

    fn walk(&self, findings: &mut Findings, history: &History) -> Result<Walk, String> {
        let timeline = self.recorder.timeline(history)?;
        let mut model = Model::new();
        let mut walk = Walk::default();
        for step in &timeline.steps {
            if step.zxid > timeline.known_through {
                break;
            }
            // That it removes nothing before its time is claimed of every transaction.
            findings.count();
            let changes = step.changes(&mut model);
            walk.latest_ms = walk.latest_ms.max(step.time_ms());
            if let (Some(operation), Some(proposal)) =
                (step.operation, self.proposals.get(&step.value))
            {
                let asked = walk.asked.entry(proposal.office).or_default();
                asked.push(Asked {
                    zxid: step.zxid,
                    invoked: operation.invoked,
                    proposed: proposal.at,
                });
            }
            for change in changes {
                match change.kind {
                    EventKind::NodeCreated => walk.create(step, &model, &change.path),
                    EventKind::NodeDataChanged => walk.modify(step, &change.path),
                    EventKind::NodeChildrenChanged => {
                        walk.change_children(step, &model, &change.path);
                    }
                    EventKind::NodeDeleted => {
                        if walk.end(step.zxid, &change.path) || step.removes(&change.path) {
                            self.judge_removal(findings, &walk, step, &change.path);
                        }
                        walk.lives.remove(&change.path);
                    }
                }
            }
        }
        Ok(walk)
    }

    /// Whether a node that a leader removed was due in some state that it could have seen.
    fn judge_removal(&self, findings: &mut Findings, walk: &Walk, step: &Step<'_>, path: &Path) {
        if !step.removes(path) {
            return;
        }
        findings.count();
        let proposal = self.proposals.get(&step.value).copied();
        let stretches = walk.stretches.get(path).map_or(&[][..], Vec::as_slice);
        let was_due = stretches.iter().any(|stretch| match stretch.kind {
            Kind::Plain | Kind::Ephemeral(_) => false,
            Kind::Container => true,
            Kind::Ttl { ms } => {
                let mut seen_until_ms = step.time_ms();
                let replaced = (stretch.until < step.zxid).then_some(stretch.until);
                if let (Some(until), Some(proposal)) = (replaced, proposal)
                    && let Some(at) = self.applied_at(proposal.office.0, until)
                {
                    seen_until_ms = seen_until_ms.min(self.timing.shown_ms(at).1);
                }
                seen_until_ms.saturating_sub(stretch.modified_ms.0) > ms
            }
        });
        if !was_due {
            let at = proposal.map_or(VirtualTime(0), |proposal| proposal.at);
            let last = stretches.last().map(|last| (last.kind, last.modified_ms.1));
            let reason = format!(
                "{path} was removed at {} when the leader's clock showed {}ms, but it was never \
                 due (kind and last modification in ms: {last:?})",
                step.zxid,
                step.time_ms()
            );
            let subjects = Subjects::none().zxid(step.zxid).path(path);
            findings.fail(at, reason, subjects);
        }
    }

    /// Whether every node that was due for long enough was removed.
    fn judge_forgotten(&self, findings: &mut Findings, walk: &Walk) {
        for stretch in walk.stretches.values().flatten() {
            findings.count();
            for (office, asked) in &walk.asked {
                let Some(due) = self.due_at(*office, stretch) else {
                    continue;
                };
                if let Some(late) = self.passed_over(due, asked, stretch.until) {
                    let reason = format!(
                        "{} was due at {} since {due}, but was still there at {}, which was asked \
                         for at {}",
                        stretch.path, office.0, late.zxid, late.invoked
                    );
                    let subjects = Subjects::none()
                        .node(office.0)
                        .zxid(late.zxid)
                        .path(&stretch.path);
                    findings.fail(late.proposed, reason, subjects);
                    return;
                }
            }
        }
    }

    /// When a leader surely sees that a node has to go.
    fn due_at(&self, office: Office, stretch: &Stretch) -> Option<VirtualTime> {
        let (serving, stood_at) = self.serving.get(&office).copied()?;
        let seen = match self.applied_at(office.0, stretch.from) {
            Some(at) => at,
            None if stretch.from <= stood_at => serving,
            None => return None,
        };
        let seen = seen.max(serving);
        match stretch.kind {
            Kind::Plain | Kind::Ephemeral(_) => None,
            Kind::Container => Some(seen),
            Kind::Ttl { ms } => {
                Some(seen.max(self.timing.surely_past_ms(stretch.modified_ms.1 + ms)))
            }
        }
    }

    /// A write that took a place before `until`, although two passes came before it.
    fn passed_over(&self, due: VirtualTime, asked: &[Asked], until: Zxid) -> Option<Asked> {
        let interval = self.timing.longest(self.timing.removal_interval);
        let first_pass = due.after(interval);
        let first = asked.iter().find(|asked| asked.invoked > first_pass)?;
        let second_pass = first.proposed.max(first_pass).after(interval);
        let late = asked.iter().find(|asked| asked.invoked > second_pass)?;
        (late.zxid < until).then_some(*late)
    }
}

impl Walk {
    fn create(&mut self, step: &Step<'_>, model: &Model, path: &Path) {
        // One that the same transaction deletes again has no life.
        let Some((kind @ (Kind::Container | Kind::Ttl { .. }), ..)) = model.life_of(path) else {
            return;
        };
        let life = Life {
            kind,
            modified_ms: (step.time_ms(), self.latest_ms),
            from: None,
        };
        self.lives.insert(path.clone(), life);
        self.begin(step.zxid, model, path);
    }

    fn modify(&mut self, step: &Step<'_>, path: &Path) {
        let is_open = self.end(step.zxid, path);
        let modified_ms = (step.time_ms(), self.latest_ms);
        if let Some(life) = self.lives.get_mut(path) {
            life.modified_ms = modified_ms;
            if is_open {
                life.from = Some(step.zxid);
            }
        }
    }

    fn change_children(&mut self, step: &Step<'_>, model: &Model, path: &Path) {
        self.end(step.zxid, path);
        self.begin(step.zxid, model, path);
    }

    /// A stretch begins, if the node has no children and is no container still waiting for its
    /// first one.
    fn begin(&mut self, zxid: Zxid, model: &Model, path: &Path) {
        let Some(life) = self.lives.get_mut(path) else {
            return;
        };
        if let Some((kind, creates, children)) = model.life_of(path)
            && children == 0
            && (kind != Kind::Container || creates > 0)
        {
            life.from = Some(zxid);
        }
    }

    /// The stretch of a node ends: says whether there was one.
    fn end(&mut self, until: Zxid, path: &Path) -> bool {
        let Some(life) = self.lives.get_mut(path) else {
            return false;
        };
        let Some(from) = life.from.take() else {
            return false;
        };
        let stretch = Stretch {
            path: path.clone(),
            kind: life.kind,
            from,
            modified_ms: life.modified_ms,
            until,
        };
        let stretches = self.stretches.entry(path.clone()).or_default();
        stretches.push(stretch);
        true
    }

    /// What is still there stays to the end.
    fn close(&mut self) {
        let paths: Vec<Path> = self.lives.keys().cloned().collect();
        for path in paths {
            self.end(Zxid(u64::MAX), &path);
        }
    }
}

impl Checker for Lifetimes {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        self.recorder.observe(observation);
        match observation {
            Observation::Applied { node, zxid, .. } => self.apply(at, *node, *zxid),
            Observation::Fact {
                node,
                fact: Fact::Proposed { epoch, value, .. },
            } => self.propose(at, (*node, *epoch), *value),
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
        let mut findings = core::mem::take(&mut self.findings);
        match self.walk(&mut findings, ending.history) {
            Ok(mut walk) => {
                walk.close();
                self.judge_forgotten(&mut findings, &walk);
            }
            Err(reason) => return Verdict::Unknown(reason),
        }
        self.findings = findings;
        self.findings.verdict("committed transaction")
    }
}

#[cfg(test)]
mod tests;
