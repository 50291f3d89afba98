//! From a scenario and a seed to everything that a run is made of, fully resolved and printable.

mod quorums;

use std::sync::Arc;

use menagerie::ids::{ClientId, NodeId, Span};
use menagerie::mutation::Mutations;
use menagerie::protocol::QuorumRule;
use menagerie::protocol::knobs::Pick;
use menagerie::quorum::Quorums;
use menagerie::server::ServerSettings;
use toml::Spanned;

use crate::chance::decision::{Source, Table};
use crate::chance::dice::{Concern, Dice, Draw};
use crate::chance::latency::Latency;
use crate::run::RunSpec;
use crate::scenario::Scenario;
use crate::scenario::adversity::{Core, QuorumKind, SwarmSection};
use crate::scenario::knobs::KnobsSection;
use crate::scenario::plan::Plan;
use crate::scenario::quantity::Duration;
use crate::scenario::quantity::LatencySection;
use crate::scenario::schema::{Document, Expect};
use crate::scenario::script::{Act, Move, Script, ScriptedOp, parse_act};
use crate::scenario::workload::WorkloadSpec;
use crate::world::WorldSpec;
use crate::world::channels::NetworkSpec;
use crate::world::clock::ClockSpec;
use crate::world::disk::DiskSpec;
use crate::world::knobs::{AllKnobs, Key};
use crate::world::recovery;

/// What is strained is not also put into bad weather: sessions that end before anybody can be
/// answered are opened for ever, by whatever protocol. So many clients are a crowd.
const CROWD: u16 = 100;
/// A queue of fewer requests is small.
const SMALL_QUEUE: u32 = 10;
/// The shortest session timeout there.
const STRAINED_SESSION_TIMEOUT: Span = Span::secs(1);
/// The shortest session timeout where messages are lost: a session has to outlast a few of them.
const LOSSY_SESSION_TIMEOUT: Span = Span::millis(500);
/// The shortest session timeout where servers outside the core stay slow: one of them may lead, and
/// a session has to outlast a question to it.
const LEFT_SLOW_SESSION_TIMEOUT: Span = Span::millis(250);
/// What one micro-step of a server takes.
const MICRO_STEP: Span = Span::micros(5);
/// The stream of the draws that resolve a swarm's options.
const SWARM: u64 = 0x5741_524d;
/// The stream of the draws of weights and groups.
const QUORUMS: u64 = 0x5155_4f52;

/// A run, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The servers, the network, the disks and the clocks.
    pub world: WorldSpec,
    /// The clients.
    pub workload: WorkloadSpec,
    /// The faults.
    pub plan: Plan,
    /// How long the safety phase lasts.
    pub duration: Span,
    /// How long the liveness phase may last.
    pub bound: Span,
    /// Which servers are healed for it.
    pub core: Core,
    /// What the run must show.
    pub expect: Expect,
    /// What is laid down instead of being drawn.
    pub script: Option<Script>,
    /// Whether the run ends with its safety phase.
    pub skip_liveness: bool,
    /// A checker at whose first violation the run ends: what comes later does not matter to
    /// whoever asks.
    pub stop_early: Option<Arc<str>>,
}

impl Resolved {
    /// Whether the servers that are to be healed are a quorum. Those that the run chooses are.
    pub(crate) fn heals_a_quorum(&self) -> bool {
        let script = self.script.as_ref();
        script
            .and_then(|script| script.core.as_ref())
            .is_none_or(|core| {
                let voters: Vec<NodeId> = (1..=self.world.voters).map(NodeId).collect();
                let healed = core.iter().copied().collect();
                Quorums::of(&voters, &self.world.quorums).contain(healed)
            })
    }

    /// Resolves a run; the same for every protocol.
    pub fn new(run: &RunSpec) -> Resolved {
        let document = &run.scenario.document;
        let dice = Dice::new(run.seed);
        let mut base = Base::of(document);
        if let Some(swarm) = document
            .chaos
            .as_ref()
            .and_then(|chaos| chaos.swarm.as_ref())
        {
            base.draw(swarm, &dice);
            base.draw_links(swarm, &dice);
        }
        let workload = base.workload.clone();
        let core = base.core;
        let plan = Plan::draw(document, base.voters, &dice);
        let world = base.world(document, run);
        let bound = match &document.liveness.bound {
            Some(bound) => bound.get_ref().0,
            None => recovery::bound(&world, workload.pipeline),
        };
        Resolved {
            workload,
            duration: document.duration.get_ref().0,
            core,
            expect: expectation(run),
            script: script(document),
            skip_liveness: document.liveness.skip,
            stop_early: None,
            bound,
            world,
            plan,
        }
    }

    /// Resolves a scenario in which nothing is drawn, with its own bugs.
    pub fn of_scenario(scenario: &Scenario) -> Resolved {
        Resolved::new(&RunSpec {
            mutations: scenario.mutations(),
            scenario: Arc::new(scenario.clone()),
            seed: 1,
            checks: true,
            trace: false,
        })
    }
}

/// What a swarm may change.
struct Base {
    voters: u8,
    observers: u8,
    quorums: QuorumRule,
    capture_chunk: u32,
    knobs: AllKnobs,
    session_timeout: Duration,
    workload: WorkloadSpec,
    loss_ppm: u32,
    duplicate_ppm: u32,
    twin: Option<LatencySection>,
    link_loss_ppm: Option<Vec<Vec<u32>>>,
    matrix: Option<Vec<Vec<Span>>>,
    drift_ppm: u32,
    lan: LatencySection,
    sync: LatencySection,
    core: Core,
}

impl Base {
    fn of(document: &Document) -> Base {
        Base {
            voters: *document.ensemble.voters.get_ref(),
            observers: *document.ensemble.observers.get_ref(),
            quorums: document.ensemble.quorums(),
            capture_chunk: *document.ensemble.capture_chunk.get_ref(),
            knobs: knobs(&document.knobs),
            session_timeout: *document.workload.session_timeout.get_ref(),
            workload: workload(document),
            loss_ppm: document.network.loss.ppm,
            duplicate_ppm: document.network.duplicate.ppm,
            twin: document
                .network
                .twin
                .as_ref()
                .map(|twin| twin.get_ref().clone()),
            link_loss_ppm: rows(document.network.link_loss.as_ref(), |loss| loss.ppm),
            matrix: rows(document.network.matrix.as_ref(), |delay| delay.0),
            drift_ppm: document.clock.drift.get_ref().ppm,
            lan: document.network.lan.get_ref().clone(),
            sync: document.disk.sync.get_ref().clone(),
            core: document.liveness.core,
        }
    }

    /// Draws the options of one run. Each option has a number of its own, so that a new one does
    /// not shift the others.
    fn draw(&mut self, swarm: &SwarmSection, dice: &Dice) {
        let draw = |option: u64| dice.draw(Concern::Driver, SWARM, option);
        choose(&mut self.voters, swarm.voters.as_ref(), draw(1));
        choose(&mut self.observers, swarm.observers.as_ref(), draw(2));
        self.draw_quorums(swarm, dice);
        for (key, values) in &swarm.knobs.0 {
            let values = values.get_ref();
            if let Some(swarm) = key.about.swarm {
                let draw = draw(swarm.option);
                let value = match swarm.pick {
                    Pick::Between => draw.range(values[0].into(), values[1].into()),
                    Pick::OneOf => values[draw.below(values.len() as u64) as usize].into(),
                };
                self.knobs.set(key, value);
            }
        }
        between(
            &mut self.capture_chunk,
            swarm.capture_chunk.as_ref(),
            draw(7),
        );
        self.loss_ppm += sometimes(swarm.loss_max.ppm, draw(9), draw(10));
        self.duplicate_ppm += sometimes(swarm.duplicate_max.ppm, draw(11), draw(12));
        self.drift_ppm =
            self.drift_ppm
                .max(sometimes(swarm.drift_max.get_ref().ppm, draw(13), draw(14)));
        let calm = (self.lan.clone(), self.sync.clone());
        choose(&mut self.lan, swarm.lan.as_ref(), draw(15));
        choose(&mut self.sync, swarm.sync.as_ref(), draw(16));
        choose(&mut self.core, swarm.liveness_core.as_ref(), draw(17));
        let usual = self.workload.clients;
        let workload = &mut self.workload;
        choose(&mut workload.clients, swarm.clients.as_ref(), draw(18));
        if workload.clients > usual {
            let crowd = u64::from(workload.clients.div_ceil(4 * usual));
            workload.think = workload.think.times(crowd);
        }
        choose(&mut workload.pipeline, swarm.pipeline.as_ref(), draw(19));
        choose(&mut workload.keys, swarm.keys.as_ref(), draw(20));
        choose(&mut workload.depth, swarm.depth.as_ref(), draw(21));
        choose(&mut workload.data_max, swarm.data_max.as_ref(), draw(22));
        choose(
            &mut self.session_timeout,
            swarm.session_timeout.as_ref(),
            draw(23),
        );
        if self.core != Core::All {
            self.session_timeout = self
                .session_timeout
                .max(Duration(LEFT_SLOW_SESSION_TIMEOUT));
        }
        if self.is_strained() {
            (self.lan, self.sync) = calm;
            self.loss_ppm = 0;
            // A crowd asks one thing at a time; a small queue is full all the same.
            let pipeline = if self.workload.clients >= CROWD { 1 } else { 2 };
            self.workload.pipeline = self.workload.pipeline.min(pipeline);
            self.session_timeout = self.session_timeout.max(Duration(STRAINED_SESSION_TIMEOUT));
            for key in Key::all() {
                let least = u64::from(key.about.strained_min);
                let value = self.knobs.value(&key);
                self.knobs.set(&key, value.max(least));
            }
        }
        if let Some(twins) = &swarm.twin {
            let twins = twins.get_ref();
            self.twin = Some(twins[draw(25).below(twins.len() as u64) as usize].clone());
        }
    }

    /// Draws who counts for how much.
    fn draw_quorums(&mut self, swarm: &SwarmSection, dice: &Dice) {
        let mut kind = QuorumKind::Majority;
        let draw = dice.draw(Concern::Driver, SWARM, 31);
        choose(&mut kind, swarm.quorums.as_ref(), draw);
        let mut draws = dice.stream(Concern::Driver, QUORUMS);
        match kind {
            QuorumKind::Majority => {}
            QuorumKind::Weights => self.quorums = quorums::weighted(self.voters, &mut draws),
            QuorumKind::Groups => self.quorums = quorums::grouped(self.voters, &mut draws),
        }
    }

    /// Whether the run has more clients or less room for requests than is usual.
    fn is_strained(&self) -> bool {
        self.workload.clients >= CROWD || self.knobs.shared.outstanding_max < SMALL_QUEUE
    }

    /// Draws what each direction between two servers has of its own.
    fn draw_links(&mut self, swarm: &SwarmSection, dice: &Dice) {
        if self.is_strained() {
            return;
        }
        let draw = |option: u64| dice.draw(Concern::Driver, SWARM, option);
        let size = usize::from(self.voters) + usize::from(self.observers);
        let each = |option: u64, max: u64| {
            let one = |from: usize, to: usize| {
                let place = (from * size + to) as u64;
                dice.draw(Concern::Driver, SWARM + option, place)
                    .range(0, max)
            };
            let row = |from: usize| (0..size).map(|to| one(from, to)).collect();
            (0..size).map(row).collect::<Vec<Vec<u64>>>()
        };
        let loss = sometimes(swarm.link_loss_max.ppm, draw(26), draw(27));
        if loss > 0 {
            let rows = each(26, u64::from(loss)).into_iter();
            let narrow = |row: Vec<u64>| row.into_iter().map(|ppm| ppm as u32).collect();
            self.link_loss_ppm = Some(rows.map(narrow).collect());
        }
        if self.loss_ppm > 0 || self.link_loss_ppm.is_some() {
            self.session_timeout = self.session_timeout.max(Duration(LOSSY_SESSION_TIMEOUT));
        }
        let longest = swarm.distance_max.get_ref().0.0;
        if longest > 0 && draw(28).chance_ppm(500_000) {
            let longest = draw(29).range(0, longest);
            let rows = each(28, longest).into_iter();
            let spans = |row: Vec<u64>| row.into_iter().map(Span).collect();
            self.matrix = Some(rows.map(spans).collect());
        }
    }

    fn world(self, document: &Document, run: &RunSpec) -> WorldSpec {
        let tick = self.knobs.shared.tick;
        WorldSpec {
            seed: run.seed,
            voters: self.voters,
            observers: self.observers,
            quorums: self.quorums,
            clients: self.workload.clients,
            homes: Vec::new(),
            mutations: run.mutations,
            settings: ServerSettings {
                session_timeout_min: tick.times(2),
                session_timeout_max: tick.times(20),
                capture_chunk: self.capture_chunk as usize,
                removal_interval: document
                    .ensemble
                    .removal_interval
                    .as_ref()
                    .map_or(removal_interval(tick), |interval| interval.get_ref().0),
                superuser: None,
            },
            knobs: self.knobs,
            session_timeout: self.session_timeout.0,
            network: NetworkSpec {
                lan: latency(&self.lan),
                matrix: self.matrix,
                client: latency(document.network.client.get_ref()),
                loss_ppm: self.loss_ppm.min(1_000_000),
                duplicate_ppm: self.duplicate_ppm.min(1_000_000),
                twin: self.twin.as_ref().map(latency),
                link_loss_ppm: self.link_loss_ppm,
                patience: document.network.patience.get_ref().0,
                dial_timeout: document.network.dial_timeout.get_ref().0,
            },
            disk: DiskSpec {
                write: latency(document.disk.write.get_ref()),
                sync: latency(&self.sync),
                read: latency(document.disk.read.get_ref()),
            },
            clock: ClockSpec {
                drift_ppm_max: self.drift_ppm,
            },
            micro_step: MICRO_STEP,
            decisions: decisions(document),
            record: false,
            checks: run.checks,
            trace: run.trace,
        }
    }
}

fn choose<T: Clone>(value: &mut T, choices: Option<&Spanned<Vec<T>>>, draw: Draw) {
    if let Some(choices) = choices {
        let choices = choices.get_ref();
        *value = choices[draw.below(choices.len() as u64) as usize].clone();
    }
}

fn between(value: &mut u32, range: Option<&Spanned<[u32; 2]>>, draw: Draw) {
    if let Some(range) = range {
        let [min, max] = *range.get_ref();
        *value = draw.range(u64::from(min), u64::from(max)) as u32;
    }
}

/// Nothing in half of the runs, else anything up to `max`.
fn sometimes(max: u32, whether: Draw, how_much: Draw) -> u32 {
    if whether.chance_ppm(500_000) {
        how_much.range(0, u64::from(max)) as u32
    } else {
        0
    }
}

fn latency(section: &LatencySection) -> Latency {
    match section {
        LatencySection::Constant(span) => Latency::Constant(span.0),
        LatencySection::Uniform { min, max } => Latency::Uniform {
            min: min.0,
            max: max.0,
        },
        LatencySection::Exponential { mean } => Latency::Exponential { mean: mean.0 },
        LatencySection::LogNormal { median, p99 } => Latency::LogNormal {
            median: median.0,
            p99: p99.0,
        },
    }
}

/// What each direction between two servers has of its own.
fn rows<T, U>(
    table: Option<&Spanned<Vec<Vec<T>>>>,
    value: impl Fn(&T) -> U,
) -> Option<Vec<Vec<U>>> {
    let row = |row: &Vec<T>| row.iter().map(&value).collect();
    table.map(|table| table.get_ref().iter().map(row).collect())
}

fn knobs(section: &KnobsSection) -> AllKnobs {
    let mut knobs = AllKnobs::default();
    for (key, value) in &section.0 {
        knobs.set(key, *value.get_ref());
    }
    knobs
}

/// How often the leader looks for containers and TTL nodes to remove, if nothing else is said.
pub(super) fn removal_interval(tick: Span) -> Span {
    tick.times(5)
}

/// A scenario with bugs of its own expects what it says only with those.
fn expectation(run: &RunSpec) -> Expect {
    let document = &run.scenario.document;
    let expect = document.expect.get_ref();
    let own = document.mutations.get_ref();
    if own.is_empty() || run.mutations == run.scenario.mutations() {
        return expect.clone();
    }
    match expect.subject() {
        None => Expect::Pass,
        // With other bugs than its own nobody knows; without any, what failed has to hold.
        Some(checker) => Expect::Hold(checker.to_owned()),
    }
}

fn decisions(document: &Document) -> Source {
    match &document.irregular {
        None => Source::Dice,
        Some(irregular) => {
            let table = irregular.iter().map(|(name, value)| (*name, value.word()));
            Source::Table(Arc::new(Table(table.collect())))
        }
    }
}

fn script(document: &Document) -> Option<Script> {
    let entries = document.operation.as_ref()?;
    let mut operations: Vec<ScriptedOp> = entries
        .iter()
        .map(|entry| {
            let act = parse_act(entry.r#do.get_ref()).expect("checked when the file was read");
            let (request, moves) = match act {
                Act::Ask(request) => (Some(request), Move::Hop),
                Act::Move(moves) => (None, moves),
            };
            ScriptedOp {
                at: entry.at.get_ref().0,
                after: 0,
                client: ClientId(*entry.client.get_ref()),
                request,
                moves,
                synced: entry.synced,
            }
        })
        .collect();
    operations.sort_by_key(|operation| operation.at);
    let servers = document.liveness.servers.as_ref();
    Some(Script {
        operations,
        core: servers.map(|servers| servers.iter().copied().map(NodeId).collect()),
    })
}

fn workload(document: &Document) -> WorkloadSpec {
    let section = &document.workload;
    WorkloadSpec {
        clients: *section.clients.get_ref(),
        pipeline: *section.pipeline.get_ref(),
        depth: *section.depth.get_ref(),
        data_max: *section.data_max.get_ref(),
        think: latency(section.think.get_ref()),
        keys: *section.keys.get_ref(),
        parents: *section.parents.get_ref(),
        reads: section.reads,
        watches_ppm: section.watches.ppm,
        mix: section.mix.get_ref().clone(),
    }
}

/// The mutations that are on, by their ids, for lines to paste.
pub fn mutation_ids(mutations: Mutations) -> Vec<&'static str> {
    mutations
        .iter()
        .map(|mutation| mutation.entry().id)
        .collect()
}
