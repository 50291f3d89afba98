//! The constraint that each operation puts on the order, in the form in which the sweep uses it.
//!
//! A write whose place is known is an *effect*, at its zxid, even if it failed there. A write
//! without a known place is *unplaced*: one that may never have happened, or one that surely did,
//! somewhere. Everything else is an *observation*: a read, or a write that failed or checked only,
//! at an unknown place; it leaves the tree as it was and needs a state that it fits.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mode, Options, Reads, Survey};
use crate::history::{Operation, Outcome};
use crate::ids::{ClientId, SessionId, Zxid};
use crate::tree::{Answer, Part, Request, Response, Stat, Write};

/// No zxid at all: an operation that has no place yet, or a place without an upper bound.
pub(super) const NOWHERE: u64 = u64::MAX;
/// No constraint.
pub(super) const NONE: u32 = u32::MAX;

/// How a constraint meets the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Is executed at this zxid.
    Effect(u64),
    /// Surely changed the tree, but nobody says where.
    Somewhere,
    /// May have changed the tree, or may do so later, or never.
    Perhaps,
    /// Looks at the tree.
    Observation,
}

/// One operation, boiled down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint<'a> {
    pub op: &'a Operation,
    pub kind: Kind,
    /// The state it belongs to is at least this.
    pub lo: u64,
    /// And at most this.
    pub hi: u64,
    /// What the answer itself names: no older state can have given it.
    pub since: u64,
    /// When it was invoked.
    pub invoked: u64,
    /// When it ended; [`NOWHERE`] if it did not. These two are asked for all the time, and the
    /// operation is far away.
    pub completed: u64,
    /// The constraint of the same session that must come first.
    pub before: u32,
    /// The constraint that waits for this one.
    pub after: u32,
    /// Whether it must come after everything that had completed when it was invoked.
    pub by_clock: bool,
}

impl Constraint<'_> {
    /// Whether it ended, and so must have a place before anything that was invoked later.
    pub fn is_due(&self) -> bool {
        match self.kind {
            Kind::Effect(_) | Kind::Somewhere | Kind::Observation => self.completed != NOWHERE,
            Kind::Perhaps => false,
        }
    }

    /// Whether it may take place at `zxid`.
    pub fn is_unplaced(&self) -> bool {
        match self.kind {
            Kind::Somewhere | Kind::Perhaps => true,
            Kind::Effect(_) | Kind::Observation => false,
        }
    }
}

/// Every constraint of a history.
#[derive(Debug)]
pub(super) struct Constraints<'a> {
    pub all: Vec<Constraint<'a>>,
    /// The effects: zxid and constraint. Invariant: zxids ascend.
    pub effects: Vec<(u64, u32)>,
    /// What ended, in the order in which it did.
    pub by_completion: Vec<u32>,
    /// The observations that wait for the clock, in the order of invocation.
    pub by_invocation: Vec<u32>,
    /// The unplaced constraints.
    pub unplaced: Vec<u32>,
    /// Two effects at one zxid, if there are any.
    pub collision: Option<(u32, u32)>,
    /// A reply to the first names a later transaction than one to the second, which the session
    /// sent after it: their indices among the operations.
    pub regress: Option<(usize, usize)>,
    /// Every session that wrote.
    pub sessions: Vec<SessionId>,
}

impl<'a> Constraints<'a> {
    /// Makes constraints of the operations, and of the sessions' ends that nobody asked for.
    pub fn of(operations: &'a [Operation], survey: &'a Survey, options: &Options) -> Self {
        let ends = &survey.ends;
        let mut all: Vec<Constraint<'a>> = Vec::with_capacity(operations.len() + ends.len());
        // An end that comes unasked may come wherever a close of unknown outcome may.
        let ended = ends.iter().filter(|end| ends_a_session(end));
        let ended: BTreeSet<SessionId> = ended.map(|end| end.session).collect();
        all.extend(operations.iter().filter_map(|op| {
            let constraint = constraint(op, options)?;
            let is_told = constraint.kind != Kind::Perhaps || !ends_a_session(op);
            (is_told || !ended.contains(&op.session)).then_some(constraint)
        }));
        let unasked = ends.iter().zip(&survey.after);
        all.extend(unasked.filter_map(|(op, after)| {
            let constraint = constraint(op, options)?;
            Some(Constraint {
                lo: *after,
                ..constraint
            })
        }));
        let mut regress = None;
        match options.mode {
            Mode::ZooKeeper => {
                let heard = Heard::of(operations);
                regress = heard.regress;
                chain(&mut all, &heard);
            }
            Mode::Linearizable(_) => {}
        }
        let numbered = || all.iter().zip(0u32..);
        let at = |constraint: &Constraint<'_>| match constraint.kind {
            Kind::Effect(zxid) => Some(zxid),
            Kind::Somewhere | Kind::Perhaps | Kind::Observation => None,
        };
        let effects = numbered().filter_map(|(constraint, index)| Some((at(constraint)?, index)));
        let effects = ascending(effects).into_iter();
        let effects: Vec<(u64, u32)> = effects
            .filter_map(|index| Some((at(&all[index as usize])?, index)))
            .collect();
        let collision = effects
            .windows(2)
            .find(|pair| pair[0].0 == pair[1].0)
            .map(|pair| (pair[0].1, pair[1].1));
        let due = numbered().filter(|(constraint, _)| constraint.is_due());
        let by_completion = ascending(due.map(|(constraint, index)| (constraint.completed, index)));
        let mut invocations: Vec<(u64, u32)> = numbered()
            .filter(|(constraint, _)| constraint.kind == Kind::Observation && constraint.by_clock)
            .map(|(constraint, index)| (constraint.invoked, index))
            .collect();
        if !invocations.is_sorted() {
            invocations.sort_unstable();
        }
        let unplaced = numbered().filter(|(constraint, _)| constraint.is_unplaced());
        let unplaced = unplaced.map(|(_, index)| index).collect();
        Constraints {
            effects,
            by_completion,
            by_invocation: invocations.into_iter().map(|(_, index)| index).collect(),
            unplaced,
            collision,
            regress,
            sessions: survey.sessions.clone(),
            all,
        }
    }

    /// The memory that it holds.
    pub fn size(&self) -> usize {
        self.all.len() * size_of::<Constraint<'_>>()
            + self.effects.len() * size_of::<(u64, u32)>()
            + (self.by_completion.len() + self.by_invocation.len()) * size_of::<u32>()
    }

    pub fn get(&self, index: u32) -> &Constraint<'a> {
        &self.all[index as usize]
    }
}

/// Numbers in the order of their keys, and of themselves where those are equal. Moments of a
/// history are numbers of its events, mostly: then each goes to its place at once.
fn ascending(keyed: impl Iterator<Item = (u64, u32)> + Clone) -> Vec<u32> {
    let (mut count, mut last) = (0, 0);
    for (key, _) in keyed.clone() {
        count += 1;
        last = key.max(last);
    }
    if last > 4 * count as u64 {
        let mut keyed: Vec<(u64, u32)> = keyed.collect();
        keyed.sort_unstable();
        return keyed.into_iter().map(|(_, number)| number).collect();
    }
    let place = |key: u64| usize::try_from(key).expect("no more than four times a length");
    let mut starts = vec![0u32; place(last) + 2];
    for (key, _) in keyed.clone() {
        starts[place(key) + 1] += 1;
    }
    for key in 1..starts.len() {
        starts[key] += starts[key - 1];
    }
    let mut numbers = vec![0; count];
    for (key, number) in keyed {
        let start = &mut starts[place(key)];
        numbers[*start as usize] = number;
        *start += 1;
    }
    numbers
}

/// Whether an operation is a write that surely had an effect.
pub(super) fn has_effect(op: &Operation) -> bool {
    match &op.request {
        Request::Write(write) => matches!(op.answer(), Some(Ok(_))) && !only_checks(write),
        Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => false,
    }
}

/// The constraint of one operation; `None` if it says nothing about the tree.
fn constraint<'a>(op: &'a Operation, options: &Options) -> Option<Constraint<'a>> {
    let linear = match options.mode {
        Mode::Linearizable(_) => true,
        Mode::ZooKeeper => false,
    };
    let mut constraint = Constraint {
        op,
        kind: Kind::Observation,
        lo: 0,
        hi: NOWHERE,
        since: 0,
        invoked: op.invoked.0,
        completed: op.completed.map_or(NOWHERE, |at| at.0),
        before: NONE,
        after: NONE,
        by_clock: true,
    };
    match &op.request {
        Request::Sync
        | Request::Watch(_)
        | Request::Auth { .. }
        | Request::Write(Write::CreateSession { .. }) => None,
        Request::Read(_) => {
            let (zxid, answer) = op.answered()?;
            if options.mode == Mode::Linearizable(Reads::Synced) && !op.synced {
                return None;
            }
            constraint.by_clock = linear;
            if zxid != Zxid::ZERO && options.trusts_reads {
                constraint.hi = zxid.0;
            }
            constraint.since = since(answer);
            Some(constraint)
        }
        Request::Write(write) => write_constraint(constraint, write),
    }
}

fn write_constraint<'a>(mut constraint: Constraint<'a>, write: &Write) -> Option<Constraint<'a>> {
    let op = constraint.op;
    let (zxid, answer) = match &op.outcome {
        Some(Outcome::Answered { zxid, answer }) => (*zxid, answer),
        Some(Outcome::Refused(_)) => return None,
        Some(Outcome::Unknown) | None => {
            constraint.kind = Kind::Perhaps;
            return Some(constraint);
        }
    };
    // Built in its own apply, a reply carries its own zxid. Whoever asked twice may have been
    // answered from memory.
    let is_own = zxid != Zxid::ZERO && op.attempts <= 1;
    if op.answered().is_none() {
        // The session is gone, or elsewhere: that says nothing, unless an earlier attempt arrived.
        constraint.kind = Kind::Perhaps;
        return (op.attempts > 1).then_some(constraint);
    }
    if answer.is_err() || only_checks(write) {
        // It changes nothing, but where its own transaction stands is known all the same.
        if is_own {
            constraint.kind = Kind::Effect(zxid.0);
        } else if zxid != Zxid::ZERO {
            constraint.hi = zxid.0;
        }
        return Some(constraint);
    }
    constraint.kind = match (answer.as_ref().ok().and_then(own_zxid), is_own) {
        (Some(own), _) => Kind::Effect(own),
        (None, true) => Kind::Effect(zxid.0),
        (None, false) => Kind::Somewhere,
    };
    if constraint.kind == Kind::Somewhere && zxid != Zxid::ZERO {
        constraint.hi = zxid.0;
    }
    Some(constraint)
}

/// Whether a successful write leaves the tree as it is.
fn only_checks(write: &Write) -> bool {
    match write.bare() {
        Write::Check { .. } | Write::Refused(_) => true,
        Write::Multi(parts) => parts.iter().all(|part| match part {
            Part::Check { .. } | Part::Refused(_) => true,
            Part::Create { .. }
            | Part::CreateWith { .. }
            | Part::Delete { .. }
            | Part::SetData { .. } => false,
        }),
        Write::Create { .. }
        | Write::CreateWith { .. }
        | Write::Delete { .. }
        | Write::SetData { .. }
        | Write::SetAcl { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession
        | Write::DeleteContainer { .. }
        | Write::As { .. } => false,
    }
}

/// The zxid that the Stats of a write's response name.
fn own_zxid(response: &Response) -> Option<u64> {
    let told = match response {
        Response::Created { stat, .. } => stat.czxid,
        Response::Set(stat) => stat.mzxid,
        Response::Multi(responses) => return responses.iter().find_map(own_zxid),
        Response::Deleted
        | Response::Checked
        | Response::Data { .. }
        | Response::Exists(_)
        | Response::Children { .. }
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::AclSet(_)
        | Response::Acl { .. }
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Reads(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => Zxid::ZERO,
    };
    (told != Zxid::ZERO).then_some(told.0)
}

/// The newest zxid that an answer names.
pub(super) fn since(answer: &Answer) -> u64 {
    match answer {
        Ok(Response::Reads(answers)) => answers.iter().map(since).max().unwrap_or(0),
        Ok(response) => {
            stat_of(response).map_or(0, |stat| stat.czxid.max(stat.mzxid).max(stat.pzxid).0)
        }
        Err(_) => 0,
    }
}

/// The Stat in an answer to a request about one node.
pub(super) fn stat_of(response: &Response) -> Option<&Stat> {
    match response {
        Response::Created { stat, .. }
        | Response::Set(stat)
        | Response::Data { stat, .. }
        | Response::Exists(stat)
        | Response::Children { stat, .. }
        | Response::AclSet(stat)
        | Response::Acl { stat, .. } => Some(stat),
        Response::Deleted
        | Response::Checked
        | Response::Multi(_)
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Reads(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => None,
    }
}

/// What a session has said so far.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// Its last constraint that surely has a place.
    last: u32,
    /// The place of its last answered write.
    wrote: u64,
}

/// Puts the constraints of each session in a row, and bounds them by what it had heard before.
fn chain(all: &mut [Constraint<'_>], heard: &Heard) {
    let rows = rows(all.iter().map(|constraint| constraint.op), &heard.sessions);
    for row in rows {
        let Some(first) = row.first() else {
            continue;
        };
        let mut replies = heard.replies_to(name_of(all[*first as usize].op));
        let mut said = Said {
            last: NONE,
            wrote: 0,
        };
        let mut open: Vec<u32> = Vec::new();
        for index in row {
            let heard = replies.before(all[index as usize].op.xid);
            chain_one(all, index, heard, &mut said, &mut open);
        }
    }
}

/// Puts the next constraint of a session in its row.
fn chain_one(
    all: &mut [Constraint<'_>],
    index: u32,
    heard: u64,
    so_far: &mut Said,
    open: &mut Vec<u32>,
) {
    let constraint = &mut all[index as usize];
    match constraint.kind {
        // Unknown to its session, it comes after the write before it and before the next.
        Kind::Perhaps => {
            constraint.lo = constraint.lo.max(so_far.wrote);
            if !ends_a_session(constraint.op) {
                open.push(index);
            }
            return;
        }
        Kind::Observation => constraint.lo = constraint.lo.max(heard),
        Kind::Somewhere => constraint.lo = constraint.lo.max(so_far.wrote),
        Kind::Effect(_) => constraint.lo = heard,
    }
    constraint.before = so_far.last;
    let wrote = match constraint.kind {
        Kind::Effect(zxid) => Some(zxid),
        Kind::Observation | Kind::Somewhere | Kind::Perhaps => None,
    };
    let before = core::mem::replace(&mut so_far.last, index);
    if let Some(wrote) = wrote {
        so_far.wrote = so_far.wrote.max(wrote);
        for earlier in open.drain(..) {
            let earlier = &mut all[earlier as usize];
            earlier.hi = earlier.hi.min(wrote.saturating_sub(1));
        }
    }
    if before != NONE {
        all[before as usize].after = index;
    }
}

/// Operations of each session, in the order in which it sent them.
fn rows<'a>(
    operations: impl Iterator<Item = &'a Operation> + Clone,
    sessions: &BTreeMap<Name, u32>,
) -> Vec<Vec<u32>> {
    let mut rows: Vec<Vec<(u32, u32)>> = vec![Vec::new(); sessions.len()];
    for (op, index) in operations.zip(0u32..) {
        // What the leader writes for itself belongs to no row.
        if let Some(row) = sessions.get(&name_of(op)) {
            rows[*row as usize].push((op.xid, index));
        }
    }
    let in_order = |mut row: Vec<(u32, u32)>| {
        if !row.is_sorted() {
            row.sort_unstable();
        }
        row.into_iter().map(|(_, index)| index).collect()
    };
    rows.into_iter().map(in_order).collect()
}

/// A session is closed through any server, also through one that it has left: the request may be on
/// its way there while the session writes through another.
fn ends_a_session(op: &Operation) -> bool {
    match &op.request {
        Request::Write(write) => {
            matches!(write.bare(), Write::CloseSession | Write::ExpireSession)
        }
        Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => false,
    }
}

/// Who issues operations one after the other.
type Name = (SessionId, ClientId);

fn name_of(op: &Operation) -> Name {
    match op.session {
        SessionId::NONE => (SessionId::NONE, op.client),
        session => (session, ClientId(0)),
    }
}

/// What sessions have heard by the zxids of their replies.
struct Heard {
    /// The sessions, and their numbers.
    sessions: BTreeMap<Name, u32>,
    /// By session: the numbers of its operations, and the newest zxid in the replies through each.
    replies: Vec<Vec<(u32, u64)>>,
    regress: Option<(usize, usize)>,
}

impl Heard {
    fn of(operations: &[Operation]) -> Heard {
        let mut sessions: BTreeMap<Name, u32> = BTreeMap::new();
        for op in operations {
            let next = u32::try_from(sessions.len()).expect("fewer sessions than operations");
            sessions.entry(name_of(op)).or_insert(next);
        }
        let mut regress = None;
        let mut replies = vec![Vec::new(); sessions.len()];
        for row in rows(operations.iter(), &sessions) {
            let of_row = row.into_iter().filter_map(|index| {
                let op = &operations[index as usize];
                // A proof shows nothing of the tree, and a write that was executed before its
                // answer was lost is answered after the proof, at its own older place.
                let proof = matches!(op.request, Request::Auth { .. });
                let (zxid, _) = op.answered().filter(|_| !proof)?;
                Some((op.xid, zxid.0, index as usize))
            });
            let mut of_row: Vec<(u32, u64, usize)> = of_row.collect();
            if !of_row.is_sorted() {
                of_row.sort_unstable();
            }
            let Some((_, _, first)) = of_row.first() else {
                continue;
            };
            let name = name_of(&operations[*first]);
            let mut newest = (0, 0);
            let mut running = Vec::with_capacity(of_row.len());
            for (number, zxid, index) in of_row {
                if zxid != 0 && zxid < newest.0 && name.0 != SessionId::NONE {
                    regress = regress.or(Some((newest.1, index)));
                }
                newest = newest.max((zxid, index));
                running.push((number, newest.0));
            }
            replies[sessions[&name] as usize] = running;
        }
        Heard {
            sessions,
            replies,
            regress,
        }
    }

    /// The replies to a session.
    fn replies_to(&self, name: Name) -> Replies<'_> {
        let number = self.sessions.get(&name);
        Replies {
            left: number.map_or(&[], |number| &self.replies[*number as usize]),
            newest: 0,
        }
    }
}

/// The replies to a session that are still to come.
struct Replies<'h> {
    left: &'h [(u32, u64)],
    newest: u64,
}

impl Replies<'_> {
    /// The newest zxid in the replies to what was sent before number `xid`, which ascends from
    /// call to call.
    fn before(&mut self, xid: u32) -> u64 {
        while let Some(((number, newest), left)) = self.left.split_first()
            && *number < xid
        {
            self.newest = *newest;
            self.left = left;
        }
        self.newest
    }
}

/// Where a write that was answered took effect, or failed; 0 if that is not known.
pub(super) fn zxid_of(op: &Operation) -> u64 {
    let (Request::Write(write), Some(_)) = (&op.request, op.answer()) else {
        return 0;
    };
    let unbounded = Constraint {
        op,
        kind: Kind::Observation,
        lo: 0,
        hi: NOWHERE,
        since: 0,
        invoked: 0,
        completed: NOWHERE,
        before: NONE,
        after: NONE,
        by_clock: true,
    };
    match write_constraint(unbounded, write).map(|constraint| constraint.kind) {
        Some(Kind::Effect(zxid)) => zxid,
        Some(Kind::Somewhere | Kind::Perhaps | Kind::Observation) | None => 0,
    }
}
