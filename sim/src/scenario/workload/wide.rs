//! The wider part of a planned operation: every kind of node, ACLs, identities, large multis and
//! the requests about watches. It is drawn only where the mix asks for any of it.

use menagerie::ids::ClientId;
use menagerie::tree::{
    ANY_VERSION, Ace, CreateMode, Data, ErrorCode, Part, Path, Read, Request, WatchRequest,
    WatchTables, Write, acl,
};

use super::{Client, Kind, PlannedOp, Version, WorkloadSpec, named};
use crate::chance::dice::Stream;

/// How many contended nodes there are of each of the wider kinds.
const OF_EACH_KIND: u64 = 2;
/// A node outlives its time within a run: at most this many milliseconds.
const TTL_MS_MAX: u64 = 200;
/// More parts than this no multi has.
const PARTS_MAX: u64 = 5;

/// What is drawn beyond the narrow part of a planned operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wide {
    /// Any contended node.
    pub node: Path,
    /// Whether a narrow operation is about `node` instead of a plain one.
    pub elsewhere: bool,
    creation: Creation,
    /// The node whose ACL is changed.
    guarded: Path,
    acl: Vec<Ace>,
    acl_version: i32,
    scheme: Path,
    credential: Data,
    prefix: Path,
    recursive: bool,
    of: WatchTables,
    parts: Vec<PartWish>,
    reads: Vec<Read>,
}

/// A node to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Creation {
    path: Path,
    mode: CreateMode,
    /// `None` is the open one.
    acl: Option<Vec<Ace>>,
}

/// A part of a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PartWish {
    Create(Creation),
    Delete(Path, Version),
    Set(Path, Version),
    Check(Path, Version),
    Refused(ErrorCode),
}

impl Wide {
    pub(super) fn draw(draws: &mut Stream, spec: &WorkloadSpec, client: ClientId) -> Wide {
        let scheme = if draws.chance_ppm(50_000) {
            "odd"
        } else {
            "digest"
        };
        let own = draws.chance_ppm(700_000);
        let anybody = 1 + draws.below(u64::from(spec.clients));
        let user = if own { u64::from(client.0) } else { anybody };
        let reads = 1 + draws.below(3);
        let parts = 1 + draws.below(PARTS_MAX);
        Wide {
            node: any_node(draws, spec),
            elsewhere: draws.chance_ppm(400_000),
            creation: Creation::draw(draws, spec, client),
            guarded: named("a", draws.below(OF_EACH_KIND)),
            acl: any_acl(draws, spec, client),
            acl_version: [ANY_VERSION, ANY_VERSION, 0, 1][draws.below(4) as usize],
            scheme: Path::from(scheme),
            credential: Data::from(credential(user).as_bytes()),
            prefix: Path::from(["/", "/p", "/c0", " "][draws.below(4) as usize]),
            recursive: draws.chance_ppm(500_000),
            of: [WatchTables::Children, WatchTables::Data, WatchTables::Any]
                [draws.below(3) as usize],
            parts: (0..parts)
                .map(|_| PartWish::draw(draws, spec, client))
                .collect(),
            reads: (0..reads).map(|_| any_read(draws, spec)).collect(),
        }
    }
}

impl Creation {
    fn draw(draws: &mut Stream, spec: &WorkloadSpec, client: ClientId) -> Creation {
        let number = draws.below(OF_EACH_KIND);
        let parent = draws.below(u64::from(spec.parents));
        let key = draws.below(u64::from(spec.keys));
        let ms = 1 + draws.below(TTL_MS_MAX);
        let (path, mode) = match draws.below(9) {
            0 => (format!("/c{number}"), CreateMode::Container),
            1 => (format!("/p{parent}/c-"), CreateMode::ContainerSequential),
            2 => (format!("/t{number}"), CreateMode::Ttl { ms }),
            3 => (format!("/p{parent}/t-"), CreateMode::TtlSequential { ms }),
            4 => (format!("/c{number}/i"), CreateMode::Persistent),
            5 => (format!("/c{number}/q-"), CreateMode::EphemeralSequential),
            6 => (format!("/a{number}"), CreateMode::Persistent),
            7 => (format!("/a{number}/i"), CreateMode::Ephemeral),
            _plain => (format!("/k{key}"), CreateMode::Persistent),
        };
        let guards = draws.chance_ppm(250_000) || path == format!("/a{number}");
        let acl = any_acl(draws, spec, client);
        Creation {
            path: Path::from(path),
            mode,
            acl: guards.then_some(acl),
        }
    }

    fn part(&self, data: &Data) -> Part {
        Part::creation(self.path.clone(), data.clone(), self.mode, self.acl.clone())
    }
}

impl PartWish {
    fn draw(draws: &mut Stream, spec: &WorkloadSpec, client: ClientId) -> PartWish {
        let creation = Creation::draw(draws, spec, client);
        let path = any_node(draws, spec);
        let version = Version::draw(draws);
        match draws.below(16) {
            0..5 => PartWish::Create(creation),
            5..10 => PartWish::Set(path, version),
            10..13 => PartWish::Check(path, version),
            13..15 => PartWish::Delete(path, version),
            _faulty => PartWish::Refused(
                [ErrorCode::BadArguments, ErrorCode::MarshallingError][draws.below(2) as usize],
            ),
        }
    }
}

/// Any contended node, the root and children of containers included.
fn any_node(draws: &mut Stream, spec: &WorkloadSpec) -> Path {
    let kind = draws
        .weighted(&[40, 20, 10, 10, 12, 5, 3])
        .expect("these weights are not 0");
    let number = draws.below(OF_EACH_KIND);
    match kind {
        0 => named("k", draws.below(u64::from(spec.keys))),
        1 => named("a", number),
        2 => named("c", number),
        3 => named("t", number),
        4 => named("p", draws.below(u64::from(spec.parents))),
        5 => Path::from(format!("/c{number}/i")),
        _root => Path::from("/"),
    }
}

fn any_read(draws: &mut Stream, spec: &WorkloadSpec) -> Read {
    let (path, watch) = (any_node(draws, spec), false);
    match draws.below(2) {
        0 => Read::GetData { path, watch },
        _other => Read::GetChildren { path, watch },
    }
}

/// What a user proves to be that user with.
fn credential(user: u64) -> String {
    format!("u{user}:secret-{user}")
}

/// Open, one's own, somebody else's, for reading only, for a network; and one that is none.
fn any_acl(draws: &mut Stream, spec: &WorkloadSpec, client: ClientId) -> Vec<Ace> {
    let other = 1 + draws.below(u64::from(spec.clients));
    let world = |perms| Ace::new(perms, "world", "anyone");
    let user = |user| Ace::new(acl::ALL, "digest", &acl::digest_of(&credential(user)));
    match draws.below(9) {
        0 => vec![world(acl::ALL)],
        1 => vec![Ace::new(acl::ALL, "auth", "")],
        2 => vec![user(u64::from(client.0))],
        3 => vec![user(other), world(acl::READ)],
        4 => vec![world(acl::READ)],
        5 => vec![world(acl::READ | acl::WRITE), user(u64::from(client.0))],
        6 => vec![Ace::new(acl::ALL, "ip", "10.0.0.0/30"), world(acl::CREATE)],
        7 => vec![world(acl::ALL & !acl::READ)],
        _none => Vec::new(),
    }
}

impl Client {
    /// The request of a planned operation of the wider kinds.
    pub(super) fn wide_request(&self, planned: &PlannedOp, wide: &Wide) -> Request {
        let path = wide.node.clone();
        match planned.kind {
            Kind::CreateAny => Request::Write(wide.creation.part(&planned.data).into()),
            Kind::MultiAny => {
                let parts = wide.parts.iter();
                Request::Write(Write::Multi(
                    parts.map(|part| self.wide_part(planned, part)).collect(),
                ))
            }
            Kind::SetAcl => Request::Write(Write::SetAcl {
                path: wide.guarded.clone(),
                acl: wide.acl.clone(),
                version: wide.acl_version,
            }),
            Kind::Auth => Request::Auth {
                scheme: wide.scheme.clone(),
                credential: wide.credential.clone(),
            },
            Kind::GetAcl => Request::Read(Read::GetAcl { path }),
            Kind::GetEphemerals => Request::Read(Read::GetEphemerals {
                prefix: wide.prefix.clone(),
            }),
            Kind::CountDescendants => Request::Read(Read::CountDescendants { path }),
            Kind::WhoAmI => Request::Read(Read::WhoAmI),
            Kind::MultiRead => Request::Read(Read::Multi(wide.reads.clone())),
            Kind::AddWatch => Request::Watch(WatchRequest::Add {
                path,
                recursive: wide.recursive,
            }),
            Kind::RemoveWatches => Request::Watch(WatchRequest::Remove { path, of: wide.of }),
            Kind::CheckWatches => Request::Watch(WatchRequest::Check { path, of: wide.of }),
            Kind::Create
            | Kind::CreateSpecial
            | Kind::Delete
            | Kind::SetData
            | Kind::Multi
            | Kind::GetData
            | Kind::Exists
            | Kind::GetChildren
            | Kind::Sync
            | Kind::CloseSession
            | Kind::Hop
            | Kind::WrongPassword
            | Kind::Die => unreachable!("{:?} is not one of the wider requests", planned.kind),
        }
    }

    fn wide_part(&self, planned: &PlannedOp, part: &PartWish) -> Part {
        match part {
            PartWish::Create(creation) => creation.part(&planned.data),
            PartWish::Delete(path, version) => Part::Delete {
                path: path.clone(),
                version: self.version(path, *version),
            },
            PartWish::Set(path, version) => Part::SetData {
                path: path.clone(),
                data: planned.data.clone(),
                version: self.version(path, *version),
            },
            PartWish::Check(path, version) => Part::Check {
                path: path.clone(),
                version: self.version(path, *version),
            },
            PartWish::Refused(code) => Part::Refused(*code),
        }
    }
}
