use super::super::testing::{
    Story, answer, assert_fails, assert_passes, command_of, failing, verdict, verdict_with,
};
use super::*;
use crate::tree::{ANY_VERSION, Answer, CreateMode, Data, Read, Request, TxnRecord};

fn born(zxid: u64) -> Stat {
    Stat {
        czxid: Zxid(zxid),
        mzxid: Zxid(zxid),
        pzxid: Zxid(zxid),
        ..Stat::default()
    }
}

fn created(id: u32, path: &str, zxid: u64) -> Operation {
    let mode = CreateMode::PersistentSequential;
    let (path, data) = (Path::from(path), Data::from([]));
    let write = Write::Create {
        path: Path::from("/q/n"),
        data,
        mode,
    };
    let told: Answer = Ok(Response::Created {
        path,
        stat: born(zxid),
    });
    answer(id, 7, Request::Write(write), zxid, told)
}

fn saw(id: u32, zxid: u64, stat: Stat) -> Operation {
    let read = Read::Exists {
        path: Path::from("/a"),
        watch: false,
    };
    answer(id, 7, Request::Read(read), zxid, Ok(Response::Exists(stat)))
}

fn judge(story: &Story, operations: Vec<Operation>) -> Verdict {
    let history = History {
        operations,
        seen: Vec::new(),
    };
    verdict_with(ENTRY, "zab", story, &history)
}

#[test]
fn stats_of_one_life_pass_in_any_order_of_seeing_them() {
    let mut set = born(3);
    (set.mzxid, set.version) = (Zxid(5), 2);
    (set.pzxid, set.cversion, set.num_children) = (Zxid(6), 3, 1);
    let stats = vec![saw(1, 6, set), saw(2, 3, born(3)), saw(3, 9, born(8))];
    assert_passes(&judge(&Story::default(), stats), 4);
}

#[test]
fn each_contradiction_within_or_between_stats_fails() {
    let with = |change: fn(&mut Stat)| {
        let mut stat = born(3);
        change(&mut stat);
        stat
    };
    let alone: [(Stat, &str); 5] = [
        (with(|s| s.mzxid = Zxid(4)), "has version 0"),
        (with(|s| s.version = 1), "never set"),
        (with(|s| s.pzxid = Zxid(2)), "before it was created"),
        (with(|s| s.num_children = 1), "more children"),
        (with(|s| s.cversion = 1), "more children"),
    ];
    for (stat, words) in alone {
        assert_fails(&judge(&Story::default(), vec![saw(1, 9, stat)]), words);
    }
    let pairs: [(Stat, Stat, &str); 3] = [
        (
            with(|s| (s.mzxid, s.version) = (Zxid(4), 1)),
            with(|s| (s.mzxid, s.version) = (Zxid(5), 1)),
            "mzxid and version",
        ),
        (
            with(|s| (s.mzxid, s.version) = (Zxid(4), 2)),
            with(|s| (s.mzxid, s.version) = (Zxid(5), 1)),
            "mzxid and version",
        ),
        (
            with(|s| (s.pzxid, s.cversion) = (Zxid(4), 2)),
            with(|s| (s.pzxid, s.cversion) = (Zxid(5), 2)),
            "pzxid and cversion",
        ),
    ];
    for (first, second, words) in pairs {
        let stats = vec![saw(1, 9, first), saw(2, 9, second)];
        assert_fails(&judge(&Story::default(), stats), words);
    }
}

#[test]
fn sequential_names_rise_while_the_parent_lives() {
    let names = |second: &str| vec![created(1, "/q/n0000000000", 3), created(2, second, 5)];
    assert_passes(&judge(&Story::default(), names("/q/n0000000001")), 3);
    assert_fails(
        &judge(&Story::default(), names("/q/n0000000000")),
        "numbers under /q must rise",
    );
    let mut story = Story::default();
    let write = Write::Delete {
        path: Path::from("/q"),
        version: ANY_VERSION,
    };
    story.apply(1, 4, &command_of(7, 1, write), None, Some((7, 1)));
    assert_passes(&judge(&story, names("/q/n0000000000")), 3);
}

#[test]
fn an_ephemeral_node_is_not_seen_after_its_session_ended() {
    let mut ephemeral = born(3);
    ephemeral.ephemeral_owner = SessionId(7);
    let mut story = Story::default();
    let expiry = command_of(7, 0, Write::ExpireSession);
    story.apply(1, 5, &expiry, None, Some((7, 0)));
    let late = vec![saw(1, 6, ephemeral)];
    assert_passes(&judge(&story, late.clone()), 1);
    story.deliver(1, 5, 99);
    assert_passes(&judge(&story, vec![saw(1, 4, ephemeral)]), 1);
    assert_fails(&judge(&story, late), "its session s7 ended at 5");
}

const S: SessionId = SessionId(7);

/// Proposed, applied and delivered by server 1, which leads epoch 1.
fn commit(story: &mut Story, zxid: u64, txn: Txn) {
    let payload = Payload::txn(TxnRecord {
        session: S,
        seq: 0,
        time_ms: 0,
        txn,
    });
    let value = payload.digest();
    let zxid = Zxid::new(1, u32::try_from(zxid).expect("a small number")).0;
    story.propose(1, 1, zxid, value);
    story.apply(1, zxid, &payload, None, None);
    story.deliver(1, zxid, value);
}

fn create(path: &str) -> Txn {
    Txn::Create {
        path: Path::from(path),
        data: Data::from([]),
        owner: S,
        parent_cversion: 1,
    }
}

fn close(ephemerals: &[&str]) -> Txn {
    Txn::CloseSession {
        ephemerals: ephemerals.iter().map(|path| Path::from(*path)).collect(),
    }
}

fn committed(txns: Vec<Txn>) -> Story {
    let mut story = Story::default();
    story.lead(1, 1);
    for (txn, zxid) in txns.into_iter().zip(1..) {
        commit(&mut story, zxid, txn);
    }
    story
}

#[test]
fn the_end_of_a_session_takes_along_its_nodes_that_were_not_deleted() {
    let path = Path::from("/b");
    let multi = Txn::Multi(vec![create("/c"), create("/d")]);
    let delete = Txn::Delete { path };
    let all = vec![
        create("/a"),
        create("/b"),
        multi,
        delete,
        close(&["/a", "/c", "/d"]),
    ];
    assert_passes(&verdict(ENTRY, "zab", &committed(all)), 8);
}

#[test]
fn an_ephemeral_node_that_the_end_of_its_session_forgets_is_reported_alone() {
    let story = committed(vec![create("/a"), create("/b"), close(&["/b"])]);
    let words = "session s7 ended at 1:3 and left /a behind, its own since 1:1";
    assert_fails(&verdict(ENTRY, "zab", &story), words);
    assert_eq!(failing("zab", &story), ["tree"]);
}

#[test]
fn an_ephemeral_node_of_a_session_that_has_ended_is_reported_alone() {
    let story = committed(vec![close(&[]), create("/a")]);
    let words = "/a was created at 1:2 for session s7, which had ended at 1:1";
    assert_fails(&verdict(ENTRY, "zab", &story), words);
    assert_eq!(failing("zab", &story), ["tree"]);
}

#[test]
fn what_is_not_committed_does_not_count() {
    let mut story = committed(vec![create("/a")]);
    let close = Payload::txn(TxnRecord {
        session: S,
        seq: 0,
        time_ms: 0,
        txn: close(&[]),
    });
    story.apply(1, Zxid::new(1, 2).0, &close, None, None);
    assert_passes(&verdict(ENTRY, "zab", &story), 1);
}
