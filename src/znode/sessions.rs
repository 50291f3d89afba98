//! Sessions: the constraints of each in a row, bounded by what its replies had named before.

use std::collections::BTreeMap;

use super::constraint::{Constraint, Kind, NONE};
use crate::history::Operation;
use crate::ids::{ClientId, SessionId};
use crate::tree::{Request, Write};

/// What a session has said so far.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// Its last constraint that surely has a place.
    last: u32,
    /// The place of its last answered write.
    wrote: u64,
}

/// Puts the constraints of each session in a row, and bounds them by what it had heard before.
pub(super) fn chain(all: &mut [Constraint<'_>], heard: &Heard) {
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
pub(super) fn ends_a_session(op: &Operation) -> bool {
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
pub(super) struct Heard {
    /// The sessions, and their numbers.
    sessions: BTreeMap<Name, u32>,
    /// By session: the numbers of its operations, and the newest zxid in the replies through each.
    replies: Vec<Vec<(u32, u64)>>,
    pub(super) regress: Option<(usize, usize)>,
}

impl Heard {
    pub(super) fn of(operations: &[Operation]) -> Heard {
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
