//! Every procedure against brute force: all orders of all choices of unknown operations.

use proptest::prelude::*;

use super::check::check;
use super::model::Model;
use super::{
    Action, Event, Explanation, Family, Found, INITIAL, Judgement, KeyedHistory, Kind, NEVER,
    Numbered, Operation, Origin, Register, Specification, Steps, Texts, search,
};

/// Whether some order of the operations that are not in `done` explains everything from `state`.
fn has_order<S: Clone, A>(
    step: &dyn Fn(&S, &A) -> Option<S>,
    operations: &[Operation<A>],
    state: &S,
    done: u32,
) -> bool {
    let open = |index: usize| done >> index & 1 == 0;
    let mut rest = (0..operations.len()).filter(|index| open(*index));
    if rest.all(|index| operations[index].returned == NEVER) {
        return true;
    }
    (0..operations.len())
        .filter(|index| open(*index))
        .any(|index| {
            let must_wait = (0..operations.len())
                .any(|other| open(other) && operations[other].returned < operations[index].invoked);
            !must_wait
                && step(state, &operations[index].action)
                    .is_some_and(|after| has_order(step, operations, &after, done | 1 << index))
        })
}

/// Operations with distinct places from a schedule: each entry invokes or returns what is drawn.
#[derive(Clone, Debug)]
struct Drawn<A> {
    action: A,
    /// Where it begins and how long it takes, before places are made distinct.
    begin: u8,
    length: u8,
    known: bool,
}

fn placed<A: Clone>(drawn: &[Drawn<A>]) -> Vec<Operation<A>> {
    let mut marks: Vec<(u8, u8, usize, bool)> = Vec::new();
    for (index, one) in drawn.iter().enumerate() {
        marks.push((one.begin, 0, index, false));
        if one.known {
            marks.push((one.begin + one.length, 1, index, true));
        }
    }
    marks.sort_unstable();
    let operation = |one: &Drawn<A>| Operation {
        action: one.action.clone(),
        invoked: NEVER,
        returned: NEVER,
    };
    let mut operations: Vec<Operation<A>> = drawn.iter().map(operation).collect();
    for (place, (_, _, index, is_return)) in (0u32..).zip(marks) {
        if is_return {
            operations[index].returned = place;
        } else {
            operations[index].invoked = place;
        }
    }
    operations.sort_by_key(|operation| operation.invoked);
    operations
}

fn events<A>(operations: &[Operation<A>]) -> Vec<Event> {
    let mut events: Vec<(u32, Event)> = Vec::new();
    for (index, operation) in (0u32..).zip(operations) {
        events.push((operation.invoked, Event::invocation(index)));
        if operation.returned != NEVER {
            events.push((operation.returned, Event::return_of(index)));
        }
    }
    events.sort_by_key(|event| event.0);
    events.into_iter().map(|event| event.1).collect()
}

fn keyed(operations: Vec<Operation<Action>>, values: &[&str]) -> KeyedHistory {
    let mut history = KeyedHistory {
        operations_read: operations.len(),
        origins: vec![Origin { key: 0, client: 0 }; operations.len()],
        operations,
        ..KeyedHistory::default()
    };
    history.keys.number(b"r");
    history.clients.number(b"0");
    for value in values {
        history.values.number(value.as_bytes());
    }
    history
}

fn drawn<A: core::fmt::Debug + Clone>(
    actions: impl Strategy<Value = (A, bool)>,
) -> impl Strategy<Value = Drawn<A>> {
    (actions, 0..10u8, 0..6u8, 0..4u8).prop_map(|((action, may_hang), begin, length, fate)| Drawn {
        action,
        begin,
        length,
        known: fate > 0 || !may_hang,
    })
}

fn register_action(values: u32) -> impl Strategy<Value = (Action, bool)> {
    prop_oneof![
        3 => (0..=values).prop_map(|value| (Action::Read(value), false)),
        3 => (1..=values).prop_map(|value| (Action::Write(value), true)),
        2 => (0..=values, 1..=values).prop_map(|(from, to)| (Action::Swap { from, to }, true)),
        2 => (0..=values).prop_map(|value| (Action::Mismatch(value), false)),
    ]
}

fn register_step(state: &u32, action: &Action) -> Option<u32> {
    Register.step(*state, action)
}

const NAMES: [&str; 12] = [
    "null", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
];

/// The prefix is an order of everything that returned before the operation that got stuck, and the
/// minimal part has no order.
fn assert_explains<S: Clone>(
    step: &dyn Fn(&S, &Action) -> Option<S>,
    operations: &[Operation<Action>],
    initial: &S,
    explanation: &Explanation,
) -> Result<(), TestCaseError> {
    let prefix = &explanation.legal_prefix;
    let mut state = initial.clone();
    for (place, index) in prefix.iter().enumerate() {
        let after = step(&state, &operations[*index].action);
        prop_assert!(after.is_some(), "{prefix:?} at {place}");
        state = after.expect("it was looked at just now");
        for later in &prefix[place + 1..] {
            prop_assert!(operations[*later].returned > operations[*index].invoked);
            prop_assert_ne!(index, later);
        }
    }
    let end = operations[explanation.stuck].returned;
    for (index, operation) in operations.iter().enumerate() {
        prop_assert!(
            operation.returned >= end || prefix.contains(&index),
            "{index} is missing"
        );
    }
    let minimal: Vec<Operation<Action>> = explanation
        .minimal
        .iter()
        .map(|index| operations[*index])
        .collect();
    prop_assert!(!has_order(step, &minimal, initial, 0), "{minimal:?}");
    Ok(())
}

fn assert_register_agrees(operations: Vec<Operation<Action>>) -> Result<bool, TestCaseError> {
    let expected = has_order(&register_step, &operations, &INITIAL, 0);
    let found = search(
        &mut Register,
        &operations,
        &events(&operations),
        &mut Steps(10_000),
    );
    prop_assert!(!matches!(found, Found::Undecided(_)));
    prop_assert_eq!(found == Found::Order, expected, "frontier");
    let history = keyed(operations, &NAMES);
    let judged = check(Family::Register, &history, &mut Steps(1_000_000));
    prop_assert!(!matches!(judged, Judgement::Unknown(_)));
    prop_assert_eq!(judged == Judgement::Linearizable, expected, "check");
    if let Judgement::Violation(explanation) = &judged {
        assert_explains(&register_step, &history.operations, &INITIAL, explanation)?;
    }
    Ok(expected)
}

/// Gives every write a value of its own; who mentioned the old one mentions one of the new ones.
fn made_unique(drawn: &mut [Drawn<Action>]) {
    let mut last = 0;
    for one in drawn.iter_mut() {
        match &mut one.action {
            Action::Write(to) | Action::Swap { to, .. } => {
                last += 1;
                *to = last;
            }
            Action::Read(_) | Action::Mismatch(_) | Action::Append(_) => {}
        }
    }
    for one in drawn.iter_mut() {
        match &mut one.action {
            Action::Read(value) | Action::Mismatch(value) => *value %= last + 1,
            Action::Swap { from, .. } => *from %= last + 1,
            Action::Write(_) | Action::Append(_) => {}
        }
    }
}

/// A string object over small states, without the engine's own model.
fn string_step(texts: &Texts, state: &Vec<u8>, action: &Action) -> Option<Vec<u8>> {
    match *action {
        Action::Read(seen) => (texts.bytes(seen) == state).then(|| state.clone()),
        Action::Write(text) => Some(texts.bytes(text).to_vec()),
        Action::Append(text) => Some([state, texts.bytes(text)].concat()),
        Action::Swap { .. } | Action::Mismatch(_) => None,
    }
}

/// Texts of which none begins another one, and what can be made of them; or any.
const PIECES: [&str; 8] = ["", "ab", "b", "cc", "a", "ba", "aa", "cb"];

fn string_action() -> impl Strategy<Value = (Action, bool)> {
    prop_oneof![
        (0..40u32).prop_map(|value| (Action::Read(value), false)),
        (1..4u32).prop_map(|text| (Action::Write(text), true)),
        (1..4u32).prop_map(|text| (Action::Append(text), true)),
    ]
}

/// All strings of up to three of the first four pieces, after all pieces.
fn string_values() -> Vec<String> {
    let mut values: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    for first in &PIECES[1..4] {
        for second in &PIECES[1..4] {
            values.push(format!("{first}{second}"));
            for third in &PIECES[1..4] {
                values.push(format!("{first}{second}{third}"));
            }
        }
    }
    values
}

/// A history of one string object. Reads see what was written somehow.
fn string_history(drawn: &[Drawn<Action>]) -> KeyedHistory {
    let all = string_values();
    let mut history = keyed(placed(drawn), &[""]);
    for operation in &mut history.operations {
        let mut number = |value: u32| {
            let value = &all[value as usize % all.len()];
            history.values.number(value.as_bytes())
        };
        operation.action = match operation.action {
            Action::Read(value) => Action::Read(number(value)),
            Action::Write(text) => Action::Write(number(text)),
            Action::Append(text) => Action::Append(number(text)),
            other @ (Action::Swap { .. } | Action::Mismatch(_)) => other,
        };
    }
    history
}

fn assert_string_agrees(history: &KeyedHistory) -> Result<bool, TestCaseError> {
    let step = |state: &Vec<u8>, action: &Action| string_step(&history.values, state, action);
    let expected = has_order(&step, &history.operations, &Vec::new(), 0);
    let judged = check(Family::Append, history, &mut Steps(1_000_000));
    prop_assert!(!matches!(judged, Judgement::Unknown(_)));
    prop_assert_eq!(judged == Judgement::Linearizable, expected);
    if let Judgement::Violation(explanation) = &judged {
        assert_explains(&step, &history.operations, &Vec::new(), explanation)?;
    }
    Ok(expected)
}

/// A counter that can be raised, doubled, set and read: none of it is a register's.
struct Counter;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    Add(u8),
    Double,
    Set(u8),
    See(u8),
}

impl Specification for Counter {
    type State = u8;
    type Action = Count;

    fn initial(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, action: &Count) -> Option<u8> {
        match *action {
            Count::Add(more) => Some((state + more) % 16),
            Count::Double => Some(state * 2 % 16),
            Count::Set(value) => Some(value),
            Count::See(value) => (value == *state).then_some(value),
        }
    }

    fn kind(&self, action: &Count) -> Kind {
        match action {
            Count::Add(_) => Kind::Applies,
            Count::Double => Kind::Changes,
            Count::Set(_) => Kind::Overwrites,
            Count::See(_) => Kind::Observes,
        }
    }
}

fn count() -> impl Strategy<Value = (Count, bool)> {
    prop_oneof![
        2 => (0..3u8).prop_map(|more| (Count::Add(more), true)),
        1 => Just((Count::Double, true)),
        1 => (0..4u8).prop_map(|value| (Count::Set(value), true)),
        3 => (0..6u8).prop_map(|value| (Count::See(value), false)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn registers_of_few_values_agree_with_brute_force(
        drawn in proptest::collection::vec(drawn(register_action(3)), 1..=7)
    ) {
        assert_register_agrees(placed(&drawn))?;
    }

    #[test]
    fn registers_of_unique_values_agree_with_brute_force(
        mut drawn in proptest::collection::vec(drawn(register_action(9)), 1..=7)
    ) {
        made_unique(&mut drawn);
        assert_register_agrees(placed(&drawn))?;
    }

    #[test]
    fn strings_of_unique_texts_agree_with_brute_force(
        mut drawn in proptest::collection::vec(drawn(string_action()), 1..=7)
    ) {
        let mut last = 0;
        drawn.retain_mut(|one| match &mut one.action {
            Action::Write(text) | Action::Append(text) => {
                last += 1;
                *text = last;
                last < 4
            }
            Action::Read(_) | Action::Swap { .. } | Action::Mismatch(_) => true,
        });
        assert_string_agrees(&string_history(&drawn))?;
    }

    #[test]
    fn strings_of_equal_texts_agree_with_brute_force(
        drawn in proptest::collection::vec(drawn(string_action()), 1..=6)
    ) {
        assert_string_agrees(&string_history(&drawn))?;
    }

    #[test]
    fn counters_agree_with_brute_force(
        drawn in proptest::collection::vec(drawn(count()), 1..=7)
    ) {
        let operations = placed(&drawn);
        let step = |state: &u8, action: &Count| Counter.step(state, action);
        let expected = has_order(&step, &operations, &0, 0);
        let mut model = Numbered::new(Counter);
        let found = search(&mut model, &operations, &events(&operations), &mut Steps(10_000));
        prop_assert_eq!(found == Found::Order, expected);
    }
}
