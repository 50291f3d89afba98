//! Whose word a synced read was: had the leader behind it been superseded?
//!
//! Where a barrier is no quorum operation (ZooKeeper's `sync`), a leader that has lost its quorum
//! and does not know it yet answers it from a state that others have gone beyond (ZK-1675,
//! ZK-2136). So a synced read is promised only where no leader of a later epoch was established
//! before its sync ended.

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
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::answer;
    use crate::ids::{ConnId, Zxid};
    use crate::tree::{Path, Read, Response};

    const SERVER: NodeId = NodeId(2);

    /// A sync from 10 to 15 and its read from 20 to 25, on one connection with server 2.
    fn synced_read() -> History {
        let get = Read::Exists {
            path: Path::from("/a"),
            watch: false,
        };
        let mut operations = vec![
            answer(1, 7, Request::Sync, 1, Ok(Response::Synced)),
            answer(2, 7, Request::Read(get), 1, Ok(Response::Synced)),
        ];
        for operation in &mut operations {
            (operation.server, operation.conn) = (Some(SERVER), Some(ConnId(1)));
        }
        operations[1].synced = true;
        History {
            operations,
            ..History::default()
        }
    }

    fn serve(leaders: &mut Leaders, at: u64, epoch: u64) {
        let observation = Observation::Standing {
            node: SERVER,
            role: Role::Following,
            epoch,
        };
        leaders.observe(VirtualTime(at), &observation);
    }

    fn establish(leaders: &mut Leaders, at: u64, epoch: u64) {
        let fact = Fact::Established {
            epoch,
            through: Zxid::ZERO,
        };
        let observation = Observation::Fact {
            node: NodeId(3),
            fact: &fact,
        };
        leaders.observe(VirtualTime(at), &observation);
    }

    /// Epoch 1 is established at 2, and served by server 2 from 3 on.
    fn leaders() -> Leaders {
        let mut leaders = Leaders::default();
        establish(&mut leaders, 2, 1);
        serve(&mut leaders, 3, 1);
        leaders
    }

    fn stands(leaders: &Leaders, history: &History) -> bool {
        leaders.stand_behind(&history.operations[1], history)
    }

    #[test]
    fn the_latest_leader_stands_behind_a_synced_read() {
        assert!(stands(&leaders(), &synced_read()));
    }

    #[test]
    fn a_leader_that_was_superseded_before_the_sync_ended_does_not() {
        let mut superseded = leaders();
        establish(&mut superseded, 14, 2);
        assert!(!stands(&superseded, &synced_read()));
        let mut later = leaders();
        establish(&mut later, 16, 2);
        assert!(stands(&later, &synced_read()));
    }

    #[test]
    fn a_server_that_went_over_to_the_next_leader_meanwhile_may_have_answered_before() {
        let mut leaders = leaders();
        establish(&mut leaders, 12, 2);
        serve(&mut leaders, 13, 2);
        assert!(!stands(&leaders, &synced_read()));
    }

    #[test]
    fn a_server_that_followed_the_latest_leader_all_along_does() {
        let mut leaders = leaders();
        establish(&mut leaders, 5, 2);
        serve(&mut leaders, 6, 2);
        assert!(stands(&leaders, &synced_read()));
    }

    #[test]
    fn nothing_is_promised_behind_a_sync_of_another_connection_or_without_an_answer() {
        let mut history = synced_read();
        history.operations[1].conn = Some(ConnId(2));
        assert!(!stands(&leaders(), &history));
        let mut history = synced_read();
        history.operations[0].outcome = Some(Outcome::Unknown);
        assert!(!stands(&leaders(), &history));
        let mut history = synced_read();
        history.operations[0].client = crate::ids::ClientId(9);
        assert!(!stands(&leaders(), &history));
    }
}
