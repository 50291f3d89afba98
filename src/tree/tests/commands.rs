//! Commands: executed when they are applied, at most once.

use super::*;
use crate::mutation::Mutation;
use crate::tree::{Command, Execution, Response};

/// A replica under commands.
struct Replica {
    state: State,
    zxid: u64,
}

impl Replica {
    fn new() -> Replica {
        let mut replica = Replica {
            state: State::new(Mutations::NONE),
            zxid: 0,
        };
        replica.run(ALICE, 0, 0, open());
        replica
    }

    fn run(&mut self, session: SessionId, seq: u32, acked: u32, write: Write) -> Applied {
        let time_ms = 1_000 + self.zxid;
        self.run_at(session, seq, acked, write, time_ms)
    }

    fn run_at(
        &mut self,
        session: SessionId,
        seq: u32,
        acked: u32,
        write: Write,
        time_ms: u64,
    ) -> Applied {
        self.zxid += 1;
        let command = Command {
            session,
            seq,
            acked,
            time_ms,
            write,
        };
        self.state
            .apply(Zxid(self.zxid), &Payload::command(command))
    }
}

#[test]
fn a_repeated_command_gets_the_answer_of_then_and_has_no_effect() {
    let mut replica = Replica::new();
    let first = replica.run(ALICE, 1, 0, sequential("/n"));
    assert_eq!(first.execution, Execution::Executed);
    replica.run(ALICE, 2, 0, set("/n0000000000", "x", 0));
    let digest = replica.state.digest();
    let again = replica.run(ALICE, 1, 0, sequential("/n"));
    assert_eq!(again.execution, Execution::Repeated);
    assert_eq!(again.answer, first.answer);
    assert_eq!(again.events, Vec::new());
    assert_eq!(replica.state.digest(), digest);
    assert_eq!(replica.state.applied(), Zxid(4));
}

#[test]
fn an_error_is_a_result_and_is_repeated_as_such() {
    let mut replica = Replica::new();
    let first = replica.run(ALICE, 1, 0, delete("/a"));
    assert_eq!(first.answer, fails(ErrorCode::NoNode));
    replica.run(ALICE, 2, 0, persistent("/a"));
    let again = replica.run(ALICE, 1, 0, delete("/a"));
    assert_eq!(again.answer, fails(ErrorCode::NoNode));
    assert_eq!(again.execution, Execution::Repeated);
    assert!(replica.state.stat("/a").is_some());
}

#[test]
fn a_command_ahead_of_its_turn_is_refused_without_a_trace() {
    let mut replica = Replica::new();
    let digest = replica.state.digest();
    let early = replica.run(ALICE, 2, 0, persistent("/b"));
    assert_eq!(early.execution, Execution::OutOfOrder);
    assert_eq!(replica.state.digest(), digest);
    let first = replica.run(ALICE, 1, 0, persistent("/a"));
    let second = replica.run(ALICE, 2, 0, persistent("/b"));
    assert!(first.answer.is_ok());
    assert_eq!(second.execution, Execution::Executed);
    assert_eq!(created(&second), "/b");
}

#[test]
fn acknowledged_answers_are_forgotten_and_still_not_executed_again() {
    let mut replica = Replica::new();
    replica.run(ALICE, 1, 0, persistent("/a"));
    replica.run(ALICE, 2, 1, delete("/a"));
    let again = replica.run(ALICE, 1, 0, persistent("/a"));
    assert_eq!(again.execution, Execution::Repeated);
    assert_eq!(again.answer, fails(ErrorCode::SessionExpired));
    assert!(replica.state.stat("/a").is_none());
    let second = replica.run(ALICE, 2, 1, delete("/a"));
    assert_eq!(second.answer, Ok(Response::Deleted));
}

#[test]
fn a_client_cannot_acknowledge_an_answer_before_it_is_given() {
    let mut replica = Replica::new();
    let first = replica.run(ALICE, 1, 99, persistent("/a"));
    let again = replica.run(ALICE, 1, 99, persistent("/a"));
    assert_eq!(again.answer, first.answer);
}

#[test]
fn stored_answers_are_part_of_the_digest() {
    let digest = |write: Write| {
        let mut replica = Replica::new();
        replica.run(ALICE, 1, 0, write);
        replica.state.digest()
    };
    // Neither changes a node; only what is remembered of them differs.
    assert_ne!(digest(delete("/a")), digest(delete("a")));
}

#[test]
fn a_late_duplicate_of_an_opening_opens_another_session_and_never_the_old_one_again() {
    let token = SessionId(3 << 56 | 9);
    let mut replica = Replica::new();
    let first = replica.run(token, 0, 0, open());
    let session = first.opened.expect("it opens one");
    assert_eq!(session, SessionId(2), "the place in the order");
    replica.run(session, 1, 0, sequential("/q-"));
    replica.run(session, 2, 0, Write::CloseSession);
    let again = replica.run(token, 0, 0, open());
    assert_eq!(again.opened, Some(SessionId(5)));
    let write = replica.run(session, 1, 0, sequential("/q-"));
    assert_eq!(write.answer, fails(ErrorCode::SessionExpired));
    assert_eq!(write.executed(), None);
    assert_eq!(
        replica.state.stat("/").map(|stat| stat.num_children),
        Some(2)
    );
}

#[test]
fn with_n10_a_late_duplicate_of_an_opening_lets_a_write_be_executed_twice() {
    let mut replica = Replica {
        state: State::new(Mutations::NONE.with(Mutation::N10)),
        zxid: 0,
    };
    for _ in 0..2 {
        replica.run(ALICE, 0, 0, open());
        let write = replica.run(ALICE, 1, 0, sequential("/q-"));
        assert_eq!(write.executed(), Some((ALICE, 1)));
        replica.run(ALICE, 2, 0, Write::CloseSession);
    }
}

#[test]
fn a_session_is_attached_again_with_another_timeout_and_never_after_its_end() {
    let mut replica = Replica::new();
    let timeout = Span::secs(7);
    let attach = Write::CreateSession { timeout };
    let back = replica.run(ALICE, 0, Command::ATTACH, attach.clone());
    assert_eq!(back.answer, Ok(Response::SessionOpened));
    assert_eq!((back.opened, back.executed()), (None, None));
    let session = replica.state.session(ALICE).expect("it lives");
    assert_eq!((session.timeout, session.generation()), (timeout, 1));
    replica.run(ALICE, 1, 0, Write::CloseSession);
    let digest = replica.state.digest();
    let late = replica.run(ALICE, 0, Command::ATTACH, attach);
    assert_eq!(late.answer, fails(ErrorCode::SessionExpired));
    assert_eq!(replica.state.digest(), digest);
}

#[test]
fn an_expiry_ends_no_session_that_was_attached_since() {
    let mut replica = Replica::new();
    let timeout = Span::secs(1);
    let attach = Write::CreateSession { timeout };
    replica.run(ALICE, 0, Command::ATTACH, attach);
    let late = replica.run(ALICE, 0, 0, Write::ExpireSession);
    assert_eq!((late.closed, late.executed()), (None, None));
    assert!(replica.state.session(ALICE).is_some());
    let right = replica.run(ALICE, 0, 1, Write::ExpireSession);
    assert_eq!(right.executed(), Some((ALICE, 0)));
    assert!(replica.state.session(ALICE).is_none());
}

#[test]
fn a_session_takes_its_table_along() {
    let mut replica = Replica::new();
    replica.run(ALICE, 1, 0, ephemeral("/e"));
    let close = replica.run(ALICE, 2, 0, Write::CloseSession);
    assert_eq!(close.answer, Ok(Response::SessionClosed));
    assert_eq!(close.closed, Some(ALICE));
    assert!(replica.state.stat("/e").is_none());
    let digest = replica.state.digest();
    for (seq, write) in [
        (1, ephemeral("/e")),
        (2, Write::CloseSession),
        (3, delete("/")),
    ] {
        let late = replica.run(ALICE, seq, 0, write);
        assert_eq!(late.answer, fails(ErrorCode::SessionExpired));
        assert_eq!(late.execution, Execution::Executed);
    }
    assert_eq!(replica.state.digest(), digest);
}

#[test]
fn expiry_needs_no_number_and_happens_once() {
    let mut replica = Replica::new();
    replica.run(ALICE, 1, 0, ephemeral("/b"));
    replica.run(ALICE, 2, 0, ephemeral("/a"));
    let expiry = replica.run(ALICE, 0, 0, Write::ExpireSession);
    assert_eq!(expiry.closed, Some(ALICE));
    let deleted: Vec<_> = expiry.events.iter().map(|event| &*event.path).collect();
    assert_eq!(deleted, ["/a", "/", "/b", "/"]);
    let again = replica.run(ALICE, 0, 0, Write::ExpireSession);
    assert_eq!(again.answer, fails(ErrorCode::SessionExpired));
    assert_eq!(again.closed, None);
}

#[test]
fn time_never_goes_back_under_leaders_with_skewed_clocks() {
    let mut replica = Replica::new();
    replica.run_at(ALICE, 1, 0, persistent("/a"), 5_000);
    replica.run_at(ALICE, 2, 0, persistent("/b"), 4_000);
    assert_eq!(replica.state.stat("/b").map(|stat| stat.ctime), Some(5_000));
    replica.run_at(ALICE, 3, 0, set("/b", "", 0), 6_000);
    assert_eq!(replica.state.stat("/b").map(|stat| stat.mtime), Some(6_000));
}

#[test]
fn a_command_takes_the_same_micro_steps_as_a_transaction() {
    let mut replica = Replica::new();
    let command = Command {
        session: ALICE,
        seq: 1,
        acked: 0,
        time_ms: 1,
        write: Write::Multi(vec![part(persistent("/a")), part(persistent("/b"))]),
    };
    let mut apply = replica.state.begin(Zxid(9), &Payload::command(command));
    let mut steps = 1;
    while replica.state.advance(&mut apply).is_none() {
        assert_eq!(replica.state.applied(), Zxid(1));
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert_eq!(replica.state.applied(), Zxid(9));
}

#[test]
fn an_atomic_snapshot_carries_the_table() {
    let mut replica = Replica::new();
    let first = replica.run(ALICE, 1, 0, persistent("/a"));
    let snapshot = Snapshot::atomic(&replica.state);
    assert_eq!(snapshot.zxid, Zxid(2));
    assert_eq!(snapshot.image.digest(), replica.state.digest());
    let restored = State::restore(Some(&snapshot), Mutations::NONE);
    assert_eq!(restored, replica.state);
    assert_eq!(restored.digest(), replica.state.digest());
    replica.state = restored;
    let again = replica.run(ALICE, 1, 0, persistent("/a"));
    assert_eq!(
        (again.execution, again.answer),
        (Execution::Repeated, first.answer)
    );
}
