//! The search against brute force over every order of every choice of unknown operations.

use proptest::prelude::*;

use super::super::model;
use super::search::{Found, Model, Op, search};
use crate::ids::{SessionId, Span, Zxid};
use crate::tree::{Answer, CreateMode, Data, Path, Read, Request, Write};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Read,
    Write(u8),
    Swap { from: u8, to: u8 },
}

/// A register of a small number. A swap answers whether it took place.
struct Register;

impl Model for Register {
    type State = u8;
    type Input = Ask;
    type Output = u8;

    fn initial(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, input: &Ask, output: Option<&u8>) -> Option<u8> {
        let (after, answer) = match *input {
            Ask::Read => (*state, *state),
            Ask::Write(value) => (value, 0),
            Ask::Swap { from, to } if *state == from => (to, 1),
            Ask::Swap { .. } => (*state, 0),
        };
        output.is_none_or(|told| *told == answer).then_some(after)
    }

    fn only_observes(&self, input: &Ask, output: &u8) -> bool {
        match input {
            Ask::Read => true,
            Ask::Write(_) => false,
            Ask::Swap { .. } => *output == 0,
        }
    }
}

/// The tree as the checkers know it.
struct Tree;

const SESSION: SessionId = SessionId(1);
const READER: model::Reader<'static> = model::Reader {
    session: SESSION,
    ids: &[],
};

impl Model for Tree {
    type State = model::Model;
    type Input = Request;
    type Output = Answer;

    fn initial(&self) -> model::Model {
        let mut tree = model::Model::new();
        let timeout = Span::secs(1);
        let opened = tree.write(Zxid(1), SESSION, &[], &Write::CreateSession { timeout });
        assert!(opened.is_ok());
        tree
    }

    fn step(
        &self,
        state: &model::Model,
        input: &Request,
        output: Option<&Answer>,
    ) -> Option<model::Model> {
        let mut after = state.clone();
        let answer = match input {
            Request::Write(write) => after.write(Zxid(1), SESSION, &[], write),
            Request::Read(read) => after.read(READER, read),
            Request::Watch(_) | Request::Auth { .. } => {
                unreachable!("no workload asks for these alone")
            }
            Request::Sync => return Some(after),
        };
        output.is_none_or(|told| *told == answer).then_some(after)
    }

    fn only_observes(&self, input: &Request, output: &Answer) -> bool {
        !matches!(input, Request::Write(_)) || output.is_err()
    }
}

/// Tries every order that respects real time, with every choice of unknown operations.
fn brute_force<M: Model>(
    model: &M,
    ops: &[Op<M::Input, M::Output>],
    state: &M::State,
    done: u32,
) -> bool {
    let is_open = |index: usize| done >> index & 1 == 0;
    if (0..ops.len()).all(|index| !is_open(index) || ops[index].returned.is_none()) {
        return true;
    }
    (0..ops.len()).filter(|index| is_open(*index)).any(|index| {
        let must_wait = (0..ops.len()).any(|other| {
            is_open(other)
                && ops[other]
                    .returned
                    .is_some_and(|end| end < ops[index].invoked)
        });
        if must_wait {
            return false;
        }
        model
            .step(state, &ops[index].input, ops[index].output.as_ref())
            .is_some_and(|after| brute_force(model, ops, &after, done | 1 << index))
    })
}

fn agrees<M: Model>(model: &M, ops: &[Op<M::Input, M::Output>]) -> Result<(), TestCaseError> {
    let expected = brute_force(model, ops, &model.initial(), 0);
    let found = search(model, ops, 1_000_000);
    prop_assert_ne!(found, Found::Budget);
    prop_assert_eq!(found == Found::Linearizable, expected);
    Ok(())
}

fn timed<I: core::fmt::Debug + Clone, O: core::fmt::Debug + Clone>(
    asks: impl Strategy<Value = (I, O)>,
) -> impl Strategy<Value = Op<I, O>> {
    (asks, 0..8u64, 0..5u64, 0..4u8).prop_map(|((input, output), invoked, length, fate)| Op {
        input,
        output: (fate > 0).then_some(output),
        invoked,
        returned: (fate > 0).then_some(invoked + length),
    })
}

fn register_op() -> impl Strategy<Value = Op<Ask, u8>> {
    timed(prop_oneof![
        (0..3u8).prop_map(|seen| (Ask::Read, seen)),
        (0..3u8).prop_map(|value| (Ask::Write(value), 0)),
        (0..3u8, 0..3u8, 0..2u8).prop_map(|(from, to, done)| (Ask::Swap { from, to }, done)),
    ])
}

/// Answers are taken from a run of their own, so that many of them fit.
fn tree_op() -> impl Strategy<Value = Op<Request, Answer>> {
    let path = || Path::from("/a");
    let create = |mode| {
        Request::Write(Write::Create {
            path: Path::from("/a"),
            data: Data::from([]),
            mode,
        })
    };
    let asks = prop_oneof![
        Just(create(CreateMode::Persistent)),
        Just(create(CreateMode::PersistentSequential)),
        Just(Request::Write(Write::Delete {
            path: path(),
            version: -1
        })),
        Just(Request::Write(Write::SetData {
            path: path(),
            data: Data::from([1]),
            version: 0
        })),
        Just(Request::Read(Read::Exists {
            path: path(),
            watch: false
        })),
        Just(Request::Read(Read::GetChildren {
            path: Path::from("/"),
            watch: false
        })),
    ];
    let before = proptest::collection::vec(0..3usize, 0..3);
    timed((asks, before).prop_map(move |(ask, before)| {
        let mut tree = Tree.initial();
        for which in before {
            let write = match which {
                0 => create(CreateMode::Persistent),
                1 => create(CreateMode::PersistentSequential),
                _ => Request::Write(Write::Delete {
                    path: Path::from("/a"),
                    version: -1,
                }),
            };
            tree = Tree
                .step(&tree, &write, None)
                .expect("an unknown answer fits");
        }
        let answer = match &ask {
            Request::Write(write) => tree.write(Zxid(1), SESSION, &[], write),
            Request::Read(read) => tree.read(READER, read),
            Request::Watch(_) | Request::Auth { .. } | Request::Sync => {
                unreachable!("none of these is generated")
            }
        };
        (ask, answer)
    }))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn on_registers_the_search_agrees_with_brute_force(
        ops in proptest::collection::vec(register_op(), 1..=6)
    ) {
        agrees(&Register, &ops)?;
    }

    #[test]
    fn on_trees_the_search_agrees_with_brute_force(
        ops in proptest::collection::vec(tree_op(), 1..=5)
    ) {
        agrees(&Tree, &ops)?;
    }
}

fn op(input: Ask, output: u8, invoked: u64, returned: u64) -> Op<Ask, u8> {
    Op {
        input,
        output: Some(output),
        invoked,
        returned: Some(returned),
    }
}

#[test]
fn a_stale_read_is_named_as_what_does_not_fit() {
    let ops = [op(Ask::Write(1), 0, 0, 1), op(Ask::Read, 0, 2, 3)];
    assert_eq!(
        search(&Register, &ops, 1_000),
        Found::NotLinearizable { stuck: 1 }
    );
}

#[test]
fn two_hundred_open_unknown_writes_of_one_value_are_one_choice() {
    let mut ops = vec![op(Ask::Write(1), 0, 0, 1)];
    for _ in 0..200 {
        ops.push(Op {
            input: Ask::Write(2),
            output: None,
            invoked: 2,
            returned: None,
        });
    }
    for turn in 0..100u64 {
        ops.push(op(
            Ask::Read,
            1 + (turn % 2) as u8,
            10 + 4 * turn,
            11 + 4 * turn,
        ));
        ops.push(op(Ask::Write(1), 0, 12 + 4 * turn, 13 + 4 * turn));
    }
    ops.remove(201); // The first read saw 1, and so on in turns.
    assert_eq!(search(&Register, &ops, 2_000_000), Found::Linearizable);
}

#[test]
fn an_exhausted_budget_is_admitted() {
    let ops = [op(Ask::Write(1), 0, 0, 1), op(Ask::Read, 1, 2, 3)];
    assert_eq!(search(&Register, &ops, 0), Found::Budget);
}
