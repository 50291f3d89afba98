//! Runs and campaigns as the tests ask for them.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use menagerie_sim::run::campaign::{self, CampaignReport, CampaignSpec, Watcher};

/// Performs a campaign.
pub fn campaign(spec: &CampaignSpec) -> CampaignReport {
    let report = campaign::run(spec, &AtomicBool::new(false), &mut Silent);
    report.unwrap_or_else(|internal| panic!("{}", internal.0))
}

/// Hears nothing.
struct Silent;

impl Watcher for Silent {
    fn progress(&mut self, _runs: u64, _fails: u64) {}
    fn slow(&mut self, _reproduce: &str, _since: Duration) {}
}
