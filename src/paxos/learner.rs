//! Chosen values: how a server comes to know them, applies them in order, and passes them on.

use core::ops::Range;

use super::ballot::Ballot;
use super::message::{Msg, Notice};
use super::slot::{Slots, Value, end_of_slot, position};
use super::{Out, Paxos, Phase};
use crate::ids::{LocalTime, NodeId};
use crate::mutation::Mutation;
use crate::protocol::{Fact, Via};

/// Values in one Learn at most.
const LEARN_VALUES_MAX: usize = 64;

/// What is known to be chosen. Nothing of it is on disk: votes are, and they are not decisions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Learner {
    /// Chosen values above the trim point. Invariant: every slot from there through `prefix` is
    /// filled.
    values: Slots<Value>,
    /// Every slot through here is chosen and was handed over for application.
    prefix: u64,
    /// The furthest commit notice of the highest ballot that gave one. A vote at that ballot that
    /// arrives after its notice is taken for chosen at once.
    notice: Notice,
    /// When missing slots were last asked for, and from where on.
    asked: Option<(LocalTime, u64)>,
}

impl Learner {
    /// A learner whose state machine stands at a snapshot.
    pub(super) fn new(snapshot: u64) -> Learner {
        Learner {
            values: Slots::above(snapshot),
            prefix: snapshot,
            notice: Notice {
                ballot: Ballot::NONE,
                base: 0,
                commit: 0,
            },
            asked: None,
        }
    }

    /// Every slot through here is chosen.
    #[inline]
    pub(super) fn prefix(&self) -> u64 {
        self.prefix
    }

    /// Whether a slot is known to be chosen.
    #[inline]
    pub(super) fn knows(&self, slot: u64) -> bool {
        slot <= self.prefix || self.values.get(slot).is_some()
    }

    /// The value that is known to be chosen in a slot, if it is still held.
    #[inline]
    pub(super) fn value(&self, slot: u64) -> Option<&Value> {
        self.values.get(slot)
    }

    /// Takes a value for chosen. The first report stands; correct ones agree.
    pub(super) fn take(&mut self, slot: u64, value: Value, out: &mut Out) {
        if self.knows(slot) {
            return;
        }
        for (zxid, value) in value.digests(slot) {
            out.fact(Fact::Chosen { zxid, value });
        }
        self.values.put(slot, value);
    }

    /// Hands over every chosen slot that follows the prefix; never skips one (docs/paxos.md, rule
    /// 12). Says whether the prefix moved.
    pub(super) fn hand_over(&mut self, out: &mut Out) -> bool {
        let before = self.prefix;
        while let Some(value) = self.values.get(self.prefix + 1) {
            self.prefix += 1;
            match value {
                Value::Noop => {}
                Value::Commands(commands) => {
                    for (command, place) in commands.iter().zip(0..) {
                        out.apply(position(self.prefix, place), command.clone());
                    }
                }
            }
        }
        let moved = self.prefix > before;
        if moved {
            out.committed(end_of_slot(self.prefix));
        }
        moved
    }

    /// The known values of consecutive slots from `first` on; `None` below the trim point.
    pub(super) fn values_from(&self, first: u64, count_max: usize) -> Option<Vec<Value>> {
        if first <= self.values.floor() {
            return None;
        }
        let slots = (first..).take(count_max);
        let values = slots.map_while(|slot| self.values.get(slot).cloned());
        Some(values.collect())
    }

    /// Forgets the values through a slot.
    pub(super) fn trim(&mut self, through: u64) {
        self.values.drop_through(through);
    }

    /// What holds after every step.
    pub(super) fn assert_invariants(&self) {
        let (floor, prefix) = (self.values.floor(), self.prefix);
        assert!(
            floor <= prefix,
            "values through {floor} are forgotten, but the prefix ends at {prefix}"
        );
        assert!(
            floor == prefix || self.values.get(prefix).is_some(),
            "slot {prefix} was handed over, but its value is not held"
        );
        assert!(
            self.values.get(prefix + 1).is_none(),
            "slot {} is chosen, but was not handed over",
            prefix + 1
        );
    }

    /// The state machine was replaced by a snapshot.
    pub(super) fn jump(&mut self, snapshot: u64) {
        assert!(
            snapshot > self.prefix,
            "a snapshot through {snapshot} takes back what was handed over through {}",
            self.prefix
        );
        self.prefix = snapshot;
        self.values.drop_through(snapshot);
    }
}

impl Paxos {
    /// Takes a commit notice of a ballot: a slot is chosen with the value voted for here if, and
    /// only if, that vote was given at this very ballot. A vote at another ballot may be for a
    /// value that lost (docs/paxos.md, rule 10):
    /// 1. a deposed leader votes for its own w2 in slot 1 at b1;
    /// 2. the new leader has w1 chosen in slot 1 at b2, by the two others;
    /// 3. the deposed one hears of b2 by an Accept for slot 2, then of "1 is chosen".
    ///
    /// The same holds for the slots through the notice's base: there the leader itself learned a
    /// value that may not be the one it had proposed (docs/paxos.md, rule 9).
    pub(super) fn take_notice(&mut self, notice: Notice, out: &mut Out) {
        let Notice {
            ballot,
            base,
            commit,
        } = notice;
        let known = self.learner.notice;
        if ballot < known.ballot {
            // What a deposed leader knew to be chosen is chosen, but its successor says so too.
            return;
        }
        let mut first = self.learner.prefix.max(base) + 1;
        if ballot == known.ballot && base == known.base {
            // The part that the earlier notice covers was looked through.
            first = first.max(known.commit + 1);
        }
        if ballot > known.ballot || commit > known.commit {
            self.learner.notice = notice;
        }
        let last = commit.min(self.acceptor.last_vote());
        for slot in first..=last {
            self.take_vote_as_chosen(ballot, slot, out);
        }
    }

    /// A vote was given just now: its commit notice may have come before it.
    pub(super) fn take_noticed(&mut self, ballot: Ballot, slot: u64, out: &mut Out) {
        let known = self.learner.notice;
        if ballot == known.ballot && known.base < slot && slot <= known.commit {
            self.take_vote_as_chosen(ballot, slot, out);
        }
    }

    fn take_vote_as_chosen(&mut self, ballot: Ballot, slot: u64, out: &mut Out) {
        if let Some(vote) = self.acceptor.vote(slot)
            && vote.ballot == ballot
        {
            let value = vote.value.clone();
            self.take_learned(slot, value, out);
        }
    }

    /// Asks for the slots through `through` that are missing, unless that was done just now.
    pub(super) fn ask_for_missing(
        &mut self,
        now: LocalTime,
        from: NodeId,
        through: u64,
        out: &mut Out,
    ) {
        let prefix = self.learner.prefix;
        if prefix >= through {
            return;
        }
        let recently = self.learner.asked.is_some_and(|(at, first)| {
            first == prefix + 1 && now.since(at) < self.config.retransmit
        });
        if !recently {
            self.learner.asked = Some((now, prefix + 1));
            self.request_missing(from, out);
        }
    }

    /// Asks for whatever follows the chosen prefix.
    pub(super) fn request_missing(&self, from: NodeId, out: &mut Out) {
        let first = self.learner.prefix + 1;
        out.send(from, Via::Datagram, Msg::LearnReq { first });
    }

    pub(super) fn on_learn_request(&mut self, from: NodeId, first: u64, out: &mut Out) {
        if first > self.learner.prefix {
            // Nothing to send: the asker is as far as this server.
            return;
        }
        self.send_chosen(from, first, out);
    }

    /// Sends chosen values from a slot on, or the snapshot if they are gone.
    pub(super) fn send_chosen(&self, to: NodeId, first: u64, out: &mut Out) {
        let msg = match self.learner.values_from(first, LEARN_VALUES_MAX) {
            Some(values) => Msg::Learn {
                first,
                values,
                chosen: self.learner.prefix,
            },
            None => Msg::Snap {
                snapshot: self.checkpoints.newest(),
                chosen: self.learner.prefix,
            },
        };
        out.send(to, Via::Datagram, msg);
    }

    pub(super) fn on_learn(
        &mut self,
        now: LocalTime,
        first: u64,
        values: Vec<Value>,
        out: &mut Out,
    ) {
        for (slot, value) in (first..).zip(values) {
            self.take_learned(slot, value, out);
        }
        self.settle(now, out);
    }

    /// Takes a value for chosen that this server did not count the votes of. A leader that proposed
    /// another value in the slot, or none, is superseded: what a lower ballot had chosen, its phase
    /// 1 would have found, so a higher ballot chose this one. It steps down before its prefix
    /// moves, and so never announces its own proposal as chosen (docs/paxos.md, rule 8).
    fn take_learned(&mut self, slot: u64, value: Value, out: &mut Out) {
        let superseded = match &self.phase {
            Phase::Leading(leadership) => leadership.is_contradicted(slot, &value),
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) => false,
        };
        // Mutation N01: nobody compares what is learned with what was proposed.
        if superseded && !self.config.mutations.has(Mutation::N01) {
            self.step_down(out);
        }
        self.learner.take(slot, value, out);
    }

    /// After an answer: asks for what follows, if the answer brought this server on and the sender
    /// has more. `missing` runs from the prefix before the answer to what the sender knows.
    pub(super) fn ask_on(
        &mut self,
        now: LocalTime,
        from: NodeId,
        missing: Range<u64>,
        out: &mut Out,
    ) {
        let lagging = match self.phase {
            Phase::Following | Phase::PreVoting(_) | Phase::Preparing(_) => true,
            // A leader learns by counting votes; it is answered when it proposes what is chosen.
            Phase::Leading(_) => false,
        };
        if lagging && self.learner.prefix > missing.start {
            self.ask_for_missing(now, from, missing.end, out);
        }
    }
}
