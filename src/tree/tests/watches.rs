//! Events and one-shot watches.

use super::*;
use crate::ids::ConnId;
use crate::tree::{Ace, EventKind, Identity, WatchEvent, WatchKind, WatchTables, Watches};
use proptest::prelude::*;

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
        // One table for both: a data watch is only ever left on a node that exists.
        (WatchKind::Data, [true, true, true, false]),
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

#[test]
fn a_lasting_watch_stays_and_a_recursive_one_hears_what_happens_below() {
    let mut watches = Watches::new();
    watches.add(ConnId(1), path("/a"), false);
    watches.add(ConnId(2), path("/a"), true);
    watches.add(ConnId(3), path("/"), true);
    for _ in 0..2 {
        assert_eq!(fire(&mut watches, CREATED, "/a"), [1, 2, 3]);
        assert_eq!(fire(&mut watches, SET, "/a"), [1, 2, 3]);
        assert_eq!(fire(&mut watches, DELETED, "/a"), [1, 2, 3]);
        assert_eq!(fire(&mut watches, CHILDREN, "/a"), [1]);
        assert_eq!(fire(&mut watches, CREATED, "/a/b/c"), [2, 3]);
        assert_eq!(fire(&mut watches, CHILDREN, "/a/b"), Vec::<u32>::new());
        assert_eq!(fire(&mut watches, CREATED, "/ab"), [3]);
    }
}

#[test]
fn a_later_watch_replaces_an_earlier_one_on_the_same_path_and_table() {
    // ZK-4466.
    let mut watches = Watches::new();
    watches.add(ConnId(1), path("/a"), true);
    watches.arm(ConnId(1), WatchKind::Data, path("/a"));
    assert_eq!(fire(&mut watches, SET, "/a/b"), Vec::<u32>::new());
    assert_eq!(fire(&mut watches, DELETED, "/a/b"), [1], "the other table");
    assert_eq!(fire(&mut watches, SET, "/a"), [1]);
    assert_eq!(fire(&mut watches, SET, "/a"), Vec::<u32>::new());
    watches.drop_conn(ConnId(1));
    assert_eq!(watches, Watches::new());
}

#[test]
fn watches_are_removed_by_table_and_asked_for_whosever_they_are() {
    let mut watches = Watches::new();
    let a = path("/a");
    watches.arm(ConnId(1), WatchKind::Data, a.clone());
    assert!(watches.is_watched("/a", WatchTables::Data));
    assert!(!watches.is_watched("/a", WatchTables::Children));
    assert!(!watches.remove(ConnId(2), &a, WatchTables::Any));
    assert!(!watches.remove(ConnId(1), &a, WatchTables::Children));
    assert!(watches.remove(ConnId(1), &a, WatchTables::Data));
    assert!(!watches.remove(ConnId(1), &a, WatchTables::Any));
    assert_eq!(watches, Watches::new());
}

#[test]
fn only_who_may_read_a_node_hears_of_it() {
    let mut leader = Leader::new(Mutations::NONE);
    let bob = [Identity::new("digest", "bob:x")];
    let applied = leader.ok(&Write::CreateWith {
        path: path("/a"),
        data: data(""),
        mode: CreateMode::Persistent,
        acl: vec![Ace::new(1, "digest", "bob:x")],
    });
    assert_eq!(told(&applied.events), [(CREATED, "/a"), (CHILDREN, "/")]);
    assert!(applied.may_hear(0, &bob));
    assert!(!applied.may_hear(0, &[]));
    assert!(applied.may_hear(1, &[]), "everybody may read the root");
}

/// A watch of the naive model: the table (true for the children's), and whether it is recursive,
/// if it lasts.
type Naive = (u32, &'static str, bool, Option<bool>);

const WATCHED: [&str; 6] = ["/", "/a", "/ab", "/a/b", "/a/b/c", "/a/c"];

fn naive_fire(watches: &mut Vec<Naive>, kind: EventKind, at: &str) -> Vec<u32> {
    let tables: &[bool] = match kind {
        CREATED | SET => &[false],
        DELETED => &[false, true],
        CHILDREN => &[true],
    };
    let mut told = std::collections::BTreeSet::new();
    watches.retain(|(conn, path, table, lasting)| {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let hears = tables.contains(table)
            && match lasting {
                Some(true) => kind != CHILDREN && (*path == at || at.starts_with(&prefix)),
                Some(false) | None => *path == at,
            };
        if hears {
            told.insert(*conn);
        }
        !hears || lasting.is_some()
    });
    told.into_iter().collect()
}

proptest! {
    #![proptest_config(super::properties::cases())]

    #[test]
    fn watches_agree_with_a_naive_model(
        steps in prop::collection::vec((0..8u8, 1..4u32, 0..WATCHED.len(), 0..4usize), 1..120),
    ) {
        let mut watches = Watches::new();
        let mut naive: Vec<Naive> = Vec::new();
        for (step, conn, place, kind) in steps {
            let at = WATCHED[place];
            let mut leave = |table, lasting| {
                naive.retain(|(c, p, t, _)| (*c, *p, *t) != (conn, at, table));
                naive.push((conn, at, table, lasting));
            };
            match step {
                0 => {
                    let kinds = [WatchKind::Data, WatchKind::Exist, WatchKind::Child];
                    watches.arm(ConnId(conn), kinds[kind % 3], path(at));
                    leave(kind % 3 == 2, None);
                }
                1 => {
                    let recursive = kind % 2 == 1;
                    watches.add(ConnId(conn), path(at), recursive);
                    leave(false, Some(recursive));
                    leave(true, Some(recursive));
                }
                2 => {
                    let tables = [WatchTables::Data, WatchTables::Children, WatchTables::Any];
                    let meant = |table: bool| kind % 3 == 2 || table == (kind % 3 == 1);
                    let before = naive.len();
                    let anybody = naive.iter().any(|(_, p, t, _)| *p == at && meant(*t));
                    prop_assert_eq!(watches.is_watched(at, tables[kind % 3]), anybody);
                    naive.retain(|(c, p, t, _)| (*c, *p) != (conn, at) || !meant(*t));
                    let removed = watches.remove(ConnId(conn), &path(at), tables[kind % 3]);
                    prop_assert_eq!(removed, naive.len() < before);
                }
                3 if kind == 0 => {
                    watches.drop_conn(ConnId(conn));
                    naive.retain(|(c, ..)| *c != conn);
                }
                _ => {
                    let kind = [CREATED, DELETED, SET, CHILDREN][kind];
                    let told = fire(&mut watches, kind, at);
                    prop_assert_eq!(told, naive_fire(&mut naive, kind, at));
                }
            }
            prop_assert_eq!(watches.is_empty(), naive.is_empty());
        }
    }
}
