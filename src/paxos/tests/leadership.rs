//! Who leads, for how long, and what a leader may answer.

use super::*;
use crate::mutation::Mutation;
use crate::paxos::{Proposal, Value};

fn is_heartbeat(packet: &Packet) -> bool {
    matches!(packet.msg, Msg::Heartbeat { .. })
}

fn is_ack(packet: &Packet) -> bool {
    matches!(packet.msg, Msg::HeartbeatAck { .. })
}

fn reached(token: u64) -> (BarrierToken, BarrierOutcome) {
    (BarrierToken(token), BarrierOutcome::Reached)
}

fn failed(token: u64) -> (BarrierToken, BarrierOutcome) {
    (BarrierToken(token), BarrierOutcome::Failed)
}

#[test]
fn servers_left_alone_elect_one_leader_and_keep_it() {
    for voters in 1..=5 {
        let mut world = World::new(voters);
        world.run_for(Span::secs(2));
        let leaders: Vec<NodeId> = (1..=voters)
            .map(NodeId)
            .filter(|n| world.leads(*n))
            .collect();
        assert_eq!(leaders.len(), 1, "of {voters}: {leaders:?}");
        let ballot = world.promised(leaders[0]);
        world.run_for(Span::secs(2));
        assert_eq!(world.promised(leaders[0]), ballot);
        for node in (1..=voters).map(NodeId) {
            let standing = world.server(node).standing();
            assert_eq!(standing.leader, Some(leaders[0]));
            assert_eq!(standing.epoch, ballot.epoch());
            assert!(standing.serve_from.is_some());
        }
    }
}

#[test]
fn a_leader_that_dies_is_replaced() {
    let mut world = World::new(3);
    world.elect(N1);
    world.crash(N1, Keep::Synced);
    world.run_for(Span::secs(1));
    assert!(world.leads(N2) || world.leads(N3));
    world.boot(N1);
    world.run_for(Span::secs(1));
    assert_eq!(world.server(N1).standing().role, Role::Following);
    assert_eq!(world.prefix(N1), world.prefix(N2));
    world.assert_safe();
}

#[test]
fn pre_vote_keeps_a_partitioned_server_from_raising_rounds() {
    let mut world = World::new(3);
    world.elect(N1);
    let ballot = world.promised(N1);
    world.isolate(N3);
    world.run_for(Span::secs(3));
    assert_eq!(world.server(N3).standing().role, Role::Looking);
    assert_eq!(world.promised(N3), ballot);
    world.heal();
    world.run_for(Span::secs(1));
    assert!(world.leads(N1));
    assert_eq!(world.promised(N1), ballot);
}

#[test]
fn a_server_that_hears_a_leader_refuses_a_pre_vote() {
    let mut world = World::new(3);
    world.elect(N1);
    let ballot = Ballot {
        round: 99,
        owner: N3,
    };
    world.inject(N3, N2, Msg::PreVote { ballot });
    let refused = |p: &Packet| matches!(p.msg, Msg::PreVoteReply { granted: false, .. });
    assert_eq!(world.deliver(refused), 1);
    world.wait_silently();
    world.inject(N3, N2, Msg::PreVote { ballot });
    let granted = |p: &Packet| matches!(p.msg, Msg::PreVoteReply { granted: true, .. });
    assert_eq!(world.deliver(granted), 1);
    assert!(world.promised(N2) < ballot, "a pre-vote is not a promise");
}

#[test]
fn a_leader_without_a_quorum_resigns() {
    let mut world = World::new(3);
    world.elect(N1);
    world.isolate(N1);
    world.run_for(Span::millis(190));
    assert!(world.leads(N1));
    world.run_for(Span::millis(60));
    assert!(!world.leads(N1));
    assert_eq!(world.server(N1).standing().uplink, None);
    assert!(!world.server(N1).standing().can_propose);
}

#[test]
fn a_refused_candidate_backs_off_and_does_not_prepare_at_once() {
    let mut world = World::new(3);
    world.wait_silently();
    world.fire(N1, Timer::Election);
    world.deliver(|p| matches!(p.msg, Msg::PreVote { .. }));
    world.deliver(|p| matches!(p.msg, Msg::PreVoteReply { .. }));
    let ballot = world.promised(N1);
    world.wire.clear();
    let promised = Ballot {
        round: 5,
        owner: N2,
    };
    world.inject(N2, N1, Msg::Nack { ballot, promised });
    assert!(world.wire.is_empty());
    let wait = world.machines[&N1].timers[&Timer::Election].since(world.now);
    assert!(wait <= PaxosKnobs::default().election_timeout, "{wait}");
    world.fire(N1, Timer::Election);
    let next = world.wire.pop_front().expect("it asks again");
    assert!(matches!(next.msg, Msg::PreVote { ballot } if ballot > promised));
}

#[test]
fn the_window_holds() {
    let knobs = (
        Knobs::default(),
        PaxosKnobs {
            window: 3,
            batch_max: 1,
            ..PaxosKnobs::default()
        },
    );
    let mut world = World::with(3, 0, knobs, Mutations::NONE);
    world.elect(N1);
    for number in 1..=10 {
        world.propose(N1, number);
    }
    let highest = |world: &World| {
        let slots = world.wire.iter().filter_map(|packet| {
            let Msg::Accept(proposal) = &packet.msg else {
                return None;
            };
            Some(proposal.slot)
        });
        slots.max()
    };
    assert_eq!(highest(&world), Some(4), "the prefix is 1");
    while !world.wire.is_empty() {
        world.deliver_first();
        let highest = highest(&world).unwrap_or(0);
        assert!(highest <= world.prefix(N1) + 3);
    }
    assert_eq!(world.applied(N2), 11);
    world.assert_safe();
}

#[test]
fn commands_that_wait_for_the_window_share_a_slot_and_are_applied_in_order() {
    let own = PaxosKnobs {
        window: 2,
        batch_max: 3,
        ..PaxosKnobs::default()
    };
    let mut world = World::with(3, 0, (Knobs::default(), own), Mutations::NONE);
    world.elect(N1);
    for number in 1..=7 {
        world.propose(N1, number);
    }
    world.settle();
    // Slot 1 is the no-op, 2 and 3 went at once; the other five waited.
    assert_eq!(world.applied(N2), 5);
    let vote = world.server(N3).acceptor.vote(4).expect("it has voted");
    let waited = [3, 4, 5].map(command).to_vec();
    assert_eq!(vote.value, Value::of(waited));
    world.assert_safe();
}

#[test]
fn a_full_queue_turns_commands_away() {
    let knobs = (
        Knobs {
            outstanding_max: 4,
            ..Knobs::default()
        },
        PaxosKnobs {
            window: 2,
            batch_max: 1,
            ..PaxosKnobs::default()
        },
    );
    let mut world = World::with(3, 0, knobs, Mutations::NONE);
    world.elect(N1);
    for number in 1..=4 {
        assert!(world.server(N1).standing().can_propose);
        world.propose(N1, number);
    }
    assert!(!world.server(N1).standing().can_propose);
    world.propose(N1, 5);
    world.settle();
    assert_eq!(world.applied(N3), 5, "slot 1 is the no-op");
    assert!(world.server(N1).standing().can_propose);
}

#[test]
fn lost_accepts_are_sent_again() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.wire.clear();
    world.now = world.now.after(Span::millis(40));
    world.fire(N1, Timer::Retransmit);
    world.settle();
    assert_eq!(world.chosen_at(N1, 2), Some(command(1).digest()));
}

#[test]
fn a_read_index_needs_a_quorum_round() {
    let mut world = World::new(3);
    world.elect(N1);
    world.barrier(N1, 1);
    assert_eq!(world.barriers(N1), &[]);
    world.deliver(is_heartbeat);
    world.deliver(is_ack);
    assert_eq!(world.barriers(N1), &[reached(1)]);
}

#[test]
fn a_read_index_never_joins_a_running_round() {
    let mut world = World::new(3);
    world.elect(N1);
    world.fire(N1, Timer::Heartbeat);
    world.deliver(is_heartbeat);
    // These acknowledgements left before the question: they may not answer it.
    world.barrier(N1, 1);
    world.deliver(is_ack);
    assert_eq!(world.barriers(N1), &[]);
    world.settle();
    assert_eq!(world.barriers(N1), &[reached(1)]);
}

/// n1 is deposed without noticing, a write completes behind its back, and it is asked for a
/// barrier.
fn ask_a_deposed_leader(mutations: Mutations) -> World {
    let mut world = World::with(3, 0, Default::default(), mutations);
    world.elect(N1);
    world.isolate(N1);
    world.elect(N2);
    world.propose(N2, 1);
    world.settle();
    assert!(world.leads(N1));
    assert!(world.prefix(N2) > world.prefix(N1));
    world.barrier(N1, 1);
    world
}

#[test]
fn a_deposed_leader_answers_no_barrier() {
    let mut world = ask_a_deposed_leader(Mutations::NONE);
    assert_eq!(world.barriers(N1), &[]);
    world.heal();
    world.now = world.now.after(Span::millis(1));
    world
        .machine(N1)
        .timers
        .insert(Timer::Heartbeat, LocalTime(0));
    world.run_for(Span::secs(1));
    assert_eq!(world.barriers(N1), &[failed(1)]);
}

#[test]
fn planted_p09_answers_a_barrier_from_a_deposed_leaders_own_state() {
    let world = ask_a_deposed_leader(Mutations::NONE.with(Mutation::P09));
    assert_eq!(world.barriers(N1), &[reached(1)]);
    assert!(world.violation.is_some(), "a write completed before it");
}

#[test]
fn a_barrier_at_a_follower_waits_until_its_own_state_is_as_new_as_the_answer() {
    let mut world = World::new(3);
    world.elect(N1);
    world.cut.insert((N1, N3));
    world.propose(N1, 1);
    world.settle();
    world.heal();
    assert_eq!(world.prefix(N1), 2);
    assert_eq!(world.prefix(N3), 1);
    world.barrier(N3, 1);
    world.deliver(|p| matches!(p.msg, Msg::ReadIndex { .. }));
    world.deliver(|p| p.to == N2 && is_heartbeat(p));
    world.lose(|p| p.to == N3);
    world.settle();
    assert_eq!(world.barriers(N3), &[]);
    world.run_for(Span::millis(100));
    assert_eq!(world.barriers(N3), &[reached(1)]);
    assert_eq!(world.applied(N3), 2);
}

#[test]
fn an_answer_to_an_earlier_incarnations_barrier_is_not_taken() {
    let mut world = World::new(3);
    world.elect(N1);
    world.barrier(N3, 1);
    world.deliver(|p| matches!(p.msg, Msg::ReadIndex { .. }));
    world.deliver(is_heartbeat);
    world.deliver(is_ack);
    world.crash(N3, Keep::Synced);
    world.now = world.now.after(Span::millis(5));
    world.boot(N3);
    world.fire(N1, Timer::Heartbeat);
    world.deliver(is_heartbeat);
    world.barrier(N3, 1);
    let reply = |p: &Packet| matches!(p.msg, Msg::ReadIndexReply { .. });
    assert_eq!(world.deliver(reply), 1);
    assert_eq!(world.prefix(N3), 1, "as far as the old answer says");
    assert_eq!(world.barriers(N3), &[]);
    world.settle();
    assert_eq!(world.barriers(N3), &[reached(1)]);
}

#[test]
fn a_barrier_without_a_leader_fails_at_once() {
    let mut world = World::new(3);
    world.barrier(N2, 7);
    assert_eq!(world.barriers(N2), &[failed(7)]);
}

#[test]
fn an_unanswered_barrier_fails_after_a_while() {
    let mut world = World::new(3);
    world.elect(N1);
    world.cut.insert((N2, N1));
    world.barrier(N2, 7);
    world.run_for(Span::millis(300));
    assert_eq!(world.barriers(N2), &[failed(7)]);
}

#[test]
fn a_leader_reads_nothing_before_what_it_took_over_is_chosen() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.deliver(|p| matches!(p.msg, Msg::Accept(_)) && p.to == N2);
    world.deliver(|p| p.to == N1 && p.from == N2);
    assert_eq!(world.prefix(N1), 2);
    world.isolate(N1);
    world.elect_quietly(N3);
    world.barrier(N3, 1);
    world.deliver(is_heartbeat);
    world.deliver(is_ack);
    world.deliver(is_heartbeat);
    world.deliver(is_ack);
    assert_eq!(
        world.barriers(N3),
        &[],
        "slot 2 is chosen, but n3 does not know"
    );
    world.settle();
    assert_eq!(world.barriers(N3), &[reached(1)]);
    assert_eq!(world.applied(N3), 2);
}

#[test]
fn observers_are_never_counted_and_never_candidates() {
    let mut world = World::with(2, 2, Default::default(), Mutations::NONE);
    let (o3, o4) = (N3, NodeId(4));
    world.elect(N1);
    world.crash(N2, Keep::Synced);
    let ballot = world.promised(N1);
    world.propose(N1, 1);
    for observer in [o3, o4] {
        world.inject(observer, N1, Msg::Accepted { ballot, slot: 2 });
    }
    assert_eq!(world.chosen_at(N1, 2), None);
    world.crash(N1, Keep::Synced);
    world.run_for(Span::secs(1));
    assert_eq!(world.server(o3).standing().role, Role::Looking);
    assert_eq!(world.promised(o3), Ballot::NONE);
}

#[test]
fn observers_neither_promise_nor_vote() {
    let mut world = World::with(3, 1, Default::default(), Mutations::NONE);
    let observer = NodeId(4);
    let ballot = Ballot {
        round: 1,
        owner: N1,
    };
    world.inject(N1, observer, Msg::PreVote { ballot });
    world.inject(N1, observer, Msg::Prepare { ballot, first: 1 });
    let proposal = Proposal {
        ballot,
        slot: 1,
        value: Value::Noop,
        base: 0,
        commit: 0,
    };
    world.inject(N1, observer, Msg::Accept(proposal));
    assert!(world.wire.is_empty());
    assert!(world.machine(observer).written.log.is_empty());
}

#[test]
fn observers_learn_and_apply_and_have_barriers() {
    let mut world = World::with(3, 1, Default::default(), Mutations::NONE);
    let observer = NodeId(4);
    world.elect(N1);
    world.propose(N1, 1);
    world.settle();
    assert_eq!(world.applied(observer), 2);
    assert_eq!(world.server(observer).standing().role, Role::Observing);
    world.barrier(observer, 1);
    world.settle();
    assert_eq!(world.barriers(observer), &[reached(1)]);
    world.assert_safe();
}
