//! The releases of ZooKeeper that had a bug, where a source names them.

/// Releases of ZooKeeper, from the first to the last, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Ranges of releases, both ends included.
    pub ranges: &'static [(&'static str, &'static str)],
    /// The first release of each line that has the repair.
    pub fixed: &'static [&'static str],
    /// Where that is written.
    pub basis: &'static str,
}

impl Affected {
    /// Whether a release, such as 3.8.0, is among them; `None` if the text is no release.
    pub fn includes(&self, release: &str) -> Option<bool> {
        let release = numbers(release)?;
        let within = |(first, last): &(&str, &str)| {
            numbers(first).is_some_and(|first| first <= release)
                && numbers(last).is_some_and(|last| release <= last)
        };
        Some(self.ranges.iter().any(within))
    }
}

/// Whether a text is the number of a release, such as 3.8.0.
pub fn is_release(text: &str) -> bool {
    numbers(text).is_some()
}

/// A release as numbers that compare.
fn numbers(release: &str) -> Option<[u32; 3]> {
    let mut parts = release.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::{CATALOGUE, Mutation};

    #[test]
    fn releases_compare_by_their_numbers() {
        let affected = Mutation::N18
            .entry()
            .releases
            .expect("the advisory names them");
        for (release, expected) in [
            ("3.5.9", Some(false)),
            ("3.6.10", Some(true)),
            ("3.8.3", Some(true)),
            ("3.8.4", Some(false)),
            ("3.10.0", Some(false)),
            ("3.8", None),
            ("latest", None),
        ] {
            assert_eq!(affected.includes(release), expected, "{release}");
            assert_eq!(is_release(release), expected.is_some(), "{release}");
        }
    }

    #[test]
    fn every_mutation_has_concepts_and_every_range_is_one() {
        for entry in CATALOGUE {
            assert!(!entry.concepts.is_empty(), "{}", entry.id);
            let affected = entry.releases;
            for (first, last) in affected.iter().flat_map(|affected| affected.ranges) {
                assert!(numbers(first).expect("a release") <= numbers(last).expect("a release"));
            }
            let Some(affected) = affected else { continue };
            for fixed in affected.fixed {
                assert_eq!(
                    affected.includes(fixed),
                    Some(false),
                    "{} {fixed}",
                    entry.id
                );
            }
        }
    }
}
