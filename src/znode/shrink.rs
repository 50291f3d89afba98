//! The operations that a violation needs.
//!
//! A part of a history is reported as a violation only if it is one *whatever all other operations
//! did*. There are two ways to know that:
//!
//! - **By contradiction** (`contradicts`). Answers say by themselves that a node with one czxid
//!   was at one version before another, what was written with it, and from which transaction on;
//!   real time and sessions say which of two answers came first. If these disagree, there is no
//!   legal order, and what was left out may have been any writes at all: nothing is asked about
//!   who made a change. This looks at the part alone, so that it is quick however long the history
//!   is.
//! - **By forgetting** (`is_illegal_without`). Of each write that is left out only what it asked
//!   and when it was sent is kept: it may take effect at any later time, or never, and answers
//!   what it likes. (A read or a sync that is left out changes nothing, and goes.) If the checker
//!   finds no order even so, no outcome of what was left out makes the part legal. For short
//!   histories only, because every forgotten write has to be searched for.
//!
//! Simply leaving a write out would prove nothing: the reads that saw its effect would be blamed.

use std::collections::{BTreeMap, BTreeSet};

use super::constraints::Constraints;
use super::footprints::{footprint_of, paths_read_by};
use super::propagation::Propagation;
use super::{Mode, Options, Ruling, Survey, Violation, check, survey};
use crate::history::{History, Operation, Outcome};
use crate::ids::OpId;
use crate::linear::{Budget, Limit};
use crate::tree::{Answer, Data, Part, Path, Read, Request, Response, Write};
use crate::znode::model::parent_of;

/// Checks before the part at hand counts as minimal enough.
const CHECKS_MAX: u32 = 2_000;
/// The longest history of which writes are forgotten.
const FORGETTING_MAX: usize = 400;
/// Questions to the budget before a check with forgotten writes is given up.
const QUESTIONS_MAX: u64 = 64;

/// Operations that break the promise, whatever the others did; none of them was found to be
/// unnecessary. Empty if none were found within the budget.
pub fn minimal(
    history: &History,
    violation: &Violation,
    options: &Options,
    budget: &mut dyn Budget,
) -> Vec<OpId> {
    let mut shrinking = Shrinking {
        all: &history.operations,
        options,
        budget,
        checks: 0,
    };
    let kept = match shrinking.contradiction(violation) {
        Some(part) => shrinking.reduce(part, Shrinking::contradicts),
        None => shrinking.illegal_part(),
    };
    kept.iter()
        .map(|index| history.operations[*index].id)
        .collect()
}

struct Shrinking<'a> {
    all: &'a [Operation],
    options: &'a Options,
    budget: &'a mut dyn Budget,
    checks: u32,
}

impl Shrinking<'_> {
    fn may_go_on(&mut self) -> bool {
        self.checks < CHECKS_MAX && self.budget.exceeded(0).is_none()
    }

    /// A part that contradicts itself: what is about the nodes of the violation, or what is about
    /// those above them too, or everything in time.
    fn contradiction(&mut self, violation: &Violation) -> Option<Vec<usize>> {
        let subjects = [violation.operation, violation.other()];
        let subjects: BTreeSet<usize> = (0..self.all.len())
            .filter(|index| subjects.contains(&self.all[*index].id))
            .collect();
        let own: BTreeSet<Path> = subjects
            .iter()
            .flat_map(|index| nodes_of(&self.all[*index]))
            .collect();
        let mut above = own.clone();
        for path in &own {
            let mut parent = parent_of(path);
            while let Some(path) = parent {
                above.insert(Path::from(path));
                parent = parent_of(path);
            }
        }
        let in_time: Vec<usize> = (0..self.all.len())
            .filter(|index| self.all[*index].invoked <= violation.at)
            .collect();
        for named in [own, above] {
            let is_about = |index: &usize| {
                let mut nodes = nodes_of(&self.all[*index]).into_iter();
                subjects.contains(index) || nodes.any(|path| named.contains(&path))
            };
            let near: Vec<usize> = in_time.iter().copied().filter(is_about).collect();
            if self.contradicts(&near) {
                return Some(near);
            }
        }
        self.contradicts(&in_time).then_some(in_time)
    }

    /// A part that is illegal whatever the rest did, if that can be found out.
    fn illegal_part(&mut self) -> Vec<usize> {
        let everything: Vec<usize> = (0..self.all.len()).collect();
        if everything.len() > FORGETTING_MAX {
            return Vec::new();
        }
        self.reduce(everything, Shrinking::is_illegal_without)
    }

    /// Leaves out what can be left out, in ever smaller pieces.
    fn reduce(
        &mut self,
        mut kept: Vec<usize>,
        still_shows: fn(&mut Self, &[usize]) -> bool,
    ) -> Vec<usize> {
        let mut size = kept.len().div_ceil(2);
        while size > 0 && self.may_go_on() {
            let mut from = 0;
            while from < kept.len() && self.may_go_on() {
                let through = (from + size).min(kept.len());
                let mut fewer = kept.clone();
                fewer.drain(from..through);
                if still_shows(self, &fewer) {
                    kept = fewer;
                } else {
                    from = through;
                }
            }
            size /= 2;
        }
        kept
    }

    /// Whether these answers contradict each other, whatever anybody else has done.
    fn contradicts(&mut self, part: &[usize]) -> bool {
        self.checks += 1;
        let operations: Vec<Operation> =
            part.iter().map(|index| self.all[*index].clone()).collect();
        let options = match self.options.mode {
            // The zxid of a read's reply is a hint only.
            Mode::Linearizable(_) => Options {
                trusts_reads: false,
                ..*self.options
            },
            Mode::ZooKeeper => *self.options,
        };
        // Whether a session ended does not matter.
        let survey = Survey {
            ends: Vec::new(),
            ..survey(&operations)
        };
        let constraints = Constraints::of(&operations, &survey, &options);
        constraints.regress.is_some()
            || constraints.collision.is_some()
            || contents_differ(constraints.all.iter().map(|constraint| constraint.op))
            || Propagation::contradicts(&constraints)
    }

    /// Whether there is no order even if nobody knows what became of all other writes.
    fn is_illegal_without(&mut self, part: &[usize]) -> bool {
        self.checks += 1;
        let kept: BTreeSet<usize> = part.iter().copied().collect();
        let mut history = History {
            operations: Vec::with_capacity(self.all.len()),
            seen: Vec::new(),
        };
        for (index, op) in self.all.iter().enumerate() {
            match &op.request {
                _ if kept.contains(&index) => history.operations.push(op.clone()),
                Request::Write(_) => history.operations.push(Operation {
                    completed: None,
                    outcome: Some(Outcome::Unknown),
                    ..op.clone()
                }),
                Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => {}
            }
        }
        let mut few = Few {
            budget: self.budget,
            left: QUESTIONS_MAX,
        };
        match check(&history, self.options, &mut few).ruling {
            Ruling::Violated(_) => true,
            Ruling::Holds | Ruling::Vacuous | Ruling::Unknown(_) => false,
        }
    }
}

/// A small part of a budget.
struct Few<'a> {
    budget: &'a mut dyn Budget,
    left: u64,
}

impl Budget for Few<'_> {
    fn exceeded(&mut self, bytes: usize) -> Option<Limit> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                self.budget.exceeded(bytes)
            }
            None => Some(Limit::Steps),
        }
    }
}

/// Whether two answers give different contents, or different transactions, of one version of a
/// node. Its czxid distinguishes a node from its namesakes; 0 stands for an unknown one.
fn contents_differ<'a>(operations: impl Iterator<Item = &'a Operation>) -> bool {
    let mut contents: BTreeMap<(Path, u64, i32), (u64, Option<&Data>)> = BTreeMap::new();
    for op in operations {
        for (path, stat, data) in contents_of(op) {
            let version = (path.clone(), stat.czxid.0, stat.version);
            let content = (stat.mzxid.0, data);
            let known = contents.entry(version).or_insert(content);
            let is_other = known.1.zip(data).is_some_and(|(one, other)| one != other);
            if stat.czxid.0 != 0 && (known.0 != content.0 || is_other) {
                return true;
            }
            known.1 = known.1.or(data);
        }
    }
    false
}

/// The Stats that an answer gives of contents, with the contents where they are known.
fn contents_of(op: &Operation) -> Vec<(&Path, &crate::tree::Stat, Option<&Data>)> {
    match (&op.request, op.answer()) {
        (Request::Read(Read::GetData { path, .. }), Some(Ok(Response::Data { data, stat }))) => {
            vec![(path, stat, Some(data))]
        }
        (Request::Write(write), Some(answer)) => match (write.bare(), answer) {
            (Write::Multi(parts), Ok(Response::Multi(responses))) => parts
                .iter()
                .zip(responses)
                .filter_map(|(part, response)| match (part, response) {
                    (Part::Create { data, .. }, Response::Created { path, stat }) => {
                        Some((path, stat, Some(data)))
                    }
                    (Part::SetData { path, data, .. }, Response::Set(stat)) => {
                        Some((path, stat, Some(data)))
                    }
                    _without_a_content => None,
                })
                .collect(),
            (Write::Create { data, .. }, Ok(Response::Created { path, stat })) => {
                vec![(path, stat, Some(data))]
            }
            (Write::SetData { path, data, .. }, Ok(Response::Set(stat))) => {
                vec![(path, stat, Some(data))]
            }
            _without_a_content => Vec::new(),
        },
        (
            Request::Read(_)
            | Request::Write(_)
            | Request::Watch(_)
            | Request::Sync
            | Request::Auth { .. },
            Some(Answer::Ok(_) | Answer::Err(_)) | None,
        ) => Vec::new(),
    }
}

/// The paths that an operation is about; of a sequential create, also what came of it.
fn nodes_of(op: &Operation) -> Vec<Path> {
    let mut paths = paths_read_by(&op.request);
    if let Request::Write(write) = &op.request {
        let (touches, _) = footprint_of(write, op.answer());
        paths.extend(touches.into_iter().map(|(path, _)| path));
    }
    paths
}
