use super::*;
use crate::scenario::fault::{Fault, Shape};
use crate::world::CrashKind;
use menagerie::ids::Span;
use menagerie::quorum::{PhaseQuorums, Quorums};

fn ids(numbers: &[u8]) -> Vec<NodeId> {
    numbers.iter().copied().map(NodeId).collect()
}

fn set(numbers: &[u8]) -> NodeSet {
    numbers.iter().copied().map(NodeId).collect()
}

/// Five voters and an observer, all up; n3 leads.
fn scene() -> Scene {
    Scene {
        voters: ids(&[1, 2, 3, 4, 5]),
        observers: ids(&[6]),
        up: set(&[1, 2, 3, 4, 5, 6]),
        leader: Some(NodeId(3)),
        quorums: PhaseQuorums::same(Quorums::majorities(&ids(&[1, 2, 3, 4, 5]))),
    }
}

fn chosen(core: Core, seed: u64) -> Vec<NodeId> {
    let applied = |node: NodeId| match node.0 {
        2 => None,
        4 => Some(Zxid(90)),
        _ => Some(Zxid(80)),
    };
    choose(core, &scene(), applied, &Dice::new(seed))
}

#[test]
fn a_whole_core_is_everybody_observers_included() {
    assert_eq!(chosen(Core::All, 1), ids(&[1, 2, 3, 4, 5, 6]));
}

#[test]
fn a_drawn_core_is_a_smallest_majority_and_differs_between_seeds() {
    let cores: Vec<Vec<NodeId>> = (0..40).map(|seed| chosen(Core::Quorum, seed)).collect();
    for core in &cores {
        assert_eq!(core.len(), 3);
        assert!(
            scene()
                .quorums
                .elect
                .contain(core.iter().copied().collect())
        );
    }
    for voter in scene().voters {
        assert!(cores.iter().any(|core| core.contains(&voter)), "{voter}");
    }
    assert_eq!(chosen(Core::Quorum, 7), chosen(Core::Quorum, 7));
}

#[test]
fn the_worst_core_leaves_out_the_leader_and_whoever_is_furthest() {
    for seed in 0..20 {
        assert_eq!(chosen(Core::Worst, seed), ids(&[1, 2, 5]));
    }
}

#[test]
fn only_what_lies_inside_the_core_is_undone() {
    let core = set(&[1, 2]);
    let extra = Span::millis(1);
    let pair = |from, to| (NodeId(from), NodeId(to));
    for (inside, (from, to)) in [(true, pair(1, 2)), (false, pair(1, 3)), (false, pair(3, 2))] {
        assert_eq!(concerns_only(core, &Action::Mend { from, to }), inside);
        let unslow = Action::Unslow { from, to, extra };
        assert_eq!(concerns_only(core, &unslow), inside);
    }
    for (inside, node) in [(true, NodeId(2)), (false, NodeId(3))] {
        assert_eq!(concerns_only(core, &Action::Restart(node)), inside);
        assert_eq!(concerns_only(core, &Action::Resume(node)), inside);
        assert_eq!(concerns_only(core, &Action::MendClient(node)), inside);
        let unslow = Action::UnslowDisk { node, extra };
        assert_eq!(concerns_only(core, &unslow), inside);
    }
    assert!(concerns_only(core, &Action::Unloss { ppm: 1 }));
    assert!(concerns_only(core, &Action::Unduplicate { ppm: 1 }));
}

#[test]
fn of_a_fault_that_hits_everybody_the_core_alone_is_healed() {
    let mut draws = Dice::new(7).stream(Concern::Plan, 1);
    let core = set(&[1, 2, 5]);
    let node = crate::scenario::quantity::Target::All;
    let kind = CrashKind::Power;
    let crash = Fault::Crash { node, kind };
    let isolation = Fault::Partition {
        shape: Shape::IsolateLeader,
        node: None,
    };
    let mut healed = |fault: Fault| -> Vec<Action> {
        let actions = fault.resolve(&scene(), &mut draws);
        let undo = actions.iter().flat_map(Action::undo);
        undo.filter(|action| concerns_only(core, action)).collect()
    };
    let restarts: Vec<Action> = ids(&[1, 2, 5]).into_iter().map(Action::Restart).collect();
    assert_eq!(healed(crash), restarts);
    assert_eq!(healed(isolation), Vec::new());
}

#[test]
fn a_leader_outside_settles_with_the_members_that_it_reaches_both_ways() {
    let core = ids(&[1, 2, 5]);
    let one_way = |from: NodeId, to: NodeId| (from, to) == (NodeId(5), NodeId(3));
    assert_eq!(within_reach(&core, &scene(), one_way), ids(&[1, 2, 3]));
}

#[test]
fn nobody_is_excused_while_the_leader_is_in_the_core_or_has_no_quorum() {
    let cut = |from: NodeId, to: NodeId| from == NodeId(3) || to == NodeId(3);
    let core = ids(&[1, 3, 5]);
    assert_eq!(within_reach(&core, &scene(), cut), core);
    let core = ids(&[1, 2, 5]);
    assert_eq!(within_reach(&core, &scene(), cut), core);
}
