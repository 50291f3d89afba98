//! Whole runs in miniature, on the tree under test: what is right passes every checker, and a bug
//! in the tree does not.

use proptest::prelude::*;

use super::testing::{setup, standing_at};
use super::{Ending, Observation, Panel, Verdict};
use crate::history::{History, Operation, Outcome, Seen};
use crate::ids::{ClientId, NodeId, OpId, SessionId, Span, VirtualTime, Zxid};
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{Fact, Replicates};
use crate::tree::{
    Command, CreateMode, Data, Outstanding, Path, Payload, Read, Request, State, Write,
};

/// One server: what it applied, through which entry of the log.
struct Server {
    state: State,
    next: usize,
}

struct Run {
    /// Of the first server, which leads; `None` if commands are replicated.
    outstanding: Option<Outstanding>,
    panel: Panel,
    servers: Vec<Server>,
    log: Vec<Payload>,
    history: History,
    /// Each session's last write, and the last zxid it saw.
    sessions: [(u32, Zxid); 2],
    now: u64,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    Write {
        session: usize,
        write: Write,
        fate: Fate,
    },
    Read {
        session: usize,
        server: usize,
        read: Read,
    },
    /// Server number `server` applies up to `count` transactions.
    CatchUp {
        server: usize,
        count: usize,
    },
    Expire {
        session: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// Committed, but the client never hears of it.
    Unheard,
    /// Sent twice, committed twice, executed once.
    Repeated,
}

impl Run {
    fn new(replicates: Replicates, mutations: Mutations) -> Run {
        let server = || Server {
            state: State::new(mutations),
            next: 0,
        };
        let (protocol, outstanding) = match replicates {
            Replicates::Deltas => ("zab", Some(Outstanding::new(mutations))),
            Replicates::Commands => ("paxos", None),
        };
        let mut run = Run {
            outstanding,
            panel: Panel::new(&setup(protocol)),
            servers: vec![server(), server(), server()],
            log: Vec::new(),
            history: History::default(),
            sessions: [(0, zxid_of(0)); 2],
            now: 0,
        };
        let established = Fact::Established {
            epoch: 1,
            through: zxid_of(0),
        };
        run.observe(&Observation::Fact {
            node: NodeId(1),
            fact: &established,
        });
        for session in [0, 1] {
            let timeout = Span::secs(1);
            run.propose(session, 0, Write::CreateSession { timeout });
        }
        run
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        self.now += 1;
        self.panel
            .observe(VirtualTime(Span::millis(self.now).0), observation);
    }

    /// Puts a command into the log; server 1 applies everything there is.
    fn propose(&mut self, session: usize, seq: u32, write: Write) {
        self.catch_up(0, self.log.len());
        let (id, time_ms) = (name(session), self.now);
        let payload = match &mut self.outstanding {
            Some(outstanding) => {
                let state = &self.servers[0].state;
                let record = outstanding.prepare(state, id, seq, time_ms, &write);
                outstanding.settle();
                Payload::txn(record)
            }
            None => Payload::command(Command {
                session: id,
                seq,
                acked: 0,
                time_ms,
                write,
            }),
        };
        self.log.push(payload.clone());
        let fact = Fact::Proposed {
            epoch: 1,
            zxid: zxid_of(self.log.len()),
            value: payload.digest(),
        };
        self.observe(&Observation::Fact {
            node: NodeId(1),
            fact: &fact,
        });
    }

    /// Applies one transaction, and tells the answer.
    fn apply(&mut self, server: usize) -> crate::tree::Answer {
        let place = &mut self.servers[server];
        let payload = self.log[place.next].clone();
        place.next += 1;
        let zxid = zxid_of(place.next);
        let applied = place.state.apply(zxid, &payload);
        let executed = applied.executed();
        let digest = Some(place.state.digest());
        let node = NodeId(u8::try_from(server).expect("three servers") + 1);
        self.observe(&Observation::Applied {
            node,
            zxid,
            payload: &payload,
            digest,
            executed,
        });
        let value = payload.digest();
        self.observe(&Observation::Delivered { node, zxid, value });
        applied.answer
    }

    fn catch_up(&mut self, server: usize, count: usize) {
        for _ in 0..count {
            if self.servers[server].next < self.log.len() {
                let _unheard = self.apply(server);
            }
        }
    }

    fn perform(&mut self, act: Act) {
        match act {
            Act::Write {
                session,
                write,
                fate,
            } => self.write(session, write, fate),
            Act::Read {
                session,
                server,
                read,
            } => self.read(session, server, read),
            Act::CatchUp { server, count } => self.catch_up(server, count),
            Act::Expire { session } => {
                self.propose(session, 0, Write::ExpireSession);
                self.catch_up(0, self.log.len());
            }
        }
    }

    fn write(&mut self, session: usize, write: Write, fate: Fate) {
        let log = self.log.len();
        self.catch_up(0, log);
        let operation = self.invoke(session, Request::Write(write.clone()));
        self.sessions[session].0 += 1;
        let seq = self.sessions[session].0;
        self.history.operations[operation].seq = seq;
        self.propose(session, seq, write.clone());
        let answer = self.apply(0);
        let zxid = zxid_of(self.log.len());
        // Without an at-most-once table nobody asks twice.
        if let (Fate::Repeated, None) = (fate, &self.outstanding) {
            self.propose(session, seq, write);
            let _repeat = self.apply(0);
        }
        match fate {
            Fate::Answered | Fate::Repeated => self.complete(operation, zxid, answer),
            Fate::Unheard => {
                self.history.operations[operation].outcome = Some(Outcome::Unknown);
            }
        }
    }

    /// Reads at a server that is not behind what the session saw; synced if at server 1.
    fn read(&mut self, session: usize, server: usize, read: Read) {
        let stands = zxid_of(self.servers[server].next);
        let behind = self.sessions[session].1.0.saturating_sub(stands.0);
        let log = self.log.len();
        self.catch_up(server, if server == 0 { log } else { behind as usize });
        let operation = self.invoke(session, Request::Read(read.clone()));
        self.history.operations[operation].synced = server == 0;
        let zxid = zxid_of(self.servers[server].next);
        let answer = self.servers[server].state.read(&read);
        self.complete(operation, zxid, answer);
    }

    fn invoke(&mut self, session: usize, request: Request) -> usize {
        self.now += 1;
        let id = self.history.operations.len();
        self.history.operations.push(Operation {
            id: OpId(u32::try_from(id).expect("a short run")),
            client: ClientId(1),
            session: name(session),
            xid: u32::try_from(id).expect("a short run"),
            seq: 0,
            conn: None,
            server: None,
            attempts: 1,
            request,
            ids: std::sync::Arc::default(),
            synced: false,
            invoked: VirtualTime(Span::millis(self.now).0),
            completed: None,
            outcome: None,
        });
        id
    }

    fn complete(&mut self, operation: usize, zxid: Zxid, answer: crate::tree::Answer) {
        self.now += 1;
        let at = VirtualTime(Span::millis(self.now).0);
        let entry = &mut self.history.operations[operation];
        entry.completed = Some(at);
        entry.outcome = Some(Outcome::Answered { zxid, answer });
        let session = usize::from(entry.session == name(1));
        self.sessions[session].1 = self.sessions[session].1.max(zxid);
        let seen = (at, ClientId(1), Seen::Completed(entry.id));
        self.history.seen.push(seen);
    }

    fn verdicts(mut self) -> Vec<(&'static str, Verdict)> {
        for server in 0..3 {
            self.catch_up(server, self.log.len());
        }
        let last = zxid_of(self.log.len()).0;
        let nodes: Vec<_> = (1..=3u8)
            .zip(&self.servers)
            .map(|(node, server)| standing_at(node, last, server.state.digest()))
            .collect();
        let at = VirtualTime(Span::millis(self.now).0);
        self.panel.finish(&Ending {
            at,
            nodes: &nodes,
            history: &self.history,
            healed: Some(at),
            converged: Some(at),
            obstacle: None,
            circumstances: &crate::check::Circumstances::default(),
        })
    }
}

/// The zxid of the log's entry number `count`, counted from 1.
fn zxid_of(count: usize) -> Zxid {
    Zxid::new(1, u32::try_from(count).expect("a short run"))
}

/// Under commands a session is the place of its opening: they are the first two.
fn name(session: usize) -> SessionId {
    SessionId(zxid_of(session + 1).0)
}

fn path() -> impl Strategy<Value = Path> {
    proptest::sample::select(
        ["/a", "/b", "/a/n", "/a/n0000000000"]
            .map(Path::from)
            .to_vec(),
    )
}

fn write() -> impl Strategy<Value = Write> {
    let mode = prop_oneof![
        Just(CreateMode::Persistent),
        Just(CreateMode::Ephemeral),
        Just(CreateMode::PersistentSequential),
    ];
    prop_oneof![
        4 => (path(), mode).prop_map(|(path, mode)| Write::Create {
            path,
            data: Data::from([]),
            mode,
        }),
        2 => path().prop_map(|path| Write::Delete { path, version: -1 }),
        2 => (path(), -1..2i32).prop_map(|(path, version)| Write::SetData {
            path,
            data: Data::from([1]),
            version,
        }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let fate = prop_oneof![
        6 => Just(Fate::Answered),
        1 => Just(Fate::Unheard),
        1 => Just(Fate::Repeated),
    ];
    let read = (path(), 0..3u8).prop_map(|(path, which)| match which {
        0 => Read::GetData { path, watch: false },
        1 => Read::Exists { path, watch: false },
        _ => Read::GetChildren { path, watch: false },
    });
    prop_oneof![
        8 => (0..2usize, write(), fate)
            .prop_map(|(session, write, fate)| Act::Write { session, write, fate }),
        6 => (0..2usize, 0..3usize, read)
            .prop_map(|(session, server, read)| Act::Read { session, server, read }),
        3 => (0..3usize, 1..5usize).prop_map(|(server, count)| Act::CatchUp { server, count }),
        1 => (0..2usize).prop_map(|session| Act::Expire { session }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_run_without_faults_fails_no_checker(
        is_zab in any::<bool>(), acts in proptest::collection::vec(act(), 1..60)
    ) {
        let replicates = if is_zab { Replicates::Deltas } else { Replicates::Commands };
        let mut run = Run::new(replicates, Mutations::NONE);
        acts.into_iter().for_each(|act| run.perform(act));
        for (name, verdict) in run.verdicts() {
            prop_assert!(
                !matches!(verdict, Verdict::Fail(_) | Verdict::Unknown(_)),
                "{}: {:?}", name, verdict
            );
        }
    }
}

#[test]
fn a_sequence_number_that_is_used_again_fails_the_tree_and_the_linearizability_checker() {
    let next = || Act::Write {
        session: 0,
        write: Write::Create {
            path: Path::from("/q/n"),
            data: Data::from([]),
            mode: CreateMode::PersistentSequential,
        },
        fate: Fate::Answered,
    };
    // The root would not do: it has a child from the start.
    let parent = Act::Write {
        session: 0,
        write: Write::Create {
            path: Path::from("/q"),
            data: Data::from([]),
            mode: CreateMode::Persistent,
        },
        fate: Fate::Answered,
    };
    let delete = Act::Write {
        session: 0,
        write: Write::Delete {
            path: Path::from("/q/n0000000000"),
            version: -1,
        },
        fate: Fate::Answered,
    };
    for replicates in [Replicates::Deltas, Replicates::Commands] {
        let mut run = Run::new(replicates, Mutations::NONE.with(Mutation::T03));
        for act in [parent.clone(), next(), delete.clone(), next()] {
            run.perform(act);
        }
        let failing: Vec<&str> = run
            .verdicts()
            .into_iter()
            .filter(|(_, verdict)| matches!(verdict, Verdict::Fail(_)))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(failing, ["linearizability", "tree"], "{replicates:?}");
    }
}
