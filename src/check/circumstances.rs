//! What a run went through besides what its servers did. The checkers get it at the end.

use crate::ids::{ConnId, NodeId, Span, VirtualTime};

/// What a run went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// How long a run needs after a fault until everything is in order again, if nothing but faults
    /// can unseat a leader; `None` where bad weather alone can: loss, heavy tails, short epochs.
    pub settles_in: Option<Span>,
    /// Every fault as it began and as it ended, in order.
    pub disturbances: Vec<Disturbance>,
    /// The barriers that were answered.
    pub barriers: Vec<Barrier>,
}

/// Something that a fault does to one direction between two servers, or to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// When.
    pub at: VirtualTime,
    /// From which server to which; the same one twice if it concerns the server itself.
    pub between: [NodeId; 2],
    /// Whether it begins, ends or happens once.
    pub turn: Turn,
}

/// A turn of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    Begins,
    /// It ends.
    Ends,
    /// It happens at once and is over.
    Once,
}

/// A barrier that a client was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The connection.
    pub conn: ConnId,
    /// The session's number of the request.
    pub xid: u32,
    /// The epoch of the leader that answered.
    pub epoch: u64,
    /// The leader gave its answer no later than this.
    pub answered: VirtualTime,
}

/// What a checker could not hold against a run, of all that it would have liked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excused {
    /// How many obligations were excused.
    pub excused: u64,
    /// Of how many.
    pub of: u64,
}
