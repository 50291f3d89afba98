//! Scenarios: TOML files that say which ensemble runs, what clients do, what goes wrong, and what
//! is expected of it. One file, one story; the file name is the scenario's name.
//!
//! A file is read in two steps. [`schema`] is what serde accepts: every section refuses fields it
//! does not know, and every quantity carries its unit (`quantity`). `validate` then holds the
//! values against each other: a fault that names server 9 of 5 or comes after the end is a mistake
//! too. Either way the answer is a [`ScenarioError`] with file, line, column and what would be
//! right.

pub mod adversity;
pub(crate) mod cost;
pub mod diagnostic;
pub mod embedded;
pub mod fault;
pub mod knobs;
pub mod mix;
pub mod plan;
pub mod quantity;
pub mod schema;
pub mod script;
mod settings;
mod sift;
pub(crate) mod validate;
pub mod workload;

use std::path::Path;

use menagerie::mutation::{Mutation, Mutations};

pub use diagnostic::{Problem, ScenarioError};
pub use validate::RUNNER_CHECKERS;

use embedded::Found;
use schema::Document;

/// A scenario that was read and found to be sound.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without `.toml`.
    pub name: String,
    /// The file as it was given, or the name of an embedded scenario, for lines to paste.
    pub path: String,
    /// The keys that were given other values, each as `KEY=VALUE`.
    pub settings: Vec<String>,
    /// What it says.
    pub document: Document,
}

impl Scenario {
    /// Reads the scenario that a path or a bare name stands for.
    ///
    /// # Errors
    /// Everything that is wrong with it; a missing file too.
    pub fn read(path: &str) -> Result<Scenario, ScenarioError> {
        Scenario::read_with(path, &[])
    }

    /// Reads it with other values for some of its keys, each as `KEY=VALUE`.
    ///
    /// # Errors
    /// Everything that is wrong with it or with the settings; a missing file too.
    pub fn read_with(path: &str, settings: &[String]) -> Result<Scenario, ScenarioError> {
        let Found { path, text } = embedded::find(path)?;
        if settings.is_empty() {
            return Scenario::parse(&path, &text);
        }
        let shown = format!("{path} with --set {}", settings.join(" --set "));
        let changed = settings::apply(&text, settings)
            .map_err(|why| ScenarioError::of_file(&path, why.message, Some(why.help)))?;
        let scenario = Scenario::parse(&shown, &changed)?;
        Ok(Scenario {
            name: name_of(&path),
            path,
            settings: settings.to_vec(),
            ..scenario
        })
    }

    /// What is not wrong with it and should be better: for people who write scenarios.
    pub fn advice(&self) -> Option<String> {
        let story = self.document.story.get_ref();
        let sentences = story.split(['.', '!', '?', ':']);
        let told = sentences.filter(|part| part.chars().any(char::is_alphabetic));
        (told.count() < 2).then(|| {
            format!(
                "{}: the story is short; it reads best as two sentences: what happens, and what is \
                 expected",
                self.path
            )
        })
    }

    /// The bugs that the file switches on.
    pub fn mutations(&self) -> Mutations {
        let ids = self.document.mutations.get_ref().iter();
        let known = ids.filter_map(|id| Mutation::find(id));
        known.fold(Mutations::NONE, Mutations::with)
    }

    /// Reads a text that came from `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(path: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let refuse = |problems: Vec<Problem>| ScenarioError {
            file: path.to_owned(),
            text: text.to_owned(),
            problems,
        };
        let document: Document =
            toml::from_str(text).map_err(|error| refuse(vec![syntax_problem(&error)]))?;
        let problems = validate::validate(&document);
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        Ok(Scenario {
            name: name_of(path),
            path: path.to_owned(),
            settings: Vec::new(),
            document,
        })
    }
}

/// A scenario's name: that of its file without `.toml`.
fn name_of(path: &str) -> String {
    Path::new(path).file_stem().map_or_else(
        || path.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// What the parser says, as a problem. A missing field has no place of its own, so it is explained.
fn syntax_problem(error: &toml::de::Error) -> Problem {
    let message = error.message().to_owned();
    let missing = message.starts_with("missing field");
    Problem {
        help: missing.then(|| {
            "the smallest scenario is: schema = 1, story = \"Two sentences. On what happens.\", \
             duration = \"3s\"; a fault needs `at` and mostly `node`"
                .to_owned()
        }),
        span: error.span(),
        message,
    }
}

/// The TOML files of a folder, sorted; none if the folder cannot be read.
pub fn files_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests;
