//! The events of a history, in the order of their times.

/// One event of a history: the operation of that index is invoked or returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Twice the index, plus one for a return.
    code: u32,
}

impl Event {
    /// No event. No history has so many operations.
    pub(super) const NONE: Event = Event { code: u32::MAX };

    /// The invocation of an operation.
    pub fn invocation(operation: u32) -> Event {
        Event {
            code: 2 * operation,
        }
    }

    /// The return of an operation.
    pub fn return_of(operation: u32) -> Event {
        Event {
            code: 2 * operation + 1,
        }
    }

    /// Whether it is a return.
    pub fn is_return(self) -> bool {
        self.code & 1 == 1
    }

    /// The operation.
    pub fn operation(self) -> usize {
        self.code as usize / 2
    }
}
