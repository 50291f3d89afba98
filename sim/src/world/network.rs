//! Messages between servers: loopback, datagrams and latest-wins channels.

use menagerie::canonical::Canonical;
use menagerie::ids::NodeId;
use menagerie::protocol::{Protocol, Via};
use menagerie::server::ServerInput;
use menagerie::wire::Packet;

use super::event::feed_packet;
use super::recording::kind;
use super::{Event, Kind, World};
use crate::trace::{What, Why};
use crate::wire::{Channel, Parcel};

impl<P: Protocol> World<P> {
    pub(super) fn send(&mut self, from: u8, to: NodeId, via: Via, packet: Packet<P>) {
        let to = self.place(to);
        let packet = self.parcel(from, to, via, packet);
        if from == to {
            let incarnation = self.nodes[usize::from(from)].incarnation;
            let event = Event::Loopback {
                node: from,
                incarnation,
                via,
                packet,
            };
            self.queue.push(self.now, event);
            return;
        }
        match via {
            Via::Datagram => self.send_datagram(from, to, packet),
            Via::LatestWins => {
                let pair = self.pair(from, to);
                if let Some(replaced) = pair.latest.waiting.replace(packet) {
                    self.record_loss(replaced.id, Why::Replaced);
                }
                self.depart_latest(from, to);
            }
            Via::Stream(link) => self.send_on_stream(from, to, link, packet),
        }
    }

    pub(super) fn arrive_loopback(
        &mut self,
        node: u8,
        incarnation: u32,
        via: Via,
        packet: Parcel<Packet<P>>,
    ) -> bool {
        if self.nodes[usize::from(node)].incarnation != incarnation {
            self.record_loss(packet.id, Why::Down);
            return false;
        }
        self.deliver(node, node, via, packet);
        true
    }

    fn send_datagram(&mut self, from: u8, to: u8, packet: Parcel<Packet<P>>) {
        let lan = self.spec.network.lan;
        let loss = (self.spec.network.loss_ppm + self.extra_loss_ppm).min(1_000_000);
        let duplicate = (self.spec.network.duplicate_ppm + self.extra_duplicate_ppm).min(1_000_000);
        let now = self.now;
        let pair = self.pair(from, to);
        let name = pair.name(Channel::Datagram);
        let draw = |which| pair.draw(Channel::Datagram, name, which);
        if pair.is_cut() {
            self.lose(packet.id, Why::Cut);
            return;
        }
        if draw(0).chance_ppm(loss) {
            self.lose(packet.id, Why::Loss);
            return;
        }
        let at = now.after(pair.latency(&lan, draw(2)));
        let twin = draw(1)
            .chance_ppm(duplicate)
            .then(|| now.after(pair.latency(&lan, draw(3))));
        if let Some(at) = twin {
            let packet = self.duplicate(packet.id, packet.content.clone());
            self.queue.push(at, Event::Datagram { from, to, packet });
        }
        self.queue.push(at, Event::Datagram { from, to, packet });
    }

    pub(super) fn arrive_datagram(&mut self, from: u8, to: u8, packet: Parcel<Packet<P>>) -> bool {
        if self.pair(from, to).is_cut() {
            self.lose(packet.id, Why::Cut);
            return true;
        }
        if self.nodes[usize::from(to)].server.is_none() {
            self.lose(packet.id, Why::Down);
            return true;
        }
        self.deliver(from, to, Via::Datagram, packet);
        true
    }

    /// Sends off the waiting message, if nothing is in flight and the pair is not cut.
    pub(super) fn depart_latest(&mut self, from: u8, to: u8) {
        let lan = self.spec.network.lan;
        let now = self.now;
        let pair = self.pair(from, to);
        if pair.is_cut() || pair.latest.in_flight.is_some() {
            return;
        }
        let Some(packet) = pair.latest.waiting.take() else {
            return;
        };
        let name = pair.name(Channel::LatestWins);
        let at = now.after(pair.latency(&lan, pair.draw(Channel::LatestWins, name, 0)));
        pair.latest.in_flight = Some(packet);
        pair.latest.generation += 1;
        let generation = pair.latest.generation;
        let event = Event::LatestWins {
            from,
            to,
            generation,
        };
        self.queue.push(at, event);
    }

    pub(super) fn arrive_latest(&mut self, from: u8, to: u8, generation: u32) -> bool {
        let latest = &mut self.pair(from, to).latest;
        if latest.generation != generation {
            // A cut or a death has lost it.
            return false;
        }
        let Some(packet) = latest.in_flight.take() else {
            return false;
        };
        self.depart_latest(from, to);
        if self.nodes[usize::from(to)].server.is_none() {
            self.lose(packet.id, Why::Down);
        } else {
            self.deliver(from, to, Via::LatestWins, packet);
        }
        true
    }

    /// Loses what is in flight on a latest-wins channel.
    pub(super) fn lose_latest(&mut self, from: u8, to: u8, why: Why) {
        let latest = &mut self.pair(from, to).latest;
        if let Some(packet) = latest.in_flight.take() {
            latest.generation += 1;
            self.lose(packet.id, why);
        }
    }

    /// Hands a packet to a server that is up.
    pub(super) fn deliver(&mut self, from: u8, to: u8, via: Via, packet: Parcel<Packet<P>>) {
        let Parcel {
            id,
            content: packet,
        } = packet;
        self.mark(Kind::Message, to, u64::from(from));
        via.feed(&mut self.hash);
        feed_packet(&packet, &mut self.hash);
        self.stats.messages_delivered += 1;
        if let Packet::Protocol(msg) = &packet {
            self.stats.count_kind(P::kind(msg));
        }
        let sender = self.nodes[usize::from(from)].id;
        let node = self.nodes[usize::from(to)].id;
        let cause = self.arrived(id);
        self.trigger_input(to, cause, || What::Deliver {
            id,
            node,
            from: sender,
            kind: kind::<P>(&packet),
        });
        let input = ServerInput::Peer {
            from: sender,
            via,
            packet,
        };
        self.step_server(to, input);
    }

    /// A message will never arrive: counts it.
    pub(super) fn lose(&mut self, id: u64, why: Why) {
        self.stats.messages_lost += 1;
        self.record_loss(id, why);
    }
}
