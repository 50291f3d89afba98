//! What a mutation is about, for whoever looks for one: the concepts that it breaks, in the words
//! of a lecture, and the releases of ZooKeeper that had the bug, where a source names them.

use super::Entry;

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

/// A release as numbers that compare.
fn numbers(release: &str) -> Option<[u32; 3]> {
    let mut parts = release.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

impl Entry {
    /// The releases that are known to have had the bug. `None`: nobody recorded them here, which
    /// says nothing about any release.
    pub fn affected(&self) -> Option<Affected> {
        let affected = match self.id {
            "N18" => Affected {
                ranges: &[("3.6.0", "3.7.2"), ("3.8.0", "3.8.3"), ("3.9.0", "3.9.1")],
                fixed: &["3.8.4", "3.9.2"],
                basis: "the advisory of CVE-2024-23944",
            },
            "T04" => Affected {
                ranges: &[("3.0.0", "3.4.3")],
                fixed: &["3.4.4", "3.5.0"],
                basis: "ZK-1208 (through 3.3.3) and ZK-1496, in the releases' sources: the same \
                        nodes stay behind in another way, created after the session's end was \
                        proposed",
            },
            "Z03" => Affected {
                ranges: &[
                    ("3.4.10", "3.4.14"),
                    ("3.5.3", "3.5.10"),
                    ("3.6.0", "3.6.4"),
                    ("3.7.0", "3.7.2"),
                    ("3.8.0", "3.8.4"),
                    ("3.9.0", "3.9.1"),
                ],
                fixed: &["3.8.5", "3.9.2"],
                basis: "the releases' sources, where Learner.syncWithLeader writes currentEpoch \
                        before the transactions of a DIFF",
            },
            "Z13" => Affected {
                ranges: &[("3.4.10", "3.4.14"), ("3.5.3", "3.5.8"), ("3.6.0", "3.6.2")],
                fixed: &["3.5.9", "3.6.3", "3.7.0"],
                basis: "the releases' sources: from the commit of ZK-2678 to that of ZK-3911",
            },
            "Z20" => Affected {
                ranges: &[("3.0.0", "3.3.3")],
                fixed: &["3.3.4", "3.4.0"],
                basis: "the releases' sources before the commit of ZK-1154",
            },
            _other => return None,
        };
        Some(affected)
    }

    /// The concepts that it breaks.
    pub fn concepts(&self) -> &'static [&'static str] {
        match self.id {
            "P02" => &[
                "phase 2",
                "acceptor",
                "stable storage",
                "quorum intersection",
            ],
            "P03" => &["phase 1", "phase 2", "acceptor", "promise", "fencing"],
            "P04" => &["phase 1", "quorum intersection", "chosen value", "recovery"],
            "P09" | "N03" | "N04" => &[
                "linearizable reads",
                "read index",
                "lease",
                "fencing",
                "quorum intersection",
            ],
            "P11" => &["exactly once", "retries", "client table"],
            "P21" => &["liveness", "retransmission", "message loss"],
            "Z13" => &["synchronization", "stable storage", "acknowledgement"],
            "Z20" => &["synchronization", "log truncation", "divergent logs"],
            "Z34" => &["sync", "stale reads", "linearizable reads"],
            "Z35" => &["bounded memory", "synchronization"],
            "T03" => &["sequential nodes", "uniqueness", "recipes"],
            "T04" => &["ephemeral nodes", "sessions", "outstanding changes"],
            "T11" => &["watches", "reconnect", "one-shot notification"],
            "T13" => &["session guarantees", "monotonic reads", "reconnect"],
            "N10" => &["sessions", "exactly once", "duplicate messages"],
            "N11" => &["sessions", "expiry", "failure detection"],
            "N12" => &["sessions", "expiry", "timeout", "failure detection"],
            "N13" => &["sessions", "heartbeat", "expiry"],
            "N14" | "N15" => &["container nodes", "TTL nodes", "removal"],
            "N16" => &["Stat", "metadata"],
            "N17" => &["sessions", "authentication", "security"],
            "N18" => &["ACL", "watches", "security"],
            "N19" => &["retries", "backoff", "overload", "metastable failure"],
            "N40" | "N42" | "N45" => &["sessions", "stale reads", "epoch"],
            "N41" => &["sessions", "expiry", "election"],
            "N43" => &["sessions", "expiry", "fencing", "generation"],
            "N44" => &["sessions", "expiry", "pause"],
            "N46" => &["sessions", "duplicate messages", "fencing"],
            "N47" => &["sessions", "fencing", "session moves"],
            "Z03" => &[
                "stable storage",
                "epoch",
                "election",
                "order of writes to disk",
            ],
            "N20" | "N21" | "N25" => &["stable storage", "fsync failure", "page cache"],
            "N22" => &["failure detection", "timeout", "slow disks", "liveness"],
            "N23" => &["election", "timeout", "liveness"],
            "N24" => &[
                "synchronization",
                "acknowledgement",
                "log truncation",
                "quorum",
            ],
            "N26" => &["epoch", "observers", "promise", "liveness"],
            "N01" => &[
                "ballot",
                "commit",
                "chosen value",
                "deposed leader",
                "fencing",
            ],
            "N02" => &["ballot", "commit", "snapshot", "deposed leader", "fencing"],
            "N50" | "N52" => &["election", "timeout", "availability"],
            "N51" => &["quorum", "availability", "stable leader"],
            "N05" => &["pre-vote", "stable leader", "availability", "partition"],
            "N27" | "N28" => &["election", "liveness", "partition"],
            // A test asks for a line here.
            _other => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::{CATALOGUE, Mutation};

    #[test]
    fn releases_compare_by_their_numbers() {
        let affected = Mutation::N18
            .entry()
            .affected()
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
        }
    }

    #[test]
    fn every_mutation_has_concepts_and_every_range_is_one() {
        for entry in CATALOGUE {
            assert!(!entry.concepts().is_empty(), "{}", entry.id);
            let affected = entry.affected();
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
