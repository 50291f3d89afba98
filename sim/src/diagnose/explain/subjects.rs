//! What a counterexample is about, read from its sentence in this one place.
//!
//! A trace carries a violation as a text, so that its story can also be told from a file. Names
//! such as `n2`, `op3`, `1:4` and `s1000…` are unmistakable; a bare number is a position only where
//! the checkers put one, and only if the run had such a position.

use std::collections::BTreeSet;

use menagerie::ids::{NodeId, OpId, Zxid};

use super::form::zxid;

/// What a story is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subjects {
    /// Servers that the sentence names.
    pub nodes: BTreeSet<NodeId>,
    /// Positions that are in dispute.
    pub zxids: BTreeSet<Zxid>,
    /// Positions that are only named for comparison.
    pub context: BTreeSet<Zxid>,
    /// Epochs (or ballots as they compare).
    pub epochs: BTreeSet<u64>,
    /// Operations that the sentence names.
    pub ops: BTreeSet<OpId>,
    /// Paths.
    pub paths: BTreeSet<String>,
}

/// The words behind which a checker puts a position that is in dispute.
const BEFORE_POSITION: [&str; 16] = [
    "at",
    "for",
    "is",
    "other's",
    "behind",
    "proposed",
    "delivered",
    "and",
    "but",
    "not",
    "where",
    "committed",
    "with",
    "between",
    "of",
    "lacks",
];
/// The words behind which a position is a bound, not what is in dispute.
const BEFORE_BOUND: [&str; 5] = ["after", "through", "stood", "czxid", "pzxid"];

impl Subjects {
    /// Reads the sentence; `known` are the positions of the run.
    pub fn of(reason: &str, known: &BTreeSet<Zxid>) -> Subjects {
        let mut subjects = Subjects::default();
        let mut before = String::new();
        for word in words(reason) {
            subjects.take(&word, &before, known);
            before = word;
        }
        let disputed = subjects.zxids.clone();
        subjects.context.retain(|zxid| !disputed.contains(zxid));
        subjects
    }

    fn take(&mut self, word: &str, before: &str, known: &BTreeSet<Zxid>) {
        if let Some(node) = numbered(word, "n") {
            self.nodes.extend(u8::try_from(node).ok().map(NodeId));
        } else if let Some(op) = numbered(word, "op") {
            self.ops.extend(u32::try_from(op).ok().map(OpId));
        } else if word.starts_with('/') {
            self.paths.insert(word.to_owned());
        } else if before == "epoch" {
            self.epochs.extend(word.parse::<u64>().ok());
        } else if let Some(zxid) = zxid(word).filter(|zxid| known.contains(zxid)) {
            if BEFORE_BOUND.contains(&before) || before.ends_with("zxid") {
                self.context.insert(zxid);
            } else if before.is_empty() || BEFORE_POSITION.contains(&before) || zxid.epoch() > 0 {
                self.zxids.insert(zxid);
            }
        }
    }
}

/// The words of a sentence without its punctuation; a position keeps its colon.
fn words(text: &str) -> Vec<String> {
    let edge = |character: char| !character.is_alphanumeric() && character != '/';
    let split = |character: char| character.is_whitespace() || "()[]{}\",".contains(character);
    text.split(split)
        .map(|word| word.trim_matches(edge).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The number of a name such as `n3`.
fn numbered(word: &str, letter: &str) -> Option<u64> {
    let digits = word.strip_prefix(letter)?;
    let digits = digits.strip_suffix("'s").unwrap_or(digits);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(numbers: &[u64]) -> BTreeSet<Zxid> {
        numbers.iter().copied().map(Zxid).collect()
    }

    #[test]
    fn names_positions_and_epochs_are_found() {
        let reason = "5 was committed in epoch 258, but n1 was established as the leader of epoch \
                      513 with a history through 3 only";
        let subjects = Subjects::of(reason, &known(&[1, 2, 3, 4, 5, 258]));
        assert_eq!(subjects.zxids, known(&[5]));
        assert_eq!(subjects.context, known(&[3]));
        assert_eq!(subjects.epochs, BTreeSet::from([258, 513]));
        assert_eq!(subjects.nodes, BTreeSet::from([NodeId(1)]));
    }

    #[test]
    fn operations_and_their_places_are_found() {
        let reason = "op1 (setData /k4 if version -1 of c3 in s3000001e0460002) completed at \
                      704.730ms before op3 (getData /p1 of c2) was invoked at 800.000ms, but its \
                      place in the order is 6, behind the other's 5";
        let subjects = Subjects::of(reason, &known(&[1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(subjects.ops, BTreeSet::from([OpId(1), OpId(3)]));
        assert_eq!(subjects.zxids, known(&[5, 6]));
        assert_eq!(
            subjects.paths,
            BTreeSet::from(["/k4".to_owned(), "/p1".to_owned()])
        );
    }

    #[test]
    fn a_number_that_is_no_position_of_the_run_is_left_alone() {
        let reason = "1:3 is committed, but after a loss of power only [n3] would hold it: 2 \
                      voters are needed so that every quorum has one";
        let subjects = Subjects::of(reason, &BTreeSet::from([Zxid::new(1, 3), Zxid::new(1, 2)]));
        assert_eq!(subjects.zxids, BTreeSet::from([Zxid::new(1, 3)]));
        assert_eq!(subjects.nodes, BTreeSet::from([NodeId(3)]));
    }
}
