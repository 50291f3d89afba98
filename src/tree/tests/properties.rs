//! Random operations against the naive model.

use super::model::Model;
use super::*;
use crate::tree::{Ace, Asker, Command, Execution, Identity, Read};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PATHS: [&str; 15] = [
    "/a",
    "/a-",
    "/b",
    "/a/x",
    "/a/y",
    "/a/x/z",
    "/b/x",
    "/a/n",
    "/",
    "/a/",
    "none",
    "/a/../b",
    "/b/",
    "/zookeeper/config",
    "/zookeeper/q",
];

pub fn any_session() -> impl Strategy<Value = SessionId> {
    (1u64..=3).prop_map(SessionId)
}

fn any_mode() -> impl Strategy<Value = CreateMode> {
    prop_oneof![
        4 => Just(CreateMode::Persistent),
        2 => Just(CreateMode::Ephemeral),
        2 => Just(CreateMode::PersistentSequential),
        2 => Just(CreateMode::EphemeralSequential),
        2 => Just(CreateMode::Container),
        1 => Just(CreateMode::ContainerSequential),
        1 => (0..3u64).prop_map(|ms| CreateMode::Ttl { ms }),
        1 => (0..3u64).prop_map(|ms| CreateMode::TtlSequential { ms }),
    ]
}

fn any_path() -> impl Strategy<Value = Path> {
    // The first paths are the useful ones, and so the likelier.
    prop_oneof![4 => 0..7usize, 1 => 7..PATHS.len()].prop_map(|at| path(PATHS[at]))
}

fn any_version() -> impl Strategy<Value = i32> {
    prop_oneof![3 => Just(ANY_VERSION), 1 => 0..3i32]
}

fn any_acl() -> impl Strategy<Value = Vec<Ace>> {
    let entry = prop_oneof![
        6 => Just(Ace::new(31, "world", "anyone")),
        1 => (0..32i32).prop_map(|perms| Ace::new(perms, "world", "anyone")),
        2 => (0..32i32).prop_map(|perms| Ace::new(perms, "digest", "bob:x")),
        2 => (0..32i32).prop_map(|perms| Ace::new(perms, "auth", "")),
        1 => Just(Ace::new(31, "bogus", "x")),
    ];
    prop::collection::vec(entry, 0..3)
}

fn any_ids() -> impl Strategy<Value = Vec<Identity>> {
    let identity = prop_oneof![
        3 => Just(Identity::new("digest", "bob:x")),
        2 => Just(Identity::new("digest", "eve:y")),
        1 => Just(Identity::new("super", "")),
    ];
    prop::collection::vec(identity, 0..3)
}

fn any_data() -> impl Strategy<Value = Data> {
    prop_oneof![
        9 => (0..9usize).prop_map(|length| data(&"d".repeat(length))),
        1 => Just(Data::NULL),
    ]
}

fn any_part() -> impl Strategy<Value = Part> {
    let refused = prop_oneof![
        1 => Just(ErrorCode::MarshallingError),
        2 => Just(ErrorCode::BadArguments),
    ];
    let refused = refused.prop_map(Part::Refused);
    prop_oneof![
        9 => (any_path(), any_data(), any_mode())
            .prop_map(|(path, data, mode)| Part::Create { path, data, mode }),
        6 => (any_path(), any_data(), any_mode(), any_acl())
            .prop_map(|(path, data, mode, acl)| Part::CreateWith { path, data, mode, acl }),
        6 => (any_path(), any_version())
            .prop_map(|(path, version)| Part::Delete { path, version }),
        5 => (any_path(), any_data(), any_version())
            .prop_map(|(path, data, version)| Part::SetData { path, data, version }),
        5 => (any_path(), any_version()).prop_map(|(path, version)| Part::Check { path, version }),
        1 => refused,
    ]
}

pub fn any_write() -> impl Strategy<Value = Write> {
    let set_acl = (any_path(), any_acl(), any_version())
        .prop_map(|(path, acl, version)| Write::SetAcl { path, acl, version });
    let asked = prop_oneof![
        12 => any_part().prop_map(Write::from),
        3 => prop::collection::vec(any_part(), 0..5).prop_map(Write::Multi),
        2 => set_acl,
    ];
    let known = (any_ids(), asked).prop_map(|(ids, write)| Write::As {
        ids: ids.into(),
        write: Box::new(write),
    });
    prop_oneof![
        8 => any_part().prop_map(Write::from),
        8 => known,
        2 => any_path().prop_map(|path| Write::DeleteContainer { path }),
        3 => prop::collection::vec(any_part(), 0..5).prop_map(Write::Multi),
        3 => Just(open()),
        1 => Just(Write::CloseSession),
        1 => Just(Write::ExpireSession),
    ]
}

fn any_read() -> impl Strategy<Value = Read> {
    let single = (any_path(), any::<bool>(), 0..7u8).prop_map(|(path, watch, kind)| match kind {
        0 => Read::GetData { path, watch },
        1 => Read::Exists { path, watch },
        2 => Read::GetChildren { path, watch },
        3 => Read::GetAcl { path },
        4 => Read::CountDescendants { path },
        5 => Read::GetEphemerals { prefix: path },
        _ => Read::WhoAmI,
    });
    let single = single.boxed();
    prop_oneof![
        6 => single.clone(),
        1 => prop::collection::vec(single, 0..4).prop_map(Read::Multi),
    ]
}

fn operations() -> impl Strategy<Value = Vec<(SessionId, Write)>> {
    prop::collection::vec((any_session(), any_write()), 1..80)
}

/// Opens every session first, so that the random part is not mostly SessionExpired.
pub fn with_sessions(operations: Vec<(SessionId, Write)>) -> Vec<(SessionId, Write)> {
    let opening = (1..=3).map(|id| (SessionId(id), open()));
    opening.chain(operations).collect()
}

pub fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Whether a client numbers it, so that a repeat is known for one.
fn is_numbered(write: &Write) -> bool {
    match write {
        Write::CreateSession { .. } | Write::ExpireSession | Write::DeleteContainer { .. } => false,
        Write::Create { .. }
        | Write::CreateWith { .. }
        | Write::Delete { .. }
        | Write::SetData { .. }
        | Write::SetAcl { .. }
        | Write::Check { .. }
        | Write::Refused(_)
        | Write::As { .. }
        | Write::Multi(_)
        | Write::CloseSession => true,
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn deltas_agree_with_the_model_however_many_are_prepared_ahead(
        operations in operations(),
        ahead in prop::collection::vec(1..6usize, 1..80),
    ) {
        let mut leader = Leader::without_sessions(Mutations::NONE);
        let mut follower = State::new(Mutations::NONE);
        let mut model = Model::new();
        let mut rest = with_sessions(operations).into_iter().peekable();
        let mut batches = ahead.into_iter().cycle();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(batches.next().unwrap_or(1)).collect();
            for (session, write) in &batch {
                leader.prepare(*session, write);
            }
            for (session, write) in &batch {
                let (zxid, payload) = leader.queue.front().expect("prepared above").clone();
                let answer = model.run(*session, write, zxid, Leader::time_of(zxid));
                let applied = leader.apply();
                prop_assert_eq!(&applied.answer, &answer, "{}", write);
                let mut cursor = follower.begin(zxid, &payload);
                let there = loop {
                    if let Some(there) = follower.advance(&mut cursor) {
                        break there;
                    }
                };
                prop_assert_eq!(there, applied);
                model.assert_equals(&leader.state);
                prop_assert_eq!(&follower, &leader.state);
                prop_assert_eq!(digest_afresh(&follower), leader.state.digest());
            }
            prop_assert!(leader.outstanding.is_empty());
            prop_assert_eq!(leader.outstanding.overlay(), "{} {}");
        }
    }

    #[test]
    fn reads_agree_with_the_model_whoever_asks(
        operations in operations(),
        reads in prop::collection::vec((any_session(), any_ids(), any_read()), 30),
    ) {
        let mut leader = Leader::without_sessions(Mutations::NONE);
        let mut model = Model::new();
        for (session, write) in with_sessions(operations) {
            let zxid = Zxid(leader.log.len() as u64 + 1);
            let answer = model.run(session, &write, zxid, Leader::time_of(zxid));
            prop_assert_eq!(leader.run(session, &write).answer, answer);
        }
        for (session, ids, read) in reads {
            let asker = Asker { session, ids: &ids };
            let answer = leader.state.read_as(asker, &read);
            prop_assert_eq!(answer, model.read(session, &ids, &read), "{}", read);
        }
    }

    #[test]
    fn an_overlay_that_is_settled_late_judges_like_one_that_is_not(
        operations in operations(),
        lag in 1..8usize,
    ) {
        let mut leader = Leader::without_sessions(Mutations::NONE);
        let mut model = Model::new();
        let mut expected = std::collections::VecDeque::new();
        for (session, write) in with_sessions(operations) {
            let zxid = Zxid(leader.log.len() as u64 + 1);
            expected.push_back(model.run(session, &write, zxid, Leader::time_of(zxid)));
            leader.prepare(session, &write);
            if leader.queue.len() > lag {
                prop_assert_eq!(Some(leader.apply().answer), expected.pop_front());
            }
        }
        while !leader.queue.is_empty() {
            prop_assert_eq!(Some(leader.apply().answer), expected.pop_front());
        }
        model.assert_equals(&leader.state);
        prop_assert_eq!(leader.outstanding.overlay(), "{} {}");
    }

    #[test]
    fn commands_agree_with_the_model_and_repeats_change_nothing(
        operations in operations(),
        repeats in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8), 80),
    ) {
        let mut state = State::new(Mutations::NONE);
        let mut model = Model::new();
        let mut time_ms = 0;
        let mut next: BTreeMap<SessionId, u32> = BTreeMap::new();
        // The numbered commands of the sessions' present lives, with their answers.
        let mut past: Vec<(Command, Answer)> = Vec::new();
        let mut zxid = Zxid::ZERO;
        // Under commands an opening begins another session each time.
        let mut lives: BTreeMap<SessionId, SessionId> = BTreeMap::new();
        let operations = with_sessions(operations).into_iter();
        for ((asker, write), (which, count)) in operations.zip(repeats.iter().cycle()) {
            if let Write::CreateSession { .. } = write.bare() {
                lives.insert(asker, SessionId(zxid.next().0));
            }
            let session = *lives.get(&asker).unwrap_or(&asker);
            let is_numbered = is_numbered(write.bare());
            let seq = if is_numbered { *next.get(&session).unwrap_or(&1) } else { 0 };
            zxid = zxid.next();
            // A clock that jumps to and fro.
            let time_of_leader = 1_000 + (zxid.0 * 37) % 100;
            let command = Command { session, seq, acked: 0, time_ms: time_of_leader, write };
            let lived = model.sessions.contains(&session);
            let sessionless = matches!(
                command.write,
                Write::CreateSession { .. } | Write::DeleteContainer { .. }
            );
            if lived || sessionless {
                time_ms = command.time_ms.max(time_ms);
            }
            let answer = model.run(session, &command.write, zxid, time_ms);
            let applied = state.apply(zxid, &Payload::command(command.clone()));
            prop_assert_eq!(&applied.answer, &answer, "{}", command.write);
            model.assert_equals(&state);
            prop_assert_eq!(digest_afresh(&state), state.digest());
            if !model.sessions.contains(&session) {
                next.remove(&session);
                past.retain(|(command, _)| command.session != session);
            } else if lived && seq > 0 {
                next.insert(session, seq + 1);
                past.push((command.clone(), answer));
            }
            let digest = state.digest();
            for _ in 0..*count {
                if past.is_empty() {
                    break;
                }
                zxid = zxid.next();
                let (again, answer) = which.get(&past);
                let applied = state.apply(zxid, &Payload::command(again.clone()));
                prop_assert_eq!(applied.execution, Execution::Repeated);
                prop_assert_eq!(&applied.answer, answer);
                let early = Command { seq: next[&again.session] + 1, ..again.clone() };
                zxid = zxid.next();
                let applied = state.apply(zxid, &Payload::command(early));
                prop_assert_eq!(applied.execution, Execution::OutOfOrder);
                prop_assert_eq!(state.digest(), digest);
            }
        }
    }
}
