//! Messages between servers: loopback, datagrams and latest-wins channels.

use menagerie::canonical::Canonical;
use menagerie::ids::NodeId;
use menagerie::protocol::{Protocol, Via};
use menagerie::server::ServerInput;
use menagerie::wire::Packet;

use super::event::feed_packet;
use super::recording::kind;
use super::{Event, Kind, World};
use crate::chance::decision::{Name, Part};
use crate::trace::{EventKind, Why};
use crate::world::channels::{Channel, Envelope};

impl<P: Protocol> World<P> {
    pub(super) fn send(&mut self, from: u8, to: NodeId, via: Via, packet: Packet<P>) {
        let to = self.place(to);
        let packet = self.parcel(from, to, via, packet);
        self.witness_sending(packet.id, &packet.content);
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
        packet: Envelope<Packet<P>>,
    ) -> bool {
        if self.nodes[usize::from(node)].incarnation != incarnation {
            self.record_loss(packet.id, Why::Down);
            return false;
        }
        self.deliver(node, node, via, packet);
        true
    }

    fn send_datagram(&mut self, from: u8, to: u8, packet: Envelope<Packet<P>>) {
        let own = self.pair(from, to).loss_ppm;
        let loss = (self.spec.network.loss_ppm + self.extra_loss_ppm + own).min(1_000_000);
        let duplicate = (self.spec.network.duplicate_ppm + self.extra_duplicate_ppm).min(1_000_000);
        let channel = Channel::Datagram;
        let number = self.pair(from, to).name(channel);
        if self.pair(from, to).is_cut() {
            self.lose(packet.id, Why::Cut);
            return;
        }
        if self.happens(from, to, number, (Part::Lost, 0), loss) {
            self.lose(packet.id, Why::Loss);
            return;
        }
        let travel = self.travel(from, to, channel, number, (Part::Delay, 2));
        let travel = self.pair(from, to).latency(travel);
        self.reach.travels(travel, false);
        let at = self.now.after(travel);
        if self.happens(from, to, number, (Part::Twice, 1), duplicate) {
            let travel = self.travel(from, to, channel, number, (Part::TwinDelay, 3));
            let travel = self.pair(from, to).latency(travel);
            self.reach.travels(travel, true);
            let at = self.now.after(travel);
            let packet = self.duplicate(packet.id, packet.content.clone());
            self.queue.push(at, Event::Datagram { from, to, packet });
        }
        self.queue.push(at, Event::Datagram { from, to, packet });
    }

    /// Whether something that befalls so many datagrams of a million befalls this one.
    fn happens(
        &mut self,
        from: u8,
        to: u8,
        number: u64,
        (part, which): (Part, u64),
        ppm: u32,
    ) -> bool {
        let place = usize::from(from) * self.nodes.len() + usize::from(to);
        let pair = &self.pairs[place];
        let name = || Name::Message {
            channel: Channel::Datagram,
            from: from + 1,
            to: to + 1,
            number,
            part,
        };
        let drawn = || u64::from(pair.draw(Channel::Datagram, number, which).chance_ppm(ppm));
        self.decider.settle(name, drawn, || 0) != 0
    }

    /// How long a message travels, before what distance and faults add.
    pub(super) fn travel(
        &mut self,
        from: u8,
        to: u8,
        channel: Channel,
        number: u64,
        (part, which): (Part, u64),
    ) -> u64 {
        let place = usize::from(from) * self.nodes.len() + usize::from(to);
        let pair = &self.pairs[place];
        let network = &self.spec.network;
        let lan = match part {
            Part::TwinDelay => network.twin.as_ref().unwrap_or(&network.lan),
            Part::Delay | Part::Lost | Part::Twice => &network.lan,
        };
        let name = || Name::Message {
            channel,
            from: from + 1,
            to: to + 1,
            number,
            part,
        };
        let drawn = || lan.sample(pair.draw(channel, number, which)).0;
        self.decider.settle(name, drawn, || lan.median().0)
    }

    pub(super) fn arrive_datagram(
        &mut self,
        from: u8,
        to: u8,
        packet: Envelope<Packet<P>>,
    ) -> bool {
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
    ///
    /// A message that is late for longer than the patience never arrives: the connection below the
    /// channel is given up, and the next message goes over a new one. Without that, one sample of a
    /// heavy tail keeps everything newer from a server for as long as it lasts, and nobody can do
    /// anything about it: a protocol hangs up a silent stream, but does not see this connection.
    pub(super) fn depart_latest(&mut self, from: u8, to: u8) {
        let pair = self.pair(from, to);
        if pair.is_cut() || pair.latest.in_flight.is_some() {
            return;
        }
        let Some(packet) = pair.latest.waiting.take() else {
            return;
        };
        let number = pair.name(Channel::LatestWins);
        let travel = self.travel(from, to, Channel::LatestWins, number, (Part::Delay, 0));
        let network = &self.spec.network;
        let given_up = network.lan.median().0 + network.patience.0;
        let now = self.now;
        let pair = self.pair(from, to);
        let at = now.after(pair.latency(travel.min(given_up)));
        pair.latest.in_flight = Some(packet);
        pair.latest.stalled = travel > given_up;
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
        let stalled = latest.stalled;
        self.depart_latest(from, to);
        if stalled {
            self.lose(packet.id, Why::Broken);
        } else if self.nodes[usize::from(to)].server.is_none() {
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
    pub(super) fn deliver(&mut self, from: u8, to: u8, via: Via, packet: Envelope<Packet<P>>) {
        let Envelope {
            id,
            content: packet,
        } = packet;
        self.mark(Kind::Message, to, u64::from(from));
        via.feed(&mut self.hash);
        feed_packet(&packet, &mut self.hash);
        self.stats.messages_delivered += 1;
        self.witness_arrival(id, to, &packet);
        if let Packet::Protocol(msg) = &packet {
            self.stats.count_kind(P::kind(msg));
        }
        let sender = self.nodes[usize::from(from)].id;
        let node = self.nodes[usize::from(to)].id;
        let cause = self.arrived(id);
        self.trigger_input(to, cause, || EventKind::Deliver {
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
