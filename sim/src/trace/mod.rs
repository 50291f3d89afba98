//! The trace of a run: typed events, each with the event that made it happen.
//!
//! A trace is a public file format (`events.jsonl`, described in `docs/formats.md`): the first line
//! is the [`Header`], every further line an [`Event`]. [`TRACE_VERSION`] rises whenever a reader of
//! the present version would misunderstand a file.
//!
//! Events are only recorded where a run is asked for its trace; recording never changes the run.

pub mod body;
mod compare;
mod disk;
pub mod export;
mod jsonl;
mod passing;
mod recorder;
mod session;
mod text;

use menagerie::check::Subjects;
use menagerie::ids::{ClientId, ConnId, NodeId, OpId, SessionId, VirtualTime, Zxid};
use menagerie::protocol::{Fact, QuorumRule, Role, Slots};
use menagerie::tree::{EventKind as WatchKind, Identity};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scenario::fault::{Family, Fault};
use crate::world::action::{Action, CrashKind};
pub use compare::{Divergence, divergence};
pub use disk::Op;
pub use jsonl::TraceError;
pub use passing::{Host, Passing};
pub use recorder::Recorder;
pub use text::lines;
pub(crate) use text::{change, words};

/// The version of the format.
pub const TRACE_VERSION: u32 = 2;

/// The trace of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What the trace is of.
    pub header: Header,
    /// What happened, in order: an event's `seq` is its place in this list.
    pub events: Vec<Event>,
}

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`TRACE_VERSION`].
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The protocol's name.
    pub protocol: String,
    /// Whether its epochs are ballots ([`menagerie::protocol::Epochs::InVotes`]), and its positions
    /// slots.
    pub ballots: bool,
    /// How positions are counted.
    #[serde(default, skip_serializing_if = "Slots::is_single")]
    pub slots: Slots,
    /// The seed.
    pub seed: u64,
    /// The ids of the bugs switched on.
    pub mutations: Vec<String>,
    /// The run hash in 16 hexadecimal digits.
    pub hash: String,
    /// What the checkers found, whatever the scenario expects.
    pub verdict: Judgement,
    /// Every violation, in the order of the checkers.
    pub failures: Vec<Failure>,
    /// The servers.
    pub nodes: Vec<ServerLine>,
    /// Which voters make a transaction committed; a majority if absent.
    #[serde(skip_serializing_if = "is_majority", default)]
    pub commit: QuorumRule,
    /// How many clients there are: numbers 1 to this.
    pub clients: u16,
    /// The line that repeats the run.
    pub reproduce: String,
    /// How a command line names the run: what `run`, `explain`, `blame` and `shrink` take.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub run: String,
    /// When the run ended.
    pub end: VirtualTime,
    /// When the faults were healed and the liveness phase began.
    pub healed: Option<VirtualTime>,
    /// How many events at the end were not kept because there were too many.
    pub left_off: u64,
}

fn is_majority(rule: &QuorumRule) -> bool {
    *rule == QuorumRule::Majority
}

/// What the checkers of a run found, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Everything held.
    Pass,
    /// Something was not checked because it never happened.
    Vacuous,
    /// Something could not be decided.
    Unknown,
    /// A violation.
    Fail,
}

/// A violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The checker that reports it.
    pub checker: String,
    /// When the run first showed it.
    pub at: VirtualTime,
    /// What is wrong, for people.
    pub reason: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Subjects::is_empty", default)]
    pub subjects: Subjects,
}

/// A server of the ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerLine {
    /// Its number.
    pub id: NodeId,
    /// Whether it follows without a vote.
    pub observer: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the trace, from 0.
    pub seq: u64,
    /// When.
    pub at: VirtualTime,
    /// The `seq` of the event that made it happen, always a smaller one; `None` where nothing
    /// recorded did.
    pub cause: Option<u64>,
    /// What.
    #[serde(flatten)]
    pub what: EventKind,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// On a stream between two servers.
    Stream,
    /// As a datagram.
    Datagram,
    /// On a channel of which only the latest message counts.
    Latest,
    /// From a server to itself.
    #[serde(rename = "self")]
    Own,
}

/// Why a message never arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The network was cut.
    Cut,
    /// A datagram was lost by chance.
    Loss,
    /// The process of the receiver (or of the sender, before it left) was down.
    Down,
    /// Its stream or connection was broken.
    Broken,
    /// An end had hung up.
    Closed,
    /// A later message took its place before it left.
    Replaced,
}

/// How far a disk operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In the disk's queue.
    Queued,
    /// Survives the death of the process.
    Written,
    /// Survives a loss of power; of a sync, that it ended.
    Durable,
    /// A sync that the device reports to have failed.
    Failed,
    /// Gone by the death of the process or the loss of power.
    Lost,
    /// The disk was read back.
    Read,
}

/// A server's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// Without a leader.
    Looking,
    /// With a leader, voting.
    Following,
    /// The leader.
    Leading,
    /// With a leader, without a vote.
    Observing,
}

/// What became of a stream or a connection, as one end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkNews {
    /// This end asks for it.
    Dial,
    /// It is open.
    Up,
    /// It could not be opened.
    Refused,
    /// It broke, or the other end hung up.
    Down,
}

/// Where a frame between a client and a server goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the server.
    Up,
    /// To the client.
    Down,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passage {
    /// It leaves.
    Sent,
    /// It arrives.
    Delivered,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// A success.
    Ok,
    /// A definite error, which is an observation.
    Error,
    /// Surely not executed.
    Refused,
    /// It may take effect at any later time, or never.
    Unknown,
}

/// What became of a session, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionNews {
    /// It began.
    Opened,
    /// It is gone.
    Ended,
    /// A wrong password was turned away.
    Rejected,
    /// A wrong password was let in.
    Admitted,
}

/// What can happen. `id`s name messages and frames, by one numbering for the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "docs/formats.md says what each field means")]
pub enum EventKind {
    /// A message leaves a server.
    Send {
        id: u64,
        from: NodeId,
        to: NodeId,
        via: Way,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        link: Option<String>,
        kind: String,
        body: Value,
    },
    /// The network makes a second message of one.
    Duplicate { id: u64, of: u64 },
    /// A message arrives.
    Deliver {
        id: u64,
        node: NodeId,
        from: NodeId,
        kind: String,
    },
    /// A message or frame will never arrive.
    Lose { id: u64, why: Why },
    /// A server hears of a stream.
    Link {
        node: NodeId,
        peer: NodeId,
        link: String,
        event: LinkNews,
    },
    /// A server's timer goes off.
    Timer { node: NodeId, timer: String },
    /// A disk operation gets further.
    Disk {
        node: NodeId,
        ticket: u64,
        op: Op,
        phase: Phase,
        #[serde(skip_serializing_if = "Value::is_null", default)]
        body: Value,
    },
    /// A server's process starts.
    Boot { node: NodeId },
    /// A server will not start with what its disk holds.
    Refused { node: NodeId, why: String },
    /// A server dies.
    Crash { node: NodeId, kind: CrashKind },
    /// A server's process stands still.
    Pause { node: NodeId },
    /// It goes on.
    Resume { node: NodeId },
    /// A server's role, epoch or leader is another one now.
    Standing {
        node: NodeId,
        role: RoleName,
        epoch: u64,
        leader: Option<NodeId>,
    },
    /// A server applies a transaction.
    Apply {
        node: NodeId,
        zxid: Zxid,
        body: Value,
    },
    /// A server has applied a transaction and knows it to be committed.
    Commit { node: NodeId, zxid: Zxid },
    /// A server's state is replaced by one that stands at this zxid.
    Restore { node: NodeId, zxid: Zxid },
    /// The protocol states a fact.
    Fact { node: NodeId, body: Fact },
    /// An end of a client's connection hears of it.
    ClientLink {
        client: ClientId,
        server: NodeId,
        conn: ConnId,
        end: End,
        event: LinkNews,
    },
    /// A client's timer goes off.
    ClientTimer { client: ClientId, timer: String },
    /// A client's session begins or is gone.
    Session {
        client: ClientId,
        #[serde(with = "session")]
        session: SessionId,
        event: SessionNews,
    },
    /// A client wants an operation done.
    Invoke {
        client: ClientId,
        op: OpId,
        request: Value,
        text: String,
        synced: bool,
    },
    /// An operation leaves for a server.
    Sent {
        client: ClientId,
        op: OpId,
        #[serde(with = "session")]
        session: SessionId,
        xid: u32,
        server: NodeId,
        conn: ConnId,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        ids: Vec<Identity>,
    },
    /// An operation ends.
    Complete {
        client: ClientId,
        op: OpId,
        outcome: Ended,
        zxid: Option<Zxid>,
        answer: Value,
        invoked: VirtualTime,
    },
    /// A client's watch fires.
    WatchEvent {
        client: ClientId,
        #[serde(with = "session")]
        session: SessionId,
        kind: WatchKind,
        path: String,
        zxid: Zxid,
    },
    /// A frame between a client and a server leaves or arrives.
    Frame {
        id: u64,
        conn: ConnId,
        client: ClientId,
        server: NodeId,
        direction: Direction,
        phase: Passage,
        kind: String,
        #[serde(skip_serializing_if = "Value::is_null", default)]
        body: Value,
    },
    /// A planned fault fires.
    Fault {
        index: usize,
        family: Family,
        fault: Fault,
    },
    /// A planned fault ends.
    Undo { index: usize },
    /// The faults are healed for these servers; the liveness phase begins.
    Heal { core: Vec<NodeId> },
    /// Something is done to the network or a disk that has no event of its own.
    Action { action: Action },
    /// A checker's violation, at the moment in which the run first showed it.
    Violation { checker: String, reason: String },
}

impl From<Role> for RoleName {
    fn from(role: Role) -> RoleName {
        match role {
            Role::Looking => RoleName::Looking,
            Role::Following => RoleName::Following,
            Role::Leading => RoleName::Leading,
            Role::Observing => RoleName::Observing,
        }
    }
}

impl Trace {
    /// A trace with the violations of its header put in where they belong in time.
    pub fn new(header: Header, events: Vec<Event>) -> Trace {
        let mut marks: Vec<Failure> = header.failures.clone();
        marks.sort_by_key(|failure| failure.at);
        let events = with_marks(events, marks);
        Trace { header, events }
    }
}

/// Puts violations behind everything that happened at their moment, and numbers the events anew.
fn with_marks(events: Vec<Event>, marks: Vec<Failure>) -> Vec<Event> {
    let mut marks = marks.into_iter().peekable();
    let mut place = Vec::with_capacity(events.len());
    let mut marked: Vec<Event> = Vec::with_capacity(events.len() + marks.len());
    let mark = |marked: &mut Vec<Event>, failure: Failure| {
        let seq = marked.len() as u64;
        marked.push(Event {
            seq,
            at: failure.at,
            cause: seq.checked_sub(1),
            what: EventKind::Violation {
                checker: failure.checker,
                reason: failure.reason,
            },
        });
    };
    for mut event in events {
        while let Some(failure) = marks.next_if(|failure| failure.at < event.at) {
            mark(&mut marked, failure);
        }
        event.cause = event.cause.map(|cause| place[cause as usize]);
        event.seq = marked.len() as u64;
        place.push(event.seq);
        marked.push(event);
    }
    marks.for_each(|failure| mark(&mut marked, failure));
    marked
}
