//! What a failure is owed to: which faults, irregular deliveries and operations are necessary,
//! whether their moment, place and order matter, and from when on it could not be avoided.
//!
//! Every answer is a rerun of the failing run with one thing changed; the failure counts only if it
//! is the same (see [`crate::diagnose::shrink::Failure`]). A run that was shrunk before gives the
//! clearest answers: in others, most things are there by accident.

mod futures;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use menagerie::ids::{NodeId, Span, VirtualTime};
use serde::Serialize;

use crate::chance::decision::{Source, Table};
use crate::diagnose::shrink::{Failure, record, shows};
use crate::run::internal::Internal;
use crate::run::registry::Registration;
use crate::run::resolve::Resolved;
use crate::scenario::fault::Fault;
use crate::scenario::quantity::exact_span;
use crate::scenario::script::ScriptedOp;
use crate::world::Action;

pub use futures::Moment;

/// Steps by which a fault is moved, in milliseconds.
const STEPS_MS: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];
/// Single deliveries are examined up to so many; of more, only kinds would mean anything, and
/// shrinking is the better advice.
const DELIVERIES_MAX: usize = 60;
/// Single operations are examined up to so many.
const OPERATIONS_MAX: usize = 60;

/// What is known about one fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlamedFault {
    /// Its place in the plan.
    pub index: usize,
    /// When it fires, in nanoseconds.
    pub at: Span,
    /// What it does.
    pub what: String,
    /// Whether the failure is gone without it.
    pub necessary: bool,
    /// How much earlier it may come, of the steps that were tried, and the failure is still there.
    pub earlier: Option<Span>,
    /// How much later.
    pub later: Option<Span>,
    /// Whether it may last until the end.
    pub may_stay: bool,
    /// The other servers that it may hit instead.
    pub elsewhere: Vec<NodeId>,
}

/// What is known about one irregular delivery, or one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blamed {
    /// What it is.
    pub what: String,
    /// What that means, where it is a name of a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// Whether the failure is gone without it.
    pub necessary: bool,
}

/// Two things that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
    /// Whether the failure is gone if they change places.
    pub matters: bool,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blame {
    /// The checker.
    pub checker: String,
    /// What it says.
    pub reason: String,
    /// The faults.
    pub faults: Vec<BlamedFault>,
    /// The irregular deliveries; `None` if there are too many to be examined one by one.
    pub deliveries: Option<Vec<Blamed>>,
    /// The operations; `None` if there are too many.
    pub operations: Option<Vec<Blamed>>,
    /// What follows each other.
    pub order: Vec<Order>,
    /// How likely the failure is, seen from moments of the run.
    pub futures: Vec<Moment>,
    /// From here on every future that was tried failed.
    pub unavoidable_from: Option<Span>,
    /// How many runs it took.
    pub reruns: usize,
}

/// Hears how it goes.
pub trait Watcher {
    /// So many reruns ended; `about` is what the next ones examine.
    fn rerun(&self, about: &'static str, reruns: usize);
}

/// How many runs at the same time, and who hears of them.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// How many reruns at the same time.
    pub jobs: usize,
    /// Hears how it goes.
    pub watcher: &'a dyn Watcher,
}

/// Reruns one failing run.
struct Examiner<'a> {
    protocol: Registration,
    target: Failure,
    work: Work<'a>,
    /// What is examined.
    about: Cell<&'static str>,
    reruns: AtomicUsize,
}

impl Examiner<'_> {
    /// What is examined from now on.
    fn turn_to(&self, about: &'static str) -> &Self {
        self.about.set(about);
        self
    }

    /// Which of the candidates show the failure.
    fn all(&self, candidates: &[Resolved]) -> Vec<bool> {
        let mut shown = Vec::with_capacity(candidates.len());
        let (protocol, target) = (&self.protocol, &self.target);
        for batch in candidates.chunks(self.work.jobs.max(1)) {
            let reruns = self.reruns.fetch_add(batch.len(), Ordering::Relaxed);
            self.work.watcher.rerun(self.about.get(), reruns);
            let answers: Vec<bool> = thread::scope(|scope| {
                let threads: Vec<_> = batch
                    .iter()
                    .map(|run| scope.spawn(move || shows(protocol, target, run).is_some()))
                    .collect();
                let joined = threads.into_iter().map(|thread| thread.join());
                joined.map(|answer| answer.unwrap_or(false)).collect()
            });
            shown.extend(answers);
        }
        shown
    }

    fn one(&self, candidate: Resolved) -> bool {
        self.all(&[candidate]) == [true]
    }
}

/// Examines a failing run: the violation that the checker reports, else the first in the order of
/// the checkers. `None` if it does not fail (by that checker).
///
/// # Errors
/// If the run ended without a report.
pub fn blame(
    protocol: Registration,
    run: &Resolved,
    checker: Option<&str>,
    work: Work<'_>,
) -> Result<Option<Blame>, Internal> {
    let (report, spelled) = record(protocol, run)?;
    let wanted = |failure: &Failure| checker.is_none_or(|name| name == failure.checker);
    let Some(target) = Failure::of(&report).into_iter().find(wanted) else {
        return Ok(None);
    };
    let examiner = Examiner {
        protocol,
        target,
        work,
        about: Cell::new("futures"),
        reruns: AtomicUsize::new(1),
    };
    let futures = futures::futures(&examiner, &spelled);
    Ok(Some(Blame {
        checker: examiner.target.checker.clone(),
        reason: examiner.target.reason.clone(),
        faults: faults(examiner.turn_to("faults"), &spelled),
        deliveries: deliveries(examiner.turn_to("deliveries"), &spelled),
        operations: operations(examiner.turn_to("operations"), &spelled),
        order: order(examiner.turn_to("order"), &spelled),
        unavoidable_from: futures::unavoidable_from(&futures),
        futures,
        reruns: examiner.reruns.into_inner(),
    }))
}

fn changed(run: &Resolved, change: impl FnOnce(&mut Resolved)) -> Resolved {
    let mut run = run.clone();
    change(&mut run);
    run.plan.faults.sort_by_key(|planned| planned.at);
    run
}

fn faults(examiner: &Examiner, run: &Resolved) -> Vec<BlamedFault> {
    let places = 0..run.plan.faults.len();
    places.map(|place| fault(examiner, run, place)).collect()
}

fn fault(examiner: &Examiner, run: &Resolved, place: usize) -> BlamedFault {
    let planned = &run.plan.faults[place];
    let without = changed(run, |run| {
        run.plan.faults.remove(place);
    });
    let moved = |later: bool| {
        let candidates: Vec<Resolved> = STEPS_MS
            .iter()
            .map(|ms| {
                changed(run, |run| {
                    let at = &mut run.plan.faults[place].at;
                    let by = Span::millis(*ms);
                    *at = if later {
                        Span(at.0 + by.0)
                    } else {
                        Span(at.0.saturating_sub(by.0))
                    };
                })
            })
            .collect();
        let shown = examiner.all(&candidates);
        // As far as it goes without a gap.
        let reach = shown.iter().take_while(|shown| **shown).count();
        (reach > 0).then(|| Span::millis(STEPS_MS[reach - 1]))
    };
    let stays = changed(run, |run| run.plan.faults[place].hold = None);
    BlamedFault {
        index: place,
        at: planned.at,
        what: planned.fault.text(),
        necessary: !examiner.one(without),
        earlier: moved(false),
        later: moved(true),
        may_stay: examiner.one(stays),
        elsewhere: elsewhere(examiner, run, place),
    }
}

/// The servers that a fault about one server may hit instead.
fn elsewhere(examiner: &Examiner, run: &Resolved, place: usize) -> Vec<NodeId> {
    let Fault::Actions(actions) = &run.plan.faults[place].fault else {
        return Vec::new();
    };
    // The server that the fault is about: the one in every action.
    let everywhere = |node: &NodeId| actions.iter().all(|one| one.nodes().contains(node));
    let first = actions.first().map(Action::nodes).unwrap_or_default();
    let about: Vec<NodeId> = first.into_iter().filter(everywhere).collect();
    let [about] = about.as_slice() else {
        return Vec::new();
    };
    let servers = run.world.voters + run.world.observers;
    let others: Vec<NodeId> = (1..=servers)
        .map(NodeId)
        .filter(|other| other != about)
        .collect();
    let candidates: Vec<Resolved> = others
        .iter()
        .map(|other| {
            changed(run, |run| {
                let swap = |node: NodeId| match node {
                    node if node == *about => Some(*other),
                    node if node == *other => Some(*about),
                    node => Some(node),
                };
                let swapped = actions.iter().filter_map(|one| one.moved(swap));
                run.plan.faults[place].fault = Fault::Actions(swapped.collect());
            })
        })
        .collect();
    let shown = examiner.all(&candidates);
    let still = others.into_iter().zip(shown);
    still
        .filter_map(|(node, shown)| shown.then_some(node))
        .collect()
}

fn deliveries(examiner: &Examiner, run: &Resolved) -> Option<Vec<Blamed>> {
    let Source::Table(table) = &run.world.decisions else {
        return None;
    };
    if table.0.len() > DELIVERIES_MAX {
        return None;
    }
    let candidates: Vec<Resolved> = table
        .0
        .keys()
        .map(|name| {
            changed(run, |run| {
                let mut table = Table::clone(table);
                table.0.remove(name);
                run.world.decisions = Source::Table(table.into());
            })
        })
        .collect();
    let shown = examiner.all(&candidates);
    let blamed = table.0.iter().zip(shown).map(|((name, value), shown)| {
        let number = *value;
        let value = if name.is_span() {
            exact_span(Span(number))
        } else {
            number.to_string()
        };
        Blamed {
            what: format!("{name} = {value}"),
            meaning: Some(name.meaning(number)),
            necessary: !shown,
        }
    });
    Some(blamed.collect())
}

fn operations(examiner: &Examiner, run: &Resolved) -> Option<Vec<Blamed>> {
    let script = run.script.as_ref()?;
    if script.operations.len() > OPERATIONS_MAX {
        return None;
    }
    let candidates: Vec<Resolved> = (0..script.operations.len())
        .map(|place| {
            changed(run, |run| {
                if let Some(script) = &mut run.script {
                    script.operations.remove(place);
                }
            })
        })
        .collect();
    let shown = examiner.all(&candidates);
    let blamed = script.operations.iter().zip(shown);
    Some(
        blamed
            .map(|(operation, shown)| Blamed {
                what: format!("{} {}", VirtualTime(operation.at.0), asked(operation)),
                meaning: None,
                necessary: !shown,
            })
            .collect(),
    )
}

/// A fault or an operation, by its place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Fault(usize),
    Operation(usize),
}

/// Whether neighbours in time may change places. Two operations of one client always keep theirs.
fn order(examiner: &Examiner, run: &Resolved) -> Vec<Order> {
    let operations = run
        .script
        .as_ref()
        .map_or(&[][..], |script| script.operations.as_slice());
    if run.plan.faults.len() + operations.len() > OPERATIONS_MAX {
        return Vec::new();
    }
    let mut things: Vec<(Span, Thing, String)> = Vec::new();
    for (place, planned) in run.plan.faults.iter().enumerate() {
        things.push((planned.at, Thing::Fault(place), planned.fault.text()));
    }
    for (place, operation) in operations.iter().enumerate() {
        things.push((operation.at, Thing::Operation(place), asked(operation)));
    }
    things.sort_by_key(|(at, ..)| *at);
    let pairs: Vec<_> = things
        .windows(2)
        .filter(|pair| pair[0].0 < pair[1].0 && !same_client(run, pair[0].1, pair[1].1))
        .collect();
    let candidates: Vec<Resolved> = pairs
        .iter()
        .map(|pair| {
            changed(run, |run| {
                set_at(run, pair[0].1, pair[1].0);
                set_at(run, pair[1].1, pair[0].0);
                if let Some(script) = &mut run.script {
                    script.operations.sort_by_key(|operation| operation.at);
                }
            })
        })
        .collect();
    let shown = examiner.all(&candidates);
    let told = pairs.into_iter().zip(shown);
    told.map(|(pair, shown)| Order {
        first: pair[0].2.clone(),
        second: pair[1].2.clone(),
        matters: !shown,
    })
    .collect()
}

/// Who asks for what.
fn asked(operation: &ScriptedOp) -> String {
    let told = operation.text();
    let synced = if operation.synced {
        ", right behind a sync"
    } else {
        ""
    };
    format!("{} {told}{synced}", operation.client)
}

fn same_client(run: &Resolved, one: Thing, other: Thing) -> bool {
    let client = |thing: Thing| match thing {
        Thing::Fault(_) => None,
        Thing::Operation(place) => run
            .script
            .as_ref()
            .map(|script| script.operations[place].client),
    };
    client(one).is_some() && client(one) == client(other)
}

fn set_at(run: &mut Resolved, thing: Thing, at: Span) {
    match thing {
        Thing::Fault(place) => run.plan.faults[place].at = at,
        Thing::Operation(place) => {
            if let Some(script) = &mut run.script {
                script.operations[place].at = at;
                script.operations[place].after = 0;
            }
        }
    }
}
