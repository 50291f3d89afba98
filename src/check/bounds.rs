//! Nothing that a server holds in memory grows without end.
//!
//! A protocol names its queues and caches with their limits ([`Protocol::holdings`]), the server
//! adds its own. They are looked at after every step.
//!
//! [`Protocol::holdings`]: crate::protocol::Protocol::holdings

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Subjects, Verdict,
};
use crate::ids::VirtualTime;

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "bounds",
    asserts: "No queue and no cache of a server outgrows its limit.",
    harms: Harms::Servers,
    interests: Interests::HELD,
    make: |_| Box::new(Bounds::default()),
};

#[derive(Debug, Default)]
struct Bounds {
    findings: Findings,
}

impl Checker for Bounds {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        if let Observation::Held { node, holding } = observation {
            self.findings.count();
            if holding.count > holding.limit {
                let reason = format!(
                    "{node} holds {} {}, and there may be {}",
                    holding.count, holding.what, holding.limit
                );
                let subjects = Subjects::none().node(*node);
                self.findings.fail(at, reason, subjects);
            }
        }
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, _: &Ending<'_>) -> Verdict {
        self.findings.verdict("server that held anything")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, assert_fails, assert_passes, verdict};
    use super::*;

    #[test]
    fn what_is_held_stays_within_its_limit() {
        let mut story = Story::default();
        story.hold(1, 3, 4).hold(1, 4, 4).hold(2, 9, usize::MAX);
        assert_passes(&verdict(ENTRY, "zab", &story), 3);
    }

    #[test]
    fn one_more_than_the_limit_is_told_with_what_it_is() {
        let mut story = Story::default();
        story.hold(1, 4, 4).hold(2, 5, 4);
        assert_fails(
            &verdict(ENTRY, "zab", &story),
            "n2 holds 5 requests, and there may be 4",
        );
    }
}
