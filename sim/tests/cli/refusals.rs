//! What the command line refuses, and what it says then.

use super::{assert_refused, scenario};

#[test]
fn a_missing_file_is_refused_and_its_neighbours_are_named() {
    assert_refused(
        &["run", "scenarios/stedy.toml"],
        &[
            "scenarios/stedy.toml",
            "no such scenario file",
            "steady.toml",
        ],
    );
}

#[test]
fn an_unknown_field_is_refused_with_its_place_and_what_is_allowed() {
    let file = scenario("unknown_field", "[ensemble]\nvotres = 3\n");
    assert_refused(
        &["run", &file],
        &["unknown_field.toml:5:1", "votres", "voters"],
    );
}

#[test]
fn a_wrong_type_is_refused_with_its_place() {
    let file = scenario("wrong_type", "[ensemble]\nvoters = \"three\"\n");
    assert_refused(
        &["run", &file],
        &["wrong_type.toml:5:10", "voters = \"three\""],
    );
}

#[test]
fn a_fault_that_names_server_9_of_5_is_refused() {
    let fault = "[[fault]]\ncrash = { at = \"100ms\", node = 9 }\n";
    let file = scenario("server_9", fault);
    assert_refused(
        &["campaign", &file, "--seeds", "0..2"],
        &["server_9.toml:5:32", "no server 9 of 5"],
    );
}

#[test]
fn an_empty_range_of_seeds_is_refused() {
    assert_refused(
        &["campaign", "scenarios/steady.toml", "--seeds", "5..5"],
        &["5..5", "no seed is in this range"],
    );
    assert_refused(
        &["campaign", "scenarios/steady.toml", "--seeds", "5"],
        &["A..B"],
    );
    assert_refused(&["campaign", "scenarios/steady.toml"], &["--seeds"]);
}

#[test]
fn a_bad_seed_is_refused() {
    assert_refused(
        &["run", "scenarios/steady.toml", "--seed", "x"],
        &["17 or 0x1f3c"],
    );
}

#[test]
fn an_unknown_protocol_is_refused_with_the_known_ones() {
    assert_refused(
        &["run", "scenarios/steady.toml", "--protocol", "paxo"],
        &["did you mean paxos?", "zab", "`all`"],
    );
}

#[test]
fn an_unknown_mutation_is_refused_with_the_nearest_one() {
    assert_refused(
        &["run", "scenarios/steady.toml", "--mutate", "Z3"],
        &["no mutation \"Z3\"", "did you mean", "menagerie mutations"],
    );
}

#[test]
fn a_mutation_that_does_not_concern_the_protocol_is_refused() {
    for protocol in ["zab", "all"] {
        assert_refused(
            &[
                "run",
                "scenarios/steady.toml",
                "--mutate",
                "P03",
                "--protocol",
                protocol,
            ],
            &["P03", "does not concern zab", "--protocol paxos"],
        );
    }
    assert_refused(
        &[
            "run",
            "scenarios/steady.toml",
            "--mutate",
            "P03",
            "--mutate",
            "Z13",
        ],
        &["no protocol is concerned by all"],
    );
}

#[test]
fn a_negative_seed_is_a_bad_seed_and_no_unknown_argument() {
    let steady = "scenarios/steady.toml";
    assert_refused(&["run", steady, "--seed", "-1"], &["'-1'", "such as 17"]);
    assert_refused(&["campaign", steady, "--seeds", "-1..3"], &["such as 17"]);
}

#[test]
fn a_period_of_nothing_is_refused() {
    let scenario = scenario("nothing", "[ensemble]\nremoval_interval = \"0s\"\n");
    assert_refused(
        &["run", &scenario],
        &["`removal_interval` is too short", "or more"],
    );
}

#[test]
fn an_unknown_checker_is_refused_with_the_known_ones() {
    let file = "tests/data/minimal/P04.toml";
    for command in ["explain", "blame", "shrink"] {
        let parts = [
            "no checker \"agreemnt\"",
            "did you mean agreement",
            "durability",
        ];
        assert_refused(&[command, file, "--checker", "agreemnt"], &parts);
    }
}

#[test]
fn shrinking_refuses_files_that_it_could_not_write_before_it_begins() {
    let file = "tests/data/minimal/P04.toml";
    let one = ["shrink", file, "--out", "same", "--bundle", "same"];
    assert_refused(&one, &["both name same"]);
    let folder = ["shrink", file, "--out", "src", "--force"];
    assert_refused(&folder, &["src is a folder"]);
    let missing = ["shrink", file, "--bundle", "no/such/m.json", "--force"];
    assert_refused(&missing, &["no/such/m.json", "there is no folder no/such"]);
}
