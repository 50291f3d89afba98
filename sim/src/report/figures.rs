//! What the report's plots show.

use super::detection::Detection;
use super::plot::{Curve, Look, Panel, Row, distributions, dots};
use super::table::millis;
use super::{Failovers, Findings, Order};
use crate::run::campaign::CampaignReport;
use crate::run::figures::Kind;
use crate::run::measure::failover::Loss;
use crate::run::measure::latency::{Home, Links, Measured};

/// The title of every plot of campaigns.
pub const PLOT_TITLE: &str = "Campaign: share of operations, and of runs, within";

/// The figures of campaigns: how long operations took, and for how long nothing could be written.
pub fn campaign_plot(reports: &[&CampaignReport]) -> String {
    let curve = |place: usize, name: String, values: Vec<f64>| Curve {
        name,
        look: Look {
            protocol: place % 2,
            variant: place / 2,
        },
        values,
        bound: None,
    };
    let panel = |name: &str, values: &dyn Fn(&CampaignReport) -> Vec<f64>| Panel {
        name: name.to_owned(),
        curves: (0..)
            .zip(reports)
            .map(|(place, report)| curve(place, report.subject(), values(report)))
            .filter(|curve| !curve.values.is_empty())
            .collect(),
    };
    let mut panels: Vec<Panel> = Kind::ALL
        .map(|kind| panel(kind.name(), &|report| report.figures.latency_ms(kind)))
        .into();
    panels.push(panel("longest time without a write", &|report| {
        report.figures.gaps_ms()
    }));
    panels.retain(|panel| !panel.curves.is_empty());
    distributions(PLOT_TITLE, &panels)
}

/// The plots: file names relative to the report's folder, and contents.
pub(super) fn plots(order: &Order<'_>, findings: &Findings) -> Vec<(String, String)> {
    let names: Vec<&str> = order.protocols.iter().map(|one| one.name).collect();
    let place = |protocol: &str| names.iter().position(|name| *name == protocol).unwrap_or(0);
    let mut plots: Vec<(String, String)> = Links::CONSTANT
        .iter()
        .map(|links| {
            let panel = |voters: u8| latency_panel(findings, *links, voters, place);
            let title = format!(
                "Commit latency, {}: share of writes answered within",
                links.name()
            );
            let panels = [3, 5, 7].map(panel);
            let name = format!("docs/latency_{}.svg", links.name().to_lowercase());
            (name, distributions(&title, &panels))
        })
        .collect();
    let title = "Commit latency, random delays: share of writes answered within";
    let panels = Links::RANDOM.map(|links| latency_panel(findings, links, 5, place));
    let content = distributions(title, &panels);
    plots.push(("docs/latency_random.svg".to_owned(), content));
    let title = "Losses of the leader after which a write is answered again within";
    let content = distributions(title, &[failover_panel(findings, place)]);
    plots.push(("docs/failover.svg".to_owned(), content));
    let title = "How long each mutation runs until a checker reports it";
    let content = dots(title, &names, &detection_rows(findings, place));
    plots.push(("docs/detection.svg".to_owned(), content));
    plots
}

fn latency_panel(
    findings: &Findings,
    links: Links,
    voters: u8,
    place: impl Fn(&str) -> usize,
) -> Panel {
    let own = |one: &&(&'static str, Measured)| {
        one.1.setting.links == links && one.1.setting.voters == voters
    };
    let curve = |(protocol, one): &(&'static str, Measured)| Curve {
        name: format!("{protocol}, client at {}", one.setting.home.name()),
        look: Look {
            protocol: place(protocol),
            variant: match one.setting.home {
                Home::Leader => 0,
                Home::Follower => 1,
            },
        },
        values: one.spans.iter().copied().map(millis).collect(),
        bound: one.bound.map(millis),
    };
    Panel {
        name: format!("{}, n = {voters}", links.name()),
        curves: findings.latencies.iter().filter(own).map(curve).collect(),
    }
}

fn failover_panel(findings: &Findings, place: impl Fn(&str) -> usize) -> Panel {
    let curve = |one: &Failovers| Curve {
        name: format!("{}, {}", one.protocol, one.loss.name()),
        look: Look {
            protocol: place(one.protocol),
            variant: match one.loss {
                Loss::Crash => 0,
                Loss::Isolation => 1,
            },
        },
        values: one.found.iter().map(|found| millis(found.first)).collect(),
        bound: None,
    };
    Panel {
        name: "n = 5".to_owned(),
        curves: findings.failovers.iter().map(curve).collect(),
    }
}

/// The mutations, those that are found the soonest first.
fn detection_rows(findings: &Findings, place: impl Fn(&str) -> usize) -> Vec<Row> {
    let row = |one: &Detection| {
        let mut values: Vec<f64> = one.times().into_iter().map(millis).collect();
        values.sort_by(f64::total_cmp);
        Row {
            name: one.name(),
            look: Look {
                protocol: place(one.protocol),
                variant: place(one.protocol),
            },
            values,
            remark: format!("{} of {} seeds", one.caught(), one.tried()),
        }
    };
    let mut rows: Vec<Row> = findings.detections.iter().map(row).collect();
    let median = |row: &Row| row.values.get(row.values.len() / 2).copied();
    let median = |row: &Row| median(row).unwrap_or(f64::INFINITY);
    rows.sort_by(|one, other| median(one).total_cmp(&median(other)));
    rows
}
