//! The model against the tree under test: two implementations by different hands.

use proptest::prelude::*;

use super::{Model, Reader, timeless};
use crate::ids::{SessionId, Span, Zxid};
use crate::mutation::{Mutation, Mutations};
use crate::tree::{
    Ace, Asker, Command, CreateMode, Data, ErrorCode, Identity, MAX_TTL_MS, Outstanding, Part,
    Path, Payload, Read, State, Write,
};

fn path() -> impl Strategy<Value = Path> {
    let names = [
        "/",
        "/a",
        "/b",
        "/a/b",
        "/a/b/c",
        "/a/n-",
        "/n-",
        "/a/",
        "/a//b",
        "a",
        "",
        "/.",
        "/a/..",
        "//",
        "/n-0000000000",
        "/n-0000000001",
        "/a/n-0000000001",
        "/a/0000000000",
        "/a\u{e000}",
        "/b\0/c",
        "/zookeeper",
        "/zookeeper/a",
        "/zookeeper/config",
        "/zookeeper/config/a",
        "/zookeeper/quota",
    ];
    proptest::sample::select(names.map(Path::from).to_vec())
}

fn mode() -> impl Strategy<Value = CreateMode> {
    let ttl = || prop_oneof![Just(0), Just(5u64), Just(MAX_TTL_MS), Just(MAX_TTL_MS + 1)];
    prop_oneof![
        3 => Just(CreateMode::Persistent),
        2 => Just(CreateMode::Ephemeral),
        2 => Just(CreateMode::PersistentSequential),
        1 => Just(CreateMode::EphemeralSequential),
        2 => Just(CreateMode::Container),
        1 => Just(CreateMode::ContainerSequential),
        1 => ttl().prop_map(|ms| CreateMode::Ttl { ms }),
        1 => ttl().prop_map(|ms| CreateMode::TtlSequential { ms }),
    ]
}

/// Whom a connection may have proved to be.
fn ids() -> impl Strategy<Value = Vec<Identity>> {
    let ip = Identity::new("ip", "10.0.0.7");
    let digest = |user: &str| Identity::new("digest", user);
    proptest::sample::select(vec![
        vec![],
        vec![ip.clone()],
        vec![ip.clone(), digest("ann:x1")],
        vec![ip.clone(), digest("bob:y2"), digest("ann:x1")],
        vec![Identity::new("super", ""), digest("super:z3"), ip],
        vec![Identity::new("odd", "ann:x1"), digest("plain")],
    ])
}

fn ace() -> impl Strategy<Value = Ace> {
    let who = [
        ("world", "anyone"),
        ("world", "someone"),
        ("auth", ""),
        ("digest", "ann:x1"),
        ("digest", "bob:y2"),
        ("digest", "ann"),
        ("digest", "ann:"),
        ("digest", ":x"),
        ("digest", "a:b:c"),
        ("digest", "a:b:"),
        ("ip", "10.0.0.7"),
        ("ip", "10.0.0.0/29"),
        ("ip", "10.0.0.0/30"),
        ("ip", "9.9.9.9/0"),
        ("ip", "+10.0.0.7/+32"),
        ("ip", "10.0.0"),
        ("ip", "10.0.0.256"),
        ("ip", "10.0.0.-1"),
        ("ip", "10.0.0.7/33"),
        ("super", ""),
        ("odd", "ann:x1"),
    ];
    let schemes = ["world", "auth", "digest", "ip", "odd"];
    // Each permission alone, all of them, none, and a bit that means nothing.
    let perms = proptest::sample::select(vec![1, 2, 4, 8, 16, 31, 31, 31, 0, 32]);
    let named = proptest::sample::select(who.to_vec());
    let null = proptest::sample::select(schemes.to_vec());
    prop_oneof![
        20 => (perms.clone(), named).prop_map(|(perms, (scheme, id))| Ace::new(perms, scheme, id)),
        1 => (perms, null)
            .prop_map(|(perms, scheme)| Ace { id: None, ..Ace::new(perms, scheme, "") }),
    ]
}

fn acl() -> impl Strategy<Value = Vec<Ace>> {
    proptest::collection::vec(ace(), 0..4)
}

fn part() -> impl Strategy<Value = Part> {
    let data = || {
        prop_oneof![
            5 => proptest::collection::vec(0..3u8, 0..3).prop_map(Data::from),
            1 => Just(Data::NULL),
        ]
    };
    prop_oneof![
        5 => (path(), data(), mode())
            .prop_map(|(path, data, mode)| Part::Create { path, data, mode }),
        4 => (path(), data(), mode(), acl())
            .prop_map(|(path, data, mode, acl)| Part::CreateWith { path, data, mode, acl }),
        3 => (path(), -1..3i32).prop_map(|(path, version)| Part::Delete { path, version }),
        2 => (path(), data(), -1..3i32)
            .prop_map(|(path, data, version)| Part::SetData { path, data, version }),
        1 => (path(), -1..3i32).prop_map(|(path, version)| Part::Check { path, version }),
        1 => prop_oneof![Just(ErrorCode::BadArguments), Just(ErrorCode::MarshallingError)]
            .prop_map(Part::Refused),
    ]
}

/// A write and who asks for it.
fn write() -> impl Strategy<Value = Write> {
    let bare = prop_oneof![
        16 => part().prop_map(Write::from),
        4 => (path(), acl(), -1..3i32)
            .prop_map(|(path, acl, version)| Write::SetAcl { path, acl, version }),
        6 => proptest::collection::vec(part(), 0..4).prop_map(Write::Multi),
        3 => path().prop_map(|path| Write::DeleteContainer { path }),
        1 => Just(Write::CreateSession { timeout: Span::secs(1) }),
        1 => Just(Write::CloseSession),
        1 => Just(Write::ExpireSession),
    ];
    (proptest::option::of(ids()), bare).prop_map(|(ids, write)| match ids {
        None => write,
        Some(ids) => Write::As {
            ids: ids.into(),
            write: Box::new(write),
        },
    })
}

/// Every read of a path, alone and several at once.
fn reads_of(path: &Path) -> Vec<Read> {
    let (path, watch) = (path.clone(), false);
    let mut reads = vec![
        Read::GetData {
            path: path.clone(),
            watch,
        },
        Read::Exists {
            path: path.clone(),
            watch,
        },
        Read::GetChildren {
            path: path.clone(),
            watch,
        },
        Read::GetAcl { path: path.clone() },
        Read::CountDescendants { path: path.clone() },
        Read::GetEphemerals { prefix: path },
        Read::WhoAmI,
    ];
    reads.push(Read::Multi(reads.clone()));
    reads
}

/// Reads, by somebody and by nobody, of all nodes and of what is none.
fn same_reads(state: &State, model: &Model, ids: &[Identity]) -> Result<(), TestCaseError> {
    let strangers = ["", "/a\0", "/nowhere", "/n", " / ", "nowhere"].map(Path::from);
    let paths: Vec<Path> = state.nodes().map(|node| node.path().clone()).collect();
    for path in paths.iter().chain(&strangers) {
        for read in reads_of(path) {
            for (session, ids) in [(SessionId(1), ids), (SessionId(2), &[])] {
                let told = state.read_as(Asker { session, ids }, &read);
                let expected = model.read(Reader { session, ids }, &read);
                prop_assert_eq!(timeless(&told), expected, "{:?} by {:?}", read, ids);
            }
        }
    }
    Ok(())
}

/// Every history opens with its two sessions.
fn history() -> impl Strategy<Value = Vec<(u64, Write)>> {
    let opening = [1, 2].map(|session| {
        let timeout = Span::secs(1);
        (session, Write::CreateSession { timeout })
    });
    proptest::collection::vec((1..3u64, write()), 1..40)
        .prop_map(move |writes| opening.clone().into_iter().chain(writes).collect())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn commands_are_answered_as_the_model_answers_them(writes in history(), ids in ids()) {
        let (mut state, mut model) = (State::new(Mutations::NONE), Model::new());
        let mut zxid = Zxid(0);
        let mut last = [0u32; 3];
        // An opening begins another session each time.
        let mut lives = [SessionId::NONE; 3];
        for (session, write) in writes {
            zxid = zxid.next();
            if let Write::CreateSession { .. } = write.bare() {
                last[session as usize] = 0;
                lives[session as usize] = SessionId(zxid.0);
            }
            let id = lives[session as usize];
            let seq = match write.bare() {
                Write::CreateSession { .. } => 0,
                Write::ExpireSession | Write::DeleteContainer { .. } => 0,
                _ => { last[session as usize] += 1; last[session as usize] }
            };
            let payload = Payload::command(Command {
                session: id,
                seq,
                acked: 0,
                time_ms: 5,
                write: write.clone(),
            });
            let told = state.apply(zxid, &payload).answer;
            let expected = model.write(zxid, id, &[], &write);
            prop_assert_eq!(timeless(&told), expected, "{} {:?}", zxid, write);
            same_reads(&state, &model, &ids)?;
        }
    }

    #[test]
    fn deltas_are_answered_as_the_model_answers_them(writes in history(), ids in ids()) {
        let mut state = State::new(Mutations::NONE);
        let (mut model, mut adopting) = (Model::new(), Model::new());
        let mut outstanding = Outstanding::new(Mutations::NONE);
        let mut zxid = Zxid(0);
        for (session, write) in writes {
            zxid = zxid.next();
            let id = SessionId(session);
            let record = outstanding.prepare(&state, id, 1, 5, &write);
            adopting.adopt(zxid, id, &record.txn);
            let told = state.apply(zxid, &Payload::txn(record)).answer;
            outstanding.settle();
            let expected = model.write(zxid, id, &[], &write);
            prop_assert_eq!(timeless(&told), expected, "{} {:?}", zxid, write);
            prop_assert_eq!(&model, &adopting);
            same_reads(&state, &model, &ids)?;
        }
    }
}

#[test]
fn the_model_does_not_share_the_mutation_of_sequential_names() {
    let mut state = State::new(Mutations::NONE.with(Mutation::T03));
    let mut model = Model::new();
    let id = SessionId(1);
    let create = |path: &str, mode: CreateMode| Write::Create {
        path: Path::from(path),
        data: Data::from([]),
        mode,
    };
    let next = create("/q/n", CreateMode::PersistentSequential);
    let writes = [
        Write::CreateSession {
            timeout: Span::secs(1),
        },
        // The root would not do: it has a child from the start.
        create("/q", CreateMode::Persistent),
        next.clone(),
        Write::Delete {
            path: Path::from("/q/n0000000000"),
            version: -1,
        },
        next,
    ];
    let mut agreed = Vec::new();
    for (write, seq) in writes.into_iter().zip(0u32..) {
        let zxid = Zxid(u64::from(seq) + 1);
        let payload = Payload::command(Command {
            session: id,
            seq,
            acked: 0,
            time_ms: 5,
            write: write.clone(),
        });
        let told = state.apply(zxid, &payload).answer;
        agreed.push(timeless(&told) == model.write(zxid, id, &[], &write));
    }
    assert_eq!(agreed, [true, true, true, true, false]);
}
