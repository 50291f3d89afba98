//! Names of things: servers, sessions, transactions, and the two kinds of time.
//!
//! Distinct things have distinct types, so that a session is never passed where a zxid is meant.

use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A server's number in the ensemble (ZooKeeper's `sid`), counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u8);

/// A transaction's position in the total order.
///
/// Zab uses the high 32 bits for the epoch and the low 32 bits for a counter; `(epoch, 0)` names
/// the NEWLEADER of that epoch and is never a transaction. Multi-Paxos uses the slot number itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Zxid(pub u64);

impl Zxid {
    /// Before every transaction: the state of an empty server.
    pub const ZERO: Zxid = Zxid(0);

    /// The zxid of `counter` in `epoch`.
    pub const fn new(epoch: u32, counter: u32) -> Zxid {
        Zxid(((epoch as u64) << 32) | counter as u64)
    }

    /// The epoch: the high 32 bits.
    pub const fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The counter inside the epoch: the low 32 bits.
    pub const fn counter(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }

    /// The next number. The caller decides what a full counter means (Zab elects a new epoch).
    pub const fn next(self) -> Zxid {
        Zxid(self.0 + 1)
    }
}

/// A client session. Where deltas are replicated, as ZooKeeper names it: the contacted server in
/// the high byte. Where commands are: the place of its opening in the order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl SessionId {
    /// No session: the owner of a node that is not ephemeral.
    pub const NONE: SessionId = SessionId(0);
}

/// A client process of the workload, counted from 1. It may own several sessions one after another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u16);

impl ClientId {
    /// The address that its connections come from: each client's own.
    pub fn address(self) -> Arc<str> {
        let [high, low] = self.0.to_be_bytes();
        Arc::from(format!("10.0.{high}.{low}"))
    }
}

/// One operation of one client, numbered over the whole run in the order of invocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u32);

/// One connection between a client and a server, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnId(pub u32);

/// One stream between two servers. The dialler numbers its dials; a number is never used twice,
/// restarts included, so that news of an old stream cannot be taken for news of a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// The server that dialled.
    pub dialler: NodeId,
    /// Which of its dials this is.
    pub ordinal: u32,
}

/// A length of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole microseconds.
    pub const fn micros(count: u64) -> Span {
        Span(count * 1_000)
    }

    /// A span of whole milliseconds.
    pub const fn millis(count: u64) -> Span {
        Span(count * 1_000_000)
    }

    /// A span of whole seconds.
    pub const fn secs(count: u64) -> Span {
        Span(count * 1_000_000_000)
    }

    /// This span `count` times.
    pub const fn times(self, count: u64) -> Span {
        Span(self.0 * count)
    }
}

/// A reading of one server's own clock, in nanoseconds since that server's first boot.
///
/// It may drift against every other clock; it never goes back, restarts included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct LocalTime(pub u64);

impl LocalTime {
    /// The reading `span` later.
    pub const fn after(self, span: Span) -> LocalTime {
        LocalTime(self.0 + span.0)
    }

    /// How much later this reading is than `earlier`; zero if it is not later.
    pub const fn since(self, earlier: LocalTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The reading in whole milliseconds, as ZooKeeper stamps transactions.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

/// A moment of the run as the simulator sees it, in nanoseconds since its start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VirtualTime(pub u64);

impl VirtualTime {
    /// The moment `span` later.
    pub const fn after(self, span: Span) -> VirtualTime {
        VirtualTime(self.0 + span.0)
    }

    /// How much later this moment is than `earlier`; zero if it is not later.
    pub const fn since(self, earlier: VirtualTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "n{}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "n{}", self.0)
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch() == 0 {
            write!(out, "{}", self.counter())
        } else {
            write!(out, "{}:{}", self.epoch(), self.counter())
        }
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "s{:x}", self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "c{}", self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "op{}", self.0)
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "conn{}", self.0)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}#{}", self.dialler, self.ordinal)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}.{:03}ms",
            self.0 / 1_000_000,
            self.0 / 1_000 % 1_000
        )
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Span(self.0), out)
    }
}

impl fmt::Debug for VirtualTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Span(self.0), out)
    }
}

impl fmt::Display for VirtualTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Span(self.0), out)
    }
}
