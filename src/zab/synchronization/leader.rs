//! The leader's side: DIFF, TRUNC or SNAP, everything after it, NEWLEADER, UPTODATE.

use std::collections::VecDeque;

use crate::ids::{NodeId, Span, Zxid};
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{CaptureKind, Fact};
use crate::quorum::NodeSet;
use crate::tree::Payload;

use crate::zab::roles::{Leading, Phase, Stage, State};
use crate::zab::{Msg, Out, Timer, Zab};

/// How a learner is synchronised. `next` is the place in the leader's window from which on
/// transactions are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Diff { next: usize },
    Trunc { zxid: Zxid, next: usize },
    Snap,
}

/// Rules S1 to S4 of docs/zab.md for a learner whose history ends at
/// `theirs`, by a leader whose committed history ends at `ours`, the newest part of it being
/// `window`.
fn choose(
    theirs: Zxid,
    ours: Zxid,
    window: &VecDeque<(Zxid, Payload)>,
    mutations: Mutations,
) -> Choice {
    let oldest = window.front().map_or(ours, |(zxid, _)| *zxid);
    if theirs == ours {
        return Choice::Diff { next: window.len() };
    }
    if theirs > ours {
        return Choice::Trunc {
            zxid: ours,
            next: window.len(),
        };
    }
    if theirs < oldest {
        return Choice::Snap;
    }
    // Here oldest <= theirs < ours: there is an entry at or before it, and one after it.
    let next = window.partition_point(|(zxid, _)| *zxid <= theirs);
    let (before, after) = (window[next - 1].0, window[next].0);
    if before == theirs || mutations.has(Mutation::Z20) {
        Choice::Diff { next }
    } else if after.epoch() == theirs.epoch() {
        Choice::Trunc { zxid: before, next }
    } else {
        // Never truncated across an epoch: the entry before may be missing over there.
        Choice::Snap
    }
}

impl Zab {
    /// Brings a learner that promised the epoch up to date.
    pub(in crate::zab) fn synchronize(&mut self, node: NodeId, out: &mut Out) {
        let ours = self.handed;
        let leading = self.state.leading();
        // 1. A learner acks proposal t, its stream breaks, it comes back, its history ends at t.
        // 2. TRUNC to the last commit removes t there; t is sent again, but not yet logged again.
        // 3. Counting the old ack would commit t with one copy less than a quorum.
        if !self.config.mutations.has(Mutation::N24) {
            for proposal in &mut leading.outstanding {
                proposal.acks.remove(node);
            }
        }
        let learner = leading.learner(node);
        let Stage::Promised {
            zxid: theirs,
            wants_snapshot,
        } = learner.stage
        else {
            unreachable!("{node} is synchronised in {:?}", learner.stage);
        };
        let mut choice = choose(theirs, ours, &self.window, self.config.mutations);
        if wants_snapshot && theirs != ours {
            choice = Choice::Snap;
        }
        match choice {
            Choice::Diff { next } => {
                learner.send(node, Msg::Diff { zxid: ours }, out);
                self.forward(node, next, out);
            }
            Choice::Trunc { zxid, next } => {
                learner.send(node, Msg::Trunc { zxid }, out);
                self.forward(node, next, out);
            }
            Choice::Snap => {
                // The snapshot must hold everything committed by now: the learner may have been
                // part of that quorum, and gives up its log for the snapshot.
                learner.stage = Stage::AwaitingApply(ours);
                self.window_pinned = true;
                self.capture_for_learners(out);
            }
        }
    }

    /// Captures the state for those learners whose snapshot it can now be.
    pub(in crate::zab) fn capture_for_learners(&mut self, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // Nobody waits for a server that does not lead.
        };
        for learner in leading.learners.values_mut() {
            if let Stage::AwaitingApply(zxid) = learner.stage
                && zxid <= self.applied
            {
                learner.stage = Stage::Capturing(out.capture(CaptureKind::Fuzzy));
            }
        }
    }

    /// Shrinks the window again once no snapshot is under way.
    pub(in crate::zab) fn unpin_window(&mut self) {
        if let State::Leading(leading) = &self.state {
            self.window_pinned = leading.learners.values().any(|learner| {
                matches!(learner.stage, Stage::AwaitingApply(_) | Stage::Capturing(_))
            });
            self.trim_window();
        }
    }

    /// Sends a learner the window from `next` on, then what is outstanding, then NEWLEADER; from
    /// now on it gets every proposal and commit. All in one step, so that nothing falls between.
    pub(in crate::zab) fn forward(&mut self, node: NodeId, next: usize, out: &mut Out) {
        let leading = self.state.leading();
        let learner = &leading.learners[&node];
        for (zxid, payload) in self.window.range(next..) {
            let (zxid, payload) = (*zxid, payload.clone());
            learner.send(node, Msg::Proposal { zxid, payload }, out);
            learner.send(node, Msg::Commit { zxid }, out);
        }
        if learner.voter {
            for proposal in &leading.outstanding {
                let (zxid, payload) = (proposal.zxid, proposal.payload.clone());
                learner.send(node, Msg::Proposal { zxid, payload }, out);
            }
        }
        let epoch = leading.epoch;
        learner.send(node, Msg::NewLeader { epoch }, out);
        leading.learner(node).stage = Stage::Forwarding;
    }

    /// A learner, or this leader, durably holds the initial history.
    pub(in crate::zab) fn on_ack_new_leader(&mut self, from: NodeId, epoch: u32, out: &mut Out) {
        let State::Leading(leading) = &mut self.state else {
            return; // The own disk was slower than the leadership.
        };
        if leading.epoch != epoch {
            return; // The own disk finished what an earlier leadership had asked for.
        }
        if let Some(learner) = leading.learners.get_mut(&from) {
            learner.stage = Stage::Holding;
        }
        leading.holders.insert(from);
        match leading.phase {
            Phase::CollectEpochs | Phase::CollectPromises => {
                unreachable!("{from} holds the history of {epoch}, which nobody has entered")
            }
            Phase::CollectHistories => {
                if self.config.quorums.contain(leading.holders) {
                    self.establish(out);
                }
            }
            Phase::Broadcast => tell_up_to_date(leading, out),
        }
    }

    /// A quorum holds the initial history: it is committed, and this server is the epoch's primary.
    fn establish(&mut self, out: &mut Out) {
        let leading = self.state.leading();
        leading.phase = Phase::Broadcast;
        self.shunned = NodeSet::EMPTY;
        // A settled server reports the epoch it lives in, whatever it was elected with (ZK-1732).
        self.vote.epoch = leading.epoch;
        self.wants_snapshot = false;
        out.cancel_timer(Timer::Phase);
        out.fact(Fact::Established {
            epoch: u64::from(leading.epoch),
            through: leading.initial_last,
        });
        tell_up_to_date(leading, out);
        self.commit_history(out);
        let half = Span(self.config.knobs.tick.0 / 2);
        self.set_timer(Timer::HalfTick, half, out);
    }
}

fn tell_up_to_date(leading: &mut Leading, out: &mut Out) {
    for (node, learner) in &mut leading.learners {
        if learner.stage == Stage::Holding {
            learner.stage = Stage::UpToDate;
            learner.send(*node, Msg::UpToDate, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zab::tests::payload;

    fn window(zxids: &[(u32, u32)]) -> VecDeque<(Zxid, Payload)> {
        zxids
            .iter()
            .map(|(epoch, counter)| (Zxid::new(*epoch, *counter), payload(u64::from(*counter))))
            .collect()
    }

    fn chosen(theirs: (u32, u32), zxids: &[(u32, u32)], mutations: Mutations) -> Choice {
        let window = window(zxids);
        let ours = window.back().expect("the test gives one").0;
        choose(Zxid::new(theirs.0, theirs.1), ours, &window, mutations)
    }

    const WINDOW: &[(u32, u32)] = &[(7, 2), (7, 3), (8, 1), (8, 2)];

    #[test]
    fn the_choice_follows_rules_s1_to_s4() {
        let of = |theirs| chosen(theirs, WINDOW, Mutations::NONE);
        assert_eq!(of((8, 2)), Choice::Diff { next: 4 });
        let zxid = Zxid::new(8, 2);
        assert_eq!(of((8, 3)), Choice::Trunc { zxid, next: 4 });
        assert_eq!(of((9, 1)), Choice::Trunc { zxid, next: 4 });
        assert_eq!(of((7, 2)), Choice::Diff { next: 1 });
        assert_eq!(of((8, 1)), Choice::Diff { next: 3 });
        assert_eq!(of((7, 1)), Choice::Snap);
        assert_eq!(of((7, 4)), Choice::Snap);
    }

    #[test]
    fn a_hole_in_one_epoch_is_truncated() {
        let zxid = Zxid::new(7, 2);
        assert_eq!(
            chosen((7, 3), &[(7, 2), (7, 4)], Mutations::NONE),
            Choice::Trunc { zxid, next: 1 }
        );
    }

    #[test]
    fn z20_takes_a_position_inside_the_window_for_a_known_one() {
        let on = Mutations::NONE.with(Mutation::Z20);
        assert_eq!(chosen((7, 4), WINDOW, on), Choice::Diff { next: 2 });
    }

    #[test]
    fn an_empty_window_is_its_leaders_last_zxid() {
        let (empty, none) = (VecDeque::new(), Mutations::NONE);
        let ours = Zxid::new(3, 4);
        assert_eq!(choose(ours, ours, &empty, none), Choice::Diff { next: 0 });
        assert_eq!(choose(Zxid::ZERO, ours, &empty, none), Choice::Snap);
        let ahead = Zxid::new(3, 5);
        assert_eq!(
            choose(ahead, ours, &empty, none),
            Choice::Trunc {
                zxid: ours,
                next: 0
            }
        );
    }
}
