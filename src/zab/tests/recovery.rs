//! Crashes, disks, snapshots.

use super::disk::Loss;
use super::world::{World, node};
use crate::ids::Zxid;
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{DiskResult, Input, Knobs, Protocol, Role, Ticket};
use crate::zab::{Record, Zab, ZabKnobs, record};

fn small_knobs() -> (Knobs, ZabKnobs) {
    let knobs = Knobs {
        snapshot_every: 4,
        ..Knobs::default()
    };
    let own = ZabKnobs {
        committed_log_window: 3,
        ..ZabKnobs::default()
    };
    (knobs, own)
}

#[test]
fn every_crash_image_boots() {
    // Server 1 lags, rejoins by DIFF or SNAP, follows, and makes snapshots; after each operation
    // of its disk both images a crash could leave boot, and none has lost what a promise claimed.
    let mut images = 0;
    for missed in [0, 2, 6] {
        let mut world = World::new(3, 0, small_knobs(), Mutations::NONE);
        world.boot_all();
        let leader = world.run_until_all_serve();
        world.crash(node(1), Loss::Process);
        for _ in 0..missed {
            world.commit(leader);
        }
        world.boot(node(1));
        world.nodes.get_mut(&node(1)).expect("it runs").disk.held = true;
        let mut proposed = 0;
        for _ in 0..3_000 {
            world.advance();
            if proposed < 20 && world.leader() == Some(leader) {
                proposed += u32::from(world.draw(40) == 0);
                if world.draw(40) == 0 {
                    world.propose(leader);
                }
            }
            if world.disk_step(node(1)) {
                let disk = &world.node(node(1)).disk;
                for image in [&disk.written, &disk.durable] {
                    if let Err(refusal) = crate::zab::record::read(image) {
                        panic!("refused: {}", refusal.0);
                    }
                    images += 1;
                }
            }
        }
        assert!(world.serves(node(1)));
        assert!(!world.node(node(1)).disk.durable.snapshots.is_empty());
    }
    assert!(images > 200, "only {images} images");
}

#[test]
fn a_step_down_brings_the_logged_tail_into_memory() {
    // ZK-2845: a follower logs t, its leader dies; t may be committed, so its vote must cover t.
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    world.commit(leader);
    world.crash(node(1), Loss::Process);
    let tail = world.propose(leader);
    world.run_until("the other follower has it on disk", |world| {
        world.stored(node(2)).contains(&tail)
    });
    world.crash(leader, Loss::Process);
    world.boot(node(1));
    let next = world.run_until_all_serve();
    assert_eq!(next, node(2), "it has the longer history");
    assert!(
        world.chosen.iter().any(|(zxid, _)| *zxid == tail),
        "I_e is committed"
    );
}

#[test]
fn a_recovered_tail_is_applied_but_not_committed() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let first = world.commit(leader);
    world.crash(node(1), Loss::Power);
    world.boot(node(1));
    let server = world.node(node(1));
    assert_eq!(server.state.last().map(|(zxid, _)| *zxid), Some(first));
    assert_eq!(server.committed, Zxid::ZERO);
}

#[test]
fn snapshots_let_the_log_be_dropped_and_one_older_is_kept() {
    let mut world = World::new(3, 0, small_knobs(), Mutations::NONE);
    world.boot_all();
    let leader = world.run_until_all_serve();
    for _ in 0..30 {
        world.commit(leader);
    }
    for (id, server) in &world.nodes {
        let image = &server.disk.written;
        assert!(
            image.log.len() <= 10,
            "{id} keeps {} records",
            image.log.len()
        );
        assert_eq!(image.snapshots.len(), 2, "{id}");
        let persisted = Zab::persisted(image);
        assert_eq!(persisted.through, image.snapshots[1].zxid);
    }
    for number in 1..=3 {
        world.crash(node(number), Loss::Power);
    }
    // An unreadable newest snapshot is replaced by the older one and the log after it.
    world
        .nodes
        .get_mut(&node(1))
        .expect("known")
        .disk
        .written
        .snapshots
        .pop();
    world.boot_all();
    let leader = world.run_until_all_serve();
    world.commit(leader);
    assert_eq!(world.chosen.len(), 31);
    assert!(
        world
            .nodes
            .values()
            .all(|server| server.state == world.chosen)
    );
}

#[test]
fn a_failed_disk_operation_stops_the_server() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let ticket = Ticket(1);
    let result = DiskResult::Failed;
    world.step(leader, Input::Disk { ticket, result });
    assert_eq!(world.role(leader), Some(Role::Looking));
    world.run_until("the others go on", |world| world.leader().is_some());
    assert!(world.leader() != Some(leader));
}

/// Whether an observer that promised epoch 9 to a leader that never was joins one of epoch 1.
fn observer_joins(mutations: Mutations) -> bool {
    let mut world = World::new(3, 1, Default::default(), mutations);
    for voter in (1..=3).map(node) {
        world.boot(voter);
    }
    let leader = world.run_until_all_serve();
    let zxid = world.commit(leader);
    assert_eq!(zxid.epoch(), 1);
    let observer = node(4);
    let disk = &mut world.nodes.get_mut(&observer).expect("it has a disk").disk;
    for image in [&mut disk.written, &mut disk.durable] {
        let promise = Record::AcceptedEpoch(9);
        image.files.insert(record::ACCEPTED_EPOCH, Some(promise));
    }
    world.boot(observer);
    for _ in 0..5_000 {
        world.advance();
    }
    assert_eq!(world.leader(), Some(leader), "nobody was deposed for it");
    world.serves(observer)
}

#[test]
fn an_observer_is_not_locked_out_by_a_promise_that_nobody_counts() {
    assert!(observer_joins(Mutations::NONE));
    assert!(!observer_joins(Mutations::NONE.with(Mutation::N26)));
}

#[test]
fn a_record_whose_sync_failed_is_written_anew_before_it_counts() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    assert_eq!(leader, node(3));
    world.commit(leader);
    let before = world.stored(node(1));
    world.fail_sync(node(1));
    let doubtful = world.propose(leader);
    world.run_until("the sync fails", |world| world.is_halted(node(1)));
    assert_eq!(world.stored(node(1)), before, "{doubtful} is in doubt");
    world.crash(node(1), Loss::Process);
    world.boot(node(1));
    world.run_until_all_serve();
    assert!(world.stored(node(1)).contains(&doubtful));
    world.crash(node(1), Loss::Power);
    world.crash(node(2), Loss::Power);
    world.boot(node(1));
    world.run_until_all_serve();
    assert!(world.stored(node(1)).contains(&doubtful));
}
