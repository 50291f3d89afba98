//! Sequential specifications.

use std::collections::BTreeMap;

/// What an action can do to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It never changes a state.
    Observes,
    /// It is possible in every state, and leads to the same one from all of them.
    Overwrites,
    /// It is possible in every state, and answers the same in all of them.
    Applies,
    /// Anything else.
    Changes,
}

/// A sequential specification. States are numbers, small ones, given out by the model: equal
/// numbers mean states that behave alike.
pub trait Model {
    /// What is done, with what was answered if that is known. Equal ones are interchangeable.
    type Action: PartialEq;

    /// The first state.
    fn initial(&mut self) -> u32;

    /// The state after an action; `None` if it cannot take place here, or would have been answered
    /// differently.
    fn step(&mut self, state: u32, action: &Self::Action) -> Option<u32>;

    /// What an action can do to any state.
    fn kind(&self, action: &Self::Action) -> Kind;

    /// About how much memory the states hold.
    fn size(&self) -> usize {
        0
    }
}

/// A specification whose states are values.
pub trait Specification {
    /// A state; equal states behave alike.
    type State: Clone + Ord;
    /// As in [`Model`].
    type Action: PartialEq;

    /// The first state.
    fn initial(&self) -> Self::State;

    /// As in [`Model`].
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<Self::State>;

    /// As in [`Model`].
    fn kind(&self, action: &Self::Action) -> Kind;

    /// About how much memory a state holds.
    fn size(&self, _state: &Self::State) -> usize {
        2 * size_of::<Self::State>()
    }
}

/// A model that numbers the states of a specification.
#[derive(Clone, Debug)]
pub struct Numbered<S: Specification> {
    specification: S,
    states: Vec<S::State>,
    numbers: BTreeMap<S::State, u32>,
    bytes: usize,
}

impl<S: Specification> Numbered<S> {
    /// The model of a specification.
    pub fn new(specification: S) -> Numbered<S> {
        Numbered {
            specification,
            states: Vec::new(),
            numbers: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// The state of a number that was given out.
    pub fn state(&self, number: u32) -> &S::State {
        &self.states[number as usize]
    }

    fn number(&mut self, state: S::State) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = u32::try_from(self.states.len()).expect("memory ends before the numbers do");
        self.bytes += 2 * self.specification.size(&state);
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}

impl<S: Specification> Model for Numbered<S> {
    type Action = S::Action;

    fn initial(&mut self) -> u32 {
        let state = self.specification.initial();
        self.number(state)
    }

    fn step(&mut self, state: u32, action: &S::Action) -> Option<u32> {
        let before = &self.states[state as usize];
        let after = self.specification.step(before, action)?;
        if after == *before {
            return Some(state);
        }
        Some(self.number(after))
    }

    fn kind(&self, action: &S::Action) -> Kind {
        self.specification.kind(action)
    }

    fn size(&self) -> usize {
        self.bytes
    }
}
