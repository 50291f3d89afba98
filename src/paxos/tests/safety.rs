//! What may never happen: two values in a slot, forgotten promises, skipped slots.

use super::*;
use crate::mutation::Mutation;

fn is_accept(packet: &Packet) -> bool {
    matches!(packet.msg, Msg::Accept(_))
}

/// The voted value of a slot at a server (of its first position), whatever the ballot.
fn vote(world: &World, node: NodeId, slot: u64) -> Option<u64> {
    let vote = world.server(node).acceptor.vote(slot)?;
    vote.value.digests(slot).next().map(|(_, digest)| digest)
}

fn planted(mutation: Mutation) -> World {
    let mutations = Mutations::NONE.with(mutation);
    World::with(3, 0, Default::default(), mutations)
}

#[test]
fn a_command_proposed_by_an_elected_leader_is_chosen_and_applied_everywhere() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 7);
    world.settle();
    for node in [N1, N2, N3] {
        assert_eq!(world.chosen_at(node, 2), Some(command(7).digest()));
        assert_eq!(world.applied(node), 2);
    }
    world.assert_safe();
}

#[test]
fn a_delayed_accept_below_the_promise_is_refused() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    let delayed = world.wire.iter().position(|p| is_accept(p) && p.to == N3);
    let delayed = world.wire.remove(delayed.expect("it was proposed to n3"));
    let delayed = delayed.expect("it is there");
    world.isolate(N1);
    world.elect(N2);
    world.heal();
    world.inject(N1, N3, delayed.msg);
    assert_ne!(vote(&world, N3, 2), Some(command(1).digest()));
    let refusal = |p: &Packet| matches!(p.msg, Msg::Nack { .. }) && p.to == N1;
    assert_eq!(world.deliver(refusal), 1);
    world.assert_safe();
}

/// n1 is deposed by n2 while its Accept to n3 is under way; then that Accept arrives.
fn deliver_an_accept_of_a_deposed_leader(world: &mut World) {
    world.elect(N1);
    world.propose(N1, 1);
    let old: Vec<Packet> = core::mem::take(&mut world.wire).into_iter().collect();
    assert_eq!(old.iter().filter(|p| is_accept(p)).count(), 2);
    world.isolate(N1);
    world.elect(N2);
    world.propose(N2, 2);
    world.settle();
    world.heal();
    for packet in old.into_iter().filter(|p| p.to == N3) {
        world.inject(packet.from, packet.to, packet.msg);
    }
    world.settle();
}

#[test]
fn planted_p03_lets_a_deposed_leader_undo_what_its_successor_was_told() {
    let mut correct = World::new(3);
    deliver_an_accept_of_a_deposed_leader(&mut correct);
    correct.assert_safe();
    assert_eq!(vote(&correct, N3, 2), Some(0));

    // n3 knows slot 2 to be chosen, but what it voted there is another matter after a restart.
    let mut wrong = planted(Mutation::P03);
    deliver_an_accept_of_a_deposed_leader(&mut wrong);
    assert_eq!(vote(&wrong, N3, 2), Some(command(1).digest()));
    assert!(wrong.violation.is_some(), "n1 counts the vote of n3");
}

/// n1's command reaches n2 (so it is chosen, unknown to anybody), then n3 is elected with n2.
fn elect_over_a_chosen_value(world: &mut World) {
    world.elect(N1);
    world.propose(N1, 1);
    world.deliver(|p| is_accept(p) && p.to == N2);
    world.isolate(N1);
    world.elect(N3);
}

#[test]
fn a_new_leader_proposes_the_highest_ballot_value() {
    let mut world = World::new(3);
    elect_over_a_chosen_value(&mut world);
    assert_eq!(world.chosen_at(N3, 2), Some(command(1).digest()));
    world.assert_safe();
}

#[test]
fn planted_p04_proposes_its_own_value_over_the_highest() {
    for (mutations, safe) in [
        (Mutations::NONE, true),
        (Mutations::NONE.with(Mutation::P04), false),
    ] {
        let mut world = World::with(3, 0, Default::default(), mutations);
        world.elect(N1);
        world.propose(N1, 1);
        world.deliver(|p| is_accept(p) && p.to == N2);
        world.deliver(|p| p.to == N1);
        assert_eq!(world.chosen_at(N1, 2), Some(command(1).digest()));
        world.isolate(N1);
        world.elect(N3);
        assert_eq!(world.violation.is_none(), safe);
    }
}

#[test]
fn of_two_failed_ballots_the_higher_one_binds_in_whatever_order_they_are_reported() {
    for order in [[N1, N2], [N2, N1]] {
        let mut world = World::new(5);
        world.elect(N1);
        world.propose(N1, 1);
        world.propose(N1, 11);
        world.isolate(N1);
        // n2 proposes a no-op in slot 2 and a command in slot 3, and keeps both to itself.
        world.elect_quietly(N2);
        world.propose(N2, 2);
        world.wire.clear();
        world.heal();
        for deposed in [N1, N2] {
            world.crash(deposed, Keep::Synced);
            world.boot(deposed);
        }
        world.isolate(NodeId(4));
        world.isolate(NodeId(5));
        world.wait_silently();
        world.fire(N3, Timer::Election);
        world.deliver(|p| matches!(p.msg, Msg::PreVote { .. }));
        world.deliver(|p| matches!(p.msg, Msg::PreVoteReply { .. }));
        world.deliver(|p| matches!(p.msg, Msg::Prepare { .. }));
        for reporter in order {
            let promise = |p: &Packet| matches!(p.msg, Msg::Promise(_)) && p.from == reporter;
            assert_eq!(world.deliver(promise), 1);
        }
        world.settle();
        assert!(world.leads(N3));
        assert_eq!(world.chosen_at(N3, 2), Some(0));
        assert_eq!(world.chosen_at(N3, 3), Some(command(2).digest()));
        world.assert_safe();
    }
}

#[test]
fn gaps_are_filled_with_no_ops() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.propose(N1, 2);
    let second = |p: &Packet| matches!(&p.msg, Msg::Accept(a) if a.slot == 3) && p.to == N2;
    assert_eq!(world.deliver(second), 1);
    world.isolate(N1);
    world.elect(N3);
    assert_eq!(world.chosen_at(N3, 2), Some(0));
    assert_eq!(world.chosen_at(N3, 3), Some(command(2).digest()));
    assert_eq!(world.applied(N3), 3);
    world.assert_safe();
}

#[test]
fn a_slot_is_applied_only_after_every_earlier_one() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.propose(N1, 2);
    world.deliver(|p| matches!(&p.msg, Msg::Accept(a) if a.slot == 3));
    world.deliver(|p| p.to == N1);
    assert_eq!(world.chosen_at(N1, 3), Some(command(2).digest()));
    assert_eq!(world.applied(N1), 0);
    world.settle();
    assert_eq!(world.applied(N1), 3);
    world.assert_safe();
}

#[test]
fn a_ballot_is_never_reused_after_a_restart() {
    for keep in [Keep::Written, Keep::Synced] {
        let mut world = World::new(3);
        world.elect(N1);
        let first = world.promised(N1);
        world.crash(N1, keep);
        world.boot(N1);
        world.elect(N1);
        assert!(world.promised(N1) > first);
    }
}

#[test]
fn no_prepare_leaves_before_its_ballot_is_durable() {
    let mut world = World::new(3);
    world.machine(N1).disk_held = true;
    world.wait_silently();
    world.fire(N1, Timer::Election);
    world.settle();
    let prepares = |world: &World| {
        let prepares = world.wire.iter();
        prepares
            .filter(|p| matches!(p.msg, Msg::Prepare { .. }))
            .count()
    };
    world.fire(N1, Timer::Retransmit);
    assert_eq!(prepares(&world), 0);
    world.release_disk(N1);
    assert!(prepares(&world) >= 2);
}

#[test]
fn votes_survive_power_loss() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.deliver(|p| is_accept(p) && p.to == N2);
    for node in [N1, N2, N3] {
        world.crash(node, Keep::Synced);
    }
    world.wire.clear();
    world.boot(N2);
    world.boot(N3);
    assert_eq!(world.applied(N2), 0, "votes are not decisions");
    world.elect(N3);
    assert_eq!(world.chosen_at(N3, 2), Some(command(1).digest()));
    world.assert_safe();
}

#[test]
fn a_vote_that_is_not_durable_is_not_told() {
    let mut world = World::new(3);
    world.elect(N1);
    world.machine(N2).disk_held = true;
    world.propose(N1, 1);
    world.deliver(|p| is_accept(p) && p.to == N2);
    // A repeated Accept must not be answered any sooner.
    world.now = world.now.after(Span::millis(40));
    world.fire(N1, Timer::Retransmit);
    world.deliver(|p| is_accept(p) && p.to == N2);
    let told = |p: &Packet| matches!(p.msg, Msg::Accepted { .. }) && p.from == N2;
    assert_eq!(world.wire.iter().filter(|p| told(p)).count(), 0);
    world.release_disk(N2);
    assert_eq!(world.wire.iter().filter(|p| told(p)).count(), 2);
}

#[test]
fn a_vote_that_a_dead_process_wrote_is_made_durable_before_it_is_told() {
    let mut world = World::new(3);
    world.elect(N1);
    world.machine(N2).disk_held = true;
    world.propose(N1, 1);
    world.deliver(|p| is_accept(p) && p.to == N2);
    world.release_one(N2);
    world.crash(N2, Keep::Written);
    world.boot(N2);
    world.now = world.now.after(Span::millis(40));
    world.fire(N1, Timer::Retransmit);
    world.deliver(|p| is_accept(p) && p.to == N2);
    let told = |p: &Packet| matches!(p.msg, Msg::Accepted { .. }) && p.from == N2;
    assert_eq!(world.wire.iter().filter(|p| told(p)).count(), 1);
    world.crash(N2, Keep::Synced);
    world.boot(N2);
    assert_eq!(vote(&world, N2, 2), Some(command(1).digest()));
}

#[test]
fn a_promise_lists_votes_that_are_still_queued_for_the_disk() {
    let mut world = World::new(3);
    world.elect(N1);
    world.machine(N2).disk_held = true;
    world.propose(N1, 1);
    world.deliver(|p| is_accept(p) && p.to == N2);
    world.isolate(N1);
    world.wait_silently();
    world.fire(N3, Timer::Election);
    world.settle();
    assert!(!world.leads(N3), "the promise waits for the vote");
    world.release_disk(N2);
    world.settle();
    assert_eq!(world.chosen_at(N3, 2), Some(command(1).digest()));
    world.assert_safe();
}

#[test]
fn a_deposed_leader_cannot_get_a_value_chosen() {
    let mut world = World::new(3);
    world.elect(N1);
    world.isolate(N1);
    world.elect(N2);
    world.heal();
    assert!(world.leads(N1), "it has not noticed");
    world.propose(N1, 9);
    world.settle();
    assert!(!world.leads(N1));
    let lost = command(9).digest();
    assert!(world.chosen.values().all(|value| *value != lost));
    world.assert_safe();
}

#[test]
fn a_commit_of_another_ballot_is_not_taken() {
    let mut world = World::new(3);
    world.elect(N1);
    world.isolate(N1);
    world.propose(N1, 1);
    assert_eq!(vote(&world, N1, 2), Some(command(1).digest()));
    world.elect(N2);
    world.propose(N2, 2);
    world.settle();
    // The deposed leader learns the new ballot by an Accept for a later slot, which says that slot
    // 2, where it holds a vote of its own, is chosen.
    world.heal();
    world.propose(N2, 3);
    let later = |p: &Packet| is_accept(p) && p.to == N1;
    assert_eq!(world.deliver(later), 1);
    assert_eq!(world.promised(N1), world.promised(N2));
    assert_eq!(world.chosen_at(N1, 2), None);
    world.run_for(Span::millis(100));
    assert_eq!(world.chosen_at(N1, 2), Some(0), "the no-op of n2");
    assert_eq!(world.prefix(N1), world.prefix(N2));
    world.assert_safe();
}

#[test]
fn a_vote_that_arrives_behind_its_commit_notice_is_taken() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.deliver(|p| is_accept(p) && p.to == N2);
    world.deliver(|p| p.from == N2);
    world.deliver(|p| p.to == N3 && matches!(p.msg, Msg::Commit { .. }));
    assert_eq!(world.prefix(N3), 1);
    world.deliver(|p| p.to == N3);
    assert_eq!(world.prefix(N3), 2);
}

#[test]
fn duplicates_count_once() {
    let mut world = World::new(5);
    world.elect(N1);
    let ballot = world.promised(N1);
    world.propose(N1, 1);
    let slot = 2;
    for _ in 0..5 {
        world.inject(N2, N1, Msg::Accepted { ballot, slot });
    }
    assert_eq!(world.chosen_at(N1, slot), None);
    world.inject(N3, N1, Msg::Accepted { ballot, slot });
    assert_eq!(world.chosen_at(N1, slot), Some(command(1).digest()));
}

#[test]
fn a_promise_of_an_abandoned_ballot_is_not_counted() {
    let mut world = World::new(3);
    world.wait_silently();
    world.fire(N1, Timer::Election);
    world.deliver(|p| matches!(p.msg, Msg::PreVote { .. }));
    world.deliver(|p| matches!(p.msg, Msg::PreVoteReply { .. }));
    world.deliver(|p| matches!(p.msg, Msg::Prepare { .. }) && p.to == N2);
    let late: Vec<Packet> = core::mem::take(&mut world.wire).into_iter().collect();
    // The first ballot is given up; the second one is prepared, and nobody answers it.
    world.fire(N1, Timer::Election);
    world.deliver(|p| matches!(p.msg, Msg::PreVote { .. }));
    world.deliver(|p| matches!(p.msg, Msg::PreVoteReply { .. }));
    world.wire.clear();
    let promises = late
        .into_iter()
        .filter(|p| matches!(p.msg, Msg::Promise(_)));
    for packet in promises {
        world.inject(packet.from, packet.to, packet.msg);
    }
    assert!(!world.leads(N1));
}
