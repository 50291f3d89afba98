//! A write takes effect once, and an acknowledged one does.
//!
//! Which writes a transaction executed is taken from the server that applied it, at the moment the
//! transaction is delivered; servers must agree on it. From that follows which zxid each write of
//! each session took effect at: one, in the order of their numbers, and none after the session's
//! end. A session is opened once: if it were opened again, its table of answers would be empty. At
//! the end every write that a client saw succeed is among them, and none that was surely never
//! executed is.

use std::collections::{BTreeMap, VecDeque};

use super::findings::Findings;
use super::timeline::number_writes;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::history::Outcome;
use crate::ids::{NodeId, SessionId, VirtualTime, Zxid};
use crate::tree::{Content, Payload};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "exactly_once",
    asserts: "Each write of a session takes effect at one zxid at most, after those that it asked \
              for before, and at none after the session ended, which is opened once; those that \
              were answered did, those that were refused did not.",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(ExactlyOnce::default()),
};

type Executed = Option<(SessionId, u32)>;

/// What a server applied.
#[derive(Clone, Copy, Debug)]
struct Applied {
    zxid: Zxid,
    executed: Executed,
    /// The session that it opened.
    opened: Option<SessionId>,
    /// The session that it ended.
    ended: Option<SessionId>,
}

/// How many transactions a server may apply before they are committed and be remembered.
const PENDING_MAX: usize = 1 << 16;

#[derive(Debug, Default)]
struct ExactlyOnce {
    /// By server number: what it applied and did not deliver yet.
    /// Invariant: zxids ascend, at most [`PENDING_MAX`] entries.
    pending: Vec<VecDeque<Applied>>,
    /// What each delivered transaction executed, and who said so first. Invariant: zxids ascend.
    delivered: Vec<(Zxid, Executed, NodeId)>,
    /// Where each session was opened.
    opened: BTreeMap<SessionId, Zxid>,
    /// Where each session ended, with its table of answers.
    ended: BTreeMap<SessionId, Zxid>,
    /// Where each write took effect.
    effects: BTreeMap<(SessionId, u32), Zxid>,
    findings: Findings,
}

impl ExactlyOnce {
    fn pending(&mut self, node: NodeId) -> &mut VecDeque<Applied> {
        let index = usize::from(node.0);
        if index >= self.pending.len() {
            self.pending.resize_with(index + 1, VecDeque::new);
        }
        &mut self.pending[index]
    }

    fn apply(&mut self, node: NodeId, applied: Applied) {
        let pending = self.pending(node);
        if pending.len() == PENDING_MAX {
            pending.pop_front();
        }
        pending.push_back(applied);
    }

    fn deliver(&mut self, at: VirtualTime, node: NodeId, zxid: Zxid) {
        let pending = self.pending(node);
        while pending.front().is_some_and(|applied| applied.zxid < zxid) {
            pending.pop_front();
        }
        let Some(applied) = pending.pop_front_if(|applied| applied.zxid == zxid) else {
            // Applied while its table was still that of a fuzzy snapshot.
            return;
        };
        let executed = applied.executed;
        let place = self
            .delivered
            .binary_search_by_key(&zxid, |(known, ..)| *known);
        match place {
            Ok(place) => {
                let (_, first, witness) = self.delivered[place];
                if first != executed {
                    let reason = format!(
                        "{node} executed {executed:?} at {zxid}, where {witness} executed {first:?}"
                    );
                    let subjects = Subjects::none().node(node).node(witness).zxid(zxid);
                    self.findings.fail(at, reason, subjects);
                }
            }
            Err(place) => {
                self.delivered.insert(place, (zxid, executed, node));
                self.execute(at, zxid, executed);
                // A session may end at any time, and whoever ends it wants nothing more.
                if let Some((session, seq)) = executed.filter(|(_, seq)| *seq > 0)
                    && applied.ended.is_none()
                {
                    self.judge_turn(at, zxid, session, seq);
                }
                if let Some(session) = applied.opened {
                    self.open(at, zxid, session);
                }
                if let Some(session) = applied.ended {
                    self.ended.entry(session).or_insert(zxid);
                }
            }
        }
    }

    fn execute(&mut self, at: VirtualTime, zxid: Zxid, executed: Executed) {
        let Some((session, seq)) = executed.filter(|(_, seq)| *seq > 0) else {
            return;
        };
        self.findings.count();
        if let Some(end) = self.ended.get(&session).filter(|end| **end < zxid) {
            let reason =
                format!("write {seq} of {session} took effect at {zxid}, after its end at {end}");
            let subjects = Subjects::none().session(session).zxid(zxid).zxid(*end);
            self.findings.fail(at, reason, subjects);
        }
        let first = *self.effects.entry((session, seq)).or_insert(zxid);
        if first != zxid {
            let reason = format!(
                "write {seq} of {session} took effect at {zxid}, after it had at {first} already"
            );
            let subjects = Subjects::none().session(session).zxid(zxid).zxid(first);
            self.findings.fail(at, reason, subjects);
        }
    }

    /// A session's writes take effect in the order in which it asked for them.
    fn judge_turn(&mut self, at: VirtualTime, zxid: Zxid, session: SessionId, seq: u32) {
        let before = self.effects.range((session, 0)..(session, seq));
        let after = self.effects.range((session, seq + 1)..=(session, u32::MAX));
        let overtaken = before.rev().map(|(write, place)| (write.1, *place));
        let overtaken = overtaken.take(1).filter(|(_, place)| *place > zxid);
        let overtaking = after.map(|(write, place)| (write.1, *place));
        let overtaking = overtaking.take(1).filter(|(_, place)| *place < zxid);
        if let Some((other, place)) = overtaken.chain(overtaking).next() {
            let reason = format!(
                "write {seq} of {session} took effect at {zxid}, and write {other} at {place}"
            );
            let subjects = Subjects::none().session(session).zxid(zxid).zxid(place);
            self.findings.fail(at, reason, subjects);
        }
    }

    fn open(&mut self, at: VirtualTime, zxid: Zxid, session: SessionId) {
        let first = *self.opened.entry(session).or_insert(zxid);
        if first != zxid {
            let reason =
                format!("{session} was opened at {zxid}, after it had been at {first} already");
            let subjects = Subjects::none().session(session).zxid(zxid).zxid(first);
            self.findings.fail(at, reason, subjects);
        }
    }

    fn examine_history(&mut self, ending: &Ending<'_>) {
        for ((session, seq), index) in number_writes(ending.history) {
            let write = &ending.history.operations[index];
            let effect = self.effects.get(&(session, seq));
            let at = write.completed.unwrap_or(ending.at);
            match (&write.outcome, effect) {
                (Some(Outcome::Answered { .. }), None) => {
                    self.findings.count();
                    if write.answered().is_some_and(|(_, answer)| answer.is_ok()) {
                        let reason =
                            format!("{} succeeded, but never took effect", write.described());
                        let subjects = Subjects::none().operation(write);
                        self.findings.fail(at, reason, subjects);
                    }
                }
                (Some(Outcome::Answered { .. }), Some(_)) => self.findings.count(),
                (Some(Outcome::Refused(refused)), effect) => {
                    self.findings.count();
                    if let Some(zxid) = effect {
                        let reason = format!(
                            "{} was refused ({refused:?}), but took effect at {zxid}",
                            write.described()
                        );
                        let subjects = Subjects::none().operation(write).zxid(*zxid);
                        self.findings.fail(at, reason, subjects);
                    }
                }
                (Some(Outcome::Unknown) | None, _) => {}
            }
        }
    }
}

/// The session that a payload opened. Of a command what was executed says whether it did.
fn session_opened(payload: &Payload, executed: Executed) -> Option<SessionId> {
    payload.opens_session()?;
    executed.map(|(session, _)| session)
}

/// The session that a payload ended. Of a command what was executed says whether it did.
fn session_ended(payload: &Payload, executed: Executed) -> Option<SessionId> {
    let (session, _) = payload.ends_session()?;
    match payload.content() {
        Content::Txn(_) => Some(session),
        Content::Command(_) => executed.map(|(session, _)| session),
    }
}

impl Checker for ExactlyOnce {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Booted { node } | Observation::Restored { node, .. } => {
                self.pending(*node).clear();
            }
            Observation::Applied {
                node,
                zxid,
                payload,
                digest: Some(_),
                executed,
            } => {
                let applied = Applied {
                    zxid: *zxid,
                    executed: *executed,
                    opened: session_opened(payload, *executed),
                    ended: session_ended(payload, *executed),
                };
                self.apply(*node, applied);
            }
            Observation::Delivered { node, zxid, .. } => self.deliver(at, *node, *zxid),
            Observation::Applied { digest: None, .. }
            | Observation::Crashed { .. }
            | Observation::Fact { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        self.examine_history(ending);
        self.findings.verdict("executed write")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Story, answer_write, assert_fails, assert_passes, command, command_of, verdict,
        verdict_with,
    };
    use super::*;
    use crate::history::{History, Refused};
    use crate::tree::{Response, Write};

    fn executed_by(story: &mut Story, node: u8, zxid: u64, seq: u32) {
        let payload = command(7, seq);
        story.apply(node, zxid, &payload, Some(1), Some((7, seq)));
        story.deliver(node, zxid, payload.digest());
    }

    #[test]
    fn writes_that_take_effect_once_everywhere_pass() {
        let mut story = Story::default();
        for node in [1, 2] {
            executed_by(&mut story, node, 10, 1);
            executed_by(&mut story, node, 11, 2);
        }
        assert_passes(&verdict(ENTRY, "paxos", &story), 2);
    }

    #[test]
    fn a_write_that_takes_effect_twice_fails() {
        let mut story = Story::default();
        executed_by(&mut story, 1, 10, 1);
        executed_by(&mut story, 1, 11, 1);
        assert_fails(&verdict(ENTRY, "paxos", &story), "took effect at 11");
    }

    #[test]
    fn a_write_that_overtakes_an_earlier_one_of_its_session_fails() {
        let mut story = Story::default();
        executed_by(&mut story, 1, 10, 2);
        executed_by(&mut story, 1, 11, 1);
        assert_fails(
            &verdict(ENTRY, "paxos", &story),
            "write 1 of s7 took effect at 11, and write 2 at 10",
        );
    }

    fn commit(story: &mut Story, zxid: u64, write: Write, executed: Option<(u64, u32)>) {
        let payload = command_of(7, 0, write);
        story
            .apply(1, zxid, &payload, Some(1), executed)
            .deliver(1, zxid, payload.digest());
    }

    #[test]
    fn a_write_after_the_end_of_its_session_fails() {
        let mut story = Story::default();
        commit(&mut story, 9, Write::ExpireSession, Some((7, 0)));
        executed_by(&mut story, 1, 10, 1);
        assert_fails(&verdict(ENTRY, "paxos", &story), "after its end at 9");
    }

    #[test]
    fn an_expiry_of_an_older_generation_ends_nothing() {
        let mut story = Story::default();
        commit(&mut story, 9, Write::ExpireSession, None);
        executed_by(&mut story, 1, 10, 1);
        assert_passes(&verdict(ENTRY, "paxos", &story), 1);
    }

    #[test]
    fn a_session_that_is_opened_again_fails() {
        let timeout = crate::ids::Span::secs(1);
        let mut story = Story::default();
        commit(
            &mut story,
            8,
            Write::CreateSession { timeout },
            Some((7, 0)),
        );
        commit(&mut story, 9, Write::ExpireSession, Some((7, 0)));
        commit(
            &mut story,
            10,
            Write::CreateSession { timeout },
            Some((8, 0)),
        );
        executed_by(&mut story, 1, 7, 1);
        assert_passes(&verdict(ENTRY, "paxos", &story), 1);
        commit(
            &mut story,
            11,
            Write::CreateSession { timeout },
            Some((7, 0)),
        );
        let reason = "s7 was opened at 11, after it had been at 8 already";
        assert_fails(&verdict(ENTRY, "paxos", &story), reason);
    }

    #[test]
    fn servers_must_agree_on_what_was_a_repeat() {
        let mut story = Story::default();
        executed_by(&mut story, 1, 10, 1);
        story
            .apply(2, 10, &command(7, 1), Some(1), None)
            .deliver(2, 10, 5);
        assert_fails(&verdict(ENTRY, "paxos", &story), "n2 executed None at 10");
    }

    #[test]
    fn an_effect_in_a_discarded_tail_does_not_count() {
        let mut story = Story::default();
        story
            .apply(1, 9, &command(7, 1), Some(1), Some((7, 1)))
            .restore(1, 8);
        executed_by(&mut story, 1, 10, 1);
        assert_passes(&verdict(ENTRY, "zab", &story), 1);
    }

    #[test]
    fn an_acknowledged_write_took_effect_and_a_refused_one_did_not() {
        let mut story = Story::default();
        executed_by(&mut story, 1, 10, 1);
        let mut history = History::default();
        history
            .operations
            .push(answer_write(1, 7, 1, 10, Ok(Response::Deleted)));
        assert_passes(&verdict_with(ENTRY, "zab", &story, &history), 2);
        history
            .operations
            .push(answer_write(2, 7, 2, 11, Ok(Response::Deleted)));
        assert_fails(
            &verdict_with(ENTRY, "zab", &story, &history),
            "op2 (delete /x of c1 in s7) succeeded, but never",
        );
        history.operations.pop();
        history.operations[0].outcome = Some(Outcome::Refused(Refused::SessionExpired));
        assert_fails(&verdict_with(ENTRY, "zab", &story, &history), "was refused");
    }
}
