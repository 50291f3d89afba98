//! One session and its at-most-once table.

use std::collections::BTreeMap;

use super::request::Answer;
use crate::canonical::{Canonical, RunHash};
use crate::ids::{SessionId, Span, Zxid};

/// A client session as the replicated state knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// How long it may be silent.
    pub timeout: Span,
    /// How often it was attached again. An expiry names the generation that fell silent, and ends
    /// no later one.
    generation: u32,
    /// The number of its last executed command; 0 if there was none.
    last: u32,
    /// It has seen the answers through this number. Invariant: `acked <= last`.
    acked: u32,
    /// The answers above `acked` through `last`, without a hole.
    answers: BTreeMap<u32, Stored>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    done: Done,
    /// Invariant: the share of this answer in the state's digest.
    share: u64,
}

/// A command that was executed: where in the order, and with which answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub zxid: Zxid,
    pub answer: Answer,
}

/// How a command's number relates to those executed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn<'a> {
    /// It was executed; what came of it if that is still stored.
    Past(Option<&'a Done>),
    /// It is the next one.
    Next,
    /// One before it is missing.
    Early,
}

impl Session {
    pub(super) fn new(timeout: Span) -> Session {
        Session {
            timeout,
            generation: 0,
            last: 0,
            acked: 0,
            answers: BTreeMap::new(),
        }
    }

    /// How often it was attached again.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Its client came back, through whichever server, with the timeout of now.
    pub(super) fn attach(&mut self, timeout: Span) {
        self.generation = self.generation.wrapping_add(1);
        self.timeout = timeout;
    }

    /// The number of its last executed command; 0 if there was none.
    pub fn last(&self) -> u32 {
        self.last
    }

    pub(super) fn turn(&self, seq: u32) -> Turn<'_> {
        if seq <= self.last {
            Turn::Past(self.answers.get(&seq).map(|stored| &stored.done))
        } else if seq - self.last == 1 {
            Turn::Next
        } else {
            Turn::Early
        }
    }

    /// Stores the answer of command `seq`, and forgets those through `acked`.
    pub(super) fn store(&mut self, id: SessionId, seq: u32, acked: u32, done: Done) {
        assert_eq!(seq, self.last + 1, "commands of {id} are executed in order");
        // A client cannot have seen this answer yet, whatever it says.
        self.acked = self.acked.max(acked.min(self.last));
        self.last = seq;
        let share = share_of_answer(id, seq, &done);
        self.answers.insert(seq, Stored { done, share });
        while let Some(oldest) = self.answers.first_entry() {
            if *oldest.key() > self.acked {
                break;
            }
            oldest.remove();
        }
    }

    /// The share of this session, its stored answers included, in the state's digest.
    pub(super) fn share(&self, id: SessionId) -> u64 {
        let mut hash = RunHash::new();
        hash.word(SHARE_OF_A_SESSION);
        id.feed(&mut hash);
        self.timeout.feed(&mut hash);
        hash.word(u64::from(self.generation));
        hash.word(u64::from(self.last));
        hash.word(u64::from(self.acked));
        self.answers
            .values()
            .fold(hash.value(), |sum, stored| sum.wrapping_add(stored.share))
    }
}

/// Keeps the shares of sessions apart from those of nodes and answers.
const SHARE_OF_A_SESSION: u64 = 2;
/// Keeps the shares of answers apart from those of nodes and sessions.
const SHARE_OF_AN_ANSWER: u64 = 3;

fn share_of_answer(id: SessionId, seq: u32, done: &Done) -> u64 {
    let mut hash = RunHash::new();
    hash.word(SHARE_OF_AN_ANSWER);
    id.feed(&mut hash);
    hash.word(u64::from(seq));
    done.zxid.feed(&mut hash);
    match &done.answer {
        Ok(response) => {
            hash.word(1);
            response.feed(&mut hash);
        }
        Err(failure) => {
            hash.word(2);
            failure.feed(&mut hash);
        }
    }
    hash.value()
}
