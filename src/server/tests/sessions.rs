//! Sessions that open, come back, fall silent and end; and requests that are sent again.

use super::*;
use crate::mutation::Mutation;
use crate::server::ServerTimer;
use crate::server::request::RequestName;
use crate::tree::Content;
use std::sync::Arc;

impl<const COMMANDS: bool> Stage<COMMANDS> {
    fn ask_as_peer(&mut self, session: SessionId, seq: u32, write: Write) {
        let (acked, ids) = (0, Arc::default());
        let request = PeerMsg::Request {
            session,
            seq,
            acked,
            ids,
            write,
        };
        self.peer(2, request);
    }

    fn wait(&mut self, span: Span) {
        self.now = self.now.after(span);
    }

    fn goes_off(&mut self, timer: ServerTimer<u64>) {
        self.input(ServerInput::Timer(timer));
        self.settle();
    }

    /// What the leader last said of a session that somebody asked about.
    fn word(&self) -> Option<Option<Span>> {
        let mut words = self.done.iter().filter_map(|effect| match effect {
            ServerEffect::Send {
                packet: Packet::Peer(PeerMsg::Revalidated { timeout, .. }),
                ..
            } => Some(*timeout),
            _ => None,
        });
        words.next_back()
    }

    fn proposed(&self) -> usize {
        self.server.protocol().proposed.len()
    }

    /// How many requests left for the leader.
    fn sent(&self) -> usize {
        let is_request = |effect: &&ServerEffect<_>| {
            matches!(
                effect,
                ServerEffect::Send {
                    packet: Packet::Peer(PeerMsg::Request { .. }),
                    ..
                }
            )
        };
        self.done.iter().filter(is_request).count()
    }

    /// From where the wait before the same is sent again was last drawn.
    fn pause(&self) -> TimerRange {
        let mut ranges = self.done.iter().filter_map(|effect| match effect {
            ServerEffect::SetTimer {
                timer: ServerTimer::Resend,
                range,
            } => Some(*range),
            _ => None,
        });
        ranges.next_back().expect("the timer was set")
    }
}

fn leader<const COMMANDS: bool>(mutations: Mutations) -> Stage<COMMANDS> {
    let mut stage = Stage::mutated(mutations);
    stage.commit(1, if COMMANDS { opening() } else { opening_txn() });
    stage.settle();
    stage.order(Order::Stand(leading()));
    stage
}

const TIMEOUT: Span = Span::millis(500);
const NEW: SessionId = SessionId(2 << 56 | 5);
const OPEN: Write = Write::CreateSession { timeout: TIMEOUT };
const SILENCE: Span = Span::secs(2);

fn expiries<const COMMANDS: bool>(stage: &Stage<COMMANDS>) -> usize {
    let is_expiry = |payload: &&Payload| match payload.content() {
        Content::Txn(record) => matches!(record.txn, Txn::CloseSession { .. }),
        Content::Command(command) => command.write == Write::ExpireSession,
    };
    stage
        .server
        .protocol()
        .proposed
        .iter()
        .filter(is_expiry)
        .count()
}

#[test]
fn a_session_whose_opening_is_prepared_counts_as_alive() {
    for (mutations, word) in [
        (Mutations::NONE, Some(TIMEOUT)),
        (Mutations::NONE.with(Mutation::N40), None),
    ] {
        let mut stage = leader::<false>(mutations);
        stage.ask_as_peer(NEW, 0, OPEN);
        stage.settle();
        stage.peer(
            3,
            PeerMsg::Revalidate {
                session: NEW,
                conn: CONN,
            },
        );
        assert_eq!(stage.word(), Some(word));
    }
}

/// Whether the answer to the question of one connection lets in a later one of the same session.
fn any_word_will_do(mutations: Mutations) -> bool {
    let later = ConnId(CONN.0 + 1);
    let mut stage = Stage::<false>::mutated(mutations);
    stage.connect();
    stage.input(ServerInput::ClientUp {
        conn: later,
        address: "10.0.0.1".into(),
    });
    stage.input(ServerInput::ClientFrame {
        conn: later,
        frame: ClientFrame::Connect {
            session: SESSION,
            password: crate::server::clients::password_of(SESSION),
            timeout: TIMEOUT,
            last_zxid: Zxid::ZERO,
        },
    });
    let welcomed = |stage: &Stage<false>| {
        let mut frames = stage.done.iter();
        frames.any(|effect| {
            matches!(effect, ServerEffect::Reply { conn, frame: ServerFrame::Connected { .. } }
                if *conn == later)
        })
    };
    let word = |conn| PeerMsg::Revalidated {
        session: SESSION,
        conn,
        timeout: Some(TIMEOUT),
    };
    stage.peer(2, word(CONN));
    let too_early = welcomed(&stage);
    stage.peer(2, word(later));
    assert!(welcomed(&stage));
    too_early
}

#[test]
fn a_connection_is_let_in_by_the_answer_to_its_own_question() {
    assert!(!any_word_will_do(Mutations::NONE));
    assert!(any_word_will_do(Mutations::NONE.with(Mutation::N46)));
}

/// What a leader says of a session that it does not know, before and after a quorum confirms that
/// it leads.
fn words_on_an_unknown_session(mutations: Mutations) -> [Option<Option<Span>>; 2] {
    let mut stage = leader::<false>(mutations);
    let unknown = SessionId(SESSION.0 + 1);
    stage.peer(
        3,
        PeerMsg::Revalidate {
            session: unknown,
            conn: CONN,
        },
    );
    stage.settle();
    let at_once = stage.word();
    if let Some(payload) = stage.server.protocol().proposed.last().cloned() {
        stage.commit(2, payload);
        stage.settle();
    }
    [at_once, stage.word()]
}

#[test]
fn a_leader_says_that_a_session_is_gone_once_a_quorum_confirms_that_it_leads() {
    assert_eq!(
        words_on_an_unknown_session(Mutations::NONE),
        [None, Some(None)]
    );
    let mutated = Mutations::NONE.with(Mutation::N45);
    assert_eq!(words_on_an_unknown_session(mutated)[0], Some(None));
}

#[test]
fn a_session_whose_end_waits_or_is_prepared_is_not_welcomed_and_gone_only_when_it_is_applied() {
    for (mutations, word) in [
        (Mutations::NONE, None),
        (Mutations::NONE.with(Mutation::N42), Some(Some(TIMEOUT))),
    ] {
        let mut stage = leader::<false>(mutations);
        stage.ask_as_peer(SESSION, 1, Write::CloseSession);
        stage.peer(
            3,
            PeerMsg::Revalidate {
                session: SESSION,
                conn: CONN,
            },
        );
        assert_eq!(stage.word(), word, "it waits");
        stage.settle();
        stage.peer(
            3,
            PeerMsg::Revalidate {
                session: SESSION,
                conn: CONN,
            },
        );
        assert_eq!(stage.word(), word, "it is prepared");
        let end = stage.server.protocol().proposed[0].clone();
        stage.commit(2, end);
        stage.settle();
        if word.is_none() {
            assert_eq!(stage.word(), Some(None), "it is applied");
        }
    }
}

#[test]
fn silence_counts_from_when_a_leader_begins_to_serve() {
    for (mutations, count) in [
        (Mutations::NONE, 0),
        (Mutations::NONE.with(Mutation::N41), 1),
    ] {
        let mut stage = Stage::<false>::mutated(mutations);
        stage.commit(1, opening_txn());
        stage.settle();
        let collecting = Standing {
            serve_from: None,
            can_propose: false,
            ..leading()
        };
        stage.order(Order::Stand(collecting));
        stage.goes_off(ServerTimer::Expiry);
        stage.wait(SILENCE);
        stage.order(Order::Stand(leading()));
        stage.goes_off(ServerTimer::Expiry);
        assert_eq!(expiries(&stage), count);
        stage.wait(SILENCE);
        stage.goes_off(ServerTimer::Expiry);
        assert_eq!(expiries(&stage), 1, "now it was silent");
    }
}

#[test]
fn under_commands_the_order_decides_whether_a_session_is_attached_again() {
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.commit(2, command(1, Write::CloseSession));
    stage.settle();
    stage.attach();
    assert!(!stage.welcomed(), "it ended before it was attached");
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.settle();
    stage.attach();
    assert!(stage.welcomed());
}

#[test]
fn an_expiry_names_the_generation_that_fell_silent() {
    let mut stage = leader::<true>(Mutations::NONE);
    stage.commit(2, attaching(TIMEOUT));
    stage.settle();
    stage.goes_off(ServerTimer::Expiry);
    stage.wait(SILENCE);
    stage.goes_off(ServerTimer::Expiry);
    let last = stage.server.protocol().proposed.last();
    let Some(Content::Command(expiry)) = last.map(Payload::content) else {
        panic!("{last:?} is no command");
    };
    assert_eq!((&expiry.write, expiry.acked), (&Write::ExpireSession, 1));
}

#[test]
fn the_origin_knows_its_own_opening_by_its_token() {
    let mut stage = Stage::<true>::new();
    let address = "10.0.0.1".into();
    stage.input(ServerInput::ClientUp {
        conn: CONN,
        address,
    });
    stage.frame(ClientFrame::Connect {
        session: SessionId::NONE,
        password: 0,
        timeout: TIMEOUT,
        last_zxid: Zxid::ZERO,
    });
    let token = *stage.server.attached.keys().next().expect("it opens one");
    let opens = |session| {
        Payload::command(Command {
            session,
            seq: 0,
            acked: 0,
            time_ms: 1,
            write: OPEN,
        })
    };
    stage.commit(1, opens(NEW));
    stage.settle();
    assert!(!stage.welcomed(), "somebody else's");
    stage.commit(2, opens(token));
    stage.commit(3, opens(token));
    stage.settle();
    let opened = SessionId(2);
    assert_eq!(stage.server.attached.get(&opened), Some(&CONN));
    assert_eq!(stage.server.attached.len(), 1);
}

#[test]
fn a_leader_drops_what_waits_what_is_proposed_and_what_was_decided() {
    for (mutations, count) in [
        (Mutations::NONE, 1),
        (Mutations::NONE.with(Mutation::N19), 3),
    ] {
        let mut stage = leader::<true>(mutations);
        stage.ask_as_peer(SESSION, 1, create("/a"));
        stage.ask_as_peer(SESSION, 1, create("/a"));
        stage.settle();
        stage.ask_as_peer(SESSION, 1, create("/a"));
        stage.settle();
        let proposed = stage.server.protocol().proposed[0].clone();
        stage.commit(2, proposed);
        stage.settle();
        stage.ask_as_peer(SESSION, 1, create("/a"));
        stage.settle();
        assert_eq!(stage.proposed(), count);
    }
}

#[test]
fn the_wait_before_the_same_is_sent_again_doubles_until_an_answer_comes() {
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.settle();
    stage.attach();
    stage.request(1, 1, Request::Write(create("/a")));
    let first = stage.pause();
    assert_eq!(first.max, first.min.times(2), "drawn, not fixed");
    let mut sent = stage.sent();
    for doublings in [1, 2, 3, 3] {
        let pause = stage.pause();
        stage.wait(pause.min);
        stage.goes_off(ServerTimer::Resend);
        sent += 1;
        assert_eq!(stage.sent(), sent);
        assert_eq!(stage.pause().min, first.min.times(1 << doublings));
    }
    stage.commit(3, command(1, create("/a")));
    stage.settle();
    stage.request(2, 2, Request::Write(create("/b")));
    stage.goes_off(ServerTimer::Resend);
    assert_eq!(stage.sent(), sent + 1, "the new one was sent once");
    assert_eq!(stage.pause().min, first.min);
}

#[test]
fn too_many_writes_on_their_way_wait_in_the_queue_of_their_connection() {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.attach();
    stage.server.in_flight = stage.server.in_flight_max() - 1;
    stage.request(1, 1, Request::Write(create("/a")));
    stage.request(2, 2, Request::Write(create("/b")));
    assert_eq!(stage.sent(), 1);
    let refused = |seq| {
        Payload::txn(TxnRecord {
            session: SESSION,
            seq,
            time_ms: 1,
            txn: Txn::Error(crate::tree::Failure::of(crate::tree::ErrorCode::NoNode)),
        })
    };
    stage.commit(2, refused(1));
    stage.settle();
    assert_eq!(stage.sent(), 2, "there is room for one more");
}

#[test]
fn a_full_queue_sheds_requests_and_sessions_whose_writes_it_cannot_order() {
    let mut stage = leader::<true>(Mutations::NONE);
    let full = 0..u32::try_from(stage.server.waiting_max()).expect("a small number");
    let names =
        full.map(|seq| -> RequestName { (NEW, seq, crate::server::request::Purpose::Write) });
    stage.server.leading.under_way.extend(names);
    stage.ask_as_peer(SESSION, 1, create("/a"));
    stage.settle();
    assert_eq!(stage.proposed(), 0, "its origin sends it again");

    let mut stage = leader::<false>(Mutations::NONE);
    for seq in 1..=u32::try_from(stage.server.waiting_max()).expect("a small number") {
        stage.ask_as_peer(
            NEW,
            seq,
            Write::Refused(crate::tree::ErrorCode::BadArguments),
        );
    }
    stage.ask_as_peer(SESSION, 1, create("/a"));
    stage.settle();
    stage.ask_as_peer(SESSION, 2, create("/b"));
    stage.settle();
    let of_session = |payload: &&Payload| match payload.content() {
        Content::Txn(record) => record.session == SESSION,
        Content::Command(command) => command.session == SESSION,
    };
    let proposed = &stage.server.protocol().proposed;
    assert!(!proposed.is_empty(), "what waited is proposed");
    assert_eq!(
        proposed.iter().find(of_session),
        None,
        "the second write must not take effect without the first"
    );
}
