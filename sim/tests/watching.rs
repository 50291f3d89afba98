//! Watches are judged from a history alone: what a client was told, and when.

use std::time::Duration;

use menagerie_sim::histories::judge::{Judged, Limits, Mode, Word, tree_history};
use menagerie_sim::histories::znode::parse;

const STAT: &str = r#""cversion":0,"aversion":0,"ephemeralOwner":0,"dataLength":1,"numChildren":0"#;

/// A line about `/a`; `rest` holds what else it has.
fn line(process: u8, kind: &str, f: &str, value: &str, rest: &str) -> String {
    format!(
        "\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"key\":\"/a\",\
         \"value\":{value},{rest}"
    )
}

/// A node is made, watched by another session, set, told of, and read again.
fn lines() -> Vec<String> {
    let stat = |mzxid: u8, version: u8| {
        format!(r#"{{"czxid":1,"mzxid":{mzxid},"pzxid":1,"version":{version},{STAT}}}"#)
    };
    let (new, old) = (stat(2, 1), stat(1, 0));
    let made = format!(r#"{{"path":"/a","stat":{old}}}"#);
    let read = |data: &str, stat: &str| format!(r#"{{"data":"{data}","stat":{stat}}}"#);
    let (one, two) = (r#""conn":1,"zxid":"#, r#""conn":2,"zxid":"#);
    let at = |conn: &str, zxid: u8| format!("{conn}{zxid}");
    let sent = |session: u8, xid: u8| format!(r#""session":{session},"xid":{xid}"#);
    let changed = r#"{"event":"NodeDataChanged"}"#;
    let set = format!(r#"{{"stat":{new}}}"#);
    vec![
        line(0, "event", "opened", "null", r#""session":1"#),
        line(1, "event", "opened", "null", r#""session":2"#),
        line(0, "invoke", "create", r#"{"data":"x"}"#, &sent(1, 1)),
        line(0, "ok", "create", &made, &at(one, 1)),
        line(1, "invoke", "get", r#"{"watch":true}"#, &sent(2, 1)),
        line(1, "ok", "get", &read("x", &old), &at(two, 1)),
        line(0, "invoke", "set", r#"{"data":"y"}"#, &sent(1, 2)),
        line(0, "ok", "set", &set, &at(one, 2)),
        line(1, "event", "watch", changed, r#""session":2,"zxid":2"#),
        line(1, "invoke", "get", "null", &sent(2, 2)),
        line(1, "ok", "get", &read("y", &new), &at(two, 2)),
    ]
}

/// Where the event stands.
const EVENT: usize = 8;

fn judged(lines: &[String]) -> Judged {
    let numbered = lines.iter().enumerate();
    let text: String = numbered
        .map(|(index, line)| format!("{{\"index\":{index},{line}}}\n"))
        .collect();
    let parsed = parse(text.as_bytes()).expect("it is well formed");
    let limits = Limits {
        time: Duration::from_secs(60),
        bytes: 1 << 30,
    };
    tree_history(&parsed, Mode::Zookeeper, limits)
}

#[track_caller]
fn assert_violates(lines: &[String], words: &[&str]) {
    let judged = judged(lines);
    assert_eq!(judged.word, Word::Violation, "{}", judged.reason);
    for word in words {
        assert!(judged.reason.contains(word), "{word}: {}", judged.reason);
    }
}

#[test]
fn an_event_before_the_data_is_right() {
    let found = judged(&lines());
    assert_eq!(found.word, Word::Ok, "{}", found.reason);
}

#[test]
fn an_event_that_never_came_is_missed() {
    let mut lines = lines();
    lines.remove(EVENT);
    assert_violates(&lines, &["getData /a", "s2", "NodeDataChanged of /a at 2"]);
}

#[test]
fn an_event_behind_the_data_is_late() {
    let mut lines = lines();
    let event = lines.remove(EVENT);
    lines.push(event);
    assert_violates(&lines, &["before its session was told", "NodeDataChanged"]);
}

#[test]
fn an_event_that_came_twice_was_not_asked_for() {
    let mut lines = lines();
    lines.insert(EVENT, lines[EVENT].clone());
    assert_violates(&lines, &["/a", "s2", "did not watch, or not any more"]);
}

#[test]
fn an_event_of_another_kind_or_node_was_not_asked_for() {
    let change = |from: &str, to: &str| {
        let mut lines = lines();
        lines[EVENT] = lines[EVENT].replace(from, to);
        lines
    };
    assert_violates(
        &change("NodeDataChanged", "NodeChildrenChanged"),
        &["did not watch"],
    );
    assert_violates(&change("\"/a\"", "\"/b\""), &["/b", "did not watch"]);
}

#[test]
fn an_event_before_anything_happened_is_not_believed() {
    let mut lines = lines();
    lines[EVENT] = lines[EVENT].replace("\"zxid\":2", "\"zxid\":1");
    assert_violates(&lines, &["at 1", "did not watch"]);
}

#[test]
fn what_a_write_of_unknown_outcome_may_have_done_is_no_surprise() {
    let mut lines = lines();
    lines[7] = line(0, "info", "set", "null", "\"synced\":false");
    let found = judged(&lines);
    assert_eq!(found.word, Word::Ok, "{}", found.reason);
}

#[test]
fn a_transcript_is_sent_to_where_it_is_replayed() {
    let wrong = parse(b"{\"transcript\":\"create\"}\n").expect_err("it is no history");
    assert_eq!(wrong.line, 1);
    assert!(wrong.what.contains("menagerie conform"), "{}", wrong.what);
}
