//! The track record: bugs that were found, kept by hand in `docs/track_record.toml`.

use serde::Deserialize;

/// The file. It belongs to the sources: a report always prints the record of its own build.
const TEXT: &str = include_str!("../../../docs/track_record.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(default)]
    bug: Vec<Bug>,
}

/// One bug.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bug {
    /// What could be seen.
    pub(super) what: String,
    /// The scenario that showed it.
    pub(super) scenario: String,
    /// On which protocol.
    pub(super) protocol: String,
    /// Under which seed.
    pub(super) seed: u64,
    /// At which state of the project the seed shows it.
    pub(super) at: String,
    /// Why it happened.
    pub(super) cause: String,
    /// The commit that ended it, by its subject.
    pub(super) fix: String,
    /// What keeps it out.
    pub(super) test: String,
}

/// Every bug, the oldest first.
pub(super) fn bugs() -> Vec<Bug> {
    let record: Record = toml::from_str(TEXT).expect("a test reads the track record");
    record.bug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_track_record_is_complete() {
        let bugs = bugs();
        assert!(!bugs.is_empty());
        for bug in bugs {
            let texts = [&bug.what, &bug.at, &bug.cause, &bug.fix, &bug.test];
            assert!(texts.iter().all(|text| !text.is_empty()), "{bug:?}");
            let path = format!("../scenarios/{}.toml", bug.scenario);
            assert!(
                std::fs::exists(&path).unwrap_or(false),
                "there is no {path}"
            );
            let known = |one: &crate::Registration| one.name == bug.protocol;
            assert!(crate::PROTOCOLS.iter().any(known), "{bug:?}");
        }
    }
}
