//! The checkers: each watches a run and gives a verdict.
//!
//! A checker is one file and one line in [`CHECKERS`]. It is fed [`Observation`]s as the run goes
//! (the white box) and the clients' [`History`] at the end (the black box), and answers with a
//! [`Verdict`]. No checker stands without a mutation or planted violation that it reports.
//!
//! [`Panel`] holds every checker of a run. Checkers do not know each other; those that need the
//! committed sequence each keep a private ledger of it, so that no checker leans on another.

mod agreement;
mod bounds;
mod chosen;
mod churn;
mod circumstances;
mod digest;
mod durability;
mod ending;
mod exactly_once;
mod findings;
mod interests;
mod leadership;
mod ledger;
mod lifetimes;
pub mod linearizability;
mod logs;
mod oracles;
mod panel;
mod promises;
mod quorums;
mod recovery;
#[cfg(test)]
mod run_tests;
mod session_news;
mod session_order;
mod sessions;
mod subjects;
mod tally;
#[cfg(test)]
mod testing;
mod timeline;
mod times;
mod timing;
mod tree_order;
pub mod watches;

use crate::history::History;
use crate::ids::{NodeId, SessionId, VirtualTime, Zxid};
use crate::protocol::{
    Epochs, Fact, Holding, Persisted, Pledged, Promises, QuorumRule, Role, Slots,
};
use crate::tree::Payload;

pub use circumstances::{Barrier, Circumstances, Disturbance, Excused, Turn};
pub use interests::Interests;
pub use panel::Panel;
pub use session_news::SessionNews;
pub use subjects::Subjects;
pub use timing::Timing;

/// What a checker concludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every obligation held.
    Pass {
        /// How many obligations there were; never 0.
        checked: u64,
    },
    /// There was nothing to check: what was missing.
    Vacuous(String),
    /// It does not apply to this protocol, which committed transactions and never stated a fact
    /// that the checker needs: which one.
    NotApplicable(String),
    /// It could not be decided: why.
    Unknown(String),
    /// A violation.
    Fail(Box<Counterexample>),
}

/// The place in the program that reports a violation: two violations of one rule are reported at
/// one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The source file.
    pub file: String,
    /// The line.
    pub line: u32,
}

impl Rule {
    /// The place that calls this.
    #[track_caller]
    pub fn here() -> Rule {
        Rule::at(core::panic::Location::caller())
    }

    /// A place.
    pub fn at(place: &core::panic::Location<'_>) -> Rule {
        Rule {
            file: place.file().to_owned(),
            line: place.line(),
        }
    }
}

/// A violation: what happened, in a sentence, when, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// Which rule is broken.
    pub rule: Rule,
    /// When the run first showed it.
    pub at: VirtualTime,
    /// What is wrong, with the names and numbers of everything involved: for people, no program
    /// reads it.
    pub reason: String,
    /// What it is about.
    pub subjects: Subjects,
}

/// One thing that the simulator knows to have happened.
#[derive(Clone, Debug)]
pub enum Observation<'a> {
    /// A server's process started.
    Booted {
        /// The server.
        node: NodeId,
    },
    /// A server's process died; its memory is gone.
    Crashed {
        /// The server.
        node: NodeId,
    },
    /// A server's state machine was replaced by a snapshot (or the empty state) at `zxid`.
    Restored {
        /// The server.
        node: NodeId,
        /// The zxid it now stands at.
        zxid: Zxid,
    },
    /// A server applied a transaction (committed or not).
    Applied {
        /// The server.
        node: NodeId,
        /// Its position.
        zxid: Zxid,
        /// Its payload.
        payload: &'a Payload,
        /// The digest of the whole state after it; `None` while digests cannot be compared
        /// (the state came from a fuzzy snapshot whose log tail is not replayed yet).
        digest: Option<u64>,
        /// The session writes that were executed by it: `(session, seq)`; `None` for a repeated,
        /// refused or sessionless one.
        executed: Option<(SessionId, u32)>,
    },
    /// A server knows a transaction to be committed and has applied it: deliver(i, t).
    Delivered {
        /// The server.
        node: NodeId,
        /// Its position.
        zxid: Zxid,
        /// The payload's digest.
        value: u64,
    },
    /// A protocol stated a fact.
    Fact {
        /// The server.
        node: NodeId,
        /// The fact.
        fact: &'a Fact,
    },
    /// A server's role or epoch changed.
    Standing {
        /// The server.
        node: NodeId,
        /// Its new role.
        role: Role,
        /// Its new epoch.
        epoch: u64,
    },
    /// A server holds more of something than ever before in this process.
    Held {
        /// The server.
        node: NodeId,
        /// What it holds, and how much it may.
        holding: Holding,
    },
    /// What every server's disk would hold if the power failed now (of a server that is down: what
    /// it holds). Taken after every crash and at the end.
    Durable {
        /// One entry for each voter.
        nodes: &'a [(NodeId, Persisted)],
        /// What the same disks prove to be promised, of those voters whose protocol reports it.
        pledged: &'a [(NodeId, Pledged)],
    },
    /// A server heard or said something that concerns sessions.
    Session {
        /// The server.
        node: NodeId,
        /// What.
        news: SessionNews<'a>,
    },
}

/// What is known before a run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The protocol's name.
    pub protocol: String,
    /// The voters.
    pub voters: Vec<NodeId>,
    /// The observers.
    pub observers: Vec<NodeId>,
    /// Which voters make a leader.
    pub elect: QuorumRule,
    /// Which voters make a transaction committed.
    pub commit: QuorumRule,
    /// What the protocol promises to clients.
    pub promises: Promises,
    /// How it is known in which epoch the protocol committed something.
    pub epochs: Epochs,
    /// How the protocol counts positions.
    pub slots: Slots,
    /// How long what is done by the clock takes.
    pub timing: Timing,
}

/// The state of one server when a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// The server.
    pub node: NodeId,
    /// Whether it belongs to the core that had to converge.
    pub core: bool,
    /// Its last applied zxid; `None` if it is down.
    pub applied: Option<Zxid>,
    /// The digest of its state; `None` if it is down.
    pub digest: Option<u64>,
    /// Its role.
    pub role: Role,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    /// When.
    pub at: VirtualTime,
    /// Every server.
    pub nodes: &'a [Final],
    /// What clients saw.
    pub history: &'a History,
    /// When the faults were healed and the liveness phase began; `None` if there was none.
    pub healed: Option<VirtualTime>,
    /// When the core had converged and answered; `None` if it did not within the bound.
    pub converged: Option<VirtualTime>,
    /// Why it did not, if it did not: which server lacks what.
    pub obstacle: Option<String>,
    /// What it went through.
    pub circumstances: &'a Circumstances,
}

/// A judge of one property.
pub trait Checker {
    /// Takes one observation. Cheap: it is called for every one of them.
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>);

    /// A violation found so far, if any: a run may stop at the first.
    fn violation(&self) -> Option<&Counterexample>;

    /// The facts, by their names, without which it has nothing to judge.
    fn lives_on(&self) -> &'static [&'static str] {
        &[]
    }

    /// What it could not hold against the run; known once the verdict is given.
    fn excused(&self) -> Excused {
        Excused::default()
    }

    /// Gives the verdict.
    fn finish(&mut self, ending: &Ending<'_>) -> Verdict;
}

/// Who is harmed by what a checker reports, at the moment at which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harms {
    /// A client: it was answered or told what it must not be, or lost its session without a cause.
    Client,
    /// Servers alone: whether a client ever notices is open.
    Servers,
}

/// A checker's entry in the table.
#[derive(Clone, Copy)]
pub struct CheckerEntry {
    /// Its name in verdicts.
    pub name: &'static str,
    /// What it asserts, in a sentence.
    pub asserts: &'static str,
    /// Who is harmed by what it reports.
    pub harms: Harms,
    /// The observations it gets.
    pub interests: Interests,
    /// Makes one for a run.
    pub make: fn(&Setup) -> Box<dyn Checker>,
}

impl core::fmt::Debug for CheckerEntry {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_struct("CheckerEntry")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Every checker, in the order in which their verdicts are shown.
pub const CHECKERS: &[CheckerEntry] = &[
    agreement::ENTRY,
    chosen::ENTRY,
    leadership::ENTRY,
    recovery::ENTRY,
    promises::ENTRY,
    durability::ENTRY,
    bounds::ENTRY,
    digest::ENTRY,
    linearizability::ENTRY,
    session_order::ENTRY,
    tree_order::ENTRY,
    watches::ENTRY,
    exactly_once::ENTRY,
    oracles::ENTRY,
    ending::CONVERGENCE,
    ending::LIVENESS,
    sessions::ENTRY,
    lifetimes::ENTRY,
    times::ENTRY,
    logs::ENTRY,
    churn::ENTRY,
];
