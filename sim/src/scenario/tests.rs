use std::collections::BTreeSet;

use super::*;
use crate::world::knobs::outside::OUTSIDE;

const SMALLEST: &str =
    "schema = 1\nstory = \"One thing happens. It is survived.\"\nduration = \"3s\"\n";

/// The diagnostic of a text that follows the smallest scenario.
fn refused(rest: &str) -> String {
    let text = format!("{SMALLEST}{rest}");
    Scenario::parse("x.toml", &text)
        .expect_err("the text is wrong")
        .to_string()
}

#[track_caller]
fn assert_tells(rest: &str, parts: &[&str]) {
    let told = refused(rest);
    for part in parts {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
}

#[test]
fn the_smallest_scenario_is_sound() {
    let scenario = Scenario::parse("scenarios/x.toml", SMALLEST).expect("it is sound");
    assert_eq!(scenario.name, "x");
    assert_eq!(*scenario.document.ensemble.voters.get_ref(), 5);
}

#[test]
fn a_misspelt_section_is_told_with_its_line_and_the_allowed_ones() {
    assert_tells("[netwrok]\n", &["x.toml:4:2: ", "netwrok", "network"]);
}

#[test]
fn a_misspelt_field_inside_a_fault_is_told_with_its_own_place() {
    assert_tells(
        "[[fault]]\ncrash = { at = \"1s\", nodee = 1 }\n",
        &["x.toml:5:22: ", "nodee", "available keys: at, node"],
    );
}

#[test]
fn a_misspelt_fault_is_told_with_the_known_ones() {
    assert_tells(
        "[[fault]]\ncrahs = { at = \"1s\", node = 1 }\n",
        &["x.toml:5:1: ", "crahs", "rolling_restart", "partition"],
    );
}

#[test]
fn a_duration_without_a_unit_is_told_with_the_units() {
    assert_tells(
        "[[fault]]\ncrash = { at = 5, node = 1 }\n",
        &["x.toml:5:16: ", "bare number 5", "ns, us, ms, s, m"],
    );
    assert_tells(
        "[liveness]\nbound = \"5 parsecs\"\n",
        &["x.toml:5:9: ", "5 parsecs", "ns, us, ms, s, m"],
    );
}

#[test]
fn a_wrong_type_is_told_with_its_place() {
    assert_tells(
        "[ensemble]\nvoters = \"five\"\n",
        &["x.toml:5:10: ", "string"],
    );
    assert_tells("[ensemble]\nvoters = 300\n", &["x.toml:5:10: ", "300"]);
    assert_tells("[ensemble]\nvoters = -1\n", &["x.toml:5:10: ", "-1"]);
}

#[test]
fn a_fault_that_names_server_9_of_5_is_refused() {
    assert_tells(
        "[[fault]]\ncrash = { at = \"1s\", node = 9 }\n",
        &["x.toml:5:29: ", "no server 9 of 5", "from 1 to 5"],
    );
    assert_tells(
        "[[fault]]\ncrash = { at = \"1s\", node = \"boss\" }\n",
        &["x.toml:5:29: ", "boss", "\"leader\""],
    );
}

#[test]
fn a_fault_after_the_end_is_refused() {
    assert_tells(
        "[[fault]]\npause = { at = \"4s\", node = \"leader\" }\n",
        &["x.toml:5:16: ", "the run's faults end"],
    );
}

#[test]
fn an_empty_ensemble_is_refused() {
    assert_tells("[ensemble]\nvoters = 0\n", &["x.toml:5:10: ", "empty"]);
}

#[test]
fn a_latency_whose_min_is_above_its_max_is_refused() {
    assert_tells(
        "[network]\nlan = { uniform = { min = \"2ms\", max = \"1ms\" } }\n",
        &["x.toml:5:7: ", "longer than", "min <= max"],
    );
}

#[test]
fn a_matrix_that_does_not_fit_the_ensemble_is_refused() {
    assert_tells(
        "[ensemble]\nvoters = 3\n[network]\nmatrix = [[\"1ms\", \"1ms\"], [\"1ms\", \"1ms\"]]\n",
        &["x.toml:7:10: ", "does not fit 3 servers"],
    );
}

#[test]
fn an_unknown_schema_and_a_duration_of_nothing_are_told_together() {
    let text = "schema = 2\nstory = \"Short.\"\nduration = \"0s\"\n";
    let error = Scenario::parse("x.toml", text).expect_err("two mistakes");
    let lines: Vec<usize> = error
        .problems
        .iter()
        .filter_map(|problem| error.place(problem))
        .map(|(line, _)| line)
        .collect();
    assert_eq!(lines, vec![1, 3]);
}

#[test]
fn a_short_story_is_no_mistake_and_is_advised_against() {
    let text = |story: &str| format!("schema = 1\nstory = \"{story}\"\nduration = \"1s\"\n");
    let advice = |story: &str| {
        let scenario = Scenario::parse("x.toml", &text(story)).expect("it is sound");
        scenario.advice()
    };
    assert!(
        advice("Short.")
            .expect("it is short")
            .contains("two sentences")
    );
    assert_eq!(advice("A leader stops. Nothing is lost."), None);
}

#[test]
fn a_missing_field_is_explained() {
    let error = Scenario::parse("x.toml", "schema = 1\nduration = \"1s\"\n").expect_err("no story");
    assert!(error.to_string().contains("missing field `story`"));
    assert!(error.to_string().contains("the smallest scenario"));
}

#[test]
fn broken_syntax_is_told_with_its_place() {
    assert_tells("[workload\n", &["x.toml:4:10: "]);
}

#[test]
fn a_missing_file_is_told() {
    let error = Scenario::read("no/such/file.toml").expect_err("there is none");
    assert!(
        error
            .to_string()
            .contains("no/such/file.toml: there is no such scenario file")
    );
}

#[test]
fn an_unknown_checker_is_refused() {
    let text = SMALLEST.to_owned() + "expect = { fail = \"nonsense\" }\n";
    let error = Scenario::parse("x.toml", &text).expect_err("there is no such checker");
    assert!(error.to_string().contains("no checker \"nonsense\""));
}

#[test]
fn durable_damage_is_outside_of_this_versions_budget() {
    assert_tells(
        "[chaos]\nfrom = \"0s\"\ngap = \"100ms\"\nhold_min = \"10ms\"\nhold_max = \"50ms\"\n\
         weights = { crash = 1 }\nbudget = { durable_damage_max = 1 }\n",
        &["durable damage is not simulated"],
    );
}

#[test]
fn the_picture_shows_file_line_column_and_the_offending_text() {
    let text = format!("{SMALLEST}[[fault]]\ncrash = {{ at = \"1s\", node = 9 }}\n");
    let error = Scenario::parse("x.toml", &text).expect_err("server 9 of 5");
    let picture = error.picture();
    assert!(picture.contains("x.toml:5:29"), "{picture}");
    assert!(picture.contains("no server 9 of 5"), "{picture}");
    assert!(picture.contains("node = "), "{picture}");
}

/// The words between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What the parser takes in a place, as it tells those who write something else.
fn taken(place: &str) -> BTreeSet<String> {
    let told = refused(place);
    let line = told.lines().next().expect("a diagnostic has a line");
    let known = line.split_once("expected").expect("it tells what it takes");
    quoted(known.1).into_iter().map(str::to_owned).collect()
}

/// What the tables below a heading of the reference name in their first column.
fn documented(heading: &str) -> BTreeSet<String> {
    let reference = include_str!("../../../docs/scenarios.md");
    let section = reference.split("\n## ").find(|part| {
        let first = part.lines().next().unwrap_or_default();
        first == heading
    });
    let section = section.unwrap_or_else(|| panic!("{heading:?} is missing"));
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        quoted(cells[1])
    });
    names.map(str::to_owned).collect()
}

#[test]
fn the_reference_of_scenario_files_names_every_key_and_no_other() {
    assert_eq!(documented("The file"), taken("zzz = 1\n"));
    assert_eq!(
        documented("`[[fault]]`"),
        taken("[[fault]]\nzzz = { at = \"1s\" }\n")
    );
    let own = crate::PROTOCOLS
        .iter()
        .map(|one| format!("knobs.{}", one.name));
    let shared = [
        "ensemble",
        "knobs",
        "network",
        "disk",
        "clock",
        "workload",
        "workload.mix",
        "chaos",
        "chaos.weights",
        "chaos.budget",
        "chaos.swarm",
        "chaos.swarm.knobs",
        "liveness",
    ];
    for name in shared.map(str::to_owned).into_iter().chain(own) {
        let heading = format!("`[{name}]`");
        let mut taken = taken(&format!("[{name}]\nzzz = 1\n"));
        // Known to this process once another test has announced it.
        taken.remove(OUTSIDE.name);
        assert_eq!(documented(&heading), taken, "{name}");
    }
}

#[test]
fn a_knob_may_stand_outside_of_its_protocols_section() {
    let head = "schema = 1\nstory = \"All is well. So it is.\"\nduration = \"1s\"\n";
    let chaos = "[chaos]\nfrom = \"1ms\"\ngap = \"1ms\"\nhold_min = \"1ms\"\nhold_max = \"2ms\"\n\
                 weights = { crash = 1 }\n";
    let parse = |rest: &str| Scenario::parse("x.toml", &format!("{head}{rest}"));
    let lines = |rest: &str| {
        let scenario = parse(rest).expect("it is sound");
        let resolved = crate::run::resolve::Resolved::of_scenario(&scenario);
        crate::run::scenario_file::resolved_text(&resolved, None, "All is well. So it is.")
    };
    assert_eq!(
        lines("[knobs]\nelection_timeout = \"500ms\"\n"),
        lines("[knobs.paxos]\nelection_timeout = \"500ms\"\n"),
    );
    assert_eq!(
        lines(&format!("{chaos}[chaos.swarm]\nlog_tail = [3, 9]\n")),
        lines(&format!(
            "{chaos}[chaos.swarm.knobs.paxos]\nlog_tail = [3, 9]\n"
        )),
    );
    for twice in [
        "[knobs]\nwindow = 4\n[knobs.paxos]\nwindow = 4\n".to_owned(),
        format!("{chaos}[chaos.swarm]\nwindow = [2, 4]\nknobs.paxos.window = [2, 4]\n"),
    ] {
        let error = parse(&twice).expect_err("it is given twice");
        assert!(error.to_string().contains("given twice"), "{error}");
    }
    let unknown = parse(&format!("{chaos}[chaos.swarm]\nlog_tale = [3, 9]\n"));
    let error = unknown.expect_err("there is no such key");
    assert!(error.to_string().contains(":11:1"), "{error}");
}
