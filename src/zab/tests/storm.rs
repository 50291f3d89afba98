//! Drawn schedules with crashes, losses of power and partitions: the catch-all behind the scripts.

use std::collections::BTreeSet;

use super::disk::Loss;
use super::world::{World, node};
use crate::ids::NodeId;
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{Fact, Knobs};
use crate::zab::ZabKnobs;

fn small_knobs() -> (Knobs, ZabKnobs) {
    let knobs = Knobs {
        snapshot_every: 4,
        ..Knobs::default()
    };
    let own = ZabKnobs {
        committed_log_window: 3,
        zxid_counter_bits: 4,
        ..ZabKnobs::default()
    };
    (knobs, own)
}

/// Whether a storm makes syncs fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disks {
    Sound,
    Failing,
}

fn disturb(world: &mut World, servers: u8, disks: Disks) {
    let who = node(world.draw(u64::from(servers)) as u8 + 1);
    if world.is_halted(who) && world.draw(50) == 0 {
        world.crash(who, Loss::Process);
        world.boot(who);
    }
    match world.draw(1_000) {
        0 if world.node(who).zab.is_some() => world.crash(who, Loss::Process),
        1 if world.node(who).zab.is_some() => world.crash(who, Loss::Power),
        2 => world.isolate(who),
        151..=153 if disks == Disks::Failing => world.fail_sync(who),
        3..=8 => world.heal(),
        9..=20 if world.node(who).zab.is_none() => world.boot(who),
        21..=150 => {
            if let Some(leader) = world.leader() {
                world.propose(leader);
            }
        }
        _ => {}
    }
}

/// Runs a storm, heals everything, and requires all servers to converge.
fn storm(seed: u64, voters: u8, observers: u8, mutations: Mutations) -> World {
    storm_on(Disks::Sound, seed, voters, observers, mutations)
}

fn storm_on(disks: Disks, seed: u64, voters: u8, observers: u8, mutations: Mutations) -> World {
    let mut world = World::new(voters, observers, small_knobs(), mutations);
    world.seed(seed);
    world.boot_all();
    for _ in 0..4_000 {
        world.advance_at_random();
        disturb(&mut world, voters + observers, disks);
    }
    world.heal();
    for id in (1..=voters + observers).map(node) {
        if world.node(id).disk.failing || world.node(id).disk.broken {
            // A server that is down has nothing to lose but its queue.
            world.crash(id, Loss::Process);
        }
    }
    world.boot_all();
    let leader = world.run_until_all_serve();
    let last = world.commit(leader);
    for (id, server) in &world.nodes {
        assert_eq!(server.state, world.chosen, "{id} converged through {last}");
    }
    world
}

/// At most one server is ever established in an epoch.
fn one_leader_an_epoch(world: &World) {
    let mut established: Vec<(u64, NodeId)> = world
        .facts
        .iter()
        .filter_map(|(id, fact)| match fact {
            Fact::Established { epoch, .. } => Some((*epoch, *id)),
            Fact::Proposed { .. }
            | Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => None,
        })
        .collect();
    established.sort();
    assert!(!established.is_empty());
    for pair in established.windows(2) {
        assert!(pair[0].0 != pair[1].0, "two of one epoch: {pair:?}");
    }
}

#[test]
fn three_servers_agree_and_converge_after_any_storm() {
    let mut committed = 0;
    let mut kinds = BTreeSet::new();
    for seed in 0..300 {
        let world = storm(seed, 3, 0, Mutations::NONE);
        one_leader_an_epoch(&world);
        committed += world.chosen.len();
        kinds.extend(world.delivered.iter().map(|(_, _, kind)| *kind));
    }
    assert!(committed > 300 * 20, "only {committed} were committed");
    for kind in ["DIFF", "TRUNC", "SNAP"] {
        assert!(kinds.contains(kind), "no storm reached {kind}");
    }
}

#[test]
fn five_servers_and_an_observer_agree_and_converge_after_any_storm() {
    let mut committed = 0;
    for seed in 1_000..1_060 {
        let world = storm(seed, 5, 1, Mutations::NONE);
        one_leader_an_epoch(&world);
        committed += world.chosen.len();
    }
    assert!(committed > 60 * 10, "only {committed} were committed");
}

#[test]
fn five_servers_agree_and_converge_after_any_storm_on_failing_disks() {
    let mut committed = 0;
    for seed in 0..80 {
        let world = storm_on(Disks::Failing, seed, 5, 0, Mutations::NONE);
        one_leader_an_epoch(&world);
        committed += world.chosen.len();
    }
    assert!(committed > 80 * 10, "only {committed} were committed");
}

/// A server that takes what it reads at boot for durable acknowledges what it may lose.
#[test]
fn a_planted_n20_is_found_by_storms_on_failing_disks() {
    let on = Mutations::NONE.with(Mutation::N20);
    let storm = |seed| drop(storm_on(Disks::Failing, seed, 5, 0, on));
    assert!((0..400).any(|seed| std::panic::catch_unwind(|| storm(seed)).is_err()));
}

/// Whether some storm of these brings a planted bug to light.
fn storms_detect(mutation: Mutation) -> bool {
    let on = Mutations::NONE.with(mutation);
    (0..400).any(|seed| std::panic::catch_unwind(|| drop(storm(seed, 3, 0, on))).is_err())
}

#[test]
fn a_planted_z13_is_found_by_storms() {
    assert!(storms_detect(Mutation::Z13));
}

#[test]
fn a_planted_z20_is_found_by_storms() {
    assert!(storms_detect(Mutation::Z20));
}
