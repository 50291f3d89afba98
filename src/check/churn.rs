//! A healthy ensemble does not change its leader.
//!
//! A leader is *healthy* while it and a quorum of voters, itself included, are up and undisturbed,
//! and so are the links between it and each of them, both ways. Once it has been so for as long as
//! it takes to settle, no other server may be established in its place: neither without a cause nor
//! because a server comes back that was cut off. Where the weather alone can unseat a leader
//! ([`Circumstances::settles_in`]), nothing is checked.

use super::circumstances::{Circumstances, Turn};
use super::findings::Findings;
use super::quorums::Quorums;
use super::{
    Checker, CheckerEntry, Counterexample, Ending, Harms, Interests, Observation, Setup, Subjects,
    Verdict,
};
use crate::ids::{NodeId, Span, VirtualTime};
use crate::protocol::{Epochs, Fact};

pub(super) const ENTRY: CheckerEntry = CheckerEntry {
    name: "churn",
    asserts: "Nobody is established in the place of a leader that reaches a quorum undisturbed.",
    harms: Harms::Servers,
    interests: Interests::FACT,
    make: |setup| Box::new(Churn::new(setup)),
};

/// A leader was established.
#[derive(Clone, Copy, Debug)]
struct Reign {
    at: VirtualTime,
    epoch: u64,
    leader: NodeId,
}

#[derive(Debug)]
struct Churn {
    quorums: Quorums,
    epochs: Epochs,
    /// Each of a later epoch than the one before.
    reigns: Vec<Reign>,
    findings: Findings,
}

impl Churn {
    fn new(setup: &Setup) -> Churn {
        Churn {
            quorums: Quorums::commit(setup),
            epochs: setup.epochs,
            reigns: Vec::new(),
            findings: Findings::default(),
        }
    }

    fn examine(&mut self, run: &Circumstances, settles_in: Span) {
        for pair in self.reigns.windows(2) {
            let [old, new] = [pair[0], pair[1]];
            let since = VirtualTime(new.at.0.saturating_sub(settles_in.0));
            if old.at > since {
                continue; // It had not settled yet.
            }
            let healthy = healthy(run, self.quorums.voters(), old.leader, since, new.at);
            if !self.quorums.contain(healthy.iter().copied().collect()) {
                continue;
            }
            let reason = format!(
                "{} was established as the leader of {}, though {}, leader of {} since {}, had \
                 reached {healthy:?} undisturbed since {since} and longer",
                new.leader,
                self.epochs.name(new.epoch),
                old.leader,
                self.epochs.name(old.epoch),
                old.at
            );
            let subjects = Subjects::none()
                .nodes([new.leader, old.leader])
                .epoch(new.epoch)
                .epoch(old.epoch);
            self.findings.fail(new.at, reason, subjects);
        }
    }
}

/// The voters that a leader reached undisturbed from one moment to another, itself included.
fn healthy(
    run: &Circumstances,
    voters: &[NodeId],
    leader: NodeId,
    since: VirtualTime,
    until: VirtualTime,
) -> Vec<NodeId> {
    let whole = |between: [NodeId; 2]| {
        let mut in_force = 0i64;
        for one in run.disturbances.iter().filter(|one| one.at <= until) {
            if one.between != between {
                continue;
            }
            match one.turn {
                Turn::Begins => in_force += 1,
                Turn::Ends => in_force -= 1,
                Turn::Once => {}
            }
            if one.at >= since {
                return false;
            }
        }
        in_force == 0
    };
    if !whole([leader, leader]) {
        return Vec::new();
    }
    let reached = |voter: &&NodeId| {
        whole([**voter, **voter]) && whole([leader, **voter]) && whole([**voter, leader])
    };
    voters.iter().filter(reached).copied().collect()
}

impl Checker for Churn {
    fn observe(&mut self, at: VirtualTime, observation: &Observation<'_>) {
        match observation {
            Observation::Fact {
                node,
                fact: Fact::Established { epoch, .. },
            } => {
                self.findings.count();
                if self.reigns.last().is_none_or(|last| last.epoch < *epoch) {
                    self.reigns.push(Reign {
                        at,
                        epoch: *epoch,
                        leader: *node,
                    });
                }
            }
            Observation::Fact { .. }
            | Observation::Booted { .. }
            | Observation::Crashed { .. }
            | Observation::Restored { .. }
            | Observation::Applied { .. }
            | Observation::Delivered { .. }
            | Observation::Standing { .. }
            | Observation::Durable { .. }
            | Observation::Held { .. }
            | Observation::Session { .. } => {}
        }
    }

    fn lives_on(&self) -> &'static [&'static str] {
        &["Established"]
    }

    fn violation(&self) -> Option<&Counterexample> {
        self.findings.violation()
    }

    fn finish(&mut self, ending: &Ending<'_>) -> Verdict {
        if let Some(settles_in) = ending.circumstances.settles_in {
            self.examine(ending.circumstances, settles_in);
        }
        self.findings.verdict("established leader")
    }
}

#[cfg(test)]
mod tests {
    use super::super::circumstances::Disturbance;
    use super::super::testing::{Story, assert_fails, assert_passes, setup};
    use super::*;
    use crate::history::History;
    use crate::ids::Zxid;

    /// n1 leads from 1 on, n2 from 50 on.
    fn judge(settles_in: Option<Span>, disturbances: Vec<Disturbance>) -> Verdict {
        let mut story = Story::default();
        let through = Zxid::ZERO;
        story.fact(1, Fact::Established { epoch: 1, through });
        for _ in 2..50 {
            story.promise(3, 1);
        }
        story.fact(2, Fact::Established { epoch: 2, through });
        let mut checker = (ENTRY.make)(&setup("zab"));
        story.tell(|at, observation| checker.observe(at, observation));
        checker.finish(&Ending {
            at: VirtualTime(99),
            nodes: &[],
            history: &History::default(),
            healed: None,
            converged: None,
            obstacle: None,
            circumstances: &Circumstances {
                settles_in,
                disturbances,
                barriers: Vec::new(),
            },
        })
    }

    fn fault(at: u64, from: u8, to: u8, turn: Turn) -> Disturbance {
        Disturbance {
            at: VirtualTime(at),
            between: [NodeId(from), NodeId(to)],
            turn,
        }
    }

    #[test]
    fn a_change_for_no_cause_fails() {
        assert_fails(
            &judge(Some(Span(20)), vec![]),
            "though n1, leader of epoch 1",
        );
        assert_passes(&judge(None, vec![]), 2);
        // It had not settled.
        assert_passes(&judge(Some(Span(60)), vec![]), 2);
    }

    #[test]
    fn a_leader_that_dies_or_is_cut_off_from_its_quorum_may_be_replaced() {
        let dies = vec![fault(40, 1, 1, Turn::Once)];
        assert_passes(&judge(Some(Span(20)), dies), 2);
        let cut = vec![fault(10, 1, 2, Turn::Begins), fault(12, 3, 1, Turn::Begins)];
        assert_passes(&judge(Some(Span(20)), cut), 2);
    }

    #[test]
    fn a_server_that_comes_back_does_not_depose_a_healthy_leader() {
        let apart = vec![
            fault(5, 1, 2, Turn::Begins),
            fault(5, 2, 1, Turn::Begins),
            fault(45, 1, 2, Turn::Ends),
            fault(45, 2, 1, Turn::Ends),
        ];
        assert_fails(&judge(Some(Span(20)), apart), "had reached [n1, n3]");
    }

    #[test]
    fn an_old_fault_that_has_ended_excuses_nothing() {
        let over = vec![fault(5, 1, 1, Turn::Begins), fault(9, 1, 1, Turn::Ends)];
        assert_fails(&judge(Some(Span(20)), over), "undisturbed");
    }
}
