use super::super::testing::{Story, answer, assert_fails, assert_passes, command_of, verdict_with};
use super::*;
use crate::history::Outcome;
use crate::ids::{ClientId, ConnId, OpId, Span, Zxid};
use crate::tree::{
    ANY_VERSION, Ace, Answer, CreateMode, Data, ErrorCode, Failure, Part, Path, Read, Request,
    Response, Stat, WatchEvent, WatchRequest, WatchTables, Write,
};

/// Session 7 writes what session 8 watches: /a comes at 2, is set at 3, gets a child at 4, loses it
/// at 5, goes at 6, comes again at 7; at 8 comes /secret, which nobody may read, and at 9 /veiled,
/// twice at once: nobody may read the first one.
fn story() -> Story {
    let path = |path: &str| Path::from(path);
    let create = |path: Path| Write::Create {
        path,
        data: Data::from([]),
        mode: CreateMode::Persistent,
    };
    let delete = |path: Path| Write::Delete {
        path,
        version: ANY_VERSION,
    };
    let writes = [
        Write::CreateSession {
            timeout: Span::secs(1),
        },
        create(path("/a")),
        Write::SetData {
            path: path("/a"),
            data: Data::from([1]),
            version: ANY_VERSION,
        },
        create(path("/a/x")),
        delete(path("/a/x")),
        delete(path("/a")),
        create(path("/a")),
        Write::CreateWith {
            path: path("/secret"),
            data: Data::from([]),
            mode: CreateMode::Persistent,
            acl: vec![Ace::new(crate::tree::acl::WRITE, "world", "anyone")],
        },
        Write::Multi(vec![
            Part::CreateWith {
                path: path("/veiled"),
                data: Data::from([]),
                mode: CreateMode::Persistent,
                acl: vec![Ace::new(crate::tree::acl::WRITE, "world", "anyone")],
            },
            Part::Delete {
                path: path("/veiled"),
                version: ANY_VERSION,
            },
            Part::Create {
                path: path("/veiled"),
                data: Data::from([]),
                mode: CreateMode::Persistent,
            },
        ]),
    ];
    let mut story = Story::default();
    for (write, seq) in writes.into_iter().zip(0..) {
        let payload = command_of(7, seq, write);
        let zxid = u64::from(seq) + 1;
        story.apply(1, zxid, &payload, Some(1), Some((7, seq)));
        story.deliver(1, zxid, payload.digest());
    }
    story
}

/// What session 8 sees.
#[derive(Default)]
struct Sight {
    history: History,
    conn: u32,
}

impl Sight {
    fn told(&mut self, request: Request, zxid: u64, told: Answer) -> &mut Sight {
        let id = u32::try_from(self.history.operations.len()).expect("a few operations");
        let mut operation = answer(id, 8, request, zxid, told);
        operation.conn = Some(ConnId(self.conn));
        self.history.operations.push(operation);
        self.sees(Seen::Completed(OpId(id)))
    }

    fn sees(&mut self, seen: Seen) -> &mut Sight {
        let at = VirtualTime(100 + self.history.seen.len() as u64);
        self.history.seen.push((at, ClientId(1), seen));
        self
    }

    fn get(&mut self, watch: bool, zxid: u64) -> &mut Sight {
        let path = Path::from("/a");
        let told = Response::Data {
            data: Data::from([]),
            stat: Stat::default(),
        };
        self.told(Request::Read(Read::GetData { path, watch }), zxid, Ok(told))
    }

    fn children(&mut self, zxid: u64) -> &mut Sight {
        let path = Path::from("/a");
        let told = Response::Children {
            names: Vec::new(),
            stat: Stat::default(),
        };
        let watch = true;
        self.told(
            Request::Read(Read::GetChildren { path, watch }),
            zxid,
            Ok(told),
        )
    }

    /// Finds nothing, and leaves an exist watch.
    fn misses(&mut self, path: &str, zxid: u64) -> &mut Sight {
        let (path, watch) = (Path::from(path), true);
        let told = Err(Failure::of(ErrorCode::NoNode));
        self.told(Request::Read(Read::Exists { path, watch }), zxid, told)
    }

    fn add(&mut self, path: &str, recursive: bool, zxid: u64) -> &mut Sight {
        let path = Path::from(path);
        let request = WatchRequest::Add { path, recursive };
        self.told(Request::Watch(request), zxid, Ok(Response::WatchesDone))
    }

    fn remove(&mut self, of: WatchTables, zxid: u64) -> &mut Sight {
        let path = Path::from("/a");
        let request = WatchRequest::Remove { path, of };
        self.told(Request::Watch(request), zxid, Ok(Response::WatchesDone))
    }

    fn hears(&mut self, kind: EventKind, path: &str, zxid: u64) -> &mut Sight {
        let event = WatchEvent {
            kind,
            path: Path::from(path),
            zxid: Zxid(zxid),
        };
        let session = SessionId(8);
        self.sees(Seen::Event { session, event })
    }

    fn reconnects(&mut self) -> &mut Sight {
        self.conn += 1;
        self
    }

    fn verdict(&self) -> Verdict {
        verdict_with(ENTRY, "paxos", &story(), &self.history)
    }

    #[track_caller]
    fn passes(&self) {
        assert_passes(&self.verdict(), self.history.seen.len() as u64);
    }

    #[track_caller]
    fn fails(&self, words: &str) {
        assert_fails(&self.verdict(), words);
    }
}

use EventKind::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};

#[test]
fn a_watch_that_tells_before_the_data_passes() {
    let mut sight = Sight::default();
    sight
        .get(true, 2)
        .hears(NodeDataChanged, "/a", 3)
        .get(false, 3);
    sight.passes();
}

#[test]
fn an_event_after_the_data_fails() {
    let mut sight = Sight::default();
    sight
        .get(true, 2)
        .get(false, 3)
        .hears(NodeDataChanged, "/a", 3);
    sight.fails(
        "op1 (getData /a of c1 in s8) was answered at 3 before its session was told of \
                 NodeDataChanged of /a at 3, for which op0 had left a watch",
    );
}

#[test]
fn a_lost_watch_fails_on_one_connection_and_over_reconnects() {
    let mut sight = Sight::default();
    sight.children(3).get(false, 5);
    sight.fails("NodeChildrenChanged of /a at 4");
    let mut sight = Sight::default();
    sight.children(3).reconnects().get(false, 7);
    sight.fails("NodeChildrenChanged of /a at 4");
}

#[test]
fn what_happened_while_nobody_was_connected_is_told_at_the_reconnect() {
    let mut sight = Sight::default();
    sight.get(true, 2).reconnects();
    sight.hears(NodeDeleted, "/a", 6).get(false, 6);
    sight.passes();
}

#[test]
fn a_watch_tells_once_for_each_time_it_is_left() {
    let mut sight = Sight::default();
    sight.get(true, 2).hears(NodeDataChanged, "/a", 3);
    let again = sight.history.clone();
    sight.get(true, 3).hears(NodeDeleted, "/a", 6);
    sight.passes();
    sight.history = again;
    sight.hears(NodeDataChanged, "/a", 3);
    sight.fails("which it did not watch, or not any more");
}

#[test]
fn an_event_of_what_did_not_happen_since_fails() {
    let mut sight = Sight::default();
    sight.get(true, 3).hears(NodeDataChanged, "/a", 3);
    sight.fails("which it did not watch");
}

#[test]
fn a_deletion_is_one_event_for_all_watches_but_may_be_two_at_a_reconnect() {
    let mut sight = Sight::default();
    sight.get(true, 5).children(5).hears(NodeDeleted, "/a", 6);
    let once = sight.history.clone();
    sight.get(false, 7);
    sight.passes();
    sight.hears(NodeDeleted, "/a", 7);
    sight.fails("which it did not watch");
    sight.history = once;
    sight.hears(NodeDeleted, "/a", 6).get(false, 7);
    sight.passes();
}

#[test]
fn an_exist_watch_may_miss_a_node_that_comes_and_goes_between_two_connections_only() {
    let mut sight = Sight::default();
    sight.misses("/a", 1).get(false, 6);
    sight.fails("NodeCreated of /a at 2");
    let mut sight = Sight::default();
    sight.misses("/a", 1).reconnects().get(false, 6);
    sight.passes();
    let mut sight = Sight::default();
    sight.misses("/a", 1).reconnects().get(false, 5);
    sight.fails("NodeCreated of /a at 2");
    // A repeated write is answered with the zxid that it had taken effect at.
    let mut sight = Sight::default();
    let write = Write::Refused(ErrorCode::BadArguments);
    let told = Err(Failure::of(ErrorCode::BadArguments));
    sight.misses("/a", 1).reconnects();
    sight.told(Request::Write(write), 5, told);
    sight.passes();
}

#[test]
fn a_persistent_watch_tells_of_every_change_while_connected() {
    let mut sight = Sight::default();
    sight.add("/a", false, 2).hears(NodeDataChanged, "/a", 3);
    sight.hears(NodeChildrenChanged, "/a", 4).get(false, 4);
    let so_far = sight.history.clone();
    sight.passes();
    sight.get(false, 5);
    sight.fails("NodeChildrenChanged of /a at 5, which a watch that stays hears of");
    sight.history = so_far.clone();
    sight.reconnects().get(false, 5);
    sight.passes();
    sight.history = so_far;
    sight.hears(NodeChildrenChanged, "/a", 4);
    sight.fails("or was told before");
}

#[test]
fn of_a_node_that_comes_twice_at_once_a_watch_tells_as_often_as_it_may() {
    let mut sight = Sight::default();
    sight.add("/veiled", false, 8);
    let so_far = sight.history.clone();
    sight.hears(NodeCreated, "/veiled", 9).get(false, 9);
    sight.passes();
    sight.history = so_far;
    sight.get(false, 9);
    sight.fails("NodeCreated of /veiled at 9, which a watch that stays hears of");
}

#[test]
fn a_recursive_watch_hears_of_what_is_below_but_not_of_changes_of_children() {
    let mut sight = Sight::default();
    sight.add("/", true, 3).hears(NodeCreated, "/a/x", 4);
    let so_far = sight.history.clone();
    sight.get(false, 4);
    sight.passes();
    sight.get(false, 5);
    sight.fails("NodeDeleted of /a/x at 5, which a watch that stays hears of");
    sight.history = so_far;
    sight.hears(NodeChildrenChanged, "/a", 4);
    sight.fails("which it did not watch");
}

#[test]
fn a_recursive_watch_over_a_child_watch_swallows_its_event() {
    let mut sight = Sight::default();
    sight
        .children(3)
        .add("/a", true, 3)
        .hears(NodeCreated, "/a/x", 4)
        .get(false, 4);
    sight.passes();
}

#[test]
fn a_child_watch_over_a_recursive_one_is_swallowed_at_a_reconnect_only() {
    let mut sight = Sight::default();
    sight.add("/a", true, 3).children(3).get(false, 4);
    sight.fails("NodeChildrenChanged of /a at 4, for which op1 had left a watch");
    let mut sight = Sight::default();
    sight
        .add("/a", true, 3)
        .children(3)
        .reconnects()
        .get(false, 4);
    sight.passes();
}

#[test]
fn a_watch_that_was_removed_owes_nothing_and_tells_nothing() {
    let mut sight = Sight::default();
    sight
        .get(true, 2)
        .remove(WatchTables::Data, 2)
        .get(false, 3);
    sight.passes();
    sight.hears(NodeDataChanged, "/a", 3);
    sight.fails("which it did not watch");
}

#[test]
fn the_watches_of_a_session_end_with_it() {
    let mut sight = Sight::default();
    sight.get(true, 2).sees(Seen::SessionEnded(SessionId(8)));
    sight.hears(NodeDataChanged, "/a", 3);
    sight.fails("which it did not watch");
}

#[test]
fn who_may_not_read_a_node_is_not_told_of_it() {
    let mut sight = Sight::default();
    sight.misses("/secret", 7).get(false, 8);
    sight.passes();
}

#[test]
fn who_is_told_of_a_node_that_it_may_not_read_was_told_too_much() {
    let mut sight = Sight::default();
    sight
        .misses("/secret", 7)
        .hears(NodeCreated, "/secret", 8)
        .get(false, 8);
    sight.fails("although the node's ACL does not let it read that");
    // What a reconnect finds is told to everybody.
    let mut sight = Sight::default();
    sight
        .misses("/secret", 7)
        .reconnects()
        .hears(NodeCreated, "/secret", 8)
        .get(false, 8);
    sight.passes();
}

#[test]
fn an_answer_that_says_nothing_about_the_tree_shows_nothing() {
    let mut sight = Sight::default();
    sight.get(true, 2).get(false, 3);
    sight.history.operations[1].outcome = Some(Outcome::Answered {
        zxid: Zxid(3),
        answer: Err(Failure::of(ErrorCode::SessionExpired)),
    });
    sight.passes();
}
