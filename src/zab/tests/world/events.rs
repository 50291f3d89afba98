//! The order of events: as they come, or drawn.

use super::{Node, World};
use crate::ids::NodeId;
use crate::protocol::{DiskOp, DiskResult, Input, Via};
use crate::zab::tests::disk::{self, Queued};

impl World {
    /// Everything a server takes to be committed must be a prefix of what anybody does.
    pub(super) fn check(&mut self, id: NodeId) {
        let server = &self.nodes[&id];
        let known = server
            .state
            .partition_point(|(zxid, _)| *zxid <= server.committed);
        let delivered = &server.state[..known];
        let common = known.min(self.chosen.len());
        assert_eq!(
            &delivered[..common],
            &self.chosen[..common],
            "{id} delivers another sequence"
        );
        if known > self.chosen.len() {
            self.chosen = delivered.to_vec();
        }
    }

    /// Carries out one operation of a disk queue; says whether there was one.
    pub fn disk_step(&mut self, id: NodeId) -> bool {
        let Some(queued) = self.node_mut(id).disk.queue.pop_front() else {
            return false;
        };
        match queued {
            Queued::Op(ticket, op) => {
                let disk = &mut self.node_mut(id).disk;
                let synced = matches!(op, DiskOp::Sync(_) | DiskOp::SyncAll);
                if synced && disk.failing {
                    // The server hears of it at once: it must queue nothing in place of what is
                    // cancelled.
                    disk::fail(disk, &op);
                    let result = DiskResult::Failed;
                    self.step(id, Input::Disk { ticket, result });
                    return true;
                }
                disk::perform(disk, op);
                if synced {
                    let result = DiskResult::Done;
                    self.local(id, Input::Disk { ticket, result });
                }
            }
            Queued::Send(to, via, msg) => self.send(id, to, via, msg),
            Queued::Fact(fact) => self.facts.push((id, fact)),
            Queued::Reload => {
                let image = Box::new(self.node(id).disk.written.clone());
                self.local(id, Input::Reloaded(image));
            }
        }
        true
    }

    pub(super) fn deliver(&mut self, place: usize) {
        let event = self.queue.remove(place).expect("the caller has looked");
        if let Input::Message { from, via, msg } = &event.input {
            self.delivered.push((*from, event.to, msg.kind()));
            if matches!(via, Via::Stream(_))
                && let Some(receiver) = &self.node(event.to).zab
            {
                let promised = receiver.storage.accepted_epoch();
                disk::assert_kept(&self.node(*from).disk, *from, msg, promised);
            }
        }
        self.step(event.to, event.input);
    }

    /// Fires the timer that is due next.
    pub(super) fn fire(&mut self) {
        let next = self
            .nodes
            .iter()
            .flat_map(|(id, server)| server.timers.iter().map(|(t, at)| (*at, *id, *t)))
            .min();
        let Some((at, id, timer)) = next else {
            return; // Every process is dead.
        };
        self.now = self.now.max(at);
        self.node_mut(id).timers.remove(&timer);
        self.step(id, Input::Timer(timer));
    }

    pub(super) fn idle_disk(&self) -> Option<NodeId> {
        let busy = |server: &Node| !server.disk.held && !server.disk.queue.is_empty();
        self.nodes
            .iter()
            .find(|(_, server)| busy(server))
            .map(|(id, _)| *id)
    }

    /// One event: messages and disks first, in order; then time passes.
    pub fn advance(&mut self) {
        if let Some(id) = self.idle_disk() {
            self.disk_step(id);
        } else if self.queue.is_empty() {
            self.fire();
        } else {
            self.deliver(0);
        }
    }

    /// Lets everything happen that needs neither time nor a disk that is held.
    pub fn settle(&mut self) {
        loop {
            if let Some(id) = self.idle_disk() {
                self.disk_step(id);
            } else if self.queue.is_empty() {
                return;
            } else {
                self.deliver(0);
            }
        }
    }

    /// One event, drawn.
    pub fn advance_at_random(&mut self) {
        let draw = self.draw(40);
        if draw < 12
            && let Some(id) = self.busy_disk_at_random()
        {
            self.disk_step(id);
        } else if draw < 39 && !self.queue.is_empty() {
            let drawn = self.draw(self.queue.len() as u64) as usize;
            let (to, channel) = (self.queue[drawn].to, self.queue[drawn].channel);
            let first = self
                .queue
                .iter()
                .position(|event| event.to == to && event.channel == channel);
            self.deliver(first.expect("the drawn one is in this channel"));
        } else if draw == 39 {
            self.fire();
        }
    }

    pub(super) fn busy_disk_at_random(&mut self) -> Option<NodeId> {
        let busy: Vec<NodeId> = self
            .nodes
            .iter()
            .filter(|(_, server)| !server.disk.queue.is_empty())
            .map(|(id, _)| *id)
            .collect();
        match busy.len() as u64 {
            0 => None,
            count => Some(busy[self.draw(count) as usize]),
        }
    }

    pub fn seed(&mut self, seed: u64) {
        self.dice = seed;
    }

    /// A number below `bound` (splitmix64).
    pub fn draw(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
