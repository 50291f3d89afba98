//! Whose word a synced read was: had the leader behind it been superseded?
//!
//! Where a barrier is no quorum operation (ZooKeeper's `sync`), a leader that has lost its quorum and
//! does not know it yet answers it from a state that others have gone beyond (ZK-1675, ZK-2136). So a
//! synced read is promised only where no leader of a later epoch was established before its sync
//! ended.

use std::collections::BTreeMap;

use super::super::Observation;
use crate::history::{History, Operation, Outcome};
use crate::ids::{NodeId, OpId, VirtualTime};
use crate::protocol::{Fact, Role};
use crate::tree::Request;

/// Who followed which epoch, and when leaders were established.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    /// Of each server, from when on it served in which epoch, in order.
    served: BTreeMap<NodeId, Vec<(VirtualTime, u64)>>,
    /// When a leader of a later epoch than all before was established, in order.
    established: Vec<(VirtualTime, u64)>,
}

impl Leaders {
    pub(super) fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Standing { node, role, epoch } => match role {
                Role::Following | Role::Leading | Role::Observing => {
                    self.served.entry(*node).or_default().push((at, *epoch));
                }
                Role::Looking => {}
            },
            Observation::Fact {
                fact: Fact::Established { epoch, .. },
                ..
            } => {
                if self.established.last().is_none_or(|last| last.1 < *epoch) {
                    self.established.push((at, *epoch));
                }
            }
            Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
            | Observation::Applied { .. }
            | Observation::Delivered { .. }
            | Observation::Fact { .. }
            | Observation::Durable { .. } => {}
        }
    }

    /// Whether the sync right before a read promises that the read is linearizable: it was answered
    /// on the same connection, by a server whose leader had not been superseded.
    pub(super) fn stand_behind(&self, read: &Operation, history: &History) -> bool {
        let Some(sync) = sync_before(read, history) else {
            return false;
        };
        let (Some(server), Some(completed)) = (sync.server, sync.completed) else {
            return false;
        };
        if sync.conn != read.conn
            || !matches!(sync.outcome, Some(Outcome::Answered { answer: Ok(_), .. }))
        {
            return false;
        }
        let latest = self
            .established
            .iter()
            .rev()
            .find(|(at, _)| *at <= completed);
        match (latest, self.epoch_during(server, sync.invoked, completed)) {
            (Some((_, latest)), Some(epoch)) => *latest <= epoch,
            (None, _) | (Some(_), None) => false,
        }
    }

    /// The earliest epoch in which a server served between two moments: it may have answered in
    /// that one.
    fn epoch_during(&self, server: NodeId, from: VirtualTime, to: VirtualTime) -> Option<u64> {
        let served = self.served.get(&server)?;
        let first = served
            .partition_point(|(at, _)| *at <= from)
            .saturating_sub(1);
        let during = served[first..].iter().take_while(|(at, _)| *at <= to);
        during.map(|(_, epoch)| *epoch).min()
    }
}

/// The sync that a synced read directly follows.
fn sync_before<'a>(read: &Operation, history: &'a History) -> Option<&'a Operation> {
    let id = OpId(read.id.0.checked_sub(1)?);
    let place = history
        .operations
        .binary_search_by_key(&id, |operation| operation.id);
    let before = &history.operations[place.ok()?];
    let is_its = before.request == Request::Sync && before.client == read.client;
    is_its.then_some(before)
}
