//! Phase 0: fast leader election.
//!
//! Notifications travel on a channel where the newest message replaces the one not yet sent, so
//! everything here is said again until somebody decides, less and less often.

use std::collections::BTreeMap;

use crate::ids::{LocalTime, NodeId};
use crate::mutation::Mutation;
use crate::protocol::{Role, Via};
use crate::quorum::{NodeSet, Quorums};

use super::roles::{Election, LearningStage, State};
use super::vote::{CastVote, Vote};
use super::{Msg, Out, Timer, Zab};

impl Zab {
    /// Begins an election.
    pub(super) fn look(&mut self, out: &mut Out) {
        self.round += 1;
        let wait = self.config.own.notification_min;
        self.state = State::Electing(Election {
            proposal: self.own_vote(),
            received: BTreeMap::new(),
            settled: BTreeMap::new(),
            wait,
            finalizing: None,
            outvoted: NodeSet::EMPTY,
        });
        self.set_timer(Timer::Notify, wait, out);
        self.broadcast_vote(out);
        self.consider_proposal(out);
    }

    /// A vote was heard.
    pub(super) fn on_notification(
        &mut self,
        now: LocalTime,
        from: NodeId,
        cast: CastVote,
        out: &mut Out,
    ) {
        match &self.state {
            State::Draining | State::Halted => {} // No vote to answer with.
            State::Learning(_) => {
                if cast.role == Role::Looking {
                    self.answer(from, self.learner_role(), self.vote, out);
                }
            }
            State::Leading(_) => {
                if cast.role == Role::Looking {
                    self.answer(from, Role::Leading, self.vote, out);
                }
            }
            State::Electing(election) => {
                if !self.config.is_voter(from) {
                    // An observer that looks wants to know, and has no say.
                    if cast.role == Role::Looking {
                        self.answer(from, Role::Looking, election.proposal, out);
                    }
                } else if self.config.is_voter(cast.vote.leader) {
                    match cast.role {
                        Role::Looking => self.on_looking_vote(from, cast, out),
                        Role::Following | Role::Leading => {
                            self.on_settled_vote(now, from, cast, out);
                        }
                        Role::Observing => {} // Not a voter's role.
                    }
                }
            }
        }
    }

    /// The proposal may have been lost: says it again.
    pub(super) fn on_notify_timer(&mut self, out: &mut Out) {
        let longest = self.config.own.notification_max;
        let State::Electing(election) = &mut self.state else {
            return; // Cancelled in the meantime.
        };
        let long = election.wait == longest;
        election.wait = election.wait.times(2).min(longest);
        let wait = election.wait;
        if long {
            // Nobody else was found meanwhile: it may be the only one with the whole history.
            election.outvoted = NodeSet::EMPTY;
            self.shunned = NodeSet::EMPTY;
        }
        self.set_timer(Timer::Notify, wait, out);
        self.broadcast_vote(out);
    }

    /// Nothing better was heard: decides.
    pub(super) fn on_finalize_timer(&mut self, now: LocalTime, out: &mut Out) {
        let State::Electing(election) = &self.state else {
            return; // Decided by other means.
        };
        if election.finalizing.is_some() {
            self.decide(now, election.proposal, out);
        }
    }

    /// Leaves the leader. One that could not be joined is not voted for until this voter is in
    /// service, or its election lasts for long:
    /// 1. n3 has the longest history, and n1 and n2 hear its notifications, but no stream between
    ///    them and n3 opens.
    /// 2. n1 and n2 elect n3, dial in vain, and look again.
    /// 3. n3 is still the best candidate, though n1 and n2 are a quorum without it.
    ///
    /// Whatever is committed is known to every quorum, so the best of the others will do.
    pub(super) fn give_up_leader(&mut self, out: &mut Out) {
        let learning = self.state.learning();
        let unjoined = learning.stage == LearningStage::Greeting;
        let leader = learning.leader;
        let passed_over = unjoined && self.config.is_voter(self.config.me);
        if passed_over && !self.config.mutations.has(Mutation::N27) {
            self.shunned.insert(leader);
        }
        self.step_down(out);
    }

    fn own_vote(&self) -> Vote {
        if !self.config.is_voter(self.config.me) {
            return Vote::NOBODY;
        }
        Vote {
            epoch: self.storage.current_epoch(),
            zxid: self.handed,
            leader: self.config.me,
        }
    }

    fn answer(&self, to: NodeId, role: Role, vote: Vote, out: &mut Out) {
        let round = self.round;
        out.send(to, Via::LatestWins, Msg::Notification { role, vote, round });
    }

    fn broadcast_vote(&mut self, out: &mut Out) {
        let me = self.config.me;
        let election = self.state.electing();
        let cast = CastVote {
            role: Role::Looking,
            vote: election.proposal,
            round: self.round,
        };
        if self.config.voters.contains(&me) {
            election.received.insert(me, cast);
        }
        for voter in self.config.voters.iter().filter(|voter| **voter != me) {
            self.answer(*voter, Role::Looking, cast.vote, out);
        }
    }

    fn on_looking_vote(&mut self, from: NodeId, cast: CastVote, out: &mut Out) {
        let own = self.own_vote();
        let beats = match self.config.mutations.has(Mutation::Z23) {
            true => Vote::slips_past,
            false => Vote::beats,
        };
        let election = self.state.electing();
        if cast.round < self.round {
            // Its round is old: it has to learn of this one. Not from an observer: voters answer
            // every word of those, and the two would never stop.
            let proposal = election.proposal;
            if self.config.is_voter(self.config.me) {
                self.answer(from, Role::Looking, proposal, out);
            }
            return;
        }
        let candidate = cast.vote.leader;
        let heeded = self.config.quorums.has_weight(candidate)
            && !self.shunned.contains(candidate)
            && !election.outvoted.contains(candidate);
        if cast.round > self.round {
            self.round = cast.round;
            election.received.clear();
            let is_better = heeded && beats(cast.vote, own);
            election.proposal = if is_better { cast.vote } else { own };
            election.received.insert(from, cast);
            self.broadcast_vote(out);
        } else {
            election.received.insert(from, cast);
            if heeded && beats(cast.vote, election.proposal) {
                election.proposal = cast.vote;
                self.broadcast_vote(out);
            } else if beats(election.proposal, cast.vote) && self.config.is_voter(self.config.me) {
                // It has come to this round after the last broadcast of the better vote, and would
                // wait for the next one. (ZooKeeper lets it wait.)
                let proposal = election.proposal;
                self.answer(from, Role::Looking, proposal, out);
            }
        }
        if !self.config.mutations.has(Mutation::N28) {
            self.yield_to_the_others(out);
        }
        self.consider_proposal(out);
    }

    /// A candidate lacks only this voter's vote, and the one this voter votes for has no quorum:
    /// the voter yields, and does not come back to its candidate in this election.
    /// 1. n3 has the longest history. n2 hears n1 and n3; n1 cannot join n3, and votes for n2.
    /// 2. n2 votes for n3, which has nobody else: neither of them has a quorum.
    ///
    /// Not before every proposal was said twice: votes that cross on their way change without
    /// help.
    fn yield_to_the_others(&mut self, out: &mut Out) {
        let (me, own) = (self.config.me, self.own_vote());
        let first_wait = self.config.own.notification_min;
        let election = self.state.electing();
        let quorums = &self.config.quorums;
        let electable = |vote: Vote| {
            let mut support: NodeSet = (election.received.iter())
                .filter(|(_, cast)| cast.vote == vote)
                .map(|(from, _)| *from)
                .collect();
            let willing = vote == own || support.contains(vote.leader);
            support.insert(me);
            willing && quorums.contain(support)
        };
        let said_once = election.wait == first_wait;
        if said_once || !self.config.is_voter(me) || electable(election.proposal) {
            return;
        }
        // At least the own vote: of two voters that would yield to each other, only one does.
        let others = election.received.values().map(|cast| cast.vote);
        let best = others
            .filter(|vote| *vote >= own && !election.outvoted.contains(vote.leader))
            .filter(|vote| electable(*vote))
            .max();
        let Some(best) = best else {
            return;
        };
        election.outvoted.insert(election.proposal.leader);
        election.proposal = best;
        self.broadcast_vote(out);
    }

    fn on_settled_vote(&mut self, now: LocalTime, from: NodeId, cast: CastVote, out: &mut Out) {
        if self.shunned.contains(cast.vote.leader) {
            return; // Its followers may be as unable to join it as this voter was.
        }
        let (me, round) = (self.config.me, self.round);
        let election = self.state.electing();
        if cast.round == round {
            election.received.insert(from, cast);
            let received = &election.received;
            if supported(received, &cast, &self.config.quorums) && leads(received, me, round, &cast)
            {
                self.decide(now, cast.vote, out);
                return;
            }
        }
        election.settled.insert(from, cast);
        if supported(&election.settled, &cast, &self.config.quorums)
            && leads(&election.settled, me, round, &cast)
        {
            self.round = cast.round;
            self.decide(now, cast.vote, out);
            return;
        }
        // A leader that says so itself is tried, once the election has lasted for long:
        // 1. n1 leads, and n2 follows; n3 hears n1, but n2 and it do not hear each other.
        // 2. n1 is content with its quorum, so nobody else will ever look, and n3 waits for the
        //    word of a quorum that it cannot hear.
        // A wrong guess costs the time of one synchronization: whom to follow is not what safety
        // relies on.
        if election.wait >= self.config.own.notification_max
            && cast.role == Role::Leading
            && cast.vote.leader == from
        {
            self.round = cast.round;
            self.decide(now, cast.vote, out);
        }
    }

    /// Starts, or calls off, the last wait for a better vote. A better one that a quorum supports
    /// at once starts it again:
    /// 1. n1 and n2 support n2, and wait. Just before they decide, n3's better vote comes.
    /// 2. n1 takes it over, and so n1 and n3 are a quorum for it. Deciding at the end of the first
    ///    wait, n1 has not waited for a still better vote at all.
    fn consider_proposal(&mut self, out: &mut Out) {
        let election = self.state.electing();
        let cast = CastVote {
            role: Role::Looking,
            vote: election.proposal,
            round: self.round,
        };
        let agreed = supported(&election.received, &cast, &self.config.quorums);
        let finalizing = agreed.then_some(election.proposal);
        let same = match self.config.mutations.has(Mutation::N23) {
            true => finalizing.is_some() == election.finalizing.is_some(),
            false => finalizing == election.finalizing,
        };
        election.finalizing = finalizing;
        if same {
            return;
        }
        if agreed {
            self.set_timer(Timer::Finalize, self.config.own.finalize_wait, out);
        } else {
            out.cancel_timer(Timer::Finalize);
        }
    }

    fn decide(&mut self, now: LocalTime, vote: Vote, out: &mut Out) {
        out.cancel_timer(Timer::Notify);
        out.cancel_timer(Timer::Finalize);
        self.vote = vote;
        if vote.leader == self.config.me {
            self.lead(out);
        } else {
            self.learn(now, vote.leader, out);
        }
    }
}

/// Whether the votes that agree with `cast` form a quorum.
fn supported(votes: &BTreeMap<NodeId, CastVote>, cast: &CastVote, quorums: &Quorums) -> bool {
    let support: NodeSet = votes
        .iter()
        .filter(|(_, other)| other.agrees(cast))
        .map(|(from, _)| *from)
        .collect();
    quorums.contain(support)
}

/// Whether the leader of `cast` can be believed to lead (`checkLeader`): it says so itself, or
/// it is this server, of this very round. Else stale followers would elect a dead server.
fn leads(votes: &BTreeMap<NodeId, CastVote>, me: NodeId, round: u64, cast: &CastVote) -> bool {
    let leader = cast.vote.leader;
    if leader == me {
        cast.round == round
    } else {
        votes
            .get(&leader)
            .is_some_and(|cast| cast.role == Role::Leading)
    }
}
