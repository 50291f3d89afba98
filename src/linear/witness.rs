//! The whole order, from the visible effects that a search recorded.

use super::event::Event;
use super::frontier::Effect;
use super::keyed::{NEVER, Operation};
use super::model::{Kind, Model};

/// Where an operation stands: after how many effects, whether hidden just before the next one, the
/// event at whose time it takes effect, and its index.
type Place = (usize, bool, usize, usize);

/// Everything that took effect, in an order that explains it: the effects, and between them what
/// took effect unseen.
pub(super) fn order<M: Model>(
    model: &mut M,
    operations: &[Operation<M::Action>],
    events: &[Event],
    effects: &[Effect],
) -> Vec<usize> {
    let mut spans = vec![(0, usize::MAX); operations.len()];
    for (place, event) in events.iter().enumerate() {
        let span = &mut spans[event.operation()];
        if event.is_return() {
            span.1 = place;
        } else {
            span.0 = place;
        }
    }
    let mut states = vec![model.initial()];
    let mut is_visible = vec![false; operations.len()];
    let mut places: Vec<Place> = Vec::new();
    for (number, (operation, event)) in effects.iter().enumerate() {
        let state = states[number];
        let after = model.step(state, &operations[*operation].action);
        states.push(after.expect("the search took this step"));
        is_visible[*operation] = true;
        places.push((number + 1, false, 0, *operation));
        assert_open(spans[*operation], *event);
    }
    for (index, operation) in operations.iter().enumerate() {
        if is_visible[index] || operation.returned == NEVER {
            continue;
        }
        let place = unseen(model, operation, spans[index], effects, &states, operations);
        let (after, is_hidden, event) = place.expect("what returned took effect somewhere");
        // The effect itself is the first of its segment.
        places.push((after, is_hidden, event + 1, index));
    }
    places.sort_unstable();
    places.into_iter().map(|place| place.3).collect()
}

/// An effect takes place while its operation is open.
fn assert_open(span: (usize, usize), event: usize) {
    assert!(span.0 <= event, "it took effect before it was invoked");
    assert!(event <= span.1, "it took effect after it had returned");
}

/// A place between the effects: after how many, hidden or not, at the time of which event.
fn unseen<M: Model>(
    model: &mut M,
    operation: &Operation<M::Action>,
    span: (usize, usize),
    effects: &[Effect],
    states: &[u32],
    operations: &[Operation<M::Action>],
) -> Option<(usize, bool, usize)> {
    let can_hide = match model.kind(&operation.action) {
        Kind::Overwrites | Kind::Applies => true,
        Kind::Observes | Kind::Changes => false,
    };
    // The last effect before it was invoked decides the first state that it can have met.
    let first = effects.partition_point(|effect| effect.1 <= span.0);
    for after in first..=effects.len() {
        let begins = if after == 0 { 0 } else { effects[after - 1].1 };
        if begins > span.1 {
            break;
        }
        if model.step(states[after], &operation.action) == Some(states[after]) {
            return Some((after, false, begins.max(span.0)));
        }
        let Some((next, event)) = effects.get(after) else {
            continue;
        };
        let overwrites = model.kind(&operations[*next].action) == Kind::Overwrites;
        if can_hide && overwrites && *event <= span.1 {
            return Some((after, true, *event));
        }
    }
    None
}
