//! One sweep over the order of effects and real time at once.
//!
//! The effects are applied one after the other. Before each, everything that waits looks at the
//! state: an observation takes its place at the first state that it fits once everything that must
//! precede it has one. Taking the first is never wrong: the order of effects is given, each
//! condition says "not before", and an earlier place leaves whatever follows more room. So the
//! sweep fails only if no places exist.
//!
//! With [`Placing::AtHeader`] an observation waits for the last state that its reply's zxid allows,
//! which is where it nearly always belongs, so that it is looked at once. That can fail where
//! [`Placing::First`] does not.

use super::conflict::{Conflict, Stop, Why};
use super::constraint::{Constraint, Kind, NONE, NOWHERE};
use super::constraints::Constraints;
use super::placements::Placements;
use super::timeline::Step;
use super::tree;
use crate::linear::Budget;
use crate::tree::{Answer, Request};
use crate::znode::model::{Model, agrees};

/// Where observations are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placing {
    /// At the last state that the reply's zxid allows.
    AtHeader,
    /// At every state, the first first.
    First,
}

/// A transaction that the servers executed and no client's answer places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revealed<'t> {
    pub step: Step<'t>,
    /// The constraint that asked for it, if one did: it is of the kind [`Kind::Perhaps`].
    pub constraint: u32,
}

/// What has to be taken back to go on from an earlier state.
#[derive(Clone, Debug)]
struct Checkpoint {
    now: u64,
    model: Model,
    next_effect: usize,
    next_revealed: usize,
    next_completion: usize,
    next_invocation: usize,
    waiting: Vec<u32>,
    /// How many constraints had a place.
    order: usize,
}

/// The state of a sweep.
#[derive(Debug)]
pub(super) struct Sweep<'c, 'a> {
    constraints: &'c Constraints<'a>,
    placing: Placing,
    model: Model,
    /// The last effect applied.
    now: u64,
    next_effect: usize,
    /// What the servers executed, by zxid; empty where the history alone is judged.
    revealed: &'c [Revealed<'c>],
    next_revealed: usize,
    next_completion: usize,
    next_invocation: usize,
    /// The observations that may take their place by now.
    waiting: Vec<u32>,
    /// For each constraint the state at which it was placed.
    places: Vec<u64>,
    /// The order in which constraints took their places.
    pub order: Vec<u32>,
    checkpoints: Vec<Checkpoint>,
    /// Effects between two checkpoints; 0 without any.
    spacing: usize,
    since_checkpoint: usize,
    /// Looks at a state and applications of effects so far.
    steps: u64,
    /// How many of them there were when the budget was last asked.
    asked: u64,
}

/// Steps between two questions to the budget.
const STEPS_PER_QUESTION: u64 = 4_096;

const CHECKPOINTS_MAX: usize = 64;

impl<'c, 'a> Sweep<'c, 'a> {
    /// Asks clients alone.
    pub fn new(constraints: &'c Constraints<'a>, placing: Placing, model: Model) -> Self {
        let spacing = if constraints.unplaced.is_empty() {
            0
        } else {
            64
        };
        Sweep::over(constraints, &[], spacing, placing, model)
    }

    /// Takes what the servers did, too: nothing is left to be searched for.
    pub fn with_truth(
        constraints: &'c Constraints<'a>,
        revealed: &'c [Revealed<'c>],
        placing: Placing,
        model: Model,
    ) -> Self {
        Sweep::over(constraints, revealed, 0, placing, model)
    }

    fn over(
        constraints: &'c Constraints<'a>,
        revealed: &'c [Revealed<'c>],
        spacing: usize,
        placing: Placing,
        mut model: Model,
    ) -> Self {
        for session in &constraints.sessions {
            tree::open(&mut model, *session);
        }
        let mut sweep = Sweep {
            constraints,
            placing,
            model,
            now: 0,
            next_effect: 0,
            revealed,
            next_revealed: 0,
            next_completion: 0,
            next_invocation: 0,
            waiting: Vec::new(),
            places: vec![NOWHERE; constraints.all.len()],
            order: Vec::with_capacity(constraints.all.len()),
            checkpoints: Vec::new(),
            spacing,
            since_checkpoint: 0,
            steps: 0,
            asked: 0,
        };
        sweep.advance_clock();
        for (index, constraint) in (0u32..).zip(&constraints.all) {
            if constraint.kind == Kind::Observation
                && !constraint.by_clock
                && constraint.before == NONE
            {
                sweep.waiting.push(index);
            }
        }
        sweep.keep_checkpoint();
        sweep
    }

    /// The memory that it holds, roughly; trees are small beside histories.
    fn size(&self) -> usize {
        self.constraints.size() + (self.places.len() * size_of::<u64>()) + (self.order.len() * 4)
    }

    pub fn place_of(&self, constraint: u32) -> u64 {
        self.places[constraint as usize]
    }

    /// What everything before said about the tree now: to explain a conflict.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What an observation would be answered in the present state.
    pub fn found(&mut self, constraint: u32) -> Answer {
        let op = self.constraints.get(constraint).op;
        match &op.request {
            Request::Read(read) => tree::read(&self.model, op, read),
            Request::Write(write) => tree::probe(&mut self.model, op, write),
            Request::Watch(_) | Request::Sync | Request::Auth { .. } => {
                unreachable!("only reads and writes are claims")
            }
        }
    }

    /// Goes on to the end, or to the first conflict, or to the end of the budget.
    pub fn run(&mut self, placements: &Placements, budget: &mut dyn Budget) -> Result<(), Stop> {
        loop {
            if self.steps >= self.asked + STEPS_PER_QUESTION {
                self.asked = self.steps;
                if let Some(limit) = budget.exceeded(self.size()) {
                    return Err(Stop::Limit(limit));
                }
            }
            let next = self.next(placements);
            self.settle(next)?;
            if next == NOWHERE {
                return self.finish();
            }
            let revealed = self.revealed.get(self.next_revealed).copied();
            let revealed = revealed.filter(|revealed| revealed.step.zxid.0 == next);
            self.next_revealed += usize::from(revealed.is_some());
            match (self.constraints.effects.get(self.next_effect), revealed) {
                (Some((zxid, constraint)), _) if *zxid == next => {
                    self.next_effect += 1;
                    self.apply(next, *constraint)?;
                }
                (Some(_) | None, Some(revealed)) => self.take_over(revealed)?,
                (Some(_) | None, None) => {
                    let placed = placements.at(next);
                    self.apply(next, placed.expect("the next one is known or placed"))?;
                }
            }
        }
    }

    /// The zxid of the next effect.
    fn next(&self, placements: &Placements) -> u64 {
        let known = self.constraints.effects.get(self.next_effect);
        let revealed = self.revealed.get(self.next_revealed);
        let known = known
            .map_or(NOWHERE, |(zxid, _)| *zxid)
            .min(revealed.map_or(NOWHERE, |revealed| revealed.step.zxid.0));
        if placements.is_empty() {
            return known;
        }
        known.min(placements.next_from(self.now + 1).unwrap_or(NOWHERE))
    }

    /// Gives places to the observations that fit the present state.
    fn settle(&mut self, next: u64) -> Result<(), Stop> {
        let mut turn = 0;
        while turn < self.waiting.len() {
            let index = self.waiting[turn];
            let constraint = &self.constraints.all[index as usize];
            if self.fits(constraint, next) {
                self.waiting.swap_remove(turn);
                self.place(index);
            } else if constraint.hi < next {
                return Err(self.conflict(index, next, Why::NoState));
            } else {
                turn += 1;
            }
        }
        Ok(())
    }

    fn fits(&mut self, constraint: &Constraint<'_>, next: u64) -> bool {
        if constraint.lo >= next || constraint.hi < self.now || constraint.since > self.now {
            return false;
        }
        if self.placing == Placing::AtHeader && constraint.hi >= next && constraint.hi != NOWHERE {
            return false;
        }
        self.steps += 1;
        looks_right(&mut self.model, constraint)
    }

    fn apply(&mut self, zxid: u64, index: u32) -> Result<(), Stop> {
        self.steps += 1;
        let constraint = &self.constraints.all[index as usize];
        if let Some(earlier) = self.constraints.by_completion.get(self.next_completion)
            && *earlier != index
            && self.constraints.get(*earlier).completed < constraint.invoked
        {
            let why = Why::RealTime { other: index };
            return Err(self.conflict(*earlier, zxid, why));
        }
        if zxid <= constraint.lo {
            return Err(self.conflict(index, zxid, Why::Heard));
        }
        if constraint.before != NONE && self.places[constraint.before as usize] == NOWHERE {
            let why = Why::Session { other: index };
            return Err(self.conflict(constraint.before, zxid, why));
        }
        let Request::Write(write) = &constraint.op.request else {
            unreachable!("only writes have effects");
        };
        let answer = tree::write(&mut self.model, zxid, constraint.op, write);
        let is_right = match (constraint.kind, constraint.op.answer()) {
            (Kind::Effect(_) | Kind::Somewhere, Some(told)) => agrees(told, &answer),
            (Kind::Perhaps, _) => answer.is_ok(),
            (Kind::Effect(_) | Kind::Somewhere | Kind::Observation, _) => false,
        };
        if !is_right {
            return Err(self.conflict(index, zxid, Why::Answer(answer)));
        }
        self.now = zxid;
        self.place(index);
        self.since_checkpoint += 1;
        if self.spacing > 0 && self.since_checkpoint >= self.spacing {
            self.keep_checkpoint();
        }
        Ok(())
    }

    /// Executes what the servers did. An unknown write keeps to its session's order if it had an
    /// effect, and whatever was completed before it was invoked has its place by now.
    fn take_over(&mut self, revealed: Revealed<'_>) -> Result<(), Stop> {
        self.steps += 1;
        let zxid = revealed.step.zxid.0;
        let answer = revealed.step.replay(&mut self.model);
        if revealed.constraint != NONE
            && let Some(Ok(_)) = answer
        {
            let constraint = &self.constraints.all[revealed.constraint as usize];
            if let Some(earlier) = self.constraints.by_completion.get(self.next_completion)
                && self.constraints.get(*earlier).completed < constraint.invoked
            {
                let why = Why::RealTime {
                    other: revealed.constraint,
                };
                return Err(self.conflict(*earlier, zxid, why));
            }
            if zxid <= constraint.lo || zxid > constraint.hi {
                return Err(self.conflict(revealed.constraint, zxid, Why::Turn));
            }
        }
        self.now = zxid;
        Ok(())
    }

    fn place(&mut self, index: u32) {
        self.places[index as usize] = self.now;
        self.order.push(index);
        let after = self.constraints.all[index as usize].after;
        if after != NONE {
            self.await_if_ready(after);
        }
        self.advance_clock();
    }

    /// Moves on over everything that has a place, and lets observations in that were invoked before
    /// the first completion of something that has none.
    fn advance_clock(&mut self) {
        let due = &self.constraints.by_completion;
        while let Some(index) = due.get(self.next_completion)
            && self.places[*index as usize] != NOWHERE
        {
            self.next_completion += 1;
        }
        while let Some(index) = self.constraints.by_invocation.get(self.next_invocation)
            && self.constraints.get(*index).invoked <= self.clock()
        {
            self.next_invocation += 1;
            self.await_if_ready(*index);
        }
    }

    /// The first completion of something without a place.
    fn clock(&self) -> u64 {
        let first = self.constraints.by_completion.get(self.next_completion);
        first.map_or(NOWHERE, |index| self.constraints.get(*index).completed)
    }

    fn await_if_ready(&mut self, index: u32) {
        let constraint = self.constraints.get(index);
        if constraint.kind != Kind::Observation {
            return;
        }
        let is_in_time = !constraint.by_clock || constraint.invoked <= self.clock();
        let is_in_turn =
            constraint.before == NONE || self.places[constraint.before as usize] != NOWHERE;
        if is_in_time && is_in_turn {
            self.waiting.push(index);
        }
    }

    fn finish(&self) -> Result<(), Stop> {
        match self.constraints.by_completion.get(self.next_completion) {
            None => Ok(()),
            Some(left) => Err(self.conflict(*left, NOWHERE, Why::NoState)),
        }
    }

    fn conflict(&self, constraint: u32, next: u64, why: Why) -> Stop {
        Stop::Conflict(Conflict {
            constraint,
            now: self.now,
            next,
            why,
        })
    }

    /// The same conflict, traced to what keeps its constraint from a place: an earlier one, in its
    /// session or in real time, that has none itself.
    pub fn root_of(&self, conflict: Conflict) -> Conflict {
        let mut root = conflict.constraint;
        // No longer than all constraints: sessions and real time may contradict each other.
        for _ in &self.constraints.all {
            let constraint = self.constraints.get(root);
            let is_late = constraint.by_clock && constraint.invoked > self.clock();
            let blocker = if self.places[root as usize] != NOWHERE {
                NONE
            } else if constraint.before != NONE
                && self.places[constraint.before as usize] == NOWHERE
            {
                constraint.before
            } else if constraint.kind == Kind::Observation && is_late {
                self.constraints.by_completion[self.next_completion]
            } else {
                NONE
            };
            // What has a known place is only to come, and nothing helps it.
            let is_open = blocker != NONE
                && match self.constraints.get(blocker).kind {
                    Kind::Observation | Kind::Somewhere => true,
                    Kind::Effect(_) | Kind::Perhaps => false,
                };
            if !is_open {
                break;
            }
            root = blocker;
        }
        Conflict {
            constraint: root,
            ..conflict
        }
    }

    fn keep_checkpoint(&mut self) {
        self.since_checkpoint = 0;
        if self.spacing == 0 {
            return;
        }
        if self.checkpoints.len() == CHECKPOINTS_MAX {
            let mut number = 0;
            self.checkpoints.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.spacing *= 2;
        }
        self.checkpoints.push(Checkpoint {
            now: self.now,
            model: self.model.clone(),
            next_effect: self.next_effect,
            next_revealed: self.next_revealed,
            next_completion: self.next_completion,
            next_invocation: self.next_invocation,
            waiting: self.waiting.clone(),
            order: self.order.len(),
        });
    }

    /// Goes back to a state before `zxid`.
    pub fn rewind_before(&mut self, zxid: u64) {
        while self.checkpoints.len() > 1
            && self.checkpoints.last().is_some_and(|last| last.now >= zxid)
        {
            self.checkpoints.pop();
        }
        let last = self.checkpoints.last().expect("the start is kept");
        self.now = last.now;
        self.model = last.model.clone();
        self.next_effect = last.next_effect;
        self.next_revealed = last.next_revealed;
        self.next_completion = last.next_completion;
        self.next_invocation = last.next_invocation;
        self.waiting.clone_from(&last.waiting);
        self.since_checkpoint = 0;
        for index in self.order.drain(last.order..) {
            self.places[index as usize] = NOWHERE;
        }
    }
}

/// Whether an observation is what the present state answers.
fn looks_right(model: &mut Model, constraint: &Constraint<'_>) -> bool {
    let Some(answer) = constraint.op.answer() else {
        return false;
    };
    match &constraint.op.request {
        Request::Read(read) => tree::fits(model, constraint.op, read, answer),
        Request::Write(write) => agrees(answer, &tree::probe(model, constraint.op, write)),
        Request::Watch(_) | Request::Sync | Request::Auth { .. } => false,
    }
}
