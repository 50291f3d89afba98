//! Which rare paths a run takes, and how often.
//!
//! A checker that holds says nothing about a path that no seed takes. So each path that our seeds
//! must take has a line, in `Protocol::RARE_PATHS` or here, and is counted in every run, from the
//! facts that servers state and the messages that arrive. A campaign sums them up. Counting changes
//! no run.

use std::collections::BTreeMap;

use menagerie::history::History;
use menagerie::ids::{NodeId, SessionId, Span, Zxid};
use menagerie::protocol::{Fact, RarePath, Role, Seen, Standing, Timing};
use menagerie::tree::{Content, Payload, Txn, Write};
use menagerie::wire::{ClientFrame, ServerFrame};

use crate::world::Stats;

/// The paths that every protocol has.
const SHARED: &[RarePath] = &[
    of_all(Seen::TwoLeaders, "two leaders at once"),
    of_all(Seen::Expiry, "session expired"),
    of_all(Seen::Retry, "operation sent again"),
    of_all(Seen::QueueFull, "leader's queue full"),
    of_all(Seen::WrongPassword, "wrong password"),
    of_all(Seen::FailedSync, "failed sync"),
];

const fn of_all(seen: Seen, name: &'static str) -> RarePath {
    RarePath { name, seen }
}

/// The paths of a run, and how often each was taken: those of its protocol, then those that every
/// protocol has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached(Vec<(RarePath, u64)>);

impl Reached {
    fn new(own: &[RarePath]) -> Reached {
        let paths = own.iter().chain(SHARED);
        Reached(paths.map(|path| (*path, 0)).collect())
    }

    /// How often a path was taken.
    pub fn times(&self, seen: Seen) -> u64 {
        let found = self.0.iter().find(|(path, _)| path.seen == seen);
        found.map_or(0, |(_, times)| *times)
    }

    /// Counts a path, if the protocol has it.
    fn add(&mut self, seen: Seen, more: u64) {
        let found = self.0.iter_mut().find(|(path, _)| path.seen == seen);
        if let Some((_, times)) = found {
            *times += more;
        }
    }
}

/// How often leaders were established.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaders {
    /// How often a server was established as the leader.
    pub elected: u64,
    /// How often that was another server than before.
    pub changed: u64,
}

/// What users of the service notice besides their answers, up to a moment of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    /// How often leaders were established.
    pub leaders: Leaders,
    /// How many sessions expired.
    pub sessions_expired: u64,
}

/// How often each path was taken in many runs of one protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(Vec<Line>);

/// What there is to say of a path after many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The path's name.
    pub name: &'static str,
    /// In how many runs it was taken.
    pub runs: u64,
    /// How often it was taken in all.
    pub times: u64,
}

impl Tally {
    /// Adds a run.
    pub fn take(&mut self, run: &Reached) {
        if self.0.is_empty() {
            let lines = run.0.iter().map(|(path, _)| Line {
                name: path.name,
                runs: 0,
                times: 0,
            });
            self.0 = lines.collect();
        }
        for (line, (_, times)) in self.0.iter_mut().zip(&run.0) {
            line.times += times;
            line.runs += u64::from(*times > 0);
        }
    }

    /// Every path.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }
}

/// What the promises to one ballot reported of a slot first: the vote's ballot and its value.
type FirstReports = BTreeMap<Zxid, (u64, u64)>;

/// Watches one run.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// The last counter of an epoch.
    last_counter: u32,
    late: Span,
    reached: Reached,
    leaders: Leaders,
    /// Who was established as the leader last.
    leader: Option<NodeId>,
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
    /// `paths`: those of the protocol alone.
    pub(crate) fn new(paths: &[RarePath], timing: Timing) -> Watch {
        Watch {
            last_counter: timing.epoch_length,
            late: timing.patience,
            reached: Reached::new(paths),
            leaders: Leaders::default(),
            leader: None,
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
        for (path, times) in &mut reached.0 {
            if let Seen::Message(kind) = path.seen {
                *times += kinds.get(kind).copied().unwrap_or_default();
            }
        }
        let again = |attempts: u32| u64::from(attempts.saturating_sub(1));
        let operations = history.operations.iter();
        reached.add(Seen::Retry, operations.map(|op| again(op.attempts)).sum());
        reached
    }

    /// What users noticed so far.
    pub(crate) fn noticed(&self) -> Noticed {
        Noticed {
            leaders: self.leaders,
            sessions_expired: self.reached.times(Seen::Expiry),
        }
    }

    fn note(&mut self, seen: Seen) {
        self.reached.add(seen, 1);
    }

    pub(crate) fn failed_sync(&mut self) {
        self.note(Seen::FailedSync);
    }

    /// A datagram sets off that takes so long, or its second copy.
    pub(crate) fn travels(&mut self, travel: Span, is_twin: bool) {
        if travel > self.late {
            self.note(if is_twin {
                Seen::LateTwin
            } else {
                Seen::LateDatagram
            });
        }
    }

    pub(crate) fn fact(&mut self, node: NodeId, fact: &Fact) {
        match *fact {
            Fact::Established { epoch, .. } => {
                self.note(Seen::Established);
                self.established = self.established.max(epoch);
                self.reports.retain(|ballot, _| *ballot > epoch);
            }
            Fact::Promised { epoch } => {
                if epoch <= self.promised {
                    return;
                }
                let owner = |ballot: u64| ballot & 0xff;
                if self.promised > self.established && owner(self.promised) != owner(epoch) {
                    self.note(Seen::Duel);
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
            Fact::Proposed { zxid, value, .. } => {
                if value == 0 {
                    self.note(Seen::Gap);
                }
                if zxid.counter() == self.last_counter {
                    self.note(Seen::LastOfEpoch);
                }
            }
            Fact::Voted { .. } | Fact::Chosen { .. } => {}
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
            self.note(Seen::TwoEpochs);
        }
        if first.1 != vote.1 && self.with_two_values < ballot {
            self.with_two_values = ballot;
            self.note(Seen::TwoValues);
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
        if is_established(now) && !was {
            self.leaders.elected += 1;
            self.leaders.changed += u64::from(self.leader.is_some() && self.leader != now.leader);
            self.leader = now.leader;
            if others.any(|other| is_established(&other)) {
                self.note(Seen::TwoLeaders);
            }
        }
        let could = before.is_some_and(|before| before.can_propose);
        if is_established(now) && was && could && !now.can_propose {
            self.note(Seen::QueueFull);
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
            self.note(Seen::Expiry);
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
            self.note(Seen::WrongPassword);
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

    const PATHS: &[RarePath] = &[
        of_all(Seen::Message("TRUNC"), "TRUNC"),
        of_all(Seen::LastOfEpoch, "rollover"),
        of_all(Seen::Established, "established"),
        of_all(Seen::Duel, "duel"),
        of_all(Seen::TwoEpochs, "two epochs"),
        of_all(Seen::TwoValues, "two values"),
    ];

    fn watch() -> Watch {
        let timing = Timing {
            epoch_length: 15,
            patience: Span::millis(100),
            ..Timing::NONE
        };
        Watch::new(PATHS, timing)
    }

    #[test]
    fn no_two_paths_of_a_protocol_have_one_name_or_are_seen_by_the_same() {
        for tables in menagerie::PROTOCOLS {
            let paths: Vec<&RarePath> = tables.rare_paths.iter().chain(SHARED).collect();
            for (place, path) in paths.iter().enumerate() {
                let same = |other: &&&RarePath| other.name == path.name || other.seen == path.seen;
                assert_eq!(paths[..place].iter().find(same), None, "{}", path.name);
            }
        }
    }

    #[test]
    fn the_last_zxid_of_an_epoch_is_counted_where_the_protocol_has_that_path() {
        let fact = Fact::Proposed {
            epoch: 2,
            zxid: Zxid::new(2, 15),
            value: 7,
        };
        for (paths, expected) in [(PATHS, 1), (&[][..], 0)] {
            let mut watch = watch();
            watch.reached = Reached::new(paths);
            watch.fact(NodeId(1), &fact);
            assert_eq!(watch.reached.times(Seen::LastOfEpoch), expected);
        }
    }

    #[test]
    fn a_ballot_above_one_that_was_never_established_is_a_duel() {
        let mut watch = watch();
        let [first, second, third] =
            [(1, 1), (1, 2), (2, 1)].map(|(round, owner)| epoch_of_ballot(round, NodeId(owner)));
        let promised = |epoch| Fact::Promised { epoch };
        watch.fact(NodeId(1), &promised(first));
        watch.fact(NodeId(2), &promised(second));
        assert_eq!(watch.reached.times(Seen::Duel), 1);
        let through = Zxid::ZERO;
        let epoch = second;
        watch.fact(NodeId(2), &Fact::Established { epoch, through });
        watch.fact(NodeId(1), &promised(third));
        assert_eq!(watch.reached.times(Seen::Duel), 1);
        assert_eq!(watch.reached.times(Seen::Established), 1);
    }

    #[test]
    fn votes_of_two_ballots_and_of_two_values_are_told_apart() {
        let mut watch = watch();
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
        assert_eq!(watch.reached.times(Seen::TwoEpochs), 1);
        assert_eq!(watch.reached.times(Seen::TwoValues), 0);
        report(&mut watch, 1, 901, (300, 7));
        report(&mut watch, 2, 901, (400, 8));
        assert_eq!(watch.reached.times(Seen::TwoEpochs), 2);
        assert_eq!(watch.reached.times(Seen::TwoValues), 1);
    }

    #[test]
    fn a_campaign_counts_runs_and_times() {
        let mut run = Reached::new(PATHS);
        let none = run.clone();
        run.add(Seen::Message("TRUNC"), 3);
        let mut tally = Tally::default();
        tally.take(&run);
        tally.take(&none);
        let mut lines = tally.lines().iter();
        let trunc = lines.find(|line| line.name == "TRUNC");
        let trunc = trunc.expect("the protocol has that path");
        assert_eq!((trunc.runs, trunc.times), (1, 3));
    }
}
