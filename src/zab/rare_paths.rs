//! The rare paths of Zab that campaigns count.

use crate::protocol::{RarePath, Seen};

/// How learners are synchronised, and an epoch that is used up.
pub(super) const RARE_PATHS: &[RarePath] = &[
    RarePath {
        name: "DIFF",
        seen: Seen::Message("DIFF"),
    },
    RarePath {
        name: "TRUNC",
        seen: Seen::Message("TRUNC"),
    },
    RarePath {
        name: "SNAP",
        seen: Seen::Message("SNAP"),
    },
    RarePath {
        name: "rollover",
        seen: Seen::LastOfEpoch,
    },
];
