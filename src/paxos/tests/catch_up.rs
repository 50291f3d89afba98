//! Servers that lag: learning chosen values, snapshots, and what a snapshot must not take away.

use super::*;
use crate::paxos::Value;
use crate::paxos::slot::end_of_slot;

/// Small enough that a few commands cause a snapshot.
fn knobs() -> (Knobs, PaxosKnobs) {
    let knobs = Knobs {
        snapshot_every: 5,
        ..Knobs::default()
    };
    let own = PaxosKnobs {
        log_tail: 2,
        ..PaxosKnobs::default()
    };
    (knobs, own)
}

fn propose_many(world: &mut World, node: NodeId, numbers: core::ops::Range<u64>) {
    for number in numbers {
        world.propose(node, number);
        world.settle();
    }
}

#[test]
fn a_server_that_missed_slots_learns_them_from_the_leader() {
    let mut world = World::new(3);
    world.elect(N1);
    world.isolate(N3);
    propose_many(&mut world, N1, 1..80);
    world.heal();
    world.run_for(Span::millis(50));
    assert_eq!(world.applied(N3), 80);
    assert!(
        world.server(N3).acceptor.vote(70).is_none(),
        "learning is not voting"
    );
    world.assert_safe();
}

#[test]
fn a_server_below_the_trim_point_is_sent_the_snapshot() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    world.isolate(N3);
    propose_many(&mut world, N1, 1..20);
    world.heal();
    world.fire(N1, Timer::Heartbeat);
    world.deliver(|p| matches!(p.msg, Msg::Heartbeat { .. }));
    world.deliver(|p| matches!(p.msg, Msg::LearnReq { .. }));
    assert_eq!(world.deliver(|p| matches!(p.msg, Msg::Snap { .. })), 1);
    world.run_for(Span::millis(100));
    assert_eq!(world.applied(N3), 20);
    world.assert_safe();
}

#[test]
fn snapshots_shorten_the_log_and_keep_what_is_above_them() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    propose_many(&mut world, N1, 1..30);
    for node in [N1, N2, N3] {
        let written = &world.machine(node).written;
        assert_eq!(written.snapshots.len(), 1);
        assert!(written.log.len() < 15, "{} records", written.log.len());
        let snapshot = slot_of(written.snapshots[0].zxid);
        let persisted = Paxos::persisted(written);
        assert_eq!(persisted.through, end_of_slot(snapshot));
        let entries = persisted.entries.iter();
        let above: Vec<u64> = entries.map(|(zxid, _)| slot_of(*zxid)).collect();
        assert_eq!(above, (snapshot + 1..=30).collect::<Vec<_>>());
    }
}

#[test]
fn a_restart_from_a_snapshot_keeps_the_promise_and_applies_nothing_above_it() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    propose_many(&mut world, N1, 1..12);
    let promised = world.promised(N2);
    world.crash(N2, Keep::Synced);
    world.boot(N2);
    assert_eq!(world.promised(N2), promised);
    let snapshot = slot_of(world.machine(N2).written.snapshots[0].zxid);
    assert_eq!(world.applied(N2), snapshot);
    assert_eq!(world.prefix(N2), snapshot);
    world.run_for(Span::millis(100));
    assert_eq!(world.applied(N2), 12);
    world.assert_safe();
}

#[test]
fn a_snapshot_keeps_votes_above_it() {
    let mut world = World::new(3);
    world.elect(N1);
    world.isolate(N3);
    propose_many(&mut world, N1, 1..10);
    world.heal();
    // n3 votes in slot 11, which n1 counts: chosen by n1 and n3. n3 lacks slots 2..10 meanwhile.
    world.cut.insert((N1, N2));
    world.propose(N1, 10);
    world.settle();
    assert_eq!(world.chosen_at(N1, 11), Some(command(10).digest()));
    let promised = world.promised(N3);
    let zxid = position(10, 0);
    let image = image();
    let snapshot = Snapshot { zxid, image };
    world.inject(
        N2,
        N3,
        Msg::Snap {
            snapshot,
            chosen: 10,
        },
    );
    assert_eq!(world.promised(N3), promised);
    world.crash(N3, Keep::Synced);
    world.wire.clear();
    world.boot(N3);
    assert_eq!(world.promised(N3), promised);
    let vote = world.server(N3).acceptor.vote(11).expect("it is kept");
    assert_eq!(vote.value, Value::of(vec![command(10)]));
    world.isolate(N1);
    world.elect(N2);
    assert_eq!(world.chosen_at(N2, 11), Some(command(10).digest()));
    world.assert_safe();
}

#[test]
fn a_candidate_that_lags_learns_what_is_chosen_before_it_leads() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    world.isolate(N3);
    propose_many(&mut world, N1, 1..23);
    world.heal();
    world.isolate(N1);
    world.elect(N3);
    assert_eq!(world.applied(N3), 23);
    propose_many(&mut world, N3, 50..52);
    assert_eq!(world.applied(N2), world.prefix(N3));
    world.assert_safe();
}

#[test]
fn the_log_is_dropped_only_behind_durable_copies() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    world.machine(N2).disk_held = true;
    propose_many(&mut world, N1, 1..8);
    let votes = world.server(N2).acceptor.votes_from(1);
    world.release_disk(N2);
    world.crash(N2, Keep::Synced);
    world.boot(N2);
    let promised = world.promised(N2);
    assert_eq!(promised, world.promised(N1));
    let snapshot = world.prefix(N2);
    for vote in votes.iter().filter(|vote| vote.slot > snapshot) {
        let kept = world.server(N2).acceptor.vote(vote.slot);
        assert_eq!(kept.expect("it was voted for").value, vote.value);
    }
}

#[test]
fn the_log_begins_anew_only_when_its_snapshot_is_durable() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    world.machine(N2).disk_held = true;
    propose_many(&mut world, N1, 1..8);
    let queued = |world: &World, wanted: fn(&DiskOp<Record>) -> bool| {
        let mut held = world.machines[&N2].held.iter();
        held.any(|effect| matches!(effect, Effect::Disk { op, .. } if wanted(op)))
    };
    assert!(queued(&world, |op| matches!(op, DiskOp::Save(_))));
    let head = |op: &DiskOp<Record>| matches!(op, DiskOp::Append(Record::Checkpoint { .. }));
    assert!(!queued(&world, head));
    world.release_disk(N2);
    let first = world.machine(N2).written.log.first();
    assert!(matches!(first, Some(Record::Checkpoint { .. })));
}

#[test]
fn a_log_that_outlived_its_snapshot_is_refused() {
    let mut world = World::with(3, 0, knobs(), Mutations::NONE);
    world.elect(N1);
    propose_many(&mut world, N1, 1..12);
    let machine = world.machine(N2);
    let mut damaged = machine.written.clone();
    damaged.snapshots.clear();
    let config = Paxos::configure(&machine.ensemble);
    let mut out = Outbox::new(N2);
    assert!(Paxos::recover(&config, LocalTime(1), &damaged, &mut out).is_err());
    let intact = &machine.written;
    assert!(Paxos::recover(&config, LocalTime(1), intact, &mut out).is_ok());
}

#[test]
fn a_server_whose_disk_failed_says_nothing_more() {
    let mut world = World::new(3);
    world.elect(N1);
    let ticket = crate::protocol::Ticket(u64::MAX);
    let result = DiskResult::Failed;
    world.step(N2, Input::Disk { ticket, result });
    world.propose(N1, 1);
    world.settle();
    assert_eq!(world.prefix(N1), 2, "n3 is enough");
    assert_eq!(world.server(N2).acceptor.vote(2), None);
    assert_eq!(world.server(N2).standing().role, Role::Looking);
}

#[test]
fn restarts_do_not_make_the_log_grow() {
    let mut world = World::new(3);
    world.elect(N1);
    propose_many(&mut world, N1, 1..6);
    let votes = world.server(N2).acceptor.votes_from(0);
    let promised = world.promised(N2);
    for _ in 0..10 {
        world.crash(N2, Keep::Synced);
        world.boot(N2);
        assert_eq!(world.machine(N2).written.log.len(), 1 + votes.len());
        assert_eq!(world.server(N2).acceptor.votes_from(0), votes);
        assert_eq!(world.promised(N2), promised);
    }
}
