//! Small histories, judged as by trying every order of all operations.

use super::constraint::{Kind, NONE};
use super::constraints::Constraints;
use super::tests::{LINEARIZABLE, Stage, children, create, delete, get, set};
use super::*;
use crate::history::Outcome;
use crate::ids::Zxid;
use crate::tree::{Answer, CreateMode};
use crate::znode::model::agrees;
use proptest::prelude::{ProptestConfig, TestCaseError, any, prop_assert_eq, proptest};

/// Numbers for small histories.
pub(super) struct Draws(pub u64);

impl Draws {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn any_request(draws: &mut Draws) -> Request {
    let at = ["/a", "/b", "/a/c"][usize::try_from(draws.below(3)).expect("small")];
    match draws.below(12) {
        0 | 1 => create(at, CreateMode::Persistent),
        2 => create(at, CreateMode::Ephemeral),
        3 => create("/a/s-", CreateMode::PersistentSequential),
        4 => delete(at),
        5 => set(at, "y", if draws.below(2) == 0 { -1 } else { 0 }),
        6 => get(at),
        7 => children("/a"),
        8 => create("/a/s-", CreateMode::EphemeralSequential),
        9 => Request::Write(Write::CloseSession),
        10 => create("/b", CreateMode::Ephemeral),
        _last => children("/"),
    }
}

/// An open operation of a client, and what it was answered already.
type Slot = Option<(usize, Option<(u64, Answer)>)>;

/// A small history: legal, or with something wrong.
fn small_history(seed: u64) -> Stage {
    let mut draws = Draws(seed);
    let mut stage = Stage::new();
    let mut slots: Vec<Slot> = vec![None; 3];
    let mut sessions = [1, 2, 3];
    for _ in 0..24 {
        let slot = usize::try_from(draws.below(3)).expect("small");
        match slots[slot].take() {
            None if stage.operations.len() < 7 => {
                let request = any_request(&mut draws);
                slots[slot] = Some((stage.invoke(sessions[slot], request), None));
            }
            None => {}
            Some((index, None)) => {
                if draws.below(5) == 0 {
                    stage.operations[index].outcome = Some(Outcome::Unknown);
                    sessions[slot] += 3;
                    if draws.below(2) == 0 {
                        let _unseen = stage.happen(index);
                    }
                } else {
                    let told = stage.happen(index);
                    slots[slot] = Some((index, Some(told)));
                }
            }
            Some((index, Some(told))) => stage.complete(index, told),
        }
    }
    let count = stage.operations.len() as u64;
    let mut pick = || usize::try_from(draws.below(count)).expect("small");
    let (one, other) = (pick(), pick());
    match draws.below(5) {
        0 => {
            let outcome = stage.operations[one].outcome.clone();
            let second = stage.operations[other].outcome.clone();
            let is_due = |op: &Operation| op.completed.is_some();
            if is_due(&stage.operations[one]) && is_due(&stage.operations[other]) {
                stage.operations[one].outcome = second;
                stage.operations[other].outcome = outcome;
            }
        }
        1 => {
            stage.operations.remove(one);
        }
        2 => {
            for op in &mut stage.operations {
                if let Some(Outcome::Answered { zxid, .. }) = &mut op.outcome {
                    *zxid = Zxid::ZERO;
                }
            }
        }
        _as_it_is => {}
    }
    stage
}

/// Whether any order of all operations, at any zxids, explains everything.
fn some_order_exists(operations: &[Operation], mode: Mode) -> bool {
    let survey = survey(operations);
    let options = Options {
        trusts_reads: mode == Mode::ZooKeeper,
        ..Options::new(mode, InitialTree::Bare)
    };
    let constraints = Constraints::of(operations, &survey, &options);
    if constraints.regress.is_some() {
        return false;
    }
    let zxid = |constraint: &constraint::Constraint<'_>| match constraint.kind {
        Kind::Effect(zxid) => zxid,
        Kind::Observation | Kind::Somewhere | Kind::Perhaps => 0,
    };
    let taken: Vec<u64> = constraints.all.iter().map(zxid).collect();
    let most = stats_most(operations).max(taken.iter().copied().max().unwrap_or(0));
    let mut tree = Model::bare();
    for session in &constraints.sessions {
        tree::open(&mut tree, *session);
    }
    let left: Vec<usize> = (0..constraints.all.len()).collect();
    extend(&constraints, &taken, most + 4, &tree, 0, &left)
}

fn stats_most(operations: &[Operation]) -> u64 {
    let newest = |op: &Operation| op.answer().map_or(0, answers::since);
    operations.iter().map(newest).max().unwrap_or(0)
}

fn extend(
    constraints: &Constraints<'_>,
    taken: &[u64],
    most: u64,
    tree: &Model,
    last: u64,
    left: &[usize],
) -> bool {
    let due = |index: &&usize| constraints.all[**index].is_due();
    let clock = left
        .iter()
        .filter(due)
        .map(|index| constraints.all[*index].completed);
    let Some(clock) = clock.min() else {
        return true;
    };
    for (turn, index) in left.iter().enumerate() {
        let constraint = &constraints.all[*index];
        let waits_for_the_clock = constraint.kind != Kind::Observation || constraint.by_clock;
        if waits_for_the_clock && constraint.op.invoked.0 > clock {
            continue;
        }
        if constraint.before != NONE && left.contains(&(constraint.before as usize)) {
            continue;
        }
        let mut rest = left.to_vec();
        rest.remove(turn);
        let places: Vec<u64> = match constraint.kind {
            Kind::Effect(zxid) => vec![zxid],
            // Somewhere after the last effect, and before the next.
            Kind::Observation => vec![last.max(constraint.lo)],
            Kind::Somewhere | Kind::Perhaps => (last + 1..=most)
                .filter(|zxid| !taken.contains(zxid) && *zxid <= constraint.hi)
                .collect(),
        };
        for zxid in places {
            let mut next = tree.clone();
            let answer = match &constraint.op.request {
                Request::Read(read) => tree::read(&next, constraint.op, read),
                Request::Write(write) => tree::write(&mut next, zxid, constraint.op, write),
                Request::Watch(_) | Request::Sync | Request::Auth { .. } => continue,
            };
            let fits = match (constraint.kind, constraint.op.answer()) {
                (Kind::Perhaps, _) => answer.is_ok() && zxid > last.max(constraint.lo),
                (Kind::Observation, Some(told)) => {
                    agrees(told, &answer) && next == *tree && zxid <= constraint.hi
                }
                (Kind::Effect(_) | Kind::Somewhere, Some(told)) => {
                    agrees(told, &answer) && zxid > last.max(constraint.lo)
                }
                (Kind::Effect(_) | Kind::Somewhere | Kind::Observation, None) => false,
            };
            if fits && extend(constraints, taken, most, &next, zxid.max(last), &rest) {
                return true;
            }
        }
    }
    false
}

/// Judges as trying every order does.
fn compare(seed: u64, mode: Mode) -> Result<(), TestCaseError> {
    let stage = small_history(seed);
    let expected = some_order_exists(&stage.operations, mode);
    match stage.judge(mode) {
        Ruling::Holds => prop_assert_eq!(expected, true),
        Ruling::Violated(violation) => {
            prop_assert_eq!(expected, false, "{:?}", violation);
        }
        Ruling::Vacuous => {}
        Ruling::Unknown(why) => return Err(TestCaseError::fail(why)),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_verdict_is_that_of_trying_every_order(seed in any::<u64>()) {
        compare(seed, LINEARIZABLE)?;
    }

    #[test]
    fn the_verdict_on_what_zookeeper_promises_is_that_of_trying_every_order(seed in any::<u64>()) {
        compare(seed, Mode::ZooKeeper)?;
    }
}
