//! Where a server stands, and what its disk proves.

use super::Via;
use serde::Serialize;

use crate::ids::{NodeId, Zxid};

/// Why a server refuses to boot: reported to the user and to the liveness checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// A server's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Role {
    /// Without a leader.
    Looking,
    /// With a leader, voting.
    Following,
    /// The leader.
    Leading,
    /// With a leader, without a vote.
    Observing,
}

/// Where a server stands in its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Its role.
    pub role: Role,
    /// Its epoch, or its ballot as [`epoch_of_ballot`] encodes it.
    pub epoch: u64,
    /// The leader it follows; itself if it leads.
    pub leader: Option<NodeId>,
    /// How the server's own messages reach the leader: `None` while they cannot. A leader's
    /// uplink is to itself and is never used.
    pub uplink: Option<Via>,
    /// True if [`Propose`](super::Input::Propose) is welcome here, now.
    pub can_propose: bool,
    /// Clients may be served once everything through this zxid is applied; `None`: not at all.
    pub serve_from: Option<Zxid>,
}

impl Standing {
    /// A server without a leader, which serves nobody.
    pub fn looking(epoch: u64) -> Standing {
        Standing {
            role: Role::Looking,
            epoch,
            leader: None,
            uplink: None,
            can_propose: false,
            serve_from: None,
        }
    }

    /// A voter that follows a leader, reaches it in this way, and serves clients from what it has.
    pub fn following(leader: NodeId, uplink: Via, epoch: u64) -> Standing {
        Standing {
            role: Role::Following,
            leader: Some(leader),
            uplink: Some(uplink),
            serve_from: Some(Zxid::ZERO),
            ..Standing::looking(epoch)
        }
    }

    /// A leader that proposes, and serves clients from what it has.
    pub fn leading(me: NodeId, epoch: u64) -> Standing {
        Standing {
            role: Role::Leading,
            can_propose: true,
            ..Standing::following(me, Via::Datagram, epoch)
        }
    }
}

/// Something that a server holds in memory and that must not grow without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What, in words.
    pub what: &'static str,
    /// How many there are.
    pub count: usize,
    /// How many there may be; `usize::MAX` while there is no limit.
    pub limit: usize,
}

impl Holding {
    /// Nothing: fills the places of [`Holdings`] that are not needed.
    pub const NONE: Holding = Holding {
        what: "nothing",
        count: 0,
        limit: usize::MAX,
    };
}

/// What a protocol holds, see [`Protocol::holdings`](super::Protocol::holdings).
pub type Holdings = [Holding; 2];

/// Encodes a ballot (round, owner) as an epoch that compares in the same way.
pub fn epoch_of_ballot(round: u64, owner: NodeId) -> u64 {
    assert!(
        round < 1 << 56,
        "ballot round {round} leaves no room for its owner"
    );
    (round << 8) | u64::from(owner.0)
}

/// What an image proves to be stored, see [`persisted`](super::Protocol::persisted).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Persisted {
    /// Everything through here is covered by a snapshot.
    pub through: Zxid,
    /// Positions above that and the payload digest stored (or voted for) there, ascending.
    pub entries: Vec<(Zxid, u64)>,
}

/// What an image proves to be promised, see [`pledged`](super::Protocol::pledged).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pledged {
    /// The greatest epoch that is promised or voted in.
    pub promised: u64,
    /// The latest vote of each position; `None` where votes are not kept for good (Zab: a later
    /// leader truncates them).
    pub votes: Option<Votes>,
}

/// The votes that an image holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Votes {
    /// Votes through here are gone, because a snapshot covers them.
    pub through: Zxid,
    /// Positions above that and the epoch of the latest vote there, ascending.
    pub epochs: Vec<(Zxid, u64)>,
}
