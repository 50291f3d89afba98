//! Servers that die, and the disks they leave behind.

use super::*;

/// A record and its promise at 10 ms, both durable at 12.01 ms.
struct Promising;

impl Script for Promising {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        let acts = vec![Do::Append(1), Do::Promise(N2, 7), Do::FactAfterDisk(3)];
        vec![(N1, 10, acts)]
    }
}

fn crash(node: NodeId, kind: CrashKind) -> Action {
    Action::Crash { node, kind }
}

#[test]
fn a_gated_message_leaves_only_after_the_sync_and_its_fact_becomes_true_then() {
    let world = play::<Promising>(spec(1), &[], 20);
    let seen = lines(world, "n1 ");
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    let expected = [
        "12.010ms n1 disk Ticket(2) Done",
        "12.010ms n1 fact Promised { epoch: 3 }",
        "13.010ms n1 → n2 SAY 7",
    ];
    assert_eq!(seen[seen.len() - 3..], expected);
}

#[test]
fn a_gated_message_dies_with_its_process_and_never_leaves_after_a_restart() {
    for kind in [CrashKind::Process, CrashKind::Power] {
        let actions = [(12, crash(N1, kind)), (12, Action::Restart(N1))];
        let world = play::<Promising>(spec(1), &actions, 50);
        assert_eq!(world.stats().messages_delivered, 0);
        let trace = lines(world, "n1 ");
        assert!(!trace.iter().any(|line| line.contains("fact")), "{trace:?}");
        assert!(!trace.iter().any(|line| line.contains("disk")), "{trace:?}");
    }
}

#[test]
fn a_gate_without_a_disk_operation_before_it_is_open() {
    struct Open;
    impl Script for Open {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![(N1, 10, vec![Do::AfterDisk(N2, 1)])]
        }
    }
    let seen = lines(play::<Open>(spec(1), &[], 20), "SAY");
    assert_eq!(seen, ["11.000ms n1 → n2 SAY 1"]);
}

/// Unsynced records, then a look at the disk.
struct Careless;

impl Script for Careless {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        let mut acts: Vec<Do> = (0..10).map(Do::Append).collect();
        acts.push(Do::Reload);
        vec![(N1, 10, acts)]
    }
}

#[test]
fn a_process_death_keeps_what_was_written() {
    let actions = [(20, crash(N1, CrashKind::Process))];
    let world = play::<Careless>(spec(1), &actions, 30);
    assert_eq!(world.nodes[0].disk.image().log.len(), 10);
}

#[test]
fn a_power_loss_keeps_a_prefix_of_what_was_written_that_depends_on_the_seed() {
    let left: Vec<usize> = (0..30)
        .map(|seed| {
            let actions = [(20, crash(N1, CrashKind::Power))];
            let world = play::<Careless>(spec(seed), &actions, 30);
            world.nodes[0].disk.image().log.len()
        })
        .collect();
    assert!(left.iter().any(|count| *count < 4), "{left:?}");
    assert!(left.iter().any(|count| *count > 7), "{left:?}");
}

#[test]
fn reloading_reads_the_disk_behind_everything_queued() {
    let seen = lines(play::<Careless>(spec(1), &[], 30), "reloaded");
    assert_eq!(seen, ["10.110ms n1 reloaded, log to 10"]);
}

#[test]
fn a_cut_not_synced_can_be_undone_by_a_power_loss() {
    struct Cutting;
    impl Script for Cutting {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            let first = vec![Do::Append(1), Do::Append(2), Do::SyncAll];
            let then = vec![Do::CutAfter(1), Do::Append(20)];
            vec![(N1, 10, first), (N1, 20, then)]
        }
    }
    let mut undone = 0;
    for seed in 0..30 {
        let actions = [(30, crash(N1, CrashKind::Power))];
        let world = play::<Cutting>(spec(seed), &actions, 40);
        let log = format!("{:?}", world.nodes[0].disk.image().log);
        let possible = ["[Say(1), Say(2)]", "[Say(1)]", "[Say(1), Say(20)]"];
        assert!(possible.contains(&log.as_str()), "{log}");
        undone += u32::from(log == possible[0]);
    }
    assert!((5..25).contains(&undone), "{undone} of 30");
}

#[test]
fn a_server_that_hangs_up_cancels_nothing_of_its_disk_queue() {
    struct SteppingDown;
    impl Script for SteppingDown {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            let work = vec![Do::Append(1), Do::Promise(N3, 7)];
            vec![
                (N1, 5, vec![Do::Dial(N2)]),
                (N1, 10, work),
                (N1, 11, vec![Do::HangUp(N2), Do::Append(2), Do::SyncAll]),
            ]
        }
    }
    let world = play::<SteppingDown>(spec(1), &[], 50);
    assert_eq!(world.nodes[0].disk.durable_image().log.len(), 2);
    assert_eq!(received(world, N1, N3), [7]);
}

#[test]
fn timers_and_messages_to_oneself_die_with_their_process() {
    struct Own;
    impl Script for Own {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 10, vec![Do::Bell(5)]),
                (N1, 12, vec![Do::Append(1), Do::Promise(N1, 1)]),
            ]
        }
    }
    let actions = [
        (13, crash(N1, CrashKind::Process)),
        (14, Action::Restart(N1)),
    ];
    let world = play::<Own>(spec(1), &actions, 50);
    assert_eq!(world.stats().messages_delivered, 0);
    assert_eq!(lines(world, "18446744073709551615"), [""; 0]);
}

#[test]
fn a_datagram_on_its_way_reaches_a_later_incarnation_and_a_latest_wins_message_does_not() {
    struct Late;
    impl Script for Late {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![(N1, 10, vec![Do::Datagrams(N2, vec![1]), Do::Latest(N2, 2)])]
        }
    }
    let mut slow = spec(1);
    slow.network.lan = Latency::Constant(Span::millis(10));
    let actions = [
        (12, crash(N2, CrashKind::Process)),
        (15, Action::Restart(N2)),
    ];
    assert_eq!(received(play::<Late>(slow, &actions, 50), N1, N2), [1]);
}

#[test]
fn a_failed_sync_is_reported_and_what_it_held_back_leaves_nevertheless() {
    let actions = [(1, Action::FailSyncs { node: N1, count: 1 })];
    let world = play::<Promising>(spec(1), &actions, 50);
    assert_eq!(world.nodes[0].disk.durable_image().log.len(), 0);
    let seen = lines(world, "disk");
    assert_eq!(seen, [format!("12.010ms n1 disk {:?} Failed", Ticket(2))]);
}
