//! Streams between servers.

use super::*;

/// A dial at 10 ms, forty messages each way at 20 ms, and one more each way at 400 ms.
struct Talk;

impl Script for Talk {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        vec![
            (N1, 10, vec![Do::Dial(N2)]),
            (N1, 20, vec![Do::Stream(N2, (0..40).collect())]),
            (N2, 20, vec![Do::Stream(N1, (100..140).collect())]),
            (N1, 400, vec![Do::Stream(N2, vec![40])]),
            (N2, 400, vec![Do::Stream(N1, vec![140])]),
        ]
    }
}

fn jittery(seed: u64) -> WorldSpec {
    let mut spec = spec(seed);
    spec.network.lan = Latency::Uniform {
        min: Span::micros(100),
        max: Span::millis(3),
    };
    spec
}

fn news(world: World<Puppet<Talk>>) -> Vec<String> {
    lines(world, " link ")
}

#[test]
fn streams_are_fifo_in_both_directions() {
    for seed in 0..10 {
        let there = received(play::<Talk>(jittery(seed), &[], 500), N1, N2);
        assert_eq!(there, (0..=40).collect::<Vec<_>>());
        let back = received(play::<Talk>(jittery(seed), &[], 500), N2, N1);
        assert_eq!(back, (100..=140).collect::<Vec<_>>());
    }
}

#[test]
fn a_dial_takes_one_round_trip_and_both_ends_hear_up() {
    let heard = news(play::<Talk>(spec(1), &[], 15));
    let expected = [
        "11.000ms n2 link n1#1 to n1 Up",
        "12.000ms n1 link n1#1 to n2 Up",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn a_dial_to_a_dead_process_is_refused_after_a_round_trip() {
    let crash = Action::Crash {
        node: N2,
        kind: CrashKind::Process,
    };
    let heard = news(play::<Talk>(spec(1), &[(5, crash)], 15));
    assert_eq!(heard, ["12.000ms n1 link n1#1 to n2 Refused"]);
}

#[test]
fn a_dial_across_a_cut_in_either_direction_times_out() {
    for (from, to) in [(N1, N2), (N2, N1)] {
        let cut = Action::Cut { from, to };
        let heard = news(play::<Talk>(spec(1), &[(5, cut)], 100));
        assert_eq!(heard, ["60.000ms n1 link n1#1 to n2 Refused"]);
    }
}

#[test]
fn a_dial_to_a_paused_process_is_answered_by_its_machine() {
    let actions = [(5, Action::Pause(N2)), (15, Action::Resume(N2))];
    let heard = news(play::<Talk>(spec(1), &actions, 16));
    let expected = [
        "12.000ms n1 link n1#1 to n2 Up",
        "15.000ms n2 link n1#1 to n1 Up",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn a_cut_that_is_mended_in_time_holds_a_stream_s_messages_and_delivers_them_in_order() {
    for seed in 0..10 {
        let actions = [
            (21, Action::Cut { from: N1, to: N2 }),
            (200, Action::Mend { from: N1, to: N2 }),
        ];
        let world = play::<Talk>(jittery(seed), &actions[..1], 199);
        assert!(world.stats().messages_delivered < 80);
        let there = received(play::<Talk>(jittery(seed), &actions, 500), N1, N2);
        assert_eq!(there, (0..=40).collect::<Vec<_>>());
        let heard = news(play::<Talk>(jittery(seed), &actions, 500));
        assert!(!heard.iter().any(|line| line.contains("Down")), "{heard:?}");
    }
}

#[test]
fn a_cut_that_outlasts_the_patience_breaks_the_stream_for_both_ends() {
    let actions = [(15, Action::Cut { from: N1, to: N2 })];
    let heard = news(play::<Talk>(spec(1), &actions, 500));
    let expected = [
        "215.000ms n1 link n1#1 to n2 Down",
        "215.000ms n2 link n1#1 to n1 Down",
    ];
    assert_eq!(heard[2..], expected);
    let world = play::<Talk>(spec(1), &actions, 500);
    assert_eq!(received(world, N1, N2), [0u64; 0]);
    let world = play::<Talk>(spec(1), &actions, 500);
    assert_eq!(received(world, N2, N1), (100..140).collect::<Vec<_>>());
}

#[test]
fn breaking_a_stream_loses_only_a_suffix_of_what_is_in_flight() {
    let mut lengths = Vec::new();
    for seed in 0..40 {
        let mut slow = spec(seed);
        slow.network.lan = Latency::Uniform {
            min: Span::millis(2),
            max: Span::millis(4),
        };
        let actions = [(21, Action::Break { a: N1, b: N2 })];
        let there = received(play::<Talk>(slow.clone(), &actions, 500), N1, N2);
        assert_eq!(there, (0..there.len() as u64).collect::<Vec<_>>());
        lengths.push(there.len());
        let heard = lines(play::<Talk>(slow, &actions, 500), " n2");
        let down = heard.iter().position(|line| line.ends_with("n1 Down"));
        let last = heard.iter().rposition(|line| line.contains("n1 → n2 SAY"));
        assert!(down.expect("n2 hears that it broke") > last.unwrap_or(0));
    }
    assert!(lengths.iter().any(|length| *length < 10), "{lengths:?}");
    assert!(lengths.iter().any(|length| *length > 30), "{lengths:?}");
}

#[test]
fn the_death_of_a_process_breaks_its_streams_and_only_the_other_end_hears() {
    let actions = [(
        30,
        Action::Crash {
            node: N1,
            kind: CrashKind::Process,
        },
    )];
    let heard = news(play::<Talk>(spec(1), &actions, 500));
    assert_eq!(heard[2..], ["31.000ms n2 link n1#1 to n1 Down"]);
}

#[test]
fn news_of_an_old_stream_never_reaches_a_later_incarnation() {
    let actions = [
        (
            30,
            Action::CrashMany {
                nodes: vec![N1, N2],
                kind: CrashKind::Process,
            },
        ),
        (30, Action::Restart(N1)),
        (30, Action::Restart(N2)),
    ];
    let heard = news(play::<Talk>(spec(1), &actions, 500));
    assert_eq!(heard.len(), 2, "{heard:?}");
}

#[test]
fn who_hangs_up_hears_nothing_and_the_other_end_hears_down() {
    struct Brief;
    impl Script for Brief {
        fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
            vec![
                (N1, 10, vec![Do::Dial(N2)]),
                (N2, 19, vec![Do::Stream(N1, vec![1])]),
                (N2, 20, vec![Do::HangUp(N1)]),
                (N1, 20, vec![Do::Stream(N2, vec![2])]),
                (N1, 30, vec![Do::Dial(N2)]),
            ]
        }
    }
    let mut world = play::<Brief>(spec(1), &[], 50);
    assert_eq!(world.links_between(0, 1).len(), 1);
    let heard = lines(world, " link ");
    let expected = [
        "21.000ms n1 link n1#1 to n2 Down",
        "31.000ms n2 link n1#2 to n1 Up",
        "32.000ms n1 link n1#2 to n2 Up",
    ];
    assert_eq!(heard[2..], expected);
    world = play::<Brief>(spec(1), &[], 50);
    assert_eq!(received(world, N1, N2), [0u64; 0]);
}
