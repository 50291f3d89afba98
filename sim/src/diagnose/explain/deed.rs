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
pub(super) struct Deed {
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

impl Deed {
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
    fn precedes(&self, other: &Deed) -> bool {
        let concerned = self.who.iter().chain(&self.whom);
        let mut concerned = concerned.filter(|node| other.who.contains(node));
        self.at < other.at && concerned.next().is_some()
    }

    /// Takes in an equal step of somebody else, to somebody else, or with something else.
    fn absorb(&mut self, other: &Deed) -> bool {
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
pub(super) fn fold(deeds: Vec<Deed>) -> Vec<Deed> {
    let mut folded: Vec<Deed> = Vec::new();
    for deed in deeds {
        let near = |earlier: &Deed| {
            earlier.kind != Kind::Turn && deed.at.since(earlier.until) <= FOLD_WINDOW
        };
        let mut absorbed = false;
        for earlier in folded.iter_mut().rev().take_while(|earlier| near(earlier)) {
            absorbed = earlier.absorb(&deed);
            // What a server did or was sent before stays before.
            if absorbed || earlier.precedes(&deed) {
                break;
            }
        }
        if !absorbed {
            folded.push(deed);
        }
    }
    folded
}

/// Leaves out what happened before the story begins, but for the leader it begins under.
pub(super) fn begin(deeds: Vec<Deed>) -> Vec<Deed> {
    let is_prelude = |deed: &Deed| matches!(deed.kind, Kind::Leads | Kind::Election);
    let start = deeds.iter().position(|deed| !is_prelude(deed));
    let start = start.unwrap_or(deeds.len());
    let leader = deeds[..start]
        .iter()
        .rposition(|deed| deed.kind == Kind::Leads);
    let kept = deeds.into_iter().enumerate();
    kept.filter(|(place, _)| *place >= start || Some(*place) == leader)
        .map(|(_, deed)| deed)
        .collect()
}

/// Leaves out what matters least until no more than `most` are left; says how many went.
pub(super) fn shorten(mut deeds: Vec<Deed>, most: usize) -> (Vec<Deed>, usize) {
    let mut gone = 0;
    for rank in [Rank::Context, Rank::Leadership, Rank::Subject] {
        while deeds.len() > most {
            let Some(place) = deeds.iter().position(|deed| deed.rank == rank) else {
                break;
            };
            deeds.remove(place);
            gone += 1;
        }
    }
    (deeds, gone)
}

#[cfg(test)]
mod tests {
    use menagerie::ids::OpId;

    use super::*;

    fn text(deed: &Deed) -> String {
        deed.sentence(&Names::default()).text(|op| op.to_string())
    }

    fn votes(at_us: u64, node: u8, place: u64) -> Deed {
        let at = VirtualTime(at_us * 1000);
        Deed {
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
        let mut deeds: Vec<Deed> = (1..6).map(|at| votes(at, 1, 1)).collect();
        for (deed, kind) in deeds.iter_mut().zip([
            Kind::Leads,
            Kind::Election,
            Kind::Leads,
            Kind::Election,
            Kind::Plain,
        ]) {
            deed.kind = kind;
        }
        let kept: Vec<u64> = begin(deeds).iter().map(|deed| deed.at.0 / 1000).collect();
        assert_eq!(kept, [3, 5]);
    }

    #[test]
    fn a_long_story_loses_what_matters_least() {
        let mut deeds: Vec<Deed> = (1..5).map(|at| votes(at, 1, 1)).collect();
        deeds[0].rank = Rank::Essential;
        deeds[2].rank = Rank::Context;
        let (kept, gone) = shorten(deeds.clone(), 3);
        assert_eq!((kept.len(), gone), (3, 1));
        assert!(kept.iter().all(|deed| deed.rank != Rank::Context));
        let (kept, gone) = shorten(deeds, 0);
        assert_eq!(
            (kept.len(), gone),
            (1, 3),
            "the essential is never left out"
        );
    }
}
