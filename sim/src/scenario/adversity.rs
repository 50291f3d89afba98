//! The sections of a scenario file that say what is drawn to go wrong: `[chaos]`.

use core::fmt;

use menagerie::ids::Span;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::fault::ChaosWeights;
use super::knobs::SwarmKnobs;
use super::quantity::{Duration, LatencySection, Ratio, unplaced};
use super::sift::Sifting;

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

/// `[chaos.budget]`: both currencies of the fault budget.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetSection {
    /// Crashes and loss of what was not synced: any number if absent.
    pub crashes_max: Option<u32>,
    /// Durable damage (rot, a lying sync, a wiped disk): none in this version.
    pub durable_damage_max: Option<Spanned<u32>>,
}

/// `[chaos.swarm]`: options drawn for each run, both ends included. Knobs may stand in it without
/// their own section.
#[derive(Clone, Debug, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub struct SwarmSection {
    /// One of these numbers of voters.
    pub voters: Option<Spanned<Vec<u8>>>,
    /// One of these numbers of observers.
    pub observers: Option<Spanned<Vec<u8>>>,
    /// One of these kinds of quorums; the weights and groups are drawn.
    pub quorums: Option<Spanned<Vec<QuorumKind>>>,
    /// Knobs: both ends of a range, or a list of values.
    pub knobs: SwarmKnobs,
    /// See [`super::schema::EnsembleSection::capture_chunk`].
    pub capture_chunk: Option<Spanned<[u32; 2]>>,
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
    /// One of these distributions of a datagram's second copy.
    pub twin: Option<Spanned<Vec<LatencySection>>>,
    /// One of these distributions between servers.
    pub lan: Option<Spanned<Vec<LatencySection>>>,
    /// One of these distributions of a sync.
    pub sync: Option<Spanned<Vec<LatencySection>>>,
    /// One of these cores; see [`super::schema::LivenessSection::core`].
    pub liveness_core: Option<Spanned<Vec<Core>>>,
}

impl<'de> Deserialize<'de> for SwarmSection {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SwarmSection, D::Error> {
        from.deserialize_map(Swarm)
    }
}

/// Reads `[chaos.swarm]`.
struct Swarm;

impl<'de> Visitor<'de> for Swarm {
    type Value = SwarmSection;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a table of options")
    }

    fn visit_map<M: MapAccess<'de>>(self, table: M) -> Result<SwarmSection, M::Error> {
        let mut knobs = SwarmKnobs::default();
        let sifting = Sifting {
            table,
            knobs: &mut knobs,
        };
        // The inherent function, which reads the section's own keys.
        let mut section = SwarmSection::deserialize(MapAccessDeserializer::new(sifting))?;
        section.knobs.0.extend(knobs.0);
        Ok(section)
    }
}

impl Default for SwarmSection {
    fn default() -> Self {
        SwarmSection {
            voters: None,
            observers: None,
            quorums: None,
            knobs: SwarmKnobs::default(),
            capture_chunk: None,
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
            twin: None,
            lan: None,
            sync: None,
            liveness_core: None,
        }
    }
}

/// Which sets of voters decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuorumKind {
    /// Every vote counts the same.
    Majority,
    /// Votes have weights.
    Weights,
    /// Voters with weights are in groups, and more than half of the groups must agree.
    Groups,
}

/// Which servers are healed when the safety phase ends. Faults that concern others stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Core {
    /// Every server.
    #[default]
    All,
    /// A smallest quorum that elects, drawn.
    Quorum,
    /// A smallest quorum that elects and leaves out the present leader and the most advanced
    /// of the others.
    Worst,
}

impl Core {
    /// How it is written.
    pub fn text(self) -> &'static str {
        match self {
            Core::All => "all",
            Core::Quorum => "quorum",
            Core::Worst => "worst",
        }
    }
}
