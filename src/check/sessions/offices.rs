//! Whether leaders let sessions expire neither early nor late, and take over none that is ending.

use crate::check::Subjects;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::check::Timing;
use crate::check::findings::Findings;
use crate::ids::{NodeId, SessionId, Span, VirtualTime, Zxid};
use crate::protocol::{Fact, Role};
use crate::tree::{Content, Payload};
use crate::wire::PeerMsg;

/// A leader in one epoch.
type Office = (NodeId, u64);

/// Who was the first to propose a value.
#[derive(Clone, Copy, Debug)]
struct Proposal {
    office: Office,
    at: VirtualTime,
}

/// A session's beginning.
#[derive(Clone, Copy, Debug)]
struct Opening {
    zxid: Zxid,
    timeout: Span,
    /// A session that was opened again after its end is not judged by its first end.
    again: bool,
    /// The payload's digest.
    value: u64,
    /// Whether anybody delivered it: what is applied and truncated opens nothing.
    is_committed: bool,
}

/// A session's first end.
#[derive(Clone, Copy, Debug)]
struct End {
    zxid: Zxid,
    value: u64,
}

/// A write of a client that a leader proposed.
#[derive(Clone, Copy, Debug)]
struct Proposed {
    zxid: Zxid,
    proposal: Proposal,
    /// When it reached the leader for the first time.
    arrival: VirtualTime,
}

/// What leaders heard of sessions and what they made of it.
#[derive(Debug)]
pub(super) struct Offices {
    timing: Timing,
    /// Whether leaders say by what they know whether a session that comes back lives; elsewhere the
    /// order says it.
    leaders_decide: bool,
    standings: BTreeMap<NodeId, (Role, u64)>,
    proposals: BTreeMap<u64, Proposal>,
    /// When each leader was established.
    established: BTreeMap<Office, VirtualTime>,
    /// When each leader proposed something new for the first time, and what it stood at: from then
    /// on it surely serves.
    serving: BTreeMap<Office, (VirtualTime, Zxid)>,
    resumed: BTreeMap<NodeId, Vec<VirtualTime>>,
    stands: BTreeMap<NodeId, Zxid>,
    /// When each server heard of each session, ascending.
    heard: BTreeMap<(NodeId, SessionId), Vec<VirtualTime>>,
    /// When each server first applied the opening of each session.
    learned: BTreeMap<(NodeId, SessionId), VirtualTime>,
    /// Commands by which clients came back, and when each server first applied them.
    attaches: BTreeMap<(SessionId, Zxid), BTreeMap<NodeId, VirtualTime>>,
    /// When a write first reached a server.
    arrivals: BTreeMap<(NodeId, SessionId, u32), VirtualTime>,
    openings: BTreeMap<SessionId, Opening>,
    /// Openings that nobody delivered so far.
    unconfirmed: BTreeMap<Zxid, SessionId>,
    ends: BTreeMap<SessionId, End>,
    /// Sessions that a leader said to be alive: when, and in which office.
    taken_over: Vec<(VirtualTime, Office, SessionId)>,
    writes: BTreeMap<Zxid, Proposed>,
}

impl Offices {
    pub fn new(timing: Timing, leaders_decide: bool) -> Offices {
        Offices {
            timing,
            leaders_decide,
            standings: BTreeMap::new(),
            proposals: BTreeMap::new(),
            established: BTreeMap::new(),
            serving: BTreeMap::new(),
            resumed: BTreeMap::new(),
            stands: BTreeMap::new(),
            heard: BTreeMap::new(),
            learned: BTreeMap::new(),
            attaches: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            openings: BTreeMap::new(),
            unconfirmed: BTreeMap::new(),
            ends: BTreeMap::new(),
            taken_over: Vec::new(),
            writes: BTreeMap::new(),
        }
    }

    /// A server's process starts or dies.
    pub fn booted(&mut self, node: NodeId) {
        self.stands.remove(&node);
        self.standings.remove(&node);
        self.arrivals.retain(|(other, ..), _| *other != node);
    }

    /// A server's state is another one.
    pub fn restored(&mut self, node: NodeId, zxid: Zxid) {
        self.stands.insert(node, zxid);
    }

    /// A server's role or epoch changed.
    pub fn stands(&mut self, node: NodeId, role: Role, epoch: u64) {
        self.standings.insert(node, (role, epoch));
    }

    /// A server's process goes on after a pause.
    pub fn resumed(&mut self, at: VirtualTime, node: NodeId) {
        self.resumed.entry(node).or_default().push(at);
    }

    /// A frame of a session's client reached a server.
    pub fn heard_client(
        &mut self,
        at: VirtualTime,
        node: NodeId,
        session: SessionId,
        seq: Option<u32>,
    ) {
        self.hear(at, node, session);
        if let Some(seq) = seq {
            self.arrivals.entry((node, session, seq)).or_insert(at);
        }
    }

    /// A connection was attached to a session.
    pub fn attached(&mut self, at: VirtualTime, node: NodeId, session: SessionId, again: bool) {
        self.hear(at, node, session);
        if again && self.leaders_decide {
            self.take_over(at, node, session);
        }
    }

    /// A message of another server came.
    pub fn received(&mut self, at: VirtualTime, node: NodeId, msg: &PeerMsg) {
        match msg {
            PeerMsg::Request { session, seq, .. } => {
                self.heard_client(at, node, *session, Some(*seq));
            }
            PeerMsg::Revalidate { session, .. } => self.hear(at, node, *session),
            PeerMsg::Touch { sessions } => {
                for session in sessions {
                    self.hear(at, node, *session);
                }
            }
            PeerMsg::Revalidated { .. } => {}
        }
    }

    /// A server sent a message to another one.
    pub fn sent(&mut self, at: VirtualTime, node: NodeId, msg: &PeerMsg) {
        match msg {
            PeerMsg::Revalidated {
                session,
                timeout: Some(_),
                ..
            } => self.take_over(at, node, *session),
            PeerMsg::Revalidated { timeout: None, .. }
            | PeerMsg::Request { .. }
            | PeerMsg::Revalidate { .. }
            | PeerMsg::Touch { .. } => {}
        }
    }

    fn hear(&mut self, at: VirtualTime, node: NodeId, session: SessionId) {
        let heard = self.heard.entry((node, session)).or_default();
        if heard.last() != Some(&at) {
            heard.push(at);
        }
    }

    fn take_over(&mut self, at: VirtualTime, node: NodeId, session: SessionId) {
        if let Some((Role::Leading, epoch)) = self.standings.get(&node) {
            self.taken_over.push((at, (node, *epoch), session));
        }
    }

    /// A transaction is committed.
    pub fn delivered(&mut self, zxid: Zxid, value: u64) {
        if let Some(session) = self.unconfirmed.get(&zxid)
            && let Some(opening) = self.openings.get_mut(session)
            && opening.value == value
        {
            opening.is_committed = true;
            self.unconfirmed.remove(&zxid);
        }
    }

    /// A protocol stated a fact.
    pub fn stated(&mut self, at: VirtualTime, node: NodeId, fact: &Fact) {
        match *fact {
            Fact::Established { epoch, .. } => {
                self.established.insert((node, epoch), at);
            }
            Fact::Proposed { epoch, value, .. } if value != 0 => {
                let office = (node, epoch);
                if let Entry::Vacant(entry) = self.proposals.entry(value) {
                    entry.insert(Proposal { office, at });
                    let stands = self.stands.get(&node).copied().unwrap_or_default();
                    self.serving.entry(office).or_insert((at, stands));
                }
            }
            Fact::Proposed { .. }
            | Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => {}
        }
    }

    /// A server applied a transaction: gives the session that it opens.
    pub fn applied(
        &mut self,
        at: VirtualTime,
        node: NodeId,
        zxid: Zxid,
        payload: &Payload,
    ) -> Option<SessionId> {
        self.stands.insert(node, zxid);
        let (session, seq) = match payload.content() {
            Content::Txn(record) => (record.session, record.seq),
            Content::Command(command) => {
                if command.is_attach() {
                    // Its client comes back.
                    self.hear(at, node, command.session);
                    let attach = self.attaches.entry((command.session, zxid)).or_default();
                    attach.entry(node).or_insert(at);
                }
                (command.session, command.seq)
            }
        };
        if let Some(timeout) = payload.opens_session() {
            let opened = match payload.content() {
                Content::Txn(_) => session,
                // What a command carries is no session yet; that is named after its place.
                Content::Command(_) => SessionId(zxid.0),
            };
            self.open(zxid, payload.digest(), opened, timeout);
            self.learned.entry((node, opened)).or_insert(at);
            self.hear(at, node, opened);
            return Some(opened);
        }
        if seq > 0 && !self.writes.contains_key(&zxid) {
            self.note_write(zxid, session, seq, payload.digest());
        }
        None
    }

    fn open(&mut self, zxid: Zxid, value: u64, session: SessionId, timeout: Span) {
        self.unconfirmed.insert(zxid, session);
        let end = self.ends.get(&session).copied();
        let opening = self.openings.entry(session).or_insert(Opening {
            zxid,
            timeout,
            again: false,
            value,
            is_committed: false,
        });
        opening.again |= end.is_some_and(|end| zxid > end.zxid);
    }

    fn note_write(&mut self, zxid: Zxid, session: SessionId, seq: u32, value: u64) {
        let Some(proposal) = self.proposals.get(&value).copied() else {
            return;
        };
        let reached = (proposal.office.0, session, seq);
        let arrival = self.arrivals.get(&reached).copied();
        // A process that replays its log after a restart has not heard of it again.
        if let Some(arrival) = arrival.filter(|arrival| *arrival <= proposal.at) {
            let write = Proposed {
                zxid,
                proposal,
                arrival,
            };
            self.writes.insert(zxid, write);
        }
    }

    /// A server applied the end of a session.
    pub fn ended(&mut self, findings: &mut Findings, end: (SessionId, Zxid, u64), expired: bool) {
        let (session, zxid, value) = end;
        if self.ends.contains_key(&session) {
            return;
        }
        self.ends.insert(session, End { zxid, value });
        if expired {
            self.judge_expiry(findings, session, value);
        }
    }

    /// Whether the leader that let a session expire had heard nothing of it for long enough.
    fn judge_expiry(&self, findings: &mut Findings, session: SessionId, value: u64) {
        let (Some(opening), Some(proposal)) =
            (self.openings.get(&session), self.proposals.get(&value))
        else {
            return;
        };
        let Some(established) = self.established.get(&proposal.office) else {
            return;
        };
        findings.count();
        let silence = self.silence(session, proposal.office.0, *established, proposal.at);
        if !self.is_long_enough(silence, opening.timeout) {
            let (leader, epoch) = proposal.office;
            let reason = format!(
                "{leader}, established in epoch {epoch} at {established}, let {session} expire at \
                 {}, but in its office it was never without news of it for longer than {silence}, \
                 and its timeout is {}",
                proposal.at, opening.timeout
            );
            let subjects = Subjects::none().node(leader).epoch(epoch).session(session);
            findings.fail(proposal.at, reason, subjects);
        }
    }

    /// The longest that a server was without news of a session between two moments.
    fn silence(
        &self,
        session: SessionId,
        node: NodeId,
        from: VirtualTime,
        through: VirtualTime,
    ) -> Span {
        let heard = self.heard.get(&(node, session));
        let moments = heard.into_iter().flatten().copied();
        let moments = moments.filter(|at| *at > from && *at <= through);
        let mut before = from;
        let mut silence = Span::ZERO;
        for at in moments.chain([through]) {
            silence = silence.max(at.since(before));
            before = at;
        }
        silence
    }

    /// Whether a leader may let a session expire after such a silence.
    fn is_long_enough(&self, silence: Span, timeout: Span) -> bool {
        silence >= self.timing.shortest(timeout)
    }

    /// Whether a present leader may have an end of a session under way because it had not heard of
    /// the session for long enough.
    pub fn may_be_expiring(&self, at: VirtualTime, session: SessionId) -> bool {
        let Some(opening) = self.openings.get(&session) else {
            return false;
        };
        self.standings.iter().any(|(node, (role, epoch))| {
            let established = self.established.get(&(*node, *epoch));
            *role == Role::Leading
                && established.is_some_and(|established| {
                    let silence = self.silence(session, *node, *established, at);
                    self.is_long_enough(silence, opening.timeout)
                })
        })
    }

    /// Judges what only the whole run shows.
    pub fn finish(&self, findings: &mut Findings) {
        for (session, opening) in &self.openings {
            if opening.again || !opening.is_committed {
                continue;
            }
            findings.count();
            self.judge_silence(findings, *session, *opening);
        }
        for (at, office, session) in &self.taken_over {
            findings.count();
            let opening = self.openings.get(session);
            let end = self.ends.get(session);
            let (Some(end), Some(false)) = (end, opening.map(|opening| opening.again)) else {
                continue;
            };
            let Some(proposal) = self.proposals.get(&end.value) else {
                continue;
            };
            if proposal.office == *office && proposal.at <= *at {
                let reason = format!(
                    "{} took over {session} at {at}, although it had proposed its end ({}) at {}",
                    office.0, end.zxid, proposal.at
                );
                let subjects = Subjects::none()
                    .node(office.0)
                    .zxid(end.zxid)
                    .session(*session);
                findings.fail(*at, reason, subjects);
            }
        }
    }

    /// Whether a session outlived its timeout at a leader that heard nothing of it.
    fn judge_silence(&self, findings: &mut Findings, session: SessionId, opening: Opening) {
        let end = self.ends.get(&session);
        let end = end.map_or(Zxid(u64::MAX), |end| end.zxid);
        let tick = self.timing.tick;
        let patience = Span(opening.timeout.0 + tick.times(3).0 + tick.0 / 2);
        let patience = self.timing.longest(patience);
        for write in self.writes.range(opening.zxid..end).map(|(_, write)| write) {
            let Proposal { office, at } = write.proposal;
            let Some((serving, stood_at)) = self.serving.get(&office).copied() else {
                continue;
            };
            if write.arrival.since(serving) < patience {
                continue;
            }
            let resumed = self.resumed.get(&office.0).and_then(|all| last_by(all, at));
            let heard = self.heard.get(&(office.0, session));
            let heard = heard.and_then(|all| last_by(all, at));
            let learned = self.learned.get(&(office.0, session)).copied();
            if opening.zxid > stood_at && learned.is_none_or(|learned| learned > at) {
                // It has not applied the opening of the session yet.
                continue;
            }
            if self.attach_is_under_way(session, write) {
                continue;
            }
            let since = serving
                .max(learned.filter(|learned| *learned <= at).unwrap_or_default())
                .max(resumed.unwrap_or_default())
                .max(heard.unwrap_or_default());
            if write.arrival.since(since) >= patience {
                let reason = format!(
                    "{} heard nothing of {session} from {since} on, whose timeout is {}, but a \
                     write that reached it at {} came to stand at {} before any end of it",
                    office.0, opening.timeout, write.arrival, write.zxid
                );
                let subjects = Subjects::none()
                    .node(office.0)
                    .zxid(write.zxid)
                    .session(session);
                findings.fail(at, reason, subjects);
                return;
            }
        }
    }

    /// Whether the last return of a session's client that stands before a write was not applied
    /// yet by the leader that proposed the write. An end that was asked for before names an earlier
    /// generation, and the next one is asked for when the leader has applied the return.
    fn attach_is_under_way(&self, session: SessionId, write: &Proposed) -> bool {
        let before = (session, Zxid::ZERO)..(session, write.zxid);
        let Some((_, applied)) = self.attaches.range(before).next_back() else {
            return false;
        };
        let Proposal { office, at } = write.proposal;
        applied.get(&office.0).is_none_or(|applied| *applied > at)
    }
}

/// The last of these moments that is not after `at`.
fn last_by(moments: &[VirtualTime], at: VirtualTime) -> Option<VirtualTime> {
    let end = moments.partition_point(|moment| *moment <= at);
    moments[..end].last().copied()
}
