//! The sections of a scenario file that say what goes wrong: `[[fault]]` and `[chaos]`.

use menagerie::ids::Span;
use serde::Deserialize;
use toml::Spanned;

use super::quantity::{Duration, Ratio, Target};
use super::schema::{Core, LatencySection, unplaced};

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashSection {
    /// The process dies; what it wrote survives.
    Process,
    /// The power fails; what it synced survives.
    Power,
}

/// One entry of `[[fault]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultEntry {
    /// Servers die; with `for` they are started again, else they stay down until the end.
    Crash {
        /// When.
        at: Spanned<Duration>,
        /// Which.
        node: Spanned<Target>,
        /// How.
        #[serde(default = "process")]
        kind: CrashSection,
        /// How long they stay down.
        r#for: Option<Spanned<Duration>>,
    },
    /// The network between servers is cut.
    Partition {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// How.
        shape: Shape,
        /// Whom the shape is about; its own default if absent.
        node: Option<Spanned<Target>>,
    },
    /// Servers stand still and then go on as if nothing had happened.
    Pause {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// Which.
        node: Spanned<Target>,
    },
    /// Every message from and to these servers takes longer.
    SlowLink {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// Whose links.
        node: Spanned<Target>,
        /// How much longer.
        by: Spanned<Duration>,
    },
    /// Every write and sync of these servers takes longer.
    SlowDisk {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// Whose disks.
        node: Spanned<Target>,
        /// How much longer.
        by: Spanned<Duration>,
    },
    /// The next syncs of these servers fail.
    FailSync {
        /// When.
        at: Spanned<Duration>,
        /// When, after that, syncs succeed again and a server that saw one fail is started again.
        r#for: Option<Spanned<Duration>>,
        /// Whose syncs.
        node: Spanned<Target>,
        /// How many.
        #[serde(default = "once")]
        count: Spanned<u32>,
    },
    /// These servers and their clients do not hear each other.
    ClientCut {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// Which.
        node: Spanned<Target>,
    },
    /// More datagrams are lost.
    Loss {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// How many.
        rate: Ratio,
    },
    /// More datagrams arrive twice.
    Duplicate {
        /// When.
        at: Spanned<Duration>,
        /// How long.
        r#for: Option<Spanned<Duration>>,
        /// How many.
        rate: Ratio,
    },
    /// Exactly these actions, as in `cut n1 | n2 n3`.
    Actions {
        /// When.
        at: Spanned<Duration>,
        /// How long; until the end of the safety phase if absent.
        r#for: Option<Spanned<Duration>>,
        /// What.
        r#do: Spanned<Vec<String>>,
    },
    /// Every open stream of these servers breaks.
    Reset {
        /// When.
        at: Spanned<Duration>,
        /// Whose.
        node: Spanned<Target>,
    },
    /// One server after the other is stopped and started again.
    RollingRestart {
        /// When the first stops.
        at: Spanned<Duration>,
        /// From one stop to the next.
        every: Spanned<Duration>,
        /// How long each stays down.
        down: Spanned<Duration>,
        /// How they stop.
        #[serde(default = "process")]
        kind: CrashSection,
    },
    /// A server's links go down and up, again and again.
    Flap {
        /// When the first cut comes.
        at: Spanned<Duration>,
        /// How long the flapping goes on.
        r#for: Spanned<Duration>,
        /// From one cut to the next; a cut lasts half of it.
        period: Spanned<Duration>,
        /// Whose links.
        node: Spanned<Target>,
    },
}

/// The shapes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A minority of the voters (with `node` among them, if given) against the rest.
    Split,
    /// The leader against all others.
    IsolateLeader,
    /// A follower against all others.
    IsolateFollower,
    /// `node` (the leader, if absent) hears the others, but they do not hear it.
    OneWay,
    /// `node` (the leader, if absent) is heard by the others, but does not hear them.
    OneWayIn,
    /// Two halves that see each other only through `node` (a drawn voter, if absent).
    Bridge,
}

fn once() -> Spanned<u32> {
    unplaced(1)
}

fn process() -> CrashSection {
    CrashSection::Process
}

/// `[chaos]`: faults drawn from the seed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChaosSection {
    /// When the first fault may come.
    pub from: Spanned<Duration>,
    /// The mean time from one fault to the next.
    pub gap: Spanned<Duration>,
    /// The shortest time a fault lasts.
    pub hold_min: Spanned<Duration>,
    /// The longest time a fault lasts.
    pub hold_max: Spanned<Duration>,
    /// How often each family is drawn; a family of weight 0 is never drawn.
    pub weights: Spanned<ChaosWeights>,
    /// How likely it is that a family that is not off anyhow is on in a run.
    #[serde(default = "always")]
    pub family_on: Ratio,
    /// The budget.
    #[serde(default)]
    pub budget: BudgetSection,
    /// What else is drawn for each run; absent: nothing.
    pub swarm: Option<SwarmSection>,
}

fn always() -> Ratio {
    Ratio { ppm: 1_000_000 }
}

/// `[chaos.weights]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChaosWeights {
    /// Processes die.
    pub crash: u32,
    /// Power fails.
    pub power: u32,
    /// Networks are cut.
    pub partition: u32,
    /// Servers stand still.
    pub pause: u32,
    /// Links are slow.
    pub slow_link: u32,
    /// Disks are slow.
    pub slow_disk: u32,
    /// Datagrams are lost.
    pub loss: u32,
    /// Datagrams arrive twice.
    pub duplicate: u32,
    /// Streams break.
    pub reset: u32,
    /// Servers are cut off from their clients.
    pub client_cut: u32,
    /// Syncs fail, and often the power of the same server afterwards.
    pub failed_sync: u32,
}

impl ChaosWeights {
    /// The weights in a fixed order, which the plan's draws rely on.
    pub fn weights(&self) -> [u32; 11] {
        [
            self.crash,
            self.power,
            self.partition,
            self.pause,
            self.slow_link,
            self.slow_disk,
            self.loss,
            self.duplicate,
            self.reset,
            self.client_cut,
            self.failed_sync,
        ]
    }
}

/// `[chaos.budget]`: both currencies of the fault budget.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetSection {
    /// Crashes and loss of what was not synced: any number if absent.
    pub crashes_max: Option<u32>,
    /// Durable damage (rot, a lying sync, a wiped disk): none in this version.
    pub durable_damage_max: Option<Spanned<u32>>,
}

/// `[chaos.swarm]`: options drawn for each run, both ends included.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SwarmSection {
    /// One of these numbers of voters.
    pub voters: Option<Spanned<Vec<u8>>>,
    /// One of these numbers of observers.
    pub observers: Option<Spanned<Vec<u8>>>,
    /// See [`super::schema::KnobsSection::committed_log_window`].
    pub committed_log_window: Option<Spanned<[u32; 2]>>,
    /// See [`super::schema::KnobsSection::snapshot_every`].
    pub snapshot_every: Option<Spanned<[u32; 2]>>,
    /// See [`super::schema::KnobsSection::window`].
    pub window: Option<Spanned<[u32; 2]>>,
    /// See [`super::schema::KnobsSection::log_tail`].
    pub log_tail: Option<Spanned<[u32; 2]>>,
    /// See [`super::schema::EnsembleSection::capture_chunk`].
    pub capture_chunk: Option<Spanned<[u32; 2]>>,
    /// One of these widths of the zxid's counter.
    pub zxid_counter_bits: Option<Spanned<Vec<u32>>>,
    /// The most datagrams that are lost in fair weather; half of the runs lose none.
    pub loss_max: Ratio,
    /// The most datagrams that arrive twice in fair weather; half of the runs see none.
    pub duplicate_max: Ratio,
    /// The greatest drift of clocks.
    pub drift_max: Spanned<Ratio>,
    /// The most datagrams that are lost on one link, beside `loss_max`, drawn for each direction;
    /// half of the runs lose none.
    pub link_loss_max: Ratio,
    /// The longest way between two servers, drawn for each direction and added to `lan`; in half
    /// of the runs there is none.
    pub distance_max: Spanned<Duration>,
    /// One of these numbers of clients. With more clients than `[workload]` says each thinks so
    /// many times longer, and keeps one operation open.
    pub clients: Option<Spanned<Vec<u16>>>,
    /// One of these pipelines; see [`super::schema::WorkloadSection::pipeline`].
    pub pipeline: Option<Spanned<Vec<u8>>>,
    /// One of these numbers of plain nodes.
    pub keys: Option<Spanned<Vec<u16>>>,
    /// One of these depths; see [`super::schema::WorkloadSection::depth`].
    pub depth: Option<Spanned<Vec<u16>>>,
    /// One of these sizes; see [`super::schema::WorkloadSection::data_max`].
    pub data_max: Option<Spanned<Vec<u32>>>,
    /// One of these session timeouts.
    pub session_timeout: Option<Spanned<Vec<Duration>>>,
    /// One of these limits; see [`super::schema::KnobsSection::outstanding_max`].
    pub outstanding_max: Option<Spanned<Vec<u32>>>,
    /// One of these distributions of a datagram's second copy.
    pub twin: Option<Spanned<Vec<LatencySection>>>,
    /// One of these distributions between servers.
    pub lan: Option<Spanned<Vec<LatencySection>>>,
    /// One of these distributions of a sync.
    pub sync: Option<Spanned<Vec<LatencySection>>>,
    /// One of these cores; see [`super::schema::LivenessSection::core`].
    pub liveness_core: Option<Spanned<Vec<Core>>>,
}

impl Default for SwarmSection {
    fn default() -> Self {
        SwarmSection {
            voters: None,
            observers: None,
            committed_log_window: None,
            snapshot_every: None,
            window: None,
            log_tail: None,
            capture_chunk: None,
            zxid_counter_bits: None,
            loss_max: Ratio::default(),
            duplicate_max: Ratio::default(),
            drift_max: unplaced(Ratio::default()),
            link_loss_max: Ratio::default(),
            distance_max: unplaced(Duration(Span::ZERO)),
            clients: None,
            pipeline: None,
            keys: None,
            depth: None,
            data_max: None,
            session_timeout: None,
            outstanding_max: None,
            twin: None,
            lan: None,
            sync: None,
            liveness_core: None,
        }
    }
}
