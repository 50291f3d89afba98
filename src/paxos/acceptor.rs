//! The acceptor's rules, without any input or output: (state, question) to (state, verdict).
//!
//! `Paxos` writes down what a verdict changes before the answer leaves. Nothing here knows slots to
//! be chosen, and nothing that is learned ever changes a promise or a vote (docs/paxos.md, rule
//! 11).

use super::ballot::Ballot;
use super::message::SlotVote;
use super::slot::{Slots, Value};
use crate::mutation::{Mutation, Mutations};

/// A vote for a value at a ballot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Vote {
    pub(super) ballot: Ballot,
    pub(super) value: Value,
}

/// What an acceptor must never forget.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Acceptor {
    /// One promise for all slots. Invariant: `promised` >= the ballot of every vote.
    promised: Ballot,
    /// The highest ballot voted at so far. Invariant: <= `promised`.
    voted: Ballot,
    /// The latest vote of each slot above the durable snapshot: what is below was chosen.
    votes: Slots<Vote>,
}

/// The verdict on a Prepare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// Promised now: to be written down, then answered.
    Promised,
    /// Promised before: the answer may have been lost.
    Repeated,
    /// Votes at this very ballot exist, so its phase 1 is over: a late duplicate.
    Spent,
    /// A higher ballot was promised.
    Refused,
}

/// The verdict on an Accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepting {
    /// Voted now: to be written down, then answered.
    Voted,
    /// The same vote was given before.
    Repeated,
    /// The slot lies in the snapshot: it was chosen and its vote is gone.
    Trimmed,
    /// A higher ballot was promised.
    Refused,
}

impl Acceptor {
    /// An acceptor that promised `promised` and whose votes through `trimmed` are gone.
    pub(super) fn new(promised: Ballot, trimmed: u64) -> Acceptor {
        Acceptor {
            promised,
            voted: Ballot::NONE,
            votes: Slots::above(trimmed),
        }
    }

    /// The promise.
    #[inline]
    pub(super) fn promised(&self) -> Ballot {
        self.promised
    }

    /// Through which slot the votes are gone because a durable snapshot covers them.
    pub(super) fn trimmed(&self) -> u64 {
        self.votes.floor()
    }

    /// The ballot and the value last voted for in a slot.
    #[inline]
    pub(super) fn vote(&self, slot: u64) -> Option<&Vote> {
        self.votes.get(slot)
    }

    /// The greatest slot with a vote.
    pub(super) fn last_vote(&self) -> u64 {
        self.votes.last()
    }

    /// The votes above a slot, ascending.
    pub(super) fn votes_above(&self, slot: u64) -> impl Iterator<Item = (u64, &Vote)> {
        self.votes.iter_from(slot + 1)
    }

    /// The votes from `first` on, none left out: cutting this list at a window loses chosen values
    /// (docs/paxos.md, rule 4).
    pub(super) fn votes_from(&self, first: u64) -> Vec<SlotVote> {
        let votes = self.votes.iter_from(first);
        votes
            .map(|(slot, vote)| SlotVote {
                slot,
                ballot: vote.ballot,
                value: vote.value.clone(),
            })
            .collect()
    }

    /// Phase 1b: may `ballot` be promised?
    pub(super) fn prepare(&mut self, ballot: Ballot) -> Prepared {
        if ballot < self.promised {
            return Prepared::Refused;
        }
        if ballot == self.voted {
            return Prepared::Spent;
        }
        if ballot == self.promised {
            return Prepared::Repeated;
        }
        self.promised = ballot;
        Prepared::Promised
    }

    /// Raises the promise without being asked to report: always allowed. Says whether it rose.
    pub(super) fn raise(&mut self, ballot: Ballot) -> bool {
        let rises = ballot > self.promised;
        self.promised = self.promised.max(ballot);
        rises
    }

    /// Phase 2b: may `value` be voted for? Accepting raises the promise as well: without that a
    /// ballot in between could still be promised and take over a value that is about to be chosen.
    pub(super) fn accept(
        &mut self,
        ballot: Ballot,
        slot: u64,
        value: &Value,
        mutations: Mutations,
    ) -> Accepting {
        // Mutation P03: the comparison of phase 2b is missing.
        if ballot < self.promised && !mutations.has(Mutation::P03) {
            return Accepting::Refused;
        }
        if slot <= self.votes.floor() {
            return Accepting::Trimmed;
        }
        if self.votes.get(slot).is_some_and(|v| v.ballot == ballot) {
            return Accepting::Repeated;
        }
        self.cast(ballot, slot, value.clone());
        Accepting::Voted
    }

    /// Takes over a vote that the log holds; of several for a slot the highest ballot stands.
    pub(super) fn recall(&mut self, ballot: Ballot, slot: u64, value: Value) {
        if self.votes.get(slot).is_none_or(|v| v.ballot <= ballot) {
            self.cast(ballot, slot, value);
        }
    }

    /// Forgets the votes that a durable snapshot covers, and nothing else: the votes above it and
    /// the promise stay (docs/paxos.md, rules 1 and 4).
    pub(super) fn trim(&mut self, through: u64) {
        self.votes.drop_through(through);
    }

    /// What the fields say of each other.
    pub(super) fn assert_invariants(&self) {
        assert!(
            self.voted <= self.promised,
            "voted at {:?} above the promise {:?}",
            self.voted,
            self.promised
        );
    }

    fn cast(&mut self, ballot: Ballot, slot: u64, value: Value) {
        self.promised = self.promised.max(ballot);
        self.voted = self.voted.max(ballot);
        self.votes.put(slot, Vote { ballot, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    fn ballot(round: u64, owner: u8) -> Ballot {
        Ballot {
            round,
            owner: NodeId(owner),
        }
    }

    #[test]
    fn an_acceptor_never_accepts_below_its_promise() {
        let mut acceptor = Acceptor::new(Ballot::NONE, 0);
        assert_eq!(acceptor.prepare(ballot(2, 2)), Prepared::Promised);
        let verdict = acceptor.accept(ballot(1, 1), 1, &Value::Noop, Mutations::NONE);
        assert_eq!(verdict, Accepting::Refused);
        assert_eq!(acceptor.vote(1), None);
        assert_eq!(acceptor.promised(), ballot(2, 2));
    }

    #[test]
    fn accepting_raises_the_promise() {
        let mut acceptor = Acceptor::new(Ballot::NONE, 0);
        let verdict = acceptor.accept(ballot(3, 1), 5, &Value::Noop, Mutations::NONE);
        assert_eq!(verdict, Accepting::Voted);
        assert_eq!(acceptor.prepare(ballot(2, 2)), Prepared::Refused);
    }

    #[test]
    fn a_repeated_prepare_is_answered_again_until_its_ballot_is_voted_at() {
        let mut acceptor = Acceptor::new(Ballot::NONE, 0);
        assert_eq!(acceptor.prepare(ballot(1, 1)), Prepared::Promised);
        assert_eq!(acceptor.prepare(ballot(1, 1)), Prepared::Repeated);
        acceptor.accept(ballot(1, 1), 1, &Value::Noop, Mutations::NONE);
        assert_eq!(acceptor.prepare(ballot(1, 1)), Prepared::Spent);
        assert_eq!(acceptor.prepare(ballot(1, 2)), Prepared::Promised);
    }

    #[test]
    fn trimming_keeps_the_votes_above_and_the_promise() {
        let mut acceptor = Acceptor::new(Ballot::NONE, 0);
        for slot in 1..=4 {
            acceptor.accept(ballot(1, 1), slot, &Value::Noop, Mutations::NONE);
        }
        acceptor.trim(3);
        let slots: Vec<u64> = acceptor.votes_from(1).iter().map(|v| v.slot).collect();
        assert_eq!(slots, vec![4]);
        assert_eq!(acceptor.promised(), ballot(1, 1));
        let verdict = acceptor.accept(ballot(1, 1), 3, &Value::Noop, Mutations::NONE);
        assert_eq!(verdict, Accepting::Trimmed);
    }

    #[test]
    fn planted_p03_accepts_below_the_promise() {
        let mut acceptor = Acceptor::new(Ballot::NONE, 0);
        acceptor.prepare(ballot(2, 2));
        let planted = Mutations::NONE.with(Mutation::P03);
        let verdict = acceptor.accept(ballot(1, 1), 1, &Value::Noop, planted);
        assert_eq!(verdict, Accepting::Voted);
    }
}
