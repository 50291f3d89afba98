//! Histories whose events have times instead of places.

use super::event::Event;
use super::keyed::{NEVER, Operation};

/// An operation between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<A> {
    /// What was done and answered.
    pub action: A,
    /// When it was invoked.
    pub invoked: u64,
    /// When it returned; `None` if it takes effect at any time after its invocation, or never.
    /// Operations that touch (one returns at the moment of the other's invocation) are concurrent.
    pub returned: Option<u64>,
}

/// The operations by places, and their events in order.
pub fn placed<A>(timed: Vec<Timed<A>>) -> (Vec<Operation<A>>, Vec<Event>) {
    let mut moments: Vec<(u64, bool, u32)> = Vec::new();
    for (index, one) in (0u32..).zip(&timed) {
        // `false` sorts first: at one moment invocations come before returns.
        moments.push((one.invoked, false, index));
        if let Some(returned) = one.returned {
            moments.push((returned.max(one.invoked), true, index));
        }
    }
    moments.sort_unstable();
    let unplaced = |one: Timed<A>| Operation {
        action: one.action,
        invoked: NEVER,
        returned: NEVER,
    };
    let mut operations: Vec<Operation<A>> = timed.into_iter().map(unplaced).collect();
    let mut events = Vec::with_capacity(moments.len());
    for (place, (_, is_return, index)) in (0u32..).zip(moments) {
        let operation = &mut operations[index as usize];
        if is_return {
            operation.returned = place;
            events.push(Event::return_of(index));
        } else {
            operation.invoked = place;
            events.push(Event::invocation(index));
        }
    }
    (operations, events)
}
