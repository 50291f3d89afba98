//! Phase 0, and the ways back to it.

use super::disk::Loss;
use super::world::{World, node};
use crate::ids::{LocalTime, NodeId, Span, Zxid};
use crate::mutation::{Mutation, Mutations};
use crate::protocol::{Effect, Ensemble, Image, Input, Knobs, Outbox, Protocol, Role, Via};
use crate::quorum::Quorums;
use crate::zab::roles::State;
use crate::zab::{Msg, Timer, Vote, Zab, ZabKnobs};

#[test]
fn three_servers_elect_the_one_with_the_best_history() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    assert_eq!(leader, node(3), "equal histories: the greatest number");
    // Server 3 misses a transaction; server 1 has it. Then all start again.
    world.crash(node(3), Loss::Process);
    let leader = world.run_until_all_serve();
    world.commit(leader);
    world.crash(node(1), Loss::Process);
    world.crash(node(2), Loss::Process);
    world.boot(node(3));
    world.boot(node(1));
    let leader = world.run_until_all_serve();
    assert_eq!(
        leader,
        node(1),
        "the better history beats the greater number (3.3)"
    );
}

#[test]
fn a_newcomer_joins_the_leader_that_a_quorum_follows() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    let zxid = world.commit(leader);
    for _ in 0..3 {
        world.crash(node(1), Loss::Process);
        world.run_for(Span::millis(400));
        world.boot(node(1));
        assert_eq!(
            world.run_until_all_serve(),
            leader,
            "nobody else was elected"
        );
        let epoch = world.commit(leader).epoch();
        assert_eq!(epoch, zxid.epoch(), "and no new epoch was needed (3.4)");
    }
}

#[test]
fn a_server_joins_a_leader_whose_followers_it_cannot_hear() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    assert_eq!(leader, node(3));
    let epoch = world.commit(leader).epoch();
    world.crash(node(1), Loss::Process);
    world.part(node(1), node(2));
    world.boot(node(1));
    world.run_until("the newcomer serves", |world| world.serves(node(1)));
    assert_eq!(world.leader(), Some(leader));
    assert_eq!(world.commit(leader).epoch(), epoch, "nobody was deposed");
}

#[test]
fn a_candidate_that_is_heard_but_cannot_be_joined_is_passed_over() {
    let mut world = World::three();
    let best = world.run_until_all_serve();
    assert_eq!(best, node(3));
    world.commit(best);
    world.deafen(best);
    world.run_until("the others serve", |world| {
        world.leader() == Some(node(2)) && world.serves(node(1)) && world.serves(node(2))
    });
}

#[test]
fn a_leader_without_a_quorum_steps_down() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    world.isolate(leader);
    world.run_until("the isolated leader looks", |world| {
        world.role(leader) == Some(Role::Looking)
    });
    world.run_until("the others elect another", |world| {
        world.leader().is_some_and(|other| other != leader)
    });
}

#[test]
fn a_follower_without_its_leader_looks_for_another() {
    let mut world = World::three();
    let leader = world.run_until_all_serve();
    world.crash(leader, Loss::Power);
    let next = world.run_until_all_serve();
    assert_eq!(next, node(2));
}

#[test]
fn an_epoch_is_led_by_one_server_and_the_next_is_greater() {
    let mut world = World::three();
    let mut last = Zxid::ZERO;
    for _ in 0..4 {
        let leader = world.run_until_all_serve();
        let zxid = world.commit(leader);
        assert!(zxid.epoch() > last.epoch(), "{zxid} follows {last}");
        assert_eq!(zxid.counter(), 1);
        world.crash(leader, Loss::Process);
        world.run_until_all_serve();
        world.boot(leader);
        let other = world.run_until_all_serve();
        last = world.commit(other);
        world.crash(other, Loss::Process);
        world.boot(other);
    }
}

#[test]
fn one_voter_is_a_quorum_of_itself() {
    let mut world = World::new(1, 0, Default::default(), Mutations::NONE);
    world.boot_all();
    let leader = world.run_until_all_serve();
    assert_eq!(world.commit(leader), Zxid::new(1, 1));
}

#[test]
fn an_observer_never_counts() {
    let mut world = World::new(3, 2, Default::default(), Mutations::NONE);
    world.boot_all();
    let leader = world.run_until_all_serve();
    assert!(leader <= node(3));
    let zxid = world.commit(leader);
    assert!(world.saw(node(4), "INFORM") && !world.saw(node(4), "PROPOSAL"));
    assert_eq!(world.role(node(4)), Some(Role::Observing));
    // Two observers and one voter are no quorum: the leader steps down, nothing is committed.
    for other in [node(1), node(2), node(3)] {
        if other != leader {
            world.crash(other, Loss::Process);
        }
    }
    world.propose(leader);
    world.run_until("the leader steps down", |world| world.leader().is_none());
    world.run_for(Span::secs(3));
    assert_eq!(world.leader(), None, "no observer makes a quorum");
    assert_eq!(world.chosen.last().map(|(zxid, _)| *zxid), Some(zxid));
}

#[test]
fn the_counter_rolls_over_into_a_new_epoch() {
    let own = ZabKnobs {
        zxid_counter_bits: 2,
        ..ZabKnobs::default()
    };
    let mut world = World::new(3, 0, (Knobs::default(), own), Mutations::NONE);
    world.boot_all();
    let mut zxids = Vec::new();
    for _ in 0..7 {
        let leader = world.run_until_all_serve();
        zxids.push(world.commit(leader));
    }
    let counters: Vec<u32> = zxids.iter().map(|zxid| zxid.counter()).collect();
    assert_eq!(counters, [1, 2, 3, 1, 2, 3, 1]);
    assert!(zxids.windows(2).all(|pair| pair[0] < pair[1]), "{zxids:?}");
    assert_eq!(
        zxids[6].epoch() - zxids[0].epoch(),
        2,
        "one epoch for each overflow"
    );
}

#[test]
fn a_leader_steps_down_before_a_follower_that_is_ahead() {
    // The election is only a hint: discovery checks the histories again (4, step 5).
    let ahead = [(Some(1), Zxid::new(1, 1)), (Some(1), Zxid::ZERO)];
    let not_ahead = [(Some(0), Zxid::ZERO), (None, Zxid::new(1, 1))];
    for (acked, leads) in ahead
        .map(|a| (a, false))
        .into_iter()
        .chain(not_ahead.map(|a| (a, true)))
    {
        let mut world = World::new(5, 0, Default::default(), Mutations::NONE);
        world.boot_all();
        world.run_until("a learner is told the epoch", |world| {
            world.saw(node(1), "LEADERINFO")
        });
        let server = world.nodes.get_mut(&node(5)).expect("it runs");
        let zab = server.zab.as_mut().expect("it runs");
        let mut out = Outbox::new(node(5));
        let (current_epoch, zxid) = acked;
        zab.on_ack_epoch(node(1), current_epoch, zxid, false, &mut out);
        assert_eq!(matches!(zab.state, State::Leading(_)), leads, "{acked:?}");
        let hung_up = |effect: &Effect<Zab>| matches!(effect, Effect::HangUp { .. });
        assert_eq!(out.effects().iter().any(hung_up), !leads);
    }
}

/// A server that looks, one of so many voters, with an empty disk.
fn looking(me: NodeId, voters: u8, mutations: Mutations) -> Zab {
    let config = Zab::configure(&Ensemble {
        me,
        voters: (1..=voters).map(node).collect(),
        observers: Vec::new(),
        quorums: Quorums::majorities(&(1..=voters).map(node).collect::<Vec<_>>()),
        knobs: Knobs::default(),
        own: ZabKnobs::default(),
        mutations,
    });
    let mut out = Outbox::new(me);
    Zab::recover(&config, LocalTime(0), &Image::empty(), &mut out).expect("a new disk boots")
}

/// What it does at an input.
fn effects(zab: &mut Zab, input: Input<Zab>) -> Vec<Effect<Zab>> {
    let mut out = Outbox::new(zab.config.me);
    zab.step(LocalTime(0), input, &mut out);
    let mut effects = Vec::new();
    out.drain_into(&mut effects);
    effects
}

/// What it does when it hears that `from` votes for `leader` in the first round.
fn hear(zab: &mut Zab, from: NodeId, leader: NodeId) -> Vec<Effect<Zab>> {
    let vote = Vote {
        epoch: 0,
        zxid: Zxid::ZERO,
        leader,
    };
    let msg = Msg::Notification {
        role: Role::Looking,
        vote,
        round: 1,
    };
    let via = Via::LatestWins;
    effects(zab, Input::Message { from, via, msg })
}

/// How often the last wait for a better vote begins at n1 of three, when n2's vote for itself comes
/// and then n3's for itself.
fn last_waits(mutations: Mutations) -> Vec<usize> {
    let mut zab = looking(node(1), 3, mutations);
    let waits = |effect: &&Effect<Zab>| {
        matches!(
            effect,
            Effect::SetTimer {
                timer: Timer::Finalize,
                ..
            }
        )
    };
    [node(2), node(3)]
        .map(|from| hear(&mut zab, from, from).iter().filter(waits).count())
        .to_vec()
}

#[test]
fn a_better_vote_that_a_quorum_supports_at_once_is_waited_upon_anew() {
    assert_eq!(last_waits(Mutations::NONE), [1, 1]);
    let on = Mutations::NONE.with(Mutation::N23);
    assert_eq!(last_waits(on), [1, 0], "the wait for n2 went on");
}

/// Whom n3 of five votes for at last, though it hears n5 vote for itself: of the others those vote
/// that are given, as given.
fn torn(said_twice: bool, votes: &[(u8, u8)], mutations: Mutations) -> NodeId {
    let mut zab = looking(node(3), 5, mutations);
    let again = || Input::Timer(Timer::Notify);
    hear(&mut zab, node(5), node(5));
    if said_twice {
        effects(&mut zab, again());
    }
    for (from, leader) in votes {
        hear(&mut zab, node(*from), node(*leader));
    }
    let cast = effects(&mut zab, again()).into_iter().find_map(|effect| {
        let Effect::Send { msg, .. } = effect else {
            return None;
        };
        let Msg::Notification { vote, .. } = msg else {
            return None;
        };
        Some(vote.leader)
    });
    cast.expect("it says its vote again")
}

#[test]
fn a_voter_whose_vote_alone_is_lacking_gives_it() {
    let sound = |votes: &[(u8, u8)]| torn(true, votes, Mutations::NONE);
    assert_eq!(sound(&[(1, 3), (2, 3)]), node(3), "it accepts (E8)");
    assert_eq!(
        sound(&[(1, 4), (2, 4), (4, 4)]),
        node(4),
        "it follows the others"
    );
    assert_eq!(sound(&[(1, 4), (2, 4)]), node(5), "n4 may be down");
    assert_eq!(sound(&[(1, 3)]), node(5), "there is no quorum yet");
    assert_eq!(
        sound(&[(1, 2), (2, 2), (4, 2)]),
        node(5),
        "n3 itself is better than n2"
    );
    let crossing = torn(false, &[(1, 3), (2, 3)], Mutations::NONE);
    assert_eq!(crossing, node(5), "n1 and n2 may not have heard of n5 yet");
    let on = Mutations::NONE.with(Mutation::N28);
    assert_eq!(torn(true, &[(1, 3), (2, 3)], on), node(5));
}
