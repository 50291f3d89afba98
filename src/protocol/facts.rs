//! Ghost state for the white-box checkers.

use serde::{Deserialize, Serialize};

use crate::ids::Zxid;

/// Something that became true inside a server: ghost state for the white-box checkers.
///
/// `epoch` is a Zab epoch or an encoded ballot; `value` is a payload's digest, 0 for a no-op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fact {
    /// A primary proposes `value` at `zxid` for the first time in `epoch` (Zab: bcast(p,e,t);
    /// Paxos: (b,s,v) enters props). Re-sends are not facts; re-proposals at a new ballot are.
    Proposed {
        /// The proposer's epoch.
        epoch: u64,
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// This server became the established leader of `epoch`; its history ends at `through`.
    Established {
        /// The epoch.
        epoch: u64,
        /// The last position of its initial history.
        through: Zxid,
    },
    /// A promise not to take part in an epoch below `epoch` leaves this server (Zab: ACKEPOCH).
    Promised {
        /// The promised epoch.
        epoch: u64,
    },
    /// The promise of `epoch` that is about to leave reports every vote of this server above
    /// `above` (Paxos): the [`Fact::Reported`] that follow, before its [`Fact::Promised`].
    Reporting {
        /// The promised epoch.
        epoch: u64,
        /// The position below the first one that is asked for and kept.
        above: Zxid,
    },
    /// One of the votes that a promise reports.
    Reported {
        /// The epoch of the vote.
        epoch: u64,
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// A vote leaves this server (Zab: ACK of a proposal; Paxos: Accepted).
    Voted {
        /// The epoch of the vote.
        epoch: u64,
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// This server takes `value` to be chosen (committed) at `zxid`. Paxos reports no-ops too.
    Chosen {
        /// The position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
}

impl Fact {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Fact::Proposed { .. } => "Proposed",
            Fact::Established { .. } => "Established",
            Fact::Promised { .. } => "Promised",
            Fact::Reporting { .. } => "Reporting",
            Fact::Reported { .. } => "Reported",
            Fact::Voted { .. } => "Voted",
            Fact::Chosen { .. } => "Chosen",
        }
    }

    /// Whether it repeats what the message says that it goes with: such facts are for the checkers
    /// alone. They enter neither the run hash nor the trace, which have the message.
    pub fn is_in_its_message(&self) -> bool {
        match self {
            Fact::Reporting { .. } | Fact::Reported { .. } => true,
            Fact::Proposed { .. }
            | Fact::Established { .. }
            | Fact::Promised { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => false,
        }
    }
}
