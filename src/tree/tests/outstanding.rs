//! The speculative state: what is prepared ahead of what is applied.

use super::*;
use crate::tree::Txn;

#[test]
fn requests_are_validated_against_what_is_outstanding() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.prepare(ALICE, &persistent("/a"));
    leader.prepare(ALICE, &persistent("/a/b"));
    leader.prepare(ALICE, &set("/a", "x", 0));
    let cases = [
        (persistent("/a"), ErrorCode::NodeExists),
        (delete("/a"), ErrorCode::NotEmpty),
        (set("/a", "y", 0), ErrorCode::BadVersion),
    ];
    for (write, code) in cases {
        let txn = leader.prepare(ALICE, &write).txn;
        assert_eq!(txn, Txn::Error(Failure::of(code)), "{write}");
    }
    leader.prepare(ALICE, &delete("/a/b"));
    leader.prepare(ALICE, &delete("/a"));
    let txn = leader.prepare(ALICE, &set("/a", "y", ANY_VERSION)).txn;
    assert_eq!(txn, Txn::Error(Failure::of(ErrorCode::NoNode)));
    assert_eq!(leader.outstanding.len(), 9);
    while !leader.queue.is_empty() {
        leader.apply();
    }
    assert_eq!(leader.state.node_count(), 4);
}

#[test]
fn versions_and_sequential_numbers_run_ahead() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/q"));
    let versions: Vec<i32> = (0..3)
        .map(
            |_| match leader.prepare(ALICE, &set("/q", "", ANY_VERSION)).txn {
                Txn::SetData { version, .. } => version,
                other => panic!("not set: {other:?}"),
            },
        )
        .collect();
    assert_eq!(versions, [1, 2, 3]);
    for _ in 0..3 {
        leader.prepare(ALICE, &sequential("/q/n"));
    }
    while !leader.queue.is_empty() {
        leader.apply().answer.expect("valid");
    }
    assert_eq!(
        leader.names("/q"),
        ["n0000000000", "n0000000001", "n0000000002"]
    );
}

#[test]
fn settling_keeps_what_a_later_transaction_changed_again() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    leader.prepare(ALICE, &set("/a", "1", 0));
    leader.prepare(ALICE, &set("/a", "2", 1));
    leader.apply();
    let third = leader.prepare(ALICE, &set("/a", "3", 2)).txn;
    assert!(
        matches!(third, Txn::SetData { version: 3, .. }),
        "{third:?}"
    );
    leader.apply();
    leader.apply();
    assert!(leader.outstanding.is_empty());
    assert_eq!(leader.outstanding.overlay(), "{} {}");
    assert_eq!(leader.state.stat("/a").map(|stat| stat.version), Some(3));
}

#[test]
fn a_failed_multi_rolls_the_overlay_back_with_parents_and_counters() {
    // ZK-1624: pipelined creates around a multi that fails.
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/q"));
    leader.ok(&persistent("/q/k"));
    leader.prepare(ALICE, &sequential("/q/n"));
    let before = leader.outstanding.overlay();
    let failing = Write::Multi(vec![
        part(delete("/q/k")),
        part(sequential("/q/n")),
        part(ephemeral("/q/e")),
        part(set("/q", "x", 0)),
        check("/q", 7),
    ]);
    let txn = leader.prepare(ALICE, &failing).txn;
    assert!(matches!(txn, Txn::Error(_)), "{txn:?}");
    assert_eq!(leader.outstanding.overlay(), before);
    leader.prepare(ALICE, &sequential("/q/n"));
    leader.prepare(ALICE, &set("/q", "y", 0));
    while !leader.queue.is_empty() {
        leader.apply();
    }
    assert_eq!(leader.names("/q"), ["k", "n0000000001", "n0000000002"]);
    assert_eq!(leader.state.stat("/q").map(|stat| stat.version), Some(1));
}

#[test]
fn a_closing_session_is_gone_for_what_is_prepared_behind() {
    // ZK-1208, ZK-1496.
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&ephemeral("/old"));
    leader.prepare(ALICE, &ephemeral("/new"));
    leader.prepare(ALICE, &delete("/old"));
    leader.prepare(ALICE, &ephemeral("/other"));
    let close = leader.prepare(ALICE, &Write::ExpireSession).txn;
    let ephemerals = vec![path("/new"), path("/other")];
    assert_eq!(close, Txn::CloseSession { ephemerals });
    for write in [ephemeral("/late"), Write::CloseSession] {
        let txn = leader.prepare(ALICE, &write).txn;
        assert_eq!(txn, Txn::Error(Failure::of(ErrorCode::SessionExpired)));
    }
    while !leader.queue.is_empty() {
        leader.apply();
    }
    assert_eq!(leader.state.node_count(), 4);
    assert_eq!(leader.state.sessions().count(), 1);
}

#[test]
fn a_session_whose_opening_is_outstanding_may_write() {
    let mut leader = Leader::without_sessions(Mutations::NONE);
    let txn = leader.prepare(ALICE, &persistent("/early")).txn;
    assert_eq!(txn, Txn::Error(Failure::of(ErrorCode::SessionExpired)));
    leader.prepare(ALICE, &open());
    leader.prepare(ALICE, &ephemeral("/e"));
    leader.apply();
    leader.apply();
    assert_eq!(created(&leader.apply()), "/e");
}

#[test]
fn a_parent_may_be_deleted_behind_the_close_that_empties_it() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/p"));
    leader.ok(&ephemeral("/p/e"));
    leader.prepare(ALICE, &Write::CloseSession);
    leader.prepare(BOB, &delete("/p"));
    leader.apply();
    assert!(leader.apply().answer.is_ok());
}

#[test]
fn clearing_forgets_what_was_outstanding() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.prepare(ALICE, &persistent("/lost"));
    leader.prepare(ALICE, &Write::CloseSession);
    leader.outstanding.clear();
    leader.queue.clear();
    assert!(leader.outstanding.is_empty());
    let txn = leader.prepare(ALICE, &persistent("/lost")).txn;
    assert!(matches!(txn, Txn::Create { .. }), "{txn:?}");
    leader.apply();
    assert_eq!(leader.outstanding.overlay(), "{} {}");
}
