//! Connections of clients.

use super::*;
use menagerie::history::Outcome;
use menagerie::ids::{ClientId, ConnId};
use menagerie::tree::Request;
use menagerie::wire::ServerFrame;
use menagerie::zab::Zab;

const C1: ClientId = ClientId(1);

/// One client and one server, and the moment at which their first connection is open.
fn opened() -> (World<Puppet<Idle>>, VirtualTime) {
    let mut spec = spec(1);
    spec.voters = 1;
    spec.clients = 1;
    let mut world = boot::<Idle>(spec);
    while !world.conns.first().is_some_and(|conn| conn.told[0]) {
        world.step().expect("the client goes on dialling");
    }
    let now = world.now();
    (world, now)
}

fn act_and_run(world: &mut World<Puppet<Idle>>, action: Action, span: Span) {
    assert!(world.perform(action.clone()), "{action:?} changes nothing");
    run_to(world, world.now().after(span));
}

/// What is to be found in the trace, with its moment.
fn line(at: VirtualTime, text: &str) -> String {
    format!("{at} {text}")
}

#[test]
fn a_client_connects_in_one_round_trip_and_its_first_frame_follows() {
    let mut spec = spec(1);
    spec.voters = 1;
    spec.clients = 1;
    let mut world = boot::<Idle>(spec);
    while world.conns.is_empty() {
        world.step().expect("the client dials");
    }
    let dialled = world.now();
    run_to(&mut world, dialled.after(Span::millis(4)));
    let seen = lines(world, "c1 ");
    let open = dialled.after(Span::millis(2));
    assert_eq!(seen[0], line(open, "c1 ↔ n1 conn0 open"));
    let arrival = open.after(Span::millis(1));
    assert!(
        seen[1].starts_with(&line(arrival, "c1 → n1 connect")),
        "{seen:?}"
    );
}

#[test]
fn a_client_hears_of_the_death_of_its_server() {
    let (mut world, open) = opened();
    let crash = Action::Crash {
        node: N1,
        kind: CrashKind::Process,
    };
    act_and_run(&mut world, crash, Span::millis(2));
    let down = line(open.after(Span::millis(1)), "c1 ↔ n1 conn0 down");
    assert_eq!(lines(world, "conn0 down"), [down]);
}

#[test]
fn a_client_is_refused_while_its_server_is_down() {
    let (mut world, _) = opened();
    let crash = Action::Crash {
        node: N1,
        kind: CrashKind::Process,
    };
    act_and_run(&mut world, crash, Span::millis(100));
    assert!(world.conns.len() > 2, "{} dials", world.conns.len());
    assert!(world.conns[1..].iter().all(|conn| !conn.open));
    assert!(world.perform(Action::Restart(N1)));
    let then = world.now().after(Span::millis(50));
    run_to(&mut world, then);
    assert!(world.conns.iter().skip(1).any(|conn| conn.open));
}

#[test]
fn a_server_cut_off_from_its_clients_loses_them_when_the_patience_is_over() {
    let (mut world, open) = opened();
    act_and_run(&mut world, Action::CutClient(N1), Span::millis(201));
    assert!(world.conns[0].alive == [false, false]);
    let down = line(open.after(Span::millis(200)), "c1 ↔ n1 conn0 down");
    assert_eq!(lines(world, "conn0 down"), [down]);
}

#[test]
fn a_short_cut_from_the_clients_holds_their_frames() {
    let (mut world, open) = opened();
    act_and_run(&mut world, Action::CutClient(N1), Span::millis(45));
    assert_eq!(world.stats().frames_delivered, 0);
    act_and_run(&mut world, Action::MendClient(N1), Span::millis(2));
    let arrival = line(open.after(Span::millis(46)), "c1 → n1 connect");
    let seen = lines(world, "c1 → n1 connect");
    assert!(seen[0].starts_with(&arrival), "{seen:?}");
}

#[test]
fn cuts_between_servers_leave_clients_alone() {
    let mut spec = spec(1);
    spec.voters = 2;
    spec.clients = 1;
    let mut actions = Vec::new();
    for (from, to) in [(N1, N2), (N2, N1)] {
        actions.push((0, Action::Cut { from, to }));
    }
    let world = play::<Idle>(spec, &actions, 30);
    assert!(!lines(world, " open").is_empty());
}

#[test]
fn a_paused_server_keeps_its_connections_and_does_not_answer() {
    let (mut world, _) = opened();
    act_and_run(&mut world, Action::Pause(N1), Span::millis(60));
    assert_eq!(world.stats().frames_delivered, 0);
    assert_eq!(world.conns[0].alive, [true, true]);
    act_and_run(&mut world, Action::Resume(N1), Span::millis(1));
    assert_eq!(world.stats().frames_delivered, 1);
}

#[test]
fn what_a_server_sent_before_it_hung_up_arrives_before_the_news() {
    let (mut world, open) = opened();
    let conn = ConnId(0);
    for zxid in 1..=5 {
        let zxid = menagerie::ids::Zxid(zxid);
        world.reply(conn, ServerFrame::Pong { zxid });
    }
    world.disconnect(conn);
    // An answer to a connection that is gone is lost.
    let zxid = menagerie::ids::Zxid(6);
    world.reply(conn, ServerFrame::Pong { zxid });
    run_to(&mut world, open.after(Span::millis(2)));
    let seen = lines(world, "n1");
    let told: Vec<bool> = seen
        .iter()
        .filter(|line| line.contains("pong") || line.contains("conn0 down"))
        .map(|line| line.contains("pong"))
        .collect();
    assert_eq!(told, [true, true, true, true, true, false]);
}

#[test]
fn the_frames_of_a_connection_keep_their_order() {
    let (mut world, open) = opened();
    world.spec.network.client = Latency::Exponential {
        mean: Span::millis(1),
    };
    for zxid in 1..=50 {
        let zxid = menagerie::ids::Zxid(zxid);
        world.reply(ConnId(0), ServerFrame::Pong { zxid });
    }
    run_to(&mut world, open.after(Span::millis(60)));
    let arrived: Vec<String> = lines(world, "pong")
        .into_iter()
        .map(|line| {
            line.split_once("n1 → c1 ")
                .expect("from n1 to c1")
                .1
                .to_string()
        })
        .collect();
    let sent: Vec<String> = (1..=50).map(|zxid| format!("pong zxid {zxid}")).collect();
    assert_eq!(arrived, sent);
}

#[test]
fn clients_try_the_servers_in_orders_of_their_own() {
    let mut spec = spec(1);
    spec.clients = 12;
    let mut world = boot::<Idle>(spec);
    run_until(&mut world, 50);
    for server in 0..3 {
        let conns = world.conns.iter();
        let count = conns.filter(|conn| conn.server == server).count();
        assert!((1..12).contains(&count), "{count} of 12 at {server}");
    }
}

#[test]
fn an_operation_that_ends_is_recorded_and_reported_once() {
    let mut spec = spec(1);
    spec.clients = 1;
    spec.checks = true;
    let mut world: World<Zab> = World::new(spec);
    world.boot_all();
    let op = world.invoke(C1, Request::Sync, false);
    let invoked = world.now();
    let mut reports = Vec::new();
    while world.now() < VirtualTime(3_000_000_000) {
        match world.step() {
            Some(WorldEvent::Completed { client, op }) => reports.push((world.now(), client, op)),
            Some(WorldEvent::Event | WorldEvent::Wakeup(_)) => {}
            None => break,
        }
    }
    let [(at, client, reported)] = reports[..] else {
        panic!("one report, not {reports:?}");
    };
    assert_eq!((client, reported), (C1, op));
    let operation = &world.history().operations[0];
    assert_eq!(operation.invoked, invoked);
    assert_eq!(operation.completed, Some(at));
    assert!(matches!(operation.outcome, Some(Outcome::Answered { .. })));
    assert!(operation.server.is_some());
    assert!(world.stats().messages_delivered > 10);
}
