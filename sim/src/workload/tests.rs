use super::*;
use menagerie::history::Refused;
use menagerie::ids::{OpId, SessionId, VirtualTime, Zxid};
use menagerie::tree::{ErrorCode, Failure, Stat};

fn spec(reads: Reads) -> WorkloadSpec {
    WorkloadSpec {
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

#[test]
fn a_wish_depends_on_its_name_alone() {
    let (spec, dice) = (spec(Reads::Mixed), Dice::new(5));
    for ordinal in 0..50 {
        let wish = spec.wish(&dice, ClientId(2), ordinal);
        assert_eq!(wish, spec.wish(&dice, ClientId(2), ordinal));
        assert_ne!(wish, spec.wish(&dice, ClientId(3), ordinal));
    }
}

#[test]
fn what_happened_changes_no_later_wish() {
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
        let left: Vec<String> = luckless.ask(&spec).iter().map(shape).collect();
        let right: Vec<String> = lucky.ask(&spec).iter().map(shape).collect();
        assert_eq!(left, right);
    }
}

#[test]
fn every_client_begins_with_the_contended_parents() {
    let spec = spec(Reads::Local);
    let mut client = Client::new(ClientId(3), Dice::new(8));
    for number in 0..2 {
        let asked = client.ask(&spec);
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
        let asked = client.ask(&spec);
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
    assert!(reads > 50, "{reads} reads of 300 wishes");
}

#[test]
fn local_reads_go_alone_unless_the_mix_says_sync() {
    let mut spec = spec(Reads::Local);
    spec.mix.sync = 0;
    let mut client = Client::new(ClientId(1), Dice::new(2));
    for _ in 0..300 {
        let asked = client.ask(&spec);
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
            let wish = spec.wish(&dice, ClientId(client), ordinal);
            assert!(seen.insert(wish.data.to_vec()), "{wish:?} repeats its data");
        }
    }
}

#[test]
fn every_kind_of_the_mix_is_drawn_and_a_weight_of_0_never() {
    let mut spec = spec(Reads::Local);
    spec.mix.close_session = 0;
    let dice = Dice::new(4);
    let mut counts = [0u32; KINDS.len()];
    for ordinal in 2..2_000 {
        let kind = spec.wish(&dice, ClientId(1), ordinal).kind;
        let place = KINDS.iter().position(|known| *known == kind);
        counts[place.expect("every kind is in the list")] += 1;
    }
    let close = KINDS.len() - 1;
    assert_eq!(counts[close], 0);
    assert!(counts[..close].iter().all(|count| *count > 0), "{counts:?}");
}
