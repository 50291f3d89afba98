//! Changes that nobody asked for, or whose place no answer names.

use super::tests::{Stage, children, create, delete, get, path, set};
use super::*;
use crate::history::Outcome;
use crate::tree::CreateMode;

/// Happens, and nobody asked for it.
fn happens_unasked(stage: &mut Stage, session: u64, write: Write) {
    let index = stage.invoke(session, Request::Write(write));
    let _unseen = stage.happen(index);
    stage.operations.pop();
}

/// Happens without an answer.
fn happens_unknown(stage: &mut Stage, session: u64, request: Request) {
    let index = stage.invoke(session, request);
    let _unseen = stage.happen(index);
    stage.operations[index].outcome = Some(Outcome::Unknown);
}

fn made(at: &str) -> Write {
    Write::Create {
        path: path(at),
        data: crate::tree::Data::from(*b"x"),
        mode: CreateMode::Persistent,
    }
}

fn removal(at: &str) -> Write {
    Write::DeleteContainer { path: path(at) }
}

#[test]
fn a_container_may_go_by_itself_and_another_node_may_not() {
    for (mode, goes) in [
        (CreateMode::Container, true),
        (CreateMode::Ttl { ms: 5 }, true),
        (CreateMode::Persistent, false),
    ] {
        let mut stage = Stage::new();
        stage.run(1, create("/p", CreateMode::Persistent));
        stage.run(1, create("/p/c", mode));
        if goes {
            happens_unasked(&mut stage, 0, removal("/p/c"));
        } else {
            happens_unasked(
                &mut stage,
                0,
                Write::Delete {
                    path: path("/p/c"),
                    version: -1,
                },
            );
        }
        stage.run(2, children("/p"));
        stage.run(2, get("/p/c"));
        let ruling = stage.judge(Mode::ZooKeeper);
        assert_eq!(ruling == Ruling::Holds, goes, "{mode:?}: {ruling:?}");
        assert_eq!(matches!(ruling, Ruling::Violated(_)), !goes, "{mode:?}");
    }
}

#[test]
fn a_container_that_was_seen_later_has_not_gone() {
    let mut stage = Stage::new();
    stage.run(1, create("/c", CreateMode::Container));
    let missed = stage.invoke(1, get("/c"));
    happens_unasked(&mut stage, 0, removal("/c"));
    let told = stage.happen(missed);
    stage.complete(missed, told);
    assert_eq!(stage.judge(Mode::ZooKeeper), Ruling::Holds);
    // The same node is seen by the same session again.
    let mut again = stage.operations[0].clone();
    again.id = OpId(9);
    again.xid = 9;
    again.request = get("/c");
    let Some(Outcome::Answered { answer, .. }) = &stage.operations[0].outcome else {
        unreachable!("it was answered");
    };
    let Ok(crate::tree::Response::Created { stat, .. }) = answer else {
        unreachable!("it was created");
    };
    again.outcome = Some(Outcome::Answered {
        zxid: crate::ids::Zxid(2),
        answer: Ok(crate::tree::Response::Data {
            data: crate::tree::Data::from(*b"x"),
            stat: *stat,
        }),
    });
    again.invoked = VirtualTime(50);
    again.completed = Some(VirtualTime(51));
    stage.operations.push(again);
    assert!(matches!(stage.judge(Mode::ZooKeeper), Ruling::Violated(_)));
}

#[test]
fn what_nobody_knows_by_name_may_have_come_and_gone() {
    let mut stage = Stage::new();
    stage.run(1, create("/p", CreateMode::Persistent));
    happens_unknown(
        &mut stage,
        2,
        create("/p/c-", CreateMode::ContainerSequential),
    );
    happens_unasked(&mut stage, 0, removal("/p/c-0000000000"));
    stage.run(1, children("/p"));
    assert!(matches!(stage.judge(Mode::ZooKeeper), Ruling::Unknown(_)));
}

#[test]
fn a_session_may_have_expired_before_it_was_closed() {
    let mut stage = Stage::new();
    stage.run(1, create("/e", CreateMode::Ephemeral));
    happens_unasked(&mut stage, 1, Write::ExpireSession);
    stage.run(2, get("/e"));
    happens_unknown(&mut stage, 1, Request::Write(Write::CloseSession));
    assert_eq!(stage.judge(Mode::ZooKeeper), Ruling::Holds);
}

#[test]
fn a_session_may_have_expired_before_its_last_reply_arrived() {
    let mut stage = Stage::new();
    let last = stage.invoke(1, create("/e", CreateMode::Ephemeral));
    let told = stage.happen(last);
    happens_unasked(&mut stage, 1, Write::ExpireSession);
    stage.run(2, get("/e"));
    stage.run(2, create("/a", CreateMode::Persistent));
    stage.run(2, get("/e"));
    stage.complete(last, told);
    assert_eq!(stage.judge(Mode::ZooKeeper), Ruling::Holds);
}

#[test]
fn what_was_answered_from_memory_comes_before_what_its_session_asked_next() {
    let mut stage = Stage::new();
    stage.run(1, create("/a", CreateMode::Persistent));
    let deleted = stage.invoke(1, delete("/a"));
    let gone = stage.happen(deleted);
    let failed = stage.invoke(1, set("/b", "y", -1));
    let failure = stage.happen(failed);
    stage.run(2, create("/z", CreateMode::Persistent));
    for (index, told) in [(deleted, gone), (failed, failure)] {
        stage.operations[index].attempts = 2;
        stage.complete(index, told);
    }
    stage.run(1, create("/y", CreateMode::Persistent));
    assert_eq!(stage.judge(Mode::ZooKeeper), Ruling::Holds);
}

#[test]
fn the_zxids_of_replies_say_where_an_unknown_write_was() {
    let mut stage = Stage::new();
    stage.run(1, create("/a", CreateMode::Persistent));
    for hidden in ["/h", "/i", "/j", "/k"] {
        happens_unasked(&mut stage, 4, made(hidden));
    }
    stage.run(2, get("/a"));
    stage.run(2, get("/a"));
    happens_unknown(&mut stage, 5, delete("/a"));
    stage.run(2, get("/a"));
    for hidden in ["/l", "/m", "/n", "/o"] {
        happens_unasked(&mut stage, 4, made(hidden));
    }
    stage.run(1, create("/z", CreateMode::Persistent));
    assert_eq!(stage.judge(Mode::ZooKeeper), Ruling::Holds);
}
