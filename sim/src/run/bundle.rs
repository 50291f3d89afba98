//! Replay bundles: a run written down so that it can be repeated without the dice.
//!
//! A bundle holds the resolved scenario, the fault plan with whom each fault hit, every operation
//! with its moment, and every decision that did not take its plain course (see
//! [`crate::chance::decision`]). It replays to the same hash; an edited one replays as far as it
//! makes sense.

mod limits;

use std::sync::Arc;

use menagerie::canonical::FORMAT_VERSION;
use menagerie::ids::{Span, VirtualTime};
use menagerie::mutation::{Mutation, Mutations};
use serde::{Deserialize, Serialize};

use crate::chance::decision::{Source, Table};
use crate::run::resolve::{Resolved, mutation_ids};
use crate::run::{Job, Reproduce, RunReport};
use crate::scenario::adversity::Core;
use crate::scenario::fault::{Family, Fault, Planned};
use crate::scenario::plan::Plan;
use crate::scenario::schema::Expect;
use crate::scenario::script::Script;
use crate::scenario::workload::WorkloadSpec;
use crate::world::{Action, WorldSpec};

/// The version of the file format. Version 2: a delay that is not named is the median of its
/// distribution, also where that is log-normal. Version 3: the knobs of a protocol stand by its
/// name.
pub const BUNDLE_VERSION: u32 = 3;

/// One fault and whom it hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundledFault {
    /// When it fires.
    pub at: Span,
    /// How long it lasts; absent: until the end of the safety phase.
    pub hold: Option<Span>,
    /// What it is counted as.
    pub family: Family,
    /// What it does.
    pub actions: Vec<Action>,
}

/// The version of a bundle, which comes before its form.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// A run, written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// See [`BUNDLE_VERSION`].
    pub schema: u32,
    /// The version of what the hash is over.
    pub trace_format: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The protocol.
    pub protocol: String,
    /// The bugs that were switched on.
    pub mutations: Vec<String>,
    /// The run's hash, 16 hexadecimal digits.
    pub hash: String,
    /// Which checker reported a violation, if one did.
    pub failed: Option<String>,
    /// The servers, the network, the disks and the clocks.
    pub world: WorldSpec,
    /// How long the safety phase lasts.
    pub duration: Span,
    /// How long the liveness phase may last.
    pub bound: Span,
    /// Which servers are healed where the script does not say.
    pub core: Core,
    /// Whether the run ends with its safety phase.
    pub skip_liveness: bool,
    /// What the run is expected to show.
    pub expect: Expect,
    /// The faults.
    pub faults: Vec<BundledFault>,
    /// The operations and the core.
    pub script: Script,
    /// The decisions that are not plain.
    pub decisions: Table,
}

impl Bundle {
    /// The bundle of a run that was recorded.
    ///
    /// # Errors
    /// If the run was not recorded.
    pub fn of(report: &RunReport) -> Result<Bundle, String> {
        let run = report
            .recording
            .as_deref()
            .ok_or("the run was not written down")?;
        let failed = report
            .failures()
            .next()
            .map(|judged| judged.checker.clone());
        Bundle::written(run, &report.scenario, report.protocol, report.hash, failed)
    }

    /// The bundle of a run that is spelled out.
    ///
    /// # Errors
    /// If something of it is still drawn.
    pub fn written(
        run: &Resolved,
        scenario: &str,
        protocol: &str,
        hash: u64,
        failed: Option<String>,
    ) -> Result<Bundle, String> {
        let script = run.script.clone().ok_or("the operations are still drawn")?;
        let Source::Table(table) = &run.world.decisions else {
            return Err("the deliveries are still drawn".to_owned());
        };
        let faults: Option<Vec<BundledFault>> = run.plan.faults.iter().map(bundled).collect();
        Ok(Bundle {
            schema: BUNDLE_VERSION,
            trace_format: FORMAT_VERSION,
            scenario: scenario.to_owned(),
            protocol: protocol.to_owned(),
            mutations: mutation_ids(run.world.mutations)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            hash: format!("{hash:016x}"),
            failed,
            world: run.world.clone(),
            duration: run.duration,
            bound: run.bound,
            core: run.core,
            skip_liveness: run.skip_liveness,
            expect: run.expect.clone(),
            faults: faults.ok_or("a fault is not spelled out")?,
            script,
            decisions: Table::clone(table),
        })
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// Says where it is no bundle, or which version it is of.
    pub fn parse(text: &str) -> Result<Bundle, String> {
        let Version { schema } = serde_json::from_str(text).map_err(|why| why.to_string())?;
        if schema != BUNDLE_VERSION {
            return Err(format!(
                "it is a bundle of version {schema}, and this program reads version \
                 {BUNDLE_VERSION}"
            ));
        }
        let mut bundle: Bundle = serde_json::from_str(text).map_err(|why| why.to_string())?;
        bundle.check_names()?;
        let knobs = bundle.world.knobs.complete();
        knobs.map_err(|why| format!("world.{why}"))?;
        limits::check(&bundle)?;
        Ok(bundle)
    }

    fn check_names(&self) -> Result<(), String> {
        for id in &self.mutations {
            if Mutation::find(id).is_none() {
                return Err(format!("there is no mutation \"{id}\""));
            }
        }
        Ok(())
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a bundle has no odd keys");
        text.push('\n');
        text
    }

    /// The bugs that were switched on.
    pub fn mutations(&self) -> Mutations {
        let known = self.mutations.iter().filter_map(|id| Mutation::find(id));
        known.fold(Mutations::NONE, Mutations::with)
    }

    /// The run that it holds, with every checker.
    pub fn resolved(&self) -> Resolved {
        let mut world = self.world.clone();
        world.mutations = self.mutations();
        world.decisions = Source::Table(Arc::new(self.decisions.clone()));
        world.checks = true;
        let faults = self.faults.iter().map(|fault| Planned {
            at: fault.at,
            hold: fault.hold,
            family: fault.family,
            fault: Fault::Actions(fault.actions.clone()),
        });
        Resolved {
            workload: WorkloadSpec::none(world.clients),
            world,
            plan: Plan {
                faults: faults.collect(),
            },
            duration: self.duration,
            bound: self.bound,
            core: self.core,
            expect: self.expect.clone(),
            script: Some(self.script.clone()),
            skip_liveness: self.skip_liveness,
            stop_early: None,
        }
    }

    /// The run, ready to be performed; `reproduce` says what repeats it.
    pub fn job(&self, reproduce: Reproduce) -> Job {
        Job {
            scenario: self.scenario.clone(),
            resolved: self.resolved(),
            reproduce,
        }
    }

    /// When the safety phase ends.
    pub fn end(&self) -> VirtualTime {
        VirtualTime(self.duration.0)
    }
}

fn bundled(planned: &Planned) -> Option<BundledFault> {
    let Fault::Actions(actions) = &planned.fault else {
        return None;
    };
    Some(BundledFault {
        at: planned.at,
        hold: planned.hold,
        family: planned.family,
        actions: actions.clone(),
    })
}
