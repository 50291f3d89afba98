//! How a run must end once the faults are healed: the core converges, and in one state.

use super::findings::Findings;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Final, Harms, Interests, Observation, Subjects,
    Verdict,
};
use crate::ids::{NodeId, VirtualTime};

pub(super) const CONVERGENCE: CheckerEntry = CheckerEntry {
    name: "convergence",
    asserts: "Core servers that end at the same zxid end in the same state, and a core that \
              converged ends at one zxid.",
    harms: Harms::Servers,
    interests: Interests::NONE,
    make: |_| {
        Box::new(AtTheEnd::new(
            examine_convergence,
            "two core servers that were up after healing",
        ))
    },
};

pub(super) const LIVENESS: CheckerEntry = CheckerEntry {
    name: "liveness",
    asserts: "After healing the core converges within the bound and answers what is asked.",
    harms: Harms::Servers,
    interests: Interests::NONE,
    make: |_| Box::new(AtTheEnd::new(examine_liveness, "liveness phase")),
};

/// A checker that looks at the ending only.
#[derive(Debug)]
struct AtTheEnd {
    examine: fn(&mut Findings, &Ending<'_>, VirtualTime),
    subject: &'static str,
    findings: Findings,
}

impl AtTheEnd {
    fn new(
        examine: fn(&mut Findings, &Ending<'_>, VirtualTime),
        subject: &'static str,
    ) -> AtTheEnd {
        AtTheEnd {
            examine,
            subject,
            findings: Findings::default(),
        }
    }
}

/// Two servers at different zxids are compared only if the core is said to have converged: if it
/// has not, that is the liveness checker's to report, and not a second violation.
fn examine_convergence(findings: &mut Findings, ending: &Ending<'_>, _healed: VirtualTime) {
    let up = |server: &&Final| server.core && server.applied.is_some();
    let mut core = ending.nodes.iter().filter(up);
    let Some(first) = core.next() else {
        return;
    };
    for server in core {
        if server.applied == first.applied {
            findings.count();
            if server.digest != first.digest {
                let reason = format!(
                    "{} and {} both end at {:?}, with digests {:x?} and {:x?}",
                    first.node, server.node, server.applied, first.digest, server.digest
                );
                let subjects = Subjects::none().nodes([first.node, server.node]);
                findings.fail(ending.at, reason, subjects);
            }
        } else if ending.converged.is_some() {
            let reason = format!(
                "the core is said to have converged, but {} ends at {:?} and {} at {:?}",
                first.node, first.applied, server.node, server.applied
            );
            let subjects = Subjects::none().nodes([first.node, server.node]);
            findings.fail(ending.at, reason, subjects);
        }
    }
}

/// The members of the core that lag behind its furthest one, or are down.
fn lacking(ending: &Ending<'_>) -> Vec<NodeId> {
    let core = || ending.nodes.iter().filter(|server| server.core);
    let furthest = core().filter_map(|server| server.applied).max();
    let lags = core().filter(|server| server.applied != furthest || server.applied.is_none());
    lags.map(|server| server.node).collect()
}

fn examine_liveness(findings: &mut Findings, ending: &Ending<'_>, healed: VirtualTime) {
    findings.count();
    match (&ending.converged, &ending.obstacle) {
        (Some(_), None) => {}
        (_, Some(obstacle)) => {
            let subjects = Subjects::none().nodes(lacking(ending));
            findings.fail(
                ending.at,
                format!("healed at {healed}, but {obstacle}"),
                subjects,
            );
        }
        (None, None) => {
            let reason = format!("healed at {healed}, but the core did not converge");
            let subjects = Subjects::none().nodes(lacking(ending));
            findings.fail(ending.at, reason, subjects);
        }
    }
}

impl Checker for AtTheEnd {
    fn observe(&mut self, _: VirtualTime, _: &Observation<'_>) {}

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        if let Some(healed) = ending.healed {
            (self.examine)(&mut self.findings, ending, healed);
        }
        self.findings.verdict(self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_fails, assert_passes, setup, standing_at};
    use super::*;
    use crate::history::History;

    fn judge(entry: CheckerEntry, nodes: &[Final], obstacle: Option<&str>) -> Verdict {
        (entry.make)(&setup("zab")).finish(&Ending {
            at: VirtualTime(9),
            nodes,
            history: &History::default(),
            healed: Some(VirtualTime(3)),
            converged: obstacle.is_none().then_some(VirtualTime(4)),
            obstacle: obstacle.map(str::to_string),
            circumstances: &crate::check::Circumstances::default(),
        })
    }

    #[test]
    fn a_core_in_one_state_has_converged() {
        let nodes = [standing_at(1, 5, 70), standing_at(2, 5, 70)];
        assert_passes(&judge(CONVERGENCE, &nodes, None), 1);
    }

    #[test]
    fn a_core_in_two_states_has_not() {
        let nodes = [standing_at(1, 5, 70), standing_at(2, 5, 71)];
        assert_fails(&judge(CONVERGENCE, &nodes, None), "digests");
        assert_fails(&judge(CONVERGENCE, &nodes, Some("n2 is slow")), "digests");
        let apart = [standing_at(1, 5, 70), standing_at(2, 6, 71)];
        assert_fails(&judge(CONVERGENCE, &apart, None), "n2 at");
    }

    #[test]
    fn servers_outside_the_core_may_be_anywhere() {
        let mut outsider = standing_at(2, 1, 71);
        outsider.core = false;
        let nodes = [standing_at(1, 5, 70), outsider, standing_at(3, 5, 70)];
        assert_passes(&judge(CONVERGENCE, &nodes, None), 1);
    }

    #[test]
    fn an_obstacle_is_a_lack_of_liveness_and_is_quoted() {
        assert_passes(&judge(LIVENESS, &[], None), 1);
        assert_fails(
            &judge(LIVENESS, &[], Some("n2 has no leader")),
            "n2 has no leader",
        );
    }
}
