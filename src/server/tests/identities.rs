//! Whom a connection has proved to be, and what it may therefore do and hear.

use super::*;
use crate::tree::{Ace, Answer, ErrorCode, Failure, Identity, Outstanding, Response, WatchRequest};

/// A node that only this user may touch.
fn owned_by(user: &str, path: &str) -> Write {
    Write::CreateWith {
        path: path.into(),
        data: b"x"[..].into(),
        mode: CreateMode::Persistent,
        acl: vec![Ace::new(acl::ALL, "digest", &acl::digest_of(user))],
    }
}

fn proof(credential: &str) -> Request {
    Request::Auth {
        scheme: "digest".into(),
        credential: credential.as_bytes().into(),
    }
}

impl<const COMMANDS: bool> Stage<COMMANDS> {
    /// Commits what a leader makes of a write.
    fn write(&mut self, zxid: u64, write: &Write) {
        let state = self.server.state();
        let record = Outstanding::new(Mutations::NONE).prepare(state, SESSION, 0, 1, write);
        self.commit(zxid, Payload::txn(record));
        self.settle();
    }

    fn answers(&self) -> Vec<Answer> {
        let answers = self.done.iter().filter_map(|effect| match effect {
            ServerEffect::Reply {
                frame: ServerFrame::Reply { answer, .. },
                ..
            } => Some(answer.clone()),
            _ => None,
        });
        answers.collect()
    }

    fn events(&self) -> usize {
        let is_event = |effect: &&ServerEffect<_>| {
            matches!(
                effect,
                ServerEffect::Reply {
                    frame: ServerFrame::Event(_),
                    ..
                }
            )
        };
        self.done.iter().filter(is_event).count()
    }
}

/// A server whose client is attached, with a node of bob's.
fn with_a_node_of_bobs() -> Stage<false> {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.write(2, &owned_by("bob:pw", "/bobs"));
    stage.attach();
    stage
}

fn no_auth() -> Answer {
    Err(Failure::of(ErrorCode::NoAuth))
}

#[test]
fn a_read_is_judged_by_what_was_proved_before_it() {
    let mut stage = with_a_node_of_bobs();
    stage.request(1, 0, read("/bobs"));
    stage.request(2, 0, proof("bob:pw"));
    stage.request(3, 0, read("/bobs"));
    stage.settle();
    let answers = stage.answers();
    assert_eq!(answers[..2], [no_auth(), Ok(Response::Authenticated)]);
    assert!(matches!(answers[2], Ok(Response::Data { .. })));
}

#[test]
fn a_connection_is_its_address_and_what_it_proved_once_each() {
    let mut stage = with_a_node_of_bobs();
    for xid in 1..=2 {
        stage.request(xid, 0, proof("super:test"));
    }
    stage.request(3, 0, Request::Read(Read::WhoAmI));
    stage.settle();
    let ids = [("ip", "10.0.0.1"), ("super", ""), ("digest", "super")];
    let ids = ids.map(|(scheme, id)| Identity::new(scheme, id));
    assert_eq!(stage.answers()[2], Ok(Response::Identities(ids.to_vec())));
}

#[test]
fn a_proof_that_fails_is_answered_and_nothing_behind_it_is_heard() {
    let mut stage = with_a_node_of_bobs();
    let scheme = "bogus".into();
    let credential = b"x"[..].into();
    stage.request(1, 0, Request::Auth { scheme, credential });
    stage.request(2, 0, read("/"));
    stage.settle();
    assert_eq!(stage.answers(), [Err(Failure::of(ErrorCode::AuthFailed))]);
    assert!(stage.done.contains(&ServerEffect::Disconnect(CONN)));
}

#[test]
fn a_write_takes_along_whom_its_connection_had_proved_to_be_when_it_came() {
    let mut stage = with_a_node_of_bobs();
    stage.request(1, 1, Request::Write(create("/a")));
    stage.request(2, 0, proof("bob:pw"));
    stage.request(3, 2, Request::Write(create("/b")));
    stage.settle();
    let counts = stage.done.iter().filter_map(|effect| match effect {
        ServerEffect::Send {
            packet: Packet::Peer(PeerMsg::Request { ids, .. }),
            ..
        } => Some(ids.len()),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_leader_judges_a_write_by_who_asks() {
    for (user, permitted) in [("bob:pw", true), ("eve:pw", false)] {
        let mut stage = with_a_node_of_bobs();
        stage.order(Order::Stand(leading()));
        stage.request(1, 0, proof(user));
        stage.request(2, 1, Request::Write(create("/bobs/child")));
        stage.settle();
        let [payload] = stage.server.protocol().proposed.as_slice() else {
            panic!("one proposal for one write");
        };
        let crate::tree::Content::Txn(record) = payload.content() else {
            panic!("deltas are proposed");
        };
        assert_eq!(!matches!(record.txn, Txn::Error(_)), permitted, "{user}");
    }
}

#[test]
fn a_command_carries_who_asks_to_where_it_is_judged() {
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.settle();
    stage.order(Order::Stand(leading()));
    stage.attach();
    stage.request(1, 0, proof("bob:pw"));
    stage.request(2, 1, Request::Write(create("/a")));
    stage.request(3, 2, Request::Write(Write::CloseSession));
    stage.settle();
    let proposed = stage.server.protocol().proposed.iter();
    let carried = proposed.map(|payload| match payload.content() {
        crate::tree::Content::Command(Command {
            write: Write::As { ids, .. },
            ..
        }) => ids.len(),
        _ => 0,
    });
    assert_eq!(
        carried.collect::<Vec<_>>(),
        [0, 2, 0],
        "the session comes first"
    );
}

#[test]
fn only_who_may_read_a_node_hears_of_it_though_the_watch_is_used_up() {
    for (user, heard) in [("bob:pw", 1), ("eve:pw", 0)] {
        let mut stage = with_a_node_of_bobs();
        stage.request(1, 0, proof(user));
        let watch = Read::Exists {
            path: "/bobs".into(),
            watch: true,
        };
        stage.request(2, 0, Request::Read(watch));
        stage.settle();
        let txn = Txn::SetData {
            path: "/bobs".into(),
            data: b"y"[..].into(),
            version: 1,
        };
        let (session, seq, time_ms) = (SESSION, 0, 2);
        stage.commit(
            3,
            Payload::txn(TxnRecord {
                session,
                seq,
                time_ms,
                txn,
            }),
        );
        stage.settle();
        assert_eq!(stage.events(), heard, "{user}");
        assert!(stage.server.watches.is_empty(), "{user}");
    }
}

#[test]
fn watches_that_stay_fire_again_until_they_are_removed() {
    let mut stage = with_a_node_of_bobs();
    stage.frame(ClientFrame::SetWatches {
        relative: Zxid(2),
        data: Vec::new(),
        exist: Vec::new(),
        child: Vec::new(),
        persistent: vec!["/a".into()],
        recursive: vec!["/".into()],
    });
    let path = "/b".into();
    let recursive = false;
    stage.request(1, 0, Request::Watch(WatchRequest::Add { path, recursive }));
    stage.settle();
    stage.write(3, &create("/a"));
    assert_eq!(
        stage.events(),
        1,
        "one event of /a, however many watches hear it"
    );
    stage.write(4, &create("/a/below"));
    assert_eq!(
        stage.events(),
        3,
        "/a/below is new, and /a has another child"
    );
    let [path, of] = ["/", "/a"].map(crate::tree::Path::from);
    for (xid, path) in [(2, path), (3, of)] {
        let of = crate::tree::WatchTables::Any;
        stage.request(xid, 0, Request::Watch(WatchRequest::Remove { path, of }));
    }
    stage.settle();
    stage.write(5, &create("/c"));
    assert_eq!(stage.events(), 3, "only /b is watched now");
}
