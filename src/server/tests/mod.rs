//! The server around a puppet protocol: each test is a bug that a seed found, retold by hand.

mod identities;
mod office;
mod sessions;

use super::{Server, ServerEffect, ServerInput, ServerOutbox, ServerSettings};
use crate::canonical::{Canonical, RunHash};
use crate::ids::{ConnId, LocalTime, NodeId, SessionId, Span, Zxid};
use crate::mutation::Mutations;
use crate::protocol::{
    CaptureKind, Effect, Ensemble, Image, Input, Knobs, Outbox, Persisted, Promises, Protocol,
    Refusal, Replicates, Role, Standing, TimerRange, Via,
};
use crate::quorum::Quorums;
use crate::tree::{Command, CreateMode, Part, Payload, Read, Request, Txn, TxnRecord, Write, acl};
use crate::wire::{ClientFrame, Packet, PeerMsg, ServerFrame};

/// Does what its messages say: of commands if `COMMANDS`, else of deltas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Puppet<const COMMANDS: bool> {
    standing: Standing,
    /// What it was asked to propose.
    proposed: Vec<Payload>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Order<const COMMANDS: bool> {
    Perform(Vec<Effect<Puppet<COMMANDS>>>),
    Stand(Standing),
}

/// No trace is taken here.
impl<const COMMANDS: bool> serde::Serialize for Order<COMMANDS> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<const COMMANDS: bool> Canonical for Order<COMMANDS> {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(1);
    }
}

impl<const COMMANDS: bool> Protocol for Puppet<COMMANDS> {
    const NAME: &'static str = "puppet";
    const REPLICATES: Replicates = match COMMANDS {
        true => Replicates::Commands,
        false => Replicates::Deltas,
    };
    const PROMISES: Promises = Promises {
        linearizable_barrier: COMMANDS,
        at_most_once: COMMANDS,
    };
    type Knobs = ();
    type Config = ();
    type Msg = Order<COMMANDS>;
    type Record = u64;
    type Timer = u64;

    fn configure(_: &Ensemble<()>) {}

    fn recover(
        (): &(),
        _: LocalTime,
        _: &Image<u64>,
        _: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        let standing = following(Some(Zxid::ZERO));
        let proposed = Vec::new();
        Ok(Puppet { standing, proposed })
    }

    fn step(&mut self, _: LocalTime, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Message { msg, .. } => match msg {
                Order::Perform(effects) => effects.into_iter().for_each(|effect| out.push(effect)),
                Order::Stand(standing) => self.standing = standing,
            },
            Input::Propose(payload) => self.proposed.push(payload),
            Input::Link { .. }
            | Input::Timer(_)
            | Input::Barrier(_)
            | Input::Disk { .. }
            | Input::Reloaded(_)
            | Input::Applied(_)
            | Input::Captured { .. } => {}
        }
    }

    fn standing(&self) -> Standing {
        self.standing
    }

    fn persisted(_: &Image<u64>) -> Persisted {
        Persisted::default()
    }

    fn kind(_: &Order<COMMANDS>) -> &'static str {
        "Order"
    }
}

fn following(serve_from: Option<Zxid>) -> Standing {
    Standing {
        role: Role::Following,
        epoch: 1,
        leader: Some(NodeId(2)),
        uplink: Some(Via::Datagram),
        can_propose: false,
        serve_from,
    }
}

fn leading() -> Standing {
    Standing {
        role: Role::Leading,
        leader: Some(NodeId(1)),
        can_propose: true,
        ..following(Some(Zxid::ZERO))
    }
}

/// Opened at the first place of the order.
const SESSION: SessionId = SessionId(1);
const CONN: ConnId = ConnId(1);

/// Server 1, its outbox, and everything that it did.
struct Stage<const COMMANDS: bool> {
    server: Server<Puppet<COMMANDS>>,
    out: ServerOutbox<Puppet<COMMANDS>>,
    /// Whether a micro-step is due.
    work: bool,
    now: LocalTime,
    done: Vec<ServerEffect<Puppet<COMMANDS>>>,
}

impl<const COMMANDS: bool> Stage<COMMANDS> {
    fn new() -> Self {
        Self::mutated(Mutations::NONE)
    }

    fn mutated(mutations: Mutations) -> Self {
        let ensemble = Ensemble {
            me: NodeId(1),
            voters: vec![NodeId(1), NodeId(2), NodeId(3)],
            observers: Vec::new(),
            quorums: Quorums::majorities(&[NodeId(1), NodeId(2), NodeId(3)]),
            knobs: Knobs::default(),
            own: (),
            mutations,
        };
        let settings = ServerSettings {
            session_timeout_min: Span::millis(100),
            session_timeout_max: Span::secs(1),
            capture_chunk: 1,
            removal_interval: Span::secs(60),
            superuser: Some(acl::digest_of("super:test").into()),
        };
        let mut out = ServerOutbox::new(NodeId(1));
        let now = LocalTime(0);
        let server = Server::boot(&ensemble, settings, now, &Image::empty(), &mut out)
            .expect("the puppet boots from anything");
        let mut stage = Stage {
            server,
            out,
            work: false,
            now: LocalTime(1_000_000),
            done: Vec::new(),
        };
        stage.collect();
        stage
    }

    fn collect(&mut self) {
        let mut effects = Vec::new();
        self.out.drain_into(&mut effects);
        for effect in effects {
            if effect == ServerEffect::Work {
                self.work = true;
            } else {
                self.done.push(effect);
            }
        }
    }

    fn input(&mut self, input: ServerInput<Puppet<COMMANDS>>) {
        self.server.step(self.now, input, &mut self.out);
        self.collect();
    }

    /// One micro-step.
    fn work(&mut self) {
        assert!(core::mem::take(&mut self.work), "a micro-step is due");
        self.input(ServerInput::Work);
    }

    fn settle(&mut self) {
        while self.work {
            self.work();
        }
    }

    fn order(&mut self, msg: Order<COMMANDS>) {
        let packet = Packet::Protocol(msg);
        self.input(ServerInput::Peer {
            from: NodeId(2),
            via: Via::Datagram,
            packet,
        });
    }

    fn perform(&mut self, effects: Vec<Effect<Puppet<COMMANDS>>>) {
        self.order(Order::Perform(effects));
    }

    /// A payload is committed at `zxid` and handed over.
    fn commit(&mut self, zxid: u64, payload: Payload) {
        let zxid = Zxid(zxid);
        self.perform(vec![
            Effect::Apply { zxid, payload },
            Effect::Committed(zxid),
        ]);
    }

    fn peer(&mut self, from: u8, msg: PeerMsg) {
        let packet = Packet::Peer(msg);
        self.input(ServerInput::Peer {
            from: NodeId(from),
            via: Via::Datagram,
            packet,
        });
    }

    fn frame(&mut self, frame: ClientFrame) {
        self.input(ServerInput::ClientFrame { conn: CONN, frame });
    }

    fn request(&mut self, xid: u32, seq: u32, request: Request) {
        self.frame(ClientFrame::Request {
            xid,
            seq,
            acked: 0,
            request,
        });
    }

    /// A client reconnects with [`SESSION`]; the leader, or the order, says that the session lives.
    fn attach(&mut self) {
        self.connect();
        let timeout = Span::millis(500);
        if COMMANDS {
            let last = self.server.handed.max(self.server.committed);
            self.commit(last.0 + 1, attaching(timeout));
            self.settle();
        } else {
            let (session, timeout) = (SESSION, Some(timeout));
            self.peer(
                2,
                PeerMsg::Revalidated {
                    session,
                    conn: CONN,
                    timeout,
                },
            );
        }
    }

    fn connect(&mut self) {
        self.input(ServerInput::ClientUp {
            conn: CONN,
            address: "10.0.0.1".into(),
        });
        self.frame(ClientFrame::Connect {
            session: SESSION,
            password: super::clients::password_of(SESSION),
            timeout: Span::millis(500),
            last_zxid: Zxid::ZERO,
        });
    }

    /// The answers so far: the number of the request and the header's zxid.
    fn replies(&self) -> Vec<(u32, u64)> {
        let replies = self.done.iter().filter_map(|effect| match effect {
            ServerEffect::Reply {
                frame: ServerFrame::Reply { xid, zxid, .. },
                ..
            } => Some((*xid, zxid.0)),
            _ => None,
        });
        replies.collect()
    }

    fn welcomed(&self) -> bool {
        self.done.iter().any(|effect| {
            let ServerEffect::Reply { frame, .. } = effect else {
                return false;
            };
            matches!(frame, ServerFrame::Connected { session, .. } if *session == SESSION)
        })
    }
}

fn create(path: &str) -> Write {
    Write::Create {
        path: path.into(),
        data: b"x"[..].into(),
        mode: CreateMode::Persistent,
    }
}

fn command(seq: u32, write: Write) -> Payload {
    Payload::command(Command {
        session: SESSION,
        seq,
        acked: 0,
        time_ms: 1,
        write,
    })
}

fn attaching(timeout: Span) -> Payload {
    Payload::command(Command {
        session: SESSION,
        seq: 0,
        acked: Command::ATTACH,
        time_ms: 1,
        write: Write::CreateSession { timeout },
    })
}

fn opening() -> Payload {
    command(
        0,
        Write::CreateSession {
            timeout: Span::millis(500),
        },
    )
}

fn opening_txn() -> Payload {
    Payload::txn(TxnRecord {
        session: SESSION,
        seq: 0,
        time_ms: 1,
        txn: Txn::CreateSession {
            timeout: Span::millis(500),
        },
    })
}

fn read(path: &str) -> Request {
    Request::Read(Read::GetData {
        path: path.into(),
        watch: false,
    })
}

#[test]
fn a_repeated_command_is_answered_with_the_zxid_it_took_effect_at() {
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.settle();
    stage.attach();
    stage.request(1, 1, Request::Write(create("/a")));
    stage.request(2, 2, Request::Write(create("/b")));
    // Both were sent before, through another server, and come with the repetition of the first.
    stage.commit(3, command(1, create("/a")));
    stage.commit(4, command(2, create("/b")));
    stage.commit(5, command(1, create("/a")));
    stage.settle();
    assert_eq!(stage.replies(), [(1, 3), (2, 4)]);
}

#[test]
fn a_retry_that_was_decided_before_it_came_is_answered_at_once() {
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.commit(2, command(1, create("/a")));
    stage.settle();
    stage.attach();
    stage.request(1, 1, Request::Write(create("/a")));
    stage.request(2, 0, read("/a"));
    stage.request(3, 2, Request::Write(create("/b")));
    stage.settle();
    assert_eq!(
        stage.replies(),
        [(1, 2), (2, 3)],
        "the read does not wait for later writes"
    );
    stage.commit(4, command(2, create("/b")));
    stage.commit(5, command(1, create("/a")));
    stage.settle();
    assert_eq!(stage.replies(), [(1, 2), (2, 3), (3, 4)]);
}

#[test]
fn a_position_without_a_payload_is_reached_when_everything_before_it_is_applied() {
    let mut stage = Stage::<true>::new();
    stage.commit(1, opening());
    stage.order(Order::Stand(following(Some(Zxid(3)))));
    stage.settle();
    stage.connect();
    assert!(
        !stage.welcomed(),
        "position 3 is not known to be committed yet"
    );
    // Positions 2 and 3 are no-ops: nothing is handed over.
    stage.perform(vec![Effect::Committed(Zxid(3))]);
    stage.attach();
    assert!(stage.welcomed());
}

#[test]
fn a_read_never_runs_inside_an_apply_that_a_capture_has_cut() {
    let mut stage = Stage::<false>::new();
    stage.commit(1, opening_txn());
    stage.settle();
    stage.attach();
    let parts = ["/a", "/b"].map(|path| Part::Create {
        path: path.into(),
        data: b"x"[..].into(),
        mode: CreateMode::Persistent,
    });
    let record = crate::tree::Outstanding::new(Mutations::NONE).prepare(
        stage.server.state(),
        SESSION,
        1,
        1,
        &Write::Multi(parts.to_vec()),
    );
    let ticket = crate::protocol::Ticket(1);
    stage.perform(vec![Effect::Capture {
        ticket,
        kind: CaptureKind::Fuzzy,
    }]);
    stage.work();
    stage.commit(2, Payload::txn(record));
    stage.work();
    assert!(stage.server.applying.is_some(), "the multi is half done");
    stage.request(1, 0, read("/a"));
    stage.settle();
    assert_eq!(
        stage.replies(),
        [(1, 2)],
        "the read sees all of the multi, and says so"
    );
}
