//! From a payload to its effects, one micro-step at a time.
//!
//! 1. the session part, if there is one (ZK-3144: before the zxid moves);
//! 2. each sub-operation;
//! 3. last, the zxid moves (ZK-3127: not before the whole multi is in), the answer of a command is
//!    stored, and answer and events are handed out.
//!
//! A command is validated when its apply begins, by the rules of `prepare` against the applied
//! state alone, and then runs as the transaction that comes out of it.

use super::acl::{self, Acl, Identity};
use super::draft::failed_multi;
use super::execute::{Execution, Plan};
use super::payload::{Content, Payload, Txn};
use super::request::{Answer, ErrorCode, Failure, Path, Response, WatchEvent};
use super::state::{Events, NewNode, Stamp, State};
use crate::ids::{SessionId, Zxid};

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The session that asked; of a command that opens one, the token of
    /// [`super::Command::session`].
    pub session: SessionId,
    /// The session's number of the write.
    pub seq: u32,
    /// The answer.
    pub answer: Answer,
    /// The events it caused, in order.
    pub events: Vec<WatchEvent>,
    /// The ACL of each event's node, or nothing if all of them are open: a watcher who may not read
    /// the node is not told, though its watch is used up. See [`Applied::may_hear`].
    pub acls: Vec<Acl>,
    /// Whether it was executed.
    pub execution: Execution,
    /// Where the answer comes from: the zxid of this apply, or of the one that was repeated.
    pub decided_at: Zxid,
    /// The session it ended.
    pub closed: Option<SessionId>,
    /// The session it opened.
    pub opened: Option<SessionId>,
}

impl Applied {
    /// Which write of which session was executed, if one was: number 0 is the opening of a session
    /// or its end by expiry. A write of a session that is gone, or came through a server that its
    /// session has left, is refused, however often it comes.
    pub fn executed(&self) -> Option<(SessionId, u32)> {
        let refused = matches!(&self.answer, Err(failure)
            if matches!(failure.code, ErrorCode::SessionExpired | ErrorCode::SessionMoved));
        match (self.execution, self.seq) {
            (Execution::Executed, 0) => self.opened.or(self.closed).map(|session| (session, 0)),
            (Execution::Executed, seq) => (!refused).then_some((self.session, seq)),
            (Execution::Repeated | Execution::OutOfOrder, _) => None,
        }
    }

    /// Whether a watcher with these identities gets the event at this place.
    pub fn may_hear(&self, place: usize, ids: &[Identity]) -> bool {
        let acl = self.acls.get(place);
        acl.is_none_or(|acl| acl.permits(ids, acl::READ))
    }
}

/// One apply in progress: a cursor over its micro-steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    payload: Payload,
    plan: Plan,
    progress: Progress,
}

impl Apply {
    /// The zxid of the transaction that is applied.
    pub fn zxid(&self) -> Zxid {
        self.progress.stamp.zxid
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Progress {
    session: SessionId,
    /// The session that it opens if it is a createSession.
    newborn: SessionId,
    seq: u32,
    stamp: Stamp,
    stage: Stage,
    /// Of the sub-operations done so far.
    responses: Vec<Response>,
    /// The first sub-operation that could not be applied: only a replay over a fuzzy snapshot, or a
    /// delta out of primary order, has one.
    fault: Option<(usize, ErrorCode)>,
    events: Events,
    closed: Option<SessionId>,
    opened: Option<SessionId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Session,
    /// The next sub-operation.
    Operation(usize),
}

impl State {
    /// Starts to apply a payload. Until the cursor's last micro-step nothing else may be applied.
    pub fn begin(&self, zxid: Zxid, payload: &Payload) -> Apply {
        assert!(
            zxid > self.applied,
            "{zxid} is applied after {}",
            self.applied
        );
        let (session, seq, time_ms, plan, newborn) = match payload.content() {
            Content::Txn(record) => (
                record.session,
                record.seq,
                record.time_ms,
                Plan::Delta,
                record.session,
            ),
            Content::Command(command) => (
                command.session,
                command.seq,
                self.time_ms.max(command.time_ms),
                self.plan(zxid, command),
                self.newborn(zxid, command),
            ),
        };
        Apply {
            payload: payload.clone(),
            plan,
            progress: Progress {
                session,
                newborn,
                seq,
                stamp: Stamp { zxid, time_ms },
                stage: Stage::Session,
                responses: Vec::new(),
                fault: None,
                events: Events::default(),
                closed: None,
                opened: None,
            },
        }
    }

    /// Takes one micro-step; the last one returns what was done. The cursor is then used up.
    pub fn advance(&mut self, apply: &mut Apply) -> Option<Applied> {
        let txn = match (&apply.plan, apply.payload.content()) {
            (Plan::Delta, Content::Txn(record)) => Some(&record.txn),
            (Plan::Command(txn), Content::Command(_)) => Some(txn),
            (Plan::Attach(_) | Plan::Nothing(..), Content::Command(_)) => None,
            (Plan::Delta, Content::Command(_))
            | (Plan::Command(_) | Plan::Attach(_) | Plan::Nothing(..), Content::Txn(_)) => {
                unreachable!("the plan is made from the content")
            }
        };
        let progress = &mut apply.progress;
        if progress.stage == Stage::Session {
            progress.stage = Stage::Operation(0);
            if txn.is_some_and(|txn| self.session_part(txn, progress)) {
                return None;
            }
        }
        if let Some(txn) = txn
            && self.operation(txn, progress)
        {
            return None;
        }
        let zxid = progress.stamp.zxid;
        let (answer, execution, decided_at) = match &apply.plan {
            Plan::Delta | Plan::Command(_) => {
                let txn = txn.expect("these two plans run a transaction");
                (progress.answer(txn), Execution::Executed, zxid)
            }
            Plan::Attach(timeout) => {
                self.attach_session(progress.session, *timeout);
                (Ok(Response::SessionOpened), Execution::Executed, zxid)
            }
            Plan::Nothing(answer, execution, decided_at) => {
                (answer.clone(), *execution, *decided_at)
            }
        };
        if let (Plan::Command(_), Content::Command(command)) =
            (&apply.plan, apply.payload.content())
        {
            self.remember(zxid, command, &answer);
        }
        self.applied = zxid;
        Some(Applied {
            session: progress.session,
            seq: progress.seq,
            answer,
            events: core::mem::take(&mut progress.events.told),
            acls: core::mem::take(&mut progress.events.acls),
            execution,
            decided_at,
            closed: progress.closed,
            opened: progress.opened,
        })
    }

    /// Applies a payload in one go.
    pub fn apply(&mut self, zxid: Zxid, payload: &Payload) -> Applied {
        let mut apply = self.begin(zxid, payload);
        loop {
            // Bounded by the number of sub-operations.
            if let Some(applied) = self.advance(&mut apply) {
                return applied;
            }
        }
    }

    /// Changes the session map. Says whether there was a session part.
    fn session_part(&mut self, txn: &Txn, progress: &mut Progress) -> bool {
        match txn {
            Txn::CreateSession { timeout } => {
                self.open_session(progress.newborn, *timeout);
                progress.opened = Some(progress.newborn);
                true
            }
            Txn::CloseSession { .. } => {
                self.close_session(progress.session);
                progress.closed = Some(progress.session);
                true
            }
            Txn::Create { .. }
            | Txn::CreateWith { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. }
            | Txn::Multi(_)
            | Txn::Error(_) => false,
        }
    }

    /// Does the next sub-operation. Says whether there was one.
    fn operation(&mut self, txn: &Txn, progress: &mut Progress) -> bool {
        let Stage::Operation(next) = progress.stage else {
            unreachable!("the session stage is over")
        };
        match txn {
            Txn::Multi(txns) => match txns.get(next) {
                Some(part) => self.single(part, progress),
                None => return false,
            },
            Txn::CloseSession { ephemerals } => match ephemerals.get(next) {
                Some(path) => self.delete_ephemeral(path, progress),
                None => return false,
            },
            Txn::CreateSession { .. } | Txn::Error(_) => return false,
            Txn::Create { .. }
            | Txn::CreateWith { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. } => {
                if next > 0 {
                    return false;
                }
                self.single(txn, progress);
            }
        }
        progress.stage = Stage::Operation(next + 1);
        true
    }

    fn single(&mut self, txn: &Txn, progress: &mut Progress) {
        let stamp = progress.stamp;
        let events = &mut progress.events;
        let result = match txn {
            Txn::Create {
                path,
                data,
                owner,
                parent_cversion,
            } => {
                let birth = NewNode {
                    path,
                    data,
                    owner: *owner,
                    parent_cversion: *parent_cversion,
                    acl: &Acl::OPEN,
                };
                self.born(birth, stamp, events)
            }
            Txn::CreateWith {
                path,
                data,
                owner,
                parent_cversion,
                acl,
            } => {
                let birth = NewNode {
                    path,
                    data,
                    owner: *owner,
                    parent_cversion: *parent_cversion,
                    acl,
                };
                self.born(birth, stamp, events)
            }
            Txn::SetAcl { path, acl, version } => {
                self.set_acl(path, acl, *version).map(Response::AclSet)
            }
            Txn::Delete { path } => self.delete(path, stamp, events).map(|()| Response::Deleted),
            Txn::SetData {
                path,
                data,
                version,
            } => self
                .set_data(path, data, *version, stamp, events)
                .map(Response::Set),
            Txn::Check { .. } => Ok(Response::Checked),
            Txn::Multi(_)
            | Txn::CreateSession { .. }
            | Txn::CloseSession { .. }
            | Txn::Error(_) => unreachable!("a sub-operation changes at most one node"),
        };
        match result {
            Ok(response) => progress.responses.push(response),
            Err(code) => {
                let Stage::Operation(place) = progress.stage else {
                    unreachable!("the session stage is over")
                };
                progress.fault = progress.fault.or(Some((place, code)));
            }
        }
    }

    fn born(
        &mut self,
        birth: NewNode<'_>,
        stamp: Stamp,
        events: &mut Events,
    ) -> Result<Response, ErrorCode> {
        let path = birth.path.clone();
        let stat = self.create(birth, stamp, events)?;
        Ok(Response::Created { path, stat })
    }

    fn delete_ephemeral(&mut self, path: &Path, progress: &mut Progress) {
        // A node that is gone already was deleted before the fuzzy snapshot got to it.
        let _gone = self.delete(path, progress.stamp, &mut progress.events);
    }
}

impl Progress {
    /// The answer once every sub-operation is done.
    fn answer(&mut self, txn: &Txn) -> Answer {
        match (txn, self.fault) {
            (Txn::Error(failure), _) => Err(failure.clone()),
            (Txn::CreateSession { .. }, _) => Ok(Response::SessionOpened),
            (Txn::CloseSession { .. }, _) => Ok(Response::SessionClosed),
            (Txn::Multi(txns), Some((place, code))) => Err(failed_multi(code, place, txns.len())),
            (Txn::Multi(_), None) => Ok(Response::Multi(core::mem::take(&mut self.responses))),
            (
                Txn::Create { .. }
                | Txn::CreateWith { .. }
                | Txn::Delete { .. }
                | Txn::SetData { .. }
                | Txn::SetAcl { .. }
                | Txn::Check { .. },
                fault,
            ) => match fault {
                Some((_, code)) => Err(Failure::of(code)),
                None => Ok(self
                    .responses
                    .pop()
                    .expect("a sub-operation without a fault has a response")),
            },
        }
    }
}
