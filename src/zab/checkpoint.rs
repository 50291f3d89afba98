//! Handing transactions to the state machine, snapshots of it, and rebuilding it from the disk.

use crate::ids::{LocalTime, Zxid};
use crate::mutation::Mutation;
use crate::protocol::{CaptureKind, Effect, Fact, Image, Ticket, Via};
use crate::tree::{Payload, Snapshot};

use super::record::{self, Record, Recovered};
use super::roles::{Stage, State};
use super::storage::Storage;
use super::{Msg, Out, Zab};

/// The snapshot of its own that a server is making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Checkpoint {
    /// None.
    Idle,
    /// The state machine was asked for it.
    Capturing(Ticket),
    /// It is on its way to the disk.
    Saving {
        /// The sync that makes it durable.
        ticket: Ticket,
        /// Its zxid.
        zxid: Zxid,
    },
}

impl Zab {
    /// Hands a transaction over, committed or not.
    pub(super) fn hand_over(&mut self, zxid: Zxid, payload: Payload, out: &mut Out) {
        let before = self.handed;
        assert!(zxid > before, "{zxid} is handed over behind {before}");
        self.handed = zxid;
        self.since_checkpoint += 1;
        self.window.push_back((zxid, payload.clone()));
        self.trim_window();
        out.apply(zxid, payload);
    }

    /// Keeps no more for DIFF than is wanted, unless a snapshot for a learner is under way.
    pub(super) fn trim_window(&mut self) {
        if self.window_pinned || self.config.mutations.has(Mutation::N58) {
            return;
        }
        let kept = (self.config.own.committed_log_window as usize).max(1);
        let surplus = self.window.len().saturating_sub(kept);
        self.window.drain(..surplus);
    }

    /// Hands a committed transaction over.
    pub(super) fn deliver(&mut self, zxid: Zxid, payload: Payload, out: &mut Out) {
        let value = payload.digest();
        self.hand_over(zxid, payload, out);
        self.committed = zxid;
        out.fact(Fact::Chosen { zxid, value });
        out.committed(zxid);
        self.consider_checkpoint(out);
    }

    /// Everything handed over turns out to be committed: the leader is established.
    pub(super) fn commit_history(&mut self, out: &mut Out) {
        let new = self
            .window
            .partition_point(|(zxid, _)| *zxid <= self.committed);
        for (zxid, payload) in self.window.range(new..) {
            out.fact(Fact::Chosen {
                zxid: *zxid,
                value: payload.digest(),
            });
        }
        self.committed = self.handed;
        out.committed(self.committed);
        self.consider_checkpoint(out);
    }

    /// Asks for a snapshot if enough was handed over since the last one. Only called while
    /// everything handed over is committed: a fuzzy snapshot may hold effects above its zxid, and
    /// no TRUNC must ever reach below those.
    fn consider_checkpoint(&mut self, out: &mut Out) {
        if self.since_checkpoint >= self.config.knobs.snapshot_every
            && self.checkpoint == Checkpoint::Idle
        {
            self.since_checkpoint = 0;
            self.checkpoint = Checkpoint::Capturing(out.capture(CaptureKind::Fuzzy));
        }
    }

    /// The state machine captured its state.
    pub(super) fn on_captured(&mut self, ticket: Ticket, snapshot: Snapshot, out: &mut Out) {
        if self.checkpoint == Checkpoint::Capturing(ticket) {
            let zxid = snapshot.zxid;
            self.checkpoint = match self.storage.save(snapshot, out) {
                Some(ticket) => Checkpoint::Saving { ticket, zxid },
                None => Checkpoint::Idle,
            };
            return;
        }
        let State::Leading(leading) = &mut self.state else {
            return; // Asked for in a role this server has left.
        };
        let learner = leading
            .learners
            .iter_mut()
            .find(|(_, learner)| learner.stage == Stage::Capturing(ticket));
        // Else it was asked for a learner that has left.
        if let Some((&node, learner)) = learner {
            let zxid = snapshot.zxid;
            learner.send(node, Msg::Snap { snapshot }, out);
            let next = self.window.partition_point(|(at, _)| *at <= zxid);
            self.forward(node, next, out);
            self.unpin_window();
        }
    }

    /// A sync is done.
    pub(super) fn on_disk_done(&mut self, now: LocalTime, done: Ticket, out: &mut Out) {
        if let State::Learning(learning) = &mut self.state
            && learning.busy == Some(done)
        {
            // The leader can answer from now on.
            learning.busy = None;
            learning.heard = now;
        }
        self.phase_begins(done, out);
        self.on_saved(done, out);
    }

    fn on_saved(&mut self, done: Ticket, out: &mut Out) {
        if let Checkpoint::Saving { ticket, zxid } = self.checkpoint
            && ticket == done
        {
            self.checkpoint = Checkpoint::Idle;
            self.storage.advance_base(zxid, out);
        }
    }

    /// The state machine got on.
    pub(super) fn on_applied(&mut self, zxid: Zxid, out: &mut Out) {
        if zxid <= self.handed {
            self.applied = self.applied.max(zxid);
        } // Else it is news of a state that was restored away.
        if self.window_pinned {
            self.capture_for_learners(out);
        }
    }

    /// Asks for the disk to be read back.
    pub(super) fn reload(&mut self, out: &mut Out) {
        self.reloads += 1;
        out.reload();
    }

    /// The disk was read back.
    pub(super) fn on_reloaded(&mut self, now: LocalTime, image: &Image<Record>, out: &mut Out) {
        self.reloads -= 1;
        if self.reloads > 0 {
            return; // More was queued since: a later image has it.
        }
        let recovered = match record::read(image) {
            Ok(recovered) => recovered,
            Err(refusal) => panic!("the own disk cannot be read: {}", refusal.0),
        };
        self.storage = Storage::new(&recovered);
        self.restore(recovered.snapshot.cloned(), out);
        self.replay(&recovered, out);
        let known = self.committed.min(self.handed);
        if known > Zxid::ZERO {
            out.committed(known);
        }
        match &mut self.state {
            State::Draining => self.look(out),
            State::Learning(learning) => {
                learning.heard = now;
                if let (Some(link), false) =
                    (learning.link, self.config.mutations.has(Mutation::N22))
                {
                    out.send(learning.leader, Via::Stream(link), Msg::Pong);
                }
                let held = core::mem::take(&mut learning.held);
                for msg in held {
                    self.on_leader_message(msg, out);
                }
            }
            State::Electing(_) | State::Leading(_) | State::Halted => {
                unreachable!("nobody elects or leads while the disk is read back")
            }
        }
    }

    /// Replaces the state by a snapshot, or by the empty state.
    pub(super) fn restore(&mut self, snapshot: Option<Snapshot>, out: &mut Out) {
        self.handed = snapshot.as_ref().map_or(Zxid::ZERO, |s| s.zxid);
        self.applied = self.handed;
        self.since_checkpoint = 0;
        self.checkpoint = Checkpoint::Idle;
        self.window.clear();
        out.push(Effect::Restore(snapshot));
    }

    /// Hands the recovered log over, its uncommitted tail included, and completes `currentEpoch`.
    pub(super) fn replay(&mut self, recovered: &Recovered<'_>, out: &mut Out) {
        for (zxid, payload) in &recovered.log {
            self.hand_over(*zxid, (*payload).clone(), out);
        }
        if recovered.raised {
            self.storage.write_current_epoch(out);
        }
    }
}
