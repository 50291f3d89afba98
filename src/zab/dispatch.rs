//! Who takes which input: by the channel it came on, the role of this server, and its kind.

use crate::ids::{LinkId, LocalTime, NodeId};
use crate::protocol::Via;

use super::roles::{LearningStage, State};
use super::vote::CastVote;
use super::{Msg, Out, Timer, Zab};

impl Zab {
    pub(super) fn on_message(
        &mut self,
        now: LocalTime,
        from: NodeId,
        via: Via,
        msg: Msg,
        out: &mut Out,
    ) {
        match via {
            Via::LatestWins => {
                if let Msg::Notification { role, vote, round } = msg {
                    self.on_notification(now, from, CastVote { role, vote, round }, out);
                }
            }
            Via::Datagram => {
                assert!(from == self.config.me, "{from} sent {msg:?} as a datagram");
                self.on_own_message(msg, out);
            }
            Via::Stream(link) => match &mut self.state {
                // A stream that was hung up may still deliver what was in flight.
                State::Draining | State::Electing(_) | State::Halted => {}
                State::Learning(learning) => {
                    if learning.link == Some(link) {
                        learning.heard = now;
                        self.on_leader_message(msg, out);
                    }
                }
                State::Leading(leading) => {
                    if leading.heard_on(from, link, self.config.own.sync_limit) {
                        self.on_learner_message(from, msg, out);
                    }
                }
            },
        }
    }

    /// What the leader promised to itself: its own durable log is one vote among others.
    fn on_own_message(&mut self, msg: Msg, out: &mut Out) {
        match msg {
            Msg::Ack { zxid } => self.on_ack(self.config.me, zxid, out),
            Msg::AckNewLeader { epoch } => self.on_ack_new_leader(self.config.me, epoch, out),
            Msg::Notification { .. }
            | Msg::FollowerInfo { .. }
            | Msg::ObserverInfo { .. }
            | Msg::LeaderInfo { .. }
            | Msg::AckEpoch { .. }
            | Msg::Diff { .. }
            | Msg::Trunc { .. }
            | Msg::Snap { .. }
            | Msg::Proposal { .. }
            | Msg::Commit { .. }
            | Msg::Inform { .. }
            | Msg::NewLeader { .. }
            | Msg::UpToDate
            | Msg::Ping
            | Msg::Pong
            | Msg::Sync { .. }
            | Msg::Synced { .. } => unreachable!("a server never tells itself {msg:?}"),
        }
    }

    fn on_learner_message(&mut self, from: NodeId, msg: Msg, out: &mut Out) {
        match msg {
            Msg::FollowerInfo { accepted_epoch } | Msg::ObserverInfo { accepted_epoch } => {
                self.on_greeting(from, accepted_epoch, out);
            }
            Msg::AckEpoch {
                current_epoch,
                zxid,
                wants_snapshot,
            } => self.on_ack_epoch(from, current_epoch, zxid, wants_snapshot, out),
            Msg::AckNewLeader { epoch } => self.on_ack_new_leader(from, epoch, out),
            Msg::Ack { zxid } => self.on_ack(from, zxid, out),
            // Any message refreshes the learner's deadline.
            Msg::Pong => self.on_pong(from, out),
            Msg::Sync { token } => self.on_sync(from, token, out),
            Msg::Notification { .. }
            | Msg::LeaderInfo { .. }
            | Msg::Diff { .. }
            | Msg::Trunc { .. }
            | Msg::Snap { .. }
            | Msg::Proposal { .. }
            | Msg::Commit { .. }
            | Msg::Inform { .. }
            | Msg::NewLeader { .. }
            | Msg::UpToDate
            | Msg::Ping
            | Msg::Synced { .. } => unreachable!("the learner {from} sent {msg:?}"),
        }
    }

    pub(super) fn on_leader_message(&mut self, msg: Msg, out: &mut Out) {
        let State::Learning(learning) = &mut self.state else {
            return; // What was held back while it learned, and it no longer does.
        };
        if self.reloads > 0 {
            // A TRUNC is being carried out: what follows it waits. Bounded by what the leader
            // sends within its limit for this phase.
            learning.held.push_back(msg);
            return;
        }
        match msg {
            Msg::Proposal { zxid, payload } => self.on_proposal(zxid, payload, out),
            Msg::Commit { zxid } => self.on_commit(zxid, out),
            Msg::Inform { zxid, payload } => self.on_inform(zxid, payload, out),
            Msg::Ping => self.send_leader(Msg::Pong, out),
            Msg::Synced { token } => self.on_synced(token, out),
            Msg::LeaderInfo { epoch } => self.on_leader_info(epoch, out),
            Msg::Diff { zxid } => self.on_diff(zxid),
            Msg::Trunc { zxid } => self.on_trunc(zxid, out),
            Msg::Snap { snapshot } => self.on_snap(snapshot, out),
            Msg::NewLeader { epoch } => self.on_new_leader(epoch, out),
            Msg::UpToDate => self.on_up_to_date(out),
            Msg::Notification { .. }
            | Msg::FollowerInfo { .. }
            | Msg::ObserverInfo { .. }
            | Msg::AckEpoch { .. }
            | Msg::AckNewLeader { .. }
            | Msg::Ack { .. }
            | Msg::Pong
            | Msg::Sync { .. } => unreachable!("the leader sent {msg:?}"),
        }
    }

    pub(super) fn on_timer(&mut self, now: LocalTime, timer: Timer, out: &mut Out) {
        match timer {
            Timer::Notify => self.on_notify_timer(out),
            Timer::Finalize => self.on_finalize_timer(now, out),
            Timer::Phase => self.on_phase_timer(out),
            Timer::HalfTick => self.on_half_tick(out),
            Timer::Silence => self.on_silence_timer(now, out),
            Timer::Redial => self.dial(out),
        }
    }

    pub(super) fn on_link_up(&mut self, now: LocalTime, peer: NodeId, link: LinkId, out: &mut Out) {
        let mine = link.dialler == self.config.me;
        match &mut self.state {
            State::Learning(learning) if mine && learning.link == Some(link) => {
                learning.heard = now;
                self.greet(out);
            }
            State::Leading(leading) if !mine => {
                let limit = self.config.own.init_limit + self.config.own.sync_limit;
                leading.admit(peer, link, limit, self.config.is_voter(peer), out);
                self.unpin_window();
            }
            // An old dial of mine, or a learner that takes me for the leader, which I am not (yet).
            State::Draining
            | State::Electing(_)
            | State::Learning(_)
            | State::Leading(_)
            | State::Halted => out.hang_up(peer, link),
        }
    }

    pub(super) fn on_link_down(&mut self, peer: NodeId, link: LinkId, out: &mut Out) {
        match &mut self.state {
            State::Draining | State::Electing(_) | State::Halted => {} // Hung up long ago.
            State::Learning(learning) => {
                if learning.link == Some(link) {
                    learning.link = None;
                    match learning.stage {
                        LearningStage::Greeting => self.redial_later(out),
                        LearningStage::Promised
                        | LearningStage::Synchronizing { .. }
                        | LearningStage::TookOver
                        | LearningStage::UpToDate { .. } => self.step_down(out),
                    }
                }
            }
            State::Leading(leading) => {
                if leading.learners.get(&peer).is_some_and(|l| l.link == link) {
                    leading.learners.remove(&peer);
                    self.unpin_window();
                }
            }
        }
    }
}
