//! The tree's tests, one file for each question.

mod commands;
mod fuzzy;
mod model;
mod outstanding;
mod properties;
mod rules;
mod watches;

use super::{
    ANY_VERSION, Answer, Applied, CreateMode, Data, ErrorCode, Failure, Outstanding, Part, Path,
    Payload, Snapshot, State, TxnRecord, Write,
};
use crate::ids::{SessionId, Span, Zxid};
use crate::mutation::Mutations;

/// A session of the tests.
const ALICE: SessionId = SessionId(1);
/// Another one.
const BOB: SessionId = SessionId(2);

fn path(text: &str) -> Path {
    Path::from(text)
}

fn data(text: &str) -> Data {
    Data::from(text.as_bytes())
}

fn create(at: &str, mode: CreateMode) -> Write {
    Write::Create {
        path: path(at),
        data: data(at),
        mode,
    }
}

fn persistent(at: &str) -> Write {
    create(at, CreateMode::Persistent)
}

fn ephemeral(at: &str) -> Write {
    create(at, CreateMode::Ephemeral)
}

fn sequential(at: &str) -> Write {
    create(at, CreateMode::PersistentSequential)
}

fn delete(at: &str) -> Write {
    Write::Delete {
        path: path(at),
        version: ANY_VERSION,
    }
}

fn set(at: &str, content: &str, version: i32) -> Write {
    Write::SetData {
        path: path(at),
        data: data(content),
        version,
    }
}

fn part(write: Write) -> Part {
    match write {
        Write::Create { path, data, mode } => Part::Create { path, data, mode },
        Write::Delete { path, version } => Part::Delete { path, version },
        Write::SetData {
            path,
            data,
            version,
        } => Part::SetData {
            path,
            data,
            version,
        },
        Write::CreateWith {
            path,
            data,
            mode,
            acl,
        } => Part::CreateWith {
            path,
            data,
            mode,
            acl,
        },
        Write::Check { path, version } => Part::Check { path, version },
        Write::Refused(code) => Part::Refused(code),
        Write::Multi(_)
        | Write::SetAcl { .. }
        | Write::As { .. }
        | Write::DeleteContainer { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => panic!("{write} is no part of a multi"),
    }
}

fn check(at: &str, version: i32) -> Part {
    Part::Check {
        path: path(at),
        version,
    }
}

fn open() -> Write {
    Write::CreateSession {
        timeout: Span::secs(1),
    }
}

fn fails(code: ErrorCode) -> Answer {
    Err(Failure::of(code))
}

/// A leader's state machine under deltas: prepares, and applies what it prepared.
struct Leader {
    state: State,
    outstanding: Outstanding,
    /// What was prepared and is not yet applied, the oldest first.
    queue: std::collections::VecDeque<(Zxid, Payload)>,
    /// Everything that was prepared.
    log: Vec<(Zxid, Payload)>,
}

impl Leader {
    /// With the sessions of Alice and Bob, opened by zxids 1 and 2.
    fn new(mutations: Mutations) -> Leader {
        let mut leader = Leader::without_sessions(mutations);
        leader.run(ALICE, &open()).answer.expect("opens");
        leader.run(BOB, &open()).answer.expect("opens");
        leader
    }

    fn without_sessions(mutations: Mutations) -> Leader {
        Leader {
            state: State::new(mutations),
            outstanding: Outstanding::new(mutations),
            queue: std::collections::VecDeque::new(),
            log: Vec::new(),
        }
    }

    /// The time stamped on the transaction with this zxid.
    fn time_of(zxid: Zxid) -> u64 {
        1_000 + 10 * zxid.0
    }

    fn prepare(&mut self, session: SessionId, write: &Write) -> TxnRecord {
        let zxid = Zxid(self.log.len() as u64 + 1);
        let record =
            self.outstanding
                .prepare(&self.state, session, 0, Leader::time_of(zxid), write);
        let payload = Payload::txn(record.clone());
        self.log.push((zxid, payload.clone()));
        self.queue.push_back((zxid, payload));
        record
    }

    fn apply(&mut self) -> Applied {
        let (zxid, payload) = self.queue.pop_front().expect("something is outstanding");
        let applied = self.state.apply(zxid, &payload);
        self.outstanding.settle();
        applied
    }

    fn run(&mut self, session: SessionId, write: &Write) -> Applied {
        self.prepare(session, write);
        self.apply()
    }

    fn ok(&mut self, write: &Write) -> Applied {
        let applied = self.run(ALICE, write);
        assert!(applied.answer.is_ok(), "{write}: {:?}", applied.answer);
        applied
    }

    fn names(&self, at: &str) -> Vec<String> {
        let node = self.state.node(at).expect("the node exists");
        node.children.iter().map(|name| name.to_string()).collect()
    }
}

/// The path that a create was answered with.
fn created(applied: &Applied) -> String {
    match &applied.answer {
        Ok(super::Response::Created { path, .. }) => path.to_string(),
        other => panic!("not created: {other:?}"),
    }
}

/// The digest computed from nothing.
fn digest_afresh(state: &State) -> u64 {
    State::restore(Some(&Snapshot::atomic(state)), Mutations::NONE).digest()
}
