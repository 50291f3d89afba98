//! What the campaigns of a report reached: recovery times, synced reads, rare paths.

use super::Findings;
use super::table::{millis, table};
use crate::run::campaign::{CampaignReport, Recoveries};

/// How long recovery took, beside how long it might have taken.
pub(super) fn recoveries(text: &mut String, findings: &Findings) {
    text.push_str(
        "\n## Recovery (virtual time)\n\nFrom the moment at which the faults of a scenario are \
         healed, everywhere or in a quorum, until the healed servers are in\none state and every \
         client has a write and a synced read answered. The bound of each run is derived from its \
         timeouts and\nlatencies (`sim/src/world/recovery.rs`); a run beyond its bound fails. \
         *Worst* \
         and *closest* stand beside the bound of the same run.\nMilliseconds.\n\n",
    );
    let head = [
        "scenario",
        "protocol",
        "runs",
        "p50",
        "p99",
        "worst",
        "of a bound of",
        "closest to its bound",
        "of a bound of",
    ];
    let rows = findings.campaigns.iter().filter_map(|one| {
        let times = Recoveries::of(&one.recoveries)?;
        let whole = |span| format!("{:.0}", millis(span));
        Some(vec![
            one.scenario.clone(),
            one.protocol.to_owned(),
            one.recoveries.len().to_string(),
            whole(times.p50),
            whole(times.p99),
            whole(times.worst.took),
            whole(times.worst.bound),
            whole(times.tightest.took),
            whole(times.tightest.bound),
        ])
    });
    table(text, &head, rows);
}

/// How many synced reads nothing could be asked of.
pub(super) fn synced_reads(text: &mut String, findings: &Findings) {
    text.push_str(
        "\n## Synced reads\n\nA read right after a sync of the same client has to be \
         linearizable. Where a sync is \
         no quorum operation (Zab), it is excused if a later leader\nwas established before its \
         own leader gave the answer.\n\n",
    );
    let head = ["protocol", "synced reads", "excused", "share"];
    let mut protocols: Vec<&str> = findings.campaigns.iter().map(|one| one.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    let rows = protocols.into_iter().map(|protocol| {
        let own = findings.campaigns.iter();
        let own: Vec<&CampaignReport> = own.filter(|one| one.protocol == protocol).collect();
        let of: u64 = own.iter().map(|one| one.excused.of).sum();
        let excused: u64 = own.iter().map(|one| one.excused.excused).sum();
        vec![
            protocol.to_owned(),
            of.to_string(),
            excused.to_string(),
            share(excused, of),
        ]
    });
    table(text, &head, rows);
}

/// Which rare paths were taken, and where the most.
pub(super) fn paths(text: &mut String, findings: &Findings) {
    text.push_str(
        "\n## Paths\n\nRare paths, in how many runs of `chaos` each is taken and how often, and \
         the scenario in which the most runs take it.\n\n",
    );
    let head = [
        "path",
        "protocol",
        "runs of chaos",
        "times",
        "most in",
        "its runs",
    ];
    let mut rows = Vec::new();
    for one in findings
        .campaigns
        .iter()
        .filter(|one| one.scenario == "chaos")
    {
        for line in one.reached.lines() {
            let elsewhere = findings.campaigns.iter();
            let elsewhere = elsewhere.filter(|other| other.protocol == one.protocol);
            let most =
                elsewhere.max_by_key(|other| (permille(other, line.name), other.scenario.as_str()));
            let (scenario, most) = most.map_or(("", 0), |other| {
                (other.scenario.as_str(), permille(other, line.name))
            });
            rows.push(vec![
                line.name.to_owned(),
                one.protocol.to_owned(),
                share(line.runs, one.runs),
                line.times.to_string(),
                if most > 0 {
                    scenario.to_owned()
                } else {
                    String::new()
                },
                share(most, 1_000),
            ]);
        }
    }
    table(text, &head, rows);
}

/// Of a thousand runs so many take a path.
fn permille(one: &CampaignReport, name: &str) -> u64 {
    let found = one.reached.lines().iter().find(|line| line.name == name);
    found.map_or(0, |line| line.runs * 1_000 / one.runs.max(1))
}

fn share(part: u64, of: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / of.max(1) as f64)
}
