//! What must be true of all servers together, judged from outside them as they go.

use super::*;
use crate::quorum::NodeSet;

impl World {
    /// Checks that a slot is applied whole and in order, that nothing but no-ops lies between two
    /// applied slots, and that all servers apply what was chosen.
    pub(super) fn apply(&mut self, node: NodeId, zxid: Zxid, digest: u64) {
        let last = self.machines[&node].applied;
        if zxid <= last {
            self.violate(format!("{node} applies {zxid} after {last}"));
        }
        let slot = slot_of(zxid);
        if zxid > position(slot, 0) {
            if zxid != last.next() {
                self.violate(format!("{node} applies {zxid} right after {last}"));
            }
        } else {
            if last > Zxid::ZERO && self.chosen.contains_key(&last.next()) {
                self.violate(format!("{node} leaves a slot at {last}"));
            }
            for between in slot_of(last) + 1..slot {
                if self.chosen.get(&position(between, 0)) != Some(&0) {
                    self.violate(format!("{node} applies {zxid} without slot {between}"));
                }
            }
        }
        if self.chosen.get(&zxid) != Some(&digest) {
            self.violate(format!("{node} applies another value at {zxid}"));
        }
        self.frontier = self.frontier.max(zxid);
        let machine = self.machine(node);
        machine.applied = zxid;
        machine.inbox.push_back(Input::Applied(zxid));
    }

    /// Checks that a server reached everything that was applied anywhere before the question.
    pub(super) fn end_barrier(
        &mut self,
        node: NodeId,
        token: BarrierToken,
        outcome: BarrierOutcome,
    ) {
        let frontier = self.frontiers[&(node, token)];
        let applied = self.machines[&node].applied;
        match outcome {
            BarrierOutcome::Reached if applied < frontier => {
                self.violate(format!("{node} reads at {applied} what was at {frontier}"));
            }
            BarrierOutcome::Reached | BarrierOutcome::Failed => {}
        }
        self.machine(node).barriers.push((token, outcome));
    }

    pub(super) fn note(&mut self, node: NodeId, fact: Fact) {
        match fact {
            Fact::Proposed { epoch, zxid, value } => {
                let new = (value, NodeSet::EMPTY);
                let known = self.proposed.entry((zxid, epoch)).or_insert(new).0;
                if known != value {
                    self.violate(format!("two values at {zxid} in ballot {epoch}"));
                }
            }
            Fact::Promised { epoch } => {
                let promised = self.promises.entry(node).or_insert(0);
                *promised = epoch.max(*promised);
            }
            Fact::Voted { epoch, zxid, value } => {
                if self.promises.get(&node).is_some_and(|p| epoch < *p) {
                    self.violate(format!("{node} votes at {zxid} below its promise"));
                }
                match self.proposed.get_mut(&(zxid, epoch)) {
                    Some((known, voters)) if *known == value => {
                        voters.insert(node);
                    }
                    _ => self.violate(format!("{node} votes for what nobody proposed")),
                }
            }
            Fact::Chosen { zxid, value } => {
                let known = *self.chosen.entry(zxid).or_insert(value);
                if known != value {
                    self.violate(format!("{node} takes a second value for chosen at {zxid}"));
                }
                if !self.has_quorum(zxid, value) {
                    self.violate(format!("{node} takes for chosen what is not, at {zxid}"));
                }
            }
            Fact::Established { .. } | Fact::Reporting { .. } | Fact::Reported { .. } => {}
        }
        self.machine(node).facts.push(fact);
    }

    /// Whether a quorum voted for a value at a position at one ballot.
    fn has_quorum(&self, zxid: Zxid, value: u64) -> bool {
        let quorums = &self.machines[&N1].ensemble.quorums;
        let ballots = self.proposed.range((zxid, 0)..=(zxid, u64::MAX));
        let mut ballots = ballots.filter(|(_, (known, _))| *known == value);
        ballots.any(|(_, (_, nodes))| quorums.contain(*nodes))
    }

    pub(super) fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }
}
