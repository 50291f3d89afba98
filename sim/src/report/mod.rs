//! `menagerie report`: a fixed set of campaigns and measurements, and what is written about them.
//!
//! Everything but the sections marked as wall time is a function of the sources and the seeds: two
//! reports of one build differ in nothing else.

mod coverage;
mod detection;
mod figures;
mod page;
mod plot;
mod table;
mod text;
mod track;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use menagerie::mutation::{CATALOGUE, Mutations};

use crate::run::campaign::{self, CampaignReport, CampaignSpec, Limits, Watcher};
use crate::run::internal::Internal;
use crate::run::measure::failover::{Failover, Loss};
use crate::run::measure::in_order;
use crate::run::measure::latency::{Home, Links, Measured, Setting};
use crate::run::measure::throughput::{self, Watching, Work};
use crate::run::registry::Registration;
use crate::scenario::{Scenario, ScenarioError, files_in};
use detection::Detection;
pub use figures::{PLOT_TITLE, campaign_plot};
pub use page::{PAGE_TITLE, campaign_page};

/// How much is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Seeds of each campaign.
    campaign: u64,
    /// Seeds of each mutation, at most; a few beyond the first that detects it are enough.
    mutation: u64,
    /// Losses of the leader.
    failover: u64,
    /// Writes with constant links, and with random ones.
    writes: [u64; 2],
    /// Runs that throughput is measured over.
    runs: u64,
    /// Events and messages of the yardsticks.
    yardstick: u64,
}

impl Extent {
    /// For the committed report: minutes.
    pub const FULL: Extent = Extent {
        campaign: 200,
        mutation: 2_000,
        failover: 200,
        writes: [200, 2_000],
        runs: 40,
        yardstick: 200_000,
    };
    /// For a look: seconds.
    pub const QUICK: Extent = Extent {
        campaign: 10,
        mutation: 40,
        failover: 20,
        writes: [50, 200],
        runs: 5,
        yardstick: 40_000,
    };
}

/// What the report is made from.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The protocols.
    pub protocols: &'a [Registration],
    /// Where the scenarios are.
    pub scenarios: &'a Path,
    /// How much is run.
    pub extent: Extent,
    /// How many runs at the same time, except where wall time is measured.
    pub jobs: usize,
    /// A line to print below the title, such as a date and a machine.
    pub stamp: Option<String>,
}

/// The report, ready to be written.
#[derive(Clone, Debug)]
pub struct Report {
    /// The text, in Markdown.
    pub text: String,
    /// File names, relative to the text's folder, and their contents.
    pub plots: Vec<(String, String)>,
    /// Whether every campaign without mutations held.
    pub held: bool,
}

/// Why there is no report.
#[derive(Debug)]
pub enum Obstacle {
    /// A scenario is wrong.
    Scenario(ScenarioError),
    /// The scenario of this name is missing.
    Missing(String),
    /// The simulator failed.
    Internal(Internal),
}

impl From<ScenarioError> for Obstacle {
    fn from(error: ScenarioError) -> Obstacle {
        Obstacle::Scenario(error)
    }
}

impl From<Internal> for Obstacle {
    fn from(error: Internal) -> Obstacle {
        Obstacle::Internal(error)
    }
}

/// Everything that was found.
struct Findings {
    campaigns: Vec<CampaignReport>,
    latencies: Vec<(&'static str, Measured)>,
    failovers: Vec<Failovers>,
    detections: Vec<Detection>,
    speeds: Vec<Speed>,
    yardsticks: Yardsticks,
}

/// One protocol, one way to lose the leader, many seeds.
struct Failovers {
    protocol: &'static str,
    loss: Loss,
    found: Vec<Failover>,
}

/// How fast one protocol's runs are.
struct Speed {
    protocol: &'static str,
    with: Work,
    without: Work,
}

/// What the speed is compared with.
struct Yardsticks {
    /// Of each of the first two.
    count: u64,
    bare_loop: Duration,
    net_sim: Duration,
    start_ups: u64,
    start_up: Duration,
}

/// Runs everything. `say` hears what is being done.
///
/// # Errors
/// If the scenarios are wrong, or a run ended without a report.
pub fn make(order: &Order<'_>, say: &mut dyn FnMut(&str)) -> Result<Report, Obstacle> {
    let scenarios = files_in(order.scenarios)
        .iter()
        .map(|path| Ok(Arc::new(Scenario::read(path)?)))
        .collect::<Result<Vec<_>, ScenarioError>>()?;
    let steady = find(&scenarios, "steady")?;
    // The wall clock comes first: later the machine is busy with the campaigns.
    say("throughput");
    let speeds = speeds(order, steady)?;
    let yardsticks = yardsticks(order)?;
    say("latency");
    let latencies = latencies(order)?;
    say("failover");
    let failovers = failovers(order)?;
    let mut campaigns = Vec::new();
    for scenario in &scenarios {
        say(&format!("campaign {}", scenario.name));
        let about = scenario.document.protocol.as_deref();
        let concerned = |one: &&Registration| about.is_none_or(|name| name == one.name);
        for protocol in order.protocols.iter().filter(concerned) {
            campaigns.push(run_campaign(order, scenario, protocol)?);
        }
    }
    let detections = detections(order, &scenarios, say)?;
    let findings = Findings {
        campaigns,
        latencies,
        failovers,
        detections,
        speeds,
        yardsticks,
    };
    Ok(Report {
        text: text::text(order, &findings),
        plots: figures::plots(order, &findings),
        held: findings.campaigns.iter().all(|one| one.pass == one.runs),
    })
}

fn find<'a>(scenarios: &'a [Arc<Scenario>], name: &str) -> Result<&'a Arc<Scenario>, Obstacle> {
    let found = scenarios.iter().find(|one| one.name == name);
    found.ok_or_else(|| Obstacle::Missing(name.to_owned()))
}

/// The progress of a report's campaigns is not shown.
struct Quiet;

impl Watcher for Quiet {
    fn progress(&mut self, _runs: u64, _fails: u64) {}
    fn slow(&mut self, _reproduce: &str, _since: Duration) {}
}

fn run_campaign(
    order: &Order<'_>,
    scenario: &Arc<Scenario>,
    protocol: &Registration,
) -> Result<CampaignReport, Internal> {
    let spec = CampaignSpec {
        scenario: Arc::clone(scenario),
        protocol: *protocol,
        seeds: 0..order.extent.campaign,
        mutations: Mutations::NONE,
        checks: true,
        jobs: order.jobs,
        limits: Limits::default(),
    };
    campaign::run(&spec, &AtomicBool::new(false), &mut Quiet)
}

fn detections(
    order: &Order<'_>,
    scenarios: &[Arc<Scenario>],
    say: &mut dyn FnMut(&str),
) -> Result<Vec<Detection>, Obstacle> {
    let seeds: Range<u64> = 0..order.extent.mutation;
    let mut detections = Vec::new();
    for entry in CATALOGUE {
        say(&format!("mutation {}", entry.id));
        let ground = find(scenarios, entry.exhibit.scenario)?;
        for protocol in order.protocols {
            if entry.concerns.includes(protocol.name) {
                let seeds = seeds.clone();
                let found = Detection::measure(entry, protocol, ground, seeds, order.jobs)?;
                detections.push(found);
            }
        }
    }
    Ok(detections)
}

fn latencies(order: &Order<'_>) -> Result<Vec<(&'static str, Measured)>, Internal> {
    let mut all = Vec::new();
    let constant = Links::CONSTANT.map(|links| (links, order.extent.writes[0]));
    let random = Links::RANDOM.map(|links| (links, order.extent.writes[1]));
    for (links, writes) in constant.into_iter().chain(random) {
        for protocol in order.protocols {
            for voters in [3, 5, 7] {
                for home in [Home::Leader, Home::Follower] {
                    let seed = 1;
                    let setting = Setting {
                        voters,
                        links,
                        home,
                        writes,
                        seed,
                    };
                    all.push((protocol, setting));
                }
            }
        }
    }
    let measured = in_order(&all, order.jobs, |(protocol, setting)| {
        Ok((protocol.name, protocol.latency(setting)?))
    });
    measured.into_iter().collect()
}

fn failovers(order: &Order<'_>) -> Result<Vec<Failovers>, Internal> {
    let seeds: Vec<u64> = (0..order.extent.failover).collect();
    let mut all = Vec::new();
    for loss in [Loss::Crash, Loss::Isolation] {
        for protocol in order.protocols {
            let found = in_order(&seeds, order.jobs, |seed| protocol.failover(loss, *seed));
            all.push(Failovers {
                protocol: protocol.name,
                loss,
                found: found.into_iter().collect::<Result<_, Internal>>()?,
            });
        }
    }
    Ok(all)
}

fn speeds(order: &Order<'_>, steady: &Arc<Scenario>) -> Result<Vec<Speed>, Internal> {
    let seeds = 0..order.extent.runs;
    order
        .protocols
        .iter()
        .map(|protocol| {
            let measure = |watching| throughput::runs(protocol, steady, watching, seeds.clone());
            Ok(Speed {
                protocol: protocol.name,
                with: measure(Watching::All)?,
                without: measure(Watching::None)?,
            })
        })
        .collect()
}

fn yardsticks(order: &Order<'_>) -> Result<Yardsticks, Internal> {
    let count = order.extent.yardstick;
    let start_ups = order.extent.runs * 10;
    Ok(Yardsticks {
        count,
        bare_loop: throughput::bare_loop(count),
        net_sim: throughput::net_sim(count)?,
        start_ups,
        start_up: throughput::start_up(start_ups)?,
    })
}
