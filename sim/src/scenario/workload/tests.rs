use super::*;
use menagerie::history::Refused;
use menagerie::ids::{OpId, SessionId, VirtualTime, Zxid};
use menagerie::tree::{ANY_VERSION, ErrorCode, Failure, Part, Stat};

fn spec(reads: Reads) -> WorkloadSpec {
    WorkloadSpec {
        depth: 1,
        data_max: 0,
        clients: 3,
        pipeline: 2,
        think: Latency::Constant(Span::millis(1)),
        keys: 4,
        parents: 2,
        reads,
        watches_ppm: 200_000,
        mix: Mix::default(),
    }
}

fn ended(request: Request, outcome: Outcome) -> Operation {
    Operation {
        id: OpId(0),
        client: ClientId(1),
        session: SessionId(1),
        xid: 1,
        seq: 0,
        conn: None,
        server: None,
        attempts: 1,
        request,
        ids: std::sync::Arc::default(),
        synced: false,
        invoked: VirtualTime(0),
        completed: Some(VirtualTime(1)),
        outcome: Some(outcome),
    }
}

fn set_k1_to_version(version: i32) -> Operation {
    let stat = Stat {
        version,
        ..Stat::default()
    };
    ended(
        Request::Write(Write::SetData {
            path: Path::from("/k1"),
            data: Data::from(&b"x"[..]),
            version: ANY_VERSION,
        }),
        Outcome::Answered {
            zxid: Zxid(9),
            answer: Ok(Response::Set(stat)),
        },
    )
}

/// A spec that gives every kind a weight.
fn wide_spec() -> WorkloadSpec {
    WorkloadSpec {
        mix: Mix::everything(),
        ..spec(Reads::Mixed)
    }
}

fn ask(client: &mut Client, spec: &WorkloadSpec) -> Vec<Asked> {
    match client.act(spec) {
        NextStep::Ask(asked) => asked,
        NextStep::Move(one) => panic!("a narrow mix has no {one:?}"),
    }
}

#[test]
fn a_planned_operation_depends_on_its_name_alone() {
    let (spec, dice) = (spec(Reads::Mixed), Dice::new(5));
    for ordinal in 0..50 {
        let planned = spec.planned_op(&dice, ClientId(2), ordinal);
        assert_eq!(planned, spec.planned_op(&dice, ClientId(2), ordinal));
        assert_ne!(planned, spec.planned_op(&dice, ClientId(3), ordinal));
    }
}

#[test]
fn what_happened_changes_no_later_operation() {
    let spec = spec(Reads::Mixed);
    let mut luckless = Client::new(ClientId(1), Dice::new(5));
    let mut lucky = luckless.clone();
    lucky.learn(&set_k1_to_version(3));
    // Only versions and own children may differ: never the kind of request, nor its node.
    let shape = |asked: &Asked| match &asked.request {
        Request::Write(Write::SetData { path, data, .. }) => format!("set {path} {data:?}"),
        other => format!("{other}")
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    for _ in 0..200 {
        let left: Vec<String> = ask(&mut luckless, &spec).iter().map(shape).collect();
        let right: Vec<String> = ask(&mut lucky, &spec).iter().map(shape).collect();
        assert_eq!(left, right);
    }
}

#[test]
fn every_client_begins_with_the_contended_parents() {
    let spec = spec(Reads::Local);
    let mut client = Client::new(ClientId(3), Dice::new(8));
    for number in 0..2 {
        let asked = ask(&mut client, &spec);
        let Request::Write(Write::Create { path, mode, .. }) = &asked[0].request else {
            panic!("{:?} is no create", asked[0].request);
        };
        assert_eq!(path.as_ref(), format!("/p{number}"));
        assert_eq!(*mode, CreateMode::Persistent);
    }
}

#[test]
fn a_synced_read_follows_its_sync_at_once() {
    let spec = spec(Reads::Synced);
    let mut client = Client::new(ClientId(1), Dice::new(2));
    let mut reads = 0;
    for _ in 0..300 {
        let asked = ask(&mut client, &spec);
        match asked.as_slice() {
            [write] => assert!(matches!(write.request, Request::Write(_)), "{write:?}"),
            [sync, read] => {
                assert_eq!(sync.request, Request::Sync);
                assert!(matches!(read.request, Request::Read(_)));
                assert!(read.synced);
                reads += 1;
            }
            other => panic!("{} requests at once", other.len()),
        }
    }
    assert!(reads > 50, "{reads} reads of 300 planned operations");
}

#[test]
fn local_reads_go_alone_unless_the_mix_says_sync() {
    let mut spec = spec(Reads::Local);
    spec.mix.sync = 0;
    let mut client = Client::new(ClientId(1), Dice::new(2));
    for _ in 0..300 {
        let asked = ask(&mut client, &spec);
        assert_eq!(asked.len(), 1);
        assert!(!asked[0].synced);
    }
}

#[test]
fn versions_are_the_last_seen_any_or_deliberately_stale() {
    let mut client = Client::new(ClientId(1), Dice::new(1));
    let path = Path::from("/k1");
    assert_eq!(client.version(&path, Version::LastSeen), 0);
    client.learn(&set_k1_to_version(4));
    assert_eq!(client.version(&path, Version::LastSeen), 4);
    assert_eq!(client.version(&path, Version::Stale), 3);
    assert_eq!(client.version(&path, Version::Any), ANY_VERSION);
    let failed = Outcome::Answered {
        zxid: Zxid(10),
        answer: Err(Failure::of(ErrorCode::BadVersion)),
    };
    client.learn(&ended(Request::Sync, failed));
    client.learn(&ended(Request::Sync, Outcome::Refused(Refused::NotSent)));
    client.learn(&ended(Request::Sync, Outcome::Unknown));
    assert_eq!(client.version(&path, Version::LastSeen), 4);
}

#[test]
fn every_write_carries_data_of_its_own() {
    let (spec, dice) = (spec(Reads::Local), Dice::new(5));
    let mut seen = std::collections::BTreeSet::new();
    for client in 1..=3 {
        for ordinal in 0..100 {
            let planned = spec.planned_op(&dice, ClientId(client), ordinal);
            assert!(
                seen.insert(planned.data.to_vec()),
                "{planned:?} repeats its data"
            );
        }
    }
}

#[test]
fn every_kind_of_the_mix_is_drawn_and_a_weight_of_0_never() {
    let mut spec = wide_spec();
    spec.mix.close_session = 0;
    let dice = Dice::new(4);
    let mut counts = [0u32; KINDS.len()];
    for ordinal in 2..4_000 {
        let kind = spec.planned_op(&dice, ClientId(1), ordinal).kind;
        let place = KINDS.iter().position(|known| *known == kind);
        counts[place.expect("every kind is in the list")] += 1;
    }
    for (kind, count) in KINDS.iter().zip(counts) {
        assert_eq!(count > 0, *kind != Kind::CloseSession, "{kind:?}: {count}");
    }
}

#[test]
fn a_wide_mix_leaves_the_narrow_part_of_an_operation_as_it_was() {
    let (narrow, dice) = (spec(Reads::Mixed), Dice::new(5));
    let mut wide = narrow.clone();
    // The sum stays, so that the same kinds are drawn.
    wide.mix.hop = 1;
    wide.mix.close_session -= 1;
    for ordinal in 0..200 {
        let (left, right) = (
            narrow.planned_op(&dice, ClientId(2), ordinal),
            wide.planned_op(&dice, ClientId(2), ordinal),
        );
        assert_eq!(left.parent, right.parent);
        assert_eq!(left.data, right.data);
        assert_eq!((left.watch, left.synced), (right.watch, right.synced));
        assert!(left.wide.is_none() && right.wide.is_some());
    }
}

#[test]
fn a_wide_mix_asks_for_every_kind_of_node_and_part_and_moves_between_servers() {
    let spec = wide_spec();
    let mut client = Client::new(ClientId(1), Dice::new(9));
    let (mut modes, mut parts, mut hops) = ([0u32; 8], [0u32; 6], 0);
    let mode_place = |mode: CreateMode| match mode {
        CreateMode::Persistent => 0,
        CreateMode::Ephemeral => 1,
        CreateMode::PersistentSequential => 2,
        CreateMode::EphemeralSequential => 3,
        CreateMode::Container => 4,
        CreateMode::ContainerSequential => 5,
        CreateMode::Ttl { .. } => 6,
        CreateMode::TtlSequential { .. } => 7,
    };
    for _ in 0..2_000 {
        let NextStep::Ask(asked) = client.act(&spec) else {
            hops += 1;
            continue;
        };
        match asked.last().map(|asked| &asked.request) {
            Some(Request::Write(Write::Create { mode, .. } | Write::CreateWith { mode, .. })) => {
                modes[mode_place(*mode)] += 1;
            }
            Some(Request::Write(Write::Multi(multi))) => {
                for part in multi {
                    parts[match part {
                        Part::Create { .. } => 0,
                        Part::Delete { .. } => 1,
                        Part::SetData { .. } => 2,
                        Part::Check { .. } => 3,
                        Part::CreateWith { .. } => 4,
                        Part::Refused(_) => 5,
                    }] += 1;
                }
            }
            _other => {}
        }
    }
    assert!(hops > 0);
    assert!(modes.iter().all(|count| *count > 0), "{modes:?}");
    assert!(parts.iter().all(|count| *count > 0), "{parts:?}");
}
