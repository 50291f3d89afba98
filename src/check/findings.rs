//! What a checker has found so far: how many obligations held, and the first that did not.

use super::subjects::{Subjects, Wrong};
use super::{Counterexample, Rule, Verdict};
use crate::ids::VirtualTime;

/// The state that every checker has. The first violation is kept: what follows from it is noise.
#[derive(Debug, Default)]
pub(super) struct Findings {
    checked: u64,
    violation: Option<Counterexample>,
}

impl Findings {
    /// Counts one obligation that was examined.
    pub fn count(&mut self) {
        self.checked += 1;
    }

    /// Counts obligations that were examined.
    pub fn count_many(&mut self, obligations: usize) {
        self.checked += obligations as u64;
    }

    /// Notes a violation of the rule of the place that calls this: what is wrong, and what that is
    /// about.
    #[track_caller]
    pub fn fail(&mut self, at: VirtualTime, reason: String, subjects: Subjects) {
        if self.violation.is_none() {
            self.violation = Some(Counterexample {
                rule: Rule::here(),
                at,
                reason,
                subjects,
            });
        }
    }

    /// Notes a violation that was put into words elsewhere.
    #[track_caller]
    pub fn fail_with(&mut self, at: VirtualTime, wrong: Wrong) {
        self.fail(at, wrong.reason, wrong.subjects);
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Counterexample> {
        self.violation.as_ref()
    }

    /// Whether there is a violation.
    pub fn failed(&self) -> bool {
        self.violation.is_some()
    }

    /// The verdict; `subject` says what was missing if nothing was examined.
    pub fn verdict(&self, subject: &str) -> Verdict {
        match (&self.violation, self.checked) {
            (Some(counterexample), _) => Verdict::Fail(Box::new(counterexample.clone())),
            (None, 0) => Verdict::Vacuous(format!("the run had no {subject}")),
            (None, checked) => Verdict::Pass { checked },
        }
    }
}
