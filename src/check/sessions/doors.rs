//! Which clients attach to a session, and which ones hear that their session is gone.

use crate::check::Subjects;
use std::collections::{BTreeMap, BTreeSet};

use crate::check::findings::Findings;
use crate::history::{History, Outcome};
use crate::ids::{ConnId, NodeId, SessionId, VirtualTime, Zxid};
use crate::tree::{ErrorCode, Request, Write};

/// What was seen at the servers' doors.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// What each connection asked for.
    asked: BTreeMap<ConnId, (SessionId, u64)>,
    /// Which session each connection speaks for.
    attached: BTreeMap<ConnId, SessionId>,
    /// The password that came with each session's first welcome.
    passwords: BTreeMap<SessionId, u64>,
    /// Sessions whose end some server applied, and the position of the first end.
    ends: BTreeMap<SessionId, Zxid>,
    /// Ends that a server reported before any server had applied them: when, which server, and
    /// which session. The owner may have asked for it.
    suspects: Vec<(VirtualTime, NodeId, SessionId)>,
    /// The sessions whose end this server has applied.
    ended: BTreeSet<(NodeId, SessionId)>,
}

impl Doors {
    /// A connection asks for a session.
    pub fn knocked(&mut self, conn: ConnId, session: SessionId, password: u64) {
        self.asked.insert(conn, (session, password));
    }

    /// The session that a connection speaks for.
    pub fn session_of(&self, conn: ConnId) -> Option<SessionId> {
        self.attached.get(&conn).copied()
    }

    /// A server's state is another one.
    pub fn forget(&mut self, node: NodeId) {
        self.ended.retain(|(other, _)| *other != node);
    }

    /// A server applied the beginning of a session.
    pub fn opened(&mut self, node: NodeId, session: SessionId) {
        self.ended.remove(&(node, session));
    }

    /// A server applied the end of a session.
    pub fn ended(&mut self, node: NodeId, session: SessionId, zxid: Zxid) {
        self.ended.insert((node, session));
        let first = self.ends.entry(session).or_insert(zxid);
        *first = zxid.min(*first);
    }

    /// A server attaches a connection to a session: says whether that session came back.
    pub fn welcomed(
        &mut self,
        findings: &mut Findings,
        at: VirtualTime,
        node: NodeId,
        conn: ConnId,
        (session, password): (SessionId, u64),
    ) -> bool {
        let (asked, given) = self.asked.get(&conn).copied().unwrap_or_default();
        self.attached.insert(conn, session);
        let known = *self.passwords.entry(session).or_insert(password);
        findings.count();
        if asked == SessionId::NONE {
            return false;
        }
        if asked != session {
            let reason = format!("{node} attached to {session} whoever asked for {asked}");
            let subjects = Subjects::none().node(node).session(session).session(asked);
            findings.fail(at, reason, subjects);
        } else if given != known {
            let reason = format!(
                "{node} attached a connection to {session} that gave the password {given:x}, \
                 which is {known:x}"
            );
            let subjects = Subjects::none().node(node).session(session);
            findings.fail(at, reason, subjects);
        } else if self.ended.contains(&(node, session)) {
            let reason = format!("{node} attached a connection to {session}, whose end it applied");
            let subjects = Subjects::none().node(node).session(session);
            findings.fail(at, reason, subjects);
        }
        true
    }

    /// A server says that a session is gone; `may_be_expiring` says whether an end of a session may
    /// be under way that its owner did not ask for.
    pub fn rejected(
        &mut self,
        findings: &mut Findings,
        (at, node, conn): (VirtualTime, NodeId, ConnId),
        may_be_expiring: impl Fn(SessionId) -> bool,
    ) {
        let (session, given) = self.asked.get(&conn).copied().unwrap_or_default();
        let Some(known) = self.passwords.get(&session).copied() else {
            // Nobody was ever given this session.
            return;
        };
        findings.count();
        if given == known && !self.ends.contains_key(&session) && !may_be_expiring(session) {
            self.suspects.push((at, node, session));
        }
    }

    /// Judges what the clients were answered.
    pub fn finish(&self, findings: &mut Findings, history: &History) {
        for (at, node, session) in &self.suspects {
            let asked_for = history.operations.iter().any(|operation| {
                operation.session == *session
                    && operation.invoked <= *at
                    && operation.attempts > 0
                    && matches!(operation.request, Request::Write(Write::CloseSession))
            });
            if !asked_for {
                let reason = format!(
                    "{node} told the owner of {session} that it expired, but nothing ended it"
                );
                let subjects = Subjects::none().node(*node).session(*session);
                findings.fail(*at, reason, subjects);
            }
        }
        for operation in &history.operations {
            let Some(Outcome::Answered {
                zxid,
                answer: Err(failure),
            }) = &operation.outcome
            else {
                continue;
            };
            let is_known = self.passwords.contains_key(&operation.session);
            if failure.code != ErrorCode::SessionExpired || !is_known {
                continue;
            }
            findings.count();
            let end = self.ends.get(&operation.session);
            if end.is_none_or(|end| end > zxid) {
                let reason = format!(
                    "{} was told at {zxid} that its session {} expired, but nothing had ended it",
                    operation.described(),
                    operation.session
                );
                let subjects = Subjects::none().operation(operation).bound(*zxid);
                findings.fail(
                    operation.completed.unwrap_or(operation.invoked),
                    reason,
                    subjects,
                );
            }
        }
    }
}
