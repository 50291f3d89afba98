//! What a Paxos server writes to its log, and what it makes of it when it boots.
//!
//! The order of records does not matter to recovery: the highest promise stands, and in each slot
//! the vote at the highest ballot. So live records may be copied to the end of the log before the
//! beginning is dropped, and a drop that a crash undoes does no harm.

use std::collections::BTreeMap;

use serde::Serialize;

use super::acceptor::Acceptor;
use super::ballot::Ballot;
use super::slot::{Value, end_of_slot, slot_of};
use crate::canonical::{Canonical, RunHash};
use crate::protocol::{Image, Persisted, Pledged, Refusal, Votes};
use crate::tree::Snapshot;

/// A record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Record {
    /// The log begins anew: copies of the live votes follow, and older records may be dropped.
    /// Written only when the snapshot is durable, so a log that outlives its snapshot shows.
    Checkpoint {
        /// Votes through this slot are left out: a snapshot covers them.
        snapshot: u64,
        /// The promise.
        promised: Ballot,
    },
    /// No ballot below this one will be voted at.
    Promised(Ballot),
    /// A vote, and the promise that goes with it.
    Accepted {
        /// The ballot voted at.
        ballot: Ballot,
        /// The slot voted in.
        slot: u64,
        /// The value voted for.
        value: Value,
    },
}

impl Canonical for Record {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Record::Checkpoint { snapshot, promised } => {
                hash.word(1);
                hash.word(*snapshot);
                promised.feed(hash);
            }
            Record::Promised(ballot) => {
                hash.word(2);
                ballot.feed(hash);
            }
            Record::Accepted {
                ballot,
                slot,
                value,
            } => {
                hash.word(3);
                ballot.feed(hash);
                hash.word(*slot);
                value.feed(hash);
            }
        }
    }
}

/// Rebuilds the acceptor. Votes are not decisions: nothing that is read here is applied, except the
/// snapshot.
pub(super) fn recover_acceptor(image: &Image<Record>) -> Result<Acceptor, Refusal> {
    if image.log_first > 1 && image.log.is_empty() {
        return Err(Refusal(format!(
            "the log begins at record {} and is empty: its promise is gone",
            image.log_first
        )));
    }
    let snapshot = snapshot_index(image);
    let mut acceptor = Acceptor::new(Ballot::NONE, snapshot);
    for record in &image.log {
        match record {
            Record::Checkpoint {
                snapshot: covered,
                promised,
            } => {
                if *covered > snapshot {
                    return Err(Refusal(format!(
                        "votes through slot {covered} were dropped for a snapshot, but the newest \
                         one ends at {snapshot}"
                    )));
                }
                acceptor.raise(*promised);
            }
            Record::Promised(ballot) => {
                acceptor.raise(*ballot);
            }
            Record::Accepted {
                ballot,
                slot,
                value,
            } if *slot > snapshot => {
                let known = acceptor.vote(*slot).filter(|v| v.ballot == *ballot);
                if known.is_some_and(|vote| vote.value != *value) {
                    return Err(Refusal(format!(
                        "slot {slot} holds votes for two values at ballot {ballot:?}"
                    )));
                }
                acceptor.recall(*ballot, *slot, value.clone());
            }
            // The snapshot covers it; its ballot was promised, which still counts.
            Record::Accepted { ballot, .. } => {
                acceptor.raise(*ballot);
            }
        }
    }
    Ok(acceptor)
}

/// What an image proves to be stored: the snapshot, and the latest vote of each slot above it.
pub(super) fn persisted(image: &Image<Record>) -> Persisted {
    let through = snapshot_index(image);
    let mut latest: BTreeMap<u64, (Ballot, &Value)> = BTreeMap::new();
    for record in &image.log {
        match record {
            Record::Accepted {
                ballot,
                slot,
                value,
            } if *slot > through => {
                let entry = latest.entry(*slot).or_insert((*ballot, value));
                if entry.0 < *ballot {
                    *entry = (*ballot, value);
                }
            }
            // Covered by the snapshot, or no vote at all.
            Record::Accepted { .. } | Record::Promised(_) | Record::Checkpoint { .. } => {}
        }
    }
    Persisted {
        through: end_of_slot(through),
        entries: latest
            .into_iter()
            .flat_map(|(slot, (_, value))| value.digests(slot))
            .filter(|(_, digest)| *digest != 0)
            .collect(),
    }
}

/// What an image proves to be promised and voted for. An image that cannot boot proves nothing.
pub(super) fn pledged(image: &Image<Record>) -> Pledged {
    let Ok(acceptor) = recover_acceptor(image) else {
        return Pledged::default();
    };
    let through = acceptor.trimmed();
    Pledged {
        promised: acceptor.promised().epoch(),
        votes: Some(Votes {
            through: end_of_slot(through),
            epochs: acceptor
                .votes_above(through)
                .flat_map(|(slot, vote)| {
                    let epoch = vote.ballot.epoch();
                    vote.value.digests(slot).map(move |(zxid, _)| (zxid, epoch))
                })
                .collect(),
        }),
    }
}

/// The snapshot to start from: the newest that a record of the log names. One that no record names
/// may not be durable, and the log still holds what it covers.
pub(super) fn trusted_snapshot(image: &Image<Record>) -> Option<&Snapshot> {
    let named = image.log.iter().filter_map(|record| match record {
        Record::Checkpoint { snapshot, .. } => Some(*snapshot),
        Record::Promised(_) | Record::Accepted { .. } => None,
    });
    let newest = named.max()?;
    let covers = |snapshot: &&Snapshot| slot_of(snapshot.zxid) == newest;
    image.snapshots.iter().find(covers)
}

fn snapshot_index(image: &Image<Record>) -> u64 {
    trusted_snapshot(image).map_or(0, |s| slot_of(s.zxid))
}
