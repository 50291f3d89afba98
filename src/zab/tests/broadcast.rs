//! Phase 3.

use super::disk::Loss;
use super::world::{World, node};
use crate::ids::{Span, Zxid};
use crate::protocol::{BarrierOutcome, BarrierToken, Fact, Input, Protocol};

#[test]
fn a_follower_acks_only_after_fsync() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    for server in world.nodes.values_mut() {
        server.disk.held = true;
    }
    let zxid = world.propose(leader);
    let before = world.delivered.len();
    world.run_for(Span::millis(100));
    let acks = |world: &World| {
        let new = world.delivered[before..].iter();
        new.filter(|(_, _, kind)| *kind == "ACK").count()
    };
    assert_eq!(acks(&world), 0, "nobody has it on disk, the leader neither");
    assert!(world.chosen.is_empty());
    // One follower's disk is enough, together with the leader's.
    for id in [node(1), leader] {
        assert!(!world.stored(id).contains(&zxid));
        while world.disk_step(id) {}
        assert!(
            world.stored(id).contains(&zxid),
            "durable before the ack arrives"
        );
    }
    world.run_until("it is committed", |world| world.chosen.len() == 1);
    assert_eq!(acks(&world), 2);
}

#[test]
fn a_transaction_can_be_committed_before_the_leader_has_it_on_disk() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    world.nodes.get_mut(&leader).expect("it runs").disk.held = true;
    let zxid = world.commit(leader);
    assert!(
        !world.stored(leader).contains(&zxid),
        "its own ack is one of three (6)"
    );
}

#[test]
fn commits_are_in_zxid_order() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let zxids: Vec<Zxid> = (0..30).map(|_| world.propose(leader)).collect();
    let last = zxids[29];
    world.run_until("all are committed", |world| {
        world.nodes.values().all(|server| server.committed == last)
    });
    for server in world.nodes.values() {
        let applied: Vec<Zxid> = server.state.iter().map(|(zxid, _)| *zxid).collect();
        assert_eq!(applied, zxids);
    }
}

#[test]
fn a_deposed_leader_cannot_commit() {
    let mut world = World::three();
    let old = world.run_until_all_serve();
    world.commit(old);
    world.isolate(old);
    let lost = world.propose(old);
    world.run_until("the others have a leader", |world| {
        world.leader().is_some_and(|leader| leader != old)
    });
    let new = world.leader().expect("just seen");
    world.propose(new);
    world.heal();
    let leader = world.run_until_all_serve();
    world.commit(leader);
    for (id, server) in &world.nodes {
        let has = server.state.iter().any(|(zxid, _)| *zxid == lost);
        assert!(!has, "{id} has {lost} of the deposed leader");
        assert!(!world.stored(*id).contains(&lost));
    }
}

#[test]
fn a_barrier_is_answered_behind_what_was_proposed_before_it() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let token = BarrierToken(7);
    for asker in [node(1), leader] {
        let zxid = world.propose(leader);
        world.step(asker, Input::Barrier(token));
        world.run_until("the barrier is answered", |world| {
            !world.node(asker).barriers.is_empty()
        });
        let server = world.node(asker);
        assert_eq!(server.barriers, [(token, BarrierOutcome::Reached)]);
        assert!(
            server.committed >= zxid,
            "{asker} handed {zxid} over before"
        );
    }
}

#[test]
fn a_barrier_without_a_leader_fails() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let token = BarrierToken(1);
    world.isolate(node(1));
    world.run_until("the isolated follower looks", |world| {
        !world.serves(node(1))
    });
    world.step(node(1), Input::Barrier(token));
    assert_eq!(
        world.node(node(1)).barriers,
        [(token, BarrierOutcome::Failed)]
    );
    // One that is on its way when the leader vanishes fails, too.
    world.step(node(2), Input::Barrier(token));
    world.crash(leader, Loss::Process);
    world.run_until("it is told so", |world| {
        !world.node(node(2)).barriers.is_empty()
    });
    assert_eq!(
        world.node(node(2)).barriers,
        [(token, BarrierOutcome::Failed)]
    );
}

#[test]
fn proposals_beyond_the_limit_are_not_welcome() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    for server in world.nodes.values_mut() {
        server.disk.held = true;
    }
    for _ in 0..1_000 {
        world.propose(leader);
    }
    let zab = world.node(leader).zab.as_ref().expect("it runs");
    assert!(!zab.standing().can_propose);
}

#[test]
fn every_commit_was_voted_for_by_a_quorum() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let zxid = world.commit(leader);
    world.run_for(Span::millis(50));
    let voters = world
        .facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::Voted { zxid: z, .. } if *z == zxid))
        .count();
    assert_eq!(voters, 3);
}
