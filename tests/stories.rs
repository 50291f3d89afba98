//! Does the story of each bug name its real cause?
//!
//! Each scenario in `tests/data/minimal` was shrunk from a failing seed of the bug that it is named
//! after (P09's is made by hand). Its story is derived from the trace and the counterexample alone.
//! The words that must stand together in one sentence are those by which a reader who does not know
//! the bug can tell what went wrong.

mod scenario_files;

use menagerie::mutation::Mutations;
use menagerie_sim::diagnose::explain::{Length, Story, story};
use menagerie_sim::run::registry::PROTOCOLS;
use menagerie_sim::run::{RunReport, RunSpec};
use menagerie_sim::scenario::schema::Expect;

/// The most sentences of a story.
const SENTENCES_MAX: usize = 25;

/// Performs a minimal scenario, with its own bug or with none.
fn run(name: &str, buggy: bool) -> RunReport {
    let scenario = scenario_files::scenario(&format!("tests/data/minimal/{name}.toml"));
    let wanted = scenario.document.protocol.as_deref();
    let protocol = PROTOCOLS
        .iter()
        .find(|one| wanted == Some(one.name))
        .expect("a minimal scenario names its protocol");
    let mutations = if buggy {
        scenario.mutations()
    } else {
        Mutations::NONE
    };
    let spec = RunSpec {
        scenario,
        seed: 1,
        mutations,
        checks: true,
        trace: true,
    };
    protocol.run(&spec).expect("the run ends")
}

fn told(name: &str) -> Story {
    let report = run(name, true);
    let Expect::Fail(checker) = &report.expect else {
        panic!("{name} expects a violation");
    };
    let trace = report.trace.as_ref().expect("it was asked for");
    let story = story(trace, Some(checker), Length::Short).expect("the violation is there");
    assert!(
        story.steps.len() <= SENTENCES_MAX,
        "{}",
        story.to_markdown()
    );
    story
}

/// Each list of words stands in one sentence, and those sentences in this order.
#[track_caller]
fn assert_tells(story: &Story, sentences: &[&[&str]]) {
    let mut steps = story.steps.iter();
    for words in sentences {
        assert!(
            steps.any(|step| words.iter().all(|word| step.text.contains(word))),
            "{words:?} is missing (there) in:\n{}",
            story.to_markdown()
        );
    }
}

#[test]
fn every_minimal_scenario_passes_without_its_bug() {
    for name in ["P03", "P04", "P09", "T03", "Z13", "Z13_agreement", "Z20"] {
        let report = run(name, false);
        let failures: Vec<&str> = report
            .failures()
            .map(|judged| judged.checker.as_str())
            .filter(|checker| *checker != "expectation")
            .collect();
        assert_eq!(failures, [""; 0], "{name}");
        let trace = report.trace.as_ref().expect("it was asked for");
        assert_eq!(story(trace, None, Length::Short), None, "{name}");
    }
}

#[test]
fn a_vote_below_a_promise_is_the_cause_of_p03() {
    assert_tells(
        &told("P03"),
        &[
            &["n3 leads ballot 1.n3"],
            &["n3 is cut off from n1 and n2"],
            &["n3 proposes expireSession", "slot 3 in ballot 1.n3"],
            &["n2 promises ballot 2.n1 to n1", "votes none"],
            &["n1 leads ballot 2.n1", "n2's Promise"],
            &[
                "n1 votes for expireSession",
                "ballot 1.n3",
                "although it had promised ballot 2.n1",
            ],
        ],
    );
}

#[test]
fn a_proposal_against_the_reported_vote_is_the_cause_of_p04() {
    assert_tells(
        &told("P04"),
        &[
            &["n1 and n3 vote for op0", "slot 3 in ballot 1.n1"],
            &["c1 is answered", "op0"],
            &[
                "n1 promises ballot 2.n2 to n2",
                "votes [slot 3, ballot 1.n1, value op0]",
            ],
            &[
                "n2 proposes a no-op at slot 3",
                "although n1 and n3",
                "op0",
                "as n2 had been told",
            ],
            &["n2 gives up leading"],
            &["n1 and n2 vote for a no-op at slot 3 in ballot 2.n2"],
        ],
    );
}

#[test]
fn a_read_answered_by_a_leader_that_hears_nobody_is_the_cause_of_p09() {
    assert_tells(
        &told("P09"),
        &[
            &["n1 leads ballot 1.n1"],
            &["n1 is cut off from n2 and n3"],
            &["n3 leads ballot 2.n3"],
            &["c2 is answered by n3", "op1", "created /b (at slot 7)"],
            &["c1 asks for op3 (getData /b), right behind a sync"],
            &[
                "c1 is answered by n1, which leads ballot 1.n1",
                "NoNode",
                "although n2 and n3 stood at 7",
                "n1 had heard nothing since",
            ],
        ],
    );
}

#[test]
fn a_number_that_is_used_again_after_a_delete_is_the_cause_of_t03() {
    let story = told("T03");
    assert_tells(
        &story,
        &[
            &["create /p1/q-", "created /p1/q-0000000000"],
            &["delete /p1/q-0000000000", "deleted"],
            &["op3", "created /p1/c-0000000000"],
        ],
    );
    assert!(story.reason.contains("the answer is /p1/c-0000000001"));
}

#[test]
fn an_acknowledgement_without_anything_on_disk_is_the_cause_of_z13() {
    assert_tells(
        &told("Z13"),
        &[
            &["n3 proposes the leader's own removal of /t0 at zxid 1:3"],
            &["n3 sends PROPOSAL (zxid 1:3", "never arrives"],
            &["n3 sends DIFF (zxid 1:3)", "to n2"],
            &[
                "n2 sends ACK-NEWLEADER (epoch 3) to n3",
                "nothing of zxid 1:3 on disk",
            ],
            &[
                "n3 leads epoch 3",
                "n2's ACK-NEWLEADER",
                "only n3 has it on disk",
            ],
        ],
    );
    assert_tells(
        &told("Z13_agreement"),
        &[
            &[
                "n3 sends ACK-NEWLEADER (epoch 2) to n2",
                "nothing of zxid 2:1 on disk",
            ],
            &["boot again", "zxid 2:1 is not on n3's disk"],
            &["n3 commits zxid 2:2, right after 1:1", "went on with 2:1"],
        ],
    );
}

#[test]
fn a_diff_that_leaves_a_divergent_tail_is_the_cause_of_z20() {
    assert_tells(
        &told("Z20"),
        &[
            &["n2 leads epoch 2"],
            &["n2 stands still"],
            &["n1 leads epoch 3"],
            &[
                "n2 proposes op0",
                "zxid 2:1 in epoch 2",
                "although n1 leads epoch 3",
            ],
            &[
                "n2 promises epoch 3 to n1",
                "zxid 2:1",
                "n1 has nothing of zxid 2:1",
            ],
            &["n1 sends DIFF (zxid 3:1)", "to n2"],
            &[
                "n2 commits zxid 2:1, right after 1:2",
                "n1 and n3 went on with 3:1",
            ],
        ],
    );
}

#[test]
fn a_story_is_the_same_every_time() {
    assert_eq!(told("P04").to_markdown(), told("P04").to_markdown());
}
