//! Is there a sequential order? A just-in-time search over configurations.
//!
//! Time is swept once. At each return, every configuration that has not yet linearized the
//! returning operation is extended by open operations until it has; those that cannot are dropped.
//! A configuration is a state and the set of *open* operations it has linearized, so its size
//! depends on concurrency and not on the length of the history.
//!
//! Three reductions, none of which loses an order:
//! - a returned operation that can change no state (a read, a refusal) is linearized as soon as it
//!   fits: that takes nothing away from later choices. It does not hold for a write that happens to
//!   leave *this* state as it is, which may be needed later;
//! - of two configurations that differ only in the unknown operations they used, the one that used
//!   fewer can do whatever the other can;
//! - equal unknown operations are used in the order of their invocation: exchanging them changes
//!   nothing.

use std::collections::BTreeMap;

/// A sequential specification.
pub trait Model {
    /// A state; equal states behave alike.
    type State: Clone + Ord;
    /// What is asked.
    type Input: PartialEq;
    /// What is answered.
    type Output;

    /// The first state.
    fn initial(&self) -> Self::State;

    /// The state after `input`, if `output` is what it answers there; an unknown output fits
    /// whatever the answer is.
    fn step(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State>;

    /// Whether `input` answered by `output` changes no state at all.
    fn only_observes(&self, input: &Self::Input, output: &Self::Output) -> bool;
}

/// One operation of a history.
#[derive(Clone, Debug)]
pub struct Op<I, O> {
    /// What was asked.
    pub input: I,
    /// The answer, if it is known.
    pub output: Option<O>,
    /// When it was invoked.
    pub invoked: u64,
    /// When it returned; `None` if it may take effect at any time after its invocation, or never.
    /// Operations that touch (one returns at the moment of the other's invocation) are concurrent.
    pub returned: Option<u64>,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is an order.
    Linearizable,
    /// There is none: no order of what was invoked before has room for this operation.
    NotLinearizable {
        /// Its index.
        stuck: usize,
    },
    /// The budget of steps ended first.
    Budget,
}

/// A set of slots.
type Bits = Vec<u64>;

/// Searches for an order, taking at most `steps_max` steps of the model.
pub fn search<M: Model>(model: &M, ops: &[Op<M::Input, M::Output>], steps_max: u64) -> Found {
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        // `false` sorts first: at one moment invocations come before returns.
        events.push((op.invoked, false, index));
        if let Some(returned) = op.returned {
            events.push((returned.max(op.invoked), true, index));
        }
    }
    events.sort_unstable();
    let mut frontier = Frontier::new(model, ops, steps_max);
    for (_, is_return, index) in events {
        if !is_return {
            frontier.invoke(index);
        } else if let Err(found) = frontier.complete(index) {
            return found;
        }
    }
    Found::Linearizable
}

/// Configurations: for each state and set of linearized returning operations, the minimal sets of
/// unknown operations with which it is reached.
type Configurations = BTreeMap<(u32, Bits), Vec<Bits>>;

struct Frontier<'a, M: Model> {
    model: &'a M,
    ops: &'a [Op<M::Input, M::Output>],
    steps_left: u64,
    states: Vec<M::State>,
    numbers: BTreeMap<M::State, u32>,
    /// The open operations. A slot is used again once its operation has returned.
    slots: Vec<Option<usize>>,
    /// For each open unknown operation, the slot of the equal one invoked before it.
    twins: BTreeMap<usize, usize>,
    configurations: Configurations,
}

impl<'a, M: Model> Frontier<'a, M> {
    fn new(model: &'a M, ops: &'a [Op<M::Input, M::Output>], steps_max: u64) -> Self {
        let initial = model.initial();
        Frontier {
            model,
            ops,
            steps_left: steps_max,
            states: vec![initial.clone()],
            numbers: BTreeMap::from([(initial, 0)]),
            slots: Vec::new(),
            twins: BTreeMap::new(),
            configurations: BTreeMap::from([((0, Bits::new()), vec![Bits::new()])]),
        }
    }

    fn invoke(&mut self, index: usize) {
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.slots.len());
        if self.ops[index].returned.is_none() {
            let twin = self.slots.iter().enumerate().rev().find(|(_, other)| {
                other.is_some_and(|other| {
                    self.ops[other].returned.is_none()
                        && self.ops[other].output.is_none()
                        && self.ops[index].output.is_none()
                        && self.ops[other].input == self.ops[index].input
                        && !self
                            .twins
                            .values()
                            .any(|used| self.slots[*used] == Some(other))
                })
            });
            if let Some((twin, _)) = twin {
                self.twins.insert(slot, twin);
            }
        }
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(index);
    }

    /// Keeps the configurations that can linearize `index` by now.
    fn complete(&mut self, index: usize) -> Result<(), Found> {
        let slot = self
            .slots
            .iter()
            .position(|open| *open == Some(index))
            .expect("an operation returns once, after it was invoked");
        let mut work: Vec<(u32, Bits, Bits)> = Vec::new();
        for ((state, known), unknowns) in core::mem::take(&mut self.configurations) {
            for unknown in unknowns {
                work.push((state, known.clone(), unknown));
            }
        }
        let mut seen = Configurations::new();
        let mut kept = Configurations::new();
        while let Some((state, mut known, unknown)) = work.pop() {
            self.linearize_observations(state, &mut known)?;
            if !remember(&mut seen, state, &known, &unknown) {
                continue;
            }
            if has(&known, slot) {
                clear(&mut known, slot);
                remember(&mut kept, state, &known, &unknown);
                continue;
            }
            self.extend(state, &known, &unknown, &mut work)?;
        }
        self.slots[slot] = None;
        self.configurations = kept;
        if self.configurations.is_empty() {
            return Err(Found::NotLinearizable { stuck: index });
        }
        Ok(())
    }

    fn linearize_observations(&mut self, state: u32, known: &mut Bits) -> Result<(), Found> {
        for slot in 0..self.slots.len() {
            let Some(index) = self.slots[slot] else {
                continue;
            };
            let op = &self.ops[index];
            let only_observes = op.returned.is_some()
                && op
                    .output
                    .as_ref()
                    .is_some_and(|output| self.model.only_observes(&op.input, output));
            if only_observes && !has(known, slot) && self.step(state, index)?.is_some() {
                set(known, slot);
            }
        }
        Ok(())
    }

    /// Every configuration that is one operation further.
    fn extend(
        &mut self,
        state: u32,
        known: &Bits,
        unknown: &Bits,
        work: &mut Vec<(u32, Bits, Bits)>,
    ) -> Result<(), Found> {
        for slot in 0..self.slots.len() {
            let Some(index) = self.slots[slot] else {
                continue;
            };
            if has(known, slot) || has(unknown, slot) {
                continue;
            }
            if self
                .twins
                .get(&slot)
                .is_some_and(|twin| !has(unknown, *twin))
            {
                continue;
            }
            let Some(next) = self.step(state, index)? else {
                continue;
            };
            let (mut known, mut unknown) = (known.clone(), unknown.clone());
            if self.ops[index].returned.is_some() {
                set(&mut known, slot);
            } else if next == state {
                continue; // An unknown operation without effect might as well never happen.
            } else {
                set(&mut unknown, slot);
            }
            work.push((next, known, unknown));
        }
        Ok(())
    }

    fn step(&mut self, state: u32, index: usize) -> Result<Option<u32>, Found> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Found::Budget)?;
        let op = &self.ops[index];
        let before = &self.states[state as usize];
        let Some(after) = self.model.step(before, &op.input, op.output.as_ref()) else {
            return Ok(None);
        };
        if let Some(number) = self.numbers.get(&after) {
            return Ok(Some(*number));
        }
        let number = u32::try_from(self.states.len()).map_err(|_| Found::Budget)?;
        self.states.push(after.clone());
        self.numbers.insert(after, number);
        Ok(Some(number))
    }
}

/// Adds a configuration; says whether it is new and not covered by one with fewer unknowns.
fn remember(into: &mut Configurations, state: u32, known: &Bits, unknown: &Bits) -> bool {
    let minimal = into.entry((state, known.clone())).or_default();
    if minimal.iter().any(|other| is_subset(other, unknown)) {
        return false;
    }
    minimal.retain(|other| !is_subset(unknown, other));
    minimal.push(unknown.clone());
    true
}

fn has(bits: &Bits, slot: usize) -> bool {
    bits.get(slot / 64)
        .is_some_and(|word| word >> (slot % 64) & 1 == 1)
}

fn set(bits: &mut Bits, slot: usize) {
    if bits.len() <= slot / 64 {
        bits.resize(slot / 64 + 1, 0);
    }
    bits[slot / 64] |= 1 << (slot % 64);
}

/// Removes a slot, and zero words at the end: equal sets have equal words.
fn clear(bits: &mut Bits, slot: usize) {
    if let Some(word) = bits.get_mut(slot / 64) {
        *word &= !(1 << (slot % 64));
    }
    while bits.last() == Some(&0) {
        bits.pop();
    }
}

fn is_subset(small: &Bits, large: &Bits) -> bool {
    small
        .iter()
        .enumerate()
        .all(|(place, word)| word & !large.get(place).copied().unwrap_or(0) == 0)
}
