//! Protocols from outside: the examples run under the scenarios with which the documentation shows
//! them, and each one's program has a name of its own.

use std::path::PathBuf;
use std::process::Command;

/// Runs an example: exit code, stdout and stderr.
fn example(name: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    // Beside the folder of the tests' own programs, where `cargo test` builds examples too.
    let own = std::env::current_exe().expect("a test knows its own program");
    let folder = own.parent().and_then(|deps| deps.parent());
    let program: PathBuf = folder
        .expect("it is target/<profile>")
        .join("examples")
        .join(name);
    let output = Command::new(&program)
        .args(arguments)
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

/// The arguments of a shell's words; quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words
                .last_mut()
                .expect("there is always a word")
                .push(letter),
        }
    }
    words
}

#[test]
fn the_commands_of_the_documentation_hold_over_their_first_seeds() {
    let pages = ["README.md", "docs/own-protocol.md", "docs/tutorial.md"];
    let mut seen = 0;
    for page in pages {
        let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"));
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("cargo run --release --example ") else {
                continue;
            };
            let (name, arguments) = rest.split_once(" -- ").expect("it has arguments");
            let mut arguments = words(arguments);
            for argument in &mut arguments {
                if argument.starts_with("0..") {
                    *argument = "0..3".to_owned();
                }
            }
            arguments.push("--no-artifacts".to_owned());
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (code, stdout, stderr) = example(name, &arguments);
            assert_eq!(code, Some(0), "{page}: {line}\n{stdout}{stderr}");
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} commands");
}
