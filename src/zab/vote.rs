//! The order of votes: pure, and a strict total order (ZK-1419 shows what happens otherwise).

use serde::Serialize;

use crate::canonical::{Canonical, RunHash};
use crate::ids::{NodeId, Zxid};
use crate::protocol::Role;

/// Whom a server wants to lead, and why: the better history first.
///
/// The derived order *is* the vote order, field by field: epoch, then zxid, then server number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Vote {
    /// The proposed leader's `currentEpoch`: the last epoch whose history it took over.
    pub epoch: u32,
    /// The proposed leader's last zxid.
    pub zxid: Zxid,
    /// The proposed leader. Breaks ties, so that no two votes for different servers are equal.
    pub leader: NodeId,
}

impl Vote {
    /// What an observer votes: less than every voter's vote, for servers are counted from 1.
    pub const NOBODY: Vote = Vote {
        epoch: 0,
        zxid: Zxid::ZERO,
        leader: NodeId(0),
    };

    /// Whether a vote is better than another one.
    pub(super) fn beats(self, other: Vote) -> bool {
        self > other
    }

    /// As a misplaced bracket had it (ZK-1419): between equal zxids the greater server wins,
    /// whatever the epochs say. Of two votes each can be better than the other.
    pub(super) fn slips_past(self, other: Vote) -> bool {
        self.epoch > other.epoch
            || (self.epoch == other.epoch && self.zxid > other.zxid)
            || (self.zxid == other.zxid && self.leader > other.leader)
    }
}

impl Canonical for Vote {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(u64::from(self.epoch));
        self.zxid.feed(hash);
        self.leader.feed(hash);
    }
}

/// A vote as it was heard: with the role of the server that cast it and its election round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CastVote {
    /// `Looking`, or where the sender has settled.
    pub role: Role,
    /// Its vote.
    pub vote: Vote,
    /// Its election round (`logicalclock`).
    pub round: u64,
}

impl CastVote {
    /// Whether two votes support the same outcome.
    ///
    /// Servers that have settled joined their leader in different rounds and at different zxids, so
    /// between two of them only the leader and the epoch count (ZK-1805).
    pub fn agrees(&self, other: &CastVote) -> bool {
        if self.role == Role::Looking || other.role == Role::Looking {
            self.vote == other.vote && self.round == other.round
        } else {
            self.vote.leader == other.vote.leader && self.vote.epoch == other.vote.epoch
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn any_vote() -> impl Strategy<Value = Vote> {
        (0..4u32, 0..3u32, 0..4u32, 1..6u8).prop_map(|(epoch, zxid_epoch, counter, leader)| Vote {
            epoch,
            zxid: Zxid::new(zxid_epoch, counter),
            leader: NodeId(leader),
        })
    }

    /// The order of votes as rule E1 of docs/zab.md words it.
    fn beats(new: &Vote, current: &Vote) -> bool {
        new.epoch > current.epoch
            || (new.epoch == current.epoch && new.zxid > current.zxid)
            || (new.epoch == current.epoch
                && new.zxid == current.zxid
                && new.leader > current.leader)
    }

    proptest! {
        #[test]
        fn the_vote_order_is_rule_e1(a in any_vote(), b in any_vote()) {
            prop_assert_eq!(a > b, beats(&a, &b));
        }

        #[test]
        fn the_vote_order_is_a_strict_total_order(
            a in any_vote(), b in any_vote(), c in any_vote()
        ) {
            // Exactly one of less, equal and greater; equal only if identical.
            prop_assert_eq!(beats(&a, &b) && beats(&b, &a), false);
            prop_assert_eq!(!beats(&a, &b) && !beats(&b, &a), a == b);
            prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
            if beats(&a, &b) && beats(&b, &c) {
                prop_assert!(beats(&a, &c));
            }
        }

        #[test]
        fn every_vote_beats_nobody(a in any_vote()) {
            prop_assert!(a > Vote::NOBODY);
        }
    }

    #[test]
    fn settled_servers_agree_by_leader_and_epoch_alone() {
        let vote = Vote {
            epoch: 3,
            zxid: Zxid::new(2, 7),
            leader: NodeId(1),
        };
        let settled = CastVote {
            role: Role::Following,
            vote,
            round: 4,
        };
        let later = CastVote {
            role: Role::Leading,
            vote: Vote {
                zxid: Zxid::new(3, 1),
                ..vote
            },
            round: 9,
        };
        assert!(settled.agrees(&later));
        let looking = CastVote {
            role: Role::Looking,
            ..later
        };
        assert!(!settled.agrees(&looking));
    }
}
