//! What a smallest run is to show, and which shape it keeps.

use core::str::FromStr;

use menagerie::check::{CHECKERS, Harms};

use super::{Failure, Shrinker, at_the_same_time, failures, moves};
use crate::run::resolve::Resolved;

/// So many runs with other moments are tried for a client that is harmed, and this share of the
/// budget, in percent, may go into them.
const TRIES: u64 = 240;
const TRIES_PERCENT: u64 = 20;

/// What a smallest run is to show and to keep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goal<'a> {
    /// Only violations that this checker reports count; any if absent.
    pub checker: Option<&'a str>,
    /// Which of several violations is meant.
    pub prefer: Prefer,
    /// What stays however small the run becomes.
    pub keep: Keep,
}

/// Which of several violations is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The first in the order of the checkers.
    #[default]
    First,
    /// The first one by which a client is harmed. If the run shows none, runs with other moments
    /// are tried, and if those show none either, the run's first violation is meant.
    Client,
}

/// What stays however small a run becomes. A run that has less to begin with keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// So many voters.
    pub voters: u8,
    /// So many observers.
    pub observers: u8,
    /// So many clients.
    pub clients: u16,
}

impl Default for Keep {
    /// An ensemble that tolerates a failure: with fewer voters a story is seldom a lesson.
    fn default() -> Keep {
        Keep {
            voters: 3,
            observers: 0,
            clients: 1,
        }
    }
}

impl Keep {
    /// What a run has of it.
    pub(super) fn within(self, run: &Resolved) -> Keep {
        Keep {
            voters: self.voters.min(run.world.voters),
            observers: self.observers.min(run.world.observers),
            clients: self.clients.min(run.world.clients),
        }
    }

    /// Whether a run has it.
    pub(super) fn is_kept_by(self, run: &Resolved) -> bool {
        run.world.voters >= self.voters
            && run.world.observers >= self.observers
            && run.world.clients >= self.clients
    }
}

/// One of the things to keep, as `voters=3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// So many voters.
    Voters(u8),
    /// So many observers.
    Observers(u8),
    /// So many clients.
    Clients(u16),
}

impl FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Kept, String> {
        let kept = text.split_once('=').and_then(|(what, number)| {
            let number = number.trim();
            match what.trim() {
                "voters" => number.parse().ok().map(Kept::Voters),
                "observers" => number.parse().ok().map(Kept::Observers),
                "clients" => number.parse().ok().map(Kept::Clients),
                _unknown => None,
            }
        });
        kept.ok_or_else(|| "expected voters=N, observers=N or clients=N".to_owned())
    }
}

impl FromIterator<Kept> for Keep {
    fn from_iter<T: IntoIterator<Item = Kept>>(wanted: T) -> Keep {
        let mut keep = Keep::default();
        for one in wanted {
            match one {
                Kept::Voters(number) => keep.voters = number,
                Kept::Observers(number) => keep.observers = number,
                Kept::Clients(number) => keep.clients = number,
            }
        }
        keep
    }
}

impl Goal<'_> {
    /// Which of a run's violations is meant, and whether it is one of those that are preferred.
    pub(super) fn target(&self, failures: Vec<Failure>) -> Option<(Failure, bool)> {
        let wanted = |failure: &Failure| self.checker.is_none_or(|name| name == failure.checker);
        let mut wanted: Vec<Failure> = failures.into_iter().filter(wanted).collect();
        let preferred = match self.prefer {
            Prefer::First => 0,
            Prefer::Client => match wanted
                .iter()
                .position(|failure| harms_a_client(&failure.checker))
            {
                Some(place) => place,
                None => return wanted.into_iter().next().map(|first| (first, false)),
            },
        };
        (preferred < wanted.len()).then(|| (wanted.swap_remove(preferred), true))
    }
}

impl Shrinker<'_> {
    /// Looks for a run with other moments by which a client is harmed, and goes on from that one.
    pub(super) fn look_for_a_harmed_client(&mut self) {
        self.pass = "a harmed client";
        let most = self.budget.events / 100 * TRIES_PERCENT;
        let width = self.budget.jobs.max(1) as u64;
        let tries = TRIES.min(most / self.cost);
        for first in (0..tries).step_by(width as usize) {
            if self.is_over() {
                return;
            }
            let numbers = first..(first + width).min(tries);
            let candidates: Vec<Resolved> = numbers
                .map(|number| moves::jittered(&self.best, number))
                .collect();
            let protocol = &self.protocol;
            let tried = at_the_same_time(&candidates, |run| failures(protocol, run));
            for (candidate, (failures, events)) in candidates.into_iter().zip(tried) {
                // One job would not have begun this one.
                if self.spent >= most {
                    return;
                }
                self.spent += events;
                self.reruns += 1;
                let mut failures = failures.into_iter();
                if let Some(harm) = failures.find(|one| harms_a_client(&one.checker)) {
                    self.best = candidate;
                    self.cost = events;
                    self.shown = harm.clone();
                    self.target = harm;
                    return;
                }
            }
        }
    }
}

/// Whether a client is harmed by the violations that a checker reports.
pub fn harms_a_client(checker: &str) -> bool {
    CHECKERS
        .iter()
        .any(|entry| entry.name == checker && entry.harms == Harms::Client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::check::Rule;
    use menagerie::ids::VirtualTime;

    fn failure(checker: &str, at: u64) -> Failure {
        Failure {
            checker: checker.to_owned(),
            rule: Rule::here(),
            at: VirtualTime(at),
            reason: String::new(),
        }
    }

    #[test]
    fn a_violation_that_a_client_sees_is_preferred_if_that_is_asked_for() {
        let both = || vec![failure("leadership", 1), failure("linearizability", 2)];
        let target = |prefer, failures| {
            let goal = Goal {
                prefer,
                ..Goal::default()
            };
            goal.target(failures)
                .map(|(failure, preferred)| (failure.checker, preferred))
        };
        let first = Some(("leadership".to_owned(), true));
        assert_eq!(target(Prefer::First, both()), first);
        let client = Some(("linearizability".to_owned(), true));
        assert_eq!(target(Prefer::Client, both()), client);
        let alone = vec![failure("leadership", 1)];
        let other = Some(("leadership".to_owned(), false));
        assert_eq!(target(Prefer::Client, alone), other);
        assert_eq!(target(Prefer::Client, Vec::new()), None);
    }

    #[test]
    fn what_to_keep_is_read_and_the_rest_stays_as_usual() {
        let kept = ["voters=5", "clients=2"].map(|text| text.parse::<Kept>().expect("it is one"));
        let keep: Keep = kept.into_iter().collect();
        assert_eq!((keep.voters, keep.observers, keep.clients), (5, 0, 2));
        for wrong in ["voters", "voters=", "voters=x", "servers=3", "voters=300"] {
            assert!(wrong.parse::<Kept>().is_err(), "{wrong}");
        }
    }
}
