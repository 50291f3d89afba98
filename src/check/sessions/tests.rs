use super::super::testing::{Story, answer, assert_fails, assert_passes, verdict, verdict_with};
use super::*;
use crate::history::History;
use crate::ids::{ConnId, SessionId, Span, Zxid};
use crate::protocol::Role;
use crate::tree::{
    ANY_VERSION, Answer, Command, ErrorCode, Failure, Payload, Read, Request, Txn, TxnRecord, Write,
};
use crate::wire::PeerMsg;

const SESSION: SessionId = SessionId(7);
const PASSWORD: u64 = 99;

fn txn(seq: u32, time_ms: u64, txn: Txn) -> Payload {
    Payload::txn(TxnRecord {
        session: SESSION,
        seq,
        time_ms,
        txn,
    })
}

fn closing(seq: u32) -> Payload {
    let ephemerals = Vec::new();
    txn(seq, 900, Txn::CloseSession { ephemerals })
}

/// Server 1 leads in epoch 1, and opens session 7, whose timeout is 200 ms, at 1.
fn office() -> Story {
    let timeout = Span::millis(200);
    let opening = txn(0, 0, Txn::CreateSession { timeout });
    let mut story = Story::default();
    story
        .boot(1)
        .stand(1, Role::Leading, 1)
        .lead(1, 1)
        .propose(1, 1, 1, opening.digest())
        .apply(1, 1, &opening, None, None)
        .deliver(1, 1, opening.digest());
    story
}

/// Server 2 follows server 1, and session 7's client is attached to it.
fn attached() -> Story {
    let mut story = office();
    let leader = Some(NodeId(1));
    story.news(2, SessionNews::Uplink { leader });
    knock(&mut story, 2, 1, SessionId::NONE, 0);
    welcome(&mut story, 2, 1);
    story.send(2, touch());
    story.receive(1, 2, touch());
    story
}

fn touch() -> PeerMsg {
    PeerMsg::Touch {
        sessions: vec![SESSION],
    }
}

fn knock(story: &mut Story, node: u8, conn: u32, session: SessionId, password: u64) {
    let conn = ConnId(conn);
    let news = SessionNews::Knocked {
        conn,
        session,
        password,
    };
    story.news(node, news);
}

fn welcome(story: &mut Story, node: u8, conn: u32) {
    let news = SessionNews::Welcomed {
        conn: ConnId(conn),
        session: SESSION,
        password: PASSWORD,
    };
    story.news(node, news);
}

fn end(story: &mut Story, payload: &Payload, expired: bool, left: usize) {
    let news = SessionNews::Ended {
        zxid: Zxid(2),
        value: payload.digest(),
        session: SESSION,
        expired,
        left,
    };
    story.apply(1, 2, payload, None, None).news(1, news);
}

/// Lets the session expire after this long.
fn expire(story: &mut Story, after: Span) {
    let payload = closing(0);
    story.pass(after).propose(1, 1, 2, payload.digest());
    end(story, &payload, true, 0);
}

fn judge(story: &Story) -> Verdict {
    verdict(ENTRY, "zab", story)
}

#[test]
fn a_session_that_was_silent_for_its_timeout_may_expire() {
    let mut story = attached();
    expire(&mut story, Span::millis(201));
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
}

#[test]
fn a_session_that_was_heard_of_may_not_expire() {
    let mut story = attached();
    story.pass(Span::millis(120)).receive(1, 2, touch());
    expire(&mut story, Span::millis(120));
    assert_fails(
        &judge(&story),
        "never without news of it for longer than 120",
    );
}

#[test]
fn silence_counts_from_when_the_leader_is_established() {
    let mut story = attached();
    story
        .pass(Span::millis(300))
        .stand(1, Role::Leading, 2)
        .lead(1, 2);
    let payload = closing(0);
    story
        .pass(Span::millis(50))
        .propose(1, 2, 2, payload.digest());
    end(&mut story, &payload, true, 0);
    assert_fails(&judge(&story), "established in epoch 2");
}

/// A write of session 8 reaches the leader and takes a place.
fn write(story: &mut Story, zxid: u64) {
    let payload = ask_for_a_write(story, zxid);
    story.apply(1, zxid, &payload, None, None);
}

/// A write of another session reaches server 1, which proposes it.
fn ask_for_a_write(story: &mut Story, zxid: u64) -> Payload {
    let payload = Payload::txn(TxnRecord {
        session: SessionId(8),
        seq: 1,
        time_ms: zxid,
        txn: Txn::Error(Failure::of(ErrorCode::NoNode)),
    });
    let request = PeerMsg::Request {
        session: SessionId(8),
        seq: 1,
        acked: 0,
        ids: std::sync::Arc::default(),
        write: Write::Delete {
            path: "/x".into(),
            version: ANY_VERSION,
        },
    };
    story
        .receive(1, 2, request)
        .propose(1, 1, zxid, payload.digest());
    payload
}

#[test]
fn a_silent_session_does_not_outlive_what_comes_later() {
    let mut story = attached();
    story.pass(Span::millis(300));
    write(&mut story, 2);
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "it is not due yet"
    );
    let mut story = attached();
    story.pass(Span::millis(400));
    write(&mut story, 2);
    assert_fails(&judge(&story), "heard nothing of s7");
}

#[test]
fn a_session_whose_client_comes_back_before_a_write_outlives_it() {
    let attach = Payload::command(Command {
        session: SESSION,
        seq: 0,
        acked: Command::ATTACH,
        time_ms: 0,
        write: Write::CreateSession {
            timeout: Span::millis(200),
        },
    });
    let mut story = attached();
    story.pass(Span::millis(400));
    story.propose(1, 1, 2, attach.digest());
    let payload = ask_for_a_write(&mut story, 3);
    story.apply(1, 2, &attach, None, None);
    story.apply(1, 3, &payload, None, None);
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
    // Nobody comes back after that.
    let mut story = attached();
    story.propose(1, 1, 2, attach.digest());
    story.apply(1, 2, &attach, None, None);
    story.pass(Span::millis(400));
    write(&mut story, 3);
    assert_fails(&judge(&story), "heard nothing of s7");
}

#[test]
fn a_leader_that_was_paused_has_its_time() {
    let mut story = attached();
    story
        .pass(Span::millis(390))
        .news(1, SessionNews::Resumed)
        .pass(Span::millis(10));
    write(&mut story, 2);
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
}

fn hear(story: &mut Story) {
    let (conn, seq) = (ConnId(1), None);
    story.news(2, SessionNews::Heard { conn, seq });
}

#[test]
fn who_was_heard_of_is_passed_on_in_time() {
    let mut story = attached();
    hear(&mut story);
    story.pass(Span::millis(24)).send(2, touch());
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
    hear(&mut story);
    story.pass(Span::millis(30));
    hear(&mut story);
    // All of what a pause held back is done at one moment, but this is another one.
    hear(&mut story);
    assert_fails(&judge(&story), "had not passed that on to its leader n1");
}

#[test]
fn nothing_is_owed_to_a_leader_that_is_lost() {
    let mut story = attached();
    hear(&mut story);
    story.news(2, SessionNews::Uplink { leader: None });
    story.pass(Span::millis(30));
    hear(&mut story);
    hear(&mut story);
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
}

#[test]
fn a_wrong_password_is_not_let_in() {
    let mut story = attached();
    knock(&mut story, 2, 2, SESSION, PASSWORD);
    welcome(&mut story, 2, 2);
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
    knock(&mut story, 2, 3, SESSION, 5);
    let mut rejected = story_of(&story);
    welcome(&mut story, 2, 3);
    assert_fails(&judge(&story), "gave the password 5");
    rejected.news(2, SessionNews::Rejected { conn: ConnId(3) });
    assert!(matches!(judge(&rejected), Verdict::Pass { .. }));
}

/// The story of a wrong knock so far.
fn story_of(_: &Story) -> Story {
    let mut story = attached();
    knock(&mut story, 2, 3, SESSION, 5);
    story
}

#[test]
fn nobody_is_told_of_an_end_that_nothing_caused() {
    let mut story = attached();
    knock(&mut story, 2, 2, SESSION, PASSWORD);
    story.news(2, SessionNews::Rejected { conn: ConnId(2) });
    assert_fails(&judge(&story), "nothing ended it");
    let mut story = attached();
    expire(&mut story, Span::millis(300));
    knock(&mut story, 2, 2, SESSION, PASSWORD);
    story.news(2, SessionNews::Rejected { conn: ConnId(2) });
    assert!(
        matches!(judge(&story), Verdict::Pass { .. }),
        "{:?}",
        judge(&story)
    );
}

#[test]
fn an_answer_that_a_session_expired_comes_after_its_end() {
    let expired: Answer = Err(Failure::of(ErrorCode::SessionExpired));
    let path = "/a".into();
    let read = Request::Read(Read::Exists { path, watch: false });
    let mut history = History::default();
    history.operations.push(answer(1, 7, read, 3, expired));
    let mut story = attached();
    let told = verdict_with(ENTRY, "zab", &story, &history);
    assert_fails(&told, "nothing had ended it");
    expire(&mut story, Span::millis(300));
    let told = verdict_with(ENTRY, "zab", &story, &history);
    assert!(matches!(told, Verdict::Pass { .. }), "{told:?}");
}

#[test]
fn a_session_whose_end_is_proposed_is_not_taken_over() {
    let mut story = attached();
    let payload = closing(1);
    story.propose(1, 1, 2, payload.digest());
    let timeout = Some(Span::millis(200));
    story.send(
        1,
        PeerMsg::Revalidated {
            session: SESSION,
            conn: ConnId(1),
            timeout,
        },
    );
    end(&mut story, &payload, false, 0);
    assert_fails(&judge(&story), "n1 took over s7");
}

#[test]
fn ephemeral_nodes_go_with_their_session() {
    let mut story = attached();
    let payload = closing(1);
    story.propose(1, 1, 2, payload.digest());
    end(&mut story, &payload, false, 2);
    assert_fails(&judge(&story), "still holds 2 of its ephemeral nodes");
}

#[test]
fn nothing_is_owed_where_there_is_no_session() {
    let mut story = Story::default();
    story.boot(1).stand(1, Role::Leading, 1).lead(1, 1);
    assert!(matches!(judge(&story), Verdict::Vacuous(_)));
    assert_passes(&judge(&office()), 1);
}
