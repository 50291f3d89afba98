//! `menagerie conform FILE...`: replays transcripts of a real ZooKeeper and tells the differences.

use std::io;
use std::path::{Path, PathBuf};

use menagerie::conform::{Outcome, Value, replay};
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
    /// The others.
    pub failed: Vec<Difference>,
    /// Files that were recorded with an ensemble and were not replayed.
    pub ensemble: Vec<String>,
}

/// What the command prints, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The outcome.
    pub summary: Summary,
    /// What to print.
    pub text: String,
}

impl Report {
    /// 0 if every file passed, else 1.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.summary.passed != self.summary.files)
    }
}

/// Whatever replays a transcript that was recorded with an ensemble.
pub type Ensemble<'a> = &'a mut dyn FnMut(&[Value]) -> Outcome;

/// Replays files and reports a line each, or as one JSON object. Those of an ensemble are left out.
///
/// # Errors
/// Says which file cannot be read, or is no transcript: exit status 2.
pub fn conform(files: &[PathBuf], json: bool) -> Result<Report, String> {
    conform_with(files, json, &mut |_| Outcome::NeedsEnsemble)
}

/// As [`conform`], with something that replays transcripts of an ensemble.
///
/// # Errors
/// As [`conform`].
pub fn conform_with(
    files: &[PathBuf],
    json: bool,
    ensemble: Ensemble<'_>,
) -> Result<Report, String> {
    let mut summary = Summary {
        schema: 1,
        files: files.len(),
        ..Summary::default()
    };
    let mut lines = String::new();
    for path in files {
        let file = path.display().to_string();
        let transcript = read(path).map_err(|why| format!("{file}: {why}"))?;
        let outcome = match replay(&transcript) {
            Outcome::NeedsEnsemble => ensemble(&transcript),
            replayed @ (Outcome::Passed { .. }
            | Outcome::Failed { .. }
            | Outcome::Unreadable(_)) => replayed,
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
            Outcome::NeedsEnsemble => {
                lines.push_str(&format!("skip  {file} (recorded with an ensemble)\n"));
                summary.ensemble.push(file);
            }
            Outcome::Unreadable(why) => return Err(format!("{file}: {why}")),
        }
    }
    let text = if json {
        serde_json::to_string(&summary).map_err(|why| why.to_string())? + "\n"
    } else {
        lines + &format!("{} of {} passed\n", summary.passed, summary.files)
    };
    Ok(Report { summary, text })
}

fn read(path: &Path) -> io::Result<Vec<Value>> {
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .enumerate()
        .map(|(place, line)| {
            serde_json::from_str(line)
                .map_err(|why| io::Error::other(format!("line {}: {why}", place + 1)))
        })
        .collect()
}
