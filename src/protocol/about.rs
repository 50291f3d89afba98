//! What is known of a protocol by its name alone: its tables.

use super::Protocol;
use super::knobs::{self, KnobSet, Knobs, Timing, Values};
use crate::mutation::Entry;

/// A rare path that every campaign should take, and how it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RarePath {
    /// Its name in tables and documents.
    pub name: &'static str,
    /// What makes it count.
    pub seen: Seen,
}

/// What makes a rare path count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A message of this kind arrives.
    Message(&'static str),
    /// A leader proposes the last zxid of its epoch.
    LastOfEpoch,
    /// A leader is established.
    Established,
    /// An epoch is promised above one of another server that is not established.
    Duel,
    /// What is promised to an epoch reports votes of two epochs at one place.
    TwoEpochs,
    /// What is promised to an epoch reports two values at one place.
    TwoValues,
    /// A leader fills a gap with a no-op.
    Gap,
    /// A datagram takes longer than the protocol's patience.
    LateDatagram,
    /// The second copy of a datagram takes longer than the protocol's patience.
    LateTwin,
    /// A server is established as the leader beside another one.
    TwoLeaders,
    /// A session expires.
    Expiry,
    /// A client sends an operation again.
    Retry,
    /// An established leader takes no further request.
    QueueFull,
    /// A client shows a wrong password.
    WrongPassword,
    /// A sync fails.
    FailedSync,
}

/// A protocol's tables.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// The protocol's name.
    pub name: &'static str,
    /// Its knobs.
    pub knobs: fn() -> Vec<knobs::About>,
    /// The usual values of its knobs.
    pub usual: fn() -> Values,
    /// Pairs of its knobs of which the first may not be above the second.
    pub ordered: &'static [(&'static str, &'static str)],
    /// What its knobs say of a recovery.
    pub timing: fn(&Knobs, &Values) -> Timing,
    /// The rare paths of its own.
    pub rare_paths: &'static [RarePath],
    /// The mutations of its own.
    pub mutations: &'static [Entry],
}

impl Tables {
    /// The tables of a protocol.
    pub const fn of<P: Protocol>() -> Tables {
        Tables {
            name: P::NAME,
            knobs: knobs::table::<P::Knobs>,
            usual: || knobs::values(&P::Knobs::default()),
            ordered: P::Knobs::ORDERED,
            timing: |shared, values| P::timing(shared, &knobs::from_values(values)),
            rare_paths: P::RARE_PATHS,
            mutations: P::MUTATIONS,
        }
    }
}
