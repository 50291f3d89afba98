//! What serde cannot say about a scenario: values against each other and against the ensemble.

mod adversity;

use core::ops::Range;

use menagerie::check::CHECKERS;
use menagerie::ids::Span;
use menagerie::mutation::Mutation;
use menagerie::protocol::knobs::Unit;
use toml::Spanned;

use super::cost::{Extent, affordable};
use super::diagnostic::Problem;
use super::knobs::{Given, KnobsSection};
use super::quantity::{Duration, LatencySection, SPAN_MAX};
use super::schema::{Document, EnsembleSection};
use crate::chance::decision::Name;
use crate::scenario::script::parse_act;
use crate::world::knobs::protocols;

/// The greatest number a set of servers can hold.
pub(crate) const SERVERS_MAX: u16 = 63;
/// The most clients of a run.
pub(crate) const CLIENTS_MAX: u16 = 1_000;
/// Clocks do not run slower or faster than this: local microseconds in a second.
/// The greatest weight of a vote.
const WEIGHT_MAX: u32 = 1_000;
const DRIFT: core::ops::RangeInclusive<u64> = 500_000..=1_500_000;
const KEYS_MAX: u16 = 1_000;
const PIPELINE_MAX: u8 = 64;
const DEPTH_MAX: u16 = 32;
const DATA_MAX: u32 = 1_000_000;

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
    problems.spelled_out(document);
    let end = document.duration.get_ref().0;
    for fault in &document.fault {
        problems.fault(fault, smallest_ensemble(document), end);
    }
    if let Some(chaos) = &document.chaos {
        problems.chaos(chaos, end);
    }
    problems.costs(document);
    let mut found = problems.0;
    found.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    found
}

/// Whether a decision can come to this.
///
/// # Errors
/// What it can come to.
pub(crate) fn decision(name: Name, value: u64) -> Result<(), String> {
    if name.is_span() && value > SPAN_MAX.0 {
        return Err(format!("expected at most {} ns", SPAN_MAX.0));
    }
    if matches!(name, Name::Drift { .. }) && !DRIFT.contains(&value) {
        return Err(format!(
            "expected local microseconds in a second, from {} to {}",
            DRIFT.start(),
            DRIFT.end()
        ));
    }
    Ok(())
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
        self.positive(&document.duration, "duration");
        if let Some(bound) = &document.liveness.bound {
            self.positive(bound, "bound");
        }
        self.positive(&document.network.patience, "patience");
        self.positive(&document.network.dial_timeout, "dial_timeout");
        if let Some(name) = document.expect.get_ref().subject() {
            let mut known: Vec<&str> = CHECKERS.iter().map(|entry| entry.name).collect();
            known.extend(RUNNER_CHECKERS);
            if !known.contains(&name) {
                self.add(
                    document.expect.span(),
                    format!("there is no checker \"{name}\""),
                    &format!(
                        "expect \"pass\", {{ fail = NAME }} or {{ hold = NAME }} with one of {}",
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

    /// What is spelled out must name what there is.
    fn spelled_out(&mut self, document: &Document) {
        for id in document.mutations.get_ref() {
            if Mutation::find(id).is_none() {
                self.add(
                    document.mutations.span(),
                    format!("there is no mutation \"{id}\""),
                    "`menagerie mutations` lists them",
                );
            }
        }
        for (name, value) in document.irregular.iter().flatten() {
            if let Err(why) = decision(*name, value.word()) {
                self.0.push(Problem {
                    message: format!("[irregular] \"{name}\" is {}", value.word()),
                    span: None,
                    help: Some(why),
                });
            }
        }
        let servers = smallest_ensemble(document);
        let healed = document.liveness.servers.iter().flatten();
        if let Some(unknown) = healed
            .copied()
            .find(|one| *one == 0 || u16::from(*one) > servers)
        {
            self.0.push(Problem {
                message: format!("there is no server {unknown} to heal"),
                span: None,
                help: Some(format!("servers are numbered from 1 to {servers}")),
            });
        }
        let clients = *document.workload.clients.get_ref();
        let end = document.duration.get_ref().0;
        for operation in document.operation.iter().flatten() {
            let client = &operation.client;
            if *client.get_ref() == 0 || *client.get_ref() > clients {
                self.add(
                    client.span(),
                    format!("there is no client {}", client.get_ref()),
                    &format!("clients are numbered from 1 to {clients}, see [workload] clients"),
                );
            }
            if operation.at.get_ref().0 >= end {
                self.add(
                    operation.at.span(),
                    "the operation comes after the end of the safety phase".to_owned(),
                    "expected a time before `duration`",
                );
            }
            if let Err(why) = parse_act(operation.r#do.get_ref()) {
                self.add(
                    operation.r#do.span(),
                    "this is no operation".to_owned(),
                    &why,
                );
            }
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
        self.quorums(&document.ensemble, document);
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
        self.links(document, total);
    }

    /// Weights and groups fit the voters.
    fn quorums(&mut self, ensemble: &EnsembleSection, document: &Document) {
        let voters = *ensemble.voters.get_ref();
        let swarm = document
            .chaos
            .as_ref()
            .and_then(|chaos| chaos.swarm.as_ref());
        let drawn = swarm.is_some_and(|swarm| swarm.voters.is_some() || swarm.quorums.is_some());
        let spans = [
            ensemble.weights.as_ref().map(Spanned::span),
            ensemble.groups.as_ref().map(Spanned::span),
        ];
        if let (true, Some(span)) = (drawn, spans.into_iter().flatten().next()) {
            self.add(
                span,
                "the swarm draws voters or quorums of its own".to_owned(),
                "drop `weights` and `groups`, or `voters` and `quorums` of [chaos.swarm]",
            );
        }
        if let Some(weights) = &ensemble.weights {
            let given = weights.get_ref();
            if given.len() != usize::from(voters) || given.iter().all(|weight| *weight == 0) {
                self.add(
                    weights.span(),
                    format!("these are no weights of {voters} voters"),
                    "expected one number for each voter, and at least one above 0",
                );
            } else if given.iter().any(|weight| *weight > WEIGHT_MAX) {
                self.add(
                    weights.span(),
                    "the weights are too large".to_owned(),
                    &format!("expected at most {WEIGHT_MAX}"),
                );
            }
        }
        if let Some(groups) = &ensemble.groups {
            let mut members: Vec<u8> = groups.get_ref().iter().flatten().copied().collect();
            members.sort_unstable();
            if members != (1..=voters).collect::<Vec<u8>>() {
                self.add(
                    groups.span(),
                    format!("these are no groups of {voters} voters"),
                    "expected each voter, by its number, in one group, such as [[1, 2], [3]]",
                );
            }
        }
    }

    /// What each direction between two servers has of its own fits the ensemble.
    fn links(&mut self, document: &Document, total: u16) {
        let swarm = document
            .chaos
            .as_ref()
            .and_then(|chaos| chaos.swarm.as_ref());
        let drawn = swarm.is_some_and(|swarm| swarm.voters.is_some() || swarm.observers.is_some());
        let size = usize::from(total);
        let network = &document.network;
        let square = |rows: Vec<usize>| rows.len() == size && rows.iter().all(|len| *len == size);
        let matrix = network.matrix.as_ref();
        let matrix = matrix.map(|table| {
            let rows = table.get_ref().iter().map(Vec::len).collect();
            (table.span(), square(rows))
        });
        let loss = network.link_loss.as_ref();
        let loss = loss.map(|table| {
            let rows = table.get_ref().iter().map(Vec::len).collect();
            (table.span(), square(rows))
        });
        for (span, fits) in [matrix, loss].into_iter().flatten() {
            if drawn {
                self.add(
                    span.clone(),
                    "a matrix is for a fixed ensemble, but the swarm draws its size".to_owned(),
                    "drop the matrix, or `voters` and `observers` of [chaos.swarm]",
                );
            }
            if !fits {
                self.add(
                    span,
                    format!("the matrix does not fit {total} servers"),
                    &format!("expected {total} rows of {total} values each"),
                );
            }
        }
    }

    fn number(&mut self, value: &Spanned<u32>, name: &str, min: u32, max: u32) {
        let number = *value.get_ref();
        if number < min || number > max {
            self.out_of_range(value.span(), name, number.into(), (min, max));
        }
    }

    fn out_of_range(
        &mut self,
        span: Range<usize>,
        name: &str,
        number: u64,
        (min, max): (u32, u32),
    ) {
        self.add(
            span,
            format!("`{name}` is {number}"),
            &format!("expected a number from {min} to {max}"),
        );
    }

    /// A knob may stand in its protocol's section or outside of it, and not in both.
    fn once<V>(&mut self, knobs: &Given<V>) {
        for (place, (key, value)) in knobs.0.iter().enumerate() {
            if knobs.0[..place].iter().any(|(other, _)| other == key) {
                let name = key.about.name;
                self.add(
                    value.span(),
                    format!("`{name}` is given twice"),
                    &format!("expected it once: with the others, or as `{}`", key.path()),
                );
            }
        }
    }

    fn knobs(&mut self, knobs: &KnobsSection) {
        self.once(knobs);
        for (key, value) in &knobs.0 {
            if let Unit::Count { min, max } = key.about.unit
                && !(u64::from(min)..=u64::from(max)).contains(value.get_ref())
            {
                self.out_of_range(value.span(), key.about.name, *value.get_ref(), (min, max));
            }
        }
        for tables in protocols() {
            let given = |name: &str| {
                let own = knobs
                    .0
                    .iter()
                    .find(|(key, _)| key.protocol == Some(tables.name) && key.about.name == name);
                own.map(|(_, value)| value)
            };
            for (low, high) in tables.ordered {
                if let (Some(min), Some(max)) = (given(low), given(high))
                    && min.get_ref() > max.get_ref()
                {
                    self.add(
                        min.span(),
                        format!("`{low}` is above `{high}`"),
                        &format!("expected {low} <= {high}"),
                    );
                }
            }
        }
    }

    /// Timers that would come too often for the length of the run.
    fn costs(&mut self, document: &Document) {
        let extent = Extent {
            length: document.duration.get_ref().0,
            servers: u64::from(smallest_ensemble(document)).max(1),
        };
        let knobs = document.knobs.0.iter();
        let intervals = knobs.filter(|(key, _)| matches!(key.about.unit, Unit::Interval { .. }));
        let intervals = intervals.map(|(key, value)| {
            let interval = Span(*value.get_ref());
            (value.span(), key.about.name, interval)
        });
        let removal = document.ensemble.removal_interval.as_ref();
        let removal = removal.map(|value| (value.span(), "removal_interval", value.get_ref().0));
        for (span, name, interval) in intervals.chain(removal) {
            if let Err(why) = affordable(interval, extent) {
                self.add(span, format!("`{name}` is too short"), &why);
            }
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
        if let Some(twin) = &document.network.twin {
            self.latency(twin.span(), twin.get_ref());
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
            (&workload.depth, "depth", DEPTH_MAX),
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
        self.number(&workload.data_max, "data_max", 0, DATA_MAX);
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
}
