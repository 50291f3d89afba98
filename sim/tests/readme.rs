//! Do the commands in README.md and docs/ work, and do they print what is shown? Every `menagerie`
//! command in a block fenced as `sh` is run with the binary, in the repository's folder. A block
//! fenced as `text` after it, before the next `sh` block, is its sample.
//!
//! Rules, so that this stays quick and changes nothing:
//! - `cargo run ... -- ARGS` and `menagerie ARGS` are the binary's commands. Other commands (git,
//!   other cargo commands, examples, which have binaries of their own) are not run here.
//! - What stands behind a pipe, a redirection, `;`, `&&` or ` #` is left out.
//! - `report` writes files and takes minutes, and `index` needs kept runs: their arguments are
//!   parsed, with `--help` behind them. So are those of commands that stand in a sentence, unless
//!   they have placeholders.
//! - `run` and `campaign` get `--no-artifacts`: a failure leaves no files in the folder. What
//!   `shrink` writes goes elsewhere, and it gets a small budget.
//! - A campaign over more than 200 seeds is run over its first 20, one for a time for a second.
//! - A command must exit with 0; with `--mutate` `run` and `campaign` must exit with 1, or, if the
//!   seeds were cut down, with either.
//! - Each line of a sample is in the output, in this order. `...` stands for anything, and wall
//!   times are not compared.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use regex::Regex;

mod samples;

use samples::{missing, words};

/// A campaign over more seeds is cut down ...
const SEEDS_MAX: u64 = 200;
/// ... to so many.
const SEEDS_INSTEAD: u64 = 20;

/// One command of a text, ready to be run.
#[derive(Debug, PartialEq, Eq)]
struct Exhibit {
    /// The line in which it starts.
    line: usize,
    /// The binary's arguments.
    arguments: Vec<String>,
    /// The exit codes that are right.
    exits: &'static [i32],
    /// What it is shown to print.
    sample: Vec<String>,
}

/// A block of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Shell,
    Sample,
    Other,
}

/// The commands in blocks fenced as `sh`, continued lines joined, each with its number and its
/// sample.
fn shell_lines(text: &str) -> Vec<(usize, String, Vec<String>)> {
    let mut lines: Vec<(usize, String, Vec<String>)> = Vec::new();
    let (mut block, mut continued) = (Block::None, false);
    // A sample belongs to the last command of the last block of commands.
    let mut sampled = true;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            continued = false;
            block = match (block, fence.trim()) {
                (Block::None, "sh") => Block::Shell,
                (Block::None, "text") if !sampled => Block::Sample,
                (Block::None, _) => Block::Other,
                (Block::Shell | Block::Sample | Block::Other, _) => {
                    sampled = block == Block::Sample || (sampled && block == Block::Other);
                    Block::None
                }
            };
            continue;
        }
        match block {
            Block::None | Block::Other => {}
            Block::Sample => {
                if let Some((.., sample)) = lines.last_mut() {
                    sample.push(line.to_owned());
                }
            }
            Block::Shell => {
                let text = line.trim().trim_start_matches("$ ");
                let (text, goes_on) = match text.strip_suffix('\\') {
                    Some(text) => (text, true),
                    None => (text, false),
                };
                match lines.last_mut() {
                    Some((_, last, _)) if continued => last.push_str(text),
                    Some(_) | None => lines.push((number, text.to_owned(), Vec::new())),
                }
                continued = goes_on;
            }
        }
    }
    lines
}

/// The binary's arguments in a line, if it runs the binary.
fn arguments(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    let ends = |word: &&String| word.starts_with(['|', '>', '#', ';', '&']) || *word == "2>";
    let words: Vec<&str> = words
        .iter()
        .take_while(|word| !ends(word))
        .map(|word| word.trim_end_matches(';'))
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
    Some(rest.iter().map(|word| (*word).to_owned()).collect())
}

/// Applies the rules at the top to a command's arguments.
fn exhibit(line: usize, mut arguments: Vec<String>, sample: Vec<String>) -> Exhibit {
    let command = arguments.first().cloned().unwrap_or_default();
    match command.as_str() {
        "report" | "index" => arguments.push("--help".to_owned()),
        "run" | "campaign" => arguments.push("--no-artifacts".to_owned()),
        "shrink" => {
            let folder = env!("CARGO_TARGET_TMPDIR");
            for (option, value) in [
                ("--out", format!("{folder}/shown.toml")),
                ("--bundle", format!("{folder}/shown.json")),
                ("--budget", "3M".to_owned()),
            ] {
                if !arguments.iter().any(|argument| argument == option) {
                    arguments.extend([option.to_owned(), value]);
                }
            }
            arguments.push("--force".to_owned());
        }
        _other => {}
    }
    let cut = cut_down(&mut arguments);
    let mutated = matches!(command.as_str(), "run" | "campaign")
        && arguments
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
        sample,
    }
}

/// Cuts a long range of seeds, or a time, down; says whether it did.
fn cut_down(arguments: &mut [String]) -> bool {
    let mut cut = false;
    let mut is_time = false;
    for argument in arguments {
        if is_time {
            *argument = "1s".to_owned();
            cut = true;
        }
        is_time = argument == "--for";
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

/// The commands that stand in sentences and tables, without placeholders: to be parsed.
fn mentioned(text: &str) -> Vec<Exhibit> {
    let span = Regex::new(r"`(menagerie [^`]+)`").expect("it is well-formed");
    let placeholder = |word: &str| {
        word.contains('…')
            || word.contains("...")
            || word.split(['=', '@']).any(|part| {
                !part.is_empty() && part.chars().all(|letter| letter.is_ascii_uppercase())
            })
    };
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        for capture in span.captures_iter(text) {
            let mut arguments = words(&capture[1]).split_off(1);
            if !arguments.iter().any(|word| placeholder(word)) {
                arguments.push("--help".to_owned());
                found.push(Exhibit {
                    line,
                    arguments,
                    exits: &[0],
                    sample: Vec::new(),
                });
            }
        }
    }
    found
}

fn exhibits(text: &str) -> Vec<Exhibit> {
    let lines = shell_lines(text).into_iter();
    lines
        .filter_map(|(number, line, sample)| Some(exhibit(number, arguments(&line)?, sample)))
        .collect()
}

/// The README and the pages of docs/.
fn texts() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = fs::read_dir(root.join("docs")).expect("there is a folder docs");
    let pages = entries.map(|entry| entry.expect("it can be listed").path());
    let mut files: Vec<PathBuf> = pages
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    files.push(root.join("README.md"));
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().expect("it is a file").to_string_lossy();
        let text = fs::read_to_string(path).expect("it is readable");
        (name.into_owned(), text)
    };
    files.iter().map(read).collect()
}

fn perform(exhibit: &Exhibit) -> Output {
    Command::new(env!("CARGO_BIN_EXE_menagerie"))
        .args(&exhibit.arguments)
        .current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary can be started")
}

/// What is wrong with a command.
fn complaint(name: &str, exhibit: &Exhibit) -> Option<String> {
    let output = perform(exhibit);
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let what = format!(
        "{name}:{}: menagerie {}",
        exhibit.line,
        exhibit.arguments.join(" ")
    );
    let code = output.status.code();
    if !code.is_some_and(|code| exhibit.exits.contains(&code)) {
        let expected = exhibit.exits;
        return Some(format!(
            "{what} exits with {code:?}, not {expected:?}\n{stderr}"
        ));
    }
    let line = missing(&exhibit.sample, &stdout)?;
    Some(format!(
        "{what} does not print\n{line}\nwhere it is shown; it prints\n{stdout}"
    ))
}

#[test]
fn every_command_of_the_readme_and_the_docs_does_what_it_says() {
    let mut wrong = Vec::new();
    let (mut run, mut sampled) = (0, 0);
    for (name, text) in texts() {
        for exhibit in exhibits(&text).into_iter().chain(mentioned(&text)) {
            run += 1;
            sampled += usize::from(!exhibit.sample.is_empty());
            wrong.extend(complaint(&name, &exhibit));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(
        run >= 20 && sampled >= 3,
        "only {run} commands, {sampled} samples"
    );
}

/// The contents of the blocks of a text fenced as `toml`.
fn toml_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line.trim()) {
            (None, "```toml") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), _) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn every_scenario_that_is_shown_is_one() {
    let head = "schema = 1\nstory = \"It happens. It is survived.\"\nduration = \"3s\"\n";
    let mut seen = 0;
    for (name, text) in texts() {
        for block in toml_blocks(&text) {
            let text = match (block.starts_with("schema ="), name.as_str()) {
                (true, _) => block,
                // Only a part of one is shown there.
                (false, "scenarios.md") => format!("{head}{block}"),
                (false, _) => continue,
            };
            let parsed = menagerie_sim::scenario::Scenario::parse(&name, &text);
            parsed.unwrap_or_else(|error| panic!("{}", error.picture()));
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} scenarios");
}

#[test]
fn the_summary_of_the_book_names_every_page_and_no_other() {
    let texts = texts();
    let page = |name: &str| texts.iter().find(|(page, _)| page == name);
    let (_, summary) = page("SUMMARY.md").expect("the book has a summary");
    let link = Regex::new(r"\]\(([^)]+)\)").expect("it is well-formed");
    let mut linked: Vec<String> = link
        .captures_iter(summary)
        .map(|capture| capture[1].to_owned())
        .collect();
    linked.sort();
    let pages = texts.iter().map(|(name, _)| name.clone());
    let expected: Vec<String> = pages
        .filter(|name| name != "SUMMARY.md" && name != "README.md")
        .collect();
    assert_eq!(linked, expected);
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
menagerie campaign chaos --for 30m
menagerie run scenarios/chaos.toml --mutate P04 > out.txt
menagerie mutations \"phase 1\"
```
A sentence.
```text
P04 ...
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
            "campaign chaos --for 1s --no-artifacts".to_owned(),
            &[0],
        ),
        (12, format!("run {chaos} --mutate P04 --no-artifacts"), &[1]),
        (13, "mutations phase 1".to_owned(), &[0]),
    ];
    assert_eq!(found, expected);
    let samples = exhibits(readme).into_iter().map(|exhibit| exhibit.sample);
    let samples: Vec<Vec<String>> = samples.filter(|sample| !sample.is_empty()).collect();
    assert_eq!(samples, [["P04 ..."]]);
}

#[test]
fn a_sample_is_compared_line_by_line_without_wall_times() {
    let sample = [
        "a  1 checked",
        "b ... end",
        "  4 s virtual in 98.0ms, 3 messages",
    ];
    let sample = sample.map(str::to_owned);
    let output = "a  1 checked\nb is in the middle of the end\n\
                  \x20 4 s virtual in 1.2ms, 3 messages\n";
    assert_eq!(missing(&sample, output), None);
    let swapped = "b is the end\na  1 checked\n";
    assert_eq!(missing(&sample, swapped), Some("b ... end"));
    assert_eq!(
        missing(&sample[..1], "a  1 checked twice\n"),
        Some("a  1 checked")
    );
    let mentioned = mentioned("`menagerie run SCENARIO` and `menagerie diff a@7+Z13 b@7`");
    assert_eq!(mentioned.len(), 1, "{mentioned:?}");
}
