use super::*;
use crate::ids::ClientId;
use crate::tree::{Data, EventKind, Read, WatchEvent, WatchRequest, WatchTables};

const CONN: ConnId = ConnId(1);
const SESSION: SessionId = SessionId(7);

/// A client with a session on its first server, which has answered everything so far.
fn attached() -> Client {
    let mut client = Client::new(ClientSettings {
        id: ClientId(1),
        servers: vec![NodeId(1), NodeId(2)],
        session_timeout: Span::millis(300),
        retry_writes: true,
        superuser: None,
    });
    let server = NodeId(1);
    step(&mut client, ClientInput::Start);
    step(&mut client, ClientInput::Timer(ClientTimer::Redial));
    step(&mut client, ClientInput::Connected { conn: CONN, server });
    hear(
        &mut client,
        ServerFrame::Connected {
            session: SESSION,
            password: 1,
            timeout: Span::millis(300),
        },
    );
    client
}

fn step(client: &mut Client, input: ClientInput) -> Vec<ClientEffect> {
    let mut out = Vec::new();
    client.step(input, &mut out);
    out
}

fn hear(client: &mut Client, frame: ServerFrame) -> Vec<ClientEffect> {
    step(client, ClientInput::Frame { conn: CONN, frame })
}

fn sync(client: &mut Client, op: u32) -> Vec<ClientEffect> {
    let request = Request::Sync;
    step(
        client,
        ClientInput::Invoke {
            op: OpId(op),
            request,
        },
    )
}

fn pong() -> ServerFrame {
    ServerFrame::Pong { zxid: Zxid::ZERO }
}

fn reply(xid: u32) -> ServerFrame {
    ServerFrame::Reply {
        xid,
        zxid: Zxid::ZERO,
        answer: Ok(Response::Synced),
    }
}

fn renews_patience(effects: &[ClientEffect]) -> bool {
    effects.iter().any(|effect| {
        matches!(
            effect,
            ClientEffect::SetTimer {
                timer: ClientTimer::Silence,
                ..
            }
        )
    })
}

#[test]
fn a_pong_keeps_an_idle_client() {
    let mut client = attached();
    assert!(renews_patience(&hear(&mut client, pong())));
    sync(&mut client, 1);
    hear(&mut client, reply(1));
    assert!(renews_patience(&hear(&mut client, pong())));
}

#[test]
fn a_client_leaves_a_server_that_answers_pings_but_no_requests() {
    let mut client = attached();
    assert!(renews_patience(&sync(&mut client, 1)), "its full time");
    assert!(
        !renews_patience(&sync(&mut client, 2)),
        "no more for others"
    );
    assert!(!renews_patience(&hear(&mut client, pong())));
    let effects = step(&mut client, ClientInput::Timer(ClientTimer::Silence));
    assert!(effects.contains(&ClientEffect::HangUp(CONN)));
    let effects = step(&mut client, ClientInput::Timer(ClientTimer::Redial));
    assert_eq!(effects, vec![ClientEffect::Dial(NodeId(2))]);
}

#[test]
fn each_answer_renews_the_patience_with_the_next_one() {
    let mut client = attached();
    sync(&mut client, 1);
    sync(&mut client, 2);
    assert!(renews_patience(&hear(&mut client, reply(1))));
    assert!(!renews_patience(&hear(&mut client, pong())));
}

fn asked(client: &mut Client, op: u32, request: Request) -> Vec<ClientEffect> {
    let op = OpId(op);
    step(client, ClientInput::Invoke { op, request })
}

fn proof(credential: &str) -> Request {
    Request::Auth {
        scheme: "digest".into(),
        credential: credential.as_bytes().into(),
    }
}

fn delete() -> Request {
    Request::Write(Write::Delete {
        path: "/a".into(),
        version: -1,
    })
}

fn answered(client: &mut Client, xid: u32, answer: Answer) {
    let zxid = Zxid::ZERO;
    hear(client, ServerFrame::Reply { xid, zxid, answer });
}

/// Under how many identities each operation was sent, and the frames in words.
fn sent(effects: &[ClientEffect]) -> (Vec<(u32, usize)>, Vec<&'static str>) {
    let mut ids = Vec::new();
    let mut frames = Vec::new();
    for effect in effects {
        match effect {
            ClientEffect::Sent { op, ids: under, .. } => ids.push((op.0, under.len())),
            ClientEffect::Send { frame, .. } => frames.push(match frame {
                ClientFrame::Request { request, .. } => match request {
                    Request::Auth { .. } => "auth",
                    Request::Write(_) => "write",
                    Request::Read(_) | Request::Watch(_) | Request::Sync => "other",
                },
                ClientFrame::SetWatches { .. } => "watches",
                ClientFrame::Connect { .. } | ClientFrame::Ping => "other",
            }),
            _ => {}
        }
    }
    (ids, frames)
}

/// The connection breaks, and the next server confirms the session.
fn reconnect(client: &mut Client) -> Vec<ClientEffect> {
    step(client, ClientInput::Down(CONN));
    step(client, ClientInput::Timer(ClientTimer::Redial));
    let server = NodeId(2);
    step(client, ClientInput::Connected { conn: CONN, server });
    hear(
        client,
        ServerFrame::Connected {
            session: SESSION,
            password: 1,
            timeout: Span::millis(300),
        },
    )
}

#[test]
fn a_reconnected_client_proves_itself_before_its_watches_and_its_requests() {
    let mut client = attached();
    asked(&mut client, 1, proof("bob:pw"));
    answered(&mut client, 1, Ok(Response::Authenticated));
    let path = Path::from("/a");
    let recursive = true;
    let add = Request::Watch(WatchRequest::Add { path, recursive });
    asked(&mut client, 2, add);
    answered(&mut client, 2, Ok(Response::WatchesDone));
    asked(&mut client, 3, delete());
    let (ids, frames) = sent(&reconnect(&mut client));
    assert_eq!(frames, ["auth", "watches", "write"]);
    assert_eq!(ids, [(3, 2)]);
    let zxid = Zxid(4);
    let again = ServerFrame::Reply {
        xid: 0,
        zxid,
        answer: Ok(Response::Authenticated),
    };
    assert!(
        sent(&hear(&mut client, again)).0.is_empty(),
        "of no operation"
    );
}

#[test]
fn a_write_is_sent_again_under_the_identities_that_it_was_sent_under() {
    let mut client = attached();
    let first = [delete(), proof("bob:pw"), delete()];
    let mut before = Vec::new();
    for (op, request) in (1..).zip(first) {
        before.extend(sent(&asked(&mut client, op, request)).0);
    }
    assert_eq!(before, [(1, 1), (2, 2), (3, 2)]);
    let (after, frames) = sent(&reconnect(&mut client));
    assert_eq!(after, before);
    assert_eq!(frames, ["write", "auth", "write"]);
}

#[test]
fn a_watch_that_stays_is_armed_again_until_it_is_removed() {
    let mut client = attached();
    let path = Path::from("/a");
    let recursive = false;
    let add = Request::Watch(WatchRequest::Add { path, recursive });
    asked(&mut client, 1, add);
    answered(&mut client, 1, Ok(Response::WatchesDone));
    hear(
        &mut client,
        ServerFrame::Event(WatchEvent {
            kind: EventKind::NodeDataChanged,
            path: "/a".into(),
            zxid: Zxid(3),
        }),
    );
    assert_eq!(sent(&reconnect(&mut client)).1, ["watches"]);
    let remove = WatchRequest::Remove {
        path: "/a".into(),
        of: WatchTables::Any,
    };
    asked(&mut client, 2, Request::Watch(remove));
    answered(&mut client, 2, Ok(Response::WatchesDone));
    assert!(sent(&reconnect(&mut client)).1.is_empty());
}

/// A client that watches /x and /y.
fn watching() -> Client {
    let mut client = attached();
    for (op, path) in [(1, "/x"), (2, "/y")] {
        let (path, watch) = (Path::from(path), true);
        let request = Request::Read(Read::Exists { path, watch });
        step(
            &mut client,
            ClientInput::Invoke {
                op: OpId(op),
                request,
            },
        );
        let answer = Err(crate::tree::Failure::of(ErrorCode::NoNode));
        let (xid, zxid) = (op, Zxid(4));
        hear(&mut client, ServerFrame::Reply { xid, zxid, answer });
    }
    client
}

/// Reconnects, and gives the frames that the client sends when it is welcomed.
fn moves(client: &mut Client, conn: ConnId) -> Vec<ClientFrame> {
    step(client, ClientInput::Timer(ClientTimer::Redial));
    let server = NodeId(2);
    step(client, ClientInput::Connected { conn, server });
    let frame = ServerFrame::Connected {
        session: SESSION,
        password: 1,
        timeout: Span::millis(300),
    };
    let effects = step(client, ClientInput::Frame { conn, frame });
    let sent = effects.into_iter().filter_map(|effect| match effect {
        ClientEffect::Send { frame, .. } => Some(frame),
        _other => None,
    });
    sent.collect()
}

fn relative(frames: &[ClientFrame]) -> Option<Zxid> {
    frames.iter().find_map(|frame| match frame {
        ClientFrame::SetWatches { relative, .. } => Some(*relative),
        _other => None,
    })
}

#[test]
fn an_event_does_not_hide_the_others_of_its_transaction_from_the_next_set_watches() {
    let mut client = watching();
    let event = WatchEvent {
        kind: EventKind::NodeCreated,
        path: Path::from("/x"),
        zxid: Zxid(5),
    };
    hear(&mut client, ServerFrame::Event(event));
    // The event of /y, created by the same multi, is lost with the connection.
    step(&mut client, ClientInput::Down(CONN));
    let frames = moves(&mut client, ConnId(2));
    assert_eq!(relative(&frames), Some(Zxid(4)));
    // But it does not go back to a server that could tell of /x once more.
    assert_eq!(client.last_zxid, Zxid(5));
}

#[test]
fn a_proof_that_is_accepted_again_does_not_hide_what_the_set_watches_behind_it_would_tell() {
    let mut client = watching();
    let request = Request::Auth {
        scheme: Path::from("digest"),
        credential: Data::from(*b"ann:secret"),
    };
    step(
        &mut client,
        ClientInput::Invoke {
            op: OpId(3),
            request,
        },
    );
    let (zxid, answer) = (Zxid(4), Ok(Response::Authenticated));
    let xid = 3;
    hear(&mut client, ServerFrame::Reply { xid, zxid, answer });
    step(&mut client, ClientInput::Down(CONN));
    let conn = ConnId(2);
    moves(&mut client, conn);
    let (zxid, answer) = (Zxid(9), Ok(Response::Authenticated));
    let xid = NO_OPERATION;
    let frame = ServerFrame::Reply { xid, zxid, answer };
    step(&mut client, ClientInput::Frame { conn, frame });
    step(&mut client, ClientInput::Down(conn));
    let frames = moves(&mut client, ConnId(3));
    assert_eq!(relative(&frames), Some(Zxid(4)));
}

#[test]
fn a_client_that_hops_keeps_its_session_and_arms_its_watches_at_the_next_server() {
    let mut client = watching();
    let effects = step(&mut client, ClientInput::Hop);
    assert!(effects.contains(&ClientEffect::HangUp(CONN)));
    let effects = step(&mut client, ClientInput::Hop);
    assert_eq!(effects, vec![], "it is on its way already");
    let frames = moves(&mut client, ConnId(2));
    assert_eq!(client.session(), SESSION);
    assert_eq!(relative(&frames), Some(Zxid(4)));
}
