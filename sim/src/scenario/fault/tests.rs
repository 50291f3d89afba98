use menagerie::ids::NodeId;
use menagerie::quorum::{PhaseQuorums, Quorums};

use super::*;
use crate::chance::dice::{Concern, Dice};

/// Five voters, of which the third leads, and an observer.
pub(in crate::scenario) fn scene() -> Scene {
    let voters: Vec<NodeId> = (1..=5).map(NodeId).collect();
    Scene {
        up: voters.iter().copied().collect(),
        quorums: PhaseQuorums::same(Quorums::majorities(&voters)),
        voters,
        observers: vec![NodeId(6)],
        leader: Some(NodeId(3)),
    }
}

fn steps(fault: &Fault, scene: &Scene) -> Vec<Action> {
    fault.resolve(scene, &mut Dice::new(7).stream(Concern::Plan, 1))
}

fn partition(shape: Shape, node: Option<Target>) -> Vec<(NodeId, NodeId)> {
    steps(&Fault::Partition { shape, node }, &scene())
        .into_iter()
        .filter_map(|action| match action {
            Action::Cut { from, to } => Some((from, to)),
            _ => None,
        })
        .collect()
}

#[test]
fn isolating_the_leader_cuts_it_from_everybody_in_both_directions() {
    let cuts = partition(Shape::IsolateLeader, None);
    assert_eq!(cuts.len(), 10);
    assert!(
        cuts.iter()
            .all(|(from, to)| *from == NodeId(3) || *to == NodeId(3))
    );
}

#[test]
fn a_one_way_partition_leaves_the_other_direction_open() {
    let out = partition(Shape::OneWay, None);
    assert!(out.iter().all(|(from, _)| *from == NodeId(3)));
    assert_eq!(out.len(), 5);
    let into = partition(Shape::OneWayIn, None);
    assert!(into.iter().all(|(_, to)| *to == NodeId(3)));
    assert_eq!(into.len(), 5);
}

#[test]
fn the_small_side_of_a_split_holds_the_named_server_and_no_majority() {
    let cuts = partition(Shape::Split, Some(Target::Leader));
    let leader_is_cut_from = cuts.iter().filter(|(from, _)| *from == NodeId(3)).count();
    let voters_cut = cuts
        .iter()
        .filter(|(from, to)| *from == NodeId(3) && to.0 <= 5)
        .count();
    assert!(leader_is_cut_from >= 3);
    assert_eq!(voters_cut, 3, "two voters of five on the small side");
}

#[test]
fn a_bridge_still_sees_both_halves() {
    let cuts = partition(Shape::Bridge, Some(Target::Node(2)));
    assert!(
        cuts.iter()
            .all(|(from, to)| *from != NodeId(2) && *to != NodeId(2))
    );
    assert!(!cuts.is_empty());
}

#[test]
fn every_cut_is_undone_by_its_own_mend() {
    let split = Fault::Partition {
        shape: Shape::Split,
        node: None,
    };
    for action in steps(&split, &scene()) {
        let Action::Cut { from, to } = action else {
            panic!("a split is made of cuts, not {action:?}");
        };
        assert_eq!(action.undo(), vec![Action::Mend { from, to }]);
    }
}

#[test]
fn a_server_that_is_down_is_neither_stopped_nor_restarted_by_another_fault() {
    let mut scene = scene();
    scene.up.remove(NodeId(3));
    scene.leader = None;
    let fault = Fault::Crash {
        node: Target::All,
        kind: CrashKind::Power,
    };
    let steps = steps(&fault, &scene);
    assert_eq!(steps.len(), 1);
    let undo = steps[0].undo();
    assert!(!undo.contains(&Action::Restart(NodeId(3))));
    assert_eq!(undo.len(), 4);
}

#[test]
fn without_a_leader_a_drawn_voter_stands_in_for_it() {
    let mut scene = scene();
    scene.leader = None;
    let fault = Fault::Crash {
        node: Target::Leader,
        kind: CrashKind::Process,
    };
    assert_eq!(steps(&fault, &scene).len(), 1);
    assert_eq!(steps(&fault, &scene), steps(&fault, &scene));
}
