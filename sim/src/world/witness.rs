//! What the world notes for the checkers to know at the end: faults, and who answered barriers.

use std::collections::BTreeMap;

use menagerie::check::{Barrier, Circumstances, Disturbance, Turn};
use menagerie::ids::{ConnId, NodeId, VirtualTime};
use menagerie::protocol::{Protocol, Role};
use menagerie::tree::Response;
use menagerie::wire::{Packet, ServerFrame};

use super::{Action, World};

/// What was noted so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    pub(super) circumstances: Circumstances,
    /// When each answer to a barrier that is on its way was sent, by its parcel.
    sent: BTreeMap<u64, VirtualTime>,
    /// When the last answer that a server has received was sent, by its place.
    answered: BTreeMap<u8, VirtualTime>,
}

impl<P: Protocol> World<P> {
    /// Notes what an action did to servers and the links between them.
    pub(super) fn witness(&mut self, action: &Action) {
        let own = |node: NodeId| vec![[node, node]];
        let everybody = || self.nodes.iter().map(|node| [node.id, node.id]).collect();
        let (turn, concerned): (Turn, Vec<[NodeId; 2]>) = match action {
            Action::Crash { node, .. } | Action::Pause(node) | Action::SlowDisk { node, .. } => {
                (Turn::Begins, own(*node))
            }
            Action::CrashMany { nodes, .. } => (
                Turn::Begins,
                nodes.iter().map(|node| [*node, *node]).collect(),
            ),
            Action::Restart(node)
            | Action::Resume(node)
            | Action::UnslowDisk { node, .. }
            | Action::MendSyncs(node) => (Turn::Ends, own(*node)),
            Action::Cut { from, to } | Action::Slow { from, to, .. } => {
                (Turn::Begins, vec![[*from, *to]])
            }
            Action::Mend { from, to } | Action::Unslow { from, to, .. } => {
                (Turn::Ends, vec![[*from, *to]])
            }
            Action::Loss { .. } | Action::Duplicate { .. } => (Turn::Begins, everybody()),
            Action::Unloss { .. } | Action::Unduplicate { .. } => (Turn::Ends, everybody()),
            Action::Break { a, b } => (Turn::Once, vec![[*a, *b]]),
            // Until it is mended, which starts a process again that saw one fail.
            Action::FailSyncs { node, .. } => (Turn::Begins, own(*node)),
            // Clients elect nobody.
            Action::CutClient(_) | Action::MendClient(_) => return,
        };
        let at = self.now;
        let noted = concerned
            .into_iter()
            .map(|between| Disturbance { at, between, turn });
        self.witness.circumstances.disturbances.extend(noted);
    }

    /// A parcel sets off.
    pub(super) fn witness_sending(&mut self, id: u64, packet: &Packet<P>) {
        if let Packet::Protocol(msg) = packet
            && P::answers_barrier(msg)
        {
            self.witness.sent.insert(id, self.now);
        }
    }

    /// A parcel arrives.
    pub(super) fn witness_arrival(&mut self, id: u64, to: u8, packet: &Packet<P>) {
        if let Packet::Protocol(msg) = packet
            && P::answers_barrier(msg)
            && let Some(sent) = self.witness.sent.remove(&id)
        {
            self.witness.answered.insert(to, sent);
        }
    }

    /// A server answers a client: notes which leader stands behind a barrier, and the moment at
    /// which that one had given its answer at the latest.
    pub(super) fn witness_reply(&mut self, place: u8, conn: ConnId, frame: &ServerFrame) {
        let ServerFrame::Reply {
            xid,
            answer: Ok(Response::Synced),
            ..
        } = frame
        else {
            return;
        };
        let node = &self.nodes[usize::from(place)];
        let (Some(before), Some(server)) = (node.standing, &node.server) else {
            return;
        };
        if P::PROMISES.linearizable_barrier {
            return;
        }
        // A server that changes its epoch sends its clients away; in doubt, the earlier one.
        let epoch = before.epoch.min(server.standing().epoch);
        let answered = match before.role {
            Role::Leading => Some(self.now),
            Role::Following | Role::Observing | Role::Looking => {
                self.witness.answered.get(&place).copied()
            }
        };
        self.witness.circumstances.barriers.push(Barrier {
            conn,
            xid: *xid,
            epoch,
            answered: answered.unwrap_or(self.now),
        });
    }
}
