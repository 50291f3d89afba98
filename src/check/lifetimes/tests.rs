use super::super::testing::{Story, answer, assert_fails, verdict_with};
use super::*;
use crate::ids::{SessionId, Span};
use crate::tree::{
    ANY_VERSION, CreateMode, Data, Payload, Request, Response, Txn, TxnRecord, Write,
};

/// A run of server 1 as the leader, with whatever it commits.
#[derive(Default)]
struct Run {
    story: Story,
    history: History,
    zxid: u64,
    now_ms: u64,
}

impl Run {
    fn new() -> Run {
        let mut run = Run::default();
        run.story.boot(1).lead(1, 1);
        let timeout = Span::secs(10);
        run.commit(SessionId(7), 0, Txn::CreateSession { timeout });
        run
    }

    fn commit(&mut self, session: SessionId, seq: u32, txn: Txn) {
        self.zxid += 1;
        let payload = Payload::txn(TxnRecord {
            session,
            seq,
            time_ms: self.now_ms,
            txn,
        });
        let value = payload.digest();
        self.story
            .propose(1, 1, self.zxid, value)
            .apply(1, self.zxid, &payload, None, None)
            .deliver(1, self.zxid, value);
    }

    /// A write of the client, invoked and committed now.
    fn ask(&mut self, write: Write, txn: Txn) {
        let id = u32::try_from(self.history.operations.len()).expect("a few") + 1;
        let request = Request::Write(write);
        let mut operation = answer(id, 7, request, self.zxid + 1, Ok(Response::Deleted));
        let now = VirtualTime(Span::millis(self.now_ms).0);
        operation.invoked = now;
        operation.completed = Some(now.after(Span::millis(1)));
        operation.xid = id;
        self.history.operations.push(operation);
        self.commit(SessionId(7), id, txn);
    }

    fn create(&mut self, path: &str, mode: CreateMode, owner: u64) {
        let (path, data) = (Path::from(path), Data::from([]));
        let write = Write::Create {
            path: path.clone(),
            data: data.clone(),
            mode,
        };
        let txn = Txn::Create {
            path,
            data,
            owner: SessionId(owner),
            parent_cversion: 1,
        };
        self.ask(write, txn);
    }

    fn set(&mut self, path: &str) {
        let (path, data) = (Path::from(path), Data::from([]));
        let write = Write::SetData {
            path: path.clone(),
            data: data.clone(),
            version: ANY_VERSION,
        };
        let version = 1;
        self.ask(
            write,
            Txn::SetData {
                path,
                data,
                version,
            },
        );
    }

    fn delete(&mut self, path: &str) {
        let path = Path::from(path);
        let write = Write::Delete {
            path: path.clone(),
            version: ANY_VERSION,
        };
        self.ask(write, Txn::Delete { path });
    }

    fn remove(&mut self, path: &str) {
        let path = Path::from(path);
        self.commit(SessionId::NONE, 0, Txn::Delete { path });
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.story.pass(Span::millis(ms));
    }

    fn ttl(&mut self, ms: u64) {
        self.create("/t", CreateMode::Ttl { ms }, 0xff << 56 | ms);
    }

    fn judge(&self) -> Verdict {
        verdict_with(ENTRY, "zab", &self.story, &self.history)
    }
}

#[track_caller]
fn assert_holds(run: &Run) {
    let verdict = run.judge();
    assert!(matches!(verdict, Verdict::Pass { .. }), "{verdict:?}");
}

#[test]
fn a_node_that_outlived_its_time_is_removed_and_one_that_did_not_is_not() {
    for (age, is_due) in [(150, true), (90, false)] {
        let mut run = Run::new();
        run.ttl(100);
        run.pass(age);
        run.remove("/t");
        if is_due {
            assert_holds(&run);
        } else {
            assert_fails(&run.judge(), "was never due");
        }
    }
}

#[test]
fn a_node_that_is_set_begins_a_new_time() {
    let mut run = Run::new();
    run.ttl(100);
    run.pass(60);
    run.set("/t");
    run.pass(60);
    run.remove("/t");
    assert_fails(&run.judge(), "was never due");
}

#[test]
fn a_container_goes_after_its_last_child_and_not_before_its_first() {
    let mut run = Run::new();
    run.create("/c", CreateMode::Container, 1 << 63);
    let mut early = Run::new();
    early.create("/c", CreateMode::Container, 1 << 63);
    early.remove("/c");
    assert_fails(&early.judge(), "/c was removed");
    run.create("/c/x", CreateMode::Persistent, 0);
    run.delete("/c/x");
    run.remove("/c");
    assert_holds(&run);
}

#[test]
fn what_is_no_bounded_node_is_not_removed() {
    let mut run = Run::new();
    run.create("/p", CreateMode::Persistent, 0);
    run.remove("/p");
    assert_fails(&run.judge(), "/p was removed");
}

#[test]
fn a_node_that_is_due_does_not_outlive_two_passes() {
    let mut run = Run::new();
    run.ttl(100);
    run.pass(110);
    run.set("/a");
    run.pass(260);
    run.set("/a");
    run.pass(200);
    run.set("/a");
    assert_holds(&run);
    run.pass(60);
    run.set("/a");
    assert_fails(&run.judge(), "/t was due at n1");
}
