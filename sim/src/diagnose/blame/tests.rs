//! Blame on a run with a known cause.

use super::*;
use crate::run::registry::PROTOCOLS;
use crate::scenario::Scenario;

/// An agreement violation: a cut and a restart make a successor of a leader choose again.
const GUILTY: &str = include_str!("../../../../tests/data/minimal/P04.toml");

struct Nobody;

impl Watcher for Nobody {
    fn rerun(&self, about: &'static str, _reruns: usize) {
        assert!(!about.is_empty());
    }
}

#[test]
fn what_the_smallest_run_consists_of_is_necessary_and_what_was_added_is_not() {
    let added = format!(
        "{GUILTY}\n[[fault]]\n\
         actions = {{ at = \"1ms\", for = \"1ms\", do = [\"slow-disk n3 1ms\"] }}\n"
    );
    // The table of irregular deliveries is the last section of the file.
    let (head, tail) = added
        .split_once("\n[irregular]")
        .expect("the section is there");
    let (table, fault) = tail.split_once("\n[[fault]]").expect("one was added");
    let text = format!("{head}\n[[fault]]{fault}\n[irregular]{table}");
    let scenario = Scenario::parse("p04.toml", &text).expect("it is sound");
    let run = Resolved::of_scenario(&scenario);
    let paxos = *PROTOCOLS
        .iter()
        .find(|protocol| protocol.name == "paxos")
        .expect("it comes with the program");
    let work = Work {
        jobs: 2,
        watcher: &Nobody,
    };
    let blame = blame(paxos, &run, Some("recovery"), work)
        .expect("the runs end")
        .expect("it fails");
    assert_eq!(blame.checker, "recovery");
    let necessary: Vec<bool> = blame.faults.iter().map(|fault| fault.necessary).collect();
    assert!(!necessary[0], "the slow disk has nothing to do with it");
    assert!(necessary[1..].iter().all(|one| *one), "{:?}", blame.faults);
    let operations = blame.operations.expect("there are few");
    assert!(operations.iter().all(|one| one.necessary), "{operations:?}");
    let last = blame.futures.last().expect("there are moments");
    assert_eq!(last.failing, last.tried, "at the violation it is certain");
}
