//! `menagerie check`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::arguments::CheckArguments;
use super::output::{complain, print};
use super::{CliError, Exit, document};
use crate::histories::FailedSwap;
use crate::histories::judge::{
    Explanation, Judged, Limits, Mode, ModelName, Question, Word, judge,
};

/// A file and what is asked of it.
struct Task {
    path: PathBuf,
    question: Question,
    expected: Option<Word>,
}

/// Judges histories.
pub(super) fn check(arguments: &CheckArguments) -> Result<Exit, CliError> {
    let limits = Limits {
        time: arguments.timeout,
        bytes: arguments.memory,
    };
    let tasks = match (&arguments.manifest, arguments.model) {
        (Some(manifest), _) => tasks_of(manifest, limits).map_err(CliError::Usage)?,
        (None, Some(model)) => {
            let question = Question {
                model,
                mode: arguments.mode.unwrap_or_else(|| usual(model)),
                failed_swap: arguments.fail_cas,
                limits,
            };
            let task = |path: &PathBuf| Task {
                path: path.clone(),
                question,
                expected: None,
            };
            arguments.files.iter().map(task).collect()
        }
        (None, None) => {
            return Err(CliError::Usage(
                "either --model or --manifest says what the histories are about".to_owned(),
            ));
        }
    };
    let mut exit = Exit::Held;
    let mut files = Vec::new();
    for task in &tasks {
        let file = task.path.display().to_string();
        match judge(&task.path, &task.question) {
            Ok(judged) => {
                exit = exit.graver(exit_of(&judged, task.expected));
                if !arguments.json {
                    print(&line(&file, &judged, task.expected))?;
                }
                files.push(FileLine::new(file, judged, task.expected));
            }
            Err(what) => {
                complain(&format!(
                    "error: {file}: {what}{}",
                    expected_form(&task.path)
                ));
                exit = exit.graver(Exit::Usage);
            }
        }
    }
    if arguments.json {
        print(&document::text(&Files { schema: 1, files }))?;
    }
    Ok(exit)
}

/// What a file should have been, if its name says that it is something else.
fn expected_form(path: &Path) -> &'static str {
    let name = path.to_string_lossy();
    let name = name.trim_end_matches(".xz");
    let known = [".jsonl", ".json", ".edn"];
    if !path.is_file() || known.iter().any(|end| name.ends_with(end)) {
        return "";
    }
    "; expected a recorded history: lines of JSON (*.jsonl) or Jepsen's EDN (*.edn), plain or \
     compressed by xz"
}

/// The promise that is checked if none is named; where there is a choice, it is said.
fn usual(model: ModelName) -> Mode {
    match model {
        ModelName::Register | ModelName::Kv | ModelName::KvAppend => Mode::Linearizable,
        ModelName::Znode => {
            complain(
                "checked: linearizable writes, reads in the order of their session (--mode \
                 zookeeper); --mode linearizable asks for one order of everything",
            );
            Mode::Zookeeper
        }
    }
}

/// With an expectation only its breach counts.
fn exit_of(judged: &Judged, expected: Option<Word>) -> Exit {
    match (judged.word, expected) {
        (Word::Unknown, _) => Exit::Inconclusive,
        (word, Some(expected)) if word == expected => Exit::Held,
        (Word::Ok, None) => Exit::Held,
        (Word::Ok | Word::Violation, _) => Exit::Violation,
    }
}

/// What a person reads of a file.
fn line(file: &str, judged: &Judged, expected: Option<Word>) -> String {
    let mismatch = match expected {
        Some(expected) if judged.word != Word::Unknown && judged.word != expected => {
            format!(" MISMATCH: the manifest says {}", expected.told())
        }
        Some(_) | None => String::new(),
    };
    let mut text = format!(
        "{:<10} {file} ({} operations, {:.3} ms){mismatch}\n",
        judged.word.told(),
        judged.operations,
        judged.check.as_secs_f64() * 1e3
    );
    for reason in judged.reason.lines() {
        text.push_str(&format!("           {reason}\n"));
    }
    if let Some(explanation) = &judged.explanation {
        explain(explanation, &mut text);
    }
    text
}

/// Operations of a minimal sub-history that are shown before the rest is only counted.
const SHOWN_MAX: usize = 12;

/// What is printed about a violation, after its sentence.
fn explain(explanation: &Explanation, text: &mut String) {
    let mut say = |line: String| text.push_str(&format!("           {line}\n"));
    if explanation.legal_prefix > 0 {
        say(format!(
            "the longest legal prefix has {}",
            operations(explanation.legal_prefix)
        ));
    }
    if explanation.minimal.is_empty() {
        return;
    }
    say(format!(
        "{} break the promise by themselves:",
        operations(explanation.minimal.len())
    ));
    for step in explanation.minimal.iter().take(SHOWN_MAX) {
        say(format!("  {}", step.line()));
    }
    if let Some(more @ 1..) = explanation.minimal.len().checked_sub(SHOWN_MAX) {
        say(format!("  and {more} more"));
    }
}

fn operations(count: usize) -> String {
    match count {
        1 => "1 operation".to_owned(),
        count => format!("{count} operations"),
    }
}

#[derive(Debug, Serialize)]
struct Files {
    schema: u32,
    files: Vec<FileLine>,
}

#[derive(Debug, Serialize)]
struct FileLine {
    file: String,
    verdict: &'static str,
    reason: String,
    operations: usize,
    check_ms: f64,
    parse_ms: f64,
    peak_bytes: usize,
    /// What the manifest says, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'static str>,
    /// Of a violation, what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

impl FileLine {
    fn new(file: String, judged: Judged, expected: Option<Word>) -> FileLine {
        FileLine {
            file,
            verdict: judged.word.told(),
            reason: judged.reason,
            operations: judged.operations,
            check_ms: judged.check.as_secs_f64() * 1e3,
            parse_ms: judged.parse.as_secs_f64() * 1e3,
            peak_bytes: judged.bytes_peak,
            expected: expected.map(Word::told),
            explanation: judged.explanation,
        }
    }
}

/// A line of a manifest; what else it says is for people.
#[derive(Debug, Deserialize)]
struct Entry {
    file: PathBuf,
    model: String,
    expect: String,
    mode: Option<String>,
    fail_cas: Option<String>,
}

/// The tasks of a manifest. Its files are named from its own folder.
fn tasks_of(manifest: &Path, limits: Limits) -> Result<Vec<Task>, String> {
    let wrong = |what: String| format!("{}: {what}", manifest.display());
    let text = fs::read(manifest).map_err(|why| wrong(why.to_string()))?;
    let entries: Vec<Entry> =
        serde_json::from_slice(&text).map_err(|why| wrong(format!("no manifest: {why}")))?;
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let task = |entry: Entry| {
        let file = entry.file.display().to_string();
        task_of(entry, folder, limits).map_err(|what| wrong(format!("{file}: {what}")))
    };
    entries.into_iter().map(task).collect()
}

fn task_of(entry: Entry, folder: &Path, limits: Limits) -> Result<Task, String> {
    let model = match entry.model.as_str() {
        "register" | "cas-register" => ModelName::Register,
        "kv" => ModelName::Kv,
        "kv-append" => ModelName::KvAppend,
        "znode" => ModelName::Znode,
        other => return Err(format!("there is no model {other:?}")),
    };
    let mode = match entry.mode.as_deref() {
        None | Some("linearizable") => Mode::Linearizable,
        Some("zookeeper") => Mode::Zookeeper,
        Some(other) => return Err(format!("there is no mode {other:?}")),
    };
    let failed_swap = match entry.fail_cas.as_deref() {
        None | Some("observed-mismatch") => FailedSwap::ObservedMismatch,
        Some("dropped") => FailedSwap::Dropped,
        Some(other) => return Err(format!("a failed cas cannot be {other:?}")),
    };
    let expected = match entry.expect.as_str() {
        "linearizable" | "ok" => Word::Ok,
        "not-linearizable" | "violation" => Word::Violation,
        other => return Err(format!("the expectation {other:?} is no verdict")),
    };
    Ok(Task {
        path: folder.join(entry.file),
        question: Question {
            model,
            mode,
            failed_swap,
            limits,
        },
        expected: Some(expected),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::judge::Step;

    #[test]
    fn of_a_long_sub_history_the_rest_is_counted() {
        let step = |line: u64| Step {
            lines: vec![line],
            client: "4".to_owned(),
            key: String::new(),
            what: "write 7".to_owned(),
        };
        let explanation = Explanation {
            operation: step(1),
            legal_prefix: 0,
            minimal: (1..=15).map(step).collect(),
        };
        let mut text = String::new();
        explain(&explanation, &mut text);
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        assert_eq!(lines.len(), 14);
        assert_eq!(lines[0], "15 operations break the promise by themselves:");
        assert_eq!(lines[12], "line 12, client 4: write 7, outcome unknown");
        assert_eq!(lines[13], "and 3 more");
    }
}
