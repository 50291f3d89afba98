//! Judges a history of a znode tree alone: nothing but what clients asked and saw.
//!
//! A constraint search. Every operation is a constraint on its place in the one order of
//! transactions. Bounds propagation forces the places that follow from the answers; a depth-first
//! search with conflict-directed backjumping finds the rest.
//!
//! **The witness.** Every write that was answered names its place in the order of transactions: by
//! the zxid of its reply, which a reply built in the write's own apply carries, or by the Stat in
//! it. The tree is replayed once in that order. Reads and failed writes are placed between; real
//! time, or a session's own order, gives them lower bounds (`sweep`). If everything has a place,
//! the order found is the proof.
//!
//! **What no answer places** (writes of unknown outcome, the ends of sessions, deletes without a
//! zxid) is placed where a conflict asks for it (`search`). Only such writes are ever searched for.
//!
//! **Two promises.** [`Mode::Linearizable`]: one order of all operations, in real time.
//! [`Mode::ZooKeeper`]: writes, and their errors, are linearizable; a session's operations keep
//! their order; its reads see ever later prefixes of the writes, and never an older one than a
//! reply has named by its zxid, over all its connections; an unknown write takes effect before its
//! session's next acknowledged write, or never; but a request to close the session, sent through a
//! server that the session then left, may arrive later than what it wrote through the next. A sync
//! promises no more than that zxid: ZooKeeper's is no quorum operation, so a synced read may miss
//! what somebody else has written; whether one does is what `Mode::Linearizable(Reads::Synced)`
//! asks.
//!
//! The events of watches are judged after that, in the order that was found: see
//! [`crate::check::watches`].
//!
//! # Glossary
//! - *Constraint* (`constraints`): one operation with the states that it may belong to. Its kind is
//!   an *effect* (place known), *unplaced* (a write whose place is searched for) or an
//!   *observation*.
//! - *Bounds* (`bounds`): the first and last place of a constraint that real time, sessions and
//!   Stats leave it, carried along in both directions.
//! - *Version counters* (`version_counters`): how often a node was changed, by the versions in
//!   Stats.
//! - *Forced* (`propagation`): an unplaced write with one possible place left.
//! - *Sweep* (`sweep`): one pass over the order that places observations and meets the first
//!   *conflict*: a constraint that has no place.
//! - *Missing* (`missing`): the changes of which one must come before a conflict.
//! - *Repair* (`repairs`): an unplaced write and the free zxids at which it could resolve a
//!   conflict.
//! - *Conflict set*: the placed writes that have a part in a failure. The search jumps back to the
//!   latest of them.
//! - *Footprint* (`footprints`): the paths that an operation reads or touches.
//! - *White box* (`white_box`): the true order, from the servers, in place of the search.

mod answers;
mod bounds;
#[cfg(test)]
mod brute_tests;
#[cfg(test)]
mod concurrent_tests;
mod conflict;
mod constraint;
mod constraints;
mod contrast;
mod explain;
mod footprints;
mod missing;
pub(crate) mod model;
mod placements;
mod propagation;
mod repairs;
mod replay;
mod search;
mod sessions;
mod shrink;
mod sweep;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod tree;
#[cfg(test)]
mod unasked_tests;
mod unplaced;
mod version_counters;
mod white_box;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::history::{History, Operation};
use crate::ids::{ClientId, OpId, SessionId, VirtualTime};
use crate::linear::Budget;
use crate::tree::{Path, Request, Write};
use constraints::Constraints;
pub(crate) use contrast::contrast;
pub use explain::{Cause, Edge, Naming, Violation};
use model::Model;
pub use model::UNTOLD_LENGTH;
pub(crate) use replay::{Dated, Doubts, replayed};
use search::{Search, search};
pub use shrink::minimal;
use sweep::{Placing, Sweep};
pub use text::{answered, asked};
pub(crate) use timeline::{Step, Timeline};
pub(crate) use white_box::compare;

/// What is promised to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One order in real time, of all writes and these reads.
    Linearizable(Reads),
    /// Ordered sequential consistency: see the head of the module.
    ZooKeeper,
}

/// Which reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// All.
    All,
    /// Those that directly follow a sync.
    Synced,
}

/// What a tree is born with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialTree {
    /// The root, and ZooKeeper's own nodes below it.
    ZooKeeper,
    /// The root alone.
    Bare,
}

/// How to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is promised.
    pub mode: Mode,
    /// What the tree is born with.
    pub initial: InitialTree,
    /// Whether a read's state is at most its reply's zxid.
    trusts_reads: bool,
}

impl Options {
    /// Judges by this promise.
    pub fn new(mode: Mode, initial: InitialTree) -> Options {
        Options {
            mode,
            initial,
            trusts_reads: true,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// There is an order that explains every answer.
    Holds,
    /// Nothing was answered.
    Vacuous,
    /// There is none.
    Violated(Box<Violation>),
    /// A limit came first: which one, and how far it got.
    Unknown(String),
}

/// A ruling and its circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The ruling.
    pub ruling: Ruling,
    /// Answers that were examined.
    pub checked: u64,
    /// The order that explains everything: operations, in their order, each with the zxid of the
    /// state it belongs to. Empty unless the history holds.
    pub order: Vec<(OpId, u64)>,
}

/// Judges a history, within a budget.
pub fn check(history: &History, options: &Options, budget: &mut dyn Budget) -> Report {
    let survey = survey(&history.operations);
    let constraints = Constraints::of(&history.operations, &survey, options);
    let checked = constraints.by_completion.len() as u64;
    if checked == 0 {
        return Report {
            ruling: Ruling::Vacuous,
            checked,
            order: Vec::new(),
        };
    }
    let ruled = |ruling| Report {
        ruling,
        checked,
        order: Vec::new(),
    };
    if let Some(violation) = contradiction(history, &constraints) {
        budget.decided();
        return ruled(Ruling::Violated(Box::new(violation)));
    }
    // Almost always everything is where the replies' zxids say.
    if constraints.unplaced.is_empty() {
        let mut sweep = Sweep::new(&constraints, Placing::AtHeader, newborn(options));
        match search(&mut sweep, &constraints, budget) {
            Search::Done => return held(&constraints, &sweep, checked),
            Search::Limit(limit) => {
                return ruled(Ruling::Unknown(explain::limit(&constraints, &sweep, limit)));
            }
            Search::Stuck(_) => {}
        }
    }
    let mut sweep = Sweep::new(&constraints, Placing::First, newborn(options));
    let conflict = match search(&mut sweep, &constraints, budget) {
        Search::Done => return held(&constraints, &sweep, checked),
        Search::Limit(limit) => {
            return ruled(Ruling::Unknown(explain::limit(&constraints, &sweep, limit)));
        }
        Search::Stuck(conflict) => conflict,
    };
    let linear = matches!(options.mode, Mode::Linearizable(_));
    if linear && options.trusts_reads {
        // The reply's zxid of a read is a hint: what clients cannot distinguish may stand
        // elsewhere.
        let doubtful = Options {
            trusts_reads: false,
            ..*options
        };
        return check(history, &doubtful, budget);
    }
    if survey.has_nameless {
        let what = "a container or a node with a time to live was created, if at all, under a \
                    name that nobody was told, so that its removal is not to be searched for";
        return ruled(Ruling::Unknown(what.to_string()));
    }
    budget.decided();
    ruled(Ruling::Violated(Box::new(explain::conflict(
        &constraints,
        &sweep,
        &conflict,
        options,
    ))))
}

/// A violation that the zxids of answers show by themselves.
fn contradiction(history: &History, constraints: &Constraints<'_>) -> Option<Violation> {
    if let Some((earlier, later)) = constraints.regress {
        return Some(explain::regress(&history.operations, earlier, later));
    }
    let (first, second) = constraints.collision?;
    Some(explain::collision(constraints, first, second))
}

fn held(constraints: &Constraints<'_>, sweep: &Sweep<'_, '_>, checked: u64) -> Report {
    let place = |index: &u32| (constraints.get(*index).op.id, sweep.place_of(*index));
    Report {
        ruling: Ruling::Holds,
        checked,
        order: sweep.order.iter().map(place).collect(),
    }
}

fn newborn(options: &Options) -> Model {
    match options.initial {
        InitialTree::ZooKeeper => Model::new(),
        InitialTree::Bare => Model::bare(),
    }
}

/// What a history asks for, session by session.
struct Survey {
    /// Every session that wrote, ascending.
    sessions: Vec<SessionId>,
    /// What may come without anybody's asking: the ends of sessions that own ephemeral nodes, and
    /// the removals of containers and of nodes that outlive their time.
    ends: Vec<Operation>,
    /// Of each of these the zxid that it comes after.
    after: Vec<u64>,
    /// Whether a node may have come and gone whose name no answer gives.
    has_nameless: bool,
}

impl Survey {
    /// Of a history whose unasked changes are known from elsewhere.
    fn of_what_was_asked(operations: &[Operation]) -> Survey {
        let wrote = operations.iter().filter(|op| match op.request {
            Request::Write(_) => true,
            Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => false,
        });
        let mut sessions: Vec<SessionId> = wrote.map(|op| op.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        Survey {
            sessions,
            ends: Vec::new(),
            after: Vec::new(),
            has_nameless: false,
        }
    }
}

/// What one session asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    may_own: bool,
    /// Whether an answer says that it is closed: then nothing else has ended it. A close of unknown
    /// outcome may have found that the session had expired long before.
    closes: bool,
    /// When the last of its writes that were answered was sent: its reply may have been under way
    /// while the session ended.
    last: Option<VirtualTime>,
}

fn survey(operations: &[Operation]) -> Survey {
    let mut sessions: BTreeMap<SessionId, Asked> = BTreeMap::new();
    let mut removals: Vec<Unasked> = Vec::new();
    // Those whose name no answer gives.
    let mut nameless: Vec<(Path, VirtualTime)> = Vec::new();
    for op in operations {
        let Request::Write(write) = &op.request else {
            continue;
        };
        let asked = sessions.entry(op.session).or_default();
        if ends_by_request(write) {
            asked.closes |= matches!(op.answer(), Some(Ok(_)));
        } else if op.answered().is_some() {
            asked.last = Some(op.invoked).max(asked.last);
        }
        if !asked.may_own && footprints::asks_for_an_ephemeral(write) {
            let (paths, prefixes) = footprints::ephemerals_of(write, op.answer());
            asked.may_own = !paths.is_empty() || !prefixes.is_empty();
        }
        if footprints::asks_for_a_mortal(write) {
            let (paths, prefixes) = footprints::mortals_of(write, op.answer());
            let prefixes = prefixes.into_iter();
            nameless.extend(prefixes.map(|prefix| (prefix, op.invoked)));
            // A node is removed once at most, and the leader's own writes belong to nobody.
            removals.extend(paths.into_iter().map(|path| Unasked {
                session: SessionId::NONE,
                since: Some(op.invoked),
                after: answers::zxid_of(op),
                write: Write::DeleteContainer { path },
            }));
        }
    }
    removals.extend(footprints::names_of(operations, &nameless).into_iter().map(
        |(path, since)| Unasked {
            session: SessionId::NONE,
            since: Some(since),
            after: 0,
            write: Write::DeleteContainer { path },
        },
    ));
    let ends = sessions
        .iter()
        .filter(|(_, asked)| asked.may_own && !asked.closes);
    let mut ends: BTreeMap<SessionId, Unasked> = ends
        .map(|(session, asked)| {
            let end = Unasked {
                session: *session,
                since: asked.last,
                after: 0,
                write: Write::ExpireSession,
            };
            (*session, end)
        })
        .collect();
    bound_by_writes(&mut ends, operations);
    let ends = ends.into_values();
    let unasked: Vec<Unasked> = ends.chain(removals).collect();
    Survey {
        after: unasked.iter().map(|one| one.after).collect(),
        has_nameless: !nameless.is_empty(),
        ends: unasked_writes(unasked),
        sessions: sessions.into_keys().collect(),
    }
}

/// A session ended after every write that was answered: the last one whose answer names a place
/// bounds its end.
fn bound_by_writes(ends: &mut BTreeMap<SessionId, Unasked>, operations: &[Operation]) {
    let mut unbounded = ends.len();
    for op in operations.iter().rev() {
        if unbounded == 0 {
            return;
        }
        let Request::Write(write) = &op.request else {
            continue;
        };
        let Some(end) = ends.get_mut(&op.session).filter(|end| end.after == 0) else {
            continue;
        };
        if !ends_by_request(write) {
            end.after = answers::zxid_of(op);
            unbounded -= usize::from(end.after > 0);
        }
    }
}

fn ends_by_request(write: &Write) -> bool {
    matches!(write.bare(), Write::CloseSession)
}

/// What may come without anybody's asking.
struct Unasked {
    session: SessionId,
    /// It comes after whatever had ended by then.
    since: Option<VirtualTime>,
    after: u64,
    write: Write,
}

fn unasked_writes(writes: Vec<Unasked>) -> Vec<Operation> {
    let writes = writes.into_iter().zip(0u32..);
    let operation = |(unasked, number): (Unasked, u32)| Operation {
        id: OpId(u32::MAX - number),
        // Nobody's: no client counts so far.
        client: ClientId(u16::MAX),
        session: unasked.session,
        xid: u32::MAX,
        seq: 0,
        conn: None,
        server: None,
        attempts: 0,
        request: Request::Write(unasked.write),
        ids: Arc::from([]),
        synced: false,
        invoked: unasked.since.unwrap_or_default(),
        completed: None,
        outcome: None,
    };
    writes.map(operation).collect()
}
