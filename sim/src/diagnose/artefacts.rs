//! What a failing run leaves behind: a folder with everything about it.
//!
//! The folder is `FOLDER/<scenario>/<protocol>-<seed>/`. What an earlier run of the same scenario,
//! protocol and seed left in it is replaced; anything else only if that is asked for.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use menagerie::check::Verdict;
use serde::{Deserialize, Serialize};

use crate::files::compressed;
use crate::run::RunReport;
use crate::trace::Trace;
use crate::trace::export::history;

/// The version of `verdict.json`.
const SCHEMA: u32 = 1;

/// The name of a trace in the folder of a run.
pub const EVENTS: &str = "events.jsonl";
/// The same, compressed by xz.
pub const EVENTS_XZ: &str = "events.jsonl.xz";

/// How the trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Compressed by xz: less than a tenth of its size.
    Xz,
    /// As plain text.
    Plain,
    /// Not at all.
    None,
}

/// A kind of artefact, in the order in which they are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Artefact {
    /// What every checker says.
    Verdict,
    /// Every decision of the run.
    Bundle,
    /// What the clients saw.
    History,
    /// The trace.
    Events,
    /// The trace, compressed.
    EventsXz,
    /// The smallest scenario that fails in the same way.
    Minimal,
    /// What happened, in sentences.
    Story,
    /// The page to look at.
    Timeline,
    /// The page of the smallest scenario.
    MinimalTimeline,
}

impl Artefact {
    /// Every kind.
    pub(super) const ALL: [Artefact; 9] = [
        Artefact::Verdict,
        Artefact::Bundle,
        Artefact::History,
        Artefact::Events,
        Artefact::EventsXz,
        Artefact::Minimal,
        Artefact::Story,
        Artefact::Timeline,
        Artefact::MinimalTimeline,
    ];

    /// The name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Artefact::Verdict => "verdict.json",
            Artefact::Bundle => "bundle.json",
            Artefact::History => "history.jsonl",
            Artefact::Events => EVENTS,
            Artefact::EventsXz => EVENTS_XZ,
            Artefact::Minimal => "minimal.toml",
            Artefact::Story => "story.md",
            Artefact::Timeline => "timeline.html",
            Artefact::MinimalTimeline => "minimal.html",
        }
    }
}

/// What is to be written of one run. Whoever makes a further artefact adds it with
/// [`ArtefactInput::with`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtefactInput {
    /// The folder of the run, below the one that was asked for.
    place: PathBuf,
    contents: Vec<(Artefact, Vec<u8>)>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The folder.
    pub folder: PathBuf,
    /// The names of its files.
    pub files: Vec<&'static str>,
    /// What was there before.
    pub replaced: Replaced,
}

/// What was overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// Nothing, or the files of the very same run.
    Nothing,
    /// Those of an earlier run of the same scenario, protocol and seed, or of another run.
    EarlierRun,
}

/// Why nothing was written.
#[derive(Debug)]
pub enum ArtefactError {
    /// Another file is there already.
    Exists(PathBuf),
    /// The file system refused.
    Io {
        /// What it was about.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl fmt::Display for ArtefactError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArtefactError::Exists(path) => write!(
                out,
                "{} is there already and is about another run: nothing was written; --force \
                 overwrites it, --out FOLDER writes elsewhere, --no-artifacts writes nothing",
                path.display()
            ),
            ArtefactError::Io { path, error } => write!(
                out,
                "{} cannot be written: {error}; --out FOLDER writes elsewhere, --no-artifacts \
                 writes nothing",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ArtefactError {}

impl ArtefactInput {
    /// The artefacts that every recorded run has: its verdict and history, and its trace as wanted.
    pub fn of(report: &RunReport, trace: &Trace, events: Events) -> ArtefactInput {
        let place =
            Path::new(&report.scenario).join(format!("{}-{}", report.protocol, report.seed));
        let input = ArtefactInput {
            place,
            contents: Vec::new(),
        };
        let input = input
            .with(Artefact::Verdict, verdict(report, trace))
            .with(Artefact::History, history::jsonl(&history::lines(trace)));
        match events {
            Events::Xz => input.with(Artefact::EventsXz, compressed(&trace.to_jsonl())),
            Events::Plain => input.with(Artefact::Events, trace.to_jsonl()),
            Events::None => input,
        }
    }

    /// One more artefact, or another content of one that is there.
    #[must_use]
    pub fn with(mut self, artefact: Artefact, content: impl Into<Vec<u8>>) -> ArtefactInput {
        self.contents.retain(|(kind, _)| *kind != artefact);
        self.contents.push((artefact, content.into()));
        self
    }
}

/// Writes artefacts below a folder. What an earlier run of the same scenario, protocol and seed
/// left there is replaced: whoever changes the code and runs it again wants to see the new run.
///
/// # Errors
/// If one of the files is there with another content and is about another run, and `force` is not
/// set: then nothing is written. Or if the file system refuses.
pub fn write(folder: &Path, input: &ArtefactInput, force: Force) -> Result<Written, ArtefactError> {
    let folder = folder.join(&input.place);
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error| ArtefactError::Io { path, error }
    };
    let mut contents: Vec<&(Artefact, Vec<u8>)> = input.contents.iter().collect();
    contents.sort_by_key(|(artefact, _)| *artefact);
    let there = there(&folder, &contents);
    if force == Force::No && there == There::Another {
        for (artefact, content) in &contents {
            let path = folder.join(artefact.file());
            match fs::read(&path) {
                Ok(there) if there != *content => return Err(ArtefactError::Exists(path)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(refused(&path)(error)),
            }
        }
    }
    fs::create_dir_all(&folder).map_err(refused(&folder))?;
    let mut replaced = Replaced::Nothing;
    if there != There::SameRun {
        // What stays from another run would be taken for this one's.
        for artefact in Artefact::ALL {
            let path = folder.join(artefact.file());
            if path.exists() {
                fs::remove_file(&path).map_err(refused(&path))?;
                replaced = Replaced::EarlierRun;
            }
        }
    }
    for (artefact, content) in &contents {
        let path = folder.join(artefact.file());
        fs::write(&path, content).map_err(refused(&path))?;
    }
    let files = contents.iter().map(|(artefact, _)| artefact.file());
    Ok(Written {
        files: files.collect(),
        folder,
        replaced,
    })
}

/// What is in a folder, in view of the run that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    /// The very run, to the last verdict.
    SameRun,
    /// A run of the same scenario, protocol and seed.
    SameSeed,
    /// Something else, or nothing.
    Another,
}

fn there(folder: &Path, contents: &[&(Artefact, Vec<u8>)]) -> There {
    let written = contents
        .iter()
        .find(|(artefact, _)| *artefact == Artefact::Verdict);
    let there = fs::read(folder.join(Artefact::Verdict.file()));
    let (Some((_, written)), Ok(there)) = (written, there) else {
        return There::Another;
    };
    if *written == there {
        return There::SameRun;
    }
    let named = |bytes: &[u8]| serde_json::from_slice::<RunName>(bytes).ok();
    match (named(written), named(&there)) {
        (Some(one), Some(other)) if one == other => There::SameSeed,
        (Some(_) | None, Some(_) | None) => There::Another,
    }
}

/// What names a run in its `verdict.json`.
#[derive(PartialEq, Eq, Deserialize)]
struct RunName {
    schema: u32,
    scenario: String,
    protocol: String,
    seed: u64,
}

/// Whether files with another content are overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// They are.
    Yes,
    /// They are not.
    No,
}

#[derive(Serialize)]
struct VerdictDocument<'a> {
    schema: u32,
    scenario: &'a str,
    protocol: &'a str,
    seed: u64,
    mutations: &'a [String],
    hash: &'a str,
    verdict: crate::trace::Judgement,
    verdicts: Vec<JudgedLine<'a>>,
    end: u64,
    healed: Option<u64>,
    converged: Option<u64>,
    reproduce: String,
}

#[derive(Serialize)]
struct JudgedLine<'a> {
    checker: &'a str,
    verdict: &'static str,
    checked: u64,
    at: Option<u64>,
    reason: &'a str,
}

fn verdict(report: &RunReport, trace: &Trace) -> String {
    let document = VerdictDocument {
        schema: SCHEMA,
        scenario: &report.scenario,
        protocol: report.protocol,
        seed: report.seed,
        mutations: &trace.header.mutations,
        hash: &trace.header.hash,
        verdict: trace.header.verdict,
        verdicts: report
            .verdicts
            .iter()
            .map(|judged| {
                let (verdict, checked, reason) = judged.words();
                let at = match &judged.verdict {
                    Verdict::Fail(counterexample) => Some(counterexample.at.0),
                    Verdict::Pass { .. }
                    | Verdict::Vacuous(_)
                    | Verdict::NotApplicable(_)
                    | Verdict::Unknown(_) => None,
                };
                JudgedLine {
                    checker: &judged.checker,
                    verdict,
                    checked,
                    at,
                    reason,
                }
            })
            .collect(),
        end: report.virtual_time.0,
        healed: report.healed.map(|at| at.0),
        converged: report.converged.map(|at| at.0),
        reproduce: report.reproduce.to_string(),
    };
    let mut text = serde_json::to_string_pretty(&document)
        .expect("the document is made of words, numbers and lists");
    text.push('\n');
    text
}
