//! The generic engine: a just-in-time frontier of configurations.
//!
//! Time is swept once. Operations take effect as late as possible: when one has to return, each
//! configuration that still owes it is extended by open operations until it does not; those that
//! cannot are dropped. A configuration is the state and what became of the *open* operations, so
//! its size depends on concurrency and not on the length of the history.
//!
//! What keeps the frontier small; none of it loses an order:
//! - **Free effects.** An operation that would leave the present state as it is takes effect at
//!   once (every read that fits, every observed failure). That takes nothing away: its effect may
//!   still be used later instead.
//! - **Overwritten unseen.** When something overwrites the state, every other open operation that
//!   is possible in all states may have taken effect just before without being observed. It is no
//!   longer owed, and may still be used later instead. So writes that nobody reads cost nothing.
//! - **Subsumption.** Of two configurations with one state, the one that owes less and has spent
//!   less can do whatever the other can.
//! - **Symmetry.** Of equal open operations the one that returns first is used first (an unknown
//!   one returns last): exchanging the two keeps every order legal.

use super::antichain::{Antichain, Configuration};
use super::event::Event;
use super::judgement::{Budget, Limit, Undecided};
use super::keyed::{NEVER, Operation};
use super::mask::Mask;
use super::model::{Kind, Model};

/// Extensions between two questions to the budget.
const STEPS_PER_QUESTION: u32 = 512;
/// Events between two questions to the budget.
const EVENTS_PER_QUESTION: usize = 1024;
/// The initial capacity for slots and states: most searches need no more.
const START: usize = 32;
/// The most operations that may be open at once.
const OPEN_MAX: usize = 64 * 64;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is an order.
    Order,
    /// There is none.
    Stuck(Stuck),
    /// A limit came first.
    Undecided(Undecided),
}

/// The point beyond which no order goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The operation that fits in no order of the operations invoked before its return.
    pub operation: usize,
    /// The states that were possible between the last return and this one, sorted.
    pub states: Vec<u32>,
}

/// A step of a recorded order.
#[derive(Clone, Copy, Debug)]
struct Step {
    before: u32,
    operation: u32,
    /// The event at whose time it took effect.
    event: u32,
}

/// A visible effect: an operation, and the event just before which it took place.
pub(super) type Effect = (usize, usize);

/// Whether the operations have an order that the model explains. `events` are theirs, in order.
pub fn search<M: Model>(
    model: &mut M,
    operations: &[Operation<M::Action>],
    events: &[Event],
    budget: &mut dyn Budget,
) -> Found {
    sized(model, operations, events, budget, None)
}

/// As [`search`], and returns the effects of an order that it found. Operations that are not among
/// them took effect without being observed.
pub(super) fn search_recording<M: Model>(
    model: &mut M,
    operations: &[Operation<M::Action>],
    events: &[Event],
    budget: &mut dyn Budget,
) -> (Found, Vec<Effect>) {
    let mut effects = Vec::new();
    let found = sized(model, operations, events, budget, Some(&mut effects));
    (found, effects)
}

/// Picks the size of the masks.
fn sized<M: Model>(
    model: &mut M,
    operations: &[Operation<M::Action>],
    events: &[Event],
    budget: &mut dyn Budget,
    effects: Option<&mut Vec<Effect>>,
) -> Found {
    let (mut open, mut open_max) = (0usize, 0);
    for event in events {
        if event.is_return() {
            open -= 1;
        } else {
            open += 1;
            open_max = open_max.max(open);
        }
    }
    match open_max {
        0..=64 => run::<M, 1>(model, operations, events, budget, effects),
        65..=128 => run::<M, 2>(model, operations, events, budget, effects),
        129..=256 => run::<M, 4>(model, operations, events, budget, effects),
        257..=1024 => run::<M, 16>(model, operations, events, budget, effects),
        1025..=OPEN_MAX => run::<M, 64>(model, operations, events, budget, effects),
        _ => Found::Undecided(Undecided {
            limit: Limit::Open,
            done: 0,
            of: operations.len(),
        }),
    }
}

fn run<M: Model, const W: usize>(
    model: &mut M,
    operations: &[Operation<M::Action>],
    events: &[Event],
    budget: &mut dyn Budget,
    effects: Option<&mut Vec<Effect>>,
) -> Found {
    let mut frontier = Frontier::<M, W>::new(model, operations, budget);
    frontier.steps = effects.is_some().then(Vec::new);
    let undecided = |limit, done| {
        let of = operations.len();
        Found::Undecided(Undecided { limit, done, of })
    };
    let mut done = 0;
    for (place, event) in events.iter().enumerate() {
        if place % EVENTS_PER_QUESTION == 0
            && let Err(limit) = frontier.ask()
        {
            return undecided(limit, done);
        }
        frontier.place = place;
        if !event.is_return() {
            frontier.invoke(event.operation());
            continue;
        }
        match frontier.complete(event.operation()) {
            Ok(true) => done += 1,
            Ok(false) => return Found::Stuck(frontier.stuck(event.operation())),
            Err(limit) => return undecided(limit, done),
        }
    }
    if let (Some(effects), Some(steps)) = (effects, &frontier.steps) {
        *effects = way(steps, frontier.configurations[0].trace);
    }
    Found::Order
}

/// The steps that lead to a place in the record.
fn way(steps: &[Step], mut trace: u32) -> Vec<Effect> {
    let mut effects = Vec::new();
    while trace != 0 {
        let step = steps[trace as usize - 1];
        effects.push((step.operation as usize, step.event as usize));
        trace = step.before;
    }
    effects.reverse();
    effects
}

/// A slot for an open operation; reused once its operation has returned.
struct Slot<'a, A, const W: usize> {
    operation: &'a Operation<A>,
    index: u32,
    /// The slots of the open equal operations that return earlier.
    earlier: Mask<W>,
}

struct Frontier<'a, M: Model, const W: usize> {
    model: &'a mut M,
    operations: &'a [Operation<M::Action>],
    budget: &'a mut dyn Budget,
    /// Until the next question to the budget.
    steps_left: u32,
    /// The steps of all ways, if they are recorded. A trace is an index plus one.
    steps: Option<Vec<Step>>,
    /// The place of the present event.
    place: usize,
    slots: Vec<Slot<'a, M::Action, W>>,
    live: Mask<W>,
    /// Those that can change a state.
    changing: Mask<W>,
    overwriting: Mask<W>,
    /// Those that are possible right before something overwrites the state.
    hideable: Mask<W>,
    unknown: Mask<W>,
    /// By operation: its slot.
    homes: Vec<u16>,
    /// By state: the open operations that leave it as it is, with the number of the last invocation
    /// that they take into account.
    free: Vec<(u32, Mask<W>)>,
    invocations: u32,
    configurations: Vec<Configuration<W>>,
    /// The configurations before the return of the present operation.
    work: Antichain<W>,
    /// The configurations after the return of the present operation.
    kept: Antichain<W>,
}

impl<'a, M: Model, const W: usize> Frontier<'a, M, W> {
    fn new(
        model: &'a mut M,
        operations: &'a [Operation<M::Action>],
        budget: &'a mut dyn Budget,
    ) -> Self {
        let state = model.initial();
        Frontier {
            model,
            operations,
            budget,
            steps_left: STEPS_PER_QUESTION,
            steps: None,
            place: 0,
            slots: Vec::with_capacity(START),
            live: Mask::EMPTY,
            changing: Mask::EMPTY,
            overwriting: Mask::EMPTY,
            hideable: Mask::EMPTY,
            unknown: Mask::EMPTY,
            homes: vec![0; operations.len()],
            free: Vec::with_capacity(START),
            invocations: 0,
            configurations: vec![Configuration {
                state,
                trace: 0,
                is_bare: false,
                owed: Mask::EMPTY,
                spent: Mask::EMPTY,
            }],
            work: Antichain::new(),
            kept: Antichain::new(),
        }
    }

    fn ask(&mut self) -> Result<(), Limit> {
        let steps = self.steps.as_ref().map_or(0, Vec::capacity);
        let bytes = self.configurations.capacity() * size_of::<Configuration<W>>()
            + self.work.size()
            + self.kept.size()
            + self.free.capacity() * size_of::<(u32, Mask<W>)>()
            + self.slots.capacity() * size_of::<Slot<'_, M::Action, W>>()
            + 2 * self.homes.capacity()
            + steps * size_of::<Step>()
            + self.model.size();
        self.budget.exceeded(bytes).map_or(Ok(()), Err)
    }

    fn invoke(&mut self, index: usize) {
        let slot = self.live.first_free().expect("the masks were made to fit");
        let operation = &self.operations[index];
        let taken = Slot {
            operation,
            index: u32::try_from(index).expect("events count in 32 bits"),
            earlier: Mask::EMPTY,
        };
        if slot == self.slots.len() {
            self.slots.push(taken);
        } else {
            self.slots[slot] = taken;
        }
        self.homes[index] = u16::try_from(slot).expect("masks are smaller than 16 bits can tell");
        self.live.insert(slot);
        self.invocations += 1;
        match self.model.kind(&operation.action) {
            Kind::Observes => {}
            Kind::Overwrites => {
                self.overwriting.insert(slot);
                self.hideable.insert(slot);
                self.changing.insert(slot);
                self.compare(slot, operation);
            }
            Kind::Applies => {
                self.hideable.insert(slot);
                self.changing.insert(slot);
                self.compare(slot, operation);
            }
            Kind::Changes => {
                self.changing.insert(slot);
                self.compare(slot, operation);
            }
        }
        if operation.returned == NEVER {
            self.unknown.insert(slot);
            return;
        }
        let mut last = (u32::MAX, false);
        for configuration in &mut self.configurations {
            if configuration.state != last.0 {
                let after = self.model.step(configuration.state, &operation.action);
                last = (configuration.state, after == Some(configuration.state));
            }
            if !last.1 {
                configuration.owed.insert(slot);
            }
        }
    }

    /// Finds the equal ones of a new open operation.
    fn compare(&mut self, slot: usize, operation: &Operation<M::Action>) {
        for other in self.changing.iter().filter(|other| *other != slot) {
            let equal = self.slots[other].operation;
            if equal.action != operation.action {
                continue;
            }
            if equal.returned <= operation.returned {
                self.slots[slot].earlier.insert(other);
            } else {
                self.slots[other].earlier.insert(slot);
            }
        }
    }

    /// Keeps the configurations in which an operation can have returned by now; says whether there
    /// is one.
    ///
    /// One that still owes it is extended until it does not. And an effect that has passed unseen
    /// may be used for the last time: that, too, is tried. What else could take effect by now can
    /// wait for its own return.
    fn complete(&mut self, index: usize) -> Result<bool, Limit> {
        let slot = usize::from(self.homes[index]);
        let is_changing = self.changing.has(slot);
        if is_changing || self.configurations.iter().any(|one| one.owed.has(slot)) {
            self.work.clear();
            self.kept.clear();
            for mut configuration in self.configurations.drain(..) {
                if configuration.spent.has(slot) {
                    configuration.spent.remove(slot);
                    self.kept.insert(configuration);
                    continue;
                }
                let is_owed = configuration.owed.has(slot);
                if !is_owed {
                    self.kept.insert(configuration);
                }
                if is_owed || is_changing {
                    self.work.insert(configuration);
                }
            }
            let mut number = 0;
            while number < self.work.len() {
                if let Some(configuration) = self.work.alive(number).copied() {
                    self.extend(&configuration, slot)?;
                }
                number += 1;
            }
            let alive = (0..self.kept.len()).filter_map(|number| self.kept.alive(number));
            self.configurations.extend(alive);
        }
        self.live.remove(slot);
        if is_changing {
            self.changing.remove(slot);
            self.overwriting.remove(slot);
            self.hideable.remove(slot);
            for other in self.changing.iter() {
                self.slots[other].earlier.remove(slot);
            }
        }
        Ok(!self.configurations.is_empty())
    }

    /// Adds every configuration that is one effect further, on the way to the return of `target`.
    fn extend(&mut self, from: &Configuration<W>, target: usize) -> Result<(), Limit> {
        // Of equal operations the one that returns earlier goes first, unless it took effect
        // unobserved at a moment when the other one could not.
        let blocking = from
            .owed
            .or(&self.unknown)
            .or(&self.overwriting)
            .without(&from.spent);
        let mut candidates = self.changing.without(&from.spent);
        if from.is_bare {
            candidates = candidates.without(&self.overwriting);
        }
        if self.overwriting.has(target) {
            // An effect right before it is observed by nobody. It could only settle what is owed,
            // and effects that can be hidden are settled anyway.
            let demanding = from.owed.without(&self.hideable);
            if demanding.is_empty() {
                candidates = candidates.and(&Mask::of(target));
            }
        }
        for slot in candidates.iter() {
            if !self.slots[slot].earlier.and(&blocking).is_empty() {
                continue;
            }
            self.steps_left -= 1;
            if self.steps_left == 0 {
                self.steps_left = STEPS_PER_QUESTION;
                self.ask()?;
            }
            let action = &self.slots[slot].operation.action;
            let Some(state) = self.model.step(from.state, action) else {
                continue;
            };
            if state == from.state {
                // Its own effect is free, and was taken; but it may hide what is overwritten.
                let hides = self.overwriting.has(slot);
                if !hides || from.owed.and(&self.hideable).is_empty() {
                    continue;
                }
            }
            let to = self.after(from, slot, state);
            self.sort_in(from, to, slot, target);
        }
        Ok(())
    }

    /// The configuration after the effect of a slot.
    fn after(&mut self, from: &Configuration<W>, slot: usize, state: u32) -> Configuration<W> {
        let (mut owed, mut spent) = (from.owed, from.spent);
        owed.remove(slot);
        spent.insert(slot);
        let is_overwriting = self.overwriting.has(slot);
        if is_overwriting {
            owed = owed.without(&self.hideable);
        }
        let before = owed;
        owed = owed.without(&self.free_in(state));
        let mut trace = from.trace;
        if let Some(steps) = &mut self.steps {
            trace = u32::try_from(steps.len()).expect("memory ends before the numbers do") + 1;
            steps.push(Step {
                before: from.trace,
                operation: self.slots[slot].index,
                event: u32::try_from(self.place).expect("events count in 32 bits"),
            });
        }
        Configuration {
            state,
            trace,
            is_bare: is_overwriting && owed == before,
            owed,
            spent,
        }
    }

    /// Files a configuration that `slot` led to: it has settled the target, or is still on the way,
    /// or both.
    fn sort_in(
        &mut self,
        from: &Configuration<W>,
        to: Configuration<W>,
        slot: usize,
        target: usize,
    ) {
        let is_owed = to.owed.has(target);
        if slot == target || (from.owed.has(target) && !is_owed) {
            let mut done = to;
            done.spent.remove(target);
            // Extensions of this one happen later, when other operations may have been invoked.
            done.is_bare = false;
            self.kept.insert(done);
        }
        if slot == target {
            return;
        }
        if is_owed || self.changing.has(target) {
            self.work.insert(to);
        }
    }

    /// The open operations that leave a state as it is.
    fn free_in(&mut self, state: u32) -> Mask<W> {
        let place = state as usize;
        if place >= self.free.len() {
            let length = (place + 1).max(2 * self.free.len());
            self.free.resize(length, (0, Mask::EMPTY));
        }
        if self.free[place].0 != self.invocations {
            let mut free = Mask::EMPTY;
            for slot in self.live.without(&self.unknown).iter() {
                let action = &self.slots[slot].operation.action;
                if self.model.step(state, action) == Some(state) {
                    free.insert(slot);
                }
            }
            self.free[place] = (self.invocations, free);
        }
        self.free[place].1
    }

    fn stuck(&self, operation: usize) -> Stuck {
        let mut states: Vec<u32> = self.work.states().collect();
        states.sort_unstable();
        states.dedup();
        Stuck { operation, states }
    }
}
