use std::collections::BTreeSet;

use super::*;
use crate::scenario::fault::tests::scene;
use crate::scenario::{Scenario, script};
use crate::world::Action;

const CHAOS: &str = include_str!("../../../../scenarios/chaos.toml");

fn document(text: &str) -> Document {
    Scenario::parse("test.toml", text)
        .expect("the test's scenario is sound")
        .document
}

fn scripted_plan(faults: &str) -> Plan {
    let head = "schema = 1\nstory = \"Something happens. It is survived.\"\nduration = \"3s\"\n";
    Plan::draw(&document(&format!("{head}{faults}")), 3, &Dice::new(1))
}

fn chaos_plan(seed: u64) -> Plan {
    Plan::draw(&document(CHAOS), 5, &Dice::new(seed))
}

#[test]
fn the_same_seed_draws_the_same_plan_and_another_seed_another() {
    assert_eq!(chaos_plan(7), chaos_plan(7));
    assert_ne!(chaos_plan(7), chaos_plan(8));
}

#[test]
fn a_plan_is_ordered_by_time_and_ends_before_the_safety_phase_does() {
    for seed in 0..200 {
        let plan = chaos_plan(seed);
        assert!(plan.faults.is_sorted_by_key(|planned| planned.at));
        assert!(plan.faults.iter().all(|planned| planned.at < Span::secs(4)));
    }
}

#[test]
fn chaos_plans_two_kinds_of_fault_under_every_seed() {
    for seed in 0..500 {
        let mut families: Vec<Family> = chaos_plan(seed)
            .faults
            .iter()
            .map(|planned| planned.family)
            .collect();
        families.sort_unstable();
        families.dedup();
        assert!(families.len() >= 2, "seed {seed} plans {families:?} only");
    }
}

#[test]
fn chaos_turns_families_off_in_some_runs() {
    let without_partition = (0..200).filter(|seed| {
        let plan = chaos_plan(*seed);
        plan.faults
            .iter()
            .all(|planned| planned.family != Family::Partition)
    });
    let count = without_partition.count();
    assert!(
        (10..120).contains(&count),
        "{count} of 200 runs without partitions"
    );
}

#[test]
fn chaos_aims_at_leaders() {
    let (mut at_leaders, mut crashes) = (0u32, 0u32);
    for seed in 0..200 {
        for planned in chaos_plan(seed).faults {
            if let Fault::Crash { node, .. } = planned.fault {
                crashes += 1;
                at_leaders += u32::from(node == Target::Leader);
            }
        }
    }
    assert!(
        at_leaders * 10 > crashes * 3,
        "{at_leaders} of {crashes} crashes hit the leader"
    );
}

#[test]
fn the_budget_bounds_the_number_of_crashes() {
    let text = CHAOS.replace(
        "durable_damage_max = 0",
        "durable_damage_max = 0\ncrashes_max = 3",
    );
    let document = document(&text);
    for seed in 0..100 {
        let plan = Plan::draw(&document, 5, &Dice::new(seed));
        let crashes = plan
            .faults
            .iter()
            .filter(|planned| matches!(planned.fault, Fault::Crash { .. }));
        assert!(crashes.count() <= 3, "seed {seed}");
    }
}

#[test]
fn a_rolling_restart_takes_every_voter_in_its_turn() {
    let plan = scripted_plan(
        "[[fault]]\nrolling_restart = { at = \"1s\", every = \"300ms\", down = \"100ms\" }\n",
    );
    let expected: Vec<(Span, Fault)> = (1..=3u8)
        .map(|number| {
            let fault = Fault::Crash {
                node: Target::Node(number),
                kind: CrashKind::Process,
            };
            (Span::millis(700 + 300 * u64::from(number)), fault)
        })
        .collect();
    let drawn: Vec<(Span, Fault)> = plan
        .faults
        .iter()
        .map(|planned| (planned.at, planned.fault.clone()))
        .collect();
    assert_eq!(drawn, expected);
    assert!(
        plan.faults
            .iter()
            .all(|planned| planned.hold == Some(Span::millis(100)))
    );
}

#[test]
fn a_flap_cuts_both_directions_once_a_period() {
    let plan = scripted_plan(
        "[[fault]]\nflap = { at = \"1s\", for = \"300ms\", period = \"100ms\", node = 2 }\n",
    );
    assert_eq!(plan.faults.len(), 6);
    assert!(
        plan.faults
            .iter()
            .all(|planned| planned.hold == Some(Span::millis(50)))
    );
}

#[test]
fn magnitudes_stay_inside_their_range_and_reach_every_octave() {
    let mut draws = Dice::new(3).stream(Concern::Plan, 9);
    let drawn: Vec<u64> = (0..2_000)
        .map(|_| log_uniform(3, 100, &mut draws))
        .collect();
    assert!(drawn.iter().all(|number| (3..=100).contains(number)));
    for octave in [3..6, 6..12, 12..24, 24..48, 48..96, 96..101] {
        assert!(
            drawn.iter().any(|number| octave.contains(number)),
            "{octave:?}"
        );
    }
}

#[test]
fn chaos_draws_every_family_and_a_file_can_spell_out_what_it_draws() {
    let mut drawn = BTreeSet::new();
    let mut draws = Dice::new(1).stream(Concern::Plan, FIRED);
    for planned in (0..200).flat_map(|seed| chaos_plan(seed).faults) {
        drawn.insert(planned.family);
        let actions = planned.fault.resolve(&scene(), &mut draws);
        let spelled = script::lines(&actions);
        let read: Result<Vec<Vec<Action>>, String> = spelled
            .iter()
            .map(|line| script::parse_action(line))
            .collect();
        let read = read.expect("what is written can be read").concat();
        assert_eq!(script::lines(&read), spelled);
        assert_eq!(read.len(), actions.len(), "{spelled:?}");
    }
    let weights = document(CHAOS).chaos.expect("it has one").weights;
    let all: BTreeSet<Family> = (weights.get_ref().by_family().into_iter())
        .map(|(family, _)| family)
        .collect();
    assert_eq!(drawn, all);
    assert!(all.iter().all(|family| Family::ALL.contains(family)));
}
