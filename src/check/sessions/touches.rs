//! Servers pass on whom they heard of.

use crate::check::Subjects;
use std::collections::BTreeMap;

use crate::check::Timing;
use crate::check::findings::Findings;
use crate::ids::{NodeId, SessionId, Span, VirtualTime};
use crate::wire::PeerMsg;

/// A session that a server has heard of and not passed on.
#[derive(Clone, Copy, Debug)]
struct Owed {
    since: VirtualTime,
    /// When it was first seen to be overdue. A process that was paused does everything that it
    /// missed at one moment, in order, so only at a later moment it is surely late.
    overdue: Option<VirtualTime>,
}

/// What each server owes its leader.
#[derive(Debug)]
pub(super) struct Touches {
    timing: Timing,
    leaders: BTreeMap<NodeId, NodeId>,
    owed: BTreeMap<NodeId, BTreeMap<SessionId, Owed>>,
}

impl Touches {
    pub fn new(timing: Timing) -> Touches {
        Touches {
            timing,
            leaders: BTreeMap::new(),
            owed: BTreeMap::new(),
        }
    }

    /// A server may send to this leader from now on, or to none. What it owes another one is
    /// forgiven: every session gets its full timeout from a new leader.
    pub fn uplink(&mut self, node: NodeId, leader: Option<NodeId>) {
        self.owed.remove(&node);
        match leader {
            Some(leader) => self.leaders.insert(node, leader),
            None => self.leaders.remove(&node),
        };
    }

    /// A server heard of a session.
    pub fn heard(
        &mut self,
        findings: &mut Findings,
        at: VirtualTime,
        node: NodeId,
        session: SessionId,
    ) {
        if !self.leaders.contains_key(&node) {
            return;
        }
        self.examine(findings, at, node);
        let owed = self.owed.entry(node).or_default();
        owed.entry(session).or_insert(Owed {
            since: at,
            overdue: None,
        });
    }

    /// A server sent something to its leader.
    pub fn sent(&mut self, findings: &mut Findings, at: VirtualTime, node: NodeId, msg: &PeerMsg) {
        let PeerMsg::Touch { sessions } = msg else {
            return;
        };
        if let Some(owed) = self.owed.get_mut(&node) {
            for session in sessions {
                if owed.remove(session).is_some() {
                    findings.count();
                }
            }
        }
        self.examine(findings, at, node);
    }

    fn examine(&mut self, findings: &mut Findings, at: VirtualTime, node: NodeId) {
        let (Some(owed), Some(leader)) = (self.owed.get_mut(&node), self.leaders.get(&node)) else {
            return;
        };
        let half_tick = self.timing.longest(Span(self.timing.tick.0 / 2));
        for (session, owed) in owed {
            if at.since(owed.since) <= half_tick {
                continue;
            }
            let overdue = *owed.overdue.get_or_insert(at);
            if at > overdue {
                let reason = format!(
                    "{node} heard of {session} at {} and had not passed that on to its leader \
                     {leader} at {at}, although it does so every half tick",
                    owed.since
                );
                let subjects = Subjects::none().node(node).node(*leader).session(*session);
                findings.fail(at, reason, subjects);
                return;
            }
        }
    }
}
