//! Agreement and barriers under random loss, duplication, reordering, crashes and silence.

use super::*;

/// One random event.
fn disturb(world: &mut World, node: NodeId) {
    if !world.is_up(node) {
        world.boot(node);
        return;
    }
    match world.draw(12) {
        0 => world.crash(node, Keep::Written),
        1 => world.crash(node, Keep::Synced),
        2 => world.machine(node).disk_held = true,
        3..=5 => world.release_disk(node),
        6 => world.isolate(node),
        7..=8 => world.heal(),
        _ => {
            let timers = world.machine(node).timers.keys();
            let timers: Vec<Timer> = timers.copied().collect();
            let timer = timers[world.draw(timers.len() as u64) as usize];
            // Silence long enough that a timer that goes off is taken seriously.
            world.now = world.now.after(Span::millis(60));
            world.fire(node, timer);
        }
    }
}

/// One random packet: delivered, lost or repeated.
fn shuffle(world: &mut World) {
    let count = world.wire.len() as u64;
    if count == 0 {
        return;
    }
    let index = world.draw(count) as usize;
    let packet = world.wire.swap_remove_back(index);
    let packet = packet.expect("the index was drawn below the length");
    match world.draw(10) {
        0 => {}
        1 => {
            world.inject(packet.from, packet.to, packet.msg.clone());
            world.wire.push_back(packet);
        }
        _ => world.inject(packet.from, packet.to, packet.msg),
    }
}

/// Runs a random schedule.
fn run(seed: u64, voters: u8, mutations: Mutations) -> World {
    let knobs = (
        Knobs {
            snapshot_every: 6,
            ..Knobs::default()
        },
        PaxosKnobs {
            window: 4,
            log_tail: 2,
            ..PaxosKnobs::default()
        },
    );
    let mut world = World::with(voters, 1, knobs, mutations);
    world.dice = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let nodes = u64::from(voters) + 1;
    for step in 0..4_000 {
        let node = NodeId(1 + world.draw(nodes) as u8);
        match world.draw(40) {
            0..=1 => disturb(&mut world, node),
            2..=5 => world.propose(node, step),
            6 => {
                if world.is_up(node) {
                    world.barrier(node, step);
                }
            }
            _ => shuffle(&mut world),
        }
        if world.wire.len() > 400 {
            world.wire.clear();
        }
    }
    world
}

/// Stops disturbing and lets the servers finish.
fn calm_down(world: &mut World) {
    world.heal();
    let nodes: Vec<NodeId> = world.machines.keys().copied().collect();
    for node in &nodes {
        if world.is_up(*node) {
            world.release_disk(*node);
        } else {
            world.boot(*node);
        }
    }
    world.run_for(Span::secs(5));
}

#[test]
fn random_schedules_never_break_agreement_and_end_in_one_state() {
    let mut chosen = 0;
    let mut ballots = 0;
    let mut reached = 0;
    for seed in 1..=60 {
        let voters = 3 + (seed % 3) as u8;
        let mut world = run(seed, voters, Mutations::NONE);
        assert_eq!(world.violation, None, "seed {seed}");
        calm_down(&mut world);
        assert_eq!(world.violation, None, "seed {seed}");
        let nodes: Vec<NodeId> = world.machines.keys().copied().collect();
        let leader = nodes.iter().copied().find(|node| world.leads(*node));
        let leader = leader.expect("a calm ensemble has a leader");
        for node in nodes {
            let (own, all) = (world.prefix(node), world.prefix(leader));
            assert_eq!(own, all, "{node} of seed {seed}");
            let barriers = world.barriers(node).iter();
            let reached_here = barriers.filter(|(_, o)| *o == BarrierOutcome::Reached);
            reached += reached_here.count();
        }
        chosen += world.prefix(leader);
        ballots += world.promised(leader).round;
    }
    assert!(chosen > 1_000, "only {chosen} slots were chosen");
    assert!(reached > 500, "only {reached} barriers were reached");
    assert!(ballots > 200, "only {ballots} rounds were begun");
}

#[test]
fn random_schedules_find_what_is_planted() {
    use crate::mutation::Mutation;
    for mutation in [Mutation::P03, Mutation::P04, Mutation::P09] {
        let mutations = Mutations::NONE.with(mutation);
        let found = (1..=60).any(|seed| run(seed, 3, mutations).violation.is_some());
        assert!(found, "{mutation:?} was not found");
    }
}
