//! The report's text.

use std::fmt::Write as _;

use menagerie::canonical::FORMAT_VERSION;
use menagerie::ids::Span;
use menagerie::mutation::CATALOGUE;

use super::coverage;
use super::detection::Detection;
use super::table::table;
use super::track;
use super::{Findings, Order, Speed};
use crate::chance::dice::DICE_VERSION;
use crate::run::campaign::CampaignReport;
use crate::run::measure::Summary;
use crate::run::measure::failover::{Failover, Loss};
use crate::run::measure::latency::Measured;
use crate::run::measure::throughput::CheckerCost;
use crate::scenario::fault::Family;

/// What stands at the head.
const INTRODUCTION: &str = include_str!("introduction.md");
/// What is not simulated, the fault budget, and the format of the hash.
const LIMITS: &str = include_str!("limits.md");

/// The whole text.
pub(super) fn text(order: &Order<'_>, findings: &Findings) -> String {
    let mut text = String::from("# Report\n\n");
    if let Some(stamp) = &order.stamp {
        let _ = writeln!(text, "{stamp}\n");
    }
    text.push_str(INTRODUCTION);
    campaigns(&mut text, order, findings);
    coverage::recoveries(&mut text, findings);
    coverage::synced_reads(&mut text, findings);
    coverage::paths(&mut text, findings);
    mutations(&mut text, order, findings);
    latency(&mut text, findings);
    failover(&mut text, order, findings);
    throughput(&mut text, order, findings);
    track_record(&mut text);
    text.push('\n');
    faults(&mut text, findings);
    text.push_str(LIMITS);
    let _ = write!(
        text,
        "\nVersions: hash format {FORMAT_VERSION}, dice `{DICE_VERSION}`.\n"
    );
    text
}

fn campaigns(text: &mut String, order: &Order<'_>, findings: &Findings) {
    let seeds = order.extent.campaign;
    let _ = write!(
        text,
        "\n## Campaigns\n\nEach scenario on each protocol, seeds 0..{seeds}, every checker on. \
         *Two kinds*: runs in \
         which at least two kinds of\nfault fired. *Unknown* operations ended without an answer. \
         The hash folds the \
         hashes of all runs.\n\n"
    );
    let head = [
        "scenario",
        "protocol",
        "pass",
        "fail",
        "unknown",
        "vacuous",
        "two kinds",
        "faults",
        "ok",
        "error",
        "refused",
        "unknown",
        "messages",
        "virtual s",
        "hash",
    ];
    table(text, &head, findings.campaigns.iter().map(campaign_row));
    let failures = findings.campaigns.iter().flat_map(|one| &one.failures);
    let lines: Vec<String> = failures
        .map(|failure| format!("- {}: `{}`", failure.checker, failure.reproduce))
        .collect();
    if !lines.is_empty() {
        let _ = write!(text, "\nViolations:\n\n{}\n", lines.join("\n"));
    }
    let _ = write!(
        text,
        "\nReproduce a row: `menagerie campaign scenarios/<scenario>.toml --protocol <protocol> \
         --seeds 0..{seeds}`.\n"
    );
}

/// Which faults there are, and how often each fired: what the list of limits is the rest of.
fn faults(text: &mut String, findings: &Findings) {
    text.push_str(
        "## What is simulated\n\nThe kinds of faults, and how often each fired in the campaigns \
         above:\n\n",
    );
    let fired = |family: Family| -> u64 {
        let counts = findings.campaigns.iter();
        counts.filter_map(|one| one.faults.get(family.name())).sum()
    };
    let rows = Family::ALL.map(|family| vec![family.name().to_owned(), fired(family).to_string()]);
    table(text, &["fault", "fired"], rows);
    text.push('\n');
}

fn campaign_row(one: &CampaignReport) -> Vec<String> {
    let faults: u64 = one.faults.values().sum();
    let ops = &one.ops;
    vec![
        one.scenario.clone(),
        one.protocol.to_owned(),
        one.pass.to_string(),
        one.fail.to_string(),
        one.unknown.to_string(),
        one.vacuous.to_string(),
        one.runs_with_two_fault_kinds.to_string(),
        faults.to_string(),
        ops.ok.to_string(),
        ops.error.to_string(),
        ops.refused.to_string(),
        ops.unknown.to_string(),
        one.messages_delivered.to_string(),
        one.virtual_time.as_secs().to_string(),
        format!("`{:016x}`", one.hash),
    ]
}

fn mutations(text: &mut String, order: &Order<'_>, findings: &Findings) {
    let seeds = order.extent.mutation;
    let _ = write!(
        text,
        "\n## Mutations\n\n{} known bugs, switched on one at a time, from seed 0 on: until 40 \
         seeds \
         and more after the first that\ndetects it, or through {seeds} seeds. *Seeds*: how many \
         were run. *First seed*: so many seeds pass before one detects it.\n*Reported first \
         by*: the checker with the earliest violation in virtual time, with the number of \
         runs.\n\n",
        CATALOGUE.len()
    );
    let head = [
        "mutation",
        "name",
        "protocol",
        "scenario",
        "seeds",
        "detected",
        "rate",
        "first seed",
        "in that run at",
        "by checker",
        "reported first by",
    ];
    table(text, &head, findings.detections.iter().map(detection_row));
    let _ = write!(
        text,
        "\n![Time to detection](docs/detection.svg)\n\nA dot is a detection: the virtual time of \
         all \
         runs since the one before it, seed after seed, up to the moment\nof the violation.\n\n\
         Reproduce a row: `menagerie campaign scenarios/<scenario>.toml --protocol <protocol> \
         --mutate <mutation> --seeds 0..<seeds>`.\n"
    );
}

fn detection_row(one: &Detection) -> Vec<String> {
    let (seed, checker, at) = match one.first() {
        Some((seed, checker, at)) => (seed.to_string(), checker.to_owned(), at.to_string()),
        None => ("never".to_owned(), String::new(), String::new()),
    };
    let reporters = one.reporters().into_iter();
    let reporters: Vec<String> = reporters
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    vec![
        one.entry.id.to_owned(),
        one.entry.name.to_owned(),
        one.protocol.to_owned(),
        one.scenario.clone(),
        one.tried().to_string(),
        one.caught().to_string(),
        format!("{:.1} %", one.caught() as f64 * 100.0 / one.tried() as f64),
        seed,
        at,
        checker,
        reporters.join(", "),
    ]
}

fn latency(text: &mut String, findings: &Findings) {
    text.push_str(
        "\n## Commit latency (virtual time)\n\nOne client, one write at a time, no faults, \
         steady state; 10 us to write and \
         300 us to sync, 250 us one way between\nclient and server. *LAN*: 250 us one way. \
         *WAN*: five regions. The \
         bound is the client's way there and back plus\nthe time until a quorum can have the \
         write on disk (and, at a \
         follower, the way to the leader and back).\nNo write may take less, and the mean must \
         be within 1 %: a test \
         holds both.\n\n",
    );
    let constant = |one: &&(&'static str, Measured)| one.1.bound.is_some();
    let head = [
        "links",
        "protocol",
        "voters",
        "client at",
        "leader",
        "p50",
        "p99",
        "mean",
        "bound",
        "mean / bound",
    ];
    let rows = findings
        .latencies
        .iter()
        .filter(constant)
        .map(|(protocol, one)| {
            let bound = one.bound.unwrap_or_default();
            let ratio = one.latency.mean.0 as f64 / bound.0.max(1) as f64;
            let mut row = latency_row(protocol, one);
            row.extend([bound.to_string(), format!("{ratio:.4}")]);
            row
        });
    table(text, &head, rows);
    text.push_str(
        "\n![LAN](docs/latency_lan.svg)\n![WAN](docs/latency_wan.svg)\n\
         ![WAN, weighted votes](docs/latency_wan-weighted.svg)\n\
         ![Random delays](docs/latency_random.svg)\n\nRandom delays \
         between the servers (there is \
         no bound of this kind for them): uniform 50 to 450 us; exponential with\na mean of 250 \
         us; log-normal with a \
         median of 250 us and a 99th percentile of 1 ms.\n\n",
    );
    let random = findings.latencies.iter().filter(|one| !constant(one));
    let rows = random.map(|(protocol, one)| latency_row(protocol, one));
    table(text, &head[..8], rows);
    text.push_str("\nReproduce both: `cargo bench --bench quorum_latency`.\n");
}

fn latency_row(protocol: &str, one: &Measured) -> Vec<String> {
    vec![
        one.setting.links.name().to_owned(),
        protocol.to_owned(),
        one.setting.voters.to_string(),
        one.setting.home.name().to_owned(),
        one.leader.to_string(),
        one.latency.p50.to_string(),
        one.latency.p99.to_string(),
        one.latency.mean.to_string(),
    ]
}

fn failover(text: &mut String, order: &Order<'_>, findings: &Findings) {
    let _ = write!(
        text,
        "\n## Unavailability after the loss of the leader (virtual time)\n\nFive voters with the \
         scenarios' default timeouts and \
         latencies, a client at each, seeds 0..{}. The leader is lost\nwhile nothing is under \
         way; in the same instant each \
         client asks for a write. *First*: until any is answered.\n*All*: until every client but \
         the lost leader's is. \
         After a process death its streams break, which Zab's followers\nhear at once. Paxos \
         lives on datagrams: to it, \
         death and isolation are the same silence.\n\n",
        order.extent.failover
    );
    let head = [
        "loss",
        "protocol",
        "first: p50",
        "p99",
        "mean",
        "longest",
        "all: p50",
        "p99",
        "longest",
    ];
    let rows = findings.failovers.iter().map(|one| {
        let summary = |of: fn(&Failover) -> Span| {
            let spans: Vec<Span> = one.found.iter().map(of).collect();
            Summary::of(&spans)
        };
        let (first, all) = (summary(|found| found.first), summary(|found| found.all));
        let spans = [
            first.p50, first.p99, first.mean, first.most, all.p50, all.p99, all.most,
        ];
        let names = [one.loss.name(), one.protocol].map(str::to_owned);
        names
            .into_iter()
            .chain(spans.map(|span| span.to_string()))
            .collect()
    });
    table(text, &head, rows);
    let _ = write!(
        text,
        "\n![Unavailability](docs/failover.svg)\n\nReproduce: `menagerie report`. The story of \
         {} is also told by \
         `scenarios/leader_crash.toml`, that of {} by\n`scenarios/leader_isolated.toml`.\n",
        Loss::Crash.name(),
        Loss::Isolation.name()
    );
}

fn throughput(text: &mut String, order: &Order<'_>, findings: &Findings) {
    let _ = write!(
        text,
        "\n## Speed (wall time)\n\n**Measured on a shared machine with 2 cores**: take the \
         ratios, not the figures. One core, \
         one run after the other,\n{} runs of `steady` (five servers), each with its thread, its \
         runtime and its \
         verdicts. Messages are all that the network delivered; those to servers come from \
         servers (themselves included), the others go between clients and servers.\n\n",
        order.extent.runs
    );
    let yardsticks = &findings.yardsticks;
    let rate = |wall: std::time::Duration| yardsticks.count as f64 / wall.as_secs_f64();
    let (bare, net_sim) = (rate(yardsticks.bare_loop), rate(yardsticks.net_sim));
    let head = [
        "what",
        "messages/s",
        "of them to servers",
        "events/s",
        "messages: of NetSim",
        "events: of the bare loop",
    ];
    table(text, &head, speed_rows(findings, bare, net_sim));
    text.push('\n');
    let head = [
        "checkers of",
        "ns an operation",
        "ns an observation",
        "share of a run",
    ];
    table(text, &head, findings.speeds.iter().map(cost_row));
    let start = yardsticks.start_up.as_secs_f64() * 1e6 / yardsticks.start_ups.max(1) as f64;
    let _ = write!(
        text,
        "\nBefore its first event a run pays {start:.0} us for a thread and a runtime.\n\nWall \
         time of the runs up to the first \
         detection of each mutation:\n\n"
    );
    let rows = findings.detections.iter().map(|one| {
        let wall = one.wall_to_first();
        let wall = wall.map_or("never".to_owned(), |wall| {
            format!("{:.3} s", wall.as_secs_f64())
        });
        vec![one.name(), wall]
    });
    table(text, &["mutation", "wall time"], rows);
    text.push_str("\nReproduce: `cargo bench --bench throughput`.\n");
}

/// How fast the runs are, and the yardsticks.
fn speed_rows(findings: &Findings, bare: f64, net_sim: f64) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for speed in &findings.speeds {
        for (name, work) in [("all checks", &speed.with), ("no checks", &speed.without)] {
            let (messages, events) = (work.rate(work.delivered()), work.rate(work.events));
            rows.push(vec![
                format!("{}, {name}", speed.protocol),
                thousands(messages),
                thousands(work.rate(work.messages)),
                thousands(events),
                format!("{:.2}", messages / net_sim),
                format!("{:.3}", events / bare),
            ]);
        }
    }
    let none = || "-".to_owned();
    rows.push(vec![
        "madsim NetSim ping-pong".to_owned(),
        thousands(net_sim),
        none(),
        none(),
        none(),
        none(),
    ]);
    rows.push(vec![
        "bare binary heap".to_owned(),
        none(),
        none(),
        thousands(bare),
        none(),
        none(),
    ]);
    rows
}

fn cost_row(speed: &Speed) -> Vec<String> {
    let cost = CheckerCost::of(&speed.with, &speed.without);
    let share = 1.0 - speed.without.wall.as_secs_f64() / speed.with.wall.as_secs_f64();
    vec![
        speed.protocol.to_owned(),
        format!("{:.0}", cost.nanos_per_operation),
        format!("{:.0}", cost.nanos_per_observation),
        format!("{:.0} %", share * 100.0),
    ]
}

/// A rate, in thousands.
fn thousands(rate: f64) -> String {
    format!("{:.0} k", rate / 1e3)
}

fn track_record(text: &mut String) {
    text.push_str(
        "\n## Track record\n\nBugs that Menagerie found in its own protocols, kept by hand in \
         `docs/track_record.toml`.\n\n",
    );
    let head = ["bug", "found by", "cause", "fix (commit)", "test"];
    let rows = track::bugs().into_iter().map(|bug| {
        let place = if bug.at.starts_with("with ") {
            bug.at
        } else {
            format!("at {}", bug.at)
        };
        let found = format!(
            "{} {} seed {}, {place}",
            bug.scenario, bug.protocol, bug.seed
        );
        vec![bug.what, found, bug.cause, bug.fix, bug.test]
    });
    table(text, &head, rows);
}
