//! What Paxos servers say to each other. All of it is datagrams: lost, delayed, duplicated and
//! reordered at will, so every handler is idempotent and every answer names what it answers.

use serde::Serialize;

use super::ballot::Ballot;
use super::slot::Value;
use crate::canonical::{Canonical, RunHash};
use crate::ids::LocalTime;
use crate::protocol::BarrierToken;
use crate::tree::Snapshot;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Msg {
    /// A voter without a leader asks every voter whether a Prepare would be welcome. Changes
    /// nothing at the receiver.
    PreVote {
        /// The ballot it would prepare.
        ballot: Ballot,
    },
    /// A voter answers a PreVote.
    PreVoteReply {
        /// The ballot asked about: ties the answer to its question.
        ballot: Ballot,
        /// True if the sender would promise it and has not heard a leader for a timeout.
        granted: bool,
        /// The sender's promise: from which round on the asker has to try.
        promised: Ballot,
    },
    /// Phase 1a: a candidate asks every voter for a promise. Leaves only when the candidate's own
    /// promise is durable, which is why a ballot is never used twice.
    Prepare {
        /// The candidate's ballot.
        ballot: Ballot,
        /// The first slot the candidate does not know to be chosen.
        first: u64,
    },
    /// Phase 1b: a voter promises, durably.
    Promise(Report),
    /// Phase 2a: a leader asks a voter for its vote.
    Accept(Proposal),
    /// Phase 2b: a voter has voted, durably.
    Accepted {
        /// The ballot voted at: votes of different ballots are never counted together.
        ballot: Ballot,
        /// The slot voted in.
        slot: u64,
    },
    /// A voter refuses a Prepare, an Accept or a Heartbeat. Never needed for safety.
    Nack {
        /// The refused ballot.
        ballot: Ballot,
        /// The higher ballot that the sender has promised.
        promised: Ballot,
    },
    /// A leader announces chosen slots to voters, if no Accept leaves that carries the same news.
    Commit(Notice),
    /// A leader shows everybody, at a fixed interval, that it leads.
    Heartbeat {
        /// Its ballot, and what it knows to be chosen.
        notice: Notice,
        /// The number of this round of heartbeats in the ballot.
        seq: u64,
    },
    /// A voter answers a Heartbeat: when this left, its promise was the leader's ballot, so no
    /// higher ballot had its promise.
    HeartbeatAck {
        /// The ballot of the heartbeat, and the sender's promise.
        ballot: Ballot,
        /// The round that is answered.
        seq: u64,
    },
    /// A server that lacks chosen slots asks another for them.
    LearnReq {
        /// The first slot it lacks.
        first: u64,
    },
    /// The answer to a LearnReq and to an Accept in a slot known to be chosen; a leader sends it to
    /// observers unasked. Carries values that *are chosen*, whatever the receiver voted for: it
    /// never becomes a vote.
    Learn {
        /// The slot of the first value.
        first: u64,
        /// The chosen values of consecutive slots.
        values: Vec<Value>,
        /// The sender knows every slot through here to be chosen: how far there is to go.
        chosen: u64,
    },
    /// The answer to a LearnReq (or an Accept) below the point through which the log is gone.
    Snap {
        /// The sender's newest snapshot: the state after every slot through its zxid.
        snapshot: Snapshot,
        /// As in Learn.
        chosen: u64,
    },
    /// A server asks the leader for a read index, on behalf of a barrier.
    ReadIndex {
        /// The barrier.
        token: BarrierToken,
        /// When it was asked for, on the asker's clock. Tokens are unique only within one
        /// incarnation; the clock never goes back, so both together are unique.
        asked: LocalTime,
    },
    /// The leader's answer, sent once a quorum acknowledged a round of heartbeats that began after
    /// the question arrived.
    ReadIndexReply {
        /// The leader's ballot, and through which slot to apply: every write that completed before
        /// the question lies at or below its `commit`.
        notice: Notice,
        /// The barrier.
        token: BarrierToken,
        /// As in the question.
        asked: LocalTime,
    },
}

/// A leader's claim about chosen slots. It stays true for ever, so late copies do no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Notice {
    /// The leader's ballot: a receiver may take its own vote in a slot for the chosen value only if
    /// it voted at this ballot (docs/paxos.md, rule 10).
    pub ballot: Ballot,
    /// In every slot above this one, through `commit`, the chosen value is the one proposed at
    /// `ballot`. Of the slots through here the leader claims only that they are chosen: it learned
    /// them from others, maybe at another ballot, and its own proposal may have lost
    /// (docs/paxos.md, rule 9).
    pub base: u64,
    /// Every slot through here is chosen.
    pub commit: u64,
}

/// The content of a Promise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Report {
    /// The promised ballot: a promise of any other ballot proves nothing (docs/paxos.md, rule 6).
    pub ballot: Ballot,
    /// Votes through here are gone: those slots were chosen, and a snapshot covers them.
    pub snapshot: u64,
    /// The sender knows every slot through here to be chosen.
    pub chosen: u64,
    /// Its latest vote in *every* slot from the Prepare's first (or the snapshot) on in which it
    /// ever voted.
    pub votes: Vec<SlotVote>,
}

/// One vote inside a Promise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SlotVote {
    /// The slot.
    pub slot: u64,
    /// The ballot it was last voted in at.
    pub ballot: Ballot,
    /// The value voted for.
    pub value: Value,
}

/// The content of an Accept. A leader proposes one value for a slot at a ballot, ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Proposal {
    /// The leader's ballot.
    pub ballot: Ballot,
    /// The slot.
    pub slot: u64,
    /// The value.
    pub value: Value,
    /// As in a Notice of this ballot.
    pub base: u64,
    /// As in a Notice of this ballot.
    pub commit: u64,
}

impl Msg {
    /// The message's name, for traces and counts.
    pub fn kind(&self) -> &'static str {
        match self {
            Msg::PreVote { .. } => "PreVote",
            Msg::PreVoteReply { .. } => "PreVoteReply",
            Msg::Prepare { .. } => "Prepare",
            Msg::Promise(_) => "Promise",
            Msg::Accept(_) => "Accept",
            Msg::Accepted { .. } => "Accepted",
            Msg::Nack { .. } => "Nack",
            Msg::Commit(_) => "Commit",
            Msg::Heartbeat { .. } => "Heartbeat",
            Msg::HeartbeatAck { .. } => "HeartbeatAck",
            Msg::LearnReq { .. } => "LearnReq",
            Msg::Learn { .. } => "Learn",
            Msg::Snap { .. } => "Snap",
            Msg::ReadIndex { .. } => "ReadIndex",
            Msg::ReadIndexReply { .. } => "ReadIndexReply",
        }
    }

    /// The variant's fixed number in run hashes.
    fn number(&self) -> u64 {
        match self {
            Msg::PreVote { .. } => 1,
            Msg::PreVoteReply { .. } => 2,
            Msg::Prepare { .. } => 3,
            Msg::Promise(_) => 4,
            Msg::Accept(_) => 5,
            Msg::Accepted { .. } => 6,
            Msg::Nack { .. } => 7,
            Msg::Commit(_) => 8,
            Msg::Heartbeat { .. } => 9,
            Msg::HeartbeatAck { .. } => 10,
            Msg::LearnReq { .. } => 11,
            Msg::Learn { .. } => 12,
            Msg::Snap { .. } => 13,
            Msg::ReadIndex { .. } => 14,
            Msg::ReadIndexReply { .. } => 15,
        }
    }
}

/// Feeds the numbers that a ballot goes with.
fn feed_with(hash: &mut RunHash, ballot: Ballot, numbers: &[u64]) {
    ballot.feed(hash);
    numbers.iter().for_each(|number| hash.word(*number));
}

impl Canonical for Msg {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.number());
        match self {
            Msg::PreVote { ballot } => ballot.feed(hash),
            Msg::PreVoteReply {
                ballot,
                granted,
                promised,
            } => feed_with(hash, *ballot, &[u64::from(*granted), promised.epoch()]),
            Msg::Prepare { ballot, first } => feed_with(hash, *ballot, &[*first]),
            Msg::Promise(report) => report.feed(hash),
            Msg::Accept(proposal) => proposal.feed(hash),
            Msg::Accepted { ballot, slot } => feed_with(hash, *ballot, &[*slot]),
            Msg::Nack { ballot, promised } => feed_with(hash, *ballot, &[promised.epoch()]),
            Msg::Commit(notice) => notice.feed(hash),
            Msg::Heartbeat { notice, seq } => {
                notice.feed(hash);
                hash.word(*seq);
            }
            Msg::HeartbeatAck { ballot, seq } => feed_with(hash, *ballot, &[*seq]),
            Msg::LearnReq { first } => hash.word(*first),
            Msg::Learn {
                first,
                values,
                chosen,
            } => {
                hash.word(*first);
                values.feed(hash);
                hash.word(*chosen);
            }
            Msg::Snap { snapshot, chosen } => {
                snapshot.feed(hash);
                hash.word(*chosen);
            }
            Msg::ReadIndex { token, asked } => {
                hash.word(token.0);
                asked.feed(hash);
            }
            Msg::ReadIndexReply {
                notice,
                token,
                asked,
            } => {
                notice.feed(hash);
                hash.word(token.0);
                asked.feed(hash);
            }
        }
    }
}

impl Canonical for Notice {
    fn feed(&self, hash: &mut RunHash) {
        feed_with(hash, self.ballot, &[self.base, self.commit]);
    }
}

impl Canonical for Report {
    fn feed(&self, hash: &mut RunHash) {
        feed_with(hash, self.ballot, &[self.snapshot, self.chosen]);
        self.votes.feed(hash);
    }
}

impl Canonical for SlotVote {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.slot);
        self.ballot.feed(hash);
        self.value.feed(hash);
    }
}

impl Canonical for Proposal {
    fn feed(&self, hash: &mut RunHash) {
        feed_with(hash, self.ballot, &[self.slot]);
        self.value.feed(hash);
        hash.word(self.base);
        hash.word(self.commit);
    }
}
