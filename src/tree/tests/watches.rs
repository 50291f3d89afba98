//! Events and one-shot watches.

use super::*;
use crate::ids::ConnId;
use crate::tree::{EventKind, WatchEvent, WatchKind, Watches};

const CREATED: EventKind = EventKind::NodeCreated;
const DELETED: EventKind = EventKind::NodeDeleted;
const SET: EventKind = EventKind::NodeDataChanged;
const CHILDREN: EventKind = EventKind::NodeChildrenChanged;

fn told(events: &[WatchEvent]) -> Vec<(EventKind, &str)> {
    events
        .iter()
        .map(|event| (event.kind, &*event.path))
        .collect()
}

fn fire(watches: &mut Watches, kind: EventKind, at: &str) -> Vec<u32> {
    let event = WatchEvent {
        kind,
        path: path(at),
        zxid: Zxid(1),
    };
    let mut out = Vec::new();
    watches.fire(&event, &mut out);
    assert!(out.iter().all(|(_, fired)| *fired == event));
    out.iter().map(|(conn, _)| conn.0).collect()
}

#[test]
fn a_create_and_a_delete_tell_the_node_first_and_then_the_parent() {
    let mut leader = Leader::new(Mutations::NONE);
    let applied = leader.ok(&persistent("/a"));
    assert_eq!(told(&applied.events), [(CREATED, "/a"), (CHILDREN, "/")]);
    assert!(applied.events.iter().all(|event| event.zxid == Zxid(3)));
    let applied = leader.ok(&set("/a", "x", 0));
    assert_eq!(told(&applied.events), [(SET, "/a")]);
    let applied = leader.ok(&delete("/a"));
    assert_eq!(told(&applied.events), [(DELETED, "/a"), (CHILDREN, "/")]);
}

#[test]
fn a_multi_tells_its_events_in_the_order_of_its_parts() {
    let mut leader = Leader::new(Mutations::NONE);
    let applied = leader.ok(&Write::Multi(vec![
        part(persistent("/b")),
        part(set("/b", "x", 0)),
        part(persistent("/a")),
    ]));
    let expected = [
        (CREATED, "/b"),
        (CHILDREN, "/"),
        (SET, "/b"),
        (CREATED, "/a"),
        (CHILDREN, "/"),
    ];
    assert_eq!(told(&applied.events), expected);
}

#[test]
fn each_kind_of_watch_fires_on_its_events_only() {
    let cases = [
        (WatchKind::Data, [false, true, true, false]),
        (WatchKind::Exist, [true, true, true, false]),
        (WatchKind::Child, [false, true, false, true]),
    ];
    for (kind, expected) in cases {
        for (event, fires) in [CREATED, DELETED, SET, CHILDREN].into_iter().zip(expected) {
            let mut watches = Watches::new();
            watches.arm(ConnId(1), kind, path("/a"));
            assert_eq!(fire(&mut watches, event, "/b"), Vec::<u32>::new());
            let fired = fire(&mut watches, event, "/a");
            assert_eq!(fired.len(), usize::from(fires), "{kind:?} {event:?}");
            assert_eq!(watches.is_empty(), fires, "{kind:?} {event:?}");
        }
    }
}

#[test]
fn a_watch_fires_once_and_connections_hear_in_their_order() {
    let mut watches = Watches::new();
    for conn in [3, 1, 2, 1] {
        watches.arm(ConnId(conn), WatchKind::Data, path("/a"));
    }
    assert_eq!(fire(&mut watches, SET, "/a"), [1, 2, 3]);
    assert_eq!(fire(&mut watches, SET, "/a"), Vec::<u32>::new());
}

#[test]
fn a_connection_with_both_kinds_hears_of_a_delete_once() {
    let mut watches = Watches::new();
    watches.arm(ConnId(1), WatchKind::Data, path("/a"));
    watches.arm(ConnId(1), WatchKind::Child, path("/a"));
    assert_eq!(fire(&mut watches, DELETED, "/a"), [1]);
    assert!(watches.is_empty());
}

#[test]
fn a_fired_kind_leaves_the_other_armed() {
    let mut watches = Watches::new();
    watches.arm(ConnId(1), WatchKind::Data, path("/a"));
    watches.arm(ConnId(1), WatchKind::Child, path("/a"));
    assert_eq!(fire(&mut watches, SET, "/a"), [1]);
    assert_eq!(fire(&mut watches, CHILDREN, "/a"), [1]);
    assert!(watches.is_empty());
}

#[test]
fn a_dropped_connection_takes_its_watches_along() {
    let mut watches = Watches::new();
    watches.arm(ConnId(1), WatchKind::Data, path("/a"));
    watches.arm(ConnId(2), WatchKind::Data, path("/a"));
    watches.arm(ConnId(1), WatchKind::Child, path("/b"));
    assert_eq!(watches.len(), 3);
    watches.drop_conn(ConnId(1));
    assert_eq!(watches.len(), 1);
    assert_eq!(fire(&mut watches, DELETED, "/a"), [2]);
    assert_eq!(fire(&mut watches, CHILDREN, "/b"), Vec::<u32>::new());
    watches.drop_conn(ConnId(9));
}

#[test]
fn set_watches_fires_what_changed_since_and_arms_the_rest() {
    let mut leader = Leader::new(Mutations::NONE);
    leader.ok(&persistent("/a"));
    let state = &leader.state;
    let (a, root, gone) = (path("/a"), path("/"), path("/gone"));
    let lists = (
        vec![a.clone(), gone.clone()],
        vec![gone.clone(), a.clone()],
        vec![a.clone(), root.clone(), gone.clone()],
    );
    // The comparison is strict: zxid 3 created "/a".
    let cases = [
        (
            2,
            vec![
                (SET, "/a"),
                (DELETED, "/gone"),
                (CREATED, "/a"),
                (CHILDREN, "/a"),
                (CHILDREN, "/"),
                (DELETED, "/gone"),
            ],
        ),
        (
            3,
            vec![(DELETED, "/gone"), (CREATED, "/a"), (DELETED, "/gone")],
        ),
    ];
    for (relative, expected) in cases {
        let mut watches = Watches::new();
        let events = watches.set_watches(
            ConnId(1),
            state,
            Zxid(relative),
            &lists.0,
            &lists.1,
            &lists.2,
        );
        assert_eq!(told(&events), expected, "relative {relative}");
        assert!(events.iter().all(|event| event.zxid == Zxid(3)));
        let armed = if relative == 2 { 1 } else { 3 };
        assert_eq!(watches.len(), armed, "relative {relative}");
        assert_eq!(fire(&mut watches, CREATED, "/gone"), [1]);
    }
}
