//! Planted violations of every rule.

use super::*;
use crate::history::{Outcome, Refused};
use crate::ids::Zxid;
use crate::linear::Steps;
use crate::tree::{Answer, CreateMode, Data, Path, Read, Response};

pub(super) const LINEARIZABLE: Mode = Mode::Linearizable(Reads::All);

pub(super) fn path(text: &str) -> Path {
    Path::from(text)
}

pub(super) fn create(at: &str, mode: CreateMode) -> Request {
    Request::Write(Write::Create {
        path: path(at),
        data: Data::from(*b"x"),
        mode,
    })
}

pub(super) fn set(at: &str, data: &str, version: i32) -> Request {
    Request::Write(Write::SetData {
        path: path(at),
        data: Data::from(data.as_bytes()),
        version,
    })
}

pub(super) fn delete(at: &str) -> Request {
    Request::Write(Write::Delete {
        path: path(at),
        version: -1,
    })
}

pub(super) fn get(at: &str) -> Request {
    Request::Read(Read::GetData {
        path: path(at),
        watch: false,
    })
}

pub(super) fn children(at: &str) -> Request {
    Request::Read(Read::GetChildren {
        path: path(at),
        watch: false,
    })
}

/// A tree that answers, and what its clients have seen.
pub(super) struct Stage {
    tree: Model,
    zxid: u64,
    clock: u64,
    pub operations: Vec<Operation>,
}

impl Stage {
    pub fn new() -> Stage {
        let mut tree = Model::bare();
        for session in 0..10 {
            tree::open(&mut tree, SessionId(session));
        }
        Stage {
            tree,
            zxid: 0,
            clock: 0,
            operations: Vec::new(),
        }
    }

    fn tick(&mut self) -> VirtualTime {
        self.clock += 1;
        VirtualTime(self.clock)
    }

    pub fn invoke(&mut self, session: u64, request: Request) -> usize {
        let number = u32::try_from(self.operations.len()).expect("there are few");
        let invoked = self.tick();
        self.operations.push(Operation {
            id: OpId(number),
            client: ClientId(u16::try_from(session).expect("there are few")),
            session: SessionId(session),
            xid: number + 1,
            seq: 0,
            conn: None,
            server: None,
            attempts: 1,
            request,
            ids: Arc::from([]),
            synced: false,
            invoked,
            completed: None,
            outcome: None,
        });
        self.operations.len() - 1
    }

    /// The operation takes effect.
    pub fn happen(&mut self, index: usize) -> (u64, Answer) {
        let op = &self.operations[index];
        match &op.request {
            Request::Write(write) => {
                self.zxid += 1;
                let answer = tree::write(&mut self.tree, self.zxid, op, write);
                (self.zxid, answer)
            }
            Request::Read(read) => (self.zxid, tree::read(&self.tree, op, read)),
            Request::Watch(_) | Request::Sync | Request::Auth { .. } => {
                (self.zxid, Ok(Response::Synced))
            }
        }
    }

    pub fn complete(&mut self, index: usize, (zxid, answer): (u64, Answer)) {
        let completed = self.tick();
        let op = &mut self.operations[index];
        op.completed = Some(completed);
        op.outcome = Some(Outcome::Answered {
            zxid: Zxid(zxid),
            answer,
        });
    }

    /// One operation from beginning to end.
    pub fn run(&mut self, session: u64, request: Request) -> usize {
        let index = self.invoke(session, request);
        let told = self.happen(index);
        self.complete(index, told);
        index
    }

    pub fn judge(&self, mode: Mode) -> Ruling {
        let history = History {
            operations: self.operations.clone(),
            seen: Vec::new(),
        };
        let options = Options::new(mode, InitialTree::Bare);
        check(&history, &options, &mut Steps(1_000)).ruling
    }

    fn holds(&self, mode: Mode) {
        assert_eq!(self.judge(mode), Ruling::Holds);
    }

    fn violation(&self, mode: Mode) -> Violation {
        match self.judge(mode) {
            Ruling::Violated(violation) => *violation,
            other => panic!("not violated: {other:?}"),
        }
    }
}

/// /a exists, and was set once by session 1.
fn scene() -> Stage {
    let mut stage = Stage::new();
    stage.run(1, create("/a", CreateMode::Persistent));
    stage.run(1, set("/a", "one", -1));
    stage
}

#[test]
fn a_stale_read_breaks_real_time_but_not_what_zookeeper_promises() {
    let mut stage = scene();
    let old = stage.run(2, get("/a"));
    let old = stage.operations[old].outcome.clone();
    let written = stage.run(1, set("/a", "two", -1));
    let read = stage.run(3, get("/a"));
    stage.holds(LINEARIZABLE);
    stage.operations[read].outcome = old;
    stage.holds(Mode::ZooKeeper);
    let violation = stage.violation(LINEARIZABLE);
    assert_eq!(violation.operation, OpId(4));
    assert_eq!(violation.edge, Edge::RealTime(OpId(3), OpId(4)));
    assert_eq!(stage.operations[written].id, OpId(3));
    assert!(
        violation.sentence.contains("which completed at"),
        "{violation:?}"
    );
    assert_eq!(violation.prefix.len(), 4, "the four before it are legal");
    let history = History {
        operations: stage.operations.clone(),
        seen: Vec::new(),
    };
    let options = Options::new(LINEARIZABLE, InitialTree::Bare);
    let least = minimal(&history, &violation, &options, &mut Steps(1_000));
    // Their answers say it alone: who has written the rest does not matter.
    assert_eq!(least, [OpId(3), OpId(4)]);
}

#[test]
fn a_session_does_not_read_what_was_before_its_own_write() {
    let mut stage = scene();
    let old = stage.run(2, get("/a"));
    let old = stage.operations[old].outcome.clone();
    stage.run(1, set("/a", "two", -1));
    let read = stage.run(1, get("/a"));
    stage.operations[read].outcome = old;
    assert!(matches!(
        stage.violation(Mode::ZooKeeper).edge,
        Edge::Session(_, OpId(4))
    ));
}

#[test]
fn a_session_that_has_heard_of_a_transaction_reads_nothing_older_on_any_connection() {
    let mut stage = scene();
    let first = stage.invoke(2, get("/a"));
    let old = stage.happen(first);
    stage.complete(first, old.clone());
    stage.run(1, set("/a", "two", -1));
    // Another node is read at the newer state, and then the old one at the older.
    stage.run(2, children("/"));
    let second = stage.invoke(2, get("/a"));
    let zxid = stage.zxid;
    stage.complete(second, (zxid, old.1.clone()));
    let violation = stage.violation(Mode::ZooKeeper);
    assert_eq!(violation.operation, OpId(5), "{violation:?}");
    stage.operations[second].session = SessionId(3);
    stage.holds(Mode::ZooKeeper);
    stage.operations[second].session = SessionId(2);
    stage.complete(second, old);
    let violation = stage.violation(Mode::ZooKeeper);
    assert!(
        violation.sentence.contains("had been answered at 3"),
        "{violation:?}"
    );
}

#[test]
fn a_sync_lifts_a_session_to_what_its_reply_names_and_no_further() {
    let mut stage = scene();
    let first = stage.invoke(3, get("/a"));
    let old = stage.happen(first);
    stage.complete(first, old.clone());
    stage.run(1, set("/a", "two", -1));
    // The answering leader had been superseded: it names an old transaction.
    let sync = stage.invoke(2, Request::Sync);
    stage.complete(sync, (2, Ok(Response::Synced)));
    let read = stage.invoke(2, get("/a"));
    stage.complete(read, old.clone());
    stage.operations[read].synced = true;
    stage.holds(Mode::ZooKeeper);
    stage.violation(Mode::Linearizable(Reads::Synced));
    stage.complete(sync, (3, Ok(Response::Synced)));
    stage.complete(read, (3, old.1));
    stage.violation(Mode::ZooKeeper);
}

#[test]
fn writes_are_linearizable_in_both_modes() {
    for mode in [LINEARIZABLE, Mode::ZooKeeper] {
        let mut stage = scene();
        let first = stage.run(1, set("/a", "two", -1));
        let second = stage.run(2, set("/a", "six", -1));
        stage.holds(mode);
        let outcome = stage.operations[first].outcome.clone();
        stage.operations[first].outcome = stage.operations[second].outcome.clone();
        stage.operations[second].outcome = outcome;
        let violation = stage.violation(mode);
        assert_eq!(
            violation.edge,
            Edge::RealTime(OpId(2), OpId(3)),
            "{violation:?}"
        );
        assert!(
            violation.sentence.contains("after the other's"),
            "{violation:?}"
        );
    }
}

#[test]
fn an_error_is_an_observation() {
    for mode in [LINEARIZABLE, Mode::ZooKeeper] {
        let mut stage = scene();
        let failed = stage.run(2, set("/a", "two", 7));
        stage.holds(mode);
        stage.operations[failed].request = set("/a", "two", 1);
        let violation = stage.violation(mode);
        assert!(violation.sentence.contains("BadVersion"), "{violation:?}");
    }
}

#[test]
fn sequential_names_are_counted() {
    let mut stage = scene();
    stage.run(1, create("/a/s-", CreateMode::PersistentSequential));
    let second = stage.run(2, create("/a/s-", CreateMode::PersistentSequential));
    stage.holds(Mode::ZooKeeper);
    match &mut stage.operations[second].outcome {
        Some(Outcome::Answered {
            answer: Ok(Response::Created { path, .. }),
            ..
        }) => *path = Path::from("/a/s-0000000000"),
        other => panic!("{other:?}"),
    }
    let violation = stage.violation(Mode::ZooKeeper);
    assert!(violation.sentence.contains("s-0000000001"), "{violation:?}");
}

#[test]
fn ephemerals_are_gone_when_their_session_has_closed() {
    let mut stage = Stage::new();
    stage.run(1, create("/e", CreateMode::Ephemeral));
    let before = stage.run(2, get("/e"));
    let before = stage.operations[before].outcome.clone();
    stage.run(1, Request::Write(Write::CloseSession));
    stage.run(2, children("/"));
    let after = stage.run(2, get("/e"));
    stage.holds(Mode::ZooKeeper);
    stage.holds(LINEARIZABLE);
    let told = before.clone();
    let Some(Outcome::Answered { answer, .. }) = told else {
        panic!("it was answered");
    };
    stage.operations[after].outcome = Some(Outcome::Answered {
        zxid: Zxid(2),
        answer,
    });
    assert_eq!(stage.violation(Mode::ZooKeeper).operation, OpId(4));
}

#[test]
fn a_session_may_expire_unasked_and_takes_no_others_ephemerals_along() {
    let mut stage = Stage::new();
    stage.run(1, create("/e", CreateMode::Ephemeral));
    stage.run(2, create("/f", CreateMode::Ephemeral));
    let expiry = stage.run(1, Request::Write(Write::ExpireSession));
    stage.run(3, get("/e"));
    stage.operations.remove(expiry);
    stage.holds(Mode::ZooKeeper);
    // A persistent node does not go away by itself.
    stage.operations[0].request = create("/e", CreateMode::Persistent);
    assert!(matches!(stage.judge(Mode::ZooKeeper), Ruling::Violated(_)));
}

#[test]
fn an_unknown_write_may_happen_or_not_but_not_after_the_next_acknowledged_one() {
    let mut stage = scene();
    let lost = stage.invoke(1, set("/a", "lost", -1));
    stage.operations[lost].outcome = Some(Outcome::Unknown);
    stage.run(2, get("/a"));
    stage.holds(Mode::ZooKeeper);
    stage.holds(LINEARIZABLE);
    let _unseen = stage.happen(lost);
    stage.run(2, get("/a"));
    stage.holds(Mode::ZooKeeper);
    stage.holds(LINEARIZABLE);
    // It happens after an acknowledged write of its session.
    let mut stage = scene();
    let lost = stage.invoke(1, set("/a", "lost", -1));
    stage.operations[lost].outcome = Some(Outcome::Unknown);
    stage.run(1, create("/b", CreateMode::Persistent));
    let _unseen = stage.happen(lost);
    stage.run(2, get("/a"));
    stage.holds(LINEARIZABLE);
    stage.violation(Mode::ZooKeeper);
}

#[test]
fn a_read_of_a_write_that_nobody_asked_for_is_a_violation() {
    for mode in [LINEARIZABLE, Mode::ZooKeeper] {
        let mut stage = scene();
        let ghost = stage.run(1, set("/a", "ghost", -1));
        stage.run(2, get("/a"));
        stage.operations.remove(ghost);
        let violation = stage.violation(mode);
        assert_eq!(violation.operation, OpId(3), "{violation:?}");
    }
}

#[test]
fn two_writes_at_one_zxid_are_a_violation() {
    let mut stage = scene();
    let second = stage.run(2, create("/b", CreateMode::Persistent));
    stage.zxid -= 1;
    let third = stage.run(3, create("/c", CreateMode::Persistent));
    assert!(second < third);
    let told = stage.violation(LINEARIZABLE).sentence;
    assert!(told.contains("both took effect at 3"), "{told}");
}

#[test]
fn what_a_part_lacks_may_have_happened_or_not() {
    let mut stage = scene();
    let seen = stage.run(1, set("/a", "two", 1));
    let seen = stage.operations[seen].id;
    let late = stage.run(2, set("/a", "late", 1));
    let late = stage.operations[late].id;
    // It failed rightly, but says that there was no such node.
    let told = stage.operations.last_mut().expect("there are some");
    told.outcome = Some(Outcome::Answered {
        zxid: Zxid(4),
        answer: Err(crate::tree::Failure::of(crate::tree::ErrorCode::NoNode)),
    });
    let violation = stage.violation(LINEARIZABLE);
    let history = History {
        operations: stage.operations.clone(),
        seen: Vec::new(),
    };
    let options = Options::new(LINEARIZABLE, InitialTree::Bare);
    let least = minimal(&history, &violation, &options, &mut Steps(1_000));
    // Who made the node does not matter: the set's answer says that there was one.
    assert_eq!(least, [seen, late]);
}

/// The ends of sessions with nodes below /q, at places that nobody knows, have no part in what
/// its content is. Whoever blames them for it tries all their places.
#[test]
fn a_search_goes_back_to_what_has_a_part_in_the_failure() {
    let mut stage = Stage::new();
    stage.run(0, create("/p", CreateMode::Persistent));
    stage.run(0, create("/q", CreateMode::Persistent));
    let nodes: Vec<String> = (1..9).map(|session| format!("/q/e{session}")).collect();
    for (session, node) in (1..).zip(&nodes) {
        stage.run(session, create(node, CreateMode::Ephemeral));
    }
    for session in 1..9 {
        let close = stage.invoke(session, Request::Write(Write::CloseSession));
        let _unseen = stage.happen(close);
        stage.run(0, set("/p", "between", -1));
    }
    for node in &nodes {
        stage.run(0, get(node));
    }
    let lost = stage.invoke(9, set("/q", "lost", -1));
    let _unseen = stage.happen(lost);
    let late = stage.run(0, set("/q", "late", 1));
    stage.holds(LINEARIZABLE);
    stage.operations[lost].outcome = Some(Outcome::Refused(Refused::NotSent));
    let violation = stage.violation(LINEARIZABLE);
    assert_eq!(violation.operation, stage.operations[late].id);
}
