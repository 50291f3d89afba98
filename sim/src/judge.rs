//! Judges recorded histories: reads a file, asks the checker of its model, keeps the limits.

use std::path::Path;
use std::time::{Duration, Instant};

use menagerie::linear::{self, Budget, Family, Judgement, KeyedHistory, Limit};

use crate::histories::{self, FailedSwap};

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelName {
    /// A register with read, write and compare-and-set.
    Register,
    /// A register for each key.
    Kv,
    /// A string for each key, with get, put and append.
    KvAppend,
    /// The tree of znodes.
    Znode,
}

/// Which order is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One order of everything that agrees with real time.
    Linearizable,
    /// What ZooKeeper promises: linearizable writes, and reads in the order of their session.
    Zookeeper,
}

/// What a check may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of the check, parsing apart.
    pub time: Duration,
    /// Memory of the history and its check together.
    pub bytes: usize,
}

/// How a file is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its model.
    pub model: ModelName,
    /// Its promise.
    pub mode: Mode,
    /// What its failed compare-and-sets say.
    pub failed_swap: FailedSwap,
    /// What may be spent on it.
    pub limits: Limits,
}

/// A verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The history keeps its promise.
    Ok,
    /// It does not.
    Violation,
    /// A limit came first.
    Unknown,
}

impl Word {
    /// The word in documents.
    pub fn told(self) -> &'static str {
        match self {
            Word::Ok => "ok",
            Word::Violation => "violation",
            Word::Unknown => "unknown",
        }
    }
}

/// What came of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub word: Word,
    /// Why; empty if it is ok.
    pub reason: String,
    /// How many operations the file has.
    pub operations: usize,
    /// How long the check took.
    pub check: Duration,
    /// How long reading, unpacking and parsing took.
    pub parse: Duration,
    /// The most memory that the history and its check held.
    pub bytes_peak: usize,
}

/// Judges a file. Every model is one arm.
///
/// # Errors
/// Says what is wrong with the file, and in which line.
pub fn judge(path: &Path, question: &Question) -> Result<Judged, String> {
    match question.model {
        ModelName::Register | ModelName::Kv => keyed(path, question, Family::Register),
        ModelName::KvAppend => keyed(path, question, Family::Append),
        ModelName::Znode => Err("the model znode is not there yet".to_owned()),
    }
}

/// The limits of one check.
#[derive(Debug)]
pub struct Meter {
    deadline: Instant,
    limits: Limits,
    /// What is held beside the check: the history.
    base: usize,
    /// The most that was held.
    peak: usize,
}

impl Meter {
    /// Starts the time. `base` is the memory of the history.
    #[allow(
        clippy::disallowed_methods,
        reason = "limits of wall time need the wall clock"
    )]
    pub fn start(limits: Limits, base: usize) -> Meter {
        Meter {
            deadline: Instant::now() + limits.time,
            limits,
            base,
            peak: base,
        }
    }

    /// The most memory that was held.
    pub fn bytes_peak(&self) -> usize {
        self.peak
    }
}

impl Budget for Meter {
    #[allow(
        clippy::disallowed_methods,
        reason = "limits of wall time need the wall clock"
    )]
    fn exceeded(&mut self, bytes: usize) -> Option<Limit> {
        let bytes = self.base + bytes;
        if bytes > self.limits.bytes {
            return Some(Limit::Memory);
        }
        self.peak = self.peak.max(bytes);
        (Instant::now() >= self.deadline).then_some(Limit::Time)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "it tells how long the parsing took"
)]
fn keyed(path: &Path, question: &Question, family: Family) -> Result<Judged, String> {
    if question.mode == Mode::Zookeeper {
        return Err("the mode zookeeper is for the model znode".to_owned());
    }
    let started = Instant::now();
    let text = histories::content(path)?;
    let history = histories::keyed(path, &text, family, question.failed_swap);
    let history =
        history.map_err(|malformed| format!("line {}: {}", malformed.line, malformed.what))?;
    drop(text);
    let parse = started.elapsed();
    Ok(Judged {
        parse,
        ..keyed_history(&history, family, question.limits)
    })
}

/// Judges a history that has been read.
#[allow(
    clippy::disallowed_methods,
    reason = "it tells how long the check took"
)]
pub fn keyed_history(history: &KeyedHistory, family: Family, limits: Limits) -> Judged {
    let mut meter = Meter::start(limits, history.size());
    let started = Instant::now();
    let judgement = linear::check(family, history, &mut meter);
    let check = started.elapsed();
    let (word, reason) = match judgement {
        Judgement::Linearizable => (Word::Ok, String::new()),
        Judgement::Violation(explanation) => (Word::Violation, explanation.reason),
        Judgement::Unknown(undecided) => {
            let allowed = match undecided.limit {
                Limit::Time => format!(" ({})", humantime::format_duration(limits.time)),
                Limit::Memory => format!(" ({} bytes)", limits.bytes),
                Limit::Steps | Limit::Open => String::new(),
            };
            let (limit, done, of) = (undecided.limit, undecided.done, undecided.of);
            let reason = format!("{limit}{allowed} was reached at operation {done} of {of}");
            (Word::Unknown, reason)
        }
    };
    Judged {
        word,
        reason,
        operations: history.operations_read,
        check,
        parse: Duration::ZERO,
        bytes_peak: meter.bytes_peak(),
    }
}
