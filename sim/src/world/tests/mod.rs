//! The rules of the world, played by a protocol that does what a script says.

mod clients;
mod crashes;
mod messages;
mod script;
mod streams;

use menagerie::ids::{NodeId, Span, VirtualTime};
use menagerie::mutation::Mutations;
use menagerie::protocol::QuorumRule;
use menagerie::protocol::{Protocol, Ticket};
use menagerie::server::ServerSettings;

use super::{Action, CrashKind, World, WorldEvent, WorldSpec, in_runtime};
use crate::chance::decision::Source;
use crate::chance::latency::Latency;
use crate::trace;
use crate::world::channels::NetworkSpec;
use crate::world::clock::ClockSpec;
use crate::world::disk::DiskSpec;
use crate::world::knobs::AllKnobs;
use script::{Do, Puppet, Script};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// Three servers with constant latencies: 1 ms on the network, 10 us a write, 2 ms a sync.
fn spec(seed: u64) -> WorldSpec {
    WorldSpec {
        seed,
        voters: 3,
        observers: 0,
        quorums: QuorumRule::Majority,
        clients: 0,
        homes: Vec::new(),
        knobs: AllKnobs::default(),
        mutations: Mutations::NONE,
        settings: ServerSettings {
            session_timeout_min: Span::millis(100),
            session_timeout_max: Span::millis(1_000),
            capture_chunk: 16,
            removal_interval: Span::secs(60),
            superuser: None,
        },
        session_timeout: Span::millis(500),
        network: NetworkSpec::reliable(Latency::Constant(Span::millis(1))),
        disk: DiskSpec {
            write: Latency::Constant(Span::micros(10)),
            sync: Latency::Constant(Span::millis(2)),
            read: Latency::Constant(Span::micros(100)),
        },
        clock: ClockSpec::default(),
        micro_step: Span::micros(1),
        decisions: Source::Dice,
        record: false,
        checks: false,
        trace: true,
    }
}

fn boot<S: Script>(spec: WorldSpec) -> World<Puppet<S>> {
    let mut world = World::new(spec);
    world.boot_all();
    world
}

/// Performs every event before a moment, then moves the driver there.
fn run_to<P: Protocol>(world: &mut World<P>, end: VirtualTime) {
    world.wake_at(end, u64::MAX);
    while world.step() != Some(WorldEvent::Wakeup(u64::MAX)) {}
    assert_eq!(world.now(), end);
}

fn run_until<P: Protocol>(world: &mut World<P>, millis: u64) {
    run_to(world, VirtualTime(millis * 1_000_000));
}

/// Boots, plays actions at their milliseconds, and runs to the end.
fn play<S: Script>(spec: WorldSpec, actions: &[(u64, Action)], end: u64) -> World<Puppet<S>> {
    let mut world = boot::<S>(spec);
    for (at, action) in actions {
        run_until(&mut world, *at);
        assert!(world.perform(action.clone()), "{action:?} changes nothing");
    }
    run_until(&mut world, end);
    world
}

/// The lines of the trace that contain a text, each from the server's name on, in order.
fn lines<S: Script>(mut world: World<Puppet<S>>, text: &str) -> Vec<String> {
    let (events, _) = world.take_trace();
    let found = trace::lines(&events)
        .into_iter()
        .filter(|line| line.contains(text));
    found.map(|line| line.trim_start().to_string()).collect()
}

/// The numbers that one server received from another, in order.
fn received<S: Script>(world: World<Puppet<S>>, from: NodeId, to: NodeId) -> Vec<u64> {
    let found = lines(world, &format!(" {from} → {to} SAY "));
    found
        .iter()
        .map(|line| {
            let number = line.rsplit(' ').next();
            number
                .and_then(|number| number.parse().ok())
                .expect("a message says a number")
        })
        .collect()
}

struct Idle;

impl Script for Idle {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)> {
        Vec::new()
    }
}

#[test]
fn wakeups_come_at_their_time_in_the_order_in_which_they_were_asked_for() {
    let mut world: World<Puppet<Idle>> = World::new(spec(1));
    for (at, token) in [(5, 1), (3, 2), (5, 3), (0, 4)] {
        world.wake_at(VirtualTime(at), token);
    }
    let mut seen = Vec::new();
    while let Some(WorldEvent::Wakeup(token)) = world.step() {
        seen.push((world.now().0, token));
    }
    assert_eq!(seen, vec![(0, 4), (3, 2), (5, 1), (5, 3)]);
    assert_eq!(world.next_at(), None);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a run inside a runtime has a thread of its own"
)]
fn the_clock_of_the_runtime_follows_the_world() {
    let elapsed = std::thread::spawn(|| {
        in_runtime(1, || {
            let mut world = boot::<Idle>(spec(1));
            run_until(&mut world, 1_234);
            madsim::time::TimeHandle::current().elapsed()
        })
    });
    let elapsed = elapsed.join().expect("the run does not panic");
    assert_eq!(elapsed.as_millis(), 1_234);
}

#[test]
fn every_lasting_action_is_undone_by_its_inverse() {
    let lasting = [
        Action::Crash {
            node: N1,
            kind: CrashKind::Power,
        },
        Action::Pause(N1),
        Action::Cut { from: N1, to: N2 },
        Action::CutClient(N1),
        Action::Slow {
            from: N1,
            to: N2,
            extra: Span::millis(5),
        },
        Action::SlowDisk {
            node: N1,
            extra: Span::millis(3),
        },
        Action::Loss { ppm: 1_000 },
        Action::Duplicate { ppm: 1_000 },
    ];
    let mut world = boot::<Idle>(spec(1));
    for action in lasting {
        assert!(world.perform(action.clone()), "{action:?}");
        let undo = action.undo();
        assert_eq!(undo.len(), 1, "{action:?} lasts");
        assert!(world.perform(undo[0].clone()), "{undo:?}");
        assert!(undo[0].is_undo());
        assert!(undo[0].undo().is_empty());
    }
    assert!(world.is_up(N1));
    assert!(!world.is_paused(N1));
    assert_eq!(world.extra_loss_ppm + world.extra_duplicate_ppm, 0);
    let pair = world.pair(0, 1);
    assert_eq!((pair.cuts, pair.extra), (0, Span::ZERO));
}

#[test]
fn an_action_that_changes_nothing_says_so() {
    let mut world = boot::<Idle>(spec(1));
    assert!(!world.perform(Action::Restart(N1)));
    assert!(!world.perform(Action::Resume(N1)));
    assert!(!world.perform(Action::Mend { from: N1, to: N2 }));
    assert!(!world.perform(Action::Break { a: N1, b: N2 }));
    let crash = Action::Crash {
        node: N1,
        kind: CrashKind::Process,
    };
    assert!(world.perform(crash.clone()));
    assert!(!world.perform(crash));
    assert!(!world.perform(Action::Pause(N1)));
    assert_eq!(world.standing(N1), None);
}
