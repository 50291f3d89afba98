//! Datagrams, latest-wins channels, loopback, timers, pauses; and that a run is a function.

use super::*;

struct Chatter;

impl Script for Chatter {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        vec![(N1, 1, vec![Do::Datagrams(N2, (0..2_000).collect())])]
    }
}

#[test]
fn datagrams_are_lost_at_the_given_rate() {
    let mut lossy = spec(1);
    lossy.network.loss_ppm = 150_000;
    let action = Action::Loss { ppm: 100_000 };
    let world = play::<Chatter>(lossy, &[(0, action)], 10);
    assert_eq!(
        world.stats().messages_lost + world.stats().messages_delivered,
        2_000
    );
    let count = received(world, N1, N2).len();
    assert!((1_440..1_560).contains(&count), "{count} of 2000");
}

#[test]
fn datagrams_are_duplicated_at_the_given_rate() {
    let mut doubling = spec(1);
    doubling.network.duplicate_ppm = 250_000;
    let world = play::<Chatter>(doubling, &[], 10);
    assert_eq!(
        world.stats().by_kind()["SAY"],
        world.stats().messages_delivered
    );
    let count = received(world, N1, N2).len();
    assert!((2_440..2_560).contains(&count), "{count} of 2000");
}

#[test]
fn datagrams_overtake_each_other() {
    let mut jittery = spec(1);
    jittery.network.lan = Latency::Uniform {
        min: Span::micros(100),
        max: Span::millis(3),
    };
    let arrived = received(play::<Chatter>(jittery, &[], 10), N1, N2);
    assert_eq!(arrived.len(), 2_000);
    assert!(!arrived.is_sorted());
}

#[test]
fn a_datagram_is_lost_if_the_pair_is_cut_when_it_leaves_or_when_it_arrives() {
    struct Three;
    impl Script for Three {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            [1, 11, 21, 31]
                .into_iter()
                .map(|at| (N1, at, vec![Do::Datagrams(N2, vec![at])]))
                .collect()
        }
    }
    let mut slow = spec(1);
    slow.network.lan = Latency::Constant(Span::millis(5));
    let cut = Action::Cut { from: N1, to: N2 };
    let mend = Action::Mend { from: N1, to: N2 };
    let actions = [(10, cut.clone()), (12, mend.clone()), (25, cut), (27, mend)];
    // 11 leaves into a cut, 21 arrives in one.
    assert_eq!(received(play::<Three>(slow, &actions, 50), N1, N2), [1, 31]);
}

#[test]
fn a_cut_is_directed_and_counted() {
    struct Both;
    impl Script for Both {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 10, vec![Do::Datagrams(N2, vec![1])]),
                (N2, 10, vec![Do::Datagrams(N1, vec![2])]),
                (N1, 20, vec![Do::Datagrams(N2, vec![3])]),
                (N1, 30, vec![Do::Datagrams(N2, vec![4])]),
            ]
        }
    }
    let cut = Action::Cut { from: N1, to: N2 };
    let mend = Action::Mend { from: N1, to: N2 };
    let actions = [(1, cut.clone()), (2, cut), (15, mend.clone()), (25, mend)];
    let world = play::<Both>(spec(1), &actions, 40);
    let arrived = lines(world, " → ");
    let expected = ["11.000ms n2 → n1 SAY 2", "31.000ms n1 → n2 SAY 4"];
    assert_eq!(arrived, expected);
}

#[test]
fn a_base_delay_and_a_slow_down_add_to_the_latency() {
    struct Twice;
    impl Script for Twice {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 10, vec![Do::Datagrams(N2, vec![1])]),
                (N1, 50, vec![Do::Datagrams(N2, vec![2])]),
            ]
        }
    }
    let mut far = spec(1);
    let mut matrix = vec![vec![Span::ZERO; 3]; 3];
    matrix[0][1] = Span::millis(7);
    far.network.matrix = Some(matrix);
    let slow = Action::Slow {
        from: N1,
        to: N2,
        extra: Span::millis(20),
    };
    let arrived = lines(play::<Twice>(far, &[(40, slow)], 100), "SAY");
    assert!(arrived[0].starts_with("18.000ms"), "{arrived:?}");
    assert!(arrived[1].starts_with("78.000ms"), "{arrived:?}");
}

struct Votes;

impl Script for Votes {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        let burst = (1..=5).map(|number| Do::Latest(N2, number)).collect();
        vec![
            (N1, 10, burst),
            (N1, 30, vec![Do::Latest(N2, 6)]),
            (N1, 40, vec![Do::Latest(N2, 7), Do::Latest(N2, 8)]),
        ]
    }
}

#[test]
fn on_a_latest_wins_channel_a_waiting_message_is_overwritten_by_the_next() {
    let arrived = lines(play::<Votes>(spec(1), &[], 20), "SAY");
    assert_eq!(arrived.len(), 2);
    assert!(arrived[0].contains("11.000ms n1 → n2 SAY 1"));
    // It departs when the first one has arrived.
    assert!(arrived[1].contains("12.000ms n1 → n2 SAY 5"));
}

#[test]
fn a_cut_loses_the_latest_wins_message_in_flight_and_keeps_the_waiting_one() {
    let mut slow = spec(1);
    slow.network.lan = Latency::Constant(Span::millis(4));
    let actions = [
        (12, Action::Cut { from: N1, to: N2 }),
        (60, Action::Mend { from: N1, to: N2 }),
    ];
    let arrived = received(play::<Votes>(slow, &actions, 100), N1, N2);
    assert_eq!(arrived, [8]);
}

#[test]
fn a_latest_wins_message_that_is_late_for_longer_than_the_patience_makes_way_for_the_next() {
    let mut far = spec(1);
    far.network.patience = Span::millis(100);
    // However far away the other is: what counts is the delay beyond the usual one.
    far.network.lan = Latency::Constant(Span::millis(150));
    let arrived = received(play::<Votes>(far.clone(), &[], 1_000), N1, N2);
    assert_eq!(arrived, [1, 8]);
    // A third of the messages takes longer than the patience allows, most of them by far.
    far.network.lan = Latency::LogNormal {
        median: Span::millis(1),
        p99: Span::secs(100_000_000),
    };
    let (mut first, mut last) = (0, 0);
    for seed in 0..200 {
        far.seed = seed;
        let arrived = received(play::<Votes>(far.clone(), &[], 1_000), N1, N2);
        first += u32::from(arrived.contains(&1));
        last += u32::from(arrived.contains(&8));
    }
    assert!((110..155).contains(&first), "{first} of 200 first messages");
    assert!((110..155).contains(&last), "{last} of 200 last messages");
}

#[test]
fn a_message_to_oneself_takes_no_time_and_is_never_lost() {
    struct Own;
    impl Script for Own {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![(N1, 5, vec![Do::Datagrams(N1, vec![1]), Do::Latest(N1, 2)])]
        }
    }
    let mut lossy = spec(1);
    lossy.network.loss_ppm = 1_000_000;
    let arrived = lines(play::<Own>(lossy, &[], 6), "n1 → n1");
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|line| line.starts_with("5.000ms")));
}

#[test]
fn a_paused_server_takes_everything_in_order_when_it_is_resumed() {
    struct Steady;
    impl Script for Steady {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            (1..=20)
                .map(|at| (N1, at, vec![Do::Datagrams(N2, vec![at])]))
                .chain([(N2, 8, vec![Do::Append(1), Do::SyncAll])])
                .collect()
        }
    }
    let mut world = play::<Steady>(spec(1), &[(5, Action::Pause(N2))], 15);
    assert_eq!(world.stats().messages_delivered, 3);
    assert!(world.perform(Action::Resume(N2)));
    while world.next_at() == Some(world.now()) {
        world.step();
    }
    // Those of the pause, and the one that is due now, behind them.
    assert_eq!(world.stats().messages_delivered, 14);
    run_until(&mut world, 40);
    let disk = world.nodes[1].disk.durable_image();
    assert_eq!(disk.log.len(), 1);
    assert_eq!(received(world, N1, N2), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_timer_that_is_set_again_or_cancelled_does_not_go_off_as_first_set() {
    struct Bells;
    impl Script for Bells {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 1, vec![Do::Bell(5)]),
                (N1, 3, vec![Do::Bell(10)]),
                (N1, 20, vec![Do::Bell(5)]),
                (N1, 22, vec![Do::Unbell]),
                (N1, 30, vec![Do::Bell(1), Do::Bell(2)]),
            ]
        }
    }
    let rung = lines(
        play::<Bells>(spec(1), &[], 60),
        "timer Protocol(Cue(18446744073709551615))",
    );
    assert_eq!(rung.len(), 2);
    assert!(rung[0].starts_with("13.000ms"));
    assert!(rung[1].starts_with("32.000ms"));
}

#[test]
fn a_drifting_server_s_timers_follow_its_own_clock() {
    struct Late;
    impl Script for Late {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            [N1, N2, N3]
                .map(|node| (node, 1_000, vec![Do::Datagrams(node, vec![1])]))
                .into()
        }
    }
    let mut drifting = spec(3);
    drifting.clock = ClockSpec {
        drift_ppm_max: 50_000,
    };
    let mut world = boot::<Late>(drifting);
    run_until(&mut world, 940);
    assert_eq!(world.stats().messages_delivered, 0);
    run_until(&mut world, 1_060);
    assert_eq!(world.stats().messages_delivered, 3);
    let at = lines(world, "SAY");
    assert!(
        at.iter().any(|line| !line.starts_with("1000.000ms")),
        "{at:?}"
    );
}

/// A busy hundred milliseconds with everything in it.
struct Busy;

impl Script for Busy {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        let mut scenes = vec![(N1, 1, vec![Do::Dial(N2)]), (N3, 2, vec![Do::Dial(N1)])];
        for at in 5..100 {
            for (me, other) in [(N1, N2), (N2, N3), (N3, N1)] {
                let acts = vec![
                    Do::Datagrams(other, vec![at]),
                    Do::Latest(other, at),
                    Do::Stream(other, vec![at]),
                    Do::Append(at),
                    Do::Promise(other, at),
                ];
                scenes.push((me, at, acts));
            }
        }
        scenes
    }
}

fn busy(seed: u64) -> World<Puppet<Busy>> {
    let mut wild = spec(seed);
    wild.network.lan = Latency::LogNormal {
        median: Span::micros(800),
        p99: Span::millis(6),
    };
    wild.network.loss_ppm = 50_000;
    wild.network.duplicate_ppm = 50_000;
    wild.disk.sync = Latency::Exponential {
        mean: Span::millis(1),
    };
    let actions = [
        (20, Action::Cut { from: N1, to: N2 }),
        (
            30,
            Action::Crash {
                node: N3,
                kind: CrashKind::Power,
            },
        ),
        (40, Action::Mend { from: N1, to: N2 }),
        (50, Action::Restart(N3)),
        (60, Action::Break { a: N1, b: N2 }),
    ];
    play::<Busy>(wild, &actions, 150)
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (mut first, mut second) = (busy(7), busy(7));
    assert_eq!(first.hash(), second.hash());
    assert_eq!(first.stats(), second.stats());
    let (trace, left_off) = first.take_trace();
    assert!(trace.len() > 500);
    assert_eq!((trace, left_off), second.take_trace());
}

#[test]
fn another_seed_gives_another_run() {
    assert_ne!(busy(7).hash(), busy(8).hash());
}

#[test]
fn recording_a_trace_does_not_change_the_run() {
    let mut quiet = spec(7);
    quiet.trace = false;
    let mut silent = play::<Busy>(quiet, &[], 120);
    let loud = play::<Busy>(spec(7), &[], 120);
    assert_eq!(silent.hash(), loud.hash());
    assert_eq!(silent.take_trace(), (Vec::new(), 0));
}

#[test]
fn leaving_out_a_message_of_one_pair_shifts_nothing_between_the_others() {
    struct With;
    impl Script for With {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 1, vec![Do::Datagrams(N2, (0..50).collect())]),
                (N3, 1, vec![Do::Datagrams(N2, (0..50).collect())]),
            ]
        }
    }
    struct Without;
    impl Script for Without {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 1, vec![Do::Datagrams(N2, vec![0])]),
                (N3, 1, vec![Do::Datagrams(N2, (0..50).collect())]),
            ]
        }
    }
    let mut jittery = spec(1);
    jittery.network.lan = Latency::Exponential {
        mean: Span::millis(1),
    };
    jittery.network.loss_ppm = 100_000;
    let with = lines(play::<With>(jittery.clone(), &[], 50), "n3 → n2");
    let without = lines(play::<Without>(jittery, &[], 50), "n3 → n2");
    assert!(with.len() > 30);
    assert_eq!(with, without);
}
