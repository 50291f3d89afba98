//! Leaders that are superseded without noticing, and what they may say of what they learn then.

use super::*;
use crate::mutation::Mutation;
use crate::paxos::Value;

const N4: NodeId = NodeId(4);
const N5: NodeId = NodeId(5);

/// n1 proposes commands in slots 2 and 3, and n2 alone votes for them; then the three others elect
/// n4, which has a no-op chosen in slot 2 and a command in slot 3. n1 goes on to lead.
fn split_brain(mutations: Mutations) -> World {
    let mut world = World::with(5, 0, Default::default(), mutations);
    world.elect(N1);
    for near in [N1, N2] {
        for far in [N3, N4, N5] {
            world.cut.insert((near, far));
            world.cut.insert((far, near));
        }
    }
    world.propose(N1, 1);
    world.propose(N1, 2);
    world.settle();
    world.elect(N4);
    world.propose(N4, 3);
    world.settle();
    assert_eq!((world.prefix(N1), world.prefix(N4)), (1, 3));
    assert!(world.leads(N1), "it has not noticed");
    world
}

/// An old question of n1's arrives at n3 at last.
fn answer_an_old_question(world: &mut World) {
    world.cut.remove(&(N3, N1));
    world.inject(N1, N3, Msg::LearnReq { first: 2 });
    assert_eq!(world.deliver(|p| matches!(p.msg, Msg::Learn { .. })), 1);
}

#[test]
fn a_leader_that_learns_another_value_than_its_own_steps_down() {
    let mut world = split_brain(Mutations::NONE);
    answer_an_old_question(&mut world);
    assert!(!world.leads(N1));
    assert_eq!(
        world.prefix(N1),
        3,
        "what it learned is chosen all the same"
    );
    world.settle();
    assert_eq!(world.chosen_at(N2, 2), None, "its own vote there has lost");
    world.assert_safe();
}

#[test]
fn planted_n01_announces_what_another_ballot_chose() {
    let mut world = split_brain(Mutations::NONE.with(Mutation::N01));
    answer_an_old_question(&mut world);
    assert!(world.leads(N1));
    world.settle();
    assert_eq!(world.chosen_at(N2, 2), Some(command(1).digest()));
    assert!(world.violation.is_some());
}

/// The base and the commit index of a commit notice that is under way.
fn announced(world: &World) -> Option<(u64, u64)> {
    let mut notices = world.wire.iter().filter_map(|packet| {
        let Msg::Commit(notice) = packet.msg else {
            return None;
        };
        Some((notice.base, notice.commit))
    });
    notices.next()
}

/// A Learn of one value arrives.
fn teach(world: &mut World, from: NodeId, to: NodeId, slot: u64, number: u64) {
    let learn = Msg::Learn {
        first: slot,
        values: vec![Value::of(vec![command(number)])],
        chosen: slot,
    };
    world.inject(from, to, learn);
}

fn send_a_snapshot(world: &mut World, index: u64) {
    let snapshot = Snapshot {
        zxid: position(index, 0),
        image: image(),
    };
    let chosen = index;
    world.inject(N3, N1, Msg::Snap { snapshot, chosen });
}

#[test]
fn a_leader_does_not_announce_what_it_knows_from_a_snapshot_as_its_own() {
    let mut world = split_brain(Mutations::NONE);
    send_a_snapshot(&mut world, 2);
    assert!(
        world.leads(N1),
        "its proposal in slot 3 may still be chosen"
    );
    assert_eq!(world.prefix(N1), 2);
    assert_eq!(announced(&world), Some((2, 2)));
    world.settle();
    assert_eq!(world.chosen_at(N2, 2), None);
    world.inject(N2, N1, Msg::LearnReq { first: 2 });
    world.settle();
    assert_eq!(world.prefix(N2), 2, "n1 passes the snapshot on");
    world.assert_safe();
}

#[test]
fn a_leader_that_is_sent_a_snapshot_beyond_its_proposals_steps_down() {
    let mut world = split_brain(Mutations::NONE);
    world.propose(N4, 4);
    world.settle();
    send_a_snapshot(&mut world, 4);
    assert!(!world.leads(N1));
    assert_eq!(world.prefix(N1), 4);
    world.assert_safe();
}

#[test]
fn planted_n02_announces_what_a_snapshot_covers() {
    let mut world = split_brain(Mutations::NONE.with(Mutation::N02));
    send_a_snapshot(&mut world, 2);
    world.settle();
    assert_eq!(world.chosen_at(N2, 2), Some(command(1).digest()));
    assert!(world.violation.is_some());
}

#[test]
fn what_a_lower_ballot_chose_does_not_depose_the_leader_that_learns_it() {
    let mut world = World::new(5);
    world.elect(N1);
    world.propose(N1, 1);
    // n1 alone knows that its command is chosen.
    world.deliver(|p| matches!(p.msg, Msg::Accept(_)) && (p.to == N2 || p.to == N3));
    world.deliver(|p| matches!(p.msg, Msg::Accepted { .. }));
    world.isolate(N1);
    world.elect_quietly(N4);
    world.heal();
    world.deliver(|p| matches!(p.msg, Msg::Accept(_)) && p.to == N2);
    world.lose(|_| true);
    teach(&mut world, N1, N4, 2, 1);
    assert!(world.leads(N4));
    assert_eq!(
        announced(&world),
        Some((1, 2)),
        "the same value is its own proposal too"
    );
    world.settle();
    assert_eq!(world.chosen_at(N2, 2), Some(command(1).digest()));
    world.assert_safe();
}

#[test]
fn a_leader_that_learned_beyond_a_gap_proposes_nothing_else_there() {
    let mut world = World::new(5);
    world.elect(N1);
    world.isolate(N1);
    world.elect(N4);
    world.propose(N4, 1);
    world.propose(N4, 2);
    world.settle();
    // n1 has not noticed; it hears of slot 4 only, in which it has not proposed anything yet.
    assert!(world.leads(N1));
    teach(&mut world, N3, N1, 4, 2);
    assert!(!world.leads(N1), "only a higher ballot can have chosen it");
    assert_eq!(world.prefix(N1), 1);
    world.assert_safe();
}

#[test]
fn a_candidate_that_knows_of_a_higher_ballots_choice_does_not_lead() {
    let mut world = World::new(5);
    world.isolate(N1);
    world.elect(N4);
    world.propose(N4, 1);
    world.propose(N4, 2);
    world.settle();
    // n1 hears of slot 3 only. Then grants and promises arrive that are older than n4's ballot.
    teach(&mut world, N3, N1, 3, 2);
    world.fire(N1, Timer::Election);
    let (round, owner) = (1, N1);
    let ballot = Ballot { round, owner };
    assert!(ballot < world.promised(N4));
    for from in [N2, N3] {
        let grant = Msg::PreVoteReply {
            ballot,
            granted: true,
            promised: Ballot::NONE,
        };
        world.inject(from, N1, grant);
    }
    for from in [N2, N3] {
        let report = crate::paxos::Report {
            ballot,
            snapshot: 0,
            chosen: 0,
            votes: Vec::new(),
        };
        world.inject(from, N1, Msg::Promise(report));
    }
    assert!(world.leads(N1), "slot 1 is open");
    world.propose(N1, 7);
    world.propose(N1, 8);
    assert!(!world.leads(N1), "slot 3 is known to be another's");
}

#[test]
fn a_commit_notice_says_nothing_of_the_slots_through_its_base() {
    let mut world = World::new(3);
    world.elect(N1);
    world.propose(N1, 1);
    world.propose(N1, 2);
    world.deliver(|p| matches!(p.msg, Msg::Accept(_)) && p.to == N2);
    let ballot = world.promised(N1);
    let notice = |base, commit| {
        Msg::Commit(crate::paxos::Notice {
            ballot,
            base,
            commit,
        })
    };
    world.inject(N1, N2, notice(3, 3));
    assert_eq!(world.prefix(N2), 1);
    world.inject(N1, N2, notice(2, 3));
    assert_eq!(world.chosen_at(N2, 3), Some(command(2).digest()));
    assert_eq!(world.prefix(N2), 1);
    // An earlier notice that comes late is as true as ever.
    world.inject(N1, N2, notice(1, 2));
    assert_eq!(world.prefix(N2), 3);
}

#[test]
fn planted_n03_acknowledges_a_deposed_leader() {
    for (mutations, answer) in [
        (Mutations::NONE, "Nack"),
        (Mutations::NONE.with(Mutation::N03), "HeartbeatAck"),
    ] {
        let mut world = World::with(3, 0, Default::default(), mutations);
        world.elect(N1);
        world.isolate(N1);
        world.elect(N2);
        world.heal();
        let notice = crate::paxos::Notice {
            ballot: world.promised(N1),
            base: 0,
            commit: 0,
        };
        world.inject(N1, N3, Msg::Heartbeat { notice, seq: 9 });
        let said = world.wire.iter().find(|p| p.from == N3 && p.to == N1);
        assert_eq!(said.map(|p| p.msg.kind()), Some(answer));
    }
}

#[test]
fn planted_n04_lets_a_read_join_a_running_round() {
    let mut world = World::with(
        3,
        0,
        Default::default(),
        Mutations::NONE.with(Mutation::N04),
    );
    world.elect(N1);
    world.fire(N1, Timer::Heartbeat);
    world.deliver(|p| matches!(p.msg, Msg::Heartbeat { .. }));
    // The acknowledgements that vote for the round left before the question came.
    world.barrier(N1, 1);
    world.deliver(|p| matches!(p.msg, Msg::HeartbeatAck { .. }));
    assert_eq!(world.barriers(N1).len(), 1);
}

#[test]
fn planted_n05_lets_a_server_that_hears_no_leader_depose_one_that_all_others_hear() {
    for (mutations, kept) in [
        (Mutations::NONE, true),
        (Mutations::NONE.with(Mutation::N05), false),
    ] {
        let mut world = World::with(5, 0, Default::default(), mutations);
        world.elect(N1);
        let ballot = world.promised(N1);
        // Only the link between n1 and n3 is gone.
        world.cut.insert((N1, N3));
        world.cut.insert((N3, N1));
        world.run_for(Span::secs(3));
        let rounds = world.promised(N2).round - ballot.round;
        assert_eq!(world.leads(N1) && rounds == 0, kept, "{rounds} rounds");
        // Without the rule two servers depose each other for ever.
        assert_eq!(rounds > 5, !kept, "{rounds} rounds");
    }
}
