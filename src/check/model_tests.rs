//! The model against the tree under test: two implementations by different hands.

use proptest::prelude::*;

use super::model::{Model, timeless};
use crate::ids::{SessionId, Span, Zxid};
use crate::mutation::{Mutation, Mutations};
use crate::tree::{
    Command, CreateMode, Data, ErrorCode, Outstanding, Part, Path, Payload, Read, State, Write,
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
        "/zookeeper",
        "/zookeeper/a",
        "/zookeeper/config",
        "/zookeeper/config/a",
        "/zookeeper/quota",
    ];
    proptest::sample::select(names.map(Path::from).to_vec())
}

fn mode() -> impl Strategy<Value = CreateMode> {
    prop_oneof![
        Just(CreateMode::Persistent),
        Just(CreateMode::Ephemeral),
        Just(CreateMode::PersistentSequential),
        Just(CreateMode::EphemeralSequential),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let data = || proptest::collection::vec(0..3u8, 0..3).prop_map(Data::from);
    prop_oneof![
        4 => (path(), data(), mode())
            .prop_map(|(path, data, mode)| Part::Create { path, data, mode }),
        2 => (path(), -1..3i32).prop_map(|(path, version)| Part::Delete { path, version }),
        2 => (path(), data(), -1..3i32)
            .prop_map(|(path, data, version)| Part::SetData { path, data, version }),
        1 => (path(), -1..3i32).prop_map(|(path, version)| Part::Check { path, version }),
        1 => prop_oneof![Just(ErrorCode::BadArguments), Just(ErrorCode::MarshallingError)]
            .prop_map(Part::Refused),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let alone = |part| match part {
        Part::Create { path, data, mode } => Write::Create { path, data, mode },
        Part::Delete { path, version } => Write::Delete { path, version },
        Part::SetData {
            path,
            data,
            version,
        } => Write::SetData {
            path,
            data,
            version,
        },
        Part::Check { path, version } => Write::Check { path, version },
        Part::Refused(code) => Write::Refused(code),
        Part::CreateWith { .. } => unreachable!("the model knows no ACLs"),
    };
    prop_oneof![
        8 => part().prop_map(alone),
        3 => proptest::collection::vec(part(), 0..4).prop_map(Write::Multi),
        1 => Just(Write::CreateSession { timeout: Span::secs(1) }),
        1 => Just(Write::CloseSession),
        1 => Just(Write::ExpireSession),
    ]
}

fn same_reads(state: &State, model: &Model) -> Result<(), TestCaseError> {
    for node in state.nodes() {
        for read in [
            Read::GetData {
                path: node.path().clone(),
                watch: false,
            },
            Read::Exists {
                path: node.path().clone(),
                watch: false,
            },
            Read::GetChildren {
                path: node.path().clone(),
                watch: false,
            },
        ] {
            prop_assert_eq!(timeless(&state.read(&read)), model.read(&read));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn commands_are_answered_as_the_model_answers_them(
        writes in proptest::collection::vec((1..3u64, write()), 1..40)
    ) {
        let (mut state, mut model) = (State::new(Mutations::NONE), Model::new());
        let mut zxid = Zxid(0);
        let mut last = [0u32; 3];
        let opening = [1, 2].map(|s| (s, Write::CreateSession { timeout: Span::secs(1) }));
        for (session, write) in opening.into_iter().chain(writes) {
            zxid = zxid.next();
            let id = SessionId(session);
            let seq = match &write {
                Write::CreateSession { .. } => {
                    if state.session(id).is_none() { last[session as usize] = 0; }
                    0
                }
                Write::ExpireSession => 0,
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
            prop_assert_eq!(timeless(&told), model.write(zxid, id, &write), "{} {:?}", zxid, write);
            same_reads(&state, &model)?;
        }
    }

    #[test]
    fn deltas_are_answered_as_the_model_answers_them(
        writes in proptest::collection::vec((1..3u64, write()), 1..40)
    ) {
        let mut state = State::new(Mutations::NONE);
        let (mut model, mut adopting) = (Model::new(), Model::new());
        let mut outstanding = Outstanding::new(Mutations::NONE);
        let mut zxid = Zxid(0);
        let opening = [1, 2].map(|s| (s, Write::CreateSession { timeout: Span::secs(1) }));
        for (session, write) in opening.into_iter().chain(writes) {
            zxid = zxid.next();
            let id = SessionId(session);
            let record = outstanding.prepare(&state, id, 1, 5, &write);
            adopting.adopt(zxid, id, &record.txn);
            let told = state.apply(zxid, &Payload::txn(record)).answer;
            outstanding.settle();
            prop_assert_eq!(timeless(&told), model.write(zxid, id, &write), "{} {:?}", zxid, write);
            same_reads(&state, &model)?;
            same_reads(&state, &adopting)?;
        }
    }
}

#[test]
fn the_model_does_not_share_the_mutation_of_sequential_names() {
    let mut state = State::new(Mutations::NONE.with(Mutation::T03));
    let mut model = Model::new();
    let id = SessionId(1);
    let next = Write::Create {
        path: Path::from("/n"),
        data: Data::from([]),
        mode: CreateMode::PersistentSequential,
    };
    let writes = [
        Write::CreateSession {
            timeout: Span::secs(1),
        },
        next.clone(),
        Write::Delete {
            path: Path::from("/n0000000000"),
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
        agreed.push(timeless(&told) == model.write(zxid, id, &write));
    }
    assert_eq!(agreed, [true, true, true, false]);
}
