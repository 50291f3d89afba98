//! Zab's messages and records as text.

use menagerie::ids::SessionId;
use menagerie::tree::{ErrorCode, Failure, Payload, Txn, TxnRecord};
use menagerie::zab::{Msg, Record, Vote, Zab};

use super::stage::{Shown, letter};

impl Shown for Zab {
    fn message(msg: &Msg) -> String {
        let kind = msg.kind();
        match msg {
            Msg::Notification { role, vote, round } => {
                format!("{kind} {role:?}, votes for {}, round {round}", of(vote))
            }
            Msg::FollowerInfo { accepted_epoch } | Msg::ObserverInfo { accepted_epoch } => {
                format!("{kind} accepted epoch {accepted_epoch}")
            }
            Msg::LeaderInfo { epoch } | Msg::NewLeader { epoch } | Msg::AckNewLeader { epoch } => {
                format!("{kind} epoch {epoch}")
            }
            Msg::AckEpoch {
                current_epoch,
                zxid,
                wants_snapshot,
            } => {
                let current = match current_epoch {
                    Some(epoch) => format!("current epoch {epoch}"),
                    None => "promised before".to_string(),
                };
                let wish = if *wants_snapshot { ", wants SNAP" } else { "" };
                format!("{kind} {current}, history through {zxid}{wish}")
            }
            Msg::Diff { zxid } | Msg::Trunc { zxid } => format!("{kind} through {zxid}"),
            Msg::Snap { snapshot } => format!("{kind} at {}", snapshot.zxid),
            Msg::Proposal { zxid, payload } | Msg::Inform { zxid, payload } => {
                format!("{kind} {zxid} {}", letter(payload))
            }
            Msg::Commit { zxid } | Msg::Ack { zxid } => format!("{kind} {zxid}"),
            Msg::UpToDate | Msg::Ping | Msg::Pong => kind.to_string(),
            Msg::Sync { token } | Msg::Synced { token } => format!("{kind} {}", token.0),
        }
    }

    fn record(record: &Record) -> String {
        match record {
            Record::Txn { zxid, payload } => format!("{zxid} {}", letter(payload)),
            Record::Rewritten => "mark of the copies".to_string(),
            Record::AcceptedEpoch(epoch) | Record::CurrentEpoch(epoch) => format!("{epoch}"),
            Record::Base { newest, .. } => format!(
                "snapshot {}, log after record {}",
                newest.snapshot, newest.after
            ),
        }
    }

    fn epoch(epoch: u64) -> String {
        epoch.to_string()
    }

    fn payload(number: u64) -> Payload {
        Payload::txn(TxnRecord {
            session: SessionId(number),
            seq: 0,
            time_ms: 0,
            txn: Txn::Error(Failure::of(ErrorCode::NoNode)),
        })
    }
}

fn of(vote: &Vote) -> String {
    format!("{} ({}, {})", vote.leader, vote.epoch, vote.zxid)
}
