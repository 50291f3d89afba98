//! Replays transcripts of a real ZooKeeper and tells the differences.

mod asking;
mod encode;
mod ensemble;
mod setting;

use std::io;
use std::path::{Path, PathBuf};

use menagerie::conform::{Outcome, Value, is_of_ensemble, replay};
use serde::Serialize;

/// The first difference of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file.
    pub file: String,
    /// The step.
    pub step: u64,
    /// What the real server did.
    pub expected: String,
    /// What was done here.
    pub got: String,
}

/// What came of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The version of this form.
    pub schema: u32,
    /// How many files there were.
    pub files: usize,
    /// How many passed.
    pub passed: usize,
    /// The first difference of each that did not.
    pub failed: Vec<Difference>,
}

/// What the command prints, and whether everything held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The outcome.
    pub summary: Summary,
    /// What to print.
    pub text: String,
}

impl Report {
    /// Whether every file passed.
    pub fn held(&self) -> bool {
        self.summary.passed == self.summary.files
    }
}

/// Replays files and reports a line each, or as one JSON object.
///
/// # Errors
/// Says which file cannot be read, or is no transcript.
pub fn conform(files: &[PathBuf], json: bool) -> Result<Report, String> {
    let mut summary = Summary {
        schema: 1,
        files: files.len(),
        ..Summary::default()
    };
    let mut lines = String::new();
    for path in files {
        let file = path.display().to_string();
        let (transcript, lines_of) = read(path).map_err(|why| format!("{file}: {why}"))?;
        let outcome = if is_of_ensemble(&transcript) {
            ensemble::replay(&transcript)
        } else {
            replay(&transcript)
        };
        match outcome {
            Outcome::Passed { steps } => {
                summary.passed += 1;
                lines.push_str(&format!("pass  {file} ({steps} steps)\n"));
            }
            Outcome::Failed {
                step,
                expected,
                got,
            } => {
                lines.push_str(&format!(
                    "FAIL  {file} step {step}\n      expected {expected}\n      got      {got}\n"
                ));
                summary.failed.push(Difference {
                    file,
                    step,
                    expected,
                    got,
                });
            }
            Outcome::Unreadable { value, why } => {
                let line = lines_of.get(value).copied().unwrap_or(1);
                return Err(format!("{file}: line {line}: {why}"));
            }
        }
    }
    let text = if json {
        serde_json::to_string(&summary).map_err(|why| why.to_string())? + "\n"
    } else {
        lines + &format!("{} of {} passed\n", summary.passed, summary.files)
    };
    Ok(Report { summary, text })
}

/// The values of a transcript, and the line of each.
fn read(path: &Path) -> io::Result<(Vec<Value>, Vec<usize>)> {
    let text = std::fs::read_to_string(path)?;
    let (mut values, mut lines) = (Vec::new(), Vec::new());
    for (place, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(line)
            .map_err(|why| io::Error::other(format!("line {}: {why}", place + 1)))?;
        values.push(value);
        lines.push(place + 1);
    }
    Ok((values, lines))
}
