//! Stories of hand-made traces.

use menagerie::check::Subjects;
use menagerie::ids::{ClientId, NodeId, OpId, VirtualTime, Zxid};
use menagerie::protocol::{Fact, QuorumRule, Slots};
use serde_json::{Value, json};

use super::{Length, Story, story};
use crate::trace::{
    Ended, Event, EventKind, Failure, Header, Judgement, ServerLine, TRACE_VERSION, Trace, Way, Why,
};

/// A trace under construction: each event is a millisecond after the one before.
#[derive(Default)]
struct Tape {
    events: Vec<Event>,
}

impl Tape {
    fn put(&mut self, cause: Option<u64>, what: EventKind) -> u64 {
        let seq = self.events.len() as u64;
        let at = VirtualTime(seq * 1_000_000);
        self.events.push(Event {
            seq,
            at,
            cause,
            what,
        });
        seq
    }

    fn fact(&mut self, node: u8, fact: Fact) -> u64 {
        let node = NodeId(node);
        self.put(None, EventKind::Fact { node, body: fact })
    }

    fn vote(&mut self, node: u8, epoch: u64, slot: u64, value: u64) -> u64 {
        let zxid = Zxid(slot);
        self.fact(node, Fact::Voted { epoch, zxid, value })
    }

    fn send(&mut self, id: u64, from: u8, to: u8, body: Value) -> u64 {
        let what = EventKind::Send {
            id,
            from: NodeId(from),
            to: NodeId(to),
            via: Way::Datagram,
            link: None,
            kind: "Accept".to_owned(),
            body,
        };
        self.put(None, what)
    }

    fn story(self, reason: &str, subjects: Subjects, length: Length) -> Option<Story> {
        let at = self.events.last().map_or(VirtualTime(0), |last| last.at);
        let failure = Failure {
            checker: "agreement".to_owned(),
            at,
            reason: reason.to_owned(),
            subjects,
        };
        let header = header(vec![failure], at);
        story(&Trace::new(header, self.events), None, length)
    }
}

fn header(failures: Vec<Failure>, end: VirtualTime) -> Header {
    let server = |number| ServerLine {
        id: NodeId(number),
        observer: false,
    };
    Header {
        schema: TRACE_VERSION,
        scenario: "made".to_owned(),
        protocol: "paxos".to_owned(),
        ballots: true,
        slots: Slots::SINGLE,
        seed: 1,
        mutations: Vec::new(),
        hash: "0".repeat(16),
        verdict: Judgement::Fail,
        failures,
        nodes: (1..=3).map(server).collect(),
        commit: QuorumRule::Majority,
        clients: 1,
        reproduce: "menagerie run made.toml".to_owned(),
        run: "made.toml".to_owned(),
        end,
        healed: None,
        left_off: 0,
    }
}

/// What a vote of n1 at 4 below its promise is about.
fn broken_promise() -> Subjects {
    let about = Subjects::none().node(NodeId(1)).zxid(Zxid(4));
    about.epoch(257).epoch(514)
}

fn texts(story: &Story) -> Vec<&str> {
    story.steps.iter().map(|step| step.text.as_str()).collect()
}

#[test]
fn votes_and_what_they_contradict_are_told_and_the_rest_is_not() {
    let mut tape = Tape::default();
    tape.fact(1, Fact::Promised { epoch: 514 });
    tape.vote(3, 257, 7, 5);
    tape.vote(1, 257, 4, 0);
    tape.vote(2, 257, 4, 0);
    let told = tape.story("n1 broke its promise", broken_promise(), Length::Short);
    let told = told.expect("the trace has a violation");
    assert_eq!(
        texts(&told),
        [
            "n1 votes for a no-op at slot 4 in ballot 1.n1, with it on disk, although it had \
             promised ballot 2.n2 at 0.000ms.",
            "n2 votes for a no-op at slot 4 in ballot 1.n1, with it on disk.",
        ]
    );
    assert_eq!(told.steps[0].events, [2]);
    assert!(told.to_markdown().contains("- **2.000ms** n1 votes for"));
}

#[test]
fn a_checker_that_words_its_finding_otherwise_changes_nothing_in_the_story() {
    let told = |reason: &str| {
        let mut tape = Tape::default();
        tape.fact(1, Fact::Promised { epoch: 514 });
        tape.vote(1, 257, 4, 0);
        tape.vote(2, 257, 5, 0);
        let story = tape.story(reason, broken_promise(), Length::Full);
        story.expect("the trace has a violation")
    };
    let one = told("n1 voted for 4 in epoch 257 after it had promised 514");
    let other = told("a promise of ballot 2.n2 at n2, op7, /a and 5 was not kept at 9:9");
    assert_eq!(one.steps, other.steps);
    assert_eq!(one.glossary, other.glossary);
    assert!(!one.steps.is_empty());
}

#[test]
fn a_message_that_is_lost_is_told_if_it_is_about_what_is_in_dispute() {
    let mut tape = Tape::default();
    let sent = tape.send(1, 1, 2, json!({"slot": 4, "value": "Noop"}));
    tape.put(
        Some(sent),
        EventKind::Lose {
            id: 1,
            why: Why::Cut,
        },
    );
    let other = tape.send(2, 1, 2, json!({"slot": 5, "value": "Noop"}));
    tape.put(
        Some(other),
        EventKind::Lose {
            id: 2,
            why: Why::Cut,
        },
    );
    tape.vote(1, 257, 4, 0);
    let told = tape.story("n1 voted for 4", broken_promise(), Length::Short);
    let told = told.expect("the trace has a violation");
    assert_eq!(
        texts(&told)[0],
        "n1 sends Accept (slot 4, value a no-op) to n2, which never arrives: the network is cut."
    );
    assert_eq!(told.steps.len(), 2, "{told:?}");
}

#[test]
fn an_operation_is_spelled_out_once() {
    let mut tape = Tape::default();
    let (client, op) = (ClientId(1), OpId(3));
    tape.put(
        None,
        EventKind::Invoke {
            client,
            op,
            request: json!({"Read": {"GetData": {"path": "/a", "watch": false}}}),
            text: "getData /a".to_owned(),
            synced: false,
        },
    );
    tape.put(
        None,
        EventKind::Complete {
            client,
            op,
            outcome: Ended::Error,
            zxid: Some(Zxid(4)),
            answer: json!({"code": "NoNode", "parts": []}),
            invoked: VirtualTime(0),
        },
    );
    tape.vote(1, 257, 4, 0);
    let about = Subjects::none().op(op).bound(Zxid(4));
    let told = tape.story("op3 was answered NoNode", about, Length::Full);
    let told = told.expect("the trace has a violation");
    assert_eq!(texts(&told)[0], "c1 asks for op3 (getData /a).");
    assert_eq!(texts(&told)[1], "c1 is answered: op3: NoNode (at slot 4).");
}

#[test]
fn without_a_violation_there_is_no_story() {
    let trace = Trace::new(header(Vec::new(), VirtualTime(0)), Vec::new());
    assert_eq!(story(&trace, None, Length::Short), None);
}
