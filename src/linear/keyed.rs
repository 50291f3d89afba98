//! Histories of independent keys: registers and strings.

use super::Texts;

/// The place of an event that never came.
pub const NEVER: u32 = u32::MAX;

/// The value of a key before the first write.
pub const INITIAL: u32 = 0;

/// What a keyed history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Each key is a register with read, write and compare-and-set.
    Register,
    /// Each key is a string with get, put and append.
    Append,
}

/// What was done, with what was answered. Values are numbers in [`KeyedHistory::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A read or get saw this value.
    Read(u32),
    /// A write or put of this value.
    Write(u32),
    /// A compare-and-set that took place, or whose outcome is unknown.
    Swap {
        /// What it expected.
        from: u32,
        /// What it wrote.
        to: u32,
    },
    /// A compare-and-set that saw something else than this value.
    Mismatch(u32),
    /// An append of this text.
    Append(u32),
}

/// One operation. Places count the events of the history: one that is smaller came earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<A> {
    /// What was done and answered.
    pub action: A,
    /// The place of its invocation.
    pub invoked: u32,
    /// The place of its return; [`NEVER`] if its outcome is unknown: then it takes effect at any
    /// time after its invocation, or never.
    pub returned: u32,
}

/// Where an operation of a keyed history belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its key.
    pub key: u32,
    /// Its client.
    pub client: u32,
}

/// A history of independent keys.
///
/// Operations that say nothing (an unknown read, a write that surely failed) are left out.
#[derive(Clone, Debug, Default)]
pub struct KeyedHistory {
    /// The operations in the order of their invocations.
    pub operations: Vec<Operation<Action>>,
    /// Their keys and clients.
    pub origins: Vec<Origin>,
    /// The texts of the values; [`INITIAL`] comes first.
    pub values: Texts,
    /// The texts of the keys.
    pub keys: Texts,
    /// The names of the clients.
    pub clients: Texts,
    /// Operations that were read, also those left out.
    pub operations_read: usize,
}

impl KeyedHistory {
    /// About how much memory this holds.
    pub fn size(&self) -> usize {
        self.operations.capacity() * size_of::<Operation<Action>>()
            + self.origins.capacity() * size_of::<Origin>()
            + self.values.size()
            + self.keys.size()
            + self.clients.size()
    }
}
