//! What the servers have said and done so far, so that a step can be told with what it contradicts.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::ids::{NodeId, VirtualTime, Zxid};

use crate::trace::RoleName;

/// A vote for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    pub node: NodeId,
    pub epoch: u64,
    pub value: u64,
}

/// Another way on from the same position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fork {
    pub before: Zxid,
    pub next: Zxid,
    pub nodes: Vec<NodeId>,
}

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    standing: BTreeMap<NodeId, (RoleName, u64)>,
    /// The greatest epoch that each server promised or voted in, and when.
    floors: BTreeMap<NodeId, (u64, VirtualTime)>,
    votes: BTreeMap<Zxid, Vec<Vote>>,
    chosen: BTreeMap<Zxid, Vec<(NodeId, u64)>>,
    /// The leaders of the epochs.
    leaders: BTreeMap<u64, NodeId>,
    /// When each server last heard from another one, from whom, and what.
    heard: BTreeMap<NodeId, (VirtualTime, NodeId, String)>,
    /// Which values at which positions each server has been told of.
    met: BTreeSet<(NodeId, Zxid, u64)>,
    /// What each server committed last.
    last: BTreeMap<NodeId, Zxid>,
    /// What was committed right behind each position, and by whom.
    next: BTreeMap<Zxid, (Zxid, Vec<NodeId>)>,
}

impl Knowledge {
    /// A server stands somewhere; gives its role before.
    pub fn stand(&mut self, node: NodeId, role: RoleName, epoch: u64) -> RoleName {
        let before = self.standing.insert(node, (role, epoch));
        before.map_or(RoleName::Looking, |(role, _)| role)
    }

    /// Where a server stands.
    pub fn standing(&self, node: NodeId) -> Option<(RoleName, u64)> {
        self.standing.get(&node).copied()
    }

    /// A server hears from another one.
    pub fn hear(&mut self, node: NodeId, from: NodeId, kind: &str, at: VirtualTime) {
        if node != from {
            self.heard.insert(node, (at, from, kind.to_owned()));
        }
    }

    /// What a server heard last from another one.
    pub fn heard(&self, node: NodeId) -> Option<&(VirtualTime, NodeId, String)> {
        self.heard.get(&node)
    }

    /// A server promises an epoch or votes in it; gives the greater one that it had promised.
    pub fn promise(
        &mut self,
        node: NodeId,
        epoch: u64,
        at: VirtualTime,
    ) -> Option<(u64, VirtualTime)> {
        let floor = self.floors.entry(node).or_insert((epoch, at));
        if epoch < floor.0 {
            return Some(*floor);
        }
        if epoch > floor.0 {
            *floor = (epoch, at);
        }
        None
    }

    /// A server votes.
    pub fn vote(&mut self, zxid: Zxid, vote: Vote) {
        self.votes.entry(zxid).or_default().push(vote);
    }

    /// The votes for other values at a position.
    pub fn other_votes(&self, zxid: Zxid, value: u64) -> Vec<Vote> {
        let votes = self.votes.get(&zxid).into_iter().flatten();
        votes.filter(|vote| vote.value != value).copied().collect()
    }

    /// A server takes a value to be chosen.
    pub fn choose(&mut self, node: NodeId, zxid: Zxid, value: u64) {
        self.chosen.entry(zxid).or_default().push((node, value));
    }

    /// Who took another value to be chosen, and which.
    pub fn other_choice(&self, zxid: Zxid, value: u64) -> Option<(Vec<NodeId>, u64)> {
        let chosen = self.chosen.get(&zxid)?;
        let (_, other) = chosen.iter().find(|(_, chosen)| *chosen != value)?;
        let nodes = chosen.iter().filter(|(_, chosen)| chosen == other);
        Some((nodes.map(|(node, _)| *node).collect(), *other))
    }

    /// Whether a server took something to be chosen there.
    pub fn has_chosen(&self, node: NodeId, zxid: Zxid) -> bool {
        let chosen = self.chosen.get(&zxid).into_iter().flatten();
        chosen.into_iter().any(|(who, _)| *who == node)
    }

    /// Whether a server took this value to be chosen there.
    pub fn has_chosen_value(&self, node: NodeId, zxid: Zxid, value: u64) -> bool {
        let chosen = self.chosen.get(&zxid);
        chosen.is_some_and(|chosen| chosen.contains(&(node, value)))
    }

    /// A server leads an epoch.
    pub fn lead(&mut self, node: NodeId, epoch: u64) {
        self.leaders.entry(epoch).or_insert(node);
    }

    /// The leader of the greatest epoch above this one.
    pub fn later_leader(&self, epoch: u64) -> Option<(u64, NodeId)> {
        let later = self.leaders.range(epoch + 1..).next_back();
        later.map(|(epoch, node)| (*epoch, *node))
    }

    /// A server starts anew from its disk.
    pub fn boot(&mut self, node: NodeId) {
        self.last.remove(&node);
        self.standing.remove(&node);
    }

    /// A server has been told of a value at a position.
    pub fn meet(&mut self, node: NodeId, zxid: Zxid, value: u64) {
        self.met.insert((node, zxid, value));
    }

    /// Whether a server has been told of any value at a position.
    pub fn has_met(&self, node: NodeId, zxid: Zxid) -> bool {
        let values = (node, zxid, 0)..=(node, zxid, u64::MAX);
        self.met.range(values).next().is_some()
    }

    /// Whether a server has been told of a value at a position.
    pub fn has_met_value(&self, node: NodeId, zxid: Zxid, value: u64) -> bool {
        self.met.contains(&(node, zxid, value))
    }

    /// A server's state is replaced by one that stands at this position.
    pub fn restore(&mut self, node: NodeId, zxid: Zxid) {
        self.last.insert(node, zxid);
    }

    /// A server commits; gives where others went from the same position, if elsewhere.
    pub fn commit(&mut self, node: NodeId, zxid: Zxid) -> Option<Fork> {
        let before = self.last.insert(node, zxid).unwrap_or(Zxid::ZERO);
        let (next, nodes) = self
            .next
            .entry(before)
            .or_insert_with(|| (zxid, Vec::new()));
        if *next == zxid {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
            return None;
        }
        let mut nodes = nodes.clone();
        nodes.sort();
        let next = *next;
        Some(Fork {
            before,
            next,
            nodes,
        })
    }

    /// The last position that any server has committed, and who.
    pub fn committed(&self) -> Option<(Zxid, Vec<NodeId>)> {
        let last = *self.last.values().max()?;
        let nodes = self.last.iter().filter(|(_, zxid)| **zxid == last);
        Some((last, nodes.map(|(node, _)| *node).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    #[test]
    fn a_promise_below_an_earlier_one_is_noticed() {
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.promise(A, 5, VirtualTime(1)), None);
        assert_eq!(knowledge.promise(B, 4, VirtualTime(2)), None);
        assert_eq!(
            knowledge.promise(A, 4, VirtualTime(3)),
            Some((5, VirtualTime(1)))
        );
    }

    #[test]
    fn another_way_on_from_the_same_position_is_noticed() {
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.commit(A, Zxid(1)), None);
        assert_eq!(knowledge.commit(A, Zxid(3)), None);
        assert_eq!(knowledge.commit(B, Zxid(1)), None);
        let fork = knowledge.commit(B, Zxid(2)).expect("n1 went on with 3");
        assert_eq!(
            (fork.before, fork.next, fork.nodes),
            (Zxid(1), Zxid(3), vec![A])
        );
    }
}
