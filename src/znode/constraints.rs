//! Every constraint of a history, in the orders in which the sweep needs them.

use std::collections::BTreeSet;

use super::answers::constraint;
use super::constraint::{Constraint, Kind};
use super::sessions::{Heard, chain, ends_a_session};
use super::{Mode, Options, Survey};
use crate::history::Operation;
use crate::ids::SessionId;

/// Every constraint of a history.
#[derive(Debug)]
pub(super) struct Constraints<'a> {
    pub all: Vec<Constraint<'a>>,
    /// The effects: zxid and constraint. Invariant: zxids ascend.
    pub effects: Vec<(u64, u32)>,
    /// What ended, in the order in which it did.
    pub by_completion: Vec<u32>,
    /// The observations that wait for the clock, in the order of invocation.
    pub by_invocation: Vec<u32>,
    /// The unplaced constraints.
    pub unplaced: Vec<u32>,
    /// Two effects at one zxid, if there are any.
    pub collision: Option<(u32, u32)>,
    /// A reply to the first names a later transaction than one to the second, which the session
    /// sent after it: their indices among the operations.
    pub regress: Option<(usize, usize)>,
    /// Every session that wrote.
    pub sessions: Vec<SessionId>,
}

impl<'a> Constraints<'a> {
    /// Makes constraints of the operations, and of the sessions' ends that nobody asked for.
    pub fn of(operations: &'a [Operation], survey: &'a Survey, options: &Options) -> Self {
        let ends = &survey.ends;
        let mut all: Vec<Constraint<'a>> = Vec::with_capacity(operations.len() + ends.len());
        // An end that comes unasked may come wherever a close of unknown outcome may.
        let ended = ends.iter().filter(|end| ends_a_session(end));
        let ended: BTreeSet<SessionId> = ended.map(|end| end.session).collect();
        all.extend(operations.iter().filter_map(|op| {
            let constraint = constraint(op, options)?;
            let is_told = constraint.kind != Kind::Perhaps || !ends_a_session(op);
            (is_told || !ended.contains(&op.session)).then_some(constraint)
        }));
        let unasked = ends.iter().zip(&survey.after);
        all.extend(unasked.filter_map(|(op, after)| {
            let constraint = constraint(op, options)?;
            Some(Constraint {
                lo: *after,
                ..constraint
            })
        }));
        let mut regress = None;
        match options.mode {
            Mode::ZooKeeper => {
                let heard = Heard::of(operations);
                regress = heard.regress;
                chain(&mut all, &heard);
            }
            Mode::Linearizable(_) => {}
        }
        let numbered = || all.iter().zip(0u32..);
        let at = |constraint: &Constraint<'_>| match constraint.kind {
            Kind::Effect(zxid) => Some(zxid),
            Kind::Somewhere | Kind::Perhaps | Kind::Observation => None,
        };
        let effects = numbered().filter_map(|(constraint, index)| Some((at(constraint)?, index)));
        let effects = ascending(effects).into_iter();
        let effects: Vec<(u64, u32)> = effects
            .filter_map(|index| Some((at(&all[index as usize])?, index)))
            .collect();
        let collision = effects
            .windows(2)
            .find(|pair| pair[0].0 == pair[1].0)
            .map(|pair| (pair[0].1, pair[1].1));
        let due = numbered().filter(|(constraint, _)| constraint.is_due());
        let by_completion = ascending(due.map(|(constraint, index)| (constraint.completed, index)));
        let mut invocations: Vec<(u64, u32)> = numbered()
            .filter(|(constraint, _)| constraint.kind == Kind::Observation && constraint.by_clock)
            .map(|(constraint, index)| (constraint.invoked, index))
            .collect();
        if !invocations.is_sorted() {
            invocations.sort_unstable();
        }
        let unplaced = numbered().filter(|(constraint, _)| constraint.is_unplaced());
        let unplaced = unplaced.map(|(_, index)| index).collect();
        Constraints {
            effects,
            by_completion,
            by_invocation: invocations.into_iter().map(|(_, index)| index).collect(),
            unplaced,
            collision,
            regress,
            sessions: survey.sessions.clone(),
            all,
        }
    }

    /// The memory that it holds.
    pub fn size(&self) -> usize {
        self.all.len() * size_of::<Constraint<'_>>()
            + self.effects.len() * size_of::<(u64, u32)>()
            + (self.by_completion.len() + self.by_invocation.len()) * size_of::<u32>()
    }

    pub fn get(&self, index: u32) -> &Constraint<'a> {
        &self.all[index as usize]
    }
}

/// Numbers in the order of their keys, and of themselves where those are equal. Moments of a
/// history are numbers of its events, mostly: then each goes to its place at once.
fn ascending(keyed: impl Iterator<Item = (u64, u32)> + Clone) -> Vec<u32> {
    let (mut count, mut last) = (0, 0);
    for (key, _) in keyed.clone() {
        count += 1;
        last = key.max(last);
    }
    if last > 4 * count as u64 {
        let mut keyed: Vec<(u64, u32)> = keyed.collect();
        keyed.sort_unstable();
        return keyed.into_iter().map(|(_, number)| number).collect();
    }
    let place = |key: u64| usize::try_from(key).expect("no more than four times a length");
    let mut starts = vec![0u32; place(last) + 2];
    for (key, _) in keyed.clone() {
        starts[place(key) + 1] += 1;
    }
    for key in 1..starts.len() {
        starts[key] += starts[key - 1];
    }
    let mut numbers = vec![0; count];
    for (key, number) in keyed {
        let start = &mut starts[place(key)];
        numbers[*start as usize] = number;
        *start += 1;
    }
    numbers
}
