//! Is a run a function of its scenario, protocol, mutations and seed, and of nothing else?

mod runs;
mod scenario_files;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use menagerie::canonical::FORMAT_VERSION;
use menagerie::ids::ClientId;
use menagerie::mutation::Mutations;
use menagerie::tree::{Read, Request, Write};
use menagerie_sim::run::campaign::{CampaignReport, CampaignSpec, Limits};
use menagerie_sim::run::{RunReport, RunSpec};
use menagerie_sim::scenario::Scenario;
use menagerie_sim::trace;
use menagerie_sim::{PROTOCOLS, Registration};
use runs::campaign;
use scenario_files::scenario;

const STEADY: &str = "scenarios/steady.toml";
const CHAOS: &str = "scenarios/chaos.toml";
const LEADER_CRASH: &str = "scenarios/leader_crash.toml";

/// The version of the hashed words that the goldens below were taken with.
const GOLDEN_FORMAT: u64 = 4;

/// Hashes of three runs: (scenario, protocol, seed, hash).
///
/// They guard against changes that nobody meant: another platform, another compiler, an upgraded
/// crate, a "mere" refactoring. Changing them is legitimate in two cases, to be named in the
/// commit:
/// - the hashed words changed: then [`FORMAT_VERSION`] goes up, and `GOLDEN_FORMAT` with it;
/// - what happens in a run was changed on purpose (a protocol, the workload, a draw, a default, one
///   of these scenarios). Old seeds then stand for other runs, so the change log says so.
///
/// A failure prints the lines to paste.
const GOLDEN: [(&str, &str, u64, u64); 3] = [
    ("scenarios/steady.toml", "zab", 1, 0x32ff209b3180cc25),
    ("scenarios/steady.toml", "paxos", 1, 0x9a82bae9bdacbb8a),
    ("scenarios/chaos.toml", "zab", 7, 0xf10a85cf65328633),
];

/// The name under which this test executable prints its hashes when it is started again.
const PRINTER: &str = "prints_the_hashes_of_this_process";

fn protocol(name: &str) -> &'static Registration {
    let named = PROTOCOLS.iter().find(|protocol| protocol.name == name);
    named.expect("the protocol comes with Menagerie")
}

fn spec(scenario: &Arc<Scenario>, seed: u64) -> RunSpec {
    RunSpec {
        scenario: Arc::clone(scenario),
        seed,
        mutations: Mutations::NONE,
        checks: true,
        trace: false,
    }
}

fn run(protocol: &Registration, spec: &RunSpec) -> RunReport {
    let report = protocol.run(spec);
    report.expect("the run ends with a report")
}

/// One line for each of a few runs, with everything about it that could differ.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for file in [STEADY, LEADER_CRASH, CHAOS] {
        let scenario = scenario(file);
        for protocol in PROTOCOLS {
            for seed in 0..4 {
                let report = run(protocol, &spec(&scenario, seed));
                let (hash, ops) = (report.hash, report.ops);
                let at = report.virtual_time;
                lines.push(format!(
                    "{file} {} {seed} {hash:016x} {at} {ops:?} {:?}",
                    protocol.name, report.stats
                ));
            }
        }
    }
    lines
}

#[test]
fn the_same_seed_gives_the_same_run_twice_in_one_process() {
    assert_eq!(lines(), lines());
}

#[test]
#[ignore = "not a test: another test starts it in a process of its own"]
fn prints_the_hashes_of_this_process() {
    for line in lines() {
        println!("run: {line}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_in_another_process() {
    let executable = std::env::current_exe().expect("a test knows its executable");
    let output = Command::new(executable)
        .args(["--ignored", "--exact", "--nocapture", PRINTER])
        // Something that differs from process to process and must not matter.
        .env("MENAGERIE_ANOTHER_PROCESS", "1")
        .output()
        .expect("a test can be started again");
    let text = String::from_utf8_lossy(&output.stdout);
    // The first line stands behind libtest's "test ... ".
    let printed: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once("run: ")?.1))
        .collect();
    assert_eq!(printed, lines());
}

/// Everything about a campaign but its wall time.
fn facts(report: &CampaignReport) -> String {
    let mut report = report.clone();
    report.wall_time = std::time::Duration::ZERO;
    format!("{report:?}")
}

#[test]
fn the_number_of_jobs_changes_nothing_but_the_wall_time() {
    let scenario = scenario(CHAOS);
    for protocol in PROTOCOLS {
        let with_jobs = |jobs: usize| {
            campaign(&CampaignSpec {
                scenario: Arc::clone(&scenario),
                protocol: *protocol,
                seeds: 0..24,
                mutations: Mutations::NONE,
                checks: true,
                jobs,
                limits: Limits::default(),
            })
        };
        let alone = with_jobs(1);
        assert_eq!(alone.runs, 24);
        assert_eq!(facts(&alone), facts(&with_jobs(2)));
    }
}

#[test]
fn the_hashes_of_three_runs_are_pinned() {
    assert_eq!(FORMAT_VERSION, GOLDEN_FORMAT, "take the goldens anew");
    let current = GOLDEN.map(|(file, name, seed, _)| {
        let report = run(protocol(name), &spec(&scenario(file), seed));
        (file, name, seed, report.hash)
    });
    let paste: Vec<String> = current
        .iter()
        .map(|(file, name, seed, hash)| format!("({file:?}, {name:?}, {seed}, {hash:#018x}),"))
        .collect();
    assert_eq!(current, GOLDEN, "now:\n{}", paste.join("\n"));
}

#[test]
fn another_seed_gives_another_run() {
    for file in [STEADY, CHAOS] {
        let scenario = scenario(file);
        for protocol in PROTOCOLS {
            let hashes = (0..12).map(|seed| (run(protocol, &spec(&scenario, seed)).hash, seed));
            let distinct: BTreeMap<u64, u64> = hashes.collect();
            assert_eq!(
                distinct.len(),
                12,
                "{file} on {}: {distinct:x?}",
                protocol.name
            );
        }
    }
}

#[test]
fn neither_the_trace_nor_the_checkers_change_the_run() {
    for file in [STEADY, CHAOS] {
        let scenario = scenario(file);
        for protocol in PROTOCOLS {
            let plain = run(protocol, &spec(&scenario, 3));
            for (checks, trace) in [(true, true), (false, false), (false, true)] {
                let watched = RunSpec {
                    checks,
                    trace,
                    ..spec(&scenario, 3)
                };
                let other = run(protocol, &watched);
                assert_eq!(other.hash, plain.hash, "checks {checks}, trace {trace}");
                assert_eq!(other.history, plain.history);
                assert_eq!(other.trace.is_none(), !trace);
            }
        }
    }
}

/// The scenario without its last faults.
fn without_faults(file: &str, kept: usize) -> Arc<Scenario> {
    let mut scenario = scenario(file).as_ref().clone();
    assert!(scenario.document.fault.len() > kept, "nothing is removed");
    scenario.document.fault.truncate(kept);
    Arc::new(scenario)
}

#[test]
fn removing_a_fault_changes_nothing_before_it() {
    let (whole, less) = (scenario(LEADER_CRASH), without_faults(LEADER_CRASH, 1));
    for protocol in PROTOCOLS {
        let traced = |scenario: &Arc<Scenario>| {
            let spec = RunSpec {
                trace: true,
                ..spec(scenario, 5)
            };
            let trace = run(protocol, &spec).trace;
            trace::lines(&trace.expect("it was asked for").events)
        };
        let (whole, less) = (traced(&whole), traced(&less));
        let at = whole
            .iter()
            .position(|line| line.contains("fault: power loss"));
        let at = at.expect("the last fault is a loss of power");
        assert!(at > 1_000, "the fault comes in the middle of the traffic");
        assert_eq!(whole[..at], less[..at], "{}", protocol.name);
        assert_ne!(whole[at..], less[at..], "{}", protocol.name);
    }
}

/// What was drawn about an operation: what a client wants, without the versions and names that it
/// fills in from what it saw.
fn wish(request: &Request) -> String {
    match request {
        Request::Write(Write::Create { path, mode, .. }) => format!("create {path} {mode:?}"),
        Request::Write(Write::Delete { .. }) => "delete".to_owned(),
        Request::Write(Write::SetData { path, .. }) => format!("set {path}"),
        Request::Write(Write::Multi(parts)) => format!("multi of {}", parts.len()),
        Request::Write(Write::CreateSession { .. }) => "create session".to_owned(),
        Request::Write(Write::CloseSession) => "close session".to_owned(),
        Request::Write(Write::ExpireSession) => "expire session".to_owned(),
        Request::Read(Read::GetData { path, watch }) => format!("get {path} {watch}"),
        Request::Read(Read::Exists { path, watch }) => format!("exists {path} {watch}"),
        Request::Read(Read::GetChildren { path, watch }) => format!("children {path} {watch}"),
        Request::Sync => "sync".to_owned(),
        other @ (Request::Write(_)
        | Request::Read(_)
        | Request::Watch(_)
        | Request::Auth { .. }) => {
            unreachable!("no workload asks for {other}")
        }
    }
}

/// The wishes of each client before the faults were healed, in its order.
fn wishes(report: &RunReport) -> BTreeMap<ClientId, Vec<String>> {
    let healed = report.healed.expect("the run came to its liveness phase");
    let mut wishes: BTreeMap<ClientId, Vec<String>> = BTreeMap::new();
    for operation in &report.history.operations {
        if operation.invoked < healed {
            let of_client = wishes.entry(operation.client).or_default();
            of_client.push(wish(&operation.request));
        }
    }
    wishes
}

#[test]
fn what_clients_want_depends_neither_on_the_faults_nor_on_the_protocol() {
    let (faulty, calm) = (scenario(LEADER_CRASH), without_faults(LEADER_CRASH, 0));
    let first = wishes(&run(protocol("zab"), &spec(&faulty, 5)));
    assert_eq!(first.len(), 5, "every client wants something");
    for (name, scenario) in [("zab", &calm), ("paxos", &faulty), ("paxos", &calm)] {
        let second = wishes(&run(protocol(name), &spec(scenario, 5)));
        for (client, wanted) in &first {
            // Who was answered sooner came further in its list of wishes.
            let length = wanted.len().min(second[client].len());
            assert!(length > 20, "{client} wanted {length} things only");
            assert_eq!(
                wanted[..length],
                second[client][..length],
                "{client} on {name}"
            );
        }
    }
}
