//! The true order of all transactions, and which client operation each of them was.
//!
//! The order comes from the white box (deliveries and their payloads), the operations from the
//! black box (the history); the session's number of a write joins the two. Whoever replays the
//! timeline through the [`Model`] has a witness: if every answer is what the model says at its
//! place, and the places respect real time, then the history is linearizable.

use std::collections::BTreeMap;

use super::Observation;
use super::ledger::Ledger;
use crate::history::History;
use crate::ids::{NodeId, SessionId, Zxid};
use crate::tree::{Content, Part, Path, Payload, Request, Txn, Write};
pub(super) use crate::znode::{Step, Timeline};

/// Listens to a run and remembers what it takes to put a [`Timeline`] together.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    ledger: Ledger,
    /// Invariant: ascending by zxid and value, without repetition.
    applied: Vec<Applied>,
    /// By server number: what it applied last, or was restored to.
    stands: Vec<Zxid>,
    /// The greatest zxid that a server was restored to.
    restored_max: Zxid,
}

#[derive(Clone, Debug)]
struct Applied {
    zxid: Zxid,
    /// The payload's digest.
    value: u64,
    payload: Payload,
    executed: Option<(SessionId, u32)>,
    /// What the server stood at before.
    before: Zxid,
}

impl Recorder {
    pub fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } => {
                self.ledger.booted(*node);
                *self.stand(*node) = Zxid::ZERO;
            }
            Observation::Restored { node, zxid } => {
                self.ledger.restored(*node, *zxid);
                *self.stand(*node) = *zxid;
                self.restored_max = self.restored_max.max(*zxid);
            }
            Observation::Applied {
                node,
                zxid,
                payload,
                executed,
                ..
            } => self.apply(*node, *zxid, payload, *executed),
            Observation::Delivered { node, zxid, value } => {
                // A conflict is for the agreement checker; the first delivery stands.
                self.ledger.delivered(*node, *zxid, *value);
            }
            Observation::Crashed { .. }
            | Observation::Fact { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn apply(
        &mut self,
        node: NodeId,
        zxid: Zxid,
        payload: &Payload,
        executed: Option<(SessionId, u32)>,
    ) {
        let before = core::mem::replace(self.stand(node), zxid);
        let value = payload.digest();
        if self
            .applied
            .last()
            .is_some_and(|last| (last.zxid, last.value) == (zxid, value))
        {
            return; // The common case: another server applies the newest one.
        }
        let place = self
            .applied
            .binary_search_by_key(&(zxid, value), |known| (known.zxid, known.value));
        if let Err(place) = place {
            let applied = Applied {
                zxid,
                value,
                payload: payload.clone(),
                executed,
                before,
            };
            self.applied.insert(place, applied);
        }
    }

    fn stand(&mut self, node: NodeId) -> &mut Zxid {
        let index = usize::from(node.0);
        if index >= self.stands.len() {
            self.stands.resize(index + 1, Zxid::ZERO);
        }
        &mut self.stands[index]
    }

    /// What was applied above `after` through `through`.
    fn between(&self, after: Zxid, through: Zxid) -> &[Applied] {
        let first = self.applied.partition_point(|known| known.zxid <= after);
        let end = self.applied.partition_point(|known| known.zxid <= through);
        &self.applied[first..end.max(first)]
    }

    /// What a snapshot at `through` holds above `after`, when it was never delivered: the chain of
    /// what was applied one after the other.
    fn chain(&self, after: Zxid, through: Zxid) -> Result<Vec<&Applied>, String> {
        let candidates = self.between(after, through);
        let mut chain = Vec::new();
        let mut wanted = through;
        // Zab's marker (epoch, 0) is no transaction and names no predecessor.
        if candidates.last().is_some_and(|last| last.zxid != through) {
            return Err(format!(
                "what the snapshot at {through} holds above {after} is not known"
            ));
        }
        for known in candidates.iter().rev() {
            if known.zxid != wanted {
                continue; // Applied by somebody, but not on the way to `through`.
            }
            let namesakes = candidates.iter().filter(|other| other.zxid == wanted);
            if namesakes.count() > 1 {
                return Err(format!("two transactions were applied at {wanted}"));
            }
            chain.push(known);
            wanted = known.before;
        }
        if !self.between(after, wanted).is_empty() {
            return Err(format!(
                "what the snapshot at {wanted} holds above {after} is not known"
            ));
        }
        chain.reverse();
        Ok(chain)
    }

    /// The order of everything committed, and through which zxid it is known.
    fn order(&self) -> Result<(Vec<&Applied>, Zxid), String> {
        let mut order: Vec<&Applied> = Vec::with_capacity(self.ledger.entries().len());
        let mut after = Zxid::ZERO;
        for entry in self.ledger.entries() {
            if entry.gap_through > after {
                order.extend(self.chain(after, entry.gap_through)?);
            }
            let key = (entry.zxid, entry.value);
            let place = self
                .applied
                .binary_search_by_key(&key, |known| (known.zxid, known.value));
            match place {
                Ok(place) => order.push(&self.applied[place]),
                Err(_) => return Err(format!("{} was delivered but not applied", entry.zxid)),
            }
            after = entry.zxid;
        }
        if self.restored_max > after {
            // A snapshot whose tail was committed without ever being delivered, or is not
            // committed yet: servers in that state may have answered reads.
            match self.chain(after, self.restored_max) {
                Ok(tail) => order.extend(tail),
                Err(_) => return Ok((order, after)),
            }
        }
        Ok((order, Zxid(u64::MAX)))
    }

    /// Joins the order and the operations.
    pub fn timeline<'a>(&'a self, history: &'a History) -> Result<Timeline<'a>, String> {
        let numbers = number_writes(history);
        let mut steps = Vec::new();
        let mut places = vec![None; history.operations.len()];
        let (order, known_through) = self.order()?;
        for known in order {
            let (session, seq) = match known.payload.content() {
                Content::Txn(record) => (record.session, record.seq),
                Content::Command(command) => (command.session, command.seq),
            };
            // Only the white box knows the id of a session that a command opens.
            let session = known.executed.map_or(session, |(session, _)| session);
            let mut operation = match seq {
                0 => None,
                seq => numbers.get(&(session, seq)).copied(),
            };
            let mut executed = known.executed.is_some();
            if let Some(index) = operation {
                let asked = &history.operations[index];
                if !fits(known.payload.content(), &asked.request) {
                    return Err(format!(
                        "{} is write {seq} of {session}, but that is {} in the history",
                        known.zxid, asked.id
                    ));
                }
                let is_command = matches!(known.payload.content(), Content::Command(_));
                if (is_command && known.executed.is_none()) || places[index].is_some() {
                    // A repeat or a refused command: no effect of the operation, and none of
                    // anybody
                    // else's either, whatever the servers say.
                    operation = None;
                    executed = false;
                } else {
                    places[index] = Some(known.zxid);
                }
            }
            steps.push(Step {
                zxid: known.zxid,
                value: known.value,
                content: known.payload.content(),
                executed,
                is_repeat: seq > 0 && operation.is_none() && !executed,
                session,
                operation: operation.map(|index| &history.operations[index]),
            });
        }
        Ok(Timeline {
            steps,
            places,
            known_through,
        })
    }
}

/// The operation that is each session's write number 1, 2, 3, ... (The opening of a session has
/// number 0.)
pub(super) fn number_writes(history: &History) -> BTreeMap<(SessionId, u32), usize> {
    history
        .operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.seq > 0 && operation.session != SessionId::NONE)
        .map(|(index, operation)| ((operation.session, operation.seq), index))
        .collect()
}

/// Whether a payload can come from a request.
fn fits(content: &Content, request: &Request) -> bool {
    match (content, request) {
        (Content::Command(command), Request::Write(write)) => command.write.bare() == write,
        (Content::Txn(record), Request::Write(write)) => txn_fits(&record.txn, write),
        (_, Request::Read(_) | Request::Watch(_) | Request::Auth { .. } | Request::Sync) => false,
    }
}

fn txn_fits(txn: &Txn, write: &Write) -> bool {
    match (txn, write.bare()) {
        (Txn::Error(_), _) => true,
        (
            Txn::Create { path, data, .. },
            Write::Create {
                path: prefix,
                data: asked,
                ..
            },
        )
        | (
            Txn::Create { path, data, .. } | Txn::CreateWith { path, data, .. },
            Write::CreateWith {
                path: prefix,
                data: asked,
                ..
            },
        ) => path.starts_with(&**prefix) && data == asked,
        (
            Txn::Delete { path },
            Write::Delete { path: asked, .. } | Write::DeleteContainer { path: asked },
        )
        | (Txn::SetAcl { path, .. }, Write::SetAcl { path: asked, .. })
        | (Txn::Check { path }, Write::Check { path: asked, .. }) => path == asked,
        (
            Txn::SetData { path, data, .. },
            Write::SetData {
                path: asked,
                data: new,
                ..
            },
        ) => path == asked && data == new,
        (Txn::Multi(txns), Write::Multi(parts)) => {
            txns.len() == parts.len()
                && txns
                    .iter()
                    .zip(parts)
                    .all(|(txn, part)| path_of(txn).is_some_and(|path| part_names(part, path)))
        }
        (Txn::CreateSession { .. }, Write::CreateSession { .. }) => true,
        (Txn::CloseSession { .. }, Write::CloseSession | Write::ExpireSession) => true,
        (
            Txn::Create { .. }
            | Txn::CreateWith { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. }
            | Txn::Multi(_)
            | Txn::CreateSession { .. }
            | Txn::CloseSession { .. },
            _,
        ) => false,
    }
}

fn path_of(txn: &Txn) -> Option<&Path> {
    match txn {
        Txn::Create { path, .. }
        | Txn::CreateWith { path, .. }
        | Txn::Delete { path }
        | Txn::SetData { path, .. }
        | Txn::SetAcl { path, .. }
        | Txn::Check { path } => Some(path),
        Txn::Multi(_) | Txn::CreateSession { .. } | Txn::CloseSession { .. } | Txn::Error(_) => {
            None
        }
    }
}

fn part_names(part: &Part, path: &Path) -> bool {
    match part {
        Part::Create { path: prefix, .. } | Part::CreateWith { path: prefix, .. } => {
            path.starts_with(&**prefix)
        }
        // The multi fails, and its transaction names nothing.
        Part::Refused(_) => false,
        Part::Delete { path: asked, .. }
        | Part::SetData { path: asked, .. }
        | Part::Check { path: asked, .. } => path == asked,
    }
}
