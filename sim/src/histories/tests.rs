use std::path::Path;

use menagerie::linear::{Action, NEVER};

use super::*;

fn read(name: &str, text: &str, family: Family) -> Result<KeyedHistory, Malformed> {
    let meaning = FailedSwap::ObservedMismatch;
    keyed(Path::new(name), text.as_bytes(), family, meaning)
}

fn actions(history: &KeyedHistory) -> Vec<Action> {
    history.operations.iter().map(|one| one.action).collect()
}

#[track_caller]
fn assert_malformed(name: &str, text: &str, line: usize, what: &str) {
    let malformed = read(name, text, Family::Register).expect_err("it was accepted");
    assert_eq!(malformed.line, line, "{}", malformed.what);
    assert!(malformed.what.contains(what), "{}", malformed.what);
}

const LINES: &str = r#"
{"process":0,"type":"invoke","f":"write","key":"r","value":1}
{"process":1,"type":"invoke","f":"read","key":"r","value":null}
{"process":2,"type":"invoke","f":"cas","key":"r","value":[1,2]}
{"process":0,"type":"ok","f":"write","key":"r","value":1}
{"process":1,"type":"ok","f":"read","key":"r","value":1}
{"process":2,"type":"fail","f":"cas","key":"r","value":[1,2]}
{"process":3,"type":"invoke","f":"read","key":"r","value":null}
{"process":3,"type":"fail","f":"read","key":"r","value":null,"error":"timed-out"}
{"process":0,"type":"invoke","f":"write","key":"r","value":2}
{"process":0,"type":"info","f":"write","key":"r","value":2}
"#;

#[test]
fn lines_of_json_become_operations() {
    let history = read("h.jsonl", LINES, Family::Register).expect("it is well formed");
    let expected = [
        Action::Write(1),
        Action::Read(1),
        Action::Mismatch(1),
        Action::Write(2),
    ];
    assert_eq!(actions(&history), expected);
    assert_eq!(history.operations_read, 5);
    assert_eq!(history.operations[3].returned, NEVER);
    assert_eq!(history.operations[0].invoked, 1, "a place is a line");
}

#[test]
fn a_failed_swap_may_tell_nothing() {
    let path = Path::new("h.jsonl");
    let history = keyed(
        path,
        LINES.as_bytes(),
        Family::Register,
        FailedSwap::Dropped,
    );
    let history = history.expect("it is well formed");
    assert_eq!(
        actions(&history),
        [Action::Write(1), Action::Read(1), Action::Write(2)]
    );
}

#[test]
fn unusual_spellings_are_the_same_history() {
    let unusual = LINES
        .replace("\"type\"", "\"t\\u0079pe\"")
        .replace(':', " :\t")
        .replace("[1,2]", "[ 1 , 2 ]");
    let usual = read("h.jsonl", LINES, Family::Register).expect("it is well formed");
    let unusual = read("h.jsonl", &unusual, Family::Register).expect("it is well formed");
    assert_eq!(actions(&usual), actions(&unusual));
}

#[test]
fn wrong_lines_are_named() {
    let invoke = "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}\n";
    assert_malformed("h.jsonl", "\n{\"process\":0,", 2, "no JSON object");
    assert_malformed("h.jsonl", "[1]\n", 1, "no JSON object");
    assert_malformed(
        "h.jsonl",
        &invoke.replace("\"f\"", "\"g\""),
        1,
        "\"f\" is missing",
    );
    assert_malformed(
        "h.jsonl",
        &invoke.replace("read", "add"),
        1,
        "read, write and cas",
    );
    assert_malformed(
        "h.jsonl",
        &invoke.replace("invoke", "start"),
        1,
        "invoke, ok, fail",
    );
    assert_malformed(
        "h.jsonl",
        &invoke.replace("invoke", "ok"),
        1,
        "no open operation",
    );
    assert_malformed("h.jsonl", &invoke.repeat(2), 2, "open");
    assert_malformed(
        "h.jsonl",
        &invoke.replace("read", "cas"),
        1,
        "[expected, new]",
    );
    let other = invoke.to_owned() + &invoke.replace("invoke", "ok").replace("read", "write");
    assert_malformed("h.jsonl", &other, 2, "another operation");
    assert_malformed("h.jsonl", "\u{0}\u{1}", 1, "no JSON object");
}

const EDN: &str = r#"; a history
[{:process 0, :type :invoke, :f :write, :value 1, :time 5},
 #jepsen.history.Op{:index 1 :process 1 :type :invoke :f :read :value nil}
 {:process :nemesis, :type :info, :f :start, :value "a \"b\" \u0041 ]"}
 #_{:process 9} {:process 0, :type :ok, :f :write, :value 1N}
 {:process 1, :type :ok, :f :read, :value 1, :error #{:x \] #inst "2020-01-01"}}
 {:process 2, :type :invoke, :f :cas, :value [1 2]}
 {:process 2, :type :fail, :f :cas, :value [1 2]}]
"#;

#[test]
fn jepsens_histories_become_operations() {
    let history = read("h.edn", EDN, Family::Register).expect("it is well formed");
    assert_eq!(
        actions(&history),
        [Action::Write(1), Action::Read(1), Action::Mismatch(1)]
    );
    let bare = EDN.replace("[{", "{").replace("]}]", "]}");
    let bare = read("h.edn", &bare, Family::Register).expect("it is well formed");
    assert_eq!(actions(&history), actions(&bare));
}

#[test]
fn independent_keys_come_with_the_value() {
    let text = "{:process 0 :type :invoke :f :write :value [7 1]}\n\
                {:process 1 :type :invoke :f :cas :value [8 [1 2]]}\n\
                {:process 2 :type :invoke :f :read :value #jepsen.independent/tuple [8 nil]}\n\
                {:process 2 :type :ok :f :read :value [8 nil]}";
    let history = read("h.edn", text, Family::Register).expect("it is well formed");
    let keys: Vec<u32> = history.origins.iter().map(|origin| origin.key).collect();
    assert_eq!(keys, [0, 1, 1]);
    assert_eq!(actions(&history)[2], Action::Read(0));
}

#[test]
fn wrong_edn_is_named() {
    assert_malformed("h.edn", "\n{:process 0", 2, "ends within a form");
    assert_malformed("h.edn", "{:process 0 :type}", 1, "without a value");
    assert_malformed("h.edn", "\n\n)", 3, "closes nothing");
    assert_malformed("h.edn", "[", 1, "not closed");
    assert_malformed(
        "h.edn",
        "{:process 0 :type :go :f :read}",
        1,
        ":type is :go",
    );
    assert_malformed("h.edn", "12", 1, "is a map");
    assert_malformed("h.edn", &"[".repeat(100_000), 1, "nested deeper");
    assert_malformed("h.edn", "{:a \"\\q\"}", 1, "no escape");
}
