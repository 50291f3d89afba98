//! The session layer, question by question.

use super::{Output, Settings, Solo};
use crate::ids::ConnId;
use crate::jute::{
    Body, Call, ConnectRequest, ConnectResponse, CreateKind, EVENT_XID, Event, MAX_FRAME, Reply,
    Writer, opcode,
};
use crate::tree::{Ace, Counter, Data, Path};

/// A client that speaks the wire encoding.
struct Client {
    conn: ConnId,
    connected: ConnectResponse,
}

fn server() -> Solo {
    Solo::new(Settings {
        extended_types: true,
        superuser: Some("super:test".to_string()),
        ..Settings::default()
    })
}

/// Connects: for a new session, or for the one of an earlier connection.
fn connect(solo: &mut Solo, timeout: i32, old: Option<&ConnectResponse>) -> Client {
    let conn = solo.dial();
    let request = ConnectRequest {
        last_zxid: 0,
        timeout,
        session: old.map_or(0, |old| old.session),
        password: old.map_or(Data::from([0; 16]), |old| old.password.clone()),
        read_only: false,
    };
    solo.receive(conn, &request.encode());
    let sent = solo.drain();
    let answer = sent.iter().find_map(|(to, output)| match output {
        Output::Frame(frame) if *to == conn => ConnectResponse::decode(frame).ok(),
        Output::Frame(_) | Output::Closed => None,
    });
    Client {
        conn,
        connected: answer.expect("a connect is answered"),
    }
}

/// What a connection was sent: events, then the answer, if there is one; and whether it was closed.
fn call(solo: &mut Solo, client: &Client, call: &Call) -> (Vec<Event>, Option<Reply>, bool) {
    solo.receive(client.conn, &call.frame(5));
    heard(solo, client)
}

fn heard(solo: &mut Solo, client: &Client) -> (Vec<Event>, Option<Reply>, bool) {
    let mut events = Vec::new();
    let mut answer = None;
    let mut closed = false;
    for (to, output) in solo.drain() {
        if to != client.conn {
            continue;
        }
        match output {
            Output::Closed => closed = true,
            Output::Frame(frame) => {
                let reply = Reply::decode(&frame).expect("it has a header");
                if reply.xid == EVENT_XID {
                    assert_eq!(answer, None, "events come before the answer");
                    events.push(Event::decode(&reply.body).expect("an event"));
                } else {
                    answer = Some(reply);
                }
            }
        }
    }
    (events, answer, closed)
}

fn path(text: &str) -> Option<Path> {
    Some(Path::from(text))
}

fn create(at: &str, flags: i32) -> Call {
    Call::Create {
        kind: CreateKind::Create,
        path: path(at),
        data: Data::from([]),
        acl: vec![Ace::new(31, "world", "anyone")],
        flags,
    }
}

fn exists(at: &str) -> Call {
    Call::Exists {
        path: path(at),
        watch: true,
    }
}

fn error(solo: &mut Solo, client: &Client, asked: &Call) -> i32 {
    let (_, reply, _) = call(solo, client, asked);
    reply.expect("it is answered").error
}

#[test]
fn a_session_outlives_its_connection_but_not_its_timeout() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    let bob = connect(&mut solo, 40_000, None);
    assert_eq!(error(&mut solo, &alice, &create("/e", 1)), 0);
    solo.hang_up(alice.conn);
    solo.advance(3_999);
    let again = connect(&mut solo, 4_000, Some(&alice.connected));
    assert_eq!(again.connected.session, alice.connected.session);
    assert_eq!(error(&mut solo, &bob, &exists("/e")), 0);
    solo.hang_up(again.conn);
    solo.advance(6_001);
    let (events, _, _) = heard(&mut solo, &bob);
    assert_eq!(events.len(), 1, "the ephemeral node is gone");
    let late = connect(&mut solo, 4_000, Some(&alice.connected));
    assert_eq!((late.connected.session, late.connected.timeout), (0, 0));
}

#[test]
fn a_ping_keeps_a_session_alive() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    for _ in 0..10 {
        solo.advance(2_000);
        let (_, reply, closed) = call(&mut solo, &alice, &Call::Ping);
        let reply = reply.expect("a ping is answered");
        assert_eq!((reply.xid, reply.error, closed), (-2, 0, false));
    }
    assert_eq!(solo.state().sessions().count(), 1);
}

#[test]
fn a_wrong_password_closes_the_older_connection_and_leaves_the_session() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    let forged = ConnectResponse {
        password: Data::from([1; 16]),
        ..alice.connected.clone()
    };
    let mallory = connect(&mut solo, 4_000, Some(&forged));
    assert_eq!(mallory.connected.session, 0);
    solo.receive(alice.conn, &Call::Ping.frame(1));
    assert_eq!(solo.drain(), Vec::new(), "her connection is closed");
    let again = connect(&mut solo, 4_000, Some(&alice.connected));
    assert_eq!(again.connected.session, alice.connected.session);
}

#[test]
fn a_client_from_the_future_is_sent_away() {
    let mut solo = server();
    let conn = solo.dial();
    let request = ConnectRequest {
        last_zxid: 1,
        timeout: 4_000,
        session: 0,
        password: Data::NULL,
        read_only: false,
    };
    solo.receive(conn, &request.encode());
    assert_eq!(solo.drain(), vec![(conn, Output::Closed)]);
    assert_eq!(solo.zxid(), 0);
}

#[test]
fn what_cannot_be_a_frame_closes_the_connection() {
    let mut solo = server();
    let auth = {
        let mut writer = Writer::new();
        writer.int(-4);
        writer.int(opcode::AUTH);
        writer.into_bytes()
    };
    for frame in [vec![0; MAX_FRAME + 1], vec![0, 0, 0], auth] {
        let client = connect(&mut solo, 4_000, None);
        solo.receive(client.conn, &frame);
        let (_, reply, closed) = heard(&mut solo, &client);
        assert_eq!((reply, closed), (None, true));
    }
    let conn = solo.dial();
    solo.receive(conn, b"stat");
    assert_eq!(solo.drain(), vec![(conn, Output::Closed)]);
}

#[test]
fn a_failed_proof_is_answered_and_closes_the_connection() {
    let mut solo = server();
    for (scheme, auth) in [("world", Data::from(b"x")), ("digest", Data::NULL)] {
        let client = connect(&mut solo, 4_000, None);
        let scheme = path(scheme);
        let (_, reply, closed) = call(&mut solo, &client, &Call::Auth { scheme, auth });
        let reply = reply.expect("it is answered");
        assert_eq!((reply.error, reply.zxid, closed), (-115, 0, true));
    }
}

#[test]
fn a_multi_with_a_null_path_loses_a_zxid() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    let multi = Call::Multi(vec![Call::Delete {
        path: None,
        version: -1,
    }]);
    let (_, reply, _) = call(&mut solo, &alice, &multi);
    let reply = reply.expect("it is answered");
    assert_eq!((reply.error, reply.zxid), (-5, 1));
    let (_, reply, _) = call(&mut solo, &alice, &create("/a", 0));
    assert_eq!(reply.expect("it is answered").zxid, 3);
}

#[test]
fn a_create_in_a_multi_with_the_flags_of_a_ttl_node_fails_the_whole_of_it() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    let multi = Call::Multi(vec![create("/a", 0), create("/b", 5)]);
    assert_eq!(error(&mut solo, &alice, &multi), -5);
    assert_eq!(error(&mut solo, &alice, &exists("/a")), -101);
    // Behind a part that has failed it is not looked at.
    let multi = Call::Multi(vec![create("/x/y", 0), create("/b", 5)]);
    let (_, reply, _) = call(&mut solo, &alice, &multi);
    let reply = reply.expect("it is answered");
    assert_eq!(reply.error, 0);
    let parts = vec![
        crate::jute::PartBody::Error(-101),
        crate::jute::PartBody::Error(-2),
    ];
    assert_eq!(
        Body::decode(opcode::MULTI, &reply.body),
        Ok(Body::Parts(parts))
    );
}

#[test]
fn the_create_that_kills_a_real_server_is_a_bad_argument() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    for flags in 0..=4 {
        let mut fatal = create("/a", flags);
        if let Call::Create { kind, .. } = &mut fatal {
            *kind = CreateKind::Ttl { ms: -1 };
        }
        assert_eq!(error(&mut solo, &alice, &fatal), -8);
    }
}

#[test]
fn a_wrapped_counter_of_children_stands_still() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    call(&mut solo, &alice, &create("/q", 0));
    assert!(solo.poke(&Path::from("/q"), Counter::Creates, i32::MAX));
    assert_eq!(error(&mut solo, &alice, &create("/q/n", 2)), 0);
    let last = solo.state().node("/q/n2147483647");
    assert!(last.is_some(), "the number is used once");
    assert_eq!(error(&mut solo, &alice, &create("/q/n", 2)), -110);
    let stat = solo.state().stat("/q").expect("created");
    assert_eq!((stat.cversion, stat.pzxid.0), (-3, 2));
    let both = Call::Multi(vec![create("/q/m", 2), create("/q/m", 2)]);
    assert_eq!(error(&mut solo, &alice, &both), 0);
    let second = solo.state().node("/q/m-2147483648");
    assert!(second.is_some(), "inside a multi the counter goes on");
}

#[test]
fn a_restart_replays_the_log_and_forgets_what_was_poked() {
    let mut solo = server();
    let alice = connect(&mut solo, 4_000, None);
    call(&mut solo, &alice, &create("/a", 0));
    call(&mut solo, &alice, &create("/e", 1));
    let digest = solo.state().digest();
    solo.poke(&Path::from("/a"), Counter::Version, 7);
    assert_ne!(solo.state().digest(), digest);
    solo.restart();
    assert_eq!(solo.state().digest(), digest);
    let (_, _, closed) = heard(&mut solo, &alice);
    assert!(closed);
    let again = connect(&mut solo, 4_000, Some(&alice.connected));
    assert_eq!(again.connected.session, alice.connected.session);
    let bob = connect(&mut solo, 4_000, None);
    assert_ne!(bob.connected.session, alice.connected.session);
}

#[test]
fn a_ttl_node_goes_when_its_time_is_over_and_it_has_no_children() {
    let mut solo = server();
    let alice = connect(&mut solo, 40_000, None);
    let mut ttl = create("/t", 5);
    if let Call::Create { kind, .. } = &mut ttl {
        *kind = CreateKind::Ttl { ms: 100 };
    }
    assert_eq!(error(&mut solo, &alice, &ttl), 0);
    assert_eq!(error(&mut solo, &alice, &create("/t/x", 0)), 0);
    solo.advance(101);
    solo.remove_containers();
    assert!(solo.state().node("/t").is_some(), "it has a child");
    let delete = Call::Delete {
        path: path("/t/x"),
        version: -1,
    };
    assert_eq!(error(&mut solo, &alice, &delete), 0);
    solo.remove_containers();
    assert!(solo.state().node("/t").is_none());
}
