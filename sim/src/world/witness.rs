//! What the world notes for the checkers to know at the end: faults, and who answered barriers.

use std::collections::BTreeMap;

use menagerie::check::{Barrier, Circumstances, Disturbance};
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
        let Some(turn) = action.turn() else {
            return;
        };
        let concerned: Vec<[NodeId; 2]> = match (action.is_between_two(), action.nodes()) {
            (true, nodes) => nodes.chunks_exact(2).map(|two| [two[0], two[1]]).collect(),
            (false, nodes) if nodes.is_empty() => {
                self.nodes.iter().map(|node| [node.id, node.id]).collect()
            }
            (false, nodes) => nodes.into_iter().map(|node| [node, node]).collect(),
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
