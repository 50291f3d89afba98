use super::super::testing::{Story, answer, assert_fails, verdict, verdict_with};
use super::*;
use crate::history::History;
use crate::ids::{SessionId, Span};
use crate::tree::{Command, Data, Read, Request, Txn, TxnRecord, Write};

fn set(time_ms: u64) -> Payload {
    Payload::txn(TxnRecord {
        session: SessionId(7),
        seq: 1,
        time_ms,
        txn: Txn::SetData {
            path: "/a".into(),
            data: Data::from([]),
            version: 1,
        },
    })
}

/// Proposed at 10 ms with this time.
fn story(payload: &Payload) -> Story {
    let mut story = Story::default();
    story
        .lead(1, 1)
        .pass(Span::millis(10))
        .propose(1, 1, 5, payload.digest())
        .apply(1, 5, payload, None, Some((7, 1)));
    story
}

fn seen(mtime: u64) -> History {
    let stat = Stat {
        mtime,
        mzxid: Zxid(5),
        ..Stat::default()
    };
    let path = "/a".into();
    let read = Request::Read(Read::Exists { path, watch: false });
    let told = Ok(Response::Exists(stat));
    let mut history = History::default();
    history.operations.push(answer(1, 7, read, 5, told));
    history
}

#[test]
fn a_delta_carries_the_time_at_which_it_is_proposed() {
    let right = verdict(ENTRY, "zab", &story(&set(10)));
    assert!(matches!(right, Verdict::Pass { .. }), "{right:?}");
    for wrong in [2, 30] {
        let verdict = verdict(ENTRY, "zab", &story(&set(wrong)));
        assert_fails(&verdict, "n1 proposed it at");
    }
}

#[test]
fn a_command_may_have_waited_but_does_not_come_from_the_future() {
    let command = |time_ms| {
        Payload::command(Command {
            session: SessionId(7),
            seq: 1,
            acked: 0,
            time_ms,
            write: Write::SetData {
                path: "/a".into(),
                data: Data::from([]),
                version: 0,
            },
        })
    };
    let waited = verdict(ENTRY, "paxos", &story(&command(3)));
    assert!(matches!(waited, Verdict::Pass { .. }), "{waited:?}");
    let future = verdict(ENTRY, "paxos", &story(&command(30)));
    assert_fails(&future, "carries the time 30ms");
    let stale = verdict_with(ENTRY, "paxos", &story(&command(3)), &seen(2));
    assert_fails(&stale, "shows the mtime 2ms");
}

#[test]
fn a_node_shows_the_time_of_the_transaction_that_set_it() {
    let story = story(&set(10));
    let right = verdict_with(ENTRY, "zab", &story, &seen(10));
    assert!(matches!(right, Verdict::Pass { .. }), "{right:?}");
    let wrong = verdict_with(ENTRY, "zab", &story, &seen(9));
    assert_fails(
        &wrong,
        "shows the mtime 9ms, but the node was set at 5, which stamps 10ms",
    );
}
