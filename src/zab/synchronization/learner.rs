//! The learner's side: taking over the leader's history, in the order of rule S8 of docs/zab.md.

use crate::ids::Zxid;
use crate::mutation::Mutation;
use crate::protocol::Via;
use crate::quorum::NodeSet;
use crate::tree::{Payload, Snapshot};

use crate::zab::roles::LearningStage;
use crate::zab::{Msg, Out, Timer, Zab};

impl Zab {
    /// DIFF: this history is a prefix of the leader's.
    pub(in crate::zab) fn on_diff(&mut self, zxid: Zxid) {
        let learning = self.state.learning();
        assert!(
            self.handed <= zxid,
            "a DIFF through {zxid} is behind {}",
            self.handed
        );
        learning.stage = LearningStage::Synchronizing { diff: true };
    }

    /// TRUNC: what lies above `zxid` is nobody's history.
    pub(in crate::zab) fn on_trunc(&mut self, zxid: Zxid, out: &mut Out) {
        if self.storage.truncate(zxid, out) {
            // Memory follows from the disk; what the leader sends meanwhile waits.
            self.reload(out);
            self.state.learning().stage = LearningStage::Synchronizing { diff: false };
        } else {
            // The position is unknown here, or below the snapshot: only a snapshot helps.
            self.wants_snapshot = true;
            self.hang_up_and_redial(out);
        }
    }

    /// SNAP: the leader's state replaces this server's, in memory and on disk.
    pub(in crate::zab) fn on_snap(&mut self, snapshot: Snapshot, out: &mut Out) {
        self.storage.install(&snapshot, out);
        if !self.config.mutations.has(Mutation::N22) {
            // The leader waits for a file that takes longer than others.
            self.send_leader_after_disk(Msg::Pong, out);
        }
        self.restore(Some(snapshot), out);
        self.state.learning().stage = LearningStage::Synchronizing { diff: false };
    }

    /// A transaction comes before UPTODATE: it waits for NEWLEADER, or for UPTODATE.
    pub(in crate::zab) fn queue_proposal(&mut self, zxid: Zxid, payload: Payload) {
        let learning = self.state.learning();
        let last = learning
            .pending
            .back()
            .map_or(self.handed, |(zxid, _)| *zxid);
        assert!(zxid > last, "{zxid} was sent after {last}");
        learning.pending.push_back((zxid, payload));
    }

    /// NEWLEADER: the leader's history is complete. The order matters: the log, then the
    /// epoch that claims it (ZK-4643), then the promise (ZK-3911, ZK-4646).
    pub(in crate::zab) fn on_new_leader(&mut self, epoch: u32, out: &mut Out) {
        let learning = self.state.learning();
        let LearningStage::Synchronizing { diff } = learning.stage else {
            unreachable!("NEWLEADER in {:?}", learning.stage);
        };
        let (leader, link) = (learning.leader, learning.stream());
        learning.stage = LearningStage::TookOver;
        // Proposals without a commit stay queued until UPTODATE: they are not the leader's initial
        // history, and their acks must not overtake this one (ZK-4394, ZK-4685).
        let history: Vec<(Zxid, Payload)> =
            learning.pending.drain(..learning.commits.len()).collect();
        let commits = core::mem::take(&mut learning.commits);
        if self.config.mutations.has(Mutation::Z03) {
            self.storage.enter_epoch(epoch, out);
        }
        for ((zxid, payload), commit) in history.into_iter().zip(commits) {
            assert!(zxid == commit, "{commit} was committed, {zxid} was next");
            if !(diff && self.config.mutations.has(Mutation::Z13)) {
                self.storage.append(zxid, payload.clone(), out);
            }
            self.hand_over(zxid, payload, out);
        }
        self.storage.enter_epoch(epoch, out);
        let promised = out.promise(leader, Via::Stream(link), Msg::AckNewLeader { epoch });
        self.state.learning().busy = Some(promised);
        let limit = self.config.ticks(self.config.own.sync_limit);
        self.set_timer(Timer::Silence, limit, out);
    }

    /// UPTODATE: the leader is established, so the history taken over is committed.
    pub(in crate::zab) fn on_up_to_date(&mut self, out: &mut Out) {
        self.commit_history(out);
        self.vote.epoch = self.storage.current_epoch();
        self.wants_snapshot = false;
        let learning = self.state.learning();
        let queued = core::mem::take(&mut learning.pending);
        let commits = core::mem::take(&mut learning.commits);
        // Served only from the last known commit on (ZK-3023), queued ones included.
        let serve_from = commits.back().copied().unwrap_or(self.handed);
        learning.stage = LearningStage::UpToDate { serve_from };
        self.shunned = NodeSet::EMPTY;
        for (zxid, payload) in queued {
            self.log(zxid, payload, out);
        }
        for zxid in commits {
            self.on_commit(zxid, out);
        }
    }

    fn hang_up_and_redial(&mut self, out: &mut Out) {
        let learning = self.state.learning();
        if let Some(link) = learning.link.take() {
            out.hang_up(learning.leader, link);
        }
        learning.stage = LearningStage::Greeting;
        self.redial_later(out);
    }
}
