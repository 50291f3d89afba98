use super::super::testing::{Story, answer, assert_fails, assert_passes, command_of, verdict_with};
use super::*;
use crate::ids::Span;
use crate::tree::{CreateMode, Data, ErrorCode, Failure, Path, Response, Stat};

const SESSION: u64 = 7;
const READER: Reader<'static> = Reader {
    session: crate::ids::SessionId(SESSION),
    ids: &[],
};

/// A run in which every transaction of one session is delivered by server 1.
struct Run {
    story: Story,
    history: History,
    zxid: u64,
    seq: u32,
    model: Model,
}

fn create(path: &str, mode: CreateMode) -> Write {
    Write::Create {
        path: Path::from(path),
        data: Data::from([]),
        mode,
    }
}

fn set(path: &str, data: u8) -> Write {
    Write::SetData {
        path: Path::from(path),
        data: Data::from([data]),
        version: -1,
    }
}

fn delete(path: &str) -> Write {
    Write::Delete {
        path: Path::from(path),
        version: -1,
    }
}

fn get(path: &str) -> Read {
    Read::GetData {
        path: Path::from(path),
        watch: false,
    }
}

impl Run {
    fn new() -> Run {
        let mut run = Run {
            story: Story::default(),
            history: History::default(),
            zxid: 0,
            seq: 0,
            model: Model::new(),
        };
        let timeout = Span::secs(1);
        run.commit(0, Write::CreateSession { timeout }, true);
        run
    }

    /// Commits a write that nobody is told of.
    fn commit(&mut self, seq: u32, write: Write, executed: bool) {
        let _untold = self.execute(seq, write, executed);
    }

    /// Commits a write and tells the right answer.
    fn execute(&mut self, seq: u32, write: Write, executed: bool) -> Answer {
        self.zxid += 1;
        let payload = command_of(SESSION, seq, write.clone());
        let effect = executed.then_some((SESSION, seq));
        self.story.apply(1, self.zxid, &payload, Some(1), effect);
        self.story.deliver(1, self.zxid, payload.digest());
        self.model
            .write(Zxid(self.zxid), crate::ids::SessionId(SESSION), &[], &write)
    }

    /// A write that is committed and answered as `amend` says.
    fn write_amended(&mut self, write: Write, amend: impl FnOnce(&mut Answer)) -> &mut Operation {
        self.seq += 1;
        let mut told = self.execute(self.seq, write.clone(), true);
        amend(&mut told);
        let zxid = self.zxid;
        self.push(Request::Write(write), zxid, told)
    }

    fn write(&mut self, write: Write) -> &mut Operation {
        self.write_amended(write, |_| ())
    }

    /// A read answered from the present state.
    fn synced_read(&mut self, path: &str) -> &mut Operation {
        let told = self.model.read(READER, &get(path));
        let operation = self.push(Request::Read(get(path)), self.zxid, told);
        operation.synced = true;
        operation
    }

    fn push(&mut self, request: Request, zxid: u64, told: Answer) -> &mut Operation {
        let id = u32::try_from(self.history.operations.len()).expect("a short history");
        let operation = answer(id, SESSION, request, zxid, told);
        self.history.operations.push(operation);
        self.history.operations.last_mut().expect("one was pushed")
    }

    fn judge(&self) -> Verdict {
        verdict_with(ENTRY, "paxos", &self.story, &self.history)
    }
}

#[test]
fn a_sequential_history_is_linearizable() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.write(set("/a", 1));
    run.synced_read("/a");
    run.write(create("/a", CreateMode::Persistent));
    run.write(create("/a/n", CreateMode::EphemeralSequential));
    run.write(Write::CloseSession);
    run.write(delete("/a"));
    assert_passes(&run.judge(), 7);
}

#[test]
fn a_wrong_sequence_number_contradicts_the_replay() {
    let mut run = Run::new();
    run.write(create("/n", CreateMode::PersistentSequential));
    run.write(delete("/n0000000000"));
    run.write_amended(create("/n", CreateMode::PersistentSequential), |told| {
        if let Ok(Response::Created { path, .. }) = told {
            *path = Path::from("/n0000000000");
        }
    });
    assert_fails(&run.judge(), "/n0000000001");
}

#[test]
fn a_wrong_error_contradicts_the_replay() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.write_amended(set("/a", 1), |told| {
        *told = Err(Failure::of(ErrorCode::BadVersion))
    });
    assert_fails(&run.judge(), "op1 (setData /a of c1 in s7) was answered");
}

#[test]
fn a_write_that_is_refused_in_its_place_while_its_session_lives_contradicts_the_replay() {
    let mut run = Run::new();
    run.write_amended(create("/a", CreateMode::Persistent), |told| {
        *told = Err(Failure::of(ErrorCode::SessionExpired));
    });
    assert_fails(&run.judge(), "SessionExpired");
}

#[test]
fn a_write_whose_retry_found_the_session_gone_may_have_taken_effect() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent)).outcome = Some(Outcome::Answered {
        zxid: Zxid(9),
        answer: Err(Failure::of(ErrorCode::SessionExpired)),
    });
    run.synced_read("/a");
    assert_passes(&run.judge(), 2);
}

#[test]
fn an_acknowledged_write_that_is_not_in_the_order_is_lost() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.push(
        Request::Write(set("/a", 1)),
        3,
        Ok(Response::Set(Stat::default())),
    );
    assert_fails(&run.judge(), "never committed");
}

#[test]
fn an_order_that_contradicts_real_time_fails() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.write(set("/a", 1));
    let earlier = &mut run.history.operations[0];
    (earlier.invoked, earlier.completed) = (VirtualTime(50), Some(VirtualTime(55)));
    assert_fails(&run.judge(), "completed at 0.000ms before op0");
}

#[test]
fn a_stale_synced_read_names_the_edge() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    let stale = run.synced_read("/a").clone();
    run.write(set("/a", 1));
    let late = &mut run.history.operations[1];
    (late.invoked, late.completed) = (VirtualTime(50), Some(VirtualTime(55)));
    assert_eq!(late.outcome, stale.outcome);
    assert_fails(
        &run.judge(),
        "op1 (getData /a of c1 in s7) was answered \"\" (mzxid 2, version 0, dataLength 0), but \
         op2 (setData /a of c1 in s7) had completed at 0.000ms before it was invoked \
         at 0.000ms: from there on the answer was",
    );
}

#[test]
fn a_read_whose_reply_understates_what_it_saw_is_given_another_place() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.write(create("/b", CreateMode::Persistent));
    run.synced_read("/a");
    // The reply tells the zxid before /b, which does not matter for what was read of /a.
    let read = run.history.operations.last_mut().expect("the read");
    if let Some(Outcome::Answered { zxid, .. }) = &mut read.outcome {
        *zxid = Zxid(2);
    }
    assert_passes(&run.judge(), 3);
}

#[test]
fn a_read_of_what_never_was_fails_although_others_could_move() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.synced_read("/a").outcome = Some(Outcome::Answered {
        zxid: Zxid(2),
        answer: Err(Failure::of(ErrorCode::NoNode)),
    });
    assert_fails(&run.judge(), "NoNode");
}

#[test]
fn plain_reads_are_not_asked_to_be_linearizable() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.push(
        Request::Read(get("/a")),
        1,
        Err(Failure::of(ErrorCode::NoNode)),
    );
    assert_passes(&run.judge(), 1);
}

#[test]
fn an_unknown_write_and_an_expiry_are_where_the_white_box_saw_them() {
    let mut run = Run::new();
    run.write(create("/e", CreateMode::Ephemeral));
    let unknown = run.write(create("/p", CreateMode::Persistent));
    (unknown.completed, unknown.outcome) = (None, Some(Outcome::Unknown));
    run.synced_read("/p");
    run.commit(0, Write::ExpireSession, true);
    run.synced_read("/e");
    run.synced_read("/");
    assert_passes(&run.judge(), 4);
}

#[test]
fn a_repeat_has_no_effect() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    run.write(delete("/a"));
    let before = run.model.clone();
    run.commit(1, create("/a", CreateMode::Persistent), false);
    run.model = before;
    run.synced_read("/a");
    assert_passes(&run.judge(), 3);
}

#[test]
fn a_history_that_does_not_belong_to_the_run_is_not_judged() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent)).request = Request::Write(delete("/b"));
    assert!(
        matches!(run.judge(), Verdict::Unknown(_)),
        "{:?}",
        run.judge()
    );
}

#[test]
fn a_refusal_of_the_session_is_no_statement_about_the_tree() {
    let mut run = Run::new();
    run.write(create("/a", CreateMode::Persistent));
    let gone = Err(Failure::of(ErrorCode::SessionExpired));
    run.push(Request::Write(set("/a", 1)), 1, gone.clone());
    run.push(Request::Read(get("/a")), 1, gone).synced = true;
    assert_passes(&run.judge(), 2);
}

#[test]
fn a_transaction_inside_a_snapshot_that_nobody_delivered_is_found_by_its_successor() {
    let mut run = Run::new();
    // Server 1 delivers through 1; the creation at 2 is applied, never delivered, and inside the
    // snapshot from which server 2 goes on.
    let first = command_of(SESSION, 1, create("/a", CreateMode::Persistent));
    run.story.apply(1, 2, &first, Some(1), Some((SESSION, 1)));
    let session = crate::ids::SessionId(SESSION);
    let told = run
        .model
        .write(Zxid(2), session, &[], &create("/a", CreateMode::Persistent));
    run.push(
        Request::Write(create("/a", CreateMode::Persistent)),
        2,
        told,
    );
    run.story.restore(2, 2);
    let second = command_of(SESSION, 2, set("/a", 1));
    run.story.apply(2, 3, &second, Some(1), Some((SESSION, 2)));
    run.story.deliver(2, 3, second.digest());
    let told = run.model.write(Zxid(3), session, &[], &set("/a", 1));
    run.push(Request::Write(set("/a", 1)), 3, told);
    assert_passes(&run.judge(), 2);
}
