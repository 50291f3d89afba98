//! Text of a story before it is a sentence: words and operations.
//!
//! What an operation asks for is said where the story first names it. That place is known only once
//! the steps are folded and shortened, so a phrase keeps the operation itself until then.

use menagerie::ids::OpId;

/// Words and operations, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Phrase(Vec<Piece>);

/// A part of a phrase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Words.
    Text(String),
    /// An operation, which is spelled out once.
    Op(OpId),
}

impl Phrase {
    /// An operation.
    pub fn op(op: OpId) -> Phrase {
        Phrase(vec![Piece::Op(op)])
    }

    /// Phrases with a separator between them.
    pub fn joined(phrases: &[Phrase], separator: &str) -> Phrase {
        let mut joined = Phrase::default();
        for (place, phrase) in phrases.iter().enumerate() {
            if place > 0 {
                joined = joined.and(separator);
            }
            joined = joined.and(phrase.clone());
        }
        joined
    }

    /// Phrases as a sentence lists them.
    pub fn listed(phrases: &[Phrase]) -> Phrase {
        match phrases {
            [rest @ .., last] if !rest.is_empty() => {
                Phrase::joined(rest, ", ").and(" and ").and(last.clone())
            }
            few => Phrase::joined(few, ", "),
        }
    }

    /// With another phrase after it.
    #[must_use]
    pub fn and(mut self, more: impl Into<Phrase>) -> Phrase {
        self.0.extend(more.into().0);
        self
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The phrase as text; `op` has words for an operation.
    pub fn text(&self, mut op: impl FnMut(OpId) -> String) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Op(id) => op(*id),
        });
        pieces.collect()
    }

    /// Cut to so many characters, if it has more; `op` has words for an operation.
    #[must_use]
    pub fn within(self, most: usize, op: impl Fn(OpId) -> String) -> Phrase {
        let mut short = Phrase::default();
        let mut left = most;
        for piece in self.0 {
            let text = match &piece {
                Piece::Text(text) => text.clone(),
                Piece::Op(id) => op(*id),
            };
            let length = text.chars().count();
            if length > left {
                let cut: String = text.chars().take(left).chain("…".chars()).collect();
                return short.and(cut);
            }
            left -= length;
            short.0.push(piece);
        }
        short
    }
}

impl From<&str> for Phrase {
    fn from(text: &str) -> Phrase {
        Phrase::from(text.to_owned())
    }
}

impl From<String> for Phrase {
    fn from(text: String) -> Phrase {
        match text.is_empty() {
            true => Phrase::default(),
            false => Phrase(vec![Piece::Text(text)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(phrase: &Phrase) -> String {
        phrase.text(|op| format!("{op} (getData /a)"))
    }

    #[test]
    fn phrases_are_listed_as_in_a_sentence() {
        let three = [Phrase::op(OpId(1)), "b".into(), "c".into()];
        assert_eq!(
            spelled(&Phrase::listed(&three)),
            "op1 (getData /a), b and c"
        );
        assert_eq!(spelled(&Phrase::listed(&three[1..])), "b and c");
        assert_eq!(spelled(&Phrase::listed(&three[1..2])), "b");
        assert!(Phrase::listed(&[]).is_empty());
    }

    #[test]
    fn a_long_phrase_is_cut_where_it_would_be_too_long_spelled_out() {
        let phrase = Phrase::from("slot 4, ")
            .and(Phrase::op(OpId(1)))
            .and(", again");
        let op = |op: OpId| format!("{op} (getData /a)");
        assert_eq!(phrase.clone().within(40, op), phrase);
        assert_eq!(spelled(&phrase.clone().within(12, op)), "slot 4, op1 …");
        assert_eq!(
            spelled(&phrase.within(26, op)),
            "slot 4, op1 (getData /a), …"
        );
    }
}
