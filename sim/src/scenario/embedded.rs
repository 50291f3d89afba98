//! The scenarios that come with the program, and how a name becomes a text.
//!
//! A *file* is what is named by a path. A *bare name* (`chaos`) is `scenarios/chaos.toml` where
//! there is such a file, so that an edited one counts at once; anywhere else it is the embedded
//! scenario.

use std::io::ErrorKind;
use std::path::Path;

use super::{ScenarioError, files_in};
use crate::words::suggestion;

/// The name and the text of every scenario in the project's folder, in the order of the names.
pub static EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Where the scenarios of a project are.
pub const FOLDER: &str = "scenarios";

/// A scenario that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What names it in a line to paste: a file's path, or an embedded scenario's name.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

/// Every bare name that is known here: those embedded and those in `scenarios/`, sorted.
pub(crate) fn names() -> Vec<String> {
    let files = files_in(Path::new(FOLDER));
    let stems = files.iter().filter_map(|file| Path::new(file).file_stem());
    let here = stems.map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = EMBEDDED
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    names.extend(here);
    names.sort();
    names.dedup();
    names
}

/// Whether a text is a name and no path.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && !text.contains(['/', '\\', '.'])
}

/// Finds the scenario that a text names.
///
/// # Errors
/// If there is none, what may have been meant.
pub(crate) fn find(text: &str) -> Result<Found, ScenarioError> {
    let mut path = text.to_owned();
    if is_bare(text) && !Path::new(text).is_file() {
        let file = Path::new(FOLDER).join(text).with_extension("toml");
        if !file.is_file() {
            return embedded(text);
        }
        path = file.to_string_lossy().into_owned();
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Found { path, text }),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

fn embedded(name: &str) -> Result<Found, ScenarioError> {
    if let Some((_, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) {
        return Ok(Found {
            path: name.to_owned(),
            text: (*text).to_owned(),
        });
    }
    let names = names();
    Err(ScenarioError::of_file(
        name,
        format!(
            "there is no scenario of this name{}",
            suggestion(name, names.iter().map(String::as_str))
        ),
        Some(format!(
            "name a file (./{name}.toml), or one of: {}",
            names.join(", ")
        )),
    ))
}

fn unreadable(path: &str, error: &std::io::Error) -> ScenarioError {
    let (message, help) = match error.kind() {
        ErrorKind::NotFound => (
            "there is no such scenario file".to_owned(),
            Some(neighbours(path)),
        ),
        ErrorKind::InvalidData => (
            "the file is not UTF-8 text".to_owned(),
            Some("expected a TOML file".to_owned()),
        ),
        _ => (format!("the file cannot be read: {error}"), None),
    };
    ScenarioError::of_file(path, message, help)
}

/// Names what may have been meant by a missing file: the scenario of that name, or those beside it.
fn neighbours(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    let known = names();
    if known.iter().any(|name| **name == *stem) {
        return format!("did you mean the scenario {stem}?");
    }
    let folder = Path::new(path)
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new(FOLDER));
    let found = files_in(folder);
    if found.is_empty() {
        return "`menagerie scenarios` lists those that are known by name".to_owned();
    }
    let names: Vec<String> = found
        .iter()
        .filter_map(|file| Path::new(file).file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    format!("beside it there are: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn every_embedded_scenario_is_sound_and_found_by_its_name() {
        assert!(EMBEDDED.len() > 30, "only {}", EMBEDDED.len());
        for (name, text) in EMBEDDED {
            let found = find(name).expect("its name is known");
            assert_eq!((found.path.as_str(), found.text.as_str()), (*name, *text));
            let scenario = Scenario::read(name).expect("it is sound");
            assert_eq!(scenario.name, *name);
        }
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest_and_a_missing_file_its_scenario() {
        let error = find("choas").expect_err("there is none").picture();
        assert!(error.contains("did you mean chaos?"), "{error}");
        let error = find("nowhere/chaos.toml").expect_err("there is none");
        assert!(error.picture().contains("the scenario chaos?"));
    }
}
