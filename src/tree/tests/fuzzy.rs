//! Fuzzy snapshots: captured beside applies, repaired by replay.

use super::properties::{any_session, any_write, with_sessions};
use super::*;
use crate::tree::Capture;
use proptest::prelude::*;

/// How a capture and the applies of a log are interleaved.
#[derive(Clone, Copy, Debug)]
struct Interleaving {
    /// Nodes a chunk.
    chunk: usize,
    /// Micro-steps before the capture starts.
    start: usize,
    /// Micro-steps between two chunks.
    pace: usize,
}

/// Applies the log in micro-steps beside a capture; then restores, replays, and compares. Says how
/// many micro-steps there were.
fn survives(log: &[(Zxid, Payload)], interleaving: Interleaving) -> usize {
    let Interleaving { chunk, start, pace } = interleaving;
    let mut state = State::new(Mutations::NONE);
    let mut capture = None;
    let mut snapshot = None;
    let mut steps = 0;
    let mut digests = std::collections::BTreeMap::new();
    for (zxid, payload) in log {
        let mut cursor = state.begin(*zxid, payload);
        loop {
            if steps == start {
                capture = Some(Capture::start(&state, chunk));
            }
            if snapshot.is_none()
                && steps >= start
                && (steps - start).is_multiple_of(pace)
                && let Some(capture) = &mut capture
            {
                snapshot = capture.advance(&state, Some(cursor.zxid()));
            }
            steps += 1;
            if state.advance(&mut cursor).is_some() {
                digests.insert(*zxid, state.digest());
                break;
            }
        }
    }
    let mut capture = capture.unwrap_or_else(|| Capture::start(&state, chunk));
    let snapshot = snapshot.unwrap_or_else(|| {
        loop {
            if let Some(snapshot) = capture.advance(&state, None) {
                break snapshot;
            }
        }
    });
    let mut restored = State::restore(Some(&snapshot), Mutations::NONE);
    assert_eq!(restored.applied(), snapshot.zxid);
    let settled = snapshot.image.settled();
    for (zxid, payload) in log.iter().filter(|(zxid, _)| *zxid > snapshot.zxid) {
        restored.apply(*zxid, payload);
        if *zxid >= settled {
            assert_eq!(
                restored.digest(),
                digests[zxid],
                "{interleaving:?} at {zxid}"
            );
        }
    }
    assert_eq!(restored.digest(), state.digest(), "{interleaving:?}");
    assert_eq!(restored, state, "{interleaving:?}");
    steps
}

/// A log with every kind of churn that a fuzzy snapshot is known to get wrong.
fn churn() -> Vec<(Zxid, Payload)> {
    let mut leader = Leader::new(Mutations::NONE);
    for write in [
        persistent("/p"),
        persistent("/p/a"),
        sequential("/p/n"),
        set("/p/a", "one", 0),
        delete("/p/a"),
        persistent("/p/a"),
        set("/p/a", "two", 0),
        ephemeral("/p/e"),
        Write::Multi(vec![
            part(persistent("/z")),
            part(persistent("/z/y")),
            part(set("/p", "multi", 0)),
            part(delete("/p/a")),
        ]),
        sequential("/p/n"),
        delete("/p/n0000000001"),
        delete("/nothing"),
    ] {
        leader.run(ALICE, &write);
    }
    leader.run(BOB, &ephemeral("/z/bob"));
    leader.run(ALICE, &Write::CloseSession);
    // The parent is gone and comes back with the same names below it.
    leader.run(BOB, &delete("/p/n0000000004"));
    leader.run(BOB, &delete("/p"));
    leader.run(BOB, &persistent("/p"));
    leader.run(BOB, &persistent("/p/a"));
    leader.run(BOB, &sequential("/p/n"));
    leader.run(BOB, &Write::CloseSession);
    assert_eq!(leader.names("/"), ["p", "z", "zookeeper"]);
    assert_eq!(leader.names("/p"), ["a", "n0000000001"]);
    leader.log
}

#[test]
fn a_replay_over_a_fuzzy_snapshot_ends_in_the_original_state_wherever_the_capture_ran() {
    let log = churn();
    let start = 0;
    let steps = survives(
        &log,
        Interleaving {
            chunk: 1,
            start,
            pace: 1,
        },
    );
    assert!(steps > 2 * log.len(), "{steps} micro-steps");
    for chunk in 1..=3 {
        for start in 0..=steps {
            for pace in 1..=steps.min(12) {
                survives(&log, Interleaving { chunk, start, pace });
            }
        }
    }
}

#[test]
fn replaying_the_whole_log_over_its_own_end_changes_nothing() {
    let log = churn();
    let mut state = State::new(Mutations::NONE);
    for (zxid, payload) in &log {
        state.apply(*zxid, payload);
    }
    let end = Snapshot {
        zxid: Zxid::ZERO,
        image: Snapshot::atomic(&state).image,
    };
    let mut again = State::restore(Some(&end), Mutations::NONE);
    let counters = |state: &State| {
        let root = state.node("/").expect("the root is never deleted");
        (root.creates, root.pzxid)
    };
    for (zxid, payload) in &log {
        again.apply(*zxid, payload);
        // A learner may serve clients before it has caught up with the image it was sent.
        assert_eq!(counters(&again), counters(&state), "after {zxid}");
    }
    assert_eq!(again, state);
}

/// Runs a capture to its end.
fn the_rest(capture: &mut Capture, state: &State) -> Snapshot {
    loop {
        // Bounded by the number of nodes.
        if let Some(snapshot) = capture.advance(state, None) {
            return snapshot;
        }
    }
}

#[test]
fn a_replayed_create_of_an_existing_node_lifts_the_parents_counters() {
    // ZK-1046: the node is in the snapshot, the parent's count is not.
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/p"));
    let mut capture = Capture::start(&leader.state, 2);
    assert_eq!(capture.advance(&leader.state, None), None);
    assert_eq!(capture.advance(&leader.state, None), None);
    leader.ok(&persistent("/p/x"));
    let snapshot = the_rest(&mut capture, &leader.state);
    assert_eq!((snapshot.zxid, snapshot.image.node_count()), (Zxid(3), 6));
    let mut restored = State::restore(Some(&snapshot), Mutations::NONE);
    let (zxid, payload) = leader.log.last().expect("prepared above");
    let replayed = restored.apply(*zxid, payload);
    assert_eq!(replayed.answer, fails(ErrorCode::NodeExists));
    assert_eq!(restored, leader.state);
}

#[test]
fn a_capture_that_starts_inside_an_apply_claims_only_what_came_before() {
    // ZK-3127, ZK-3144.
    let mut leader = Leader::new(Mutations::NONE);
    let record = leader.prepare(
        ALICE,
        &Write::Multi(vec![part(persistent("/a")), part(persistent("/b"))]),
    );
    let mut cursor = leader.state.begin(Zxid(3), &Payload::txn(record));
    assert!(leader.state.advance(&mut cursor).is_none());
    let mut capture = Capture::start(&leader.state, 9);
    assert_eq!(capture.advance(&leader.state, None), None);
    let snapshot = capture
        .advance(&leader.state, None)
        .expect("five nodes, nine a step");
    assert_eq!(snapshot.zxid, Zxid(2));
    while leader.state.advance(&mut cursor).is_none() {}
    let mut restored = State::restore(Some(&snapshot), Mutations::NONE);
    assert_eq!(restored.node_count(), 5);
    let (zxid, payload) = leader.log.last().expect("prepared above");
    restored.apply(*zxid, payload);
    assert_eq!(restored, leader.state);
}

#[test]
fn a_child_whose_parent_the_capture_missed_is_left_to_the_replay() {
    let mut leader = Leader::new(Mutations::NONE);
    // In the order of paths "/p-" lies between "/p" and "/p/x".
    leader.ok(&persistent("/p-"));
    let mut capture = Capture::start(&leader.state, 2);
    assert_eq!(capture.advance(&leader.state, None), None);
    leader.prepare(ALICE, &persistent("/q"));
    leader.prepare(ALICE, &persistent("/p"));
    leader.prepare(ALICE, &persistent("/p/x"));
    leader.apply();
    assert_eq!(capture.advance(&leader.state, None), None);
    leader.apply();
    leader.apply();
    let snapshot = the_rest(&mut capture, &leader.state);
    assert_eq!((snapshot.zxid, snapshot.image.node_count()), (Zxid(3), 6));
    let mut restored = State::restore(Some(&snapshot), Mutations::NONE);
    for (zxid, payload) in &leader.log[3..] {
        restored.apply(*zxid, payload);
    }
    assert_eq!(restored, leader.state);
}

#[test]
fn the_empty_state_is_restored_from_no_snapshot() {
    let state = State::restore(None, Mutations::NONE);
    assert_eq!(state, State::new(Mutations::NONE));
}

proptest! {
    #![proptest_config(super::properties::cases())]

    #[test]
    fn random_logs_survive_random_captures(
        operations in prop::collection::vec((any_session(), any_write()), 1..60),
        chunk in 1..4usize,
        start in 0..120usize,
        pace in 1..20usize,
    ) {
        let mut leader = Leader::without_sessions(Mutations::NONE);
        for (session, write) in with_sessions(operations) {
            leader.run(session, &write);
        }
        survives(&leader.log, Interleaving { chunk, start, pace });
    }
}
