//! All checkers of one run.

use std::collections::BTreeSet;

use super::interests::KINDS;
use super::{
    CHECKERS, Checker, CheckerEntry, Counterexample, Ending, Excused, Interests, Observation,
    Setup, Verdict,
};
use crate::ids::VirtualTime;

/// Every checker of [`CHECKERS`]. Each gets only the observations that it is interested in.
pub struct Panel {
    checkers: Vec<(&'static str, Box<dyn Checker>)>,
    /// For each kind of observation, the positions in `checkers` that want it.
    audience: [Vec<usize>; KINDS],
    /// The names of the facts that the protocol stated.
    stated: BTreeSet<&'static str>,
    /// Whether anything was committed: then a fact that is missing is one that the protocol does
    /// not state, and not one for which nothing happened.
    delivered: bool,
}

impl Panel {
    /// Makes every checker for a run.
    pub fn new(setup: &Setup) -> Panel {
        Panel::of(CHECKERS, setup)
    }

    /// Makes the checkers of `entries`, in their order.
    pub fn of(entries: &[CheckerEntry], setup: &Setup) -> Panel {
        let mut audience: [Vec<usize>; KINDS] = Default::default();
        for (position, entry) in entries.iter().enumerate() {
            for (kind, members) in audience.iter_mut().enumerate() {
                if entry.interests.has_kind(kind) {
                    members.push(position);
                }
            }
        }
        let checkers = entries
            .iter()
            .map(|entry| (entry.name, (entry.make)(setup)))
            .collect();
        Panel {
            checkers,
            audience,
            stated: BTreeSet::new(),
            delivered: false,
        }
    }

    /// Tells an observation to those who want it.
    pub fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        if let Observation::Fact { fact, .. } = observation {
            self.stated.insert(fact.name());
        }
        self.delivered |= matches!(observation, Observation::Delivered { .. });
        for position in &self.audience[Interests::kind(observation)] {
            self.checkers[*position].1.observe(at, observation);
        }
    }

    /// The first violation so far, in the order of the table, and who found it.
    pub fn violation(&self) -> Option<(&'static str, &Counterexample)> {
        self.checkers
            .iter()
            .find_map(|(name, checker)| Some((*name, checker.violation()?)))
    }

    /// The first violation that the checker of that name has found so far.
    pub fn violation_of(&self, checker: &str) -> Option<&Counterexample> {
        let mut named = self.checkers.iter().filter(|(name, _)| *name == checker);
        named.next()?.1.violation()
    }

    /// The synced reads that could not be held against the run; known once it is finished.
    pub fn excused(&self) -> Excused {
        let all = self.checkers.iter().map(|(_, checker)| checker.excused());
        all.fold(Excused::default(), |sum, one| Excused {
            excused: sum.excused + one.excused,
            of: sum.of + one.of,
        })
    }

    /// Every verdict, in the order of the table.
    pub fn finish(&mut self, ending: &Ending<'_>) -> Vec<(&'static str, Verdict)> {
        let mut verdicts = Vec::new();
        for (name, checker) in &mut self.checkers {
            let verdict = checker.finish(ending);
            let unstated = unstated(checker.lives_on(), &self.stated);
            verdicts.push((*name, in_view_of(unstated, self.delivered, verdict)));
        }
        verdicts
    }
}

/// Which of the facts that a checker lives on a protocol never stated, in words; `None`: of each
/// there was one.
fn unstated(needed: &[&str], stated: &BTreeSet<&'static str>) -> Option<String> {
    let missing = needed.iter().filter(|name| !stated.contains(*name));
    let missing: Vec<String> = missing.map(|name| format!("Fact::{name}")).collect();
    (!missing.is_empty()).then(|| format!("the protocol never stated {}", missing.join(", ")))
}

/// A verdict in view of the facts that were never stated.
fn in_view_of(unstated: Option<String>, delivered: bool, verdict: Verdict) -> Verdict {
    let Some(unstated) = unstated else {
        return verdict;
    };
    match verdict {
        Verdict::Vacuous(_) if delivered => Verdict::NotApplicable(unstated),
        Verdict::Vacuous(what) => Verdict::Vacuous(format!("{what}; {unstated}")),
        // What looks like a violation may be a fact that its author forgot.
        Verdict::Fail(mut counterexample) if delivered => {
            counterexample.reason = format!("{} ({unstated})", counterexample.reason);
            Verdict::Fail(counterexample)
        }
        verdict @ (Verdict::Pass { .. }
        | Verdict::NotApplicable(_)
        | Verdict::Unknown(_)
        | Verdict::Fail(_)) => verdict,
    }
}

impl core::fmt::Debug for Panel {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_list()
            .entries(self.checkers.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, ending_of, setup};
    use super::*;
    use crate::protocol::Fact;

    #[test]
    fn every_checker_is_vacuous_after_a_run_in_which_nothing_happened() {
        let mut panel = Panel::new(&setup("zab"));
        let verdicts = ending_of(&[], |ending| panel.finish(ending));
        assert_eq!(verdicts.len(), CHECKERS.len());
        for (name, verdict) in verdicts {
            assert!(
                matches!(verdict, Verdict::Vacuous(_)),
                "{name}: {verdict:?}"
            );
        }
    }

    #[test]
    fn a_checker_without_facts_to_judge_names_those_that_were_never_stated() {
        let mut panel = Panel::new(&setup("zab"));
        let mut story = Story::default();
        story.fact(1, Fact::Promised { epoch: 1 });
        story.tell(|at, observation| panel.observe(at, observation));
        let verdicts = ending_of(&[], |ending| panel.finish(ending));
        let leadership = verdicts.iter().find(|(name, _)| *name == "leadership");
        let Some((_, Verdict::Vacuous(what))) = leadership else {
            panic!("{leadership:?} is not vacuous");
        };
        assert!(
            what.contains("never stated Fact::Proposed, Fact::Established"),
            "{what}"
        );
        let recovery = verdicts.iter().find(|(name, _)| *name == "recovery");
        let Some((_, Verdict::Vacuous(what))) = recovery else {
            panic!("{recovery:?} is not vacuous");
        };
        assert!(!what.contains("Fact::Promised"), "{what}");
    }

    #[test]
    fn a_checker_whose_facts_a_working_protocol_never_states_does_not_apply() {
        let mut panel = Panel::new(&setup("zab"));
        let mut story = Story::default();
        story.fact(1, Fact::Promised { epoch: 1 }).deliver(1, 1, 7);
        story.tell(|at, observation| panel.observe(at, observation));
        let verdicts = ending_of(&[], |ending| panel.finish(ending));
        let of = |name| verdicts.iter().find(|(one, _)| *one == name);
        let Some((_, Verdict::NotApplicable(what))) = of("recovery") else {
            panic!("{:?} applies", of("recovery"));
        };
        assert_eq!(
            what,
            "the protocol never stated Fact::Proposed, Fact::Voted"
        );
        let promises = of("promises").map(|(_, verdict)| verdict);
        assert!(
            matches!(promises, Some(Verdict::Pass { .. })),
            "{promises:?}"
        );
    }

    #[test]
    fn a_violation_names_the_facts_whose_absence_may_explain_it() {
        let mut panel = Panel::new(&setup("paxos"));
        let mut story = Story::default();
        // The leader of epoch 6 proposes another value than was voted for; nobody promises.
        story.propose(1, 5, 1, 7).vote(1, 5, 1, 7).vote(2, 5, 1, 7);
        story.deliver(1, 1, 7).propose(3, 6, 1, 8);
        story.tell(|at, observation| panel.observe(at, observation));
        let verdicts = ending_of(&[], |ending| panel.finish(ending));
        let recovery = verdicts.iter().find(|(name, _)| *name == "recovery");
        let Some((_, Verdict::Fail(counterexample))) = recovery else {
            panic!("{recovery:?} does not fail");
        };
        let words = "(the protocol never stated Fact::Promised)";
        assert!(counterexample.reason.ends_with(words), "{counterexample:?}");
    }

    #[test]
    fn names_are_unique() {
        for (position, entry) in CHECKERS.iter().enumerate() {
            assert!(CHECKERS[..position].iter().all(|e| e.name != entry.name));
        }
    }

    #[test]
    fn the_panel_reports_a_violation_while_the_run_goes_on() {
        let mut panel = Panel::new(&setup("zab"));
        let mut story = Story::default();
        story.commit(1, 1, 7).deliver(2, 1, 8);
        assert!(panel.violation().is_none());
        story.tell(|at, observation| panel.observe(at, observation));
        let (name, counterexample) = panel.violation().expect("two values at one zxid");
        assert_eq!(name, "agreement");
        assert!(counterexample.reason.contains("n2"), "{counterexample:?}");
    }
}
