//! The story of a failing run, in plain sentences.
//!
//! A story is derived from the trace of a run and from the checker's counterexample alone; nothing
//! here knows which bugs can be switched on. Its steps come about like this:
//!
//! 1. The counterexample says what it is about ([`Subjects`]): servers, positions, epochs,
//!    operations; to them come the positions at which its operations took effect.
//! 2. `past` finds the causal past of everything that concerns these subjects: what made it
//!    happen, and what the same server or client did before.
//! 3. `writer` (with `messages`, `facts`, `turns` and `traffic`) goes through the run once, up to
//!    the violation, and takes down the steps of that past which concern the subjects: faults,
//!    leaders, promises with what they report, proposals, votes, choices, lost and late messages,
//!    what is on whose disk, what clients asked and saw.
//!    With each step goes what it contradicts, as far as `knowledge` and `disks` tell: a vote
//!    below a promise, a proposal where others voted for another value, a commit that is on too few
//!    disks, a synced read that misses what others have committed.
//! 4. `statement` makes one sentence of equal steps and leaves out what matters least. Its parts
//!    are `phrase`s, so that an operation is spelled out in the sentence that names it first.
//!
//! Missing: what a client's session or watch should have seen is told only by the checker's own
//! sentence.

mod answers;
mod disks;
mod facts;
mod faults;
mod knowledge;
mod messages;
mod names;
mod past;
mod phrase;
mod statement;
#[cfg(test)]
mod tests;
mod traffic;
mod turns;
mod writer;

use std::collections::BTreeSet;

use menagerie::check::{CHECKERS, Subjects};
use menagerie::ids::{OpId, VirtualTime, Zxid};
use menagerie::protocol::Fact;
use serde::Serialize;

use crate::trace::{Ended, Event, EventKind, Host, Trace};
use names::Names;
use statement::Statement;
use writer::StoryWriter;

/// The most sentences of a story that is not asked for in full.
const SENTENCES_MAX: usize = 24;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// What matters most.
    Short,
    /// Every step that was taken down.
    Full,
}

/// One sentence of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When it begins.
    pub at: VirtualTime,
    /// When it has happened everywhere.
    pub until: VirtualTime,
    /// The sentence.
    pub text: String,
    /// The `seq`s of the events of the trace that it tells of.
    pub events: Vec<u64>,
}

/// The story of a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The scenario's name.
    pub scenario: String,
    /// The protocol's name.
    pub protocol: String,
    /// The seed.
    pub seed: u64,
    /// The checker that reports the violation.
    pub checker: String,
    /// When the run first showed it.
    pub at: VirtualTime,
    /// What the checker says.
    pub reason: String,
    /// What its numbers stand for, where that has a name; may be empty.
    pub glossary: String,
    /// The promise that is broken; empty if the checker states none.
    pub asserts: String,
    /// What led to it.
    pub steps: Vec<Step>,
    /// How many further steps were left out.
    pub left_out: usize,
    /// The line that repeats the run.
    pub reproduce: String,
}

/// Tells the story of a violation of a run: of the one that `checker` reports, else of the first.
/// `None` if there is none (like that).
pub fn story(trace: &Trace, checker: Option<&str>, length: Length) -> Option<Story> {
    let failures = trace.header.failures.iter();
    let failure = failures
        .filter(|failure| failure.checker != "expectation")
        .filter(|failure| checker.is_none_or(|name| name == failure.checker))
        .min_by_key(|failure| failure.at)?;
    let events = until(&trace.events, failure.at);
    let names = Names::of(trace);
    let subjects = subjects_of(&failure.subjects, events, &names);
    let past = past::past(events, &anchors(events, &subjects));
    let mut writer = StoryWriter::new(trace, &names, &subjects, &past);
    for event in events {
        writer.follow(event);
    }
    let mut statements = writer.statements;
    statements.sort_by_key(|statement| statement.at);
    let statements = statement::begin(statement::fold(statements));
    let (statements, left_out) = match length {
        Length::Short => statement::shorten(statements, SENTENCES_MAX),
        Length::Full => (statements, 0),
    };
    let entry = CHECKERS.iter().find(|entry| entry.name == failure.checker);
    Some(Story {
        scenario: trace.header.scenario.clone(),
        protocol: trace.header.protocol.clone(),
        seed: trace.header.seed,
        checker: failure.checker.clone(),
        at: failure.at,
        reason: failure.reason.clone(),
        asserts: entry.map_or_else(String::new, |entry| entry.asserts.to_owned()),
        steps: steps(&statements, &names),
        glossary: names.glossary(&subjects),
        left_out,
        reproduce: trace.header.reproduce.clone(),
    })
}

/// The sentences. What an operation asks for is said where it is first named.
fn steps(statements: &[Statement], names: &Names) -> Vec<Step> {
    let mut named: BTreeSet<OpId> = BTreeSet::new();
    let mut name = |op: OpId| match named.insert(op) {
        true => names.op(op),
        false => op.to_string(),
    };
    let step = |statement: &Statement| Step {
        at: statement.at,
        until: statement.until,
        text: statement.sentence(names).text(&mut name),
        events: statement.events.clone(),
    };
    statements.iter().map(step).collect()
}

/// The events through a moment.
fn until(events: &[Event], at: VirtualTime) -> &[Event] {
    let end = events.partition_point(|event| event.at <= at);
    &events[..end]
}

/// What the counterexample is about, with the positions at which its operations took effect.
fn subjects_of(named: &Subjects, events: &[Event], names: &Names) -> Subjects {
    let mut subjects = named.clone();
    if subjects.is_empty() {
        // A broken invariant names nothing: it is about the server that had the last step.
        let server = |event: &Event| match event.what.host() {
            Some(Host::Server(node)) => Some(node),
            Some(Host::Client(_)) | None => None,
        };
        subjects.nodes.extend(events.iter().rev().find_map(server));
    }
    for event in events {
        if let EventKind::Complete {
            op,
            zxid: Some(zxid),
            outcome: Ended::Ok | Ended::Error,
            ..
        } = &event.what
            && subjects.ops.contains(op)
        {
            let writes = names.ops.get(op).is_some_and(|op| op.writes);
            if writes {
                subjects.zxids.insert(*zxid);
            } else {
                // Where a read stood is no transaction of its own.
                subjects.zxids.remove(zxid);
                subjects.bounds.insert(*zxid);
            }
        }
    }
    subjects
}

/// The position that an event is about.
fn position(event: &Event) -> Option<Zxid> {
    if let EventKind::Commit { zxid, .. } | EventKind::Apply { zxid, .. } = &event.what {
        return Some(*zxid);
    }
    let EventKind::Fact { body, .. } = &event.what else {
        return None;
    };
    match *body {
        Fact::Proposed { zxid, .. } | Fact::Voted { zxid, .. } | Fact::Chosen { zxid, .. } => {
            Some(zxid)
        }
        Fact::Established { .. }
        | Fact::Promised { .. }
        | Fact::Reporting { .. }
        | Fact::Reported { .. } => None,
    }
}

/// The events that the story explains: the last ones of the servers that are named, and everything
/// that concerns the positions, operations and paths in dispute.
fn anchors(events: &[Event], subjects: &Subjects) -> Vec<u64> {
    let concerns = |event: &Event| {
        if let EventKind::Complete { op, .. } | EventKind::Invoke { op, .. } = &event.what {
            return subjects.ops.contains(op);
        }
        if let EventKind::WatchEvent { path, .. } = &event.what {
            return subjects.paths.contains(path);
        }
        position(event).is_some_and(|zxid| subjects.zxids.contains(&zxid))
    };
    let disputed = events.iter().filter(|event| concerns(event));
    let mut anchors: Vec<u64> = disputed.map(|event| event.seq).collect();
    for node in &subjects.nodes {
        let owned = |event: &&Event| event.what.host() == Some(Host::Server(*node));
        anchors.extend(events.iter().rev().find(owned).map(|event| event.seq));
    }
    anchors
}

impl Story {
    /// The story as lines for a terminal.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} on {}, seed {}: {} is violated at {}",
            self.scenario, self.protocol, self.seed, self.checker, self.at
        )];
        lines.extend(self.steps.iter().map(|step| {
            let when = step.at.to_string();
            format!("{when:>14}  {}", step.text)
        }));
        if self.left_out > 0 {
            lines.push(format!("{:>14}  ({} steps left out)", "", self.left_out));
        }
        lines.extend(self.closing());
        lines
    }

    /// What is wrong with it, and why that matters.
    pub fn closing(&self) -> Vec<String> {
        let reason = self.reason.trim_end_matches('.');
        let mut closing = vec![format!("So {} finds: {reason}.", self.checker)];
        if !self.glossary.is_empty() {
            closing.push(self.glossary.clone());
        }
        if !self.asserts.is_empty() {
            closing.push(format!("The promise that is broken: {}", self.asserts));
        }
        closing
    }

    /// The story as a Markdown document.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "# {} on {}, seed {}: {}\n\n",
            self.scenario, self.protocol, self.seed, self.checker
        );
        for step in &self.steps {
            text.push_str(&format!("- **{}** {}\n", step.at, step.text));
        }
        if self.left_out > 0 {
            text.push_str(&format!("- ({} steps left out)\n", self.left_out));
        }
        for line in self.closing() {
            text.push_str(&format!("\n{line}\n"));
        }
        if !self.reproduce.is_empty() {
            text.push_str(&format!("\n    {}\n", self.reproduce));
        }
        text
    }
}
