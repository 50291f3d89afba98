//! The state of the network: ordered pairs of servers, streams between them, client connections.
//!
//! A direction of a stream is a `Flow`: a queue of frames, and for each frame one *token*, an
//! event of the world, that takes whatever is in front of the queue when it comes. Tokens of one
//! flow are alike, so frames stay in order whatever happens to the tokens: a cut direction keeps
//! the tokens that come, and a mend sends them off again.

use menagerie::ids::{ClientId, LinkId, Span, VirtualTime};
use menagerie::protocol::Protocol;
use menagerie::wire::{ClientFrame, Packet, ServerFrame};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

use crate::chance::dice::{Concern, Deck, Dice, Draw};
use crate::chance::latency::Latency;

/// The network of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// One way between any two servers.
    pub lan: Latency,
    /// A base delay one way, `matrix[from][to]` by the servers' order; a `lan` sample is added.
    pub matrix: Option<Vec<Vec<Span>>>,
    /// One way between a client and a server.
    pub client: Latency,
    /// How many datagrams of a million are lost.
    pub loss_ppm: u32,
    /// How many datagrams of a million arrive twice.
    pub duplicate_ppm: u32,
    /// How long the second copy of a datagram takes; as `lan` says if absent.
    pub twin: Option<Latency>,
    /// Added to `loss_ppm`: `link_loss_ppm[from][to]` by the servers' order.
    pub link_loss_ppm: Option<Vec<Vec<u32>>>,
    /// How long a stream survives a cut; and how much later than the median a message on a
    /// latest-wins channel may be before its connection is given up.
    pub patience: Span,
    /// After how long a dial that is not answered is given up.
    pub dial_timeout: Span,
}

impl NetworkSpec {
    /// A network without loss, with a patience of 200 ms and a dial timeout of 50 ms.
    pub fn reliable(lan: Latency) -> NetworkSpec {
        NetworkSpec {
            lan,
            matrix: None,
            client: lan,
            loss_ppm: 0,
            duplicate_ppm: 0,
            twin: None,
            link_loss_ppm: None,
            patience: Span::millis(200),
            dial_timeout: Span::millis(50),
        }
    }
}

/// A message or frame with its number, which no other one of the run has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope<T> {
    pub(crate) id: u64,
    pub(crate) content: T,
}

/// What travels in a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame<T> {
    /// The stream is open.
    Up,
    /// A message.
    Body(T),
    /// The stream is broken or closed.
    Down,
    /// A frame that was lost when the stream broke; it keeps the place of its token, so that what
    /// comes behind is not early.
    Lost,
}

/// One direction of a stream.
#[derive(Debug)]
pub(crate) struct Flow<T> {
    queue: VecDeque<Frame<T>>,
    /// When the last token comes.
    last: VirtualTime,
    /// Tokens that came while the direction was cut.
    stalled: u32,
    /// Whether what is left of it no longer depends on the network: the end found out by itself.
    pub(crate) local: bool,
}

impl<T> Flow<T> {
    pub(crate) fn new() -> Flow<T> {
        Flow {
            queue: VecDeque::new(),
            last: VirtualTime(0),
            stalled: 0,
            local: false,
        }
    }

    /// Puts a frame in; says when its token is to come, which is never before an earlier one's.
    pub(crate) fn push(&mut self, frame: Frame<T>, at: VirtualTime) -> VirtualTime {
        self.queue.push_back(frame);
        self.last = self.last.max(at);
        self.last
    }

    pub(crate) fn pop(&mut self) -> Option<Frame<T>> {
        self.queue.pop_front()
    }

    /// Keeps a token that came while the direction was cut.
    pub(crate) fn stall(&mut self) {
        self.stalled += 1;
    }

    /// Gives back the tokens that were kept.
    pub(crate) fn unstall(&mut self) -> u32 {
        core::mem::take(&mut self.stalled)
    }

    /// The messages that are on their way, in order.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &T> {
        self.queue.iter().filter_map(|frame| match frame {
            Frame::Body(body) => Some(body),
            Frame::Up | Frame::Down | Frame::Lost => None,
        })
    }

    /// How many frames are in flight.
    pub(crate) fn len(&self) -> u64 {
        self.queue.len() as u64
    }

    /// Loses what is in flight but for the first `kept` frames.
    pub(crate) fn lose_behind(&mut self, kept: u64) {
        for frame in self.queue.iter_mut().skip(kept as usize) {
            *frame = Frame::Lost;
        }
    }

    /// Loses everything in flight.
    pub(crate) fn lose_all(&mut self) {
        self.queue.clear();
    }

    /// Forgets everything, with the memory it took.
    pub(crate) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.stalled = 0;
    }
}

/// One of the two ends of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that dialled; of a connection, the client.
    Dialler,
    /// The end that was dialled; of a connection, the server.
    Acceptor,
}

impl Side {
    pub(crate) const BOTH: [Side; 2] = [Side::Dialler, Side::Acceptor];

    pub(crate) fn other(self) -> Side {
        match self {
            Side::Dialler => Side::Acceptor,
            Side::Acceptor => Side::Dialler,
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Side::Dialler => 0,
            Side::Acceptor => 1,
        }
    }
}

/// One stream between two servers.
#[derive(Debug)]
pub(crate) struct Link<P: Protocol> {
    pub(crate) id: LinkId,
    /// The servers' places, by side.
    pub(crate) ends: [u8; 2],
    /// Whether that end still wants to hear of the stream, by side.
    pub(crate) alive: [bool; 2],
    /// Whether that end was told that the stream is open, by side.
    pub(crate) told: [bool; 2],
    /// When it was dialled.
    pub(crate) dialled: VirtualTime,
    /// Whether the acceptor has answered.
    pub(crate) open: bool,
    /// Whether it takes no more messages.
    pub(crate) broken: bool,
    /// What is on its way towards a side.
    pub(crate) toward: [Flow<Envelope<Packet<P>>>; 2],
    /// The recorded event that brings about what is heard of it next.
    pub(crate) cause: Option<u64>,
}

/// One connection between a client and a server.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) client: ClientId,
    /// Which of the client's connections it is, from 1.
    pub(crate) nth: u32,
    /// The server's place.
    pub(crate) server: u8,
    /// Whether that end still wants to hear of it, by side.
    pub(crate) alive: [bool; 2],
    /// Whether that end was told that it is open, by side.
    pub(crate) told: [bool; 2],
    pub(crate) open: bool,
    pub(crate) broken: bool,
    /// Whether the server stopped listening to it, because a proof of its client failed.
    pub(crate) deaf: bool,
    /// What is on its way to the client.
    pub(crate) down: Flow<Envelope<ServerFrame>>,
    /// What is on its way to the server.
    pub(crate) up: Flow<Envelope<ClientFrame>>,
    /// The recorded event that brings about what is heard of it next.
    pub(crate) cause: Option<u64>,
    decks: [Deck; 2],
    ordinals: [u64; 2],
}

impl Conn {
    pub(crate) fn new(client: ClientId, nth: u32, server: u8, dice: &Dice) -> Conn {
        let deck = |side: Side| {
            let whose = u64::from(client.0) << 40 | u64::from(nth) << 1;
            let entity = whose | side.index() as u64;
            dice.deck(Concern::ClientWire, entity)
        };
        Conn {
            client,
            nth,
            server,
            alive: [true, false],
            told: [false, false],
            open: false,
            broken: false,
            deaf: false,
            down: Flow::new(),
            up: Flow::new(),
            cause: None,
            decks: Side::BOTH.map(deck),
            ordinals: [0, 0],
        }
    }

    /// The number of the next frame towards a side, and its draw.
    pub(crate) fn draw(&mut self, toward: Side) -> (u64, Draw) {
        let ordinal = &mut self.ordinals[toward.index()];
        *ordinal += 1;
        (*ordinal, self.decks[toward.index()].draw(*ordinal))
    }
}

/// The kinds of channels between two servers; each has draws of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Lost, doubled, overtaking each other.
    Datagram,
    /// At most one in flight, and one waiting, which the next one replaces.
    LatestWins,
    /// In order until it breaks.
    Stream,
}

impl Channel {
    fn index(self) -> usize {
        match self {
            Channel::Datagram => 0,
            Channel::LatestWins => 1,
            Channel::Stream => 2,
        }
    }
}

/// One direction between two servers.
#[derive(Debug)]
pub(crate) struct Pair<P: Protocol> {
    /// How many faults cut it.
    pub(crate) cuts: u32,
    /// Raised by each transition, so that the end of an outlasted patience is recognised.
    pub(crate) cut_generation: u32,
    /// Added to every latency by faults.
    pub(crate) extra: Span,
    base: Span,
    /// How many datagrams of a million it loses beside what every link loses.
    pub(crate) loss_ppm: u32,
    pub(crate) latest: Latest<P>,
    decks: [Deck; 3],
    ordinals: [u64; 3],
}

/// A latest-wins channel in one direction.
#[derive(Debug)]
pub(crate) struct Latest<P: Protocol> {
    pub(crate) in_flight: Option<Envelope<Packet<P>>>,
    pub(crate) waiting: Option<Envelope<Packet<P>>>,
    /// The message in flight will not arrive: the connection is given up before.
    pub(crate) stalled: bool,
    /// Raised by each departure and loss: names the message in flight.
    pub(crate) generation: u32,
}

impl<P: Protocol> Pair<P> {
    pub(crate) fn new(from: u8, to: u8, spec: &NetworkSpec, dice: &Dice) -> Pair<P> {
        let base = spec
            .matrix
            .as_ref()
            .map_or(Span::ZERO, |rows| rows[from as usize][to as usize]);
        let deck = |channel: u64| {
            let entity = (u64::from(from) << 16) | (u64::from(to) << 8) | channel;
            dice.deck(Concern::Wire, entity)
        };
        Pair {
            cuts: 0,
            cut_generation: 0,
            extra: Span::ZERO,
            base,
            loss_ppm: spec
                .link_loss_ppm
                .as_ref()
                .map_or(0, |rows| rows[from as usize][to as usize]),
            latest: Latest {
                in_flight: None,
                waiting: None,
                stalled: false,
                generation: 0,
            },
            decks: [deck(0), deck(1), deck(2)],
            ordinals: [0; 3],
        }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cuts > 0
    }

    /// The number of the next message of a channel.
    pub(crate) fn name(&mut self, channel: Channel) -> u64 {
        let ordinal = &mut self.ordinals[channel.index()];
        *ordinal += 1;
        *ordinal
    }

    /// One of the draws (at most 4) of a message.
    pub(crate) fn draw(&self, channel: Channel, name: u64, which: u64) -> Draw {
        self.decks[channel.index()].draw(name * 4 + which)
    }

    /// How long a message takes that travels for so long without what faults and distance add.
    pub(crate) fn latency(&self, travel: u64) -> Span {
        Span(travel + self.base.0 + self.extra.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_keeps_the_order_even_if_a_later_frame_travels_faster() {
        let mut flow = Flow::new();
        assert_eq!(flow.push(Frame::Body(1), VirtualTime(9)), VirtualTime(9));
        assert_eq!(flow.push(Frame::Body(2), VirtualTime(5)), VirtualTime(9));
        assert_eq!(flow.pop(), Some(Frame::Body(1)));
        assert_eq!(flow.pop(), Some(Frame::Body(2)));
        assert_eq!(flow.pop(), None);
    }

    #[test]
    fn breaking_loses_a_suffix_of_any_length() {
        let mut left = [0u32; 4];
        for number in 0..400 {
            let mut flow = Flow::new();
            for body in 0..3 {
                flow.push(Frame::Body(body), VirtualTime(0));
            }
            let kept = Dice::new(number).draw(Concern::Breaking, 1, 0);
            flow.lose_behind(kept.below(flow.len() + 1));
            let left_over: Vec<_> = core::iter::from_fn(|| flow.pop()).collect();
            let lost = left_over.iter().filter(|frame| **frame == Frame::Lost);
            let kept = 3 - lost.count();
            let prefix: Vec<_> = (0..kept).map(Frame::Body).collect();
            assert_eq!(left_over[..kept], prefix);
            left[kept] += 1;
        }
        assert!(left.iter().all(|count| *count > 70), "{left:?}");
    }
}
