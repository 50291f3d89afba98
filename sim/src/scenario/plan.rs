//! From a scenario and a seed to the list of faults of one run.
//!
//! The plan is drawn before the run and does not depend on it: Zab and Paxos under one seed meet
//! the same plan. Only whom a role stands for ("the leader") is looked up when a fault fires.

use menagerie::ids::Span;

use crate::chance::dice::{Concern, Dice, Stream};
use crate::scenario::adversity::ChaosSection;
use crate::scenario::fault::{Family, Fault, Planned, Shape};
use crate::scenario::quantity::Target;
use crate::scenario::schema::Document;
use crate::world::CrashKind;

/// Chaos stops planning here: a bound against a gap that is far too short for its duration.
const CHAOS_FAULTS_MAX: usize = 500;
/// So often chaos draws a family at most: one whose budget is spent gives no fault.
const CHAOS_DRAWS_MAX: u32 = 10_000;
/// The stream of the plan's own draws; a fault's draws are streams from [`FIRED`] on.
const DRAWN: u64 = 0;
const FIRED: u64 = 1;

/// So many voters survive the loss of none.
const FRAGILE: u8 = 2;
/// How much later the faults begin there: they may leave no time to serve between them, and a run
/// in which nobody was ever served proves nothing.
const FRAGILE_CALM: Span = Span::secs(1);

/// The faults of one run, by the time at which they fire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The faults.
    pub faults: Vec<Planned>,
}

impl Plan {
    /// Draws the plan of a run with so many voters.
    pub fn draw(document: &Document, voters: u8, dice: &Dice) -> Plan {
        let end = document.duration.get_ref().0;
        let spelled = document.fault.iter();
        let mut faults: Vec<Planned> = spelled
            .flat_map(|entry| entry.planned(voters, end))
            .collect();
        if let Some(chaos) = &document.chaos {
            let mut draws = dice.stream(Concern::Plan, DRAWN);
            Chaos::new(chaos, end, voters).draw(&mut draws, &mut faults);
        }
        faults.sort_by_key(|planned| planned.at);
        Plan { faults }
    }

    /// The draws that belong to the fault at this place of the plan.
    pub fn draws(dice: &Dice, index: usize) -> Stream {
        dice.stream(Concern::Plan, FIRED + index as u64)
    }
}

/// Draws random faults.
struct Chaos<'a> {
    section: &'a ChaosSection,
    end: Span,
    voters: u8,
    crashes_left: u32,
}

impl<'a> Chaos<'a> {
    fn new(section: &'a ChaosSection, end: Span, voters: u8) -> Chaos<'a> {
        Chaos {
            section,
            end,
            voters,
            crashes_left: section.budget.crashes_max.unwrap_or(u32::MAX),
        }
    }

    fn draw(mut self, draws: &mut Stream, out: &mut Vec<Planned>) {
        let on = self.families_on(draws);
        // Every family that is on comes once before any comes twice.
        let mut first: Vec<Family> = on.iter().map(|(family, _)| *family).collect();
        draws.shuffle(&mut first);
        let gap = self.section.gap.get_ref().0.0;
        let mut at = self.section.from.get_ref().0.0 + draws.below(gap);
        if self.voters <= FRAGILE {
            at += FRAGILE_CALM.0;
        }
        let mut draws_left = CHAOS_DRAWS_MAX;
        while at < self.end.0 && out.len() < CHAOS_FAULTS_MAX && draws_left > 0 {
            draws_left -= 1;
            let family = match first.pop() {
                Some(family) => family,
                None => weighted(&on, draws),
            };
            self.one(Span(at), family, draws, out);
            self.chase(Span(at), family, &on, draws, out);
            at += gap / 4 + draws.below(gap / 2 * 3);
        }
    }

    /// Which families are on in this run: at least two, if two have a weight.
    fn families_on(&self, draws: &mut Stream) -> Vec<(Family, u32)> {
        let mut available = self.section.weights.get_ref().by_family();
        available.retain(|(_, weight)| *weight > 0);
        draws.shuffle(&mut available);
        let least = available.len().min(2);
        let mut on = Vec::new();
        for (index, family) in available.into_iter().enumerate() {
            if draws.chance_ppm(self.section.family_on.ppm) || index < least {
                on.push(family);
            }
        }
        on
    }

    fn one(&mut self, at: Span, family: Family, draws: &mut Stream, out: &mut Vec<Planned>) {
        let hold = log_uniform(
            self.section.hold_min.get_ref().0.0,
            self.section.hold_max.get_ref().0.0,
            draws,
        );
        let fault = match family {
            Family::Crash | Family::PowerLoss => {
                if self.crashes_left == 0 {
                    return;
                }
                self.crashes_left -= 1;
                Fault::Crash {
                    node: weighted(&CRASH_TARGETS, draws),
                    kind: if family == Family::Crash {
                        CrashKind::Process
                    } else {
                        CrashKind::Power
                    },
                }
            }
            Family::Partition => {
                let (shape, node) = weighted(&PARTITIONS, draws);
                Fault::Partition { shape, node }
            }
            Family::Pause => Fault::Pause {
                node: weighted(&PAUSE_TARGETS, draws),
            },
            Family::SlowLink => Fault::SlowLink {
                node: weighted(&PAUSE_TARGETS, draws),
                by: Span(log_uniform(1_000_000, 60_000_000, draws)),
            },
            Family::SlowDisk => Fault::SlowDisk {
                node: weighted(&PAUSE_TARGETS, draws),
                by: Span(log_uniform(1_000_000, 60_000_000, draws)),
            },
            Family::ClientCut => Fault::ClientCut {
                node: weighted(&PAUSE_TARGETS, draws),
            },
            Family::Loss => Fault::Loss {
                ppm: ppm(log_uniform(5_000, 300_000, draws)),
            },
            Family::Duplicate => Fault::Duplicate {
                ppm: ppm(log_uniform(5_000, 300_000, draws)),
            },
            Family::Reset => Fault::Reset {
                node: weighted(&PAUSE_TARGETS, draws),
            },
            Family::FailedSync => {
                // By its number, because what follows hits the same server.
                let node = Target::Node(1 + draws.below(u64::from(self.voters)) as u8);
                let mended = Span(at.0 + hold);
                self.outage(mended, node, draws, out);
                let count = 1 + draws.below(2) as u32;
                Fault::FailSync { node, count }
            }
            Family::RollingRestart | Family::Flap => {
                unreachable!("{family:?} is no family of chaos")
            }
        };
        out.push(Planned {
            at,
            hold: Some(Span(hold)),
            family,
            fault,
        });
    }

    /// A server that was started again after a failed sync read what the device may not have: often
    /// its power fails soon.
    fn outage(&mut self, after: Span, node: Target, draws: &mut Stream, out: &mut Vec<Planned>) {
        // The draws are made in any case, so that they do not shift those that follow.
        let follows = draws.chance_ppm(700_000);
        let at = Span(after.0 + log_uniform(1_000_000, 300_000_000, draws));
        let hold = log_uniform(
            self.section.hold_min.get_ref().0.0,
            self.section.hold_max.get_ref().0.0,
            draws,
        );
        if follows && at < self.end && self.crashes_left > 0 {
            self.crashes_left -= 1;
            out.push(Planned {
                at,
                hold: Some(Span(hold)),
                family: Family::PowerLoss,
                fault: Fault::Crash {
                    node,
                    kind: CrashKind::Power,
                },
            });
        }
    }

    /// The recovery from one fault is where the next one hurts: often a second one follows at once.
    fn chase(
        &mut self,
        after: Span,
        family: Family,
        on: &[(Family, u32)],
        draws: &mut Stream,
        out: &mut Vec<Planned>,
    ) {
        // The draws are made in any case, so that they do not shift those that follow.
        let follows = draws.chance_ppm(350_000);
        let delay = log_uniform(3_000_000, 300_000_000, draws);
        let hitting: Vec<(Family, u32)> = on
            .iter()
            .copied()
            .filter(|(family, _)| {
                matches!(
                    family,
                    Family::Crash | Family::PowerLoss | Family::Partition
                )
            })
            .collect();
        let at = Span(after.0 + delay);
        if family.elects() && follows && !hitting.is_empty() && at < self.end {
            let second = weighted(&hitting, draws);
            self.one(at, second, draws, out);
        }
    }
}

const CRASH_TARGETS: [(Target, u32); 6] = [
    (Target::Leader, 40),
    (Target::Follower, 20),
    (Target::Random, 14),
    (Target::Minority, 10),
    (Target::Majority, 8),
    (Target::All, 8),
];

const PAUSE_TARGETS: [(Target, u32); 3] = [
    (Target::Leader, 50),
    (Target::Follower, 30),
    (Target::Random, 20),
];

const PARTITIONS: [((Shape, Option<Target>), u32); 8] = [
    ((Shape::IsolateLeader, None), 25),
    ((Shape::Split, Some(Target::Leader)), 20),
    ((Shape::Split, None), 12),
    ((Shape::IsolateFollower, None), 9),
    ((Shape::OneWay, Some(Target::Leader)), 8),
    ((Shape::OneWayIn, Some(Target::Leader)), 8),
    ((Shape::OneWay, Some(Target::Random)), 4),
    ((Shape::Bridge, None), 14),
];

/// One of the choices, each as likely as it is heavy.
fn weighted<T: Copy>(choices: &[(T, u32)], draws: &mut Stream) -> T {
    let weights: Vec<u64> = choices
        .iter()
        .map(|(_, weight)| u64::from(*weight))
        .collect();
    let place = draws
        .weighted(&weights)
        .expect("some choice has a weight, as the scenario's checks made sure");
    choices[place].0
}

/// A number whose order of magnitude is drawn first: small and large ones are as likely.
fn log_uniform(min: u64, max: u64, draws: &mut Stream) -> u64 {
    assert!(min > 0, "a magnitude starts above 0");
    let octaves = u64::from((max / min).max(1).ilog2());
    let low = min << draws.below(octaves + 1);
    let high = (low * 2).min(max);
    low + draws.below(high - low + 1)
}

fn ppm(value: u64) -> u32 {
    u32::try_from(value).expect("a ratio is at most a million parts")
}

#[cfg(test)]
mod tests;
