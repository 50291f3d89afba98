//! Phase 2.

use super::disk::Loss;
use super::world::{World, node};
use crate::ids::{NodeId, Zxid};
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{Effect, Knobs, Outbox};
use crate::zab::{Zab, ZabKnobs, record};

fn small_window(mutations: Mutations) -> World {
    let own = ZabKnobs {
        committed_log_window: 4,
        ..ZabKnobs::default()
    };
    let mut world = World::new(3, 0, (Knobs::default(), own), mutations);
    world.boot_all();
    world
}

/// Server 1 misses `missed` transactions and comes back.
fn comes_back_after(world: &mut World, missed: usize) -> NodeId {
    let leader = world.run_until_all_serve();
    world.commit(leader);
    world.crash(node(1), Loss::Process);
    for _ in 0..missed {
        world.commit(leader);
    }
    world.delivered.clear();
    world.boot(node(1));
    world.run_until_all_serve()
}

fn all_equal(world: &World) {
    for (id, server) in &world.nodes {
        assert_eq!(server.state, world.chosen, "the state of {id}");
    }
}

#[test]
fn a_learner_behind_is_synced_by_diff() {
    let mut world = small_window(Mutations::NONE);
    comes_back_after(&mut world, 3);
    assert!(world.saw(node(1), "DIFF") && !world.saw(node(1), "SNAP"));
    all_equal(&world);
}

#[test]
fn a_learner_far_behind_is_synced_by_snap() {
    let mut world = small_window(Mutations::NONE);
    let leader = comes_back_after(&mut world, 9);
    assert!(world.saw(node(1), "SNAP") && !world.saw(node(1), "DIFF"));
    all_equal(&world);
    // What was taken over survives a loss of power.
    world.commit(leader);
    world.crash(node(1), Loss::Power);
    world.boot(node(1));
    world.run_until_all_serve();
    all_equal(&world);
}

/// Server 3 leads, logs `count` transactions alone and dies; the others go on.
fn divergent_tail(world: &mut World, count: usize) {
    let leader = world.run_until_all_serve();
    assert_eq!(leader, node(3));
    world.commit(leader);
    world.isolate(leader);
    for _ in 0..count {
        world.propose(leader);
    }
    while world.disk_step(leader) {}
    assert_eq!(world.stored(leader).len(), 1 + count);
    world.crash(leader, Loss::Power);
    world.heal();
}

#[test]
fn a_divergent_tail_is_truncated() {
    let mut world = small_window(Mutations::NONE);
    divergent_tail(&mut world, 2);
    // The others open a new epoch without a transaction (ZK-2832).
    world.run_until_all_serve();
    world.delivered.clear();
    world.boot(node(3));
    let leader = world.run_until_all_serve();
    assert!(world.saw(node(3), "TRUNC"));
    all_equal(&world);
    assert_eq!(world.stored(node(3)).len(), 1);
    world.commit(leader);
    world.crash(node(3), Loss::Power);
    world.boot(node(3));
    world.run_until_all_serve();
    all_equal(&world);
}

/// The schedule of ZK-1154: a tail that lies inside the leader's window.
fn tail_inside_the_window(mutations: Mutations) -> World {
    let mut world = small_window(mutations);
    divergent_tail(&mut world, 1);
    let leader = world.run_until_all_serve();
    world.commit(leader);
    world.delivered.clear();
    world.boot(node(3));
    world.run_until_all_serve();
    world
}

#[test]
fn a_tail_inside_the_window_is_replaced_by_snap() {
    let world = tail_inside_the_window(Mutations::NONE);
    assert!(world.saw(node(3), "SNAP"));
    all_equal(&world);
    assert!(
        world.stored(node(3)).is_empty(),
        "a snapshot has taken its log's place"
    );
}

#[test]
#[should_panic(expected = "delivers another sequence")]
fn planted_z20_leaves_a_tail_inside_the_window() {
    tail_inside_the_window(Mutations::NONE.with(Mutation::Z20));
}

#[test]
fn newleader_is_acked_after_the_log_and_the_epoch_are_durable() {
    let mut world = small_window(Mutations::NONE);
    let leader = world.run_until_all_serve();
    let first = world.commit(leader);
    world.crash(node(1), Loss::Process);
    let zxid = world.commit(leader);
    world.delivered.clear();
    world.boot(node(1));
    // The disk does one thing at a time, and between any two the whole network has its turn.
    world.nodes.get_mut(&node(1)).expect("it runs").disk.held = true;
    let epoch = zxid.epoch();
    let acked = |world: &World| {
        let mut seen = world.delivered.iter();
        seen.any(|(from, _, kind)| *from == node(1) && *kind == "ACK-NEWLEADER")
    };
    world.settle();
    while !acked(&world) {
        assert!(!world.serves(node(1)));
        assert!(world.disk_step(node(1)), "the ack waits for the disk alone");
        world.settle();
    }
    assert!(world.saw(node(1), "DIFF"));
    assert_eq!(world.stored(node(1)), [first, zxid]);
    world.crash(node(1), Loss::Power);
    world.boot(node(1));
    assert_eq!(world.epoch(node(1)), u64::from(epoch));
}

#[test]
fn the_epoch_is_entered_after_its_history_is_durable() {
    // ZK-4643: server 1 lags by an epoch; at no moment may its disk claim the epoch without the
    // log.
    let mut world = small_window(Mutations::NONE);
    let leader = world.run_until_all_serve();
    let first = world.commit(leader);
    world.crash(node(1), Loss::Process);
    let missed = world.commit(leader);
    world.crash(leader, Loss::Process);
    world.boot(leader);
    let leader = world.run_until_all_serve();
    world.delivered.clear();
    world.boot(node(1));
    world.nodes.get_mut(&node(1)).expect("it runs").disk.held = true;
    let mut entered = false;
    while !world.saw(node(1), "UPTODATE") {
        world.settle();
        let image = &world.node(node(1)).disk.durable;
        let recovered = record::read(image).expect("a crash image boots");
        if recovered.current_epoch > missed.epoch() {
            entered = true;
            assert_eq!(world.stored(node(1)), [first, missed]);
        }
        assert!(
            world.disk_step(node(1)),
            "UPTODATE waits for the disk alone"
        );
        world.settle();
    }
    assert!(entered);
    assert_eq!(world.leader(), Some(leader));
}

#[test]
fn an_ack_that_trunc_takes_back_is_not_counted() {
    let mut world = World::new(5, 0, Default::default(), Mutations::NONE);
    world.boot_all();
    let leader = world.run_until_all_serve();
    assert_eq!(leader, node(5));
    world.commit(leader);
    let hold = |world: &mut World, number: u8, held: bool| {
        world
            .nodes
            .get_mut(&node(number))
            .expect("it runs")
            .disk
            .held = held;
    };
    (3..=5).for_each(|number| hold(&mut world, number, true));
    // 1. Servers 1 and 2 log the proposal and acknowledge it; the leader's disk is slow.
    let zxid = world.propose(leader);
    world.run_until("two have it", |world| {
        (1..=2).all(|number| world.stored(node(number)).contains(&zxid))
    });
    world.settle();
    // 2. Server 1 comes back on another stream, and has to forget it; it is sent again.
    world.delivered.clear();
    world.interrupt(node(1), leader);
    world.run_until("server 1 is up to date", |world| {
        world.saw(node(1), "UPTODATE")
    });
    hold(&mut world, 1, true);
    assert!(world.saw(node(1), "TRUNC") && !world.stored(node(1)).contains(&zxid));
    // 3. The leader's own ack makes two copies, not three.
    while world.disk_step(leader) {}
    world.settle();
    assert!(
        world.chosen.iter().all(|(at, _)| *at < zxid),
        "two of five have it"
    );
    hold(&mut world, 1, false);
    world.run_until("three have it", |world| {
        world.chosen.iter().any(|(at, _)| *at == zxid)
    });
}

#[test]
fn a_position_that_is_unknown_is_not_truncated_to_but_answered_by_asking_for_a_snapshot() {
    let mut world = small_window(Mutations::NONE);
    let leader = world.run_until_all_serve();
    assert_eq!(leader, node(3));
    let shared = world.commit(leader);
    let lost = world.propose(leader);
    world.run_until("server 2 has it, too", |world| {
        world.stored(node(2)).contains(&lost)
    });
    let learner = world.nodes.get_mut(&node(2)).expect("it runs");
    let zab = learner.zab.as_mut().expect("it runs");
    let mut out = Outbox::new(node(2));
    // A position that this history never had: in the same epoch, but unknown.
    let unknown = Zxid::new(shared.epoch(), 99);
    zab.on_trunc(unknown, &mut out);
    assert!(zab.wants_snapshot);
    let hung_up = |effect: &Effect<Zab>| matches!(effect, Effect::HangUp { .. });
    assert!(out.effects().iter().any(hung_up));
    assert_eq!(zab.storage.last(), lost, "nothing was cut");
}

#[test]
fn planted_z13_acks_newleader_without_the_log() {
    for (mutations, stored) in [
        (Mutations::NONE, 4),
        (Mutations::NONE.with(Mutation::Z13), 1),
    ] {
        let mut world = small_window(mutations);
        comes_back_after(&mut world, 3);
        assert!(world.saw(node(1), "DIFF"));
        assert_eq!(world.stored(node(1)).len(), stored);
        all_equal(&world);
    }
}

#[test]
fn proposals_outstanding_during_synchronisation_reach_the_learner() {
    // ZK-962, ZK-1319, ZK-4394: nothing falls between the DIFF and the broadcast.
    for delay in 0..60 {
        let mut world = small_window(Mutations::NONE);
        let leader = world.run_until_all_serve();
        world.crash(node(1), Loss::Process);
        world.commit(leader);
        world.boot(node(1));
        (0..delay).for_each(|_| world.advance());
        let last = (0..3).map(|_| world.propose(leader)).last();
        world.run_until("all have it", |world| {
            world
                .nodes
                .values()
                .all(|server| Some(server.committed) == last)
        });
        all_equal(&world);
    }
}
