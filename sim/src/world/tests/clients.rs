//! Connections of clients.

use super::*;

fn with_client(seed: u64) -> WorldSpec {
    let mut spec = spec(seed);
    spec.voters = 1;
    spec.clients = 1;
    spec
}

fn connections(world: World<Puppet<Idle>>) -> Vec<String> {
    lines(world, "c1 ↔ n1")
}

#[test]
fn a_client_connects_in_one_round_trip_and_its_first_frame_follows() {
    let world = play::<Idle>(with_client(1), &[], 10);
    let seen = lines(world, "c1 ");
    assert_eq!(seen[0], "2.000ms c1 ↔ n1 conn0 open");
    assert!(seen[1].starts_with("3.000ms c1 → n1 Connect"), "{seen:?}");
}

#[test]
fn a_client_hears_of_the_death_of_its_server_and_is_refused_while_it_is_down() {
    let crash = Action::Crash {
        node: N1,
        kind: CrashKind::Process,
    };
    let world = play::<Idle>(with_client(1), &[(4, crash)], 5);
    assert_eq!(connections(world)[1], "5.000ms c1 ↔ n1 conn0 down");
}

#[test]
fn a_server_cut_off_from_its_clients_loses_them_when_the_patience_is_over() {
    let world = play::<Idle>(with_client(1), &[(4, Action::CutClient(N1))], 205);
    let seen = connections(world);
    assert_eq!(seen[1], "204.000ms c1 ↔ n1 conn0 down");
}

#[test]
fn a_short_cut_from_the_clients_holds_their_frames() {
    // The first frame leaves at 2 ms and would arrive at 3 ms.
    let mut spec = with_client(1);
    spec.network.client = Latency::Constant(Span::millis(2));
    let actions = [(5, Action::CutClient(N1)), (50, Action::MendClient(N1))];
    let seen = lines(play::<Idle>(spec, &actions, 60), "c1 → n1 Connect");
    assert!(seen[0].starts_with("52.000ms"), "{seen:?}");
}

#[test]
fn cuts_between_servers_leave_clients_alone() {
    let mut spec = with_client(1);
    spec.voters = 2;
    let actions = [
        (1, Action::Cut { from: N1, to: N2 }),
        (1, Action::Cut { from: N2, to: N1 }),
    ];
    let seen = lines(play::<Idle>(spec, &actions, 10), " open");
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_paused_server_keeps_its_connections_and_does_not_answer() {
    let mut world = play::<Idle>(with_client(1), &[(0, Action::Pause(N1))], 20);
    assert_eq!(world.stats().frames_delivered, 0);
    world.perform(Action::Resume(N1));
    run_until(&mut world, 25);
    assert!(world.stats().frames_delivered > 0);
    assert_eq!(connections(world).len(), 1);
}

#[test]
fn an_operation_that_cannot_be_sent_completes_and_is_reported_once() {
    let mut world = boot::<Idle>(with_client(1));
    let client = menagerie::ids::ClientId(1);
    run_until(&mut world, 10);
    let op = world.invoke(client, menagerie::tree::Request::Sync, false);
    assert!(world.perform(Action::Crash {
        node: N1,
        kind: CrashKind::Process
    }));
    let mut reports = 0;
    while world.now() < VirtualTime(2_000_000_000) && reports == 0 {
        let completed = Happening::Completed { client, op };
        reports += u32::from(world.step() == Some(completed));
    }
    assert_eq!(reports, 1);
    let operation = &world.history().operations[0];
    assert_eq!(operation.invoked, VirtualTime(10_000_000));
    assert!(operation.outcome.is_some());
}
