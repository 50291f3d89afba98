use super::*;
use crate::tree::{EventKind, WatchEvent, WatchRequest, WatchTables};

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
