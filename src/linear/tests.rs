//! The engine on histories written by hand.

use super::{
    Action, Budget, Event, Found, Limit, NEVER, Operation, Register, Steps, Timed, placed, search,
};

fn timed(action: Action, invoked: u64, returned: u64) -> Timed<Action> {
    Timed {
        action,
        invoked,
        returned: Some(returned),
    }
}

fn search_timed(timed: Vec<Timed<Action>>, budget: &mut dyn Budget) -> Found {
    let (operations, events) = placed(timed);
    search(&mut Register, &operations, &events, budget)
}

#[test]
fn a_stale_read_is_named_with_what_there_can_have_been() {
    let ops = vec![
        timed(Action::Write(1), 0, 1),
        timed(Action::Write(2), 2, 3),
        timed(Action::Read(1), 4, 5),
    ];
    let Found::Stuck(stuck) = search_timed(ops, &mut Steps(100)) else {
        panic!("the read has no place");
    };
    assert_eq!(stuck.operation, 2);
    assert_eq!(stuck.states, [2]);
}

#[test]
fn operations_that_touch_are_concurrent() {
    let ops = vec![timed(Action::Write(1), 0, 2), timed(Action::Read(0), 2, 3)];
    assert_eq!(search_timed(ops, &mut Steps(100)), Found::Order);
}

/// Two hundred unknown writes of one value, and reads that see it in turns with another one.
fn turns(values: u32) -> Vec<Timed<Action>> {
    let mut ops = vec![timed(Action::Write(1), 0, 1)];
    for number in 0..200 {
        ops.push(Timed {
            action: Action::Write(2 + number % values),
            invoked: 2,
            returned: None,
        });
    }
    for turn in 0..100 {
        ops.push(timed(Action::Read(2), 10 + 4 * turn, 11 + 4 * turn));
        ops.push(timed(Action::Write(1), 12 + 4 * turn, 13 + 4 * turn));
    }
    ops
}

#[test]
fn more_than_128_equal_unknown_writes_are_one_choice() {
    assert_eq!(search_timed(turns(1), &mut Steps(100)), Found::Order);
    // Half of them are of another value, so that the last turns have none left.
    assert_eq!(search_timed(turns(2), &mut Steps(100)), Found::Order);
    assert!(matches!(
        search_timed(turns(3), &mut Steps(100)),
        Found::Stuck(_)
    ));
}

#[test]
fn an_exhausted_budget_is_admitted_with_how_far_it_got() {
    let ops = vec![timed(Action::Write(1), 0, 1), timed(Action::Read(1), 2, 3)];
    let Found::Undecided(undecided) = search_timed(ops, &mut Steps(0)) else {
        panic!("there was no budget");
    };
    assert_eq!(undecided.limit, Limit::Steps);
    assert_eq!((undecided.done, undecided.of), (0, 2));
}

#[test]
fn more_open_operations_than_masks_can_hold_are_admitted() {
    let operation = |number: u32| Operation {
        action: Action::Write(number),
        invoked: number,
        returned: NEVER,
    };
    let operations: Vec<Operation<Action>> = (0..5_000).map(operation).collect();
    let events: Vec<Event> = (0..5_000).map(Event::invocation).collect();
    let found = search(&mut Register, &operations, &events, &mut Steps(100));
    assert!(matches!(found, Found::Undecided(undecided) if undecided.limit == Limit::Open));
}
