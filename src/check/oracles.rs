//! Two oracles check each other: what the history alone says, and what the servers did.
//!
//! The black box, [`crate::znode`], holds that the answers tell where most writes took effect, and
//! that by its own rules one order explains every answer. The white box knows the order. A history
//! is legal if *some* order explains it, so the true one is tried: if it does, nothing is left to
//! decide, and no search is needed. They disagree if the white box finds nothing wrong, but
//!
//! - an answered write took effect elsewhere than where its answer places it;
//! - the true order does not explain an answer, or breaks a session's order or real time: then one
//!   of them judges by wrong rules.
//!
//! A white box that objects where the black box is content is no disagreement: clients need not
//! have seen what went wrong. Where the true order is not known to the end, only places are
//! compared.

use super::findings::Findings;
use super::linearizability::objection_to_writes;
use super::session_order::objection_to_sessions;
use super::timeline::Recorder;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::ids::VirtualTime;
use crate::znode::{self, InitialTree, Mode, Options};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "oracles",
    asserts: "What the clients' history alone says agrees with what the servers did.",
    harms: Harms::Servers,
    interests: Interests::COMMITS.and(Interests::APPLIED),
    make: |_| Box::new(Oracles::default()),
};

/// Questions of the sweep before it gives up: each stands for some thousand steps, and a step is a
/// look at the tree. A run of a thousand operations asks none.
const QUESTIONS_MAX: u64 = 500;

#[derive(Debug, Default)]
struct Oracles {
    recorder: Recorder,
    findings: Findings,
}

impl Checker for Oracles {
    fn observe(&mut self, _: VirtualTime, observation: &Observation<'_>) {
        self.recorder.observe(observation);
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        let history = ending.history;
        let timeline = match self.recorder.timeline(history) {
            Ok(timeline) => timeline,
            Err(reason) => return Verdict::Unknown(reason),
        };
        let options = Options::new(Mode::ZooKeeper, InitialTree::ZooKeeper);
        let comparison = znode::compare(history, &timeline, &options, QUESTIONS_MAX);
        if let Some(limit) = comparison.limit {
            return Verdict::Unknown(format!("{limit} was reached"));
        }
        self.findings.count_many(comparison.checked);
        if let Some((at, sentence, operation)) = comparison.parting
            && objection_to_writes(&timeline, history).is_none()
            && objection_to_sessions(&timeline, history).is_none()
        {
            let reason = format!(
                "the servers did nothing wrong, but the history does not agree: {sentence}"
            );
            let subjects = Subjects::none().op(operation);
            self.findings.fail(at, reason, subjects);
        }
        self.findings.verdict("answered operation")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Story, answer, assert_fails, assert_passes, command_of, verdict_with,
    };
    use super::super::{linearizability, session_order};
    use super::*;
    use crate::history::{History, Operation, Outcome};
    use crate::ids::{Span, Zxid};
    use crate::tree::{
        ANY_VERSION, Answer, CreateMode, Data, ErrorCode, Failure, Path, Read, Request, Response,
        Stat, Write,
    };

    const FIRST: u64 = 7;
    const SECOND: u64 = 8;

    fn create(path: &str, mode: CreateMode) -> Write {
        Write::Create {
            path: Path::from(path),
            data: Data::from([]),
            mode,
        }
    }

    fn delete(path: &str) -> Write {
        Write::Delete {
            path: Path::from(path),
            version: ANY_VERSION,
        }
    }

    fn created(path: &str, zxid: u64) -> Answer {
        let stat = Stat {
            czxid: Zxid(zxid),
            mzxid: Zxid(zxid),
            pzxid: Zxid(zxid),
            ..Stat::default()
        };
        let path = Path::from(path);
        Ok(Response::Created { path, stat })
    }

    /// Both sessions open at 1 and 2, and these writes take effect from 3 on.
    fn story_of(writes: Vec<(u64, u32, Write)>) -> Story {
        let open = |session| {
            let timeout = Span::secs(1);
            (session, 0, Write::CreateSession { timeout })
        };
        let opened = [open(FIRST), open(SECOND)];
        let mut story = Story::default();
        for ((session, seq, write), zxid) in opened.into_iter().chain(writes).zip(1..) {
            let is_own = matches!(write, Write::DeleteContainer { .. });
            let payload = command_of(session, seq, write);
            let executed = (!is_own).then_some((session, seq));
            story.apply(1, zxid, &payload, Some(1), executed);
            story.deliver(1, zxid, payload.digest());
        }
        story
    }

    fn asked(id: u32, session: u64, write: Write, zxid: u64, told: Answer) -> Operation {
        answer(id, session, Request::Write(write), zxid, told)
    }

    fn history_of(operations: Vec<Operation>) -> History {
        History {
            operations,
            seen: Vec::new(),
        }
    }

    fn judge(story: &Story, history: &History) -> Verdict {
        verdict_with(ENTRY, "paxos", story, history)
    }

    /// The oracles alone object: to every other judge of the same run all is well.
    #[track_caller]
    fn assert_fails_alone(story: &Story, history: &History, words: &str) {
        assert_fails(&judge(story, history), words);
        for entry in [linearizability::ENTRY, session_order::ENTRY] {
            let verdict = verdict_with(entry, "paxos", story, history);
            assert!(
                !matches!(verdict, Verdict::Fail(_)),
                "{}: {verdict:?}",
                entry.name
            );
        }
    }

    /// Two nodes are created, and deleted by two sessions at the same time.
    fn two_deletes() -> (Story, History) {
        let story = story_of(vec![
            (FIRST, 1, create("/a", CreateMode::Persistent)),
            (FIRST, 2, create("/b", CreateMode::Persistent)),
            (FIRST, 3, delete("/a")),
            (SECOND, 1, delete("/b")),
        ]);
        let a = create("/a", CreateMode::Persistent);
        let b = create("/b", CreateMode::Persistent);
        let mut history = history_of(vec![
            asked(1, FIRST, a, 3, created("/a", 3)),
            asked(2, FIRST, b, 4, created("/b", 4)),
            asked(3, FIRST, delete("/a"), 5, Ok(Response::Deleted)),
            asked(4, SECOND, delete("/b"), 6, Ok(Response::Deleted)),
        ]);
        history.operations[3].invoked = history.operations[2].invoked;
        (story, history)
    }

    fn place_at(operation: &mut Operation, place: u64) {
        if let Some(Outcome::Answered { zxid, .. }) = &mut operation.outcome {
            *zxid = Zxid(place);
        }
    }

    #[test]
    fn a_history_that_says_what_the_servers_did_passes() {
        let (story, history) = two_deletes();
        assert_passes(&judge(&story, &history), 4);
    }

    #[test]
    fn answered_writes_in_another_order_than_the_true_one_are_a_disagreement() {
        let (story, mut history) = two_deletes();
        place_at(&mut history.operations[2], 6);
        place_at(&mut history.operations[3], 5);
        assert_fails_alone(&story, &history, "its answer says that this was at 6");
    }

    #[test]
    fn two_answers_that_claim_one_place_are_a_disagreement() {
        let (story, mut history) = two_deletes();
        place_at(&mut history.operations[2], 6);
        assert_fails_alone(&story, &history, "both took effect at 6");
    }

    #[test]
    fn an_unknown_write_behind_an_answered_one_of_its_session_is_a_disagreement() {
        let (a, b) = (
            create("/a", CreateMode::Persistent),
            create("/b", CreateMode::Persistent),
        );
        let told_of_b = created("/b", 3);
        let mut history = history_of(vec![
            asked(1, FIRST, a.clone(), 0, Ok(Response::Deleted)),
            asked(2, FIRST, b.clone(), 3, told_of_b),
        ]);
        history.operations[0].outcome = Some(Outcome::Unknown);
        let swapped = story_of(vec![(FIRST, 2, b.clone()), (FIRST, 1, a.clone())]);
        assert_fails_alone(&swapped, &history, "out of its session's turn");
        place_at(&mut history.operations[1], 4);
        history.operations[1].outcome = Some(Outcome::Answered {
            zxid: Zxid(4),
            answer: created("/b", 4),
        });
        let in_turn = story_of(vec![(FIRST, 1, a), (FIRST, 2, b)]);
        assert_passes(&judge(&in_turn, &history), 1);
    }

    #[test]
    fn what_servers_write_by_themselves_is_no_disagreement() {
        let ephemeral = create("/e", CreateMode::Ephemeral);
        let container = create("/c", CreateMode::Container);
        let gone = Path::from("/c");
        let story = story_of(vec![
            (FIRST, 1, ephemeral.clone()),
            (SECOND, 1, container.clone()),
            (FIRST, 0, Write::ExpireSession),
            (0, 0, Write::DeleteContainer { path: gone }),
        ]);
        let mut told = created("/e", 3);
        if let Ok(Response::Created { stat, .. }) = &mut told {
            stat.ephemeral_owner = crate::ids::SessionId(FIRST);
        }
        let look = |path: &str| {
            Request::Read(Read::Exists {
                path: Path::from(path),
                watch: false,
            })
        };
        let none = || Err(Failure::of(ErrorCode::NoNode));
        let history = history_of(vec![
            asked(1, FIRST, ephemeral, 3, told),
            asked(2, SECOND, container, 4, created("/c", 4)),
            answer(3, SECOND, look("/e"), 5, none()),
            answer(4, SECOND, look("/c"), 6, none()),
        ]);
        assert_passes(&judge(&story, &history), 4);
    }

    #[test]
    fn where_the_white_box_objects_too_there_is_no_disagreement() {
        let (story, mut history) = two_deletes();
        history.operations[2].outcome = Some(Outcome::Answered {
            zxid: Zxid(5),
            answer: Err(Failure::of(ErrorCode::NoNode)),
        });
        let white = verdict_with(linearizability::ENTRY, "paxos", &story, &history);
        assert!(matches!(white, Verdict::Fail(_)), "{white:?}");
        assert_passes(&judge(&story, &history), 4);
    }
}
