//! One step of a story before it is a sentence, and how equal steps become one.

use menagerie::ids::{NodeId, Span, VirtualTime, Zxid};

use super::names::{Names, listed};
use super::phrase::Phrase;

/// Equal steps this close to each other are one.
const FOLD_WINDOW: Span = Span::millis(30);

/// How much a step matters: of those that matter least some are left out of a long story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A contradiction, a fault, what a client asked and saw.
    Essential,
    /// What was done with what is in dispute.
    Subject,
    /// Who led, who promised what.
    Leadership,
    /// What surrounds it.
    Context,
}

/// What kind of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A fault or its end, a death, a boot: steps on both sides of it stay apart.
    Turn,
    /// Somebody leads.
    Leads,
    /// Part of becoming or losing a leader.
    Election,
    /// Anything else.
    Plain,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub at: VirtualTime,
    pub until: VirtualTime,
    pub rank: Rank,
    pub kind: Kind,
    /// The events that it tells of.
    pub events: Vec<u64>,
    /// Who does it; none where `verb` is the whole sentence.
    pub who: Vec<NodeId>,
    /// For one and for several.
    pub verb: [Phrase; 2],
    /// With what.
    pub what: Vec<Phrase>,
    /// At which positions.
    pub places: Vec<Zxid>,
    /// To whom.
    pub whom: Vec<NodeId>,
    /// How.
    pub tail: Phrase,
    /// What is odd about it.
    pub note: Phrase,
}

impl Statement {
    /// The step as a sentence.
    pub fn sentence(&self, names: &Names) -> Phrase {
        let several = usize::from(self.who.len() > 1);
        let mut parts = vec![listed(&self.who).into(), self.verb[several].clone()];
        parts.push(Phrase::listed(&self.what));
        if !self.places.is_empty() {
            let preposition = if self.what.is_empty() { "" } else { "at " };
            parts.push(format!("{preposition}{}", names.places(&self.places)).into());
        }
        if !self.whom.is_empty() {
            parts.push(format!("to {}", listed(&self.whom)).into());
        }
        parts.push(self.tail.clone());
        parts.retain(|part| !part.is_empty());
        let mut sentence = Phrase::joined(&parts, " ");
        if !self.note.is_empty() {
            sentence = sentence.and(", ").and(self.note.clone());
        }
        sentence.and(".")
    }

    /// Whether it happens before the other step to or by the same server.
    fn precedes(&self, other: &Statement) -> bool {
        let concerned = self.who.iter().chain(&self.whom);
        let mut concerned = concerned.filter(|node| other.who.contains(node));
        self.at < other.at && concerned.next().is_some()
    }

    /// Takes in an equal step of somebody else, to somebody else, or with something else.
    fn absorb(&mut self, other: &Statement) -> bool {
        let alike = self.verb == other.verb
            && self.tail == other.tail
            && self.note == other.note
            && !self.who.is_empty();
        let same_items = self.what == other.what && self.places == other.places;
        if !alike || self.kind == Kind::Turn {
            return false;
        }
        if same_items && self.who == other.who {
            let new = other.whom.iter().filter(|node| !self.whom.contains(node));
            let new: Vec<NodeId> = new.copied().collect();
            self.whom.extend(new);
            self.whom.sort();
        } else if same_items && self.whom == other.whom {
            let new = other.who.iter().filter(|node| !self.who.contains(node));
            let new: Vec<NodeId> = new.copied().collect();
            self.who.extend(new);
            self.who.sort();
        } else if self.who == other.who && self.whom == other.whom && self.at == other.at {
            self.what.extend(other.what.iter().cloned());
            self.places.extend(other.places.iter().copied());
        } else {
            return false;
        }
        self.rank = self.rank.min(other.rank);
        self.until = self.until.max(other.until);
        self.events.extend(other.events.iter().copied());
        true
    }
}

/// Makes one step of equal ones that are close to each other.
pub(super) fn fold(statements: Vec<Statement>) -> Vec<Statement> {
    let mut folded: Vec<Statement> = Vec::new();
    for statement in statements {
        let near = |earlier: &Statement| {
            earlier.kind != Kind::Turn && statement.at.since(earlier.until) <= FOLD_WINDOW
        };
        let mut absorbed = false;
        for earlier in folded.iter_mut().rev().take_while(|earlier| near(earlier)) {
            absorbed = earlier.absorb(&statement);
            // What a server did or was sent before stays before.
            if absorbed || earlier.precedes(&statement) {
                break;
            }
        }
        if !absorbed {
            folded.push(statement);
        }
    }
    folded
}

/// Leaves out what happened before the story begins, but for the leader it begins under.
pub(super) fn begin(statements: Vec<Statement>) -> Vec<Statement> {
    let is_prelude = |statement: &Statement| matches!(statement.kind, Kind::Leads | Kind::Election);
    let start = statements
        .iter()
        .position(|statement| !is_prelude(statement));
    let start = start.unwrap_or(statements.len());
    let leader = statements[..start]
        .iter()
        .rposition(|statement| statement.kind == Kind::Leads);
    let kept = statements.into_iter().enumerate();
    kept.filter(|(place, _)| *place >= start || Some(*place) == leader)
        .map(|(_, statement)| statement)
        .collect()
}

/// Leaves out what matters least until no more than `most` are left; says how many went.
pub(super) fn shorten(mut statements: Vec<Statement>, most: usize) -> (Vec<Statement>, usize) {
    let mut gone = 0;
    for rank in [Rank::Context, Rank::Leadership, Rank::Subject] {
        while statements.len() > most {
            let Some(place) = statements
                .iter()
                .position(|statement| statement.rank == rank)
            else {
                break;
            };
            statements.remove(place);
            gone += 1;
        }
    }
    (statements, gone)
}

#[cfg(test)]
mod tests {
    use menagerie::ids::OpId;

    use super::*;

    fn text(statement: &Statement) -> String {
        statement
            .sentence(&Names::default())
            .text(|op| op.to_string())
    }

    fn votes(at_us: u64, node: u8, place: u64) -> Statement {
        let at = VirtualTime(at_us * 1000);
        Statement {
            at,
            until: at,
            rank: Rank::Subject,
            kind: Kind::Plain,
            events: vec![at_us],
            who: vec![NodeId(node)],
            verb: ["votes for", "vote for"].map(Phrase::from),
            what: vec![Phrase::op(OpId(1))],
            places: vec![Zxid(place)],
            whom: Vec::new(),
            tail: "in ballot 1.n1".into(),
            note: Phrase::default(),
        }
    }

    #[test]
    fn equal_steps_of_several_servers_are_one_sentence() {
        let folded = fold(vec![
            votes(100, 1, 3),
            votes(400, 2, 3),
            votes(90_000, 3, 3),
        ]);
        let told: Vec<String> = folded.iter().map(text).collect();
        assert_eq!(
            told,
            [
                "n1 and n2 vote for op1 at slot 3 in ballot 1.n1.",
                "n3 votes for op1 at slot 3 in ballot 1.n1."
            ]
        );
        assert_eq!(folded[0].until, VirtualTime(400_000));
        assert_eq!(folded[0].events, [100, 400]);
    }

    #[test]
    fn steps_of_one_moment_are_one_sentence() {
        let mut second = votes(100, 1, 4);
        second.what = vec![Phrase::op(OpId(2))];
        let folded = fold(vec![votes(100, 1, 3), second]);
        assert_eq!(
            text(&folded[0]),
            "n1 votes for op1 and op2 at slots 3 and 4 in ballot 1.n1."
        );
    }

    #[test]
    fn nobody_does_something_before_what_led_to_it() {
        let mut sent = votes(200, 1, 3);
        sent.verb = ["sends", "send"].map(Phrase::from);
        sent.whom = vec![NodeId(2)];
        let folded = fold(vec![votes(100, 1, 3), sent.clone(), votes(300, 2, 3)]);
        assert_eq!(folded.len(), 3, "n2 votes for what it was sent: {folded:?}");
        let folded = fold(vec![votes(100, 1, 3), sent, votes(300, 3, 3)]);
        assert_eq!(
            folded.len(),
            2,
            "n3 has nothing to do with that: {folded:?}"
        );
    }

    #[test]
    fn a_turn_keeps_equal_steps_apart_and_so_does_a_note() {
        let mut turn = votes(200, 9, 9);
        turn.kind = Kind::Turn;
        assert_eq!(
            fold(vec![votes(100, 1, 3), turn, votes(300, 2, 3)]).len(),
            3
        );
        let mut odd = votes(200, 2, 3);
        odd.note = "although it had promised ballot 2.n2".into();
        assert_eq!(fold(vec![votes(100, 1, 3), odd]).len(), 2);
    }

    #[test]
    fn a_story_begins_under_its_last_leader() {
        let mut statements: Vec<Statement> = (1..6).map(|at| votes(at, 1, 1)).collect();
        for (statement, kind) in statements.iter_mut().zip([
            Kind::Leads,
            Kind::Election,
            Kind::Leads,
            Kind::Election,
            Kind::Plain,
        ]) {
            statement.kind = kind;
        }
        let kept: Vec<u64> = begin(statements)
            .iter()
            .map(|statement| statement.at.0 / 1000)
            .collect();
        assert_eq!(kept, [3, 5]);
    }

    #[test]
    fn a_long_story_loses_what_matters_least() {
        let mut statements: Vec<Statement> = (1..5).map(|at| votes(at, 1, 1)).collect();
        statements[0].rank = Rank::Essential;
        statements[2].rank = Rank::Context;
        let (kept, gone) = shorten(statements.clone(), 3);
        assert_eq!((kept.len(), gone), (3, 1));
        assert!(kept.iter().all(|statement| statement.rank != Rank::Context));
        let (kept, gone) = shorten(statements, 0);
        assert_eq!(
            (kept.len(), gone),
            (1, 3),
            "the essential is never left out"
        );
    }
}
