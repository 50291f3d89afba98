//! A world to play a scene in: servers with small constant latencies, clients that ask what the
//! scene says, and every checker watching. Scenes wait for predicates, never for a time.

use menagerie::check::Verdict;
use menagerie::history::{Operation, Outcome};
use menagerie::ids::{ClientId, NodeId, OpId, SessionId, Span};
use menagerie::mutation::Mutations;
use menagerie::protocol::QuorumRule;
use menagerie::protocol::{Protocol, Role};
use menagerie::server::ServerSettings;
use menagerie::tree::{
    ANY_VERSION, Answer, CreateMode, Data, Failure, Path, Read, Request, Response, Write,
};
use menagerie_sim::chance::latency::Latency;
use menagerie_sim::world::channels::NetworkSpec;
use menagerie_sim::world::clock::ClockSpec;
use menagerie_sim::world::disk::DiskSpec;
use menagerie_sim::world::knobs::AllKnobs;
use menagerie_sim::world::{Action, Close, World, WorldSpec};

/// A predicate that does not hold after so much virtual time will never hold.
const PATIENCE: Span = Span::secs(30);
/// The session timeout that the clients ask for.
pub const SESSION_TIMEOUT: Span = Span::millis(500);

/// A world and what a scene does with it.
pub struct Stage<P: Protocol> {
    /// The world.
    pub world: World<P>,
    servers: Vec<NodeId>,
}

/// Everything that a stage differs in.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// The seed of every draw.
    pub seed: u64,
    /// How many servers vote.
    pub servers: u8,
    /// How many clients there are.
    pub clients: u16,
}

impl<P: Protocol> Stage<P> {
    /// Boots everybody.
    pub fn set(cast: Cast) -> Stage<P> {
        let mut world = World::new(WorldSpec {
            homes: Vec::new(),
            seed: cast.seed,
            voters: cast.servers,
            observers: 0,
            quorums: QuorumRule::Majority,
            clients: cast.clients,
            knobs: AllKnobs::default(),
            mutations: Mutations::NONE,
            settings: ServerSettings {
                session_timeout_min: Span::millis(100),
                session_timeout_max: Span::millis(1_000),
                capture_chunk: 16,
                removal_interval: Span::secs(60),
                superuser: None,
            },
            session_timeout: SESSION_TIMEOUT,
            network: NetworkSpec::reliable(Latency::Constant(Span::micros(500))),
            disk: DiskSpec {
                write: Latency::Constant(Span::micros(10)),
                sync: Latency::Constant(Span::millis(1)),
                read: Latency::Constant(Span::micros(100)),
            },
            clock: ClockSpec::default(),
            micro_step: Span::micros(5),
            decisions: menagerie_sim::chance::decision::Source::Dice,
            record: false,
            checks: true,
            trace: false,
        });
        world.boot_all();
        Stage {
            world,
            servers: (1..=cast.servers).map(NodeId).collect(),
        }
    }

    /// Performs an action that must take effect.
    pub fn act(&mut self, action: Action) {
        assert!(
            self.world.perform(action.clone()),
            "{action:?} changes nothing"
        );
    }

    /// Runs until something holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&World<P>) -> bool) {
        let end = self.world.now().after(PATIENCE);
        while !holds(&self.world) {
            let happening = self.world.step();
            assert!(
                happening.is_some(),
                "nothing is left to happen before {what}"
            );
            assert!(self.world.now() < end, "{what} did not come about");
        }
    }

    /// Runs until the present is `span` later: only for claims that are about a span of time.
    pub fn pass(&mut self, span: Span) {
        let end = self.world.now().after(span);
        self.until("the passing of time", |world| world.now() >= end);
    }

    /// Every server's number.
    pub fn servers(&self) -> Vec<NodeId> {
        self.servers.clone()
    }

    /// Every server but these.
    pub fn others(&self, than: &[NodeId]) -> Vec<NodeId> {
        let mut servers = self.servers();
        servers.retain(|server| !than.contains(server));
        servers
    }

    /// Waits for a leader among these that serves clients, the one with the greatest epoch.
    pub fn leader_among(&mut self, servers: &[NodeId]) -> NodeId {
        self.until("a leader", |world| serving(world, servers).is_some());
        serving(&self.world, servers).expect("the predicate held")
    }

    /// Waits for a leader.
    pub fn leader(&mut self) -> NodeId {
        let servers = self.servers();
        self.leader_among(&servers)
    }

    /// Cuts every link between the two sides, both ways.
    pub fn cut(&mut self, left: &[NodeId], right: &[NodeId]) {
        for (from, to) in both_ways(left, right) {
            self.act(Action::Cut { from, to });
        }
    }

    /// Undoes [`Stage::cut`].
    pub fn mend(&mut self, left: &[NodeId], right: &[NodeId]) {
        for (from, to) in both_ways(left, right) {
            self.act(Action::Mend { from, to });
        }
    }

    /// Lets clients reach no other server than this one, and waits until it serves `client`.
    pub fn herd(&mut self, client: ClientId, to: NodeId) {
        for server in self.others(&[to]) {
            self.act(Action::CutClient(server));
        }
        loop {
            let op = self.ask(client, exists("/"));
            self.ended(op);
            if self.operation(op).server == Some(to) && self.answer(op).is_some() {
                return;
            }
        }
    }

    /// Undoes what [`Stage::herd`] did.
    pub fn scatter(&mut self, from: NodeId) {
        for server in self.others(&[from]) {
            self.act(Action::MendClient(server));
        }
    }

    /// Has a client ask for something.
    pub fn ask(&mut self, client: ClientId, request: Request) -> OpId {
        self.world.invoke(client, request, false)
    }

    /// What became of an operation so far.
    pub fn operation(&self, op: OpId) -> &Operation {
        &self.world.history().operations[op.0 as usize]
    }

    /// A definite answer to it, if there is one.
    pub fn answer(&self, op: OpId) -> Option<&Answer> {
        answer(&self.world, op)
    }

    /// Waits until an operation has ended in whatever way.
    pub fn ended(&mut self, op: OpId) {
        self.until("the end of an operation", |world| {
            world.history().operations[op.0 as usize].outcome.is_some()
        });
    }

    /// Asks again until there is a definite answer; says which server gave it.
    pub fn insist(&mut self, client: ClientId, request: &Request) -> (Answer, NodeId) {
        let end = self.world.now().after(PATIENCE);
        loop {
            let op = self.ask(client, request.clone());
            self.ended(op);
            if let Some(answer) = self.answer(op) {
                let server = self.operation(op).server;
                return (
                    answer.clone(),
                    server.expect("what was answered was sent to a server"),
                );
            }
            assert!(
                self.world.now() < end,
                "{client} gets no answer to {request}"
            );
            // A client without a connection refuses at once; something has to happen in between.
            self.world.step();
        }
    }

    /// The session of a client's last operation.
    pub fn session(&self, client: ClientId) -> SessionId {
        let operations = self.world.history().operations.iter();
        operations
            .rev()
            .find(|operation| operation.client == client)
            .map_or(SessionId::NONE, |operation| operation.session)
    }

    /// A client's read of a node behind a sync: its content, or the error.
    pub fn synced_data(&mut self, client: ClientId, path: &str) -> Result<String, Failure> {
        let (synced, _) = self.insist(client, &Request::Sync);
        assert_eq!(synced, Ok(Response::Synced), "{client}'s sync");
        let (answer, _) = self.insist(client, &get(path));
        answer.map(|response| match response {
            Response::Data { data, .. } => text(&data),
            other => panic!("getData was answered by {other:?}"),
        })
    }

    /// What a server's own state holds at a path.
    pub fn held(&self, server: NodeId, path: &str) -> Option<String> {
        let read = Read::GetData {
            path: Path::from(path),
            watch: false,
        };
        match self.world.server(server)?.state().read(&read) {
            Ok(Response::Data { data, .. }) => Some(text(&data)),
            Ok(other) => panic!("getData was answered by {other:?}"),
            Err(_) => None,
        }
    }

    /// Waits until every server stands at the same zxid, and demands equal states.
    pub fn converge(&mut self) {
        let servers = self.servers();
        self.until("convergence", |world| {
            let first = world.applied(servers[0]);
            let alike = |server: &NodeId| world.applied(*server) == first;
            first.is_some() && servers.iter().all(alike)
        });
        let first = self.world.digest(servers[0]);
        for server in servers {
            assert_eq!(self.world.digest(server), first, "the state of {server}");
        }
    }

    /// Ends the scene: no checker may have seen a violation.
    pub fn close(mut self) {
        let core = self.servers();
        let verdicts = self.world.finish(Close {
            core,
            ..Close::default()
        });
        assert!(!verdicts.is_empty(), "no checker watched");
        for (checker, verdict) in verdicts {
            assert!(
                !matches!(verdict, Verdict::Fail(_)),
                "{checker}: {verdict:?}"
            );
        }
    }
}

/// A definite answer to an operation, if there is one.
pub fn answer<P: Protocol>(world: &World<P>, op: OpId) -> Option<&Answer> {
    match &world.history().operations[op.0 as usize].outcome {
        Some(Outcome::Answered { answer, .. }) => Some(answer),
        Some(Outcome::Refused(_) | Outcome::Unknown) | None => None,
    }
}

/// Whether a server is up and takes itself for the leader.
pub fn leads<P: Protocol>(world: &World<P>, server: NodeId) -> bool {
    world
        .standing(server)
        .is_some_and(|standing| standing.role == Role::Leading)
}

/// Whether a server serves clients.
pub fn serves<P: Protocol>(world: &World<P>, server: NodeId) -> bool {
    let from = world
        .standing(server)
        .and_then(|standing| standing.serve_from);
    from.is_some_and(|from| world.applied(server) >= Some(from))
}

/// The server with the greatest epoch among those that lead and serve clients.
pub fn serving<P: Protocol>(world: &World<P>, servers: &[NodeId]) -> Option<NodeId> {
    servers
        .iter()
        .copied()
        .filter(|server| leads(world, *server) && serves(world, *server))
        .max_by_key(|server| world.standing(*server).map(|standing| standing.epoch))
}

fn both_ways(left: &[NodeId], right: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let mut pairs = Vec::new();
    for a in left {
        for b in right {
            pairs.push((*a, *b));
            pairs.push((*b, *a));
        }
    }
    pairs
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// A create of a plain node.
pub fn create(path: &str, data: &str) -> Request {
    made(path, data, CreateMode::Persistent)
}

/// A create of a node of this mode.
pub fn made(path: &str, data: &str, mode: CreateMode) -> Request {
    Request::Write(Write::Create {
        path: Path::from(path),
        data: Data::from(data.as_bytes()),
        mode,
    })
}

/// A setData whatever the version.
pub fn set(path: &str, data: &str) -> Request {
    Request::Write(Write::SetData {
        path: Path::from(path),
        data: Data::from(data.as_bytes()),
        version: ANY_VERSION,
    })
}

/// A local read of a node's content.
pub fn get(path: &str) -> Request {
    Request::Read(Read::GetData {
        path: Path::from(path),
        watch: false,
    })
}

/// A local read of a node's content that leaves a watch.
pub fn get_and_watch(path: &str) -> Request {
    Request::Read(Read::GetData {
        path: Path::from(path),
        watch: true,
    })
}

/// A local read of a node's Stat.
pub fn exists(path: &str) -> Request {
    Request::Read(Read::Exists {
        path: Path::from(path),
        watch: false,
    })
}
