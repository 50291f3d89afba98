//! Who takes which input: by the channel it came on, the role of this server, and its kind.

use crate::ids::{LinkId, LocalTime, NodeId};
use crate::protocol::Via;

use super::discovery::LearningStage;
use super::vote::Ballot;
use super::{Msg, Out, State, Timer, Zab};

impl Zab {
    pub(super) fn receive(
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
                    self.notified(now, from, Ballot { role, vote, round }, out);
                }
            }
            Via::Datagram => {
                assert!(from == self.config.me, "{from} sent {msg:?} as a datagram");
                self.heard_from_self(msg, out);
            }
            Via::Stream(link) => match &mut self.state {
                // A stream that was hung up may still deliver what was in flight.
                State::Draining | State::Electing(_) | State::Halted => {}
                State::Learning(learning) => {
                    if learning.link == Some(link) {
                        learning.heard = now;
                        self.heard_from_leader(msg, out);
                    }
                }
                State::Leading(leading) => {
                    if leading.heard_on(from, link, self.config.knobs.sync_limit) {
                        self.heard_from_learner(from, msg, out);
                    }
                }
            },
        }
    }

    /// What the leader promised to itself: its own durable log is one vote among others.
    fn heard_from_self(&mut self, msg: Msg, out: &mut Out) {
        match msg {
            Msg::Ack { zxid } => self.acked(self.config.me, zxid, out),
            Msg::AckNewLeader { epoch } => self.history_acked(self.config.me, epoch, out),
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

    fn heard_from_learner(&mut self, from: NodeId, msg: Msg, out: &mut Out) {
        match msg {
            Msg::FollowerInfo { accepted_epoch } | Msg::ObserverInfo { accepted_epoch } => {
                self.greeted(from, accepted_epoch, out);
            }
            Msg::AckEpoch {
                current_epoch,
                zxid,
                wants_snapshot,
            } => self.epoch_acked(from, current_epoch, zxid, wants_snapshot, out),
            Msg::AckNewLeader { epoch } => self.history_acked(from, epoch, out),
            Msg::Ack { zxid } => self.acked(from, zxid, out),
            // Any message refreshes the learner's deadline.
            Msg::Pong => self.learner_lives(from, out),
            Msg::Sync { token } => self.sync_asked(from, token, out),
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

    pub(super) fn heard_from_leader(&mut self, msg: Msg, out: &mut Out) {
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
            Msg::Proposal { zxid, payload } => self.proposed(zxid, payload, out),
            Msg::Commit { zxid } => self.committed(zxid, out),
            Msg::Inform { zxid, payload } => self.informed(zxid, payload, out),
            Msg::Ping => self.send_leader(Msg::Pong, out),
            Msg::Synced { token } => self.synced(token, out),
            Msg::LeaderInfo { epoch } => self.epoch_named(epoch, out),
            Msg::Diff { zxid } => self.diff(zxid),
            Msg::Trunc { zxid } => self.truncate(zxid, out),
            Msg::Snap { snapshot } => self.install(snapshot, out),
            Msg::NewLeader { epoch } => self.take_over(epoch, out),
            Msg::UpToDate => self.up_to_date(out),
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

    pub(super) fn timer(&mut self, now: LocalTime, timer: Timer, out: &mut Out) {
        match timer {
            Timer::Notify => self.notify_again(out),
            Timer::Finalize => self.finalize(now, out),
            Timer::Phase => self.phase_expired(out),
            Timer::HalfTick => self.half_tick(out),
            Timer::Silence => self.check_silence(now, out),
            Timer::Redial => self.dial(out),
        }
    }

    pub(super) fn link_up(&mut self, now: LocalTime, peer: NodeId, link: LinkId, out: &mut Out) {
        let mine = link.dialler == self.config.me;
        match &mut self.state {
            State::Learning(learning) if mine && learning.link == Some(link) => {
                learning.heard = now;
                learning.was_reached = true;
                self.greet(out);
            }
            State::Leading(leading) if !mine => {
                let limit = self.config.knobs.init_limit + self.config.knobs.sync_limit;
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

    pub(super) fn link_down(&mut self, peer: NodeId, link: LinkId, out: &mut Out) {
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
