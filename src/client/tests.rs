use super::*;

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
