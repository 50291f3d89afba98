//! What a check concludes, and the limits it keeps.

/// A limit that ended a check before its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The time that was given.
    Time,
    /// The memory that was given.
    Memory,
    /// The steps that were given.
    Steps,
    /// More operations were open at once than a configuration can distinguish.
    Open,
}

impl core::fmt::Display for Limit {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            Limit::Time => "the limit of time",
            Limit::Memory => "the limit of memory",
            Limit::Steps => "the limit of steps",
            Limit::Open => "the limit of operations that are open at once",
        })
    }
}

/// Keeps the limits: a check asks it from time to time, and before it takes much memory.
pub trait Budget {
    /// Whether a limit is reached by a check that holds so many bytes.
    fn exceeded(&mut self, bytes: usize) -> Option<Limit>;

    /// The verdict is known; what would follow only explains it. Says whether that is wanted: if
    /// not, a violation comes with its sentence alone.
    fn decided(&mut self) -> bool {
        true
    }
}

/// A budget of questions: no clock, the same in every run.
#[derive(Clone, Copy, Debug)]
pub struct Steps(pub u64);

impl Budget for Steps {
    fn exceeded(&mut self, _bytes: usize) -> Option<Limit> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                None
            }
            None => Some(Limit::Steps),
        }
    }
}

/// A check that did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The limit that was reached.
    pub limit: Limit,
    /// How many operations had returned and fitted.
    pub done: usize,
    /// Of how many.
    pub of: usize,
}

/// What a check concludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// There is an order.
    Linearizable,
    /// There is none.
    Violation(Box<Explanation>),
    /// Nobody knows.
    Unknown(Undecided),
}

/// Why there is no order. Operations are given by their indices in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What is wrong, in words.
    pub reason: String,
    /// The operation whose return left no order: all that returned before it have one.
    pub stuck: usize,
    /// An order of what returned before it; empty if there was no time to find it.
    pub legal_prefix: Vec<usize>,
    /// Operations that have no order either, whatever the others did.
    pub minimal: Vec<usize>,
}
