//! The rules of the tree, one by one.

use super::*;
use crate::mutation::Mutation;
use crate::tree::{Acl, Execution, Read, Response, Stat};

#[test]
fn a_new_tree_holds_the_built_in_nodes() {
    let state = State::new(Mutations::NONE);
    let told = |path: &str| {
        let stat = state.stat(path).expect("it is built in");
        (stat.cversion, stat.num_children, stat.aversion)
    };
    assert_eq!(state.node_count(), 4);
    assert_eq!(told("/"), (-1, 1, 0));
    assert_eq!(state.stat("/"), state.stat(""));
    assert_eq!(told("/zookeeper"), (-2, 2, 0));
    assert_eq!(told("/zookeeper/config"), (0, 0, -1));
    assert_eq!(told("/zookeeper/quota"), (0, 0, 0));
    assert_eq!(state.applied(), Zxid::ZERO);
}

#[test]
fn a_create_stamps_the_node_and_counts_at_the_parent() {
    let mut leader = Leader::new(Mutations::NONE);
    let applied = leader.ok(&persistent("/a"));
    let stat = Stat {
        czxid: Zxid(3),
        mzxid: Zxid(3),
        pzxid: Zxid(3),
        ctime: 1_030,
        mtime: 1_030,
        data_length: 2,
        ..Stat::default()
    };
    let path = path("/a");
    assert_eq!(applied.answer, Ok(Response::Created { path, stat }));
    let root = leader.state.stat("/").expect("the root is there");
    assert_eq!((root.pzxid, root.cversion), (Zxid(3), 0));
    assert_eq!((root.mzxid, root.num_children), (Zxid::ZERO, 2));
}

#[test]
fn a_set_moves_mzxid_mtime_and_version_and_nothing_else() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    let before = leader.state.stat("/a").expect("created");
    let applied = leader.ok(&set("/a", "xyz", 0));
    let after = Stat {
        mzxid: Zxid(4),
        mtime: 1_040,
        version: 1,
        data_length: 3,
        ..before
    };
    assert_eq!(applied.answer, Ok(Response::Set(after)));
    assert_eq!(leader.state.stat("/").map(|root| root.pzxid), Some(Zxid(3)));
}

#[test]
fn the_told_cversion_is_twice_the_creates_minus_the_children() {
    let mut leader = Leader::new(Mutations::NONE);
    for write in [
        persistent("/a"),
        persistent("/a/x"),
        persistent("/a/y"),
        delete("/a/x"),
    ] {
        leader.ok(&write);
    }
    let stat = leader.state.stat("/a").expect("created");
    assert_eq!((stat.cversion, stat.num_children), (3, 1));
    assert_eq!(stat.pzxid, Zxid(6));
}

#[test]
fn a_grandchild_does_not_touch_the_stat() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    leader.ok(&persistent("/a/b"));
    let before = leader.state.stat("/a");
    leader.ok(&persistent("/a/b/c"));
    leader.ok(&set("/a/b", "", ANY_VERSION));
    assert_eq!(leader.state.stat("/a"), before);
}

#[test]
fn each_fault_has_its_code_and_takes_a_zxid() {
    let mut leader = Leader::new(Mutations::NONE);
    for write in [persistent("/a"), persistent("/a/b"), ephemeral("/e")] {
        leader.ok(&write);
    }
    let digest = leader.state.digest();
    let cases = [
        (persistent("/a"), ErrorCode::NodeExists),
        (persistent("/"), ErrorCode::NodeExists),
        (persistent("/no/x"), ErrorCode::NoNode),
        (persistent("a"), ErrorCode::BadArguments),
        (persistent(""), ErrorCode::BadArguments),
        (persistent("/a/"), ErrorCode::BadArguments),
        (persistent("/a/.."), ErrorCode::BadArguments),
        (persistent("/no\0/x"), ErrorCode::BadArguments),
        (persistent("/a//b"), ErrorCode::NoNode),
        (persistent("/e/x"), ErrorCode::NoChildrenForEphemerals),
        (delete("/"), ErrorCode::BadArguments),
        (delete("a"), ErrorCode::BadArguments),
        (delete("/a/"), ErrorCode::NoNode),
        (delete("/no"), ErrorCode::NoNode),
        (delete("/no/x"), ErrorCode::NoNode),
        (delete("/a"), ErrorCode::NotEmpty),
        (set("/no", "", 0), ErrorCode::NoNode),
        (set("/a/", "", 0), ErrorCode::BadArguments),
        (set("/a", "", 1), ErrorCode::BadVersion),
    ];
    for (write, code) in cases {
        let applied = leader.run(ALICE, &write);
        assert_eq!(applied.answer, fails(code), "{write}");
        assert_eq!(applied.events, Vec::new());
        assert_eq!(leader.state.digest(), digest, "{write}");
    }
    assert_eq!(leader.state.applied(), Zxid(5 + 19));
}

#[test]
fn a_wrong_version_is_reported_before_children() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    leader.ok(&persistent("/a/b"));
    let write = Write::Delete {
        path: path("/a"),
        version: 7,
    };
    assert_eq!(
        leader.run(ALICE, &write).answer,
        fails(ErrorCode::BadVersion)
    );
}

#[test]
fn a_sequential_name_is_completed_by_the_count_of_creates() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/q"));
    assert_eq!(created(&leader.ok(&sequential("/q/n"))), "/q/n0000000000");
    leader.ok(&persistent("/q/plain"));
    assert_eq!(created(&leader.ok(&sequential("/q/"))), "/q/0000000002");
    leader.ok(&delete("/q/n0000000000"));
    assert_eq!(created(&leader.ok(&sequential("/q/n"))), "/q/n0000000003");
}

#[test]
fn a_sequential_name_that_exists_fails_until_another_create_moves_the_counter() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/q"));
    leader.ok(&persistent("/q/n0000000001"));
    for _ in 0..2 {
        let applied = leader.run(ALICE, &sequential("/q/n"));
        assert_eq!(applied.answer, fails(ErrorCode::NodeExists));
    }
    leader.ok(&persistent("/q/z"));
    assert_eq!(created(&leader.ok(&sequential("/q/n"))), "/q/n0000000002");
}

#[test]
fn a_recreated_parent_counts_from_zero() {
    let mut leader = Leader::new(Mutations::NONE);
    for write in [
        persistent("/q"),
        persistent("/q/x"),
        delete("/q/x"),
        delete("/q"),
        persistent("/q"),
    ] {
        leader.ok(&write);
    }
    assert_eq!(created(&leader.ok(&sequential("/q/n"))), "/q/n0000000000");
}

#[test]
fn with_t03_planted_a_sequential_name_is_used_again() {
    let reused = |mutations| {
        let mut leader = Leader::new(mutations);
        leader.ok(&persistent("/q"));
        let first = created(&leader.ok(&sequential("/q/n")));
        leader.ok(&delete(&first));
        first == created(&leader.ok(&sequential("/q/n")))
    };
    assert!(reused(Mutations::NONE.with(Mutation::T03)));
    assert!(!reused(Mutations::NONE));
}

#[test]
fn a_multi_sees_its_own_earlier_parts_and_has_one_zxid() {
    let mut leader = Leader::new(Mutations::NONE);
    let multi = Write::Multi(vec![
        part(persistent("/a")),
        part(sequential("/a/n")),
        part(sequential("/a/n")),
        part(set("/a", "new", 0)),
        check("/a", 1),
        part(delete("/a/n0000000000")),
    ]);
    let applied = leader.ok(&multi);
    let Ok(Response::Multi(parts)) = applied.answer else {
        panic!("a multi is answered by a multi");
    };
    assert_eq!(parts.len(), 6);
    assert_eq!(parts[4], Response::Checked);
    assert_eq!(parts[5], Response::Deleted);
    assert_eq!(leader.names("/a"), ["n0000000001"]);
    let stat = leader.state.stat("/a").expect("created");
    let child = leader.state.stat("/a/n0000000001").expect("created");
    assert_eq!(
        (stat.czxid, stat.mzxid, child.czxid),
        (Zxid(3), Zxid(3), Zxid(3))
    );
    assert_eq!((stat.version, stat.cversion), (1, 3));
}

#[test]
fn a_failed_multi_names_the_part_at_fault_and_leaves_no_trace() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    let digest = leader.state.digest();
    let multi = Write::Multi(vec![
        part(persistent("/n1")),
        check("/a", 7),
        part(persistent("/n2")),
        part(delete("/zz")),
    ]);
    let parts = vec![
        None,
        Some(ErrorCode::BadVersion),
        Some(ErrorCode::RuntimeInconsistency),
        Some(ErrorCode::RuntimeInconsistency),
    ];
    let code = ErrorCode::BadVersion;
    let applied = leader.run(ALICE, &multi);
    assert_eq!(applied.answer, Err(Failure { code, parts }));
    assert_eq!(leader.state.digest(), digest);
}

#[test]
fn an_empty_multi_succeeds() {
    let mut leader = Leader::new(Mutations::NONE);
    let applied = leader.ok(&Write::Multi(Vec::new()));
    assert_eq!(applied.answer, Ok(Response::Multi(Vec::new())));
}

#[test]
fn closing_a_session_deletes_its_nodes_under_one_zxid() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/p"));
    leader.ok(&ephemeral("/p/z"));
    leader.ok(&ephemeral("/p/a"));
    leader
        .run(BOB, &ephemeral("/p/bob"))
        .answer
        .expect("created");
    let owned: Vec<_> = leader.state.ephemerals(ALICE).cloned().collect();
    assert_eq!(owned, [path("/p/a"), path("/p/z")]);
    let applied = leader.ok(&Write::CloseSession);
    assert_eq!(applied.answer, Ok(Response::SessionClosed));
    assert_eq!(applied.closed, Some(ALICE));
    assert_eq!(leader.names("/p"), ["bob"]);
    assert_eq!(
        leader.state.stat("/p").map(|stat| stat.pzxid),
        Some(Zxid(7))
    );
    assert_eq!(leader.state.ephemerals(ALICE).count(), 0);
    assert!(leader.state.session(ALICE).is_none());
    let again = leader.run(ALICE, &persistent("/late"));
    assert_eq!(again.answer, fails(ErrorCode::SessionExpired));
}

#[test]
fn opening_an_open_session_changes_nothing() {
    let mut leader = Leader::new(Mutations::NONE);
    let digest = leader.state.digest();
    let again = leader.ok(&Write::CreateSession {
        timeout: Span::secs(9),
    });
    assert_eq!(again.answer, Ok(Response::SessionOpened));
    assert_eq!(again.execution, Execution::Executed);
    assert_eq!(leader.state.digest(), digest);
}

#[test]
fn reads_answer_from_the_applied_state() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    leader.prepare(ALICE, &persistent("/a/b"));
    let of = |at: &str| Read::GetChildren {
        path: path(at),
        watch: false,
    };
    let names = |state: &State| match state.read(&of("/a")) {
        Ok(Response::Children { names, .. }) => names.len(),
        other => panic!("no children: {other:?}"),
    };
    assert_eq!(names(&leader.state), 0);
    leader.apply();
    assert_eq!(names(&leader.state), 1);
    assert_eq!(leader.state.read(&of("a")), fails(ErrorCode::NoNode));
    assert_eq!(leader.state.read(&of("/a\0")), fails(ErrorCode::NoNode));
    let exists = Read::Exists {
        path: path("/a\0"),
        watch: false,
    };
    let refused = fails(ErrorCode::BadArguments);
    assert_eq!(leader.state.read(&exists), refused);
    let got = leader.state.read(&Read::GetData {
        path: path("/a"),
        watch: false,
    });
    let stat = leader.state.stat("/a").expect("created");
    let data = data("/a");
    assert_eq!(got, Ok(Response::Data { data, stat }));
}

#[test]
fn the_zxid_moves_at_the_last_micro_step_and_the_session_map_at_the_first() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&ephemeral("/e"));
    leader.ok(&ephemeral("/f"));
    let record = leader.prepare(ALICE, &Write::CloseSession);
    let mut apply = leader.state.begin(Zxid(5), &Payload::txn(record));
    let state = &mut leader.state;
    let mut seen = Vec::new();
    while state.advance(&mut apply).is_none() {
        seen.push((
            state.sessions().count(),
            state.node_count(),
            state.applied(),
        ));
    }
    assert_eq!(seen, [(1, 6, Zxid(4)), (1, 5, Zxid(4)), (1, 4, Zxid(4))]);
    assert_eq!(state.applied(), Zxid(5));
}

#[test]
fn every_field_of_a_stat_changes_the_digest() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    let node = leader.state.node("/a").expect("created").clone();
    let changes: [fn(&mut crate::tree::Node); 14] = [
        |node| node.czxid = Zxid(9),
        |node| node.mzxid = Zxid(9),
        |node| node.pzxid = Zxid(9),
        |node| node.ctime = 9,
        |node| node.mtime = 9,
        |node| node.version = 9,
        |node| node.creates = 9,
        |node| node.owner = BOB,
        |node| node.aversion = 9,
        |node| node.acl = Acl::of(Vec::new()),
        |node| node.set(&Data::NULL, 0, node.mzxid, node.mtime),
        |node| node.path = path("/b"),
        |node| node.set(&data("xx"), 0, node.mzxid, node.mtime),
        |node| {
            node.children.insert("x");
        },
    ];
    let mut shares = vec![node.share()];
    for change in changes {
        let mut changed = node.clone();
        change(&mut changed);
        shares.push(changed.share());
    }
    shares.sort_unstable();
    shares.dedup();
    assert_eq!(shares.len(), 15);
}

#[test]
fn sessions_and_their_timeouts_change_the_digest() {
    let mut leader = Leader::new(Mutations::NONE);
    let two = leader.state.digest();
    leader.ok(&Write::CloseSession);
    let one = leader.state.digest();
    assert_ne!(one, two);
    let timeout = Span::secs(2);
    leader.ok(&Write::CreateSession { timeout });
    assert_ne!(leader.state.digest(), one);
    assert_ne!(leader.state.digest(), two);
}
