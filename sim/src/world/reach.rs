//! Which rare paths a run takes, and how often.
//!
//! A checker that holds says nothing about a path that no seed takes. So each path that our seeds
//! must take has a line in [`PATHS`] and is counted in every run, from the facts that servers state
//! and the messages that arrive. A campaign sums them up. Counting changes no run.

use std::collections::BTreeMap;

use menagerie::history::History;
use menagerie::ids::{NodeId, SessionId, Span, Zxid};
use menagerie::protocol::{Fact, Role, Standing};
use menagerie::tree::{Content, Payload, Txn, Write};
use menagerie::wire::{ClientFrame, ServerFrame};

use crate::world::Stats;

/// A path that our seeds must take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// Zab: a learner is synchronised by a DIFF.
    Diff,
    /// Zab: a learner is synchronised by a TRUNC.
    Trunc,
    /// Zab: a learner is synchronised by a snapshot.
    Snap,
    /// Zab: a leader proposes the last zxid of its epoch.
    Rollover,
    /// Paxos: a leader is established.
    Ballot,
    /// Paxos: a ballot is promised above one of another server that is not established.
    Duel,
    /// Paxos: a server refuses a ballot.
    Nack,
    /// Paxos: what is promised to a ballot reports votes of two ballots in one slot.
    TwoBallots,
    /// Paxos: what is promised to a ballot reports two values in one slot.
    TwoValues,
    /// Paxos: a leader fills a gap with a no-op.
    Gap,
    /// Paxos: a server that lags is told chosen values.
    Learn,
    /// Paxos: a server that lags is given a snapshot.
    PaxosSnap,
    /// A server is established as the leader beside another one.
    TwoLeaders,
    /// A session expires.
    Expiry,
    /// A client sends an operation again.
    Retry,
    /// An established leader takes no further request.
    QueueFull,
    /// A client shows a wrong password.
    WrongPassword,
    /// A sync fails.
    FailedSync,
    /// Paxos: a datagram takes longer than the shortest election timeout.
    LateDatagram,
    /// Paxos: the second copy of a datagram takes longer than the shortest election timeout.
    LateTwin,
}

/// What there is to say of a path.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The path.
    pub path: Path,
    /// Its name in tables and documents.
    pub name: &'static str,
    /// The protocol it belongs to; `None`: every one.
    pub protocol: Option<&'static str>,
    /// The kind of message whose arrivals are counted; `None`: it is noted where it happens.
    pub kind: Option<&'static str>,
}

/// Every path, in the order of [`Path`].
pub const PATHS: &[Entry] = &[
    of_kind(Path::Diff, "DIFF", "zab", "DIFF"),
    of_kind(Path::Trunc, "TRUNC", "zab", "TRUNC"),
    of_kind(Path::Snap, "SNAP", "zab", "SNAP"),
    of_protocol(Path::Rollover, "rollover", "zab"),
    of_protocol(Path::Ballot, "ballot established", "paxos"),
    of_protocol(Path::Duel, "ballot duel", "paxos"),
    of_kind(Path::Nack, "Nack", "paxos", "Nack"),
    of_protocol(Path::TwoBallots, "two ballots reported", "paxos"),
    of_protocol(Path::TwoValues, "two values reported", "paxos"),
    of_protocol(Path::Gap, "gap filled", "paxos"),
    of_kind(Path::Learn, "Learn", "paxos", "Learn"),
    of_kind(Path::PaxosSnap, "Snap", "paxos", "Snap"),
    of_all(Path::TwoLeaders, "two leaders at once"),
    of_all(Path::Expiry, "session expired"),
    of_all(Path::Retry, "operation sent again"),
    of_all(Path::QueueFull, "leader's queue full"),
    of_all(Path::WrongPassword, "wrong password"),
    of_all(Path::FailedSync, "failed sync"),
    of_protocol(Path::LateDatagram, "late datagram", "paxos"),
    of_protocol(Path::LateTwin, "late duplicate", "paxos"),
];

const fn of_kind(
    path: Path,
    name: &'static str,
    protocol: &'static str,
    kind: &'static str,
) -> Entry {
    Entry {
        path,
        name,
        protocol: Some(protocol),
        kind: Some(kind),
    }
}

const fn of_protocol(path: Path, name: &'static str, protocol: &'static str) -> Entry {
    Entry {
        path,
        name,
        protocol: Some(protocol),
        kind: None,
    }
}

const fn of_all(path: Path, name: &'static str) -> Entry {
    Entry {
        path,
        name,
        protocol: None,
        kind: None,
    }
}

/// How often each path was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached([u64; PATHS.len()]);

impl Default for Reached {
    fn default() -> Reached {
        Reached([0; PATHS.len()])
    }
}

impl Reached {
    /// How often a path was taken.
    pub fn times(&self, path: Path) -> u64 {
        self.0[path as usize]
    }

    /// The paths that concern a protocol, and how often each was taken.
    pub fn of<'a>(&'a self, protocol: &'a str) -> impl Iterator<Item = (&'static Entry, u64)> + 'a {
        PATHS
            .iter()
            .filter(move |entry| entry.protocol.is_none_or(|name| name == protocol))
            .map(|entry| (entry, self.times(entry.path)))
    }

    fn add(&mut self, path: Path, times: u64) {
        self.0[path as usize] += times;
    }
}

/// How often each path was taken in many runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    times: Reached,
    runs: Reached,
}

impl Tally {
    /// Adds a run.
    pub fn take(&mut self, run: &Reached) {
        for entry in PATHS {
            let times = run.times(entry.path);
            self.times.add(entry.path, times);
            self.runs.add(entry.path, u64::from(times > 0));
        }
    }

    /// The paths that concern a protocol: in how many runs each was taken, and how often in all.
    pub fn of<'a>(
        &'a self,
        protocol: &'a str,
    ) -> impl Iterator<Item = (&'static Entry, u64, u64)> + 'a {
        let runs = self.runs.of(protocol);
        runs.map(|(entry, runs)| (entry, runs, self.times.times(entry.path)))
    }
}

/// What the promises to one ballot reported of a slot first: the vote's ballot and its value.
type FirstReports = BTreeMap<Zxid, (u64, u64)>;

/// Watches one run.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    protocol: &'static str,
    /// The last counter of an epoch.
    last_counter: u64,
    late: Span,
    reached: Reached,
    /// The ballot that each server's promise under way is about.
    promising: BTreeMap<NodeId, u64>,
    reports: BTreeMap<u64, FirstReports>,
    with_two_ballots: u64,
    with_two_values: u64,
    /// The greatest ballot that somebody promised.
    promised: u64,
    /// The greatest ballot that was established.
    established: u64,
    /// Expiries are counted through here.
    expired_through: Zxid,
    passwords: BTreeMap<SessionId, u64>,
}

impl Watch {
    /// `late`: a datagram that takes longer is late.
    pub(crate) fn new(protocol: &'static str, counter_bits: u32, late: Span) -> Watch {
        Watch {
            protocol,
            last_counter: (1 << counter_bits) - 1,
            late,
            reached: Reached::default(),
            promising: BTreeMap::new(),
            reports: BTreeMap::new(),
            with_two_ballots: 0,
            with_two_values: 0,
            promised: 0,
            established: 0,
            expired_through: Zxid::ZERO,
            passwords: BTreeMap::new(),
        }
    }

    /// What was reached, with what the counts of messages and the history show at the end.
    pub(crate) fn finish(&self, stats: &Stats, history: &History) -> Reached {
        let mut reached = self.reached.clone();
        let kinds = stats.by_kind();
        for entry in PATHS {
            let concerned = entry.protocol == Some(self.protocol);
            let arrivals = entry.kind.and_then(|kind| kinds.get(kind));
            if let (true, Some(count)) = (concerned, arrivals) {
                reached.add(entry.path, *count);
            }
        }
        let again = |attempts: u32| u64::from(attempts.saturating_sub(1));
        let operations = history.operations.iter();
        reached.add(Path::Retry, operations.map(|op| again(op.attempts)).sum());
        reached
    }

    fn note(&mut self, path: Path) {
        self.reached.add(path, 1);
    }

    pub(crate) fn failed_sync(&mut self) {
        self.note(Path::FailedSync);
    }

    /// A datagram sets off that takes so long, or its second copy.
    pub(crate) fn travels(&mut self, travel: Span, is_twin: bool) {
        if travel > self.late {
            self.note(if is_twin {
                Path::LateTwin
            } else {
                Path::LateDatagram
            });
        }
    }

    pub(crate) fn fact(&mut self, node: NodeId, fact: &Fact) {
        match self.protocol {
            "zab" => {
                if let Fact::Proposed { zxid, .. } = fact
                    && u64::from(zxid.counter()) == self.last_counter
                {
                    self.note(Path::Rollover);
                }
            }
            "paxos" => self.paxos_fact(node, fact),
            _other => {}
        }
    }

    fn paxos_fact(&mut self, node: NodeId, fact: &Fact) {
        match *fact {
            Fact::Established { epoch, .. } => {
                self.note(Path::Ballot);
                self.established = self.established.max(epoch);
                self.reports.retain(|ballot, _| *ballot > epoch);
            }
            Fact::Promised { epoch } => {
                if epoch <= self.promised {
                    return;
                }
                let owner = |ballot: u64| ballot & 0xff;
                if self.promised > self.established && owner(self.promised) != owner(epoch) {
                    self.note(Path::Duel);
                }
                self.promised = epoch;
            }
            Fact::Reporting { epoch, .. } => {
                self.promising.insert(node, epoch);
            }
            Fact::Reported { epoch, zxid, value } => {
                if let Some(ballot) = self.promising.get(&node).copied() {
                    self.reported(ballot, zxid, (epoch, value));
                }
            }
            Fact::Proposed { value: 0, .. } => self.note(Path::Gap),
            Fact::Proposed { .. } | Fact::Voted { .. } | Fact::Chosen { .. } => {}
        }
    }

    /// A promise to `ballot` reports a vote. Each ballot counts once.
    fn reported(&mut self, ballot: u64, slot: Zxid, vote: (u64, u64)) {
        if ballot <= self.established {
            return;
        }
        let reports = self.reports.entry(ballot).or_default();
        let first = *reports.entry(slot).or_insert(vote);
        if first.0 != vote.0 && self.with_two_ballots < ballot {
            self.with_two_ballots = ballot;
            self.note(Path::TwoBallots);
        }
        if first.1 != vote.1 && self.with_two_values < ballot {
            self.with_two_values = ballot;
            self.note(Path::TwoValues);
        }
    }

    /// A server's standing changed. `others`: those of the other servers that are up.
    pub(crate) fn standing(
        &mut self,
        before: Option<&Standing>,
        now: &Standing,
        mut others: impl Iterator<Item = Standing>,
    ) {
        let was = before.is_some_and(is_established);
        if is_established(now) && !was && others.any(|other| is_established(&other)) {
            self.note(Path::TwoLeaders);
        }
        let could = before.is_some_and(|before| before.can_propose);
        if is_established(now) && was && could && !now.can_propose {
            self.note(Path::QueueFull);
        }
    }

    /// A transaction was applied, by whichever server is the first.
    pub(crate) fn applied(&mut self, zxid: Zxid, payload: &Payload) {
        let is_expiry = match payload.content() {
            // A client's own write has a number.
            Content::Txn(record) => {
                record.seq == 0 && matches!(record.txn, Txn::CloseSession { .. })
            }
            Content::Command(command) => matches!(command.write, Write::ExpireSession),
        };
        if is_expiry && zxid > self.expired_through {
            self.expired_through = zxid;
            self.note(Path::Expiry);
        }
    }

    /// A server sends a frame to a client.
    pub(crate) fn replied(&mut self, frame: &ServerFrame) {
        if let ServerFrame::Connected {
            session, password, ..
        } = frame
        {
            self.passwords.insert(*session, *password);
        }
    }

    /// A frame of a client reaches a server.
    pub(crate) fn asked(&mut self, frame: &ClientFrame) {
        if let ClientFrame::Connect {
            session, password, ..
        } = frame
            && self
                .passwords
                .get(session)
                .is_some_and(|own| own != password)
            && *session != SessionId::NONE
        {
            self.note(Path::WrongPassword);
        }
    }
}

fn is_established(standing: &Standing) -> bool {
    standing.role == Role::Leading && standing.serve_from.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::protocol::epoch_of_ballot;

    fn watch(protocol: &'static str) -> Watch {
        Watch::new(protocol, 4, Span::millis(100))
    }

    #[test]
    fn every_path_stands_at_its_own_place_of_the_table() {
        for (place, entry) in PATHS.iter().enumerate() {
            assert_eq!(entry.path as usize, place, "{}", entry.name);
            assert!(PATHS[..place].iter().all(|other| other.name != entry.name));
        }
    }

    #[test]
    fn the_last_zxid_of_an_epoch_is_a_rollover_of_zab_alone() {
        let fact = Fact::Proposed {
            epoch: 2,
            zxid: Zxid::new(2, 15),
            value: 7,
        };
        for (protocol, expected) in [("zab", 1), ("paxos", 0)] {
            let mut watch = watch(protocol);
            watch.fact(NodeId(1), &fact);
            assert_eq!(watch.reached.times(Path::Rollover), expected, "{protocol}");
        }
    }

    #[test]
    fn a_ballot_above_one_that_was_never_established_is_a_duel() {
        let mut watch = watch("paxos");
        let [first, second, third] =
            [(1, 1), (1, 2), (2, 1)].map(|(round, owner)| epoch_of_ballot(round, NodeId(owner)));
        let promised = |epoch| Fact::Promised { epoch };
        watch.fact(NodeId(1), &promised(first));
        watch.fact(NodeId(2), &promised(second));
        assert_eq!(watch.reached.times(Path::Duel), 1);
        let through = Zxid::ZERO;
        let epoch = second;
        watch.fact(NodeId(2), &Fact::Established { epoch, through });
        watch.fact(NodeId(1), &promised(third));
        assert_eq!(watch.reached.times(Path::Duel), 1);
        assert_eq!(watch.reached.times(Path::Ballot), 1);
    }

    #[test]
    fn votes_of_two_ballots_and_of_two_values_are_told_apart() {
        let mut watch = watch("paxos");
        let report = |watch: &mut Watch, node, epoch, vote: (u64, u64)| {
            let above = Zxid::ZERO;
            watch.fact(NodeId(node), &Fact::Reporting { epoch, above });
            let (epoch, value) = vote;
            let zxid = Zxid(3);
            watch.fact(NodeId(node), &Fact::Reported { epoch, zxid, value });
        };
        report(&mut watch, 1, 900, (300, 7));
        report(&mut watch, 2, 900, (400, 7));
        report(&mut watch, 3, 900, (500, 7));
        assert_eq!(watch.reached.times(Path::TwoBallots), 1);
        assert_eq!(watch.reached.times(Path::TwoValues), 0);
        report(&mut watch, 1, 901, (300, 7));
        report(&mut watch, 2, 901, (400, 8));
        assert_eq!(watch.reached.times(Path::TwoBallots), 2);
        assert_eq!(watch.reached.times(Path::TwoValues), 1);
    }

    #[test]
    fn a_campaign_counts_runs_and_times() {
        let mut run = Reached::default();
        run.add(Path::Trunc, 3);
        let mut tally = Tally::default();
        tally.take(&run);
        tally.take(&Reached::default());
        let trunc = tally.of("zab").find(|line| line.0.path == Path::Trunc);
        let (_, runs, times) = trunc.expect("TRUNC concerns Zab");
        assert_eq!((runs, times), (1, 3));
        assert!(tally.of("paxos").all(|line| line.0.path != Path::Trunc));
    }
}
