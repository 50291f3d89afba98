//! Which leader answered the sync before a read, and whether it had been superseded.
//!
//! Where a barrier is no quorum operation (ZooKeeper's `sync`), a leader that has lost its quorum
//! and does not know it yet answers it from a state that others have gone beyond (ZK-1675,
//! ZK-2136). So a synced read is promised only where no leader of a later epoch was established
//! before the leader gave its answer. Which leader that was, and until when, is known of each
//! barrier ([`Barrier`](super::super::Barrier)); when leaders were established, from their facts.

use super::super::Observation;
use super::super::circumstances::Circumstances;
use crate::history::{History, Operation, Outcome};
use crate::ids::{OpId, VirtualTime};
use crate::protocol::Fact;
use crate::tree::Request;

/// When leaders were established.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    /// When a leader of a later epoch than all before was established, in order.
    established: Vec<(VirtualTime, u64)>,
}

impl Leaders {
    pub(super) fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
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
            | Observation::Standing { .. }
            | Observation::Fact { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    /// Whether the sync right before a read promises that the read is linearizable: it was answered
    /// on the same connection, by a leader that had not been superseded.
    pub(super) fn stand_behind(
        &self,
        read: &Operation,
        history: &History,
        run: &Circumstances,
    ) -> bool {
        let Some(sync) = sync_before(read, history) else {
            return false;
        };
        let Some(conn) = sync.conn else {
            return false;
        };
        if sync.conn != read.conn
            || !matches!(sync.outcome, Some(Outcome::Answered { answer: Ok(_), .. }))
        {
            return false;
        }
        let mut barriers = run.barriers.iter();
        let Some(barrier) = barriers.find(|one| one.conn == conn && one.xid == sync.xid) else {
            return false;
        };
        let mut latest_first = self.established.iter().rev();
        let latest = latest_first.find(|(at, _)| *at <= barrier.answered);
        latest.is_some_and(|(_, latest)| *latest <= barrier.epoch)
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
    use super::super::super::circumstances::Barrier;
    use super::*;
    use crate::check::testing::answer;
    use crate::ids::{ClientId, ConnId, NodeId, Zxid};
    use crate::tree::{Path, Read, Response};

    /// A sync from 10 to 15 and its read from 20 to 25, on one connection.
    fn synced_read() -> History {
        let get = Read::Exists {
            path: Path::from("/a"),
            watch: false,
        };
        let mut operations = vec![
            answer(1, 1, Request::Sync, 7, Ok(Response::Synced)),
            answer(2, 1, Request::Read(get), 7, Ok(Response::Synced)),
        ];
        for operation in &mut operations {
            operation.conn = Some(ConnId(1));
        }
        operations[1].synced = true;
        History {
            operations,
            ..History::default()
        }
    }

    /// The leader of `epoch` has answered the sync by `answered`.
    fn barrier(epoch: u64, answered: u64) -> Circumstances {
        Circumstances {
            barriers: vec![Barrier {
                conn: ConnId(1),
                xid: 1,
                epoch,
                answered: VirtualTime(answered),
            }],
            ..Circumstances::default()
        }
    }

    /// Epoch 1 is established at 2, and epoch 2 at 14.
    fn leaders() -> Leaders {
        let mut leaders = Leaders::default();
        for (at, epoch) in [(2, 1), (14, 2)] {
            let through = Zxid::ZERO;
            let fact = &Fact::Established { epoch, through };
            let node = NodeId(3);
            leaders.observe(VirtualTime(at), &Observation::Fact { node, fact });
        }
        leaders
    }

    fn stands(history: &History, run: &Circumstances) -> bool {
        leaders().stand_behind(&history.operations[1], history, run)
    }

    #[test]
    fn a_leader_that_answered_before_the_next_was_established_stands_behind_the_read() {
        assert!(stands(&synced_read(), &barrier(1, 13)));
        assert!(stands(&synced_read(), &barrier(2, 15)));
    }

    #[test]
    fn a_leader_that_was_superseded_before_it_answered_does_not() {
        assert!(!stands(&synced_read(), &barrier(1, 14)));
    }

    #[test]
    fn nothing_is_promised_behind_a_sync_of_another_connection_or_without_an_answer() {
        let run = barrier(2, 15);
        let mut history = synced_read();
        history.operations[1].conn = Some(ConnId(2));
        assert!(!stands(&history, &run));
        let mut history = synced_read();
        history.operations[0].outcome = Some(Outcome::Unknown);
        assert!(!stands(&history, &run));
        let mut history = synced_read();
        history.operations[0].client = ClientId(9);
        assert!(!stands(&history, &run));
        assert!(!stands(&synced_read(), &Circumstances::default()));
    }
}
