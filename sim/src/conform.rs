//! Replays transcripts of a real ZooKeeper and tells the differences.

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

/// Why a transcript that was recorded with an ensemble of servers is left out.
const NEEDS_ENSEMBLE: &str = "needs an ensemble: not replayed";

/// A file that was not replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The file.
    pub file: String,
    /// Why not.
    pub why: &'static str,
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
    /// Those that were recorded with an ensemble and were not replayed.
    pub ensemble: Vec<LeftOut>,
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
    /// Whether every file was replayed and passed: one that was left out has shown nothing.
    pub fn held(&self) -> bool {
        self.summary.passed == self.summary.files
    }
}

/// Whatever replays a transcript that was recorded with an ensemble.
pub type Ensemble<'a> = &'a mut dyn FnMut(&[Value]) -> Outcome;

/// Replays files and reports a line each, or as one JSON object. Those of an ensemble are left out.
///
/// # Errors
/// Says which file cannot be read, or is no transcript.
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
                let why = NEEDS_ENSEMBLE;
                lines.push_str(&format!("skip  {file} ({why})\n"));
                summary.ensemble.push(LeftOut { file, why });
            }
            Outcome::Unreadable(why) => return Err(format!("{file}: {why}")),
        }
    }
    let text = if json {
        serde_json::to_string(&summary).map_err(|why| why.to_string())? + "\n"
    } else {
        lines + &totals(&summary)
    };
    Ok(Report { summary, text })
}

/// The last line.
fn totals(summary: &Summary) -> String {
    let passed = format!("{} of {} passed", summary.passed, summary.files);
    match summary.ensemble.len() {
        0 => passed + "\n",
        left_out => format!("{passed}, {left_out} not replayed\n"),
    }
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
