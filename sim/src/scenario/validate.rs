//! What serde cannot say about a scenario: values against each other and against the ensemble.

use core::ops::Range;

use menagerie::check::CHECKERS;
use menagerie::ids::Span;
use toml::Spanned;

use super::diagnostic::Problem;
use super::quantity::{Duration, Target};
use super::schema::{
    ChaosSection, Document, Expect, FaultEntry, KnobsSection, LatencySection, Shape, SwarmSection,
};

/// The greatest number a set of servers can hold.
const SERVERS_MAX: u16 = 63;
const CLIENTS_MAX: u16 = 1_000;
const KEYS_MAX: u16 = 1_000;
const PIPELINE_MAX: u8 = 64;

/// The names of checkers that are not in the table of the pure package.
pub const RUNNER_CHECKERS: [&str; 3] = ["invariant", "coverage", "expectation"];

/// Checks a document; the problems come in the order of their places.
pub fn validate(document: &Document) -> Vec<Problem> {
    let mut problems = Problems(Vec::new());
    problems.header(document);
    problems.ensemble(document);
    problems.knobs(&document.knobs);
    problems.latencies(document);
    problems.workload(document);
    let end = document.duration.get_ref().0;
    for fault in &document.fault {
        problems.fault(fault, smallest_ensemble(document), end);
    }
    if let Some(chaos) = &document.chaos {
        problems.chaos(chaos, end);
    }
    let mut found = problems.0;
    found.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    found
}

/// How many servers there are in every run of the scenario.
fn smallest_ensemble(document: &Document) -> u16 {
    let swarm = document
        .chaos
        .as_ref()
        .and_then(|chaos| chaos.swarm.as_ref());
    let least = |choice: Option<&Spanned<Vec<u8>>>, fixed: u8| {
        choice
            .and_then(|choice| choice.get_ref().iter().copied().min())
            .unwrap_or(fixed)
    };
    let voters = least(
        swarm.and_then(|swarm| swarm.voters.as_ref()),
        *document.ensemble.voters.get_ref(),
    );
    let observers = least(
        swarm.and_then(|swarm| swarm.observers.as_ref()),
        *document.ensemble.observers.get_ref(),
    );
    u16::from(voters) + u16::from(observers)
}

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, span: Range<usize>, message: String, help: &str) {
        self.0.push(Problem {
            message,
            span: Some(span),
            help: Some(help.to_owned()),
        });
    }

    fn header(&mut self, document: &Document) {
        let schema = &document.schema;
        if *schema.get_ref() != 1 {
            self.add(
                schema.span(),
                format!("schema {} is not known", schema.get_ref()),
                "this version of menagerie reads `schema = 1`",
            );
        }
        let story = &document.story;
        let sentences = story
            .get_ref()
            .split(['.', '!', '?', ':'])
            .filter(|part| part.chars().any(char::is_alphabetic))
            .count();
        if sentences < 2 {
            self.add(
                story.span(),
                "the story is too short".to_owned(),
                "tell in two sentences what happens and what is expected",
            );
        }
        self.positive(&document.duration, "duration");
        self.positive(&document.liveness.bound, "bound");
        self.positive(&document.network.patience, "patience");
        self.positive(&document.network.dial_timeout, "dial_timeout");
        if let Expect::Fail(name) = document.expect.get_ref() {
            let mut known: Vec<&str> = CHECKERS.iter().map(|entry| entry.name).collect();
            known.extend(RUNNER_CHECKERS);
            if !known.contains(&name.as_str()) {
                self.add(
                    document.expect.span(),
                    format!("there is no checker \"{name}\""),
                    &format!(
                        "expect \"pass\" or {{ fail = one of {} }}",
                        known.join(", ")
                    ),
                );
            }
        }
    }

    fn positive(&mut self, value: &Spanned<Duration>, name: &str) {
        if value.get_ref().0 == Span::ZERO {
            self.add(
                value.span(),
                format!("`{name}` is zero"),
                "expected a time longer than 0s",
            );
        }
    }

    fn ensemble(&mut self, document: &Document) {
        let (voters, observers) = (&document.ensemble.voters, &document.ensemble.observers);
        let total = u16::from(*voters.get_ref()) + u16::from(*observers.get_ref());
        if *voters.get_ref() == 0 {
            self.add(
                voters.span(),
                "the ensemble is empty: there is no voter".to_owned(),
                "expected 1 or more voters; 3, 5 and 7 are usual",
            );
        }
        if total > SERVERS_MAX {
            self.add(
                voters.span(),
                format!("{total} servers are too many"),
                &format!("voters and observers together may be at most {SERVERS_MAX}"),
            );
        }
        self.number(
            &document.ensemble.capture_chunk,
            "capture_chunk",
            1,
            1_000_000,
        );
        let drift = &document.clock.drift;
        if drift.get_ref().ppm > 500_000 {
            self.add(
                drift.span(),
                "clocks cannot drift that much".to_owned(),
                "expected at most 50%; real clocks drift by some 100ppm",
            );
        }
        if let Some(matrix) = &document.network.matrix {
            let swarm = document
                .chaos
                .as_ref()
                .and_then(|chaos| chaos.swarm.as_ref());
            if swarm.is_some_and(|swarm| swarm.voters.is_some() || swarm.observers.is_some()) {
                self.add(
                    matrix.span(),
                    "a matrix is for a fixed ensemble, but the swarm draws its size".to_owned(),
                    "drop the matrix, or `voters` and `observers` of [chaos.swarm]",
                );
            }
            let rows = matrix.get_ref();
            let size = usize::from(total);
            if rows.len() != size || rows.iter().any(|row| row.len() != size) {
                self.add(
                    matrix.span(),
                    format!("the matrix does not fit {total} servers"),
                    &format!("expected {total} rows of {total} delays each"),
                );
            }
        }
    }

    fn number(&mut self, value: &Spanned<u32>, name: &str, min: u32, max: u32) {
        let number = *value.get_ref();
        if number < min || number > max {
            self.add(
                value.span(),
                format!("`{name}` is {number}"),
                &format!("expected a number from {min} to {max}"),
            );
        }
    }

    fn knobs(&mut self, knobs: &KnobsSection) {
        let spans = [
            (&knobs.tick, "tick"),
            (&knobs.finalize_wait, "finalize_wait"),
            (&knobs.notification_min, "notification_min"),
            (&knobs.notification_max, "notification_max"),
            (&knobs.heartbeat, "heartbeat"),
            (&knobs.election_timeout, "election_timeout"),
            (&knobs.retransmit, "retransmit"),
        ];
        for (value, name) in spans {
            if let Some(value) = value {
                self.positive(value, name);
            }
        }
        let numbers = [
            (&knobs.init_limit, "init_limit", 1, 1_000),
            (&knobs.sync_limit, "sync_limit", 1, 1_000),
            (
                &knobs.committed_log_window,
                "committed_log_window",
                1,
                1_000_000,
            ),
            (&knobs.snapshot_every, "snapshot_every", 1, 1_000_000),
            (&knobs.zxid_counter_bits, "zxid_counter_bits", 3, 32),
            (&knobs.window, "window", 1, 100_000),
            (&knobs.log_tail, "log_tail", 0, 1_000_000),
            (&knobs.outstanding_max, "outstanding_max", 1, 1_000_000),
        ];
        for (value, name, min, max) in numbers {
            if let Some(value) = value {
                self.number(value, name, min, max);
            }
        }
        if let (Some(min), Some(max)) = (&knobs.notification_min, &knobs.notification_max)
            && min.get_ref() > max.get_ref()
        {
            self.add(
                min.span(),
                "`notification_min` is longer than `notification_max`".to_owned(),
                "expected notification_min <= notification_max",
            );
        }
    }

    fn latencies(&mut self, document: &Document) {
        for latency in [
            &document.network.lan,
            &document.network.client,
            &document.disk.write,
            &document.disk.sync,
            &document.disk.read,
            &document.workload.think,
        ] {
            self.latency(latency.span(), latency.get_ref());
        }
    }

    fn latency(&mut self, span: Range<usize>, latency: &LatencySection) {
        let (low, high, help) = match latency {
            LatencySection::Constant(_) | LatencySection::Exponential { .. } => return,
            LatencySection::Uniform { min, max } => (min, max, "expected min <= max"),
            LatencySection::LogNormal { median, p99 } => (median, p99, "expected median <= p99"),
        };
        if low > high {
            self.add(span, format!("{} is longer than {}", low.0, high.0), help);
        }
    }

    fn workload(&mut self, document: &Document) {
        let workload = &document.workload;
        let limited = [
            (&workload.clients, "clients", CLIENTS_MAX),
            (&workload.keys, "keys", KEYS_MAX),
            (&workload.parents, "parents", KEYS_MAX),
        ];
        for (value, name, max) in limited {
            let number = *value.get_ref();
            if number == 0 || number > max {
                self.add(
                    value.span(),
                    format!("`{name}` is {number}"),
                    &format!("expected a number from 1 to {max}"),
                );
            }
        }
        let pipeline = *workload.pipeline.get_ref();
        if pipeline == 0 || pipeline > PIPELINE_MAX {
            self.add(
                workload.pipeline.span(),
                format!("`pipeline` is {pipeline}"),
                &format!("expected a number from 1 to {PIPELINE_MAX}"),
            );
        }
        self.positive(&workload.session_timeout, "session_timeout");
        self.weights(workload.mix.span(), &workload.mix.get_ref().weights());
    }

    fn weights(&mut self, span: Range<usize>, weights: &[u32]) {
        if weights.iter().all(|weight| *weight == 0) {
            self.add(
                span.clone(),
                "every weight is 0".to_owned(),
                "expected at least one weight above 0",
            );
        }
        if weights.iter().any(|weight| *weight > 1_000_000) {
            self.add(
                span,
                "a weight is above 1000000".to_owned(),
                "weights count against their sum: 1 to 100 is usual",
            );
        }
    }

    fn fault(&mut self, fault: &FaultEntry, servers: u16, end: Span) {
        match fault {
            FaultEntry::Crash {
                at, node, r#for, ..
            }
            | FaultEntry::Pause { at, node, r#for }
            | FaultEntry::ClientCut { at, node, r#for } => {
                self.times(at, r#for.as_ref(), end);
                self.target(node, servers);
            }
            FaultEntry::Partition {
                at,
                r#for,
                shape,
                node,
            } => {
                self.times(at, r#for.as_ref(), end);
                if let Some(node) = node {
                    self.target(node, servers);
                    self.partition_node(*shape, node);
                }
            }
            FaultEntry::SlowLink {
                at,
                r#for,
                node,
                by,
            }
            | FaultEntry::SlowDisk {
                at,
                r#for,
                node,
                by,
            } => {
                self.times(at, r#for.as_ref(), end);
                self.target(node, servers);
                self.positive(by, "by");
            }
            FaultEntry::Loss { at, r#for, .. } | FaultEntry::Duplicate { at, r#for, .. } => {
                self.times(at, r#for.as_ref(), end);
            }
            FaultEntry::Reset { at, node } => {
                self.times(at, None, end);
                self.target(node, servers);
            }
            FaultEntry::RollingRestart {
                at, every, down, ..
            } => {
                self.times(at, Some(down), end);
                self.positive(every, "every");
            }
            FaultEntry::Flap {
                at,
                r#for,
                period,
                node,
            } => {
                self.times(at, Some(r#for), end);
                self.target(node, servers);
                if period.get_ref().0 < Span::millis(1) {
                    self.add(
                        period.span(),
                        "`period` is shorter than a millisecond".to_owned(),
                        "expected 1ms or more",
                    );
                }
            }
        }
    }

    fn times(&mut self, at: &Spanned<Duration>, hold: Option<&Spanned<Duration>>, end: Span) {
        if at.get_ref().0 >= end {
            self.add(
                at.span(),
                format!(
                    "the fault comes at {}, but the run's faults end at {end}",
                    at.get_ref().0
                ),
                "expected a time before `duration`",
            );
        }
        if let Some(hold) = hold {
            self.positive(hold, "for");
        }
    }

    fn target(&mut self, node: &Spanned<Target>, servers: u16) {
        if let Target::Node(number) = *node.get_ref()
            && (number == 0 || u16::from(number) > servers)
        {
            self.add(
                node.span(),
                format!("there is no server {number} of {servers}"),
                &format!(
                    "servers are numbered from 1 to {servers}; or name a role: leader, follower, \
                     random, all, majority, minority"
                ),
            );
        }
    }

    fn partition_node(&mut self, shape: Shape, node: &Spanned<Target>) {
        let set = match node.get_ref() {
            Target::Node(_) | Target::Leader | Target::Follower | Target::Random => false,
            Target::All | Target::Majority | Target::Minority => true,
        };
        let (taken, help) = match shape {
            Shape::Split | Shape::OneWay | Shape::OneWayIn | Shape::Bridge => (
                !set,
                "expected one server: a number, leader, follower or random",
            ),
            Shape::IsolateLeader => (false, "isolate-leader takes no `node`: it is the leader"),
            Shape::IsolateFollower => (
                matches!(node.get_ref(), Target::Node(_)),
                "isolate-follower takes a number or no `node` at all",
            ),
        };
        if !taken {
            self.add(
                node.span(),
                format!("\"{}\" does not fit this shape", node.get_ref().text()),
                help,
            );
        }
    }

    fn chaos(&mut self, chaos: &ChaosSection, end: Span) {
        self.times(&chaos.from, None, end);
        self.positive(&chaos.gap, "gap");
        self.positive(&chaos.hold_min, "hold_min");
        if chaos.hold_min.get_ref() > chaos.hold_max.get_ref() {
            self.add(
                chaos.hold_min.span(),
                "`hold_min` is longer than `hold_max`".to_owned(),
                "expected hold_min <= hold_max",
            );
        }
        self.weights(chaos.weights.span(), &chaos.weights.get_ref().weights());
        if let Some(damage) = &chaos.budget.durable_damage_max
            && *damage.get_ref() != 0
        {
            self.add(
                damage.span(),
                "durable damage is not simulated in this version".to_owned(),
                "expected 0: crashes and the loss of what was not synced are the whole budget",
            );
        }
        if let Some(swarm) = &chaos.swarm {
            self.swarm(swarm);
        }
    }

    fn swarm(&mut self, swarm: &SwarmSection) {
        if swarm.drift_max.get_ref().ppm > 500_000 {
            self.add(
                swarm.drift_max.span(),
                "clocks cannot drift that much".to_owned(),
                "expected at most 50%; real clocks drift by some 100ppm",
            );
        }
        let ranges = [
            (&swarm.committed_log_window, "committed_log_window", 1),
            (&swarm.snapshot_every, "snapshot_every", 1),
            (&swarm.window, "window", 1),
            (&swarm.log_tail, "log_tail", 0),
            (&swarm.capture_chunk, "capture_chunk", 1),
        ];
        for (range, name, least) in ranges {
            if let Some(range) = range {
                let [min, max] = *range.get_ref();
                if min < least || min > max || max > 1_000_000 {
                    self.add(
                        range.span(),
                        format!("`{name}` is drawn from {min} to {max}"),
                        &format!("expected [min, max] with {least} <= min <= max <= 1000000"),
                    );
                }
            }
        }
        if let Some(voters) = &swarm.voters
            && (voters.get_ref().is_empty() || voters.get_ref().iter().any(|n| *n == 0 || *n > 31))
        {
            self.add(
                voters.span(),
                "no ensemble can be drawn from this".to_owned(),
                "expected a list of numbers from 1 to 31, such as [3, 5]",
            );
        }
        if let Some(observers) = &swarm.observers
            && (observers.get_ref().is_empty() || observers.get_ref().iter().any(|n| *n > 31))
        {
            self.add(
                observers.span(),
                "no observers can be drawn from this".to_owned(),
                "expected a list of numbers from 0 to 31, such as [0, 1]",
            );
        }
        if let Some(bits) = &swarm.zxid_counter_bits
            && (bits.get_ref().is_empty()
                || bits.get_ref().iter().any(|width| !(3..=32).contains(width)))
        {
            self.add(
                bits.span(),
                "no counter width can be drawn from this".to_owned(),
                "expected a list of numbers from 3 to 32, such as [5, 8, 32]",
            );
        }
        for choice in [&swarm.lan, &swarm.sync].into_iter().flatten() {
            if choice.get_ref().is_empty() {
                self.add(
                    choice.span(),
                    "the list is empty".to_owned(),
                    "expected a list of latencies",
                );
            }
            for latency in choice.get_ref() {
                self.latency(choice.span(), latency);
            }
        }
    }
}
