//! The generic engine over the tree, against brute force over every order of every choice of
//! unknown operations.

use proptest::prelude::*;

use crate::ids::{SessionId, Span, Zxid};
use crate::linear::{Found, Kind, Numbered, Specification, Steps, Timed, placed, search};
use crate::tree::{Answer, CreateMode, Data, Path, Read, Request, Write};
use crate::znode::model;

/// A request and its answer, if that is known.
type Ask = (Request, Option<Answer>);

/// The tree as the checkers know it.
struct Tree;

const SESSION: SessionId = SessionId(1);
const READER: model::Reader<'static> = model::Reader {
    session: SESSION,
    ids: &[],
};

impl Specification for Tree {
    type State = model::Model;
    type Action = Ask;

    fn initial(&self) -> model::Model {
        let mut tree = model::Model::new();
        let timeout = Span::secs(1);
        let opened = tree.write(Zxid(1), SESSION, &[], &Write::CreateSession { timeout });
        assert!(opened.is_ok());
        tree
    }

    fn step(&self, state: &model::Model, (input, output): &Ask) -> Option<model::Model> {
        let mut after = state.clone();
        let answer = match input {
            Request::Write(write) => after.write(Zxid(1), SESSION, &[], write),
            Request::Read(read) => after.read(READER, read),
            Request::Watch(_) | Request::Auth { .. } => {
                unreachable!("no workload asks for these alone")
            }
            Request::Sync => return Some(after),
        };
        let fits = output.as_ref().is_none_or(|told| *told == answer);
        fits.then_some(after)
    }

    fn kind(&self, (input, output): &Ask) -> Kind {
        let refused = output.as_ref().is_some_and(Result::is_err);
        if refused || !matches!(input, Request::Write(_)) {
            Kind::Observes
        } else {
            Kind::Changes
        }
    }
}

/// Tries every order that respects real time, with every choice of unknown operations.
fn brute_force(ops: &[Timed<Ask>], state: &model::Model, done: u32) -> bool {
    let is_open = |index: usize| done >> index & 1 == 0;
    if (0..ops.len()).all(|index| !is_open(index) || ops[index].returned.is_none()) {
        return true;
    }
    (0..ops.len()).filter(|index| is_open(*index)).any(|index| {
        let before = |other: &Timed<Ask>| {
            other
                .returned
                .is_some_and(|end| end.max(other.invoked) < ops[index].invoked)
        };
        let must_wait = (0..ops.len()).any(|other| is_open(other) && before(&ops[other]));
        !must_wait
            && Tree
                .step(state, &ops[index].action)
                .is_some_and(|after| brute_force(ops, &after, done | 1 << index))
    })
}

/// Answers are taken from a run of their own, so that many of them fit.
fn tree_op() -> impl Strategy<Value = Timed<Ask>> {
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
    let asks = (asks, before).prop_map(move |(ask, before)| {
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
                .step(&tree, &(write, None))
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
    });
    (asks, 0..8u64, 0..5u64, 0..4u8).prop_map(|((ask, answer), invoked, length, fate)| Timed {
        action: (ask, (fate > 0).then_some(answer)),
        invoked,
        returned: (fate > 0).then_some(invoked + length),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn on_trees_the_search_agrees_with_brute_force(
        ops in proptest::collection::vec(tree_op(), 1..=5)
    ) {
        let expected = brute_force(&ops, &Tree.initial(), 0);
        let (operations, events) = placed(ops);
        let mut tree = Numbered::new(Tree);
        let found = search(&mut tree, &operations, &events, &mut Steps(10_000));
        prop_assert!(!matches!(found, Found::Undecided(_)));
        prop_assert_eq!(found == Found::Order, expected);
    }
}
