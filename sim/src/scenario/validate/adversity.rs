//! Checks of `[[fault]]` and `[chaos]`.

use menagerie::ids::Span;
use menagerie::protocol::knobs::{Pick, Unit};
use toml::Spanned;

use super::{CLIENTS_MAX, DATA_MAX, DEPTH_MAX, KEYS_MAX, PIPELINE_MAX, Problems};
use crate::scenario::adversity::{ChaosSection, SwarmSection};
use crate::scenario::fault::{FaultEntry, Shape};
use crate::scenario::knobs::SwarmKnobs;
use crate::scenario::quantity::{Duration, Target};
use crate::scenario::script::parse_action;
use crate::world::Action;

/// The shortest mean time between two faults of chaos.
const GAP_MIN: Span = Span::millis(1);

impl Problems {
    pub(super) fn fault(&mut self, fault: &FaultEntry, servers: u16, end: Span) {
        let fields = &fault.fields;
        if let Some(at) = &fields.at {
            self.times(at, fields.r#for.as_ref().or(fields.down.as_ref()), end);
        }
        if let Some(node) = &fields.node {
            self.target(node, servers);
            if let Some(shape) = fields.shape {
                self.partition_node(shape, node);
            }
        }
        for (span, name) in [(&fields.by, "by"), (&fields.every, "every")] {
            if let Some(span) = span {
                self.positive(span, name);
            }
        }
        if let Some(count) = fields.count.as_ref().filter(|count| *count.get_ref() == 0) {
            let what = "no sync would fail".to_owned();
            self.add(count.span(), what, "expected 1 or more");
        }
        if let Some(texts) = &fields.r#do {
            self.actions(texts, servers);
        }
        if let Some(period) = &fields.period
            && period.get_ref().0 < Span::millis(1)
        {
            self.add(
                period.span(),
                "`period` is shorter than a millisecond".to_owned(),
                "expected 1ms or more",
            );
        }
    }

    /// Actions that are spelled out name servers that there are.
    fn actions(&mut self, texts: &Spanned<Vec<String>>, servers: u16) {
        for text in texts.get_ref() {
            match parse_action(text) {
                Err(why) => self.add(texts.span(), "this is no action".to_owned(), &why),
                Ok(actions) => {
                    let named = actions.iter().flat_map(Action::nodes);
                    if let Some(unknown) = named.max().filter(|node| u16::from(node.0) > servers) {
                        self.add(
                            texts.span(),
                            format!("there is no server {unknown}"),
                            &format!("servers are numbered from n1 to n{servers}"),
                        );
                    }
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

    pub(super) fn chaos(&mut self, chaos: &ChaosSection, end: Span) {
        self.times(&chaos.from, None, end);
        if chaos.gap.get_ref().0 < GAP_MIN {
            self.add(
                chaos.gap.span(),
                format!("`gap` is shorter than {GAP_MIN}"),
                "expected 1ms or more: faults that follow each other faster are one fault",
            );
        }
        self.positive(&chaos.hold_min, "hold_min");
        if chaos.hold_min.get_ref() > chaos.hold_max.get_ref() {
            self.add(
                chaos.hold_min.span(),
                "`hold_min` is longer than `hold_max`".to_owned(),
                "expected hold_min <= hold_max",
            );
        }
        let weights = chaos.weights.get_ref().by_family();
        let weights: Vec<u32> = weights.into_iter().map(|(_, weight)| weight).collect();
        self.weights(chaos.weights.span(), &weights);
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

    /// What the swarm draws of the workload is what a workload may be.
    fn swarm_workload(&mut self, swarm: &SwarmSection) {
        let small = |list: &Spanned<Vec<u16>>| {
            let numbers = list.get_ref().iter().map(|number| u32::from(*number));
            (list.span(), numbers.collect::<Vec<u32>>())
        };
        let tiny = |list: &Spanned<Vec<u8>>| {
            let numbers = list.get_ref().iter().map(|number| u32::from(*number));
            (list.span(), numbers.collect::<Vec<u32>>())
        };
        let wide = |list: &Spanned<Vec<u32>>| (list.span(), list.get_ref().clone());
        let lists = [
            (swarm.clients.as_ref().map(small), 1, u32::from(CLIENTS_MAX)),
            (
                swarm.pipeline.as_ref().map(tiny),
                1,
                u32::from(PIPELINE_MAX),
            ),
            (swarm.keys.as_ref().map(small), 1, u32::from(KEYS_MAX)),
            (swarm.depth.as_ref().map(small), 1, u32::from(DEPTH_MAX)),
            (swarm.data_max.as_ref().map(wide), 0, DATA_MAX),
        ];
        for (list, min, max) in lists {
            let Some((span, numbers)) = list else {
                continue;
            };
            if numbers.is_empty() || numbers.iter().any(|n| !(min..=max).contains(n)) {
                self.add(
                    span,
                    "nothing can be drawn from this".to_owned(),
                    &format!("expected a list of numbers from {min} to {max}"),
                );
            }
        }
        if let Some(timeouts) = &swarm.session_timeout
            && (timeouts.get_ref().is_empty()
                || timeouts
                    .get_ref()
                    .iter()
                    .any(|timeout| timeout.0 == Span::ZERO))
        {
            self.add(
                timeouts.span(),
                "no session timeout can be drawn from this".to_owned(),
                "expected a list of spans above zero",
            );
        }
    }

    /// What the swarm draws a knob from is what the knob may be.
    fn swarm_knobs(&mut self, knobs: &SwarmKnobs) {
        self.once(knobs);
        for (key, values) in &knobs.0 {
            let (Unit::Count { min, max }, Some(swarm)) = (key.about.unit, key.about.swarm) else {
                continue;
            };
            let name = key.about.name;
            let list = values.get_ref();
            match (swarm.pick, list.as_slice()) {
                (Pick::Between, [from, to]) => {
                    let range = Spanned::new(values.span(), [*from, *to]);
                    self.range(&range, name, min, max);
                }
                (Pick::Between, _) => self.add(
                    values.span(),
                    format!("`{name}` is drawn from {} numbers", list.len()),
                    &format!("expected [min, max] with {min} <= min <= max <= {max}"),
                ),
                (Pick::OneOf, list) => {
                    if list.is_empty() || list.iter().any(|n| !(min..=max).contains(n)) {
                        self.add(
                            values.span(),
                            format!("no `{name}` can be drawn from this"),
                            &format!("expected a list of numbers from {min} to {max}"),
                        );
                    }
                }
            }
        }
    }

    /// Both ends of a range.
    fn range(&mut self, range: &Spanned<[u32; 2]>, name: &str, least: u32, most: u32) {
        let [min, max] = *range.get_ref();
        if min < least || min > max || max > most {
            self.add(
                range.span(),
                format!("`{name}` is drawn from {min} to {max}"),
                &format!("expected [min, max] with {least} <= min <= max <= {most}"),
            );
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
        if let Some(chunk) = &swarm.capture_chunk {
            self.range(chunk, "capture_chunk", 1, 1_000_000);
        }
        self.swarm_knobs(&swarm.knobs);
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
        if let Some(quorums) = &swarm.quorums
            && quorums.get_ref().is_empty()
        {
            self.add(
                quorums.span(),
                "no quorums can be drawn from this".to_owned(),
                "expected a list of \"majority\", \"weights\" and \"groups\"",
            );
        }
        if let Some(cores) = &swarm.liveness_core
            && cores.get_ref().is_empty()
        {
            self.add(
                cores.span(),
                "no core can be drawn from this".to_owned(),
                "expected a list of \"all\", \"quorum\" and \"worst\"",
            );
        }
        self.swarm_workload(swarm);
        for choice in [&swarm.lan, &swarm.sync, &swarm.twin].into_iter().flatten() {
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
