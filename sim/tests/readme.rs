//! Do the commands in README.md work? Every `menagerie` command in a block fenced as `sh` is run
//! with the binary, in the repository's folder.
//!
//! Rules, so that this stays quick and changes nothing:
//! - `cargo run ... -- ARGS` and `menagerie ARGS` are the binary's commands. Other commands (git,
//!   other cargo commands, examples, which have binaries of their own) are not run here.
//! - What stands behind a pipe, a redirection, `;`, `&&` or ` #` is left out.
//! - `report` writes files and takes minutes: its arguments are parsed, with `--help` behind them.
//! - `run` and `campaign` get `--no-artifacts`: a failure leaves no files in the folder.
//! - A campaign over more than 200 seeds is run over its first 20.
//! - A command must exit with 0; with `--mutate` it must exit with 1, or, if its seeds were cut
//!   down, with either.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A campaign over more seeds is cut down ...
const SEEDS_MAX: u64 = 200;
/// ... to so many.
const SEEDS_INSTEAD: u64 = 20;

/// One command of the README, ready to be run.
#[derive(Debug, PartialEq, Eq)]
struct Exhibit {
    /// The line in which it starts.
    line: usize,
    /// The binary's arguments.
    arguments: Vec<String>,
    /// The exit codes that are right.
    exits: &'static [i32],
}

/// The lines of the blocks fenced as `sh`, continued lines joined, each with its number.
fn shell_lines(readme: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let (mut inside, mut continued) = (false, false);
    for (number, line) in (1..).zip(readme.lines()) {
        if line.trim_start().starts_with("```") {
            inside = line.trim() == "```sh";
            continued = false;
            continue;
        }
        if !inside {
            continue;
        }
        let text = line.trim().trim_start_matches("$ ");
        let (text, goes_on) = match text.strip_suffix('\\') {
            Some(text) => (text, true),
            None => (text, false),
        };
        match lines.last_mut() {
            Some((_, last)) if continued => last.push_str(text),
            Some(_) | None => lines.push((number, text.to_owned())),
        }
        continued = goes_on;
    }
    lines
}

/// The binary's arguments in a line, if it runs the binary.
fn arguments(line: &str) -> Option<Vec<String>> {
    let words = line.split_whitespace();
    let words: Vec<&str> = words
        .take_while(|word| !word.starts_with(['|', '>', '#', ';', '&']) && *word != "2>")
        .collect();
    let rest = match words.as_slice() {
        ["menagerie", rest @ ..] => rest,
        ["cargo", "run", rest @ ..] => {
            let split = rest.iter().position(|word| *word == "--")?;
            if rest[..split].contains(&"--example") {
                return None;
            }
            &rest[split + 1..]
        }
        _ => return None,
    };
    let bare = |word: &&str| {
        word.trim_end_matches(';')
            .trim_matches(['\'', '"'])
            .to_owned()
    };
    Some(rest.iter().map(bare).collect())
}

/// Applies the rules at the top to a command's arguments.
fn exhibit(line: usize, mut arguments: Vec<String>) -> Exhibit {
    if arguments.first().is_some_and(|command| command == "report") {
        arguments.push("--help".to_owned());
    }
    let command = arguments.first().map(String::as_str);
    if matches!(command, Some("run" | "campaign")) {
        arguments.push("--no-artifacts".to_owned());
    }
    let cut = cut_down(&mut arguments);
    let mutated = arguments
        .iter()
        .any(|argument| argument == "--mutate" || argument.starts_with("--mutate="));
    Exhibit {
        line,
        arguments,
        exits: match (mutated, cut) {
            (false, _) => &[0],
            (true, false) => &[1],
            (true, true) => &[0, 1],
        },
    }
}

/// Cuts a long range of seeds down; says whether it did.
fn cut_down(arguments: &mut [String]) -> bool {
    let mut cut = false;
    for argument in arguments {
        let Some((from, to)) = argument.split_once("..") else {
            continue;
        };
        let from = from.strip_prefix("--seeds=").unwrap_or(from);
        if let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>())
            && to.saturating_sub(from) > SEEDS_MAX
        {
            *argument = argument.replace(
                &format!("{from}..{to}"),
                &format!("{from}..{}", from + SEEDS_INSTEAD),
            );
            cut = true;
        }
    }
    cut
}

fn exhibits(readme: &str) -> Vec<Exhibit> {
    let lines = shell_lines(readme).into_iter();
    lines
        .filter_map(|(number, line)| Some(exhibit(number, arguments(&line)?)))
        .collect()
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).expect("there is a README.md");
    let exhibits = exhibits(&readme);
    assert!(exhibits.len() >= 3, "the README shows only {exhibits:?}");
    let mut wrong = Vec::new();
    for exhibit in exhibits {
        let output = Command::new(env!("CARGO_BIN_EXE_menagerie"))
            .args(&exhibit.arguments)
            .current_dir(&root)
            .env("NO_COLOR", "1")
            .output()
            .expect("the binary can be started");
        let code = output.status.code();
        if !code.is_some_and(|code| exhibit.exits.contains(&code)) {
            wrong.push(format!(
                "README.md:{}: menagerie {} exits with {code:?}, not {:?}\n{}",
                exhibit.line,
                exhibit.arguments.join(" "),
                exhibit.exits,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn commands_are_found_in_blocks_fenced_as_sh_and_nowhere_else() {
    let readme = "\
menagerie not here
```text
menagerie nor here
```
```sh
git clone somewhere   # menagerie
$ cargo run --release -- run scenarios/steady.toml --seed 3   # quick
cargo run --release --example fixed_primary -- run scenarios/steady.toml
menagerie campaign scenarios/chaos.toml \\
    --protocol all --seeds 0..2000 --mutate P04 | tail -3
menagerie campaign scenarios/chaos.toml --seeds 0..200
menagerie run scenarios/chaos.toml --mutate P04 > out.txt
cargo run --release -- report --out .
```
";
    let found: Vec<(usize, String, &[i32])> = exhibits(readme)
        .into_iter()
        .map(|exhibit| (exhibit.line, exhibit.arguments.join(" "), exhibit.exits))
        .collect();
    let chaos = "scenarios/chaos.toml";
    let expected: Vec<(usize, String, &[i32])> = vec![
        (
            7,
            "run scenarios/steady.toml --seed 3 --no-artifacts".to_owned(),
            &[0],
        ),
        (
            9,
            format!("campaign {chaos} --protocol all --seeds 0..20 --mutate P04 --no-artifacts"),
            &[0, 1],
        ),
        (
            11,
            format!("campaign {chaos} --seeds 0..200 --no-artifacts"),
            &[0],
        ),
        (12, format!("run {chaos} --mutate P04 --no-artifacts"), &[1]),
        (13, "report --out . --help".to_owned(), &[0]),
    ];
    assert_eq!(found, expected);
}
