//! What a leader watches over: owners of sessions, and nodes that have to go.

use super::*;
use crate::server::ServerTimer;
use crate::tree::{Content, ErrorCode, Failure};
use std::sync::Arc;

impl<const COMMANDS: bool> Stage<COMMANDS> {
    fn forwarded(&mut self, from: u8, seq: u32, write: Write) {
        let request = PeerMsg::Request {
            session: SESSION,
            seq,
            acked: 0,
            ids: Arc::default(),
            write,
        };
        self.peer(from, request);
        self.settle();
    }

    /// Commits whatever was proposed.
    fn commit_proposed(&mut self, first: u64) {
        let proposed = self.server.protocol().proposed.clone();
        for (zxid, payload) in (first..).zip(proposed) {
            self.commit(zxid, payload);
        }
        self.settle();
    }

    /// The transactions proposed.
    fn txns(&self) -> Vec<Txn> {
        let proposed = self.server.protocol().proposed.iter();
        let txns = proposed.map(|payload| match payload.content() {
            Content::Txn(record) => record.txn.clone(),
            Content::Command(command) => panic!("{command:?} is no transaction"),
        });
        txns.collect()
    }

    fn is_closed(&self) -> bool {
        self.done.contains(&ServerEffect::Disconnect(CONN))
    }
}

/// A leader with an open session.
fn office() -> Stage<false> {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.order(Order::Stand(leading()));
    stage
}

fn moved() -> Txn {
    Txn::Error(Failure::of(ErrorCode::SessionMoved))
}

#[test]
fn a_write_through_a_server_that_its_session_has_left_becomes_an_error_with_a_zxid() {
    let mut stage = office();
    stage.peer(
        2,
        PeerMsg::Revalidate {
            session: SESSION,
            conn: CONN,
        },
    );
    stage.peer(
        3,
        PeerMsg::Revalidate {
            session: SESSION,
            conn: CONN,
        },
    );
    stage.forwarded(2, 1, create("/a"));
    stage.forwarded(3, 2, create("/b"));
    let txns = stage.txns();
    assert_eq!(txns[0], moved());
    assert!(matches!(txns[1], Txn::Create { .. }));
}

#[test]
fn a_session_may_be_closed_through_a_server_that_it_has_left() {
    let mut stage = office();
    stage.peer(
        3,
        PeerMsg::Revalidate {
            session: SESSION,
            conn: CONN,
        },
    );
    stage.forwarded(2, 1, Write::CloseSession);
    assert!(matches!(stage.txns()[..], [Txn::CloseSession { .. }]));
}

#[test]
fn the_server_that_a_refused_write_came_through_closes_the_connection_without_an_answer() {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.attach();
    stage.request(1, 1, Request::Write(create("/a")));
    let record = |seq| TxnRecord {
        session: SESSION,
        seq,
        time_ms: 1,
        txn: moved(),
    };
    stage.commit(2, Payload::txn(record(7)));
    stage.settle();
    assert!(!stage.is_closed(), "write 7 came through another server");
    stage.commit(3, Payload::txn(record(1)));
    stage.settle();
    assert!(stage.is_closed());
    assert!(stage.replies().is_empty());
}

#[test]
fn a_leader_serves_no_reads_to_a_session_that_has_left_it() {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.order(Order::Stand(leading()));
    stage.attach();
    stage.request(1, 0, read("/"));
    stage.settle();
    assert_eq!(stage.replies().len(), 1);
    stage.peer(
        3,
        PeerMsg::Revalidate {
            session: SESSION,
            conn: CONN,
        },
    );
    stage.request(2, 0, read("/"));
    stage.settle();
    assert_eq!(stage.replies().len(), 1);
    assert!(stage.is_closed());
}

#[test]
fn an_older_connection_goes_when_its_session_comes_again() {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.attach();
    let conn = ConnId(2);
    let address = "10.0.0.9".into();
    stage.input(ServerInput::ClientUp { conn, address });
    let frame = ClientFrame::Connect {
        session: SESSION,
        password: 0,
        timeout: Span::millis(500),
        last_zxid: Zxid::ZERO,
    };
    stage.input(ServerInput::ClientFrame { conn, frame });
    assert!(stage.is_closed(), "even if the password is wrong");
    assert!(stage.done.contains(&ServerEffect::Disconnect(conn)));
}

#[test]
fn a_leader_removes_containers_without_children_once() {
    let mut stage = office();
    let container = Write::Create {
        path: "/c".into(),
        data: b"x"[..].into(),
        mode: CreateMode::Container,
    };
    let delete = Write::Delete {
        path: "/c/child".into(),
        version: -1,
    };
    stage.forwarded(2, 1, container);
    stage.forwarded(2, 2, create("/c/child"));
    stage.commit_proposed(2);
    stage.input(ServerInput::Timer(ServerTimer::Removal));
    stage.settle();
    assert_eq!(stage.txns().len(), 2, "it has a child");
    stage.forwarded(2, 3, delete);
    let deleted = stage.server.protocol().proposed[2].clone();
    stage.commit(4, deleted);
    stage.settle();
    for _ in 0..2 {
        stage.input(ServerInput::Timer(ServerTimer::Removal));
    }
    stage.settle();
    let gone = Txn::Delete { path: "/c".into() };
    assert_eq!(
        stage.txns()[3..],
        [gone],
        "the second pass finds the first one waiting"
    );
}

#[test]
fn the_removal_of_nodes_stops_with_the_office() {
    let mut stage = office();
    let set = |effect: &ServerEffect<_>| {
        matches!(
            effect,
            ServerEffect::SetTimer {
                timer: ServerTimer::Removal,
                ..
            }
        )
    };
    assert!(stage.done.iter().any(set));
    stage.done.clear();
    stage.order(Order::Stand(following(Some(Zxid::ZERO))));
    let cancelled = ServerEffect::CancelTimer(ServerTimer::Removal);
    assert!(stage.done.contains(&cancelled));
    stage.input(ServerInput::Timer(ServerTimer::Removal));
    assert!(!stage.done.iter().any(set));
}
