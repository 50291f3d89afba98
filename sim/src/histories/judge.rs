//! Judges recorded histories: reads a file, asks the checker of its model, keeps the limits.

mod explanation;

use std::path::Path;
use std::time::{Duration, Instant};

use menagerie::linear::{self, Budget, Family, Judgement, KeyedHistory, Limit};
use menagerie::{check::watches, znode as tree};

use crate::histories::znode::TreeHistory;
use crate::histories::{self, FailedSwap, Unread};

pub use explanation::{Explanation, Step};

/// The longest time for what follows a verdict only to explain it.
const EXPLAINING_MAX: Duration = Duration::from_secs(5);

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
    /// Memory of the text, the history and its check together.
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
    /// The most memory that the text, the history and its check held.
    pub bytes_peak: usize,
    /// Of a violation, what it is about.
    pub explanation: Option<Explanation>,
}

/// Judges a file. Every model is one arm.
///
/// # Errors
/// Says what is wrong with the file, and in which line.
pub fn judge(path: &Path, question: &Question) -> Result<Judged, String> {
    match question.model {
        ModelName::Register | ModelName::Kv => keyed(path, question, Family::Register),
        ModelName::KvAppend => keyed(path, question, Family::Append),
        ModelName::Znode => znode(path, question),
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures the parsing")]
fn znode(path: &Path, question: &Question) -> Result<Judged, String> {
    let started = Instant::now();
    let limits = question.limits;
    let text = match histories::content_within(path, limits.bytes)? {
        Ok(text) => text,
        Err(size) => return Ok(too_large(limits, size, started.elapsed())),
    };
    let parsed = match histories::znode::parse_within(&text, limits.bytes) {
        Ok(parsed) => parsed,
        Err(unread) => return unread_verdict(unread, limits, started.elapsed()),
    };
    let bytes_parsing = text.capacity() + parsed.bytes;
    drop(text);
    let parse = started.elapsed();
    let judged = tree_history(&parsed, question.mode, limits);
    Ok(Judged {
        parse,
        bytes_peak: judged.bytes_peak.max(bytes_parsing),
        ..judged
    })
}

/// Judges a history of the tree that has been read.
pub fn tree_history(parsed: &TreeHistory, mode: Mode, limits: Limits) -> Judged {
    let mode = match mode {
        Mode::Linearizable => tree::Mode::Linearizable(tree::Reads::All),
        Mode::Zookeeper => tree::Mode::ZooKeeper,
    };
    let options = tree::Options::new(mode, parsed.birth);
    let mut meter = Meter::start(limits, parsed.bytes);
    let report = tree::check(&parsed.history, &options, &mut meter);
    let (word, reason, explanation) = match &report.ruling {
        tree::Ruling::Holds | tree::Ruling::Vacuous if parsed.tells_events => {
            match watches::judge(&parsed.history, &options, &report, &mut meter) {
                Ok(None) => (Word::Ok, String::new(), None),
                Ok(Some(wrong)) => {
                    let sentence = format!("line {}: {}", wrong.at.0, wrong.reason);
                    (Word::Violation, sentence, None)
                }
                Err(limit) => {
                    let reason = format!("{limit} was reached before the watches were judged");
                    (Word::Unknown, reason, None)
                }
            }
        }
        tree::Ruling::Holds | tree::Ruling::Vacuous => (Word::Ok, String::new(), None),
        tree::Ruling::Violated(violation) => {
            let mut patience = Meter::start(limits.for_explaining(), parsed.bytes);
            let (sentence, explanation) =
                explanation::of_tree(parsed, violation, &options, &mut patience);
            (Word::Violation, sentence, Some(explanation))
        }
        tree::Ruling::Unknown(reason) => (Word::Unknown, reason.clone(), None),
    };
    Judged {
        word,
        reason,
        operations: parsed.history.operations.len(),
        check: meter.check_time(),
        parse: Duration::ZERO,
        bytes_peak: meter.bytes_peak(),
        explanation,
    }
}

/// A file that is larger than the memory it may take.
fn too_large(limits: Limits, size: u64, parse: Duration) -> Judged {
    let reason = format!(
        "the limit of memory ({} bytes) was reached before the first line: the text has at least \
         {size} bytes",
        limits.bytes
    );
    unknown(limits, 0, reason, parse)
}

/// A history that was not read to its end.
fn unread_verdict(unread: Unread, limits: Limits, parse: Duration) -> Result<Judged, String> {
    match unread {
        Unread::Malformed(malformed) => Err(format!("line {}: {}", malformed.line, malformed.what)),
        Unread::Full { lines, operations } => {
            let reason = format!(
                "the limit of memory ({} bytes) was reached while reading line {lines}, after \
                 {operations} operations",
                limits.bytes
            );
            Ok(unknown(limits, operations, reason, parse))
        }
    }
}

fn unknown(limits: Limits, operations: usize, reason: String, parse: Duration) -> Judged {
    Judged {
        word: Word::Unknown,
        reason,
        operations,
        check: Duration::ZERO,
        parse,
        bytes_peak: limits.bytes,
        explanation: None,
    }
}

impl Limits {
    /// What is spent on an explanation, after the verdict.
    fn for_explaining(self) -> Limits {
        Limits {
            time: self.time.min(EXPLAINING_MAX),
            ..self
        }
    }
}

/// The limits of one check.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    /// When the verdict was known.
    decided: Option<Duration>,
    limits: Limits,
    /// What is held beside the check: the history.
    base: usize,
    /// The most that was held.
    peak: usize,
}

impl Meter {
    /// Starts the time. `base` is the memory of the history.
    #[expect(
        clippy::disallowed_methods,
        reason = "limits of wall time need the wall clock"
    )]
    pub fn start(limits: Limits, base: usize) -> Meter {
        Meter {
            started: Instant::now(),
            decided: None,
            limits,
            base,
            peak: base,
        }
    }

    /// How long the check took, its explanation apart.
    pub fn check_time(&self) -> Duration {
        self.decided.unwrap_or_else(|| self.started.elapsed())
    }

    /// The most memory that was held.
    pub fn bytes_peak(&self) -> usize {
        self.peak
    }
}

impl Budget for Meter {
    fn exceeded(&mut self, bytes: usize) -> Option<Limit> {
        let bytes = self.base + bytes;
        if bytes > self.limits.bytes {
            return Some(Limit::Memory);
        }
        self.peak = self.peak.max(bytes);
        (self.started.elapsed() >= self.limits.time).then_some(Limit::Time)
    }

    fn decided(&mut self) -> bool {
        let elapsed = self.started.elapsed();
        self.decided.get_or_insert(elapsed);
        true
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures the parsing")]
fn keyed(path: &Path, question: &Question, family: Family) -> Result<Judged, String> {
    if question.mode == Mode::Zookeeper {
        return Err("the mode zookeeper is for the model znode".to_owned());
    }
    let started = Instant::now();
    let limits = question.limits;
    let text = match histories::content_within(path, limits.bytes)? {
        Ok(text) => text,
        Err(size) => return Ok(too_large(limits, size, started.elapsed())),
    };
    let swaps = question.failed_swap;
    let history = match histories::keyed_within(path, &text, family, swaps, limits.bytes) {
        Ok(history) => history,
        Err(unread) => return unread_verdict(unread, limits, started.elapsed()),
    };
    let bytes_parsing = text.capacity() + history.size();
    drop(text);
    let parse = started.elapsed();
    let judged = keyed_history(&history, family, limits);
    Ok(Judged {
        parse,
        bytes_peak: judged.bytes_peak.max(bytes_parsing),
        ..judged
    })
}

/// Judges a history that has been read.
pub fn keyed_history(history: &KeyedHistory, family: Family, limits: Limits) -> Judged {
    let mut meter = Meter::start(limits, history.size());
    let judgement = linear::check(family, history, &mut meter);
    let check = meter.check_time();
    let (word, reason, explanation) = match judgement {
        Judgement::Linearizable => (Word::Ok, String::new(), None),
        Judgement::Violation(found) => {
            let explanation = explanation::of_keys(history, family, &found);
            (Word::Violation, found.reason, Some(explanation))
        }
        Judgement::Unknown(undecided) => {
            let allowed = match undecided.limit {
                Limit::Time => format!(" ({})", humantime::format_duration(limits.time)),
                Limit::Memory => format!(" ({} bytes)", limits.bytes),
                Limit::Steps | Limit::Open => String::new(),
            };
            let (limit, done, of) = (undecided.limit, undecided.done, undecided.of);
            let reason = format!("{limit}{allowed} was reached at operation {done} of {of}");
            (Word::Unknown, reason, None)
        }
    };
    Judged {
        word,
        reason,
        operations: history.operations_read,
        check,
        parse: Duration::ZERO,
        bytes_peak: meter.bytes_peak(),
        explanation,
    }
}
