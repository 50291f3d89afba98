//! Streams between servers.

use menagerie::canonical::Canonical;
use menagerie::ids::{LinkId, NodeId, VirtualTime};
use menagerie::protocol::{LinkEvent, Protocol, Via};
use menagerie::server::ServerInput;
use menagerie::wire::Packet;

use super::{Event, Kind, World};
use crate::chance::decision::{Name, Part};
use crate::chance::dice::Concern;
use crate::trace::{EventKind, LinkNews, Why};
use crate::world::channels::{Channel, Envelope, Flow, Frame, Link, Side};

/// A place for a stream. A place is used again under a new generation.
#[derive(Debug)]
pub(super) struct LinkSlot<P: Protocol> {
    generation: u32,
    link: Option<Link<P>>,
}

/// Why a stream or connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This side hung up.
    HungUp(Side),
    /// The process of this side died.
    Died(Side),
    /// The network broke it.
    Broken,
    /// A cut outlasted the patience.
    OutOfPatience,
}

impl<P: Protocol> LinkSlot<P> {
    /// The stream at this place, if there is one.
    pub(super) fn link(&self) -> Option<&Link<P>> {
        self.link.as_ref()
    }
}

impl End {
    /// The side that does not hear of it, because it is the cause.
    pub(super) fn cause(self) -> Option<Side> {
        match self {
            End::HungUp(side) | End::Died(side) => Some(side),
            End::Broken | End::OutOfPatience => None,
        }
    }

    /// Why what was under way is lost.
    pub(super) fn why(self) -> Why {
        match self {
            End::HungUp(_) => Why::Closed,
            End::Died(_) => Why::Down,
            End::Broken => Why::Broken,
            End::OutOfPatience => Why::Cut,
        }
    }
}

impl<P: Protocol> World<P> {
    pub(super) fn dial(&mut self, from: u8, peer: NodeId, id: LinkId) {
        let to = self.place(peer);
        assert!(from != to, "{peer} dials itself");
        let link = Link {
            id,
            ends: [from, to],
            alive: [true, false],
            told: [false, false],
            dialled: self.now,
            open: false,
            broken: false,
            toward: [Flow::new(), Flow::new()],
            cause: self.cause(),
        };
        let slot = self.insert_link(link);
        let generation = self.links[slot as usize].generation;
        let at = self.stream_arrival(from, to);
        self.queue.push(at, Event::Dialled { slot, generation });
    }

    pub(super) fn hang_up(&mut self, from: u8, peer: NodeId, id: LinkId) {
        let to = self.place(peer);
        if let Some((slot, side)) = self.find_link(from, to, id) {
            self.end_link(slot, End::HungUp(side));
        }
    }

    pub(super) fn send_on_stream(
        &mut self,
        from: u8,
        to: u8,
        id: LinkId,
        packet: Envelope<Packet<P>>,
    ) {
        let Some((slot, side)) = self.find_link(from, to, id) else {
            // Gated messages may find their stream gone.
            self.lose(packet.id, Why::Broken);
            return;
        };
        let link = self.link(slot);
        if !link.open || link.broken || !link.alive[side.index()] {
            self.lose(packet.id, Why::Broken);
            return;
        }
        let at = self.stream_arrival(from, to);
        self.push_frame(slot, side.other(), Frame::Body(packet), at);
    }

    /// A dial reaches the machine of the other server.
    pub(super) fn arrive_dial(&mut self, slot: u32, generation: u32) -> bool {
        if !self.is_current(slot, generation) {
            // The dialler hung up or died.
            return false;
        }
        let link = self.link(slot);
        let [from, to] = link.ends;
        let deadline = link.dialled.after(self.spec.network.dial_timeout);
        if self.pair(from, to).is_cut() || self.pair(to, from).is_cut() {
            let at = deadline.max(self.now);
            self.push_dial_failure(slot, generation, from, at);
        } else if self.nodes[usize::from(to)].server.is_none() {
            let at = self.stream_arrival(to, from);
            self.push_dial_failure(slot, generation, from, at);
        } else {
            let link = self.link(slot);
            link.open = true;
            link.alive[Side::Acceptor.index()] = true;
            let at = self.stream_arrival(to, from);
            let now = self.now;
            self.push_frame(slot, Side::Acceptor, Frame::Up, now);
            self.push_frame(slot, Side::Dialler, Frame::Up, at);
        }
        true
    }

    pub(super) fn fail_dial(&mut self, slot: u32, generation: u32) -> bool {
        if !self.is_current(slot, generation) {
            return false;
        }
        self.tell_end(slot, Side::Dialler, LinkEvent::Refused);
        true
    }

    /// A token of a stream: takes what is in front.
    pub(super) fn arrive_stream(&mut self, slot: u32, generation: u32, toward: Side) -> bool {
        if !self.is_current(slot, generation) {
            return false;
        }
        let link = self.link(slot);
        let from = link.ends[toward.other().index()];
        let to = link.ends[toward.index()];
        if !link.alive[toward.index()] {
            return false;
        }
        let local = link.toward[toward.index()].local;
        if !local && self.pair(from, to).is_cut() {
            self.link(slot).toward[toward.index()].stall();
            return false;
        }
        let link = self.link(slot);
        let via = Via::Stream(link.id);
        match link.toward[toward.index()].pop() {
            // Its frame went with the end that was to receive it, or the end found out by itself.
            None => false,
            Some(Frame::Lost) => {
                self.stats.messages_lost += 1;
                true
            }
            Some(Frame::Up) => {
                link.told[toward.index()] = true;
                self.tell(slot, toward, LinkEvent::Up);
                true
            }
            Some(Frame::Body(packet)) => {
                self.deliver(from, to, via, packet);
                true
            }
            Some(Frame::Down) => {
                if link.told[toward.index()] {
                    self.tell_end(slot, toward, LinkEvent::Down);
                    return true;
                }
                match toward {
                    Side::Dialler => self.tell_end(slot, toward, LinkEvent::Refused),
                    // It never heard of the stream at all.
                    Side::Acceptor => self.silence(slot, toward),
                }
                true
            }
        }
    }

    /// The streams of a cut pair break, unless the cut was mended in time.
    pub(super) fn lose_patience(&mut self, from: u8, to: u8, generation: u32) -> bool {
        let pair = self.pair(from, to);
        if pair.cut_generation != generation || !pair.is_cut() {
            return false;
        }
        for slot in self.links_between(from, to) {
            if self.link(slot).open {
                self.end_link(slot, End::OutOfPatience);
            }
        }
        true
    }

    /// Ends a stream: see the rules in the world's text.
    pub(super) fn end_link(&mut self, slot: u32, end: End) {
        let broken = core::mem::replace(&mut self.link(slot).broken, true);
        self.link(slot).cause = self.cause().or(self.link(slot).cause);
        for side in Side::BOTH {
            if !self.link(slot).alive[side.index()] {
                continue;
            }
            if end.cause() == Some(side) {
                let link = self.link(slot);
                link.alive[side.index()] = false;
                self.clear_flow(slot, side, end.why());
            } else {
                self.end_side(slot, side, end, broken);
            }
        }
        self.drop_if_over(slot);
    }

    /// Ends a stream for a side that is to hear of it.
    fn end_side(&mut self, slot: u32, side: Side, end: End, broken: bool) {
        let link = self.link(slot);
        if !link.open {
            return;
        }
        let from = link.ends[side.other().index()];
        let to = link.ends[side.index()];
        let now = self.now;
        if end == End::OutOfPatience && self.pair(from, to).is_cut() {
            let lost = self.ids_in_link(slot, side);
            let flow = &mut self.link(slot).toward[side.index()];
            flow.lose_all();
            flow.local = true;
            self.record_losses(&lost, Why::Cut);
            self.push_frame_now(slot, side);
            return;
        }
        if broken {
            // It is told already, by a frame that is on its way.
            return;
        }
        let link = self.link(slot);
        let entity = (u64::from(link.id.dialler.0) << 32) | u64::from(link.id.ordinal);
        let name = Name::StreamBreak {
            dialler: link.id.dialler.0,
            dial: link.id.ordinal,
            toward: side,
        };
        let in_flight = link.toward[side.index()].len();
        let dice = self.dice;
        let drawn = || {
            dice.draw(Concern::Breaking, entity, side.index() as u64)
                .below(in_flight + 1)
        };
        let kept = self.decider.settle(|| name, drawn, || in_flight);
        let before = self.ids_in_link(slot, side);
        self.link(slot).toward[side.index()].lose_behind(kept);
        let left = self.ids_in_link(slot, side).len();
        self.record_losses(&before[left..], end.why());
        let at = match end {
            End::HungUp(_) | End::Died(_) => self.stream_arrival(from, to),
            End::Broken | End::OutOfPatience => now,
        };
        self.push_frame(slot, side, Frame::Down, at);
    }

    /// Lets a side find out by itself, now, that the stream is gone.
    fn push_frame_now(&mut self, slot: u32, toward: Side) {
        let now = self.now;
        let link = self.link(slot);
        let receiver = link.ends[toward.index()];
        link.toward[toward.index()].push(Frame::Down, now);
        let generation = self.links[slot as usize].generation;
        let event = Event::Stream {
            slot,
            generation,
            toward,
            receiver,
        };
        // Not behind the tokens of the frames that were lost.
        self.queue.push(now, event);
    }

    /// Sends the tokens off again that were stalled by a cut.
    pub(super) fn resume_streams(&mut self, from: u8, to: u8) {
        for slot in self.links_between(from, to) {
            let link = self.link(slot);
            let toward = if link.ends[0] == from {
                Side::Acceptor
            } else {
                Side::Dialler
            };
            let stalled = link.toward[toward.index()].unstall();
            for _ in 0..stalled {
                let at = self.stream_arrival(from, to);
                self.push_token(slot, toward, at);
            }
        }
    }

    /// The places of the streams between two servers.
    pub(super) fn links_between(&self, a: u8, b: u8) -> Vec<u32> {
        self.pair_links[self.link_index(a, b)].clone()
    }

    /// The side of a stream that a server is.
    pub(super) fn side_of(&mut self, slot: u32, place: u8) -> Side {
        if self.link(slot).ends[0] == place {
            Side::Dialler
        } else {
            Side::Acceptor
        }
    }

    /// Whether a stream was accepted and not broken yet.
    pub(super) fn is_whole(&mut self, slot: u32) -> bool {
        let link = self.link(slot);
        link.open && !link.broken
    }

    fn push_dial_failure(&mut self, slot: u32, generation: u32, dialler: u8, at: VirtualTime) {
        let event = Event::DialFailed {
            slot,
            generation,
            dialler,
        };
        self.queue.push(at, event);
    }

    fn push_frame(
        &mut self,
        slot: u32,
        toward: Side,
        frame: Frame<Envelope<Packet<P>>>,
        at: VirtualTime,
    ) {
        let at = self.link(slot).toward[toward.index()].push(frame, at);
        self.push_token(slot, toward, at);
    }

    fn push_token(&mut self, slot: u32, toward: Side, at: VirtualTime) {
        let receiver = self.link(slot).ends[toward.index()];
        let generation = self.links[slot as usize].generation;
        let event = Event::Stream {
            slot,
            generation,
            toward,
            receiver,
        };
        self.queue.push(at, event);
    }

    /// When something that leaves now arrives.
    fn stream_arrival(&mut self, from: u8, to: u8) -> VirtualTime {
        let number = self.pair(from, to).name(Channel::Stream);
        let travel = self.travel(from, to, Channel::Stream, number, (Part::Delay, 0));
        self.now.after(self.pair(from, to).latency(travel))
    }

    /// Gives one end its last news of a stream.
    fn tell_end(&mut self, slot: u32, side: Side, event: LinkEvent) {
        let link = self.link(slot);
        link.broken = true;
        let input = self.news(slot, side, event);
        self.silence(slot, side);
        let (place, input) = input;
        self.step_server(place, input);
    }

    fn tell(&mut self, slot: u32, side: Side, event: LinkEvent) {
        let (place, input) = self.news(slot, side, event);
        self.step_server(place, input);
    }

    fn news(&mut self, slot: u32, side: Side, event: LinkEvent) -> (u8, ServerInput<P>) {
        let link = self.link(slot);
        let id = link.id;
        let place = link.ends[side.index()];
        let peer = link.ends[side.other().index()];
        let peer = self.nodes[usize::from(peer)].id;
        let me = self.nodes[usize::from(place)].id;
        self.mark(Kind::Link, place, event as u64);
        id.feed(&mut self.hash);
        let cause = self.link(slot).cause;
        self.trigger_input(place, cause, || EventKind::Link {
            node: me,
            peer,
            link: format!("{id:?}"),
            event: match event {
                LinkEvent::Up => LinkNews::Up,
                LinkEvent::Refused => LinkNews::Refused,
                LinkEvent::Down => LinkNews::Down,
            },
        });
        let input = ServerInput::Link {
            peer,
            link: id,
            event,
        };
        (place, input)
    }

    fn silence(&mut self, slot: u32, side: Side) {
        self.link(slot).alive[side.index()] = false;
        self.clear_flow(slot, side, Why::Broken);
        self.drop_if_over(slot);
    }

    /// What is on its way to a side that no longer listens is lost.
    fn clear_flow(&mut self, slot: u32, side: Side, why: Why) {
        let lost = self.ids_in_link(slot, side);
        self.link(slot).toward[side.index()].clear();
        self.record_losses(&lost, why);
    }

    fn drop_if_over(&mut self, slot: u32) {
        let link = self.link(slot);
        if link.alive[0] || link.alive[1] {
            return;
        }
        let [a, b] = link.ends;
        let index = self.link_index(a, b);
        self.pair_links[index].retain(|held| *held != slot);
        let place = &mut self.links[slot as usize];
        place.link = None;
        place.generation += 1;
        self.free_links.push(slot);
    }

    fn insert_link(&mut self, link: Link<P>) -> u32 {
        let index = self.link_index(link.ends[0], link.ends[1]);
        let slot = match self.free_links.pop() {
            Some(slot) => {
                self.links[slot as usize].link = Some(link);
                slot
            }
            None => {
                self.links.push(LinkSlot {
                    generation: 0,
                    link: Some(link),
                });
                u32::try_from(self.links.len() - 1).expect("fewer than 2^32 streams are open")
            }
        };
        self.pair_links[index].push(slot);
        slot
    }

    fn find_link(&mut self, from: u8, to: u8, id: LinkId) -> Option<(u32, Side)> {
        let index = self.link_index(from, to);
        let slots = &self.pair_links[index];
        let found = slots.iter().find(|slot| {
            let link = self.links[**slot as usize].link.as_ref();
            link.is_some_and(|link| link.id == id)
        });
        let slot = *found?;
        Some((slot, self.side_of(slot, from)))
    }

    fn link_index(&self, a: u8, b: u8) -> usize {
        usize::from(a.min(b)) * self.nodes.len() + usize::from(a.max(b))
    }

    fn is_current(&self, slot: u32, generation: u32) -> bool {
        self.links[slot as usize].generation == generation
    }

    fn link(&mut self, slot: u32) -> &mut Link<P> {
        let link = self.links[slot as usize].link.as_mut();
        link.expect("a current place has its stream")
    }
}
