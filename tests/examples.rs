//! Protocols from outside: the examples run under the scenarios with which the documentation shows
//! them, and each one's program has a name of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../sim/tests/samples/mod.rs"]
mod samples;

use samples::{missing, words};

/// Runs an example: exit code, stdout and stderr.
fn example(name: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    example_in(Path::new("."), name, arguments)
}

/// The same in a folder.
fn example_in(place: &Path, name: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    // Beside the folder of the tests' own programs, where `cargo test` builds examples too.
    let own = std::env::current_exe().expect("a test knows its own program");
    let folder = own.parent().and_then(|deps| deps.parent());
    let program: PathBuf = folder
        .expect("it is target/<profile>")
        .join("examples")
        .join(name);
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(place)
        .env("NO_COLOR", "1")
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `cargo build --examples` makes it",
                program.display()
            )
        });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_smallest_protocol_survives_what_it_is_shown_to_survive() {
    let scenarios = [
        "power_loss",
        "leader_crash",
        "rolling_restart",
        "minority_partition",
    ];
    let arguments = [&["campaign"], &scenarios[..], &["--seeds", "0..4"]].concat();
    let (code, stdout, stderr) = example("primary_backup", &arguments);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    for scenario in scenarios {
        let title = format!("{scenario} on primary-backup, seeds 0..4");
        assert!(stdout.contains(&title), "{title} in\n{stdout}");
    }
}

#[test]
fn lines_to_paste_name_the_program_that_printed_them() {
    let set = ["--mutate", "T03", "--set", "duration=3s"];
    let arguments = [&["run", "steady"], &set[..], &["--no-artifacts"]].concat();
    let (code, stdout, _) = example("primary_backup", &arguments);
    assert_eq!(code, Some(1), "{stdout}");
    let line = "reproduce: primary_backup run scenarios/steady.toml --protocol primary-backup \
                --seed 1 --set duration=3s --mutate T03";
    assert!(stdout.contains(line), "{stdout}");
}

#[test]
fn a_mutation_of_another_protocol_is_refused() {
    let arguments = ["run", "steady", "--mutate", "P03"];
    let (code, _, stderr) = example("primary_backup", &arguments);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("P03"), "{stderr}");
}

/// A command of a page with what it is shown to print.
struct Shown {
    line: usize,
    example: String,
    arguments: Vec<String>,
    sample: Vec<String>,
}

/// The commands of examples in the blocks of a page fenced as `sh` or `console`. What stands below
/// a command in a `console` block, or in a block fenced as `text` after it, is its sample.
fn shown(page: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let (mut block, mut sampling) = ("", false);
    for (number, line) in (1..).zip(page.lines()) {
        if let Some(fence) = line.strip_prefix("```") {
            // A block as `sh` may have its sample in a block of its own.
            sampling = sampling && (block == "sh" || block.is_empty() && fence == "text");
            block = if block.is_empty() { fence } else { "" };
            continue;
        }
        let command = line.strip_prefix("$ ").unwrap_or(line);
        let command = command.strip_prefix("cargo run --release --example ");
        match (
            block,
            command.and_then(|command| command.split_once(" -- ")),
        ) {
            ("sh" | "console", Some((example, arguments))) => {
                found.push(Shown {
                    line: number,
                    example: example.to_owned(),
                    arguments: words(arguments),
                    sample: Vec::new(),
                });
                sampling = true;
            }
            ("console" | "text", None) if sampling => {
                let last = found.last_mut().expect("a sample follows a command");
                last.sample.push(line.to_owned());
            }
            (_block, Some(_) | None) => {}
        }
    }
    found
}

/// Runs the commands of a page one after the other in one folder, as its reader does; says how many
/// there were.
fn follow(page: &str) -> usize {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(page.replace('/', "-"));
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("the target folder can be written");
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"));
    let commands = shown(&text);
    for command in &commands {
        let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let (code, stdout, stderr) = example_in(&place, &command.example, &arguments);
        let place = format!("{page}:{}: {}", command.line, arguments.join(" "));
        let runs = matches!(arguments[0], "run" | "campaign");
        let is_mutated = runs && arguments.contains(&"--mutate") && !arguments.contains(&"none");
        let expected = i32::from(is_mutated);
        assert_eq!(code, Some(expected), "{place}\n{stdout}{stderr}");
        let absent = missing(&command.sample, &stdout);
        assert_eq!(absent, None, "{place} prints\n{stdout}");
    }
    commands.len()
}

#[test]
fn the_commands_of_the_readme_and_of_own_protocols_print_what_they_show() {
    assert!(follow("README.md") >= 1);
    assert!(follow("docs/own-protocol.md") >= 4);
}

#[test]
fn the_commands_of_the_tutorial_print_what_they_show() {
    assert!(follow("docs/tutorial.md") >= 5);
}

#[test]
fn a_mutation_of_ones_own_is_listed_and_kept_in_what_a_failure_leaves() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-mutation");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("the target folder can be written");
    let run = |arguments: &[&str]| example_in(&place, "primary_backup", arguments);
    let (_, listed, _) = run(&["mutations"]);
    assert!(listed.contains("B01  ack_before_disk"), "{listed}");
    assert!(
        !listed.contains("Z13"),
        "of Zab, which this program does not know"
    );
    let (code, stdout, stderr) = run(&["run", "power_loss", "--seed", "0", "--mutate", "B01"]);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    let folder = "out/power_loss/primary-backup-0";
    let minimal = format!("{folder}/minimal.toml");
    let text = fs::read_to_string(place.join(&minimal)).expect("it was shrunk");
    assert!(text.contains("mutations = [\"B01\"]"), "{text}");
    let (code, stdout, stderr) = run(&["run", &minimal]);
    assert_eq!(code, Some(0), "it shows what it expects: {stdout}{stderr}");
    let (code, stdout, stderr) = run(&["replay", folder]);
    assert_eq!(code, Some(1), "the same violation: {stdout}{stderr}");
}
