//! What must hold when one thing goes wrong, as scenes played on both protocols.

mod stage;

use menagerie::history::Seen;
use menagerie::ids::{ClientId, NodeId, Span, Zxid};
use menagerie::paxos::Paxos;
use menagerie::protocol::Protocol;
use menagerie::tree::{CreateMode, ErrorCode, EventKind, Failure, Request, Write};
use menagerie::zab::Zab;
use menagerie_sim::world::{Action, CrashKind, World};
use stage::{
    Cast, SESSION_TIMEOUT, Stage, answer, create, exists, get, get_and_watch, leads, made, serves,
    serving, set,
};

const C1: ClientId = ClientId(1);
const C2: ClientId = ClientId(2);

/// Each scene is played under so many seeds: another leader, other clients at other servers.
const SEEDS: std::ops::Range<u64> = 0..20;

/// Three servers and a few clients.
fn three(seed: u64, clients: u16) -> Cast {
    Cast {
        seed,
        servers: 3,
        clients,
    }
}

/// Plays a scene on both protocols under every seed.
fn play(zab: fn(u64), paxos: fn(u64)) {
    for seed in SEEDS {
        zab(seed);
        paxos(seed);
    }
}

/// The leader is cut off together with the only client; it must not commit what it is asked.
fn deposed_leader<P: Protocol>(seed: u64) {
    let mut stage = Stage::<P>::set(three(seed, 1));
    let old = stage.leader();
    stage.herd(C1, old);
    let (before, _) = stage.insist(C1, &create("/before", "1"));
    assert!(before.is_ok(), "{before:?}");
    stage.converge();
    let stands = stage.world.applied(old);

    let others = stage.others(&[old]);
    stage.cut(&[old], &others);
    let lost = stage.ask(C1, create("/lost", "1"));
    let new = stage.leader_among(&others);
    assert_ne!(new, old);
    stage.until("the old leader's step-down", |world| {
        let answered = answer(world, lost);
        assert_eq!(answered, None, "a deposed leader answered a write");
        // Without a leader it may apply what it logged; as long as it serves, that is committed.
        if !leads(world, old) {
            return true;
        }
        assert_eq!(world.applied(old), stands, "a deposed leader committed");
        false
    });

    // Zab has sent the client away; Paxos keeps it for local reads, so that it has to be cut off.
    stage.scatter(old);
    stage.act(Action::CutClient(old));
    let (after, by) = stage.insist(C1, &create("/after", "1"));
    assert!(after.is_ok(), "{after:?}");
    assert_ne!(by, old, "a server without a leader answered a write");
    stage.mend(&[old], &others);
    stage.ended(lost);
    stage.converge();
    assert_eq!(stage.held(old, "/after"), Some("1".to_owned()));
    // Without a table of retries the write is gone with its leader; with one the client may have
    // repeated it under its old number at the new leader, and then it was acknowledged.
    let acknowledged = stage.answer(lost).is_some_and(Result::is_ok);
    assert_eq!(stage.held(old, "/lost").is_some(), acknowledged);
    assert!(P::PROMISES.at_most_once || !acknowledged);
    stage.close();
}

#[test]
fn a_deposed_leader_cannot_commit() {
    play(deposed_leader::<Zab>, deposed_leader::<Paxos>);
}

/// Writes, cuts the power of everybody at the very event that acknowledges the last one, and reads.
fn power_loss<P: Protocol>(seed: u64) {
    let clients: Vec<ClientId> = (1..=3).map(ClientId).collect();
    let mut stage = Stage::<P>::set(Cast {
        seed,
        servers: 5,
        clients: 3,
    });
    let mut kept = Vec::new();
    for round in 0..3 {
        stage.leader();
        for client in &clients {
            let path = format!("/{client}-{round}");
            let (answer, _) = stage.insist(*client, &create(&path, "kept"));
            // An earlier attempt whose outcome is unknown may have made it.
            let made = match &answer {
                Ok(_) => true,
                Err(failure) => failure.code == ErrorCode::NodeExists,
            };
            assert!(made, "{path}: {answer:?}");
            kept.push(path);
        }
        let nodes = stage.servers();
        stage.act(Action::CrashMany {
            nodes: nodes.clone(),
            kind: CrashKind::Power,
        });
        for node in nodes {
            stage.act(Action::Restart(node));
        }
    }
    for path in &kept {
        let data = stage.synced_data(C1, path);
        assert_eq!(data, Ok("kept".to_owned()), "{path} under seed {seed}");
    }
    stage.close();
}

#[test]
fn acknowledged_writes_survive_the_power_loss_of_every_server() {
    play(power_loss::<Zab>, power_loss::<Paxos>);
}

/// A client's server dies right after it acknowledged a write, and the only server left to move to
/// lags behind.
fn moving_client<P: Protocol>(seed: u64) {
    let mut stage = Stage::<P>::set(three(seed, 1));
    let leader = stage.leader();
    let followers = stage.others(&[leader]);
    let (near, lagging) = (followers[0], followers[1]);
    stage.herd(C1, near);
    for other in stage.others(&[lagging]) {
        stage.act(Action::Slow {
            from: other,
            to: lagging,
            extra: Span::millis(90),
        });
    }
    let (created, _) = stage.insist(C1, &create("/x", "0"));
    assert!(created.is_ok(), "{created:?}");
    let (last, by) = stage.insist(C1, &set("/x", "1"));
    assert!(last.is_ok(), "{last:?}");
    assert_eq!(by, near);
    assert_ne!(
        stage.held(lagging, "/x"),
        Some("1".to_owned()),
        "{lagging} does not lag"
    );

    stage.act(Action::MendClient(lagging));
    stage.act(Action::Crash {
        node: near,
        kind: CrashKind::Process,
    });
    let read = stage.ask(C1, get("/x"));
    stage.ended(read);
    let (seen, by) = match stage.answer(read) {
        Some(answer) => (answer.clone(), stage.operation(read).server),
        None => {
            // It was on its way to the server that died.
            let (answer, by) = stage.insist(C1, &get("/x"));
            (answer, Some(by))
        }
    };
    assert_eq!(by, Some(lagging), "the client did not move to the laggard");
    assert_eq!(stage.held(lagging, "/x"), Some("1".to_owned()));
    assert!(format!("{seen:?}").contains("version: 1"), "{seen:?}");
    stage.close();
}

#[test]
fn a_client_that_moves_sees_nothing_older() {
    play(moving_client::<Zab>, moving_client::<Paxos>);
}

/// How many changes of `/w` a client was told of.
fn events<P: Protocol>(stage: &Stage<P>, client: ClientId) -> usize {
    let seen = stage.world.history().seen.iter();
    seen.filter(|(_, who, what)| match what {
        Seen::Event { event, .. } => {
            *who == client
                && event.kind == EventKind::NodeDataChanged
                && event.path.as_ref() == "/w"
        }
        Seen::Completed(_)
        | Seen::SessionOpened(_)
        | Seen::SessionEnded(_)
        | Seen::PasswordTried { .. } => false,
    })
    .count()
}

/// A watch is left at a server that dies; the node changes twice afterwards.
fn watches<P: Protocol>(seed: u64) {
    let mut stage = Stage::<P>::set(three(seed, 2));
    let leader = stage.leader();
    let near = stage.others(&[leader])[0];
    stage.herd(C1, near);
    let (created, _) = stage.insist(C1, &create("/w", "0"));
    assert!(created.is_ok(), "{created:?}");
    let (watched, by) = stage.insist(C1, &get_and_watch("/w"));
    assert!(watched.is_ok(), "{watched:?}");
    assert_eq!(by, near);
    let session = stage.session(C1);

    stage.scatter(near);
    stage.act(Action::Crash {
        node: near,
        kind: CrashKind::Process,
    });
    let (_, by) = stage.insist(C1, &exists("/"));
    assert_ne!(by, near);
    assert_eq!(stage.session(C1), session, "the session survives");
    assert_eq!(events(&stage, C1), 0, "nothing has changed yet");

    for value in ["1", "2"] {
        let (done, _) = stage.insist(C2, &set("/w", value));
        assert!(done.is_ok(), "{done:?}");
        // Events come before the data: once the client sees the value, it has seen the event.
        assert_eq!(stage.synced_data(C1, "/w"), Ok(value.to_owned()));
        assert_eq!(events(&stage, C1), 1, "after the change to {value}");
    }
    stage.close();
}

#[test]
fn watches_fire_once_and_survive_a_reconnect() {
    play(watches::<Zab>, watches::<Paxos>);
}

/// One ephemeral node's session is closed, the other's expires.
fn ephemeral<P: Protocol>(seed: u64) {
    let mut stage = Stage::<P>::set(three(seed, 2));
    stage.leader();
    let close = Request::Write(Write::CloseSession);
    let gone = Err(Failure::of(ErrorCode::NoNode));
    let (first, _) = stage.insist(C1, &made("/closed", "", CreateMode::Ephemeral));
    assert!(first.is_ok(), "{first:?}");
    assert_eq!(stage.synced_data(C2, "/closed"), Ok(String::new()));
    let (closed, _) = stage.insist(C1, &close);
    assert!(closed.is_ok(), "{closed:?}");
    assert_eq!(stage.synced_data(C2, "/closed"), gone);

    let (second, _) = stage.insist(C1, &made("/expired", "", CreateMode::Ephemeral));
    assert!(second.is_ok(), "{second:?}");
    stage.pass(SESSION_TIMEOUT.times(3));
    assert_eq!(
        stage.synced_data(C2, "/expired"),
        Ok(String::new()),
        "an idle client keeps its session alive"
    );
    for server in stage.servers() {
        stage.act(Action::CutClient(server));
    }
    let servers = stage.servers();
    stage.until("the expiry of the silent session", |world| {
        let mut up = servers.iter().filter_map(|server| world.server(*server));
        up.all(|server| server.state().node("/expired").is_none())
    });
    for server in stage.servers() {
        stage.act(Action::MendClient(server));
    }
    assert_eq!(stage.synced_data(C2, "/expired"), gone);
    stage.close();
}

#[test]
fn an_ephemeral_node_dies_with_its_session() {
    play(ephemeral::<Zab>, ephemeral::<Paxos>);
}

/// The leader stands still until there is another one, then goes on with a write in its queue.
fn paused_leader<P: Protocol>(seed: u64) {
    let mut stage = Stage::<P>::set(three(seed, 1));
    let old = stage.leader();
    stage.herd(C1, old);
    stage.converge();
    stage.act(Action::Pause(old));
    let late = stage.ask(C1, create("/late", "1"));
    let others = stage.others(&[old]);
    let new = stage.leader_among(&others);
    assert_ne!(new, old);
    assert!(leads(&stage.world, old), "a paused process changes nothing");
    let stands = stage.world.applied(old);

    stage.act(Action::Resume(old));
    stage.until("the old leader's step-down", |world| {
        let answered = answer(world, late);
        assert_eq!(answered, None, "a deposed leader answered a write");
        // Without a leader it may apply what it logged; as long as it serves, that is committed.
        if !leads(world, old) {
            return true;
        }
        assert_eq!(world.applied(old), stands, "a deposed leader committed");
        false
    });
    stage.scatter(old);
    let servers = stage.servers();
    stage.until("one leader only", |world| {
        servers.iter().filter(|node| leads(world, **node)).count() == 1
    });
    let (after, _) = stage.insist(C1, &create("/after", "1"));
    assert!(after.is_ok(), "{after:?}");
    stage.ended(late);
    stage.converge();
    let acknowledged = stage.answer(late).is_some_and(Result::is_ok);
    assert_eq!(stage.held(old, "/late").is_some(), acknowledged);
    stage.close();
}

#[test]
fn a_paused_leader_steps_down_when_it_wakes() {
    play(paused_leader::<Zab>, paused_leader::<Paxos>);
}

/// No server of a minority serves clients from a state that it did not have before. One that has no
/// leader serves nobody, and may apply what it logged.
fn assert_idle<P: Protocol>(world: &World<P>, minority: &[NodeId], stood: Option<Zxid>) {
    for node in minority {
        if serves(world, *node) {
            assert_eq!(world.applied(*node), stood, "{node} made progress");
        }
    }
}

/// Five servers fall apart, the leader in the smaller part; clients ask on both sides.
fn minority<P: Protocol>(seed: u64) {
    let clients: Vec<ClientId> = (1..=8).map(ClientId).collect();
    let mut stage = Stage::<P>::set(Cast {
        seed,
        servers: 5,
        clients: 8,
    });
    let leader = stage.leader();
    let mut homes = Vec::new();
    for client in &clients {
        let (done, home) = stage.insist(*client, &create(&format!("/{client}-before"), ""));
        assert!(done.is_ok(), "{done:?}");
        homes.push((*client, home));
    }
    // The leader and a follower, so that there are clients on both sides.
    let inside = |pair: &[NodeId; 2]| homes.iter().filter(|(_, home)| pair.contains(home)).count();
    let followers = stage.others(&[leader]).into_iter();
    let mut pairs = followers.map(|follower| [leader, follower]);
    let small = pairs.find(|pair| (1..clients.len()).contains(&inside(pair)));
    let small = small.unwrap_or_else(|| panic!("all clients are in one place: {homes:?}"));
    let large = stage.others(&small);
    homes.retain(|(_, home)| large.contains(home));
    let with_majority: Vec<ClientId> = homes.into_iter().map(|(client, _)| client).collect();
    stage.converge();
    let stood = stage.world.applied(leader);

    stage.cut(&small, &large);
    let during = |client: &ClientId| create(&format!("/{client}-during"), "");
    let asked: Vec<_> = clients
        .iter()
        .map(|client| stage.ask(*client, during(client)))
        .collect();
    stage.until("a leader of the majority", |world| {
        assert_idle(world, &small, stood);
        serving(world, &large).is_some()
    });
    for client in &with_majority {
        let (_, by) = stage.insist(*client, &create(&format!("/{client}-again"), ""));
        assert!(large.contains(&by), "{by} of the minority answered a write");
        assert_idle(&stage.world, &small, stood);
    }
    for op in &asked {
        let answered = stage.answer(*op).is_some();
        let by = stage.operation(*op).server.filter(|_| answered);
        let in_minority = by.is_some_and(|by| small.contains(&by));
        assert!(!in_minority, "{by:?} answered a write");
    }
    let new = stage.leader_among(&large);
    assert!(stage.world.applied(new) > stood, "{new} made no progress");

    stage.mend(&small, &large);
    for op in &asked {
        stage.ended(*op);
    }
    stage.converge();
    for client in &with_majority {
        let path = format!("/{client}-again");
        assert!(stage.held(leader, &path).is_some(), "{path} is missing");
    }
    for (client, op) in clients.iter().zip(asked) {
        let by = stage.operation(op).server;
        // Nobody but the deposed leader and its follower can have heard of it.
        if stage.answer(op).is_none() && by.is_some_and(|by| small.contains(&by)) {
            let path = format!("/{client}-during");
            assert_eq!(stage.held(leader, &path), None, "{path} came from {by:?}");
        }
    }
    stage.close();
}

#[test]
fn a_minority_makes_no_progress_and_a_majority_does() {
    play(minority::<Zab>, minority::<Paxos>);
}
