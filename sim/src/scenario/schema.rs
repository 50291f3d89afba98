//! The sections of a scenario file, as serde reads them.
//!
//! Faults are externally tagged (`crash = { at = "1s" }`), because only then does the parser know
//! the line and column of a misspelt field inside them. What serde cannot say is checked in
//! `super::validate`, for which the values in question keep their place in the text.

use std::collections::BTreeMap;

use menagerie::ids::NodeId;
use menagerie::protocol::QuorumRule;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::adversity::{ChaosSection, Core};
use super::fault::FaultEntry;
use super::knobs::KnobsSection;
use super::mix::Mix;
use super::quantity::{Duration, LatencySection, Ratio, micros, unplaced};
use crate::chance::decision::Name;

/// A whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of this schema: 1.
    pub schema: Spanned<u32>,
    /// What happens and what is expected of it, in two sentences.
    pub story: Spanned<String>,
    /// How long the safety phase lasts.
    pub duration: Spanned<Duration>,
    /// What the run must show.
    #[serde(default = "passing")]
    pub expect: Spanned<Expect>,
    /// The protocol that it is about, unless the command line names another one; every one if
    /// absent.
    pub protocol: Option<String>,
    /// The bugs that are switched on unless the command line names others; with others, the run is
    /// expected to pass.
    #[serde(default = "no_mutations")]
    pub mutations: Spanned<Vec<String>>,
    /// Every operation, if they are spelled out: then nothing of the workload is drawn.
    pub operation: Option<Vec<OperationEntry>>,
    /// What is irregular about the run, by the names of the decisions: then nothing else is drawn,
    /// every other delivery, timer and disk operation takes its plain course.
    pub irregular: Option<BTreeMap<Name, Value>>,
    /// The servers.
    #[serde(default)]
    pub ensemble: EnsembleSection,
    /// Timeouts and sizes that differ from the defaults.
    #[serde(default)]
    pub knobs: KnobsSection,
    /// The network without faults.
    #[serde(default)]
    pub network: NetworkSection,
    /// The disks without faults.
    #[serde(default)]
    pub disk: DiskSection,
    /// The servers' clocks.
    #[serde(default)]
    pub clock: ClockSection,
    /// What clients do.
    #[serde(default)]
    pub workload: WorkloadSection,
    /// What goes wrong, and when.
    #[serde(default)]
    pub fault: Vec<FaultEntry>,
    /// What goes wrong at random.
    pub chaos: Option<ChaosSection>,
    /// What is healed in the end, and what must hold then.
    #[serde(default)]
    pub liveness: LivenessSection,
}

/// One operation that is spelled out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationEntry {
    /// When it is invoked.
    pub at: Spanned<Duration>,
    /// Which client invokes it, from 1.
    pub client: Spanned<u16>,
    /// What is asked, as in `set /a "x" version=3`.
    pub r#do: Spanned<String>,
    /// Whether it is a read behind a sync: then the client invokes a sync right before it.
    #[serde(default)]
    pub synced: bool,
}

/// What a decision comes to: a span with its unit, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a duration such as \"3ms\", or a whole number"
)]
pub enum Value {
    /// A count, a flag, or whatever else is no span.
    Number(u64),
    /// A span.
    Span(Duration),
}

impl Value {
    /// As the table has it.
    pub fn word(self) -> u64 {
        match self {
            Value::Number(number) => number,
            Value::Span(span) => span.0.0,
        }
    }
}

/// What a run must show.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Every checker holds.
    #[default]
    Pass,
    /// The checker of this name reports a violation.
    Fail(String),
    /// The checker of this name had something to judge, and whatever was judged held.
    ///
    /// So ends a scenario that expects a violation of its own bugs when it is run without them: it
    /// is about that checker, and need not show anything of the others.
    Hold(String),
}

impl Expect {
    /// The checker that it is about, if it is about one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Expect::Pass => None,
            Expect::Fail(checker) | Expect::Hold(checker) => Some(checker),
        }
    }

    /// The checker that has to report a violation.
    pub fn failing(&self) -> Option<&str> {
        match self {
            Expect::Pass | Expect::Hold(_) => None,
            Expect::Fail(checker) => Some(checker),
        }
    }
}

fn no_mutations() -> Spanned<Vec<String>> {
    unplaced(Vec::new())
}

fn passing() -> Spanned<Expect> {
    unplaced(Expect::Pass)
}

/// `[ensemble]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleSection {
    /// How many servers vote.
    pub voters: Spanned<u8>,
    /// How many follow without a vote.
    pub observers: Spanned<u8>,
    /// What the vote of each voter weighs; 1 if absent.
    pub weights: Option<Spanned<Vec<u32>>>,
    /// Voters in groups, by their numbers, each in one: more than half of the groups must agree,
    /// each by more than half of its weight.
    pub groups: Option<Spanned<Vec<Vec<u8>>>>,
    /// How many tree nodes one chunk of a snapshot capture takes.
    pub capture_chunk: Spanned<u32>,
    /// How often the leader looks for containers and TTL nodes to remove; five ticks if absent.
    pub removal_interval: Option<Spanned<Duration>>,
}

impl Default for EnsembleSection {
    fn default() -> Self {
        EnsembleSection {
            voters: unplaced(5),
            observers: unplaced(0),
            weights: None,
            groups: None,
            capture_chunk: unplaced(8),
            removal_interval: None,
        }
    }
}

impl EnsembleSection {
    /// Which sets of voters decide.
    pub fn quorums(&self) -> QuorumRule {
        if self.weights.is_none() && self.groups.is_none() {
            return QuorumRule::Majority;
        }
        let weights = self.weights.as_ref().map(Spanned::get_ref);
        let weight = |number: u8| {
            let place = usize::from(number) - 1;
            let given = weights.and_then(|weights| weights.get(place));
            (NodeId(number), given.copied().unwrap_or(1))
        };
        let everybody = vec![(1..=*self.voters.get_ref()).collect::<Vec<u8>>()];
        let groups = self.groups.as_ref().map_or(&everybody, Spanned::get_ref);
        let group = |group: &Vec<u8>| group.iter().map(|number| weight(*number)).collect();
        QuorumRule::Groups(groups.iter().map(group).collect())
    }
}

/// `[network]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Between servers.
    pub lan: Spanned<LatencySection>,
    /// Between clients and servers.
    pub client: Spanned<LatencySection>,
    /// Added to `lan`, from server (row) to server (column): for wide-area links.
    pub matrix: Option<Spanned<Vec<Vec<Duration>>>>,
    /// How many datagrams are lost.
    pub loss: Ratio,
    /// How many datagrams arrive twice.
    pub duplicate: Ratio,
    /// How long the second copy of a datagram takes; as `lan` says if absent.
    pub twin: Option<Spanned<LatencySection>>,
    /// Added to `loss`, from server (row) to server (column).
    pub link_loss: Option<Spanned<Vec<Vec<Ratio>>>>,
    /// How long a stream survives a cut.
    pub patience: Spanned<Duration>,
    /// After how long a dial that is not answered is given up.
    pub dial_timeout: Spanned<Duration>,
}

impl Default for NetworkSection {
    fn default() -> Self {
        NetworkSection {
            lan: unplaced(LatencySection::Uniform {
                min: micros(200),
                max: micros(1_000),
            }),
            client: unplaced(LatencySection::Uniform {
                min: micros(200),
                max: micros(1_000),
            }),
            matrix: None,
            loss: Ratio::default(),
            duplicate: Ratio::default(),
            twin: None,
            link_loss: None,
            patience: unplaced(micros(200_000)),
            dial_timeout: unplaced(micros(50_000)),
        }
    }
}

/// `[disk]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskSection {
    /// How long a write takes.
    pub write: Spanned<LatencySection>,
    /// How long a sync takes.
    pub sync: Spanned<LatencySection>,
    /// How long it takes to read everything back.
    pub read: Spanned<LatencySection>,
}

impl Default for DiskSection {
    fn default() -> Self {
        DiskSection {
            write: unplaced(LatencySection::Constant(micros(20))),
            sync: unplaced(LatencySection::Uniform {
                min: micros(200),
                max: micros(2_000),
            }),
            read: unplaced(LatencySection::Constant(micros(500))),
        }
    }
}

/// `[clock]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockSection {
    /// How much a server's clock may run fast or slow.
    pub drift: Spanned<Ratio>,
}

impl Default for ClockSection {
    fn default() -> Self {
        ClockSection {
            drift: unplaced(Ratio::default()),
        }
    }
}

/// Which reads are preceded by a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Those that the mix says.
    Local,
    /// All.
    Synced,
    /// Half of them, drawn.
    Mixed,
}

impl Reads {
    /// How it is written.
    pub fn text(self) -> &'static str {
        match self {
            Reads::Local => "local",
            Reads::Synced => "synced",
            Reads::Mixed => "mixed",
        }
    }
}

/// `[workload]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkloadSection {
    /// How many clients there are.
    pub clients: Spanned<u16>,
    /// How many operations one client keeps open.
    pub pipeline: Spanned<u8>,
    /// How long a client waits between an answer and the next operation.
    pub think: Spanned<LatencySection>,
    /// How many plain nodes the clients contend for.
    pub keys: Spanned<u16>,
    /// How many parents of ephemeral and sequential nodes the clients contend for.
    pub parents: Spanned<u16>,
    /// How many levels deep plain nodes lie.
    pub depth: Spanned<u16>,
    /// The most bytes of content that a write carries; 0: a short text of its own.
    pub data_max: Spanned<u32>,
    /// Which reads are preceded by a sync.
    pub reads: Reads,
    /// How many reads leave a watch.
    pub watches: Ratio,
    /// The session timeout clients ask for.
    pub session_timeout: Spanned<Duration>,
    /// How often each operation is drawn, against the sum of all.
    pub mix: Spanned<Mix>,
}

impl Default for WorkloadSection {
    fn default() -> Self {
        WorkloadSection {
            clients: unplaced(5),
            pipeline: unplaced(2),
            think: unplaced(LatencySection::Uniform {
                min: micros(2_000),
                max: micros(150_000),
            }),
            keys: unplaced(5),
            parents: unplaced(2),
            depth: unplaced(1),
            data_max: unplaced(0),
            reads: Reads::Mixed,
            watches: Ratio { ppm: 200_000 },
            session_timeout: unplaced(micros(800_000)),
            mix: unplaced(Mix::default()),
        }
    }
}

/// `[liveness]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct LivenessSection {
    /// How long the healed servers may take to converge and to answer every client; if absent, what
    /// [`crate::world::recovery::bound`] derives from timeouts and latencies.
    pub bound: Option<Spanned<Duration>>,
    /// Which servers are healed.
    pub core: Core,
    /// Exactly these servers are healed, by their numbers, instead of `core`; only where the
    /// operations are spelled out.
    pub servers: Option<Vec<u8>>,
    /// Whether the run ends with its safety phase.
    pub skip: bool,
}
