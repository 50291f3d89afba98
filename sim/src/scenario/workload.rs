//! What clients do.
//!
//! Which operations a client wants is drawn from (seed, client, ordinal) alone and never depends on
//! what happened: Zab and Paxos under one seed meet the same planned operations, and dropping one
//! leaves all others as they were. Only details that one refers to ("the version I last saw", "a
//! child I made") are filled in from what the client saw when it is invoked.
//!
//! A narrow mix keeps to plain, ephemeral and sequential nodes that everybody may change. Where it
//! gives weight to any of the wider kinds, planned operations get a wider part, drawn after the
//! narrow one: see `wide`.

mod requests;
mod wide;

use std::collections::BTreeMap;

use menagerie::history::{Operation, Outcome};
use menagerie::ids::{ClientId, Span};
use menagerie::tree::{CreateMode, Data, Path, Read, Request, Response, Write};

use crate::chance::dice::{Concern, Deck, Dice, Stream};
use crate::chance::latency::Latency;
use crate::scenario::mix::Mix;
use crate::scenario::schema::Reads;
use crate::scenario::script::Move;
use requests::read;
use wide::Wide;

/// So many of its own sequential and ephemeral children a client remembers to delete.
const CHILDREN_MAX: usize = 16;
/// Clients with numbers up to this begin with what the others' requests need.
const SETTING_UP_MAX: u16 = 8;
/// A client's ordinals stay below this, so that its draws have names of their own.
const ORDINALS: u64 = 1 << 32;

/// What the clients of a run do, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadSpec {
    /// How many clients.
    pub clients: u16,
    /// How many operations one client keeps open.
    pub pipeline: u8,
    /// The time between an answer and the next operation.
    pub think: Latency,
    /// How many plain nodes.
    pub keys: u16,
    /// How many contended parents.
    pub parents: u16,
    /// How many levels deep plain nodes lie.
    pub depth: u16,
    /// The most bytes of content that a write carries; 0: a short text of its own.
    pub data_max: u32,
    /// Which reads are preceded by a sync.
    pub reads: Reads,
    /// How many reads leave a watch, in parts per million.
    pub watches_ppm: u32,
    /// Weights of the operations.
    pub mix: Mix,
}

/// The kinds of operations, in the order of [`Mix::weights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Create,
    CreateSpecial,
    Delete,
    SetData,
    Multi,
    GetData,
    Exists,
    GetChildren,
    Sync,
    CloseSession,
    CreateAny,
    MultiAny,
    SetAcl,
    Auth,
    GetAcl,
    GetEphemerals,
    CountDescendants,
    WhoAmI,
    MultiRead,
    AddWatch,
    RemoveWatches,
    CheckWatches,
    Hop,
    WrongPassword,
    Die,
}

const KINDS: [Kind; 25] = [
    Kind::Create,
    Kind::CreateSpecial,
    Kind::Delete,
    Kind::SetData,
    Kind::Multi,
    Kind::GetData,
    Kind::Exists,
    Kind::GetChildren,
    Kind::Sync,
    Kind::CloseSession,
    Kind::CreateAny,
    Kind::MultiAny,
    Kind::SetAcl,
    Kind::Auth,
    Kind::GetAcl,
    Kind::GetEphemerals,
    Kind::CountDescendants,
    Kind::WhoAmI,
    Kind::MultiRead,
    Kind::AddWatch,
    Kind::RemoveWatches,
    Kind::CheckWatches,
    Kind::Hop,
    Kind::WrongPassword,
    Kind::Die,
];

/// Which version a conditional write names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Any,
    LastSeen,
    Stale,
}

/// One planned operation of a client: everything that is drawn about an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOp {
    /// Which operation of this client it is, from 0.
    pub ordinal: u64,
    kind: Kind,
    key: Path,
    second_key: Path,
    parent: Path,
    mode: CreateMode,
    version: Version,
    second_version: Version,
    watch: bool,
    own_child: bool,
    deletes: bool,
    synced: bool,
    data: Data,
    /// `None` where the mix is narrow.
    wide: Option<Wide>,
}

/// What a client does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It asks this, all at once.
    Ask(Vec<Asked>),
    /// It does something with its session.
    Move(Move),
}

/// One request to be invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub request: Request,
    /// Whether it is a read right behind a sync of its own session.
    pub synced: bool,
}

/// One client of the workload.
#[derive(Clone, Debug)]
pub struct Client {
    id: ClientId,
    dice: Dice,
    next: u64,
    /// The version last seen of each node.
    versions: BTreeMap<Path, i32>,
    /// Nodes made under contended parents, the oldest first. At most [`CHILDREN_MAX`].
    children: Vec<Path>,
}

impl WorkloadSpec {
    /// Clients that do nothing of their own accord.
    pub fn none(clients: u16) -> WorkloadSpec {
        WorkloadSpec {
            clients,
            pipeline: 1,
            think: Latency::Constant(Span::ZERO),
            keys: 1,
            parents: 1,
            depth: 1,
            data_max: 0,
            reads: Reads::Local,
            watches_ppm: 0,
            mix: Mix::default(),
        }
    }

    /// The planned operation of that name.
    pub fn planned_op(&self, dice: &Dice, client: ClientId, ordinal: u64) -> PlannedOp {
        assert!(ordinal < ORDINALS, "{client} has run out of ordinals");
        let draws = &mut dice.stream(Concern::Workload, u64::from(client.0) * ORDINALS + ordinal);
        let weights = self.mix.weights().map(u64::from);
        let drawn = draws
            .weighted(&weights)
            .expect("some operation has a weight, as the scenario's checks made sure");
        let setup = self.setup(client, ordinal);
        let kind = match setup {
            Some(_) => Kind::Create,
            None => KINDS[drawn],
        };
        let key = named("k", draws.below(u64::from(self.keys)));
        let second_key = named("k", draws.below(u64::from(self.keys)));
        let parent = named("p", draws.below(u64::from(self.parents)));
        let mut planned = PlannedOp {
            ordinal,
            kind,
            key: setup.clone().unwrap_or(key),
            second_key,
            parent,
            mode: [
                CreateMode::PersistentSequential,
                CreateMode::EphemeralSequential,
                CreateMode::Ephemeral,
            ][draws.below(3) as usize],
            version: Version::draw(draws),
            second_version: Version::draw(draws),
            watch: draws.chance_ppm(self.watches_ppm),
            own_child: draws.chance_ppm(600_000),
            deletes: draws.chance_ppm(250_000),
            synced: match self.reads {
                Reads::Local => false,
                Reads::Synced => true,
                Reads::Mixed => draws.chance_ppm(500_000),
            },
            data: Data::from(format!("{client}.{ordinal}").as_bytes()),
            wide: None,
        };
        if self.mix.is_wide() {
            let wide = Wide::draw(draws, self, client);
            if wide.elsewhere && setup.is_none() {
                planned.key = wide.node.clone();
            }
            planned.wide = Some(wide);
        }
        self.deepen(&mut planned, setup.is_some(), draws);
        self.fill(&mut planned, draws);
        planned
    }

    /// The first clients start with creating the contended parents and the levels that plain nodes
    /// lie on: one succeeds, the others observe. Of a crowd most do not: it would do nothing else
    /// for seconds.
    fn setup(&self, client: ClientId, ordinal: u64) -> Option<Path> {
        if client.0 > SETTING_UP_MAX {
            return None;
        }
        let parents = u64::from(self.parents);
        if ordinal < parents {
            return Some(named("p", ordinal));
        }
        let level = ordinal - parents + 1;
        (level < u64::from(self.depth)).then(|| Path::from(level_of(level)))
    }

    /// Moves a planned operation's plain nodes to the levels they lie on.
    fn deepen(&self, planned: &mut PlannedOp, is_setup: bool, draws: &mut Stream) {
        if self.depth <= 1 {
            return;
        }
        let levels = [0, 1].map(|_| level_of(draws.below(u64::from(self.depth))));
        let [first, second] = levels;
        let is_plain = |path: &Path| path.starts_with("/k");
        if !is_setup && is_plain(&planned.key) {
            planned.key = Path::from(format!("{first}{}", planned.key));
        }
        planned.second_key = Path::from(format!("{second}{}", planned.second_key));
    }

    /// Gives a planned operation its content's size: any order of magnitude up to the greatest, or
    /// none at all.
    fn fill(&self, planned: &mut PlannedOp, draws: &mut Stream) {
        if self.data_max == 0 {
            return;
        }
        let magnitudes = u64::from(self.data_max.ilog2()) + 2;
        let below = 1 << draws.below(magnitudes);
        let size = draws.below(below).min(u64::from(self.data_max)) as usize;
        let mut content = planned.data.to_vec();
        if size == 0 {
            content.clear();
        } else if size > content.len() {
            content.resize(size, b'x');
        }
        planned.data = Data::from(content.as_slice());
    }

    /// How long the client waits before the operation of that name.
    pub fn think(&self, dice: &Dice, client: ClientId, ordinal: u64) -> Span {
        self.think.sample(thinking(dice, client).draw(ordinal))
    }
}

/// The think times have names apart from those of the planned operations.
fn thinking(dice: &Dice, client: ClientId) -> Deck {
    dice.deck(Concern::Workload, u64::MAX - u64::from(client.0))
}

impl Version {
    fn draw(draws: &mut Stream) -> Version {
        match draws.below(20) {
            0..8 => Version::Any,
            8..17 => Version::LastSeen,
            _ => Version::Stale,
        }
    }
}

/// The node whose children lie on that level; the empty text is the root.
fn level_of(level: u64) -> String {
    "/d".repeat(level as usize)
}

fn named(prefix: &str, number: u64) -> Path {
    Path::from(format!("/{prefix}{number}"))
}

impl Client {
    /// A client that has seen nothing.
    pub fn new(id: ClientId, dice: Dice) -> Client {
        Client {
            id,
            dice,
            next: 0,
            versions: BTreeMap::new(),
            children: Vec::new(),
        }
    }

    /// The ordinal of the next operation.
    pub fn next_ordinal(&self) -> u64 {
        self.next
    }

    /// What it does next: one request, or a sync and the read that follows it at once, or a move.
    pub fn act(&mut self, spec: &WorkloadSpec) -> NextStep {
        let planned = spec.planned_op(&self.dice, self.id, self.next);
        self.next += 1;
        let request = match (planned.kind, &planned.wide) {
            (Kind::Hop, _) => return NextStep::Move(Move::Hop),
            (Kind::WrongPassword, _) => return NextStep::Move(Move::WrongPassword),
            (Kind::Die, _) => return NextStep::Move(Move::Die),
            (
                Kind::Create
                | Kind::CreateSpecial
                | Kind::Delete
                | Kind::SetData
                | Kind::Multi
                | Kind::CloseSession,
                _,
            ) => Request::Write(self.write(&planned)),
            (Kind::GetData | Kind::Exists | Kind::GetChildren | Kind::Sync, _) => {
                Request::Read(read(&planned))
            }
            (_, Some(wide)) => self.wide_request(&planned, wide),
            (kind, None) => unreachable!("{kind:?} has a weight, so the mix is wide"),
        };
        let is_read = matches!(request, Request::Read(_));
        let synced = is_read && (planned.synced || planned.kind == Kind::Sync);
        let sync = Asked {
            request: Request::Sync,
            synced: false,
        };
        let asked = Asked { request, synced };
        NextStep::Ask(if synced {
            vec![sync, asked]
        } else {
            vec![asked]
        })
    }

    /// Learns versions and names from an operation that ended.
    pub fn learn(&mut self, operation: &Operation) {
        let Some(Outcome::Answered { answer, .. }) = &operation.outcome else {
            return;
        };
        let Ok(response) = answer else {
            return;
        };
        match (&operation.request, response) {
            (
                Request::Write(Write::Create { mode, .. } | Write::CreateWith { mode, .. }),
                Response::Created { path, stat },
            ) => {
                if mode.is_sequential() || mode.is_ephemeral() {
                    self.remember(path);
                }
                self.versions.insert(path.clone(), stat.version);
            }
            (Request::Write(Write::SetData { path, .. }), Response::Set(stat))
            | (Request::Read(Read::GetData { path, .. }), Response::Data { stat, .. })
            | (Request::Read(Read::Exists { path, .. }), Response::Exists(stat)) => {
                self.versions.insert(path.clone(), stat.version);
            }
            (Request::Write(Write::Delete { path, .. }), Response::Deleted) => {
                self.versions.remove(path);
                self.children.retain(|child| child != path);
            }
            // The other answers say nothing about a version that this client uses later.
            (
                Request::Write(_)
                | Request::Read(_)
                | Request::Watch(_)
                | Request::Auth { .. }
                | Request::Sync,
                _,
            ) => {}
        }
    }

    fn remember(&mut self, path: &Path) {
        if self.children.len() == CHILDREN_MAX {
            self.children.remove(0);
        }
        self.children.push(path.clone());
    }
}

#[cfg(test)]
mod tests;
