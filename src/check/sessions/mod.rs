//! Sessions end for a reason, and when they should.
//!
//! - **Doors** (`doors`): a server reports that a session is gone only if that is true: its end was
//!   applied before, its owner asked for it, or it is under way at a leader that had not heard of
//!   the session for long enough. No client attaches to a session with a wrong password, to another
//!   session than it asked for, or to one whose end the server has applied or the leader has
//!   proposed. When a session ends, no ephemeral node of it is left.
//! - **Touches** (`touches`): a server that does not lead reports to its leader, if it has one,
//!   within half a tick which sessions it heard of.
//! - **Offices** (`offices`): a leader lets a session expire only after it has heard nothing of it
//!   for the session's timeout, in its own time as an established leader; and it does let a silent
//!   session expire: no write that reaches it a timeout and two ticks later comes before the end.
//!
//! A leader prepares requests in the order in which they come, so a write that reached it after
//! the session was due takes a place after the end that was due before. This makes "too late" a
//! question of order and not of how fast a quorum answers.

mod doors;
mod offices;
#[cfg(test)]
mod tests;
mod touches;

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, SessionNews,
    Setup, Subjects, Verdict,
};
use crate::ids::{NodeId, VirtualTime};
use doors::Doors;
use offices::Offices;
use touches::Touches;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "sessions",
    asserts: "A session ends for a reason, neither early nor late, with all of its ephemeral \
              nodes; and only its owner attaches to it.",
    harms: Harms::Client,
    interests: Interests::COMMITS
        .and(Interests::CRASHED)
        .and(Interests::APPLIED)
        .and(Interests::FACT)
        .and(Interests::STANDING)
        .and(Interests::SESSION),
    make: |setup| Box::new(Sessions::new(setup)),
};

#[derive(Debug)]
struct Sessions {
    doors: Doors,
    touches: Touches,
    offices: Offices,
    findings: Findings,
}

impl Sessions {
    fn new(setup: &Setup) -> Sessions {
        Sessions {
            doors: Doors::default(),
            touches: Touches::new(setup.timing),
            offices: Offices::new(setup.timing, !setup.promises.at_most_once),
            findings: Findings::default(),
        }
    }

    fn hear(&mut self, at: VirtualTime, node: NodeId, news: &SessionNews<'_>) {
        let findings = &mut self.findings;
        match *news {
            SessionNews::Knocked {
                conn,
                session,
                password,
            } => self.doors.knocked(conn, session, password),
            SessionNews::Welcomed {
                conn,
                session,
                password,
            } => {
                let came_back = self
                    .doors
                    .welcomed(findings, at, node, conn, (session, password));
                self.touches.heard(findings, at, node, session);
                self.offices.attached(at, node, session, came_back);
            }
            SessionNews::Rejected { conn } => {
                let offices = &self.offices;
                let may_be_expiring = |session| offices.may_be_expiring(at, session);
                self.doors
                    .rejected(findings, (at, node, conn), may_be_expiring);
            }
            SessionNews::Heard { conn, seq } => {
                if let Some(session) = self.doors.session_of(conn) {
                    self.touches.heard(findings, at, node, session);
                    self.offices.heard_client(at, node, session, seq);
                }
            }
            SessionNews::Received { msg, .. } => self.offices.received(at, node, msg),
            SessionNews::Sent { msg } => {
                self.touches.sent(findings, at, node, msg);
                self.offices.sent(at, node, msg);
            }
            SessionNews::Uplink { leader } => self.touches.uplink(node, leader),
            SessionNews::Resumed => self.offices.resumed(at, node),
            SessionNews::Ended {
                zxid,
                value,
                session,
                expired,
                left,
            } => {
                self.doors.ended(node, session, zxid);
                findings.count();
                if left > 0 {
                    let reason = format!(
                        "{session} ended at {zxid}, and {node} still holds {left} of its \
                         ephemeral nodes after it"
                    );
                    let subjects = Subjects::none().node(node).zxid(zxid).session(session);
                    findings.fail(at, reason, subjects);
                }
                self.offices
                    .ended(findings, (session, zxid, value), expired);
            }
        }
    }
}

impl Checker for Sessions {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } | Observation::Crashed { node } => {
                self.doors.forget(*node);
                self.touches.uplink(*node, None);
                self.offices.booted(*node);
            }
            Observation::Restored { node, zxid } => {
                self.doors.forget(*node);
                self.offices.restored(*node, *zxid);
            }
            Observation::Applied {
                node,
                zxid,
                payload,
                ..
            } => {
                if let Some(session) = self.offices.applied(at, *node, *zxid, payload) {
                    self.doors.opened(*node, session);
                }
            }
            Observation::Fact { node, fact } => self.offices.stated(at, *node, fact),
            Observation::Standing { node, role, epoch } => {
                self.offices.stands(*node, *role, *epoch);
            }
            Observation::Delivered { zxid, value, .. } => self.offices.delivered(*zxid, *value),
            Observation::Durable { .. } | Observation::Held { .. } => {}
            Observation::Session { node, news } => self.hear(at, *node, news),
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        self.doors.finish(&mut self.findings, ending.history);
        self.offices.finish(&mut self.findings);
        self.findings.verdict("session")
    }
}
