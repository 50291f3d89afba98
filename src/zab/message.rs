//! What servers say to each other.

use serde::Serialize;

use crate::canonical::{Canonical, RunHash};
use crate::ids::Zxid;
use crate::protocol::{BarrierToken, Role};
use crate::tree::{Payload, Snapshot};

use super::vote::Vote;

/// A message of Zab. Notifications travel on the latest-wins channel, a leader's acknowledgements
/// to itself without a network, and everything else on the stream that a learner dialled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Msg {
    /// Election: a server that is LOOKING sends every voter its proposal; one that has settled
    /// answers with the vote it settled on.
    Notification {
        /// The sender's role in the election's sense.
        role: Role,
        /// Whom the sender supports. Only a hint: discovery checks it again.
        vote: Vote,
        /// The election round in which the sender cast it.
        round: u64,
    },
    /// Discovery: a follower greets the leader as soon as its stream is up.
    FollowerInfo {
        /// The sender has promised never to accept an epoch below this one.
        accepted_epoch: u32,
    },
    /// Discovery: an observer greets the leader as soon as its stream is up.
    ObserverInfo {
        /// As in `FollowerInfo`; raises the new epoch, but counts for no quorum.
        accepted_epoch: u32,
    },
    /// Discovery: the leader names its epoch, once a quorum has greeted it.
    LeaderInfo {
        /// Above every epoch that a quorum had accepted; durably accepted by the leader itself.
        epoch: u32,
    },
    /// Discovery: a learner promises the epoch (durably) and reports where its history ends.
    AckEpoch {
        /// The last epoch whose history the sender took over; `None` if the sender had accepted
        /// this epoch before, so that this is no new promise and must not be counted.
        current_epoch: Option<u32>,
        /// The end of the sender's history.
        zxid: Zxid,
        /// The sender could not follow an earlier TRUNC: only a snapshot helps it.
        wants_snapshot: bool,
    },
    /// Synchronisation: the learner's history is a prefix of the leader's; what is missing follows.
    Diff {
        /// The end of the leader's committed history when it chose.
        zxid: Zxid,
    },
    /// Synchronisation: the learner is to forget everything above `zxid`; what is missing follows.
    Trunc {
        /// The last position that both histories share.
        zxid: Zxid,
    },
    /// Synchronisation: the learner is to forget everything and to start from here.
    Snap {
        /// The leader's state; holds everything that was committed when the leader chose.
        snapshot: Snapshot,
    },
    /// Synchronisation, and the leader's every proposal: log this.
    Proposal {
        /// Its position: the successor of the previous proposal on this stream.
        zxid: Zxid,
        /// What is proposed.
        payload: Payload,
    },
    /// The leader asks voters (and, while they are synchronised, observers) to apply the oldest
    /// proposal they have not applied.
    Commit {
        /// A quorum has logged it; or, before UPTODATE, it belongs to the leader's history.
        zxid: Zxid,
    },
    /// The leader sends observers both at once: proposed and committed.
    Inform {
        /// Its position.
        zxid: Zxid,
        /// What is committed.
        payload: Payload,
    },
    /// Synchronisation: the leader closes what it sent as its history.
    NewLeader {
        /// Its epoch.
        epoch: u32,
    },
    /// A learner (or the leader itself) durably holds the leader's history and its epoch.
    AckNewLeader {
        /// The epoch whose initial history is held.
        epoch: u32,
    },
    /// The leader is established: its initial history is committed, the learner may serve.
    UpToDate,
    /// A voter (the leader included) has durably logged a proposal.
    Ack {
        /// Everything through here in this epoch is logged.
        zxid: Zxid,
    },
    /// The leader, every half tick.
    Ping,
    /// A learner, at once.
    Pong,
    /// A learner forwards a client's barrier.
    Sync {
        /// The learner's name of it.
        token: BarrierToken,
    },
    /// The leader answers after the COMMIT of the last proposal it had made when it was asked.
    Synced {
        /// The learner's name of it.
        token: BarrierToken,
    },
}

impl Msg {
    /// The name in ZooKeeper's terms.
    pub fn kind(&self) -> &'static str {
        match self {
            Msg::Notification { .. } => "NOTIFICATION",
            Msg::FollowerInfo { .. } => "FOLLOWERINFO",
            Msg::ObserverInfo { .. } => "OBSERVERINFO",
            Msg::LeaderInfo { .. } => "LEADERINFO",
            Msg::AckEpoch { .. } => "ACKEPOCH",
            Msg::Diff { .. } => "DIFF",
            Msg::Trunc { .. } => "TRUNC",
            Msg::Snap { .. } => "SNAP",
            Msg::Proposal { .. } => "PROPOSAL",
            Msg::Commit { .. } => "COMMIT",
            Msg::Inform { .. } => "INFORM",
            Msg::NewLeader { .. } => "NEWLEADER",
            Msg::AckNewLeader { .. } => "ACK-NEWLEADER",
            Msg::UpToDate => "UPTODATE",
            Msg::Ack { .. } => "ACK",
            Msg::Ping => "PING",
            Msg::Pong => "PONG",
            Msg::Sync { .. } => "SYNC",
            Msg::Synced { .. } => "SYNCED",
        }
    }
}

impl Canonical for Msg {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Msg::Notification { role, vote, round } => {
                hash.word(1);
                hash.word(role_number(*role));
                vote.feed(hash);
                hash.word(*round);
            }
            Msg::FollowerInfo { accepted_epoch } => numbered(hash, 2, *accepted_epoch),
            Msg::ObserverInfo { accepted_epoch } => numbered(hash, 3, *accepted_epoch),
            Msg::LeaderInfo { epoch } => numbered(hash, 4, *epoch),
            Msg::AckEpoch {
                current_epoch,
                zxid,
                wants_snapshot,
            } => {
                hash.word(5);
                current_epoch.map(u64::from).feed(hash);
                zxid.feed(hash);
                hash.word(u64::from(*wants_snapshot));
            }
            Msg::Diff { zxid } => positioned(hash, 6, *zxid),
            Msg::Trunc { zxid } => positioned(hash, 7, *zxid),
            Msg::Snap { snapshot } => {
                hash.word(8);
                snapshot.feed(hash);
            }
            Msg::Proposal { zxid, payload } => {
                positioned(hash, 9, *zxid);
                payload.feed(hash);
            }
            Msg::Commit { zxid } => positioned(hash, 10, *zxid),
            Msg::Inform { zxid, payload } => {
                positioned(hash, 11, *zxid);
                payload.feed(hash);
            }
            Msg::NewLeader { epoch } => numbered(hash, 12, *epoch),
            Msg::AckNewLeader { epoch } => numbered(hash, 13, *epoch),
            Msg::UpToDate => hash.word(14),
            Msg::Ack { zxid } => positioned(hash, 15, *zxid),
            Msg::Ping => hash.word(16),
            Msg::Pong => hash.word(17),
            Msg::Sync { token } => {
                hash.word(18);
                hash.word(token.0);
            }
            Msg::Synced { token } => {
                hash.word(19);
                hash.word(token.0);
            }
        }
    }
}

fn numbered(hash: &mut RunHash, variant: u64, number: u32) {
    hash.word(variant);
    hash.word(u64::from(number));
}

fn positioned(hash: &mut RunHash, variant: u64, zxid: Zxid) {
    hash.word(variant);
    zxid.feed(hash);
}

fn role_number(role: Role) -> u64 {
    match role {
        Role::Looking => 0,
        Role::Following => 1,
        Role::Leading => 2,
        Role::Observing => 3,
    }
}
